"""Loudness and dynamics, held against the test signals of EBU Tech 3341 and 3342 and BS.1770's table."""

from __future__ import annotations

import numpy as np
import pytest

from flamingo_bark_assets.audio.loudness import (
    Loudness,
    crest_factor,
    dynamic_range,
    k_weighting,
    measure_loudness,
    rms_level,
    segment_energies,
    true_peak,
)
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.record import Measurement
from tests.signals import as_signal, join, music, noise, silence, sine

RATE_HZ = 48000


def tones(*steps: tuple[float, float], rate_hz: int = RATE_HZ) -> Signal:
    """Stereo 1 kHz sine of (seconds, peak dBFS) steps, in phase, as the EBU's test signals."""
    wave = join(*(sine(1000, s, level_dbfs=level, rate_hz=rate_hz) for s, level in steps))
    return as_signal(wave, wave, rate_hz=rate_hz)


def value(measurement: Measurement[float]) -> float:
    assert measurement.value is not None
    return measurement.value


def integrated(signal: Signal) -> float:
    return value(measure_loudness(signal).loudness_integrated_lufs)


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
    assert value(measure_loudness(tones(*steps)).loudness_range_lu) == pytest.approx(range_lu, abs=1)


def test_ebu_3341_true_peak_between_the_samples() -> None:
    wave = faded(sine(RATE_HZ / 4, 1, level_dbfs=-6.0, rate_hz=RATE_HZ, phase_rad=np.pi / 4))
    signal = as_signal(wave, rate_hz=RATE_HZ)
    sample_peak_dbfs = 20 * np.log10(np.abs(wave).max())
    assert value(true_peak(signal)) - sample_peak_dbfs == pytest.approx(3.01, abs=0.05)


@pytest.mark.parametrize("frequency_hz", [997, 6000, 12000, 15000, 19000])
@pytest.mark.parametrize("phase_rad", [0.0, 1.0])
def test_true_peak_of_a_sine_is_its_amplitude(frequency_hz: float, phase_rad: float) -> None:
    wave = sine(frequency_hz, 3, level_dbfs=-6.0, rate_hz=RATE_HZ, phase_rad=phase_rad)
    assert value(true_peak(as_signal(wave, rate_hz=RATE_HZ))) == pytest.approx(-6.0, abs=0.2)


def test_true_peak_is_found_in_any_block() -> None:
    wave = noise(6.0, level_dbfs=-40, rate_hz=RATE_HZ)
    burst = faded(sine(RATE_HZ / 4, 0.3, level_dbfs=-3, rate_hz=RATE_HZ, phase_rad=np.pi / 4))
    for start in (60_000, 131_000, 270_000):
        loud = wave.copy()
        loud[start : start + burst.size] = burst
        assert value(true_peak(as_signal(loud, rate_hz=RATE_HZ))) == pytest.approx(-3.0, abs=0.1)


def test_crest_factor_of_sine_and_square() -> None:
    wave = sine(997, 2)
    assert value(crest_factor(as_signal(wave))) == pytest.approx(3.01, abs=0.01)
    assert value(crest_factor(as_signal(np.sign(wave + 1e-6)))) == pytest.approx(0.0, abs=0.01)


def test_crest_factor_is_that_of_the_loudest_channel() -> None:
    quiet_clicks = silence(2)
    quiet_clicks[::1000] = 0.9
    assert value(crest_factor(as_signal(quiet_clicks, sine(997, 2)))) == pytest.approx(3.01, abs=0.01)


def test_rms_of_a_sine_is_3_db_below_its_peak() -> None:
    assert value(rms_level(as_signal(sine(997, 2, level_dbfs=-10)))) == pytest.approx(-13.01, abs=0.01)


def test_dynamic_range_of_two_levels_is_their_distance() -> None:
    signal = tones((10, -30), (10, -12), (10, -90))
    assert value(dynamic_range(segment_energies(signal))) == pytest.approx(18.0, abs=0.1)


def describe(loudness: Loudness) -> list[float]:
    return [
        value(loudness.loudness_integrated_lufs),
        value(loudness.loudness_range_lu),
        value(loudness.true_peak_dbtp),
        value(loudness.crest_factor_db),
        value(loudness.dynamic_range_db),
        value(loudness.rms_dbfs),
    ]


def test_gain_shifts_levels_and_leaves_ranges() -> None:
    left, right = music(12.0, seed=1), music(12.0, seed=2, level_dbfs=-16)
    before = describe(measure_loudness(as_signal(left, right)))
    after = describe(measure_loudness(as_signal(left * np.float32(0.5), right * np.float32(0.5))))
    down = 20 * np.log10(0.5)
    np.testing.assert_allclose(np.subtract(after, before), [down, 0, down, 0, 0, down], atol=0.01)


def test_channel_order_and_polarity_change_nothing() -> None:
    left, right = music(12.0, seed=1), music(12.0, seed=2, level_dbfs=-16)
    before = describe(measure_loudness(as_signal(left, right)))
    np.testing.assert_allclose(describe(measure_loudness(as_signal(right, left))), before, atol=1e-6)
    np.testing.assert_allclose(describe(measure_loudness(as_signal(-left, right))), before, atol=1e-6)


def test_silence_has_no_loudness() -> None:
    loudness = measure_loudness(as_signal(silence(5.0), silence(5.0)))
    for measurement in (
        loudness.loudness_integrated_lufs,
        loudness.loudness_range_lu,
        loudness.true_peak_dbtp,
        loudness.crest_factor_db,
        loudness.dynamic_range_db,
        loudness.rms_dbfs,
    ):
        assert measurement.value is None
        assert measurement.reason is not None
        assert "silen" in measurement.reason


def test_too_short_a_sound_says_so() -> None:
    short = measure_loudness(as_signal(sine(1000, 0.3)))
    assert short.loudness_integrated_lufs.reason == "the sound is shorter than 0.4 s"
    assert short.dynamic_range_db.reason == "the sound is shorter than 0.4 s"
    assert short.true_peak_dbtp.value is not None
    middling = measure_loudness(as_signal(sine(1000, 2.0)))
    assert middling.loudness_integrated_lufs.value is not None
    assert middling.loudness_range_lu.reason == "the sound is shorter than 3 s"


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_a_few_samples_do_not_crash(samples: int) -> None:
    loudness = measure_loudness(Signal(np.full((2, samples), 0.5, dtype=np.float32), 44100))
    assert value(loudness.rms_dbfs) == pytest.approx(-6.02, abs=0.01)
