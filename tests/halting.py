"""The command line, or a run, halted just before it puts a chosen file into place: there a test can act or kill it.

Environment: HALT_BEFORE, the end of the file's path, or several in the order in which they come, parted as in PATH;
the file ``halted`` in the data folder says that it is there, and it goes on when that file is removed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.files import atomic


class _HaltingPath(type(Path())):  # type: ignore[misc]
    def replace(self, target: os.PathLike[str] | str) -> Path:
        halt_before, _, later = os.environ.get("HALT_BEFORE", "").partition(os.pathsep)
        if halt_before and str(target).endswith(halt_before):
            os.environ["HALT_BEFORE"] = later  # each once
            flag = Path(os.environ["FLAMINGO_BARK_DATA"], "halted")
            flag.touch()
            while flag.exists():
                time.sleep(0.05)
        return Path(super().replace(target))


_really_temporary = atomic.temporary_path
atomic.temporary_path = lambda folder: _HaltingPath(_really_temporary(folder))

if __name__ == "__main__":
    main()
