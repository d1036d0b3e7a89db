"""What the manifest, the splits and the warehouse were published from, and so whether they are due.

The comparison and its memory belong here; publishing stands in `training.publishing`, `splits.assignment` and
`storage.warehouse`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.requests import Asked, left_s, read_asked, write_asked
from flamingo_bark_assets.provenance.state import STATE_FOLDER, file_lock, read_json, write_json
from flamingo_bark_assets.provenance.versions import MANIFEST, SPLITS, WAREHOUSE, Versions, publication_inputs
from flamingo_bark_assets.settings import RunSettings, SplitSettings
from flamingo_bark_assets.splits.assignment import splits_path
from flamingo_bark_assets.storage.frames import frames_folder
from flamingo_bark_assets.training.files import manifest_path

_FILE = "publication.json"
_ASKED_FILE = "publication_requests.json"
_ASKED_KEY = "publication"


@dataclass(frozen=True, slots=True)
class _Published:
    """What a publication was made from, the size of its file, and the data folder it was made in."""

    inputs: str
    size_bytes: int
    folder: str


def due_publications(paths: DataPaths, versions: Versions, splits: SplitSettings) -> dict[str, str]:
    """Find the publications, by name, that were made from something else than what is there now, with its digest."""
    published = _read(paths)
    inputs = publication_inputs(versions, splits)
    return {
        name: now
        for name, now in inputs.items()
        if (before := published.get(name)) is None
        or before.inputs != now
        or _is_cut(_file(paths, name), before)
        or (name == WAREHOUSE and _has_moved(paths, before))
    }


def _file(paths: DataPaths, name: str) -> Path:
    files = {
        MANIFEST: manifest_path(paths), SPLITS: splits_path(paths, by_artist=False), WAREHOUSE: paths.warehouse,
    }  # fmt: skip
    return files[name]


def _is_cut(file: Path, published: _Published) -> bool:
    """Tell whether a file is lost or shorter than it was published; others may have added to it."""
    return not file.is_file() or file.stat().st_size < published.size_bytes


def _has_moved(paths: DataPaths, published: _Published) -> bool:
    """Tell whether the warehouse names files beside it by another path than they have now."""
    return published.folder != str(paths.root.absolute()) and frames_folder(paths.warehouse).is_dir()


def note_published(paths: DataPaths, name: str, inputs: str) -> None:
    """Store what a publication was made from; `inputs` was taken before it began.

    Raises:
        WriteError: the file cannot be written.
    """
    folder = paths.root / STATE_FOLDER
    with file_lock(folder / f".{_FILE}.lock"):
        published = {**_read(paths), name: _published_now(paths, name, inputs)}
        write_json(folder / _FILE, {key: dataclasses.asdict(value) for key, value in published.items()})
    if (folder / _ASKED_FILE).exists():
        write_asked(paths, {}, _ASKED_FILE)  # what went well counts for no failure


def _published_now(paths: DataPaths, name: str, inputs: str) -> _Published:
    return _Published(inputs, _file(paths, name).stat().st_size, str(paths.root.absolute()))


def retry_publication(paths: DataPaths, due: Mapping[str, str], policy: RunSettings, now_s: float) -> str | None:
    """Tell why a due publication is not asked for now; None where it is, which is then remembered."""
    asked = read_asked(paths, _ASKED_FILE)
    inputs = hashlib.sha256(json.dumps(due, sort_keys=True).encode()).hexdigest()[:16]
    before = asked.get(_ASKED_KEY)
    if before is not None and before.inputs == inputs:
        if before.count >= policy.max_attempts:
            return f"given up after {before.count} publications of the same songs failed; run the job publish by hand"
        wait_s = left_s(before.at_s, before.count, policy, now_s)
        if wait_s > 0:
            return f"the last publication did not end well; again in {wait_s:.0f} s"
    count = before.count + 1 if before is not None and before.inputs == inputs else 1
    write_asked(paths, {_ASKED_KEY: Asked(inputs, count, now_s)}, _ASKED_FILE)
    return None


def _read(paths: DataPaths) -> dict[str, _Published]:
    return read_json(paths.root / STATE_FOLDER / _FILE, _all_published) or {}


def _all_published(values: Any) -> dict[str, _Published]:
    return {
        str(name): _Published(str(one["inputs"]), int(one["size_bytes"]), str(one["folder"]))
        for name, one in values.items()
    }
