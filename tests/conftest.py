"""Fixtures that several tests share: a data folder of its own and a real Dagster instance of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.library.layout import DataPaths


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    """A data folder that the platform uses."""
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    return DataPaths(tmp_path / "data")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in a home of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance(tmp_path / "home") as opened:
        yield opened
