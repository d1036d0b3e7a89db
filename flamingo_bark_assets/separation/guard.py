"""Run a command, and end it with all its children when whoever asked for it is gone, however that came to be.

`python guard.py PROGRAM ARGUMENT...`, as the leader of a process group, with a pipe from the parent as standard input.
It imports nothing of the package, so that it starts in no time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

_NOT_STARTED = 127  # as shells tell it


def main() -> int:
    """Run the command that the arguments name; give back its exit status, 128 and the signal where one ended it."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # A handler, unlike SIG_IGN, is not inherited: the command is told to end, and this process waits until it has.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        status = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL).wait()
    except OSError as error:
        os.write(2, f"{sys.argv[1]}: cannot be started: {error.strerror}\n".encode(errors="replace"))
        return _NOT_STARTED
    return status if status >= 0 else 128 - status


def _end_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
