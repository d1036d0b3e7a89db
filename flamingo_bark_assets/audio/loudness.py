"""Loudness, true peak and dynamics of a signal, by the broadcast standards.

Levels as the ear and the broadcaster weigh them belong here; faults of the recording are a matter of quality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import FloatArray, Signal, frame_edges
from flamingo_bark_assets.record import Measurement

SEGMENT_S = 0.1
MIN_RATE_HZ = 4000

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_DYNAMIC_GATE_DBFS = -70.0
_BLOCK_SEGMENTS = 4  # 400 ms
_SHORT_TERM_SEGMENTS = 30  # 3 s
_CHUNK_SEGMENTS = 50
_SURROUND_5_1 = (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)  # L R C LFE Ls Rs

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SegmentEnergies:
    """Energy of every 100 ms of a signal; longer windows are sums of these.

    Attributes:
        weighted: K-weighted and channel-weighted mean square, shape (n_segments,); None where the sample rate
            is too low for the K-weighting filter.
        plain: mean square of each channel, shape (n_channels, n_segments).
    """

    weighted: Floats | None
    plain: Floats


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness and dynamics; the fields are those of `SongFeatures`, and the RMS level."""

    loudness_integrated_lufs: Measurement[float]
    loudness_range_lu: Measurement[float]
    true_peak_dbtp: Measurement[float]
    crest_factor_db: Measurement[float]
    dynamic_range_db: Measurement[float]
    rms_dbfs: Measurement[float]


def measure_loudness(signal: Signal) -> Loudness:
    """Measure everything in this module, filtering the signal once.

    Args:
        signal: any rate and number of channels; six channels are taken for 5.1 (L R C LFE Ls Rs).

    Returns:
        All measurements, each unknown with its reason for silence or too short a sound.
    """
    energies = segment_energies(signal)
    return Loudness(
        loudness_integrated_lufs=integrated_loudness(energies),
        loudness_range_lu=loudness_range(energies),
        true_peak_dbtp=true_peak(signal),
        crest_factor_db=crest_factor(signal),
        dynamic_range_db=dynamic_range(energies),
        rms_dbfs=rms_level(signal),
    )


def segment_energies(signal: Signal) -> SegmentEnergies:
    """Mean square of every full 100 ms, K-weighted (ITU-R BS.1770-4, annex 1) and plain.

    Filters in float64, in chunks of 5 s: no float64 copy of the song is made.

    Args:
        signal: any rate and number of channels.

    Returns:
        The energies; the last piece shorter than 100 ms is left out.
    """
    from scipy.signal import sosfilt

    samples, rate_hz = signal.samples, signal.sample_rate_hz
    edges = frame_edges(samples.shape[1], rate_hz, SEGMENT_S)
    if edges.size > 1 and edges[-1] - edges[-2] < math.floor(SEGMENT_S * rate_hz):
        edges = edges[:-1]
    count = edges.size - 1
    plain, filtered = np.zeros((samples.shape[0], count)), np.zeros((samples.shape[0], count))
    sos = k_weighting(rate_hz) if rate_hz >= MIN_RATE_HZ else None
    state = np.zeros((2, samples.shape[0], 2))
    for first in range(0, count, _CHUNK_SEGMENTS):
        local = edges[first : first + _CHUNK_SEGMENTS + 1]
        into = slice(first, first + local.size - 1)
        chunk = samples[:, local[0] : local[-1]].astype(np.float64)
        plain[:, into] = _mean_squares(chunk, local)
        if sos is not None:
            chunk, state = sosfilt(sos, chunk, axis=-1, zi=state)
            filtered[:, into] = _mean_squares(chunk, local)
    weights = np.array(_SURROUND_5_1 if samples.shape[0] == len(_SURROUND_5_1) else (1.0,) * samples.shape[0])
    return SegmentEnergies(weights @ filtered if sos is not None else None, plain)


def _mean_squares(chunk: Floats, edges: npt.NDArray[np.intp]) -> Floats:
    sums = np.add.reduceat(np.square(chunk), edges[:-1] - edges[0], axis=-1)
    return np.asarray(sums / np.diff(edges), dtype=np.float64)


def k_weighting(sample_rate_hz: int) -> Floats:
    """Second-order sections of the K-weighting filter at any sample rate.

    BS.1770 tabulates the two sections at 48 kHz only; the analogue parameters behind that table are those of
    B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement" (AES 145, 2018).

    Args:
        sample_rate_hz: at least `MIN_RATE_HZ`.

    Returns:
        Shape (2, 6): high shelf, then high pass, as scipy.signal.sosfilt takes them.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + k / q + k * k
    shelf = [(high + band * k / q + k * k), 2 * (k * k - high), (high - band * k / q + k * k)]
    shelf_poles = [norm, 2 * (k * k - 1), 1 - k / q + k * k]
    sections = [[c / norm for c in (*shelf, *shelf_poles)]]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    norm = 1 + k / q + k * k
    sections.append([1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm])
    return np.array(sections)


def integrated_loudness(energies: SegmentEnergies) -> Measurement[float]:
    """Gated loudness of the whole (ITU-R BS.1770-4).

    Blocks of 400 ms overlap by 75 %; the gates are at -70 LUFS and 10 LU below the loudness above that.

    Args:
        energies: from `segment_energies`.

    Returns:
        LUFS; unknown for silence, less than 400 ms, or a sample rate below 4 kHz.
    """
    method = "bs1770-4-gated"
    blocks = _weighted_windows(energies, _BLOCK_SEGMENTS, method)
    if isinstance(blocks, Measurement):
        return blocks
    gated = blocks[_lufs(blocks) > float(_lufs(blocks.mean())) + _RELATIVE_GATE_LU]
    return Measurement.of(float(_lufs(gated.mean())), method=method)


def loudness_range(energies: SegmentEnergies) -> Measurement[float]:
    """Loudness range (EBU Tech 3342): from the 10th to the 95th percentile of the loudness of 3 s windows.

    Windows start every 100 ms; the gates are at -70 LUFS and 20 LU below the loudness above that.

    Args:
        energies: from `segment_energies`.

    Returns:
        LU; unknown for silence, less than 3 s, or a sample rate below 4 kHz.
    """
    method = "ebu-tech-3342"
    windows = _weighted_windows(energies, _SHORT_TERM_SEGMENTS, method)
    if isinstance(windows, Measurement):
        return windows
    levels = _lufs(windows)
    gated = levels[levels > float(_lufs(windows.mean())) + _RANGE_GATE_LU]
    low, high = np.percentile(gated, [10, 95])
    return Measurement.of(float(high - low), method=method)


def _weighted_windows(energies: SegmentEnergies, segments: int, method: str) -> Floats | Measurement[float]:
    """Give the K-weighted energy of each window above the absolute gate, or why there is none."""
    if energies.weighted is None:
        return Measurement.unknown(f"a sample rate below {MIN_RATE_HZ} Hz carries no loudness", method=method)
    if energies.weighted.size < segments:
        return Measurement.unknown(f"the sound is shorter than {segments * SEGMENT_S:g} s", method=method)
    windows = np.convolve(energies.weighted, np.full(segments, 1.0 / segments), mode="valid")
    windows = windows[_lufs(windows) > _ABSOLUTE_GATE_LUFS]
    if not windows.size:
        return Measurement.unknown("the sound is silent (below -70 LUFS throughout)", method=method)
    return np.asarray(windows, dtype=np.float64)


def _lufs(energy: Floats | np.floating) -> Floats:
    return -0.691 + _db(energy)


def _db(power: Floats | np.floating | float) -> Floats:
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)), dtype=np.float64)


def dynamic_range(energies: SegmentEnergies) -> Measurement[float]:
    """95th minus 10th percentile of the RMS level of 400 ms frames above -70 dBFS.

    Args:
        energies: from `segment_energies`.

    Returns:
        dB; unknown for silence or less than 400 ms.
    """
    method = "p95-p10-rms-400ms"
    power = energies.plain.mean(axis=0)
    count = power.size // _BLOCK_SEGMENTS
    if not count:
        return Measurement.unknown("the sound is shorter than 0.4 s", method=method)
    levels = _db(power[: count * _BLOCK_SEGMENTS].reshape(count, _BLOCK_SEGMENTS).mean(axis=1))
    levels = levels[levels > _DYNAMIC_GATE_DBFS]
    if not levels.size:
        return Measurement.unknown("the sound is silent (below -70 dBFS throughout)", method=method)
    low, high = np.percentile(levels, [10, 95])
    return Measurement.of(float(high - low), method=method)


def rms_level(signal: Signal) -> Measurement[float]:
    """RMS level over all channels and the whole length, in dBFS; a full-scale square wave gives 0."""
    power = _channel_powers(signal)
    if not power.any():
        return Measurement.unknown("the sound is digital silence", method="rms")
    return Measurement.of(float(_db(power.mean())), method="rms")


def crest_factor(signal: Signal) -> Measurement[float]:
    """Peak over RMS, in dB, of the channel with the highest RMS."""
    power = _channel_powers(signal)
    if not power.any():
        return Measurement.unknown("the sound is digital silence", method="peak-over-rms")
    loudest = int(power.argmax())
    peak = _peak(signal.samples[loudest])
    return Measurement.of(float(_db(peak * peak) - _db(power[loudest])), method="peak-over-rms")


def _channel_powers(signal: Signal) -> Floats:
    sums = np.einsum("cn,cn->c", signal.samples, signal.samples, dtype=np.float64)
    return np.asarray(sums / max(1, signal.samples.shape[1]), dtype=np.float64)


def true_peak(signal: Signal) -> Measurement[float]:
    """True peak by oversampling (ITU-R BS.1770-4, annex 2): to at least 192 kHz, that is 4 times from 48 kHz.

    A block that even at the filter's largest gain could not exceed the peak found so far is not oversampled.
    No silence is assumed before the first and after the last sample, so a cut there makes no overshoot.

    Args:
        signal: any rate and number of channels.

    Returns:
        dBTP, never below the sample peak; unknown for silence.
    """
    factor = 4 if signal.sample_rate_hz < 96_000 else 2 if signal.sample_rate_hz < 192_000 else 1
    method = f"oversampled-{factor}x"
    best = _peak(signal.samples)
    if best == 0.0:
        return Measurement.unknown("the sound is digital silence", method=method)
    if factor > 1:
        for channel in signal.samples:
            best = _oversampled_peak(channel, factor, best)
    return Measurement.of(20.0 * math.log10(best), method=method)


def _oversampled_peak(channel: FloatArray, factor: int, best: float) -> float:
    from scipy.signal import firwin, upfirdn

    taps, block = 16, 1 << 16
    fir = firwin(factor * taps + 1, 1.0 / factor, window=("kaiser", 6.0)) * factor
    largest_gain = max(float(np.abs(fir[phase::factor]).sum()) for phase in range(factor))
    fir = fir.astype(np.float32)
    for start in range(0, channel.size, block):
        piece = channel[start : start + block + taps]
        if _peak(piece) * largest_gain > best:
            # Only where the whole filter lies inside the piece; the next piece starts that much earlier.
            best = max(best, _peak(upfirdn(fir, piece, up=factor)[factor * taps : factor * piece.size]))
    return best


def _peak(samples: npt.NDArray[np.float32]) -> float:
    return max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
