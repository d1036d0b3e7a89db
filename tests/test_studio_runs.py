"""The page of runs: songs by steps as they really are, started and cancelled through a real platform, seen live."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.state import song_lock
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.runs import page as runs_page
from tests.conftest import NO_WAITING
from tests.running import Platform, running_platform
from tests.songs import write_unreadable_song
from tests.studio import RunningStudio, running_studio

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
BROKEN_STEP = "song_lyrics"

pytestmark = pytest.mark.dagster


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform without sensors, in which one step of one song crashes."""
    folder = tmp_path_factory.mktemp("runs")
    data = DataPaths(folder / "data")
    for song_id in ("broken", "held", "whole"):
        write_unreadable_song(data.songs, song_id, text=song_id)
    (data.songs / "No Song").mkdir()
    data.settings.write_text(NO_WAITING)
    raising = {"FLAMINGO_BARK_RAISE": f"broken:{BROKEN_STEP}"}
    with running_platform(
        folder / "home", data.root, module="tests.benchmarks.location", environment=raising
    ) as running:
        yield running


@pytest.fixture(scope="module")
def studio(platform: Platform) -> Iterator[RunningStudio]:
    with running_studio(platform.home, platform.data) as running:
        yield running


def grid(studio: RunningStudio, query: str = "") -> dict[str, Any]:
    status, told = studio.ask("GET", f"/api/runs/grid{query}")
    assert status == 200, told
    found: dict[str, Any] = told
    return found


def wait_for(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not look():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.3)


class Listener:
    """A client of the stream of events, as a script is one."""

    def __init__(self, studio: RunningStudio, last_seen: int | None = None) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(studio.url).netloc, timeout=120)
        headers = {"Authorization": f"Bearer {studio.keys.script_token}"}
        if last_seen is not None:
            headers["Last-Event-ID"] = str(last_seen)
        self.connection.request("GET", "/events", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.headers["content-type"].startswith("text/event-stream")

    def next(self) -> tuple[int, str, dict[str, str]]:
        """Wait for the next message that has data."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().strip() or "data" not in fields:
            if isinstance(line, str) and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"])

    def until(self, wanted: Callable[[str, dict[str, str]], bool]) -> list[tuple[int, str, dict[str, str]]]:
        found = [self.next()]
        while not wanted(*found[-1][1:]):
            found.append(self.next())
        return found


def test_a_run_that_the_page_starts_is_dagsters_and_is_told_step_by_step_and_again_after_a_break(
    platform: Platform, studio: RunningStudio
) -> None:
    listener = Listener(studio)
    listener.until(lambda kind, _: kind == "start")
    status, told = studio.ask("POST", "/api/runs/start", {"song_id": "whole"})
    assert status == 200, told
    first = listener.until(lambda kind, _: kind == "message")[-1]
    listener.connection.close()
    assert platform.wait(told["run_id"], timeout_s=120) == "SUCCESS"
    again = Listener(studio, first[0])
    found = again.until(lambda kind, data: kind == "run" and data["state"] == "done")
    again.connection.close()
    steps = [first[2]["step"], *(data["step"] for _, kind, data in found if kind == "message")]
    assert steps == [step.name for step in STEPS]
    assert {data["song_id"] for _, kind, data in found if kind == "message"} == {"whole"}
    assert next(row for row in grid(studio)["rows"] if row["song_id"] == "whole")["steps"] == "m" * len(STEPS)


def test_health_tells_when_the_daemon_of_a_running_platform_beat(platform: Platform, studio: RunningStudio) -> None:
    def beats() -> bool:
        daemon = studio.ask("GET", "/health")[1]["parts"]["daemon"]
        return bool(daemon["ok"] and daemon["heartbeat_age_s"] is not None and daemon["heartbeat_age_s"] < 60)

    wait_for(beats)


def test_a_song_whose_step_crashed_comes_first_with_the_reason(platform: Platform, studio: RunningStudio) -> None:
    _, told = studio.ask("POST", "/api/runs/start", {"song_id": "broken"})
    assert platform.wait(told["run_id"], timeout_s=120) == "FAILURE"
    wait_for(lambda: grid(studio)["rows"][0]["state"] == "failed")
    row = grid(studio)["rows"][0]
    assert row["song_id"] == "broken"
    assert BROKEN_STEP in row["reason"]
    assert row["run_id"] == told["run_id"]
    assert row["steps"][[step.name for step in STEPS].index(BROKEN_STEP)] == "f"
    assert row["steps"][0] == "m"


def test_only_what_has_changed_since_a_version_is_told(platform: Platform, studio: RunningStudio) -> None:
    version = grid(studio)["version"]
    assert grid(studio, f"?since={version}")["rows"] == []
    assert grid(studio, "?since=1")["all"] is True


def test_a_folder_that_is_no_song_is_named(studio: RunningStudio) -> None:
    (problem,) = grid(studio)["problems"]
    assert problem.startswith("1 ignored as no songs: 'No Song' is not named by a song id")


def test_a_repair_is_a_backfill_of_what_is_due_and_is_asked_for_once(platform: Platform, studio: RunningStudio) -> None:
    status, told = studio.ask("POST", "/api/runs/repair", {})
    assert (status, told["songs"]) == (200, 2)
    assert studio.ask("POST", "/api/runs/repair", {})[0] == 409
    wait_for(lambda: [each["run_id"] for each in grid(studio)["backfills"]] == [told["backfill_id"]])
    assert studio.ask("POST", "/api/runs/cancel", {"run_id": told["backfill_id"]})[0] == 200
    assert platform.wait_for_backfill(told["backfill_id"], timeout_s=120) == "CANCELED"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/runs/start", {"song_id": "../whole"}, 404),
        ("/api/runs/start", {"song_id": "whole", "job": "publish"}, 400),
        ("/api/runs/cancel", {"run_id": "x"}, 400),
        ("/api/runs/cancel", {"run_id": "00000000-0000-0000-0000-000000000000"}, 409),
        ("/api/runs/grid?state=none", None, 400),
        ("/api/runs/grid?first=-1", None, 400),
    ],
)
def test_what_makes_no_sense_is_refused(studio: RunningStudio, path: str, body: Any, status: int) -> None:
    assert studio.ask("POST" if body else "GET", path, body)[0] == status


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM")
def test_a_run_is_seen_live_and_cancelled_in_the_browser(platform: Platform, studio: RunningStudio) -> None:
    said: list[str] = []
    with sync_playwright() as driver, song_lock(DataPaths(platform.data), "held"):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(90_000)
        page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(studio.link.replace("/?", "/runs?"))
        _failed_first_with_reason(page)
        row = page.locator('tr[data-song="held"]')
        row.get_by_role("button", name="Run held").click()
        expect(page.locator('tr[data-song="held"]')).to_have_attribute("data-state", "running", timeout=90_000)
        dagster = page.locator("#runs-now a").first.get_attribute("href")
        page.locator("#runs-now").get_by_role("button", name="Cancel").click()
        page.get_by_text("It is cancelled").wait_for()
        assert dagster is not None
        run_id = dagster.rpartition("/")[2]
        assert dagster == f"{platform.url}/runs/{run_id}"
        assert platform.wait(run_id, timeout_s=120) == "CANCELED"
        page.locator("#runs-none").wait_for()
        page.locator('tr[data-song="whole"]').get_by_role("button", name="Run whole").click()
        page.locator(
            'tr[data-song="whole"][data-state="running"], tr[data-song="whole"][data-state="queued"]'
        ).wait_for()
        page.locator('tr[data-song="whole"][data-state="unfit"], tr[data-song="whole"][data-state="made"]').wait_for()
        page.keyboard.press("/")
        page.keyboard.type("brok")
        expect(page.locator("#runs-grid tbody tr")).to_have_count(1, timeout=60_000)
        browser.close()
    assert said == []


def _failed_first_with_reason(page: Page) -> None:
    first = page.locator("#runs-grid tbody tr").first
    first.wait_for()
    assert first.get_attribute("data-song") == "broken"
    assert BROKEN_STEP in first.locator(".runs-reason").inner_text()


def test_where_no_platform_runs_that_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    write_unreadable_song(paths.songs, "one")
    client = TestClient(Starlette(routes=runs_page.routes(Studio(paths, tmp_path / "home"))))
    assert "No platform runs" in client.get("/runs").text
    answer = client.post("/api/runs/start", json={"song_id": "one"})
    assert answer.status_code == 503
    assert "make ui" in answer.json()["to_do"]
    told = client.get("/api/runs/grid").json()
    assert (told["platform"], told["rows"][0]["state"]) == (None, "due")
    assert not (tmp_path / "home").exists()


def test_ten_thousand_songs_are_told_in_windows_and_by_what_has_changed(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    for number in range(10_000):
        (paths.songs / f"song-{number:05}").mkdir(parents=True)
    client = TestClient(Starlette(routes=runs_page.routes(Studio(paths, tmp_path / "home"))))
    told = client.get("/api/runs/grid?first=9990&count=20").json()
    assert (told["songs"], told["matching"], len(told["rows"])) == (10_000, 10_000, 10)
    assert len(client.get("/api/runs/grid").content) < 100_000
    assert len(client.get("/api/runs/grid?count=100000").json()["rows"]) == 500
    assert client.get("/api/runs/grid?search=SONG-00042").json()["matching"] == 1
    assert len(client.get(f"/api/runs/grid?since={told['version']}").content) < 1_000
