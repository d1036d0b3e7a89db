"""librosa, imported lazily and by one process at a time.

How librosa comes into a process belongs here; what is computed with it does not.
"""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
from pathlib import Path
from types import ModuleType

_COMPILED = ("librosa.core", "librosa.util", "librosa.feature", "librosa.sequence", "librosa.onset", "librosa.beat")


@functools.cache
def load_librosa() -> ModuleType:
    """Import librosa with all of its compiled parts.

    Importing them fills numba's cache on disk on the first run of a machine. Two processes that fill it at the same
    time can leave an index that names the other's machine code, and from then on every process crashes in it
    (seen with numba 0.68.1 and librosa's beat tracker). So one process imports at a time.
    """
    from filelock import FileLock

    with FileLock(Path(tempfile.gettempdir(), f"flamingo-bark-librosa-{os.getuid()}.lock")):
        for name in _COMPILED:
            importlib.import_module(name)
    return importlib.import_module("librosa")
