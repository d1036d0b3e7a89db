"""The summary of a run names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.commands.run_summary import print_summary
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.files import dataset_files


def test_files_that_do_not_exist_are_not_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = DataPaths(tmp_path / "data")
    there = dataset_files(paths, "whole").dataset
    there.parent.mkdir(parents=True)
    there.touch()
    print_summary(paths, ["crashed", "whole"], [])
    shown = capsys.readouterr().out
    assert there.name in shown
    named = [line.strip() for line in shown.splitlines() if line.strip().startswith("data/")]
    assert named == [f"data/{there.relative_to(paths.root)}"]


def test_of_a_song_that_cannot_be_used_no_captioner_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = DataPaths(tmp_path)
    store = FeatureStore(paths.features)
    store.write(Captions(song_id="bad", unusable="no sound", captioner="measured", is_fallback=True))
    store.write(Captions(song_id="one", captioner="audio-flamingo-2", is_fallback=False, model_id="m"))
    print_summary(paths, ["bad", "one"], [])
    named = [line for line in capsys.readouterr().out.splitlines() if line.startswith("captioner:")]
    assert named == ["captioner: audio-flamingo-2 (m)"]
