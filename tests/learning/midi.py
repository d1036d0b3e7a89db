"""The smallest MIDI file that a synthesizer plays, one channel, notes in seconds, and the synthesizer that plays files.

Writing notes to a file and having it played belongs here; choosing them does not.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_TICKS_PER_S = 960


@dataclass(frozen=True, slots=True)
class Note:
    """One note.

    Attributes:
        start_s: begin.
        end_s: end.
        midi: MIDI number, or the drum's number.
        velocity: 1 to 127.
    """

    start_s: float
    end_s: float
    midi: int
    velocity: int


def write_midi(path: Path, notes: list[Note], *, program: int, cents: float, channel: int) -> None:
    """Write a format-0 file (Standard MIDI Files 1.0) of 960 ticks a second, tuned by a constant pitch bend.

    Args:
        path: file to write.
        notes: in any order.
        program: General MIDI program, from 0.
        cents: tuning, -100 to 100.
        channel: from 0; 9 is the drums'.
    """
    bend = min(16383, max(0, round(8192 + cents / 200.0 * 8192)))
    events = [(0, 0, bytes([0xC0 | channel, program])), (0, 1, bytes([0xE0 | channel, bend & 127, bend >> 7]))]
    for note in notes:
        start, end = (round(t * _TICKS_PER_S) for t in (note.start_s, max(note.end_s, note.start_s + 0.02)))
        events.append((start, 3, bytes([0x90 | channel, note.midi & 127, note.velocity])))
        events.append((end, 2, bytes([0x80 | channel, note.midi & 127, 0])))
    track, now = b"", 0
    for tick, _, message in sorted(events):
        track += _variable_length(tick - now) + message
        now = tick
    track += _variable_length(_TICKS_PER_S) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    path.write_bytes(header + b"MTrk" + struct.pack(">I", len(track)) + track)


def sounded(midi: Path, font: Path | str, rate_hz: int, *, gain: float = 0.4, reverb: bool = False) -> Samples:
    """Have fluidsynth play a file with a sound font: the mean of both channels, float32, shape (n_samples,)."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "part.raw")
        options = ["-ni", "-q", "-g", str(gain), "-r", str(rate_hz), "-R", str(int(reverb)), "-C", "0"]
        command = ["fluidsynth", *options, "-O", "float", "-T", "raw", "-F", str(raw), str(font), str(midi)]
        subprocess.run(command, check=True, capture_output=True)
        return np.asarray(np.fromfile(raw, np.float32).reshape(-1, 2).mean(axis=1), np.float32)


def _variable_length(value: int) -> bytes:
    digits = [value & 127]
    while value := value >> 7:
        digits.append(value & 127 | 128)
    return bytes(reversed(digits))
