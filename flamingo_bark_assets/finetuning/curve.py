"""The picture of a loss curve.

Drawing belongs here; measuring does not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flamingo_bark_assets.files.atomic import write_bytes


class Point(Protocol):
    """The loss at one step."""

    @property
    def step(self) -> int:
        """Optimiser steps so far."""

    @property
    def training(self) -> float | None:
        """Training loss; None where it was not measured."""

    @property
    def held_out(self) -> float | None:
        """Held-out loss; None where it was not measured."""


def draw_curve(curve: Sequence[Point], path: Path, *, title: str) -> None:
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
