"""Beats and bars as a person corrects them: laid for another tempo, moved to a downbeat, numbered by another metre.

Times and positions of beats belong here; what follows for other measurements stands in `song`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.metres import METRES

Times = NDArray[np.float64]

_DEFAULT_METRE = "4/4"
# Within this of once, half or twice the measured tempo the beats that were found are the ones that are meant.
_SAME_TEMPO = 0.04
# A downbeat further from every beat than this share of the distance between beats lies between them.
_OFF_BEAT = 0.25
_MOST_BEATS = 100_000


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """The beats of a song.

    Attributes:
        times_s: (n_beats,), ascending.
        beats_per_bar: how many a bar has.
        first: index of a beat that begins a bar.
        quarters_per_beat: quarters of a beat in tempo, see `metres.Metre`.
        is_laid: whether the beats are others than those that were measured.
        is_steady: whether all beats are laid by one tempo.
        note: what was done, in words.
    """

    times_s: Times
    beats_per_bar: int
    first: int
    quarters_per_beat: float = 1.0
    is_laid: bool = False
    is_steady: bool = False
    note: str = ""

    @property
    def positions(self) -> NDArray[np.int64]:
        """Place of each beat in its bar, from 1."""
        return (np.arange(self.times_s.size) - self.first) % self.beats_per_bar + 1

    @property
    def downbeats_s(self) -> Times:
        """Times of the beats that begin a bar."""
        return np.asarray(self.times_s[self.positions == 1], np.float64)


def at_tempo(
    grid: BeatGrid,
    measured_bpm: float | None,
    tempo_bpm: float,
    first_downbeat_s: float | None,
    span_s: tuple[float, float],
) -> BeatGrid:
    """Lay the beats for another tempo.

    Near once, half or twice the measured tempo the beats that were found are used: as they are, every second of them,
    or with one more in the middle of each two. Any other tempo gives a steady grid over the span of the song, in s,
    that goes through the first downbeat or, without one, through the first beat that was measured.
    """
    factor = tempo_bpm / measured_bpm if measured_bpm and grid.times_s.size > 1 else 0.0
    if abs(factor - 1.0) <= _SAME_TEMPO:
        return replace(grid, note="the beats stay as they were measured")
    if abs(factor - 0.5) <= _SAME_TEMPO * 0.5:
        kept = _nearest(grid.times_s, first_downbeat_s) if first_downbeat_s is not None else grid.first
        return _halved(grid, kept)
    if abs(factor - 2.0) <= _SAME_TEMPO * 2.0:
        return _doubled(grid)
    through = first_downbeat_s
    if through is None:
        through = float(grid.times_s[grid.first]) if grid.times_s.size else span_s[0]
    return _steady(grid, tempo_bpm, through, span_s)


def at_downbeat(grid: BeatGrid, first_downbeat_s: float) -> BeatGrid:
    """Count the bars from a time: from the nearest beat or, where it lies between beats, from beats moved onto it."""
    if grid.times_s.size < 2:
        return grid
    nearest = _nearest(grid.times_s, first_downbeat_s)
    apart_s = first_downbeat_s - float(grid.times_s[nearest])
    beat_s = float(np.median(np.diff(grid.times_s)))
    if abs(apart_s) <= _OFF_BEAT * beat_s:
        return replace(grid, first=nearest, note="bars are counted from the nearest beat")
    if abs(apart_s) > beat_s:
        return replace(grid, first=nearest, note="it lies outside of the beats; bars are counted from the nearest one")
    times = grid.times_s + apart_s
    return replace(
        grid, times_s=times[times >= 0.0], first=nearest - int((times < 0.0).sum()), is_laid=True,
        note="it lies between beats, which are moved onto it",
    )  # fmt: skip


def in_metre(grid: BeatGrid, metre: str) -> BeatGrid:
    """Count the beats by another metre, from the same downbeat; where its beats are eighths, a quarter has two."""
    found = METRES[metre]
    factor = grid.quarters_per_beat / found.quarters_per_beat
    note = "the beats are numbered anew"
    if grid.times_s.size > 1 and factor != 1.0:
        grid = _doubled(grid) if factor > 1.0 else _halved(grid, grid.first)
        note = f"{grid.note}; they are numbered anew"
    return replace(grid, beats_per_bar=found.beats_per_bar, quarters_per_beat=found.quarters_per_beat, note=note)


def grid_of(times_s: Times, positions: NDArray[np.int64], metre: str | None) -> BeatGrid:
    """Return the grid that was measured; without beats an empty one."""
    found = METRES[metre or _DEFAULT_METRE]
    downbeats = np.flatnonzero(positions == 1)
    first = int(downbeats[0]) if downbeats.size else 0
    return BeatGrid(times_s, found.beats_per_bar, first, found.quarters_per_beat)


def _halved(grid: BeatGrid, kept: int) -> BeatGrid:
    """Leave out every second beat, and keep one."""
    times = grid.times_s[kept % 2 :: 2]
    return replace(grid, times_s=times, first=kept // 2, is_laid=True, note="every second beat is left out")


def _doubled(grid: BeatGrid) -> BeatGrid:
    times = np.empty(2 * grid.times_s.size - 1)
    times[::2] = grid.times_s
    times[1::2] = (grid.times_s[1:] + grid.times_s[:-1]) / 2.0
    return replace(
        grid, times_s=times, first=2 * grid.first, is_laid=True, note="a beat is put in the middle of each two"
    )


def _steady(grid: BeatGrid, tempo_bpm: float, through_s: float, span_s: tuple[float, float]) -> BeatGrid:
    beat_s = 60.0 / tempo_bpm * grid.quarters_per_beat
    start_s, end_s = (grid.times_s[0], grid.times_s[-1]) if grid.times_s.size > 1 else span_s
    # Half a beat of leeway, so that the ends of the measured beats are beats still.
    before = int(np.floor((through_s - start_s) / beat_s + 0.5))
    after = int(np.floor((end_s - through_s) / beat_s + 0.5))
    numbers = np.arange(-before, min(after, _MOST_BEATS - before) + 1)
    times = through_s + numbers * beat_s
    kept = times >= 0.0
    return replace(
        grid, times_s=np.asarray(times[kept], np.float64), first=before - int((~kept).sum()), is_laid=True,
        is_steady=True, note=f"a steady grid is laid through {through_s:.3f} s",
    )  # fmt: skip


def _nearest(times_s: Times, time_s: float) -> int:
    return int(np.argmin(np.abs(times_s - time_s)))
