"""When files and folders changed, as the file system tells it, and whether a later change must show.

Asking the file system belongs here; what is concluded from it, and where that is kept, does not.
"""

from __future__ import annotations

import os

CLOCK_STEP_NS = 2_000_000_000
"""Of changes that lie closer together a file system may state the same time: FAT's clock has the longest step."""

Mark = tuple[int, int, int]
"""Time, size and inode of a file that is only ever replaced."""


def is_settled(changed_ns: int, looked_ns: int) -> bool:
    """Tell whether any change after a look gives another time than the one that was seen."""
    return changed_ns + CLOCK_STEP_NS < looked_ns


def changed_ns(status: os.stat_result) -> int:
    """Return when contents, names or owner last changed, ns since the epoch; no copied or restored time hides it."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def path_changed_ns(path: str) -> int | None:
    """Return when a file or folder last changed, ns since the epoch; None where it cannot be asked."""
    try:
        return changed_ns(os.stat(path))  # noqa: PTH116 - a hundred thousand songs at each look
    except OSError:
        return None


def mark_of(path: str) -> Mark | None:
    """Return what tells a file from the one that replaces it; None where it cannot be asked."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a hundred thousand songs at each look
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
