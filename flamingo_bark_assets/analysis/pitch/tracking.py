"""The pitch of one voice over time, and where there is one.

Tracking belongs here; cutting the track into notes, and what a bass or a singer does with them, does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.mono import MonoPiece
from flamingo_bark_assets.analysis.frontend.view import RATE_HZ, AudioView
from flamingo_bark_assets.analysis.pitch.candidates import Candidates, find_candidates
from flamingo_bark_assets.analysis.pitch.viterbi import best_path
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.signal import FloatArray

HOP_S = 0.01
METHOD = "yin-viterbi"

# The path is decided as if nearly everything were voiced: a pitch carries over noisy frames, and whether they are
# voiced is asked afterwards.
_RELUCTANCE = 0.9
_SWITCH_COST = 0.1
_SURROUNDINGS_S = 0.5
# A voice lies within a fifth of its median nearly always; an octave off costs in full.
_OWN_SEMITONES, _FAR_SEMITONES = 7.0, 12.0
_SURE_APERIODICITY, _SURE_BELOW_DB, _FEWEST_SURE = 0.25, 15.0, 100
_LOUD_PERCENTILE = 90.0
_STRAY_SHARE = 0.005
# Share of voiced frames that were right, in clean and in separated singing alike.
_RIGHT_BY_APERIODICITY = ((0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 1.0), (1.0, 0.99, 0.945, 0.9, 0.82, 0.73, 0.6, 0.0))
_RIGHT_BY_DECLINE = (
    (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 20.0),
    (0.97, 0.95, 0.92, 0.86, 0.78, 0.66, 0.48, 0.3, 0.0),
)


@dataclass(frozen=True, slots=True)
class PitchTrack:
    """Fundamental frequency at a constant hop; frame i is centred on i * `hop_s`.

    Attributes:
        f0_hz: shape (n_frames,); 0 where unvoiced.
        guess_hz: the most likely pitch in unvoiced frames too, 0 only in silence, shape (n_frames,).
        aperiodicity: share of the power that does not repeat after the period, 0 (periodic) to 1 (noise), 1 where
            there is no guess, shape (n_frames,).
        level_db: mean square about the frame, dBFS, -120 at least, shape (n_frames,).
        hop_s: seconds between frames.
    """

    f0_hz: FloatArray
    guess_hz: FloatArray
    aperiodicity: FloatArray
    level_db: FloatArray
    hop_s: float

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Which frames have a pitch, shape (n_frames,)."""
        return np.asarray(self.f0_hz > 0.0)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Centre of each frame, shape (n_frames,)."""
        return np.asarray(np.arange(self.f0_hz.size) * self.hop_s, np.float64)

    @property
    def decline_db(self) -> FloatArray:
        """Level below the loudest frame within half a second, 0 or more, shape (n_frames,)."""
        return _surrounding_level(self.level_db, self.hop_s) - self.level_db

    @property
    def confidence(self) -> FloatArray:
        """Probability that a voice sounds with this pitch within 50 cents, 0 where unvoiced, shape (n_frames,)."""
        right = np.interp(self.aperiodicity, *_RIGHT_BY_APERIODICITY) * np.interp(self.decline_db, *_RIGHT_BY_DECLINE)
        return np.asarray(np.where(self.voiced, right, 0.0), np.float32)

    def voiced_where(self, voiced: NDArray[np.bool_]) -> PitchTrack:
        """Return the same track with other frames voiced, shape (n_frames,); frames without a guess stay unvoiced."""
        return replace(self, f0_hz=np.where(voiced, self.guess_hz, np.float32(0.0)))


@dataclass(frozen=True, slots=True)
class Manner:
    """How the voice that is tracked behaves; the defaults are a singer's.

    Attributes:
        taper: weight of each 10 ms of the window in which the signal is compared with itself, an odd number.
        octave_cost: how much less periodic an octave higher may be and still be preferred, as a share of the power.
        jump_cost: of an octave from one frame to the next, likewise.
        max_aperiodicity: of a voiced frame.
        max_decline_db: of a voiced frame below the loudest frame within half a second.
        flat_below_hz: see `find_candidates`.
        too_low_cost: of a pitch an octave below the voice's own median, likewise; 0 for any range.
        too_high_cost: of one an octave above it; less, as twice the period of a high note repeats as well.
    """

    taper: tuple[float, ...] = (1.0, 1.0, 1.0)
    octave_cost: float = 0.07
    jump_cost: float = 0.6
    max_aperiodicity: float = 0.4
    max_decline_db: float = 14.0
    flat_below_hz: float | None = None
    too_low_cost: float = 0.0
    too_high_cost: float = 0.0


SINGER = Manner()


def track_view(view: AudioView, rate_hz: int, *, fmin_hz: float, fmax_hz: float, manner: Manner = SINGER) -> PitchTrack:
    """Track the pitch of one voice in a view of any length; see `track_pitch`."""
    exact_hz = RATE_HZ / round(RATE_HZ / rate_hz)
    if not view.is_long:
        return track_pitch(view.mono(rate_hz), exact_hz, fmin_hz=fmin_hz, fmax_hz=fmax_hz, manner=manner)
    n_samples = math.floor(view.duration_s * exact_hz)
    return _tracked(view.mono_pieces(rate_hz), n_samples, exact_hz, fmin_hz, fmax_hz, manner)


def track_pitch(
    samples: FloatArray, sample_rate_hz: float, *, fmin_hz: float, fmax_hz: float, manner: Manner = SINGER
) -> PitchTrack:
    """Track the pitch of one voice: dips of the difference function (YIN), joined by the cheapest path.

    The difference function is that of de Cheveigne & Kawahara (JASA 111, 2002), normalised as by McLeod & Wyvill (ICMC
    2005); the path's costs are those of Boersma (IFA Proceedings 17, 1993). A frame is voiced where it repeats and
    stands not far below the loudest frame within half a second: reverberation repeats too. `fmax_hz` is a sixth of the
    rate at most, and the rate exact (2756.25 for `AudioView.mono(2756)`). `samples` are mono without DC, shape
    (n_samples,).
    """
    whole = [MonoPiece(samples, 0, 0, samples.size)]
    return _tracked(whole, samples.size, sample_rate_hz, fmin_hz, fmax_hz, manner)


def _tracked(
    pieces: Iterable[MonoPiece], n_samples: int, rate_hz: float, fmin_hz: float, fmax_hz: float, manner: Manner
) -> PitchTrack:
    found = find_candidates(
        pieces,
        n_samples,
        rate_hz,
        fmin_hz=fmin_hz,
        fmax_hz=fmax_hz,
        hop_s=HOP_S,
        taper=manner.taper,
        flat_below_hz=manner.flat_below_hz,
    )
    level_db = np.asarray(10.0 * np.log10(np.maximum(found.power, 1e-12)), np.float32)
    silent = level_db < SILENCE_DBFS
    guess_hz, aperiodicity = _path(found, silent, fmin_hz, manner)
    if manner.too_low_cost or manner.too_high_cost:
        own_octave = _own_octave(guess_hz, aperiodicity, level_db)
        if own_octave is not None and _strays(guess_hz, own_octave):
            guess_hz, aperiodicity = _path_near(own_octave, found, silent, fmin_hz, manner)
    track = PitchTrack(guess_hz, guess_hz, aperiodicity, level_db, HOP_S)
    voiced = (guess_hz > 0.0) & (aperiodicity < manner.max_aperiodicity) & (track.decline_db < manner.max_decline_db)
    # A majority of five frames: shorter islands and gaps are accidents.
    majority = np.convolve(np.pad(voiced, 2), np.ones(5), "valid") > 2.0 if voiced.size else voiced
    return track.voiced_where(majority)


def _path(
    found: Candidates, silent: NDArray[np.bool_], fmin_hz: float, manner: Manner
) -> tuple[FloatArray, FloatArray]:
    """Return pitch and aperiodicity along the cheapest path, 0 and 1 where there is none."""
    return _along(_chosen(found, silent, fmin_hz, manner), found)


def _chosen(found: Candidates, silent: NDArray[np.bool_], fmin_hz: float, manner: Manner) -> NDArray[np.int8]:
    # Octaves are counted from 1 Hz in `best_path`; being unvoiced costs as much as a voice at the lowest pitch.
    unvoiced_cost = np.where(silent, -1.0, _RELUCTANCE) - manner.octave_cost * math.log2(fmin_hz)
    return best_path(
        found.f0_hz,
        found.aperiodicity,
        unvoiced_cost.astype(np.float32),
        manner.octave_cost,
        manner.jump_cost,
        _SWITCH_COST,
    )


def _along(path: NDArray[np.int8], found: Candidates) -> tuple[FloatArray, FloatArray]:
    rows, chosen, some = np.arange(path.size), np.maximum(path, 0), path >= 0
    f0_hz = np.where(some, found.f0_hz[rows, chosen], np.float32(0.0))
    return f0_hz, np.where(some, found.aperiodicity[rows, chosen], np.float32(1.0))


def _own_octave(guess_hz: FloatArray, aperiodicity: FloatArray, level_db: FloatArray) -> float | None:
    """Return the median pitch of what is loud and periodic, octaves above 1 Hz, weighted by amplitude."""
    sure = (guess_hz > 0.0) & (aperiodicity < _SURE_APERIODICITY)
    if not sure.any():
        return None
    loud_db = float(np.percentile(level_db[sure], _LOUD_PERCENTILE))
    sure &= level_db > loud_db - _SURE_BELOW_DB
    if np.count_nonzero(sure) < _FEWEST_SURE:
        return None
    octaves, weights = np.log2(guess_hz[sure]), 10.0 ** ((level_db[sure] - loud_db) / 20.0)
    order = np.argsort(octaves)
    total = np.cumsum(weights[order])
    return float(octaves[order][np.searchsorted(total, 0.5 * total[-1])])


def _strays(guess_hz: FloatArray, own_octave: float) -> bool:
    """Tell whether a pitch far from the voice's own is found often enough to look again."""
    pitched = guess_hz[guess_hz > 0.0]
    far = np.abs(12.0 * (np.log2(pitched) - own_octave)) > _OWN_SEMITONES
    return bool(np.mean(far) > _STRAY_SHARE)


def _path_near(
    own_octave: float, found: Candidates, silent: NDArray[np.bool_], fmin_hz: float, manner: Manner
) -> tuple[FloatArray, FloatArray]:
    """Return the cheapest path where a pitch far from the voice's own costs more.

    Errors of an octave last for whole notes, so that continuity does not correct them; a singer's own range does.
    """
    away = 12.0 * (np.log2(np.maximum(found.f0_hz, np.float32(1.0))) - np.float32(own_octave))
    far = np.clip((np.abs(away) - _OWN_SEMITONES) / (_FAR_SEMITONES - _OWN_SEMITONES), 0.0, 1.0)
    cost = np.asarray(far * np.where(away < 0.0, manner.too_low_cost, manner.too_high_cost), np.float32)
    dearer = replace(found, aperiodicity=found.aperiodicity + cost)
    path = _chosen(dearer, silent, fmin_hz, manner)
    return _along(path, found)


def _surrounding_level(level_db: FloatArray, hop_s: float) -> FloatArray:
    from scipy.ndimage import maximum_filter1d

    if level_db.size == 0:
        return level_db
    return np.asarray(maximum_filter1d(level_db, 2 * round(_SURROUNDINGS_S / hop_s) + 1, mode="nearest"), np.float32)
