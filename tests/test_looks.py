"""Looks at a library again: what has changed is seen, what has not costs no look, and what is kept may be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flamingo_bark_assets.files import changes
from flamingo_bark_assets.library import looks
from flamingo_bark_assets.library.fingerprint import FolderScan, scan_folder
from flamingo_bark_assets.library.known_mixes import KnownMixes
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.looks import LibraryLooks, looks_path
from tests.songs import library_stamps

CLOCK_STEP_NS = changes.CLOCK_STEP_NS

pytestmark = pytest.mark.usefixtures("kept_at_once")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    for song_id in ("one", "two", "three"):
        (paths.songs / song_id / "stems").mkdir(parents=True)
        (paths.songs / song_id / "song.wav").write_bytes(song_id.encode())
        (paths.songs / song_id / "song.toml").write_text("title = 'a'\n")
    return paths


def seen(known: LibraryLooks, paths: DataPaths) -> bool:
    """Whether a look sees what a scan of everything sees."""
    return known.stamps(list_song_ids(paths)) == library_stamps(paths)


def add_stem(song: Path) -> None:
    (song / "stems" / "drums.wav").write_bytes(b"drums")


def add_sidecar(song: Path) -> None:
    (song / "song.lrc").write_text("[00:01.00]la")


def edit_info(song: Path) -> None:
    (song / "song.toml").write_text("title = 'another'\n")


def replace_mix(song: Path) -> None:
    (song / "new").write_bytes(b"another mix")
    (song / "new").replace(song / "song.wav")


def write_over_mix(song: Path) -> None:
    (song / "song.wav").write_bytes(b"another mix")


def remove_stems(song: Path) -> None:
    (song / "stems").rmdir()


def remove_song(song: Path) -> None:
    for path in song.rglob("*.*"):
        path.unlink()
    (song / "stems").rmdir()
    song.rmdir()


CHANGES = [add_stem, add_sidecar, edit_info, replace_mix, write_over_mix, remove_stems, remove_song]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("is_new_process", [False, True])
def test_a_change_is_seen_at_the_next_look(
    paths: DataPaths, change: Callable[[Path], None], *, is_new_process: bool
) -> None:
    known = LibraryLooks(paths)
    assert seen(known, paths)
    change(paths.songs / "two")
    assert seen(LibraryLooks(paths) if is_new_process else known, paths)


def test_of_a_large_library_a_file_that_is_written_over_is_seen_as_its_turn_comes(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "SONGS_A_TURN", 1)
    known = LibraryLooks(paths)
    assert seen(known, paths)
    write_over_mix(paths.songs / "three")
    assert [seen(known, paths) for _ in range(3)][-1]
    write_over_mix(paths.songs / "two")
    assert known.stamps(list_song_ids(paths), in_detail=True) == library_stamps(paths)
    edit_info(paths.songs / "one")
    add_stem(paths.songs / "three")
    assert seen(known, paths)


def test_nothing_is_scanned_again_by_another_process_where_nothing_has_changed(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen(LibraryLooks(paths), paths)
    scanned: list[str] = []

    def noted(folder: str) -> FolderScan:
        scanned.append(folder)
        return scan_folder(folder)

    monkeypatch.setattr(looks, "scan_folder", noted)
    assert seen(LibraryLooks(paths), paths)
    add_stem(paths.songs / "two")
    assert seen(LibraryLooks(paths), paths)
    assert scanned == [str(paths.songs / "two")]


@pytest.mark.parametrize("damage", [b"", b"looks 2 00\n{}", b"\xff\x00", b"[" * 100_000])
def test_what_is_kept_may_be_damaged(paths: DataPaths, damage: bytes) -> None:
    assert seen(LibraryLooks(paths), paths)
    kept = looks_path(paths).read_bytes()
    for content in (damage, kept[:-1], kept.replace(b"looks", b"older", 1)):
        looks_path(paths).write_bytes(content)
        assert seen(LibraryLooks(paths), paths)
    assert looks_path(paths).read_bytes() == kept


def test_what_just_changed_is_looked_at_again(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "CLOCK_STEP_NS", CLOCK_STEP_NS)
    monkeypatch.setattr(looks, "changed_ns", lambda status: 1)  # as a clock of long steps tells it
    monkeypatch.setattr(looks, "SONGS_A_TURN", 0)
    known = LibraryLooks(paths)
    assert seen(known, paths)
    add_sidecar(paths.songs / "two")
    assert seen(known, paths)


def test_a_file_that_is_written_over_while_it_is_looked_at_is_seen_at_the_next_look(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(folder: str) -> FolderScan:
        scan = scan_folder(folder)
        write_over_mix(Path(folder))
        return scan

    known = LibraryLooks(paths)
    with monkeypatch.context() as patched:
        patched.setattr(looks, "scan_folder", overtaken)
        assert not seen(known, paths)
    assert seen(known, paths)


def test_a_mix_that_came_in_place_of_another_is_known(paths: DataPaths, tmp_path: Path) -> None:
    mix = tmp_path / "new.wav"
    mix.write_bytes(b"another mix")
    assert KnownMixes(paths).holder(mix) is None
    replace_mix(paths.songs / "two")
    assert KnownMixes(paths).holder(mix) == "two"
    remove_song(paths.songs / "two")
    assert KnownMixes(paths).holder(mix) is None
