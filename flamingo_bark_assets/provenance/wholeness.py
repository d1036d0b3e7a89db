"""Whether anything may be missing of what is stored: asked of folders, and of a song's own files as its turn comes.

What is asked of folders and of one song belongs here; which files a result is stored in stands in `stored_files`.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from flamingo_bark_assets.files.changes import Mark, is_settled, mark_of, path_changed_ns
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.orphans import DATASET_FILE_NAMES
from flamingo_bark_assets.provenance.state import read_state, song_lock, write_state
from flamingo_bark_assets.provenance.stored_files import size_bytes
from flamingo_bark_assets.steps import STEP_NAMED
from flamingo_bark_assets.storage.feature_store import READING_ERRORS, FeatureStore


class Wholeness:
    """Tells over and over again whether anything may be missing of what is stored."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._store = FeatureStore(paths.features)
        self._beside = [name.split("{song_id}") for name in DATASET_FILE_NAMES]
        self._settled: dict[str, int] | None = None
        self._tokens: dict[str, tuple[Mark, str | None]] = {}

    def folders_changed(self) -> bool:
        """Tell whether any file may have come, gone or been replaced since the last call."""
        looked_ns = time.time_ns()
        times = dict(self._times())
        before, is_known = self._settled, all(is_settled(changed_ns, looked_ns) for changed_ns in times.values())
        self._settled = times if is_known else None
        return before is None or before != times

    def tokens(self) -> Mapping[str, str | None]:
        """Return the token of each song's results; see `FeatureStore.tokens`."""
        self._tokens.clear()
        return self._store.tokens()

    def token(self, song_id: str) -> str | None:
        """Return the token of a song's results, which are read where their file is another one than the last time."""
        if (mark := mark_of(str(self._store.path(song_id)))) is None:
            return self._store.token(song_id)
        known = self._tokens.get(song_id)
        if known is None or known[0] != mark:
            known = (mark, self._store.token(song_id))
            self._tokens[song_id] = known
        return known[1]

    def has_files(self, song_id: str, sizes: Mapping[str, int]) -> bool:
        """Tell whether the files that steps wrote beside their results are of these sizes, by step."""
        return all(self._bytes_beside(step, song_id) == size for step, size in sizes.items() if step in STEP_NAMED)

    def _bytes_beside(self, step: str, song_id: str) -> int | None:
        if step != "bark_dataset":
            return size_bytes(self._paths, STEP_NAMED[step], song_id)
        folder = str(self._paths.datasets)
        try:
            found = [os.stat(f"{folder}/{begin}{song_id}{end}") for begin, end in self._beside]  # noqa: PTH116
        except OSError:
            return None
        return sum(one.st_size for one in found)

    def _times(self) -> Iterator[tuple[str, int]]:
        features, separated = _with_own(self._paths.features), _with_own(self._paths.separated)
        for folder in (*features, str(self._paths.datasets), *separated):
            if (time_ns := path_changed_ns(folder)) is not None:
                yield folder, time_ns


def note_damaged(paths: DataPaths, song_ids: Iterable[str]) -> None:
    """Let all results be due of those of these songs whose results cannot be read, which their first bytes do not tell.

    Raises:
        WriteError: a state cannot be written.
    """
    for song_id in song_ids:
        with song_lock(paths, song_id, wait=False) as held:
            state = read_state(paths, song_id)
            if held and state.made and not _is_readable(paths, song_id):
                write_state(paths, song_id, dataclasses.replace(state, made={}, stored=""))


def _is_readable(paths: DataPaths, song_id: str) -> bool:
    try:
        file = FeatureStore(paths.features).open(song_id)
        return file is not None and bool(file.results())
    except READING_ERRORS:
        return False


def _with_own(folder: Path) -> tuple[str, ...]:
    return (str(folder), *_folders_in(folder))


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
