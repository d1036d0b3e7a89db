"""The journal of changes by hand: one line of JSON a step, in `data/state/journal.jsonl`.

Its lines, their reading and writing belong here; what is changed, and what undoing means, stand in `song_changes`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from filelock import FileLock

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.atomic import write_bytes, writes_named
from flamingo_bark_assets.files.opening import is_missing, read_bytes
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_toml_edits import Place

# A step over ten thousand songs is some 2 MB. Above the first size the older half of the journal is forgotten.
_MOST_BYTES = 32 * 1024 * 1024
_MAX_READ_BYTES = 256 * 1024 * 1024

StepKind = Literal["edit", "undo", "redo"]


@dataclass(frozen=True, slots=True)
class ChangedPlace:
    """One place of one song.toml that a step changed; None where nothing stood or stands."""

    song_id: str
    place: Place
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One step.

    Attributes:
        id: of the step.
        at: when, ISO 8601 in UTC.
        by: who.
        label: the step in a few words.
        kind: whether it was an edit, or undid or did again another one.
        of: the edit that it undid or did again; None for an edit.
        changes: what it changed.
    """

    id: str
    at: str
    by: str
    label: str
    kind: StepKind
    of: str | None
    changes: tuple[ChangedPlace, ...]

    @classmethod
    def now(cls, *, by: str, label: str, kind: str, of: str | None, changes: tuple[ChangedPlace, ...]) -> Entry:
        """Make a step of this moment."""
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        known: StepKind = "undo" if kind == "undo" else "redo" if kind == "redo" else "edit"
        return cls(secrets.token_hex(8), at, by, label, known, of, changes)


@contextmanager
def journal_turn(paths: DataPaths) -> Iterator[None]:
    """Wait until nobody else changes songs by the journal.

    Raises:
        WriteError: the folder of the journal cannot be written.
    """
    lock = FileLock(paths.journal.with_name(f".{paths.journal.name}.lock"))
    with writes_named(paths.journal):
        paths.journal.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def append(paths: DataPaths, entry: Entry) -> None:
    """Write a step at the end of the journal, for good before this returns.

    Raises:
        WriteError: it cannot be written.
    """
    line = json.dumps(asdict(entry), ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n"
    with writes_named(paths.journal), paths.journal.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size and (file.seek(size - 1), file.read(1))[1] != b"\n":  # a kill has cut the last line
            file.write(b"\n")
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if size + len(line) > _MOST_BYTES:
        _forget_older_half(paths)


def read_journal(paths: DataPaths) -> Iterator[Entry]:
    """Give the steps, the oldest first; a line that a kill has cut is passed over.

    Raises:
        LibraryError: the journal cannot be read.
    """
    for line in _lines(paths):
        try:
            said = json.loads(line)
            changes = tuple(
                ChangedPlace(each["song_id"], tuple(each["place"]), each["before"], each["after"])
                for each in said.pop("changes")
            )
            yield Entry(**said, changes=changes)
        except (ValueError, KeyError, TypeError):
            continue


def recent_steps(paths: DataPaths, *, song_id: str | None = None, limit: int = 50) -> list[Entry]:
    """Return the last steps, the newest first; of one song, those that changed it, and of them only its places.

    Raises:
        LibraryError: the journal cannot be read.
    """
    found: list[Entry] = []
    for entry in reversed(list(read_journal(paths))):
        changes = tuple(change for change in entry.changes if song_id in {None, change.song_id})
        if changes:
            found.append(Entry(entry.id, entry.at, entry.by, entry.label, entry.kind, entry.of, changes))
        if len(found) >= limit:
            break
    return found


def _lines(paths: DataPaths) -> list[bytes]:
    if is_missing(paths.journal):
        return []
    try:
        return read_bytes(paths.journal, max_bytes=_MAX_READ_BYTES).split(b"\n")
    except FileFault as fault:
        raise LibraryError(f"{paths.journal}: {fault}; move it away to begin a new one") from fault


def _forget_older_half(paths: DataPaths) -> None:
    kept: list[bytes] = []
    room = _MOST_BYTES // 2
    for line in reversed(_lines(paths)):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    write_bytes(paths.journal, b"\n".join(reversed(kept)))
