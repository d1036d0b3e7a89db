"""Touching files whose names and links were made by others: containment, opening, and names in messages.

What a file means belongs elsewhere.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from flamingo_bark_assets.errors import FileFault, LibraryError


def shown(name: str) -> str:
    r"""Quote a file name for a message: line breaks and bytes that are not UTF-8 become ``\`` sequences."""
    return repr(name)


def is_unicode(name: str) -> bool:
    """Tell whether a file name is valid UTF-8 on disk; Python carries other bytes as lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def link_problem(path: Path, folder: Path) -> str | None:
    """Say in a clause what is wrong with the place that a path really leads to, all symbolic links followed.

    None where that lies below `folder`.
    """
    try:
        real = path.resolve(strict=True)
        inside = folder.resolve(strict=True) in real.parents
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11's word for a loop of links.
        return "is a symbolic link that leads nowhere" if path.is_symlink() else "cannot be reached"
    return None if inside else "is a symbolic link that leaves its folder"


def file_problem(path: Path, folder: Path | None = None) -> str | None:
    """Say why a file may not be opened: its link leaves `folder`, it is no regular file, it may not be read.

    A clause for a message; without `folder` it may lie anywhere.
    """
    if folder is not None and (problem := link_problem(path, folder)):
        return problem
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "is a symbolic link that leads nowhere" if path.is_symlink() else "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name.
        return f"cannot be opened: {getattr(error, 'strerror', None) or error}"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    return None if os.access(path, os.R_OK) else "may not be read by this user"


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or device is refused instead of waited for.

    Raises:
        LibraryError: there is no such file, it is not a regular file, or it may not be read.
    """
    try:
        file = open_if_regular(path)
    except FileNotFoundError:
        raise LibraryError(f"{shown(path.name)}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LibraryError(f"{shown(path.name)}: cannot be opened: {reason}") from error
    if file is None:
        raise LibraryError(f"{shown(path.name)}: is not a regular file")
    return file


def open_if_regular(path: Path) -> BufferedReader | None:
    """Open a regular file for reading without ever waiting for a pipe or device; None where it is none.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: a NUL stands in the name.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def is_missing(path: Path) -> bool:
    """Tell whether nothing stands at a path; False where that cannot be told, so that opening it says why."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # ValueError: a NUL in the name.
        return False
    return False


def read_text(path: Path, *, max_bytes: int, within: Path | None = None) -> str:
    """Read a text file that others wrote: UTF-8, with or without a byte order mark.

    A pipe, socket or device is refused instead of waited for, and so is a link that leaves `within`.

    Raises:
        FileFault: the file cannot be read, is no regular file, too large or not UTF-8.
    """
    data = read_bytes(path, max_bytes=max_bytes, within=within)
    try:
        return data.decode("utf-8-sig")  # Windows editors put a byte order mark first.
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileFault(f"is not UTF-8 (at line {line}); save it as UTF-8") from error


def read_bytes(path: Path, *, max_bytes: int, within: Path | None = None) -> bytes:
    """Read a small file that others wrote.

    A pipe, socket or device is refused instead of waited for, and so is a link that leaves `within`.

    Raises:
        FileFault: the file cannot be read, is no regular file or too large.
    """
    if problem := file_problem(path, within):
        raise FileFault(problem)
    try:
        with open_regular(path) as file:
            data = file.read(max_bytes + 1)
    except LibraryError as error:  # It has changed since.
        raise FileFault(str(error)) from error
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise FileFault(f"is larger than {max_bytes} bytes")
    return data
