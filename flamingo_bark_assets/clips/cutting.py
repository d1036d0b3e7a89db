"""Cut a song into pieces for one view: which of the places of its grid, so that most of it is used and none is torn.

Choosing places belongs here, as a pure function; where they come from stands in `grid`, what sounds in `levels`.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.clips.grid import Grid, gaps_between
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.settings import ViewSettings

WHOLE_VIEW = "full"
"""Name of the view that holds the whole song, or its best part from the start where that is too long."""

LEAD_S = 0.01
"""Cuts lie so far before the beat that they follow, so that its attack is whole."""
SHIFT_S = 0.005
"""Most that a start is moved to the front when it is rendered, and that a clip then becomes shorter, so that both cuts
lie where the sound crosses zero."""
FILLED = 0.8
"""Least share of a view's longest length that a clip fills (the whole song aside)."""
MIN_REMAINDER_S = 5.0
"""What is left over and shorter is dropped without a word."""

# On songs with known lines the end of a line is found up to 30 ms early, its onset within 11 ms. A singer who begins on
# the downbeat must not forbid it, so there the cut is laid earlier, as far as 30 ms to the downbeat allow.
_BEFORE_LINE_S = 0.005
_AFTER_LINE_S = 0.04
_MAX_LEAD_S = 0.02
_SAME_S = 0.06
_EXACT_S = 1e-6
_IN_PAUSE_S = 0.05
_PHRASE_BARS = 4
_REGULAR_S = 0.5
# What a place is worth: the share of the view's longest length that may be left out of the song for it.
_SECTION, _PHRASE, _DOWNBEAT, _PAUSE, _TORN = 0.08, 0.05, 0.03, -0.02, -0.1
_MIN_WHOLE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a piece is left out: the rule, the value and the limit where the rule has them, and a sentence."""

    rule: str
    reason: str
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a song.

    Attributes:
        number: among those of its view, in order of time, left out ones included.
        start_s: start in the song.
        end_s: end in the song.
        start_cut: what begins there: song, section, downbeat, pause or length.
        end_cut: what begins there: song (its end), section, downbeat, beat, pause or length (cut to it).
        fault: why it is left out whatever its source; None where it is not.
    """

    number: int
    start_s: float
    end_s: float
    start_cut: str
    end_cut: str
    fault: Fault | None = None

    @property
    def length_s(self) -> float:
        """Length, seconds."""
        return self.end_s - self.start_s


def cut(grid: Grid, view: ViewSettings) -> tuple[Piece, ...]:
    """Cut a song for one view.

    Pieces do not overlap, begin on downbeats where the grid has them, and neither begin nor end in a sung line unless
    the view allows it. Among all such cuts the one is taken that covers most of the song, where a border of a section,
    a phrase of four bars and an end on a downbeat count as some seconds (dynamic programming over the places).

    Args:
        grid: the places of the song.
        view: lengths and whether lines may be cut.

    Returns:
        Pieces in order of time; what cannot be cut without tearing a line, and remainders of `MIN_REMAINDER_S` and
        more, are among them with the fault that leaves them out.
    """
    if view.name == WHOLE_VIEW:
        pieces = [_whole(grid, view)]
    else:
        places = _Places(grid, view)
        pieces = places.best(0.0, grid.duration_s)
        pieces += _left_out(grid, view, pieces, places.shortest_s)
    ordered = sorted(pieces, key=lambda piece: piece.start_s)
    return tuple(dataclasses.replace(piece, number=number) for number, piece in enumerate(ordered))


def _lines(grid: Grid, view: ViewSettings) -> tuple[Span, ...]:
    """Return the lines that the view must not cut, with what they may reach beyond what was measured."""
    if view.cuts_sung_lines or grid.sung is None:
        return ()
    return tuple(Span(line.start_s - _BEFORE_LINE_S, line.end_s + _AFTER_LINE_S) for line in grid.sung)


def _is_inside(spans: Sequence[Span], time_s: float) -> bool:
    i = bisect_left(spans, time_s, key=lambda span: span.end_s)
    return i < len(spans) and spans[i].start_s + _EXACT_S < time_s < spans[i].end_s - _EXACT_S


@dataclass(frozen=True, slots=True)
class _Place:
    """One place at which a piece may begin, end or both: what it is worth for either, None where it may not."""

    time_s: float
    cut: str
    start: float | None
    end: float | None


class _Places:
    """The places of a song for one view, and the best cut among them."""

    def __init__(self, grid: Grid, view: ViewSettings, *, torn: bool = False) -> None:
        self._exact = view.max_s - max(view.min_s, FILLED * view.max_s) < 2 * SHIFT_S
        self._longest_s = view.max_s
        self.shortest_s = view.max_s if self._exact else max(view.min_s, FILLED * view.max_s) + SHIFT_S
        lines = () if torn else _lines(grid, view)
        found = [place for place in _places(grid, lines) if not _is_inside(lines, place.time_s)]
        found += self._cut_to_length(found, lines, grid.duration_s)
        self._places = sorted(found, key=lambda place: place.time_s)

    def _cut_to_length(self, found: Sequence[_Place], lines: Sequence[Span], duration_s: float) -> Iterator[_Place]:
        for place in found:
            end_s = place.time_s + self._longest_s
            if place.start is not None and end_s <= duration_s and not _is_inside(lines, end_s):
                yield _Place(end_s, "length", None, _TORN)

    def best(self, from_s: float, to_s: float) -> list[Piece]:
        """Return the pieces of a stretch that cover most of it at the best places."""
        places = [p for p in self._places if from_s - _EXACT_S <= p.time_s <= to_s + _EXACT_S]
        times = np.array([place.time_s for place in places])
        ends = np.array([-np.inf if place.end is None else place.end for place in places])
        if self._exact:
            ends[[place.cut != "length" for place in places]] = -np.inf
        return self._traced(places, *self._searched(places, times, ends))

    def _searched(
        self, places: Sequence[_Place], times: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Return for each place the best total of pieces that end there, where the last begins, and what is before."""
        total = np.full(times.size, -np.inf)
        begins = np.full(times.size, -1)
        before = np.full(times.size, -1)
        best_s, best_at = 0.0, -1
        lows = np.searchsorted(times, times + self.shortest_s - _EXACT_S)
        highs = np.searchsorted(times, times + self._longest_s + _EXACT_S, side="right")
        for i, place in enumerate(places):
            if total[i] > best_s:
                best_s, best_at = float(total[i]), i
            if place.start is None or lows[i] >= highs[i]:
                continue
            window = slice(lows[i], highs[i])
            worth = best_s + times[window] - times[i] + (place.start + ends[window]) * self._longest_s
            better = worth > total[window]
            total[window][better] = worth[better]
            begins[window][better] = i
            before[window][better] = best_at
        return total, begins, before

    def _traced(
        self,
        places: Sequence[_Place],
        total: NDArray[np.float64],
        begins: NDArray[np.int64],
        before: NDArray[np.int64],
    ) -> list[Piece]:
        pieces = []
        at = int(np.argmax(total)) if total.size and total.max() > 0.0 else -1
        while at >= 0:
            start, end = places[int(begins[at])], places[at]
            end_s = start.time_s + self._longest_s if self._exact else end.time_s
            pieces.append(Piece(0, start.time_s, end_s, start.cut, end.cut))
            at = int(before[at])
        return pieces


def _places(grid: Grid, lines: Sequence[Span]) -> Iterator[_Place]:
    """Give all places of a song but those inside its lines and those that only a length makes."""
    yield _Place(grid.duration_s, "song", None, 0.0)
    if grid.by == "downbeats":
        yield from _musical(grid, lines)
    else:
        yield _Place(0.0, "song", 0.0, None)
        for time_s in grid.borders_s:
            yield _Place(time_s, "section", _SECTION, _SECTION)
        for time_s in np.arange(_REGULAR_S, grid.duration_s, _REGULAR_S).tolist():
            yield _Place(time_s, "length", _TORN, _TORN)
    may_start = None if grid.by == "downbeats" else _DOWNBEAT
    for pause in [*grid.quiet, *gaps_between(lines, grid.duration_s)]:
        inside_s = min(_IN_PAUSE_S, (pause.end_s - pause.start_s) / 2)
        yield _Place(pause.start_s + inside_s, "pause", None, _PAUSE)
        if pause.end_s < grid.duration_s:
            yield _Place(pause.end_s - inside_s, "pause", may_start, _PAUSE)


def _musical(grid: Grid, lines: Sequence[Span]) -> Iterator[_Place]:
    """Give the beats; a piece begins on a downbeat only, and not in silence."""
    bars = 0
    for time_s, position in zip(grid.beats_s, grid.positions, strict=True):
        cut_s = max(0.0, time_s - _lead(lines, time_s))
        if position != 1:
            yield _Place(cut_s, "beat", None, 0.0)
            continue
        is_border = _is_near(grid.borders_s, time_s)
        bars = 0 if is_border else bars
        worth = _SECTION if is_border else _PHRASE if bars % _PHRASE_BARS == 0 else 0.0
        bars += 1
        start = None if _is_inside(grid.quiet, time_s + LEAD_S) else worth
        yield _Place(cut_s, "section" if is_border else "downbeat", start, max(worth, _DOWNBEAT))


def _lead(lines: Sequence[Span], beat_s: float) -> float:
    """Return how far before a beat to cut: further where a line begins on it."""
    i = bisect_left(lines, beat_s - _SAME_S, key=lambda line: line.start_s)
    return LEAD_S if i == len(lines) else min(max(LEAD_S, beat_s - lines[i].start_s), _MAX_LEAD_S)


def _is_near(times: Sequence[float], time_s: float) -> bool:
    i = bisect_left(times, time_s - _SAME_S)
    return i < len(times) and times[i] <= time_s + _SAME_S


def _left_out(grid: Grid, view: ViewSettings, pieces: Sequence[Piece], shortest_s: float) -> list[Piece]:
    """Return what a view leaves of a song: pieces that only a torn line would give, and remainders."""
    lines = _lines(grid, view)
    torn = _Places(grid, view, torn=True) if lines else None
    left = []
    used = sorted((Span(piece.start_s, piece.end_s) for piece in pieces), key=lambda span: span.start_s)
    for gap in gaps_between(used, grid.duration_s):
        found = torn.best(gap.start_s, gap.end_s) if torn is not None else []
        fault = Fault("sung_line", "it can only be cut through a sung line")
        left += [dataclasses.replace(piece, fault=fault) for piece in found]
        within = sorted((Span(p.start_s, p.end_s) for p in found), key=lambda span: span.start_s)
        for rest in _rests(gap, within):
            length_s = rest.end_s - rest.start_s
            if length_s < MIN_REMAINDER_S:
                continue
            if length_s < shortest_s:
                reason = f"a remainder of {length_s:.1f} s; at least {shortest_s:.1f} s are needed"
                fault = Fault("too_short", reason, length_s, shortest_s)
            else:
                fault = Fault("no_cut", "nothing in it is a place at which a clip may begin and end", length_s)
            left.append(Piece(0, rest.start_s, rest.end_s, "length", "length", fault))
    return left


def _rests(gap: Span, within: Sequence[Span]) -> list[Span]:
    moved = [Span(span.start_s - gap.start_s, span.end_s - gap.start_s) for span in within]
    rests = gaps_between(moved, gap.end_s - gap.start_s)
    return [Span(rest.start_s + gap.start_s, rest.end_s + gap.start_s) for rest in rests]


def _whole(grid: Grid, view: ViewSettings) -> Piece:
    """Return the whole song, or the longest part from its start that ends well where the song is too long."""
    if grid.duration_s < view.min_s:
        reason = f"the song lasts {grid.duration_s:.1f} s; at least {view.min_s:g} s are needed"
        fault = Fault("too_short", reason, grid.duration_s, view.min_s)
        return Piece(0, 0.0, grid.duration_s, "song", "song", fault)
    if grid.duration_s <= view.max_s:
        return Piece(0, 0.0, grid.duration_s, "song", "song")
    lines = _lines(grid, view)
    places = [p for p in _places(grid, lines) if p.end is not None and not _is_inside(lines, p.time_s)]
    for cuts in ("section",), ("downbeat",), ("beat",), ("pause",), ("length",):
        at_least_s = max(view.min_s, _MIN_WHOLE_SHARE * view.max_s)
        ends = [p for p in places if p.cut in cuts and at_least_s <= p.time_s <= view.max_s]
        if ends:
            last = max(ends, key=lambda place: place.time_s)
            return Piece(0, 0.0, last.time_s, "song", last.cut)
    if not _is_inside(lines, view.max_s):
        return Piece(0, 0.0, view.max_s, "song", "length")
    fault = Fault("sung_line", f"it can only be cut through a sung line within {view.max_s:g} s")
    return Piece(0, 0.0, view.max_s, "song", "length", fault)
