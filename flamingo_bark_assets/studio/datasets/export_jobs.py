"""The queue of exports: one at a time, each in a process of its own, cancelled and taken up after a kill.

Queueing and following belong here; the export itself stands in `export_worker`, what is kept of it in `export_store`.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import IO, Any

import psutil
from pydantic import TypeAdapter

from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.files.atomic import remove_leftovers
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.datasets.export_store import Difference, ExportChoice, ExportJob, ExportStore, ended

MOST_WAITING = 20
_TO_END_S = 15.0
_DIFFERENCE: TypeAdapter[Difference | None] = TypeAdapter(Difference | None)


class ExportRefused(LibraryError):
    """An export cannot be queued, cancelled or downloaded as things stand."""

    code = "FB508"
    remedy = "Wait until the export under way has ended, or cancel it."


@dataclass(slots=True)
class _Under:
    """The export under way."""

    job: ExportJob
    process: subprocess.Popen[str] | None = None
    is_cancelled: bool = False


class ExportJobs:
    """The exports of one studio.

    Args:
        paths: the data folder.
        by: who asks.
    """

    def __init__(self, paths: DataPaths, by: str) -> None:
        self._paths = paths
        self._by = by
        self._store = ExportStore(paths)
        self._lock = threading.RLock()
        self._waiting: deque[ExportJob] = deque()
        self._under: _Under | None = None
        self._owner = (os.getpid(), psutil.Process().create_time())

    def jobs(self) -> list[ExportJob]:
        """Return all jobs, the newest first; those of a studio that was killed are told as interrupted."""
        with self._lock:
            ours = {job.id: job for job in self._waiting}
            if self._under:
                ours[self._under.job.id] = self._under.job
            return [ours.get(job.id) or self._settled(job) for job in self._store.jobs()]

    def find(self, job_id: str) -> ExportJob | None:
        """Return a job; None where there is none."""
        return next((job for job in self.jobs() if job.id == job_id), None)

    def is_busy(self, folder: str) -> bool:
        """Tell whether a job waits for a folder or writes into it."""
        return any(job.folder == folder and not job.has_ended for job in self.jobs())

    def place(self, job: ExportJob) -> int | None:
        """Return how many jobs go before one that waits; None where it does not wait here."""
        with self._lock:
            ids = [each.id for each in self._waiting]
            return ids.index(job.id) + (self._under is not None) if job.id in ids else None

    def ask(self, choice: ExportChoice) -> ExportJob:
        """Queue an export.

        Raises:
            ExportRefused: the same one waits already, or too many do.
            WriteError: the data folder cannot be written.
        """
        with self._lock:
            if self.is_busy(choice.folder):
                raise ExportRefused(f"{choice.folder}: this export waits or runs already")
            if len(self._waiting) >= MOST_WAITING:
                raise ExportRefused(f"{MOST_WAITING} exports wait already")
            job = ExportJob(secrets.token_hex(8), choice, choice.folder, "queued", self._by, _now(), self._owner)
            self._store.save(job)
            self._waiting.append(job)
            if self._under is None:
                self._begin_next()
            return job

    def cancel(self, job: ExportJob) -> None:
        """Cancel a job that waits or runs, so that what stood in its folder stays; forget one that has ended.

        Raises:
            ExportRefused: another studio runs it.
        """
        with self._lock:
            if job.has_ended:
                self._store.forget(job.id)
            elif self._under and self._under.job.id == job.id:
                self._under.is_cancelled = True
                self._under.job = replace(self._under.job, stage="being cancelled")
                if self._under.process:
                    self._under.process.terminate()
                    threading.Timer(_TO_END_S, self._under.process.kill).start()
            elif any(each.id == job.id for each in self._waiting):
                self._waiting = deque(each for each in self._waiting if each.id != job.id)
                self._store.save(ended(job, "cancelled", _now()))
            else:
                raise ExportRefused("another studio over this library runs it; cancel it there")

    def _settled(self, job: ExportJob) -> ExportJob:
        if job.has_ended or _lives(job.owner):
            return job
        remove_leftovers(self._paths.exports, recursive=False)
        job = ended(
            job, "interrupted", _now(), error="the studio was stopped or killed meanwhile; what stood there stays",
            to_do="Export again.",
        )  # fmt: skip
        with suppress(WriteError):
            self._store.save(job)
        return job

    def _begin_next(self) -> None:
        self._under = _Under(self._waiting.popleft()) if self._waiting else None
        if self._under:
            self._under.job = replace(self._under.job, status="running", began_at=_now(), stage="starting")
            threading.Thread(target=self._follow, args=(self._under,), daemon=True).start()

    def _follow(self, under: _Under) -> None:
        """Run one export to its end, whatever that is, and begin the next."""
        try:
            self._store.save(under.job)
            job = self._run(under)
        except Exception as error:
            job = ended(under.job, "failed", _now(), error=str(error) or type(error).__name__)
        with self._lock:
            with suppress(WriteError):
                self._store.save(job)
            self._begin_next()

    def _run(self, under: _Under) -> ExportJob:
        command = [
            sys.executable, "-m", "flamingo_bark_assets.studio.datasets.export_worker", "--data", str(self._paths.root),
            "--datasets", self._paths.datasets_folder, "--choice", json.dumps(asdict(under.job.choice)),
        ]  # fmt: skip
        with tempfile.TemporaryFile() as errors:
            # Its standard input ends with this process, however that dies; a session of its own keeps Ctrl-C to us.
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
            with self._lock:
                under.process = process
                if under.is_cancelled:
                    process.terminate()
            assert process.stdout is not None
            for line in process.stdout:
                with suppress(ValueError), self._lock:
                    under.job = _told(under.job, json.loads(line))
            status = process.wait()
            remove_leftovers(self._paths.exports, recursive=False)
            return self._ended(under, status, errors)

    def _ended(self, under: _Under, status: int, errors: IO[bytes]) -> ExportJob:
        job = under.job
        if status == 0 and job.verification is not None:
            return ended(job, "done", _now())
        if under.is_cancelled:
            return ended(job, "cancelled", _now())
        errors.seek(0)
        said = errors.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        why = f"the export ended with {status}: {said[-1]}" if said else f"the export ended with {status}"
        return ended(job, "failed", _now(), error=job.error or why, to_do=job.to_do or "Export again.")


def _told(job: ExportJob, said: dict[str, Any]) -> ExportJob:
    """Return a job with what its process has told."""
    if "difference" in said:
        said["difference"] = _DIFFERENCE.validate_python(said["difference"])
    known = {"stage", "done", "of", "error", "to_do", "report", "verification", "difference"}
    return replace(job, **{name: value for name, value in said.items() if name in known})


def _lives(owner: tuple[int, float]) -> bool:
    try:
        return bool(abs(psutil.Process(owner[0]).create_time() - owner[1]) < 1.0)
    except psutil.Error:
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
