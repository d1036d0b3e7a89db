"""Train what tells a voice from everything else, and its frames from bleed and reverberation.

    python -m tests.learning.voices --speech FOLDER [--clips 84]

Needs pyworld (MIT), fluidsynth and a folder of speech, `SPEAKER_NUMBER.wav`, as the packages festival, flite and
espeak-ng of Debian say it. Real timbre with known pitch comes of taking speech apart with WORLD (Morise et al., 2016)
and putting it together anew: sung to random melodies with and without vibrato, shouted with slides and rough cycles,
or said, each through a random equaliser, often doubled or in a room, with bleed of drums, bass, chords and leads.

The shipped weights came from the first version of this program, which also had leads with glides and vibrato, voices
of `tests.voice_synthesis` with random vowels, and the loops of sonic-pi-samples (CC0) as what is no voice. They are of
the speakers kal, lp, suo_lj, czech_dita, czech_machac, cmu_us_slt (festival), rms (flite) and m1, m7, f2, klatt2,
croak, Andrea, grandma, Gene (espeak-ng). Instruments are those of TimGM6mb (GPL-2) and OPL-3 FM (CC BY-SA 4.0); no
sound is in the weights. Held out were ked, pc, mv, czech_krb, czech_ph, upc_ca_ona, msu_ru_nsh, awb and six voices of
espeak-ng, and FluidR3, which played their bleed.
"""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import TONAL_RATE_HZ, AudioView
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack, track_view
from flamingo_bark_assets.analysis.vocals import frames, presence
from flamingo_bark_assets.analysis.vocals.frames import bands_of, evidence
from flamingo_bark_assets.analysis.vocals.measure import FMAX_HZ, FMIN_HZ, MANNER
from flamingo_bark_assets.audio.signal import Signal
from tests.learning.midi import Note, sounded, write_midi
from tests.learning.synthesis import RATE_HZ, coloured

Rng = np.random.Generator
Values = NDArray[np.float64]

HOP_S = 0.005
SOUND_FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/sounds/sf2/OPL-3_FM_128M.sf2")
LEADS = (
    40,
    41,
    42,
    56,
    57,
    60,
    64,
    65,
    66,
    68,
    71,
    73,
    74,
    75,
    22,
    21,
    26,
    27,
    29,
    30,
    80,
    81,
    82,
    84,
    87,
    11,
    0,
    4,
    16,
)
CHORDS = (0, 1, 4, 24, 25, 27, 30, 16, 18, 48, 50, 88, 89, 11, 46, 61)
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))
SEGMENT = 600


@dataclass(frozen=True, slots=True)
class Take:
    """One voice and what is true of it.

    Attributes:
        samples: at `RATE_HZ`.
        f0_hz: every 10 ms, 0 where there is no pitch.
        active: every 10 ms, consonants included.
    """

    samples: Values
    f0_hz: Values
    active: NDArray[np.bool_]


def take_apart(path: Path) -> tuple[Values, Values, Values]:
    """Pitch, envelope and aperiodicity of a file of speech, every 5 ms, without the silence about it."""
    import soundfile
    import soxr

    world = importlib.import_module("pyworld")
    samples, rate_hz = soundfile.read(path, always_2d=True)
    x = np.asarray(soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ), np.float64)
    x *= 0.5 / (np.abs(x).max() + 1e-9)
    f0_hz, times_s = world.dio(x, RATE_HZ, f0_floor=60.0, f0_ceil=500.0)
    f0_hz = world.stonemask(x, f0_hz, times_s, RATE_HZ)
    envelope, noise = world.cheaptrick(x, f0_hz, times_s, RATE_HZ), world.d4c(x, f0_hz, times_s, RATE_HZ)
    level_db = 10.0 * np.log10(envelope.sum(axis=1) + 1e-12)
    loud = np.flatnonzero(level_db > level_db.max() - 45.0)
    inside = slice(int(loud[0]), int(loud[-1]) + 1)
    return f0_hz[inside], envelope[inside], noise[inside]


def sing(speech: list[tuple[Values, Values, Values]], rng: Rng, style: str, length_s: float = 10.0) -> Take:
    """One singer (`sung`, `shout`) or speaker (`spoken`): utterances with new pitch and time, and rests between."""
    world = importlib.import_module("pyworld")
    vibrato = style == "sung" and rng.random() < 0.5
    swing = rng.uniform(4.6, 6.8), rng.uniform(25.0, 90.0) * vibrato
    own_hz = float(np.median(np.concatenate([f0[f0 > 0.0] for f0, _, _ in speech])))
    low, high = (190.0, 480.0) if own_hz > 155.0 else (115.0, 330.0)
    shift = rng.uniform(-2.0, 3.0) if style == "spoken" else 12.0 * np.log2(rng.uniform(low, high) / own_hz)
    base = 69.0 + 12.0 * np.log2(own_hz / 440.0) + shift + 2.0 * (style == "shout")
    parts: list[tuple[Values, Values, Values, Values, NDArray[np.bool_]]] = []
    total = 0
    while total * HOP_S < length_s:
        f0_hz, envelope, noise = speech[rng.integers(len(speech))]
        chosen, pitch, voiced = _placed(f0_hz, envelope, rng, style, base, shift, swing)
        rest = round((rng.uniform(0.35, 2.6) if rng.random() < 0.7 else rng.uniform(0.1, 0.3)) / HOP_S)
        for rows, note, on, sounds in (
            (chosen, pitch, voiced, True),
            (np.full(rest, chosen[-1]), np.full(rest, np.nan), np.zeros(rest, np.bool_), False),
        ):
            gain = 1.0 if sounds else 1e-12
            told = np.full(rows.size, sounds)
            parts.append((np.where(on, 1.0, 0.0), note, envelope[rows] * gain + 1e-16, noise[rows], told))
            total += rows.size
    on, note, envelope, noise, active = (np.concatenate(column) for column in zip(*parts, strict=True))
    known = np.flatnonzero(~np.isnan(note))
    full = note[known[np.clip(np.searchsorted(known, np.arange(note.size)), 0, known.size - 1)]]
    if style != "spoken":
        full = _overshooting(full, rng.uniform(4.0, 9.0), rng.uniform(0.5, 1.0))
        full += _wander(rng, full.size, 0.8, rng.uniform(0.05, 0.25))
        full += _wander(rng, full.size, rng.uniform(4.0, 12.0), rng.uniform(0.02, 0.35 if style == "shout" else 0.12))
    f0_hz = np.where(on > 0.0, np.clip(440.0 * 2.0 ** ((full - 69.0) / 12.0), 66.0, 980.0), 0.0)
    throat = np.clip(np.arange(envelope.shape[1]) / rng.uniform(0.88, 1.14), 0, envelope.shape[1] - 1).astype(int)
    samples = world.synthesize(
        f0_hz, np.ascontiguousarray(envelope[:, throat]), np.ascontiguousarray(noise[:, throat]), RATE_HZ, 1e3 * HOP_S
    )
    if style == "shout":
        steps = np.interp(np.arange(samples.size) / RATE_HZ, np.arange(f0_hz.size) * HOP_S, f0_hz)
        samples *= 1.0 + rng.uniform(0.0, 0.35) * np.cos(np.pi * np.cumsum(steps) / RATE_HZ)
        drive = rng.uniform(0.5, 2.5)
        samples = np.tanh(drive * samples / samples.std()) / drive
    return Take(samples, f0_hz[::2], active[::2])


def _placed(
    f0_hz: Values, envelope: Values, rng: Rng, style: str, base: float, shift: float, swing: tuple[float, float]
) -> tuple[NDArray[np.intp], Values, NDArray[np.bool_]]:
    """Frames of an utterance in their new order, the note of each (NaN where unvoiced), and which have a pitch."""
    level_db = 10.0 * np.log10(envelope.sum(axis=1) + 1e-12)
    scale, tonic = SCALES[rng.integers(2)], float(rng.integers(12))
    degree, rows, notes = int(rng.integers(-3, 4)), [], []
    edges = [0, *(np.flatnonzero(np.diff(f0_hz > 0.0)) + 1).tolist(), f0_hz.size]
    for start, stop in pairwise(edges):
        if f0_hz[start] <= 0.0 or stop - start < 8:
            rows.append(np.linspace(start, stop - 1, min(stop - start, 40)).round().astype(np.intp))
            notes.append(np.full(rows[-1].size, np.nan))
        elif style == "spoken":
            rows.append(np.arange(start, stop))
            notes.append(69.0 + 12.0 * np.log2(f0_hz[start:stop] / 440.0) + shift)
        else:
            count = max(1, round((stop - start) * HOP_S / 0.2))
            for first, last in pairwise(np.linspace(start, stop, count + 1).astype(int).tolist()):
                typical_s = 0.3 if style == "sung" else 0.24
                frames_wanted = max(4, round(float(np.clip(rng.lognormal(np.log(typical_s), 0.6), 0.1, 1.6)) / HOP_S))
                edge = min((last - first) // 3, 8)  # consonants keep their time, the middle is stretched
                middle = np.linspace(first + edge, last - 1 - edge, max(frames_wanted - 2 * edge, 1))
                rows.append(
                    np.concatenate([np.arange(first, first + edge), middle, np.arange(last - edge, last)])
                    .round().astype(np.intp).clip(start, stop - 1)
                )  # fmt: skip
                degree = int(np.clip(degree + rng.choice((-3, -2, -1, -1, 0, 0, 1, 1, 2, 3)), -5, 6))
                root = 12.0 * round((base - tonic) / 12.0) + tonic
                note = np.full(rows[-1].size, root + 12.0 * (degree // 7) + scale[degree % 7])
                time_s = np.arange(note.size) * HOP_S
                if style == "shout":
                    u = np.linspace(0.0, 1.0, note.size)
                    slides = (-rng.uniform(1, 5) * u**1.5, rng.uniform(-4, 4) * (1 - u), 0.0 * u)
                    note += slides[rng.integers(3)]
                elif time_s[-1] > 0.35 and rng.random() < 0.85:
                    grown = np.clip((time_s - 0.12) / 0.15, 0.0, 1.0)
                    note += grown * swing[1] / 100.0 * np.sin(2.0 * np.pi * swing[0] * time_s)
                notes.append(note)
    chosen, note = np.concatenate(rows), np.concatenate(notes)
    return chosen, note, ~np.isnan(note) & (level_db[chosen] > level_db.max() - 32.0)


def _overshooting(target: Values, hz: float, damping: float) -> Values:
    """The pitch that follows notes as a voice does, a little beyond them and back (Saitou et al., 2005)."""
    found, speed, at, w = np.empty_like(target), 0.0, float(target[0]), 2.0 * np.pi * hz
    for index, aim in enumerate(target.tolist()):
        speed += (w * w * (aim - at) - 2.0 * damping * w * speed) * HOP_S
        at += speed * HOP_S
        found[index] = at
    return found


def _wander(rng: Rng, size: int, hz: float, semitones: float) -> Values:
    from scipy.ndimage import gaussian_filter1d

    slow = gaussian_filter1d(rng.normal(0.0, 1.0, size), 1.0 / (2.0 * np.pi * hz * HOP_S))
    return np.asarray(semitones * slow / slow.std())


def play(rng: Rng, font: str, part: str, length_s: float) -> Values:
    """One instrument: a lead, chords, a bass or drums."""
    program = int(rng.choice(CHORDS if part == "chords" else LEADS)) if part != "bass" else int(rng.integers(32, 40))
    notes: list[Note] = []
    at, key, step = rng.uniform(0.1, 0.6), int(rng.integers(40, 56)), float(rng.choice((0.15, 0.25, 0.4, 0.8)))
    while at < length_s:
        if part == "drums":
            hits = [number for number, odds in ((36, 0.35), (38, 0.25), (42, 0.7), (49, 0.03)) if rng.random() < odds]
            notes += [Note(at, at + 0.1, number, int(rng.integers(60, 115))) for number in hits]
            at += step / 2.0
            continue
        length = step * 2.0 if part == "chords" else float(np.clip(rng.lognormal(np.log(0.35), 0.7), 0.1, 2.0))
        root = key + int(rng.choice((0, 2, 4, 5, 7, 9))) + {"lead": 18, "bass": -14, "chords": 0}[part]
        stack = (root, root + 4, root + 7, root + 12) if part == "chords" else (root,)
        notes += [Note(at, at + 0.9 * length, number, int(rng.integers(60, 115))) for number in stack]
        at += length
    with TemporaryDirectory() as folder:
        midi = Path(folder, "part.mid")
        write_midi(midi, notes, program=program, cents=0.0, channel=9 if part == "drums" else 0)
        samples = sounded(midi, font, RATE_HZ, gain=0.5)
    samples = np.resize(samples, round(length_s * RATE_HZ))
    return np.asarray(samples / (samples.std() + 1e-9))


def read(samples: Values) -> tuple[PitchTrack, NDArray[np.float32]]:
    """The pitch and the bands that the product sees."""
    view = AudioView(Signal(np.asarray(0.3 * samples[None] / np.abs(samples).max(), np.float32), RATE_HZ))
    track = track_view(view, TONAL_RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ, manner=MANNER)
    return track, bands_of(view, track)


def segments(track: PitchTrack, bands_db: NDArray[np.float32]) -> list[Values]:
    """The evidence of each six seconds."""
    starts = range(0, max(track.level_db.size - SEGMENT // 2, 1), SEGMENT)
    found = (presence.segment_evidence(track, bands_db, slice(start, start + SEGMENT)) for start in starts)
    return [one[0] for one in found if one is not None]


def train_frames(x: NDArray[np.float32], y: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The network of `vocals.frames`; silence weighs more, as songs rest more than the training voices."""
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    given, wanted = torch.tensor(x), torch.tensor(y)
    weight = torch.where(wanted[:, :1] > 0.5, 1.0, 1.5)
    mean, spread = given.mean(0), given.std(0) + 1e-3
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    steps = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-3)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    for _ in range(50):
        for batch in torch.randperm(len(given)).split(2048):
            steps.zero_grad()
            loss(net((given[batch] - mean) / spread), wanted[batch], weight=weight[batch]).backward()
            steps.step()
    hidden, hidden_bias, output, output_bias = (p.detach().numpy() for p in net.parameters())
    scaled = hidden / spread.numpy()
    return {
        "hidden": scaled.T, "hidden_bias": hidden_bias - scaled @ mean.numpy(), "output": output.T,
        "output_bias": output_bias,
    }  # fmt: skip


def train_presence(voices: Values, others: Values, rng: Rng) -> tuple[Values, float]:
    """Weights and bias of `vocals.presence`: logistic regression with both classes weighing the same.

    Half of the voices come a second time with the pitch of what is no voice, as machines correct it.
    """
    from scipy.optimize import minimize

    corrected = voices[rng.choice(len(voices), len(voices) // 2, replace=False)]
    corrected[:, 4:7] = others[rng.choice(len(others), len(corrected))][:, 4:7]
    x = np.concatenate([voices, corrected, others])
    sign = np.where(np.arange(len(x)) < len(x) - len(others), 1.0, -1.0)
    weight = np.where(sign > 0.0, 0.5 / np.mean(sign > 0.0), 0.5 / np.mean(sign < 0.0))
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - mean) / spread

    def loss(p: Values) -> float:
        fit = np.logaddexp(0.0, -sign * (z @ p[:-1] + p[-1]))
        return float((weight * fit).mean() + 0.02 * np.square(p[:-1]).sum())

    p = minimize(loss, np.zeros(x.shape[1] + 1)).x
    return p[:-1] / spread, float(p[-1] - (p[:-1] / spread) @ mean)


def main() -> None:
    """Make the voices and what is none, train, and print or store the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=84)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(frames.__file__).with_name("voice_frames.npz"))
    options = parser.parse_args()
    speakers: dict[str, list[tuple[Values, Values, Values]]] = {}
    for path in sorted(options.speech.glob("*_*.wav")):
        speakers.setdefault(path.stem.rpartition("_")[0], []).append(take_apart(path))
    given, wanted, voices, others = [], [], [], []
    for number in range(options.clips):
        rng = np.random.default_rng([options.seed, number])
        style = ("sung", "sung", "sung", "shout", "spoken")[number % 5]
        take = sing(list(speakers.values())[number % len(speakers)], rng, style)
        length_s = take.samples.size / RATE_HZ
        parts = [play(rng, SOUND_FONTS[number % 2], part, length_s) for part in ("drums", "bass", "chords", "lead")]
        bleed = np.sum([part for part in parts if rng.random() < 0.6] or parts[:1], axis=0)
        voice = coloured(rng, np.asarray(take.samples, np.float32))[: take.samples.size] / 0.1
        level = 10.0 ** (rng.choice((-60, -40, -25, -20, -16, -12, -10, -6)) / 20.0)
        track, bands_db = read(voice + level * bleed[: voice.size] / (bleed.std() + 1e-9))
        count = min(track.f0_hz.size, take.f0_hz.size)
        true_hz, guess_hz = take.f0_hz[:count], np.maximum(track.guess_hz[:count], 1.0)
        right = (true_hz > 0.0) & (np.abs(np.log2(guess_hz / np.maximum(true_hz, 1.0))) < 1.0 / 24.0)
        given.append(evidence(track, bands_db)[:count:3])
        wanted.append(np.stack([take.active[:count], true_hz > 0.0, right], axis=1)[::3].astype(np.float32))
        voices += segments(track, bands_db)
        for part in (*parts, np.sum(parts, axis=0), rng.normal(0.0, 1.0, parts[0].size)):
            others += segments(*read(np.asarray(coloured(rng, part.astype(np.float32)), np.float64)))
    trained = train_frames(np.concatenate(given), np.concatenate(wanted))
    stored: dict[str, Any] = {name: value.astype(np.float32) for name, value in trained.items()}
    np.savez(options.out, **stored)
    weights, bias = train_presence(np.array(voices), np.array(others), np.random.default_rng(options.seed))
    print(dict(zip(presence.EVIDENCE, weights.round(3).tolist(), strict=True)), round(bias, 3))


if __name__ == "__main__":
    main()
