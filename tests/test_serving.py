"""The platform as `flamingo-bark ui` runs it: guarded, one name everywhere, watched, and stopped as a whole."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import dagster as dg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from flamingo_bark_assets.defs.names import LOCATION
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.conftest import NO_WAITING
from tests.running import ROOT, Platform, gone, running_platform
from tests.songs import write_song, write_unreadable_song

pytestmark = pytest.mark.dagster

UNREADABLE = ["a", "b", "c"]
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
LAUNCH_CHECK = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
RUNS = "query { runsOrError { ... on Runs { results { runId status jobName } } } }"
BACKFILLS = "query { partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform without sensors, so that nothing runs but what a test asks for."""
    folder = tmp_path_factory.mktemp("serving")
    data = DataPaths(folder / "data")
    write_song(data.songs, "one", duration_s=5.5)
    for song_id in UNREADABLE:
        write_unreadable_song(data.songs, song_id, text=song_id)
    data.settings.write_text(NO_WAITING)
    with running_platform(folder / "home", data.root, module="tests.benchmarks.location") as running:
        running.add_songs(["one", *UNREADABLE])
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
        [str(Path(sys.executable).parent / "flamingo-bark"), "ui", "--port", "3999", "--no-studio"],
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


def test_the_platform_ends_as_a_whole_when_one_of_its_services_does(tmp_path: Path) -> None:
    with running_platform(tmp_path / "home", tmp_path / "data") as platform:
        services = platform.services()
        (daemon,) = [service for service in services if "dagster._daemon" in service.cmdline()]
        daemon.kill()
        assert platform.process.wait(timeout=60) == 1
        assert "Error: the daemon ended by itself (signal SIGKILL)" in (platform.home / "log.txt").read_text()
        assert gone(services)


# Songs and checks, asked for as the UI asks


def test_a_song_that_is_deleted_while_its_backfill_runs_does_not_fail_the_backfill(platform: Platform) -> None:
    data = DataPaths(platform.data)
    aside = platform.home / "aside"
    backfill_id = platform.launch_backfill([step.name for step in STEPS], UNREADABLE)
    shutil.move(data.songs / "c", aside)
    try:
        assert platform.wait_for_backfill(backfill_id, timeout_s=180) == "COMPLETED_SUCCESS"
        made = set(FeatureStore(data.features).song_ids())
        assert made - {"one"} == {"a", "b"}
        assert list(data.datasets.glob("*_c.*")) == []
    finally:
        shutil.move(aside, data.songs / "c")


def test_a_check_runs_alone_for_all_songs(platform: Platform) -> None:
    platform.run("a", timeout_s=120)
    params = {
        "selector": {
            "jobName": "__ASSET_JOB",
            "repositoryName": "__repository__",
            "repositoryLocationName": "flamingo_bark",
            "assetSelection": [],
            "assetCheckSelection": [{"assetKey": {"path": ["raw_song"]}, "name": "recording_is_sound"}],
        },
        "executionMetadata": {"tags": []},
    }
    launched = platform.ask(LAUNCH_CHECK, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    assert platform.wait(run_id, timeout_s=120) == "SUCCESS"
    with dg.DagsterInstance.from_config(str(platform.home)) as instance:
        deadline = time.monotonic() + 30
        judged: set[str | None] = set()
        while not judged and time.monotonic() < deadline:
            events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
            judged = {event.get_dagster_event().asset_check_evaluation_data.partition for event in events}
        assert "a" in judged


# How the platform of these tests ends, so this comes last; termination stands in `test_lost_runs`.


def test_no_service_outlives_the_platform_that_was_killed(platform: Platform) -> None:
    services = platform.services()
    assert services
    platform.process.send_signal(signal.SIGKILL)
    platform.process.wait()
    assert gone(services)
