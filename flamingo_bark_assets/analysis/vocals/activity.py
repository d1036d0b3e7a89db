"""When there is a voice: frames that are likely sung or said, joined to phrases.

Deciding where phrases begin and end belongs here; what single frames tell stands in `vocals.frames`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.vocals import VocalPhrase
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.analysis.vocals.frames import FrameJudgement, most_of_five
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

METHOD = "voice-network-hysteresis"

# A phrase is surely a voice somewhere, and goes on as long as it may be one. The network learned from voices that sing
# two thirds of the time; in songs they rest more, so that limits lie above a half.
_BEGINS, _GOES_ON = 0.85, 0.65
_VOICED = 0.75
_SMOOTH_FRAMES = 9
_LONGEST_BREATH_S = 0.3
_SHORTEST_PHRASE_S = 0.15
_BLEED_SHARE = 0.01
# Sound without any pitch may be whispering, but rarely is.
_UNVOICED_CONFIDENCE = 0.3


def voice_only(track: PitchTrack, frames: FrameJudgement) -> PitchTrack:
    """Return the track with only those frames voiced that likely are the voice's, not bleed or its reverberation."""
    if not track.voiced.any():
        return track
    likely = (frames.voiced >= _VOICED) & (track.level_db >= SILENCE_DBFS)
    return track.voiced_where(most_of_five(likely))


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


def find_phrases(track: PitchTrack, active: FloatArray, *, probability: float) -> tuple[VocalPhrase, ...]:
    """Join frames that are likely a voice over breaths of up to 0.3 s; what is shorter than 0.15 s is no phrase.

    Where nothing at all is voiced, as in whispering, sound stands for voice. `active` is the probability of each frame,
    shape (n_frames,); `probability` that of a voice in the stem.
    """
    if not track.voiced.any():
        level_db = track.level_db
        loud_db = float(np.percentile(level_db, 95)) if level_db.size else 0.0
        edges = _edges(level_db >= max(SILENCE_DBFS, loud_db - 30.0))
        sure = np.full(level_db.size, _UNVOICED_CONFIDENCE)
    else:
        sure = _smoothed(active)
        edges = _edges(sure >= _GOES_ON)
        edges = edges[[bool(sure[start:stop].max() >= _BEGINS) for start, stop in edges.tolist()]]
    if not len(edges):
        return ()
    apart = edges[1:, 0] - edges[:-1, 1] > _LONGEST_BREATH_S / track.hop_s
    starts, stops = edges[np.append(True, apart), 0], edges[np.append(apart, True), 1]
    long_enough = stops - starts >= _SHORTEST_PHRASE_S / track.hop_s
    pairs = zip(starts[long_enough].tolist(), stops[long_enough].tolist(), strict=True)
    return tuple(_phrase(number, start, stop, track, sure * probability) for number, (start, stop) in enumerate(pairs))


def _smoothed(active: FloatArray) -> NDArray[np.float64]:
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(active.astype(np.float64), _SMOOTH_FRAMES))


def _edges(chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)


def _phrase(number: int, start: int, stop: int, track: PitchTrack, sure: NDArray[np.float64]) -> VocalPhrase:
    f0_hz = track.f0_hz[start:stop]
    voiced = f0_hz > 0.0
    return VocalPhrase(
        phrase=number,
        start_s=max(0.0, (start - 0.5) * track.hop_s),
        end_s=(stop - 0.5) * track.hop_s,
        f0_median_hz=float(np.median(f0_hz[voiced])) if voiced.any() else None,
        confidence=float(sure[start:stop].mean()),
    )
