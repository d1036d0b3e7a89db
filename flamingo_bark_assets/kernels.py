"""Compiled inner loops: each is compiled for one signature, on first use, by one process at a time, and kept on disk.

How a loop becomes machine code belongs here; the loops stand beside the measurements that need them.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_declared: list[Callable[[], Callable[..., Any]]] = []
"""Gives the machine code of each loop whose module was imported."""


def compiled(signature: str, *, fastmath: bool = False) -> Callable[[F], F]:
    """Decorate a loop: numba compiles it when it is first called, not when its module is imported.

    A kernel has one signature only. Two processes that fill numba's cache with several signatures of one function
    at the same time can leave an index that names the other's machine code, and from then on every process crashes
    in it (seen with numba 0.68.1); with one signature both would write the same, and the lock keeps them apart too.

    Args:
        signature: numba's, for instance ``"float32[::1](float32[:, ::1], int64)"``; arrays must be passed
            contiguous and of exactly these types.
        fastmath: let the compiler reorder sums; not where NaN or infinity may come in.

    Returns:
        A decorator; the function it returns has the attribute ``python`` for the uncompiled one. A loop may call
        other kernels' inner functions only where these are made by `inlined`.
    """

    def decorate(function: F) -> F:
        made: list[Callable[..., Any]] = []

        def machine_code() -> Callable[..., Any]:
            if not made:
                made.append(_compile(function, signature, fastmath))
            return made[0]

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return made[0](*args) if made else machine_code()(*args)

        _declared.append(machine_code)
        call.python = function  # type: ignore[attr-defined]
        return cast(F, call)

    return decorate


def compile_declared() -> int:
    """Compile every loop whose module was imported, or take it from the cache on disk; count them."""
    for machine_code in _declared:
        machine_code()
    return len(_declared)


@contextmanager
def compiling_alone() -> Iterator[None]:
    """Let no other process of this user fill numba's caches meanwhile; may be nested. A Ctrl-C waits for its end."""
    from filelock import FileLock

    lock = FileLock(Path(tempfile.gettempdir(), f"flamingo-bark-numba-{os.getuid()}.lock"), is_singleton=True)
    with lock, _interrupts_held():
        yield


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold what handlers of SIGINT and SIGTERM raise back to the end: LLVM calls Python, and loses exceptions there."""
    held: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in before.items() if callable(handler)}
    if not handlers or threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in handlers:
        signal.signal(number, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for came in held:
            signal.raise_signal(came)


def cache_folder() -> Path | None:
    """Return the folder below which numba keeps compiled loops; None where it may write nowhere, and cannot compile."""
    from numba.core.caching import CompileResultCacheImpl

    try:
        path = Path(CompileResultCacheImpl(cache_folder).locator.get_cache_path())
    except RuntimeError:
        return None
    return path.parent  # each module, or each folder of modules, has a folder of its own in it


@functools.cache
def librosa_module(name: str) -> Any:
    """Import a module of librosa while no other process does.

    Its loops have several signatures, which are compiled and kept on disk when it is imported and first used: what
    `compiled` says of two processes holds for them too. Calls that may compile stand within `compiling_alone`.
    """
    # In a thread, whose stack is short: librosa looks through every frame above its import (`inspect.stack`, where
    # samplerate and resampy are not installed), which beneath a Dagster step takes a tenth of a small song's run.
    with compiling_alone(), ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(importlib.import_module, name).result()


def _compile(function: Callable[..., Any], signature: str, fastmath: bool) -> Callable[..., Any]:
    from numba import njit

    with compiling_alone():
        return cast(
            Callable[..., Any],
            njit(signature, cache=True, nogil=True, fastmath=fastmath, error_model="numpy")(function),
        )
