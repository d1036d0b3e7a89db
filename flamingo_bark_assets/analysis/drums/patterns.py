"""What the drums play against the bars of the song: grid, patterns, swing, syncopation.

Arithmetic on hit times and beats belongs here; sound does not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums.classes import Hits
from flamingo_bark_assets.analysis.drums.onsets import Times
from flamingo_bark_assets.analysis.features.drums import DrumBar, DrumPattern
from flamingo_bark_assets.analysis.rhythm.stems import metrical_weights, syncopation_of_steps

Places = NDArray[np.float64]
Steps = NDArray[np.int64]

GHOST_STRENGTH = 0.35
MIN_SWUNG_HITS, MAX_SWUNG_HITS = 12, 600
STRAIGHT, TRIPLET_AND_MORE = 0.5, 0.7
# Spread of played notes about the grid, seconds (Hellmer & Madison, Music Perception 33, 2015: 10 to 15 ms).
PLAYING_SPREAD_S = 0.014
# Log likelihood a note that swing must gain over straight playing.
MIN_SWING_GAIN = 0.05


@dataclass(frozen=True, slots=True)
class Grid:
    """The bars of a song.

    Attributes:
        beats_s: beat times, ascending, shape (n,).
        bar_of_beat: number of the bar of each beat, -1 before the first downbeat, shape (n,).
        place_in_bar: number of each beat in its bar from 0, shape (n,).
        beats_per_bar: most common number.
        steps_per_beat: 4, or 6 where the beat is a dotted quarter.
    """

    beats_s: Times
    bar_of_beat: Steps
    place_in_bar: Steps
    beats_per_bar: int
    steps_per_beat: int

    @property
    def steps(self) -> int:
        """Steps in a bar."""
        return self.beats_per_bar * self.steps_per_beat

    @property
    def weights(self) -> NDArray[np.int64]:
        """Metrical weight of each step of a bar, shape (steps,)."""
        return metrical_weights(self.beats_per_bar, compound=self.steps_per_beat == 6)

    @property
    def beat_s(self) -> float:
        """Median time from beat to beat."""
        return float(np.median(np.diff(self.beats_s)))

    def places(self, times_s: Times) -> Places:
        """Return where times lie in numbers of beats from the first; the last beats' spacing goes on outside."""
        beats = self.beats_s
        index = np.clip(np.searchsorted(beats, times_s, side="right") - 1, 0, beats.size - 2)
        return np.asarray(index + (times_s - beats[index]) / (beats[index + 1] - beats[index]))

    def bar_starts_s(self) -> dict[int, float]:
        """Return time of the first beat of each bar."""
        first = (self.place_in_bar == 0) & (self.bar_of_beat >= 0)
        return dict(zip(self.bar_of_beat[first].tolist(), self.beats_s[first].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Swing:
    """How pairs of short notes are divided.

    Attributes:
        ratio: place of the second of two, 0.5 straight to 0.7.
        subdivision: 8 or 16: the notes that are divided so.
        certainty: 0 to 1, from what the best ratio gains over the next best kind.
    """

    ratio: float
    subdivision: int
    certainty: float


def grid_of(times_s: Times, positions: Steps, *, compound: bool) -> Grid | None:
    """Build bars from ascending beats and their places (1: downbeat); None where there are fewer than two downbeats."""
    downbeat = positions == 1
    if int(downbeat.sum()) < 2 or bool((np.diff(times_s) <= 0.0).any()):
        return None
    bar = np.cumsum(downbeat) - 1
    sizes = np.bincount(bar[bar >= 0])
    beats_per_bar = int(np.bincount(sizes).argmax())
    return Grid(times_s, bar.astype(np.int64), positions.astype(np.int64) - 1, beats_per_bar, 6 if compound else 4)


def measure_swing(grid: Grid, times_s: Times) -> Swing | None:
    """Fit the place of the off-beat to all hits; None where too few lie off the beat, or the beat is compound.

    Mixtures of four Gaussians a beat, at the steps of a grid in which eighths or sixteenths are swung by a ratio,
    are fitted to the hits' places in the beat; the most likely ratio is taken if it beats straight playing.
    """
    if grid.steps_per_beat != 4 or times_s.size < MIN_SWUNG_HITS:
        return None
    places = grid.places(times_s[:: 1 + times_s.size // MAX_SWUNG_HITS])
    late = places - np.round(places)
    # All hits may lie late of the beats by the same few milliseconds; swing is what comes on top.
    on_beat = np.abs(late) < 0.08
    phase = np.mod(places - (float(np.median(late[on_beat])) if on_beat.any() else 0.0), 1.0)
    spread = float(np.clip(PLAYING_SPREAD_S / grid.beat_s, 0.012, 0.05))
    off = (phase > 0.15) & (phase < 0.85)
    if int(off.sum()) < MIN_SWUNG_HITS // 2:
        return None
    ratios = np.arange(STRAIGHT, TRIPLET_AND_MORE + 0.001, 0.01)
    likelihood = {
        unit: np.array([_likelihood(phase, _swung_steps(float(ratio), unit), spread) for ratio in ratios])
        for unit in (8, 16)
    }
    unit = max(likelihood, key=lambda kind: float(likelihood[kind].max()))
    curve = likelihood[unit]
    best = int(curve.argmax())
    share = float(off.mean())
    gain = float(curve[best] - curve[0]) / max(share, 0.05)
    if gain < MIN_SWING_GAIN:
        return Swing(STRAIGHT, 8, float(np.clip(1.0 - gain / MIN_SWING_GAIN, 0.3, 1.0)))
    return Swing(float(ratios[best]), unit, float(np.clip(gain / (gain + 0.2), 0.0, 1.0)))


def _swung_steps(ratio: float, unit: int) -> Places:
    """Return the four steps of a beat, in beats, with eighths or sixteenths swung."""
    if unit == 8:
        return np.array([0.0, 0.5 * ratio, ratio, 0.5 + 0.5 * ratio])
    return np.array([0.0, 0.5 * ratio, 0.5, 0.5 + 0.5 * ratio])


def _likelihood(phase: Places, steps: Places, spread: float) -> float:
    """Return mean log likelihood of phases under Gaussians at the steps, their shares fitted, with 5 % anywhere."""
    distance = np.abs(phase[:, None] - steps)
    distance = np.minimum(distance, 1.0 - distance)
    density = np.exp(-0.5 * (distance / spread) ** 2) / (spread * np.sqrt(2.0 * np.pi))
    share = np.full(steps.size, 0.25)
    for _ in range(8):
        belongs = density * share
        belongs /= 0.05 + belongs.sum(axis=1, keepdims=True)
        share = belongs.mean(axis=0) + 1e-4
        share *= 0.95 / share.sum()
    return float(np.log(0.05 + density @ share).mean())


def steps_of(grid: Grid, times_s: Times, swing: Swing | None) -> tuple[Steps, Steps, Places]:
    """Return bar and step of each time, and its distance from that step in seconds.

    Returns:
        Bars (-1 outside of the bars), steps and signed distances, each of shape (n,).
    """
    places = grid.places(times_s)
    lattice = np.arange(grid.steps_per_beat) / grid.steps_per_beat
    if swing is not None:
        lattice = _swung_steps(swing.ratio, swing.subdivision)
    beat = np.floor(places).astype(np.int64)
    distance = (places - beat)[:, None] - np.append(lattice, 1.0)
    nearest = np.abs(distance).argmin(axis=1)
    beat += nearest == grid.steps_per_beat
    step = nearest % grid.steps_per_beat
    inside = (beat >= 0) & (beat < grid.beats_s.size)
    index = np.clip(beat, 0, grid.beats_s.size - 1)
    place = grid.place_in_bar[index]
    bars = np.where(inside & (place < grid.beats_per_bar), grid.bar_of_beat[index], -1)
    return bars, place * grid.steps_per_beat + step, distance[np.arange(nearest.size), nearest] * grid.beat_s


def pattern_syncopation(pattern: NDArray[np.bool_], weights: NDArray[np.int64]) -> float:
    """Compute a repeated bar's syncopation; both arrays are of shape (steps,).

    After Longuet-Higgins & Lee, Music Perception 1, 1984.
    """
    notes = np.flatnonzero(pattern)
    return syncopation_of_steps(np.append(notes, notes[:1] + pattern.size), weights)


def bar_table(bars: Steps, steps: Steps, size: int) -> dict[int, NDArray[np.bool_]]:
    """Return which steps are struck in each bar that has a hit."""
    table: dict[int, NDArray[np.bool_]] = {}
    for bar, step in zip(bars.tolist(), steps.tolist(), strict=True):
        if bar >= 0:
            table.setdefault(bar, np.zeros(size, bool))[step] = True
    return table


def pattern_of(drum: str, grid: Grid, table: dict[int, NDArray[np.bool_]]) -> DrumPattern:
    """Return the most common bar of one drum; of equally common ones that nearest to the average."""
    stacked = np.stack(list(table.values()))
    average = stacked.mean(axis=0)
    counts = Counter(row.tobytes() for row in stacked)

    def rank(key: bytes) -> tuple[int, float]:
        row = np.frombuffer(key, bool)
        return counts[key], float(np.where(row, average, 1.0 - average).sum())

    common = max(counts, key=rank)
    row = np.frombuffer(common, bool)
    return DrumPattern(
        drum=drum,
        steps=grid.steps,
        pattern="".join("x" if hit else "." for hit in row),
        bar_share=counts[common] / stacked.shape[0],
        bars=stacked.shape[0],
        average="".join(str(min(9, int(10.0 * share))) for share in average),
        syncopation=pattern_syncopation(row, grid.weights),
    )


def bar_rows(drum: str, grid: Grid, bars: Steps, steps: Steps, hits: Hits) -> list[DrumBar]:
    """Return one row a bar of one drum."""
    starts = grid.bar_starts_s()
    cells: dict[int, list[str]] = {}
    for bar, step, strength in zip(bars.tolist(), steps.tolist(), hits.strength.tolist(), strict=True):
        if bar in starts:
            row = cells.setdefault(bar, ["."] * grid.steps)
            if row[step] != "X":
                row[step] = "X" if strength >= GHOST_STRENGTH else "o"
    return [DrumBar(bar=bar, drum=drum, start_s=starts[bar], pattern="".join(row)) for bar, row in cells.items()]
