"""Key, tuning and chords of a song, from its mix or, where they exist, from the stems that play chords and the bass.

What makes `TonalityFeatures` belongs here; each step has a module of its own beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.tonality import Chord, TonalityFeatures
from flamingo_bark_assets.analysis.frontend.view import NOTE_RATE_HZ, AudioView, SongViews, Tuning
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, NO_CHORD, chord_probabilities
from flamingo_bark_assets.analysis.tonality.chords import ChordSpan, chord_confidence, chord_rows, decode_chords
from flamingo_bark_assets.analysis.tonality.key import (
    KeyEvidence,
    key_candidates,
    key_confidence,
    key_evidence,
    key_probabilities,
    scale_of,
)
from flamingo_bark_assets.analysis.tonality.key_changes import key_segments
from flamingo_bark_assets.analysis.tonality.salience import note_salience
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import KEYS
from flamingo_bark_assets.parts import KINDS
from flamingo_bark_assets.record import Measurement

CHORD_METHOD = "note-salience-network-hmm"
_KEY_METHOD = "profile-and-chord-functions"
_TUNING_METHOD = "peak-circular-mean"
_SCALE_METHOD = "characteristic-degrees"

_MIN_TUNING_PEAKS = 20
MIN_TUNING_CONCENTRATION = 0.1
_CLEAR_CONCENTRATION = 0.5
# Mixes with harmony reach 0.86 and more, drums alone 0.5 as a rule.
MIN_CHORD_SHARE = 0.55
# Least sum of chord share and agreement of the partials on a tuning: drums, distortion and a worn record can hide the
# chords, but seldom both. Of 81 rendered mixes with harmony the least is .57; of drums alone seven in ten are below.
_MIN_TONALITY = 0.55
_SOUNDING = 0.01


@dataclass(frozen=True, slots=True)
class Harmony:
    """What is measured in the notes of one or several signals.

    Attributes:
        salience: of `note_salience`, shape (n_frames, 84).
        probabilities: of `chord_probabilities`, shape (n_frames, CHORDS).
        spans: the chords, from 0 to the end.
        sounding: which frames are within 40 dB of the loud ones, shape (n_frames,).
    """

    salience: FloatArray
    probabilities: FloatArray
    spans: tuple[ChordSpan, ...]
    sounding: NDArray[np.bool_]

    @property
    def chord_share(self) -> float:
        """Mean probability that a chord sounds, over the frames in which anything does; 0 where nothing does."""
        if not self.sounding.any():
            return 0.0
        return 1.0 - float(self.probabilities[self.sounding, CHORDS - 1].mean())

    @property
    def chords_s(self) -> float:
        """Seconds in which chords sound."""
        return self.chord_share * int(self.sounding.sum()) / NOTE_RATE_HZ


def read_harmony(
    views: tuple[AudioView, ...], *, cents: float, duration_s: float, beats_s: NDArray[np.float64] | None
) -> Harmony:
    """Return notes, chord probabilities and chords of signals that sound together."""
    salience = note_salience(views, cents=cents)
    probabilities = chord_probabilities(salience)
    level = np.zeros(salience.shape[0], np.float32)
    for view in views:
        peaks = view.note_spectrum.max(axis=1)
        level[: peaks.size] = np.maximum(level[: peaks.size], peaks)
    sounding = level > _SOUNDING * float(np.percentile(level, 95)) if level.any() else np.zeros(level.size, np.bool_)
    spans = decode_chords(probabilities, duration_s=duration_s, beats_s=beats_s)
    return Harmony(salience, probabilities, spans, sounding)


def measure_tonality(views: SongViews, beats_s: NDArray[np.float64] | None) -> TonalityFeatures:
    """Find key, tuning and chords.

    Chords are detected in the stems that play chords and the bass together where there is one of the former, else in
    the mix. The key is read from both. Confidences are calibrated: of the key, as the expected MIREX score, which is
    lower for less music; of a chord, as the share of its time in which it is right.
    """
    mix = views.mix
    if mix.unusable is not None:
        return _unknown(mix.unusable)
    tuning = _tuning_of(views)
    cents = _offset(tuning)
    chordal = [view for view in views.chordal if view.unusable is None]
    bass = [view for kind, view in views.stems.items() if KINDS[kind].harmony == "bass" and view.unusable is None]
    with_stems = bool(chordal)
    sources = (*chordal, *bass) if with_stems else (mix,)
    harmony = read_harmony(sources, cents=cents, duration_s=mix.duration_s, beats_s=beats_s)
    if with_stems and harmony.chord_share < MIN_CHORD_SHARE:
        # Stems of nothing but bleed: the harmony, if there is any, is sung.
        with_stems = False
        harmony = read_harmony((mix,), cents=cents, duration_s=mix.duration_s, beats_s=beats_s)
    tonality = _tonality(harmony.chord_share, tuning)
    tonal = Measurement.of(tonality >= 0.5, method=CHORD_METHOD)
    if not tonal.value:
        reason = "no tonal centre: chords are heard in too little of the song"
        return _unknown(reason, tonal=tonal, tuning=_tuning(tuning))
    evidence = key_evidence(harmony.probabilities, harmony.salience)
    others = (_key_evidence_of(mix, cents),) if with_stems else ()
    chances = key_probabilities(evidence, *others)
    best = int(np.argmax(chances))
    sure = key_confidence(float(chances[best]), harmony.chords_s) * tonality
    segments = key_segments(harmony.probabilities, harmony.salience, best, duration_s=mix.duration_s)
    return TonalityFeatures(
        key=Measurement.of(KEYS[best], method=_KEY_METHOD, confidence=sure),
        mode_name=_scale(evidence, best),
        tonal=tonal,
        tuning_cents=_tuning(tuning),
        chord_change_rate_hz=change_rate([span for span in harmony.spans if span.label != NO_CHORD]),
        key_change_count=Measurement.of(
            len(segments) - 1, method=_KEY_METHOD, confidence=min(s.confidence for s in segments)
        ),
        chords=chord_rows(Chord, harmony.spans, segments),
        key_segments=segments,
        key_candidates=key_candidates(chances),
    )


def _key_evidence_of(view: AudioView, cents: float) -> KeyEvidence:
    """Return the evidence in one signal, from every fourth frame's chords."""
    salience = note_salience((view,), cents=cents)
    return key_evidence(chord_probabilities(salience, step=4), salience)


def change_rate(named: list[ChordSpan]) -> Measurement[float]:
    """Return changes from one chord to another, over the time from the first to the last."""
    if not named:
        return Measurement.unknown("no chord is heard", method=CHORD_METHOD)
    changes = sum(one.state != following.state for one, following in pairwise(named))
    length_s = sum(span.duration_s for span in named)
    confidence = sum(chord_confidence(span.probability) * span.duration_s for span in named) / length_s
    return Measurement.of(
        changes / max(named[-1].end_s - named[0].start_s, 1e-3), method=CHORD_METHOD, confidence=confidence
    )


def _tuning_of(views: SongViews) -> Tuning:
    """Return the tuning of the mix, or of a stem that plays chords where its peaks agree better."""
    stems = [view.tuning for view in views.chordal if view.unusable is None and view.tuning.peaks >= _MIN_TUNING_PEAKS]
    return max([views.mix.tuning, *stems], key=lambda tuning: tuning.concentration)


def tuning_offset(views: SongViews) -> float:
    """Return by how many cents the notes are moved before they are read; 0 where the peaks agree on nothing."""
    return _offset(_tuning_of(views))


def _offset(tuning: Tuning) -> float:
    return tuning.cents if tuning.concentration >= MIN_TUNING_CONCENTRATION else 0.0


def _tuning(tuning: Tuning) -> Measurement[float]:
    """Return the mean deviation of the spectral peaks; the confidence grows with their agreement."""
    if tuning.peaks < _MIN_TUNING_PEAKS:
        return Measurement.unknown("too few spectral peaks", method=_TUNING_METHOD)
    if tuning.concentration < MIN_TUNING_CONCENTRATION:
        return Measurement.unknown("the spectral peaks agree on no tuning", method=_TUNING_METHOD)
    return Measurement.of(
        tuning.cents, method=_TUNING_METHOD, confidence=min(1.0, tuning.concentration / _CLEAR_CONCENTRATION)
    )


def _tonality(share: float, tuning: Tuning) -> float:
    """Return how far from the border there are pitches that make chords: from 0.5 on there are, 1 where it is plain."""
    seen, border = share + tuning.concentration, _MIN_TONALITY
    if seen < border:
        return 0.5 * seen / border
    return 0.5 + 0.5 * min(1.0, (seen - border) / (1.0 - border))


def _scale(evidence: KeyEvidence, key: int) -> Measurement[str]:
    """Return the scale, where the degrees by which it differs from its neighbours are clear."""
    name, confidence = scale_of(evidence, key)
    if name is None:
        return Measurement.unknown("the characteristic degrees of the scale are not clear", method=_SCALE_METHOD)
    return Measurement.of(name, method=_SCALE_METHOD, confidence=confidence)


def _unknown(
    reason: str, *, tonal: Measurement[bool] | None = None, tuning: Measurement[float] | None = None
) -> TonalityFeatures:
    return TonalityFeatures(
        key=Measurement.unknown(reason, method=_KEY_METHOD),
        mode_name=Measurement.unknown(reason, method=_SCALE_METHOD),
        tonal=tonal or Measurement.unknown(reason, method=CHORD_METHOD),
        tuning_cents=tuning or Measurement.unknown(reason, method=_TUNING_METHOD),
        chord_change_rate_hz=Measurement.unknown(reason, method=CHORD_METHOD),
        key_change_count=Measurement.unknown(reason, method=_KEY_METHOD),
    )
