"""The platform as `flamingo-bark ui` runs it: guarded, one name everywhere, watched, and stopped as a whole."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from flamingo_bark_assets.defs.lost_runs import LOCATION
from tests.running import ROOT, Platform, running_platform
from tests.songs import write_song

pytestmark = pytest.mark.dagster

LAUNCH = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on RunConfigValidationInvalid { errors { message } } ... on PythonError { message }
  }
}"""
REEXECUTE = """
mutation($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
RUNS = "query { runsOrError { ... on Runs { results { runId status jobName } } } }"
BACKFILLS = "query { partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("serving")
    write_song(folder / "data" / "songs", "one", duration_s=5.5)
    with running_platform(folder / "home", folder / "data", module="tests.benchmarks.location") as running:
        running.add_songs(["one"])
        yield running


def publish(**resources: object) -> dict[str, object]:
    return {
        "selector": {
            "jobName": "publish",
            "repositoryName": "__repository__",
            "repositoryLocationName": LOCATION,
        },
        "runConfigData": {"resources": {"platform": {"config": resources}}} if resources else {},
    }


def status(platform: Platform, method: str, path: str, body: str = "", **headers: str) -> int:
    """HTTP status of a request as a program, or a browser on another page, would send it."""
    connection = http.client.HTTPConnection(urlsplit(platform.url).netloc, timeout=60)
    connection.request(method, path, body.encode(), {name.replace("_", "-"): text for name, text in headers.items()})
    return connection.getresponse().status


def run_count(platform: Platform) -> int:
    return len(platform.ask(RUNS)["runsOrError"]["results"])


def dagster(platform: Platform, *arguments: str) -> str:
    """Run the `dagster` command in the project's folder, as a person does beside a running platform."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "dagster"), *arguments],
        check=True, cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "DAGSTER_HOME": str(platform.home), "FLAMINGO_BARK_DATA": str(platform.data)},
    ).stdout  # fmt: skip


def test_a_mutation_launches_nothing_by_get_by_form_or_from_another_page(platform: Platform) -> None:
    before = run_count(platform)
    query = f"query={quote(LAUNCH)}&variables={quote(json.dumps({'params': publish()}))}"
    body = json.dumps({"query": LAUNCH, "variables": {"params": publish()}})
    assert status(platform, "GET", f"/graphql?{query}") == 405
    assert status(platform, "POST", f"/graphql?{query}", Content_Type="text/plain") == 415
    assert (
        status(platform, "POST", "/graphql", body, Content_Type="application/json", Origin="http://evil.example") == 403
    )
    assert status(platform, "POST", "/graphql", body, Content_Type="application/json", Host="evil.example") == 403
    assert run_count(platform) == before


def test_another_name_reads_nothing(platform: Platform) -> None:
    assert status(platform, "GET", "/", Host="evil.example") == 403
    assert status(platform, "GET", "/") == 200


def test_a_websocket_is_for_our_own_pages_and_executes_no_mutation(platform: Platform) -> None:
    url, protocol = platform.url.replace("http", "ws") + "/graphql", [Subprotocol("graphql-ws")]
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, origin=Origin("http://evil.example"), subprotocols=protocol, proxy=None)
    before = run_count(platform)
    with connect(url, origin=Origin(platform.url), subprotocols=protocol, proxy=None) as socket:
        payload = {"query": LAUNCH, "variables": {"params": publish()}}
        socket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        assert json.loads(socket.recv(timeout=60))["type"] in {"error", "data"}
    assert run_count(platform) == before


@pytest.mark.parametrize("key", ["data_dir", "cache_folder"])
def test_a_run_cannot_be_told_where_to_write(platform: Platform, tmp_path: Path, key: str) -> None:
    config = {key: str(tmp_path)} if key == "data_dir" else {"inference": {key: str(tmp_path)}}
    answer = platform.ask(LAUNCH, params=publish(**config))["launchPipelineExecution"]
    assert answer["__typename"] == "RunConfigValidationInvalid"
    assert f'unexpected config entry "{key}"' in answer["errors"][0]["message"]


def test_a_backfill_from_the_command_line_is_done_by_the_running_platform(platform: Platform) -> None:
    dagster(platform, "job", "backfill", "--job", "all_songs", "--partitions", "one", "--noprompt")
    ((backfill,),) = [platform.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]]
    (run,) = [run for run in platform.ask(RUNS)["runsOrError"]["results"] if run["jobName"] == "all_songs"]
    assert platform.wait(run["runId"], timeout_s=120) == "SUCCESS"
    assert backfill["status"].startswith("COMPLETED")
    assert platform.status()["bark_dataset"]["numMaterialized"] == 1


def test_a_run_from_the_command_line_is_executed_again_from_the_ui(platform: Platform) -> None:
    dagster(platform, "job", "launch", "--job", "publish")
    first = platform.ask(RUNS)["runsOrError"]["results"][0]["runId"]
    assert platform.wait(first, timeout_s=120) == "SUCCESS"
    again = platform.ask(REEXECUTE, params={"parentRunId": first, "strategy": "ALL_STEPS"})["launchRunReexecution"]
    assert platform.wait(again["run"]["runId"], timeout_s=120) == "SUCCESS"


def test_a_second_platform_on_the_same_home_is_refused(platform: Platform) -> None:
    shown = subprocess.run(
        [str(Path(sys.executable).parent / "flamingo-bark"), "ui", "--port", "3999"],
        check=False, capture_output=True, text=True, env={**os.environ, "DAGSTER_HOME": str(platform.home)},
    )  # fmt: skip
    assert shown.returncode == 1
    assert f"runs already, on {platform.url}" in shown.stderr


def test_a_port_that_is_taken_is_told_in_one_line(platform: Platform, tmp_path: Path) -> None:
    shown = subprocess.run(
        [str(Path(sys.executable).parent / "flamingo-bark"), "ui", "--port", str(urlsplit(platform.url).port)],
        check=False, capture_output=True, text=True, env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
    )  # fmt: skip
    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: cannot listen on 127.0.0.1:")


def test_the_platform_lives_and_dies_as_a_whole(tmp_path: Path) -> None:
    with running_platform(tmp_path / "home", tmp_path / "data") as platform:
        services = psutil.Process(platform.process.pid).children(recursive=True)
        platform.process.send_signal(signal.SIGKILL)
        platform.process.wait()
        assert gone(services)
    with running_platform(tmp_path / "home", tmp_path / "data") as platform:
        services = psutil.Process(platform.process.pid).children(recursive=True)
        (daemon,) = [service for service in services if "dagster._daemon" in service.cmdline()]
        daemon.kill()
        assert platform.process.wait(timeout=60) == 1
        assert "Error: the daemon ended by itself (signal SIGKILL)" in (platform.home / "log.txt").read_text()
        assert gone(services)
    with running_platform(tmp_path / "home", tmp_path / "data") as platform:
        services = psutil.Process(platform.process.pid).children(recursive=True)
        platform.process.send_signal(signal.SIGTERM)
        assert platform.process.wait(timeout=60) == 0
        assert gone(services)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, given time to."""
    deadline = time.monotonic() + 60
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
