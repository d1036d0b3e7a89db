"""Technical quality: what was done to a signal of known making is found, and what was not done is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal as scipy_signal

from flamingo_bark_assets.audio.bandwidth import measure_bandwidth
from flamingo_bark_assets.audio.clipping import ClippingReader
from flamingo_bark_assets.audio.levels import LevelReader, levels_of, mono_pieces
from flamingo_bark_assets.audio.long_term_spectrum import LongTermSpectrum, SpectrumReader
from flamingo_bark_assets.audio.quality import TechnicalQuality, frame_levels_of, judge_quality
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from tests.degraded_synthesis import cut, in_16_bits, sloping
from tests.signals import (
    RATE_HZ,
    as_signal,
    decode_signal,
    join,
    measure_quality,
    music,
    noise,
    read_through,
    silence,
    sine,
    write_audio,
)


def long_term_spectrum(signal: Signal) -> LongTermSpectrum:
    return read_through(SpectrumReader(signal.sample_rate_hz, signal.channels), signal)


def quality(*channels: FloatArray) -> TechnicalQuality:
    return measure_quality(as_signal(*channels))


def clipped(*channels: FloatArray) -> float:
    signal = as_signal(*channels)
    found = read_through(ClippingReader(signal.sample_rate_hz, signal.channels), signal).fraction.value
    assert found is not None
    return found


def bandwidth_hz(wave: FloatArray, rate_hz: int = RATE_HZ) -> float:
    found = measure_bandwidth(long_term_spectrum(as_signal(wave, rate_hz=rate_hz))).bandwidth_hz.value
    assert found is not None
    return found


def in_8_bits(wave: FloatArray) -> FloatArray:
    return np.asarray(np.round(wave * 127) / 128, dtype=np.float32)


def test_peak_is_that_of_the_largest_sample() -> None:
    wave = music(2.0)
    wave[1234] = -0.5
    assert quality(wave, silence(2.0)).peak_dbfs.value == pytest.approx(-6.02, abs=0.01)


def test_clipping_is_the_share_of_samples_that_were_cut() -> None:
    wave = music(5.0, level_dbfs=6.0)
    cut = np.clip(wave, -1, 1)
    expected = np.count_nonzero(np.abs(wave) >= 1) / wave.size
    assert expected > 0.001
    assert clipped(cut) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("gain", [0.7, 0.31, 0.05])
def test_clipping_is_found_after_the_song_was_turned_down(gain: float) -> None:
    cut = np.clip(music(5.0, level_dbfs=8.0), -1, 1)
    assert clipped(in_16_bits(cut * np.float32(gain))) == pytest.approx(clipped(cut), rel=0.1)


def test_clipping_is_found_after_a_long_silence() -> None:
    cut_off = in_16_bits(np.clip(music(3.0, level_dbfs=6.0), -1, 1))
    rest = silence(40.0)
    assert clipped(join(rest, cut_off)) == pytest.approx(clipped(cut_off) * 3 / 43, rel=0.05)
    assert clipped(join(rest, cut_off), join(cut_off, rest)) == pytest.approx(clipped(cut_off) * 3 / 43, rel=0.05)


def test_clipping_of_one_side_of_one_channel_is_found() -> None:
    wave = music(5.0, level_dbfs=-6.0)
    assert clipped(wave, np.minimum(wave, 0.3)) > 0.001
    assert clipped(wave, wave) == 0.0


def test_a_clipped_low_sine_is_two_thirds_clipped() -> None:
    assert clipped(np.clip(sine(50, 2.0, level_dbfs=6.0206), -1, 1)) == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("frequency_hz", [20, 50, 441, RATE_HZ / 8, RATE_HZ / 12])
@pytest.mark.parametrize("level_dbfs", [0.0, -1.0, -60.0, -80.0])
@pytest.mark.parametrize("quantised", [in_16_bits, in_8_bits, lambda wave: wave], ids=["16 bit", "8 bit", "float"])
def test_the_tops_of_a_sine_are_no_clipping(frequency_hz: float, level_dbfs: float, quantised) -> None:  # type: ignore[no-untyped-def]
    assert clipped(quantised(sine(frequency_hz, 2.0, level_dbfs=level_dbfs))) == 0.0


def test_a_square_wave_is_no_clipping() -> None:
    square = np.sign(sine(220, 2.0, phase_rad=0.1)) * np.float32(0.5)
    assert clipped(square) == 0.0
    assert clipped(join(square, silence(1.0), square)) == 0.0


def test_a_sparse_loud_peak_is_no_clipping() -> None:
    wave = music(5.0)
    wave[1000] = 1.0
    wave[3000:3002] = 1.0
    assert clipped(wave) == 0.0


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_constant_is_no_clipping(level: float) -> None:
    assert clipped(silence(2.0) + np.float32(level)) == 0.0


def test_unclipped_music_has_no_clipping_at_any_level() -> None:
    for level_dbfs in (0.0, -40.0, -80.0):
        assert clipped(in_16_bits(music(5.0, level_dbfs=level_dbfs))) == 0.0


@pytest.mark.parametrize("cutoff_hz", [4000, 8000, 11000, 16000, 19000])
@pytest.mark.parametrize("decay_db_per_octave", [0.0, 4.0, 8.0])
@pytest.mark.parametrize("quantised", [False, True])
def test_a_low_pass_is_found_within_5_percent(cutoff_hz: float, decay_db_per_octave: float, quantised: bool) -> None:
    wave = cut(sloping(decay_db_per_octave), cutoff_hz)
    found = bandwidth_hz(in_16_bits(wave) if quantised else wave)
    assert found == pytest.approx(cutoff_hz, rel=0.05)


@pytest.mark.parametrize("order", [8, 12])
def test_a_gentler_filter_is_found_within_8_percent(order: int) -> None:
    sos = scipy_signal.butter(order, 8000, fs=RATE_HZ, output="sos")
    wave = np.asarray(scipy_signal.sosfilt(sos, noise(5.0)), dtype=np.float32)
    assert bandwidth_hz(in_16_bits(wave)) == pytest.approx(8000, rel=0.08)


def test_sound_upsampled_from_16_khz_reaches_8_khz() -> None:
    wave = resample(noise(5.0, rate_hz=16000)[np.newaxis], 16000, RATE_HZ)[0]
    assert bandwidth_hz(wave) == pytest.approx(8000, rel=0.05)


@pytest.mark.parametrize("rate_hz", [22050, 44100, 48000])
@pytest.mark.parametrize("decay_db_per_octave", [0.0, 6.0])
def test_full_band_sound_reaches_half_the_sample_rate(rate_hz: int, decay_db_per_octave: float) -> None:
    found = bandwidth_hz(sloping(decay_db_per_octave), rate_hz)
    assert found == pytest.approx(rate_hz / 2, rel=0.05)


def test_sound_that_fades_into_the_rounding_noise_ends_there() -> None:
    spectrum = np.fft.rfft(noise(8.0, level_dbfs=-20))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(8 * RATE_HZ, 1 / RATE_HZ), 1000) / 1000)
    wave = np.fft.irfft(spectrum * 10 ** (-24 * octaves / 20)).astype(np.float32)
    # Rounding to 16 bits is noise of -101 dBFS: 81 dB below -20, which 24 dB an octave reach at 10.4 kHz.
    assert 8000 < bandwidth_hz(in_16_bits(wave)) < 10500


def test_hiss_up_to_half_the_sample_rate_is_bandwidth() -> None:
    assert bandwidth_hz(sloping(20.0) + noise(8.0, level_dbfs=-75)) == pytest.approx(RATE_HZ / 2, rel=0.05)


def test_a_loud_tone_does_not_hide_wide_band_sound() -> None:
    wave = sine(440, 8.0, level_dbfs=-6) + noise(8.0, level_dbfs=-50)
    assert bandwidth_hz(wave) == pytest.approx(RATE_HZ / 2, rel=0.05)


def test_moments_of_wide_band_sound_do_not_hide_a_low_pass() -> None:
    wave = cut(noise(10.0), 8000)
    wave[RATE_HZ : RATE_HZ + 4000] += noise(4000 / RATE_HZ)
    assert bandwidth_hz(wave) == pytest.approx(8000, rel=0.05)


def test_silence_does_not_change_the_bandwidth() -> None:
    wave = cut(noise(3.0), 8000)
    assert bandwidth_hz(join(silence(5.0), wave, noise(5.0, level_dbfs=-95))) == pytest.approx(8000, rel=0.05)


def test_a_lossy_file_shows_its_low_pass(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.mp3", noise(5.0, level_dbfs=-15), noise(5.0, level_dbfs=-15, seed=1))
    signal = decode_signal(path, max_duration_s=60)
    found = measure_bandwidth(long_term_spectrum(signal)).bandwidth_hz.value
    assert found is not None
    # LAME's default low-pass for its 128 kbit/s is 17 kHz, for V2 to V0 18.5 to 20 kHz.
    assert 15_000 < found < 20_500


def test_silent_frames_are_counted() -> None:
    found = quality(join(silence(1.0), sine(440, 2.0), sine(440, 1.0, level_dbfs=-65)))
    assert found.silent_fraction.value == pytest.approx(0.5, abs=0.02)
    assert found.leading_silence_s.value == pytest.approx(1.0, abs=0.05)
    assert found.trailing_silence_s.value == pytest.approx(1.0, abs=0.05)


def test_the_silence_threshold_is_minus_60_dbfs_rms() -> None:
    just_above = sine(440, 2.0, level_dbfs=-56.5)  # RMS -59.5
    just_below = sine(440, 2.0, level_dbfs=-57.5)
    assert quality(just_above).silent_fraction.value == 0.0
    assert quality(just_below).silent_fraction.value == 1.0


def test_frames_keep_time_where_they_are_no_whole_number_of_samples() -> None:
    rate_hz = 11025
    wave = join(sine(440, 200.0, rate_hz=rate_hz), silence(10.0, rate_hz=rate_hz))
    found = measure_quality(as_signal(wave, rate_hz=rate_hz)).trailing_silence_s.value
    assert found == pytest.approx(10.0, abs=0.051)


def test_an_offset_is_no_sound_but_is_measured() -> None:
    found = quality(silence(2.0) + np.float32(0.1), silence(2.0))
    assert found.dc_offset.value == pytest.approx(0.1, rel=1e-4)
    assert found.silent_fraction.value == 1.0


@pytest.mark.parametrize("block", [1000, 4096, 32768, 10**6])
def test_blocks_of_any_length_give_the_same(block: int) -> None:
    samples = as_signal(music(5.0, level_dbfs=6.0).clip(-1, 1), music(5.0, seed=2))
    readers = LevelReader(RATE_HZ, 2), ClippingReader(RATE_HZ, 2), SpectrumReader(RATE_HZ, 2)
    for start in range(0, samples.samples.shape[1], block):
        for reader in readers:
            reader.add(samples.samples[:, start : start + block])
    levels, clipping, spectrum = readers
    found = judge_quality(levels.finish(), clipping.finish(), spectrum.finish())
    expected = measure_quality(samples)
    for name in ("clipped_fraction", "noise_floor_dbfs", "bandwidth_hz", "leading_silence_s", "stereo_correlation"):
        assert getattr(found, name).value == pytest.approx(getattr(expected, name).value, rel=1e-4), name


def test_a_dark_slope_is_no_low_pass_but_a_cliff_is() -> None:
    slope = scipy_signal.sosfilt(scipy_signal.butter(4, 3000, fs=RATE_HZ, output="sos"), noise(8.0))
    dark = np.asarray(slope, dtype=np.float32)
    assert quality(dark).lowpass_detected.value is False
    assert quality(cut(dark, 8000)).lowpass_detected.value is True


@pytest.mark.parametrize("cutoff_hz", [3400, 8000, 11000, 16000, 18000])
def test_an_audible_low_pass_is_detected(cutoff_hz: float) -> None:
    assert quality(in_16_bits(cut(sloping(5.0), cutoff_hz))).lowpass_detected.value is True


@pytest.mark.parametrize("rate_hz", [22050, 32000, 44100, 48000])
def test_the_anti_aliasing_filter_is_no_low_pass(rate_hz: int) -> None:
    wave = resample(sloping(5.0)[np.newaxis], 96000, rate_hz)[0]
    assert measure_quality(as_signal(wave, rate_hz=rate_hz)).lowpass_detected.value is False


def test_partials_that_end_are_no_low_pass() -> None:
    tones = sum(sine(500 * k, 5.0, level_dbfs=-30) for k in range(1, 12))
    assert quality(np.asarray(tones, dtype=np.float32) + noise(5.0, level_dbfs=-95)).lowpass_detected.value is False


def test_a_few_flat_runs_are_no_clipped_song() -> None:
    wave = music(5.0)
    for start in (10_000, 20_000, 30_000):
        wave[start : start + 4] = 0.9
    found = quality(wave)
    assert found.clipped_fraction.value == pytest.approx(12 / wave.size)
    assert found.clipped.value is False


def test_stereo_correlation_of_known_mixtures() -> None:
    one, other = noise(3.0, seed=1), noise(3.0, seed=2)
    assert quality(one, one).stereo_correlation.value == pytest.approx(1.0)
    assert quality(one, other).stereo_correlation.value == pytest.approx(0.0, abs=0.02)
    half = np.asarray((one + other) * np.float32(0.5**0.5), dtype=np.float32)
    assert quality(one, half).stereo_correlation.value == pytest.approx(0.707, abs=0.02)


def test_correlation_agrees_with_numpy_over_many_blocks() -> None:
    left, right = noise(14.0, seed=1) + np.float32(0.2), music(14.0, seed=2)
    right = np.asarray(right + np.float32(0.3) * left, dtype=np.float32)
    expected = np.corrcoef(left.astype(np.float64), right.astype(np.float64))[0, 1]
    assert levels_of(as_signal(left, right)).correlation == pytest.approx(expected, abs=1e-6)


def test_inverted_polarity_is_found() -> None:
    wave = music(3.0)
    assert quality(wave, -wave).polarity_inverted.value is True
    assert quality(wave, np.asarray(-0.5 * wave, dtype=np.float32)).polarity_inverted.value is True
    assert quality(wave, wave).polarity_inverted.value is False
    assert quality(noise(3.0, seed=1), noise(3.0, seed=2)).polarity_inverted.value is False


def test_mono_view_of_inverted_stereo_keeps_the_music() -> None:
    wave = music(3.0)
    pieces = list(mono_pieces(as_signal(wave, -wave), 10_000))
    np.testing.assert_allclose(np.concatenate(pieces), wave, atol=1e-6)


def test_mono_is_told_from_stereo() -> None:
    wave, other = music(3.0, seed=1), music(3.0, seed=2)
    assert quality(wave).is_mono.value is True
    assert quality(wave, wave).is_mono.value is True
    assert quality(wave, other).is_mono.value is False
    assert quality(wave, silence(3.0)).is_mono.value is False
    assert quality(wave, -wave).is_mono.value is False


def test_mono_and_one_sided_files_have_no_stereo_measures() -> None:
    for found in (quality(music(2.0)), quality(music(2.0), silence(2.0))):
        assert found.stereo_correlation.value is None
        assert found.polarity_inverted.value is None


def test_silence_is_described_without_numbers_that_it_does_not_have() -> None:
    found = quality(silence(3.0), silence(3.0))
    assert found.silent_fraction.value == 1.0
    assert found.clipped_fraction.value == 0.0
    for unknown in (
        found.peak_dbfs,
        found.leading_silence_s,
        found.noise_floor_dbfs,
        found.bandwidth_hz,
        found.stereo_correlation,
    ):
        assert unknown.value is None


@pytest.mark.parametrize("rate_hz", [1000, 44100, 768000])
@pytest.mark.parametrize("samples", [1, 2, 10, 3000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_few_samples_at_any_rate_do_not_crash(channels: int, samples: int, rate_hz: int) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, (channels, samples)).astype(np.float32)
    measure_quality(Signal(wave, rate_hz))
    assert frame_levels_of(levels_of(Signal(wave, rate_hz))).rms_dbfs.size >= 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "wave",
    [
        silence(1.0),
        silence(1.0) + np.float32(1.0),
        np.random.default_rng(0).uniform(-1.0, 1.0, 2 * RATE_HZ).astype(np.float32),
        sine(1, 3.0, level_dbfs=0.0),
        sine(20_000, 3.0, level_dbfs=0.0),
        join(silence(1.0), np.ones(1, np.float32), silence(1.0)),
        np.full(RATE_HZ, 1e-30, np.float32),
        np.float32(1000.0) * sine(100, 1.0),
    ],
    ids=["silence", "constant", "full-scale noise", "1 Hz", "20 kHz", "one click", "underflow", "far over full scale"],
)
def test_hostile_sounds_are_measured_without_a_warning(wave: FloatArray) -> None:
    for found in (quality(wave), quality(wave, wave), quality(wave, np.zeros_like(wave)), quality(wave, -wave, wave)):
        assert found.clipped.value is False
        assert found.noise_ceiling_dbfs.value is None or found.noise_ceiling_dbfs.value < 61.0


def test_three_equal_channels_are_mono() -> None:
    wave = music(2.0)
    assert quality(wave, wave, wave).is_mono.value is True
    assert quality(wave, wave, -wave).is_mono.value is False


def test_an_offset_of_one_channel_does_not_make_mono_stereo() -> None:
    wave = music(3.0)
    assert quality(wave, wave + np.float32(0.02)).is_mono.value is True


def test_silence_before_a_song_with_an_offset_is_silence() -> None:
    # The offset ends with the digital silence, which must not sound because the mean of the whole was taken off.
    wave = join(silence(2.0), silence(0.5) + np.float32(0.05), music(3.0) + np.float32(0.05))
    assert quality(wave).silent_fraction.value == pytest.approx(2.5 / 5.5, abs=0.02)
