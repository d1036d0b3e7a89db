"""What is found of stems beside their mix: each kind of change that people's tools make is named, and taken off.

The cases are those of `stem_songs`, on songs of their own; the limits were not chosen on them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.song_reading import read_song
from flamingo_bark_assets.analysis.sources import Source
from flamingo_bark_assets.audio.alignment import RATE_HZ as COMPARED_HZ
from flamingo_bark_assets.audio.bleed import coherence
from flamingo_bark_assets.audio.correction import corrected
from flamingo_bark_assets.audio.decode import SampleMemory, decode
from flamingo_bark_assets.audio.explanation import delay_between, moved_by
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all, run_step
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from flamingo_bark_assets.training.suitability import Verdict
from tests import stem_songs
from tests.benchmarks.stem_truth import judged
from tests.stem_songs import Case, song, summed

pytestmark = pytest.mark.long

SEED = 7000


def samples_of(sound: Sound) -> FloatArray:
    return np.concatenate(list(sound.blocks()), axis=1)


def work_of(case: Case, folder: Path, *steps: str) -> SongWork:
    paths = DataPaths(folder)
    case.write(paths.songs / "song")
    work = SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner())
    for step in steps:
        run_step(STEP_NAMED[step], work)
    return work


@pytest.mark.parametrize("make", stem_songs.GOOD, ids=lambda make: make.__name__)
def test_a_good_song_is_fit_and_what_is_odd_about_it_is_named(make: Callable[[int], Case]) -> None:
    outcome = judged(make(SEED))
    assert outcome.verdict_right, outcome.said
    assert outcome.cause_right, outcome.said


@pytest.mark.parametrize("make", stem_songs.WRONG, ids=lambda make: make.__name__)
def test_a_wrong_stem_is_unfit_and_the_cause_is_named(make: Callable[[int], Case]) -> None:
    outcome = judged(make(SEED))
    assert outcome.verdict_right, outcome.said
    assert outcome.cause_right, outcome.said


@pytest.mark.parametrize(
    "case",
    [
        lambda: stem_songs.rotated(SEED, "drums", "vocals"),
        lambda: stem_songs.rotated(SEED, "bass", "other"),
        lambda: stem_songs.late_beside_bleed(SEED),
        lambda: stem_songs.holding_others(SEED, "other", "drums", "bass"),
        lambda: stem_songs.holding_others(SEED, "vocals", "drums", "bass", "other"),
        lambda: stem_songs.holding_others(SEED, "drums", "bass"),
        lambda: stem_songs.holding_others(SEED, "other", "drums", "bass", "vocals", without=("drums", "bass")),
        lambda: stem_songs.copied(SEED, "vocals", "other"),
    ],
)
def test_the_stem_at_fault_is_named_and_none_of_the_others(case: Callable[[], Case]) -> None:
    outcome = judged(case())
    assert outcome.verdict_right, outcome.said
    assert outcome.cause_right, outcome.said
    assert "another take" not in outcome.said


def test_a_copy_of_a_quiet_stem_is_no_bleed(tmp_path: Path) -> None:
    twice = {**song(SEED), "lead vocals": song(SEED)["vocals"]}
    found = work_of(Case("copy", summed(song(SEED)), twice), tmp_path, "raw_song", "stems").result(StemSet)
    assert [row.name for row in found.stems if row.misnamed] == ["vocals"]
    assert not [row for row in found.stems if row.bleed]
    assert (found.residual_db.value or 0.0) < -40.0


def test_a_start_that_is_cut_off_all_stems_is_no_fault() -> None:
    outcome = judged(stem_songs.head_cut(SEED))
    assert outcome.verdict_right, outcome.said
    assert outcome.cause_right, outcome.said
    assert (outcome.residual.value or 0.0) < -40.0


def test_every_use_reads_a_stem_as_it_is_in_the_mix(tmp_path: Path) -> None:
    stems = {name: -stem_songs.late(samples, 1105) for name, samples in song(SEED).items() if name == "drums"}
    late = {name: stem_songs.late(samples, 1105) for name, samples in song(SEED).items()}
    case = Case("late and inverted", summed(song(SEED)), {**late, **stems})
    work = work_of(case, tmp_path)
    run_all(work)
    drums = song(SEED)["drums"]
    heard = samples_of(work.audio("drums"))[:, : drums.shape[1]]
    np.testing.assert_allclose(heard, drums, atol=1e-4)
    read = read_song(
        Source("song", work.files.mix or Path(), {"drums": (tmp_path / "songs" / "song" / "stems" / "drums.wav",)})
    )
    assert read.corrected == (
        "drums.wav: 25.06 ms (1105 samples) late (as MP3 without a gapless header is), taken off",
    )
    clips = [clip for clip in work.result(TrainingClips).clips if clip.stem_kinds == ("drums",)]
    assert clips
    renderer = SongRenderer(work.files, work.result(StemSet))
    cut = renderer.render(clips[0], sample_rate_hz=44_100, channels=2)
    scale = 10 ** (cut.gain_db / 20)
    start = round(clips[0].start_s * 44_100)
    found = [
        np.abs(scale * drums[:, at : at + 20_000] - cut.samples[:, :20_000]).max()
        for at in range(max(0, start - 900), start + 1)
    ]
    assert min(found) < 0.02


def test_bleed_is_in_no_text_no_clip_and_no_measurement(tmp_path: Path) -> None:
    case = stem_songs.bleed_only(SEED + 2)
    (kind,) = case.unfit
    assert kind == "vocals"
    work = work_of(case, tmp_path)
    run_all(work)
    (row,) = [stem for stem in work.result(StemSet).stems if stem.kind == "vocals"]
    assert not row.audible
    assert row.bleed is not None
    assert (row.bleed_confidence or 0.0) > 0.5
    assert "vocals" not in work.evidence().audible_kinds
    texts = [answer.text or "" for answer in work.result(Captions).answers]
    texts += [prompt.combined_prompt for prompt in work.result(TrainingPrompts).prompts]
    assert not [text for text in texts if "vocal" in text.lower()]
    assert not [clip for clip in work.result(TrainingClips).clips if "vocals" in clip.stem_kinds]
    assert "left of the other stems" in str(work.result(VocalFeatures).unusable)
    assert work.result(SongFeatures).unusable is None


def test_a_voice_that_is_named_drums_is_in_no_text_and_trained_on_by_none(tmp_path: Path) -> None:
    played = song(SEED + 3)
    stems = {"bass": played["bass"], "other": played["other"], "drums": played["vocals"]}
    work = work_of(Case("lied", summed(played), stems), tmp_path)
    run_all(work)
    drums = work.result(DrumFeatures)
    assert (drums.snare_present.reason or "").startswith("no drum kit")
    assert drums.drum_hits == ()
    texts = [answer.text or "" for answer in work.result(Captions).answers]
    texts += [prompt.combined_prompt for prompt in work.result(TrainingPrompts).prompts]
    assert texts
    assert not [text for text in texts if "drum" in text.lower()]
    clips = work.result(TrainingClips).clips
    assert clips
    assert not [clip for clip in clips if "drums" in clip.stem_kinds or clip.source == "instrumental"]
    assert "drums" not in work.result(Verdict).suitable_kinds


def test_a_quiet_stem_of_its_own_stays(tmp_path: Path) -> None:
    quiet = {**song(SEED), "vocals": np.float32(0.08) * song(SEED)["vocals"]}
    work = work_of(Case("quiet", summed(quiet), quiet, bit_depth="PCM_24"), tmp_path, "raw_song", "stems")
    (row,) = [stem for stem in work.result(StemSet).stems if stem.kind == "vocals"]
    assert (row.mix_level_db or 0.0) < -25.0
    assert row.audible
    assert row.bleed is None


def test_a_stem_that_holds_other_stems_is_not_added_twice(tmp_path: Path) -> None:
    parts = song(SEED)
    whole = summed({name: samples for name, samples in parts.items() if name != "vocals"})
    case = Case("twice", summed(parts), {**parts, "strings": whole})
    work = work_of(case, tmp_path, "raw_song", "stems")
    found = work.result(StemSet)
    (row,) = [stem for stem in found.stems if stem.name == "strings"]
    assert "would be added twice" in str(row.misnamed)
    assert not row.usable
    assert (found.residual_db.value or 0.0) < -40.0
    assert "strings.wav" in str(found.cause)


@pytest.mark.parametrize("late", [0.0, 0.25, -0.4, 3.7, 200.45, -11.3])
def test_a_delay_of_any_fraction_of_a_sample_is_taken_off(late: float) -> None:
    t = np.arange(4 * COMPARED_HZ)
    rng = np.random.default_rng(0)
    tones = [(rng.uniform(0.02, 2.4), rng.uniform(0, 6)) for _ in range(40)]
    wave, delayed = (
        np.sum([np.sin(w * (t - by) + phase) for w, phase in tones], axis=0).astype(np.float32) for by in (0.0, late)
    )
    moved = moved_by(delayed, late, t.size)
    np.testing.assert_allclose(moved[500:-500], wave[500:-500], atol=0.01)
    if abs(late) < 1:
        assert delay_between(wave, delayed) == pytest.approx(late, abs=0.01)


def test_sound_that_keeps_the_phase_of_other_sound_is_coherent_with_it() -> None:
    rng = np.random.default_rng(1)
    one, two = (rng.standard_normal(20 * COMPARED_HZ).astype(np.float32) for _ in range(2))
    assert coherence(np.float32(-0.05) * one, one) > 0.99
    assert coherence(one, two) < 0.1


@pytest.mark.parametrize("delay", [-700, 0, 40_000])
def test_a_corrected_sound_has_the_length_that_it_gives(delay: int) -> None:
    samples = np.random.default_rng(0).standard_normal((2, 100_000)).astype(np.float32)
    row = Stem(
        name="a", file_name="a.wav", origin="given", kind=None, audible=True, duration_s=100_000 / 44_100,
        sample_rate_hz=44_100, length_difference_s=0.5, delay_samples=delay or None, gain_db=-6.0, inverted=True,
        offsets="0.5 0.25",
    )  # fmt: skip
    sound = corrected(Signal(samples.copy(), 44_100), row)
    found = samples_of(sound)
    assert found.shape == (2, sound.n_samples)
    expected = -(10 ** (-6 / 20)) * (samples - np.array([[0.5], [0.25]]))
    expected = np.pad(expected, ((0, 0), (700, 0))) if delay < 0 else expected[:, delay:]
    np.testing.assert_allclose(found, expected[:, : sound.n_samples], atol=1e-5)
    assert sound.duration_s <= row.duration_s - 0.5 + 1e-3 if row.duration_s is not None else False


def test_a_sound_is_decoded_before_it_is_corrected(tmp_path: Path) -> None:
    case = stem_songs.lossy(SEED + (2 - SEED) % 3)
    assert case.ending == ".aac"
    work = work_of(case, tmp_path, "raw_song", "stems")
    for row in work.result(StemSet).stems:
        raw = decode(tmp_path / "songs" / "song" / "stems" / row.file_name, max_duration_s=60, memory=SampleMemory())
        assert row.delay_samples == 1024
        assert samples_of(corrected(raw.signal, row)).shape[1] <= raw.signal.n_samples - 1024
