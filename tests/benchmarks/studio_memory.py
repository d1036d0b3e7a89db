"""Memory of the studio while it is flooded: listeners, uploads that never end, queries at the same time.

Printed after each flood: the resident size of the server's process, its greatest ever, and how it answered. It is to
stay under 300 MB over ten thousand songs.

    python -m tests.benchmarks.studio_memory [SONGS]
"""

from __future__ import annotations

import http.client
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from flamingo_bark_assets.defs.home import open_instance
from tests.published_library import publish_library
from tests.studio import RunningStudio, running_studio
from tests.uploading import begin, begin_piece, new_batch

LISTENERS = 200
UPLOADS = 1000
QUERIES = 200
MOST_BYTES = 300 * 10**6
_PIECE = 64 * 1024
_QUERIES = (
    "/api/library?sort=bpm&order=desc", "/api/library?q=title+12+house", "/api/library?show=fit,conflicts", "/",
    "/api/runs/grid", "/api/runs/grid?count=500", "/api/songs/song-00042", "/api/conflicts", "/datasets",
)  # fmt: skip


@dataclass(frozen=True)
class Flood:
    """One flood.

    Attributes:
        name: what it was of.
        answers: how many were answered with which status.
        bytes: resident size of the server at its end.
        most_bytes: its greatest until then, since the server began.
        cpu_s: what the server spent on it.
    """

    name: str
    answers: dict[int, int]
    bytes: int
    most_bytes: int
    cpu_s: float

    def __str__(self) -> str:
        said = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        sizes = f"{self.bytes / 1e6:4.0f} MB, most {self.most_bytes / 1e6:4.0f} MB"
        return f"{self.name:42} {sizes}, CPU {self.cpu_s:6.2f} s: {said}"


def main() -> None:
    """Print all floods; fail where the server has grown too much."""
    songs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        paths = publish_library(Path(folder) / "data", songs)
        paths.settings.write_text(f"[studio]\nmax_open_uploads = {UPLOADS}\n")
        home = Path(folder) / "home"
        open_instance(home).dispose()
        with running_studio(home, paths.root) as studio:
            floods = []
            for flood in flood_all(studio):
                print(flood, flush=True)
                floods.append(flood)
    sys.exit(max(flood.most_bytes for flood in floods) > MOST_BYTES)


def flood_all(
    studio: RunningStudio, *, listeners: int = LISTENERS, uploads: int = UPLOADS, queries: int = QUERIES
) -> Iterator[Flood]:
    """Flood a studio with more and more; what was begun stays open until the end."""
    server = psutil.Process(studio.process.pid)

    def told(name: str, statuses: Counter[int], before_s: float) -> Flood:
        status = Path(f"/proc/{server.pid}/status").read_text()
        most = int(status.split("VmHWM:")[1].split()[0]) * 1024
        return Flood(name, dict(statuses), server.memory_info().rss, most, _cpu_s(server) - before_s)

    spent = _cpu_s(server)
    yield told("began", Counter([studio.ask("GET", "/health")[0]]), spent)
    spent = _cpu_s(server)
    yield told(f"{queries} queries", _asked_at_once(studio, queries), spent)
    spent = _cpu_s(server)
    with _listening(studio, listeners) as heard:
        yield told(f"{listeners} listeners", heard, spent)
        spent = _cpu_s(server)
        with _uploading(studio, uploads) as begun:
            yield told(f"{uploads} uploads that never end", begun, spent)
            spent = _cpu_s(server)
            yield told(f"{queries} queries meanwhile", _asked_at_once(studio, queries), spent)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _asked_at_once(studio: RunningStudio, count: int) -> Counter[int]:
    asked = [_QUERIES[number % len(_QUERIES)] for number in range(count)]

    def ask(path: str) -> int:
        connection = http.client.HTTPConnection(urlsplit(studio.url).netloc, timeout=600)
        connection.request("GET", path, headers={"Authorization": f"Bearer {studio.keys.script_token}"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status

    with ThreadPoolExecutor(count) as threads:
        return Counter(threads.map(ask, asked))


@contextmanager
def _listening(studio: RunningStudio, count: int) -> Iterator[Counter[int]]:
    """Listen to the stream of events, and read nothing of it but how it was answered."""
    address = urlsplit(studio.url)
    head = f"GET /events HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {studio.keys.script_token}\r\n\r\n"
    connections = [socket.create_connection((str(address.hostname), address.port or 80), 600) for _ in range(count)]
    try:
        for connection in connections:
            connection.sendall(head.encode())
        yield Counter(int(connection.recv(12).split()[1]) for connection in connections)
    finally:
        for connection in connections:
            connection.close()


@contextmanager
def _uploading(studio: RunningStudio, count: int) -> Iterator[Counter[int]]:
    """Begin uploads and send a part of a piece of each that was taken; all connections stay open."""
    batch = new_batch()
    answers = [begin(studio, batch, f"{number}.wav", 10**6) for number in range(count)]
    begun = [answer.headers["location"] for answer in answers if answer.status == 201]
    connections = [begin_piece(studio, place, 0, 10**6, bytes(_PIECE)) for place in begun]
    try:
        time.sleep(1.0)  # until what was sent has been read
        yield Counter(answer.status for answer in answers)
    finally:
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    main()
