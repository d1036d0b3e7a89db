"""Whether anything may be missing of what is stored: asked of folders, and of a song's own files as its turn comes.

What is asked of folders and of one song belongs here; which files a result is stored in stands in `stored_files`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from flamingo_bark_assets.files.kept_rows import is_settled
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.stored_files import size_bytes
from flamingo_bark_assets.steps import STEP_NAMED


class StoredFolders:
    """The folders of stored results: a file can only come, go or be replaced where one of them changes."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._settled: dict[str, int] | None = None

    def changed(self) -> bool:
        """Tell whether anything may have come, gone or been replaced since the last call."""
        looked_ns = time.time_ns()
        times = dict(self._times())
        before, is_known = self._settled, all(is_settled(changed_ns, looked_ns) for changed_ns in times.values())
        self._settled = times if is_known else None
        return before is None or before != times

    def _times(self) -> Iterator[tuple[str, int]]:
        features, separated = _with_own(self._paths.features), _with_own(self._paths.separated)
        for folder in (*features, str(self._paths.datasets), *separated):
            try:
                status = os.stat(folder)  # noqa: PTH116
            except OSError:
                continue
            yield folder, max(status.st_mtime_ns, status.st_ctime_ns)


def is_whole(paths: DataPaths, song_id: str, sizes: Mapping[str, int]) -> bool:
    """Tell whether the files that steps wrote beside their results are of these sizes, by step."""
    return all(
        size_bytes(paths, STEP_NAMED[step], song_id) == size for step, size in sizes.items() if step in STEP_NAMED
    )


def _with_own(folder: Path) -> tuple[str, ...]:
    return (str(folder), *_folders_in(folder))


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
