"""What the measurement of a song's form promises."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import StructureFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.structure import boundaries
from flamingo_bark_assets.analysis.structure.bars import BarFeatures, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import part
from flamingo_bark_assets.analysis.structure.letters import letters
from flamingo_bark_assets.analysis.structure.measure import analyse_form, measure_structure
from flamingo_bark_assets.parts import StemKind
from tests import music
from tests.structure_synthesis import BAR_S, Samples, WholeSong, beats, song, voice, whole_song

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


def test_a_song_that_never_changes_is_one_section_without_a_name() -> None:
    sections = structure(song("A", (60,)), 60).sections
    assert [(section.label, section.name) for section in sections] == [("A", None)]


def whole(
    *, with_voice: bool = True, grid: list[Beat] | None = None, sound: Samples | None = None
) -> StructureFeatures:
    """Measure the song of verses and choruses, or a changed sound of it, by its beats or by another grid."""
    made = whole_song()
    mix = music.view_of(made.mix if sound is None else sound)
    stems: dict[StemKind, AudioView] = {"vocals": music.view_of(made.vocals)} if with_voice else {}
    return measure_structure(SongViews(mix, stems), beats(made.n_bars) if grid is None else grid)


def labels_at(features: StructureFeatures, made: WholeSong, kind: str) -> list[str]:
    """Return the letters in the middle of the sections of a kind."""
    ends = [*made.starts_s[1:], made.n_bars * BAR_S]
    middles = [(a + b) / 2 for a, b, k in zip(made.starts_s, ends, made.kinds, strict=True) if k == kind]
    return [next(s.label for s in features.sections if s.start_s <= t < s.end_s) for t in middles]


def hits(features: StructureFeatures, true_s: np.ndarray, shift_s: float = 0.0) -> float:
    """Return the F-measure of the starts at 3 s, the first left out."""
    found = np.array(starts_s(features)[1:]) + shift_s
    near = np.abs(found[:, None] - true_s[1:]) <= 3.0
    return 2.0 * float(near.any(axis=0).sum()) / (len(found) + len(true_s) - 1)


@pytest.mark.parametrize("with_voice", [False, True])
def test_a_song_of_verses_and_choruses_has_sections_of_musical_length_and_its_choruses_share_a_letter(
    with_voice: bool,
) -> None:
    features, made = whole(with_voice=with_voice), whole_song()
    assert 6 <= len(features.sections) <= 14
    assert hits(features, made.starts_s) > 0.8
    assert len(set(labels_at(features, made, "C"))) == 1
    assert len(set(labels_at(features, made, "V"))) == 1
    assert not set(labels_at(features, made, "C")) & set(labels_at(features, made, "V"))


def test_a_grid_at_twice_or_half_the_tempo_or_with_bars_of_two_finds_the_same_sections() -> None:
    made = whole_song()
    times = np.arange(4 * made.n_bars) * BAR_S / 4.0
    double = np.arange(8 * made.n_bars) * BAR_S / 8.0
    for grid_s, bar, first in ((double, 4, 0), (times[::2], 4, 0), (times, 2, 0), (times, 4, 2)):
        grid = [Beat(beat=k, time_s=float(t), position=(k + first) % bar + 1) for k, t in enumerate(grid_s)]
        other = whole(grid=grid)
        assert 6 <= len(other.sections) <= 14
        assert hits(other, made.starts_s) > 0.7


def test_a_limiter_and_a_cut_beginning_keep_sections_and_letters() -> None:
    made = whole_song()
    limited = whole(with_voice=False, sound=np.tanh(3.0 * made.mix / np.abs(made.mix).max()))
    cut = made.mix[10 * music.RATE_HZ :]
    grid = [Beat(beat=k, time_s=k * BAR_S / 4.0, position=k % 4 + 1) for k in range(4 * (made.n_bars - 5))]
    trimmed = measure_structure(SongViews(music.view_of(cut)), grid)
    for features, shift_s in ((limited, 0.0), (trimmed, 10.0)):
        assert hits(features, made.starts_s, shift_s) > 0.8
    assert len(set(labels_at(limited, made, "C"))) == 1


def test_names_are_given_by_voice_and_repetition_only() -> None:
    sung, unsung = whole(), whole(with_voice=False)
    made = whole_song()
    silent = measure_structure(
        SongViews(music.view_of(made.mix), {"vocals": music.view_of(0.01 * made.mix)}), beats(made.n_bars)
    )
    assert sung.sections[0].name == "intro"
    assert sung.sections[-1].name == "outro"
    of_songs = {"verse", "chorus", "bridge"}
    assert {section.name for section in sung.sections} & of_songs
    assert all(section.name_confidence <= 0.5 for section in unsung.sections if section.name in of_songs)
    assert not {section.name for section in silent.sections} & of_songs


def test_confidences_are_probabilities_and_a_clear_change_is_sure() -> None:
    features = structure(song(FORM, BARS))
    assert all(0.0 <= section.start_confidence <= 1.0 for section in features.sections)
    assert min(section.start_confidence for section in features.sections) > 0.6


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
    n, total = log_odds.size, 0.0
    prior, shortest = boundaries._length_prior(phrase, BAR_S, n), math.ceil(boundaries._SHORTEST_S / BAR_S)
    for start, end in itertools.pairwise([0, *starts, n]):
        cost = prior[end - start]
        if end - start >= shortest and start == 0:
            cost = max(cost, boundaries._FIRST_LOG)
        if end - start >= shortest and end == n:
            cost = max(cost, boundaries._LAST_LOG)
        total += cost + (log_odds[end] if end < n else 0.0)
    return float(total)


def test_the_search_agrees_with_trying_all_partings() -> None:
    log_odds = np.random.default_rng(3).normal(0.0, 3.0, 12)
    partings = [s for count in range(12) for s in itertools.combinations(range(1, 12), count)]
    for phrase in boundaries._PHRASES:
        weights = np.array([weight(starts, log_odds, phrase) for starts in partings])
        best, starts, probability = boundaries._search(log_odds, phrase, BAR_S)
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
    parting = part(log_odds, BAR_S)
    assert parting.phrase_bars == 8
    assert parting.starts == [0, 8, 16, 24, 32, 40]


@pytest.mark.parametrize(("n_bars", "section_bars"), [(24, 4), (96, 8)])
def test_a_short_song_has_shorter_sections(n_bars: int, section_bars: int) -> None:
    log_odds = np.full(n_bars, -4.0)
    log_odds[::4] = 1.0
    assert part(log_odds, 2.0).starts == list(range(0, n_bars, section_bars))


def test_weak_evidence_for_odd_lengths_is_overruled() -> None:
    log_odds = np.full(32, -4.0)
    log_odds[[8, 16, 24]] = 3.0
    log_odds[[5, 19]] = 1.0
    assert part(log_odds, BAR_S).starts == [0, 8, 16, 24]


def test_letters_go_on_after_z() -> None:
    rng = np.random.default_rng(4)
    timbre = np.repeat(np.eye(30) * 30.0, 2, axis=0)
    rhythm, harmony = np.repeat(rng.normal(size=(30, 64)), 2, axis=0), np.repeat(rng.normal(size=(30, 48)), 2, axis=0)
    harmony /= np.linalg.norm(harmony, axis=1, keepdims=True)
    features = BarFeatures(
        timbre, rhythm, harmony, harmony[:, :12], np.zeros((60, 16)), np.zeros((60, 0)), np.ones(60), BAR_S
    )
    named = letters(features, range(0, 60, 2)).names
    assert named[25:28] == ["Z", "A1", "B1"]


def test_three_hours_of_bars_are_parted_in_seconds() -> None:
    rng = np.random.default_rng(5)
    n = 5400
    features = BarFeatures(
        rng.normal(size=(n, 24)), rng.normal(size=(n, 64)), rng.normal(size=(n, 48)), rng.random(size=(n, 12)),
        rng.normal(size=(n, 16)), np.zeros((n, 0)), np.ones(n), BAR_S,
    )  # fmt: skip
    assert analyse_form(features).starts[0] == 0


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
