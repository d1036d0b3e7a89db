"""Songs and checks under a running platform, asked for as the UI asks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import dagster as dg
import pytest

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.steps import STEPS
from tests.conftest import NO_WAITING
from tests.running import Platform, running_platform
from tests.songs import write_unreadable_song

pytestmark = pytest.mark.dagster

SONGS = ["a", "b", "c"]
_LAUNCH_CHECK = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform without sensors, so that nothing runs but what a test asks for."""
    folder = tmp_path_factory.mktemp("platform")
    data = DataPaths(folder / "data")
    for song_id in SONGS:
        write_unreadable_song(data.songs, song_id, text=song_id)
    data.settings.write_text(NO_WAITING)
    with running_platform(folder / "home", data.root, module="tests.benchmarks.location") as running:
        running.add_songs(SONGS)
        yield running


def test_a_song_that_is_deleted_while_its_backfill_runs_does_not_fail_the_backfill(platform: Platform) -> None:
    data = DataPaths(platform.data)
    aside = platform.home / "aside"
    backfill_id = platform.launch_backfill([step.name for step in STEPS], SONGS)
    shutil.move(data.songs / "c", aside)
    try:
        assert platform.wait_for_backfill(backfill_id, timeout_s=180) == "COMPLETED_SUCCESS"
        assert sorted(path.stem for path in (data.features / "raw_song").glob("*.parquet")) == ["a", "b"]
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
    launched = platform.ask(_LAUNCH_CHECK, params=params)["launchPipelineExecution"]
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
