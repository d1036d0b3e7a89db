"""The journal of changes by hand: one line of JSON a step, in `data/state/journal.jsonl`.

Its lines, their reading and writing belong here; what is changed, and what undoing means, stand in `song_changes`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from filelock import FileLock

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.atomic import write_bytes, writes_named
from flamingo_bark_assets.files.opening import is_missing, open_regular, read_bytes
from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths

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
class Patch:
    """What a step changed in the text of one song.toml, by which it is undone and done again to the byte.

    Attributes:
        song_id: the song.
        before: digest of the text before; None where there was no file.
        after: digest of the text after; None where there is no file.
        start: offset of the change in the text, characters.
        removed: what stood there before.
        added: what stands there after.
    """

    song_id: str
    before: str | None
    after: str | None
    start: int
    removed: str
    added: str

    @classmethod
    def between(cls, song_id: str, before: str | None, after: str | None) -> Patch:
        """Compare two texts of a file."""
        one, other = before or "", after or ""
        start = _common(one, other)
        end = _common(one[start:][::-1], other[start:][::-1])
        removed, added = one[start : len(one) - end], other[start : len(other) - end]
        return cls(song_id, _digest(before), _digest(after), start, removed, added)

    def undone(self, text: str | None) -> tuple[bool, str | None]:
        """Return whether the step can be taken out of a text, and the text without it; None for no file."""
        return _patched(text, self.after, self.before, self.start, self.added, self.removed)

    def done(self, text: str | None) -> tuple[bool, str | None]:
        """Return whether the step can be done again in a text, and the text with it; None for no file."""
        return _patched(text, self.before, self.after, self.start, self.removed, self.added)


def _patched(
    text: str | None, now: str | None, then: str | None, start: int, there: str, instead: str
) -> tuple[bool, str | None]:
    if _digest(text) != now:
        return False, None
    if then is None:
        return True, None
    found = text or ""
    patched = found[:start] + instead + found[start + len(there) :]
    return _digest(patched) == then, patched


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _common(one: str, other: str) -> int:
    """Return the length of what two texts begin with alike."""
    lowest, highest = 0, min(len(one), len(other))
    while lowest < highest:
        middle = (lowest + highest + 1) // 2
        if one[:middle] == other[:middle]:
            lowest = middle
        else:
            highest = middle - 1
    return lowest


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
        patches: the same in the texts of the files; none of steps that did not keep it.
    """

    id: str
    at: str
    by: str
    label: str
    kind: StepKind
    of: str | None
    changes: tuple[ChangedPlace, ...]
    patches: tuple[Patch, ...] = ()

    @classmethod
    def now(
        cls,
        *,
        by: str,
        label: str,
        kind: StepKind,
        of: str | None,
        changes: tuple[ChangedPlace, ...],
        patches: tuple[Patch, ...] = (),
    ) -> Entry:
        """Make a step of this moment."""
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return cls(secrets.token_hex(8), at, by, label, kind, of, changes, patches)


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
    said = {
        **_fields(entry),
        "changes": [_fields(change) for change in entry.changes],
        "patches": [_fields(patch) for patch in entry.patches],
    }
    line = json.dumps(said, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n"
    with writes_named(paths.journal), paths.journal.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size and (file.seek(size - 1), file.read(1))[1] != b"\n":  # a kill has cut the last line
            file.write(b"\n")
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if size + len(line) > _MOST_BYTES:
        _forget_older_half(paths)


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """How far the journal was read: which file, and up to which byte."""

    inode: int
    offset: int


def read_journal(paths: DataPaths) -> Iterator[Entry]:
    """Give the steps, the oldest first; a line that a kill has cut is passed over.

    Raises:
        LibraryError: the journal cannot be read.
    """
    return _entries(_lines(paths))


def read_journal_from(
    paths: DataPaths, position: JournalPosition | None
) -> tuple[Iterator[Entry], JournalPosition | None, bool]:
    """Give the steps behind a position, where the journal ends now, and whether they are all that it holds.

    They are where it was not read before, or is another file since.

    Raises:
        LibraryError: the journal cannot be read.
    """
    if is_missing(paths.journal):
        return iter(()), None, True
    try:
        with open_regular(paths.journal) as file:
            found = os.fstat(file.fileno())
            is_anew = position is None or position.inode != found.st_ino or position.offset > found.st_size
            begin = 0 if position is None or is_anew else position.offset
            file.seek(begin)
            data = file.read(_MAX_READ_BYTES + 1)
    except OSError as error:
        raise LibraryError(f"{paths.journal}: cannot be read: {error.strerror}") from error
    if len(data) > _MAX_READ_BYTES:
        raise LibraryError(f"{paths.journal}: is longer than {_MAX_READ_BYTES} bytes; move it away to begin a new one")
    whole = data.rfind(b"\n") + 1  # Somebody may be writing the rest.
    return _entries(data[:whole].split(b"\n")), JournalPosition(found.st_ino, begin + whole), is_anew


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


def _fields(value: Entry | ChangedPlace | Patch) -> dict[str, Any]:
    """Return the fields of a dataclass as they are; `asdict` copies them all, which takes seconds of a great step."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield _entry(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _entry(said: dict[str, Any]) -> Entry:
    """Return the step that a line tells.

    Raises:
        KeyError, TypeError, ValueError: it tells none.
    """
    changes = tuple(
        ChangedPlace(str(each["song_id"]), tuple(map(str, each["place"])), each["before"], each["after"])
        for each in said["changes"]
    )
    patches = tuple(Patch(**each) for each in said.get("patches", ()))
    kind, of = said["kind"], said["of"]
    if kind not in get_args(StepKind):
        raise ValueError(kind)
    label = str(said["label"])
    return Entry(
        str(said["id"]),
        str(said["at"]),
        str(said["by"]),
        label,
        kind,
        None if of is None else str(of),
        changes,
        patches,
    )


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
        if room < 0 and any(kept):  # The last step stays whatever its size: it is the next to be undone.
            break
        kept.append(line)
    write_bytes(paths.journal, b"\n".join(reversed(kept)))
