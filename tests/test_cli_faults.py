"""Hostile arguments and a hostile machine: every command ends in one clear line and an exit status."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from tests.songs import write_song

pytestmark = pytest.mark.long

FLAMINGO_BARK = str(Path(sys.executable).parent / "flamingo-bark")
Command = list[str | bytes]
# Each is another song, so that to analyse them takes long.
MANY = [f"many/{index}.wav" for index in range(100)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a song, a data folder with a warehouse, and one of everything that is not what it should be."""
    shelf = tmp_path_factory.mktemp("shelf")
    write_song(shelf, "song", duration_s=5.5)
    write_song(shelf / "data" / "songs", "one", duration_s=5.5, seed=1)
    publish(FeatureStore(shelf / "data" / "features"), [], shelf / "data" / "warehouse.duckdb", RECORDS)
    for copy in MANY:
        (shelf / copy).parent.mkdir(exist_ok=True)
        (shelf / copy).hardlink_to(shelf / "song" / "song.wav")
    (shelf / "file").write_text("x")
    (shelf / "folder").mkdir()
    (shelf / "latin1").write_bytes(b"caf\xe9")
    (shelf / "controls").write_text("a\x1b[31mb")
    (shelf / "empty.wav").touch()
    for name in ("pipe", "pipe.wav"):
        os.mkfifo(shelf / name)
    (shelf / "huge").touch()
    os.truncate(shelf / "huge", 3_000_000_000)
    (shelf / "loop").symlink_to("loop")
    (shelf / "endless.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(shelf / "socket"))
    return shelf


def environment(shelf: Path) -> dict[str, str]:
    return {
        "FLAMINGO_BARK_DATA": str(shelf / "data"), "DAGSTER_HOME": str(shelf / "home"), "HF_HOME": str(shelf / "hf"),
        "COLUMNS": "200",
    }  # fmt: skip


def start(shelf: Path, command: Command, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [FLAMINGO_BARK, *command], cwd=shelf, env={**os.environ, **environment(shelf)},
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )  # fmt: skip


def run(shelf: Path, command: Command, **options: object) -> tuple[int, str]:
    """Exit status and standard error of a command in a process of its own."""
    process = start(shelf, command, **options)
    _, error = process.communicate(timeout=120)
    return process.returncode, error.decode()


def run_here(shelf: Path, command: Command) -> tuple[int, str]:
    """Exit status and standard error of a command in this process, which has loaded already what commands need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shelf)
        result = CliRunner().invoke(main, [os.fsdecode(word) for word in command], env=environment(shelf))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


def one_line(outcome: tuple[int, str]) -> str:
    status, error = outcome
    assert status == 1, error
    (line,) = error.splitlines()
    assert line.startswith("Error: ")
    assert line.isprintable()
    return line


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("add song/song.wav --lyrics latin1", "--lyrics latin1: is not UTF-8"),
        ("add song/song.wav --lyrics pipe", "--lyrics pipe: is not a regular file"),
        ("add song/song.wav --lyrics folder", "--lyrics folder: is not a regular file"),
        ("add song/song.wav --lyrics socket", "--lyrics socket: is not a regular file"),
        ("add song/song.wav --lyrics huge", "--lyrics huge: is larger than"),
        ("add song/song.wav --lyrics controls", "--lyrics: holds the control character U+001B"),
        ("add song/song.wav --lyrics nothing", "--lyrics nothing: does not exist"),
        ("add song/song.wav --lyrics loop", "--lyrics loop: cannot be opened"),
        ("add pipe.wav", "pipe.wav: not a regular file"),
        ("add endless.wav", "endless.wav: not a regular file"),
        ("add folder", "no song was found in folder"),
        ("add empty.wav", "empty.wav: the file is empty"),
        ("add loop", "loop: the file cannot be opened"),
        ("add song/song.wav --stems file", "'file': there is no such stems folder"),
        ("add song/song.wav --stems folder", "'folder': the stems folder holds no sound file"),
        ("--data file list", "file: is not a folder"),
        ("--data pipe sql SELECT", "pipe: is not a folder"),
        ("--data loop models", "loop: cannot be reached"),
        ("--data file/below add song/song.wav", "Not a directory"),
        ("analyze pipe.wav", "pipe.wav: there is no song here"),
        ("analyze nothing", "nothing: there is no song here"),
        ("sql SELEC", 'query failed: Parser Error: syntax error at or near "SELEC"'),
        ("run ../one", "no such song: ../one"),
        ("remove ../one", "'../one' is not a song id"),
        ("verify", "training_manifest.jsonl: cannot be read: it does not exist"),
        ("models fetch nothing", "nothing: not a known model"),
    ],
)
def test_a_wrong_argument_is_one_line(shelf: Path, command: str, words: str) -> None:
    assert words in one_line(run_here(shelf, [*command.split()]))


@pytest.mark.parametrize(
    ("command", "code"), [("remove ../one", "FB201"), ("add empty.wav", "FB402"), ("models fetch nothing", "FB601")]
)
def test_the_line_of_a_fault_ends_with_its_code(shelf: Path, command: str, code: str) -> None:
    assert one_line(run_here(shelf, [*command.split()])).endswith(f" [{code}]")


@pytest.mark.parametrize("query", ["", ";", " ;\n; ", "/* nothing */", "\n-- nothing"])
def test_an_empty_query_is_one_line(shelf: Path, query: str) -> None:
    assert "the query is empty" in one_line(run_here(shelf, ["sql", query]))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--title", "a\nb"], "--title: holds the control character U+000A"),
        (["--artist", "x" * 501], "--artist: String should have at most 500 characters"),
        (["--genre", "dub", "--genre", "a\x1b[3m"], "--genre, entry 2: holds the control character U+001B"),
        (["--licence", b"\xff"], "--licence: "),
        (["--id", "a\nb"], "'a\\nb' is not a song id"),
    ],
)
def test_what_song_toml_may_not_say_no_option_may_say(shelf: Path, option: Command, words: str) -> None:
    assert words in one_line(run_here(shelf, ["add", "song/song.wav", *option]))


@pytest.mark.parametrize(
    "command",
    [
        ["--data", "", "list"],
        ["add", ""],
        ["add", "song/song.wav", "--lyrics", ""],
        ["sql"],
        ["sql", "SELECT 1", "--max-rows", "-1"],
        ["analyze", "song/song.wav", "--predictions", "/dev/null"],
        ["analyze", "song/song.wav", "--predictions", "pipe"],
        ["demo", "--source", "nothing"],
        ["--\x1b[31m"],
        ["lis\x1b[31m\nt"],
    ],
    ids=str,
)
def test_a_wrong_use_is_told_with_status_2(shelf: Path, command: Command) -> None:
    status, error = run_here(shelf, command)
    assert status == 2
    assert error.splitlines()[-1].startswith("Error: ")
    assert all(line.isprintable() for line in error.splitlines())
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "a\0b"],
        ["add", "song.wav", "--stems", "a\0b"],
        ["add", "song.wav", "--lyrics", "a\0b"],
        ["add", "song.wav", "--id", "a\0b"],
        ["--data", "a\0b", "list"],
        ["analyze", "a\0b"],
        ["analyze", "song.wav", "--predictions", "a\0b"],
        ["demo", "--source", "a\0b"],
        ["run", "a\0b"],
        ["remove", "a\0b"],
        ["sql", "a\0b"],
        ["models", "fetch", "a\0b"],
    ],
)
def test_a_nul_is_refused_everywhere(shelf: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(shelf / "data"))
    monkeypatch.chdir(shelf / "folder")
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code in {1, 2}
    assert result.output.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("name", ["pipe", "folder", "socket", "latin1"])
@pytest.mark.parametrize("command", [["models", "list"], ["add", "song/song.wav"], ["run", "one"]], ids=str)
def test_settings_that_cannot_be_read_are_one_line_and_no_run(
    shelf: Path, tmp_path: Path, name: str, command: Command
) -> None:
    (tmp_path / "songs" / "one").mkdir(parents=True)
    (tmp_path / "settings.toml").symlink_to(shelf / name)
    assert "settings.toml: is not" in one_line(run_here(shelf, ["--data", str(tmp_path), *command]))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def not_utf8(path: Path) -> None:
    path.write_bytes(b"\xff")


@pytest.mark.parametrize("spoil", [pipe, Path.mkdir, not_utf8])
@pytest.mark.parametrize(
    ("command", "file"),
    [(["sql", "SELECT 1"], "warehouse.duckdb"), (["verify"], "datasets/training_manifest.jsonl")],
    ids=str,
)
def test_a_result_that_is_no_such_file_is_one_line(
    shelf: Path, tmp_path: Path, spoil: Callable[[Path], None], command: Command, file: str
) -> None:
    (tmp_path / "datasets").mkdir()
    spoil(tmp_path / file)
    assert Path(file).name in one_line(run_here(shelf, ["--data", str(tmp_path), *command]))


# What the machine refuses


def test_a_full_disk_is_told_as_such(shelf: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        assert "No space left on device; free some space" in one_line(run(shelf, ["list"], stdout=full))
        assert "No space left on device; free some space" in one_line(run(shelf, ["--help"], stdout=full))


def mounting(options: str, folder: Path, command: str) -> list[str]:
    """A command for a shell that first mounts a file system of its own, which nobody else sees."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a mount namespace")
    return ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o {options} none {folder} && exec {command}"]


@pytest.mark.parametrize(
    ("options", "command", "words"),
    [
        ("size=100k", "add song/song.wav", "/data/songs: No space left on device; free some space"),
        ("size=8k", "analyze song --predictions {}/out.json", "No space left on device; free some space"),
        ("ro", "add song/song.wav", "/data/songs: Read-only file system; let this user write there"),
        ("ro", "analyze song --predictions {}/out.json", "Read-only file system; let this user write there"),
    ],
)
def test_a_disk_that_is_full_or_read_only_is_one_line(
    shelf: Path, tmp_path: Path, options: str, command: str, words: str
) -> None:
    line = mounting(options, tmp_path, f"{FLAMINGO_BARK} --data {tmp_path}/data {command.format(tmp_path)}")
    done = subprocess.run(line, cwd=shelf, capture_output=True, text=True, check=False, timeout=120)
    assert words in one_line((done.returncode, done.stderr))


def bound_by_modes() -> list[str]:
    """What to put before a command so that the modes of files bind it, though root may have started it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def locked(shelf: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with songs in it that its user may not read."""
    folder = Path(shutil.copytree(shelf / "data", tmp_path / "locked", symlinks=True))
    shutil.copy(shelf / "song" / "song.wav", folder)
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "command",
    [
        "--data locked list",
        "--data locked add {shelf}/song/song.wav",
        "--data locked run",
        "--data locked sql SELECT",
        "add locked/song.wav",
        "add {shelf}/song/song.wav --stems locked",
        "add {shelf}/song/song.wav --lyrics locked/words",
        "analyze locked/song.wav",
        "analyze {shelf}/song/song.wav --predictions locked/out.json",
    ],
)
def test_what_this_user_may_not_read_is_one_line(shelf: Path, locked: Path, command: str) -> None:
    done = subprocess.run(
        [*bound_by_modes(), FLAMINGO_BARK, *command.format(shelf=shelf).split()],
        cwd=locked.parent, env={**os.environ, "FLAMINGO_BARK_DATA": str(locked.parent / "data")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    line = one_line((done.returncode, done.stderr))
    assert "locked" in line or "song.wav: the file cannot be opened (Permission denied)" in line


# Stopping


@pytest.mark.parametrize("command", ["list", "--help", "models list"])
def test_a_pipe_whose_reader_went_away_ends_quietly(shelf: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run(shelf, [*command.split()], stdout=writer) == (141, "")
    finally:
        os.close(writer)


def test_a_closed_standard_output_is_no_error(shelf: Path) -> None:
    done = subprocess.run(["sh", "-c", f"{FLAMINGO_BARK} list >&-"], cwd=shelf, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "command",
    [
        ["sql", "SELECT count(*) FROM range(1000000000000) a, range(1000) b WHERE a.range * b.range % 7 = 1"],
        ["analyze", *MANY],
        ["analyze", "--jobs", "2", *MANY],
    ],
    ids=lambda command: " ".join(command)[:20],
)
def test_an_interrupt_ends_quietly_with_its_status(
    shelf: Path, command: Command, request: pytest.FixtureRequest
) -> None:
    process = start(shelf, command, start_new_session=True)
    request.addfinalizer(process.kill)
    while used_cpu_s(process.pid) < 3.0:
        assert process.poll() is None, "the command ended by itself"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    # Killed by the signal, or ended as if: for a shell both is 130.
    assert process.returncode in {130, -signal.SIGINT}
    assert error.strip() == b""


def test_an_interrupted_run_ends_quietly_and_publishes_nothing(tmp_path: Path) -> None:
    """A Ctrl-C reaches every process of the terminal; Dagster turns it into a failed step."""
    for song_id in ("one", "two"):
        write_song(tmp_path / "data" / "songs", song_id, duration_s=20.0)
    process = start(tmp_path, ["run", "--verbose"], start_new_session=True)
    assert process.stdout is not None
    told = b""
    while b"made raw_song of one" not in told:
        told += os.read(process.stdout.fileno(), 1000)
        assert process.poll() is None, "the run ended by itself"
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, error.strip()) == (130, b"")
    assert b"training_manifest" not in told + output
    assert not DataPaths(tmp_path / "data").warehouse.exists()


def used_cpu_s(pid: int) -> float:
    """CPU time of a process and its children."""
    process = psutil.Process(pid)
    return float(sum(member.cpu_times().user for member in [process, *process.children(recursive=True)]))


def test_an_interrupt_at_a_question_ends_quietly_with_its_status(shelf: Path) -> None:
    terminal, user = os.openpty()
    process = start(shelf, ["models", "fetch", "laion/larger_clap_music"], start_new_session=True, stdin=user)
    assert process.stdout is not None
    asked = b""
    while b"agree" not in asked:
        asked += os.read(process.stdout.fileno(), 1000)
    time.sleep(1.0)  # nobody is so quick that it comes between the question and the reading, where Python misses it
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    os.close(terminal)
    os.close(user)
    assert (process.returncode, error.strip()) == (130, b"")


def test_an_export_is_never_put_among_the_songs(shelf: Path) -> None:
    place = shelf / "data/songs/export"
    result = CliRunner().invoke(main, ["--data", str(shelf / "data"), "export", "--to", "bark", str(place)])
    assert result.exit_code == 1
    assert "lies among the songs" in result.output
    assert not place.exists()
