"""The library page over ten thousand songs: index, windows, the browser's own CPU time, and one edit of all songs.

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
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_changes import change_songs, redo, undo
from flamingo_bark_assets.library.song_toml_edits import Place, Value
from flamingo_bark_assets.studio.library_index import LibraryIndex
from flamingo_bark_assets.studio.library_query import read_asked, window
from tests.published_library import publish_library, song_name
from tests.studio import running_studio

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
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(studio.link)
            _browser(page, studio.url)
            browser.close()
        _edits(paths, count)


def _index(paths: DataPaths) -> None:
    index = LibraryIndex(paths)
    _timed("index: read anew", index.current)
    _timed("index: nothing new", index.current)
    songs = index.current().songs
    for asked in ({}, {"q": "title 12 house"}, {"show": "fit,conflicts", "sort": "bpm", "order": "desc"}):
        read, _ = read_asked(asked)
        _timed(f"window {asked or 'of all'}", lambda read=read: window(songs, read))


def _browser(page: Page, url: str) -> None:
    """Print what Chromium says of the first paint: seconds of its main thread."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})
    for address in ("/", "/?show=fit&sort=bpm", "/?page=50"):
        before = _metrics(client)
        page.goto(f"{url}{address}")
        page.locator("tr[data-song-id]").last.wait_for()
        after = _metrics(client)
        names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")
        spent = "  ".join(
            f"{name.removesuffix('Duration')} {after[name] - before.get(name, 0.0):.3f}" for name in names
        )
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000")
        print(f"browser {address:24} CPU s: {spent}  first paint after {paint:.2f} s, nodes {after['Nodes']:.0f}")


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
