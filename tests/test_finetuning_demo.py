"""A small Bark learns from the demo song's own export: both stages, with a song held out.

How far the loss falls in the end is what `benchmarks.finetuning` tells.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from flamingo_bark_assets.finetuning.stages import Stage
from tests.demo_export import export_demo, train_tiny

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_demo(tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize(("stage", "steps"), [("semantic", 120), ("coarse", 30)])
def test_the_loss_on_the_demo_song_falls_by_half_and_the_held_out_loss_is_told(
    stage: Stage, steps: int, exported: Path, tmp_path: Path
) -> None:
    report = train_tiny(exported, stage, tmp_path, steps=steps)
    losses = [point.training for point in report.curve if point.training is not None]
    assert median(losses[-5:]) < 0.5 * losses[0]
    assert report.held_out_rows > 0 and report.best_held_out is not None
    assert (tmp_path / "run/loss.png").read_bytes().startswith(b"\x89PNG")
