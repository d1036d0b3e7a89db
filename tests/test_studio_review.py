"""The page of a song: what it tells is what is stored, and whatever a reviewer does stands in song.toml."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.library.judgements import claim_name, place_text
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.studio.review.lyrics_rows import lyrics_rows
from flamingo_bark_assets.studio.review.texts import spans_of
from flamingo_bark_assets.training.files import dataset_files
from flamingo_bark_assets.training.suitability import Verdict
from tests.reviewed_songs import SAID, SONG_TOML, ReviewPage, claims_of, run_due, watched, write_and_make
from tests.songs import write_unreadable_song
from tests.studio import RunningStudio, running_studio
from tests.test_browser import CHROMIUM, QUIET

MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egnp.exe'
in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM"),
]


def browser_test(test: Any) -> Any:
    for mark in in_browser:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def studio(new_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    folder = tmp_path_factory.mktemp("review")
    shutil.copytree(new_home, folder / "home")
    paths = DataPaths(folder / "data")
    write_and_make(paths, folder / "home")
    with running_studio(folder / "home", paths.root) as running:
        yield running


@pytest.fixture(scope="module")
def browser(studio: RunningStudio) -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def paths(studio: RunningStudio) -> Iterator[DataPaths]:
    """The data folder; what a test changes by hand is taken back behind it."""
    found = DataPaths(studio.data)
    yield found
    (found.songs / "one" / "song.toml").write_text(SONG_TOML)
    for song_id in ("two", "three"):
        (found.songs / song_id / "song.toml").unlink(missing_ok=True)
    found.journal.unlink(missing_ok=True)


@pytest.fixture
def review(browser: Browser, studio: RunningStudio, paths: DataPaths) -> Iterator[ReviewPage]:
    """A page of a browser of its own; it must have complained of nothing and asked nobody else."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    opened = watched(context.new_page(), studio)
    yield opened
    complaints, hosts = list(opened.complaints), set(opened.hosts)
    context.close()
    assert complaints == []
    assert hosts <= {studio.url.removeprefix("http://")}


def said(paths: DataPaths, song_id: str = "one") -> dict[str, Any]:
    return tomllib.loads((paths.songs / song_id / "song.toml").read_text())


def told(studio: RunningStudio, song_id: str = "one") -> dict[str, Any]:
    status, data = studio.ask("GET", f"/api/songs/{song_id}")
    assert status == 200
    assert isinstance(data, dict)
    return data


def change(studio: RunningStudio, song_id: str, **places: Any) -> None:
    named = {name.replace("__", "."): value for name, value in places.items()}
    status, answer = studio.ask("POST", "/api/edits", {"label": "test", "songs": {song_id: named}})
    assert status == 200, answer


def hear(page: Page, time_s: str) -> None:
    """Let the player be where an expression says."""
    page.evaluate(f"""async () => {{
      const {{Player}} = await import("/static/player.js");
      Player.prototype.time = () => {time_s};
    }}""")


# Chromium


@browser_test
def test_a_conflict_shows_claim_and_measurement_and_plays_the_place(review: ReviewPage) -> None:
    page = review.open("one")
    mark = page.get_by_role("button", name="97 BPM: conflicts with the measurement, 12")
    mark.focus()
    page.keyboard.press("Enter")
    shown = page.get_by_role("group", name="What was measured")
    expect(shown).to_contain_text("tempo 97")
    expect(shown).to_contain_text("Confidence")
    expect(shown).to_be_in_viewport()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    shown.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(mark).to_be_focused()


@browser_test
def test_a_caption_edited_by_keys_alone_stands_in_song_toml_and_after_a_run_in_the_dataset(
    review: ReviewPage, paths: DataPaths, studio: RunningStudio
) -> None:
    page = review.open("one")
    page.get_by_text("bass: 3 of 3 answers").click()
    page.locator('[data-editable="edits.bass.caption"]').focus()
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type("A bass that walks, by me. N and X and A.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("the datasets have it after the next run")).to_be_visible()
    assert said(paths)["edits"]["bass"]["caption"] == "A bass that walks, by me. N and X and A."
    assert "# mine" in (paths.songs / "one" / "song.toml").read_text()
    expect(page.locator("#progress")).to_contain_text("flamingo captions")
    run_due(paths, studio.home, "one")
    assert "A bass that walks" in dataset_files(paths, "one").dataset.read_text()
    expect(page.locator("#progress")).to_contain_text("all is made")
    expect(page.get_by_text("the datasets have it after the next run")).to_have_count(0)


def test_a_claim_that_is_kept_is_in_the_caption_after_the_next_run(studio: RunningStudio, paths: DataPaths) -> None:
    def caption() -> str:
        (answer,) = (
            answer for answer in FeatureStore(paths.features).read(Captions, "one").answers
            if (answer.part, answer.question) == ("mix", "caption")
        )  # fmt: skip
        return answer.text or ""

    assert "97 BPM" in SAID
    assert "97 BPM" not in caption()
    place = place_text(("corrections", "claims", claim_name("mix", "caption", "tempo", "97")))
    status, told = studio.ask(
        "POST", "/api/edits", {"songs": {"one": {place: "keep"}}, "expected": {"one": {place: None}}}
    )
    assert status == 200, told
    run_due(paths, studio.home, "one")
    assert "97 BPM" in caption()
    assert "97 BPM" in dataset_files(paths, "one").dataset.read_text()
    assert studio.ask("POST", "/api/undo")[0] == 200
    run_due(paths, studio.home, "one")
    assert "97 BPM" not in caption()


@browser_test
def test_a_stale_edit_from_a_second_tab_shows_the_difference(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    page.locator('[data-editable="artist"]').get_by_role("button", name="Edit Artist").click()
    second = page.context.new_page()
    ReviewPage(second, review.studio).open("one")
    second.get_by_role("button", name="Edit Artist").click()
    second.get_by_role("textbox", name="Artist").fill("Theirs")
    second.keyboard.press("Enter")
    expect(second.locator('[data-editable="artist"]')).to_contain_text("Theirs")
    page.bring_to_front()
    page.get_by_role("textbox", name="Artist").fill("Mine")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Theirs")
    expect(dialog).to_contain_text("Mine")
    assert said(paths)["artist"] == "Theirs"
    dialog.get_by_role("button", name="Write mine").click()
    expect(page.locator('[data-editable="artist"]')).to_contain_text("Mine")
    assert said(paths)["artist"] == "Mine"


@browser_test
def test_accept_goes_to_the_next_unreviewed_song_and_undo_after_a_reload_takes_it_back(
    review: ReviewPage, paths: DataPaths
) -> None:
    (paths.songs / "three" / "song.toml").write_text('[review]\nstate = "accepted"\n')
    page = review.open("one")
    page.keyboard.press("a")
    page.wait_for_url("**/songs/two")
    assert said(paths)["review"]["state"] == "accepted"
    assert said(paths)["review"]["by"]
    page.reload()
    expect(page.locator("#verdict > *").first).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("undone: accept one")).to_be_visible()
    assert "review" not in said(paths)


@browser_test
def test_excluding_asks_for_a_reason_which_is_shown_and_can_be_cleared(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("two")
    page.keyboard.press("x")
    page.keyboard.type("a duet, not ours")
    page.keyboard.press("Enter")
    page.wait_for_url("**/songs/one")
    assert said(paths, "two")["review"]["reason"] == "a duet, not ours"
    page = review.open("two")
    expect(page.locator("#review-state")).to_contain_text("excluded by")
    page.get_by_role("button", name="Clear the review").click()
    expect(page.locator("#review-state")).to_have_text("not reviewed")
    assert "review" not in said(paths, "two")


@browser_test
def test_a_locked_field_is_not_edited_until_it_is_unlocked(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    title = page.locator('[data-editable="title"]')
    title.focus()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Unlock Title")).to_be_visible()
    assert said(paths)["locked"] == ["title"]
    title.focus()
    page.keyboard.press("e")
    expect(page.get_by_text("Title is locked; K unlocks it.")).to_be_visible()
    assert page.get_by_role("textbox", name="Title").count() == 0
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Lock Title", exact=True)).to_be_visible()
    assert "locked" not in said(paths)


@browser_test
def test_a_halved_tempo_is_a_correction_beside_what_was_measured_and_can_be_reverted(
    review: ReviewPage, paths: DataPaths
) -> None:
    page = review.open("one")
    tempo = page.locator('[data-editable="corrections.tempo_bpm"]')
    page.get_by_role("button", name="Halve the tempo").click()
    expect(tempo).to_contain_text("by hand")
    expect(tempo).to_contain_text("measured: 12")
    assert said(paths)["corrections"]["tempo_bpm"] == pytest.approx(60.0, rel=0.02)
    page.get_by_role("button", name="Revert Tempo").click()
    expect(tempo).not_to_contain_text("by hand")
    assert "corrections" not in said(paths)


@browser_test
def test_the_metre_and_the_first_downbeat_that_is_heard_are_corrected(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    hear(page, "1.2345")
    page.get_by_role("button", name="Edit Metre").click()
    page.get_by_role("combobox", name="Metre").select_option("3/4")
    with page.expect_response("**/api/songs/one/sound"):  # the overlays follow
        page.keyboard.press("Enter")
    expect(page.locator('[data-editable="corrections.metre"]')).to_contain_text("by hand")
    page.get_by_role("button", name="Here: set the first downbeat").click()
    expect(page.locator('[data-editable="corrections.first_downbeat_s"]')).to_contain_text("by hand")
    assert said(paths)["corrections"] == {"metre": "3/4", "first_downbeat_s": pytest.approx(1.2345, abs=0.001)}


@browser_test
def test_a_tempo_is_tapped_in_the_time_of_the_song(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    hear(page, "(globalThis.heard = (globalThis.heard ?? 0) + 0.4)")
    tap = page.get_by_role("button", name="Tap the tempo")
    for _ in range(5):
        tap.click()
    expect(tap).to_have_text("Tap: 150.0 BPM")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator('[data-editable="corrections.tempo_bpm"]')).to_contain_text("by hand")
    assert said(paths)["corrections"]["tempo_bpm"] == pytest.approx(150.0)


@browser_test
def test_a_section_is_named_and_moved(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    hear(page, "2.5")
    sections = page.locator("#sections")
    count = sections.get_by_role("textbox", name="Name of section").count()
    sections.get_by_role("button", name="Add one where the player is").click()
    names = sections.get_by_role("textbox", name="Name of section")
    expect(names).to_have_count(count + 1)
    added = next(n for n in range(count + 1) if names.nth(n).input_value() == "section")
    names.nth(added).fill("bridge")
    start = sections.get_by_role("textbox", name=f"Start of section {added + 1}")
    start.fill("0:03.25")
    start.press("Tab")
    expect(sections.get_by_text("saved", exact=True)).to_be_visible()
    page.keyboard.press("Tab")  # out of the texts, where nothing is drawn under one's hands
    expect(sections.get_by_text("From: by hand")).to_be_visible()
    assert {"start_s": 3.25, "label": "bridge"} in said(paths)["corrections"]["sections"]
    assert len(said(paths)["corrections"]["sections"]) == count + 1
    expect(sections.get_by_text("saved", exact=True)).to_be_visible()  # also where it is drawn anew
    page.keyboard.press("u")
    expect(page.locator(".said p", has_text="undone")).to_be_visible()
    expect(sections.get_by_text("saved", exact=True)).to_have_count(0)


@browser_test
def test_a_claim_is_dropped_kept_and_left_to_the_measurement(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    for button, word in (("Drop it", "drop"), ("Keep it", "keep"), ("As measured", None)):
        page.get_by_role("button", name=re.compile("^97 BPM: ")).last.click()
        shown = page.get_by_role("group", name="What was measured")
        shown.get_by_role("button", name=button).click()
        expect(shown).to_have_count(0)  # the text is drawn anew
        claims = said(paths).get("corrections", {}).get("claims")
        assert claims == ({"mix/caption/tempo/97": word} if word else None)


@browser_test
def test_a_page_whose_stream_of_events_is_refused_asks_what_has_changed(
    browser: Browser, studio: RunningStudio, paths: DataPaths
) -> None:
    context = browser.new_context()
    page = watched(context.new_page(), studio).page
    page.route(re.compile(r"/events(\?|$)"), lambda route: route.fulfill(status=503))
    with page.expect_response(lambda answer: answer.url.endswith("/api/runs/grid?since=0"), timeout=60_000):
        page.goto(f"{studio.url}/runs")
    expect(page.locator("#runs-live")).to_have_text("not live; asked again")
    page.evaluate(_HEARD)
    try:
        write_unreadable_song(paths.songs, "four")
        expect(page.locator('tr[data-song="four"]')).to_have_attribute("data-state", "due")
        page.locator("html[data-heard~=four]").wait_for(timeout=60_000)
    finally:
        shutil.rmtree(paths.songs / "four")
        context.close()


# Notes which songs the module of events tells of.
_HEARD = """() => import("/static/events.js").then(({onSong}) => {
  const page = document.documentElement;
  onSong(({song_id}) => { page.dataset.heard = `${page.dataset.heard ?? ""} ${song_id}`; });
})"""


@browser_test
def test_keys_go_to_the_song_behind_and_before(review: ReviewPage) -> None:
    page = review.open("one")
    expect(page.locator("#behind")).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("n")
    page.wait_for_url("**/songs/three")
    expect(page.locator("#before")).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("p")
    page.wait_for_url("**/songs/one")


@browser_test
def test_a_key_times_the_lines_of_the_lyrics_while_it_plays(review: ReviewPage, paths: DataPaths) -> None:
    page = review.open("one")
    hear(page, "(globalThis.heard = (globalThis.heard ?? 1) + 0.5)")
    page.locator("#lyrics").get_by_role("button", name="Set the time").focus()
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator("#lyrics").get_by_text("saved", exact=True)).to_be_visible()
    rows = lyrics_rows(said(paths)["lyrics"])
    assert [row["text"] for row in rows] == ["[Verse]", "la la one", "la la two"]
    assert "[Verse]\n[00:01." in (paths.songs / "one" / "song.toml").read_text()
    first, second = rows[1]["time_s"], rows[2]["time_s"]
    assert 1.0 < first < second
    page.get_by_role("button", name="A tenth of a second earlier: line 2").click()
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Time of line 2")).to_have_value(f"0:{first - 0.1:05.2f}")


@browser_test
def test_hostile_texts_stay_texts(review: ReviewPage, paths: DataPaths) -> None:
    lines = [f"title = {json.dumps(MARKUP)}", f"lyrics = {json.dumps(MARKUP + 'x' * 49_000)}", 'repeats = "many"']
    lines += ["[edits.mix]", f"caption = {json.dumps(MARKUP)}", "[corrections]"]
    lines += [f"sections = [{{start_s = 0.0, label = {json.dumps(MARKUP[:40])}}}]"]
    (paths.songs / "one" / "song.toml").write_text("\n".join(lines))
    page = review.open("one")
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    expect(page.locator('[data-editable="edits.mix.caption"]')).to_contain_text(MARKUP)
    assert page.locator("#main img, #main script").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browser_test
def test_letters_do_nothing_while_one_writes_and_the_page_is_whole_on_a_phone(
    review: ReviewPage, paths: DataPaths
) -> None:
    page = review.open("one")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Edit Title").click()
    page.keyboard.type("ax")
    page.keyboard.press("Escape")
    assert page.url.endswith("/songs/one")
    assert (paths.songs / "one" / "song.toml").read_text() == SONG_TOML


# What is told


def test_spans_cover_the_words_of_the_claims_and_verdicts_are_the_stored_ones(
    studio: RunningStudio, paths: DataPaths
) -> None:
    answers = {each["id"]: each for each in told(studio)["answers"]}
    for answer in answers.values():
        for text, claims in ((answer["text"], "claims"), (answer["said"], "said_claims")):
            assert all(text[claim["start"] : claim["end"]] == claim["said"] for claim in answer[claims])
    captions = FeatureStore(paths.features).read(Captions, "one")
    stored = [c for c in captions.claims if (c.part, c.question) == ("mix", "caption")]
    caption = answers["mix/caption"]
    assert caption["said"] == SAID
    assert [(c["kind"], c["said"], c["verdict"]) for c in caption["said_claims"]] == [
        (c.kind, c.said, c.verdict) for c in stored
    ]
    assert [claim["verdict"] for claim in claims_of(caption, "tempo")][-1] == "conflict"
    assert all(claim["place"]["start_s"] < claim["place"]["end_s"] for claim in caption["said_claims"])


def test_a_span_that_is_not_stored_as_it_stands_is_found(studio: RunningStudio) -> None:
    def claim(start: int) -> Claim:
        return Claim(
            part="mix", question="caption", claim=0, kind="pace", said="fast", start_char=start, end_char=start + 4,
            claimed="fast", verdict="agree",
        )  # fmt: skip

    text = "a fast, fast song"
    assert [span for _, span in spans_of(text, [claim(2), claim(8)])] == [(2, 6), (8, 12)]
    assert [span for _, span in spans_of(text, [claim(30), claim(40), claim(50)])] == [(2, 6), (8, 12)]


def test_every_field_says_where_it_is_from_and_what_is_unknown_says_why(studio: RunningStudio) -> None:
    data = told(studio)
    fields = {each["name"]: each for each in (*data["given"], *data["measured"])}
    assert (fields["title"]["value"], fields["title"]["origin"]) == ("First", "human")
    assert fields["tempo_bpm"]["origin"] == "measured"
    assert fields["tempo_bpm"]["confidence"] is not None
    assert fields["genre"]["detail"] == "erring"
    for each in (*fields.values(), *data["measurements"]):
        assert (each["value"] is None) == (each["reason"] is not None), each["name"]
    assert all(answer["text"] is not None or answer["reason"] for answer in data["answers"])


def test_the_rules_are_those_of_the_stored_verdict(studio: RunningStudio, paths: DataPaths) -> None:
    stored = FeatureStore(paths.features).read(Verdict, "one")
    assert [(r["subject"], r["rule"], r["passed"]) for r in told(studio)["verdict"]["rules"]] == [
        (rule.subject, rule.rule, rule.passed) for rule in stored.rules
    ]


def test_a_song_that_cannot_be_read_says_so(studio: RunningStudio) -> None:
    data = told(studio, "two")
    assert "song.wav" in data["unusable"]
    assert data["verdict"]["suitable"] is False
    assert {field["origin"] for field in data["measured"]} == {"unknown"}


def test_a_correction_is_told_with_what_was_measured_and_makes_what_depends_on_it_due(
    studio: RunningStudio, paths: DataPaths
) -> None:
    change(studio, "one", corrections__key="D major")
    data = told(studio)
    key = next(each for each in data["measured"] if each["name"] == "key")
    assert (key["value"], key["origin"], key["toml"]) == ("D major", "human", "D major")
    assert key["measured"].keys() == {"value", "method", "confidence", "reason"}
    due = [each["step"] for each in data["progress"]["due"]]
    assert "training_prompts" in due
    assert "raw_song" not in due
    assert [step["label"] for step in data["history"]["steps"]] == ["test"]


def test_a_key_corrected_in_the_other_spelling_is_shown_as_musicians_write_it(
    studio: RunningStudio, paths: DataPaths
) -> None:
    change(studio, "one", corrections__key="A# minor")
    key = next(each for each in told(studio)["measured"] if each["name"] == "key")
    assert (key["value"], key["toml"]) == ("Bb minor", "A# minor")
    assert key["value"] in key["choices"]


def test_the_version_changes_with_song_toml(studio: RunningStudio, paths: DataPaths) -> None:
    before = studio.ask("GET", "/api/songs/one/progress")[1]["version"]
    change(studio, "one", artist="Me")
    assert studio.ask("GET", "/api/songs/one/progress")[1]["version"] != before


def test_a_song_toml_that_is_broken_is_a_fault_that_is_told(studio: RunningStudio, paths: DataPaths) -> None:
    (paths.songs / "one" / "song.toml").write_text("title = [")
    assert "song.toml" in told(studio)["song_toml"]["fault"]


def test_the_next_song_is_the_next_in_the_state_that_is_asked_for(studio: RunningStudio, paths: DataPaths) -> None:
    (paths.songs / "three" / "song.toml").write_text('[review]\nstate = "excluded"\n')

    def following(query: str) -> Any:
        return studio.ask("GET", f"/api/next?{query}")[1]["song_id"]

    assert following("after=one") == "two"
    assert following("after=one&state=any") == "three"
    assert following("after=one&state=excluded") == "three"
    assert following("after=two") == "one"
    assert following("after=one&state=accepted") is None
    assert studio.ask("GET", "/api/next?after=..%2F..")[0] == 400
    assert studio.ask("GET", "/api/next?state=x")[0] == 400


@pytest.mark.parametrize("name", ["dataset", "instructions", "entry"])
def test_downloads_are_the_files_of_the_dataset(studio: RunningStudio, paths: DataPaths, name: str) -> None:
    path: Path = getattr(dataset_files(paths, "one"), name)
    answer = studio.ask("GET", f"/songs/one/files/{name}")
    found = answer[1] if isinstance(answer[1], str) else json.dumps(answer[1])
    wanted = path.read_text()
    assert answer[0] == 200
    assert found == wanted or json.loads(found) == json.loads(wanted)


@pytest.mark.parametrize(
    "path",
    [
        "one/files/song.toml", "one/files/..", f"one/files/{quote('../../settings.toml', safe='')}",
        "one/files/dataset.json", "nobody/files/dataset", f"{quote('../one', safe='')}/files/dataset",
        "..%2f..%2fetc/files/entry", "one%00/files/entry",
    ],
)  # fmt: skip
def test_downloads_cannot_leave_the_song(studio: RunningStudio, path: str) -> None:
    assert studio.ask("GET", f"/songs/{path}")[0] == 404


def test_a_download_that_was_made_a_link_out_of_the_data_is_refused(studio: RunningStudio, paths: DataPaths) -> None:
    entry = dataset_files(paths, "two").entry
    kept = entry.read_bytes()
    entry.unlink()
    entry.symlink_to("/etc/passwd")
    try:
        status, body = studio.ask("GET", "/songs/two/files/entry")
        assert status == 404
        assert "root:" not in str(body)
    finally:
        entry.unlink()
        entry.write_bytes(kept)


@pytest.mark.parametrize(
    "path", ["/songs/nobody", "/api/songs/nobody", "/api/songs/nobody/progress", "/api/songs/..%2fone"]
)
def test_there_is_no_page_of_a_song_that_is_not_there(studio: RunningStudio, path: str) -> None:
    assert studio.ask("GET", path)[0] == 404


@pytest.mark.parametrize("text", ["one\n[00:01.00]two\n", '"""\n\\ "', "\n\nlate", "a\r\nb", "\u202e\n\x85"])
def test_lines_are_written_as_lines_and_read_back_as_they_were(
    studio: RunningStudio, paths: DataPaths, text: str
) -> None:
    change(studio, "two", lyrics=text)
    assert said(paths, "two")["lyrics"] == text


def test_lyrics_are_rows_with_their_times() -> None:
    rows = lyrics_rows("[offset:+500]\n[Verse]\n[00:01.50]one [x]\n[00:02.5][01:00.00] two\nthree")
    assert [(row["time_s"], row["text"]) for row in rows] == [
        (None, "[Verse]"), (1.0, "one [x]"), (2.0, "two"), (59.5, "two"), (None, "three"),
    ]  # fmt: skip
