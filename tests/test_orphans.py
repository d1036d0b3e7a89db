"""Half done and left behind: both go with the next publication, and nothing that somebody still needs goes along."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from flamingo_bark_assets.files.atomic import delete_tree
from flamingo_bark_assets.library import orphans
from flamingo_bark_assets.library.importing import add_song, remove_song
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.orphans import DATASET_FILE_NAMES, derived_files, remove_orphans
from flamingo_bark_assets.training.files import dataset_files
from flamingo_bark_assets.training.publishing import publish_manifest

NOTHING = orphans.Cleanup(0, (), None)


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def add(paths: DataPaths, *song_ids: str) -> None:
    for song_id in song_ids:
        touch(paths.songs / song_id / "song.wav")


def make(paths: DataPaths, song_id: str) -> set[Path]:
    """Write the files that a run makes of a song."""
    files = dataset_files(paths, song_id)
    return {
        touch(paths.features / "songs" / f"{song_id}.results"),
        touch(paths.features / "measured" / "songs" / f"{song_id}.results"),
        touch(paths.features / "measured" / "song_features" / f"{song_id}.json"),
        touch(paths.features / "raw_song" / f"{song_id}.parquet"),
        touch(files.dataset),
        touch(files.instructions),
        touch(files.entry),
        touch(paths.root / "state" / "songs" / f"{song_id}.json"),
    }


def test_every_dataset_file_is_one_that_goes_with_its_song(tmp_path: Path) -> None:
    files = dataclasses.astuple(dataset_files(DataPaths(tmp_path), "one"))
    assert {file.name for file in files} == {name.format(song_id="one") for name in DATASET_FILE_NAMES}


def remaining(files: set[Path]) -> set[Path]:
    return {file for file in files if file.exists()}


def kill_while(paths: DataPaths, patch: str, call: str) -> None:
    """Call a function of `importing` in a process that is killed in the middle."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from flamingo_bark_assets.library import importing\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "paths = DataPaths(Path(sys.argv[1]))\n"
        f"importing.{patch} = lambda *_: os.kill(os.getpid(), 9)\n"
        f"importing.{call}\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(paths.root)], check=False).returncode == -9


@pytest.mark.parametrize("datasets_folder", ["datasets", "."])
def test_what_was_made_of_a_folder_that_is_gone_goes_and_the_rest_stays(tmp_path: Path, datasets_folder: str) -> None:
    paths = DataPaths(tmp_path / "data", datasets_folder)
    add(paths, "stays")
    stays, gone = make(paths, "stays"), make(paths, "gone")
    others = {
        touch(paths.datasets / "training_manifest.jsonl"),
        touch(paths.datasets / "bark_training_dataset_NOT AN ID.json"),
        touch(paths.features / "raw_song" / "notes.txt"),
        touch(paths.root / "state" / "publication.json"),
    }
    assert remove_orphans(paths) == orphans.Cleanup(0, ("gone",), None)
    assert remaining(gone) == set()
    assert remaining(stays | others) == stays | others
    assert remove_orphans(paths) == NOTHING


def test_a_renamed_folder_leaves_nothing_under_its_old_name_after_publication(paths: DataPaths) -> None:
    add(paths, "before")
    made = make(paths, "before")
    (paths.songs / "before").rename(paths.songs / "after")
    published = publish_manifest(paths)
    assert remaining(made) == set()
    assert published.cleanup.songs == ("before",)


def test_all_that_a_run_makes_of_a_song_is_known_here(paths: DataPaths) -> None:
    made = make(paths, "one")
    assert set(derived_files(paths, "one")) == made


def test_files_that_a_run_makes_of_a_song_after_its_removal_go_with_the_next_publication(paths: DataPaths) -> None:
    add(paths, "one", "two")
    remove_song(paths, "one")
    late = make(paths, "one")
    publish_manifest(paths)
    assert remaining(late) == set()


def test_a_song_folder_that_cannot_be_used_is_not_gone(paths: DataPaths, tmp_path: Path) -> None:
    add(paths, "good")
    touch(tmp_path / "outside" / "song.wav")
    (paths.songs / "linked").symlink_to(tmp_path / "outside")
    touch(paths.songs / "a-file")
    made = make(paths, "linked") | make(paths, "a-file")
    assert remove_orphans(paths) == NOTHING
    assert remaining(made) == made


# A disk that is not mounted


def test_nothing_goes_where_the_folder_of_all_songs_is_missing_or_empty(paths: DataPaths) -> None:
    made = make(paths, "one") | make(paths, "two")
    for _ in range(2):
        cleanup = remove_orphans(paths)
        assert cleanup.songs == ()
        assert cleanup.problem == (
            f"{paths.songs} holds no song; its disk may not be mounted, so what was made of 2 songs is kept"
        )
        assert remaining(made) == made
        paths.songs.mkdir(exist_ok=True)


def test_nothing_goes_where_the_folder_of_all_songs_cannot_be_read(paths: DataPaths) -> None:
    made = make(paths, "one")
    touch(paths.songs)
    problem = remove_orphans(paths).problem
    assert problem is not None
    assert "the folder of all songs cannot be read" in problem
    assert remaining(made) == made


def test_nothing_more_goes_once_the_disk_is_unmounted_in_the_middle(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(paths, "stays")
    made = make(paths, "stays") | make(paths, "gone")
    really = list_song_ids

    def then_unmounted(of: DataPaths) -> list[str]:
        found = really(of)
        of.songs.rename(of.root / "elsewhere")
        of.songs.mkdir()
        return found

    monkeypatch.setattr(orphans, "list_song_ids", then_unmounted)
    remove_orphans(paths)
    assert remaining(made) == made


def test_a_library_without_any_song_yet_is_no_problem(paths: DataPaths) -> None:
    assert remove_orphans(paths) == NOTHING


# Songs that come back


def test_a_song_that_is_added_again_meanwhile_keeps_what_is_made_of_it(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(paths, "other")
    made = make(paths, "one")
    deleted: list[Path] = []

    def then_added_and_run(path: Path) -> bool:
        deleted.append(path)
        done = delete_tree(path)
        add(paths, "one")
        make(paths, "one")
        return done

    monkeypatch.setattr(orphans, "delete_tree", then_added_and_run)
    remove_orphans(paths)
    assert len(deleted) == 1
    assert remaining(made) == made


# Kills


def test_what_a_killed_add_has_copied_goes_with_the_next_publication(paths: DataPaths, tmp_path: Path) -> None:
    mix = touch(tmp_path / "a.wav")
    kill_while(paths, "sync_folder", f"add_song(paths, Path({str(mix)!r}))")
    assert len(list(paths.songs.glob(".tmp-*/*/song.wav"))) == 1
    publish_manifest(paths)
    assert list(paths.songs.glob(".tmp-*")) == []


@pytest.mark.parametrize("step", ["delete_tree", "sync_folder"])
def test_a_killed_remove_is_finished_by_the_next_publication(paths: DataPaths, step: str) -> None:
    add(paths, "one", "two")
    made = make(paths, "one")
    kill_while(paths, step, "remove_song(paths, 'one')")
    assert len(list(paths.songs.glob(".tmp-*/song.wav"))) == 1
    assert remaining(made) == made
    publish_manifest(paths)
    assert list(paths.songs.glob(".tmp-*")) == []
    assert remaining(made) == set()
    assert list_song_ids(paths) == ["two"]


def test_temporary_files_of_killed_writers_go_wherever_the_platform_writes(paths: DataPaths) -> None:
    states = paths.root / "state" / "songs"
    folders = [
        paths.root,
        paths.songs,
        paths.songs / "one",
        paths.features / "songs",
        paths.datasets,
        paths.answers / "ab",
        states,
    ]
    script = (
        "import sys; from pathlib import Path; from flamingo_bark_assets.files.atomic import temporary_path\n"
        "for folder in map(Path, sys.argv[1:]):\n"
        "    folder.mkdir(parents=True, exist_ok=True); temporary_path(folder).write_text('half')"
    )
    subprocess.run([sys.executable, "-c", script, *map(str, folders)], check=True)
    assert remove_orphans(paths).leftovers == len(folders)
    assert [name for folder in folders for name in folder.glob(".tmp-*")] == []


def test_adding_and_removing_leave_no_orphan(paths: DataPaths, tmp_path: Path) -> None:
    add_song(paths, touch(tmp_path / "a.wav"))
    add(paths, "other")
    make(paths, "a")
    remove_song(paths, "a")
    assert remove_orphans(paths) == NOTHING
