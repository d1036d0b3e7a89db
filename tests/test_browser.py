"""What a user sees in the Dagster UI: a finished song in a real webserver and a real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.running import Platform, running_platform

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.dagster,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM"),
]


@pytest.fixture(scope="module")
def platform(finished_songs: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform over a song that `flamingo-bark run` has made, as `make ui` starts it."""
    folder = tmp_path_factory.mktemp("browser") / "finished"
    shutil.copytree(finished_songs(("small",), sound=True, published=True), folder, symlinks=True)
    with running_platform(folder / "home", folder / "data") as running:
        yield running


@pytest.fixture(scope="module")
def page(platform: Platform) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page(viewport={"width": 1500, "height": 1000})
        browser.close()


def test_the_lineage_page_shows_every_group_and_asset(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/asset-groups")
    for group in ("ingest", "features", "text", "datasets"):
        page.get_by_text(group, exact=True).first.wait_for()
    page.get_by_text("ingest", exact=True).last.click()  # the group in the graph, not in the side bar
    page.get_by_text("raw_song", exact=True).first.wait_for()


def test_the_partitions_page_of_the_dataset_shows_the_song_its_verdict_and_files(
    page: Page, platform: Platform
) -> None:
    page.goto(f"{platform.url}/assets/bark_dataset?view=partitions&partition=small")
    page.get_by_text("bark_training_dataset_small.json").wait_for()
    page.get_by_text("training_instructions_small.md").wait_for()
    page.get_by_text("drums, bass, vocals, harmonic").wait_for()
    page.get_by_text("Materialized (1)").wait_for()


def test_the_partitions_page_of_a_check_shows_the_song_as_passed(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/assets/bark_dataset?view=checks&checkDetail=fit_for_training")
    page.get_by_text("all rules hold").wait_for()
    page.get_by_role("tab", name="Partitions").last.click()
    page.get_by_text("small", exact=True).first.wait_for()
    page.get_by_text("Passed (1)").wait_for()


def test_the_song_shows_its_waveform_and_rounded_values_without_a_click(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/assets/raw_song?view=partitions&partition=small")
    picture = page.get_by_alt_text("waveform of small", exact=True)
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") >= 160
    page.get_by_text("22050 Hz", exact=True).wait_for()
    page.get_by_text("Show Markdown").first.click()
    large = page.get_by_alt_text("large waveform of small")
    large.wait_for()
    assert large.evaluate("image => image.naturalWidth") == 640


def test_the_song_shows_its_captions_without_a_click(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/assets/flamingo_captions?view=partitions&partition=small")
    page.get_by_text("caption of drums", exact=True).wait_for()
    captions = FeatureStore(DataPaths(platform.data).features).read(Captions, "small")
    (said,) = (each.text for each in captions.answers if (each.part, each.question) == ("drums", "caption"))
    assert said
    page.get_by_text(said.split(".")[0], exact=False).first.wait_for()


def test_the_job_over_all_songs_says_how_to_select_them(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/locations/flamingo_bark/jobs/all_songs")
    page.get_by_text("over the list of partitions").first.wait_for()


def test_the_sensors_run_by_themselves(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/automation")
    page.get_by_text("song_library").first.wait_for()
    page.get_by_text("publication").first.wait_for()
