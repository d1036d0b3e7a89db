"""The queue of disputed claims: surest first, gone as soon as they are decided, back when that is undone."""

from __future__ import annotations

import dataclasses
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from flamingo_bark_assets.analysis.features.correction import HUMAN, HUMAN_GRID
from flamingo_bark_assets.audio.song_metadata import SidecarField, SongMetadata
from flamingo_bark_assets.captioning.interface import Captions, GivenClaim
from flamingo_bark_assets.library.song_changes import change_songs
from flamingo_bark_assets.studio.conflicts.queue import Filters, Segment, marked, queue_page
from flamingo_bark_assets.studio.library.index import LibraryIndex
from tests.studio import RunningStudio, running_studio
from tests.studio_library import HOSTILE, Library, disputed, new_library
from tests.test_browser import CHROMIUM, QUIET

SLOW = "A slow waltz in A minor at 90 BPM, again 90 BPM, with a singer."
FAST = f"Fast techno {HOSTILE} without drums."


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two songs whose captions are disputed, and one that nothing is said of."""
    made = new_library(tmp_path_factory.mktemp("studio") / "home")
    made.add("closed", title=HOSTILE)
    made.add("open")
    made.add("silent")
    made.say("open", SLOW, disputed(SLOW, "90 BPM", "tempo", "90", "120 BPM", 0.9),
             disputed(SLOW, "90 BPM", "tempo", "90", "120 BPM", 0.9, 1),
             disputed(SLOW, "A minor", "key", "A minor", "G# minor", 0.5, 2))  # fmt: skip
    made.say("closed", FAST, disputed(FAST, "without drums", "instrument", "not drums", "drums", None),
             disputed(FAST, "Fast", "tempo", "170", "120 BPM", 0.7, 1), captioner="other")  # fmt: skip
    made.publish()
    return made


@pytest.fixture
def copied(library: Library, tmp_path: Path) -> Library:
    """A copy that a test may change."""
    shutil.copytree(library.paths.root, tmp_path / "data", symlinks=True)
    return Library(type(library.paths)(tmp_path / "data"), library.finished)


@pytest.fixture(scope="module")
def studio(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("home"), library.paths.root) as running:
        yield running


def queue(studio: RunningStudio, asked: str = "") -> dict[str, Any]:
    status, told = studio.ask("GET", f"/api/conflicts{asked}")
    assert status == 200, told
    found: dict[str, Any] = told
    return found


def names(library: Library, **filters: str) -> list[str]:
    page = queue_page(library.paths, Filters(**filters), 1)
    assert page is not None
    return [f"{each.disputed.song_id}:{each.disputed.name}" for each in page.conflicts]


ALL = [
    "open:mix/caption/tempo/90", "closed:mix/caption/tempo/170", "open:mix/caption/key/A minor",
    "closed:mix/caption/instrument/not drums",
]  # fmt: skip


def test_the_surest_measurement_comes_first_and_what_is_said_twice_once(library: Library) -> None:
    assert names(library) == ALL


def test_a_claim_is_told_with_its_text_and_what_was_measured(studio: RunningStudio) -> None:
    told = queue(studio)["conflicts"][0]
    assert "".join(text for text, _ in told["segments"]) == SLOW
    assert [text for text, is_claim in told["segments"] if is_claim] == ["90 BPM"]
    assert (told["claimed"], told["measured"], told["confidence"], told["captioner"]) == ("90", "120 BPM", 0.9, "af2")
    assert told["sound"].startswith("/sound/open/mix.wav#t=") and told["end_s"] > told["start_s"]
    assert told["corrects"] == "tempo_bpm"


@pytest.mark.parametrize(
    ("asked", "songs"),
    [
        ("?kind=tempo", ["open", "closed"]), ("?song=open", ["open", "open"]),
        ("?captioner=other", ["closed", "closed"]),
        ("?kind=key&captioner=other", []), ("?page=99", ["open", "closed", "open", "closed"]),
        ("?kind=';DROP TABLE claims--", []), ("?page=x", ["open", "closed", "open", "closed"]),
    ],
)  # fmt: skip
def test_filters_stand_in_the_address(studio: RunningStudio, asked: str, songs: list[str]) -> None:
    asked = asked.replace(" ", "%20")
    assert [each["song_id"] for each in queue(studio, asked)["conflicts"]] == songs


def test_what_is_decided_leaves_at_once_and_comes_back_when_that_is_undone(copied: Library, tmp_path: Path) -> None:
    with running_studio(tmp_path / "home", copied.paths.root) as studio:
        place = queue(studio)["conflicts"][0]["place"]
        status, told = studio.ask(
            "POST", "/api/edits", {"songs": {"open": {place: "drop"}}, "expected": {"open": {place: None}}}
        )
        assert status == 200, told
        assert names(copied) == ALL[1:]
        written = tomllib.loads((copied.paths.songs / "open/song.toml").read_text())
        assert written["corrections"]["claims"] == {"mix/caption/tempo/90": "drop"}
        assert studio.ask("POST", "/api/undo")[0] == 200
        assert names(copied) == ALL


@pytest.mark.parametrize(
    ("place", "value", "left"),
    [
        (("corrections", "tempo_bpm"), 90.0, ALL[1:]),
        (("corrections", "key"), "A minor", [*ALL[:2], ALL[3]]),
        (("review", "state"), "excluded", [ALL[1], ALL[3]]),
        (("edits", "mix", "caption"), "Other.", [ALL[1], ALL[3]]),
    ],
)  # fmt: skip
def test_what_a_change_by_hand_settles_is_asked_no_more(
    copied: Library, place: tuple[str, ...], value: Any, left: list[str]
) -> None:
    assert change_songs(copied.paths, {"open": {place: value}}, by="me", label="x").entry
    assert names(copied) == left


def test_what_an_editor_has_written_into_song_toml_counts_too(copied: Library) -> None:
    (copied.paths.songs / "open/song.toml").write_text('[corrections.claims]\n"mix/caption/tempo/90" = "keep"\n')
    assert names(copied) == ALL[1:]


def claimed_by_sidecars(library: Library, song_id: str) -> None:
    """Let a sidecar of a song claim a tempo, and a key as its caption has it."""
    caption = "Slow, in A minor."
    fields = (("bpm", "90"), ("caption", caption))
    library.change(SongMetadata, song_id, lambda song: dataclasses.replace(song, sidecar_fields=tuple(
        SidecarField(file="song.txt", number=number, key=key.upper(), field=key, text=text, role="claim")
        for number, (key, text) in enumerate(fields)
    )))  # fmt: skip
    tempo, key = (
        GivenClaim(
            file="song.txt", number=number, claim=0, field=field, said=said, kind=kind, claimed=claimed,
            measured=measured, verdict="conflict", method="made", confidence=confidence,
        )
        for number, (field, said, kind, claimed, measured, confidence) in enumerate(
            (("bpm", "90", "tempo", "90", "120 BPM", 0.8), ("caption", "A minor", "key", "A minor", "C# minor", 0.6))
        )
    )  # fmt: skip
    library.change(Captions, song_id, lambda captions: dataclasses.replace(captions, given_claims=(tempo, key)))
    library.publish()


def test_what_a_sidecar_claims_is_asked_too_and_decided_by_the_same_name(copied: Library) -> None:
    claimed_by_sidecars(copied, "silent")
    page = queue_page(copied.paths, Filters(song="silent"), 1)
    assert page is not None
    assert [(each.disputed.name, each.measured, each.model_id) for each in page.conflicts] == [
        ("mix/caption/tempo/90", "120 BPM", "song.txt"), ("mix/caption/key/A minor", "C# minor", "song.txt")
    ]  # fmt: skip
    texts = [[(piece.text, piece.is_claim) for piece in each.segments] for each in page.conflicts]
    assert texts == [
        [("BPM: ", False), ("90", True)],
        [("Slow, in ", False), ("A minor", True), (".", False)],
    ]
    assert page.captioners == (("sidecar", 2),)
    (song,) = LibraryIndex(copied.paths).current().songs.filter(song_id="silent").to_dicts()
    assert song["conflicts"] == 2
    place = ("corrections", "claims", "mix/caption/tempo/90")
    assert change_songs(copied.paths, {"silent": {place: "keep"}}, by="me", label="x").entry
    assert names(copied, song="silent") == ["silent:mix/caption/key/A minor"]
    (song,) = LibraryIndex(copied.paths).current().songs.filter(song_id="silent").to_dicts()
    assert song["conflicts"] == 1


def test_what_a_caption_and_a_sidecar_both_claim_is_asked_once(copied: Library) -> None:
    claimed_by_sidecars(copied, "open")
    assert names(copied) == ALL


def test_what_a_sidecar_claims_stays_when_the_caption_that_claims_it_too_is_written_anew(copied: Library) -> None:
    claimed_by_sidecars(copied, "open")
    assert change_songs(copied.paths, {"open": {("edits", "mix", "caption"): "Other."}}, by="me", label="x").entry
    page = queue_page(copied.paths, Filters(song="open"), 1)
    assert page is not None
    assert [(each.disputed.name, each.disputed.captioner) for each in page.conflicts] == [
        ("mix/caption/tempo/90", "sidecar"), ("mix/caption/key/A minor", "sidecar")
    ]  # fmt: skip


def test_the_library_counts_as_disputed_what_the_queue_asks(copied: Library) -> None:
    claimed_by_sidecars(copied, "open")
    by_hand = [dataclasses.replace(disputed(SLOW, "A minor", "key", "A minor", "B minor", 1.0), method=method)
               for method in (HUMAN, HUMAN_GRID)]  # fmt: skip
    copied.say("silent", SLOW, *(dataclasses.replace(each, claim=number) for number, each in enumerate(by_hand)),
               disputed(SLOW, "90 BPM", "tempo", "90", "120 BPM", 0.9, 2))  # fmt: skip
    copied.publish()
    counted = {song["song_id"]: song["conflicts"] for song in LibraryIndex(copied.paths).current().songs.to_dicts()}
    assert counted == {song_id: len(names(copied, song=song_id)) for song_id in ("closed", "open", "silent")}
    assert counted["silent"] == 1


def test_songs_that_are_gone_are_not_asked_about(copied: Library) -> None:
    shutil.rmtree(copied.paths.songs / "closed")
    assert names(copied) == [ALL[0], ALL[2]]


@pytest.mark.parametrize(
    ("text", "said", "start", "pieces"),
    [
        ("a b a", "a", 4, [("a b ", False), ("a", True)]),
        ("Well: a b", "a", 0, [("Well: ", False), ("a", True), (" b", False)]),
        ("a b", "c", 0, [("a b", False), ("c", True)]),
        ("a b", "", 0, [("a b", False)]),
        ("𝄞 90", "90", 2, [("𝄞 ", False), ("90", True)]),
    ],
)
def test_the_phrase_that_claims_is_marked(text: str, said: str, start: int, pieces: list[tuple[str, bool]]) -> None:
    assert marked(text, said, start) == tuple(Segment(*piece) for piece in pieces)


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM")
def test_a_person_decides_by_keys_and_undoes_it(copied: Library, tmp_path: Path) -> None:
    told: list[str] = []
    with running_studio(tmp_path / "home", copied.paths.root) as studio, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.on("console", lambda said: told.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        expect.set_options(timeout=180_000)  # of a machine that does much else
        page.goto(studio.link.replace("/?", "/conflicts?"))
        cards = page.locator(".conflict")
        expect(cards).to_have_count(4)
        page.keyboard.press("n")
        page.keyboard.press("y")
        expect(cards).to_have_count(3)
        page.keyboard.press("u")
        expect(cards).to_have_count(4)
        page.keyboard.press("p")
        page.keyboard.press("p")
        expect(cards.first).to_have_attribute("aria-current", "true")
        page.keyboard.press("c")
        page.get_by_role("button", name="Halve").click()
        page.get_by_role("button", name="Save").click()
        expect(cards).to_have_count(3)
        page.get_by_label("Kind of claim").select_option("key")
        expect(cards).to_have_count(1)
        assert "kind=key" in page.url
        page.reload()
        expect(cards).to_have_count(1)  # a key decides what is shown, so nothing before
        page.keyboard.press("d")
        page.get_by_text("No disputed claim fits these filters.").wait_for()
        assert page.title().startswith("Conflicts")
        browser.close()
    corrections = tomllib.loads((copied.paths.songs / "open/song.toml").read_text())["corrections"]
    assert corrections["claims"] == {"mix/caption/key/A minor": "drop"} and 20 <= corrections["tempo_bpm"] <= 100
    assert not (copied.paths.songs / "closed/song.toml").exists()
    assert told == []
