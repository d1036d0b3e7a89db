"""Health of the studio: what is well, what is not, and nothing that a stranger should not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio import health
from flamingo_bark_assets.studio.context import Studio

pytestmark = [pytest.mark.dagster, pytest.mark.finished(("one",), published=True)]


@pytest.fixture
def client(data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(health, "_KEPT_S", 0.0)
    return TestClient(Starlette(routes=health.routes(Studio(data, Path(instance.root_directory)))))


def asked(client: TestClient) -> tuple[int, dict[str, Any]]:
    response = client.get("/health")
    return response.status_code, response.json()


def test_all_is_well_where_all_can_be_read(client: TestClient) -> None:
    status, said = asked(client)
    assert (status, said["status"], said["bad"]) == (200, "ok", [])
    parts = said["parts"]
    assert parts["warehouse"] == {"ok": True, "state": "readable", "songs": 1}
    assert parts["feature_store"]["state"] == "readable"
    assert parts["queue"] == {"ok": True, "queued": 0, "under_way": 0}
    assert parts["daemon"]["platform_runs"] is False
    assert parts["captioner"]["ready"] == "measured"
    assert parts["disk"]["free_bytes"] > 0


def test_a_damaged_warehouse_is_named_and_its_repair_is_seen(client: TestClient, data: DataPaths) -> None:
    whole = data.warehouse.read_bytes()
    data.warehouse.write_bytes(b"no database" * 1000)
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["warehouse"])
    data.warehouse.write_bytes(whole)
    assert asked(client)[0] == 200


def test_a_torn_file_of_the_feature_store_is_named(client: TestClient, data: DataPaths) -> None:
    for file in data.features.rglob("*.parquet"):
        file.write_bytes(b"PAR1 torn")
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["feature_store"])


def test_settings_that_cannot_be_used_are_named(client: TestClient, data: DataPaths) -> None:
    data.settings.write_text("no settings")
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["captioner"])


def test_a_damaged_database_of_dagster_is_named(client: TestClient, instance: dg.DagsterInstance) -> None:
    Path(instance.root_directory, "history", "runs.db").write_bytes(b"no database" * 1000)
    status, said = asked(client)
    assert status == 503
    assert {"daemon", "queue"} <= set(said["bad"])


def test_no_path_and_no_secret_is_told_whatever_is_wrong(
    client: TestClient, data: DataPaths, instance: dg.DagsterInstance
) -> None:
    data.warehouse.write_bytes(b"no database")
    data.settings.write_text("no settings")
    said = json.dumps(asked(client)[1])
    assert str(data.root.parent) not in said
    assert instance.root_directory not in said
    assert "Traceback" not in said


def test_many_that_ask_cost_one_look(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    really = health.Looks.all

    def counted(self: health.Looks) -> dict[str, dict[str, Any]]:
        looks.append(1)
        return really(self)

    monkeypatch.setattr(health.Looks, "all", counted)
    monkeypatch.setattr(health, "_KEPT_S", 3600.0)
    client = TestClient(Starlette(routes=health.routes(Studio(data, Path(instance.root_directory)))))
    assert {client.get("/health").status_code for _ in range(50)} == {200}
    assert len(looks) == 1
