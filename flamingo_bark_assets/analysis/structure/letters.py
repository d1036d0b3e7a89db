"""Which sections are alike: a letter for each.

Comparing and grouping sections belong here; finding where they begin does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.structure.bars import BarFeatures
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

# Sections nearer than this, on average over their group, have the same letter.
_ALIKE = 0.75
_MOST = 2.5
# Over the spread from bar to bar: half-way between sections with the same and with different names, and the weights.
_TIMBRE, _RHYTHM, _HARMONY, _STEMS = (0.53, 1.0), (0.79, 2.0), (1.1, 2.0), (0.8, 3.0)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters(features: BarFeatures, starts: Sequence[int]) -> list[str]:
    """Group the sections by average linkage and name the groups in order of appearance.

    Two sections are compared by the medians of timbre, rhythm and stem levels over their bars and by the harmony bar
    by bar from their starts. After Z follow A1, B1 and so on.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(starts) < 2:
        return ["A"] * len(starts)
    apart = section_distances(features, starts)
    groups = fcluster(linkage(apart[np.triu_indices(len(starts), 1)], "average"), _ALIKE, "distance")
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.tolist()))}
    return [letter(order[group]) for group in groups.tolist()]


def section_distances(features: BarFeatures, starts: Sequence[int]) -> Values:
    """Return how unlike two sections are, about 1 half-way between alike and unlike, shape (n_sections, n_sections)."""
    edges = np.array([*starts, len(features.timbre)], np.int64)
    total, weights = np.zeros((len(starts), len(starts))), 0.0
    parts = [(features.timbre, *_TIMBRE), (features.rhythm, *_RHYTHM), (features.stems, *_STEMS)]
    for values, middle, weight in parts:
        if values.shape[1]:
            total += weight * np.minimum(_median_distances(values, edges) / middle, _MOST)
            weights += weight
    by_bar = np.zeros_like(total)
    _fill_distances_by_bar(np.ascontiguousarray(features.harmony), edges, by_bar)
    middle, weight = _HARMONY
    total += weight * np.minimum(by_bar / (_spread(features.harmony) * middle), _MOST)
    return np.asarray(total / (weights + weight))


def letter(number: int) -> str:
    """Name a group by its number, from 0: A to Z, then A1, B1 and so on."""
    turn, place = divmod(number, len(_ALPHABET))
    return _ALPHABET[place] + (str(turn) if turn else "")


def _spread(values: Values) -> float:
    return float(np.sqrt(values.var(axis=0).mean())) + 1e-6


def _median_distances(values: Values, edges: NDArray[np.int64]) -> Values:
    """Compute the RMS difference of the sections' medians over the spread of all bars."""
    medians = np.stack([np.median(values[a:b], axis=0) for a, b in itertools.pairwise(edges)])
    squares = [np.square(medians - median).mean(axis=1) for median in medians]
    return np.asarray(np.sqrt(np.stack(squares)) / _spread(values))


@compiled("void(float64[:, ::1], int64[::1], float64[:, ::1])")
def _fill_distances_by_bar(x: Values, edges: NDArray[np.int64], apart: Values) -> None:
    """Fill in the median, over the bars that two sections share, of the RMS difference of their k-th bars."""
    for i in range(edges.size - 1):
        for j in range(i + 1, edges.size - 1):
            shorter = min(edges[i + 1] - edges[i], edges[j + 1] - edges[j])
            distances = np.zeros(shorter)
            for bar in range(shorter):
                total = 0.0
                for k in range(x.shape[1]):
                    d = x[edges[i] + bar, k] - x[edges[j] + bar, k]
                    total += d * d
                distances[bar] = (total / x.shape[1]) ** 0.5
            apart[i, j] = np.median(distances)
            apart[j, i] = apart[i, j]
