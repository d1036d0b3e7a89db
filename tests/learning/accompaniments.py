"""Accompaniments by musicians: the grooves of the program MMA over given chords, as notes on a grid of beats.

Finding the grooves, their metres and usual tempi and having MMA play them belongs here; sound and timing do not.

MMA (Musical MIDI Accompaniment, GPL-2+) and its grooves come with Debian's package `mma`; only sound is learned
from, nothing of them is in the repository. Files are split by name into those to learn from and those to judge by, so
that no pattern is in both.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Rng = np.random.Generator

LIBRARY = Path("/usr/share/mma/lib")
_FOLDERS = ("stdlib", "casio", "kara", "yamaha", "zoom", "pflib", "alexis")
_NO_GROOVE = re.compile(r"metronome|none|count|ending|intro\b|gypsyjazz", re.IGNORECASE)
_PASSING = re.compile(r"(intro|end|fill|count|break)", re.IGNORECASE)
_JUDGED_SHARE = 0.3
# Quarters a minute at which a groove is usually played, by words in its name: median and spread of the logarithm.
_USUAL = (
    (r"balad|ballad|slow|bald|lullaby|hymn|ambient|oldie|serenade", 72.0, 0.18),
    (r"bebop|fast|quickstep|metal|mtl|punk|polka|samba|dixie|thr|hillcountry|bluegrass|charleston|dnb", 178.0, 0.25),
    (r"jazz|swing|bigband|foxtrot|evans|combo", 150.0, 0.32),
    (r"viennese|vienese", 172.0, 0.12),
    (r"waltz|34", 128.0, 0.28),
    (r"house|trance|techno|rave|dance|disco|electric", 126.0, 0.1),
    (r"funk|hiphop|hip-hop|trip|r\+b|rb|soul|rnb|16", 98.0, 0.18),
)
_OTHER = (116.0, 0.25)


@dataclass(frozen=True, slots=True)
class Style:
    """A file of grooves in one metre.

    Attributes:
        name: folder and file.
        grooves: names of the main ones, at least one.
        passing: intros, fills and endings.
        quarters: quarters of MMA a bar.
        metre: as it is written.
        beats: beats a bar.
        judged: whether it is kept from training.
    """

    name: str
    grooves: tuple[str, ...]
    passing: tuple[str, ...]
    quarters: int
    metre: str
    beats: int
    judged: bool

    def tempo_bpm(self, rng: Rng) -> float:
        """Draw a tempo in beats a minute, as this style is usually played."""
        median, spread = next(((m, s) for words, m, s in _USUAL if re.search(words, self.name.lower())), _OTHER)
        if self.metre in {"6/8", "12/8"}:
            median, spread = 74.0, 0.26
        return float(np.clip(np.exp(rng.normal(np.log(median), spread)), 36.0, 292.0))


@dataclass(frozen=True, slots=True)
class Stroke:
    """A note on the grid.

    Attributes:
        part: "drums", "bass" or "harmonic".
        start: beats.
        length: beats.
        midi: number of note or drum.
        velocity: 1 to 127.
        program: General MIDI program, from 0.
    """

    part: str
    start: float
    length: float
    midi: int
    velocity: int
    program: int


def styles() -> list[Style]:
    """Read every file of grooves with one metre, in order of names."""
    found = []
    for folder in _FOLDERS:
        for path in sorted((LIBRARY / folder).glob("*.mma")):
            style = _style(path)
            if style is not None:
                found.append(style)
    return found


def play(style: Style, bars: Sequence[Sequence[str]], grooves: Iterable[str]) -> list[Stroke]:
    """Have MMA play bars of chords.

    Args:
        style: whose grooves.
        bars: names of the chords of each bar, evenly spread over it.
        grooves: of each bar.

    Raises:
        subprocess.CalledProcessError: MMA refuses the groove or a chord.
    """
    import mido

    lines = ["Tempo 120", f"Use {LIBRARY / style.name}.mma"]
    last = ""
    for number, (chords, groove) in enumerate(zip(bars, grooves, strict=True), 1):
        if groove != last:
            lines.append(f"Groove {groove}")
        last = groove
        step = max(1, style.quarters // len(chords))
        cells = ["/"] * style.quarters
        for k, chord in enumerate(chords):
            cells[min(k * step, style.quarters - 1)] = chord
        lines.append(f"{number} {' '.join(cells)}")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "song.mma"), Path(folder, "song.mid")
        source.write_text("\n".join(lines) + "\n")
        subprocess.run(["mma", "-f", str(target), str(source)], check=True, capture_output=True, timeout=60)
        file = mido.MidiFile(target)
    # A beat is as many of MMA's quarters as the metre says.
    ticks = file.ticks_per_beat * style.quarters / style.beats
    strokes = []
    for track in file.tracks[1:]:
        strokes += _strokes(track, ticks)
    return strokes


def _strokes(track: Iterable[object], ticks: float) -> list[Stroke]:
    now, program, name = 0, 0, ""
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    out = []
    for message in track:
        now += message.time  # type: ignore[attr-defined]
        kind = message.type  # type: ignore[attr-defined]
        if kind == "track_name":
            name = message.name  # type: ignore[attr-defined]
        elif kind == "program_change":
            program = message.program  # type: ignore[attr-defined]
        elif kind in {"note_on", "note_off"}:
            key = (message.channel, message.note)  # type: ignore[attr-defined]
            if key in sounding:
                start, velocity = sounding.pop(key)
                part = "drums" if key[0] == 9 else "bass" if re.match("bass|walk", name, re.IGNORECASE) else "harmonic"
                out.append(Stroke(part, start / ticks, max(now - start, 1) / ticks, key[1], velocity, program))
            if kind == "note_on" and message.velocity > 0:  # type: ignore[attr-defined]
                sounding[key] = (now, message.velocity)  # type: ignore[attr-defined]
    return out


def _style(path: Path) -> Style | None:
    name = f"{path.parent.name}/{path.stem}"
    if _NO_GROOVE.search(path.stem):
        return None
    quarters, signature = 4, ""
    found: dict[tuple[int, str], list[str]] = {}
    for line in path.read_text(errors="replace").splitlines():
        words = line.split("//")[0].split()
        if len(words) < 2:
            continue
        command = words[0].lower()
        if command == "time" and words[1].split("/")[0].isdigit():
            quarters = int(words[1].split("/")[0])
        elif command == "timesig":
            signature = "/".join(re.findall(r"\d+", line)[:2])
        elif command == "defgroove":
            found.setdefault((quarters, signature), []).append(words[1])
    if len(found) != 1:
        return None
    (quarters, signature), names = next(iter(found.items()))
    metre = _metre(path.stem, quarters, signature)
    main = tuple(n for n in names if not _PASSING.search(n))
    if metre is None or not main:
        return None
    judged = hashlib.sha256(path.stem.encode()).digest()[0] < 256 * _JUDGED_SHARE
    passing = tuple(n for n in names if n not in main)
    return Style(name, main, passing, quarters, metre[0], metre[1], judged)


def _metre(name: str, quarters: int, signature: str) -> tuple[str, int] | None:
    """Return the metre and its beats; files are not always right about their signature."""
    if re.search("128", name):
        return "12/8", 4
    if quarters == 6 or (quarters == 2 and signature == "6/8"):
        return "6/8", 2
    if signature == "6/8":
        return None
    return {4: ("4/4", 4), 3: ("3/4", 3), 5: ("5/4", 5), 2: ("2/4", 2)}.get(quarters)
