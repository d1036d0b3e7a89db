"""Train the network that says where the notes of a bass line begin and how long they are held.

    python -m tests.learning.bass_notes [every n-th line only]

It sees only the lines of `tests.learning.bass_lines`: random rhythms in no style, played by TimGM6mb, the OPL-3 bank
and our own synthesisers, mixed with drums of Black Pearl and chords of TimGM6mb, and separated again by an imperfect
mask. The styles and the sound fonts of the corpora that judge the result (FluidR3, MuseScore General, Red Zeppelin,
their synthesisers) are not among them. Only rendered sound of the fonts was used, and none is contained in the weights
(TimGM6mb: GPL-2; OPL-3 FM: CC BY-SA 4.0; AVL Black Pearl: CC BY-SA 3.0). 500 lines of about 20 s take some ten minutes
on one core.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis import bassline
from flamingo_bark_assets.analysis.bass import track_bass
from flamingo_bark_assets.analysis.bassline.evidence import WEIGHTS, describe_frames, gather_context
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from tests.learning.bass_lines import RATE_HZ, Note, degrade, random_line, render

SEED = 7001
LINES, HIGH_LINES = 400, 100
LOW_CENTRE, HIGH_CENTRE = (30.0, 46.0), (46.0, 57.0)
HIDDEN = (32, 16)
EPOCHS = 12
BATCH = 1024
# The target is 1 within 10 ms of an onset and falls to 0 at 30 ms.
ONSET_SCALE_S = 0.02

Examples = tuple[FloatArray, FloatArray]


def example(number: int) -> Examples | None:
    """Inputs and targets of every frame of one random line; None where it has hardly a note."""
    rng = np.random.default_rng([SEED, number])
    duration_s = float(rng.uniform(14, 26))
    notes = random_line(rng, duration_s, centre_midi=HIGH_CENTRE if number >= LINES else LOW_CENTRE)
    if len(notes) < 3:
        return None
    sound = degrade(rng, render(rng, notes, duration_s), notes)
    view = AudioView(Signal(np.asarray(sound / np.abs(sound).max() * 0.5, np.float32)[None], RATE_HZ))
    track = track_bass(view)
    frames = describe_frames(view.onset_power, track)
    return gather_context(frames, 0, frames.shape[0]), targets(notes, track.times_s)


def targets(notes: list[Note], times_s: NDArray[np.float64]) -> FloatArray:
    """Whether a note begins and whether one is held at each time, shape (n_times, 2)."""
    wanted = np.zeros((times_s.size, 2), np.float32)
    for note in notes:
        near = np.clip(1.5 - np.abs(times_s - note.onset_s) / ONSET_SCALE_S, 0.0, 1.0)
        wanted[:, 0] = np.maximum(wanted[:, 0], near)
        wanted[(times_s >= note.onset_s) & (times_s < note.offset_s), 1] = 1.0
    return wanted


def fit(inputs: FloatArray, wanted: FloatArray) -> list[Examples]:
    """Weights and bias of each layer, for inputs that are not normalised."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    sizes = (inputs.shape[1], *HIDDEN, wanted.shape[1])
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    given, sought = torch.from_numpy((inputs - mean) / spread), torch.from_numpy(wanted)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    batches = inputs.shape[0] // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=EPOCHS * batches)
    for epoch in range(EPOCHS):
        order, total = torch.randperm(inputs.shape[0]), 0.0
        for batch in range(batches):
            chosen = order[batch * BATCH : (batch + 1) * BATCH]
            loss = nn.functional.binary_cross_entropy_with_logits(network(given[chosen]), sought[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch}: loss {total / batches:.4f}", flush=True)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    learned = [(layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in linear]
    weights, bias = learned[0]
    learned[0] = (weights / spread[:, None], bias - (mean / spread) @ weights)
    return learned


def main() -> None:
    """Make the lines, fit the network and store its weights beside the code that reads them."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    examples = [made for number in range(0, LINES + HIGH_LINES, every) if (made := example(number)) is not None]
    learned = fit(*(np.concatenate(parts) for parts in zip(*examples, strict=True)))
    stored = {f"weights{i}": weights.astype(np.float16) for i, (weights, _) in enumerate(learned)}
    stored |= {f"bias{i}": bias.astype(np.float32) for i, (_, bias) in enumerate(learned)}
    path = Path(next(iter(bassline.__path__)), WEIGHTS)
    np.savez(
        path,
        **stored,  # type: ignore[arg-type]
        trained_on=np.array(f"{len(examples)} random lines of tests.learning.bass_lines, seed {SEED}"),
        sources=np.array("TimGM6mb, OPL-3 bank, Black Pearl 4 (drums), own synthesisers"),
        held_out=np.array("all musical styles; FluidR3, MuseScore General, Red Zeppelin and other synthesisers"),
        licence=np.array("Apache-2.0; see the script for the sources"),
    )
    print(f"wrote {path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
