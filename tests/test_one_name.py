"""The code location has one name, whichever command of Dagster's reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.names import LOCATION, SONGS
from flamingo_bark_assets.defs.serving import DEFINITIONS
from flamingo_bark_assets.library.layout import DataPaths
from tests.running import ROOT
from tests.songs import write_song

DG = Path(sys.executable).parent / "dg"

needs_dg = pytest.mark.skipif(not DG.exists(), reason="dagster-dg-cli is not installed")


def dg(*arguments: str, **environment: str) -> str:
    return subprocess.run(
        [str(DG), *arguments],
        check=True, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment},
    ).stdout  # fmt: skip


def test_the_project_file_names_the_code_location_as_the_platform_does() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["dagster"]["code_location_name"] == LOCATION
    assert tools["dagster"]["module_name"] == DEFINITIONS
    assert tools["dg"]["project"]["code_location_name"] == LOCATION
    assert tools["dg"]["project"]["code_location_target_module"] == DEFINITIONS


@needs_dg
@pytest.mark.dagster
def test_dg_checks_lists_and_launches(data: DataPaths, tmp_path: Path) -> None:
    write_song(data.songs, "one", duration_s=5.5)
    home = tmp_path / "home"
    with open_instance(home) as instance:
        instance.add_dynamic_partitions(SONGS, ["one"])
        dg("check", "defs")
        assert "bark_dataset" in dg("list", "defs", "--json")
        dg("launch", "--assets", "raw_song", "--partition", "one", DAGSTER_HOME=str(home))
        (run,) = instance.get_runs()
        assert run.is_success
