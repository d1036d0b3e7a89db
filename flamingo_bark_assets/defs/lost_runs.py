"""Runs whose process is gone: how a run shows that it lives, and how those that do not are ended.

Locks of runs and the judgement over them belong here; asking again for the songs of a lost run does not.

A run's process holds an operating system lock on a file named by the run's id for as long as it lives. The kernel frees
it however the process ends, and it means the same to every process and container of this machine. On a home that
several machines share, where locks may not reach, the file's time of change is the sign of life: the holder renews it.
Runs that a cluster starts elsewhere (Ray, Kubernetes) take no lock: their launcher knows whether they live.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.runs.sqlite import SqliteRunStorage

from flamingo_bark_assets.defs.names import LOCATION

_PACKAGE = __name__.partition(".")[0]
BEAT_S = 10.0
# A worker is given this long to take the lock over from its launcher, and a machine whose locks are not seen to beat.
SILENCE_S = 45.0
_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_LOCAL_LAUNCHERS = {DefaultRunLauncher.__name__, "WatchedRunLauncher"}
_held: set[str] = set()  # runs that this process holds
_LOST = "lost: the process of this run is gone (killed, out of memory, or the machine was stopped)"
_NEVER_STARTED = f"lost: this run did not start, and showed no sign of life for {SILENCE_S:.0f} s"


@dataclass(frozen=True, slots=True)
class _Lock:
    """What the lock file of a run says.

    Attributes:
        held: whether a living process of this machine holds it.
        here: whether the last holder ran on this machine since its last start, so that `held` is the whole truth.
        silence_s: seconds since the last sign of life, by the clock of the file system.
    """

    held: bool
    here: bool
    silence_s: float

    @property
    def is_lost(self) -> bool:
        return not self.held and (self.here or self.silence_s > SILENCE_S)


@contextmanager
def holding(instance: dg.DagsterInstance, run_id: str, *, hand_over: bool = False) -> Iterator[None]:
    """Show that a run lives for as long as this context, and this process, does.

    `hand_over`: another process will take the lock over, so that a free one means nothing for a while. The run need not
    be recorded yet.

    Raises:
        OSError: the lock file cannot be written.
    """
    let_go = _hold(_lock_file(instance, run_id), hand_over=hand_over)
    _held.add(run_id)
    try:
        yield
    finally:
        _held.discard(run_id)
        let_go()


def hold_until_exit(instance: dg.DagsterInstance, run_id: str) -> None:
    """Show that a run lives for as long as this process does, unless it shows it already or its launcher knows.

    The operating system lets go: what ends a run is recorded after all code of ours has returned.

    Raises:
        OSError: the lock file cannot be written.
    """
    if run_id not in _held and starts_runs_here(instance):
        _held.add(run_id)
        _hold(_lock_file(instance, run_id), hand_over=False)


def fail_lost_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """End the runs whose process is gone, so that they free their place in the queue and their songs go on.

    A run that is cancelling becomes cancelled, any other fails. Runs that wait in the queue are left alone: whichever
    daemon comes next starts them.
    """
    lost = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY)):
        reason = _why_lost(instance, record)
        # A run that ended between the two looks has written so before it let go.
        run = instance.get_run_by_id(record.dagster_run.run_id) if reason else None
        if reason is None or run is None or run.is_finished:
            continue
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, reason)
        else:
            instance.report_run_failed(run, reason)
        lost.append(run)
    _remove_free_locks(instance)
    return lost


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether the process of a run lives; named in `dagster.yaml`.

    Dagster's run monitoring asks it, and fails the runs whose process is gone.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask."""
        return True

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process of a run, and hold its lock until that process can take it over.

        Runs of other code locations take no lock, so nothing must be read from its being free.
        """
        run = context.dagster_run
        with holding(self._instance, run.run_id, hand_over=True) if _is_ours(run) else nullcontext():
            super().launch_run(context)

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the process of a started run lives."""
        record = self._instance.get_run_record_by_id(run.run_id)
        reason = _why_lost(self._instance, record) if record else None
        return CheckRunHealthResult(WorkerStatus.FAILED if reason else WorkerStatus.RUNNING, reason)


def _why_lost(instance: dg.DagsterInstance, record: RunRecord) -> str | None:
    run = record.dagster_run
    lock = _read(_lock_file(instance, run.run_id))
    if lock is not None:
        return _LOST if lock.is_lost and (lock.here or _silence_s(instance, record) > SILENCE_S) else None
    # Without a lock file the run has not come to the point of taking it, or its home is elsewhere. What a cluster
    # starts may wait long for its place, and run monitoring asks the launcher.
    if not starts_runs_here(instance):
        return None
    has_started = run.status in {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}
    if has_started and not (_is_ours(run) and _keeps_runs_here(instance)):
        return None
    if _silence_s(instance, record) <= SILENCE_S:
        return None
    return _LOST if has_started else _NEVER_STARTED


def _is_ours(run: dg.DagsterRun) -> bool:
    """Return whether a run is of our definitions, of which every run takes its lock.

    Runs that Dagster's own commands execute in their process tell only where the code of their job stands.
    """
    if run.remote_job_origin is not None:
        return run.remote_job_origin.location_name == LOCATION
    code = run.job_code_origin.repository_origin.code_pointer.describe() if run.job_code_origin is not None else ""
    return _PACKAGE in code


def _silence_s(instance: dg.DagsterInstance, record: RunRecord) -> float:
    """Compute the seconds since anything was recorded of a run.

    Planning a run over many songs takes long and is told by events.
    """
    run_id = record.dagster_run.run_id
    last = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return time.time() - max([record.update_timestamp.timestamp(), *(event.timestamp for event in last)])


def _keeps_runs_here(instance: dg.DagsterInstance) -> bool:
    """Return whether runs are recorded in the folder of the locks, so that whoever records a run sees its lock."""
    return isinstance(instance.run_storage, SqliteRunStorage)


def starts_runs_here(instance: dg.DagsterInstance) -> bool:
    """Return whether runs are processes of this machine, and not of a cluster whose launcher watches them.

    Asked of the settings: a launcher of a cluster cannot be made everywhere that runs are.
    """
    launcher = instance.get_ref().run_launcher_data if instance.is_persistent else None
    return launcher is None or launcher.class_name in _LOCAL_LAUNCHERS


def _lock_file(instance: dg.DagsterInstance, run_id: str) -> Path:
    return _lock_folder(instance) / f"{run_id}.lock"


def _lock_folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "run_locks"


def _hold(file: Path, *, hand_over: bool) -> Callable[[], None]:
    """Lock a file together with whoever else holds it, say in it who it is, and renew its time of change.

    Returns:
        What lets go of it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    boot: str | None = None if hand_over else _boot()
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:  # a file system without locks: only the time of change tells
            boot = None
        os.pwrite(descriptor, f"{json.dumps({'boot': boot, 'host': socket.gethostname()}):<200}".encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    stopped = threading.Event()
    threading.Thread(target=_beat, args=(descriptor, stopped), name=f"beat of {file.stem}", daemon=True).start()

    def let_go() -> None:
        stopped.set()
        os.close(descriptor)

    return let_go


def _beat(descriptor: int, stopped: threading.Event) -> None:
    while not stopped.wait(BEAT_S):
        with suppress(OSError):
            os.utime(descriptor)


def _read(file: Path) -> _Lock | None:
    """Look at a run's lock file; None where there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        held = _is_locked(descriptor)
        try:
            boot = json.loads(os.pread(descriptor, 4096, 0))["boot"]
        except (ValueError, KeyError, TypeError):  # killed before it was written
            boot = None
        return _Lock(held, boot == _boot(), _now(file.parent) - os.fstat(descriptor).st_mtime)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _remove_free_locks(instance: dg.DagsterInstance) -> None:
    """Delete the lock files of runs that have ended."""
    for file in _lock_folder(instance).glob("*.lock"):
        run = instance.get_run_by_id(file.stem)
        lock = _read(file)
        if lock is not None and lock.is_lost and (run is None or run.is_finished):
            file.unlink(missing_ok=True)


def _now(folder: Path) -> float:
    """Return seconds since the epoch by the clock that times the files of a folder, which may be another machine's."""
    probe = folder / ".now"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()


@cache
def _boot() -> str:
    """Name this machine since its last start; the same in all its containers."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"
