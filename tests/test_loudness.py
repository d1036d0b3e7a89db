"""Loudness and dynamics, held against the test signals of EBU Tech 3341 and 3342 and BS.1770's table."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import firwin, resample_poly, sosfilt

from flamingo_bark_assets.analysis.dynamics import measure_dynamics
from flamingo_bark_assets.analysis.features.dynamics import DynamicsFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.k_weighting import EnergyReader, k_weighting
from flamingo_bark_assets.audio.levels import levels_of
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.audio.true_peak import TruePeakReader
from flamingo_bark_assets.record import Measurement
from tests.signals import as_signal, join, music, noise, read_through, silence, sine

RATE_HZ = 48000


def tones(*steps: tuple[float, float], rate_hz: int = RATE_HZ) -> Signal:
    """Stereo 1 kHz sine of (seconds, peak dBFS) steps, in phase, as the EBU's test signals."""
    wave = join(*(sine(1000, s, level_dbfs=level, rate_hz=rate_hz) for s, level in steps))
    return as_signal(wave, wave, rate_hz=rate_hz)


def value(measurement: Measurement[float]) -> float:
    assert measurement.value is not None
    return measurement.value


def measured(signal: Signal) -> DynamicsFeatures:
    return measure_dynamics(AudioView(signal))


def integrated(signal: Signal) -> float:
    return value(measured(signal).loudness_integrated_lufs)


def true_peak_dbtp(signal: Signal) -> float:
    return value(measured(signal).true_peak_dbtp)


def faded(wave: FloatArray) -> FloatArray:
    ramp = np.linspace(0, 1, 4800, dtype=np.float32)
    return join(wave[:4800] * ramp, wave[4800:-4800], wave[-4800:] * ramp[::-1])


def test_filter_agrees_with_the_table_of_bs1770_at_48_khz() -> None:
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48000), table, atol=1e-8)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_ebu_3341_cases_1_and_2_at_any_rate(rate_hz: int, level: float) -> None:
    assert integrated(tones((20, level), rate_hz=rate_hz)) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    "steps",
    [
        ((10, -36), (60, -23), (10, -36)),
        ((10, -72), (10, -36), (60, -23), (10, -36), (10, -72)),
        ((20, -26), (20.1, -20), (20, -26)),
    ],
    ids=["case 3", "case 4", "case 5"],
)
def test_ebu_3341_gating(steps: tuple[tuple[float, float], ...]) -> None:
    assert integrated(tones(*steps)) == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_6_weighs_surround_channels() -> None:
    left, centre, surround = (sine(1000, 20, level_dbfs=x, rate_hz=RATE_HZ) for x in (-28, -24, -30))
    lfe = sine(1000, 20, level_dbfs=0, rate_hz=RATE_HZ)  # must not count
    signal = as_signal(left, left, centre, lfe, surround, surround, rate_hz=RATE_HZ)
    assert integrated(signal) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("steps", "range_lu"),
    [
        (((20, -20), (20, -30)), 10),
        (((20, -20), (20, -15)), 5),
        (((20, -40), (20, -20)), 20),
        (((20, -50), (20, -35), (20, -20), (20, -35), (20, -50)), 15),
    ],
    ids=["case 1", "case 2", "case 3", "case 4"],
)
def test_ebu_3342_loudness_range(steps: tuple[tuple[float, float], ...], range_lu: float) -> None:
    assert value(measured(tones(*steps)).loudness_range_lu) == pytest.approx(range_lu, abs=1)


def test_ebu_3341_true_peak_between_the_samples() -> None:
    wave = faded(sine(RATE_HZ / 4, 1, level_dbfs=-6.0, rate_hz=RATE_HZ, phase_rad=np.pi / 4))
    signal = as_signal(wave, rate_hz=RATE_HZ)
    sample_peak_dbfs = 20 * np.log10(np.abs(wave).max())
    assert true_peak_dbtp(signal) - sample_peak_dbfs == pytest.approx(3.01, abs=0.05)


@pytest.mark.parametrize("frequency_hz", [997, 6000, 12000, 15000, 19000])
@pytest.mark.parametrize("phase_rad", [0.0, 1.0])
def test_true_peak_of_a_sine_is_its_amplitude(frequency_hz: float, phase_rad: float) -> None:
    wave = sine(frequency_hz, 3, level_dbfs=-6.0, rate_hz=RATE_HZ, phase_rad=phase_rad)
    assert true_peak_dbtp(as_signal(wave, rate_hz=RATE_HZ)) == pytest.approx(-6.0, abs=0.2)


def test_true_peak_is_found_in_any_block() -> None:
    wave = noise(6.0, level_dbfs=-40, rate_hz=RATE_HZ)
    burst = faded(sine(RATE_HZ / 4, 0.3, level_dbfs=-3, rate_hz=RATE_HZ, phase_rad=np.pi / 4))
    for start in (60_000, 131_000, 270_000):
        loud = wave.copy()
        loud[start : start + burst.size] = burst
        assert true_peak_dbtp(as_signal(loud, rate_hz=RATE_HZ)) == pytest.approx(-3.0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_true_peak_of_clipped_music_is_that_of_sixteenfold_oversampling(rate_hz: int) -> None:
    wave = np.clip(2.5 * (music(4.0, rate_hz=rate_hz) + noise(4.0, level_dbfs=-20, rate_hz=rate_hz)), -0.8, 0.8)
    sinc = firwin(2 * 16 * 16 + 1, 1 / 16, window=("kaiser", 9.0))
    oversampled = resample_poly(wave.astype(np.float64), 16, 1, window=sinc)
    ends = 16 * 16  # where the filter reaches beyond the sound
    expected = 20 * np.log10(np.abs(oversampled[ends:-ends]).max())
    assert true_peak_dbtp(as_signal(wave, rate_hz=rate_hz)) == pytest.approx(expected, abs=0.05)


def test_true_peak_does_not_depend_on_the_split_into_blocks() -> None:
    wave = np.stack([music(3.0, seed=1), music(3.0, seed=2)])
    whole, split = TruePeakReader(44100, 2), TruePeakReader(44100, 2)
    whole.add(wave)
    for start, end in pairwise((0, 1, 2, 40, 1000, 50_000, 50_007, wave.shape[1])):
        split.add(wave[:, start:end])
    assert split.finish() == whole.finish()


def test_crest_factor_of_sine_and_square() -> None:
    wave = sine(997, 2)
    assert value(measured(as_signal(wave)).crest_factor_db) == pytest.approx(3.01, abs=0.01)
    assert value(measured(as_signal(np.sign(wave + 1e-6))).crest_factor_db) == pytest.approx(0.0, abs=0.01)


def test_crest_factor_is_that_of_the_loudest_channel() -> None:
    quiet_clicks = silence(2)
    quiet_clicks[::1000] = 0.9
    found = measured(as_signal(quiet_clicks, sine(997, 2)))
    assert value(found.crest_factor_db) == pytest.approx(3.01, abs=0.01)


def test_power_of_a_sine_is_3_db_below_its_peak() -> None:
    power = levels_of(as_signal(sine(997, 2, level_dbfs=-10))).power[0]
    assert 10 * np.log10(power) == pytest.approx(-13.01, abs=0.01)


def test_dynamic_range_of_two_levels_is_their_distance() -> None:
    found = measured(tones((10, -30), (10, -12), (10, -90)))
    assert value(found.dynamic_range_db) == pytest.approx(18.0, abs=0.1)


def test_ebu_3341_case_9_short_term() -> None:
    # Sine at 1 kHz, 1.34 s at -20 dBFS and 1.66 s at -30 dBFS in turn: -23.0 LUFS in every 3 s.
    found = measured(tones(*((1.34, -20.0), (1.66, -30.0)) * 5))
    assert value(found.loudness_short_term_max_lufs) == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_10_loudest_short_term_of_tones_at_any_place() -> None:
    for k in range(0, 20, 5):
        found = measured(tones((k * 0.15 + 0.05, -120.0), (3.0, -23.0), (1.0, -120.0)))
        assert value(found.loudness_short_term_max_lufs) == pytest.approx(-23.0, abs=0.2)


def test_ebu_3341_case_12_momentary() -> None:
    # 0.18 s at -20 dBFS and 0.22 s at -30 dBFS in turn: -23.0 LUFS in every 400 ms.
    found = measured(tones(*((0.18, -20.0), (0.22, -30.0)) * 25))
    assert value(found.loudness_momentary_max_lufs) == pytest.approx(-23.0, abs=0.1)


def test_peak_to_loudness_ratio_is_their_difference() -> None:
    found = measured(tones((20, -23.0)))
    assert value(found.peak_to_loudness_ratio_lu) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_segment_energies_agree_with_scipys_filter(rate_hz: int) -> None:
    wave = np.stack([music(3.25, seed=1, rate_hz=rate_hz), music(3.25, seed=2, rate_hz=rate_hz)])
    filtered = sosfilt(k_weighting(rate_hz), wave.astype(np.float64), axis=1)
    segments = filtered[:, : 32 * (rate_hz // 10)].reshape(2, 32, -1)
    energies = read_through(EnergyReader(rate_hz, 2), Signal(wave, rate_hz))
    assert energies.weighted is not None
    np.testing.assert_allclose(energies.weighted, np.square(segments).mean(axis=2).sum(axis=0), rtol=1e-6)


def test_silence_after_sound_takes_no_longer_than_sound() -> None:
    # Numbers near the smallest that there are would slow the filter down many times.
    reader = EnergyReader(44100, 2)
    reader.add(np.stack([music(0.2), music(0.2)]))
    reader.add(np.zeros((2, 2 * 44100), np.float32))
    assert not reader._state.any()


def describe(found: DynamicsFeatures) -> list[float]:
    return [
        value(found.loudness_integrated_lufs),
        value(found.loudness_short_term_max_lufs),
        value(found.loudness_momentary_max_lufs),
        value(found.true_peak_dbtp),
        value(found.loudness_range_lu),
        value(found.peak_to_loudness_ratio_lu),
        value(found.crest_factor_db),
        value(found.dynamic_range_db),
    ]


def test_gain_shifts_levels_and_leaves_ranges() -> None:
    left, right = music(12.0, seed=1), music(12.0, seed=2, level_dbfs=-16)
    before = describe(measured(as_signal(left, right)))
    after = describe(measured(as_signal(left * np.float32(0.5), right * np.float32(0.5))))
    down = 20 * np.log10(0.5)
    np.testing.assert_allclose(np.subtract(after, before), [down] * 4 + [0] * 4, atol=0.01)


def test_channel_order_and_polarity_change_nothing() -> None:
    left, right = music(12.0, seed=1), music(12.0, seed=2, level_dbfs=-16)
    before = describe(measured(as_signal(left, right)))
    np.testing.assert_allclose(describe(measured(as_signal(right, left))), before, atol=1e-5)
    np.testing.assert_allclose(describe(measured(as_signal(-left, right))), before, atol=1e-5)


def test_silence_has_no_loudness() -> None:
    found = measured(as_signal(silence(5.0), silence(5.0)))
    for spec in dataclasses.fields(DynamicsFeatures):
        measurement = getattr(found, spec.name)
        assert measurement.value is None
        assert "silen" in measurement.reason


def test_too_short_a_sound_says_so() -> None:
    short = measured(as_signal(sine(1000, 0.3)))
    assert short.loudness_integrated_lufs.reason == "the sound is shorter than 0.4 s"
    assert short.peak_to_loudness_ratio_lu.reason == "the sound is shorter than 0.4 s"
    assert short.dynamic_range_db.reason == "the sound is shorter than 0.4 s"
    assert short.true_peak_dbtp.value is not None
    middling = measured(as_signal(sine(1000, 2.0)))
    assert middling.loudness_integrated_lufs.value is not None
    assert middling.loudness_range_lu.reason == "the sound is shorter than 3 s"
    assert middling.loudness_short_term_max_lufs.reason == "the sound is shorter than 3 s"


@pytest.mark.parametrize("samples", [0, 1, 2, 100])
def test_a_few_samples_do_not_crash(samples: int) -> None:
    found = measured(Signal(np.full((2, samples), 0.5, dtype=np.float32), 44100))
    if samples:
        assert value(found.true_peak_dbtp) == pytest.approx(-6.02, abs=0.01)
    else:
        assert found.true_peak_dbtp.value is None
