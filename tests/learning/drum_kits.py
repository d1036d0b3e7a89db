"""Drum kits for training: rendered from free sound fonts, synthesised, layered and filtered at random.

Single sounds and who provides them belong here; patterns, rooms and separation are in `tests.learning.drum_songs`.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.drums_synthesis import SOUNDS, Random, Samples

RATE_HZ = 22050
FONTS = Path("/usr/share/sounds/sf2")
# Sound font, channel, program: General MIDI kits on channel 9; Black Pearl is a melodic preset by its bank.
KITS = (
    *(("TimGM6mb.sf2", 9, p) for p in (0, 8, 16, 24, 25, 32, 40)),
    *(("sf_GMbank.sf2", 9, p) for p in (0, 8, 16, 24, 25, 32, 40)),
    ("OPL-3_FM_128M.sf2", 9, 0),
    ("Black_Pearl_4_LV2.sf2", 0, 0),
)
PIECE_OF = {
    **dict.fromkeys((35, 36), "kick"),
    **dict.fromkeys((38, 40), "snare"),
    37: "side_stick",
    39: "clap",
    **dict.fromkeys((41, 43, 45, 47, 48, 50), "tom"),
    42: "closed",
    44: "pedal",
    46: "open",
    **dict.fromkeys((49, 52, 55, 57), "crash"),
    **dict.fromkeys((51, 53, 59), "ride"),
    54: "tambourine",
    **dict.fromkeys((69, 70), "shaker"),
    **dict.fromkeys((56, 60, 61, 62, 63, 64, 67, 68, 75, 76, 77), "block"),
}
VELOCITIES = (30, 65, 95, 125)
MELODIC = tuple(
    (font, 0, program)
    for font in ("TimGM6mb.sf2", "OPL-3_FM_128M.sf2")
    for program in (
        0,
        4,
        7,
        12,
        16,
        18,
        24,
        25,
        27,
        29,
        30,
        32,
        33,
        35,
        36,
        38,
        39,
        45,
        48,
        52,
        53,
        56,
        61,
        65,
        73,
        80,
        81,
        89,
    )
)


@dataclass(frozen=True)
class Bank:
    """Rendered strokes and notes.

    Attributes:
        strokes: kit number -> piece -> list of sounds, each by velocity, softest first.
        notes: one list a program: sounds of rising pitch.
    """

    strokes: list[dict[str, list[list[Samples]]]]
    notes: list[list[Samples]]


def render_notes(font: str, channel: int, program: int, notes: list[tuple[int, int]], each_s: float) -> list[Samples]:
    """Render (MIDI note, velocity) pairs one after the other and cut them apart."""
    ticks = round(each_s * 960)
    track = bytes([0, 0xC0 | channel, program, 0, 0xB0 | channel, 91, 0])
    for note, velocity in notes:
        track += bytes([0, 0x90 | channel, note, velocity])
        track += _variable(ticks) + bytes([0x80 | channel, note, 0])
    track += bytes([0, 0xFF, 0x2F, 0])
    midi = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "notes.mid"), Path(folder, "notes.raw")
        source.write_bytes(midi)
        command = [
            "fluidsynth",
            "-ni",
            "-q",
            "-R",
            "0",
            "-C",
            "0",
            "-g",
            "0.4",
            "-r",
            str(RATE_HZ),
            "-O",
            "float",
            "-T",
        ]
        subprocess.run(
            [*command, "raw", "-F", str(target), str(FONTS / font), str(source)], check=True, capture_output=True
        )
        sound = np.fromfile(target, np.float32).reshape(-1, 2).mean(axis=1)
    step = round(each_s * RATE_HZ)
    return [_trimmed(sound[k * step : (k + 1) * step]) for k in range(len(notes))]


def _variable(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


def _trimmed(sound: NDArray[np.float32]) -> Samples:
    """Without what follows the last sample within 60 dB of the peak."""
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < 1e-5:
        return np.zeros(0)
    end = int(np.flatnonzero(np.abs(sound) > 1e-3 * peak)[-1]) + 1
    return sound[:end].astype(np.float64)


def render_bank() -> Bank:
    """Render every kit and melodic program once (about a minute)."""
    strokes = []
    for font, channel, program in KITS:
        pairs = [(note, velocity) for note in PIECE_OF for velocity in VELOCITIES]
        sounds = render_notes(font, channel, program, pairs, 2.0)
        pieces: dict[str, list[list[Samples]]] = {}
        for k, piece in enumerate(PIECE_OF.values()):
            layers = sounds[k * len(VELOCITIES) : (k + 1) * len(VELOCITIES)]
            if all(layer.size > 200 for layer in layers):
                pieces.setdefault(piece, []).append(layers)
        strokes.append(pieces)
    pitches = (31, 36, 43, 48, 55, 60, 67, 72, 79)
    notes = [render_notes(font, c, p, [(n, 100) for n in pitches], 0.9) for font, c, p in MELODIC]
    return Bank(strokes, [[note for note in part if note.size > 200] for part in notes if part])


class Kit:
    """The sounds of one song: each piece is taken from a font or synthesised, then bent in pitch and decay."""

    def __init__(self, rng: Random, bank: Bank) -> None:
        self.rng = rng
        self.bank = bank
        self.number = int(rng.integers(len(KITS)))
        self.synthesis = float(rng.choice([0.0, 0.25, 0.5, 1.0], p=[0.4, 0.25, 0.2, 0.15]))
        self.name = "own synthesis" if self.synthesis == 1.0 else f"{KITS[self.number][0]}:{KITS[self.number][2]}"
        self._made: dict[str, tuple[list[Samples], float]] = {}

    def sound(self, piece: str, velocity: float) -> Samples:
        """One stroke at a velocity of 0 to 1, peak near the squared velocity."""
        layers, gain = self._piece(piece)
        layer = layers[min(len(layers) - 1, int(velocity * len(layers)))]
        return np.asarray(layer * (gain * (0.12 + 0.88 * velocity**1.6) * 10.0 ** (self.rng.normal(0.0, 0.7) / 20.0)))

    def _piece(self, piece: str) -> tuple[list[Samples], float]:
        if piece not in self._made:
            kind = "tom" if piece.startswith("tom") else piece
            layers = self._source(kind)
            if self.rng.random() < 0.25:
                layers = _layered(layers, self._source(kind), 10.0 ** (self.rng.uniform(-18.0, -2.0) / 20.0))
            if self.rng.random() < 0.6:
                layers = _coloured(self.rng, layers)
            peak = max(float(np.abs(layer).max()) for layer in layers) + 1e-9
            level = {"closed": -15, "pedal": -17, "open": -14, "ride": -14, "crash": -10, "tom": -6, "shaker": -16,
                     "tambourine": -14, "block": -12, "side_stick": -8}.get(kind, -3)  # fmt: skip
            self._made[piece] = (layers, 10.0 ** ((level + self.rng.normal(0.0, 5.0)) / 20.0) / peak)
        return self._made[piece]

    def _source(self, kind: str) -> list[Samples]:
        rendered = self._rendered(kind) if self.rng.random() >= self.synthesis else None
        return self._synthesised(kind) if rendered is None else rendered

    def _rendered(self, kind: str) -> list[Samples] | None:
        number = self.number if self.rng.random() < 0.8 else int(self.rng.integers(len(KITS)))
        choices = self.bank.strokes[number].get(kind)
        if not choices:
            return None
        layers = choices[int(self.rng.integers(len(choices)))]
        spread = {"kick": 0.25, "tom": 0.3, "snare": 0.25}.get(kind, 0.2)
        ratio = 2.0 ** self.rng.normal(0.0, spread) if self.rng.random() < 0.7 else 1.0
        decay_s = float(np.exp(self.rng.uniform(np.log(0.05), np.log(3.0)))) if self.rng.random() < 0.4 else None
        bent = []
        for k, layer in enumerate(layers):
            size = int(layer.size / ratio)
            sound = np.interp(np.arange(size) * ratio, np.arange(layer.size), layer) if ratio != 1.0 else layer
            if decay_s is not None:
                sound = sound * np.exp(-np.arange(sound.size) / (RATE_HZ * decay_s))
            level = (VELOCITIES[k] / VELOCITIES[-1]) ** 1.6
            bent.append(sound / (np.abs(sound).max() + 1e-9) * (0.5 + 0.5 * level))
        return bent

    def _synthesised(self, kind: str) -> list[Samples]:
        sound = SOUNDS[kind](self.rng, RATE_HZ)
        soft = self.rng.uniform(0.0, 0.6)
        dull = np.convolve(sound, np.array([0.25, 0.5, 0.25]))[: sound.size]
        return [soft * dull + (1.0 - soft) * sound, sound]


def _layered(one: list[Samples], other: list[Samples], gain: float) -> list[Samples]:
    """Two sounds at once, as producers stack them."""
    both = []
    for k, sound in enumerate(one):
        second = other[min(k, len(other) - 1)]
        total = np.zeros(max(sound.size, second.size))
        total[: sound.size] += sound
        total[: second.size] += gain * second
        both.append(total)
    return both


def _coloured(rng: Random, layers: list[Samples]) -> list[Samples]:
    """All layers of a piece through one random smooth filter."""
    from scipy.fft import irfft, next_fast_len, rfft

    curve_db = np.cumsum(rng.normal(0.0, 3.0, 8))
    out = []
    for layer in layers:
        size = next_fast_len(layer.size, real=True)
        octave = np.log2(np.maximum(np.arange(size // 2 + 1) * (RATE_HZ / size), 20.0) / 20.0)
        gain = 10.0 ** (np.interp(octave, np.linspace(0.0, 9.2, 8), curve_db) / 20.0)
        coloured = irfft(rfft(layer, size) * gain, size)[: layer.size]
        out.append(coloured * (np.abs(layer).max() / (np.abs(coloured).max() + 1e-9)))
    return out
