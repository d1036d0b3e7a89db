"""Measurements of the vocals stem; never a guess at who sings.

What makes `vocal_features` belongs here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import VocalFeatures, VocalPhrase
from flamingo_bark_assets.analysis.pitch import PitchTrack, track_pitch
from flamingo_bark_assets.analysis.stem import measure_stem
from flamingo_bark_assets.analysis.view import ACTIVITY_FRAME_S, TONAL_RATE_HZ, AudioView, BoolArray
from flamingo_bark_assets.analysis.voice import measure_formants, measure_vibrato
from flamingo_bark_assets.record import Measurement

_FMIN_HZ = 65.0
_FMAX_HZ = 1000.0
_WINDOW_S = 0.031
_RELATIVE_GATE = 1e-3
_LONGEST_BREATH_FRAMES = 7
_SHORTEST_PHRASE_FRAMES = 5

_PITCH_METHOD = "yin"
_NO_PITCH = "no pitch between 65 and 1000 Hz"


def analyse_vocals(song_id: str, view: AudioView, *, energy_share: Measurement[float]) -> VocalFeatures:
    """Measure the vocals stem.

    The confidence of pitch values is the clarity of the voiced frames, 1 minus their mean YIN
    aperiodicity; for vibrato and formants see `analysis.voice`.

    Args:
        song_id: the song's identifier.
        view: the stem.
        energy_share: energy of the stem over the summed energy of all stems.

    Returns:
        The measurements; all unknown, for the same reason, where the stem is silent or too short.

    """
    if view.unusable is not None:
        return VocalFeatures.of_unusable(song_id, view.unusable)
    stem = measure_stem(song_id, view, energy_share=energy_share)
    track = track_pitch(view.tonal_mono, TONAL_RATE_HZ, fmin_hz=_FMIN_HZ, fmax_hz=_FMAX_HZ, window_s=_WINDOW_S)
    singing = _singing(view)
    vibrato = measure_vibrato(track)
    formants = measure_formants(view.tonal_mono, TONAL_RATE_HZ, track)
    low, median, high = _pitch_range(track)
    return VocalFeatures(
        **vars(stem),
        f0_median_hz=median,
        f0_low_hz=low,
        f0_high_hz=high,
        voiced_fraction=_voiced_fraction(track, singing),
        vibrato_present=vibrato.present,
        vibrato_rate_hz=vibrato.rate_hz,
        vibrato_extent_cents=vibrato.extent_cents,
        formant_f1_hz=formants.f1_hz,
        formant_f2_hz=formants.f2_hz,
        formant_f3_hz=formants.f3_hz,
        vocal_phrases=_phrases(track, singing),
    )


def _pitch_range(track: PitchTrack) -> tuple[Measurement[float], Measurement[float], Measurement[float]]:
    if not track.voiced.any():
        unknown: Measurement[float] = Measurement.unknown(_NO_PITCH, method=_PITCH_METHOD)
        return unknown, unknown, unknown
    low, median, high = (
        Measurement.of(hz, method=_PITCH_METHOD, confidence=track.clarity) for hz in track.percentiles_hz()
    )
    return low, median, high


def _singing(view: AudioView) -> BoolArray:
    """Which 50 ms frames sound, at most 30 dB below the loud ones: a reverberant tail is no singing."""
    loud = float(np.percentile(view.activity_power, 95))
    return view.active & (view.activity_power >= _RELATIVE_GATE * loud)


def _voiced_fraction(track: PitchTrack, singing: BoolArray) -> Measurement[float]:
    times_s = np.arange(track.f0_hz.size) * track.hop_s
    frames = np.minimum((times_s / ACTIVITY_FRAME_S).astype(int), singing.size - 1)
    sounding = singing[frames]
    share = np.count_nonzero(track.voiced & sounding) / max(1, int(np.count_nonzero(sounding)))
    return Measurement.of(share, method=_PITCH_METHOD, confidence=track.decisiveness)


def _phrases(track: PitchTrack, singing: BoolArray) -> tuple[VocalPhrase, ...]:
    """Join runs of singing over breaths of up to 0.35 s; what is shorter than 0.25 s is no phrase."""
    edges = np.flatnonzero(np.diff(singing.astype(np.int8), prepend=0, append=0))
    runs: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] <= _LONGEST_BREATH_FRAMES:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    long_enough = [run for run in runs if run[1] - run[0] >= _SHORTEST_PHRASE_FRAMES]
    return tuple(_phrase(number, run, track) for number, run in enumerate(long_enough))


def _phrase(number: int, run: tuple[int, int], track: PitchTrack) -> VocalPhrase:
    start_s, end_s = (edge * ACTIVITY_FRAME_S for edge in run)
    f0_hz: NDArray[np.float64] = track.f0_hz[round(start_s / track.hop_s) : round(end_s / track.hop_s)]
    voiced = f0_hz[f0_hz > 0.0]
    median_hz = float(np.median(voiced)) if voiced.size else None
    return VocalPhrase(phrase=number, start_s=start_s, end_s=end_s, f0_median_hz=median_hz)
