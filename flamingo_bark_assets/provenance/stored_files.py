"""The files that the result of a step is stored in: which they are, and whether they are as they were written.

Sizes and digests belong here; reading a result stands in `storage.feature_store`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from pathlib import Path
from typing import TypeVar

from flamingo_bark_assets.errors import LibraryError, UnreadableResult
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.inputs import CODE
from flamingo_bark_assets.provenance.state import Made, SongState
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.separation.kept import kept_files
from flamingo_bark_assets.steps import STEP_NAMED, STEP_OF_RECORD, Step
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.files import dataset_files

_DIGITS = 32

R = TypeVar("R", bound=Record)


def size_bytes(paths: DataPaths, step: Step, song_id: str) -> int | None:
    """Add up the sizes of the files of a step's result; None where one is lost or no regular file."""
    total = 0
    for path in _files_of(paths, step, song_id):
        try:
            status = os.stat(path)  # noqa: PTH116 - dozens for each of ten thousand songs
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


def digest(paths: DataPaths, step: Step, song_id: str) -> str:
    """Digest the contents of the files of a step's result: 32 hexadecimal digits.

    Raises:
        LibraryError: one of them cannot be read.
    """
    each = hashlib.sha256()
    for path in _files_of(paths, step, song_id):
        with open_regular(path) as file:
            each.update(hashlib.file_digest(file, "sha256").digest())
    return each.hexdigest()[:_DIGITS]


def damage(paths: DataPaths, step: Step, song_id: str, made: Made) -> str | None:
    """Say that a stored result is not what was written; None where it is.

    A parser may come to any end on a damaged file, the end of the process included. What another version of the code
    stored may be in other files, and is not judged.
    """
    if made.inputs.get(CODE) != step.version:
        return None
    try:
        intact = size_bytes(paths, step, song_id) == made.size_bytes and digest(paths, step, song_id) == made.digest
    except (LibraryError, OSError):
        intact = False
    return None if intact else f"{song_id}: stored {step.record.TABLE} was damaged; materialise the asset again"


def known_damage(paths: DataPaths, song_id: str, state: SongState, step: str) -> str | None:
    """Say that a step's stored result is not what a song's state says was written; None where nothing is known."""
    made = state.made.get(step)
    return damage(paths, STEP_NAMED[step], song_id, made) if made is not None else None


def read_stored(paths: DataPaths, song_id: str, state: SongState, cls: type[R]) -> R:
    """Read a stored result that is as a song's state says it was written.

    Raises:
        StorageError: there is none, or it was damaged.
    """
    step = STEP_OF_RECORD[cls].name
    if problem := known_damage(paths, song_id, state, step):
        raise UnreadableResult(step, problem)
    return FeatureStore(paths.features).read(cls, song_id)


def _files_of(paths: DataPaths, step: Step, song_id: str) -> tuple[Path, ...]:
    stored = FeatureStore(paths.features).files_of(step.record, song_id)
    if step.name == "bark_dataset":
        return (*stored, *dataclasses.astuple(dataset_files(paths, song_id)))
    return (*stored, *kept_files(paths, song_id)) if step.name == "separated_stems" else stored
