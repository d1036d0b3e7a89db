"""Random songs with known chords, key and beats, made to train the chord and key models on.

Composition and rendering of training songs belong here; no rule, pattern or sound is taken from the songs by which the
models are judged. Rendering needs the program `fluidsynth` and the sound fonts in `SOUND_FONTS`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.learning.midi import Note, sounded, write_midi
from tests.learning.synthesis import RATE_HZ, Samples, coloured, drum_kit, instrument, voice

Rng = np.random.Generator

SOUND_FONTS = tuple(Path("/usr/share/sounds/sf2") / f"{n}.sf2" for n in ("TimGM6mb", "sf_GMbank", "OPL-3_FM_128M"))
DRUM_FONTS = (*SOUND_FONTS, Path("/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2"))

# Tones above the root, and the label they are learned as: sixths and ninths count as the chord they colour.
QUALITIES: dict[str, tuple[tuple[int, ...], str]] = {
    "maj": ((0, 4, 7), "maj"),
    "min": ((0, 3, 7), "min"),
    "7": ((0, 4, 7, 10), "7"),
    "maj7": ((0, 4, 7, 11), "maj7"),
    "min7": ((0, 3, 7, 10), "min7"),
    "dim": ((0, 3, 6), "dim"),
    "hdim7": ((0, 3, 6, 10), "hdim7"),
    "dim7": ((0, 3, 6, 9), "dim7"),
    "sus4": ((0, 5, 7), "sus4"),
    "sus2": ((0, 2, 7), "sus2"),
    "aug": ((0, 4, 8), "aug"),
    "5": ((0, 7), "5"),
    "add9": ((0, 4, 7, 14), "maj"),
    "maj6": ((0, 4, 7, 9), "maj"),
    "min6": ((0, 3, 7, 9), "min"),
    "9": ((0, 4, 7, 10, 14), "7"),
    "13": ((0, 4, 7, 10, 21), "7"),
    "maj9": ((0, 4, 7, 11, 14), "maj7"),
    "min9": ((0, 3, 7, 10, 14), "min7"),
}
SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "blues": (0, 2, 4, 5, 7, 9, 10),
}
_SCALE_ODDS = {"major": 10, "minor": 9, "harmonic minor": 3, "dorian": 4, "mixolydian": 3, "phrygian": 1, "lydian": 1}
_SCALE_ODDS["blues"] = 2
_DEGREE_ODDS = (4.0, 1.5, 1.0, 3.0, 3.0, 2.2, 0.8)

_HARMONY_PROGRAMS = (*range(0, 8), 11, 12, 14, 15, *range(16, 32), 40, 42, *range(44, 56), *range(56, 64), 65, 80, 81)
_PAD_PROGRAMS = (16, 18, 19, 48, 49, 50, 51, 52, 61, 62, *range(88, 96))
_BASS_PROGRAMS = (*range(32, 40), 42, 43, 58, 87)
_LEAD_PROGRAMS = (52, 53, 54, 56, 59, 60, *range(64, 80), 40, 22, 80, 81, 85)


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord on the grid of beats.

    Attributes:
        beat: where it begins.
        beats: how long it lasts.
        root: pitch class; -1 for a rest.
        quality: key of `QUALITIES`.
    """

    beat: float
    beats: float
    root: int
    quality: str


@dataclass(slots=True)
class Song:
    """A rendered song.

    Attributes:
        tonic: pitch class of the key.
        scale: key of `SCALES`.
        cents: tuning against A4 = 440 Hz.
        chords: start and end in s, root (-1 for none) and learned label.
        beats_s: times of the beats.
        stems: drums, bass, vocals, harmonic, at `RATE_HZ`.
    """

    tonic: int
    scale: str
    cents: float
    chords: list[tuple[float, float, int, str]]
    beats_s: NDArray[np.float64]
    stems: dict[str, Samples] = field(default_factory=dict)

    @property
    def minor(self) -> bool:
        """Whether the tonic's third is minor."""
        return 3 in SCALES[self.scale]


def make_song(seed: int) -> Song:
    """Compose and render the song of a seed, 25 to 50 s long."""
    rng = np.random.default_rng(seed)
    tonic, scale = draw_key(rng)
    beat_s = 60.0 / float(np.exp(rng.uniform(np.log(56), np.log(168))))
    chords = compose(rng, tonic, scale, beats=rng.uniform(26, 46) / beat_s)
    cents = float(rng.uniform(-48, 48)) if rng.random() < 0.5 else 0.0
    total = max(c.beat + c.beats for c in chords)
    grid = np.cumsum(np.concatenate([[rng.uniform(0.0, 0.6)], beat_s * (1 + rng.normal(0, 0.01, int(total) + 2))]))
    position = np.arange(grid.size)

    def seconds(beat: float) -> float:
        return float(np.interp(beat, position, grid))

    timed = [
        (seconds(c.beat), seconds(c.beat + c.beats), c.root, QUALITIES[c.quality][1] if c.root >= 0 else "N")
        for c in chords
    ]
    song = Song(tonic, scale, cents, timed, grid[: int(total) + 1])
    parts = _parts(rng, chords, tonic, scale, seconds)
    length = round((seconds(total) + 1.0) * RATE_HZ)
    for name, notes in parts.items():
        song.stems[name] = fit(_render_part(rng, name, notes, cents), length)
    return song


def draw_key(rng: Rng) -> tuple[int, str]:
    """Pitch class of a tonic, and a key of `SCALES`."""
    return int(rng.integers(12)), str(rng.choice(list(_SCALE_ODDS), p=normalised(tuple(_SCALE_ODDS.values()))))


def compose(rng: Rng, tonic: int, scale: str, *, beats: float, bar: int | None = None) -> list[Chord]:
    """A chord sequence in sections that repeat loops, with what departs from the scale now and then.

    `bar` is a bar's beats, 3 or 4 at random where it is not given.
    """
    sevenths = float(rng.choice([0.02, 0.15, 0.5, 0.92], p=[0.4, 0.25, 0.15, 0.2]))
    colour = float(rng.choice([0.0, 0.06, 0.2], p=[0.4, 0.4, 0.2]))
    drawn = int(rng.choice([3, 4], p=[0.2, 0.8]))
    bar = drawn if bar is None else bar
    power = rng.random() < 0.08
    loops = [_loop(rng, tonic, scale, bar, sevenths, colour, power) for _ in range(int(rng.integers(1, 4)))]
    chords: list[Chord] = []
    at, shift = 0.0, 0
    while at < beats:
        loop = loops[0] if rng.random() < 0.5 else loops[int(rng.integers(len(loops)))]
        if at > 0.65 * beats and shift == 0 and rng.random() < 0.05:
            shift = int(rng.choice([1, 2, 3, 5, 10]))
        for _ in range(int(rng.integers(1, 4))):
            for c in loop:
                chords.append(Chord(at, c.beats, (c.root + shift) % 12, c.quality))
                at += c.beats
            if at >= beats:
                break
        if rng.random() < 0.06:
            chords.append(Chord(at, bar, -1, "N"))
            at += bar
    if rng.random() < 0.5 and shift == 0:
        chords.append(Chord(at, bar, tonic, _quality(rng, scale, 0, sevenths, 0.0)))
    return chords


def _loop(rng: Rng, tonic: int, scale: str, bar: int, sevenths: float, colour: float, power: bool) -> list[Chord]:
    """One loop of 2 to 8 chords, most often from the tonic or towards it."""
    steps = int(rng.choice([1, 2, 3, 4, 6, 8], p=[0.04, 0.15, 0.08, 0.45, 0.13, 0.15]))
    each = float(rng.choice([bar / 2, bar, 2 * bar], p=[0.22, 0.6, 0.18])) if bar == 4 else float(bar)
    degrees = [0 if rng.random() < 0.68 else int(rng.choice(7, p=normalised(_DEGREE_ODDS)))]
    while len(degrees) < steps:
        degree = int(rng.choice(7, p=normalised(_DEGREE_ODDS)))
        if degree != degrees[-1]:
            degrees.append(degree)
    if degrees[0] != 0 and rng.random() < 0.5:
        degrees[-1] = 0
    loop: list[Chord] = []
    for i, degree in enumerate(degrees):
        root = (tonic + SCALES[scale][degree]) % 12
        quality = _quality(rng, scale, degree, sevenths, colour)
        following = (tonic + SCALES[scale][degrees[(i + 1) % steps]]) % 12
        if steps > 2 and i > 0 and degrees[(i + 1) % steps] != 0 and rng.random() < 0.12:
            root, quality = (following + 7) % 12, "7" if rng.random() < 0.3 + sevenths else "maj"
        elif i > 0 and rng.random() < 0.4 * colour:
            root, quality = int(rng.integers(12)), str(rng.choice(["maj", "min", "dim7", "7", "min7", "hdim7"]))
        if i > 0 and rng.random() < 0.07:
            loop[-1] = Chord(0, loop[-1].beats / 2, loop[-1].root, loop[-1].quality)
            loop.append(Chord(0, loop[-1].beats, root, quality))
        elif rng.random() < 0.1:
            first = "sus4" if rng.random() < 0.5 else quality
            loop += [Chord(0, each / 2, root, first), Chord(0, each / 2, root, quality)]
            continue
        loop.append(Chord(0, each, root, "5" if power and quality in {"maj", "min"} else quality))
    return loop


def _quality(rng: Rng, scale: str, degree: int, sevenths: float, colour: float) -> str:
    """The chord on a degree, stacked in thirds from the scale, now and then coloured."""
    steps = SCALES[scale]
    tones = [(steps[(degree + 2 * i) % 7] - steps[degree]) % 12 for i in range(4)]
    if degree == 4 and scale == "minor" and rng.random() < 0.5:
        tones[1] = 4
    if scale == "blues" and degree in {0, 3, 4}:
        tones, sevenths = [0, 4, 7, 10], max(sevenths, 0.85)
    wanted = tuple(tones) if rng.random() < sevenths or (degree == 4 and rng.random() < 0.15) else tuple(tones[:3])
    by_tones = {tones_: name for name, (tones_, _) in QUALITIES.items()}
    name = by_tones.get(wanted) or by_tones.get(wanted[:3]) or "maj"
    if rng.random() < colour:
        richer = {
            "maj": ("add9", "maj6", "sus2", "sus4", "aug", "5", "maj7"),
            "min": ("min6", "min7", "5", "sus2", "sus4"),
            "7": ("9", "13", "sus4", "aug"),
            "maj7": ("maj9", "maj6"),
            "min7": ("min9", "min7"),
        }
        name = str(rng.choice(richer.get(name, (name,))))
    elif sevenths > 0.6 and rng.random() < 0.25:
        name = {"7": "9", "maj7": "maj9", "min7": "min9"}.get(name, name)
    return name


def _parts(rng: Rng, chords: list[Chord], tonic: int, scale: str, seconds: object) -> dict[str, list[list[Note]]]:
    """The notes of each stem, one list an instrument."""
    from tests.learning import patterns

    when = patterns.Clock(seconds)
    harmony = [patterns.harmony(rng, chords, when) for _ in range(int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15])))]
    if rng.random() < 0.25:
        harmony.append(patterns.melody(rng, chords, tonic, scale, when, density=0.5))
    return {
        "harmonic": harmony,
        "bass": [patterns.bass(rng, chords, when)] if rng.random() < 0.9 else [],
        "vocals": [patterns.melody(rng, chords, tonic, scale, when)] if rng.random() < 0.85 else [],
        "drums": [patterns.drums(rng, chords, when)] if rng.random() < 0.85 else [],
    }


def _render_part(rng: Rng, name: str, instruments: list[list[Note]], cents: float) -> Samples:
    """The sum of a stem's instruments, each with a sound of its own, coloured."""
    total = np.zeros(RATE_HZ, np.float32)
    for notes in instruments:
        if name == "drums":
            wave = _with_font(rng, notes, 0, 0.0, drums=True) if rng.random() < 0.6 else drum_kit(rng, notes)
        elif name == "vocals" and rng.random() < 0.6:
            wave = voice(rng, notes, cents)
        elif rng.random() < 0.35:
            wave = instrument(rng, notes, cents)
        else:
            long = np.mean([n.end_s - n.start_s for n in notes] or [0.0]) > 0.9 and rng.random() < 0.5
            programs = _PAD_PROGRAMS if long else _HARMONY_PROGRAMS
            programs = {"bass": _BASS_PROGRAMS, "vocals": _LEAD_PROGRAMS}.get(name, programs)
            wave = _with_font(rng, notes, int(rng.choice(programs)), cents, drums=False)
        wave = wave * np.float32(rng.uniform(0.4, 1.0) / max(float(np.sqrt(np.mean(wave**2))), 1e-4))
        size = max(total.size, wave.size)
        total = fit(total, size) + fit(wave, size)
    return coloured(rng, total) if float(np.abs(total).max()) > 0.0 else total


def _with_font(rng: Rng, notes: list[Note], program: int, cents: float, *, drums: bool) -> Samples:
    """The notes through fluidsynth with a random sound font."""
    fonts = DRUM_FONTS if drums else SOUND_FONTS
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder, "part.mid")
        write_midi(midi, notes, program=program, cents=cents, channel=9 if drums else 0)
        reverb = bool(rng.random() < 0.5)
        return sounded(midi, fonts[int(rng.integers(len(fonts)))], RATE_HZ, reverb=reverb)


def fit(samples: Samples, size: int) -> Samples:
    """Return the samples cut, or padded by silence, to a length."""
    return np.pad(samples, (0, max(0, size - samples.size)))[:size]


def normalised(weights: Sequence[float]) -> NDArray[np.float64]:
    """Return weights as chances."""
    return np.asarray(weights, float) / sum(weights)
