"""How a bass line lies to the bass drum and to the chords.

Comparing notes with what others play belongs here; finding the notes does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bassline.notes import Notes
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.note_names import pitch_class
from flamingo_bark_assets.record import Measurement

_TOGETHER_S = 0.05
_MIN_EVENTS = 4
_LOCK_METHOD = "onsets-within-50-ms"
_CHORD_METHOD = "note-time-over-chords"
_ROOT = re.compile(r"^([A-G][#b]*)(?::([^/]*))?")
_MINOR_THIRD = re.compile(r"^(min|dim|hdim)")
_WITHOUT_THIRD = re.compile(r"^(sus|5|1)")


@dataclass(frozen=True, slots=True)
class Relations:
    """The fields are those of `BassFeatures`."""

    kick_lock: Measurement[float]
    kick_support: Measurement[float]
    root_share: Measurement[float]
    third_share: Measurement[float]
    fifth_share: Measurement[float]


def relate(
    notes: Notes,
    *,
    confidence: float,
    kicks: Sequence[tuple[float, float]] | None,
    chords: Sequence[Chord] | None,
) -> Relations:
    """Relate the notes to the kicks and the chords.

    `confidence` is the notes' mean; `kicks` are (seconds, confidence), ascending.
    """
    lock, support = _kick_lock(notes, confidence, kicks)
    root, third, fifth = _chord_tones(notes, confidence, chords)
    return Relations(lock, support, root, third, fifth)


def _kick_lock(
    notes: Notes, confidence: float, kicks: Sequence[tuple[float, float]] | None
) -> tuple[Measurement[float], Measurement[float]]:
    if kicks is None:
        unknown: Measurement[float] = Measurement.unknown("no drums to compare with", method=_LOCK_METHOD)
        return unknown, unknown
    if min(len(kicks), notes.onset_s.size) < _MIN_EVENTS:
        unknown = Measurement.unknown(
            f"{len(kicks)} kicks and {notes.onset_s.size} bass notes, {_MIN_EVENTS} of each are needed",
            method=_LOCK_METHOD,
        )
        return unknown, unknown
    kick_s = np.array([time_s for time_s, _ in kicks])
    certain = confidence * float(np.mean([sure for _, sure in kicks]))
    return (
        Measurement.of(_share_near(notes.onset_s, kick_s), method=_LOCK_METHOD, confidence=certain),
        Measurement.of(_share_near(kick_s, notes.onset_s), method=_LOCK_METHOD, confidence=certain),
    )


def _share_near(events_s: NDArray[np.float64], others_s: NDArray[np.float64]) -> float:
    after = np.clip(np.searchsorted(others_s, events_s), 1, others_s.size - 1)
    distance = np.minimum(np.abs(others_s[after] - events_s), np.abs(others_s[after - 1] - events_s))
    return float(np.mean(distance <= _TOGETHER_S))


def _chord_tones(
    notes: Notes, confidence: float, chords: Sequence[Chord] | None
) -> tuple[Measurement[float], Measurement[float], Measurement[float]]:
    """Return share of the note time on root, third and fifth of the chord that sounds."""
    known = [(chord, tones) for chord in chords or () if (tones := chord_tones(chord.label)) is not None]
    if not known or notes.onset_s.size == 0:
        unknown: Measurement[float] = Measurement.unknown("no chords to compare with", method=_CHORD_METHOD)
        return unknown, unknown, unknown
    starts = np.array([chord.start_s for chord, _ in known])
    ends = np.array([chord.end_s for chord, _ in known])
    # A note may sound over several chords: cut the time wherever a note or a chord begins or ends.
    cuts = np.unique(np.concatenate([starts, ends, notes.onset_s, notes.offset_s]))
    middle, length = 0.5 * (cuts[:-1] + cuts[1:]), np.diff(cuts)
    note = np.searchsorted(notes.onset_s, middle, "right") - 1
    chord = np.searchsorted(starts, middle, "right") - 1
    both = (note >= 0) & (chord >= 0) & (middle < notes.offset_s[note]) & (middle < ends[chord])
    note, chord, length = note[both], chord[both], length[both]
    if float(length.sum()) <= 0.0:
        unknown = Measurement.unknown("no bass note sounds together with a chord", method=_CHORD_METHOD)
        return unknown, unknown, unknown
    tones = np.array([tones for _, tones in known])[chord]
    pitch_classes = notes.midi[note] % 12
    certain = confidence * float(np.average([known[i][0].confidence for i in chord], weights=length))
    root, third, fifth = (
        Measurement.of(
            float(length[pitch_classes == tones[:, i]].sum() / length.sum()), method=_CHORD_METHOD, confidence=certain
        )
        for i in range(3)
    )
    return root, third, fifth


def chord_tones(label: str) -> tuple[int, int, int] | None:
    """Return the pitch classes of root, third and fifth of a chord in Harte syntax.

    -1 where it lacks one; None for no chord.
    """
    match = _ROOT.match(label)
    if match is None:
        return None
    root, quality = pitch_class(match.group(1)), match.group(2) or "maj"
    third = -1 if _WITHOUT_THIRD.match(quality) else (root + (3 if _MINOR_THIRD.match(quality) else 4)) % 12
    fifth = -1 if quality == "1" else (root + _fifth_semitones(quality)) % 12
    return root, third, fifth


def _fifth_semitones(quality: str) -> int:
    return 6 if quality.startswith(("dim", "hdim")) else 8 if quality.startswith("aug") else 7
