"""Words are set in song.toml of many songs at once, and nothing else in it changes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.library import song_toml, song_toml_edits
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.song_toml_edits import plan_edit, write_edit
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish
from flamingo_bark_assets.training.suitability import Verdict
from tests.evidence import make_evidence
from tests.songs import write_unreadable_song

WRITTEN = """# mine
title = "Old"   # as on the sleeve
unknown = [1, nan]

[edits.mix]  # by hand
caption = "z"
"""


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """Three songs: with a song.toml, without, and with a broken one."""
    paths = DataPaths(tmp_path / "data")
    for song_id in ("full", "bare", "broken"):
        write_unreadable_song(paths.songs, song_id)
    (paths.songs / "full/song.toml").write_text(WRITTEN)
    (paths.songs / "broken/song.toml").write_text("title = ")
    return paths


def flamingo_bark(paths: DataPaths, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["--data", str(paths.root), *arguments], input=said)


def toml(paths: DataPaths, song_id: str) -> str:
    return (paths.songs / song_id / "song.toml").read_text()


def test_keys_are_set_while_comments_order_and_unknown_keys_stay(paths: DataPaths) -> None:
    shown = flamingo_bark(
        paths, "edit", "full", "--title", "New", "--genre", "dub", "--genre", "house", "--mood", "warm"
    )
    assert shown.exit_code == 0, shown.output
    assert toml(paths, "full") == WRITTEN.replace('"Old"', '"New"').replace(
        "nan]\n", 'nan]\ngenres = ["dub", "house"]\n'
    ).replace('caption = "z"\n', 'caption = "z"\nmood = "warm"\n')
    info = find_song(paths, "full").info
    assert (info.title, info.genres, info.edits.mix.mood) == ("New", ("dub", "house"), "warm")
    again = flamingo_bark(paths, "edit", "full", "--title", "New")
    assert "nothing to change" in again.output


def test_keys_are_taken_out_again(paths: DataPaths) -> None:
    shown = flamingo_bark(paths, "edit", "full", "--unset", "title", "--unset", "mood")
    assert shown.exit_code == 0, shown.output
    assert toml(paths, "full") == WRITTEN.replace('title = "Old"   # as on the sleeve\n', "")


def test_a_dry_run_shows_what_would_change_and_changes_nothing(paths: DataPaths) -> None:
    shown = flamingo_bark(paths, "edit", "full", "bare", "--title", "New", "--dry-run")
    assert shown.exit_code == 0
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.output.splitlines() if "│" in line]
    assert cells == [["full", "title", "Old", "New"], ["bare", "title", "-", "New"]]
    assert toml(paths, "full") == WRITTEN
    assert not (paths.songs / "bare/song.toml").exists()


def test_a_song_whose_file_cannot_be_read_is_named_and_left_alone(paths: DataPaths) -> None:
    shown = flamingo_bark(paths, "edit", "broken", "bare", "--licence", "CC0-1.0")
    assert shown.exit_code == 1
    assert "left alone: song 'broken': song.toml: is not valid TOML" in shown.output
    assert toml(paths, "broken") == "title = "
    assert toml(paths, "bare") == 'licence = "CC0-1.0"\n'


@pytest.mark.parametrize(("said", "status", "is_changed"), [("n\n", 1, False), ("", 1, False), ("y\n", 0, True)])
def test_more_than_one_song_is_asked_about(paths: DataPaths, said: str, status: int, is_changed: bool) -> None:
    shown = flamingo_bark(paths, "edit", "full", "bare", "--artist", "Me", said=said)
    assert shown.exit_code == status
    assert (paths.songs / "bare/song.toml").exists() is is_changed
    assert ("--yes" in shown.output) is (said == "")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["full"], 2, "say what to set"),
        (["--title", "x"], 2, "name SONG..."),
        (["full", "--where", "true", "--title", "x"], 2, "name SONG..."),
        (["full", "--title", "x", "--unset", "title"], 2, "not both"),
        (["nobody", "--title", "x"], 1, "no such song: nobody"),
        (["full", "--title", "a\nb"], 1, "--title: holds the control character"),
        (["full", "--mood", "a\nb"], 1, "--mood: holds the control character"),
        (["full", "--genre", "a", "--genre", ""], 1, "--genre, entry 2"),
        (["full", "--custom-tag", "x" * 101], 1, "--custom-tag"),
    ],
)
def test_a_wrong_use_is_told_and_changes_nothing(
    paths: DataPaths, arguments: list[str], status: int, words: str
) -> None:
    shown = flamingo_bark(paths, "edit", *arguments)
    assert shown.exit_code == status, shown.output
    assert words in shown.output
    assert toml(paths, "full") == WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        'edits.mix.caption = "a"\n',
        'edits = {mix = {caption = "z"}}\n',
        "[edits.drums]\nmood = 'x'\n[edits.prompts]\na = 'b'\n",
        'title = """\nOld\n"""\r\nartist = "A"\r\n',
        "",
    ],
)
def test_other_layouts_of_the_file_hold_the_same_afterwards_but_for_the_key(paths: DataPaths, text: str) -> None:
    file = paths.songs / "full/song.toml"
    file.write_bytes(text.encode())
    before = find_song(paths, "full").info
    shown = flamingo_bark(paths, "edit", "full", "--mood", "warm", "--title", "New")
    assert shown.exit_code == 0, shown.output
    after = find_song(paths, "full").info
    assert (after.title, after.edits.mix.mood, after.edits.mix.caption) == ("New", "warm", before.edits.mix.caption)
    assert (after.artist, after.edits.prompts) == (before.artist, before.edits.prompts)
    assert ("\r\n" in file.read_bytes().decode()) is (text.count("\r\n") == text.count("\n") > 0 or "\r" in text)


def test_what_was_changed_meanwhile_is_not_overwritten(paths: DataPaths) -> None:
    planned = plan_edit(find_song(paths, "full"), {("title",): "New"})
    (paths.songs / "full/song.toml").write_text('title = "Theirs"\n')
    with pytest.raises(LibraryError, match="changed meanwhile"):
        write_edit(planned)
    assert toml(paths, "full") == 'title = "Theirs"\n'


def test_editors_at_the_same_time_take_turns_and_none_is_lost_in_silence(paths: DataPaths) -> None:
    folder = paths.songs / "bare"

    def edit(number: int) -> bool:
        planned = plan_edit(find_song(paths, "bare"), {("title",): f"T{number}"})
        all_planned.wait()
        try:
            write_edit(planned)
        except LibraryError:
            return False
        return True

    all_planned = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(edit, range(8)))
    assert done.count(True) == 1
    assert toml(paths, "bare") == f'title = "T{done.index(True)}"\n'
    assert sorted(path.name for path in folder.iterdir()) == ["song.toml", "song.wav"]


def test_permissions_stay_and_a_file_that_is_read_only_is_left_alone(paths: DataPaths) -> None:
    full, bare = (paths.songs / name / "song.toml" for name in ("full", "bare"))
    full.chmod(0o600)
    bare.write_text('artist = "A"\n')
    bare.chmod(0o444)
    for options in (["--dry-run"], ["--yes"]):
        shown = flamingo_bark(paths, "edit", "full", "bare", "--title", "New", *options)
        assert shown.exit_code == 1
        assert "left alone: song 'bare': song.toml: is read-only" in shown.output
        assert "1 of 2 songs" in shown.output
    assert (full.stat().st_mode & 0o777, bare.read_text()) == (0o600, 'artist = "A"\n')


def test_a_song_that_cannot_be_written_stops_no_other(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    real = song_toml.replace_song_toml

    def fails_once(path: Path, found: str | None, text: str) -> bool:
        if path.parent.name == "bare":
            raise WriteError(f"{path}: cannot be written: No space left on device")
        return real(path, found, text)

    monkeypatch.setattr(song_toml_edits, "replace_song_toml", fails_once)
    shown = flamingo_bark(paths, "edit", "bare", "full", "--title", "New", "--yes")
    assert shown.exit_code == 1
    assert "1 of 2 songs changed" in shown.output
    assert "No space left" in shown.output
    assert find_song(paths, "full").info.title == "New"


@pytest.mark.parametrize("text", ["", "# mine\n", '[edits.drums]\nmood = "x"\n', "[edits.mix] # mine\n", "a = 1\r\n"])
def test_what_was_set_can_be_taken_out_again_and_leaves_no_empty_table(paths: DataPaths, text: str) -> None:
    file = paths.songs / "full/song.toml"
    file.write_bytes(text.encode())
    for options in (["--mood", "warm"], ["--unset", "mood"]):
        shown = flamingo_bark(paths, "edit", "full", *options)
        assert shown.exit_code == 0, shown.output
    assert file.read_bytes().decode().split() == text.split()


# Songs chosen by a condition


@pytest.fixture
def warehouse(paths: DataPaths) -> Path:
    """A warehouse of three songs with tempi of 90, 130 and 150 BPM, the last of which is gone."""
    store = FeatureStore(paths.features)
    for song_id, bpm in (("bare", 90.0), ("full", 130.0), ("gone", 150.0)):
        evidence = make_evidence(song_id=song_id, song={"tempo_bpm": bpm})
        for result in (evidence.song, evidence.metadata, evidence.raw_song):
            store.write(result)
        store.write(Verdict(song_id=song_id, suitable=True, reasons=None, suitable_stems=""))
    publish(store, ["bare", "full", "gone"], paths.warehouse, RECORDS)
    return paths.warehouse


def test_songs_are_chosen_by_a_condition_over_the_warehouse(paths: DataPaths, warehouse: Path) -> None:
    shown = flamingo_bark(paths, "edit", "--where", "tempo_bpm > 120 -- the fast ones", "--title", "Fast")
    assert shown.exit_code == 0, shown.output
    assert find_song(paths, "full").info.title == "Fast"
    assert not (paths.songs / "bare/song.toml").exists()
    assert not (paths.songs / "gone").exists()


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "tempo",
        "false) OR (true",
        "true); DROP TABLE song_features; SELECT (true",
        "true); COPY song_features TO '{here}/out.csv'; SELECT (true",
        "(SELECT count(*) FROM read_text('/etc/hostname')) > 0",
        "true); ATTACH '{here}/other.duckdb'; SELECT (true",
        "true) UNION SELECT content FROM read_text('/etc/hostname') WHERE (true",
    ],
)
def test_no_condition_can_write_or_read_anything_else(
    paths: DataPaths, warehouse: Path, tmp_path: Path, condition: str
) -> None:
    before, names = warehouse.read_bytes(), sorted(tmp_path.iterdir())
    shown = flamingo_bark(paths, "edit", "--where", condition.format(here=tmp_path), "--title", "x", "--yes")
    assert shown.exit_code == 1, shown.output
    assert shown.output.splitlines()[-1].startswith("Error: ")
    assert (warehouse.read_bytes(), sorted(tmp_path.iterdir()), toml(paths, "full")) == (before, names, WRITTEN)
