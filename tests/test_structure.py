"""What the measurement of a song's form promises."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.structure import StructureFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.structure import boundaries
from flamingo_bark_assets.analysis.structure.bars import BarFeatures, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import part
from flamingo_bark_assets.analysis.structure.evidence import boundary_log_odds
from flamingo_bark_assets.analysis.structure.letters import letters
from flamingo_bark_assets.analysis.structure.measure import measure_structure
from tests import music
from tests.structure_synthesis import BAR_S, Samples, beats, song, voice

FORM, BARS = "ABCBA", (4, 8, 8, 8, 8)
STARTS_S = np.concatenate([[0.0], np.cumsum(BARS)[:-1]]) * BAR_S


def structure(sound: Samples, n_bars: int = sum(BARS), *, start_s: float = 0.0) -> StructureFeatures:
    return measure_structure(SongViews(music.view_of(sound)), beats(n_bars, start_s=start_s))


def starts_s(features: StructureFeatures) -> list[float]:
    return [section.start_s for section in features.sections]


def test_sections_begin_where_chords_and_drums_change() -> None:
    assert starts_s(structure(song(FORM, BARS))) == pytest.approx(STARTS_S, abs=0.06)


def test_sections_that_sound_alike_have_the_same_letter() -> None:
    features = structure(song(FORM, BARS))
    assert features.form.value == "ABCBA"
    assert features.repetition.value == pytest.approx(28 / 36, abs=0.01)


def test_sections_follow_each_other_without_gaps() -> None:
    sections = structure(song(FORM, BARS)).sections
    assert [one.end_s for one in sections[:-1]] == [other.start_s for other in sections[1:]]
    assert sections[-1].end_s == pytest.approx(sum(BARS) * BAR_S, abs=0.06)
    assert sum(section.bars for section in sections) == sum(BARS)


def test_a_song_that_never_changes_has_one_letter_and_no_sure_parts() -> None:
    sections = structure(song("A", (16,)), 16).sections
    assert {section.label for section in sections} == {"A"}
    assert all(section.start_confidence < 0.7 for section in sections[1:])


def test_a_voice_that_enters_parts_a_song_whose_mix_hides_it() -> None:
    mix = song("AAA", (8, 8, 8))
    vocals = voice("ABA", (8, 8, 8), "B")
    drums = song("AAA", (8, 8, 8))
    views = SongViews(music.view_of(mix), {"vocals": music.view_of(vocals), "drums": music.view_of(drums)})
    with_stems = measure_structure(views, beats(24))
    assert starts_s(with_stems) == pytest.approx([0.0, 16.0, 32.0], abs=0.06)
    assert with_stems.form.value == "ABA"


def test_leading_silence_shifts_the_sections() -> None:
    shifted = structure(song(FORM, BARS, start_s=3.0), start_s=3.0)
    assert starts_s(shifted) == pytest.approx(STARTS_S + 3.0, abs=0.06)


@pytest.mark.parametrize("gain", [0.1, -1.0])
def test_gain_and_polarity_change_nothing(gain: float) -> None:
    one, other = structure(song(FORM, BARS)), structure(gain * song(FORM, BARS))
    assert starts_s(other) == pytest.approx(starts_s(one), abs=1e-6)
    assert other.form.value == one.form.value
    assert [s.level_db for s in other.sections] == pytest.approx([s.level_db for s in one.sections], abs=0.05)


def test_louder_sections_have_the_higher_level() -> None:
    sound = song("AB", (8, 8))
    sound[: sound.size // 2] *= 0.25
    quiet, loud = structure(sound, 16).sections
    assert loud.level_db - quiet.level_db > 9.0


def test_the_section_that_is_played_most_is_the_most_typical() -> None:
    sections = structure(song("ACA", (8, 8, 8)), 24).sections
    assert max(sections, key=lambda section: section.deviation_db).label == "B"


def test_without_beats_a_grid_of_time_is_used_and_less_trusted() -> None:
    sound = song(FORM, BARS)
    timed = measure_structure(SongViews(music.view_of(sound)), ())
    assert timed.section_count.method == "time-grid-semi-markov"
    assert (timed.section_count.confidence or 0.0) <= 0.5
    assert starts_s(timed) == pytest.approx(STARTS_S, abs=2.1)


def test_bars_are_continued_to_the_first_and_last_sound() -> None:
    positions = np.tile(np.arange(1, 5), 4)
    bars = bars_of(np.linspace(10.0, 17.5, 16), positions, start_s=5.5, end_s=25.0)
    assert bars.edges_s == pytest.approx(np.arange(6.0, 27.0, 2.0), abs=1e-9)
    assert bars.beats == 4


def test_three_beats_make_a_bar_of_a_waltz() -> None:
    bars = bars_of(np.linspace(0.0, 14.5, 30), np.tile(np.arange(1, 4), 10), start_s=0.0, end_s=15.0)
    assert (bars.beats, bars.count) == (3, 10)


def weight(starts: tuple[int, ...], log_odds: np.ndarray, phrase: int) -> float:
    """Log weight of one parting, by the definition."""
    prior, n, total = boundaries._length_prior(phrase), log_odds.size, 0.0
    for start, end in itertools.pairwise([0, *starts, n]):
        cost = prior[end - start]
        if end - start >= 2 and start == 0:
            cost = max(cost, boundaries._FIRST_LOG)
        if end - start >= 2 and end == n:
            cost = max(cost, boundaries._LAST_LOG)
        total += cost + (log_odds[end] if end < n else 0.0)
    return float(total)


def test_the_search_agrees_with_trying_all_partings() -> None:
    log_odds = np.random.default_rng(3).normal(0.0, 3.0, 12)
    partings = [s for count in range(12) for s in itertools.combinations(range(1, 12), count)]
    for phrase in boundaries._PHRASES:
        weights = np.array([weight(starts, log_odds, phrase) for starts in partings])
        best, starts, probability = boundaries._search(log_odds, boundaries._length_prior(phrase))
        shares = np.exp(weights - weights.max())
        expected = [
            sum(w for w, s in zip(shares, partings, strict=True) if bar in s) / shares.sum() for bar in range(1, 12)
        ]
        assert best == pytest.approx(weights.max())
        assert tuple(starts[1:]) == partings[int(weights.argmax())]
        assert probability[1:] == pytest.approx(expected, abs=1e-9)


def test_the_phrase_length_of_the_song_is_found() -> None:
    log_odds = np.full(48, -4.0)
    log_odds[8::8] = 2.0
    parting = part(log_odds)
    assert parting.phrase_bars == 8
    assert parting.starts == [0, 8, 16, 24, 32, 40]


def test_weak_evidence_for_odd_lengths_is_overruled() -> None:
    log_odds = np.full(32, -4.0)
    log_odds[[8, 16, 24]] = 3.0
    log_odds[[5, 19]] = 1.0
    assert part(log_odds).starts == [0, 8, 16, 24]


def test_letters_go_on_after_z() -> None:
    rng = np.random.default_rng(4)
    timbre = np.repeat(np.eye(30) * 30.0, 2, axis=0)
    rhythm, harmony = np.repeat(rng.normal(size=(30, 64)), 2, axis=0), np.repeat(rng.normal(size=(30, 48)), 2, axis=0)
    features = BarFeatures(timbre, rhythm, harmony, np.zeros((60, 16)), np.zeros((60, 0)), np.ones(60))
    named = letters(features, range(0, 60, 2))
    assert named[25:28] == ["Z", "A1", "B1"]


def test_three_hours_of_bars_are_parted_in_seconds() -> None:
    rng = np.random.default_rng(5)
    n = 5400
    features = BarFeatures(
        rng.normal(size=(n, 24)), rng.normal(size=(n, 64)), rng.normal(size=(n, 48)), rng.normal(size=(n, 16)),
        np.zeros((n, 0)), np.ones(n),
    )  # fmt: skip
    assert part(boundary_log_odds(features)).starts[0] == 0


HOSTILE: dict[str, Callable[[], AudioView]] = {
    "no sample": lambda: music.view_of(np.zeros(0)),
    "one sample": lambda: music.view_of(np.array([0.5])),
    "0.6 s": lambda: music.view_of(music.noise(0.6)),
    "digital silence": lambda: music.view_of(np.zeros(3 * music.RATE_HZ)),
    "full-scale noise": lambda: music.view_of(np.clip(music.noise(20.0, level=1.0), -1.0, 1.0)),
    "1 Hz": lambda: music.view_of(np.sin(2 * np.pi * music.times(20.0))),
    "20 kHz": lambda: music.view_of(np.sin(2 * np.pi * 20_000.0 * music.times(20.0))),
    "one impulse": lambda: music.view_of(np.eye(1, 20 * music.RATE_HZ, 9)[0]),
}


@pytest.mark.parametrize("metrical", [False, True])
@pytest.mark.parametrize("sound", HOSTILE)
def test_hostile_signals_give_sections_or_reasons(sound: str, metrical: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        features = measure_structure(SongViews(HOSTILE[sound]()), beats(10) if metrical else ())
    assert (features.section_count.value is None) == (features.sections == ())
    for section in features.sections:
        assert math.isfinite(section.level_db + section.deviation_db + section.start_confidence)


@pytest.mark.parametrize("sound", ["0.6 s", "one impulse"])
def test_what_is_shorter_than_four_bars_has_no_form(sound: str) -> None:
    assert (measure_structure(SongViews(HOSTILE[sound]()), ()).form.reason or "").startswith("too short")


def test_features_of_a_bar_do_not_depend_on_other_bars_of_the_same_sound() -> None:
    view = music.view_of(song("AA", (4, 4)))
    features = bar_features(
        bars_of(np.linspace(0.0, 15.5, 32), np.tile(np.arange(1, 5), 8), start_s=0.0, end_s=16.0), view, ()
    )
    assert features.rhythm[2] == pytest.approx(features.rhythm[4], abs=1.0)
