"""The page of datasets: its figures are those of the warehouse, and exports run, stop, compare and download as told."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import signal
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.audio.song_review import SongReview
from flamingo_bark_assets.clips.records import Clip, TrainingClips
from flamingo_bark_assets.errors import WriteError
from flamingo_bark_assets.library.song_changes import change_songs
from flamingo_bark_assets.storage.tables import long_table
from flamingo_bark_assets.studio.datasets.archives import Form, archive, archive_length, safe_name
from flamingo_bark_assets.studio.datasets.export_store import ExportChoice, ExportStore, compare
from flamingo_bark_assets.studio.datasets.facts import dataset_facts
from tests.studio import RunningStudio, running_studio
from tests.studio_library import HOSTILE, Library, new_library
from tests.test_browser import CHROMIUM, QUIET

VIEW = {"target": "webdataset", "view": "coarse"}
FOLDER = "webdataset-coarse"
INSIDE = ("open", "closed", "silent")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Songs that go in, one of them hostile, and songs that stay out for four reasons."""
    made = new_library(tmp_path_factory.mktemp("studio") / "home")
    made.add("open", title=HOSTILE, genre=f"rock; {HOSTILE[:30]}")
    made.add("closed", licence="all rights reserved")
    made.add("silent", licence=None, artist=None)
    made.add("short")
    made.make_unfit("short", "min_duration", "the song lasts 4 s; at least 5 s is needed")
    made.add("empty")
    made.change(TrainingClips, "empty", lambda clips: TrainingClips(song_id="empty", cut_by="downbeats", clips=()))
    made.publish()
    (made.paths.songs / "late").mkdir()  # came after the publication
    return made


@pytest.fixture
def copied(library: Library, tmp_path: Path) -> Library:
    """A copy that a test may change, of which nothing was exported."""
    shutil.copytree(library.paths.root, tmp_path / "data", symlinks=True, ignore=shutil.ignore_patterns("exports"))
    return Library(type(library.paths)(tmp_path / "data"), library.finished)


@pytest.fixture(scope="module")
def studio(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("home"), library.paths.root) as running:
        yield running


def until(asked: Callable[[], Any]) -> Any:
    """Ask until there is an answer; what never comes is ended by the guard of the suite."""
    while not (found := asked()):
        time.sleep(0.02)
    return found


def ended(studio: RunningStudio, job: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = studio.ask("GET", f"/api/exports/{job['id']}")[1]
        return found if found["has_ended"] else None

    told: dict[str, Any] = until(look)
    return told


def exported(studio: RunningStudio, **asked: Any) -> dict[str, Any]:
    status, told = studio.ask("POST", "/api/exports", {**VIEW, **asked})
    assert status == 202, told
    return ended(studio, told["job"])


def downloaded(studio: RunningStudio, folder: str, form: str) -> tuple[bytes, int]:
    request = urllib.request.Request(
        f"{studio.url}/exports/{folder}/download?form={form}",
        headers={"Authorization": f"Bearer {studio.keys.script_token}"},
    )
    with urllib.request.urlopen(request) as response:
        return response.read(), int(response.headers["Content-Length"])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_sums_are_those_of_the_stored_results(studio: RunningStudio, library: Library) -> None:
    page = studio.ask("GET", "/datasets")[1]
    said = dict(re.findall(r'<dd id="([a-z-]+)">([0-9.]+)</dd>', page))
    store = library.store
    clips, _ = store.read_columns("clips", store.song_ids(), long_table(Clip).columns)
    hours = sum(store.read(RawSong, song_id).duration_s.value or 0.0 for song_id in clips["song_id"].unique()) / 3600
    assert said == {
        "songs-in": str(clips["song_id"].n_unique()), "hours-in": f"{hours:.2f}", "clips-in": str(len(clips)),
        "songs-out": "3",
    }  # fmt: skip


def test_each_song_that_stays_out_stands_under_its_reason(studio: RunningStudio) -> None:
    page = studio.ask("GET", "/datasets")[1]
    rows = dict(re.findall(r'<tr data-reason="([a-z_]+)">(.*?)</tr>', page, re.DOTALL))
    assert {code: re.findall(r'href="/songs/([a-z]+)"', row) for code, row in rows.items()} == {
        "min_duration": ["short"], "no_clips": ["empty"], "not_made": ["late"],
    }  # fmt: skip
    assert "the song lasts 4 s" in rows["min_duration"]
    status, listed = studio.ask("GET", "/datasets/left-out/min_duration")
    assert status == 200 and "the song lasts 4 s" in listed
    assert studio.ask("GET", "/datasets/left-out/nothing")[0] == 404


def test_the_shares_are_those_of_sql(studio: RunningStudio, library: Library) -> None:
    page = studio.ask("GET", "/datasets")[1]
    with duckdb.connect(str(library.paths.warehouse), read_only=True) as connection:
        splits = dict(connection.execute(
            "SELECT split, count(*) FROM splits WHERE song_id IN (SELECT song_id FROM clips) GROUP BY split"
        ).fetchall())  # fmt: skip
    (section,) = re.findall(r"<h3>Split</h3>(.*?)</section>", page, re.DOTALL)
    told = re.findall(r'<th scope="row">(\w+)</th><td class="number">(\d+)</td>', section)
    assert {split: int(songs) for split, songs in told} == splits
    assert "does not allow" in page or "is not known to allow commercial use" in page
    assert "songs are duplicates of each other" in page


def test_a_chart_has_a_table_with_all_of_its_songs(studio: RunningStudio) -> None:
    page = studio.ask("GET", "/datasets")[1]
    for name in ("Tempo", "Key", "Length", "Loudness"):
        (figure,) = re.findall(rf"<figure[^>]*>\s*<figcaption><h3>{name}.*?</figure>", page, re.DOTALL)
        unknown = re.search(r"not known of (?:any song; not known of )?(\d+)", figure)
        table = sum(map(int, re.findall(r'<td class="number">(\d+)</td>', figure)))
        assert table + int(unknown[1] if unknown else 0) == 3
        assert bool(table) == ("<rect" in figure)
    assert "style=" not in page


def test_a_title_is_never_markup(studio: RunningStudio) -> None:
    page = studio.ask("GET", "/datasets")[1]
    assert "<img" not in page and "</script><img" not in page


def test_what_lacks_is_told_with_numbers(studio: RunningStudio) -> None:
    page = studio.ask("GET", "/datasets")[1]
    assert "1 song without a licence" in page
    (audiocraft,) = re.findall(r'id="trainer-audiocraft">.*?</section>', page, re.DOTALL)
    assert "1 song without title or artist" in audiocraft
    (webdataset,) = re.findall(r'id="trainer-webdataset">.*?</section>', page, re.DOTALL)
    assert "0 songs, 0 clips, 0.00 h in the view 30s" in webdataset


def test_a_song_that_a_person_has_excluded_stays_out(copied: Library) -> None:
    copied.store.write(SongReview(song_id="open", state="excluded", reason="a duet", repeats=1))
    copied.publish()
    facts = dataset_facts(copied.paths.warehouse, ())
    assert facts is not None
    reasons = {reason.code: reason.examples for reason in facts.reasons}
    assert reasons["excluded"] == (("open", HOSTILE, "a duet"),)
    assert facts.inside == {"closed", "silent"}


def test_where_nothing_is_published_the_page_says_so(tmp_path: Path) -> None:
    (tmp_path / "data/songs/new").mkdir(parents=True)
    with running_studio(tmp_path / "home", tmp_path / "data") as studio:
        status, page = studio.ask("GET", "/datasets")
        assert status == 200 and "Nothing is published yet: the library has 1 song" in page
        assert studio.ask("GET", "/api/conflicts")[1]["is_published"] is False


def _reworded(clips: TrainingClips) -> TrainingClips:
    return dataclasses.replace(
        clips, clips=tuple(dataclasses.replace(clip, text="Other words.") for clip in clips.clips)
    )


def test_an_export_is_verified_compared_downloaded_and_loads(copied: Library, tmp_path: Path) -> None:
    import webdataset

    with running_studio(tmp_path / "home", copied.paths.root) as studio:
        first = exported(studio)
        assert (first["status"], first["verification"]["clean"], first["difference"]) == ("done", True, None)
        body, length = downloaded(studio, FOLDER, "zip")
        assert len(body) == length
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            assert packed.testzip() is None
            packed.extractall(tmp_path / "taken")
        folder = tmp_path / "taken" / f"flamingo-bark-{FOLDER}"
        assert contents(folder) == contents(copied.paths.exports / FOLDER)
        shards = sorted(map(str, folder.glob("train/*.tar")))
        samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
        assert len(samples) == first["report"]["clips"]["train"]

        said = change_songs(copied.paths, {"closed": {("review", "state"): "excluded"}}, by="me", label="x")
        assert said.entry
        copied.add("added")
        copied.change(TrainingClips, "silent", _reworded)
        second = exported(studio)
        songs = second["difference"]["songs"]
        assert {name: songs[f"{name}_names"] for name in ("added", "removed", "changed")} == {
            "added": ["added"], "removed": ["closed"], "changed": ["silent"],
        }  # fmt: skip
        reworded = [clip for clip in copied.store.read(TrainingClips, "silent").clips if clip.view == "coarse"]
        assert (songs["same"], second["difference"]["rows"]["changed"]) == (1, len(reworded))
        body, _ = downloaded(studio, FOLDER, "tar")
        with tarfile.open(fileobj=io.BytesIO(body)) as packed:
            assert len(packed.getnames()) == len(contents(copied.paths.exports / FOLDER))


def test_a_finding_is_told_by_file_and_row(copied: Library, tmp_path: Path) -> None:
    copied.change(TrainingClips, "open", lambda clips: dataclasses.replace(
        clips, clips=tuple(
            dataclasses.replace(clip, tempo_bpm=120.0, text="A waltz at 31 BPM in F# minor.") for clip in clips.clips
        )
    ))  # fmt: skip
    with running_studio(tmp_path / "home", copied.paths.root) as studio:
        told = exported(studio)
        assert told["status"] == "done", told
        rows = told["verification"]["findings"]
        assert rows and told["verification"]["found"] == len(rows)
        assert all({"file", "row", "rule", "message", "severity"} <= row.keys() for row in rows)
        brief = next(job for job in studio.ask("GET", "/api/exports")[1]["jobs"] if job["id"] == told["id"])
        assert "findings" not in brief["verification"]


def child_of(studio: RunningStudio) -> psutil.Process | None:
    found = psutil.Process(studio.process.pid).children(recursive=True)
    return next((each for each in found if any("export_worker" in part for part in each.cmdline())), None)


def half_made(library: Library) -> list[Path]:
    """What of the exports is being written."""
    return (
        [path for path in library.paths.exports.glob(".*") if path.is_dir()] if library.paths.exports.exists() else []
    )


@pytest.fixture
def stopped_midway(copied: Library, tmp_path: Path) -> Iterator[tuple[RunningStudio, dict[str, Any], psutil.Process]]:
    """An export that is held in the middle of writing, with another that waits behind it."""
    for number in range(3):
        copied.add(f"more-{number}")
    with running_studio(tmp_path / "home", copied.paths.root) as studio:
        job = studio.ask("POST", "/api/exports", VIEW)[1]["job"]
        until(lambda: half_made(copied))
        child = child_of(studio)
        assert child is not None
        child.suspend()
        assert not (copied.paths.exports / FOLDER).exists()
        yield studio, job, child
        if child.is_running():
            child.kill()


def test_a_killed_studio_leaves_no_half_export_and_the_next_says_so(
    stopped_midway: tuple[RunningStudio, dict[str, Any], psutil.Process], copied: Library, tmp_path: Path
) -> None:
    studio, job, child = stopped_midway
    studio.process.send_signal(signal.SIGKILL)
    studio.process.wait()
    child.kill()  # as the machine went down with both
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert half_made(copied)
    with running_studio(tmp_path / "home", copied.paths.root) as again:
        (told,) = again.ask("GET", "/api/exports")[1]["jobs"]
        assert (told["id"], told["status"]) == (job["id"], "interrupted")
        assert not half_made(copied)
        assert exported(again)["verification"]["clean"]


def test_an_export_ends_with_the_studio_that_runs_it(
    stopped_midway: tuple[RunningStudio, dict[str, Any], psutil.Process], copied: Library
) -> None:
    studio, _, child = stopped_midway
    studio.process.send_signal(signal.SIGKILL)
    studio.process.wait()
    child.resume()
    until(lambda: not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE)
    assert not half_made(copied) and not (copied.paths.exports / FOLDER).exists()


def test_one_export_runs_at_a_time_and_is_cancelled_with_nothing_left(
    stopped_midway: tuple[RunningStudio, dict[str, Any], psutil.Process], copied: Library
) -> None:
    studio, job, child = stopped_midway
    waiting = studio.ask("POST", "/api/exports", {"target": "ace-step"})[1]["job"]
    assert (waiting["status"], waiting["before_it"]) == ("queued", 1)
    assert studio.ask("POST", "/api/exports", VIEW)[0] == 409
    standing = copied.paths.exports / FOLDER / "provenance"
    standing.mkdir(parents=True)
    (standing / "export.json").write_text('{"target": "webdataset", "songs": {}, "clips": {}, "hours": {}}')
    assert studio.ask("GET", f"/exports/{FOLDER}/download")[0] == 409, "while it is being made anew"
    shutil.rmtree(standing.parent)
    assert studio.ask("DELETE", f"/api/exports/{waiting['id']}")[1]["job"]["status"] == "cancelled"
    assert studio.ask("DELETE", f"/api/exports/{job['id']}")[0] == 200
    child.resume()
    assert ended(studio, job)["status"] == "cancelled"
    assert not half_made(copied) and not (copied.paths.exports / FOLDER).exists()
    assert studio.ask("DELETE", f"/api/exports/{job['id']}") == (200, {"job": None})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/exports/nothing/download", 404), ("/exports/..%2F..%2Fsongs/download", 404), ("/exports/../download", 404),
        ("/exports/webdataset-coarse/download?form=rar", 400), ("/api/exports/0123456789abcdef", 404),
        ("/api/exports/..", 404),
    ],
)  # fmt: skip
def test_only_exports_are_given_away(studio: RunningStudio, path: str, status: int) -> None:
    assert studio.ask("GET", path)[0] == status


@pytest.mark.parametrize(
    "asked",
    [
        {"target": "nothing"}, {"target": "bark", "view": "30s"}, {"target": "ace-step", "view": "7min"},
        {"target": "ace-step", "custom_tag": "a\nb"}, {"target": "ace-step", "out": "/etc"}, {},
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_at_once(studio: RunningStudio, asked: dict[str, Any]) -> None:
    status, told = studio.ask("POST", "/api/exports", asked)
    assert status == 400 and told["error"]


def test_an_export_without_a_song_fails_with_the_reason(studio: RunningStudio) -> None:
    told = exported(studio, accepted_only=True)
    assert told["status"] == "failed" and "nobody has accepted it" in told["error"]


def test_different_choices_stand_in_folders_of_their_own() -> None:
    choices = [
        ExportChoice("bark"), ExportChoice("ace-step", "full"), ExportChoice("ace-step", commercial=True),
        ExportChoice("ace-step", accepted_only=True), ExportChoice("ace-step", by_artist=True),
        ExportChoice("ace-step", custom_tag="../a"), ExportChoice("ace-step", custom_tag="b"),
    ]  # fmt: skip
    folders = {choice.folder for choice in choices}
    assert len(folders) == len(choices) and all(re.fullmatch(r"[a-z0-9-]+", folder) for folder in folders)


def test_a_difference_counts_songs_and_rows() -> None:
    before = {"a": {"1": "x", "2": "y"}, "b": {"1": "z"}, "c": {"1": "w"}}
    found = compare(before, {"a": {"1": "x", "3": "y"}, "c": {"1": "w"}, "d": {"1": "v", "2": "u"}})
    assert (found.songs.added, found.songs.removed, found.songs.changed, found.songs.same) == (1, 1, 1, 1)
    assert (found.rows.added, found.rows.removed, found.rows.changed, found.rows.same) == (3, 2, 0, 2)


def test_a_damaged_memory_of_exports_stops_nothing(copied: Library) -> None:
    store = ExportStore(copied.paths)
    (store.folder / "jobs").mkdir(parents=True)
    (store.folder / "jobs/0123456789abcdef.json").write_text("{")
    (store.folder / f"{FOLDER}.rows.gz").write_bytes(b"no gzip")
    (copied.paths.exports / FOLDER).mkdir(parents=True)
    assert store.jobs() == [] and store.standing() == []
    assert store.remember(FOLDER) is not None


NAMES = ["plain.wav", 'q"uo:te?.txt', "con", "aux.wav", "ends.", "back\\slash", "new\nline", "ünï\u202e𝄞", "100%"]


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_names_in_an_archive_are_safe_and_its_length_is_known(form: Form, tmp_path: Path) -> None:
    inside = tmp_path / "in" / "deep"
    inside.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (inside / name).write_bytes(bytes([number]) * number * 1000)
    (inside / os.fsdecode(b"bad\xff")).write_bytes(b"")
    (inside / "link").symlink_to("/etc/hostname")
    (inside / ".hidden").write_text("no")
    (inside / "empty").mkdir()
    os.mkfifo(inside / "pipe")
    made = b"".join(archive(tmp_path / "in", "out", form))
    assert len(made) == archive_length(tmp_path / "in", "out", form)
    if form == "zip":
        with zipfile.ZipFile(io.BytesIO(made)) as packed:
            assert packed.testzip() is None
            found = {name: packed.read(name) for name in packed.namelist()}
    else:
        with tarfile.open(fileobj=io.BytesIO(made)) as taken:
            files = {member.name: taken.extractfile(member) for member in taken}
            found = {name: file.read() for name, file in files.items() if file is not None}
    assert found == {
        f"out/deep/{safe_name(name)}": bytes([number]) * number * 1000 for number, name in enumerate(NAMES)
    } | {"out/deep/bad%FF": b""}
    assert not [name for name in found if re.search(r'[\\:*?"<>|\x00-\x1f]|/(con|aux)\b|\.$', name)]


def test_a_file_that_changes_while_it_is_sent_breaks_the_archive_off(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a" * 2_000_000)
    pieces = archive(tmp_path, "out", "zip")
    next(pieces), next(pieces)
    (tmp_path / "a.wav").write_bytes(b"a")
    with pytest.raises(WriteError, match="was cut while it was sent"):
        list(pieces)


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM")
def test_a_person_exports_and_downloads_in_the_browser(copied: Library, tmp_path: Path) -> None:
    told: list[str] = []
    with running_studio(tmp_path / "home", copied.paths.root) as studio, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 800})
        page.set_default_timeout(180_000)  # of a machine that does much else
        _listen(page, told, studio.url)
        page.goto(studio.link.replace("/?", "/datasets?"))
        page.locator("#trainer-webdataset").locator("..").get_by_role("button", name="Export for this").click()
        page.get_by_label("View of the clips").select_option("coarse")
        page.get_by_role("button", name="Export", exact=True).click()
        page.locator(".job progress").wait_for()
        page.reload()
        page.locator('.job[data-status="done"]').wait_for()
        rows = sum(clip.view == "coarse" for one in INSIDE for clip in copied.store.read(TrainingClips, one).clips)
        page.get_by_text(f"Verified: nothing found in {rows} rows").wait_for()
        page.get_by_text("there is nothing to compare it with").wait_for()
        with page.expect_download() as download:
            page.locator(".job").get_by_role("link", name="Download zip").click()
        download.value.save_as(tmp_path / "taken.zip")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.title().startswith("Datasets")
        browser.close()
    assert zipfile.ZipFile(tmp_path / "taken.zip").testzip() is None
    assert told == []


def _listen(page: Page, told: list[str], url: str) -> None:
    """Gather whatever the console shows, and requests to other hosts."""

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            told.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith((url, "data:", "blob:")) else told.append(request.url)
    )
