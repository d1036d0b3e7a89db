"""What the measurements of the vocals stem promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import VocalFeatures
from flamingo_bark_assets.analysis.vocals import analyse_vocals
from tests import music

# Means of men's vowels: Hillenbrand et al., JASA 97 (1995).
VOWELS = {"a": (768.0, 1333.0, 2522.0), "i": (342.0, 2322.0, 3000.0), "ae": (588.0, 1952.0, 2601.0)}


def vocals_of(samples: NDArray[np.floating]) -> VocalFeatures:
    return analyse_vocals("s", music.view_of(music.scaled(samples)), energy_share=music.SHARE)


@pytest.mark.parametrize("hz", [98.0, 220.0, 440.0, 880.0])
def test_f0_of_a_held_tone(hz: float) -> None:
    features = vocals_of(music.tone(hz, 2.0))
    assert features.f0_median_hz.value == pytest.approx(hz, rel=0.01)
    assert (features.voiced_fraction.value or 0.0) > 0.9


def test_a_strong_second_harmonic_does_not_lift_the_pitch_an_octave() -> None:
    t = music.times(2.0)
    sound = 0.4 * np.sin(2 * np.pi * 220.0 * t) + np.sin(2 * np.pi * 440.0 * t) + 0.3 * np.sin(2 * np.pi * 660.0 * t)
    assert vocals_of(sound).f0_median_hz.value == pytest.approx(220.0, rel=0.01)


@pytest.mark.parametrize(("rate_hz", "extent_cents"), [(5.5, 50.0), (6.5, 100.0), (4.8, 30.0)])
def test_vibrato_rate_and_extent(rate_hz: float, extent_cents: float) -> None:
    features = vocals_of(music.vibrato_tone(300.0, rate_hz, extent_cents, 3.0))
    assert features.vibrato_present.value is True
    assert features.vibrato_rate_hz.value == pytest.approx(rate_hz, abs=0.2)
    assert features.vibrato_extent_cents.value == pytest.approx(extent_cents, rel=0.15)


@pytest.mark.parametrize(("rate_hz", "extent_cents"), [(5.5, 0.0), (2.0, 50.0), (11.0, 50.0)])
def test_a_straight_a_slow_and_a_fast_wobble_are_no_vibrato(rate_hz: float, extent_cents: float) -> None:
    features = vocals_of(music.vibrato_tone(300.0, rate_hz, extent_cents, 3.0))
    assert features.vibrato_present.value is False
    assert features.vibrato_rate_hz.value is None


@pytest.mark.parametrize("vowel", VOWELS)
@pytest.mark.parametrize("f0_hz", [110.0, 150.0])
def test_formants_of_a_vowel(vowel: str, f0_hz: float) -> None:
    features = vocals_of(music.vowel(f0_hz, (*VOWELS[vowel], 3600.0), 2.0))
    found = (features.formant_f1_hz.value, features.formant_f2_hz.value, features.formant_f3_hz.value)
    assert found == pytest.approx(VOWELS[vowel], rel=0.1)


def test_formants_of_a_high_voice_are_less_sure() -> None:
    low = vocals_of(music.vowel(110.0, (*VOWELS["a"], 3600.0), 2.0)).formant_f1_hz.confidence
    high = vocals_of(music.vowel(440.0, (*VOWELS["a"], 3600.0), 2.0)).formant_f1_hz.confidence
    assert (high or 0.0) < 0.6 * (low or 0.0)


def test_phrases_are_the_stretches_of_singing() -> None:
    rest = np.zeros(music.RATE_HZ)
    breath = np.zeros(music.RATE_HZ // 5)
    features = vocals_of(
        np.concatenate(
            [rest, music.tone(220.0, 1.0), breath, music.tone(220.0, 1.0), rest, music.tone(330.0, 1.5), rest]
        )
    )
    first, second = features.vocal_phrases
    assert (first.start_s, first.end_s) == pytest.approx((1.0, 3.2), abs=0.06)
    assert (second.start_s, second.end_s) == pytest.approx((4.2, 5.7), abs=0.06)
    assert (first.f0_median_hz, second.f0_median_hz) == pytest.approx((220.0, 330.0), rel=0.01)


def test_whispered_noise_has_phrases_without_pitch() -> None:
    features = vocals_of(music.noise(3.0))
    assert [phrase.f0_median_hz for phrase in features.vocal_phrases] == [None]
    assert features.f0_median_hz.value is None
    assert features.formant_f1_hz.value is None
