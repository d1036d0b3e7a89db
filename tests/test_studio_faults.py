"""Faults as answers: one status a kind of fault, whichever page asks."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio import editing
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.requests import told_fault
from tests.songs import write_unreadable_song


def test_a_change_that_the_disk_refuses_is_told_as_one_of_storage(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    write_unreadable_song(paths.songs, "one")
    paths.journal.parent.parent.mkdir(exist_ok=True)
    paths.journal.parent.write_text("a file where the folder of the journal would be")
    routes = editing.routes(Studio(paths, tmp_path / "home"))
    client = TestClient(Starlette(routes=routes, exception_handlers={FlamingoBarkError: told_fault}))
    answer = client.post("/api/edits", json={"songs": {"one": {"licence": "MIT"}}})
    assert answer.status_code == 507
    assert answer.json()["code"] == "FB303"
    assert not (paths.songs / "one/song.toml").exists()
