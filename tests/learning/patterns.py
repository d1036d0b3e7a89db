"""What instruments play over a chord sequence: voicings, figures, bass lines, melodies and drums, all at random.

Choosing notes belongs here; their sound and the chords do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.learning.midi import Note

Rng = np.random.Generator


class Clock:
    """Seconds of a position in beats, with a player's unsteadiness."""

    def __init__(self, seconds: Any) -> None:
        self.seconds = seconds

    def note(self, rng: Rng, start: float, length: float, midi: int, velocity: float) -> Note:
        """A note from beats; starts vary by 6 ms, velocities by 8."""
        begin = max(0.0, self.seconds(start) + float(rng.normal(0, 0.006)))
        end = max(begin + 0.04, self.seconds(start + length))
        return Note(begin, end, midi, int(np.clip(velocity + rng.normal(0, 8), 20, 125)))


def harmony(rng: Rng, chords: list[Any], when: Clock) -> list[Note]:
    """An accompaniment: one figure and one kind of voicing for the whole song."""
    figure = str(
        rng.choice(
            ["block", "pulse", "comp", "arpeggio", "strum", "broken", "stab"],
            p=[0.25, 0.15, 0.15, 0.2, 0.12, 0.08, 0.05],
        )
    )
    spread = str(rng.choice(["close", "open", "rootless", "shell", "wide"], p=[0.5, 0.2, 0.1, 0.06, 0.14]))
    centre = int(rng.integers(50, 70))
    rate = float(rng.choice([0.25, 0.5, 1 / 3, 1.0], p=[0.25, 0.45, 0.1, 0.2]))
    hold = float(rng.uniform(0.3, 1.3))
    rhythm = rng.random(16) < rng.uniform(0.25, 0.7)
    notes: list[Note] = []
    for chord in chords:
        if chord.root < 0:
            continue
        tones = voicing(rng, chord, spread, centre)
        steps = max(1, round(chord.beats / rate))
        if figure == "block":
            notes += [when.note(rng, chord.beat, chord.beats * min(1.0, hold + 0.2), n, 80) for n in tones]
        elif figure in {"pulse", "stab"}:
            gap = 1.0 if figure == "pulse" else 2.0
            for beat in np.arange(0.0 if figure == "pulse" else 0.5, chord.beats, gap):
                length = min(gap * hold, chord.beats - beat)
                notes += [when.note(rng, chord.beat + beat, length, n, 78) for n in tones]
        elif figure in {"comp", "strum"}:
            for i in range(steps):
                if i == 0 or rhythm[i % 16]:
                    late = 0.02 * np.arange(len(tones)) * (1 if rng.random() < 0.7 else -1) * (figure == "strum")
                    length = min(rate * 1.6 * hold + 0.1, chord.beats - i * rate + 0.1)
                    notes += [
                        when.note(rng, chord.beat + i * rate + max(0.0, float(x)), length, n, 76)
                        for n, x in zip(tones, late, strict=True)
                    ]
        else:
            order = _order(rng, len(tones), steps, broken=figure == "broken")
            for i in range(steps):
                notes.append(when.note(rng, chord.beat + i * rate, rate * (0.7 + hold), tones[order[i]], 78))
    return notes


def voicing(rng: Rng, chord: Any, spread: str, centre: int) -> list[int]:
    """MIDI notes of a chord near a centre."""
    from tests.learning.songs import QUALITIES

    tones = list(QUALITIES[chord.quality][0])
    if spread == "rootless" and len(tones) > 3:
        tones = tones[1:]
    elif spread == "shell" and len(tones) > 3:
        tones = [tones[0], tones[1], *tones[3:]]
    lowest = centre + int(rng.integers(-3, 3)) - 4
    notes = sorted(lowest + (chord.root + tone - lowest) % 12 for tone in tones)
    if spread == "open" and len(notes) >= 3:
        notes[-2] -= 12
    if spread == "wide":
        notes += [int(n) + 12 for n in rng.choice(notes, int(rng.integers(1, 3)))]
        notes.append(centre - 18 + (chord.root - centre + 18) % 12)
    return sorted(set(notes))


def _order(rng: Rng, tones: int, steps: int, *, broken: bool) -> list[int]:
    up = list(range(tones))
    cycle = [0, tones - 1, tones // 2, tones - 1] if broken else up if rng.random() < 0.5 else [*up, *up[-2:0:-1]]
    return [cycle[i % len(cycle)] for i in range(steps)]


def bass(rng: Rng, chords: list[Any], when: Clock) -> list[Note]:
    """A bass line: held, pulsing, root and fifth, walking, octaves or syncopated."""
    from tests.learning.songs import QUALITIES

    style = str(
        rng.choice(["held", "pulse", "fifths", "walk", "octaves", "sync"], p=[0.25, 0.2, 0.15, 0.15, 0.1, 0.15])
    )
    rate = float(rng.choice([0.5, 1.0])) if style in {"pulse", "octaves"} else 1.0
    floor = int(rng.integers(26, 36))
    hold = float(rng.uniform(0.5, 1.0))
    inverted = rng.random() * 0.15
    rhythm = rng.random(8) < 0.5
    notes: list[Note] = []
    for i, chord in enumerate(chords):
        if chord.root < 0:
            continue
        tones = [t for t in QUALITIES[chord.quality][0] if t < 12]
        first = int(rng.choice(tones)) if rng.random() < inverted else 0
        root = floor + (chord.root + first - floor) % 12
        if style == "held":
            notes.append(when.note(rng, chord.beat, chord.beats * hold, root, 90))
            continue
        for beat in np.arange(0.0, chord.beats, rate if style != "sync" else 0.5):
            midi = root
            strong = beat == 0.0
            if style == "fifths" and round(beat) % 2 == 1:
                midi = root + (7 if 7 in tones else 0)
            elif style == "octaves" and round(beat / rate) % 2 == 1:
                midi = root + 12
            elif style == "walk" and not strong:
                following = chords[(i + 1) % len(chords)]
                if beat >= chord.beats - 1 and following.root >= 0:
                    midi = floor + (following.root + int(rng.choice([-1, 1, 2])) - floor) % 12
                else:
                    midi = floor + (chord.root + int(rng.choice([*tones, 2, 9, 5])) - floor) % 12
            elif style == "sync" and not strong:
                if not rhythm[round(beat * 2) % 8]:
                    continue
                midi = root + int(rng.choice([0, 0, 12, 7 if 7 in tones else 0, 10]))
            length = min((rate if style != "sync" else 0.7) * hold, chord.beats - beat)
            notes.append(when.note(rng, chord.beat + beat, length, midi, 90))
    return notes


def melody(
    rng: Rng, chords: list[Any], tonic: int, scale: str, when: Clock, *, density: float | None = None
) -> list[Note]:
    """A line that walks in the scale and rests on chord tones, with pauses between phrases."""
    from tests.learning.songs import QUALITIES, SCALES

    density = float(rng.uniform(0.4, 0.9)) if density is None else density
    centre = int(rng.integers(55, 78))
    allowed = {(tonic + step) % 12 for step in SCALES[scale]}
    if rng.random() < 0.3:
        allowed = {(tonic + step) % 12 for step in ((0, 3, 5, 7, 10) if 3 in SCALES[scale] else (0, 2, 4, 7, 9))}
    loyal = float(rng.uniform(0.3, 0.9))
    notes: list[Note] = []
    pitch = centre
    for chord in chords:
        tones = {(chord.root + t) % 12 for t in QUALITIES[chord.quality][0]} if chord.root >= 0 else allowed
        beat = 0.0
        while beat < chord.beats - 1e-6:
            length = min(
                float(rng.choice([0.25, 0.5, 1.0, 1.5, 2.0], p=[0.15, 0.4, 0.25, 0.1, 0.1])), chord.beats - beat
            )
            if rng.random() < density:
                wanted = tones if rng.random() < (loyal if beat % 1 == 0 else loyal / 2) else allowed
                target = pitch + rng.normal(0, 3) + 0.1 * (centre - pitch)
                options = [n for n in range(centre - 12, centre + 13) if n % 12 in wanted]
                pitch = min(options, key=lambda n: abs(n - target))
                notes.append(when.note(rng, chord.beat + beat, length * float(rng.uniform(0.7, 1.0)), pitch, 90))
            beat += length
    return notes


def drums(rng: Rng, chords: list[Any], when: Clock) -> list[Note]:
    """A pattern of two beats to two bars on a grid of quarter beats, each drum at random."""
    steps = int(rng.choice([12, 16, 32]))
    total = max(c.beat + c.beats for c in chords)
    voices = {36: 0.2, 38: 0.14, 42: 0.5, 46: 0.08, 45: 0.04, 48: 0.03, 49: 0.02, 39: 0.05, 54: 0.1, 56: 0.03, 63: 0.06}
    notes: list[Note] = []
    for drum, odds in voices.items():
        if drum not in {36, 38, 42} and rng.random() < 0.6:
            continue
        pattern = rng.random(steps) < odds
        if drum == 36:
            pattern[::8] = True
        if drum == 38:
            pattern[4::8] = True
        notes += [
            when.note(rng, step / 4, 0.2, drum, 95 if pattern[step % steps] else 60)
            for step in range(int(total * 4))
            if pattern[step % steps]
        ]
    return notes
