"""What a model is given of a song within a budget: all of it, what of it sounds, or several typical segments.

Choosing segments and joining them belongs here; how large the budget is stands in `sound_budgets`, the levels by which
is chosen in `segments`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.analysis.features.stem import ActiveSegment
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.audio.levels import mono_pieces
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.inference.interface import Clip, Segment
from flamingo_bark_assets.inference.segments import (
    BLOCK_S,
    MIN_SOUNDING_SHARE,
    Floats,
    best_start,
    block_levels,
    in_blocks,
    measured_sections,
    nearest_start,
)
from flamingo_bark_assets.inference.sound_budgets import Budget

Blocks = npt.NDArray[np.bool_]
Span = tuple[int, int]
"""First block of a segment, and the block behind its last."""

_MIN_ACTIVE_S = 0.1  # of a block: the shortest sound that the measurements call active
_MIN_STEM_S = 2.0  # own choice: models tell of a singer in a last clip of .24 s (project notes)
_BRIDGED_BLOCKS = 2
_MAX_OFF_TYPE_DB = 6.0  # own choice: an unheard section is taken before a heard one unless it is so much less typical
_FADE_S = 0.02


def mix_excerpt(sound: Sound, budget: Budget, *, sample_rate_hz: int, sections: Sequence[Section] = ()) -> Clip | None:
    """Give a mix whole where the budget allows, else what of it sounds, else several typical segments.

    The segments lie one in each equal share of what sounds, so that they are spread over the song, in its order. In
    its share each is the most typical segment; sections with a letter that was not taken before go first unless they
    are 6 dB less typical. They are joined with fades of 20 ms. None where nothing sounds above -60 dBFS.
    """
    levels_db, sounding = block_levels(sound, _block(sound))
    if not sounding.any():
        return None
    if sound.duration_s <= budget.clip_s:
        return _joined(sound, [(0, len(sounding) + 1)], sample_rate_hz)
    return _joined(sound, _spans(levels_db, sounding, budget, sections), sample_rate_hz)


def stem_excerpt(
    sound: Sound,
    budget: Budget,
    *,
    sample_rate_hz: int,
    sections: Sequence[Section] = (),
    activity: Sequence[ActiveSegment] | None = None,
) -> Clip | None:
    """Give the segments in which a stem sounds, pauses of up to 2 s included; typical ones where the budget is less.

    `activity` are the segments in which it was measured to sound; None where that is not known, and its levels alone
    say so. None where it sounds for less than 2 s, or half of a shorter song.
    """
    levels_db, sounding = block_levels(sound, _block(sound))
    if activity is not None:
        sounding = sounding & _active(activity, len(sounding))
    if int(sounding.sum()) * BLOCK_S < min(_MIN_STEM_S, sound.duration_s / 2):
        return None
    return _joined(sound, _spans(levels_db, sounding, budget, sections), sample_rate_hz)


def typical_clip(
    sound: Sound, *, length_s: float, sample_rate_hz: int, sections: Sequence[Section] = ()
) -> Clip | None:
    """Cut the most typical segment, of whole seconds, out of the most typical section.

    The song is seen as blocks of one second, each with its level in 24 log-spaced bands, and is parted into its
    measured sections or, where there are none, where these levels change. Of the sections that sound and are at least
    half as long as the clip, the one is taken whose mean levels are nearest to the median of all sounding blocks; in
    it, the segment that is nearest and holds least silence. So a verse or chorus is taken rather than an intro. A song
    of which nothing sounds that long gives the segment that sounds most. A song shorter than `length_s` is taken whole;
    None where nothing sounds above -60 dBFS.
    """
    levels_db, sounding = block_levels(sound, _block(sound))
    if not sounding.any():
        return None
    size = max(1, int(length_s / BLOCK_S))
    if len(sounding) < size:  # the last block, which is not full, included
        return _joined(sound, [(0, len(sounding) + 1)], sample_rate_hz)
    parts = in_blocks(sections, len(sounding)) or measured_sections(levels_db, sounding)
    start = best_start(levels_db, sounding, size, parts)
    return _joined(sound, [(start, start + size)], sample_rate_hz)


def _block(sound: Sound) -> int:
    return max(1, round(BLOCK_S * sound.sample_rate_hz))


def _active(activity: Sequence[ActiveSegment], count: int) -> Blocks:
    """Return in which blocks a stem was measured to sound."""
    lengths_s = [segment.end_s - segment.start_s for segment in activity]
    edges_s = [0.0, *(edge for segment in activity for edge in (segment.start_s, segment.end_s))]
    before_s = [0.0, *np.repeat(np.cumsum([0.0, *lengths_s]), 2)[1:-1].tolist()]
    inside_s = np.diff(np.interp(np.arange(count + 1) * BLOCK_S, edges_s, before_s))
    return np.asarray(inside_s >= _MIN_ACTIVE_S - 1e-9)


def _spans(levels_db: Floats, sounding: Blocks, budget: Budget, sections: Sequence[Section]) -> list[Span]:
    runs = _runs(sounding)
    if sum(end - first for first, end in runs) * BLOCK_S <= budget.clip_s:
        return runs
    size = max(1, int(min(budget.segment_s, budget.clip_s) / BLOCK_S))
    size = min(size, len(sounding))
    count = max(1, min(int(budget.clip_s / (size * BLOCK_S)), int(sounding.sum()) // size))
    borders = _borders(sounding, count)
    parts = [(section.label, *span) for section in sections for span in in_blocks([section], len(sounding))]
    if not parts:
        parts = [(str(i), *span) for i, span in enumerate(measured_sections(levels_db, sounding))]
    taken: set[str] = set()
    chosen: list[Span] = []
    for share in itertools.pairwise(borders):
        label, start = _segment(levels_db, sounding, size, share, parts, taken)
        taken.add(label)
        chosen.append((start, start + size))
    return chosen


def _runs(sounding: Blocks) -> list[Span]:
    """Return the runs of blocks that sound; what lies no further apart than two blocks is one run."""
    change = np.flatnonzero(np.diff(np.concatenate(([False], sounding, [False])).astype(np.int8))).tolist()
    runs: list[Span] = []
    for first, end in zip(change[::2], change[1::2], strict=True):
        if runs and first - runs[-1][1] <= _BRIDGED_BLOCKS:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((first, end))
    return runs


def _borders(sounding: Blocks, count: int) -> list[int]:
    """Part a song into shares in which equally many blocks sound; gives `count` + 1 borders."""
    where = np.flatnonzero(sounding)
    inner = [int(where[i * len(where) // count]) for i in range(1, count)]
    return [0, *inner, len(sounding)]


def _segment(
    levels_db: Floats,
    sounding: Blocks,
    size: int,
    share: Span,
    parts: Sequence[tuple[str, int, int]],
    taken: set[str],
) -> tuple[str, int]:
    """Return the most typical segment within a share of the song, and the letter of its section."""
    found: list[tuple[float, str, int]] = []
    last = share[1] - size
    for label, first, end in parts:
        first, end = max(first, share[0]), min(end, share[1])  # noqa: PLW2901
        if end - first < size / 2 or sounding[first:end].mean() < MIN_SOUNDING_SHARE:
            continue
        start, distance = nearest_start(levels_db, sounding, size, min(first, last), min(max(first, end - size), last))
        found.append((distance, label, start))
    if not found:
        return "", nearest_start(levels_db, sounding, size, share[0], last)[0]
    nearest = min(found)
    fresh = [one for one in found if one[1] not in taken and one[0] <= nearest[0] + _MAX_OFF_TYPE_DB]
    _, label, start = min(fresh or [nearest])
    return label, start


def _joined(sound: Sound, spans: Sequence[Span], sample_rate_hz: int) -> Clip:
    """Cut segments out of a sound, in one pass, and join them."""
    rate, block = sound.sample_rate_hz, _block(sound)
    pieces: list[list[FloatArray]] = [[] for _ in spans]
    for number, piece in enumerate(itertools.islice(mono_pieces(sound, block), spans[-1][1])):
        for kept, (first, end) in zip(pieces, spans, strict=True):
            if first <= number < end:
                kept.append(piece)
    # Each by itself: segments of whole seconds then meet at the borders of a model's windows.
    cuts = [resample(np.concatenate(kept)[np.newaxis], rate, sample_rate_hz)[0] for kept in pieces]
    segments = tuple(
        Segment(first * block / rate, first * block / rate + cut.size / sample_rate_hz)
        for (first, _), cut in zip(spans, cuts, strict=True)
    )
    if len(cuts) == 1:
        return Clip(np.ascontiguousarray(cuts[0]), sample_rate_hz, segments[0].start_s)
    return Clip(np.concatenate(_faded(cuts, sample_rate_hz)), sample_rate_hz, segments[0].start_s, segments)


def _faded(cuts: Sequence[FloatArray], sample_rate_hz: int) -> list[FloatArray]:
    """Fade out and in where segments meet, as a click there would be heard as a drum."""
    faded = [cut.copy() for cut in cuts]
    for before, after in itertools.pairwise(faded):
        count = min(round(_FADE_S * sample_rate_hz), before.size, after.size)
        ramp = np.linspace(0.0, 1.0, count, dtype=np.float32)
        after[:count] *= ramp
        before[before.size - count :] *= ramp[::-1]
    return faded
