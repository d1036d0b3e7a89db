"""A data folder that machines share: a run on one that has another folder, or cannot work in it, fails and says so."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.errors import SharedFolderError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.provenance.shared_folder import check_shared_folder, folder_marker
from tests.elsewhere import SETTINGS
from tests.platform_state import tick
from tests.songs import write_unreadable_song


def test_the_folder_itself_passes_wherever_it_is_mounted_and_keeps_its_marker(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "here")
    marker = folder_marker(DataPaths(tmp_path / "here"))
    check_shared_folder(DataPaths(tmp_path / "there"), marker)
    assert folder_marker(DataPaths(tmp_path / "there")) == marker
    assert [path.name for path in (tmp_path / "here" / "state").iterdir()] == ["folder_id"]  # nothing is left behind


def test_another_folder_and_an_empty_one_are_told_from_the_right_one(tmp_path: Path) -> None:
    marker = folder_marker(DataPaths(tmp_path / "right"))
    folder_marker(DataPaths(tmp_path / "other"))
    with pytest.raises(SharedFolderError, match="is another one"):
        check_shared_folder(DataPaths(tmp_path / "other"), marker)
    with pytest.raises(SharedFolderError, match="has no marker: mount the folder there that the code server works in"):
        check_shared_folder(DataPaths(tmp_path / "empty"), marker)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    marker = folder_marker(DataPaths(tmp_path))
    try:
        subprocess.run(["mount", "--bind", tmp_path, tmp_path], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", tmp_path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system lets us mount nothing: {error}")
    try:
        with pytest.raises(SharedFolderError, match=r"cannot be worked in: .*Read-only"):
            check_shared_folder(DataPaths(tmp_path), marker)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_a_clock_that_is_far_from_the_folders_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + ahead_s)
    with pytest.raises(SharedFolderError, match=r"clocks 3\d\d\d s apart: let NTP set both"):
        check_shared_folder(DataPaths(tmp_path), None)


@pytest.mark.dagster
def test_a_run_on_a_node_with_another_folder_makes_nothing_and_says_why(
    data: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(SETTINGS)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    write_unreadable_song(data.songs, "a")
    shutil.copytree(data.root, tmp_path / "other")
    with open_instance(home) as instance:
        tick(instance)  # as the code server does
        assert _runs(instance)
        monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "other"))
        assert not _runs(instance)
        (failed,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        (entry,) = instance.all_logs(failed.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert entry.dagster_event is not None
        assert entry.dagster_event.job_failure_data.error is not None
        told = entry.dagster_event.job_failure_data.error.to_string()
        assert "has no marker: mount the folder there that the code server works in" in told
    assert not (tmp_path / "other" / "features").exists()


def _runs(instance: dg.DagsterInstance) -> bool:
    return all(report.success for report in run_songs(instance, ["a"], lambda *_: None))
