"""How much room there is on the disk of a folder, and how little is too little.

Asking the file system belongs here; what is done about it does not.
"""

from __future__ import annotations

import shutil
from pathlib import Path

LEAST_FREE_BYTES = 1 << 30
"""A song of four minutes with stems leaves 60 MB of tables, datasets and logs; below this even a few do not fit."""


def free_bytes(folder: Path) -> tuple[int, Path]:
    """Return the free bytes on the disk of a folder that need not exist yet, and the part of its path that does."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free, there
