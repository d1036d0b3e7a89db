"""What the list tells of songs is kept, follows every change, and is read again only of songs that have changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.commands import listed_songs, listing
from flamingo_bark_assets.commands.listed_songs import ListedSong, ListedSongs
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.provenance.state import SongState, write_state

pytestmark = pytest.mark.usefixtures("kept_at_once")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    for song_id in ("one", "two", "three"):
        (paths.songs / song_id).mkdir(parents=True)
        (paths.songs / song_id / "song.wav").write_bytes(b"no sound")
    return paths


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The songs that were read so far."""
    found: list[str] = []
    listed = listed_songs._listed

    def noted(paths: DataPaths, song_id: str) -> ListedSong:
        found.append(song_id)
        return listed(paths, song_id)

    monkeypatch.setattr(listed_songs, "_listed", noted)
    return found


def titles(paths: DataPaths) -> dict[str, str | None]:
    """What another process lists."""
    library = list_song_ids(paths)
    return {song.song_id: song.title for song in ListedSongs(paths, library).of(library)}


def test_only_a_song_whose_files_or_state_have_changed_is_read_again(paths: DataPaths, read: list[str]) -> None:
    assert titles(paths) == {"one": None, "three": None, "two": None}
    read.clear()
    assert titles(paths) == {"one": None, "three": None, "two": None}
    assert read == []
    (paths.songs / "two" / "song.toml").write_text('title = "Two"\n')
    write_state(paths, "one", SongState())
    assert titles(paths) == {"one": None, "three": None, "two": "Two"}
    assert read == ["one", "two"]


def test_nothing_is_kept_of_a_song_that_is_gone(paths: DataPaths) -> None:
    titles(paths)
    shutil.rmtree(paths.songs / "two")
    (paths.songs / "one" / "song.toml").write_text('title = "One"\n')
    titles(paths)
    kept = (paths.root / "state" / "list.json").read_text()
    assert ('"one"' in kept, '"two"' in kept) == (True, False)


def test_of_many_songs_that_were_never_read_a_limit_reads_those_it_shows_and_a_filter_reads_all(
    paths: DataPaths, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_READ", 1)

    def listed(*options: str) -> str:
        read.clear()
        shown = CliRunner().invoke(main, ["--data", str(paths.root), "list", *options])
        assert shown.exit_code == 0, shown.output
        return " ".join(shown.output.split())

    assert "3 songs, 1 of them looked at" in listed("--limit", "1", "--offset", "2")
    assert read == ["two"]
    assert "1 of 3 songs" in listed("--search", "ONE")
    assert read == ["one", "three"]
    assert "3 songs, 0 fit, 0 unfit" in listed("--limit", "1")
    assert read == []
