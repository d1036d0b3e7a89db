"""Health of the studio: what is well, what is not, and nothing that a stranger should not know."""

from __future__ import annotations

import fcntl
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flamingo_bark_assets.defs.addresses import PLATFORM_LOCK
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio import health
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.runs import dagster_client

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
    assert parts["daemon"] == {
        "ok": True, "platform_runs": False, "heartbeat_age_s": None, "unknown": "no platform runs"
    }  # fmt: skip
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
    for file in data.features.rglob("*.results"):
        file.write_bytes(file.read_bytes()[:-1])
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["feature_store"])


def test_settings_that_cannot_be_used_are_named(client: TestClient, data: DataPaths) -> None:
    data.settings.write_text("no settings")
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["captioner"])


def test_a_damaged_database_of_dagster_is_named(client: TestClient, instance: dg.DagsterInstance) -> None:
    Path(instance.root_directory, "history", "runs.db").write_bytes(b"no database" * 1000)
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["queue"])


@pytest.fixture
def listener(instance: dg.DagsterInstance) -> Iterator[socket.socket]:
    """A platform by its lock, at an address that listens and never answers."""
    lock_file = Path(instance.root_directory, PLATFORM_LOCK)
    with lock_file.open("w") as lock, socket.create_server(("127.0.0.1", 0)) as listening:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        lock.flush()
        yield listening


def test_a_platform_that_is_too_busy_to_answer_is_unknown_and_not_bad(
    client: TestClient, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_client, "_HEARTBEAT_TIMEOUT_S", 0.2)
    status, said = asked(client)
    assert (status, said["bad"]) == (200, [])
    assert said["parts"]["daemon"] == {
        "ok": True, "platform_runs": True, "heartbeat_age_s": None,
        "unknown": "the platform's webserver did not answer soon",
    }  # fmt: skip


def answer_of(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d in /a/path\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answer_of(500), "answered with status 500"),
        (answer_of(403), "answered with status 403"),
        (answer_of(200, b'{"errors": [{"message": "in /a/path"}]}'), "did not answer what was asked"),
        (answer_of(200, b"[]"), "did not answer what was asked"),
        (answer_of(200, b"no JSON"), "did not answer what was asked"),
        (b"", "broke the connection off"),
    ],
)
def test_a_platform_whose_webserver_answers_anything_else_is_named(
    client: TestClient, listener: socket.socket, answer: bytes, told: str
) -> None:
    def serve() -> None:
        asking, _ = listener.accept()
        with asking:
            asking.recv(65536)
            asking.sendall(answer)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(serve)
        status, said = asked(client)
    assert (status, said["bad"]) == (503, ["daemon"])
    assert said["parts"]["daemon"]["problem"] == f"the platform's webserver {told}"


def test_a_daemon_of_which_one_part_never_beat_is_named(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [{"required": True, "lastHeartbeatTime": beat} for beat in (time.time(), None)]
    answer = {"instance": {"daemonHealth": {"allDaemonStatuses": parts}}}
    monkeypatch.setattr(dagster_client.DagsterClient, "_ask", lambda *_, **__: answer)
    status, said = asked(client)
    assert (status, said["bad"], said["parts"]["daemon"]["heartbeat_age_s"]) == (503, ["daemon"], None)
    parts.pop()
    assert dagster_client.DagsterClient(Path()).heartbeat().age_s == pytest.approx(0.0, abs=60.0)


def test_a_platform_whose_webserver_is_gone_is_named(client: TestClient, listener: socket.socket) -> None:
    listener.close()
    status, said = asked(client)
    assert (status, said["bad"]) == (503, ["daemon"])
    assert said["parts"]["daemon"]["problem"].endswith("it starts, or has ended")


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
