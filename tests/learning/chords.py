"""Train the chord model: `python -m tests.learning.chords --songs FOLDER --count 600`.

The data, the network and its training belong here; evaluation of the stored weights is in
`flamingo_bark_assets.analysis.tonality.chord_model`. It hears only songs of `tests.learning.songs`: random chord
sequences, figures, melodies and drums, rendered with our own synthesis and with the sound fonts TimGM6mb (GPL-2),
sf_GMbank (public domain), OPL-3_FM_128M (CC BY-SA 4.0) and, for drums, AVL Black Pearl (CC BY-SA 3.0); none of
their sound is contained in the weights. Neither the styles nor the fonts by which the measurements are judged are
among them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import NOTE_BINS, NOTE_RATE_HZ, AudioView
from flamingo_bark_assets.analysis.tonality import chord_model
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, QUALITIES, SLOTS, SURROUNDINGS
from flamingo_bark_assets.analysis.tonality.salience import NOTES, salience_of_spectra
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from tests.learning.songs import make_song
from tests.learning.synthesis import RATE_HZ

FIRST_SEED = 1000
STEMS = ("harmonic", "bass", "vocals", "drums")
HIDDEN = (24, 16)
_CROP = 96
_BATCH = 24
_RELATIVE_NOTES = NOTES + 11


def stored_song(folder: Path, seed: int) -> Path:
    """Note spectra, chords, beats and key of a training song, made unless they are there."""
    path = folder / f"{seed}.npz"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    song = make_song(seed)
    rng = np.random.default_rng(seed + 10**6)
    gains = {name: 1.0 if name == "harmonic" else rng.uniform(0.3, 1.5) for name in STEMS}
    mix = np.sum([gains[name] * samples for name, samples in song.stems.items()], axis=0)
    if rng.random() < 0.4:
        ceiling = float(np.abs(mix).max() * rng.uniform(0.2, 0.6))
        mix = np.clip(mix, -ceiling, ceiling)
    mix = mix + rng.normal(0, 1, mix.size) * float(np.sqrt(np.mean(mix**2))) * 10 ** (rng.uniform(-60, -15) / 20)
    spectra = {
        name: AudioView(Signal(np.asarray(samples[None], np.float32), RATE_HZ)).note_spectrum.astype(np.float16)
        for name, samples in {**song.stems, "mix": mix}.items()
    }
    np.savez(
        path,
        chords=np.array([c[:3] for c in song.chords]),
        labels=np.array([c[3] for c in song.chords]),
        beats=song.beats_s,
        tonic=song.tonic,
        scale=song.scale,
        minor=song.minor,
        cents=song.cents,
        allow_pickle=False,
        **spectra,
    )
    return path


def frame_classes(chords: NDArray[np.float64], labels: NDArray[np.str_], frames: int) -> NDArray[np.int64]:
    """The column of the chord probabilities that is right in each frame."""
    classes = np.full(frames, CHORDS - 1)
    times = np.arange(frames) / NOTE_RATE_HZ
    for (start, end, root), label in zip(chords, labels, strict=True):
        if label != chord_model.NO_CHORD:
            classes[(times >= start) & (times < end)] = int(root) * len(QUALITIES) + QUALITIES.index(str(label))
    return classes


def mixtures(song: dict[str, Any], rng: np.random.Generator) -> list[tuple[NDArray[np.float16], int | None]]:
    """Levelled salience of a song as mix, as stems, as harmonic stem alone and as drums alone.

    Balance, register and tuning error are random.

    Returns:
        Each with the number of semitones by which it was moved; None where no chord is to be heard.
    """
    parts = {name: song[name].astype(np.float32) for name in (*STEMS, "mix")}
    plans: list[dict[str, float]] = [{"mix": 1.0}]
    for _ in range(3):
        plans.append({name: 1.0 if name == "harmonic" else 10 ** rng.uniform(-0.6, 0.25) for name in STEMS})
    plans.append({"harmonic": 1.0, "bass": rng.uniform(0.3, 1.5)})
    leak = {"vocals": 10 ** rng.uniform(-1.5, -0.5), "drums": 10 ** rng.uniform(-1.5, -0.5)}
    plans.append({"harmonic": 1.0, "bass": rng.uniform(0.3, 1.5), **leak})
    plans.append({"harmonic": 1.0})
    if parts["drums"].any():
        plans.append({"drums": 1.0})
    made: list[tuple[NDArray[np.float16], int | None]] = []
    for plan in plans:
        power = np.sum([(gain * parts[name]) ** 2 for name, gain in plan.items()], axis=0)
        spectrum = np.asarray(np.sqrt(power), np.float32)
        shift = int(rng.integers(-5, 6))
        spectrum = np.pad(spectrum, ((0, 0), (18, 18)))[:, 18 - 3 * shift : 18 - 3 * shift + NOTE_BINS]
        hiss = np.abs(rng.normal(0, 1, spectrum.shape)) * spectrum.max() * 10 ** rng.uniform(-5.0, -2.2)
        spectrum = np.asarray(np.sqrt(spectrum**2 + hiss**2), np.float32)
        cents = float(song["cents"]) + rng.normal(0, 3.0)
        notes = chord_model.levelled(salience_of_spectra([spectrum], cents=cents)).astype(np.float16)
        made.append((notes, shift if "drums" not in plan or len(plan) > 1 else None))
    return made


def load_examples(folder: Path, seeds: list[int]) -> list[tuple[NDArray[np.float16], NDArray[np.int64]]]:
    """Levelled notes and classes of every mixture of the songs."""
    examples = []
    for seed in seeds:
        with np.load(stored_song(folder, seed)) as song:
            content = dict(song)
        for notes, shift in mixtures(content, np.random.default_rng(seed)):
            classes = frame_classes(content["chords"], content["labels"], notes.shape[0])
            sounding = (classes < CHORDS - 1) & (shift is not None)
            moved = (classes + (shift or 0) * len(QUALITIES)) % (CHORDS - 1)
            examples.append((notes, np.where(sounding, moved, CHORDS - 1)))
    return examples


def train(examples: list[Any], *, steps: int, seed: int = 0) -> dict[str, FloatArray]:
    """Fit the compact weights by cross-entropy with AdamW and a cosine schedule."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    slots = len(SLOTS) + len(SURROUNDINGS)
    a, b = HIDDEN
    shapes = {
        "notes": (a, slots, _RELATIVE_NOTES),
        "roots": (b, a, 12),
        "chords": (len(QUALITIES), b, 12),
        "none": (b,),
        "notes_bias": (a,),
        "roots_bias": (b,),
        "chords_bias": (len(QUALITIES),),
        "none_bias": (1,),
    }
    fan_in = {"notes": slots * NOTES, "roots": 12 * a, "chords": 12 * b, "none": b}
    weights = {n: (torch.randn(s) * (1.4 / fan_in.get(n, 1e9) ** 0.5)).requires_grad_() for n, s in shapes.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=3e-3, weight_decay=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    relative_note = torch.tensor(np.arange(NOTES)[:, None] - np.arange(12) + 11)
    relative_root = torch.tensor((np.arange(12)[:, None] - np.arange(12)) % 12)

    def logits(x: Any) -> Any:
        first = weights["notes"][:, :, relative_note].permute(1, 2, 3, 0).reshape(slots * NOTES, 12 * a)
        second = weights["roots"][:, :, relative_root].permute(2, 1, 3, 0).reshape(12 * a, 12 * b)
        third = weights["chords"][:, :, relative_root].permute(2, 1, 3, 0).reshape(12 * b, CHORDS - 1)
        x = torch.relu(x @ first + weights["notes_bias"].repeat(12))
        x = torch.nn.functional.dropout(x, 0.1)
        x = torch.relu(x @ second + weights["roots_bias"].repeat(12))
        none = x.reshape(-1, 12, b).mean(1) @ weights["none"][:, None] + weights["none_bias"]
        return torch.cat([x @ third + weights["chords_bias"].repeat(12), none], 1)

    for step in range(steps):
        x, y = _batch(examples, rng)
        loss = torch.nn.functional.cross_entropy(logits(torch.from_numpy(x)), torch.from_numpy(y), label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return {name: np.asarray(weight.detach().numpy(), np.float32) for name, weight in weights.items()}


def _batch(examples: list[Any], rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
    xs, ys = [], []
    for index in rng.integers(len(examples), size=_BATCH):
        notes, classes = examples[index]
        start = int(rng.integers(max(1, classes.size - _CROP)))
        frames = np.arange(start, min(start + _CROP, classes.size), 2)
        xs.append(chord_model.context(chord_model.running_sum(notes), frames))
        ys.append(classes[frames])
    return np.concatenate(xs), np.concatenate(ys)


def main() -> None:
    """Make or read the songs, train, and store the weights with their provenance."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--count", type=int, default=552)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path(chord_model.__file__).with_name("chord_model.npz"))
    chosen = parser.parse_args()
    seeds = list(range(FIRST_SEED, FIRST_SEED + chosen.count))
    weights = train(load_examples(chosen.songs, seeds), steps=chosen.steps)
    store(chosen.out, weights, f"seeds {seeds[0]} to {seeds[-1]} of tests.learning.songs, {chosen.steps} steps")


def store(path: Path, weights: dict[str, FloatArray], heard: str) -> None:
    """Write the weights as float16 and say where they come from."""
    halved: dict[str, Any] = {name: weight.astype(np.float16) for name, weight in weights.items()}
    np.savez_compressed(
        path,
        heard=np.array(heard),
        sounds=np.array("own synthesis; TimGM6mb, sf_GMbank, OPL-3_FM_128M, Black_Pearl_4_LV2 (drums), by fluidsynth"),
        licence=np.array("Apache-2.0; trained on nothing but songs generated by tests.learning.songs"),
        **halved,
    )


if __name__ == "__main__":
    main()
