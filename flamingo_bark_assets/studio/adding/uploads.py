"""Files that come through the browser in pieces: where they lie until they are whole, and how much may come.

Storing and limits belong here; the protocol stands in `upload_routes`, what becomes of the files in `batches`.

A batch is a folder of `data/uploads`: `open/` holds what is not whole (`<id>.part` and what is said of it), `files/`
what is, under the relative paths that they came with, and `done/` what was said of those.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from threading import Lock

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.atomic import delete_tree, sync_folder, write_advice, write_bytes
from flamingo_bark_assets.files.opening import shown
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import StudioSettings
from flamingo_bark_assets.studio.adding.upload_names import MAX_FOLDERS, MAX_PATH_BYTES, numbered, safe_path

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_FILES = 20_000
_BATCHES_KEPT_IN_MIND = 16
_HOUR_S = 3600.0
# How much is written between two looks at the free disk.
_LOOK_EACH_BYTES = 16 * 1024**2
_GIB = 1024**3


class UploadRefused(FlamingoBarkError):
    """An upload, or a piece of one, that is not taken.

    Attributes:
        status: of the answer, by HTTP.
        to_do: what the person can do about it.
        offset: how much of the file is here; None where that is not the question.
    """

    code = "FB911"
    remedy = "Do what the message says; the limits stand in settings.toml under [studio]."

    def __init__(self, status: int, message: str, to_do: str, *, offset: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.to_do = to_do
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that comes or has come.

    Attributes:
        batch: the batch it belongs to.
        upload_id: its identifier there.
        given: path and name as the browser gave them.
        path: the relative path that was made of it.
        length: bytes of the whole file.
        offset: bytes that are here: the length of the file on the disk.
        is_whole: whether it lies among the files of the batch.
    """

    batch: str
    upload_id: str
    given: str
    path: str
    length: int
    offset: int
    is_whole: bool


class Uploads:
    """All uploads of a data folder.

    Args:
        paths: the data folder.
        limits: gives the limits as they are set now.
    """

    def __init__(self, paths: DataPaths, limits: Callable[[], StudioSettings]) -> None:
        self._root = paths.uploads
        self._limits = limits
        self._creating = Lock()
        # Of each batch the paths that are taken, by what they were given as.
        self._taken: OrderedDict[str, dict[str, str]] = OrderedDict()

    @property
    def limits(self) -> StudioSettings:
        """The limits as they are set now."""
        return self._limits()

    def folder(self, batch: str) -> Path:
        """Return the folder of a batch, which need not exist.

        Raises:
            UploadRefused: that is no identifier of a batch.
        """
        if not _ID.fullmatch(batch):
            raise _not_there("batch")
        return self._root / batch

    def files(self, batch: str) -> Path:
        """Return the folder in which the whole files of a batch lie.

        Raises:
            UploadRefused: there is no such batch.
        """
        folder = self.folder(batch) / "files"
        if not folder.is_dir():
            raise _not_there("batch")
        return folder

    def create(self, batch: str, length: int, given: str) -> Upload:
        """Begin an upload; the batch begins with its first.

        Raises:
            UploadRefused: its name or length is not taken, a limit is reached, or the batch has this file.
        """
        folder = self.folder(batch)
        path = safe_path(given)
        if path is None:
            raise UploadRefused(
                400,
                f"a path of more than {MAX_PATH_BYTES} bytes or {MAX_FOLDERS} folders, or of no name, is not taken",
                "Give the file or its folders a shorter name",
            )
        with self._creating, _disk_told(given):
            self.sweep()
            self._refuse_too_much(length, given)
            upload_id = secrets.token_hex(16)
            taken = self._taken_in(batch)
            path = _free(path, given, taken)
            for each in ("open", "done", "files"):
                (folder / each).mkdir(parents=True, exist_ok=True)
            part = folder / "open" / f"{upload_id}.part"
            part.touch()
            said = {"given": given, "path": str(path), "length": length}
            write_bytes(part.with_suffix(".json"), json.dumps(said).encode())
            taken[str(path)] = given
        return self.find(batch, upload_id)

    def find(self, batch: str, upload_id: str) -> Upload:
        """Return an upload with what is on the disk of it; one that is all here is made whole first.

        Raises:
            UploadRefused: there is none, or its file has become a song.
        """
        folder = self.folder(batch)
        if not _ID.fullmatch(upload_id):
            raise _not_there("upload")
        upload = _read(folder / "open" / f"{upload_id}.json", batch, is_whole=False)
        if upload is not None:
            if not (folder / "open" / f"{upload_id}.part").exists():
                _note_done(folder, upload_id)  # A kill came between the two renames, or they are being made.
            elif upload.offset < upload.length:
                return upload
            else:
                try:
                    with self.writing(upload, upload.offset) as writer:
                        writer.finish()
                except UploadRefused:
                    return upload
        if (whole := _read(folder / "done" / f"{upload_id}.json", batch, is_whole=True)) is not None:
            return whole
        raise _not_there("upload")

    def all_in(self, batch: str) -> list[Upload]:
        """Return the uploads of a batch, sorted by path.

        Raises:
            UploadRefused: there is no such batch.
        """
        self.files(batch)
        folder = self.folder(batch)
        with suppress(OSError):
            os.utime(folder)  # Somebody looks at it: it is not old.
        found = []
        for place in ("open", "done"):
            for name in sorted((folder / place).glob("*.json")):
                with suppress(UploadRefused):
                    found.append(self.find(batch, name.stem))
        return sorted({one.upload_id: one for one in found}.values(), key=lambda one: one.path)

    @contextmanager
    def writing(self, upload: Upload, offset: int) -> Iterator[Writer]:
        """Append to an upload, alone.

        Raises:
            UploadRefused: `offset` is not the length of what is here, or another writes to it.
        """
        part = self.folder(upload.batch) / "open" / f"{upload.upload_id}.part"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            raise _not_there("upload") from None
        except OSError as error:
            raise _disk_refuses(upload.given, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadRefused(
                    423, f"another piece of {shown(upload.given)} is being written", "Wait until it has ended"
                ) from None
            here = os.fstat(descriptor)
            if here.st_nlink == 0 or not part.exists():
                raise _not_there("upload")
            if here.st_size != offset:
                raise UploadRefused(
                    409,
                    f"{here.st_size} bytes of {shown(upload.given)} are here, not {offset}",
                    "Ask how much is here and go on from there",
                    offset=here.st_size,
                )
            yield Writer(self._root, upload, descriptor, offset, self.limits.min_free_bytes)
        finally:
            os.close(descriptor)

    def remove(self, batch: str, upload_id: str) -> None:
        """Forget an upload and delete its file.

        Raises:
            UploadRefused: there is none, or a piece of it is being written.
        """
        upload = self.find(batch, upload_id)
        folder = self.folder(batch)
        with _disk_told(upload.given):
            if upload.is_whole:
                (folder / "files" / upload.path).unlink(missing_ok=True)
            else:
                with self.writing(upload, upload.offset):
                    (folder / "open" / f"{upload_id}.part").unlink()
            for place in ("open", "done"):
                (folder / place / f"{upload_id}.json").unlink(missing_ok=True)
        with self._creating:
            self._taken_in(batch).pop(upload.path, None)

    def remove_batch(self, batch: str) -> None:
        """Delete a batch with all of its files.

        Raises:
            UploadRefused: there is no such batch, or it cannot be deleted.
        """
        self.files(batch)
        folder = self.folder(batch)
        if not delete_tree(folder):
            raise UploadRefused(507, f"{folder} cannot be deleted", "Let this user write there")
        self._taken.pop(batch, None)

    def sweep(self) -> None:
        """Delete the batches that nobody has gone on with."""
        for folder in find_old(self._root, self.limits.keep_hours):
            delete_tree(folder)
            self._taken.pop(folder.name, None)

    def _refuse_too_much(self, length: int, given: str) -> None:
        limits = self.limits
        if length > limits.max_file_bytes:
            raise UploadRefused(
                413,
                f"{shown(given)} has {_gib(length)}; at most {_gib(limits.max_file_bytes)} are taken",
                "Save it as FLAC, or raise max_file_bytes in settings.toml under [studio]",
            )
        uploads = list(_open_uploads(self._root))
        if len(uploads) >= limits.max_open_uploads:
            raise UploadRefused(
                429,
                f"{len(uploads)} uploads are not finished; more are not begun",
                "Finish or remove some, or raise max_open_uploads in settings.toml under [studio]",
            )
        held = sum(one.length for one in uploads)
        if held + length > limits.max_open_bytes:
            raise UploadRefused(
                413,
                f"with {shown(given)} unfinished uploads would hold {_gib(held + length)}; at most "
                f"{_gib(limits.max_open_bytes)} are taken at a time",
                "Finish or remove some, or raise max_open_bytes in settings.toml under [studio]",
            )
        missing = sum(one.length - one.offset for one in uploads)
        _refuse_full_disk(self._root, missing + length + limits.min_free_bytes, given)

    def _taken_in(self, batch: str) -> dict[str, str]:
        """Return the paths of a batch, each with what it was given as."""
        if batch not in self._taken:
            folder = self.folder(batch)
            found = [
                upload
                for place, is_whole in (("open", False), ("done", True))
                for path in folder.glob(f"{place}/*.json")
                if (upload := _read(path, batch, is_whole=is_whole))
            ]
            self._taken[batch] = {upload.path: upload.given for upload in found}
            while len(self._taken) > _BATCHES_KEPT_IN_MIND:
                self._taken.popitem(last=False)
        self._taken.move_to_end(batch)
        return self._taken[batch]


class Writer:
    """Appends to one file that nobody else writes to meanwhile.

    Attributes:
        offset: the length of what is on the disk.
    """

    def __init__(self, root: Path, upload: Upload, descriptor: int, offset: int, min_free_bytes: int) -> None:
        self.offset = offset
        self._root = root
        self._upload = upload
        self._descriptor = descriptor
        self._min_free_bytes = min_free_bytes
        self._looked_at: int | None = None

    def write(self, data: bytes) -> None:
        """Append bytes; those that were written before a failure stay.

        Raises:
            UploadRefused: they are more than the file was said to have, or the disk is full.
        """
        given = self._upload.given
        if self.offset + len(data) > self._upload.length:
            raise UploadRefused(
                413,
                f"more comes of {shown(given)} than the {self._upload.length} bytes it was said to have",
                "Remove it and send it again",
            )
        if self._looked_at is None or self.offset - self._looked_at >= _LOOK_EACH_BYTES:
            _refuse_full_disk(self._root, self._min_free_bytes + len(data), given)
            self._looked_at = self.offset
        rest = memoryview(data)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except OSError as error:
                raise _disk_refuses(given, error) from error
            self.offset += written
            rest = rest[written:]

    def finish(self) -> None:
        """Put the file among the whole ones of its batch, if all of it is here: on the disk first, then by a rename."""
        if self.offset != self._upload.length:
            return
        with _disk_told(self._upload.given):
            os.fsync(self._descriptor)
            folder = self._root / self._upload.batch
            target = folder / "files" / self._upload.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "open" / f"{self._upload.upload_id}.part").rename(target)
            sync_folder(target.parent)
            _note_done(folder, self._upload.upload_id)


def find_old(root: Path, keep_hours: float) -> list[Path]:
    """Find the batches in which nothing was written, and at which nobody looked, for some hours."""
    before = time.time() - keep_hours * _HOUR_S
    try:
        folders = [Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(folder for folder in folders if _last_change(folder) < before)


def _last_change(folder: Path) -> float:
    places = (folder, folder / "open", folder / "done", *folder.glob("open/*.part"))
    latest = 0.0
    for place in places:
        with suppress(OSError):
            latest = max(latest, place.stat().st_mtime)
    return latest


def _read(said: Path, batch: str, *, is_whole: bool) -> Upload | None:
    """Read what is said of an upload; None where there is no such file, or that of a whole one has become a song."""
    try:
        found = json.loads(said.read_bytes())
        given, path, length = str(found["given"]), str(found["path"]), int(found["length"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    folder = said.parent.parent
    part, file = folder / "open" / f"{said.stem}.part", folder / "files" / path
    for place in (file,) if is_whole else (part, file):
        with suppress(FileNotFoundError):
            return Upload(batch, said.stem, given, path, length, place.stat().st_size, is_whole)
    return None


def _note_done(folder: Path, upload_id: str) -> None:
    with suppress(FileNotFoundError):  # Another has done it.
        (folder / "open" / f"{upload_id}.json").rename(folder / "done" / f"{upload_id}.json")
    sync_folder(folder / "done")


def _open_uploads(root: Path) -> Iterator[Upload]:
    for said in root.glob("*/open/*.json"):
        if upload := _read(said, said.parent.parent.name, is_whole=False):
            yield upload


def _free(path: PurePosixPath, given: str, taken: dict[str, str]) -> PurePosixPath:
    """Return the path, or one with a number where another name became the same."""
    if given in taken.values():
        raise UploadRefused(409, f"{shown(given)} is in this batch already", "Remove it there to send it again")
    if len(taken) >= _MAX_FILES:
        raise UploadRefused(429, f"a batch takes {_MAX_FILES} files", "Add these songs first, then drop the next")
    if any(str(parent) in taken for parent in path.parents) or any(one.startswith(f"{path}/") for one in taken):
        raise UploadRefused(409, f"{shown(given)} is a file and a folder in this batch", "Rename one of them")
    return next(one for number in count(1) if str(one := numbered(path, number) if number > 1 else path) not in taken)


def _refuse_full_disk(root: Path, wanted: int, given: str) -> None:
    place = next(each for each in (root, *root.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise UploadRefused(
            507,
            f"the disk has {_gib(free)} free; with {shown(given)} {_gib(wanted)} are needed, what stays free included",
            "Free some space and go on, or lower min_free_bytes in settings.toml under [studio]",
        )


@contextmanager
def _disk_told(given: str) -> Iterator[None]:
    """Tell what the disk refuses as a refusal of the file; what was there before stays."""
    try:
        yield
    except OSError as error:
        raise _disk_refuses(given, error) from error


def _disk_refuses(given: str, error: OSError) -> UploadRefused:
    what_to_do = write_advice(error.errno).capitalize()
    return UploadRefused(507, f"{shown(given)} cannot be written: {error.strerror or error}", what_to_do)


def _not_there(what: str) -> UploadRefused:
    return UploadRefused(404, f"there is no such {what}; it may have become a song, or been deleted", "Drop it again")


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / _GIB:.1f} GiB" if n_bytes >= _GIB / 10 else f"{n_bytes / 1024**2:.1f} MiB"
