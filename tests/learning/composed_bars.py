"""Drum beats and accompaniments of our own in any metre: breaks, half and double time, waltzes, odd metres.

Choosing strokes on the grid belongs here; sound and timing do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.learning.accompaniments import Stroke
from tests.learning.midi import Note
from tests.learning.patterns import Clock, bass, harmony
from tests.learning.songs import Chord

Rng = np.random.Generator

KICK, SNARE, STICK, CLAP, CLOSED, PEDAL, OPEN, RIDE, CRASH = 36, 38, 37, 39, 42, 44, 46, 51, 49
_TOMS = (50, 47, 45, 43)
_PERCUSSION = (54, 56, 62, 63, 70, 75)
_BASS_PROGRAMS = (32, 33, 34, 35, 36, 38, 39)
_HARMONY_PROGRAMS = (0, 1, 4, 5, 7, 16, 18, 21, 24, 25, 26, 27, 29, 30, 48, 50, 61, 80, 81, 88, 89)
_GROUPS = {5: ((3, 2), (2, 3)), 7: ((2, 2, 3), (3, 2, 2), (4, 3), (3, 4), (2, 3, 2))}
# Steps of a sixteenth on which drummers of breaks put a displaced kick or snare.
_BREAK_KICKS = (2, 3, 6, 7, 9, 10, 11, 14)
_BREAK_SNARES = (7, 9, 10, 14, 15)


@dataclass(frozen=True, slots=True)
class Metre:
    """How bars are counted.

    Attributes:
        name: as it is written.
        beats: beats a bar.
        parts: steps of a beat: 4, 6 where a beat has three parts, 2 where beats are eighths.
        median_bpm: of its usual tempi.
        spread: of the logarithm of the tempo.
    """

    name: str
    beats: int
    parts: int
    median_bpm: float
    spread: float


METRES = (
    Metre("4/4", 4, 4, 108.0, 0.3),
    Metre("3/4", 3, 4, 132.0, 0.3),
    Metre("5/4", 5, 4, 132.0, 0.28),
    Metre("7/4", 7, 4, 132.0, 0.25),
    Metre("7/8", 7, 2, 236.0, 0.12),
    Metre("6/8", 2, 6, 66.0, 0.26),
    Metre("12/8", 4, 6, 66.0, 0.22),
    Metre("9/8", 3, 6, 66.0, 0.22),
)


def tempo_bpm(rng: Rng, metre: Metre) -> float:
    """Draw a tempo in beats a minute; one in eight is far from the usual."""
    bpm = float(np.exp(rng.normal(np.log(metre.median_bpm), metre.spread)))
    if rng.random() < 0.125 and metre.parts == 4:
        bpm = float(np.exp(rng.uniform(np.log(38.0), np.log(280.0))))
    return float(np.clip(bpm, 36.0, 292.0))


def accompaniment(rng: Rng, chords: Sequence[Chord], bpm: float) -> list[Stroke]:
    """Bass and up to two chordal instruments over chords, busier at slow tempi and calmer at fast ones."""
    pace = 1.0
    if bpm > 150.0 and rng.random() < 0.7:
        pace = 2.0
    elif bpm < 78.0 and rng.random() < 0.6:
        pace = 0.5
    chords = [Chord(c.beat / pace, c.beats / pace, c.root, c.quality) for c in chords]
    clock = Clock(lambda beat: beat * pace)
    parts: list[tuple[str, int, list[Note]]] = []
    if rng.random() < 0.85:
        parts.append(("bass", int(rng.choice(_BASS_PROGRAMS)), bass(rng, list(chords), clock)))
    for _ in range(int(rng.choice([1, 2], p=[0.6, 0.4]))):
        parts.append(("harmonic", int(rng.choice(_HARMONY_PROGRAMS)), harmony(rng, list(chords), clock)))
    return [
        Stroke(part, n.start_s, n.end_s - n.start_s, n.midi, n.velocity, program)
        for part, program, notes in parts
        for n in notes
    ]


def drums(rng: Rng, metre: Metre, bars: int, bpm: float) -> list[Stroke]:
    """A beat of one to four bars that repeats, varied, with fills and the crashes after them."""
    steps = metre.beats * metre.parts
    length = int(rng.choice([1, 2, 4], p=[0.35, 0.45, 0.2]))
    one = _bar(rng, metre, bpm)
    pattern = [one] + [_varied(rng, one, metre) for _ in range(length - 1)]
    fill_every = int(rng.choice([0, 4, 8], p=[0.3, 0.35, 0.35]))
    swung = float(rng.uniform(0.0, 0.33)) if metre.parts == 4 and bpm < 120 and rng.random() < 0.25 else 0.0
    out: list[Stroke] = []
    crash = rng.random() < 0.5
    for bar in range(bars):
        hits = pattern[bar % length]
        if fill_every and (bar + 1) % fill_every == 0:
            hits = _fill(rng, hits, metre)
        if crash and bar:
            hits = [*hits, (0, CRASH, 110)]
        crash = bool(fill_every and (bar + 1) % fill_every == 0 and rng.random() < 0.7)
        for step, drum, velocity in hits:
            late = swung if step % 2 else 0.0
            if rng.random() < 0.985:
                beat = (bar * steps + step + late) / metre.parts
                out.append(Stroke("drums", beat, 0.2, drum, int(np.clip(velocity + rng.normal(0, 6), 12, 127)), 0))
    return out


Hit = tuple[int, int, int]


def _bar(rng: Rng, metre: Metre, bpm: float) -> list[Hit]:
    if metre.parts == 6:
        return _compound_bar(rng, metre)
    if metre.beats in _GROUPS:
        return _grouped_bar(rng, metre)
    if metre.beats == 3:
        return _waltz_bar(rng)
    return _common_bar(rng, bpm)


def _common_bar(rng: Rng, bpm: float) -> list[Hit]:
    feel = rng.choice(["straight", "break", "half", "double", "four", "train"], p=[0.3, 0.34, 0.1, 0.1, 0.1, 0.06])
    kicks, snares = {0, 8}, {4, 12}
    if feel == "straight":
        kicks |= {s for s in (6, 10, 14, 7) if rng.random() < 0.25}
    elif feel == "break":
        kicks = {0} | {s for s in _BREAK_KICKS if rng.random() < 0.3}
        kicks |= {8} if rng.random() < 0.35 else set()
        snares |= {s for s in _BREAK_SNARES if rng.random() < 0.12}
        if rng.random() < 0.2:
            snares = (snares - {12}) | {int(rng.choice([10, 11, 13, 14]))}
    elif feel == "half":
        kicks, snares = {0} | {s for s in (3, 6, 10, 11, 14) if rng.random() < 0.3}, {8}
    elif feel == "double":
        kicks, snares = {0, 4, 8, 12} if rng.random() < 0.6 else {0, 8, 6}, {2, 6, 10, 14}
    elif feel == "four":
        kicks = {0, 4, 8, 12}
    else:
        kicks = {0, 4, 8, 12} if rng.random() < 0.5 else {0, 8}
        snares = set(range(0, 16, 1 if bpm < 130 else 2))
    hits = [(s, KICK, 112 if s % 4 == 0 else 98) for s in kicks - (snares if feel == "half" else set())]
    piece = int(rng.choice([SNARE, SNARE, SNARE, CLAP, STICK]))
    for s in snares:
        accented = feel != "train" or s % 8 == 4
        hits.append((s, piece, 112 if accented else 60))
    if feel in {"break", "straight"} and rng.random() < 0.5:
        hits += [(s, SNARE, int(rng.integers(18, 45))) for s in range(16) if s % 4 and rng.random() < 0.16]
    return hits + _time_keeper(rng, 16, 4, bpm)


def _time_keeper(rng: Rng, steps: int, parts: int, bpm: float) -> list[Hit]:
    if rng.random() < 0.08:
        return []
    simple = [1, 1, 1, 2] if bpm < 80 else [1, 2, 2, 2] if bpm < 112 else [4, 2, 2, 2] if bpm < 150 else [4, 4, 2]
    choices = {4: simple, 6: [2, 2, 2, 1, 6], 2: [1, 1, 2]}[parts]
    step = int(rng.choice(choices))
    piece = int(rng.choice([CLOSED, CLOSED, CLOSED, RIDE, PEDAL, 70, 54]))
    strong, weak = 96, int(rng.integers(45, 92))
    hits = [(s, piece, strong if s % parts == 0 else weak) for s in range(0, steps, step)]
    if rng.random() < 0.3 and parts == 4:
        hits = [(s, OPEN if s % 4 == 2 and rng.random() < 0.3 else p, v) for s, p, v in hits]
    if rng.random() < 0.12 and parts == 4 and steps == 16:
        hits = [(s, piece, v) for s, v in ((0, 95), (4, 95), (7, 70), (8, 95), (12, 95), (15, 70))]
    if rng.random() < 0.2:
        extra = int(rng.choice(_PERCUSSION))
        hits += [(s, extra, 70) for s in range(steps) if rng.random() < 0.18]
    return hits


def _grouped_bar(rng: Rng, metre: Metre) -> list[Hit]:
    groups = _GROUPS[metre.beats][int(rng.integers(len(_GROUPS[metre.beats])))]
    starts = np.concatenate([[0], np.cumsum(groups)[:-1]])
    parts, steps = metre.parts, metre.beats * metre.parts
    hits: list[Hit] = [(0, KICK, 115)]
    for number, (start, size) in enumerate(zip(starts, groups, strict=True)):
        at = int(start) * parts
        if number and rng.random() < 0.7:
            hits.append((at, KICK, 100))
        snare = at + (size - 1) * parts if rng.random() < 0.7 else at + parts * (size // 2)
        if rng.random() < 0.85:
            hits.append((snare, SNARE, 108))
    hits += [(s, KICK, 90) for s in range(1, steps) if rng.random() < 0.06]
    if rng.random() < 0.3:
        hits += [(s, SNARE, 30) for s in range(1, steps) if s % parts and rng.random() < 0.12]
    return hits + _time_keeper(rng, steps, parts, 100.0 if parts == 4 else 200.0)


def _waltz_bar(rng: Rng) -> list[Hit]:
    kind = int(rng.integers(5))
    hits: list[Hit] = [(0, KICK, 110)]
    hits += {
        0: [(4, SNARE, 80), (8, SNARE, 80)],
        1: [(8, SNARE, 108)],
        2: [(4, SNARE, 104), (10, KICK, 84)],
        3: [(6, KICK, 90), (4, STICK, 96)],
        4: [(4, CLOSED, 90), (8, CLOSED, 90)],
    }[kind]
    return hits + _time_keeper(rng, 12, 4, 140.0)


def _compound_bar(rng: Rng, metre: Metre) -> list[Hit]:
    steps = 6 * metre.beats
    hits: list[Hit] = [(0, KICK, 112)]
    back = range(6, steps, 12) if metre.beats % 2 == 0 else range(12, steps, 18)
    if rng.random() < 0.85:
        hits += [(s, SNARE if rng.random() < 0.8 else STICK, 106) for s in back]
    hits += [(s, KICK, 92) for s in range(4, steps, 2) if rng.random() < 0.16]
    if metre.beats == 4 and rng.random() < 0.6:
        hits.append((12, KICK, 100))
    return hits + _time_keeper(rng, steps, 6, 70.0)


def _varied(rng: Rng, bar: list[Hit], metre: Metre) -> list[Hit]:
    """The bar with some of its weaker strokes left out or moved."""
    out = []
    for step, drum, velocity in bar:
        weak = step % metre.parts != 0
        if weak and rng.random() < 0.15:
            continue
        moved = step + int(rng.choice([-1, 1])) if weak and drum == KICK and rng.random() < 0.25 else step
        out.append((max(0, moved), drum, velocity))
    return out


def _fill(rng: Rng, bar: list[Hit], metre: Metre) -> list[Hit]:
    steps = metre.beats * metre.parts
    first = steps - metre.parts * int(rng.choice([1, 2])) if metre.beats > 2 else steps - metre.parts
    kept = [hit for hit in bar if hit[0] < first]
    grid = range(first, steps, 1 if metre.parts != 2 and rng.random() < 0.6 else max(1, metre.parts // 2))
    drums_used = (SNARE, SNARE, *_TOMS)
    order = sorted(int(rng.integers(len(drums_used))) for _ in grid)
    return kept + [(s, drums_used[k], int(rng.integers(80, 118))) for s, k in zip(grid, order, strict=True)]
