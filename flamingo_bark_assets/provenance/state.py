"""The state file of a song: what each of its results was made from, and how the last attempt went.

Reading and writing that file and the lock of a song belong here; what follows from it is decided in `due`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import delete_tree, write_text, writes_named
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.library.fingerprint import FileDigests
from flamingo_bark_assets.library.layout import DataPaths

STATE_FOLDER = "state"
_SONGS_FOLDER = "songs"
LOCKS_FOLDER = "locks"
_MAX_STATE_BYTES = 16 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """One stored result.

    Attributes:
        inputs: version of each input by name: ``code``, parts of the files, settings, steps.
        data_version: digest of the result.
        at_s: when it was made, s since the epoch.
        run_id: the Dagster run that made it.
        size_bytes: of the files that were written beside it, by which a lost or cut one is noticed.
        digest: of their contents, by which a damaged one is noticed before it is read.
    """

    inputs: Mapping[str, str]
    data_version: str
    at_s: float
    run_id: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempts to make what is due, of the same inputs.

    Attributes:
        inputs: digest of the files, settings and code that were tried.
        count: how many attempts were begun.
        at_s: when the last one began, s since the epoch.
        run_id: the run of the last one.
        error: how it ended; None while it goes on, or where its process died.
    """

    inputs: str
    count: int
    at_s: float
    run_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SongState:
    """All that is known of how a song's results came to be.

    Attributes:
        signature: of names, sizes and times of its files when `files` was taken; empty where there is none.
        files: digests of the contents of its files; None where they were never read.
        made: the stored results by step.
        attempt: the last attempt that did not end well; None where all is well.
        stored: what its file in the feature store was told by then, so that one look tells that nothing is lost.
    """

    signature: str = ""
    files: FileDigests | None = None
    made: Mapping[str, Made] = field(default_factory=dict)
    attempt: Attempt | None = None
    stored: str = ""

    def without(self, steps: Collection[str]) -> dict[str, Made]:
        """Return what was made by other steps than these."""
        return {name: made for name, made in self.made.items() if name not in steps}


def state_path(paths: DataPaths, song_id: str) -> Path:
    """Return where the state of a song stands."""
    return states_folder(paths) / f"{song_id}.json"


def states_folder(paths: DataPaths) -> Path:
    """Return the folder of all states."""
    return paths.root / STATE_FOLDER / _SONGS_FOLDER


def read_state(paths: DataPaths, song_id: str) -> SongState:
    """Read the state of a song; one that is missing or damaged is empty, so that all of the song is due."""
    return read_json(state_path(paths, song_id), _state) or SongState()


def _state(values: Any) -> SongState:
    files, attempt = values["files"], values["attempt"]
    return SongState(
        signature=str(values["signature"]),
        files=FileDigests(**files) if files else None,
        made={str(name): _made(**made) for name, made in values["made"].items()},
        attempt=_attempt(**attempt) if attempt else None,
        stored=str(values.get("stored", "")),
    )


def _made(*, inputs: Any, data_version: Any, at_s: Any, run_id: Any, size_bytes: Any, digest: Any) -> Made:
    versions = {str(name): str(version) for name, version in inputs.items()}
    return Made(versions, str(data_version), seconds(at_s), str(run_id), int(size_bytes), str(digest))


def _attempt(*, inputs: Any, count: Any, at_s: Any, run_id: Any, error: Any) -> Attempt:
    return Attempt(str(inputs), int(count), seconds(at_s), str(run_id), None if error is None else str(error))


def seconds(value: Any) -> float:
    """Read seconds since the epoch.

    Raises:
        ValueError: they are not a finite number.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no time")
    return number


def write_state(paths: DataPaths, song_id: str, state: SongState) -> None:
    """Store the state of a song, whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    write_json(state_path(paths, song_id), dataclasses.asdict(state))


def read_json(path: Path, parse: Callable[[Any], T]) -> T | None:
    """Read one of the files of the state folder; None where it is missing, damaged, or no such file.

    `parse` makes the value from what the JSON holds, which may be anything.
    """
    try:
        return parse(json.loads(read_text(path, max_bytes=_MAX_STATE_BYTES)))
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError, FileFault):
        return None


def write_json(path: Path, values: Any) -> None:
    """Store one of the files of the state folder, whole or not at all.

    The folder is the platform's own: whatever stands in the file's place, such as a folder, goes.

    Raises:
        WriteError: the file cannot be written.
    """
    if path.is_dir() and not path.is_symlink():
        delete_tree(path)
    write_text(path, json.dumps(values, indent=0, sort_keys=True) + "\n")


@contextmanager
def song_lock(paths: DataPaths, song_id: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a song: one process at a time makes its results.

    The operating system frees it when the process ends, however it ends. Songs share 256 lock files, as one for each
    could never be deleted safely; a process holds the lock of one song at a time. Yield whether it is held: without
    `wait` another holder's stays.

    Raises:
        WriteError: the lock file cannot be written.
    """
    shared = hashlib.sha256(song_id.encode()).hexdigest()[:2]
    with file_lock(paths.root / STATE_FOLDER / LOCKS_FOLDER / f"{shared}.lock", wait=wait) as held:
        yield held


@contextmanager
def file_lock(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file, which is created.

    As `song_lock` does.

    Raises:
        WriteError: the file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=-1 if wait else 0)
    with writes_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
            held = True
        except Timeout:
            held = False
    try:
        yield held
    finally:
        lock.release()
