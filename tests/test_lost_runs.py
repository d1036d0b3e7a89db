"""A run whose process is gone ends by itself and frees its place; a run that lives is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from flamingo_bark_assets.defs import lost_runs
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.lost_runs import WatchedRunLauncher, fail_lost_runs
from flamingo_bark_assets.defs.names import LOCATION, SONGS
from flamingo_bark_assets.library.layout import DataPaths
from tests import elsewhere
from tests.running import gone, running_platform
from tests.songs import write_song, write_unreadable_song

pytestmark = pytest.mark.dagster

HOLD = """
import sys, time
from pathlib import Path
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.lost_runs import holding
instance = open_instance(Path(sys.argv[1]))
with holding(instance, sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""
HALT_BETWEEN_CREATION_AND_START = """
import sys, time
import dagster as dg
from flamingo_bark_assets.cli import main
create = dg.DagsterInstance.create_run_for_job
def create_and_halt(self, *arguments, **options):
    create(self, *arguments, **options)
    print("created", flush=True)
    time.sleep(600)
dg.DagsterInstance.create_run_for_job = create_and_halt
main()
"""

HALT_BEFORE_THE_LOCK = """
import time
from flamingo_bark_assets.defs.resources import Platform
def halt(self, context):
    print("halted", flush=True)
    time.sleep(600)
Platform.setup_for_execution = halt
from dagster._cli import main
main()
"""


def record(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, run_id: str | None = None, location: str | None = None
) -> dg.DagsterRun:
    """Record a run of which nothing else is known."""
    origin = location and RemoteJobOrigin(
        RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 4000, None, location), "__repository__"), "job"
    )
    run = dg.DagsterRun("job", run_id=run_id or str(uuid.uuid4()), status=status, remote_job_origin=origin or None)
    return instance.run_storage.add_run(run)


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def reasons(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.message for entry in instance.all_logs(run_id))


def started(command: list[str], home: Path, until: bytes, **environment: str) -> subprocess.Popen[bytes]:
    """Start a Python process and wait until it says something."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        env={**os.environ, "DAGSTER_HOME": str(home), **environment},
    )
    assert process.stdout is not None
    assert any(until in line for line in process.stdout)
    return process


@pytest.fixture
def holder(tmp_path: Path, instance: dg.DagsterInstance) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process that holds a run, and the run's id."""
    run_id = str(uuid.uuid4())
    process = started(["-c", HOLD, str(tmp_path / "home"), run_id], tmp_path / "home", b"held")
    yield run_id, process
    process.kill()
    process.wait()


@pytest.fixture
def silence_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been heard of any run for long."""
    monkeypatch.setattr(lost_runs, "SILENCE_S", -1.0)


@pytest.mark.usefixtures("silence_is_over")
def test_a_run_whose_process_lives_is_left_alone(
    instance: dg.DagsterInstance, holder: tuple[str, subprocess.Popen[bytes]]
) -> None:
    for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING):
        instance.delete_run(holder[0]) if instance.has_run(holder[0]) else None
        run = record(instance, status, run_id=holder[0], location=LOCATION)
        assert fail_lost_runs(instance) == []
        assert status_of(instance, run) == status


@pytest.mark.parametrize(
    ("before", "after"),
    [("NOT_STARTED", "FAILURE"), ("STARTING", "FAILURE"), ("STARTED", "FAILURE"), ("CANCELING", "CANCELED")],
)
def test_a_run_whose_process_was_killed_ends_at_once_with_the_reason(
    instance: dg.DagsterInstance, holder: tuple[str, subprocess.Popen[bytes]], before: str, after: str
) -> None:
    run_id, process = holder
    run = record(instance, dg.DagsterRunStatus(before), run_id=run_id)
    process.kill()
    process.wait()
    assert [lost.run_id for lost in fail_lost_runs(instance)] == [run_id]
    assert status_of(instance, run) == dg.DagsterRunStatus(after)
    assert "the process of this run is gone" in reasons(instance, run_id)
    assert fail_lost_runs(instance) == []


def test_the_run_monitoring_of_dagster_is_told_whether_the_process_lives(
    instance: dg.DagsterInstance, holder: tuple[str, subprocess.Popen[bytes]]
) -> None:
    run_id, process = holder
    run = record(instance, dg.DagsterRunStatus.STARTED, run_id=run_id)
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    process.kill()
    process.wait()
    assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED


def test_a_run_that_never_started_is_given_time_first(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [record(instance, dg.DagsterRunStatus(status)) for status in ("NOT_STARTED", "STARTING")]
    assert fail_lost_runs(instance) == []
    monkeypatch.setattr(lost_runs, "SILENCE_S", -1.0)
    assert {run.run_id for run in fail_lost_runs(instance)} == {run.run_id for run in runs}
    assert "this run did not start" in reasons(instance, runs[0].run_id)


@pytest.mark.usefixtures("silence_is_over")
def test_a_run_that_waits_in_the_queue_is_left_alone(instance: dg.DagsterInstance) -> None:
    record(instance, dg.DagsterRunStatus.QUEUED, location=LOCATION)
    assert fail_lost_runs(instance) == []


@pytest.mark.usefixtures("silence_is_over")
def test_a_started_run_of_another_code_location_is_left_alone(instance: dg.DagsterInstance) -> None:
    record(instance, dg.DagsterRunStatus.STARTED, location="somebody_elses")
    record(instance, dg.DagsterRunStatus.STARTED)
    ours = record(instance, dg.DagsterRunStatus.STARTED, location=LOCATION)
    assert [run.run_id for run in fail_lost_runs(instance)] == [ours.run_id]


@pytest.mark.usefixtures("silence_is_over")
def test_a_run_that_a_cluster_starts_is_left_to_its_launcher(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(elsewhere.SETTINGS)
    with open_instance(tmp_path) as instance:
        for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
            run = record(instance, status, location=LOCATION)
            lost_runs.hold_until_exit(instance, run.run_id)
        assert fail_lost_runs(instance) == []
        assert not (tmp_path / "run_locks").exists()


def test_the_launcher_speaks_for_a_run_until_its_process_can_but_not_for_other_code_locations(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = (record(instance, dg.DagsterRunStatus.STARTING, location=name) for name in (LOCATION, "other"))
    held = []
    monkeypatch.setattr(
        DefaultRunLauncher, "launch_run", lambda *_: held.append([run.run_id for run in fail_lost_runs(instance)])
    )
    monkeypatch.setattr(lost_runs, "_silence_s", lambda *_: 3600.0)
    instance.run_launcher.launch_run(LaunchRunContext(ours, workspace=None))
    assert held == [[other.run_id]]  # as ours was held
    assert fail_lost_runs(instance) == []  # as its process may be about to take over
    started = record(instance, dg.DagsterRunStatus.STARTED, location="other")
    instance.run_launcher.launch_run(LaunchRunContext(started, workspace=None))
    monkeypatch.setattr(lost_runs, "SILENCE_S", -1.0)
    assert [run.run_id for run in fail_lost_runs(instance)] == [ours.run_id]


def test_a_run_on_another_machine_that_shares_the_home_lives_while_its_file_is_renewed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(instance, dg.DagsterRunStatus.STARTED, location=LOCATION)
    file = Path(instance.root_directory) / "run_locks" / f"{run.run_id}.lock"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"boot": "of another machine", "host": "other"}))
    an_hour_ago = time.time() - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))
    assert fail_lost_runs(instance) == []
    monkeypatch.setattr(lost_runs, "_silence_s", lambda *_: 3600.0)
    os.utime(file)
    assert fail_lost_runs(instance) == []
    os.utime(file, (an_hour_ago, an_hour_ago))
    assert [lost.run_id for lost in fail_lost_runs(instance)] == [run.run_id]


def test_the_locks_of_ended_runs_are_cleaned_up(
    instance: dg.DagsterInstance, holder: tuple[str, subprocess.Popen[bytes]]
) -> None:
    run_id, process = holder
    record(instance, dg.DagsterRunStatus.SUCCESS, run_id=run_id)
    file = Path(instance.root_directory) / "run_locks" / f"{run_id}.lock"
    fail_lost_runs(instance)
    assert file.exists()
    process.kill()
    process.wait()
    fail_lost_runs(instance)
    assert not file.exists()


def test_a_command_line_run_that_died_before_it_started_is_ended_by_the_next(data: DataPaths, tmp_path: Path) -> None:
    write_song(data.songs, "one", duration_s=5.5)
    home = tmp_path / "home"
    process = started(["-c", HALT_BETWEEN_CREATION_AND_START, "--data", str(data.root), "run"], home, b"created")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert "the process of this run is gone" in reasons(instance, run.run_id)


def test_a_run_of_dagsters_own_command_that_was_killed_before_it_took_its_lock_is_ended(
    data: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unreadable_song(data.songs, "one")
    home = tmp_path / "home"
    with open_instance(home) as instance:
        instance.add_dynamic_partitions(SONGS, ["one"])
    what = ["asset", "materialize", "-m", "flamingo_bark_assets.definitions", "--select", "raw_song", "--partition"]
    process = started(["-c", HALT_BEFORE_THE_LOCK, *what, "one"], home, b"halted")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
        assert fail_lost_runs(instance) == []  # it may be about to take its lock
        monkeypatch.setattr(lost_runs, "SILENCE_S", -1.0)
        assert [lost.run_id for lost in fail_lost_runs(instance)] == [run.run_id]
        assert status_of(instance, run) == dg.DagsterRunStatus.FAILURE


def test_a_command_line_run_that_was_killed_is_ended_by_the_next(data: DataPaths, tmp_path: Path) -> None:
    write_song(data.songs, "one", duration_s=5.5)
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.halting", "--data", str(data.root), "run"],
        env={**os.environ, "DAGSTER_HOME": str(home), "HALT_BEFORE": "songs/one.results"},
        stdout=subprocess.DEVNULL,
    )
    wait_for(data.root / "halted")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@dataclass(frozen=True)
class Story:
    """How runs ended, all halted in the middle of a song.

    Attributes:
        worker_killed: of a run whose own process was killed.
        tree_killed: of two runs, which filled the queue, after the whole platform was killed and started again.
        queued: of a third, which had waited meanwhile: where it had come to after the new start.
        stopped: of the third again, after the platform was stopped by SIGTERM.
        ending: exit status of that platform, and whether all its processes were gone then.
    """

    worker_killed: str
    tree_killed: list[str]
    queued: str
    stopped: str
    ending: tuple[int, bool]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    home, data = folder / "home", folder / "data"
    write_song(data / "songs", "one", duration_s=5.5)
    halting = partial(
        running_platform, home, data, module="tests.halting_location", environment={"HALT_BEFORE": "songs/one.results"}
    )
    with halting() as platform:
        platform.add_songs(["one"])
        first = platform.launch("one")
        wait_for(data / "halted")
        for worker in platform.workers():
            worker.kill()
        worker_killed = platform.wait(first, timeout_s=120)
        *held, queued = [platform.launch("one") for _ in range(3)]
        assert [platform.wait(run_id, "STARTED", timeout_s=120) for run_id in held] == ["STARTED", "STARTED"]
        platform.kill()
    with halting() as platform:
        tree_killed = [platform.wait(run_id, timeout_s=120) for run_id in held]
        went_on = platform.wait(queued, "STARTED", timeout_s=120)
        services = platform.services()
        platform.process.terminate()
        ending = platform.process.wait(timeout=60), gone(services)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.get_run_by_id(queued)
        assert run is not None
        return Story(worker_killed, tree_killed, went_on, run.status.value, ending)


def test_a_run_whose_process_alone_was_killed_fails(story: Story) -> None:
    assert story.worker_killed == "FAILURE"


def test_the_start_after_a_kill_of_the_whole_platform_fails_its_runs(story: Story) -> None:
    assert story.tree_killed == ["FAILURE", "FAILURE"]


def test_the_places_of_lost_runs_are_free_for_the_next_in_the_queue(story: Story) -> None:
    assert story.queued == "STARTED"


def test_stopping_the_platform_cancels_the_run_under_way(story: Story) -> None:
    assert story.stopped == "CANCELED"


def test_termination_stops_the_platform_as_a_whole(story: Story) -> None:
    assert story.ending == (0, True)
