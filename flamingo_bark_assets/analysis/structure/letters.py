"""Which sections are alike: a letter for each.

Comparing and grouping sections belong here; finding where they begin does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.structure.bars import BarFeatures
from flamingo_bark_assets.analysis.structure.model import section_model
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

PAIR_COLUMNS = (
    "timbre, dB", "timbre", "rhythm", "harmony bar by bar", "harmony over usual", "chroma", "level, dB", "length",
    "stems, dB", "one stem, dB",
)  # fmt: skip
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# As far as sections are shifted against each other, in bars, for where a boundary is late or a part has an upbeat.
_SHIFTS = 2
# Sections in another key by a tone or a semitone are alike, but a little less.
_TRANSPOSED_APART = 0.1
# What two sections that are the same differ by: a remix of a steady sound.
_LEAST_TIMBRE_DB, _LEAST_RHYTHM_DB, _LEAST_HARMONY = 1.0, 0.3, 0.05

# Squared distances of unit-norm chroma: parts with other chords are no nearer than this.
_LEAST_USUAL = 0.4


@dataclass(frozen=True, slots=True)
class Letters:
    """The sections' letters.

    Attributes:
        names: a letter a section.
        certainty: mean probability, over all pairs of sections, that they are told alike or unlike rightly.
    """

    names: list[str]
    certainty: float


def letters(features: BarFeatures, starts: Sequence[int]) -> Letters:
    """Group the sections by how alike they are, and name the groups by letters."""
    return grouped(same_log_odds(features, starts)) if len(starts) > 1 else Letters(["A"] * len(starts), 1.0)


def grouped(log_odds: Values) -> Letters:
    """Group by average linkage of the log odds of being the same; name groups in order of appearance.

    After Z follow A1, B1 and so on.

    Args:
        log_odds: of any two sections, shape (n_sections, n_sections).
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    upper = np.triu_indices(len(log_odds), 1)
    if not upper[0].size:
        return Letters(["A"] * len(log_odds), 1.0)
    # Linkage wants distances that are not negative.
    highest = max(0.0, float(log_odds[upper].max()))
    groups = fcluster(linkage(highest - log_odds[upper], "average"), highest, "distance")
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.tolist()))}
    same = groups[:, None] == groups[None, :]
    right = 1.0 / (1.0 + np.exp(-np.where(same, log_odds, -log_odds)))
    return Letters([letter(order[group]) for group in groups.tolist()], float(right[upper].mean()))


def same_log_odds(features: BarFeatures, starts: Sequence[int]) -> Values:
    """Return log odds of two sections being the same part, shape (n_sections, n_sections)."""
    model = section_model("stems" if features.stems.shape[1] else "mix")
    pairs = section_pairs(features, starts)
    return np.asarray(pairs[:, :, : model.same_weights.size] @ model.same_weights + model.same_bias)


def section_pairs(features: BarFeatures, starts: Sequence[int]) -> Values:
    """Compare any two sections, shape (n_sections, n_sections, 10), columns as in `PAIR_COLUMNS`.

    Timbre, rhythm and levels are compared by the medians over their bars, in dB and over how far bars scatter within
    sections, harmony bar by bar from their starts or ends, a few bars shifted, in the same or in a neighbouring key.
    """
    edges = np.array([*starts, len(features.timbre)], np.int64)
    count = len(starts)
    timbre, timbre_scatter = _median_distances(features.timbre, edges)
    rhythm, rhythm_scatter = _median_distances(features.rhythm, edges)
    apart, moved = np.zeros((count, count)), np.zeros((count, count))
    _fill_distances_by_bar(np.ascontiguousarray(features.harmony), edges, _SHIFTS, apart, moved)
    harmony = np.minimum(apart, moved + _TRANSPOSED_APART)
    usual = max(_LEAST_USUAL, float(np.median(apart[np.triu_indices(count, 1)])) if count > 1 else 0.0)
    chroma = np.stack([features.chroma[a:b].mean(axis=0) for a, b in itertools.pairwise(edges)])
    level = np.array([10.0 * np.log10(features.power[a:b].mean() + 1e-12) for a, b in itertools.pairwise(edges)])
    lengths = np.log(np.diff(edges))
    columns = [
        np.log1p(timbre / _LEAST_TIMBRE_DB),
        np.log((timbre + _LEAST_TIMBRE_DB) / (timbre_scatter + _LEAST_TIMBRE_DB)),
        np.log((rhythm + _LEAST_RHYTHM_DB) / (rhythm_scatter + _LEAST_RHYTHM_DB)),
        harmony,
        np.log((harmony + _LEAST_HARMONY) / (usual + _LEAST_HARMONY)),
        np.sqrt(np.square(chroma[:, None] - chroma[None, :]).sum(axis=2)),
        np.log1p(np.abs(level[:, None] - level[None, :])),
        np.abs(lengths[:, None] - lengths[None, :]),
    ]
    if features.stems.shape[1]:
        medians = np.stack([np.median(features.stems[a:b], axis=0) for a, b in itertools.pairwise(edges)])
        stems = np.abs(medians[:, None] - medians[None, :])
        columns += [np.log1p(stems.mean(axis=2)), np.log1p(stems.max(axis=2))]
    else:
        columns += [np.zeros((count, count))] * 2
    return np.stack(columns, axis=2)


def letter(number: int) -> str:
    """Name a group by its number, from 0: A to Z, then A1, B1 and so on."""
    turn, place = divmod(number, len(_ALPHABET))
    return _ALPHABET[place] + (str(turn) if turn else "")


def _median_distances(values: Values, edges: NDArray[np.int64]) -> tuple[Values, float]:
    """Compute the RMS difference of the sections' medians, and the RMS distance of bars from their section's median."""
    spans = list(itertools.pairwise(edges))
    medians = np.stack([np.median(values[a:b], axis=0) for a, b in spans])
    scatter = np.concatenate([values[a:b] - median for (a, b), median in zip(spans, medians, strict=True)])
    squares = [np.square(medians - median).mean(axis=1) for median in medians]
    return np.sqrt(np.stack(squares)), float(np.sqrt(np.square(scatter).mean()))


@compiled("void(float64[:, ::1], int64[::1], int64, float64[:, ::1], float64[:, ::1])")
def _fill_distances_by_bar(x: Values, edges: NDArray[np.int64], shifts: int, apart: Values, moved: Values) -> None:
    """Fill in the mean squared distance of the bars that two sections share, at the shift where it is least.

    `moved` is the same from their starts with one of them a semitone or a tone higher or lower. Columns of x are
    pitch classes of one beat after another. A shift counts where it leaves half of the shorter section.
    """
    for i in range(edges.size - 1):
        for j in range(i + 1, edges.size - 1):
            n_i, n_j = edges[i + 1] - edges[i], edges[j + 1] - edges[j]
            least = max(1, (min(n_i, n_j) + 1) // 2)
            best, best_moved = np.inf, np.inf
            for option in range(2 * shifts + 2 + 4):
                shift, up = 0, 0
                if option <= 2 * shifts:
                    shift = option - shifts
                elif option == 2 * shifts + 1:
                    shift = n_i - n_j
                else:
                    up = (option - 2 * shifts - 2) - 2
                    if up >= 0:
                        up += 1
                first_i, first_j = max(shift, 0), max(-shift, 0)
                bars = min(n_i - first_i, n_j - first_j)
                if bars < least:
                    continue
                total = 0.0
                for bar in range(bars):
                    a, b = edges[i] + first_i + bar, edges[j] + first_j + bar
                    for k in range(x.shape[1]):
                        other = k - k % 12 + (k % 12 + up + 12) % 12
                        d = x[a, k] - x[b, other]
                        total += d * d
                total /= bars
                if up == 0:
                    best = min(best, total)
                else:
                    best_moved = min(best_moved, total)
            apart[i, j] = apart[j, i] = best
            moved[i, j] = moved[j, i] = best_moved
