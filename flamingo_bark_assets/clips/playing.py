"""How stems are played inside a part of a song: density, patterns, notes and registers, counted from events there.

Counting events inside belongs here; which measurements they stand in for is decided in `within`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.bass import BassNote
from flamingo_bark_assets.analysis.features.drums import DrumBar, DrumPattern
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.record import Measurement

METHOD = "inside"
MIN_EVENTS = 4
"""Least number of events from which a rate or a typical length is read."""
_MIN_BARS = 2
# The limits of `analysis.bass` (MIDI notes) and `analysis.vocals.register` (Hz), which tell the same of a whole song.
_BASS_REGISTERS = ((53, "high"), (41, "middle"), (33, "low"), (0, "sub"))
_VOCAL_REGISTERS = ((523.3, "very high"), (261.6, "high"), (130.8, "middle"), (0.0, "low"))


def rate_inside(
    times_s: NDArray[np.float64], start_s: float, end_s: float, share: float, whole: Measurement[float]
) -> Measurement[float]:
    """Return events a second over the time in which a stem sounds, as sure as those of the whole song.

    Unknown for too few.

    Args:
        times_s: all events of the song, ascending.
        start_s: start of the part.
        end_s: its end.
        share: share of the part in which the stem sounds.
        whole: the rate of the whole song.
    """
    count = int(np.searchsorted(times_s, end_s) - np.searchsorted(times_s, start_s))
    if count < MIN_EVENTS or share <= 0.0:
        return Measurement.unknown(f"{count} events inside", method=METHOD)
    return Measurement.of(count / (share * (end_s - start_s)), method=METHOD, confidence=whole.confidence)


def patterns_inside(bars: Sequence[DrumBar], start_s: float, end_s: float) -> tuple[DrumPattern, ...]:
    """Return what each drum plays in most of the bars that begin inside; none of a drum that plays in one bar only."""
    by_drum: dict[str, list[str]] = {}
    for bar in bars:
        if start_s - 0.05 <= bar.start_s < end_s - 0.05:
            by_drum.setdefault(bar.drum, []).append(bar.pattern.lower().replace("o", "x"))
    rows = []
    for drum, patterns in by_drum.items():
        if len(patterns) < _MIN_BARS:
            continue
        pattern, count = Counter(patterns).most_common(1)[0]
        rows.append(
            DrumPattern(
                drum=drum, steps=len(pattern), pattern=pattern, bar_share=count / len(patterns), bars=len(patterns),
                average="", syncopation=0.0,
            )
        )  # fmt: skip
    return tuple(rows)


def notes_inside(notes: Sequence[BassNote], start_s: float, end_s: float) -> list[BassNote]:
    """Return the notes of the bass that begin inside."""
    return [note for note in notes if start_s <= note.onset_s < end_s]


def bass_register(notes: Sequence[BassNote], whole: Measurement[str]) -> Measurement[str]:
    """Return the register of some notes, as sure as that of the whole song."""
    if whole.value is None or len(notes) < MIN_EVENTS:
        return Measurement.unknown(f"{len(notes)} notes inside", method=METHOD)
    middle = round(float(np.median([note.midi for note in notes])))
    return Measurement.of(_word(_BASS_REGISTERS, middle), method=METHOD, confidence=whole.confidence)


def note_length(notes: Sequence[BassNote], whole: Measurement[float]) -> Measurement[float]:
    """Return the median length of some notes, as sure as that of the whole song, s."""
    if whole.value is None or len(notes) < MIN_EVENTS:
        return Measurement.unknown(f"{len(notes)} notes inside", method=METHOD)
    length_s = float(np.median([note.offset_s - note.onset_s for note in notes]))
    return Measurement.of(length_s, method=METHOD, confidence=whole.confidence)


def vocal_register(f0_hz: NDArray[np.float64], least: int, whole: Measurement[str]) -> Measurement[str]:
    """Return the register of some voiced frames, of which at least `least` are needed, as sure as of the whole song."""
    if whole.value is None or f0_hz.size < least:
        return Measurement.unknown("too little with a pitch inside", method=METHOD)
    return Measurement.of(_word(_VOCAL_REGISTERS, float(np.median(f0_hz))), method=METHOD, confidence=whole.confidence)


def chord_rate(chords: Sequence[Chord], start_s: float, end_s: float, whole: Measurement[float]) -> Measurement[float]:
    """Return chord changes a second of the chords that sound inside, as sure as over the whole song."""
    labels = [chord.label for chord in chords if chord.label != "N"]
    if whole.value is None or len(labels) < 2:
        return Measurement.unknown(f"{len(labels)} chords inside", method=METHOD)
    changes = sum(one != other for one, other in pairwise(labels))
    return Measurement.of(changes / (end_s - start_s), method=METHOD, confidence=whole.confidence)


def _word(registers: Sequence[tuple[float, str]], value: float) -> str:
    return next(word for least, word in registers if value >= least)
