"""Where there is a voice: voiced frames that belong to this stem, joined to phrases.

Telling the voice from what a separator left of other instruments belongs here; tracking the pitch does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.vocals import VocalPhrase
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.record import Measurement

METHOD = "voicing-and-level"

_LOUD_PERCENTILE = 90.0
# Between these levels below the loud voice lies the valley that parts voice from bleed, where there is one.
_GATE_LOW_DB, _GATE_HIGH_DB = -30.0, -15.0
_LONGEST_BREATH_S = 0.3
_SHORTEST_PHRASE_S = 0.15
_BIAS, _PER_APERIODICITY, _PER_DB_BELOW, _PER_DB_DECLINE = 4.7, 7.1, 0.05, 0.29
_BLEED_SHARE = 0.01
# Sound without any pitch may be whispering, but rarely is.
_UNVOICED_CONFIDENCE = 0.3


def voice_only(track: PitchTrack) -> PitchTrack:
    """Return the track with only those frames voiced that are loud enough to be this stem's own voice.

    Bleed of other instruments stands 20 dB and more below the voice; the gate lies where the fewest voiced frames
    have their level, 15 to 30 dB below the loud ones.
    """
    if not track.voiced.any():
        return track
    return track.voiced_where(track.voiced & (track.level_db >= _gate_db(track.level_db[track.voiced])))


def _gate_db(level_db: NDArray[np.float32]) -> float:
    """Return the least populated level below the loud frames, the lowest of several."""
    loud_db = float(np.percentile(level_db, _LOUD_PERCENTILE))
    edges = np.arange(_GATE_LOW_DB - 2.0, _GATE_HIGH_DB + 3.0) + loud_db
    counts = np.convolve(np.histogram(level_db, edges)[0], [1, 2, 3, 2, 1], "valid")
    return float(loud_db + _GATE_LOW_DB + 0.5 + np.argmin(counts))


def pitch_confidence(track: PitchTrack) -> NDArray[np.float64]:
    """Return how probably each frame is voice and its pitch right within a quarter tone, shape (n_frames,).

    Logistic regression on aperiodicity and on the level below the loud voice and below the loudest frame within half
    a second, fitted on generated singing with known pitch, clean and separated.
    """
    if not track.voiced.any():
        return np.zeros(track.voiced.size)
    below_db = float(np.percentile(track.level_db[track.voiced], _LOUD_PERCENTILE)) - track.level_db
    score = _BIAS - _PER_APERIODICITY * track.aperiodicity - _PER_DB_BELOW * below_db
    score = score - _PER_DB_DECLINE * track.decline_db
    return np.asarray(1.0 / (1.0 + np.exp(-score.astype(np.float64))), np.float64)


def own_voice_probability(energy_share: Measurement[float]) -> float:
    """Return how likely the stem holds a voice at all, 0 to 1: one that a separator found nothing for holds only bleed.

    A voice has 5 % and more of the energy, bleed below 1 %.
    """
    return 1.0 if energy_share.value is None else min(1.0, max(0.0, energy_share.value) / _BLEED_SHARE)


def voiced_fraction(track: PitchTrack, phrases: Sequence[VocalPhrase]) -> Measurement[float]:
    """Return share of the time in phrases that is voiced."""
    spoken_s = sum(phrase.end_s - phrase.start_s for phrase in phrases)
    if not phrases:
        return Measurement.unknown("no phrase", method=METHOD)
    sure = sum(phrase.confidence * (phrase.end_s - phrase.start_s) for phrase in phrases) / spoken_s
    voiced_s = np.count_nonzero(track.voiced) * track.hop_s
    return Measurement.of(min(1.0, voiced_s / spoken_s), method=METHOD, confidence=sure)


def find_phrases(track: PitchTrack, confidence: NDArray[np.float64]) -> tuple[VocalPhrase, ...]:
    """Join voiced frames over breaths of up to 0.3 s; what is shorter than 0.15 s is no phrase.

    Where nothing at all is voiced, as in whispering, sound stands for voice. `confidence` is that of each voiced frame,
    shape (n_voiced,).
    """
    sounding = track.voiced
    if not sounding.any():
        level_db = track.level_db
        loud_db = float(np.percentile(level_db, 95)) if level_db.size else 0.0
        sounding = level_db >= max(SILENCE_DBFS, loud_db - 30.0)
    edges = np.flatnonzero(np.diff(sounding.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    if not len(edges):
        return ()
    apart = edges[1:, 0] - edges[:-1, 1] > _LONGEST_BREATH_S / track.hop_s
    starts, stops = edges[np.append(True, apart), 0], edges[np.append(apart, True), 1]
    long_enough = stops - starts >= _SHORTEST_PHRASE_S / track.hop_s
    sure = np.zeros(track.f0_hz.size)
    sure[track.voiced] = confidence
    pairs = zip(starts[long_enough].tolist(), stops[long_enough].tolist(), strict=True)
    return tuple(_phrase(number, start, stop, track, sure) for number, (start, stop) in enumerate(pairs))


def _phrase(number: int, start: int, stop: int, track: PitchTrack, sure: NDArray[np.float64]) -> VocalPhrase:
    f0_hz = track.f0_hz[start:stop]
    voiced = f0_hz > 0.0
    return VocalPhrase(
        phrase=number,
        start_s=max(0.0, (start - 0.5) * track.hop_s),
        end_s=(stop - 0.5) * track.hop_s,
        f0_median_hz=float(np.median(f0_hz[voiced])) if voiced.any() else None,
        confidence=float(sure[start:stop][voiced].mean()) if voiced.any() else _UNVOICED_CONFIDENCE,
    )
