"""Two folders that change places in one step, so that a kill leaves either the one or the other whole.

Writing single files so stands in `atomic`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from flamingo_bark_assets.files.atomic import temporary_path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
# What a system or file system answers that cannot exchange, such as NFS.
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def exchange_folders(one: Path, other: Path) -> None:
    """Let two folders of one file system change places.

    In one step on Linux. Where the system cannot do that, `other` is missing for the moment between two renames.

    Raises:
        OSError: one of them is missing, or they may not be renamed.
    """
    if sys.platform == "linux" and _exchange(one, other):
        return
    aside = temporary_path(other.parent)
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _exchange(one: Path, other: Path) -> bool:
    """Ask the kernel; False where it cannot do this."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # a C library older than glibc 2.28
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
