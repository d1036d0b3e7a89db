"""A foreign program, run in a process group of its own: with a time limit, its last lines, and an end for all of it.

Starting, watching and ending belong here; what the program is called for does not.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from flamingo_bark_assets.text import printable, short_line

MOST_LINES = 6
_LONGEST_LINE = 300
_LONGEST_UNENDED_BYTES = 4096
_CHUNK_BYTES = 65_536
_LOOK_S = 0.05
_TELL_S = 10.0
_TIME_TO_END_S = 5.0
"""How long a program may take to end by itself once it is told to; then it is killed."""
# A bar of progress ends each of its states by a carriage return.
_LINE_END = re.compile(rb"[\r\n]+")
# What points into the line above, in a traceback.
_POINTERS = frozenset("^~ ")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        status: its exit status, 128 and the signal where one ended it, 127 where it cannot be started; None where its
            time was up.
        lines: the last lines that it wrote, to standard output or error.
    """

    status: int | None
    lines: tuple[str, ...]


class Tail:
    """The last lines of an output of any length."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._unended = b""

    def add(self, output: bytes) -> None:
        """Take in the next bytes."""
        *ended, unended = _LINE_END.split(self._unended + output)
        for line in ended:
            self._take(line)
        self._unended = unended[-_LONGEST_UNENDED_BYTES:]

    def lines(self) -> tuple[str, ...]:
        """Return the last lines, the one that is not ended included."""
        last = _shown(self._unended)
        return tuple([*self._lines, *([last] if last else [])][-MOST_LINES:])

    def _take(self, line: bytes) -> None:
        if text := _shown(line):
            self._lines.append(text)


def run_program(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    time_limit_s: float,
    tell: Callable[[str], None] = lambda line: None,
) -> Ended:
    """Run a program without a shell and wait for its end.

    It is the only one in its process group but for its guard, and nothing of the group is left when this returns or
    raises; when this process is killed, the guard kills the group. Now and then `tell` gets the last line.

    Args:
        arguments: the program and its arguments.
        folder: in which it is started.
        environment: all variables that it sees.
        time_limit_s: after which it is ended.
        tell: is told how far it is.

    Raises:
        OSError: this system starts no process.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), *arguments],
        cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    tail = Tail()
    reader = threading.Thread(target=_read, args=(process, tail), daemon=True)
    reader.start()
    try:
        in_time = _wait(process, tail, time_limit_s, tell)
    finally:
        _end(process)
        reader.join(_TIME_TO_END_S)
    return Ended(process.returncode if in_time else None, tail.lines())


def _read(process: subprocess.Popen[bytes], tail: Tail) -> None:
    assert process.stdout is not None
    with suppress(OSError, ValueError):
        while output := os.read(process.stdout.fileno(), _CHUNK_BYTES):
            tail.add(output)


def _wait(process: subprocess.Popen[bytes], tail: Tail, time_limit_s: float, tell: Callable[[str], None]) -> bool:
    """Wait for the end of a program; False where its time was up before."""
    began_s = told_s = time.monotonic()
    told = ""
    while process.poll() is None:
        now_s = time.monotonic()
        if now_s - began_s > time_limit_s:
            return False
        if now_s - told_s > _TELL_S:
            told_s, lines = now_s, tail.lines()
            if lines and lines[-1] != told:
                told = lines[-1]
                tell(told)
        time.sleep(_LOOK_S)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a program: politely while it runs, then all of its group, and who has left the group."""
    if process.poll() is None:
        strays = list(_descendants(process.pid))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        deadline_s = time.monotonic() + _TIME_TO_END_S
        while process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        for stray in strays:
            with suppress(psutil.Error):
                stray.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def _descendants(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        yield from psutil.Process(pid).children(recursive=True)


def _shown(line: bytes) -> str:
    text = printable(_ESCAPES.sub("", line[-_LONGEST_UNENDED_BYTES:].decode("utf-8", "replace")))
    return "" if _POINTERS.issuperset(text) else short_line(text, _LONGEST_LINE)
