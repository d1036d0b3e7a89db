"""What data holds is shown at the terminal and never obeyed by it."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import CheckOutcome, RunReport
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from flamingo_bark_assets.terminal import Terminal, open_terminal, visible
from flamingo_bark_assets.training.manifest import MANIFEST_FILE_NAME, ManifestEntry, ManifestFile, manifest_line
from flamingo_bark_assets.training.suitability import Verdict
from tests.songs import write_song

pytestmark = pytest.mark.long

# Each would do something: set a colour and the window's title, go up a line, reverse the text, make a link, beep.
EVIL = "\x1b[7mE\x1b]0;V\x07I\x9b1AL\u202e\x08[red][link=evil:x]x:skull:"
EVIL_SHOWN = r"\x1b[7mE\x1b]0;V\x07I\x9b1AL\u202e\x08[red][link=evil:x]x:skull:"
ANY = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x1b[]\\/:=\n\r\u202e\x9b"))
# What rich itself sends: colours and weights, the cursor hidden and shown, a progress bar gone back over.
OF_RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r")


def harmless(text: str) -> bool:
    """Whether a text, but for what rich sends and line ends, is all characters that are seen."""
    rest = OF_RICH.sub("", text).replace("\n", "")
    return not any(unicodedata.category(c) in {"Cc", "Cs"} or c in "\u2028\u2029\u202e\u2066" for c in rest)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 音 😀", "plain ä 音 😀"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028\ufeff\u200b", r"\u2028\ufeff\u200b"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("می\u200cخواهم 👩\u200d🎤", "می\u200cخواهم 👩\u200d🎤"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY)
def test_any_text_is_harmless_when_shown_and_shown_once(text: str) -> None:
    assert harmless(visible(text))
    assert visible(visible(text)) == visible(text)


@given(ANY)
def test_any_text_is_said_as_it_is_and_is_no_markup(text: str) -> None:
    output = io.StringIO()
    Terminal(soft_wrap=True, emoji=False, file=output, force_terminal=True).say("[bold]{}[/bold]|{}", text, text)
    shown, said = visible(text), output.getvalue()
    assert OF_RICH.sub("", said) == f"{shown}|{shown}\n"
    assert set(OF_RICH.findall(said)) <= {"\x1b[1m", "\x1b[0m"}


@pytest.mark.parametrize("how", ["say", "table", "print", "highlighted"])
def test_a_terminal_sends_no_control_of_the_data(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(soft_wrap=True, emoji=False, force_terminal=True, width=200)
    if how == "say":
        terminal.say("[bold]{}[/bold] {}", EVIL, EVIL)
    elif how == "table":
        terminal.table([EVIL], [[EVIL]])
    elif how == "print":
        terminal.print(Text(EVIL), EVIL, [EVIL], markup=False)
    else:
        terminal.print(EVIL, markup=False, highlight=True)
    out = capsys.readouterr().out
    assert harmless(out)
    assert "\x1b[7m" not in out
    assert r"\x1b[7mE" in OF_RICH.sub("", out)


def test_log_lines_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    open_terminal()
    assert logging.lastResort is not None
    logging.lastResort.handle(logging.LogRecord("x", logging.WARNING, "", 1, "a %s", (EVIL,), None))
    assert capsys.readouterr().err == f"a {EVIL_SHOWN}\n"


# Every command that prints, at a terminal

FLAMINGO_BARK = str(Path(sys.executable).parent / "flamingo-bark")


@pytest.fixture(scope="module")
def evil_data(tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    """A data folder whose names, texts and results try to command the terminal."""
    paths = DataPaths(tmp_path_factory.mktemp("evil") / f"d{EVIL}")
    folder = write_song(paths.songs, "one", duration_s=5.5)
    write_song(paths.songs, "two", duration_s=5.5, seed=1)
    shutil.copy(folder / "song.wav", paths.root.parent / "mix.wav")
    (folder / "song.toml").write_text(f'"{EVIL.encode("unicode_escape").decode()}" = 1'.replace(r"\x", r"\u00"))
    (paths.songs / "two" / "song.toml").write_bytes(b"\x1b[7m")
    (paths.songs / EVIL).mkdir()
    (folder / "stems" / f"{EVIL}.wav").touch()
    store = FeatureStore(paths.features)
    store.write(RawSong.of_unusable("one", EVIL, fingerprint=""))
    store.write(Verdict(song_id="one", suitable=False, reasons=EVIL, suitable_stems=""))
    publish(store, ["one"], paths.warehouse, RECORDS)
    name = EVIL
    file = ManifestFile(part="mix", path=name, sha256="0" * 64, bytes=0)
    entry = ManifestEntry(
        song_id=EVIL, suitable=True, dataset=name, instructions=name, suitable_stems=(), duration_s=1.0,
        captioner=EVIL, is_fallback=True, prompts=0, files=(file,),
    )  # fmt: skip
    write_bytes(paths.datasets / MANIFEST_FILE_NAME, manifest_line(entry))
    return paths


def at_terminal(paths: DataPaths, *command: str) -> str:
    """All that a command sends to a terminal."""
    terminal, device = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "2000", "FLAMINGO_BARK_DATA": str(paths.root)}
    process = subprocess.Popen(
        [FLAMINGO_BARK, *command], stdin=device, stdout=device, stderr=device, env=environment,
        cwd=paths.root.parent,
    )  # fmt: skip
    os.close(device)
    sent = b""
    try:
        while chunk := os.read(terminal, 65536):
            sent += chunk
    except OSError:  # Linux tells the end of a terminal so.
        pass
    process.wait()
    os.close(terminal)
    return sent.decode()


def check_harmless(sent: str) -> None:
    assert harmless(sent)
    assert "\x1b[7m" not in sent
    assert "\x1b]8" not in sent
    assert "Traceback" not in sent


def named(command: list[str]) -> str:
    return " ".join(command).replace(EVIL, "EVIL")


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["sql", f"""SELECT unusable AS "{EVIL}" FROM raw_song"""],
        ["sql", f"SELECT error('{EVIL}')"],
        ["verify"],
        ["run", EVIL],
        ["remove", EVIL],
        ["add", EVIL],
        ["add", "mix.wav", "--id", EVIL],
        ["add", "mix.wav", "--lyrics", EVIL],
        ["add", "mix.wav", "--stems", EVIL],
        ["analyze", EVIL],
        ["demo", "--source", EVIL],
        ["models", "fetch", EVIL],
        ["models", EVIL],
        ["--data", EVIL, "run"],
        ["--data", EVIL, "sql", "SELECT 1"],
        [f"--{EVIL}"],
        [EVIL],
        ["list", EVIL],
    ],
    ids=named,
)
def test_no_command_sends_what_the_data_holds_but_shows_it(evil_data: DataPaths, command: list[str]) -> None:
    sent = at_terminal(evil_data, *command)
    check_harmless(sent)
    assert EVIL_SHOWN[:7] in OF_RICH.sub("", sent)


@pytest.mark.parametrize(
    "command", [["sql", EVIL], ["add", "mix.wav", "--title", EVIL], ["add", "mix.wav", "--genre", EVIL]], ids=named
)
def test_no_command_sends_what_it_refuses(evil_data: DataPaths, command: list[str]) -> None:
    check_harmless(at_terminal(evil_data, *command))


def test_analysed_files_and_faults_are_harmless(evil_data: DataPaths, tmp_path: Path) -> None:
    name = EVIL
    folder = write_song(tmp_path, name, duration_s=5.5, stems=False)
    (folder / f"{name}.wav").write_text("no sound")
    sent = at_terminal(evil_data, "analyze", str(folder), str(folder / f"{name}.wav"))
    check_harmless(sent)
    assert OF_RICH.sub("", sent).count(EVIL_SHOWN[:7]) >= 2


def test_the_summary_of_a_run_is_harmless(evil_data: DataPaths, capsys: pytest.CaptureFixture[str]) -> None:
    from flamingo_bark_assets.commands.run_summary import print_summary

    check = CheckOutcome(asset=EVIL, check=EVIL, song_id=EVIL, passed=False, description=EVIL)
    print_summary(evil_data, ["one"], [RunReport("run", False, (), (check,), (EVIL,))])
    out = capsys.readouterr().out
    assert harmless(out)
    assert out.count(r"\x1b[7m") >= 4
