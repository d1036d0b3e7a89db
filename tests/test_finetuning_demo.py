"""A small Bark learns from the demo song's own export: both stages, with a song held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.finetuning.stages import Stage
from tests.demo_export import STEPS, export_demo, train_tiny


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_demo(tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize("stage", STEPS)
def test_the_loss_on_the_demo_song_falls_by_four_fifths_and_the_held_out_loss_is_told(
    stage: Stage, exported: Path, tmp_path: Path
) -> None:
    report = train_tiny(exported, stage, tmp_path)
    losses = [point.training for point in report.curve if point.training is not None]
    assert losses[-1] < 0.2 * losses[0]
    assert report.held_out_rows > 0 and report.best_held_out is not None
    assert (tmp_path / "run/loss.png").read_bytes().startswith(b"\x89PNG")
