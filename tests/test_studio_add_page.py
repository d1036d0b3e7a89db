"""The page `/add` in a real Chromium over a real studio: folders, progress, cut connections, reloads, cards, songs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.song_toml import read_song_info
from tests.signals import sine, write_wav
from tests.songs import write_song
from tests.studio import RunningStudio
from tests.test_browser import CHROMIUM, QUIET

MIB = 1024**2

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM"),
]


@pytest.fixture
def studio(shared_studio: RunningStudio) -> RunningStudio:
    return shared_studio


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield context
    context.close()


@pytest.fixture
def faults() -> list[str]:
    """What the console and the network complain of."""
    return []


@pytest.fixture
def page(context: BrowserContext, studio: RunningStudio, faults: list[str]) -> Page:
    page = context.new_page()
    page.goto(studio.link.replace("/?", "/add?"))
    page.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(studio.url) else faults.append(asked.url))
    return page


def recognised(page: Page, count: str) -> None:
    expect(page.locator("#found-words")).to_have_text(count, timeout=30_000)


def patches(page: Page) -> list[int]:
    """Collect the offsets of the pieces that a page sends from now on."""
    offsets: list[int] = []
    page.on(
        "request",
        lambda asked: offsets.append(int(asked.headers["upload-offset"])) if asked.method == "PATCH" else None,
    )
    return offsets


def test_a_folder_becomes_a_card_that_is_corrected_and_a_song_of_the_library(
    page: Page, studio: RunningStudio, tmp_path: Path, faults: list[str]
) -> None:
    song = write_song(tmp_path / "drop", "Night <b>Walk<b>", duration_s=0.4, seed=11)
    (song / "stems/other.wav").rename(song / "stems/07.wav")
    page.locator("#folder").set_input_files(tmp_path / "drop")
    recognised(page, "One song was recognised.")
    expect(page.locator("#sum-said")).to_contain_text("5 of 5 files arrived, 100 %")
    card = page.get_by_role("article")
    card.get_by_label("Title").fill("Night Walk")
    card.get_by_label("Licence").fill("CC0-1.0")
    card.get_by_label("Kind of 07").select_option("guitar")
    page.get_by_role("button", name="Add 1 song").click()
    expect(card.get_by_role("status")).to_contain_text("Added as", timeout=30_000)
    added = find_song(DataPaths(studio.data), str(card.get_by_role("link").text_content()))
    assert sorted(str(stem.kind) for stem in added.stems) == ["bass", "drums", "guitar", "vocals"]
    assert (added.info.title, added.info.licence) == ("Night Walk", "CC0-1.0")
    assert page.evaluate("Object.keys(localStorage).filter(name => name.includes('bark.')).length") == 0
    assert faults == []


def test_a_connection_that_is_cut_goes_on_from_what_has_arrived(
    page: Page, studio: RunningStudio, tmp_path: Path, faults: list[str]
) -> None:
    data = write_wav(tmp_path / "long.wav", sine(220.0, 1.0)).read_bytes() + os.urandom(17 * MIB)
    (tmp_path / "long.wav").write_bytes(data)
    cut: list[str] = []

    def cut_the_second(route: Route) -> None:
        if route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0" and not cut:
            cut.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/uploads/*/*", cut_the_second)
    offsets = patches(page)
    page.locator("#files").set_input_files(tmp_path / "long.wav")
    expect(page.locator("#upload-list")).to_contain_text("arrived, 100 %", timeout=30_000)
    assert offsets == [0, 8 * MIB, 8 * MIB, 16 * MIB]
    batch = cut[0].split("/")[-2]
    assert (studio.data / "uploads" / batch / "files/long.wav").read_bytes() == data
    assert [fault for fault in faults if "net::ERR_CONNECTION_RESET" not in fault] == []


def test_after_a_reload_unfinished_files_are_listed_and_the_same_file_goes_on(
    page: Page, studio: RunningStudio, tmp_path: Path, faults: list[str]
) -> None:
    (tmp_path / "big.wav").write_bytes(os.urandom(17 * MIB))
    page.route(
        "**/api/uploads/*/*",
        lambda route: None if int(route.request.headers.get("upload-offset", 0)) else route.continue_(),
    )
    page.locator("#files").set_input_files(tmp_path / "big.wav")
    expect(page.locator("#sum-words")).to_contain_text("47 % of 17.0 MiB")
    page.get_by_role("button", name="Pause: big.wav").click()
    expect(page.locator("#upload-list")).to_contain_text("paused, 47 %")
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(page.locator("#unfinished")).to_contain_text("stopped at 47 % of 17.0 MiB")
    offsets = patches(page)
    page.locator("#files").set_input_files(tmp_path / "big.wav")
    expect(page.locator("#upload-list")).to_contain_text("arrived, 100 %", timeout=30_000)
    assert offsets == [8 * MIB, 16 * MIB]
    expect(page.locator("#unfinished")).to_be_hidden()
    expect(page.get_by_role("article")).to_contain_text("Cannot be used: big.wav")
    page.get_by_role("button", name="Discard all of this").click()
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.locator("#found")).to_be_hidden()
    assert faults == []


def test_a_folder_that_is_dropped_is_walked_through_and_a_duplicate_and_what_is_no_song_are_named(
    page: Page, studio: RunningStudio, tmp_path: Path, faults: list[str]
) -> None:
    write_wav(studio.data / "songs/known/song.wav", sine(333.0, 0.4))
    (tmp_path / "drop/deep").mkdir(parents=True)
    (tmp_path / "drop/deep/Same.wav").write_bytes((studio.data / "songs/known/song.wav").read_bytes())
    write_wav(tmp_path / "drop/Valley.wav", sine(334.0, 0.4))
    write_wav(tmp_path / "drop/lost/Gone - Drums.wav", sine(335.0, 0.4))
    (tmp_path / "drop/.DS_Store").write_text("nobody's")
    drag = {"items": [], "files": [str(tmp_path / "drop")], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 200, "data": drag})
    recognised(page, "2 songs were recognised.")
    expect(page.locator("#sum-words")).to_contain_text("3 of 3 files arrived")
    same = page.get_by_role("article").filter(has_text="Same")
    expect(same).to_contain_text("Duplicate: the library has this mix already as known")
    expect(same.get_by_role("checkbox")).not_to_be_checked()
    expect(page.locator("#left-out-list")).to_contain_text("drop/lost/Gone - Drums.wav: may be the Drums of 'Gone'")
    page.get_by_role("button", name="Take drop/lost/Gone - Drums.wav as a song of its own").click()
    recognised(page, "3 songs were recognised.")
    page.get_by_label("Licence").first.fill("own recording")
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name="Add 2 songs").click()
    expect(page.get_by_text("Added as")).to_have_count(2, timeout=30_000)
    assert read_song_info(studio.data / "songs/valley/song.toml").info.licence == "own recording"
    assert (studio.data / "songs/gone-drums/song.wav").exists()
    assert faults == []


def test_a_refused_file_says_why_and_what_to_do_and_can_be_tried_again_by_key(
    page: Page, studio: RunningStudio, tmp_path: Path
) -> None:
    (studio.data / "settings.toml").write_text("[studio]\nmax_file_bytes = 1000\n")
    write_wav(tmp_path / "a.wav", sine(444.0, 0.4))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").press("Enter")
    chooser.value.set_files(tmp_path / "a.wav")
    row = page.locator("#upload-list li")
    expect(row).to_contain_text("refused")
    expect(row).to_contain_text("at most 0.0 MiB are taken. Save it as FLAC, or raise max_file_bytes")
    (studio.data / "settings.toml").write_text("")
    page.get_by_role("button", name="Try again: a.wav").press("Enter")
    recognised(page, "One song was recognised.")


def test_on_a_phone_nothing_is_wider_than_the_page(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    write_song(tmp_path / "drop", "A long name of a song that does not end " * 3, duration_s=0.3, seed=21)
    page.locator("#folder").set_input_files(tmp_path / "drop")
    recognised(page, "One song was recognised.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [box.bounding_box() for box in page.get_by_role("article").locator("select, input[type=text]").all()]
    assert len({round(box["x"]) for box in boxes if box}) <= 2  # the fields below each other, the kinds too
