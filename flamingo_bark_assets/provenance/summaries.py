"""Of each song's state what every look at the library needs, so that of a hundred thousand only new ones are read.

Bringing summaries up to date and keeping them belong here; states themselves stand in `state`, what is due in `due`.

A state is only ever replaced, and its folder tells so; one that is written over where it stands is noticed as its turn
comes, as in `library.looks`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flamingo_bark_assets.files.changes import Mark, is_settled, mark_of, path_changed_ns
from flamingo_bark_assets.files.kept_rows import Row, is_worth_writing, read_rows, write_rows
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.looks import SONGS_A_TURN
from flamingo_bark_assets.provenance.state import SongState, read_state, states_folder
from flamingo_bark_assets.provenance.versions import STEPS_OF, Versions, song_versions

_VERSION = f"summaries 2 {' '.join(f'{name}:{sorted(steps or ())}' for name, steps in STEPS_OF.items())}"
_ENDING = ".json"


@dataclass(slots=True)
class Summary:
    """What a song's state says, in short.

    Attributes:
        mark: of the state.
        signature: of names, sizes and times of the files that its dataset was made from; empty where it is not known.
        sizes: bytes of the files that steps wrote beside their results, by step.
        stored: token of its results in the feature store.
        versions: what each publication is made from, of this song; see `song_versions`.
        fresh: with which files and settings all its results were found up to date; empty where they were not.
    """

    mark: Mark
    signature: str
    sizes: dict[str, int]
    stored: str
    versions: tuple[str, ...]
    fresh: str = ""


class Summaries:
    """The summaries of all states as they were last, by this process or another."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._folder = str(states_folder(paths))
        self._path = paths.root / "state" / "summaries.json"
        self._known: dict[str, Summary] | None = None
        self._settled_ns: int | None = None
        self._turn = 0
        self._changed = 0

    def current(self) -> Mapping[str, Summary]:
        """Look at the states and return the summary of each, by song; a song without a state has none."""
        if self._known is None:
            self._known = {song_id: _from_row(row) for song_id, row in read_rows(self._path, _VERSION).items()}
        looked_ns, changed_ns = time.time_ns(), path_changed_ns(self._folder)
        if changed_ns is not None and changed_ns == self._settled_ns:
            marks = dict(_marks_of(self._folder, self._whose_turn()))
        else:
            marks = _all_marks(self._folder)
            for gone in self._known.keys() - marks.keys():
                del self._known[gone]
                self._changed += 1
            is_known = changed_ns is not None and is_settled(changed_ns, looked_ns)
            self._settled_ns = changed_ns if is_known else None
        for song_id, mark in marks.items():
            known = self._known.get(song_id)
            if known is None or known.mark != mark:
                self._known[song_id] = _summary(mark, read_state(self._paths, song_id))
                self._changed += 1
        return self._known

    def note_fresh(self, song_id: str, fresh: str) -> None:
        """Note with which files and settings all results of a song were found up to date."""
        summary = (self._known or {}).get(song_id)
        if summary is not None and summary.fresh != fresh:
            summary.fresh = fresh
            self._changed += 1

    def keep(self) -> None:
        """Store the summaries for other processes, where enough of them have changed."""
        known = self._known or {}
        if is_worth_writing(len(known), self._changed):
            write_rows(self._path, _VERSION, {song_id: _as_row(summary) for song_id, summary in known.items()})
            self._changed = 0

    def _whose_turn(self) -> list[str]:
        songs = list(self._known or ())
        first, self._turn = self._turn, self._turn + SONGS_A_TURN
        if self._turn >= len(songs):
            self._turn = 0
        return songs[first : first + SONGS_A_TURN]


def stored_summaries(paths: DataPaths) -> dict[str, Summary]:
    """Return the summary of each song of the library that has results.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    summaries = Summaries(paths)
    current = summaries.current()
    summaries.keep()
    return {song_id: current[song_id] for song_id in list_song_ids(paths) if song_id in current}


def stored_versions(paths: DataPaths) -> Versions:
    """Return what each publication would be made from, of each song of the library that has results.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    return {song_id: summary.versions for song_id, summary in stored_summaries(paths).items()}


def versions_of(song_ids: Iterable[str], summaries: Summaries) -> Versions:
    """Return what each publication would be made from, of each of the songs that has results."""
    current = summaries.current()
    summaries.keep()
    return {song_id: current[song_id].versions for song_id in song_ids if song_id in current}


def _all_marks(folder: str) -> dict[str, Mark]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return {}
    songs = [name[: -len(_ENDING)] for name in names if name.endswith(_ENDING) and not name.startswith(".")]
    return dict(_marks_of(folder, songs))


def _marks_of(folder: str, song_ids: Iterable[str]) -> Iterable[tuple[str, Mark]]:
    for song_id in song_ids:
        if (mark := mark_of(f"{folder}/{song_id}{_ENDING}")) is not None:
            yield song_id, mark


def _summary(mark: Mark, state: SongState) -> Summary:
    versions = song_versions({step: made.data_version for step, made in state.made.items()})
    sizes = {step: made.size_bytes for step, made in state.made.items() if made.size_bytes}
    return Summary(mark, state.signature if _is_of_its_files(state) else "", sizes, state.stored, versions)


def _is_of_its_files(state: SongState) -> bool:
    """Tell whether the dataset was made from the sound files that the signature is of."""
    made, dataset = state.made, state.made.get("bark_dataset")
    if state.files is None or dataset is None:
        return False
    return all(
        step in made
        and made[step].inputs.get("sound") == state.files.sound
        and made[step].data_version == dataset.inputs.get(step)
        for step in ("raw_song", "stems")
    )


def _as_row(summary: Summary) -> Row:
    return [summary.mark, summary.signature, summary.sizes, summary.stored, summary.versions, summary.fresh]


def _from_row(row: Row) -> Summary:
    mark, signature, sizes, stored, versions, fresh = row
    return Summary(tuple(mark), signature, sizes, stored, tuple(versions), fresh)
