"""Songs with a known key, made to learn keys from: `python -m tests.learning.key_songs --out FOLDER --seed 2300`.

Drawing their harmony, having them played and reading their notes belong here; what is learned is in
`tests.learning.keys`. Grooves, kits, sound fonts and mixes are those of `tests.learning.pulse_songs`, and so are the
halves: with --judged, styles, sound fonts and kits are those that training never draws.

Half of the harmonies are `songs.compose`'s. The others are drawn as much of rock and pop goes: loops and vamps from
walks over the degrees, minor keys with and without a raised seventh, blues on dominant chords, power chords through an
overdriven amplifier, songs that neither begin nor end on the tonic. Half are off A4 = 440 Hz.

Kept of each song is what keys are read from: notes and chord probabilities of the mix, of the stems and of the drums
alone. No sound is kept.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.tonality.measure import read_harmony, tuning_offset
from flamingo_bark_assets.audio.signal import Signal
from tests.learning import pulse_songs
from tests.learning.accompaniments import Stroke
from tests.learning.record_sound import bled, mastered, overdriven, worn
from tests.learning.songs import SCALES, Chord, compose, draw_key
from tests.learning.synthesis import RATE_HZ, Samples

Rng = np.random.Generator

# Odds of going from a degree, in semitones above the tonic, to another, drawn up after what is common in rock: IV is
# the nearest neighbour of I, and the flat seventh leads home as well as V does (de Clercq & Temperley, Popular Music
# 30, 2011, describe it; the numbers are ours).
_MAJOR_WALK: dict[int, dict[int, float]] = {
    0: {5: 10, 7: 7, 9: 4, 10: 3, 2: 2, 4: 1.2, 8: 0.6, 3: 0.5},
    2: {7: 5, 5: 3, 0: 2, 9: 1},
    3: {5: 3, 8: 1, 10: 1},
    4: {9: 4, 5: 4, 2: 1},
    5: {0: 9, 7: 6, 2: 1, 9: 1.5, 4: 0.7, 10: 0.6},
    7: {0: 8, 5: 4, 9: 3.5, 2: 0.7, 4: 0.3},
    8: {10: 3, 0: 1, 5: 1},
    9: {5: 6, 7: 3, 2: 2, 4: 1, 0: 1},
    10: {0: 4, 5: 4, 7: 0.5, 3: 0.5},
}
_MINOR_WALK: dict[int, dict[int, float]] = {
    0: {10: 6, 8: 5, 5: 5, 7: 4, 3: 3, 1: 0.6, 2: 0.8},
    1: {0: 4, 3: 1},
    2: {7: 4, 0: 1},
    3: {10: 4, 5: 2, 8: 3, 0: 2},
    5: {0: 5, 7: 4, 10: 2, 8: 2, 3: 1},
    7: {0: 6, 8: 3, 5: 2, 10: 1},
    8: {10: 6, 3: 3, 7: 3, 0: 3, 5: 1},
    10: {0: 5, 8: 5, 3: 3, 5: 2, 7: 1},
}
_MAJOR_CHORDS = {0: "maj", 2: "min", 3: "maj", 4: "min", 5: "maj", 7: "maj", 8: "maj", 9: "min", 10: "maj"}
_MINOR_CHORDS = {0: "min", 1: "maj", 2: "hdim7", 3: "maj", 5: "min", 7: "min", 8: "maj", 10: "maj"}
_BLUES = (
    (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 7),
    (0, 5, 0, 0, 5, 5, 0, 0, 7, 5, 0, 0),
    (0, 0, 0, 0, 5, 5, 0, 0, 2, 7, 0, 7),
    (0, 0, 5, 0),
)
_SEVENTHS = {"maj": "maj7", "min": "min7"}
# What is played as a power chord where guitars are distorted.
_POWERED = ("maj", "min", "7", "maj7", "min7")
# Odds that a chord is major where the scale has a minor one, by whether the key is minor and by degree.
_MAJOR_INSTEAD = {(True, 5): 0.15, (False, 2): 0.2, (False, 4): 0.15}
_HEAVY_SHARE = 0.17
_HEAVY_PROGRAMS = (29, 30)
_BALANCE_DB = {"drums": 0.0, "bass": -2.0, "harmonic": -3.0, "vocals": -2.0}


def draw_harmony(rng: Rng, beats_per_bar: int, bpm: float, length_s: float, *, heavy: bool) -> pulse_songs.Harmony:
    """Draw a key and chords of whole bars."""
    bars = max(4, round(length_s * bpm / 60.0 / beats_per_bar))
    total = float(bars * beats_per_bar)
    if rng.random() < 0.5:
        tonic, scale = draw_key(rng)
        chords = compose(rng, tonic, scale, beats=total, bar=beats_per_bar)
    else:
        tonic = int(rng.integers(12))
        scale, chords = walked(rng, tonic, beats_per_bar, total, bpm)
    if heavy:
        some_whole = rng.random() < 0.3
        chords = [c if some_whole and rng.random() < 0.3 else _powered(c) for c in chords]
    kept = [replace(c, beats=min(c.beats, total - c.beat)) for c in chords if c.beat < total]
    return tonic, scale, kept, bars


def _powered(chord: Chord) -> Chord:
    return replace(chord, quality="5") if chord.quality in _POWERED else chord


def walked(rng: Rng, tonic: int, bar: int, total: float, bpm: float) -> tuple[str, list[Chord]]:
    """Return a scale and loops of chords, each a section of its own, that walk over the degrees of a key."""
    kind = str(rng.choice(["major", "minor", "blues"], p=[0.52, 0.4, 0.08]))
    raised = float(rng.choice([0.0, 0.5, 1.0], p=[0.4, 0.3, 0.3]))
    sevenths = float(rng.choice([0.0, 0.15, 0.6], p=[0.6, 0.25, 0.15]))
    each = float(bar * rng.choice([0.5, 1.0, 2.0], p=[0.2, 0.6, 0.2])) if bar % 2 == 0 else float(bar)
    if bpm > 170.0:
        each *= 2.0
    if kind == "blues":
        loops = [[(root, "7") for root in _BLUES[int(rng.integers(len(_BLUES)))]]]
        each = float(bar)
    else:
        loops = [
            _walk(rng, kind == "minor", raised, sevenths) for _ in range(int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])))
        ]
    chords: list[Chord] = []
    at = 0.0
    while at < total:
        loop = loops[int(rng.integers(len(loops)))]
        for _ in range(int(rng.integers(2, 5))):
            for root, quality in loop:
                chords.append(Chord(at, each, (tonic + root) % 12, quality))
                at += each
    if rng.random() < 0.4:
        # It ends at home; else it stops somewhere, as a fade does.
        inside = [c for c in chords if c.beat < total]
        chords = [
            *inside[:-1],
            replace(inside[-1], root=tonic, quality={"minor": "min", "blues": "7"}.get(kind, "maj")),
        ]
    flat = any(root == 10 for loop in loops for root, _ in loop)
    scales = {
        "blues": ["blues"],
        "major": ["mixolydian"] if flat and rng.random() < 0.6 else ["major"],
        "minor": ["harmonic minor"] if raised > 0.4 and rng.random() < 0.5 else ["minor", "minor", "dorian"],
    }[kind]
    return str(rng.choice(scales)), chords


def _walk(rng: Rng, minor: bool, raised: float, sevenths: float) -> list[tuple[int, str]]:
    """Return degrees and qualities of one loop of 2 to 8 chords; a third of them begin elsewhere than at home."""
    table, usual = (_MINOR_WALK, _MINOR_CHORDS) if minor else (_MAJOR_WALK, _MAJOR_CHORDS)
    steps = int(rng.choice([2, 3, 4, 8], p=[0.22, 0.1, 0.5, 0.18]))
    degrees = [0]
    while len(degrees) < steps:
        following = table[degrees[-1]]
        odds = np.array(list(following.values()))
        degrees.append(int(rng.choice(list(following), p=odds / odds.sum())))
    if rng.random() < 0.33:
        turn = int(rng.integers(1, steps))
        degrees = degrees[turn:] + degrees[:turn]
    return [(degree, _quality_of(rng, usual[degree], degree, minor, raised, sevenths)) for degree in degrees]


def _quality_of(rng: Rng, quality: str, degree: int, minor: bool, raised: float, sevenths: float) -> str:
    instead = raised if minor and degree == 7 else _MAJOR_INSTEAD.get((minor, degree))
    if instead is not None and rng.random() < instead:
        quality = "maj"
    elif not minor and degree == 5 and rng.random() < 0.05:
        quality = "min"
    if quality == "maj" and degree == 7 and rng.random() < 0.2 + sevenths:
        return "7"
    return _SEVENTHS.get(quality, quality) if rng.random() < sevenths else quality


def make_song(seed: int, number: int, *, judged: bool) -> tuple[dict[str, Samples], int, str]:
    """Return mix and stems, the index of the key in `note_names.KEYS`, and what the song is made of."""
    rng = np.random.default_rng([seed, number])
    heavy = bool(rng.random() < _HEAVY_SHARE)
    length_s = float(np.exp(rng.uniform(np.log(20.0), np.log(70.0))))
    harmony = functools.partial(draw_harmony, heavy=heavy)
    song = pulse_songs.plan(rng, length_s, judged=judged, harmony=harmony)
    while not any(stroke.part == "harmonic" for stroke in song.strokes):
        song = pulse_songs.plan(rng, length_s, judged=judged, harmony=harmony)
    if heavy:
        song = replace(song, strokes=[_on_guitar(rng, stroke) for stroke in song.strokes])
    stems = pulse_songs.render(rng, song, pulse_songs.draw_grid(rng, song.beats, song.bpm), judged=judged)
    if heavy and "harmonic" in stems:
        stems["harmonic"] = overdriven(rng, stems["harmonic"])
    cents = float(rng.uniform(-50.0, 50.0)) if rng.random() < 0.5 else 0.0
    stems = {name: pulse_songs.played_at(wave, 2.0 ** (cents / 1200.0)) for name, wave in stems.items()}
    levels = {name: float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) for name, wave in stems.items()}
    stems = {
        name: np.asarray(
            wave * (0.1 / levels[name] * 10.0 ** ((_BALANCE_DB[name] + rng.normal(0, 4)) / 20.0)), np.float32
        )
        for name, wave in stems.items()
        if levels[name] > 1e-6
    }
    total = np.asarray(np.sum(list(stems.values()), axis=0), np.float32)
    if rng.random() < 0.5:
        pitched = stems.keys() - {"drums"}
        stems |= {name: np.asarray(bled(rng, stems[name], total - stems[name]), np.float32) for name in sorted(pitched)}
    stems["mix"] = worn(rng, mastered(rng, total))
    key = song.tonic + 12 * (3 in SCALES[song.scale])
    return stems, key, f"{song.source} {song.scale}{' heavy' if heavy else ''}"


def _on_guitar(rng: Rng, stroke: Stroke) -> Stroke:
    """Return what a distorted guitar plays of it: low, and a program of its own."""
    if stroke.part != "harmonic":
        return stroke
    low = stroke.midi - 12 * max(0, (stroke.midi - 48) // 12)
    return replace(stroke, midi=low, program=_HEAVY_PROGRAMS[int(rng.integers(2))])


def notes_of(samples: dict[str, Samples]) -> dict[str, NDArray[Any]]:
    """Return salience and chord probabilities of mix, stems and drums, as `measure_tonality` reads them."""
    views = {name: AudioView(Signal(wave[None], RATE_HZ)) for name, wave in samples.items()}
    song = SongViews(views["mix"], {name: views[name] for name in ("harmonic", "bass") if name in views})
    parts: dict[str, tuple[tuple[AudioView, ...], float]] = {
        "mix": ((views["mix"],), tuning_offset(SongViews(views["mix"])))
    }
    if "harmonic" in views:
        parts["stems"] = (tuple(song.stems.values()), tuning_offset(song))
    if "drums" in views:
        parts["drums"] = ((views["drums"],), tuning_offset(SongViews(views["drums"])))
    out: dict[str, NDArray[Any]] = {}
    for name, (sources, cents) in parts.items():
        harmony = read_harmony(sources, cents=cents, duration_s=views["mix"].duration_s, beats_s=None)
        out[f"{name}_salience"] = harmony.salience.astype(np.float16)
        out[f"{name}_chords"] = harmony.probabilities.astype(np.float16)
        out[f"{name}_sounding"] = harmony.sounding
        out[f"{name}_agreement"] = np.array(max(view.tuning.concentration for view in sources))
    return out


def _make(out: Path, seed: int, judged: bool, number: int) -> str:
    target = out / f"{seed}_{number:03d}.npz"
    if target.is_file():
        return f"{target.name}: there"
    samples, key, source = make_song(seed, number, judged=judged)
    np.savez(target, key=key, source=source, judged=judged, allow_pickle=False, **notes_of(samples))
    return f"{target.name}: {source}, {samples['mix'].size / RATE_HZ:.0f} s"


def main(arguments: Iterable[str] | None = None) -> None:
    """Make the songs asked for on the command line; those that are there stay."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--judged", action="store_true", help="draw only what training never draws")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    with Pool(asked.jobs) as pool:
        for line in pool.imap(functools.partial(_make, asked.out, asked.seed, asked.judged), range(asked.songs)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
