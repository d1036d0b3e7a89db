"""Songs with known beats and bars, made to learn rhythm from: `python -m tests.learning.pulse_songs --out FOLDER`.

What a song is made of belongs here: musicians' grooves (`accompaniments`) or our own bars (`composed_bars`), tempo and
human timing, kits, sound fonts and mixes; how records sound is in `record_sound`. Every song stands in up to four
mixes, each a folder with mix.wav and truth.json: `full`, with stems, `bare` drums, `duo` of drums and bass, and
`drumless`. With --judged, styles, sound fonts and kits are those that training never draws.

Needs Debian's fluidsynth, ffmpeg, mma, hydrogen-drumkits and sound fonts: to learn from TimGM6mb (GPL-2), OPL-3 FM (CC
BY-SA 4.0) and AVL Black Pearl (CC BY-SA 3.0), to judge by FluidR3 (MIT) and AVL Red Zeppelin
(CC BY-SA 3.0); and half of Hydrogen's kits each (GPL-2+, CC BY, CC BY-SA, CC0). No sound is in the repository.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.learning import composed_bars
from tests.learning.accompaniments import Stroke, Style, play, styles
from tests.learning.midi import Note, sounded
from tests.learning.patterns import Clock, melody
from tests.learning.record_sound import bled, equalised, in_a_room, mastered, worn
from tests.learning.songs import Chord, compose, draw_key
from tests.learning.synthesis import RATE_HZ, Samples, drum_kit, voice

Rng = np.random.Generator
Times = NDArray[np.float64]
# Tonic, scale, chords and number of bars; drawn for a number of beats a bar, a tempo and a length in seconds.
Harmony = tuple[int, str, list[Chord], int]
DrawHarmony = Callable[[Rng, int, float, float], Harmony]

_SF2 = Path("/usr/share/sounds/sf2")
_FONTS: tuple[Path, ...] = (_SF2 / "TimGM6mb.sf2", _SF2 / "OPL-3_FM_128M.sf2")
_DRUM_FONTS = (*_FONTS, _SF2 / "Black_Pearl_4_LV2.sf2")
_JUDGED_FONTS: tuple[Path, ...] = (_SF2 / "FluidR3_GM.sf2",)
_JUDGED_DRUM_FONTS = (*_JUDGED_FONTS, _SF2 / "Red_Zeppelin_4_LV2.sf2")
_DRUM_PROGRAMS = (0, 0, 8, 16, 24, 25, 32, 40)
_HYDROGEN = Path("/usr/share/hydrogen/data/drumkits")
_CHORD_NAMES = {
    "maj": "", "min": "m", "7": "7", "maj7": "M7", "min7": "m7", "dim": "dim", "hdim7": "m7b5", "dim7": "dim7",
    "sus4": "sus4", "sus2": "sus2", "aug": "aug", "5": "5", "add9": "", "maj6": "6", "min6": "m6", "9": "9",
    "13": "13", "maj9": "M7", "min9": "m9",
}  # fmt: skip
_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# Our own metres by how often they are drawn; common time mostly comes from musicians.
_METRE_ODDS = (0.34, 0.1, 0.14, 0.12, 0.07, 0.09, 0.08, 0.06)
_GROOVE_SHARE = 0.6
# Pieces of drum kits by words in the names of their instruments.
_PIECES = (
    ("kick|bass ?drum|bd|bassdrum", 36), ("stick|rim", 37), ("clap|hand", 39), ("snare|sd", 38),
    ("open", 46), ("pedal|foot", 44), ("hat|hh|closed", 42), ("floor|low tom|tom.?(l|3|4)", 43), ("tom", 47),
    ("crash|splash|china", 49), ("ride|bell", 51), ("cowbell", 56), ("tamb", 54), ("shak|marac|cabasa", 70),
    ("conga|bongo|djem|darb|tabla|perc", 62), ("clav|block|wood", 75),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played.

    Attributes:
        metre: as it is written.
        beats_per_bar: beats a bar.
        beats: beats in all, whole bars.
        bpm: beats a minute before any drift.
        strokes: everything but the melody.
        chords: on the grid of beats.
        tonic: pitch class.
        scale: name of the scale.
        source: of the accompaniment.
    """

    metre: str
    beats_per_bar: int
    beats: int
    bpm: float
    strokes: list[Stroke]
    chords: list[Chord]
    tonic: int
    scale: str
    source: str


def plan(rng: Rng, length_s: float, *, judged: bool, harmony: DrawHarmony | None = None) -> Plan:
    """Draw a song of about a length; `harmony` draws key and chords, where not those of `songs.compose` are wanted."""
    harmony = harmony or _harmony
    if rng.random() < _GROOVE_SHARE:
        return _grooved(rng, length_s, harmony, judged=judged)
    metre = composed_bars.METRES[int(rng.choice(len(_METRE_ODDS), p=_METRE_ODDS))]
    bpm = composed_bars.tempo_bpm(rng, metre)
    tonic, scale, chords, bars = harmony(rng, metre.beats, bpm, length_s)
    # Beats of an eighth or of three parts want chords in quarters, which the figures are made of.
    strokes = composed_bars.accompaniment(rng, chords, bpm) if rng.random() < 0.85 else []
    if rng.random() < 0.88 or not strokes:
        strokes = strokes + composed_bars.drums(rng, metre, bars, bpm)
    return Plan(metre.name, metre.beats, bars * metre.beats, bpm, strokes, chords, tonic, scale, "own")


def _grooved(rng: Rng, length_s: float, harmony: DrawHarmony, *, judged: bool) -> Plan:
    choices = _styles(judged)
    for _ in range(20):
        weights = np.array([2.5 if style.metre != "4/4" else 1.0 for style in choices])
        style = choices[int(rng.choice(len(choices), p=weights / weights.sum()))]
        bpm = style.tempo_bpm(rng)
        tonic, scale, chords, bars = harmony(rng, style.beats, bpm, length_s)
        names = [_names(chords, bar * style.beats, style.beats) for bar in range(bars)]
        try:
            strokes = play(style, names, _form(rng, style, bars))
        except subprocess.SubprocessError:
            continue
        if strokes:
            return Plan(style.metre, style.beats, bars * style.beats, bpm, strokes, chords, tonic, scale, style.name)
    raise RuntimeError("no groove could be played")


def _form(rng: Rng, style: Style, bars: int) -> list[str]:
    """Groove of each bar: sections of four or eight bars, fills where the style has them."""
    fills = [name for name in style.passing if "fill" in name.lower()]
    out: list[str] = []
    while len(out) < bars:
        groove = style.grooves[int(rng.integers(len(style.grooves)))]
        out += [groove] * int(rng.choice([4, 8]))
        if fills and rng.random() < 0.5:
            out[-1] = fills[int(rng.integers(len(fills)))]
    return out[:bars]


def _harmony(rng: Rng, beats_per_bar: int, bpm: float, length_s: float) -> Harmony:
    tonic, scale = draw_key(rng)
    bars = max(4, round(length_s * bpm / 60.0 / beats_per_bar))
    total = bars * beats_per_bar
    chords = [
        Chord(c.beat, min(c.beats, total - c.beat), c.root, c.quality)
        for c in compose(rng, tonic, scale, beats=total, bar=beats_per_bar)
        if c.beat < total
    ]
    return tonic, scale, chords, bars


def _names(chords: Sequence[Chord], start: int, beats: int) -> list[str]:
    inside = [c for c in chords if start <= c.beat < start + beats]
    held = [c for c in chords if c.beat < start < c.beat + c.beats - 1e-6]
    return [
        "z" if c.root < 0 else _ROOTS[c.root] + _CHORD_NAMES[c.quality] for c in ([*held[-1:], *inside] or chords[-1:])
    ]


@functools.cache
def _styles(judged: bool) -> tuple[Style, ...]:
    return tuple(style for style in styles() if style.judged is judged)


@dataclass(frozen=True, slots=True)
class Grid:
    """Seconds of the beats, of a whole number of bars and one beat more."""

    times_s: Times

    def seconds(self, beat: float) -> float:
        """Return the time of a place between beats."""
        return float(np.interp(beat, np.arange(self.times_s.size), self.times_s))


def draw_grid(rng: Rng, beats: int, bpm: float) -> Grid:
    """Beats by a machine, a band that wanders, speeds up or slows down, or a player's rubato."""
    n = beats + 1
    kind = rng.choice(["machine", "live", "trend", "rubato"], p=[0.42, 0.36, 0.12, 0.1])
    curve = np.zeros(n)
    if kind == "live":
        steps = rng.normal(0.0, 0.004, n)
        curve = np.convolve(np.cumsum(steps) - 0.0, np.ones(5) / 5, "same") + rng.normal(0.0, 0.003, n)
        curve -= np.linspace(curve[0], curve[-1], n)
    elif kind == "trend":
        curve = np.linspace(0.0, float(rng.uniform(-0.09, 0.09)), n)
    elif kind == "rubato":
        curve = rng.uniform(0.02, 0.09) * np.sin(np.arange(n) * 2 * np.pi / rng.uniform(8, 24) + rng.uniform(0, 6.3))
    period = 60.0 / bpm * np.exp(np.clip(curve, -0.12, 0.12))
    return Grid(0.3 + np.concatenate([[0.0], np.cumsum(period[:-1])]))


def render(rng: Rng, song: Plan, grid: Grid, *, judged: bool) -> dict[str, Samples]:
    """Return the stems drums, bass, harmonic and vocals that there are, of one length."""
    scatter_s = (
        float(rng.choice([0.0, 0.004, 0.008, 0.014])) if song.source == "own" else float(rng.choice([0.0, 0.005]))
    )
    late: dict[int, float] = {}
    parts: dict[str, list[tuple[int, Note]]] = {}
    programs: dict[int, int] = {}
    for stroke in song.strokes:
        if stroke.start >= song.beats:
            continue
        key = stroke.midi if stroke.part == "drums" else -1
        offset = late.setdefault(key, float(rng.normal(0.0, 0.004)))
        start = max(0.0, grid.seconds(stroke.start) + offset + float(rng.normal(0.0, scatter_s)))
        end = max(start + 0.04, grid.seconds(min(stroke.start + stroke.length, song.beats)))
        program = programs.setdefault(stroke.program, _replaced(rng, stroke.program))
        parts.setdefault(stroke.part, []).append((program, Note(start, end, stroke.midi, stroke.velocity)))
    stems = {part: _rendered(rng, part, notes, judged=judged) for part, notes in parts.items()}
    if song.chords and rng.random() < 0.5:
        notes = melody(rng, song.chords, song.tonic, song.scale, Clock(grid.seconds))
        if notes:
            sung = rng.random() < 0.6
            stems["vocals"] = (
                voice(rng, notes, 0.0)
                if sung
                else _rendered(
                    rng, "harmonic", [(int(rng.choice((52, 53, 65, 66, 73))), n) for n in notes], judged=judged
                )
            )
    size = round((grid.times_s[-1] + 1.0) * RATE_HZ)
    return {name: np.pad(wave, (0, max(0, size - wave.size)))[:size] for name, wave in stems.items()}


def _replaced(rng: Rng, program: int) -> int:
    """Another instrument now and then, so that a style is not one sound."""
    return int(rng.choice((0, 4, 5, 16, 24, 25, 27, 29, 30, 48, 61, 80, 81))) if rng.random() < 0.25 else program


def _rendered(rng: Rng, part: str, notes: list[tuple[int, Note]], *, judged: bool) -> Samples:
    if part == "drums":
        kind = rng.random()
        if kind < 0.3 and (kits := _kits(judged)):
            return _sampled_kit(kits[int(rng.integers(len(kits)))], [note for _, note in notes])
        if kind < 0.42 and not judged:
            return drum_kit(rng, [note for _, note in notes])
        fonts = _JUDGED_DRUM_FONTS if judged else _DRUM_FONTS
        return _with_font(
            rng, fonts[int(rng.integers(len(fonts)))], notes, drum_program=int(rng.choice(_DRUM_PROGRAMS))
        )
    fonts = _JUDGED_FONTS if judged else _FONTS
    return _with_font(rng, fonts[int(rng.integers(len(fonts)))], notes)


def _with_font(rng: Rng, font: Path, notes: list[tuple[int, Note]], *, drum_program: int | None = None) -> Samples:
    import mido

    file = mido.MidiFile(type=0, ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    channels: dict[int, int] = {}
    free = [c for c in range(16) if c != 9]
    events: list[tuple[float, int, mido.Message]] = []
    if drum_program is not None:
        # Black Pearl and Red Zeppelin are melodic presets.
        channel = 0 if "4_LV2" in font.name else 9
        channels = dict.fromkeys({program for program, _ in notes}, channel)
        events.append(
            (0.0, 0, mido.Message("program_change", channel=channel, program=0 if channel == 0 else drum_program))
        )
    for program, note in notes:
        if program not in channels:
            channels[program] = free[len(channels) % len(free)]
            events.append((0.0, 0, mido.Message("program_change", channel=channels[program], program=program)))
        channel = channels[program]
        events.append(
            (note.start_s, 2, mido.Message("note_on", channel=channel, note=note.midi, velocity=note.velocity))
        )
        events.append((note.end_s, 1, mido.Message("note_off", channel=channel, note=note.midi)))
    now = 0
    for time_s, _, message in sorted(events, key=lambda event: event[:2]):
        tick = round(time_s * 960.0)
        track.append(message.copy(time=tick - now))
        now = tick
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder, "part.mid")
        file.save(midi)
        return sounded(midi, font, RATE_HZ, reverb=bool(rng.random() < 0.5))


@functools.cache
def _kits(judged: bool) -> tuple[dict[int, Samples], ...]:
    """Hydrogen's kits of one half, loudest layers, by General MIDI number; those with kick, snare and hi-hat."""
    import re

    out = []
    for path in sorted(_HYDROGEN.glob("*/drumkit.xml")):
        if (hashlib.sha256(path.parent.name.encode()).digest()[0] < 102) is not judged:
            continue
        kit: dict[int, Samples] = {}
        for instrument in ElementTree.parse(path).getroot().iter():
            if not instrument.tag.endswith("instrument"):
                continue
            words = {child.tag.rsplit("}")[-1]: child.text or "" for child in instrument.iter()}
            name, file = words.get("name", "").lower(), path.parent / words.get("filename", "")
            piece = next((number for pattern, number in _PIECES if re.search(pattern, name)), None)
            if piece is None or piece in kit or not file.is_file():
                continue
            try:
                sound, rate = soundfile.read(file, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                continue
            kit[piece] = _resampled(sound.mean(axis=1), rate)[: 3 * RATE_HZ]
        if {36, 38} <= kit.keys() and {42, 44, 46, 51} & kit.keys():
            out.append(kit)
    return tuple(out)


def _resampled(sound: NDArray[np.float32], rate: int) -> Samples:
    from math import gcd

    from scipy.signal import resample_poly

    shared = gcd(rate, RATE_HZ)
    return np.asarray(resample_poly(sound, RATE_HZ // shared, rate // shared), np.float32)


def _sampled_kit(kit: dict[int, Samples], notes: Sequence[Note]) -> Samples:
    stand_ins = {
        35: 36, 40: 38, 44: 42, 46: 42, 51: 42, 53: 51, 59: 51, 57: 49, 55: 49, 52: 49, 41: 43, 45: 43, 48: 47, 50: 47,
    }  # fmt: skip
    out = np.zeros(round((max(n.start_s for n in notes) + 4.0) * RATE_HZ), np.float32)
    for note in notes:
        number = note.midi
        while number not in kit and number in stand_ins:
            number = stand_ins[number]
        if number not in kit:
            continue
        wave = kit[number] * np.float32((note.velocity / 110.0) ** 1.7)
        start = round(note.start_s * RATE_HZ)
        out[start : start + wave.size] += wave[: out.size - start]
    return out


def make_song(out: Path, seed: int, number: int, *, judged: bool) -> str:
    """Make a song and write its mixes."""
    rng = np.random.default_rng([seed, number])
    song = plan(rng, float(rng.uniform(26.0, 38.0)), judged=judged)
    grid = draw_grid(rng, song.beats, song.bpm)
    stems = render(rng, song, grid, judged=judged)
    # Many start in the middle of a bar.
    start_s = (
        float(rng.uniform(0.0, grid.times_s[min(song.beats_per_bar * 2, song.beats // 4)]))
        if rng.random() < 0.6
        else 0.0
    )
    speed = float(rng.choice([1.0, 1.0, rng.uniform(0.96, 1.04)]))
    stems = {name: played_at(wave[round(start_s * RATE_HZ) :], speed) for name, wave in stems.items()}
    beats_s = (grid.times_s[:-1] - start_s) / speed
    downbeats_s = beats_s[:: song.beats_per_bar]
    truth = {
        "beats": [float(t) for t in beats_s if t >= 0.0],
        "downbeats": [float(t) for t in downbeats_s if t >= 0.0],
        "meter": {"signature": song.metre},
        "tempo": {"bpm": float(60.0 / np.median(np.diff(beats_s)))},
        "style": song.source,
    }
    balance_db = {"drums": 0.0, "bass": -2.0, "harmonic": -3.0, "vocals": -2.0}
    for name in list(stems):
        level = float(np.sqrt(np.mean(stems[name].astype(np.float64) ** 2)))
        if level < 1e-6:
            del stems[name]
            continue
        stems[name] = np.asarray(
            stems[name] * (0.1 / level * 10.0 ** ((balance_db[name] + rng.normal(0, 4)) / 20.0)), np.float32
        )
    made = 0
    choices: dict[str, Callable[[str], bool]] = {
        "full": lambda name: True,
        "bare": lambda name: name == "drums",
        "duo": lambda name: name in {"drums", "bass"},
        "drumless": lambda name: name != "drums",
    }
    seen: set[frozenset[str]] = set()
    for mix, belongs in choices.items():
        used = frozenset(name for name in stems if belongs(name))
        if not used or used in seen or (mix == "bare" and "drums" not in used) or (mix == "duo" and len(used) < 2):
            continue
        seen.add(used)
        folder = out / f"{seed}_{number:03d}_{mix}"
        folder.mkdir(parents=True, exist_ok=True)
        total = np.sum([stems[name] for name in used], axis=0)
        _write(folder / "mix.wav", worn(rng, mastered(rng, np.asarray(total, np.float32))))
        if mix == "full":
            separated = rng.random() < 0.5
            for name in sorted(used):
                stem = bled(rng, stems[name], total - stems[name]) if separated else stems[name]
                _write(folder / f"{'other' if name == 'harmonic' else name}.wav", stem)
        (folder / "truth.json").write_text(json.dumps(truth | {"mix": "mix.wav"}))
        made += 1
    return f"{seed}_{number:03d}: {song.source} {song.metre} {song.bpm:.0f} BPM, {made} mixes"


def make_loop(song: Path, out: Path, seed: int) -> str | None:
    """Repeat one, two or four bars of a made mix, cut anywhere, as loops are; None where it has no more bars.

    What fills and crashes tell of bars is gone then, and only the pattern is left.
    """
    truth = json.loads((song / "truth.json").read_text())
    downbeats = np.array(truth["downbeats"])
    rng = np.random.default_rng([seed, int(hashlib.sha256(song.name.encode()).hexdigest()[:8], 16)])
    bars = int(rng.choice([1, 2, 4]))
    if downbeats.size < bars + 3:
        return None
    first = int(rng.integers(1, downbeats.size - bars - 1))
    start_s, end_s = downbeats[first], downbeats[first + bars]
    # Not the bar line itself, or the seam would tell where it is.
    shift_s = float(rng.uniform(0.0, 1.0)) * (downbeats[first + 1] - start_s)
    samples, rate = soundfile.read(song / "mix.wav", dtype="float32")
    cut = samples[round((start_s + shift_s) * rate) : round((end_s + shift_s) * rate)]
    length_s = cut.size / rate
    times = int(np.ceil(26.0 / length_s))
    folder = out / f"{song.name.rpartition('_')[0]}_loop"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "mix.wav", np.tile(cut, times))

    def looped(moments: list[float]) -> list[float]:
        inside = [t - start_s - shift_s for t in moments if start_s + shift_s <= t + 1e-6 < end_s + shift_s]
        return [t + k * length_s for k in range(times) for t in inside]

    kept = {"beats": looped(truth["beats"]), "downbeats": looped(truth["downbeats"])}
    (folder / "truth.json").write_text(json.dumps(truth | kept))
    return folder.name


def make_formless(out: Path, seed: int, number: int, *, judged: bool) -> str:
    """Make music without a pulse and write it: pads, drones, noise, plucks at random times, free solos, speech."""
    rng = np.random.default_rng([seed, number, 1])
    kind = ("pads", "drone", "noise", "plucks", "free", "syllables")[number % 6]
    length_s = float(rng.uniform(26.0, 38.0))
    samples = _formless(rng, kind, length_s, judged=judged)
    folder = out / f"{seed}_{number:03d}_{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "mix.wav", worn(rng, mastered(rng, samples)) if rng.random() < 0.6 else samples)
    truth = {"beats": [], "downbeats": [], "meter": {"signature": None}, "tempo": {"bpm": None}, "style": kind}
    (folder / "truth.json").write_text(json.dumps(truth | {"mix": "mix.wav"}))
    return f"{seed}_{number:03d}: {kind}"


def _formless(rng: Rng, kind: str, length_s: float, *, judged: bool) -> Samples:
    size = round(length_s * RATE_HZ)
    t = np.arange(size) / RATE_HZ
    if kind == "noise":
        seconds = np.arange(int(length_s) + 2)
        swell = np.interp(t, seconds, rng.uniform(0.3, 1.0, seconds.size))
        return in_a_room(rng, equalised(rng, np.asarray(rng.normal(0.0, 0.1, size) * swell, np.float32)))
    if kind == "drone":
        out = np.zeros(size)
        depth = float(rng.choice([0.0, 0.3, 0.7]))
        for _ in range(int(rng.integers(1, 9))):
            hz, slow = float(np.exp(rng.uniform(np.log(60), np.log(900)))), float(rng.uniform(0.03, 0.6))
            out += np.sin(2 * np.pi * hz * t) * (1.0 + depth * np.sin(2 * np.pi * slow * t + rng.uniform(0, 6.3)))
        return np.asarray(0.05 * out, np.float32)
    gaps = {"pads": (2.0, 6.0), "plucks": (0.05, 1.2), "free": (0.15, 1.5), "syllables": (0.1, 0.6)}[kind]
    notes, now = [], 0.2
    while now < length_s - 1.0:
        gap = float(np.exp(rng.uniform(*np.log(gaps))))
        pitches = rng.integers(48, 80, int(rng.integers(2, 5)) if kind == "pads" else 1 + int(rng.random() < 0.25))
        hold = gap * (1.5 if kind == "pads" else rng.uniform(0.5, 1.2))
        notes += [Note(now, now + hold, int(p), int(rng.integers(50, 110))) for p in pitches]
        now += gap
    if kind == "syllables":
        return voice(rng, notes, 0.0)
    program = int(rng.choice((48, 50, 52, 88, 89, 91, 94) if kind == "pads" else (0, 24, 11, 46, 73, 40)))
    return _rendered(rng, "harmonic", [(program, note) for note in notes], judged=judged)[:size]


def played_at(samples: Samples, speed: float) -> Samples:
    """Return the sound at another speed, pitch and all."""
    if speed == 1.0:
        return samples
    place = np.arange(int(samples.size / speed)) * speed
    return np.asarray(np.interp(place, np.arange(samples.size), samples), np.float32)


def _write(path: Path, samples: Samples) -> None:
    peak = float(np.abs(samples).max()) + 1e-9
    soundfile.write(path, samples * min(1.0, 0.99 / peak), RATE_HZ, subtype="PCM_16")


def main() -> None:
    """Make the songs asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--formless", action="store_true", help="make music without a pulse")
    parser.add_argument("--loops", type=Path, help="repeat bars of the bare drums in this folder of songs")
    parser.add_argument("--judged", action="store_true", help="draw only what training never draws")
    asked = parser.parse_args()
    if asked.loops is not None:
        for song in sorted(asked.loops.glob("*_bare")):
            print(make_loop(song, asked.out, asked.seed), flush=True)
        return
    make = functools.partial(_make, asked.out, asked.seed, asked.judged, asked.formless)
    with Pool(asked.jobs) as pool:
        for line in pool.imap(make, range(asked.first, asked.first + asked.songs)):
            print(line, flush=True)


def _make(out: Path, seed: int, judged: bool, formless: bool, number: int) -> str:
    return (make_formless if formless else make_song)(out, seed, number, judged=judged)


if __name__ == "__main__":
    main()
