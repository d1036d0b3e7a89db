"""Measurements of the bass stem.

What makes `bass_features` belongs here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import BassFeatures, BassNote
from flamingo_bark_assets.analysis.pitch import PitchTrack, steady_stretches, track_pitch
from flamingo_bark_assets.analysis.stem import measure_stem
from flamingo_bark_assets.analysis.view import SAMPLE_RATE_HZ, AudioView, resampled
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

# Half of it is the 2 kHz up to which `fundamental_strength` counts.
_RATE_HZ = 4000
_FMIN_HZ = 30.0
_FMAX_HZ = 400.0
_WINDOW_S = 0.06
_STRENGTH_WINDOW_S = 0.1
_MIN_NOTE_S = 0.06
_MIN_REPEAT_S = 0.08
_WITHIN_SEMITONES = 0.7

_PITCH_METHOD = "yin"
_NOTE_METHOD = "yin-steady-runs"
_STRENGTH_METHOD = "windowed-projection"


def analyse_bass(song_id: str, view: AudioView, *, energy_share: Measurement[float]) -> BassFeatures:
    """Measure the bass stem.

    The confidence of pitch values is the clarity of the voiced frames, 1 minus their mean YIN
    aperiodicity; that of notes is the share of voiced frames that lie in a note.

    Args:
        song_id: the song's identifier.
        view: the stem.
        energy_share: energy of the stem over the summed energy of all stems.

    Returns:
        The measurements; all unknown, for the same reason, where the stem is silent or too short.

    """
    if view.unusable is not None:
        return BassFeatures.of_unusable(song_id, view.unusable)
    stem = measure_stem(song_id, view, energy_share=energy_share)
    samples = resampled(view.mono, SAMPLE_RATE_HZ, _RATE_HZ)
    track = track_pitch(samples, _RATE_HZ, fmin_hz=_FMIN_HZ, fmax_hz=_FMAX_HZ, window_s=_WINDOW_S)
    voiced = Measurement.of(float(track.voiced.mean()), method=_PITCH_METHOD, confidence=track.decisiveness)
    if not track.voiced.any():
        return BassFeatures(**vars(stem), voiced_fraction=voiced, **_NO_PITCH)
    low, median, high = (
        Measurement.of(hz, method=_PITCH_METHOD, confidence=track.clarity) for hz in track.percentiles_hz()
    )
    notes = _notes(track, view.onset_times_s)
    return BassFeatures(
        **vars(stem),
        f0_median_hz=median,
        f0_low_hz=low,
        f0_high_hz=high,
        voiced_fraction=voiced,
        note_count=Measurement.of(len(notes), method=_NOTE_METHOD, confidence=_coverage(notes, track)),
        sustain_s=_sustain(notes, track),
        fundamental_strength=_fundamental_strength(samples, track),
        bass_notes=notes,
    )


_NO_PITCH: dict[str, Any] = {
    name: Measurement.unknown("no pitch between 30 and 400 Hz", method=_PITCH_METHOD)
    for name in ("f0_median_hz", "f0_low_hz", "f0_high_hz", "note_count", "sustain_s", "fundamental_strength")
}


def _notes(track: PitchTrack, onset_times_s: NDArray[np.float64]) -> tuple[BassNote, ...]:
    """Steady stretches, cut where an onset says that the same pitch is struck again."""
    notes: list[BassNote] = []
    for stretch in steady_stretches(track, within_semitones=_WITHIN_SEMITONES, min_duration_s=_MIN_NOTE_S):
        start_s, end_s = stretch.start * track.hop_s, stretch.stop * track.hop_s
        inside = onset_times_s[(onset_times_s > start_s + _MIN_REPEAT_S) & (onset_times_s < end_s - _MIN_REPEAT_S)]
        edges = np.concatenate(([start_s], inside, [end_s]))
        for onset_s, offset_s in pairwise(edges):
            frames = slice(round(onset_s / track.hop_s), max(1, round(offset_s / track.hop_s)))
            notes.append(_note(len(notes), float(onset_s), float(offset_s), track.f0_hz[frames]))
    return tuple(notes)


def _note(number: int, onset_s: float, offset_s: float, f0_hz: NDArray[np.float64]) -> BassNote:
    median_hz = float(np.median(f0_hz))
    midi = round(69.0 + 12.0 * float(np.log2(median_hz / 440.0)))
    return BassNote(note=number, onset_s=onset_s, offset_s=offset_s, f0_hz=median_hz, midi=midi)


def _coverage(notes: tuple[BassNote, ...], track: PitchTrack) -> float:
    """Share of the voiced time that lies in a note."""
    voiced_s = float(np.count_nonzero(track.voiced)) * track.hop_s
    return sum(note.offset_s - note.onset_s for note in notes) / voiced_s


def _sustain(notes: tuple[BassNote, ...], track: PitchTrack) -> Measurement[float]:
    if not notes:
        return Measurement.unknown("no steady note", method=_NOTE_METHOD)
    lengths = [note.offset_s - note.onset_s for note in notes]
    return Measurement.of(float(np.median(lengths)), method=_NOTE_METHOD, confidence=_coverage(notes, track))


def _fundamental_strength(samples: FloatArray, track: PitchTrack) -> Measurement[float]:
    """Divide the power of each voiced frame's projection on a sinusoid at f0 by its whole power; the median.

    The Hann window's main lobe, 20 Hz to either side, stands for the semitone: it is the finest that 0.1
    s allow.
    """
    length = round(_STRENGTH_WINDOW_S * _RATE_HZ)
    hop = round(track.hop_s * _RATE_HZ)
    padded = np.pad(samples, (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: samples.size : hop][track.voiced]
    window = np.hanning(length).astype(np.float32)
    phase = np.outer(track.f0_hz[track.voiced], -2.0 * np.pi * np.arange(length) / _RATE_HZ)
    projection = np.einsum("fs,fs,s->f", frames, np.exp(1j * phase).astype(np.complex64), window)
    tone = 2.0 * np.abs(projection) ** 2 / window.sum() ** 2
    whole = np.einsum("fs,fs,s->f", frames, frames, window**2) / (window**2).sum()
    share = float(np.median(np.minimum(tone / whole, 1.0)))
    return Measurement.of(share, method=_STRENGTH_METHOD, confidence=track.clarity)
