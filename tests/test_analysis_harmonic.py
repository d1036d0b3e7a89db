"""What the measurements of the harmonic stems promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import HarmonicFeatures
from flamingo_bark_assets.analysis.harmonic import analyse_harmonic
from tests import music

CHORDS = ("C:maj", "A:min", "F:maj", "G:maj", "E:min", "D:min", "F#:maj", "A#:min")


def harmonic_of(samples: NDArray[np.floating]) -> HarmonicFeatures:
    return analyse_harmonic("s", music.view_of(music.scaled(samples)), energy_share=music.SHARE)


def label_at(features: HarmonicFeatures, time_s: float) -> str:
    return next(chord.label for chord in features.chords if chord.start_s <= time_s < chord.end_s)


def test_chords_of_a_progression() -> None:
    features = harmonic_of(music.progression(CHORDS, 1.5))
    inside = [(1.5 * i + offset, chord) for i, chord in enumerate(CHORDS) for offset in (0.3, 0.75, 1.2)]
    right = sum(label_at(features, time_s) == chord for time_s, chord in inside)
    assert right >= 0.9 * len(inside)
    assert features.chord_count.value == len(CHORDS)


def test_chords_cover_the_stem_without_gap_or_overlap() -> None:
    features = harmonic_of(music.progression(CHORDS, 1.0))
    assert features.chords[0].start_s == 0.0
    assert features.chords[-1].end_s == pytest.approx(8.0)
    for one, following in zip(features.chords[:-1], features.chords[1:], strict=True):
        assert one.end_s == following.start_s
        assert one.label != following.label


def test_main_chords_are_in_order_of_duration() -> None:
    sound = np.concatenate([music.triad("G:maj", 4.0), music.triad("E:min", 2.0), music.triad("C:maj", 1.0)])
    assert harmonic_of(sound).main_chords.value == "G:maj E:min C:maj"


def test_harmonic_rhythm_is_changes_a_second() -> None:
    features = harmonic_of(music.progression(("C:maj", "F:maj", "G:maj", "C:maj") * 2, 1.0))
    assert features.harmonic_rhythm_hz.value == pytest.approx(6 / 8, abs=0.15)


def test_a_pause_is_no_chord() -> None:
    pause = np.zeros(3 * music.RATE_HZ)
    features = harmonic_of(np.concatenate([music.triad("D:min", 2.0), pause, music.triad("A:maj", 2.0)]))
    assert [chord.label for chord in features.chords] == ["D:min", "N", "A:maj"]


def test_tuning_does_not_move_the_chords() -> None:
    features = harmonic_of(music.progression(("G:maj", "E:min", "C:maj", "D:maj"), 1.5, cents=35.0))
    assert features.main_chords.value is not None
    assert set(features.main_chords.value.split()) == {"G:maj", "E:min", "C:maj", "D:maj"}


def test_a_held_chord_is_sustained_and_hits_are_not() -> None:
    held = harmonic_of(music.triad("C:maj", 4.0)).sustain.value
    struck = harmonic_of(music.place(music.snare(), np.arange(0.2, 4.0, 0.5), 4.0)).sustain.value
    assert held is not None
    assert struck is not None
    assert struck < 0.5
    assert held > 0.9


def test_noise_has_no_chords() -> None:
    features = harmonic_of(music.noise(5.0))
    assert features.chord_count.value is None
    assert features.chords == ()


def test_gain_and_polarity_do_not_change_the_chords() -> None:
    sound = music.scaled(music.progression(CHORDS, 1.0), 0.9)
    one = analyse_harmonic("s", music.view_of(sound), energy_share=music.SHARE)
    other = analyse_harmonic("s", music.view_of(-0.1 * sound), energy_share=music.SHARE)
    assert [c.label for c in other.chords] == [c.label for c in one.chords]
    assert other.sustain.value == pytest.approx(one.sustain.value, abs=0.01)
