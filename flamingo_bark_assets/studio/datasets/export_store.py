"""What the studio remembers of exports: one file a job, and what each folder held last, by which the next is compared.

Reading, writing and comparing belong here; queueing stands in `export_jobs`, exporting in `export_worker`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.exports.folder import CLIPS, EXPORT_JSON
from flamingo_bark_assets.files.atomic import delete_tree, replacing, write_text
from flamingo_bark_assets.files.opening import open_regular, read_text
from flamingo_bark_assets.library.layout import DataPaths

Status = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ENDED: frozenset[Status] = frozenset({"done", "failed", "cancelled", "interrupted"})

KEPT_JOBS = 50
NAMED_SONGS = 100
"""So many songs of a difference are named; all are counted."""
FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_JOB_ID = re.compile(r"[0-9a-f]{16}")
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What is to be exported.

    Attributes:
        target: name of the layout.
        view: of the clips in place of the layout's own; None for that.
        commercial: leave out what does not allow commercial use.
        accepted_only: leave out songs that nobody has accepted.
        by_artist: keep all songs of an artist in one split.
        custom_tag: custom tag of each text; "" for that of the settings.
        overwrite: write anew what was changed by hand since the last export.
    """

    target: str
    view: str | None = None
    commercial: bool = False
    accepted_only: bool = False
    by_artist: bool = False
    custom_tag: str = ""
    overwrite: bool = False

    @property
    def folder(self) -> str:
        """Name of its folder among the exports: what is chosen differently stands beside it."""
        tag = hashlib.sha256(self.custom_tag.encode()).hexdigest()[:6] if self.custom_tag else ""
        parts = (
            self.target, self.view, "commercial" if self.commercial else "", "accepted" if self.accepted_only else "",
            "by-artist" if self.by_artist else "", f"tag-{tag}" if tag else "",
        )  # fmt: skip
        return "-".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Changes:
    """How much of one sort was added, removed, changed; and the first names, where they have any."""

    added: int
    removed: int
    changed: int
    same: int
    added_names: tuple[str, ...] = ()
    removed_names: tuple[str, ...] = ()
    changed_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """An export against the one that stood in its folder before."""

    songs: Changes
    rows: Changes


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One export that somebody asked for.

    Attributes:
        id: sixteen hexadecimal digits.
        choice: what is exported.
        folder: name of its folder among the exports.
        status: how far it is.
        by: who asked.
        asked_at: when, ISO 8601 in UTC; and when it began and ended.
        began_at: None before it began.
        ended_at: None before it ended.
        owner: process number and start of the studio that runs it.
        stage: what is under way, in words.
        done: units done, and of how many.
        of: 0 while that is not known.
        error: why it failed, and what to do.
        to_do: None where the error says it.
        report: what was written.
        verification: what was found in it.
        difference: to the export before; None where there was none.
    """

    id: str
    choice: ExportChoice
    folder: str
    status: Status
    by: str
    asked_at: str
    owner: tuple[int, float]
    began_at: str | None = None
    ended_at: str | None = None
    stage: str = ""
    done: int = 0
    of: int = 0
    error: str | None = None
    to_do: str | None = None
    report: Mapping[str, Any] | None = None
    verification: Mapping[str, Any] | None = None
    difference: Difference | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


_JOB = TypeAdapter(ExportJob)


@dataclass(frozen=True, slots=True)
class StandingExport:
    """An export that stands among the exports, whoever made it.

    Attributes:
        folder: its name.
        target: name of the layout.
        made_at: when, s since the epoch.
        songs: by split.
        clips: by split.
        hours: by split.
    """

    folder: str
    target: str
    made_at: float
    songs: Mapping[str, int]
    clips: Mapping[str, int]
    hours: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExportStore:
    """The state of exports of a data folder."""

    paths: DataPaths

    @property
    def folder(self) -> Path:
        """Where jobs and what folders held stand."""
        return self.paths.journal.parent / "exports"

    def jobs(self) -> list[ExportJob]:
        """Return the jobs, the newest first; files that cannot be read are passed over."""
        found = []
        for path in self._files():
            with suppress(FileFault, LibraryError, ValidationError):
                found.append(_JOB.validate_json(read_text(path, max_bytes=_MAX_BYTES)))
        return sorted(found, key=lambda job: (job.asked_at, job.id), reverse=True)

    def save(self, job: ExportJob) -> None:
        """Keep a job; of those that have ended the oldest go.

        Raises:
            WriteError: it cannot be written.
        """
        write_text(self.folder / "jobs" / f"{job.id}.json", json.dumps(asdict(job), default=str))
        for old in [each for each in self.jobs() if each.has_ended][KEPT_JOBS:]:
            self.forget(old.id)

    def forget(self, job_id: str) -> None:
        """Forget a job; what it has exported stays."""
        if _JOB_ID.fullmatch(job_id):
            delete_tree(self.folder / "jobs" / f"{job_id}.json")

    def _files(self) -> list[Path]:
        try:
            return [path for path in (self.folder / "jobs").iterdir() if _JOB_ID.fullmatch(path.stem)]
        except OSError:
            return []

    def standing(self) -> list[StandingExport]:
        """Return the exports that stand among the exports, the newest first."""
        try:
            folders = [path for path in self.paths.exports.iterdir() if FOLDER.fullmatch(path.name)]
        except OSError:
            return []
        found = [each for path in folders if (each := _standing(path)) is not None]
        return sorted(found, key=lambda each: each.made_at, reverse=True)

    def is_first(self, folder: str) -> bool:
        """Tell whether nothing is remembered of a folder."""
        return not self._held(folder).exists()

    def remember(self, folder: str) -> Difference | None:
        """Compare the export that stands in a folder with what it held last, and keep what it holds now.

        Returns:
            The difference; None where nothing was remembered.

        Raises:
            WriteError: it cannot be kept.
        """
        before = None if self.is_first(folder) else _read_held(self._held(folder))
        now = _held_by(self.paths.exports / folder)
        with replacing(self._held(folder)) as temporary, gzip.open(temporary, "wt", encoding="utf-8") as file:
            for song_id, rows in now.items():
                file.write(json.dumps([song_id, rows]) + "\n")
        return None if before is None else compare(before, now)

    def _held(self, folder: str) -> Path:
        return self.folder / f"{folder}.rows.gz"


Held = dict[str, dict[str, str]]
"""The digest of each row of an export by its name, by song."""


def compare(before: Held, now: Held) -> Difference:
    """Tell what of songs and rows was added, removed and changed."""
    songs: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    rows: Counter[str] = Counter()
    same = 0
    for song_id in sorted(before.keys() | now.keys()):
        old, new = before.get(song_id, {}), now.get(song_id, {})
        rows["added"] += len(new.keys() - old.keys())
        rows["removed"] += len(old.keys() - new.keys())
        changed = sum(old[name] != new[name] for name in old.keys() & new.keys())
        rows["changed"] += changed
        rows["same"] += len(old.keys() & new.keys()) - changed
        if old == new:
            same += 1
        else:
            songs["added" if not old else "removed" if not new else "changed"].append(song_id)
    first = {name: tuple(each[:NAMED_SONGS]) for name, each in songs.items()}
    return Difference(
        Changes(
            len(songs["added"]), len(songs["removed"]), len(songs["changed"]), same,
            first["added"], first["removed"], first["changed"],
        ),
        Changes(rows["added"], rows["removed"], rows["changed"], rows["same"]),
    )  # fmt: skip


def _held_by(folder: Path) -> Held:
    held: Held = {}
    for line in _lines(folder / CLIPS):
        with suppress(ValueError, KeyError, TypeError):
            clip = json.loads(line)
            # The name of a song stands before each of its rows.
            name = str(clip["name"]).removeprefix(f"{clip['song_id']}__")
            held.setdefault(str(clip["song_id"]), {})[name] = hashlib.sha256(line).hexdigest()[:16]
    return held


def _lines(path: Path) -> Iterator[bytes]:
    with suppress(OSError, LibraryError), open_regular(path) as file:
        yield from file


def _read_held(path: Path) -> Held:
    held: Held = {}
    with suppress(OSError, EOFError, ValueError, TypeError), gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            song_id, rows = json.loads(line)
            held[song_id] = rows
    return held


def _standing(folder: Path) -> StandingExport | None:
    path = folder / EXPORT_JSON
    try:
        said = json.loads(read_text(path, max_bytes=_MAX_BYTES, within=folder))
        return StandingExport(
            folder.name, str(said["target"]), path.stat().st_mtime, dict(said["songs"]), dict(said["clips"]),
            dict(said["hours"]),
        )  # fmt: skip
    except (OSError, FileFault, LibraryError, KeyError, TypeError, ValueError):
        return None


def ended(job: ExportJob, status: Status, at: str, **values: Any) -> ExportJob:
    """Return a job that has ended."""
    return replace(job, status=status, ended_at=at, stage="", **values)
