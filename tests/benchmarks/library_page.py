"""The studio's pages over ten thousand songs: index, windows, answers, the browser's CPU time, one edit of all songs.

Figures are printed as CPU seconds, which other work on the machine changes less than wall seconds.

    python -m tests.benchmarks.library_page [SONGS]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, sync_playwright

from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_changes import change_songs, redo, undo
from flamingo_bark_assets.library.song_toml_edits import Value
from flamingo_bark_assets.studio.library.index import LibraryIndex
from flamingo_bark_assets.studio.library.query import read_asked, window
from tests.published_library import publish_library, song_name
from tests.studio import RunningStudio, running_studio

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
SAID = '# mine\ntitle = "A song"  # as on the sleeve\nartist = "Somebody"\n\n[edits.mix]\ncaption = "A calm song."\n'


def main() -> None:
    """Print all figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        paths = publish_library(Path(folder) / "data", count)
        _index(paths)
        with running_studio(Path(folder) / "home", paths.root) as studio, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            context.new_page().goto(studio.link)
            _answers(studio)
            _browser(context, studio.url)
            browser.close()
        _edits(paths, count)


def _index(paths: DataPaths) -> None:
    index = LibraryIndex(paths)
    _timed("index: read anew", index.current)
    _timed("index: nothing new", index.current)
    songs = index.current().songs
    for asked in ({}, {"q": "title 12 house"}, {"show": "fit,conflicts", "sort": "bpm", "order": "desc"}):
        read, _ = read_asked(asked)
        _timed(f"window {asked or 'of all'}", partial(window, songs, read))


def _browser(context: BrowserContext, url: str) -> None:
    """Print what Chromium says of the first paint of a new page: CPU seconds of its main thread."""
    for address, shown in (
        ("/", "tr[data-song-id]"), ("/?show=fit&sort=bpm", "tr[data-song-id]"), ("/?page=50", "tr[data-song-id]"),
        ("/runs", "tr[data-song]"), ("/datasets", "svg"), ("/conflicts", ".conflict"),
    ):  # fmt: skip
        page = context.new_page()
        client = context.new_cdp_session(page)
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(f"{url}{address}")
        page.locator(shown).last.wait_for()
        spent = _metrics(client)
        names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")
        told = "  ".join(f"{name.removesuffix('Duration')} {spent[name]:.3f}" for name in names)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000")
        print(f"browser {address:24} CPU s: {told}  first paint after {paint or 0.0:.2f} s, nodes {spent['Nodes']:.0f}")
        page.close()


def _answers(studio: RunningStudio) -> None:
    """Print what the server spends on what pages ask for, the first time and again."""
    server = psutil.Process(studio.process.pid)
    for path in (
        "/", "/api/library", "/runs", "/api/runs/grid", "/api/runs/grid?since=1", "/datasets", "/conflicts",
        "/api/conflicts", "/health",
    ):  # fmt: skip
        spent = []
        for _ in range(2):
            before = sum(server.cpu_times()[:2])
            status, _told = studio.ask("GET", path)
            spent.append(sum(server.cpu_times()[:2]) - before)
        print(f"server {path:25} CPU s: first {spent[0]:.2f}, again {spent[1]:.2f}  ({status})")


def _metrics(client: Any) -> dict[str, float]:
    return {each["name"]: each["value"] for each in client.send("Performance.getMetrics")["metrics"]}


def _edits(paths: DataPaths, count: int) -> None:
    songs = [song_name(number) for number in range(count)]
    for song_id in songs:
        (paths.songs / song_id / "song.toml").write_text(SAID)
    values: dict[Place, Value] = {("genres",): ["dub", "techno"], ("licence",): "CC-BY-4.0"}
    seen: dict[Place, Value] = dict.fromkeys(values)
    index = LibraryIndex(paths)
    index.current()
    _timed(
        f"edit of {count} songs",
        lambda: change_songs(
            paths, dict.fromkeys(songs, values), expected=dict.fromkeys(songs, seen), by="maria", label="all"
        ),
    )
    _timed("index after it", index.current)
    _timed("undo", lambda: undo(paths, "maria"))
    _timed("redo", lambda: redo(paths, "maria"))
    print(f"journal: {paths.journal.stat().st_size / 1e6:.1f} MB")


def _timed(name: str, work: Callable[[], object]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    print(f"{name:60} CPU {time.process_time() - cpu:7.3f} s  wall {time.perf_counter() - wall:7.3f} s")


if __name__ == "__main__":
    main()
