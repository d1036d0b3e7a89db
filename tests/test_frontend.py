"""The shared views of a sound: against plain numpy and scipy, in any split, of any polarity and length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, resample_poly, sosfiltfilt

from flamingo_bark_assets.analysis.frontend.reading import shape_rate_hz
from flamingo_bark_assets.analysis.frontend.view import (
    BINS_PER_SEMITONE,
    LOWEST_NOTE,
    NOTE_BINS,
    NOTE_RATE_HZ,
    ONSET_BAND_EDGES,
    ONSET_RATE_HZ,
    RATE_HZ,
    AudioView,
    TooLongError,
    read_view,
)
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.levels import levels_of
from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray, FrameClock, Signal, frame_edges
from flamingo_bark_assets.errors import AudioFault
from tests.signals import as_signal, decode_signal, join, music, noise, silence, sine, write_wav


@dataclass(frozen=True)
class Split:
    """A signal that comes in blocks of given sizes, over and over."""

    signal: Signal
    sizes: tuple[int, ...]

    @property
    def sample_rate_hz(self) -> int:
        return self.signal.sample_rate_hz

    def blocks(self) -> Iterator[FloatArray]:
        start = turn = 0
        while start < self.signal.samples.shape[1]:
            size = self.sizes[turn % len(self.sizes)]
            yield self.signal.samples[:, start : start + size]
            start += size
            turn += 1


class Collected:
    """Keeps all that it reads, and how often it was made."""

    made = 0

    def __init__(self, rate_hz: float, channels: int = 1) -> None:
        Collected.made += 1
        self.rate_hz = rate_hz
        self.pieces: list[FloatArray] = []

    def add(self, piece: FloatArray) -> None:
        self.pieces.append(piece.copy())

    def finish(self) -> list[FloatArray]:
        return self.pieces


def stereo(seconds: float = 3.0, *, rate_hz: int = 44100, mean: float = 0.0) -> Signal:
    left, right = music(seconds, seed=1, rate_hz=rate_hz), music(seconds, seed=2, rate_hz=rate_hz)
    return as_signal(left + 0.5 * right + np.float32(mean), right + 0.5 * left, rate_hz=rate_hz)


def hann(n: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def plain_power(samples: FloatArray, frame: int, hop: int) -> np.ndarray:
    padded = np.pad(samples.astype(np.float64), frame // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    return np.asarray(np.abs(np.fft.rfft(frames * hann(frame), axis=1)) ** 2 / hann(frame).sum() ** 2)


# --- The down-mix and its lower rates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_lower_rates_agree_with_scipys_polyphase_filter_below_their_edge(factor: int) -> None:
    wave = noise(4.0, level_dbfs=-20)
    rate_hz = {2: 22050, 4: 11025, 8: 5512, 16: 2756}[factor]
    expected = resample_poly(wave - wave.mean(), 1, factor, window=("kaiser", 9.0))
    low_pass = butter(8, 0.7, output="sos")
    found, expected = (sosfiltfilt(low_pass, x)[50:-50] for x in (AudioView(as_signal(wave)).mono(rate_hz), expected))
    assert np.abs(found - expected[: found.size]).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 32000, 44100, 48000, 96000, 192000])
def test_a_tone_keeps_level_and_place_at_any_rate(rate_hz: int) -> None:
    view = AudioView(as_signal(sine(440, 2.0, rate_hz=rate_hz), rate_hz=rate_hz))
    for lower_hz, exact_hz in ((22050, 22050.0), (11025, 11025.0), (5512, 5512.5), (2756, 2756.25)):
        mono = view.mono(lower_hz)
        expected = 10 ** (-6 / 20) * np.sin(2 * np.pi * 440 * np.arange(mono.size) / exact_hz)
        np.testing.assert_allclose(mono[300:-300], expected[300:-300], atol=2e-3)


def test_nothing_above_the_new_edge_is_folded_back() -> None:
    view = AudioView(as_signal(sine(13_000, 1.0, level_dbfs=0)))
    assert np.abs(view.mono()[200:-200]).max() < 1e-4


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_the_mean_is_taken_off_without_a_step_at_the_ends(rate_hz: int) -> None:
    plain = as_signal(music(2.0, rate_hz=rate_hz) - music(2.0, rate_hz=rate_hz).mean(), rate_hz=rate_hz)
    shifted = Signal(plain.samples + np.float32(0.25), rate_hz)
    np.testing.assert_allclose(AudioView(shifted).mono(), AudioView(plain).mono(), atol=2e-6)


def test_an_inverted_channel_is_turned_over() -> None:
    wave = music(2.0)
    view = AudioView(as_signal(wave, -wave))
    assert view.levels.opposed
    np.testing.assert_allclose(view.mono(), AudioView(as_signal(wave)).mono(), atol=1e-6)


def test_more_than_two_channels_are_averaged() -> None:
    parts = [music(1.0, seed=seed) for seed in range(3)]
    expected = AudioView(as_signal(np.mean(parts, axis=0, dtype=np.float32))).mono()
    np.testing.assert_allclose(AudioView(as_signal(*parts)).mono(), expected, atol=1e-6)


# --- Spectra ----------------------------------------------------------------------------------------------------------


def test_onset_power_agrees_with_plain_numpy() -> None:
    view = AudioView(stereo())
    expected = np.add.reduceat(plain_power(view.mono(), 512, 220), ONSET_BAND_EDGES[:-1], axis=1)
    assert view.onset_power.shape == expected.shape
    np.testing.assert_allclose(view.onset_power, expected, rtol=1e-3, atol=1e-9)


def test_note_spectrum_agrees_with_plain_numpy() -> None:
    view = AudioView(stereo())
    magnitude = np.sqrt(plain_power(view.mono(11025), 4096, 1024))
    notes = LOWEST_NOTE + np.arange(NOTE_BINS) / BINS_PER_SEMITONE

    def bins_of(note: np.ndarray) -> np.ndarray:
        return np.asarray(440 * 2 ** ((note - 69) / 12) * 4096 / 11025)

    expected = np.stack([np.interp(bins_of(notes), np.arange(2049), row) for row in magnitude])
    first, end = (np.round(bins_of(notes + side / 6)).astype(int) for side in (-1, 1))
    for n in np.flatnonzero(end - first >= 2):
        expected[:, n] = np.maximum(expected[:, n], magnitude[:, first[n] : end[n]].max(axis=1))
    assert view.note_spectrum.shape == expected.shape
    np.testing.assert_allclose(view.note_spectrum, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("note", [36, 57, 69, 81, 100])
def test_a_sine_stands_at_its_note_with_half_its_amplitude(note: int) -> None:
    wave = sine(440 * 2 ** ((note - 69) / 12), 3.0, level_dbfs=0.0)
    spectrum = AudioView(as_signal(wave)).note_spectrum[10:-10].mean(axis=0)
    assert spectrum.argmax() == (note - LOWEST_NOTE) * BINS_PER_SEMITONE
    assert spectrum.max() == pytest.approx(0.5, rel=0.16)  # up to 1.4 dB between two bins


@pytest.mark.parametrize("cents", [-40.0, -12.5, 0.0, 30.0])
def test_tuning_is_that_of_the_partials(cents: float) -> None:
    notes = [220 * 2 ** ((k + cents / 100) / 12) for k in (0, 4, 7, 12, 16)]
    tuning = AudioView(as_signal(np.sum([sine(hz, 3.0, level_dbfs=-20) for hz in notes], axis=0))).tuning
    assert tuning.cents == pytest.approx(cents, abs=1.0)
    assert tuning.concentration > 0.95


def test_a_click_stands_in_its_frames() -> None:
    wave = silence(3.0)
    wave[44100] = 1.0
    view = AudioView(as_signal(wave))
    assert view.onset_power.sum(axis=1).argmax() / ONSET_RATE_HZ == pytest.approx(1.0, abs=0.006)
    assert view.note_spectrum.sum(axis=1).argmax() / NOTE_RATE_HZ == pytest.approx(1.0, abs=0.05)


def test_leading_silence_shifts_the_frames() -> None:
    wave = music(2.0)
    wave -= wave.mean()
    shifted = AudioView(as_signal(join(silence(220 * 50 / 22050), wave))).onset_power[50:]
    np.testing.assert_allclose(shifted, AudioView(as_signal(wave)).onset_power, rtol=1e-2, atol=1e-8)


# --- Levels -----------------------------------------------------------------------------------------------------------


def test_levels_agree_with_plain_numpy() -> None:
    signal = stereo(1.33, mean=0.1)
    levels = AudioView(signal).levels
    edges = frame_edges(signal.samples.shape[1], 44100, 0.05)
    left, right = signal.samples.astype(np.float64)
    np.testing.assert_array_equal(levels.frame_length, np.diff(edges))
    np.testing.assert_allclose(levels.frame_sums[0], np.add.reduceat(left, edges[:-1]), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(levels.frame_squares[1], np.add.reduceat(right**2, edges[:-1]), rtol=1e-5)
    np.testing.assert_allclose(levels.frame_products, np.add.reduceat(left * right, edges[:-1]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(levels.dc, [left.mean(), right.mean()], rtol=1e-4)
    np.testing.assert_allclose(levels.peak, np.abs(signal.samples).max(axis=1))
    assert levels.correlation == pytest.approx(np.corrcoef(left, right)[0, 1], abs=1e-4)


def test_activity_is_measured_about_the_mean() -> None:
    view = AudioView(as_signal(join(silence(1.0), sine(1000, 1.0, level_dbfs=-20)) + np.float32(0.1)))
    assert view.music_start_s == pytest.approx(1.0)
    assert 10 * np.log10(view.activity_power[-5]) == pytest.approx(-23.0, abs=0.1)


@given(
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=8), rate_hz=st.sampled_from([8000, 11025, 44100, 48000])
)
@settings(max_examples=60, deadline=None)
def test_the_clock_gives_the_frames_of_the_whole(sizes: list[int], rate_hz: int) -> None:
    clock = FrameClock(rate_hz, 0.05)
    lengths = np.zeros(10_000, np.int64)
    for size in sizes:
        first, edges = clock.advance(size)
        lengths[first : first + edges.size - 1] += np.diff(edges)
    expected = np.diff(frame_edges(sum(sizes), rate_hz, 0.05))
    np.testing.assert_array_equal(lengths[: expected.size], expected)
    assert not lengths[expected.size :].any()


# --- One pass, in any split -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(50_000, 1, 2, 3333), (4410,)])
@pytest.mark.parametrize("polarity", [1, -1])
def test_any_split_gives_the_same_numbers(sizes: tuple[int, ...], polarity: int) -> None:
    left, right = music(2.5, seed=1, rate_hz=48000), music(2.5, seed=2, rate_hz=48000)
    signal = as_signal(left + 0.2 * right, polarity * (left - 0.2 * right) + np.float32(0.01), rate_hz=48000)
    whole, split = AudioView(signal), AudioView(Split(signal, sizes))
    assert whole.levels.opposed == (polarity < 0)
    np.testing.assert_array_equal(split.mono(), whole.mono())
    np.testing.assert_array_equal(split.mono(2756), whole.mono(2756))
    np.testing.assert_array_equal(split.onset_power, whole.onset_power)
    np.testing.assert_array_equal(split.note_spectrum, whole.note_spectrum)
    assert whole.energies.weighted is not None
    assert split.energies.weighted is not None
    np.testing.assert_allclose(split.energies.weighted, whole.energies.weighted, rtol=1e-9)
    np.testing.assert_allclose(split.energies.plain, whole.energies.plain, rtol=1e-5)
    np.testing.assert_allclose(split.activity_power, whole.activity_power, rtol=1e-4)
    one, other = (np.concatenate(view.read_shape(Collected)) for view in (split, whole))
    np.testing.assert_array_equal(one, other)


def test_samples_may_lie_in_memory_in_any_way() -> None:
    signal = stereo(1.0)
    interleaved = Signal(np.asfortranarray(signal.samples), 44100)
    read_only = Signal(signal.samples.copy(), 44100)
    read_only.samples.flags.writeable = False
    for other in (interleaved, read_only):
        np.testing.assert_array_equal(AudioView(other).onset_power, AudioView(signal).onset_power)


def test_a_file_gives_what_its_samples_give(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", *stereo().samples)
    file = read_view(open_blocks(path, max_duration_s=10.0))
    memory = AudioView(decode_signal(path, max_duration_s=10.0))
    path.unlink()  # nothing of it is needed any more
    np.testing.assert_array_equal(file.onset_power, memory.onset_power)
    np.testing.assert_array_equal(file.mono(11025), memory.mono(11025))
    assert file.duration_s == memory.duration_s


def test_a_fault_at_the_end_of_a_file_comes_to_light_when_it_is_read(tmp_path: Path) -> None:
    wave = music(3.0)
    wave[-10] = np.nan
    sound = open_blocks(write_wav(tmp_path / "a.wav", wave, subtype="FLOAT"), max_duration_s=10.0)
    with pytest.raises(AudioFault, match="1 samples are NaN"):
        read_view(sound)


def test_announced_and_later_readers_get_the_same() -> None:
    signal = stereo()
    announced = AudioView(signal, native=(Collected,))
    before = Collected.made
    later = AudioView(signal).read_native(Collected)
    np.testing.assert_array_equal(np.concatenate(announced.read_native(Collected), axis=1), signal.samples)
    np.testing.assert_array_equal(np.concatenate(later, axis=1), signal.samples)
    assert announced.read_native(Collected) is announced.read_native(Collected)
    assert Collected.made == before + 2


@pytest.mark.parametrize("polarity", [1, -1])
def test_shape_readers_get_the_power_of_the_repaired_down_mix(polarity: int) -> None:
    wave = sine(1000, 2.0, level_dbfs=0.0)
    signal = as_signal(wave, np.float32(polarity) * wave)
    for power in (
        np.concatenate(AudioView(signal, shape=(Collected,)).read_shape(Collected)),
        np.concatenate(AudioView(signal).read_shape(Collected)),
    ):
        frames = np.pad(wave, (0, -wave.size % 2048)).reshape(-1, 2048)
        expected = np.abs(np.fft.rfft(frames * hann(2048), axis=1)) ** 2 / hann(2048).sum() ** 2
        np.testing.assert_allclose(power, expected, atol=1e-6)


@pytest.mark.parametrize(("rate_hz", "expected_hz"), [(8000, 8000), (48000, 48000), (96000, 48000), (176400, 44100)])
def test_shape_frames_stay_about_as_long(rate_hz: int, expected_hz: float) -> None:
    view = AudioView(as_signal(sine(1000, 2.0, rate_hz=rate_hz), rate_hz=rate_hz))
    power = np.concatenate(view.read_shape(Collected))
    assert shape_rate_hz(rate_hz) == expected_hz
    assert power[2:-2].mean(axis=0).argmax() * expected_hz / 2048 == pytest.approx(1000, abs=expected_hz / 2048)


# --- Long sounds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.0, 0.05])
@pytest.mark.parametrize("polarity", [1.0, -1.0])
def test_a_long_sound_has_the_same_spectra(mean: float, polarity: float) -> None:
    wave = music(4.0)
    signal = as_signal(wave + np.float32(mean), np.float32(polarity) * wave)
    short, long = AudioView(signal), AudioView(signal, longest_whole_s=1.5)
    assert long.is_long
    assert not short.is_long
    np.testing.assert_allclose(long.onset_power, short.onset_power, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(long.note_spectrum, short.note_spectrum, rtol=1e-3, atol=1e-6)
    assert long.tuning.cents == pytest.approx(short.tuning.cents, abs=0.01)


@pytest.mark.parametrize("rate_hz", [11025, 5512, 2756])
@pytest.mark.parametrize("longest_s", [1.5, 1800.0])
def test_pieces_make_up_the_whole(rate_hz: int, longest_s: float) -> None:
    signal = stereo(4.0)
    whole = AudioView(signal).mono(rate_hz)
    pieces = list(AudioView(signal, longest_whole_s=longest_s).mono_pieces(rate_hz, piece_s=1.3, margin_s=0.1))
    np.testing.assert_allclose(np.concatenate([p.samples[p.start : p.end] for p in pieces]), whole, atol=1e-3)
    margin = round(0.1 * rate_hz)
    assert pieces[1].start == margin
    np.testing.assert_allclose(pieces[1].samples, whole[pieces[1].offset :][: pieces[1].samples.size], atol=1e-3)


def test_a_long_sound_is_not_given_whole() -> None:
    view = AudioView(stereo(4.0), longest_whole_s=1.5)
    with pytest.raises(TooLongError):
        view.mono()


@pytest.mark.parametrize("piece_s", [0.7, 1.5, 60.0])
def test_the_pieces_of_a_long_sound_at_the_highest_rate_are_those_of_the_whole(piece_s: float) -> None:
    long, short = AudioView(stereo(4.0), longest_whole_s=1.5), AudioView(stereo(4.0))
    pieces = list(long.mono_pieces(RATE_HZ, piece_s=piece_s, margin_s=0.1))
    joined = np.concatenate([piece.samples[piece.start : piece.end] for piece in pieces])
    np.testing.assert_allclose(joined, short.mono(RATE_HZ), atol=2e-4)
    for piece in pieces:
        whole = short.mono(RATE_HZ)[piece.offset :][: piece.samples.size]
        np.testing.assert_allclose(piece.samples, whole, atol=2e-4)


# --- Hostile sounds ---------------------------------------------------------------------------------------------------

HOSTILE = {
    "empty": silence(0.0),
    "one sample": np.ones(1, np.float32),
    "two samples": np.ones(2, np.float32),
    "half a second": music(0.5),
    "silence": silence(2.0),
    "steady": np.ones(44100, np.float32),
    "full-scale noise": noise(2.0, level_dbfs=0.0),
    "1 Hz": sine(1.0, 3.0),
    "20 kHz": sine(20_000, 2.0, level_dbfs=0.0),
    "faintest": np.full(44100, 1e-38, np.float32),
    "far above full scale": 900 * music(1.0),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_hostile_sounds_give_finite_numbers(name: str, channels: int) -> None:
    view = AudioView(as_signal(*[HOSTILE[name]] * channels))
    for found in (view.mono(), view.mono(2756), view.onset_power, view.note_spectrum, view.activity_power):
        assert np.isfinite(found).all()
    assert -50.0 <= view.tuning.cents <= 50.0
    assert (view.unusable is None) == (
        name not in ("empty", "one sample", "two samples", "silence", "steady", "faintest")
    )


def test_gain_scales_the_spectra() -> None:
    signal = stereo()
    half = Signal(signal.samples * np.float32(0.5), signal.sample_rate_hz)
    np.testing.assert_allclose(AudioView(half).onset_power, 0.25 * AudioView(signal).onset_power, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(AudioView(half).note_spectrum, 0.5 * AudioView(signal).note_spectrum, rtol=1e-4)


def test_channel_order_and_the_polarity_of_both_change_nothing() -> None:
    signal = stereo()
    plain = AudioView(signal).onset_power
    for changed in (signal.samples[::-1], -signal.samples):
        found = AudioView(Signal(np.ascontiguousarray(changed), 44100)).onset_power
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-10)


def test_rows_grow_without_losing_any() -> None:
    rows = GrowingRows(np.float32, (3,))
    parts = [np.full((n, 3), n, np.float64) for n in (1, 2000, 0, 7, 5000)]
    for part in parts:
        rows.append(part)
    assert len(rows) == 7008
    np.testing.assert_array_equal(rows.take(), np.concatenate(parts))
    assert len(rows) == 0


def test_levels_of_a_signal_are_those_of_its_view() -> None:
    signal = stereo()
    np.testing.assert_array_equal(levels_of(signal).frame_squares, AudioView(signal).levels.frame_squares)
