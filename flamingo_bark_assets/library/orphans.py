"""Files that nobody needs any more: what kills have left half done, and what was made of songs that are gone.

Finding and removing them belongs here; removing a song on request stands in `importing`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import LibraryError, StorageError, WriteError
from flamingo_bark_assets.files.atomic import delete_tree, find_leftovers
from flamingo_bark_assets.files.opening import is_missing
from flamingo_bark_assets.library.ids import is_song_id
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.looks import LibraryLooks
from flamingo_bark_assets.storage.feature_store import PACKS_FOLDER, RESULTS_ENDING, FeatureStore

DATASET_FILE_NAMES = (
    "bark_training_dataset_{song_id}.json",
    "training_instructions_{song_id}.md",
    "manifest_entry_{song_id}.json",
)
_DATASET_FILE = re.compile("|".join(re.escape(name).replace(r"\{song_id\}", "(.+)") for name in DATASET_FILE_NAMES))
# Until version 2.5 of the analysis each table of a song was a file of its own.
_OLD_TABLE = ".parquet"
_STATE_FOLDER = "state"
_STATES_OF_SONGS = f"{_STATE_FOLDER}/songs"


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What was removed, and what was not.

    Attributes:
        leftovers: number of temporary files and folders that were removed.
        songs: songs that are gone of which files were removed, sorted.
        problem: what was kept though it should go, and why; None where there is nothing of the kind.
    """

    leftovers: int
    songs: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Orphans:
    """What nobody needs any more.

    Attributes:
        leftovers: temporary files and folders of processes that have ended.
        made: what was made of songs that are gone, by song, sorted.
        problem: what is kept though it should go, and why; None where there is nothing of the kind.
    """

    leftovers: tuple[Path, ...]
    made: dict[str, tuple[Path, ...]]
    problem: str | None


def find_orphans(paths: DataPaths) -> Orphans:
    """Find what `remove_orphans` removes, and change nothing."""
    leftovers = tuple(_leftovers(paths))
    try:
        gone, _, problem = _gone(paths)
    except LibraryError as error:
        return Orphans(leftovers, {}, f"{error}; nothing that was made of songs is removed")
    folders = _feature_folders(paths)
    return Orphans(leftovers, {song_id: tuple(_derived(paths, song_id, folders)) for song_id in gone}, problem)


def remove_orphans(paths: DataPaths) -> Cleanup:
    """Remove temporary files of processes that have ended, and what was made of songs that the library has no more.

    A run that still works on a song that was removed may make files of it again: they go with the next call. Where
    the folder of all songs is missing, cannot be read or holds no song at all, its disk may not be mounted: what was
    made of the songs is kept then.
    """
    leftovers = sum(map(delete_tree, _leftovers(paths)))
    try:
        gone, present, problem = _gone(paths)
    except LibraryError as error:
        return Cleanup(leftovers, (), f"{error}; nothing that was made of songs is removed")
    if stuck := _remove_derived(paths, gone, present):
        problem = f"cannot delete {', '.join(map(str, stuck[:5]))}"
    return Cleanup(leftovers, tuple(gone), problem)


def remove_made(paths: DataPaths, made: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Remove what was found to be made of songs that are gone, unless they are back by now; return what is stuck."""
    try:
        gone, present, _ = _gone(paths)
    except LibraryError:
        return []
    return _remove_derived(paths, [song_id for song_id in gone if song_id in made], present)


def _leftovers(paths: DataPaths) -> Iterator[Path]:
    songs = LibraryLooks(paths).with_leftovers(filter(is_song_id, _names(paths.songs)))
    folders = [paths.songs / song_id for song_id in songs]
    for folder in (paths.root, paths.songs, *folders, paths.datasets, paths.separated):
        yield from find_leftovers(folder, recursive=False)
    for folder in (paths.features, paths.answers, paths.previews, paths.root / _STATE_FOLDER):
        yield from find_leftovers(folder)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a hundred thousand names
    except OSError:
        return []


def _gone(paths: DataPaths) -> tuple[list[str], list[str], str | None]:
    """Name the songs of which something is left though they are gone, and those that are there; or say what is kept.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    made = _songs_with_files(paths)
    present = list_song_ids(paths)
    gone = sorted(song_id for song_id in made - set(present) if is_missing(paths.songs / song_id))
    if gone and not present:
        kept = (
            f"{paths.songs} holds no song; its disk may not be mounted, so what was made of {len(gone)} songs is kept"
        )
        return [], present, kept
    return gone, present, None


def derived_files(paths: DataPaths, song_id: str) -> Iterator[Path]:
    """Give what was made of a song: its state, which marks the rest as made, tables, dataset, stems, previews."""
    return _derived(paths, song_id, _feature_folders(paths))


def _derived(paths: DataPaths, song_id: str, feature_folders: Mapping[Path, Sequence[str]]) -> Iterator[Path]:
    yield from _existing(paths.root / _STATES_OF_SONGS / f"{song_id}.json")
    for folder in feature_folders:
        for ending in (RESULTS_ENDING, _OLD_TABLE, ".json"):
            yield from _existing(folder / f"{song_id}{ending}")
    for name in DATASET_FILE_NAMES:
        yield from _existing(paths.datasets / name.format(song_id=song_id))
    yield from _existing(paths.separated / song_id)
    yield from _existing(paths.previews / song_id)


def _remove_derived(paths: DataPaths, gone: Sequence[str], present: Sequence[str]) -> list[Path]:
    """Remove what was made of songs that are gone; return what could not be removed."""
    folders = _feature_folders(paths) if gone else {}
    stuck: list[Path] = []
    for song_id in gone:
        for path in _derived(paths, song_id, folders):
            if not _is_gone(paths, song_id, present):
                break
            if not delete_tree(path):
                stuck.append(path)
    if forget_packed(paths, [song_id for song_id in gone if _is_gone(paths, song_id, present)]):
        stuck.append(paths.features)
    return stuck


def _is_gone(paths: DataPaths, song_id: str, present: Sequence[str]) -> bool:
    """Tell anew whether a song is gone: it may be added again, or the disk of all songs go, at any moment."""
    return is_missing(paths.songs / song_id) and not all(is_missing(paths.songs / other) for other in present)


def is_packed(paths: DataPaths, song_id: str) -> bool:
    """Tell whether a pack of the feature store holds a song."""
    return song_id in FeatureStore(paths.features).packs.places()


def forget_packed(paths: DataPaths, song_ids: Sequence[str]) -> str | None:
    """Let no pack of the feature store hold any of these songs; return why that cannot be done."""
    try:
        FeatureStore(paths.features).packs.forget(song_ids)
    except (StorageError, WriteError) as error:
        return str(error)
    return None


def _songs_with_files(paths: DataPaths) -> set[str]:
    """Find every identifier in the names of tables, states and dataset files."""
    names = [name for names in _feature_folders(paths).values() for name in names]
    found = {
        name.removesuffix(ending) for ending in (RESULTS_ENDING, _OLD_TABLE) for name in names if name.endswith(ending)
    }
    found |= FeatureStore(paths.features).packs.places().keys()
    found |= {path.stem for path in (paths.root / _STATES_OF_SONGS).glob("*.json")}
    found |= {path.name for folder in (paths.separated, paths.previews) for path in folder.glob("*")}
    try:
        matches = [_DATASET_FILE.fullmatch(path.name) for path in paths.datasets.iterdir()]
    except OSError:
        matches = []
    found |= {group for match in matches if match for group in match.groups() if group}
    return {song_id for song_id in found if is_song_id(song_id)}


def _feature_folders(paths: DataPaths) -> dict[Path, list[str]]:
    """Return the folders of the feature store whose files are named by songs, each with the names in it."""
    found = {}
    for folder, folders, names in os.walk(paths.features):
        if PACKS_FOLDER in folders:
            folders.remove(PACKS_FOLDER)
        found[Path(folder)] = names
    return found


def _existing(path: Path) -> Iterator[Path]:
    if os.path.lexists(path):
        yield path
