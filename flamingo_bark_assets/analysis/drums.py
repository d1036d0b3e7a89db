"""Measurements of the drums stem.

What makes `drum_features` belongs here; tempo and beats of the song do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features import DrumFeatures, DrumHit
from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.analysis.stem import measure_stem
from flamingo_bark_assets.analysis.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

Values = NDArray[np.float64]

_METHOD = "band-rise-rules"
_DRUMS = ("kick", "snare", "hihat")
_MIN_HITS = 2
_MIN_RISE_DB = 4.0
_FLOOR_DB = -35.0
_MIN_KICK_JUMP_DB = 12.0
_FULL_SCORE_DB = 10.0


@dataclass(frozen=True, slots=True)
class _Band:
    """Power in one band and its sharp rises.

    Attributes:
        power: summed power a frame, shape (n_frames,).
        rises: frames at which the band rises sharply.

    """

    power: FloatArray
    rises: NDArray[np.int_]

    @property
    def reference_db(self) -> float:
        """Size of the band's large rises (90th percentile)."""
        return float(np.percentile(self.rise_db(self.rises), 90)) if self.rises.size else np.inf

    def rise_db(self, frames: NDArray[np.int_]) -> Values:
        """Power that comes in around each of some frames, dB, shape of `frames`."""
        before, after = self._around(frames)
        return np.asarray(10.0 * np.log10(np.maximum(after - before, 1e-20), dtype=np.float64))

    def jump_db(self, frames: NDArray[np.int_]) -> Values:
        """Level after over level before each of some frames, dB, shape of `frames`."""
        before, after = self._around(frames)
        return np.asarray(10.0 * np.log10((after + 1e-20) / (before + 1e-20), dtype=np.float64))

    def _around(self, frames: NDArray[np.int_]) -> tuple[FloatArray, FloatArray]:
        """Lowest power just before and highest just after each of some frames."""
        last = self.power.size - 1
        before = self.power[np.clip(frames[:, None] + np.arange(-4, -1), 0, last)].min(axis=1)
        after = self.power[np.clip(frames[:, None] + np.arange(0, 4), 0, last)].max(axis=1)
        return before, after


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Rises that may be hits of one drum.

    Attributes:
        times_s: shape (n,).
        rise_db: in the drum's own band, shape (n,).
        score: -1 (surely something else) to 1 (surely this drum), shape (n,).

    """

    times_s: Values
    rise_db: Values
    score: Values

    @property
    def hits(self) -> NDArray[np.int_]:
        """Indices of the candidates that pass."""
        return np.flatnonzero(self.score > 0.0)


def analyse_drums(song_id: str, view: AudioView, *, energy_share: Measurement[float]) -> DrumFeatures:
    """Measure the drums stem.

    Bass drum, snare and hi-hat are told apart by rules on the power that comes in, in four bands; they
    hold for common kits, take low toms for snares at times and do not hear a hi-hat struck together with
    a snare. The confidence of a drum that is present is the mean score of its hits (how far inside the
    limits they lie, 10 dB for a full score) times 1 - 1 / hits; that of an absent one is how far its
    second best candidate lies outside.

    Args:
        song_id: the song's identifier.
        view: the stem.
        energy_share: energy of the stem over the summed energy of all stems.

    Returns:
        The measurements; all unknown, for the same reason, where the stem is silent or too short.

    """
    if view.unusable is not None:
        return DrumFeatures.of_unusable(song_id, view.unusable)
    found = _candidates(view)
    kick, snare, hihat = (_presence(found[drum]) for drum in _DRUMS)
    played = {drum: there.value is True for drum, there in zip(_DRUMS, (kick, snare, hihat), strict=True)}
    return DrumFeatures(
        **vars(measure_stem(song_id, view, energy_share=energy_share)),
        kick_present=kick,
        snare_present=snare,
        hihat_present=hihat,
        kick_density_hz=_density(found["kick"], kick, view.duration_s),
        snare_density_hz=_density(found["snare"], snare, view.duration_s),
        hihat_density_hz=_density(found["hihat"], hihat, view.duration_s),
        drum_hits=_hits({drum: found[drum] for drum in _DRUMS if played[drum]}),
    )


def _candidates(view: AudioView) -> dict[str, _Candidates]:
    """Score the rises of each drum's own band by the rise of all bands at that moment.

    A bass drum has more power below 120 Hz than in 150-500 Hz and rises far, unlike rumble; a
    snare has both a body there and wires in 1-5 kHz of like strength; a hi-hat has about as much
    power above 7 kHz as in 1-5 kHz. Each must also be near the large rises of its band in this stem.
    """
    low, body = _band(view, 30.0, 120.0), _band(view, 150.0, 500.0)
    wires, high = _band(view, 1000.0, 5000.0), _band(view, 7000.0, 11025.0)
    kicks, snares, hihats = low.rises, wires.rises, high.rises
    return {
        "kick": _scored(
            view,
            low,
            low.jump_db(kicks) - _MIN_KICK_JUMP_DB,
            low.rise_db(kicks) - low.reference_db + 10.0,
            low.rise_db(kicks) - body.rise_db(kicks) + 3.0,
        ),
        "snare": _scored(
            view,
            wires,
            wires.rise_db(snares) - wires.reference_db + 8.0,
            body.rise_db(snares) - body.reference_db + 6.0,
            wires.rise_db(snares) - body.rise_db(snares) + 15.0,
            wires.rise_db(snares) - low.rise_db(snares) + 22.0,
            wires.rise_db(snares) - high.rise_db(snares) + 10.0,
            body.rise_db(snares) - wires.rise_db(snares) + 8.0,
        ),
        "hihat": _scored(
            view,
            high,
            high.rise_db(hihats) - high.reference_db + 12.0,
            high.rise_db(hihats) - wires.rise_db(hihats) + 5.0,
            high.rise_db(hihats) - low.rise_db(hihats) + 45.0,
        ),
    }


def _scored(view: AudioView, band: _Band, *margins_db: Values) -> _Candidates:
    """Give a band's rises the smallest of their margins as score."""
    score = np.asarray(np.clip(np.min(margins_db, axis=0) / _FULL_SCORE_DB, -1.0, 1.0), np.float64)
    times_s = np.asarray((band.rises + 0.5) / view.frame_rate_hz, np.float64)
    return _Candidates(times_s, band.rise_db(band.rises), score)


def _band(view: AudioView, low_hz: float, high_hz: float) -> _Band:
    """Find the sharp rises of a band's level; what lies 35 dB under its loudest frame counts as nothing."""
    rows = (view.frequencies_hz >= low_hz) & (view.frequencies_hz < high_hz)
    power = view.power[rows].sum(axis=0)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0.0:
        return _Band(power, np.zeros(0, np.int_))
    level_db = 10.0 * np.log10(np.maximum(power / loudest, 10.0 ** (_FLOOR_DB / 10.0)))
    rise_db = np.maximum(np.diff(level_db, prepend=level_db[0]), 0.0)
    peaks = load_librosa().util.peak_pick(
        rise_db, pre_max=3, post_max=3, pre_avg=8, post_avg=8, delta=_MIN_RISE_DB, wait=3
    )
    return _Band(power, np.asarray(peaks, np.int_))


def _presence(candidates: _Candidates) -> Measurement[bool]:
    hits = candidates.hits
    if hits.size >= _MIN_HITS:
        certainty = float(candidates.score[hits].mean()) * (1.0 - 1.0 / hits.size)
        return Measurement.of(True, method=_METHOD, confidence=certainty)
    second_best = float(np.sort(candidates.score)[-2]) if candidates.score.size >= _MIN_HITS else -1.0
    return Measurement.of(False, method=_METHOD, confidence=-second_best)


def _density(candidates: _Candidates, presence: Measurement[bool], duration_s: float) -> Measurement[float]:
    count = candidates.hits.size if presence.value else 0
    return Measurement.of(count / duration_s, method=_METHOD, confidence=presence.confidence)


def _hits(found: dict[str, _Candidates]) -> tuple[DrumHit, ...]:
    """All hits in order of time and drum; strength is the amplitude over the drum's strongest."""
    rows: list[tuple[float, str, float]] = []
    for drum, candidates in found.items():
        times_s, rise_db = candidates.times_s[candidates.hits], candidates.rise_db[candidates.hits]
        strength = 10.0 ** ((rise_db - rise_db.max()) / 20.0)
        rows.extend(zip(times_s.tolist(), [drum] * times_s.size, strength.tolist(), strict=True))
    return tuple(
        DrumHit(hit=number, time_s=time_s, drum=drum, strength=strength)
        for number, (time_s, drum, strength) in enumerate(sorted(rows))
    )
