"""A guard against what never ends: input on which the cost explodes, a wait for what does not come.

Its limits are hundreds of times what the guarded work takes, so that no slow machine reaches them; speed is measured by
the scripts in `benchmarks`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def ends(*, limit_s: float = 180.0) -> Iterator[None]:
    """Fail where the work inside goes on for ever; only in the main thread, on systems with timers of their own."""

    def give_up(_: int, __: FrameType | None) -> NoReturn:
        raise AssertionError(f"it did not end within {limit_s:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
