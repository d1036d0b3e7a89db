"""What a model is given of a song: all of it, what of it sounds, or typical segments of several sections."""

from __future__ import annotations

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.stem import DrumActivity
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.inference.excerpts import mix_excerpt, stem_excerpt
from flamingo_bark_assets.inference.interface import Clip, Segment
from flamingo_bark_assets.inference.sound_budgets import Budget, budget_of
from flamingo_bark_assets.inference_settings import InferenceSettings
from tests.captioning_models import IDENTITY, ParrotModel
from tests.evidence import row
from tests.signals import as_signal, join, music, noise, silence, sine

RATE_HZ = 8_000
THREE_OF_FIVE = Budget(15.0, 5.0)


def level(value: float, seconds: float) -> FloatArray:
    """A constant: which second of a song a sample comes from shows in its value."""
    return np.full(round(seconds * RATE_HZ), value, np.float32)


def heard(signal: Signal, budget: Budget, *sections: Section) -> Clip:
    clip = mix_excerpt(signal, budget, sample_rate_hz=RATE_HZ, sections=sections)
    assert clip is not None
    return clip


def section(label: str, start_s: float, end_s: float) -> Section:
    return row(Section, label=label, start_s=start_s, end_s=end_s)


def active(*spans: tuple[float, float]) -> list[DrumActivity]:
    return [row(DrumActivity, segment=i, start_s=start, end_s=end) for i, (start, end) in enumerate(spans)]


def test_a_mix_within_the_budget_is_heard_whole_with_its_pauses() -> None:
    song = join(noise(3.5, rate_hz=RATE_HZ), silence(4.0, rate_hz=RATE_HZ), noise(4.0, rate_hz=RATE_HZ))
    clip = heard(as_signal(song, rate_hz=RATE_HZ), THREE_OF_FIVE)
    np.testing.assert_allclose(clip.samples, song, atol=1e-6)
    assert clip.segments == (Segment(0.0, 11.5),)


def test_a_longer_mix_is_heard_in_segments_spread_over_it_in_its_order() -> None:
    clip = heard(as_signal(music(90.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ), THREE_OF_FIVE)
    assert clip.samples.size == 15 * RATE_HZ
    assert [segment.end_s - segment.start_s for segment in clip.segments] == [5.0, 5.0, 5.0]
    assert [int(segment.start_s // 30) for segment in clip.segments] == [0, 1, 2]
    assert (clip.start_s, clip.end_s) == (clip.segments[0].start_s, clip.segments[-1].end_s)


def test_the_sound_of_each_segment_is_that_of_its_times() -> None:
    song = join(*(level(0.1 + 0.005 * second, 1.0) for second in range(60)))
    clip = heard(as_signal(song, rate_hz=RATE_HZ), THREE_OF_FIVE)
    for i, segment in enumerate(clip.segments):
        middles = clip.samples[(5 * i) * RATE_HZ : (5 * i + 5) * RATE_HZ].reshape(5, RATE_HZ)[:, RATE_HZ // 2]
        np.testing.assert_allclose(middles, 0.1 + 0.005 * (segment.start_s + np.arange(5)), atol=1e-6)


def test_segments_are_joined_without_a_click() -> None:
    song = as_signal(join(level(0.5, 30.0), level(-0.5, 30.0)), rate_hz=RATE_HZ)
    clip = heard(song, Budget(10.0, 5.0))
    assert len(clip.segments) == 2
    assert np.abs(np.diff(clip.samples)).max() < 0.01
    assert np.abs(clip.samples[:100]).min() == 0.5  # the beginning is no join


def test_segments_come_from_different_sections() -> None:
    verse, chorus = music(20.0, rate_hz=RATE_HZ, seed=1), music(20.0, rate_hz=RATE_HZ, seed=2, level_dbfs=-10.0)
    song = as_signal(join(verse, chorus, verse, chorus), rate_hz=RATE_HZ)
    letters = [section(label, 20.0 * i, 20.0 * i + 20.0) for i, label in enumerate("ABAB")]
    clip = heard(song, Budget(10.0, 5.0), *letters)
    assert {int(segment.start_s // 20) % 2 for segment in clip.segments} == {0, 1}


def test_an_intro_that_is_unlike_the_song_is_not_heard() -> None:
    intro = sine(80.0, 15.0, rate_hz=RATE_HZ, level_dbfs=-20.0)
    song = as_signal(join(intro, music(60.0, rate_hz=RATE_HZ)), rate_hz=RATE_HZ)
    clip = heard(song, THREE_OF_FIVE, section("A", 0.0, 15.0), section("B", 15.0, 75.0))
    assert clip.start_s >= 15.0


def test_of_a_long_silence_with_little_sound_the_sound_is_heard() -> None:
    rest = silence(40.0, rate_hz=RATE_HZ)
    song = as_signal(join(rest, noise(4.0, rate_hz=RATE_HZ), rest, noise(5.0, rate_hz=RATE_HZ)), rate_hz=RATE_HZ)
    assert heard(song, THREE_OF_FIVE).segments == (Segment(40.0, 44.0), Segment(84.0, 89.0))
    assert mix_excerpt(as_signal(rest, rate_hz=RATE_HZ), THREE_OF_FIVE, sample_rate_hz=RATE_HZ) is None


@pytest.mark.parametrize("length_s", [0.2, 1.0, 15.5, 16.0, 31.7])
def test_a_clip_is_never_longer_than_the_budget_or_the_song(length_s: float) -> None:
    song = as_signal(noise(length_s, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    clip = heard(song, THREE_OF_FIVE)
    assert 0 < clip.samples.size / RATE_HZ <= min(15.0, length_s)
    assert all(0 <= segment.start_s < segment.end_s <= length_s + 1e-9 for segment in clip.segments)


def stem(signal: Signal, budget: Budget = THREE_OF_FIVE, *spans: tuple[float, float]) -> Clip | None:
    activity = active(*spans) if spans else None
    return stem_excerpt(signal, budget, sample_rate_hz=RATE_HZ, activity=activity)


def test_of_a_stem_only_what_sounds_is_heard() -> None:
    rest = silence(10.0, rate_hz=RATE_HZ)
    clip = stem(as_signal(join(rest, noise(5.0, rate_hz=RATE_HZ), rest, noise(4.0, rate_hz=RATE_HZ)), rate_hz=RATE_HZ))
    assert clip is not None
    assert clip.segments == (Segment(10.0, 15.0), Segment(25.0, 29.0))


def test_a_short_pause_of_a_stem_stays() -> None:
    parts = noise(5.0, rate_hz=RATE_HZ), silence(2.0, rate_hz=RATE_HZ), noise(5.0, rate_hz=RATE_HZ)
    clip = stem(as_signal(join(*parts), rate_hz=RATE_HZ))
    assert clip is not None
    assert clip.segments == (Segment(0.0, 12.0),)


def test_what_bleeds_into_a_stem_is_not_heard_where_it_was_measured_not_to_sound() -> None:
    bleed = noise(30.0, rate_hz=RATE_HZ, level_dbfs=-50.0)
    song = join(bleed, noise(8.0, rate_hz=RATE_HZ, level_dbfs=-12.0), bleed)
    clip = stem(as_signal(song, rate_hz=RATE_HZ), THREE_OF_FIVE, (30.0, 38.0))
    assert clip is not None
    assert clip.segments == (Segment(30.0, 38.0),)


def test_a_stem_that_sounds_longer_than_the_budget_is_heard_in_active_segments() -> None:
    rest = silence(20.0, rate_hz=RATE_HZ)
    sounding = noise(20.0, rate_hz=RATE_HZ)
    clip = stem(as_signal(join(rest, sounding, rest, sounding), rate_hz=RATE_HZ), Budget(10.0, 5.0))
    assert clip is not None
    assert all(20 <= s.start_s <= 35 or 60 <= s.start_s <= 75 for s in clip.segments)
    assert float(np.mean(np.abs(clip.samples) > 1e-4)) > 0.95


def test_a_stem_that_sounds_for_a_moment_is_not_heard() -> None:
    song = as_signal(join(silence(30.0, rate_hz=RATE_HZ), noise(0.24, rate_hz=RATE_HZ)), rate_hz=RATE_HZ)
    assert stem(song) is None
    assert stem(as_signal(silence(30.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)) is None


class Taking(ParrotModel):
    """A model that takes so many seconds."""

    def __init__(self, seconds: float, family: str, device: str) -> None:
        super().__init__(identity=type(IDENTITY)("m", family, "r", None, "bfloat16", device=device))
        self._seconds = seconds

    @property
    def max_clip_s(self) -> float:
        return self._seconds


@pytest.mark.parametrize(
    ("family", "limit_s", "device", "mix", "of_stem"),
    [
        ("audio-flamingo-2", 120.0, "cpu", Budget(60.0, 20.0), Budget(20.0, 10.0)),
        ("audio-flamingo-2", 120.0, "cuda", Budget(120.0, 30.0), Budget(30.0, 10.0)),
        ("audio-flamingo-3", 600.0, "cuda", Budget(600.0, 120.0), Budget(60.0, 30.0)),
        ("music-flamingo", 1200.0, "cuda", Budget(1200.0, 300.0), Budget(60.0, 30.0)),
        ("music-flamingo", 1200.0, "cpu", Budget(60.0, 30.0), Budget(30.0, 30.0)),
        ("server", 20.0, "cuda", Budget(20.0, 20.0), Budget(20.0, 20.0)),
    ],
)
def test_each_family_hears_what_it_takes_and_less_on_a_cpu(
    family: str, limit_s: float, device: str, mix: Budget, of_stem: Budget
) -> None:
    model = Taking(limit_s, family, device)
    assert budget_of(InferenceSettings(), model, is_stem=False) == mix
    assert budget_of(InferenceSettings(), model, is_stem=True) == of_stem


def test_settings_say_how_much_is_heard_up_to_what_the_model_takes() -> None:
    model = Taking(120.0, "audio-flamingo-2", "cpu")
    settings = InferenceSettings(mix_clip_s=300, mix_segment_s=15, stem_clip_s=40, stem_segment_s=20)
    assert budget_of(settings, model, is_stem=False) == Budget(120.0, 15.0)
    assert budget_of(settings, model, is_stem=True) == Budget(40.0, 20.0)


def test_defaults_keep_a_song_of_audio_flamingo_2_at_14_windows() -> None:
    model = Taking(120.0, "audio-flamingo-2", "cpu")
    mix, of_stem = (budget_of(InferenceSettings(), model, is_stem=is_stem) for is_stem in (False, True))
    assert (mix.clip_s + 4 * of_stem.clip_s) / 10 == 14
    assert mix.segment_s % 10 == of_stem.segment_s % 10 == 0
