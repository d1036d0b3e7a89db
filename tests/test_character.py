"""What energy and danceability promise."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.character import fluctuation_exponents, measure_character
from flamingo_bark_assets.analysis.features.character import CharacterFeatures
from flamingo_bark_assets.analysis.features.rhythm import RhythmFeatures
from flamingo_bark_assets.record import Measurement
from tests import music

Sound = NDArray[np.floating]


def rhythm(onsets_hz: float | None) -> RhythmFeatures:
    """A rhythm of which only the density of onsets is known, if that."""
    nothing = Measurement[float].unknown("not asked", method="given")
    names = [f.name for f in dataclasses.fields(RhythmFeatures) if "unit" in f.metadata]
    density = nothing if onsets_hz is None else Measurement.of(onsets_hz, method="given")
    known: dict[str, Any] = {**dict.fromkeys(names, nothing), "onset_density_hz": density}
    return RhythmFeatures(**known)


def character(sound: Sound, onsets_hz: float | None = 4.0) -> CharacterFeatures:
    return measure_character(music.view_of(sound), rhythm(onsets_hz))


def known(measurement: Measurement[float]) -> float:
    assert measurement.value is not None, measurement.reason
    return measurement.value


def drifting(duration_s: float) -> Sound:
    """Noise whose level wanders as a random walk does."""
    steps = np.random.default_rng(5).normal(0.0, 0.05, round(duration_s * 10))
    level = np.exp(np.cumsum(steps - steps.mean()))
    return np.asarray(music.noise(duration_s) * np.repeat(level, music.RATE_HZ // 10))


@pytest.mark.parametrize(("walk", "exponent"), [(False, 0.5), (True, 1.5)])
def test_fluctuations_of_noise_and_of_its_sum_grow_as_published(walk: bool, exponent: float) -> None:
    """Peng et al., Physical Review E 49, 1994: 0.5 for white noise, 1.5 for Brownian motion."""
    level = np.random.default_rng(1).normal(size=40_000)
    scales = np.round(40 * 1.1 ** np.arange(30)).astype(np.int64)
    slopes = fluctuation_exponents(np.cumsum(level) if walk else level, scales)
    assert slopes.mean() == pytest.approx(exponent, abs=0.1)


def test_steady_beats_are_more_danceable_than_a_drifting_level() -> None:
    beats = music.place(music.kick(), music.beat_times(120.0, 20.0), 20.0) + music.noise(20.0, level=1e-3)
    found = character(beats)
    assert known(found.danceability) > 1.5 * known(character(drifting(20.0)).danceability)
    # Nobody held either against what listeners say.
    assert (found.danceability.confidence, found.energy.confidence) == (None, None)


def test_energy_grows_with_the_density_of_onsets() -> None:
    sound = drifting(10.0)
    assert known(character(sound, 6.0).energy) == pytest.approx(known(character(sound, 2.0).energy) + 0.5 / 3.0)


def test_bright_sound_has_more_energy_than_dull_sound() -> None:
    t = music.times(10.0)
    dull = music.scaled(np.sin(2 * np.pi * 200.0 * t))
    assert known(character(music.noise(10.0)).energy) > known(character(dull).energy) + 0.2


def test_the_level_as_such_does_not_matter() -> None:
    sound = drifting(10.0)
    one, other = character(sound), character(-0.1 * sound)
    assert known(other.energy) == pytest.approx(known(one.energy), abs=0.01)
    assert known(other.danceability) == pytest.approx(known(one.danceability), rel=0.02)


def test_leading_silence_does_not_matter() -> None:
    sound = drifting(10.0)
    one, other = character(sound), character(np.concatenate([np.zeros(3 * music.RATE_HZ), sound]))
    assert known(other.energy) == pytest.approx(known(one.energy), abs=0.02)
    assert known(other.danceability) == pytest.approx(known(one.danceability), rel=0.05)


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(3 * music.RATE_HZ), "silent"),
        (np.array([0.5]), "too short"),
        (music.noise(2.0), "too short for its slow fluctuations"),
    ],
)
def test_what_cannot_be_told_is_unknown(sound: Sound, reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        danceability = character(sound).danceability
    assert (danceability.reason or "").startswith(reason)


def test_without_onsets_energy_is_unknown() -> None:
    assert character(drifting(5.0), None).energy.reason == "not asked"
