"""Whether a stem that is named drums holds a drum kit at all.

What tells a kit from voices and pitched instruments over a whole stem belongs here; which drum is struck does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums.classes import DRUMS, Hits
from flamingo_bark_assets.analysis.drums.onsets import Times
from flamingo_bark_assets.analysis.frontend.view import ACTIVITY_FRAME_S, ONSET_BANDS, ONSET_RATE_HZ, AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

METHOD = "strokes-and-decay"
# Fewer strokes in less sound do not tell a kit that is hardly played from something else.
_FEWEST_STROKES, _LEAST_SOUND_S = 8, 10.0
_BEST_HITS = 8
# Bands further below the loudest, and frames further below it, count as silence.
_RANGE_DB, _SOUNDING_DB, _FLOOR = 70.0, -40.0, 1e-10
# Levels are taken this many frames around a stroke, and this many behind it.
_BEFORE, _BEHIND = 2, 4
_LATER = round(0.1 * ONSET_RATE_HZ)

# Bands above 4 kHz.
_HIGHS = slice(18, ONSET_BANDS)

Values = NDArray[np.float64]

EVIDENCE = (
    "certainty", "sure_strokes", "best_drum", "other_percussion", "decay", "rise_over_fall", "colour", "kick", "snare",
    "hihat", "tom", "highs",
)  # fmt: skip
# Logistic regression by `tests.learning.kits`.
_WEIGHTS = np.array((1.471, 0.782, 1.86, 1.784, 0.102, 1.933, -0.122, 0.966, 0.692, 0.405, 1.088, 4.286))
_BIAS = -6.92


def kit_probability(
    view: AudioView, probability: FloatArray, hits: Mapping[str, Hits], strokes_s: Times, certainty: Values
) -> Measurement[float]:
    """Return how probably a stem holds a drum kit, where a kit and all else are equally likely beforehand.

    Drums rise at once and die away, in many bands, and each stroke is surely one of a kit's; notes are held, and are
    taken for a drum only half. Weighed by logistic regression. Unknown where less than 10 s sound and fewer than
    eight strokes are heard.

    Args:
        view: the stem.
        probability: of each drum at each onset, as `classes.probabilities` gives it.
        hits: as `classes.choose_hits` gives them.
        strokes_s: times of strokes, shape (n,).
        certainty: probability of each stroke, shape (n,).
    """
    if strokes_s.size < _FEWEST_STROKES and view.active.sum() * ACTIVITY_FRAME_S < _LEAST_SOUND_S:
        reason = f"fewer than {_FEWEST_STROKES} strokes in less than {_LEAST_SOUND_S:.0f} s of sound"
        return Measurement.unknown(reason, method=METHOD)
    score = float(kit_evidence(view, probability, hits, strokes_s, certainty) @ _WEIGHTS + _BIAS)
    chance = 1.0 / (1.0 + np.exp(-score))
    return Measurement.of(float(chance), method=METHOD)


def kit_evidence(
    view: AudioView, probability: FloatArray, hits: Mapping[str, Hits], strokes_s: Times, certainty: Values
) -> Values:
    """Return what speaks for a kit, shape (12,), columns as in `EVIDENCE`; 0 for what only strokes have."""
    power = view.onset_power
    level_db = 10.0 * np.log10(power.sum(axis=1, dtype=np.float64) + _FLOOR)
    at = np.clip(np.round(strokes_s * ONSET_RATE_HZ).astype(np.int64), 0, level_db.size - 1)
    around = np.clip(at[:, None] + np.arange(-_BEFORE, _BEHIND), 0, level_db.size - 1)
    later = np.clip(at + _LATER, 0, level_db.size - 1)
    # Silence before, behind and between what is played tells nothing.
    sounds = level_db > level_db.max() + _SOUNDING_DB
    steps = np.diff(level_db)[sounds[1:] & sounds[:-1]]
    loudest_db = 10.0 * np.log10(float(power.max()) + _FLOOR)
    colours = 10.0 * np.log10(power[np.clip(at + 1, 0, level_db.size - 1)].astype(np.float64) + _FLOOR)
    best = probability[:, : len(DRUMS)].max(axis=1)
    return np.array(
        [
            _or_zero(certainty, np.mean),
            np.log1p((best > 0.5).sum() / sounds.sum() * ONSET_RATE_HZ),
            _or_zero(best, np.mean),
            _or_zero(probability[:, len(DRUMS)] > 0.5, np.mean),
            _or_zero(level_db[around].max(axis=1) - level_db[later], np.median),
            np.log((_rms(steps[steps > 0.0]) + 1e-3) / (_rms(steps[steps < 0.0]) + 1e-3)),
            _or_zero(np.maximum(colours, loudest_db - _RANGE_DB).std(axis=1), np.median),
            *(_best(hits[drum].probability) for drum in EVIDENCE[7:11]),
            np.median(power[sounds, _HIGHS].sum(axis=1) / power[sounds].sum(axis=1)),
        ]
    )


def _or_zero(values: NDArray[Any], of: Callable[[NDArray[Any]], Any]) -> float:
    """Return the mean or median of values; 0 without any."""
    return float(of(values)) if values.size else 0.0


def _rms(values: Values) -> float:
    return float(np.sqrt(np.square(values).mean())) if values.size else 0.0


def _best(probability: Values) -> float:
    """Return the mean probability of the best hits; 0 without hits."""
    return float(np.sort(probability)[-_BEST_HITS:].mean()) if probability.size else 0.0
