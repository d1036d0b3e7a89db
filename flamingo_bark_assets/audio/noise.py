"""Noise floor: the stationary broadband noise under the music.

Noise that is always there belongs here; level, silence and bandwidth have modules of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.long_term_spectrum import FRAME, NOISE_BAND_EDGES, LongTermSpectrum
from flamingo_bark_assets.record import Measurement

Floats = npt.NDArray[np.float64]

_METHOD = "band-minimum-statistics"
_CEILING_METHOD = "band-minima"
_MIN_FRAMES = 20
_SILENT_DBFS = -120.0
_CEILING_SHARE = 0.03
_CANDIDATE_SHARES = np.arange(0.01, 0.70, 0.01)
_WIDTH_SIGMAS = 2.0
_BELOW_PENALTY = 4.0
_ABOVE_PENALTY = 0.5  # levels that are spread evenly, as those of fading music, then weigh nothing
_MIN_EVIDENCE = 0.05
_MIN_FLATNESS_DB = -3.3  # of Gaussian noise: -2.5 to -2.8, as the logarithm is piecewise linear
_MIN_COVERAGE = 0.2
_MAX_DEVIATION_DB = 3.0
_REFUTED_EVIDENCE = 0.2
_CONFIDENCE_AT_0 = 0.75  # share of values within 2 dB where nearly all is extrapolated; 0.99 where half is seen
_SLOPES_DB_PER_OCTAVE = np.arange(0.0, -6.1, -0.5)
_INDEPENDENT_SHARE = 0.5  # of neighbouring bins, with the window of the spectrum

_WIDTHS = np.diff(NOISE_BAND_EDGES).astype(np.float64)
_CENTRES = 0.5 * (NOISE_BAND_EDGES[1:] + NOISE_BAND_EDGES[:-1])
# Standard deviation in dB of the mean power of that many bins of Gaussian noise.
_SIGMAS_DB = 10.0 / math.log(10.0) / np.sqrt(_WIDTHS * _INDEPENDENT_SHARE)


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The stationary noise of a recording.

    Attributes:
        noise_floor_dbfs: its level where the music lets it be seen.
        noise_ceiling_dbfs: what it can at most be: the level of all bands at their quietest moments.
    """

    noise_floor_dbfs: Measurement[float]
    noise_ceiling_dbfs: Measurement[float]


@dataclass(frozen=True, slots=True)
class _BandFloors:
    """Per band: level of the most likely floor, how clearly it is one (0 where it is none), and what it cannot exceed.

    Levels are those of white noise, over all bands, that is as loud in the band, dBFS.
    """

    level_db: Floats
    evidence: Floats
    ceiling_db: Floats


def measure_noise_floor(spectrum: LongTermSpectrum, *, lowpass_hz: float | None = None) -> NoiseFloor:
    """Measure the noise that sounds all the time (minimum statistics in bands, after Martin 2001).

    Music leaves a band again and again; then the power of the band falls onto the noise and no lower. So the
    levels of a band with visible noise pile up within the scatter of Gaussian noise at their lower end, with
    next to nothing below, and in those frames the power is distributed over the bins as that of noise is.
    Fading music has no such lower end. Bands that show no floor take the line through those that do, or their own
    minimum if that is lower.

    Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics", IEEE Trans.
    Speech and Audio Processing 9(5), 2001. Frames of digital silence are left out, and so is what lies above
    `lowpass_hz`, which says nothing of the noise below.

    Returns:
        RMS of the noise in dBFS, the mean over channels, unknown where less than a fifth of the bandwidth shows a
        floor; its confidence grows with that share. The ceiling is unknown only for digital silence and for
        less than 20 frames.
    """
    level = _band_levels(spectrum)
    audible = level.max(axis=1) > _SILENT_DBFS
    if int(spectrum.weight[audible].sum()) < _MIN_FRAMES:
        reason = "too little sound that is not digital silence"
        return NoiseFloor(
            Measurement.unknown(reason, method=_METHOD), Measurement.unknown(reason, method=_CEILING_METHOD)
        )
    flatness = 10.0 * math.log10(2.0) * (spectrum.band_log2[audible] - np.log2(spectrum.band_power[audible] + 1e-30))
    inside = _CENTRES * spectrum.sample_rate_hz / FRAME < (math.inf if lowpass_hz is None else lowpass_hz)
    floors = _band_floors(level[audible], flatness, spectrum.weight[audible] / spectrum.weight[audible].sum())
    floor = _floor(floors, inside)
    ceiling_db = max(_total_db(floors.ceiling_db), -math.inf if floor.value is None else floor.value)
    return NoiseFloor(floor, Measurement.exact(ceiling_db, method=_CEILING_METHOD))


def _floor(floors: _BandFloors, inside: npt.NDArray[np.bool_]) -> Measurement[float]:
    line_db = _line(floors, inside)
    agrees = (floors.evidence > 0.0) & inside & (np.abs(floors.level_db - line_db) <= _MAX_DEVIATION_DB)
    coverage = float(_WIDTHS[agrees].sum() / max(1.0, _WIDTHS[inside].sum()))
    if coverage < _MIN_COVERAGE:
        reason = f"the music hides the noise: it shows in {coverage:.0%} of the bandwidth"
        return Measurement.unknown(reason, method=_METHOD)
    level_db = np.where(agrees, floors.level_db, np.minimum(line_db, floors.ceiling_db))
    total_db = _total_db(level_db)
    seen_share = 10.0 ** ((_total_db(np.where(agrees, level_db, -math.inf)) - total_db) / 10.0)
    spread_db = math.sqrt(float(np.average(np.square(level_db - line_db)[agrees], weights=_WIDTHS[agrees])))
    raw = seen_share * (1.0 - spread_db / _MAX_DEVIATION_DB)
    return Measurement.of(
        total_db, method=_METHOD, confidence=_CONFIDENCE_AT_0 + (1.0 - _CONFIDENCE_AT_0) * min(1.0, 2.0 * raw)
    )


def _line(floors: _BandFloors, inside: npt.NDArray[np.bool_]) -> Floats:
    """Find the straight spectrum, from white to brown, on which most floors lie, dB in each band.

    Noise of a medium has a smooth spectrum; what one band alone holds is a note or an instrument.
    """
    octaves = np.log2(_CENTRES)
    weight = _WIDTHS * floors.evidence * inside
    best_support, line_db = -math.inf, np.zeros(octaves.size)
    for slope in _SLOPES_DB_PER_OCTAVE:
        flat_db = floors.level_db - slope * octaves
        order = np.argsort(flat_db)
        middle = flat_db[order[int(np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum()))]]
        agreement = weight * np.maximum(0.0, 1.0 - np.square((flat_db - middle) / _MAX_DEVIATION_DB))
        # A spectrum that bands fall below at quiet moments is not that of the noise.
        refuted = middle + slope * octaves > floors.ceiling_db + _MAX_DEVIATION_DB
        support = float(agreement.sum() - _REFUTED_EVIDENCE * _WIDTHS[refuted].sum())
        if support > best_support:
            best_support, line_db = support, middle + slope * octaves
    return line_db


def _band_levels(spectrum: LongTermSpectrum) -> Floats:
    """Return level of white noise that is as loud in each band, dBFS, shape (n_frames, n_bands)."""
    return np.asarray(10.0 * np.log10(spectrum.band_power.astype(np.float64) * FRAME + 1e-18), np.float64)


def _total_db(level_db: Floats) -> float:
    """Compute the level of noise over all frequencies.

    Below the lowest band, where rumble and hum are, the noise is taken to be as dense as in that band.
    """
    widths = _WIDTHS.copy()
    widths[0] += NOISE_BAND_EDGES[0]
    widths[-1] += FRAME // 2 - NOISE_BAND_EDGES[-1]
    return 10.0 * math.log10(max(1e-20, float(np.average(10.0 ** (level_db / 10.0), weights=widths))))


def _band_floors(level: Floats, flatness: Floats, weight: Floats) -> _BandFloors:
    """Find the floor of each band: where its levels pile up most with least below."""
    n_bands = level.shape[1]
    floor, seen, ceiling = np.empty(n_bands), np.zeros(n_bands), np.empty(n_bands)
    for b, sigma in enumerate(_SIGMAS_DB):
        order = np.argsort(level[:, b])
        in_order = level[order, b]
        share_below = np.concatenate(([0.0], np.cumsum(weight[order])))
        last = in_order.size - 1
        candidates = in_order[np.minimum(np.searchsorted(share_below[1:], _CANDIDATE_SHARES), last)] + 0.3 * sigma
        below = share_below[np.searchsorted(in_order, candidates - _WIDTH_SIGMAS * sigma)]
        up_to = share_below[np.searchsorted(in_order, candidates + _WIDTH_SIGMAS * sigma)]
        above = share_below[np.searchsorted(in_order, candidates + 3.0 * _WIDTH_SIGMAS * sigma)] - up_to
        evidence = (up_to - below) - _BELOW_PENALTY * below - _ABOVE_PENALTY * above
        best = int(evidence.argmax())
        near = np.abs(level[:, b] - candidates[best]) < _WIDTH_SIGMAS * sigma
        floor[b] = _lower_mean(in_order, float(candidates[best]), float(sigma))
        if evidence[best] >= _MIN_EVIDENCE and flatness[near, b].mean() >= _MIN_FLATNESS_DB:
            seen[b] = evidence[best]
        lowest = in_order[min(int(np.searchsorted(share_below[1:], _CEILING_SHARE)), last)]
        ceiling[b] = lowest + _WIDTH_SIGMAS * sigma
    return _BandFloors(floor, seen, ceiling)


def _lower_mean(in_order: Floats, level_db: float, sigma: float) -> float:
    """Refine a floor by the mean of what lies from two sigma below to one above: music only adds to noise."""
    for _ in range(3):
        first, last = np.searchsorted(in_order, (level_db - 2.0 * sigma, level_db + sigma))
        if first == last:
            break
        # The mean of a normal distribution cut off at -2 and +1 sigma lies 0.23 sigma below its own.
        level_db = float(in_order[first:last].mean()) + 0.23 * sigma
    return level_db
