"""Writing files so that a reader, or a kill, never meets half of one: a hidden temporary file, then a rename.

Temporary names and their cleaning up belong here; what stands in the files does not.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Endings after the name are allowed: a writer may put a journal beside its file (DuckDB adds ".wal").
_TEMPORARY_NAME = re.compile(r"\.tmp-(\d{1,10})-[0-9a-f]{32}(\..*)?", re.DOTALL)
_MAX_PID = 2**31 - 1
# What file systems answer that cannot flush a folder.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF}


def temporary_path(folder: Path) -> Path:
    """Name a hidden path in `folder` that nothing else uses and `remove_leftovers` knows; nothing is created.

    The name does not depend on the final one, so that a final name may be as long as the file system allows,
    and has an ending of its own, so that patterns such as ``*.parquet`` never match it.
    """
    return folder / f".tmp-{os.getpid()}-{uuid.uuid4().hex}.tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file elsewhere and put it into place only when it is whole.

    Args:
        path: the final file; parent folders are created, an existing file or symbolic link is replaced.

    Yields:
        A path in the same folder at which the caller creates the file.

    Raises:
        OSError: the file cannot be written, or the caller has not created it; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path.parent)
    try:
        yield temporary
        sync_file(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Put a file with these contents at `path`, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Put a UTF-8 text file at `path`, whole or not at all; LF stays LF on every system.

    Raises:
        OSError: the file cannot be written.
        UnicodeEncodeError: the text holds a lone surrogate.
    """
    write_bytes(path, text.encode("utf-8"))


def remove_leftovers(folder: Path, *, recursive: bool = True) -> int:
    """Delete temporary files and folders whose process has ended.

    Args:
        folder: where to look; it need not exist.
        recursive: also look into the folders below; symbolic links are never followed.

    Returns:
        How many were deleted. What cannot be deleted is left for the next time.
    """
    removed = 0
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            if (pid := _pid_in(name)) is not None and not psutil.pid_exists(pid):
                removed += delete_tree(Path(parent, name))
        if not recursive:
            break
        folders[:] = [name for name in folders if _pid_in(name) is None]
    return removed


def delete_tree(path: Path) -> bool:
    """Delete a file, a symbolic link (not its target) or a whole folder.

    Returns:
        Whether nothing is left of it.
    """
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


def _pid_in(name: str) -> int | None:
    match = _TEMPORARY_NAME.fullmatch(name)
    # Another program may use the same kind of name: a number no process can have makes it none of ours.
    return int(match[1]) if match and 0 < int(match[1]) <= _MAX_PID else None
