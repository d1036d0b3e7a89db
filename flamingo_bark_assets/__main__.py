"""Where the program `flamingo-bark` begins: an interpreter that cannot run it is told so in one line.

Nothing but the standard library is imported before that; the command line itself stands in `cli`.
"""

from __future__ import annotations

import importlib.util
import signal
import sys

PYTHON = (3, 11)
# One that every command needs and no interpreter brings along.
_NEEDED = "click"


def interpreter_problem(version: tuple[int, int], *, is_installed: bool) -> str | None:
    """Say why an interpreter cannot run the command line, and what to do; None where it can."""
    if version != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        return (
            f"{sys.executable} is Python {'.'.join(map(str, version))}, and Python {wanted} is needed; run "
            f".venv/bin/flamingo-bark, or make it first: make install PYTHON=/path/to/python{wanted}"
        )
    if not is_installed:
        return (
            f"the packages that are needed are not installed for {sys.executable}; run .venv/bin/flamingo-bark, or "
            "make it first: make install"
        )
    return None


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: always.
    """
    problem = interpreter_problem(sys.version_info[:2], is_installed=importlib.util.find_spec(_NEEDED) is not None)
    if problem is not None:
        sys.exit(f"Error: {problem}")
    # A Ctrl-C while modules are loaded ends the process as it ends any program, and not with a traceback.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from flamingo_bark_assets.cli import main as command_line

    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
