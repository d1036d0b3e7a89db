"""Writing files so that a reader, or a kill, never meets half of one: a hidden temporary file, then a rename.

Temporary names, who owns them and their cleaning up belong here; what stands in the files does not.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from flamingo_bark_assets.errors import WriteError

TEMPORARY = ".tmp-"
"""What every temporary name begins with."""
# Endings after the name are allowed: a writer may put a journal beside its file (DuckDB adds ".wal").
_TEMPORARY_NAME = re.compile(r"\.tmp-([0-9a-f]{12})-(\d{1,10})-(\d{1,20})-[0-9a-f]{12}(\..*)?", re.DOTALL)
_UNKNOWN_PLACE = "0" * 12
# Whether a process of another host or container lives cannot be seen. What it has not touched for a day is
# abandoned: a song is copied and a warehouse built in minutes, and a machine may sleep over night in between.
FOREIGN_LEFTOVER_AGE_S = 24 * 3600.0
# What file systems answer that cannot flush a folder.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST}
_NOT_ALLOWED = {errno.EROFS, errno.EACCES, errno.EPERM}
# What only a write can end in, whatever file the error names.
_WRITES_ONLY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_RUST_ERRNO = re.compile(r"\(os error (\d+)\)")


def temporary_path(folder: Path) -> Path:
    """Name a hidden path in `folder` that nothing else uses and `remove_leftovers` knows; nothing is created.

    The name says which process of which host and container owns it. It does not depend on the final one, so that
    a final name may be as long as the file system allows, and has an ending of its own, so that patterns such as
    ``*.parquet`` never match it.
    """
    pid = os.getpid()
    return folder / f"{TEMPORARY}{_place()}-{pid}-{_started(pid) or 0}-{secrets.token_hex(6)}.tmp"


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a hidden folder in `parent`, which is created too; in the end it is deleted, unless it was renamed.

    What kills have left there is deleted first.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(parent, recursive=False)
    folder = temporary_path(parent)
    folder.mkdir()
    try:
        yield folder
    finally:
        delete_tree(folder)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file elsewhere and put it into place only when it is whole.

    The caller creates the file at the path that is yielded, in the same folder; parent folders are created, an existing
    file or symbolic link is replaced.

    Raises:
        WriteError: the file cannot be written, or the caller has not created it; `path` is then as it was.
    """
    temporary = temporary_path(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        _discard(temporary)
        if failure := write_failure(error, path, temporary):
            raise failure from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Put a file with these contents at `path`, whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Put a UTF-8 text file at `path`, whole or not at all; LF stays LF on every system.

    Raises:
        WriteError: the file cannot be written.
        UnicodeEncodeError: the text holds a lone surrogate.
    """
    write_bytes(path, text.encode("utf-8"))


def write_failure(error: BaseException, path: Path, temporary: Path) -> WriteError | None:
    """Translate what went wrong while `path` was written into one clear line.

    Libraries tell a full disk in exceptions of their own, which only hold the system's words for it. None where the
    error is no failed write of this file: a programming error, or another file's fault.
    """
    if isinstance(error, WriteError) or not isinstance(error, Exception):
        return None
    code = _errno_of(error)
    if isinstance(error, OSError):
        of_this_file = error.filename in {None, *map(str, (temporary, path, *path.parents))}
    else:
        of_this_file = code is not None and (temporary.name in str(error) or code in _WRITES_ONLY)
    if not of_this_file:
        return None
    reason = str(error).splitlines()[0] if code is None else os.strerror(code)
    return WriteError(f"{path}: cannot be written: {reason}; {write_advice(code)}", code, reason)


def write_advice(code: int | None) -> str:
    """Say in one clause what a person can do about a failed write with this `errno`."""
    if code in _NO_SPACE:
        return "free some space and try again"
    if code in _NOT_ALLOWED:
        return "let this user write there and try again"
    if code in _IN_THE_WAY:
        return "something else stands in its place: move it away and try again"
    return "try again"


@contextmanager
def writes_named(path: Path) -> Iterator[None]:
    """Turn the `OSError` of any step of writing `path` into one that names the file and says what to do.

    Raises:
        WriteError: a step failed.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path}: cannot be written: {reason}; {write_advice(error.errno)}"
        raise WriteError(message, error.errno, reason) from error


def remove_leftovers(folder: Path, *, recursive: bool = True) -> int:
    """Delete temporary files and folders that nobody is writing any more.

    Those of a process of this host and container go as soon as it has ended, even where another process has its number
    by now. Whether the owner of any other one lives cannot be seen: it goes after a day without a change. Symbolic
    links are never followed. Return how many were deleted; what cannot be is left for the next time.
    """
    return sum(map(delete_tree, find_leftovers(folder, recursive=recursive)))


def find_leftovers(folder: Path, *, recursive: bool = True) -> Iterator[Path]:
    """Give the temporary files and folders that `remove_leftovers` deletes."""
    for parent, folders, files in os.walk(folder):
        leftovers = [name for name in [*folders, *files] if _is_temporary(name)]
        yield from (path for path in (Path(parent, name) for name in leftovers) if _is_abandoned(path))
        if not recursive:
            break
        folders[:] = [name for name in folders if not _is_temporary(name)]


def delete_tree(path: Path) -> bool:
    """Delete a file, a symbolic link (not its target) or a whole folder; return whether nothing is left of it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return not os.path.lexists(path)


def sync_file(path: Path) -> None:
    """Wait until a file's contents are on the disk.

    Raises:
        OSError: there is no such file, or the disk failed.
    """
    _sync(path)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk, where the file system can do that.

    Raises:
        OSError: the disk failed.
    """
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(temporary: Path) -> None:
    """Delete what a writer that gave up has left: its file, and what a library put beside it."""
    for path in temporary.parent.glob(f"{temporary.name}*"):
        delete_tree(path)


def _errno_of(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := _RUST_ERRNO.search(str(error)):
        return int(found[1])
    return next((code for code in sorted(_WRITES_ONLY | _NOT_ALLOWED) if os.strerror(code) in str(error)), None)


def _is_temporary(name: str) -> bool:
    return bool(_TEMPORARY_NAME.fullmatch(name))


def _is_abandoned(path: Path) -> bool:
    owner = _TEMPORARY_NAME.fullmatch(path.name)
    if owner and owner[1] == _place() != _UNKNOWN_PLACE:
        return _has_ended(int(owner[2]), int(owner[3]))
    return time.time() - _last_change(path) > FOREIGN_LEFTOVER_AGE_S


def _last_change(path: Path) -> float:
    """Return latest time at which a file, or anything in a folder, was changed, s since the epoch."""
    walked = [] if path.is_symlink() else os.walk(path)
    inside = (Path(parent, name) for parent, folders, files in walked for name in [*folders, *files])
    latest = 0.0
    for each in (path, *inside):
        with suppress(OSError):  # it was deleted meanwhile
            latest = max(latest, each.lstat().st_mtime)
    return latest


def _place() -> str:
    """Digest that in which a process number means something: host, its present boot, PID namespace."""
    parts = [platform.node()]
    if psutil.LINUX:
        try:
            if Path("/proc/self").readlink().name != str(os.getpid()):  # the /proc of another namespace
                return _UNKNOWN_PLACE
            parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
        except OSError:
            return _UNKNOWN_PLACE
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[: len(_UNKNOWN_PLACE)]


def _has_ended(pid: int, started: int) -> bool:
    """Tell whether a process of this place has ended: its number is free, or another process's by now."""
    return not psutil.pid_exists(pid) or _started(pid) not in {None, started}


def _started(pid: int) -> int | None:
    """Return when a process was started, as a number that only this process of its number has; None where it is hidden.

    On Linux in ticks since the boot, which, unlike the time of day, no setting of the clock changes.
    """
    try:
        if psutil.LINUX:
            # The second field is the program's name, which may hold anything; see proc(5).
            state, *fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return -1 if state in "ZX" else int(fields[18])  # a zombie writes nothing any more
        return int(psutil.Process(pid).create_time())
    except (OSError, psutil.Error):
        return None
