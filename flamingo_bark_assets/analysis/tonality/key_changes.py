"""Where a song moves to another key: a hidden Markov model over the keys of overlapping windows.

Key changes belong here; the evidence for one key is in `key`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.tonality import KeySegment
from flamingo_bark_assets.analysis.frontend.view import NOTE_RATE_HZ
from flamingo_bark_assets.analysis.tonality.key import frame_chroma, frame_kinds, window_scores
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import KEYS

_WINDOW_S = 12.0
_HOP_S = 3.0
# Logarithm of the odds against a change; windows overlap, so each counts as the share that is new in it.
_COST = 5.0


def key_segments(
    probabilities: FloatArray, salience: FloatArray, home: int, *, duration_s: float
) -> tuple[KeySegment, ...]:
    """Split a song into segments of one key each, from 0 to the end; only the home key's where none other is clear.

    `probabilities` has shape (n_frames, CHORDS), `salience` (n_frames, 84); `home` is the index in `KEYS` of the song's
    key.
    """
    hop, width = round(_HOP_S * NOTE_RATE_HZ), round(_WINDOW_S * NOTE_RATE_HZ)
    starts = np.arange(0, max(1, probabilities.shape[0] - width + hop), hop)
    kinds, chroma = (_window_sums(x, starts, width) for x in (frame_kinds(probabilities), frame_chroma(salience)))
    scores = window_scores(kinds, chroma)
    path = _cheapest_path(scores * np.float32(_HOP_S / _WINDOW_S))
    if np.unique(path).size == 1:
        path[:] = home
    firsts = np.flatnonzero(np.diff(path, prepend=-1))
    middles_s = (starts[firsts] + width / 2.0) / NOTE_RATE_HZ - _HOP_S / 2.0
    edges_s = np.append(np.minimum(middles_s, duration_s), duration_s)
    edges_s[0] = 0.0
    agreed = np.append(scores.argmax(axis=1) == path, True)
    lasts = np.append(firsts[1:], path.size)
    return tuple(
        KeySegment(
            segment=i,
            start_s=float(edges_s[i]),
            end_s=float(edges_s[i + 1]),
            key=KEYS[int(path[first])],
            confidence=float(agreed[first:last].mean()),
        )
        for i, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    )


def _window_sums(values: FloatArray, starts: NDArray[np.int_], width: int) -> FloatArray:
    """Sum over each window, shape (n_windows, n_columns)."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    return np.asarray(sums[np.minimum(starts + width, values.shape[0])] - sums[starts], np.float32)


def _cheapest_path(scores: FloatArray) -> NDArray[np.int_]:
    """Find Viterbi's path over the keys, shape (n_windows,)."""
    best = scores[0].astype(np.float64)
    back = []
    for row in scores[1:]:
        leader = int(np.argmax(best))
        back.append(np.where(best >= best[leader] - _COST, np.arange(best.size), leader))
        best = np.maximum(best, best[leader] - _COST) + row
    path = [int(np.argmax(best))]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return np.array(path[::-1])
