"""Measurements of the harmonic stems (guitar, piano, keys, strings, synth, other) together.

What makes `harmonic_features` belongs here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import Chord, HarmonicFeatures
from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.analysis.stem import measure_stem
from flamingo_bark_assets.analysis.tonality import PITCH_CLASSES
from flamingo_bark_assets.analysis.view import TONAL_HOP, TONAL_RATE_HZ, AudioView
from flamingo_bark_assets.record import Measurement

NO_CHORD = "N"

_CHORD_METHOD = "triad-template-viterbi"
_SUSTAIN_METHOD = "hpss-median-17-4khz"
_LABELS = tuple(f"{tonic}:{mode}" for mode in ("maj", "min") for tonic in PITCH_CLASSES)
_SELF_TRANSITION = 0.9
_NOISE_FIT = 0.6
_SHARPNESS = 12.0
_SMOOTHING_FRAMES = 3
_LONGEST_GAP_FRAMES = 9
_HPSS_KERNEL = 17
_HPSS_TOP_HZ = 4000.0


def analyse_harmonic(song_id: str, view: AudioView, *, energy_share: Measurement[float]) -> HarmonicFeatures:
    """Measure the harmonic stems.

    The confidence of the chord values is the mean fit (cosine) of the chosen triads to the chroma, from
    0.6, which noise reaches, to 1.

    Args:
        song_id: the song's identifier.
        view: the sum of the harmonic stems.
        energy_share: energy of the stems over the summed energy of all stems.

    Returns:
        The measurements; all unknown, for the same reason, where the stem is silent or too short.

    """
    if view.unusable is not None:
        return HarmonicFeatures.of_unusable(song_id, view.unusable)
    chords, fit = _chords(view)
    confidence = (fit - _NOISE_FIT) / (1.0 - _NOISE_FIT)
    named = [chord for chord in chords if chord.label != NO_CHORD]
    stem = vars(measure_stem(song_id, view, energy_share=energy_share))
    if not named or confidence <= 0.0:
        return HarmonicFeatures(**stem, **_NO_CHORDS, sustain=_sustain(view))
    changes = sum(a.label != b.label for a, b in pairwise(named))
    span_s = named[-1].end_s - named[0].start_s
    return HarmonicFeatures(
        **stem,
        chord_count=Measurement.of(len({chord.label for chord in named}), method=_CHORD_METHOD, confidence=confidence),
        main_chords=Measurement.of(_longest(named), method=_CHORD_METHOD, confidence=confidence),
        harmonic_rhythm_hz=Measurement.of(changes / span_s, method=_CHORD_METHOD, confidence=confidence),
        sustain=_sustain(view),
        chords=chords,
    )


_NO_CHORDS: dict[str, Any] = {
    name: Measurement.unknown("no chord: no triad fits the sound", method=_CHORD_METHOD)
    for name in ("chord_count", "main_chords", "harmonic_rhythm_hz")
}


def _chords(view: AudioView) -> tuple[tuple[Chord, ...], float]:
    """Chords by a hidden Markov model over 24 triads on smoothed chroma, and their mean fit.

    Pauses of 0.8 s and more are no chord, shorter ones belong to the chord before or after; 24 templates
    as in Fujishima, ICMC 1999, smoothing as in Sheh & Ellis, ISMIR 2003.
    """
    from scipy.ndimage import binary_closing, uniform_filter1d

    sequence = load_librosa().sequence
    chroma = uniform_filter1d(np.sqrt(view.chroma), _SMOOTHING_FRAMES, axis=1)
    sounding = view.chroma.any(axis=0)
    fit = _templates() @ (chroma / np.maximum(np.linalg.norm(chroma, axis=0), 1e-6))
    likelihood = np.exp(_SHARPNESS * (fit - fit.max(axis=0)))
    likelihood /= likelihood.sum(axis=0)
    transition = sequence.transition_loop(len(_LABELS), _SELF_TRANSITION)
    states = sequence.viterbi(likelihood, transition).astype(np.int_)
    states[~(sounding | binary_closing(sounding, np.ones(_LONGEST_GAP_FRAMES)))] = -1
    mean_fit = float(fit[states[sounding], np.flatnonzero(sounding)].mean()) if sounding.any() else 0.0
    return _runs(states, view.duration_s), mean_fit


def _templates() -> NDArray[np.float32]:
    """Unit-norm triads in the order of `_LABELS`, shape (24, 12)."""
    triads = [[(tonic + step) % 12 for step in (0, third, 7)] for third in (4, 3) for tonic in range(12)]
    templates = np.zeros((len(_LABELS), 12), np.float32)
    for row, triad in zip(templates, triads, strict=True):
        row[triad] = 3.0**-0.5
    return templates


def _runs(states: NDArray[np.int_], duration_s: float) -> tuple[Chord, ...]:
    """Turn runs of equal states into chords; a frame stands for the hop around its centre."""
    hop_s = TONAL_HOP / TONAL_RATE_HZ
    starts = np.flatnonzero(np.diff(states, prepend=states[0] - 1))
    edges_s = np.minimum(np.append(np.maximum(starts - 0.5, 0.0) * hop_s, duration_s), duration_s)
    return tuple(
        Chord(
            chord=number,
            start_s=float(edges_s[number]),
            end_s=float(edges_s[number + 1]),
            label=_LABELS[states[start]] if states[start] >= 0 else NO_CHORD,
        )
        for number, start in enumerate(starts)
    )


def _longest(chords: list[Chord]) -> str:
    """Join the four labels that sound longest, longest first."""
    total_s: dict[str, float] = {}
    for chord in chords:
        total_s[chord.label] = total_s.get(chord.label, 0.0) + chord.end_s - chord.start_s
    return " ".join(sorted(total_s, key=lambda label: -total_s[label])[:4])


def _sustain(view: AudioView) -> Measurement[float]:
    """Share of the power below 4 kHz that median filtering assigns to horizontal lines.

    The method is of FitzGerald, DAFx 2010. Above 4 kHz there is next to no power in pitched stems, and the
    filter is dear.
    """
    from scipy.ndimage import median_filter

    magnitude = np.sqrt(view.power[view.frequencies_hz < _HPSS_TOP_HZ])
    power = magnitude**2
    if float(power.sum()) <= 0.0:
        return Measurement.unknown("no sound below 4 kHz", method=_SUSTAIN_METHOD)
    sustained = median_filter(magnitude, size=(1, _HPSS_KERNEL)) ** 2
    struck = median_filter(magnitude, size=(_HPSS_KERNEL, 1)) ** 2
    both = sustained + struck
    mask = np.divide(sustained, both, out=np.zeros_like(both), where=both > 0.0)
    return Measurement.of(float((mask * power).sum() / power.sum()), method=_SUSTAIN_METHOD)
