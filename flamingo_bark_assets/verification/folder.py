"""The folder that is verified: what stands in it, and opening it without trusting a name, a link or a size.

Safe reading of any file belongs here; what its content means does not.
"""

from __future__ import annotations

import io
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.opening import file_problem, link_problem, open_regular
from flamingo_bark_assets.verification.findings import Findings

MAX_JSON_BYTES = 256 << 20
MAX_SIDECAR_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
MAX_ENTRIES = 5_000_000
MAX_DEPTH = 32


class ExportFolder:
    """A folder with an export, possibly edited, possibly made by someone else.

    Attributes:
        root: the folder, absolute.
        findings: where what is wrong goes.
    """

    def __init__(self, root: Path, findings: Findings) -> None:
        self.root = root
        self.findings = findings
        self._inside: dict[str, bool] = {}
        self._root = str(root)

    def files(self, under: str = "", suffixes: tuple[str, ...] = (), *, depth: int = MAX_DEPTH) -> Iterator[str]:
        """Give the regular files below a folder, sorted in each folder, as paths relative to the export.

        Names that begin with a dot are passed over, as every trainer does; links are followed to files only, inside
        the export.

        Args:
            under: a folder of the export; "" for the whole.
            suffixes: only names that end so; all where there is none.
            depth: folders to go down at most.
        """
        yield from self._walk(under, suffixes, depth)

    def _walk(self, under: str, suffixes: tuple[str, ...], depth: int) -> Iterator[str]:
        try:
            with os.scandir(self.root / under) as entries:
                visible = sorted(
                    (entry for entry in entries if not entry.name.startswith(".")), key=lambda each: each.name
                )
        except (OSError, ValueError):
            return
        for entry in visible:
            path = f"{under}/{entry.name}" if under else entry.name
            if entry.is_dir(follow_symlinks=False):
                if depth > 0:
                    yield from self._walk(path, suffixes, depth - 1)
            elif (not suffixes or entry.name.endswith(suffixes)) and (
                entry.is_file(follow_symlinks=False) or (entry.is_symlink() and self.problem(path) is None)
            ):
                yield path

    def check_entries(self) -> None:
        """Report what is neither a file nor a folder, and links that lead out of the export or nowhere."""
        self._check_entries("", MAX_DEPTH)

    def _check_entries(self, under: str, depth: int) -> None:
        with self.findings.guarded(under), os.scandir(self.root / under) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path = f"{under}/{entry.name}" if under else entry.name
                if entry.is_symlink():
                    problem = file_problem(self.root / path, self.root)
                    if problem is not None:
                        self.findings.add("link", path, None, f"{problem}; where the folder is copied it is lost")
                elif entry.is_dir():
                    if depth == 0:
                        self.findings.add("unreadable", path, None, "folders are nested too deeply to be checked")
                    else:
                        self._check_entries(path, depth - 1)
                elif not entry.is_file():
                    self.findings.add("not_regular", path, None, "a pipe, socket or device; a trainer waits for it")

    def exists(self, path: str) -> bool:
        """Tell whether a regular file stands there, inside the export."""
        return is_plain(path) and self.problem(path) is None

    def has_folder(self, path: str) -> bool:
        """Tell whether a folder stands there."""
        return is_plain(path) and (self.root / path).is_dir()

    def problem(self, path: str) -> str | None:
        """Say why a file of the export may not be opened; None where it may."""
        place = self._place(path)
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            return "does not exist"
        except (OSError, ValueError):
            return file_problem(self.root / path, self.root)
        if not stat.S_ISREG(mode) or not self._is_inside(path.rpartition("/")[0]):
            return file_problem(self.root / path, self.root)
        return None if os.access(place, os.R_OK) else "may not be read by this user"

    def _place(self, path: str) -> str:
        """Return where a file of the export stands: asked for several times of every file, and a Path takes longer."""
        return f"{self._root}/{path}"

    def _is_inside(self, folder: str) -> bool:
        """Tell whether a folder really lies in the export; found out once, as following links takes time."""
        if folder not in self._inside:
            self._inside[folder] = link_problem(self.root / folder / ".", self.root.parent) is None and (
                (self.root / folder).resolve().is_relative_to(self.root)
            )
        return self._inside[folder]

    def size(self, path: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            OSError: it is not there.
        """
        return Path(self._place(path)).stat().st_size

    def inode(self, path: str) -> tuple[int, int] | None:
        """Return what names of one file have in common; None where it has one name only, or cannot be told."""
        try:
            status = os.lstat(self._place(path))
            if stat.S_ISLNK(status.st_mode):
                status = Path(self._place(path)).stat()
        except (OSError, ValueError):
            return None
        return (status.st_dev, status.st_ino) if status.st_nlink > 1 and status.st_ino else None

    @contextmanager
    def open(self, path: str) -> Iterator[BufferedReader]:
        """Open a regular file that lies in the export.

        Raises:
            FileFault: it is no such file.
        """
        if problem := self.problem(path):
            raise FileFault(f"{path} {problem}")
        try:
            file = open_regular(Path(self._place(path)))
        except LibraryError as error:
            raise FileFault(str(error)) from error
        with file:
            yield file

    def content(self, path: str, limit: int = MAX_SIDECAR_BYTES) -> bytes:
        """Read a whole file.

        Raises:
            FileFault: it is no such file, or larger than `limit`.
        """
        with self.open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise FileFault(f"{path} is larger than {limit} bytes")
        return data

    def text(self, path: str, limit: int = MAX_SIDECAR_BYTES) -> str | None:
        """Read a text as trainers do, in UTF-8; None, with a finding, where it cannot be read.

        A byte order mark, Windows line ends and NUL are findings too.
        """
        try:
            data = self.content(path, limit)
        except FileFault as fault:
            self._report_fault(path, fault)
            return None
        text = self.decoded(path, None, data)
        if text is not None and "\r" in text:
            self.findings.add("line_ends", path, text[: text.index("\r")].count("\n") + 1, "lines end in CR LF; the "
                              "carriage return becomes part of what is read")  # fmt: skip
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text

    def decoded(self, path: str, row: int | None, data: bytes) -> str | None:
        """Decode UTF-8; None, with a finding, where it is none. A byte order mark is a finding and taken off."""
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            self.findings.add("encoding", path, row, "is UTF-16; the trainer reads UTF-8 and stops")
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1 if row is None else row
            self.findings.add("encoding", path, line, f"is not UTF-8 at byte {error.start}; such bytes stop the "
                              "trainer or vanish without a word")  # fmt: skip
            return None
        if text.startswith("\ufeff"):
            self.findings.add("bom", path, row or 1, "begins with a byte order mark, which becomes part of the first "
                              "value and breaks it")  # fmt: skip
            text = text.removeprefix("\ufeff")
        return text

    def json(self, path: str, limit: int = MAX_JSON_BYTES) -> Any:
        """Read JSON; None, with a finding, where it cannot be parsed."""
        text = self.text(path, limit)
        return None if text is None else self.parsed(path, None, text)

    def parsed(self, path: str, row: int | None, text: str) -> Any:
        """Parse JSON; None, with a finding, where it cannot be parsed."""
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            where = error.lineno if row is None else row
            self.findings.add("syntax", path, where, f"is not JSON: {error.msg}; the trainer stops")
        except (ValueError, RecursionError) as error:
            self.findings.add("syntax", path, row, f"is no JSON that can be read: {error}; the trainer stops")
        return None

    def lines(self, path: str) -> Iterator[tuple[int, bytes]]:
        """Give the lines of a file with their numbers from 1, without their line feed; long ones are cut.

        ``.gz`` is unpacked in pieces, so that no bomb fills the memory.

        Raises:
            FileFault: it is no such file.
        """
        with self.open(path) as file:
            source: io.BufferedIOBase = io.BufferedReader(_Gunzip(file)) if path.endswith(".gz") else file
            number = 0
            while line := source.readline(MAX_LINE_BYTES):
                number += 1
                if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
                    self.findings.add("too_large", path, number, f"the line is longer than {MAX_LINE_BYTES} bytes")
                    while (rest := source.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    continue
                yield number, line.removesuffix(b"\n")

    def _report_fault(self, path: str, fault: FileFault) -> None:
        rule = "missing_file" if "does not exist" in str(fault) else "unreadable"
        rule = "too_large" if "is larger than" in str(fault) else rule
        self.findings.add(rule, path, None, f"{fault}; the trainer cannot read it")


class _Gunzip(io.RawIOBase):
    """Unpacks a gzip stream as it is read, never more at once than was asked for."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj(wbits=31)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(1 << 16)
            if not packed:
                raise FileFault("the gzip stream ends too early")
            try:
                data = self._unpacker.decompress(packed, len(buffer))
            except zlib.error as error:
                raise FileFault(f"is no gzip stream: {error}") from error
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0


def is_plain(path: str) -> bool:
    """Tell whether a path is relative, in POSIX form, and stays below the folder that it is relative to."""
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and ".." not in parts and "\0" not in path and "\\" not in path
