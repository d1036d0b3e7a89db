"""A real webserver and daemon on loopback in a temporary Dagster home, and the GraphQL calls a user's clicks make.

Starting, asking and stopping belong here; what is measured stands in the scripts and tests that use it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

from flamingo_bark_assets.defs.names import LOCATION, SONGS
from flamingo_bark_assets.defs.serving import DEFINITIONS

ROOT = Path(__file__).resolve().parents[1]
_LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
_BACKFILL = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { status } }
}"""
_RUN = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_RUN_STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_ENDS = ("SUCCESS", "FAILURE", "CANCELED")
_STATUS = """
query { assetNodes { assetKey { path } isPartitioned
  partitionStats { numMaterialized numFailed numPartitions numMaterializing } } }"""


@dataclass(frozen=True)
class Platform:
    """A running platform.

    Attributes:
        url: address of the webserver.
        home: DAGSTER_HOME.
        data: data folder.
        process: `flamingo-bark ui`.
    """

    url: str
    home: Path
    data: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """One GraphQL request."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
        if answer.get("errors"):
            raise RuntimeError(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    def backfill(self, assets: list[str], songs: list[str], *, timeout_s: float) -> str:
        """Launch a backfill as the UI does and wait for its end; give back its status."""
        return self.wait_for_backfill(self.launch_backfill(assets, songs), timeout_s=timeout_s)

    def wait_for_backfill(self, backfill_id: str, *, timeout_s: float) -> str:
        """Wait until a backfill has ended; give back its status."""
        return _poll(
            lambda: self.ask(_BACKFILL, id=backfill_id)["partitionBackfillOrError"].get("status", ""),
            ("COMPLETED", "FAILED", "CANCELED"),
            timeout_s,
        )

    def launch_backfill(self, assets: list[str], songs: list[str]) -> str:
        """Launch a backfill as the UI does; give back its id."""
        params = {
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": songs,
            "fromFailure": False,
        }
        launched = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        if launched["__typename"] != "LaunchBackfillSuccess":
            raise RuntimeError(launched)
        return str(launched["backfillId"])

    def launch(self, song_id: str) -> str:
        """Launch a run of one song as the UI does; give back its id."""
        params = {
            "selector": {
                "jobName": "all_songs",
                "repositoryName": "__repository__",
                "repositoryLocationName": LOCATION,
            },
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": song_id}]},
        }
        launched = self.ask(_RUN, params=params)["launchPipelineExecution"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(launched)
        return str(launched["run"]["runId"])

    def wait(self, run_id: str, *statuses: str, timeout_s: float) -> str:
        """Wait until a run has one of these statuses, or has ended; give back its status."""
        return _poll(lambda: self.ask(_RUN_STATUS, id=run_id)["runOrError"]["status"], (*statuses, *_ENDS), timeout_s)

    def run(self, song_id: str, *, timeout_s: float) -> str:
        """Launch a run of one song as the UI does and wait for its end; give back its status."""
        return self.wait(self.launch(song_id), timeout_s=timeout_s)

    def kill(self) -> None:
        """Kill every process of the platform, runs included, as a machine that stops does."""
        tree = [self._root(), *self.services()]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(tree)

    def services(self) -> list[psutil.Process]:
        """All processes below `flamingo-bark ui`."""
        found: list[psutil.Process] = self._root().children(recursive=True)
        return found

    def workers(self) -> list[psutil.Process]:
        """The processes that execute runs."""
        found = []
        for process in self.services():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if "spawn_main" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def _root(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def add_songs(self, songs: list[str]) -> None:
        """Add partitions, sorted, as the sensor does."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            instance.add_dynamic_partitions(SONGS, sorted(songs))

    def status(self) -> dict[str, dict[str, int]]:
        """Materialised and failed partitions of each per-song asset."""
        return {
            "/".join(node["assetKey"]["path"]): node["partitionStats"]
            for node in self.ask(_STATUS)["assetNodes"]
            if node["isPartitioned"]
        }


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, given time to."""
    deadline = time.monotonic() + 60
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _poll(status: Callable[[], str], ends: tuple[str, ...], timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = status()
        if found.startswith(ends):
            return found
        time.sleep(0.3)
    raise TimeoutError(f"not ended within {timeout_s} s")


@contextmanager
def running_platform(
    home: Path,
    data: Path,
    *,
    module: str = DEFINITIONS,
    environment: Mapping[str, str] | None = None,
    studio_port: int | None = None,
) -> Iterator[Platform]:
    """Start webserver and daemon, and with a port for it the studio, as `make ui` does, and stop them at the end."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    start = "from flamingo_bark_assets.defs.serving import Address, serve; from pathlib import Path; import sys; "
    serve = f"serve(Path(sys.argv[1]), Address('127.0.0.1', {port}), module=sys.argv[2])"
    command = [str(Path(sys.executable).parent / "flamingo-bark"), "ui", "--port", str(port)]
    command += ["--no-studio"] if studio_port is None else ["--studio-port", str(studio_port)]
    if module != DEFINITIONS:
        command = [sys.executable, "-c", start + serve, str(home), module]
    with (home / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(home), "FLAMINGO_BARK_DATA": str(data), **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    platform = Platform(f"http://127.0.0.1:{port}", home, data, process)
    try:
        _wait_until_up(platform)
        yield platform
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            platform.kill()


def _wait_until_up(platform: Platform, timeout_s: float = 400.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if platform.process.poll() is not None:
            raise RuntimeError((platform.home / "log.txt").read_text()[-2000:])
        try:
            if platform.status():
                return
        except (OSError, RuntimeError):
            pass
        time.sleep(0.5)
    raise TimeoutError((platform.home / "log.txt").read_text()[-2000:])


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
