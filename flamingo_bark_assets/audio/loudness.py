"""Loudness and loudness range from the energies of a signal, by the broadcast standards.

Gates, windows and percentiles belong here; the filter before them and the true peak have modules of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.k_weighting import MIN_RATE_HZ, SEGMENT_S, SegmentEnergies
from flamingo_bark_assets.audio.levels import power_db
from flamingo_bark_assets.record import Measurement

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_DYNAMIC_GATE_DBFS = -70.0
_BLOCK_SEGMENTS = 4  # 400 ms
_SHORT_TERM_SEGMENTS = 30  # 3 s

Floats = npt.NDArray[np.float64]


def integrated_loudness(energies: SegmentEnergies) -> Measurement[float]:
    """Measure the gated loudness of the whole (ITU-R BS.1770-4).

    Blocks of 400 ms overlap by 75 %; the gates are at -70 LUFS and 10 LU below the loudness above that. LUFS; unknown
    for silence, less than 400 ms, or a sample rate below 4 kHz.
    """
    method = "bs1770-4-gated"
    blocks = _weighted_windows(energies, _BLOCK_SEGMENTS, method)
    if isinstance(blocks, Measurement):
        return blocks
    gated = blocks[_lufs(blocks) > float(_lufs(blocks.mean())) + _RELATIVE_GATE_LU]
    return Measurement.exact(float(_lufs(gated.mean())), method=method)


def loudest_momentary(energies: SegmentEnergies) -> Measurement[float]:
    """Return loudness of the loudest 400 ms (momentary maximum, EBU Tech 3341), windows 100 ms apart.

    LUFS; unknown for silence, less than 400 ms, or a sample rate below 4 kHz.
    """
    return _loudest(energies, _BLOCK_SEGMENTS, "ebu-tech-3341-momentary-max")


def loudest_short_term(energies: SegmentEnergies) -> Measurement[float]:
    """Return loudness of the loudest 3 s (short-term maximum, EBU Tech 3341), windows 100 ms apart.

    LUFS; unknown for silence, less than 3 s, or a sample rate below 4 kHz.
    """
    return _loudest(energies, _SHORT_TERM_SEGMENTS, "ebu-tech-3341-short-term-max")


def _loudest(energies: SegmentEnergies, segments: int, method: str) -> Measurement[float]:
    windows = _weighted_windows(energies, segments, method)
    return (
        windows if isinstance(windows, Measurement) else Measurement.exact(float(_lufs(windows.max())), method=method)
    )


def loudness_range(energies: SegmentEnergies) -> Measurement[float]:
    """Return loudness range (EBU Tech 3342): from the 10th to the 95th percentile of the loudness of 3 s windows.

    Windows start every 100 ms; the gates are at -70 LUFS and 20 LU below the loudness above that. LU; unknown for
    silence, less than 3 s, or a sample rate below 4 kHz.
    """
    method = "ebu-tech-3342"
    windows = _weighted_windows(energies, _SHORT_TERM_SEGMENTS, method)
    if isinstance(windows, Measurement):
        return windows
    levels = _lufs(windows)
    gated = levels[levels > float(_lufs(windows.mean())) + _RANGE_GATE_LU]
    low, high = np.percentile(gated, [10, 95])
    return Measurement.exact(float(high - low), method=method)


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
    return -0.691 + power_db(energy)


def dynamic_range(energies: SegmentEnergies) -> Measurement[float]:
    """Return the 95th minus the 10th percentile of the RMS level of 400 ms frames above -70 dBFS.

    dB; unknown for silence or less than 400 ms.
    """
    method = "p95-p10-rms-400ms"
    power = energies.plain.mean(axis=0)
    count = power.size // _BLOCK_SEGMENTS
    if not count:
        return Measurement.unknown("the sound is shorter than 0.4 s", method=method)
    levels = power_db(power[: count * _BLOCK_SEGMENTS].reshape(count, _BLOCK_SEGMENTS).mean(axis=1))
    levels = levels[levels > _DYNAMIC_GATE_DBFS]
    if not levels.size:
        return Measurement.unknown("the sound is silent (below -70 dBFS throughout)", method=method)
    low, high = np.percentile(levels, [10, 95])
    return Measurement.exact(float(high - low), method=method)
