"""Several captioners asked the same: what is shown side by side, what is counted, and what is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets import terminal
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning.comparing import Compared, ask, captioner_named, places, tally
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate, ServerSettings
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.parts import QUESTIONS, Part
from flamingo_bark_assets.settings import PromptSettings, dagster_home
from flamingo_bark_assets.tagging.tagger import Tag, Tagger
from flamingo_bark_assets.tagging.vocabulary import TERMS
from tests.chat_server import MODEL, Asked, ChatServer, chatting, said
from tests.evidence import make_evidence, unusable_song
from tests.hub import closed_port
from tests.signals import as_signal, music
from tests.songs import write_song

PROMPTS = PromptSettings()
FALSE_TEMPO = "A track at 61 BPM."


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chatting() as server:
        server.answer = _wrong_of_the_mix
        yield server


def _wrong_of_the_mix(asked: Asked) -> Any:
    return said({"Describe this music in one sentence.": FALSE_TEMPO}.get(asked.prompt, "house"))


def sound(_: Part) -> Signal:
    return as_signal(music(3.0, rate_hz=16_000), rate_hz=16_000)


def inference(*base_urls: str) -> InferenceSettings:
    servers = tuple(
        ServerSettings(name=name, base_url=url, model=MODEL, first_pause_s=0.0)
        for name, url in zip("ab", base_urls, strict=False)
    )
    return InferenceSettings(servers=servers)


def compared(name: str, settings: InferenceSettings, folder: Path, **evidence: Any) -> Compared:
    captioner = captioner_named(name, settings, PROMPTS, folder)
    return ask(name, captioner, make_evidence(**evidence), sound, PROMPTS.min_claim_confidence)


# Asking and counting


def test_measured_text_has_its_claims_checked_too_and_none_conflicts(tmp_path: Path) -> None:
    said = compared("measured", inference(), tmp_path)
    assert said.captions is not None
    assert {claim.verdict for claim in said.captions.claims} >= {"agree"}
    assert tally("measured", [said]).conflict == 0
    assert said.sound_sent_to is None


def test_each_is_asked_the_same_questions_about_the_same_parts(chat: ChatServer, tmp_path: Path) -> None:
    both = [compared(name, inference(chat.base_url), tmp_path) for name in ("measured", "server:a")]
    assert places(both) == places(both[:1])
    # The measured one says of each stem why it has no genre and mood; a model is not asked for them.
    of_stems = [place for place in places(both) if place[0] != "mix" and place[1] in {"genre", "mood"}]
    assert places(both[1:]) == [place for place in places(both) if place not in of_stems]
    assert [place for place in places(both) if place[0] == "mix"] == [("mix", question) for question in QUESTIONS]


def test_conflicts_are_counted_for_the_captioner_that_made_them(chat: ChatServer, tmp_path: Path) -> None:
    settings = inference(chat.base_url)
    both = [compared(name, settings, tmp_path, song={"tempo_bpm": 100.0}) for name in ("measured", "server:a")]
    wrong = tally("server:a", both)
    assert (wrong.songs, wrong.conflict) == (1, 1)
    assert wrong.conflict_share == 1 / (1 + wrong.agree)
    assert tally("measured", both).conflict == 0
    assert (both[1].sound_sent_to or "").startswith(chat.base_url)


def test_without_a_claim_that_can_be_judged_there_is_no_share(tmp_path: Path) -> None:
    assert tally("x", []).conflict_share is None


def test_the_tagger_is_asked_by_name_and_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rock = Tag(next(term for term in TERMS if term.label == "rock"), 0.99, 10)
    monkeypatch.setattr(Tagger, "tag", lambda self, sound, kinds, windows: (rock,) if "genre" in kinds else ())
    said = compared("tagged", inference(), tmp_path, metadata={"genre_tags": None})
    assert said.captions is not None
    assert [(a.part, a.question, a.text) for a in said.captions.answers] == [("mix", "genre", "rock")]


def test_the_text_of_a_fallback_is_not_taken_for_that_of_the_captioner_asked_for(tmp_path: Path) -> None:
    said = compared("server:a", inference(f"{closed_port()}/v1"), tmp_path)
    assert said.captions is None
    assert "cannot be reached" in (said.reason or "")


@pytest.mark.parametrize("name", ["nonsense", "server:none", "./no/folder", "a\x1b[2Jb", "tagged-by-nobody"])
def test_a_name_that_is_none_is_told_with_the_reason(tmp_path: Path, name: str) -> None:
    said = compared(name, inference(), tmp_path)
    assert said.captions is None
    assert said.reason


def test_a_song_of_which_nothing_can_be_said_has_that_as_the_reason(tmp_path: Path) -> None:
    said = ask("measured", MeasuredCaptioner(PROMPTS), unusable_song(), sound, 0.3)
    assert said.captions is None
    assert "nothing can be said of the song" in (said.reason or "")


def test_a_model_of_the_chain_is_taken_as_the_chain_configures_it(chat: ChatServer, tmp_path: Path) -> None:
    settings = inference(chat.base_url).model_copy(
        update={"chain": (ModelCandidate(model="nvidia/x"), ModelCandidate(model="server:a", batch_size=1))}
    )
    assert compared("server:a", settings, tmp_path).captions is not None
    assert chat.at_once == 1


# The command


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: ChatServer) -> DataPaths:
    """A library with a song, and a chain of two servers, the first of which is not there."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(terminal.console, "_width", 160)
    paths = DataPaths(tmp_path / "data")
    write_song(paths.songs, "tune")
    servers = (("gone", f"{closed_port()}/v1"), ("here", chat.base_url))
    paths.settings.write_text(
        "".join(
            f'[[inference.servers]]\nname = "{name}"\nbase_url = "{url}"\nmodel = "{MODEL}"\nfirst_pause_s = 0\n'
            for name, url in servers
        )
        + "".join(f'[[inference.chain]]\nmodel = "server:{name}"\n' for name, _ in servers)
    )
    return paths


def flamingo_bark(paths: DataPaths, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(paths.root), *arguments])


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_run_tells_where_sound_went_and_a_comparison_changes_nothing_of_the_library(
    paths: DataPaths, chat: ChatServer
) -> None:
    ran = flamingo_bark(paths, "run", "tune")
    assert ran.exit_code == 0, ran.output
    place = f"{chat.base_url}, on this machine, outside this process"
    assert f"captioner: server ({MODEL})" in ran.output
    assert f"sound was sent to {place}" in ran.output
    assert "skipped server:gone at" in ran.output
    with open_instance(dagster_home()) as instance:
        made = instance.get_latest_materialization_event(dg.AssetKey("flamingo_captions"))
        assert made is not None and made.asset_materialization is not None
        assert made.asset_materialization.metadata["sound_sent_to"].value == place

    before = contents(paths.root)
    shown = flamingo_bark(paths, "compare-captioners", "tune", "--with", "measured", "--with", "server:here")
    assert shown.exit_code == 0, shown.output
    for words in (
        "measured",
        "server:here",
        "conflicts of judged",
        f"sound was sent by server:here to {chat.base_url}",
    ):
        assert words in shown.output
    after = contents(paths.root)
    assert {name for name in after if after[name] != before.get(name)} <= {
        name for name in after if name.startswith("answers/")
    }  # fmt: skip
    assert before.keys() <= after.keys()

    listed = flamingo_bark(
        paths, "compare-captioners", "tune", "--with", "server:gone", "--with", "server:here", "--json"
    )
    assert listed.exit_code == 1
    found = json.loads(listed.stdout)
    (song,) = found["songs"]
    gone, here = song["captioners"]
    assert "cannot be reached" in gone["reason"]
    assert (gone["answers"], here["reason"]) == ([], None)
    assert {answer["text"] for answer in here["answers"] if answer["question"] == "genre"} == {"house"}
    assert [one["songs"] for one in found["captioners"]] == [0, 1]


def test_a_song_that_is_not_measured_is_refused_with_what_to_do(paths: DataPaths) -> None:
    shown = flamingo_bark(paths, "compare-captioners", "tune", "--with", "measured")
    assert shown.exit_code == 1
    assert "first `flamingo-bark run tune`" in shown.output


def test_a_song_that_is_not_there_is_refused(paths: DataPaths) -> None:
    shown = flamingo_bark(paths, "compare-captioners", "other", "--with", "measured")
    assert shown.exit_code == 1
    assert "no such song: other" in shown.output


def test_the_servers_are_listed_with_where_sound_would_go(paths: DataPaths, chat: ChatServer) -> None:
    shown = flamingo_bark(paths, "models", "list")
    assert f"server:here: {MODEL} at {chat.base_url}, on this machine, outside this process" in shown.output
    assert "licence: not stated" in shown.output
