"""The command line, or a run, halted just before it puts a chosen file into place, so that a test can kill it there.

Environment: HALT_BEFORE, the end of the file's path; the file ``halted`` in the data folder says that it is there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.storage import atomic


class _HaltingPath(type(Path())):  # type: ignore[misc]
    def replace(self, target: os.PathLike[str] | str) -> Path:
        halt_before = os.environ.get("HALT_BEFORE")
        if halt_before and str(target).endswith(halt_before):
            Path(os.environ["FLAMINGO_BARK_DATA"], "halted").touch()
            time.sleep(600)
        return Path(super().replace(target))


_really_temporary = atomic.temporary_path
atomic.temporary_path = lambda folder: _HaltingPath(_really_temporary(folder))

if __name__ == "__main__":
    main()
