"""Run a module as a process that ends when whoever started it is gone, however that came to be.

`python -m flamingo_bark_assets.defs.attended MODULE ARGUMENT...`, with a pipe from the parent as standard input.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_TIME_TO_STOP_S = 30.0


def main() -> None:
    """Run the module named by the first argument as if it had been started by itself."""
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _stop_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_TIME_TO_STOP_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
