"""A run keeps its connections to the event log open, and hands the log back as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from flamingo_bark_assets.defs.event_log import connections_kept
from flamingo_bark_assets.defs.home import open_instance


@pytest.fixture
def opened(new_home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose connections no other fixture keeps."""
    shutil.copytree(new_home, tmp_path / "home")
    with open_instance(tmp_path / "home") as instance:
        yield instance


def report(instance: dg.DagsterInstance, number: int) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("thing", metadata={"number": number}))


def connections_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every connection to a database from now on."""
    made: list[str] = []
    connect = sqlite3.dbapi2.connect

    def noted(path: str, *args: object, **kwargs: object) -> sqlite3.Connection:
        made.append(path)
        return connect(path, *args, **kwargs)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3.dbapi2, "connect", noted)
    return made


@pytest.mark.dagster
def test_each_database_is_connected_to_once_however_many_events_are_written(
    opened: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connections_kept(opened):
        report(opened, 0)
        made = connections_made(monkeypatch)
        for number in range(1, 5):
            report(opened, number)
    assert [path for path in made if "index" in path or "runless" in path.lower()] == []


@pytest.mark.dagster
def test_what_is_written_is_there_for_other_processes_at_once_and_afterwards(
    opened: dg.DagsterInstance, tmp_path: Path
) -> None:
    def count() -> int:
        with closing(sqlite3.connect(tmp_path / "home/history/runs/index.db")) as other:
            (found,) = other.execute("SELECT count(*) FROM event_logs WHERE asset_key = '[\"thing\"]'").fetchone()
            return int(found)

    with connections_kept(opened):
        report(opened, 1)
        assert count() == 1
        with connections_kept(opened):  # within another it changes nothing
            report(opened, 2)
        report(opened, 3)
    report(opened, 4)
    assert count() == 4
    assert "_connect" not in vars(opened.event_log_storage)
