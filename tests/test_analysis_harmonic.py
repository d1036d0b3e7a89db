"""What the measurements of the harmonic stems promise."""

from __future__ import annotations

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.harmonic import HarmonicFeatures
from flamingo_bark_assets.analysis.harmonic import analyse_harmonic
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement
from tests import tonality_synthesis as synthesis

CHORDS = ("C:maj", "A:min", "F:maj", "G:maj", "E:min", "D:min")
SHARE: Measurement[float] = Measurement.of(0.25, method="given")


def harmonic_of(samples: FloatArray) -> HarmonicFeatures:
    return analyse_harmonic(HarmonicFeatures, "s", synthesis.view_of(samples), energy_share=SHARE)


def number(measured: Measurement[float]) -> float:
    assert measured.value is not None, measured.reason
    return measured.value


def test_chords_of_a_progression() -> None:
    features = harmonic_of(synthesis.progression(CHORDS, 1.5))
    heard = [
        next(c.label for c in features.chords if c.start_s <= 1.5 * i + 0.75 < c.end_s) for i in range(len(CHORDS))
    ]
    assert heard == list(CHORDS)
    assert features.chord_count.value == len(CHORDS)


def test_main_chords_are_in_order_of_duration() -> None:
    sound = np.concatenate(
        [synthesis.chord("G:maj", 4.0), synthesis.chord("E:min", 2.5), synthesis.chord("C:maj", 1.5)]
    )
    assert harmonic_of(sound).main_chords.value == "G:maj E:min C:maj"


def test_harmonic_rhythm_is_changes_a_second() -> None:
    features = harmonic_of(synthesis.progression(("C:maj", "F:maj", "G:maj", "C:maj") * 2, 1.0))
    assert features.harmonic_rhythm_hz.value == pytest.approx(6 / 8, abs=0.15)


def test_a_pause_is_no_chord() -> None:
    pause = np.zeros(3 * synthesis.RATE_HZ, np.float32)
    sound = np.concatenate([synthesis.chord("D:min", 2.5), pause, synthesis.chord("A:maj", 2.5)])
    features = harmonic_of(sound)
    assert [chord.label for chord in features.chords] == ["D:min", "N", "A:maj"]


def test_share_of_sevenths() -> None:
    features = harmonic_of(synthesis.progression(("C:maj7", "F:maj", "C:maj7", "F:maj"), 2.0))
    assert features.seventh_share.value == pytest.approx(0.5, abs=0.1)


def test_more_notes_are_more_polyphony() -> None:
    one, two, four = (
        number(harmonic_of(synthesis.notes(m, 4.0)).polyphony) for m in ([60], [60, 64], [48, 55, 64, 71])
    )
    assert one == pytest.approx(1.0, abs=0.2)
    assert two == pytest.approx(2.0, abs=0.3)
    assert four > 2.5


def test_a_held_chord_is_sustained_and_hits_are_not() -> None:
    assert number(harmonic_of(synthesis.chord("C:maj", 4.0)).sustain) > 0.9
    assert number(harmonic_of(synthesis.clicks(4.0)).sustain) < 0.3


def test_noise_lowers_the_harmonic_to_noise_ratio() -> None:
    music = synthesis.chord("C:maj", 4.0)
    levels = (0.0, 0.01, 0.1)
    ratios = [number(harmonic_of(music + synthesis.noise(4.0, level=level)).harmonic_to_noise_db) for level in levels]
    assert ratios[0] > ratios[1] + 6.0 > ratios[2] + 12.0


@pytest.mark.parametrize("inharmonicity", [0.0, 1e-4, 6e-4])
def test_inharmonicity_of_struck_notes(inharmonicity: float) -> None:
    sound = np.concatenate(
        [synthesis.notes([note], 1.0, inharmonicity=inharmonicity) for note in (45, 48, 50, 52, 55, 57)]
    )
    assert number(harmonic_of(sound).inharmonicity) == pytest.approx(inharmonicity, abs=2e-5)


def test_high_notes_are_brighter() -> None:
    low, high = (number(harmonic_of(synthesis.notes([note], 2.0)).brightness) for note in (45, 84))
    assert high > low + 0.1


def test_noise_has_no_chords() -> None:
    features = harmonic_of(synthesis.noise(5.0))
    assert features.chord_count.value is None
    assert features.polyphony.value is None
    assert features.chords == ()


def test_gain_and_polarity_change_nothing() -> None:
    sound = synthesis.progression(CHORDS, 1.0)
    one, other = harmonic_of(sound), harmonic_of(np.float32(-0.1) * sound)
    assert [c.label for c in other.chords] == [c.label for c in one.chords]
    assert number(other.sustain) == pytest.approx(number(one.sustain), abs=0.01)
    assert number(other.polyphony) == pytest.approx(number(one.polyphony), abs=0.1)


def test_silence_is_unusable() -> None:
    features = harmonic_of(np.zeros(2 * synthesis.RATE_HZ, np.float32))
    assert features.unusable is not None
    assert features.polyphony.value is None
