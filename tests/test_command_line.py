"""What holds for the command line as a whole: what programs read, completion, doctor, clean, interpreters."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.__main__ import interpreter_problem
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.commands import cleaning
from flamingo_bark_assets.commands.tables import print_rows, rounded
from flamingo_bark_assets.files import atomic
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from flamingo_bark_assets.terminal import Terminal
from tests.running import ROOT
from tests.signals import noise, write_wav
from tests.songs import write_unreadable_song


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return DataPaths(tmp_path / "data")


def flamingo_bark(*arguments: str | Path, said: str = "") -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=said)


# What programs read


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (119.98765, "119.988"), (120.0, "120"), (44100.0, "44100"), (0.0, "0"), (0.00012345, "0.000123"),
        (-0.25, "-0.25"), (float("nan"), "nan"), (None, "null"), (7, "7"), ("0.123456", "0.123456"),
    ],
)  # fmt: skip
def test_a_person_reads_few_digits(value: object, shown: str) -> None:
    assert rounded(value) == shown


def test_a_program_reads_exact_values(capsys: pytest.CaptureFixture[str]) -> None:
    row = (
        0.1 + 0.2,
        None,
        float("inf"),
        date(2020, 1, 2),
        [1, {"a": 2.5}],
        b"\xff",
        Decimal("1.50"),
        True,
        "ä\x1b[31m",
    )
    names = [f"c{number}" for number in range(len(row))]
    print_rows("json", names, [row])
    sent = capsys.readouterr().out
    assert "\x1b" not in sent
    (read,) = json.loads(sent)
    assert list(read.values()) == [0.1 + 0.2, None, None, "2020-01-02", [1, {"a": 2.5}], "/w==", 1.5, True, "ä\x1b[31m"]
    print_rows("csv", names[:5], [row[:5]])
    assert capsys.readouterr().out.splitlines()[1] == '0.30000000000000004,,,2020-01-02,"[1, {""a"": 2.5}]"'


def test_two_columns_of_one_name_are_refused_as_json_and_kept_as_csv(paths: DataPaths) -> None:
    publish(FeatureStore(paths.features), [], paths.warehouse, RECORDS)
    refused = flamingo_bark("sql", "SELECT 1 AS a, 2 AS a", "--json")
    assert (refused.exit_code, "give them names with AS" in refused.output) == (2, True)
    assert flamingo_bark("sql", "SELECT 1 AS a, 2 AS a", "--csv").stdout == "a,a\n1,2\n"


def test_a_query_comes_from_a_file_or_standard_input_and_is_cut_only_for_people(
    paths: DataPaths, tmp_path: Path
) -> None:
    publish(FeatureStore(paths.features), [], paths.warehouse, RECORDS)
    (tmp_path / "q.sql").write_text("--json\n/* all */ SELECT * FROM range(1500) ORDER BY 1 DESC;\n")
    table = flamingo_bark("sql", "--file", tmp_path / "q.sql").output
    assert "there are more than 1000 rows; --max-rows shows more, --csv all of them" in table
    assert len(flamingo_bark("sql", "--file", tmp_path / "q.sql", "--csv").stdout.splitlines()) == 1501
    assert flamingo_bark("sql", "-", "--csv", said="--comment\nSELECT 1 AS a").stdout == "a\n1\n"
    for comment in ("--comment", "--tempo=120 and more", "--file of others"):
        assert flamingo_bark("sql", f"{comment}\nSELECT 1 AS a", "--csv").stdout == "a\n1\n"
    assert flamingo_bark("sql", "--csv", "--", "-- c\nSELECT 1 AS a").stdout == "a\n1\n"
    for wrong in (["sql"], ["sql", "SELECT 1", "--file", "q.sql"], ["sql", "--jsno"]):
        assert flamingo_bark(*wrong).exit_code == 2
    assert "--file nothing: does not exist" in flamingo_bark("sql", "--file", "nothing").output


def test_a_library_that_is_missing_or_empty_is_told_and_warnings_are_not_among_the_rows(paths: DataPaths) -> None:
    assert "songs does not exist yet; `flamingo-bark add`" in " ".join(flamingo_bark("list").output.split())
    paths.songs.mkdir(parents=True)
    assert "songs is empty; `flamingo-bark add`" in " ".join(flamingo_bark("list").output.split())
    (paths.songs / "No Song").mkdir()
    listed = flamingo_bark("list", "--json")
    assert json.loads(listed.stdout) == []
    assert "not a song: 'No Song'" in listed.stderr


def test_models_are_listed_for_programs(paths: DataPaths) -> None:
    listed = json.loads(flamingo_bark("models", "list", "--json").stdout)
    assert {row["model_id"]: row["is_here"] for row in listed}["nvidia/audio-flamingo-2-1.5B"] is False
    assert flamingo_bark("models", "list", "--csv").stdout.startswith("purpose,model_id,")


def test_a_long_table_at_a_terminal_goes_through_the_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr("click.echo_via_pager", paged.append)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    terminal = Terminal(force_terminal=True, width=80, height=24, soft_wrap=True)
    terminal.paged(["a"], [[row] for row in range(10)])
    assert paged == []
    terminal.paged(["a"], [[row] for row in range(30)])
    assert " 29 " in paged[0]


@pytest.mark.parametrize("columns", ["0", "1", "30"])
def test_all_that_a_table_holds_is_printed_however_narrow_the_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    terminal = Terminal(soft_wrap=True)
    terminal.table(["song"], [["x" * 60]])
    terminal.say("said {}", "too")
    printed = capsys.readouterr().out
    assert (printed.count("x"), printed.splitlines()[-1]) == (60, "said too")


def test_quiet_leaves_out_what_became_of_each_song_that_was_added(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / "in" / name, noise(1.0, seed=ord(name[0])))
    (tmp_path / "in/c.wav").write_bytes(b"no sound")
    shown = flamingo_bark("--quiet", "add", tmp_path / "in")
    assert shown.exit_code == 1
    (line,) = shown.output.splitlines()
    assert line.startswith("failed: ")


def test_the_version_is_told_and_bare_use_shows_the_help(paths: DataPaths) -> None:
    assert flamingo_bark("--version").output == "flamingo-bark 0.1.0\n"
    bare = flamingo_bark()
    assert bare.exit_code == 2
    assert bare.output.startswith("Usage: ")
    assert "Error" not in bare.output


# Completion


def test_song_ids_are_completed(paths: DataPaths) -> None:
    for song_id in ("one", "other", "third"):
        write_unreadable_song(paths.songs, song_id)

    def completed(words: str) -> list[str]:
        asked = {"_FLAMINGO_BARK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        shown = CliRunner().invoke(main, [], prog_name="flamingo-bark", env=asked)
        return [line.partition(",")[2] for line in shown.output.splitlines() if line]

    assert completed("flamingo-bark run o") == ["one", "other"]
    assert completed("flamingo-bark run one o") == ["other"]
    assert completed("flamingo-bark --data nowhere edit o") == []
    assert "doctor" in completed("flamingo-bark do")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_the_program(shell: str) -> None:
    shown = flamingo_bark("completion", shell)
    assert shown.exit_code == 0
    assert "_FLAMINGO_BARK_COMPLETE" in shown.output


# Doctor


def findings(*options: str) -> tuple[int, dict[str, dict[str, object]]]:
    shown = flamingo_bark("doctor", "--json", *options)
    return shown.exit_code, {finding["part"]: finding for finding in json.loads(shown.stdout)}


def test_a_doctor_finds_nothing_to_do_where_all_is_there_and_changes_nothing(paths: DataPaths) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    status, found = findings("--port", port)
    assert (status, [part for part, finding in found.items() if not finding["ok"]]) == (0, [])
    assert {"Python", "disk", "DAGSTER_HOME", "compiled kernels", "warehouse", "port", "separator"} <= set(found)
    assert not paths.root.exists()
    assert "ok" in flamingo_bark("doctor", "--port", port).output


def test_a_doctor_says_what_to_do_about_each_part(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    paths.root.mkdir()
    paths.warehouse.write_bytes(b"no warehouse")
    paths.settings.write_text('[separation]\nenabled = true\nprogram = "/nowhere/demucs"\n')
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        status, found = findings("--port", str(listener.getsockname()[1]))
    wrong = {part for part, finding in found.items() if not finding["ok"]}
    assert status == 1
    assert {"DAGSTER_HOME", "warehouse", "port", "separator"} <= wrong
    assert all(found[part]["to_do"] for part in wrong)
    (tmp_path / "home").unlink()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/dagster.yaml").write_text("storage: [")
    home = findings()[1]["DAGSTER_HOME"]
    assert (home["ok"], "dagster.yaml cannot be used" in str(home["found"])) == (False, True)
    paths.settings.write_text("[runs]\nsettle = 1\n")
    assert "did you mean" in str(findings()[1]["settings"]["found"])


# Clean


def test_what_nobody_needs_is_shown_then_removed(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    write_unreadable_song(paths.songs, "there")
    store = FeatureStore(paths.features)
    for song_id in ("there", "gone"):
        store.write(RawSong.of_unusable(song_id, "no sound", fingerprint=""))
    leftover = atomic.temporary_path(paths.exports)
    paths.exports.mkdir()
    leftover.write_bytes(b"half")
    (paths.answers / "ab").mkdir(parents=True)
    old, new = paths.answers / "ab" / "old.json", paths.answers / "ab" / "new.json"
    for answer in (old, new):
        answer.write_text("{}")
    os.utime(old, (0, 0))
    assert "files of songs that are gone" in flamingo_bark("clean", "--dry-run").output
    monkeypatch.setattr(atomic, "_has_ended", lambda pid, started: True)
    kept = (leftover, store.path("gone"), store.path("there"), old, new)
    dry = flamingo_bark("clean", "--dry-run", "--caches-older-than", "30")
    assert "temporary files of processes that have ended" in dry.output
    assert flamingo_bark("clean", "--caches-older-than", "30", said="n\n").exit_code == 1
    assert all(path.exists() for path in kept)
    assert flamingo_bark("clean", "--caches-older-than", "30", "--yes").exit_code == 0
    assert [path.exists() for path in kept] == [False, False, True, False, True]
    assert "nothing to remove" in flamingo_bark("clean").output


def test_a_song_that_is_added_again_before_the_answer_keeps_what_is_made_of_it(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unreadable_song(paths.songs, "there")
    store = FeatureStore(paths.features)
    store.write(RawSong.of_unusable("back", "no sound", fingerprint=""))
    monkeypatch.setattr(cleaning, "ask", lambda *_, **__: write_unreadable_song(paths.songs, "back"))
    assert flamingo_bark("clean").exit_code == 0
    assert store.path("back").exists()


# Interpreters


def test_a_wrong_interpreter_is_told_in_one_line() -> None:
    assert interpreter_problem((3, 11), is_installed=True) is None
    wrong = interpreter_problem((3, 12), is_installed=True)
    assert wrong is not None and "Python 3.11 is needed; run .venv/bin/flamingo-bark" in wrong
    command = [sys.executable, "-S", "-m", "flamingo_bark_assets", "list"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    (line,) = shown.stderr.splitlines()
    assert line.startswith("Error: the packages that are needed are not installed for ")
