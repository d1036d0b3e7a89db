"""The library page: rows as SQL finds them, edits at once, addresses that hold, and many songs changed in one step."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import duckdb
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from flamingo_bark_assets.audio.song_review import SongReview
from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_changes import change_songs, undo
from flamingo_bark_assets.library.song_toml_edits import Value
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from flamingo_bark_assets.studio.library.index import LibraryIndex
from flamingo_bark_assets.studio.library.query import FILTERS, matching_ids, read_asked, window
from flamingo_bark_assets.training.suitability import Verdict
from tests.evidence import make_evidence
from tests.published_library import publish_library, song_name
from tests.songs import write_unreadable_song
from tests.studio import RunningStudio, running_studio

COUNT = 10_000
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
expect.set_options(timeout=20_000)
needs_chromium = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM")

CONDITIONS = {
    "fit": "suitable", "unfit": "NOT suitable", "not_run": "suitable IS NULL",
    "unreviewed": "coalesce(state, 'unreviewed') = 'unreviewed'", "accepted": "state = 'accepted'",
    "excluded": "state = 'excluded'",
    "conflicts": "song_id IN (SELECT song_id FROM claims WHERE verdict = 'conflict' AND note IS NULL)",
    "no_lyrics": "lyrics IS NULL AND source IS NULL", "no_licence": "licence IS NULL", "fallback": "is_fallback",
    "changed": "false",
}  # fmt: skip
JOINED = " LEFT JOIN ".join(
    ["raw_song", *(f"{table} USING (song_id)" for table in (
        "song_metadata", "song_features", "flamingo_captions", "suitability", "reviews", "song_lyrics",
    ))]
)  # fmt: skip


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    """A library of ten thousand songs; a test that changes it undoes that."""
    return publish_library(tmp_path_factory.mktemp("many") / "data", COUNT)


@pytest.fixture(scope="module")
def index(many: DataPaths) -> LibraryIndex:
    return LibraryIndex(many)


@pytest.fixture(scope="module")
def studio(many: DataPaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("studio"), many.root) as running:
        yield running


@pytest.fixture
def published(tmp_path: Path) -> DataPaths:
    """Two songs whose results are stored and published as a run leaves them; of the second one there is no verdict."""
    paths = DataPaths(tmp_path / "data")
    store = FeatureStore(paths.features)
    for song_id in ("a", "b"):
        write_unreadable_song(paths.songs, song_id)
        evidence = make_evidence(song_id, song={"tempo_bpm": 128.0, "key": "A minor"})
        for result in (evidence.raw_song, evidence.metadata, evidence.stems, evidence.song):
            store.write(result)
        store.write(SongReview(song_id=song_id, state="accepted", reviewed_by="jo", repeats=2))
    store.write(Verdict(song_id="a", suitable=False, reasons="it is clipped", suitable_stems=""))
    publish(store, ["a", "b"], paths.warehouse, RECORDS)
    return paths


def rows_of(paths: DataPaths) -> dict[str, dict[str, Any]]:
    return {row["song_id"]: row for row in LibraryIndex(paths).current().songs.to_dicts()}


def found(index: LibraryIndex, **parameters: str) -> list[str]:
    asked, problems = read_asked(parameters)
    assert problems == []
    return matching_ids(index.current().songs, asked)


def sql(paths: DataPaths, statement: str) -> list[Any]:
    with duckdb.connect(str(paths.warehouse), read_only=True) as connection:
        return [row[0] for row in connection.execute(statement).fetchall()]


def edited(paths: DataPaths, song_id: str, **values: Value) -> None:
    places: dict[Place, Value] = {tuple(name.split("__")): value for name, value in values.items()}
    assert change_songs(paths, {song_id: places}, by="maria", label="edit").entry


# Rows ---------------------------------------------------------------------------------------------------------------


def test_a_published_song_shows_its_verdict_with_the_reasons(published: DataPaths) -> None:
    rows = rows_of(published)
    row = rows["a"]
    assert (row["is_fit"], row["reasons"], row["review"], row["repeats"]) == (False, "it is clipped", "accepted", 2)
    assert (row["tempo_bpm"], row["tempo_confidence"], row["key"]) == (128.0, 0.9, "A minor")
    assert (row["changed"], rows["b"]["is_fit"]) == ([], None)


def test_songs_that_are_gone_or_never_ran_are_shown_as_they_are(published: DataPaths) -> None:
    shutil.rmtree(published.songs / "b")
    folder = write_unreadable_song(published.songs, "new")
    (folder if folder.is_dir() else folder.parent).joinpath("song.toml").write_text('title = "Just here"\n')
    rows = rows_of(published)
    assert set(rows) == {"a", "new"}
    assert (rows["new"]["title"], rows["new"]["is_fit"], rows["new"]["changed"]) == ("Just here", None, [])


def test_an_edit_shows_at_once_and_undone_again(published: DataPaths) -> None:
    index = LibraryIndex(published)
    version = index.current().version
    (before,) = index.current().songs.filter(song_id="a").to_dicts()
    edited(published, "a", title="New", genres=["dub", "techno"], licence="MIT", repeats=3, lyrics="la",
           review={"state": "excluded", "by": "maria", "reason": "ours no more"})  # fmt: skip
    (row,) = index.current().songs.filter(song_id="a").to_dicts()
    assert {name: row[name] for name in ("title", "genre", "licence", "repeats", "has_lyrics", "review")} == {
        "title": "New", "genre": "dub, techno", "licence": "MIT", "repeats": 3, "has_lyrics": True,
        "review": "excluded",
    }  # fmt: skip
    assert row["review_reason"] == "ours no more"
    assert "title" in row["changed"]
    assert index.current().version > version
    undo(published, "maria")
    (row,) = index.current().songs.filter(song_id="a").to_dicts()
    assert row == before


def test_an_edit_that_the_published_run_came_too_early_for_still_shows(published: DataPaths) -> None:
    edited(published, "a", title="New")
    later = time.time() + 10
    os.utime(published.warehouse, (later, later))
    assert rows_of(published)["a"]["title"] == "New"


def test_what_was_written_over_an_edit_since_wins(published: DataPaths) -> None:
    before = rows_of(published)["a"]
    edited(published, "a", title="New", licence="MIT")
    (published.songs / "a/song.toml").write_text('title = "Newer"\n')
    later = time.time() + 10
    os.utime(published.warehouse, (later, later))
    row = rows_of(published)["a"]
    assert (row["title"], row["licence"]) == ("Newer", before["licence"])


def test_a_hand_correction_is_shown_as_human(published: DataPaths) -> None:
    edited(published, "a", corrections__tempo_bpm=174.0, corrections__key="F# minor")
    row = rows_of(published)["a"]
    assert (row["tempo_bpm"], row["tempo_method"], row["key"], row["key_method"]) == (
        174.0,
        "human",
        "F# minor",
        "human",
    )


def test_a_conflict_that_was_decided_is_open_no_more(many: DataPaths, index: LibraryIndex) -> None:
    (before,) = index.current().songs.filter(song_id=song_name(6)).to_dicts()
    assert before["conflicts"] == 1
    edited(many, song_name(6), corrections__claims={"mix/caption/tempo/0": "keep"})
    try:
        (after,) = index.current().songs.filter(song_id=song_name(6)).to_dicts()
        assert after["conflicts"] == 0
    finally:
        undo(many, "maria")
    assert index.current().songs.filter(song_id=song_name(6))["conflicts"].to_list() == [1]


def test_a_library_without_a_warehouse_lists_its_songs(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    write_unreadable_song(paths.songs, "one")
    library = LibraryIndex(paths).current()
    assert (library.songs["song_id"].to_list(), library.problem) == (["one"], None)


def test_a_warehouse_that_cannot_be_read_is_told_and_the_songs_are_listed(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    write_unreadable_song(paths.songs, "one")
    paths.warehouse.write_bytes(b"no database" * 1000)
    library = LibraryIndex(paths).current()
    assert library.songs["song_id"].to_list() == ["one"]
    assert "warehouse.duckdb" in (library.problem or "") or "query failed" in (library.problem or "")


def test_a_warehouse_of_an_earlier_version_lacks_only_its_own_columns(published: DataPaths) -> None:
    published.warehouse.with_name("warehouse.duckdb.wal").unlink()
    with duckdb.connect(str(published.warehouse)) as connection:
        connection.execute("DROP TABLE reviews")
        connection.execute("DROP TABLE claims")
        connection.execute("ALTER TABLE song_metadata DROP custom_tag")
    assert rows_of(published)["a"]["is_fit"] is False


# Filters and sorting ------------------------------------------------------------------------------------------------


def test_each_filter_finds_what_sql_finds(many: DataPaths, index: LibraryIndex) -> None:
    assert set(CONDITIONS) == set(FILTERS)
    counts = window(index.current().songs, read_asked({})[0]).counts
    for name, condition in CONDITIONS.items():
        songs = sql(many, f"SELECT song_id FROM {JOINED} WHERE {condition} ORDER BY song_id")
        assert found(index, show=name, sort="song") == songs, name
        assert counts[name] == len(songs), name


def test_filters_search_and_tempo_hold_together(many: DataPaths, index: LibraryIndex) -> None:
    where = "suitable AND licence IS NULL AND tempo_bpm BETWEEN 100.5 AND 120 AND genre_tags = 'folk'"
    songs = sql(many, f"SELECT song_id FROM {JOINED} WHERE {where} ORDER BY tempo_bpm DESC, song_id")
    assert len(songs) > 10
    asked = {
        "show": "fit,no_licence",
        "bpm_from": "100.5",
        "bpm_to": "120",
        "q": "FOLK",
        "sort": "bpm",
        "order": "desc",
    }
    assert found(index, **asked) == songs


@pytest.mark.parametrize(
    ("column", "order", "by"),
    [
        ("title", "asc", "lower(title), song_id"), ("artist", "desc", "lower(artist) DESC NULLS LAST, song_id"),
        ("length", "asc", "duration_s NULLS LAST, song_id"), ("bpm", "asc", "tempo_bpm NULLS LAST, song_id"),
        ("bpm", "desc", "tempo_bpm DESC NULLS LAST, song_id"), ("key", "asc", "key, song_id"),
        ("fit", "asc", "suitable, song_id"), ("song", "desc", "song_id DESC"),
        ("review", "asc", "nullif(state, 'unreviewed') NULLS LAST, song_id"),
        ("repeats", "desc", "coalesce(repeats, 1) DESC, song_id"),
    ],
)  # fmt: skip
def test_rows_are_sorted_as_sql_sorts_them(
    many: DataPaths, index: LibraryIndex, column: str, order: str, by: str
) -> None:
    songs = sql(many, f"SELECT song_id FROM {JOINED} ORDER BY {by}")
    assert found(index, sort=column, order=order) == songs


def test_a_search_takes_every_word_as_it_is_written(index: LibraryIndex) -> None:
    assert found(index, q="title 77  house") == [
        song_name(number) for number in sorted(range(COUNT), key=lambda n: f"title {n}")
        if "77" in f"title {number} artist {number % 97} {song_name(number)}" and number % 4 == 1
        and number not in {4001, 4002, 4003}
    ]  # fmt: skip
    assert found(index, q=".*") == found(index, q="' OR 1=1 --") == []


def test_windows_follow_each_other_without_gap(index: LibraryIndex) -> None:
    songs = index.current().songs
    windows = [window(songs, read_asked({"limit": "300", "offset": str(offset)})[0]) for offset in (0, 300, 9900)]
    ids = [[row["song_id"] for row in each.rows] for each in windows]
    assert ids == [found(index)[:300], found(index)[300:600], found(index)[9900:]]


# HTTP ---------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "show=nothing", "show=fit,%00", "sort='; DROP TABLE songs; --", "sort=title desc", "order=sideways", "bpm_from=nan",
    "bpm_to=1e999", "bpm_from=-1", "bpm_to=fast", "limit=0", "limit=501", "limit=1e9", "offset=-1", "page=0", "page=-5",
    "page=99999999999999999999", "offset=1e300",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_parameters_are_refused_by_the_interface_and_ignored_by_the_page(
    studio: RunningStudio, query: str
) -> None:
    address = "?" + quote(query, safe="=,%")
    status, told = studio.ask("GET", f"/api/library{address}")
    assert (status, told["to_do"]) == (400, None)
    assert told["error"]
    status, page = studio.ask("GET", f"/{address}")
    assert status == 200
    assert page.count("<tr role=") == 101


@pytest.mark.parametrize("search", ["x" * 5000, "%", "_", "\0", "\ud83c", "'; --", "${7*7}", "{{7*7}}", "<script>"])
def test_any_search_is_only_a_search(studio: RunningStudio, search: str) -> None:
    asked = urlencode({"q": search}, errors="surrogatepass")
    status, told = studio.ask("GET", f"/api/library?{asked}")
    assert (status, told["total"]) == (200, 1 if search == "<script>" else 0)
    status, page = studio.ask("GET", f"/?{asked}")
    assert status == 200
    assert "<script>document" not in page
    assert "49" not in page.partition('id="q"')[2].partition(">")[0]


def test_the_interface_gives_rows_of_a_window_with_counts(studio: RunningStudio) -> None:
    status, told = studio.ask("GET", "/api/library?show=unfit&sort=song&limit=3&offset=2")
    assert status == 200
    assert [row["song_id"] for row in told["rows"]] == [song_name(10), song_name(15), song_name(20)]
    assert (told["songs"], told["total"], told["counts"]["fit"], told["counts"]["unfit"]) == (COUNT, 2000, 0, 2000)


def test_a_page_behind_the_last_one_shows_the_last_one(studio: RunningStudio) -> None:
    status, page = studio.ask("GET", "/?page=5000")
    assert status == 200
    assert "page 100 of 100" in page


@pytest.mark.parametrize(
    "body",
    [{"songs": []}, {"songs": ["a"] * 20_001}, {"songs": "a"}, {"songs": [1]}, {"other": 1}, b"{", b"[]"],
)  # fmt: skip
def test_what_song_toml_says_is_only_asked_in_one_form(studio: RunningStudio, body: Any) -> None:
    status, told = studio.ask("POST", "/api/library/said", body)
    assert status == 400
    assert told["error"]


def test_what_song_toml_says_is_told_with_locks_and_faults(studio: RunningStudio, many: DataPaths) -> None:
    path = many.songs / song_name(20) / "song.toml"
    path.write_text('licence = "MIT"\nrepeats = nan\nlocked = ["licence"]\n[review]\nat = 2026-11-30T01:00:00Z\n')
    try:
        status, told = studio.ask("POST", "/api/library/said", {"songs": [song_name(20), song_name(21), "../x", "no"]})
    finally:
        path.unlink()
    assert status == 200
    assert told["songs"] == {
        song_name(20): {"licence": "MIT", "repeats": "nan", "review": {"at": "2026-11-30T01:00:00Z"}},
        song_name(21): {},
    }
    assert told["locked"] == {song_name(20): ["licence"]}
    assert len(told["faults"]) == 2


def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with running_studio(tmp_path / "home", tmp_path / "data") as empty:
        status, page = empty.ask("GET", "/")
        assert status == 200
        for way in ('href="/add"', "flamingo-bark add", "make demo"):
            assert way in page
        assert empty.ask("GET", "/api/library")[1]["total"] == 0


# In the browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, studio: RunningStudio) -> Iterator[Page]:
    """The library page, of which the console must show no error, and which must ask no other host."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    faults: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(message.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(studio.url).netloc and not request.url.startswith("blob:"):
            faults.append(request.url)

    opened.on("console", said)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", asked)
    opened.goto(studio.link)
    yield opened
    context.close()
    assert faults == []


def row(page: Page, number: int) -> Any:
    return page.locator(f"#song-{song_name(number)}")


def shown_songs(page: Page) -> list[str]:
    songs: list[str] = page.locator("tr[data-song-id]").evaluate_all("rows => rows.map((row) => row.dataset.songId)")
    return songs


def selected(page: Page) -> str:
    return page.locator("#chosen-count").inner_text()


@pytest.mark.browser
@needs_chromium
def test_a_search_stands_in_the_address_and_survives_reload_and_back(page: Page, index: LibraryIndex) -> None:
    page.locator("#q").fill("title 123")
    expect(page.locator(".summary")).to_have_text(f"{len(found(index, q='title 123'))} of {COUNT:,} songs match")
    assert page.evaluate("location.search") == "?q=title+123"
    page.locator("#filter-fit").click()
    expect(page.locator("#filter-fit")).to_have_attribute("aria-pressed", "true")
    page.locator("#sort-bpm").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Tempo")
    wanted = found(index, q="title 123", show="fit", sort="bpm")[:100]
    assert shown_songs(page) == wanted
    page.reload()
    expect(page.locator("#q")).to_have_value("title 123")
    assert shown_songs(page) == wanted
    page.go_back()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Song")
    page.go_back()
    expect(page.locator("#filter-fit")).to_have_attribute("aria-pressed", "false")
    page.go_back()
    expect(page.locator(".summary")).to_contain_text(f"{COUNT:,} songs, 1 to 100 shown")
    expect(page.locator("#q")).to_have_value("")


@pytest.mark.browser
@needs_chromium
def test_shift_selects_a_range_also_over_pages_and_the_selection_outlives_a_filter(
    page: Page, index: LibraryIndex
) -> None:
    order = found(index)
    rows = page.locator("tr[data-song-id]")
    rows.nth(2).locator(".choose input").click()
    rows.nth(6).locator(".choose input").click(modifiers=["Shift"])
    assert selected(page) == "5 songs selected"
    page.locator("#page-next").click()
    expect(page.locator(".pages")).to_contain_text("page 2 of 100")
    assert selected(page) == "5 songs selected, 5 of them not shown here"
    page.locator("tr[data-song-id]").nth(1).locator(".artist").click(modifiers=["Shift"])
    expect(page.locator("#chosen-count")).to_have_text("100 songs selected, 98 of them not shown here")
    page.locator("#filter-excluded").click()
    total = len(found(index, show="excluded"))
    expect(page.locator("#choose-all")).to_have_text(f"Select all {total} that match")
    page.locator("#choose-all").click()
    expect(page.locator("#chosen-count")).to_contain_text(
        f"{len(set(order[2:102]) | set(found(index, show='excluded')))} songs selected"
    )
    page.keyboard.press("Escape")
    expect(page.locator("#chosen")).to_be_hidden()


FAIL_LATER = """() => {
  const really = fetch;
  globalThis.fetch = (url, asked) => {
    if (url === "/api/edits") return new Promise((answer) => {
      globalThis.fail = () => {
        globalThis.fetch = really;
        answer(Response.json({error: "the disk is full", to_do: null}, {status: 507}));
      };
    });
    if (!url.startsWith("/api/edits/")) return really(url, asked);
    return Promise.resolve(Response.json({stage: "writing", done: 20, of: 50}));
  };
}"""
"""Let the next change be on its way until `fail()`, and be refused then."""


@pytest.mark.browser
@needs_chromium
def test_fifty_songs_are_edited_in_one_step_and_one_undo_restores_every_byte(page: Page, many: DataPaths) -> None:
    files = [many.songs / song_name(number) / "song.toml" for number in range(50)]
    for number, file in enumerate(files[:-1]):
        locks = '\nlocked = ["licence"]' if number in {3, 4} else ""
        file.write_text(f'# song {number}\ngenres = [ "dub" ]  # as it is\nlicence = "L{number % 2}"{locks}\n')
    before = [file.read_bytes() if file.exists() else None for file in files]
    page.goto(page.url.partition("?")[0] + "?sort=song")
    page.locator("tr[data-song-id] .choose input").first.click()
    page.locator("tr[data-song-id] .choose input").nth(49).click(modifiers=["Shift"])
    page.locator("#edit-chosen").click()
    genre, licence = page.get_by_label("Genre", exact=True), page.get_by_label("Licence", exact=True)
    expect(page.locator("[data-place=genres] .now")).to_have_text("several values: 1 different, 1 without")
    expect(licence).to_have_attribute("placeholder", "several values")
    expect(page.locator("[data-place=licence] .now")).to_contain_text("locked in 2 songs")
    expect(page.locator("#bulk-save")).to_be_disabled()
    genre.fill("techno, house")
    licence.fill("CC-BY-4.0")
    page.locator("[data-place=custom_tag] .clear input").check()
    page.locator("#bulk-review").select_option("excluded")
    page.locator("#bulk-reason").fill("not ours")
    preview = page.locator("#bulk-preview")
    expect(preview).to_have_text("50 of 50 songs change. 2 locked places stay as they are.")
    page.evaluate(FAIL_LATER)
    page.locator("#bulk-save").click()
    expect(preview).to_have_text("Saved 20 of 50 songs …")
    expect(page.locator("#bulk-progress")).to_be_visible()
    page.evaluate("fail()")
    expect(page.locator("#bulk-progress")).to_be_hidden()
    expect(preview).to_have_text("50 of 50 songs change. 2 locked places stay as they are.")
    page.locator("#bulk-save").click()
    toast = page.locator(".said p", has_text="50 songs changed")
    expect(toast).to_contain_text("2 locked places left alone")
    expect(row(page, 0).locator("td[data-label=Genre]")).to_have_text("techno, house")
    expect(row(page, 0)).to_contain_text("excluded")
    assert files[49].read_text().startswith('genres = ["techno", "house"]\nlicence = "CC-BY-4.0"\n')
    assert b'licence = "L1"' in files[3].read_bytes()
    assert b"# song 0\n" in files[0].read_bytes()
    steps = [json.loads(line) for line in many.journal.read_text().splitlines()]
    assert steps[-1]["label"] == "genre, licence, review of 50 songs"
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".said p", has_text="undone")).to_be_visible()
    expect(row(page, 0)).not_to_contain_text("not ours")
    assert [file.read_bytes() if file.exists() else None for file in files] == before
    for file in files[:-1]:
        file.unlink()


def test_a_change_of_many_songs_says_how_far_it_is_and_is_one_step(studio: RunningStudio, many: DataPaths) -> None:
    job = "0123456789abcdef" * 2
    songs = {song_name(number): {"licence": "MIT"} for number in range(500)}
    assert studio.ask("GET", f"/api/edits/{job}") == (200, None)
    seen: list[dict[str, Any]] = []
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(studio.ask, "POST", "/api/edits", {"job": job, "songs": songs})
        while not change.done():
            seen += [told] if (told := studio.ask("GET", f"/api/edits/{job}")[1]) else []
    assert change.result()[0] == 200
    assert {each["of"] for each in seen} == {500}
    told = [(each["stage"], each["done"]) for each in seen]
    assert told == sorted(told)  # first read, then written, and never fewer
    assert {stage for stage, _ in told} <= {"reading", "writing"} and {done % 20 for _, done in told} == {0}
    assert studio.ask("GET", f"/api/edits/{job}") == (200, None)
    assert studio.ask("POST", "/api/undo")[1]["entry"]["songs"] == 500
    assert not any((many.songs / song_id / "song.toml").exists() for song_id in songs)


@pytest.mark.browser
@needs_chromium
def test_a_song_that_somebody_else_has_changed_meanwhile_is_told_and_left_alone(page: Page, many: DataPaths) -> None:
    file = many.songs / song_name(100) / "song.toml"
    page.goto(page.url.partition("?")[0] + "?q=song-0010&sort=song")
    for number in (100, 101):
        row(page, number).locator(".choose input").click()
    page.locator("#edit-chosen").click()
    page.get_by_label("Licence", exact=True).fill("MIT")
    file.write_text('licence = "theirs"\n')
    page.locator("#bulk-save").click()
    expect(page.locator(".said p", has_text="changed by somebody else and left alone")).to_be_visible()
    expect(page.locator(".said p", has_text="1 song changed")).to_be_visible()
    assert file.read_text() == 'licence = "theirs"\n'
    file.unlink()
    page.keyboard.press("u")
    expect(page.locator(".said p", has_text="undone")).to_be_visible()


@pytest.mark.browser
@needs_chromium
def test_the_keyboard_alone_searches_selects_edits_and_opens(page: Page, many: DataPaths) -> None:
    page.keyboard.press("/")
    page.keyboard.type("song-0020")
    page.keyboard.press("Enter")
    expect(page.locator(".summary")).to_have_text(f"10 of {COUNT:,} songs match")
    page.locator("#q").press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    expect(row(page, 200)).to_be_focused()
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    assert selected(page) == "3 songs selected"
    expect(row(page, 202)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Control+a")
    expect(page.locator("#chosen-count")).to_have_text("10 songs selected")
    page.keyboard.press("e")
    expect(page.locator("#bulk")).to_be_visible()
    page.keyboard.type("dub")
    page.keyboard.press("Enter")
    expect(page.locator(".said p", has_text="10 songs changed")).to_be_visible()
    assert (many.songs / song_name(209) / "song.toml").read_text() == 'genres = ["dub"]\n'
    expect(row(page, 209).locator("td[data-label=Genre]")).to_have_text("dub")
    page.keyboard.press("u")
    expect(page.locator(".said p", has_text="undone")).to_be_visible()
    expect(row(page, 209).locator("td[data-label=Genre]")).not_to_have_text("dub")
    assert not (many.songs / song_name(209) / "song.toml").exists()
    page.route("**/songs/*", lambda route: route.fulfill(body="<title>a song</title>", content_type="text/html"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/songs/song-002*")


@pytest.mark.browser
@needs_chromium
def test_hostile_titles_are_only_text_and_do_not_break_the_table(page: Page) -> None:
    page.goto(page.url.partition("?")[0] + "?q=song-0400&sort=song")
    titles = page.locator("a.title")
    assert titles.nth(1).inner_text().startswith("<img src=x")
    expect(titles.nth(2).locator("bdi")).to_have_count(1)
    assert len(titles.nth(3).inner_text()) == 300
    assert page.title() == "Library · Flamingo-Bark"
    for place in ("td.words", ".artist"):  # a genre or an artist without a space
        page.locator(place).first.evaluate("cell => { cell.textContent = 'L'.repeat(300); }")
    width = page.locator("table.library").evaluate("table => table.getBoundingClientRect().right")
    assert width <= 1400
    page.keyboard.press("Tab")
    assert page.locator("td img, td script").count() == 0


@pytest.mark.browser
@needs_chromium
def test_a_row_draws_its_sound_and_one_song_plays_at_a_time(page: Page) -> None:
    page.goto(page.url.partition("?")[0] + "?sort=song")
    drawn = (
        "canvas => canvas.getContext('2d', {willReadFrequently: true})"
        ".getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)"
    )
    first, second = row(page, 0), row(page, 1)
    expect(first.locator("canvas")).to_be_visible()
    expect(first.locator("canvas")).to_have_attribute("data-drawn", "true")
    expect(second.locator("canvas")).to_have_attribute("data-drawn", "true")
    assert first.locator("canvas").evaluate(drawn)
    first.locator(".play").click()
    expect(first.locator(".play")).to_have_attribute("aria-pressed", "true")
    second.focus()
    page.keyboard.press("Space")
    expect(second.locator(".play")).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".play")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Space")
    expect(second.locator(".play")).to_have_attribute("aria-pressed", "false")
