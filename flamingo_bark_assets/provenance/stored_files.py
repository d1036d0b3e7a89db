"""What is stored of a song, and whether it is what its state says was made.

Comparing the feature store and the files beside it with a state belongs here; reading a result stands in
`storage.feature_store`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from flamingo_bark_assets.errors import LibraryError, UnreadableResult
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.state import Made, SongState
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.separation.kept import kept_files
from flamingo_bark_assets.steps import STEP_NAMED, STEP_OF_RECORD, Step
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.files import dataset_files

_DIGITS = 32
_VERSION_DIGITS = 16

R = TypeVar("R", bound=Record)


class StoredSong:
    """What is stored of one song, looked at when it is asked for, and once.

    Args:
        paths: the data folder.
        song_id: the song.
        token: that of its file in the feature store, where it is known already.
    """

    def __init__(self, paths: DataPaths, song_id: str, token: str | None = None) -> None:
        self._paths = paths
        self._song_id = song_id
        self._known_token = token

    @property
    def song_id(self) -> str:
        """The song's identifier."""
        return self._song_id

    @cached_property
    def token(self) -> str | None:
        """Digest of all its results; None where there are none, or they are damaged."""
        if self._known_token is not None:
            return self._known_token
        return FeatureStore(self._paths.features).token(self._song_id)

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        return FeatureStore(self._paths.features).versions(self._song_id)

    def token_of(self, state: SongState) -> str:
        """Return the token, if all that a state says was made is stored so; else "", so that each is looked at again.

        Somebody else may have stored results of the song since.
        """
        made = {STEP_NAMED[name].record.TABLE: made.data_version[:_VERSION_DIGITS] for name, made in state.made.items()}
        holds = made.items() <= self._versions.items()
        return self.token or "" if holds else ""

    def lacks(self, step: Step, made: Made, state: SongState) -> bool:
        """Tell whether the result of a step is not stored as it was made: it is lost, cut or another one."""
        is_known = self.token is not None and self.token == state.stored
        if not is_known and self._versions.get(step.record.TABLE) != made.data_version[:_VERSION_DIGITS]:
            return True
        return size_bytes(self._paths, step, self._song_id) != made.size_bytes

    def damage(self, step: Step, made: Made) -> str | None:
        """Say that a stored result is not what was made; None where it is, as far as it can be told unread."""
        try:
            intact = (
                self._versions.get(step.record.TABLE) == made.data_version[:_VERSION_DIGITS]
                and size_bytes(self._paths, step, self._song_id) == made.size_bytes
                and digest(self._paths, step, self._song_id) == made.digest
            )
        except (LibraryError, OSError):
            intact = False
        if intact:
            return None
        stored = f"{self._song_id}: stored {step.record.TABLE}"
        return f"{stored} is damaged, or of an earlier version; materialise the asset again"


def size_bytes(paths: DataPaths, step: Step, song_id: str) -> int | None:
    """Add up the sizes of the files that a step writes beside its result; None where one is lost or no regular file."""
    total = 0
    for path in _files_of(paths, step, song_id):
        try:
            status = os.stat(path)  # noqa: PTH116 - for each of ten thousand songs
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


def digest(paths: DataPaths, step: Step, song_id: str) -> str:
    """Digest the contents of the files that a step writes beside its result: 32 hexadecimal digits.

    Raises:
        LibraryError: one of them cannot be read.
    """
    each = hashlib.sha256()
    for path in _files_of(paths, step, song_id):
        with open_regular(path) as file:
            each.update(hashlib.file_digest(file, "sha256").digest())
    return each.hexdigest()[:_DIGITS]


def known_damage(paths: DataPaths, song_id: str, state: SongState, step: str) -> str | None:
    """Say that a step's stored result is not what a song's state says was made; None where nothing is known."""
    made = state.made.get(step)
    return StoredSong(paths, song_id).damage(STEP_NAMED[step], made) if made is not None else None


def read_stored(paths: DataPaths, song_id: str, state: SongState, cls: type[R]) -> R:
    """Read a stored result that is as a song's state says it was made.

    Raises:
        StorageError: there is none, or it was damaged.
    """
    step = STEP_OF_RECORD[cls].name
    if problem := known_damage(paths, song_id, state, step):
        raise UnreadableResult(step, problem)
    return FeatureStore(paths.features).read(cls, song_id)


def _files_of(paths: DataPaths, step: Step, song_id: str) -> tuple[Path, ...]:
    if step.name == "bark_dataset":
        files: tuple[Path, ...] = dataclasses.astuple(dataset_files(paths, song_id))
        return files
    return kept_files(paths, song_id) if step.name == "separated_stems" else ()
