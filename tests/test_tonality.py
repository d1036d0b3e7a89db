"""What the measurements of key, tuning and chords promise."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from flamingo_bark_assets.analysis.features.tonality import Chord, KeySegment, TonalityFeatures
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.tonality import salience
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, QUALITIES, chord_label, chord_probabilities
from flamingo_bark_assets.analysis.tonality.chords import decode_chords
from flamingo_bark_assets.analysis.tonality.key import (
    key_candidates,
    key_confidence,
    profile_correlations,
    relation_of,
)
from flamingo_bark_assets.analysis.tonality.measure import measure_tonality
from flamingo_bark_assets.analysis.tonality.salience import note_salience
from flamingo_bark_assets.analysis.tonality.spelling import spelled_chords
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import KEYS, chord_in_key, key_name
from tests import tonality_synthesis as synthesis

C_MAJOR = ("C:maj", "F:maj", "G:maj", "C:maj", "A:min", "F:maj", "G:maj", "C:maj")
A_MINOR = ("A:min", "D:min", "E:maj", "A:min", "F:maj", "D:min", "E:maj", "A:min")


def tonality_of(samples: FloatArray, beats_s: NDArray[np.float64] | None = None) -> TonalityFeatures:
    return measure_tonality(SongViews(synthesis.view_of(samples)), beats_s)


def label_at(features: TonalityFeatures, time_s: float) -> str:
    return next(chord.label for chord in features.chords if chord.start_s <= time_s < chord.end_s)


@pytest.mark.parametrize("semitones", [0, 3, 6, 11])
def test_major_key_of_a_cadence(semitones: int) -> None:
    features = tonality_of(synthesis.progression(synthesis.moved(C_MAJOR, semitones), 1.5))
    assert features.key.value == key_name(f"{synthesis.TONICS[semitones]} major")


@pytest.mark.parametrize("semitones", [0, 5])
def test_minor_key_of_a_cadence(semitones: int) -> None:
    features = tonality_of(synthesis.progression(synthesis.moved(A_MINOR, semitones), 1.5))
    assert features.key.value == key_name(f"{synthesis.TONICS[(9 + semitones) % 12]} minor")


def test_chords_of_a_progression() -> None:
    labels = ("C:maj", "A:min", "F:maj", "G:maj", "E:min", "D:min", "A#:maj", "C:min")
    features = tonality_of(synthesis.progression(labels, 1.5))
    inside = [(1.5 * i + offset, label) for i, label in enumerate(labels) for offset in (0.3, 0.75, 1.2)]
    key = features.key.value
    right = sum(label_at(features, time_s).startswith(chord_in_key(label, key)) for time_s, label in inside)
    assert right >= 0.9 * len(inside)


def test_key_and_chords_are_spelled_as_musicians_write_them() -> None:
    labels = ("D#:maj", "C:min", "G#:maj", "A#:maj", "D#:maj", "F:min", "A#:maj", "D#:maj")
    features = tonality_of(synthesis.progression(labels, 1.5))
    assert features.key.value == features.key_segments[0].key == features.key_candidates[0].key == "Eb major"
    named = {chord.label for chord in features.chords}
    assert {"Eb:maj", "C:min", "Ab:maj", "Bb:maj", "F:min"} <= named
    assert all("#" not in label for label in named)
    assert {candidate.key for candidate in features.key_candidates} <= set(KEYS)


def test_each_chord_is_spelled_in_the_key_of_its_segment() -> None:
    segments = (
        KeySegment(segment=0, start_s=0.0, end_s=10.0, key="Ab major", confidence=0.9),
        KeySegment(segment=1, start_s=10.0, end_s=20.0, key="A major", confidence=0.9),
    )
    chords = [
        Chord(chord=k, start_s=start_s, end_s=start_s + 2.0, label="C#:maj", confidence=0.9)
        for k, start_s in enumerate((0.0, 8.5, 9.5, 19.5))
    ]
    assert [chord.label for chord in spelled_chords(chords, segments)] == ["Db:maj", "Db:maj", "C#:maj", "C#:maj"]
    assert [chord.label for chord in spelled_chords(chords, ())] == ["Db:maj"] * 4


@pytest.mark.parametrize("label", ["G:7", "C:maj7", "D:min7"])
def test_a_seventh_is_heard(label: str) -> None:
    features = tonality_of(synthesis.progression((label,) * 3, 2.0))
    assert label_at(features, 3.0) == label


def test_chords_cover_the_song_without_gap_or_overlap() -> None:
    features = tonality_of(synthesis.progression(C_MAJOR, 1.0))
    assert features.chords[0].start_s == 0.0
    assert features.chords[-1].end_s == pytest.approx(8.0)
    for one, following in zip(features.chords[:-1], features.chords[1:], strict=True):
        assert one.end_s == following.start_s
        assert one.start_s < one.end_s


def test_borders_move_to_the_beats() -> None:
    beats_s = np.arange(0.0, 12.0, 0.5)
    features = tonality_of(synthesis.progression(C_MAJOR, 1.5), beats_s)
    borders = [chord.start_s for chord in features.chords[1:]]
    assert borders
    assert all(min(abs(beats_s - border)) < 1e-6 for border in borders)


def test_chord_changes_a_second() -> None:
    features = tonality_of(synthesis.progression(("C:maj", "F:maj", "G:maj", "A:min") * 3, 1.0))
    assert features.chord_change_rate_hz.value == pytest.approx(11 / 12, abs=0.1)


@pytest.mark.parametrize("cents", [-40.0, -12.0, 0.0, 25.0, 44.0])
def test_tuning_within_two_cents(cents: float) -> None:
    features = tonality_of(synthesis.progression(C_MAJOR, 1.0, cents=cents))
    assert features.tuning_cents.value == pytest.approx(cents, abs=2.0)


@pytest.mark.parametrize("cents", [-40.0, 35.0])
def test_tuning_does_not_move_key_and_chords(cents: float) -> None:
    features = tonality_of(synthesis.progression(C_MAJOR, 1.5, cents=cents))
    assert features.key.value == "C major"
    assert label_at(features, 2.25) == "F:maj"


def test_a_move_to_another_key_is_a_segment_of_its_own() -> None:
    sound = synthesis.progression([*C_MAJOR, *C_MAJOR, *synthesis.moved(C_MAJOR * 2, 6)], 1.5)
    segments = tonality_of(sound).key_segments
    assert [segment.key for segment in segments] == ["C major", "F# major"]
    assert segments[0].end_s == pytest.approx(24.0, abs=4.0)


def test_one_key_is_one_segment() -> None:
    features = tonality_of(synthesis.progression(C_MAJOR * 3, 1.5))
    assert [(s.key, s.start_s) for s in features.key_segments] == [("C major", 0.0)]
    assert features.key_segments[0].end_s == pytest.approx(36.0)
    assert features.key_change_count.value == 0


def test_candidates_say_how_they_relate() -> None:
    candidates = tonality_of(synthesis.progression(C_MAJOR, 1.5)).key_candidates
    assert candidates[0].relation == "chosen"
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    assert {"C major": "chosen", "A minor": "relative", "G major": "fifth"}.items() <= {
        KEYS[i]: relation_of(i, KEYS.index("C major")) for i in range(24)
    }.items()


@pytest.mark.parametrize("best", range(24))
def test_the_relative_key_is_a_candidate_however_unlikely(best: int) -> None:
    chances = np.full(24, 0.01, np.float32)
    chances[best] = 0.6
    relative = next(key for key in range(24) if relation_of(key, best) == "relative")
    chances[relative] = 1e-6
    candidates = key_candidates(chances)
    assert (candidates[0].key, candidates[0].relation) == (KEYS[best], "chosen")
    assert (candidates[-1].key, candidates[-1].relation) == (KEYS[relative], "relative")
    assert [c.rank for c in candidates] == list(range(6))
    assert len({c.key for c in candidates}) == 6


def test_relative_and_parallel_of_a_minor_key() -> None:
    chosen = KEYS.index("A minor")
    assert relation_of(KEYS.index("C major"), chosen) == "relative"
    assert relation_of(KEYS.index("A major"), chosen) == "parallel"
    assert relation_of(KEYS.index("F# minor"), chosen) == "other"


def test_a_flat_seventh_is_mixolydian() -> None:
    sound = synthesis.progression(("G:maj", "F:maj", "C:maj", "G:maj", "F:maj", "G:maj") * 2, 1.5)
    features = tonality_of(sound)
    assert (features.key.value, features.mode_name.value) == ("G major", "mixolydian")


@pytest.mark.parametrize("make", [synthesis.noise, synthesis.clicks])
def test_without_chords_no_key_is_defined(make: Callable[[float], FloatArray]) -> None:
    features = tonality_of(make(8.0))
    assert features.tonal.value is False
    assert features.key.value is None
    assert features.chords == ()


def test_noise_over_most_of_a_song_lowers_the_confidence_of_its_key() -> None:
    music = synthesis.progression(C_MAJOR, 1.0)
    clear, hidden = (tonality_of(np.concatenate([start, music])) for start in (music, synthesis.noise(12.0)))
    assert clear.key.value == hidden.key.value == "C major"
    assert (hidden.key.confidence or 1.0) < 0.6 < (clear.key.confidence or 0.0)


def test_an_excerpt_is_less_sure_of_its_key_than_the_song() -> None:
    excerpt, song = (tonality_of(synthesis.progression(C_MAJOR * times, 1.0)).key for times in (1, 4))
    assert excerpt.value == song.value == "C major"
    assert (excerpt.confidence or 1.0) < (song.confidence or 0.0)


@given(chances=st.tuples(st.floats(0, 1), st.floats(0, 1)), lengths=st.tuples(st.floats(0, 9000), st.floats(0, 9000)))
def test_confidence_of_a_key_grows_with_its_probability_and_the_music(
    chances: tuple[float, float], lengths: tuple[float, float]
) -> None:
    least, most = (key_confidence(end(chances), end(lengths)) for end in (min, max))
    assert 0.0 < least <= most < 0.95


def test_music_with_chords_is_tonal() -> None:
    assert tonality_of(synthesis.progression(C_MAJOR, 1.0)).tonal.value is True


def test_stems_are_heard_instead_of_a_noisy_mix() -> None:
    music = synthesis.progression(C_MAJOR, 1.5)
    mix = synthesis.view_of(music + synthesis.noise(12.0, level=0.3))
    features = measure_tonality(SongViews(mix, {"harmonic": synthesis.view_of(music)}), None)
    assert features.key.value == "C major"
    assert label_at(features, 2.25) == "F:maj"


@pytest.mark.parametrize("gain", [0.05, -1.0])
def test_gain_and_polarity_change_nothing(gain: float) -> None:
    music = synthesis.progression(C_MAJOR, 1.0)
    one, other = tonality_of(music), tonality_of(np.float32(gain) * music)
    assert other.key.value == one.key.value
    assert [c.label for c in other.chords] == [c.label for c in one.chords]


def test_leading_silence_moves_the_chords() -> None:
    music = synthesis.progression(C_MAJOR, 1.5)
    late = tonality_of(np.concatenate([np.zeros(3 * synthesis.RATE_HZ, np.float32), music]))
    assert late.key.value == "C major"
    assert late.chords[0].label == "N"
    assert [label_at(late, 3.75 + 1.5 * i) for i in range(8)] == list(C_MAJOR)


def test_swapped_channels_change_nothing() -> None:
    pair = np.stack([synthesis.progression(C_MAJOR, 1.0), synthesis.noise(8.0, level=0.01)])
    assert tonality_of(pair).chords == tonality_of(pair[::-1]).chords


def test_hidden_markov_model_stays_through_a_doubtful_frame() -> None:
    probabilities = np.full((60, CHORDS), 1e-4, np.float32)
    probabilities[:, 0] = 0.9
    probabilities[30, 0], probabilities[30, 40] = 0.05, 0.9
    assert [span.state for span in decode_chords(probabilities, duration_s=5.5, beats_s=None)] == [0]


def test_a_column_a_chord() -> None:
    assert len({chord_label(state) for state in range(CHORDS)}) == CHORDS == 12 * len(QUALITIES) + 1
    assert chord_label(CHORDS - 1) == "N"


def test_transposed_music_gives_transposed_probabilities() -> None:
    salience = note_salience((synthesis.view_of(synthesis.progression(C_MAJOR, 1.0)),), cents=0.0)
    salience[:, :12] = salience[:, 60:] = 0.0
    moved = np.roll(salience, 1, axis=1)
    one, other = chord_probabilities(salience, step=1), chord_probabilities(moved, step=1)
    rolled = np.roll(one[:, :-1].reshape(-1, 12, len(QUALITIES)), 1, axis=1).reshape(one.shape[0], -1)
    assert np.abs(other[:, :-1] - rolled).mean() < 2e-3


def test_profile_of_krumhansl_and_kessler_finds_its_own_key() -> None:
    c_minor = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17], np.float32)
    correlations = profile_correlations(c_minor)
    assert correlations.argmax() == KEYS.index("C minor")
    assert correlations.max() == pytest.approx(1.0, abs=1e-5)


def test_salience_peaks_at_the_notes_that_sound() -> None:
    salience = note_salience((synthesis.view_of(synthesis.notes([48, 64, 67], 2.0)),), cents=0.0)
    strongest = np.argsort(-salience[10])[:3] + 24
    assert set(strongest.tolist()) == {48, 64, 67}


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(["silence", "dc", "impulse", "full", "low", "high", "short"]),
    st.floats(0.01, 3.0),
)
def test_hostile_signals_give_values_or_reasons(kind: str, duration_s: float) -> None:
    t = np.arange(max(1, round(duration_s * synthesis.RATE_HZ))) / synthesis.RATE_HZ
    sounds = {
        "silence": np.zeros(t.size),
        "dc": np.full(t.size, 0.5),
        "impulse": np.eye(1, t.size)[0],
        "full": np.sign(np.random.default_rng(0).normal(size=t.size)),
        "low": np.sin(2 * np.pi * t),
        "high": np.sin(2 * np.pi * 10_900 * t),
        "short": np.sin(2 * np.pi * 220 * t)[: synthesis.RATE_HZ // 2],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        features = tonality_of(np.asarray(sounds[kind], np.float32))
    for field in dataclasses.fields(features):
        measured = getattr(features, field.name)
        if hasattr(measured, "confidence") and measured.confidence is not None:
            assert 0.0 <= measured.confidence <= 1.0


def test_what_is_kept_of_the_notes_does_not_depend_on_the_threads_that_made_it() -> None:
    made = []
    for threads in (1, 2):
        salience._dictionary.cache_clear()
        with threadpool_limits(threads, user_api="blas"):
            made.append(salience._dictionary())
    for one, other in zip(*made, strict=True):
        assert np.array_equal(one, other)
