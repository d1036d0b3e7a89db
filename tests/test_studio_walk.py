"""A song's way through the studio as a person walks it: `flamingo-bark ui`, its daemon, and a real Chromium.

Only what crosses pages and processes belongs here; each page has tests of its own.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_toml import read_song_info
from flamingo_bark_assets.studio.access import read_keys
from tests.conftest import NO_WAITING
from tests.running import free_port, running_platform
from tests.songs import write_song
from tests.test_browser import CHROMIUM, QUIET

AXE = Path(__file__).parent / "axe_core/axe.min.js"
# `make pictures` names the folder that the README shows.
PICTURES = os.environ.get("STUDIO_PICTURES")
PAGES = {
    "library": "/", "add": "/add", "song": "/songs/{song}", "conflicts": "/conflicts", "runs": "/runs",
    "datasets": "/datasets",
}  # fmt: skip
# Long beyond need: on a busy machine the run of a song waits for its turn.
WAIT_MS = 600_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.dagster,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM"),
]


@dataclass
class Walk:
    """A platform with a studio, and a browser that is signed in.

    Attributes:
        url: of the studio.
        paths: its data folder.
        home: its DAGSTER_HOME.
        browser: Chromium.
        faults: what any page's console or network complained of.
    """

    url: str
    paths: DataPaths
    home: Path
    browser: Browser
    faults: list[str] = field(default_factory=list)

    def context(self, **options: Any) -> BrowserContext:
        """Return a context that has taken a link."""
        context = self.browser.new_context(**options)
        keys = read_keys(self.home)
        assert keys is not None
        context.request.get(f"{self.url}/?token={keys.new_link_token()}")
        return context

    def page(self, context: BrowserContext, path: str) -> Page:
        """Open a page whose complaints are kept."""
        page = context.new_page()
        page.on("console", lambda said: self.faults.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda asked: None if self.is_ours(asked.url) else self.faults.append(asked.url))
        page.goto(f"{self.url}{path}")
        return page

    def is_ours(self, address: str) -> bool:
        """Tell whether an address is the studio's."""
        return address.startswith((f"{self.url}/", "blob:", "data:"))


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder, port = tmp_path_factory.mktemp("walk"), free_port()
    paths = DataPaths(folder / "data")
    paths.root.mkdir()
    paths.settings.write_text(NO_WAITING)
    with running_platform(folder / "home", paths.root, studio_port=port) as platform, sync_playwright() as driver:
        until((folder / "home/log.txt"), lambda file: "Studio on" in file.read_text())
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=[*QUIET, "--autoplay-policy=no-user-gesture-required"]
        )
        yield Walk(f"http://127.0.0.1:{port}", paths, platform.home, browser)
        browser.close()


@pytest.fixture(scope="module")
def song_id(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A song that was dropped as a folder, over a connection that is cut once, and that the daemon has made."""
    dropped = tmp_path_factory.mktemp("dropped")
    write_song(dropped, "Night Walk", duration_s=12.0, seed=5)
    page = walk.page(walk.context(viewport={"width": 1200, "height": 900}), "/add")
    cuts: list[str] = []

    def cut_once(route: Route) -> None:
        if route.request.method == "PATCH" and not cuts:
            cuts.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/*", cut_once)
    page.locator("#folder").set_input_files(dropped)
    expect(page.locator("#found-words")).to_have_text("One song was recognised.", timeout=60_000)
    card = page.get_by_role("article")
    card.get_by_label("Licence").fill("CC0-1.0")
    page.get_by_role("button", name="Add 1 song").click()
    expect(card.get_by_role("status")).to_contain_text("Added as", timeout=60_000)
    assert cuts
    added = card.get_by_role("status").get_by_role("link").inner_text()
    page.goto(f"{walk.url}/runs")
    row = page.locator("#runs-grid tbody tr").filter(has_text=added)
    expect(row.locator("td").first).to_have_text("made", timeout=WAIT_MS)
    page.context.close()
    walk.faults[:] = [fault for fault in walk.faults if "ERR_CONNECTION_RESET" not in fault]
    return added


def until(subject: Path, holds: Callable[[Path], bool], timeout_s: float = 600.0) -> None:
    """Wait until something holds of a file."""
    deadline = time.monotonic() + timeout_s
    while not (subject.exists() and holds(subject)):
        assert time.monotonic() < deadline, subject
        time.sleep(0.3)


def test_a_song_is_dropped_heard_corrected_accepted_and_exported(walk: Walk, song_id: str) -> None:
    dataset = walk.paths.datasets / f"bark_training_dataset_{song_id}.json"
    assert json.loads(dataset.read_text())["main_track"]
    context = walk.context(viewport={"width": 1300, "height": 1000})
    page = walk.page(context, f"/songs/{song_id}")

    # Heard: Space plays though a button has the focus; solo leaves one lane.
    page.get_by_role("button", name=re.compile("Play$")).first.wait_for()
    page.locator("#exclude").focus()
    page.keyboard.press("Space")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_text(re.compile(r"^0:0[1-5]\.\d$")).first).to_be_visible(timeout=60_000)
    page.keyboard.press("Space")

    # Corrected: the caption of the mix by hand, until the dataset says it.
    edit = page.get_by_role("button", name=re.compile("^Edit.*mix caption", re.IGNORECASE)).first
    edit.click()
    box = page.get_by_role("textbox", name=re.compile("mix caption", re.IGNORECASE))
    box.fill("A slow walk <b>home</b> by hand.")
    page.get_by_role("button", name="Save").first.click()
    until(walk.paths.songs / song_id / "song.toml", lambda file: "by hand" in file.read_text())
    until(dataset, lambda file: "A slow walk <b>home</b> by hand." in json.loads(file.read_text()).__repr__())

    # Accepted, and undone after a reload.
    page.locator("#song-title").focus()
    page.keyboard.press("a")
    toml = walk.paths.songs / song_id / "song.toml"
    until(toml, lambda file: "accepted" in file.read_text())
    page.goto(f"{walk.url}/songs/{song_id}")
    expect(page.locator("#review-state")).to_contain_text("accepted", timeout=30_000)
    page.keyboard.press("u")
    until(toml, lambda file: "accepted" not in file.read_text())
    info = read_song_info(toml).info
    assert info.edits.mix.caption == "A slow walk <b>home</b> by hand."
    page.keyboard.press("Shift+U")
    until(toml, lambda file: "accepted" in file.read_text())

    # Exported, when the publication has followed.
    until(walk.paths.warehouse, lambda file: True)
    page.goto(f"{walk.url}/datasets")
    page.locator("#export-target").select_option("webdataset")
    page.locator("#export-view").select_option("full")
    page.locator("#export").get_by_role("button", name="Export", exact=True).click()
    checked = re.compile("nothing found|no findings|0 findings|holds", re.IGNORECASE)
    expect(page.locator("#jobs")).to_contain_text(checked, timeout=WAIT_MS)
    context.close()
    assert walk.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_fault_of_accessibility_stands_in_a_page(walk: Walk, song_id: str, name: str) -> None:
    for scheme, width in (("light", 1300), ("dark", 390)):
        context = walk.context(color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
        page = walk.page(context, PAGES[name].format(song=song_id))
        if name == "runs":  # its stream of events never ends
            page.locator("#runs-grid tbody tr").first.wait_for()
        else:
            page.wait_for_load_state("networkidle")
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/studio-{name}-{scheme}-{width}.png", full_page=width < 700)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
        assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in serious] == []
        context.close()
    assert walk.faults == []
