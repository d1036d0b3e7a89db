"""What the processes of a running platform cost: CPU seconds and memory by role, those that come and go included.

Reading them belongs here; what is done meanwhile stands in the scripts that measure.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.running import Platform

_SAMPLE_S = 2.0
_ROLES = {"runs": "spawn_main", "code server": "api grpc", "webserver": "webserver", "daemon": "dagster._daemon"}


class CpuMeter:
    """CPU seconds of all processes of a platform by role.

    A process's own and its reaped children's times are read; a run process is reaped by the code server, whose
    figures then hold it.
    """

    def __init__(self, platform: Platform) -> None:
        self._root = psutil.Process(platform.process.pid)
        self._start = self._read()

    def stop(self) -> dict[str, float]:
        """CPU seconds since the start."""
        return {role: seconds - self._start.get(role, 0.0) for role, seconds in self._read().items()}

    def _read(self) -> dict[str, float]:
        total: dict[str, float] = defaultdict(float)
        for process in [self._root, *self._root.children(recursive=True)]:
            try:
                times = process.cpu_times()
                total[role_of(process)] += times.user + times.system + times.children_user + times.children_system
            except psutil.NoSuchProcess:
                continue
        return dict(total)


class MemoryMeter:
    """Resident memory of each role over time, MB: of several processes of a role, the largest."""

    def __init__(self) -> None:
        self.samples: dict[str, list[int]] = defaultdict(list)

    @contextmanager
    def watching(self, platform: Platform) -> Iterator[None]:
        """Read while the platform runs within a `with` block."""
        stopped = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(platform, stopped), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()

    def _watch(self, platform: Platform, stopped: threading.Event) -> None:
        while not stopped.wait(_SAMPLE_S):
            largest: dict[str, int] = {}
            try:
                processes = platform.services()
            except psutil.NoSuchProcess:
                return
            for process in processes:
                try:
                    role = role_of(process)
                    largest[role] = max(largest.get(role, 0), process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            for role, size in largest.items():
                self.samples[role].append(size // 10**6)

    def quarters(self) -> dict[str, list[int]]:
        """Return the largest of each quarter of the samples of each role, MB."""
        return {
            role: [max(part) for n in range(4) if (part := sizes[n * len(sizes) // 4 : (n + 1) * len(sizes) // 4])]
            for role, sizes in self.samples.items()
        }


def role_of(process: psutil.Process) -> str:
    """Return what a process of a platform does."""
    try:
        command = " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return "runs"  # ended, and not yet reaped by the code server
    return next((role for role, word in _ROLES.items() if word in command), "starter")


def step_seconds(file: Path) -> float:
    """Sum the CPU seconds of the steps that a location noted, see `tests.benchmarks.location`."""
    return sum(float(line.rsplit("\t", 1)[1]) for line in file.read_text().splitlines())
