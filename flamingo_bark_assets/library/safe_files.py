"""Touching files whose names and links were made by others: containment, opening, and names in messages.

What a file means belongs elsewhere.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from flamingo_bark_assets.errors import LibraryError


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
    """Say what is wrong with the place that a path really leads to, all symbolic links followed.

    Args:
        path: a file or folder.
        folder: the folder that it must lie below.

    Returns:
        A clause for a message, or None where the path leads to something below `folder`.
    """
    try:
        real = path.resolve(strict=True)
        inside = folder.resolve(strict=True) in real.parents
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11's word for a loop of links.
        return "is a symbolic link that leads nowhere" if path.is_symlink() else "cannot be reached"
    return None if inside else "is a symbolic link that leaves its folder"


def file_problem(path: Path, folder: Path) -> str | None:
    """Say why a file may not be opened: its link leaves `folder`, it is no regular file, it may not be read.

    Returns:
        A clause for a message, or None where the file may be opened.
    """
    if problem := link_problem(path, folder):
        return problem
    if not path.is_file():
        return "is not a regular file"
    return None if os.access(path, os.R_OK) else "may not be read by this user"


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or device is refused instead of waited for.

    Raises:
        LibraryError: there is no such file, it is not a regular file, or it may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise LibraryError(f"{shown(path.name)}: there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name.
        reason = getattr(error, "strerror", None) or error
        raise LibraryError(f"{shown(path.name)}: cannot be opened: {reason}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LibraryError(f"{shown(path.name)}: is not a regular file")
    return os.fdopen(descriptor, "rb")
