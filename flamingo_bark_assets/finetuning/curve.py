"""The loss over a training: its points and their picture.

Holding and drawing them belongs here; measuring does not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.files.atomic import write_bytes


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The loss at one step; nats a token.

    Attributes:
        step: optimiser steps so far.
        training: mean over the steps since the last point; None where there was none.
        held_out: over all held-out rows; None where it was not measured.
    """

    step: int
    training: float | None
    held_out: float | None


def draw_curve(curve: Sequence[LossPoint], path: Path, *, title: str) -> None:
    """Write a PNG of training and held-out loss over the steps.

    Raises:
        WriteError: the disk refuses.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, points in (
        ("training", [(p.step, p.training) for p in curve if p.training is not None]),
        ("held out", [(p.step, p.held_out) for p in curve if p.held_out is not None]),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=name)
    axes.set(title=title, xlabel="step", ylabel="loss (nats a token)", ylim=(0, None))
    if axes.lines:
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
