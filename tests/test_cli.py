"""The command line as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets import terminal
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.song_toml import read_song_info
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from tests.hub import closed_port, serving
from tests.platform_state import due
from tests.songs import write_song, write_unreadable_song


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return write_song(tmp_path / "inbox", "in")


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(terminal.console, "_width", 200)  # it is as wide as the terminal was when it was made
    return DataPaths(tmp_path / "data")


def flamingo_bark(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_song_is_added_with_stems_and_what_the_options_say(paths: DataPaths, inbox: Path) -> None:
    shown = flamingo_bark(
        "add", inbox / "song.wav", "--stems", inbox / "stems", "--id", "mine", "--licence", "CC0-1.0",
        "--genre", "dub", "--genre", "house", "--title", "Müde",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert "added mine, stems: bass, drums, harmonic, vocals" in shown.output
    info = read_song_info(paths.songs / "mine" / "song.toml").info
    assert (info.licence, info.genres, info.title) == ("CC0-1.0", ("dub", "house"), "Müde")


def test_what_is_odd_about_a_file_is_said_when_it_is_added(paths: DataPaths, inbox: Path) -> None:
    song = inbox / "song.wav"
    song.write_bytes(song.read_bytes()[:-1000])
    shown = flamingo_bark("add", song, "--id", "cut")
    assert shown.exit_code == 0, shown.output
    assert "warning: song.wav: truncated: the sound ends 1000 bytes after the end of the file" in shown.output


def test_the_same_content_is_refused_by_name(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "song.wav", "--id", "first")
    shown = flamingo_bark("add", inbox / "song.wav", "--id", "second")
    assert shown.exit_code == 1
    assert "first" in shown.output
    assert list_song_ids(paths) == ["first"]


def test_what_is_no_sound_is_refused_and_nothing_is_added(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "notes.mp3").write_text("no sound at all")
    shown = flamingo_bark("add", tmp_path / "notes.mp3")
    assert shown.exit_code == 1
    assert "notes.mp3" in shown.output
    assert "Traceback" not in shown.output
    assert list_song_ids(paths) == []


def test_a_file_name_that_begins_with_a_dash_can_be_added(paths: DataPaths, inbox: Path) -> None:
    (inbox / "song.wav").rename(inbox / "-x 'y\" [z].wav")
    shown = flamingo_bark("add", "--", inbox / "-x 'y\" [z].wav")
    assert shown.exit_code == 0, shown.output
    assert list_song_ids(paths) == ["x-y-z"]


def test_a_title_with_a_line_break_is_refused(paths: DataPaths, inbox: Path) -> None:
    shown = flamingo_bark("add", inbox / "song.wav", "--title", "a\nb")
    assert shown.exit_code == 1
    assert "title" in shown.output


def test_songs_are_listed_before_and_after_their_run_verified_and_removed(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "song.wav", "--stems", inbox / "stems", "--id", "mine")
    assert "not run yet" in flamingo_bark("list").output
    run = flamingo_bark("run", "mine")
    assert run.exit_code == 0, run.output
    assert "checks: 13 passed, 0 failed" in run.output
    assert "captioner: measured (fallback: no captioning model ran)" in run.output
    assert "fit" in flamingo_bark("list").output
    assert "1 song, every file as stated" in flamingo_bark("verify").output
    (paths.songs / "mine" / "stems" / "bass.wav").write_bytes(b"changed")
    changed = flamingo_bark("verify")
    assert changed.exit_code == 1
    assert "songs/mine/stems/bass.wav has changed" in changed.output
    assert "mine" in flamingo_bark("sql", "SELECT song_id FROM song_features").output
    assert flamingo_bark("remove", "mine").exit_code == 0
    assert not list(paths.root.rglob("*mine*"))


def test_what_is_wrong_in_song_toml_is_listed_and_costs_nothing_else(paths: DataPaths) -> None:
    write_song(paths.songs, "typo", duration_s=1.0)
    write_song(paths.songs, "broken", duration_s=1.0)
    (paths.songs / "typo" / "song.toml").write_text('titel = "x"\nartist = "A"\n[edits.mix]\ncaptoin = "y"')
    (paths.songs / "broken" / "song.toml").write_text("title = ")
    table, _, warnings = flamingo_bark("list").output.partition("└")
    broken, typo = [line for line in table.splitlines() if " broken " in line or " typo " in line]
    assert "not run yet; song 'broken': song.toml: is not valid TOML" in broken
    assert "not run yet" in typo
    assert " A " in typo
    assert "warning: song 'typo': song.toml: unknown key 'titel'; did you mean 'title'?" in warnings
    assert "warning: song 'typo': song.toml: unknown key 'edits.mix.captoin'; did you mean 'caption'?" in warnings


def test_more_rows_than_asked_for_are_not_printed(paths: DataPaths) -> None:
    publish(FeatureStore(paths.features), [], paths.warehouse, RECORDS)
    shown = flamingo_bark("sql", "SELECT * FROM range(1000000000000)", "--max-rows", "2").output
    assert "│ 1     │" in shown
    assert "│ 2     │" not in shown
    assert "there are more than 2 rows" in shown


def test_a_song_that_is_not_there_is_named(paths: DataPaths) -> None:
    for command in ("run", "remove"):
        shown = flamingo_bark(command, "nobody")
        assert shown.exit_code == 1
        assert "nobody" in shown.output


def test_a_wrong_setting_is_named_with_its_key(paths: DataPaths, inbox: Path) -> None:
    paths.root.mkdir()
    paths.settings.write_text("[thresholds]\nmin_duration_s = -3\n")
    shown = flamingo_bark("add", inbox / "song.wav")
    assert shown.exit_code == 1
    assert "settings.toml: thresholds.min_duration_s" in shown.output


def test_the_demo_command_registers_runs_and_says_what_comes_next(paths: DataPaths, inbox: Path) -> None:
    (inbox / "song.wav").rename(inbox / "song.mp3")
    (inbox / "song.toml").write_text('title = "D"')
    shown = flamingo_bark("demo", "--source", inbox)
    assert shown.exit_code == 0, shown.output
    assert "make ui" in shown.output
    assert (
        json.loads((paths.datasets / "bark_training_dataset_demo.json").read_text())["dataset_metadata"]["title"] == "D"
    )
    assert flamingo_bark("demo", "--source", inbox).exit_code == 0


def fetch(tmp_path: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`flamingo-bark models fetch` in a process of its own, as the hub's address is read at import."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "COLUMNS": "200"}
    command = [str(Path(sys.executable).parent / "flamingo-bark"), "models", "fetch", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def test_a_model_is_fetched_after_its_licence_was_shown_and_agreed_to(paths: DataPaths, tmp_path: Path) -> None:
    files = {"config.json": b'{"model_type": "clap"}', "tokenizer.json": b"{}", "pytorch_model.bin": b"w" * 5000}
    with serving({"laion/larger_clap_music": files}) as hub:
        refused = fetch(tmp_path, hub.endpoint, "laion/larger_clap_music")
        assert refused.returncode == 1
        assert "licence: Apache-2.0" in refused.stdout
        assert hub.requests == []
        agreed = fetch(tmp_path, hub.endpoint, "laion/larger_clap_music", "--accept-licence")
    assert agreed.returncode == 0, agreed.stderr
    assert "is ready" in agreed.stdout


def test_an_unreachable_hub_is_one_clear_line(paths: DataPaths, tmp_path: Path) -> None:
    shown = fetch(tmp_path, closed_port(), "nvidia/audio-flamingo-2-0.5B", "--accept-licence")
    assert shown.returncode == 1
    assert shown.stdout.index("licence: NVIDIA OneWay Noncommercial") > 0
    assert shown.stderr.startswith("Error: nvidia/audio-flamingo-2-0.5B: the Hugging Face Hub cannot be reached")
    assert len(shown.stderr.splitlines()) == 1


def test_the_known_models_are_listed_with_size_licence_and_whether_they_are_cached(paths: DataPaths) -> None:
    shown = flamingo_bark("models").output
    for word in ("nvidia/audio-flamingo-2-1.5B", "(default)", "18.8 GB (computed)", "Noncommercial", "laion/"):
        assert word in shown


@pytest.mark.dagster
def test_a_stored_result_that_was_damaged_is_told_and_hides_no_other_song(paths: DataPaths) -> None:
    for song_id in ("damaged", "other"):
        write_unreadable_song(paths.songs, song_id, text=song_id)
    flamingo_bark("run")
    verdict = paths.features / "songs" / "damaged.results"
    contents = bytearray(verdict.read_bytes())
    contents[len(contents) // 2] ^= 4
    verdict.write_bytes(contents)
    listed = flamingo_bark("list")
    assert listed.exit_code == 0
    assert "damaged: stored song_metadata is damaged, or of an earlier version; materialise" in listed.output
    assert due(paths).keys() == {"damaged"}
    assert "damaged: stored song_metadata cannot be read" in " ".join(flamingo_bark("list").output.split())
    assert "unfit: other: song.wav" in " ".join(listed.output.split())
