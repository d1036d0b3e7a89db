"""Noise floor: noise of known level is found where music rests now and then, and is unknown where it never does."""

from __future__ import annotations

import numpy as np
import pytest

from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.signal import FloatArray
from tests.degraded_synthesis import cut, in_16_bits, sloping
from tests.signals import RATE_HZ, as_signal, measure_quality, noise, silence, sine


def quality(*channels: FloatArray) -> TechnicalQuality:
    return measure_quality(as_signal(*channels))


def beats_over(hiss: FloatArray) -> FloatArray:
    """Tones of one second with one second of rest between them, over `hiss` of 10 s."""
    wave = hiss.copy()
    for start_s in range(0, 10, 2):
        wave[start_s * RATE_HZ : (start_s + 1) * RATE_HZ] += sine(440, 1.0, level_dbfs=-6)
    return wave


def restless(seed: int) -> FloatArray:
    """Noise of 10 s whose level wanders over 40 dB and never rests, as dense music does."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-50, -10, 60)
    level_db = np.interp(np.linspace(0, points.size - 1, 10 * RATE_HZ), np.arange(points.size), points)
    return np.asarray(rng.standard_normal(level_db.size) * 10 ** (level_db / 20), dtype=np.float32)


@pytest.mark.parametrize("level_dbfs", [-30, -50, -70, -90])
def test_noise_floor_is_the_noise_in_the_pauses(level_dbfs: float) -> None:
    found = quality(beats_over(noise(10.0, level_dbfs=level_dbfs))).noise_floor_dbfs
    assert found.value == pytest.approx(level_dbfs, abs=0.7)


def test_noise_under_notes_that_never_pause_is_found_above_them() -> None:
    notes = cut(sloping(12.0), 3000)
    found = quality(np.asarray(0.3 * notes + noise(8.0, level_dbfs=-60), dtype=np.float32)).noise_floor_dbfs
    assert found.value == pytest.approx(-60, abs=1.5)


def test_the_noise_of_stereo_is_the_mean_over_the_channels() -> None:
    left, right = noise(10.0, level_dbfs=-50, seed=1), noise(10.0, level_dbfs=-60, seed=2)
    expected = 10 * np.log10((1e-5 + 1e-6) / 2)
    assert quality(beats_over(left), beats_over(right)).noise_floor_dbfs.value == pytest.approx(expected, abs=0.7)


def test_rounding_to_16_bits_is_noise_of_its_own() -> None:
    # A step of 2^-15 has the error power 2^-30 / 12, which is -101.1 dBFS, and dither that of three steps, -96.3.
    step = np.float32(2.0**-15)
    dither = np.random.default_rng(0).triangular(-1, 0, 1, 10 * RATE_HZ).astype(np.float32)
    wave = np.round(beats_over(silence(10.0)) / step + dither) * step
    assert quality(np.asarray(wave, dtype=np.float32)).noise_floor_dbfs.value == pytest.approx(-96.3, abs=0.7)


def test_noise_that_music_hides_is_unknown_but_has_a_ceiling() -> None:
    found = quality(restless(0))
    assert found.noise_floor_dbfs.value is None
    assert found.noise_floor_dbfs.reason is not None
    assert "hides" in found.noise_floor_dbfs.reason
    assert found.noise_ceiling_dbfs.value is not None
    assert -55 < found.noise_ceiling_dbfs.value < -30


@pytest.mark.parametrize("level_dbfs", [-40, -60, -80])
def test_the_ceiling_lies_above_the_noise(level_dbfs: float) -> None:
    ceiling = quality(restless(1) + noise(10.0, level_dbfs=level_dbfs)).noise_ceiling_dbfs.value
    assert ceiling is not None
    assert ceiling > level_dbfs


def test_noise_of_a_band_limited_file_is_told_from_the_emptiness_above() -> None:
    hiss = cut(noise(10.0, level_dbfs=-50), 8000)
    # Of white noise up to 22.05 kHz, 8 / 22.05 is left, which is 4.4 dB less; its density is given for the band.
    found = quality(in_16_bits(beats_over(hiss)))
    assert found.lowpass_detected.value is True
    assert found.noise_floor_dbfs.value == pytest.approx(-54.4, abs=1.5)


def test_a_steady_chord_is_no_noise() -> None:
    chord = sum(sine(220 * k, 10.0, level_dbfs=-20 - k) for k in range(1, 60))
    assert quality(np.asarray(chord, dtype=np.float32)).noise_floor_dbfs.value is None
