"""A folder as one ZIP or tar file that is written while it is sent: constant memory, a length known before, safe names.

The two formats belong here; which folder may be sent, and to whom, does not.

ZIP is written by hand: `zipfile` holds an entry a file in memory, of which an export may have a million, and cannot
tell the length before. Nothing is compressed, as sound does not shrink. Layout after PKWARE's APPNOTE 6.3.10, every
entry in ZIP64 form with a data descriptor.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.errors import WriteError
from flamingo_bark_assets.files.opening import open_if_regular

Form = Literal["zip", "tar"]

_CHUNK = 256 * 1024
_UNSAFE = re.compile(r'[\x00-\x1f\x7f:*?"<>|\\%\ud800-\udfff]|[. ]$')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_ZIP64 = 45
_FLAGS = 0x0808  # UTF-8 names, sizes in a data descriptor
_MAX_32 = 0xFFFFFFFF
_MADE_BY_UNIX = 3 << 8
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_DESCRIPTOR = struct.Struct("<IIQQ")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_EXTRA_SIZES = struct.Struct("<HHQQ")
_EXTRA_PLACE = struct.Struct("<HHQQQ")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_END = struct.Struct("<IHHHHIIH")
_TAR_BLOCK = 512
_TAR_RECORD = 20 * _TAR_BLOCK


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    name: str
    size: int
    mtime: float


def archive_length(folder: Path, name: str, form: Form) -> int:
    """Return how long the archive of a folder is, bytes.

    Raises:
        OSError: the folder cannot be read.
    """
    total = 0
    for entry in _entries(folder, name):
        if form == "tar":
            total += len(_tar_header(entry)) + entry.size + _padding(entry.size, _TAR_BLOCK)
        else:
            length = len(entry.name.encode())
            total += _LOCAL.size + _EXTRA_SIZES.size + _DESCRIPTOR.size + entry.size + length
            total += _CENTRAL.size + _EXTRA_PLACE.size + length
    if form == "tar":
        total += 2 * _TAR_BLOCK
        return total + _padding(total, _TAR_RECORD)
    return total + _END64.size + _LOCATOR.size + _END.size


def archive(folder: Path, name: str, form: Form) -> Iterator[bytes]:
    """Give the archive of a folder piece by piece.

    Links, hidden files and what is no regular file are left out; what a name holds that no system takes is written as
    ``%`` and two hexadecimal digits.

    Args:
        folder: what is packed.
        name: of the one folder in the archive that holds all.
        form: zip or tar.

    Raises:
        OSError: the folder cannot be read.
        WriteError: a file changed while it was sent, so that the archive is broken off and nobody takes it for whole.
    """
    return _tar(folder, name) if form == "tar" else _zip(folder, name)


def safe_name(name: str) -> str:
    """Return one part of a path as Windows, macOS and Linux all take it; different names stay different."""
    safe = _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])), name)
    return f"%{ord(safe[0]):02X}{safe[1:]}" if _DEVICES.match(safe) else safe


def _entries(folder: Path, name: str) -> Iterator[_Entry]:
    """Give the regular files of a folder in order, none of them through a link."""
    with os.scandir(folder) as found:
        inside = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in inside:
        path = f"{name}/{safe_name(entry.name)}"
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), path)
        elif entry.is_file(follow_symlinks=False):
            facts = entry.stat(follow_symlinks=False)
            yield _Entry(Path(entry.path), path, facts.st_size, facts.st_mtime)


def _contents(entry: _Entry) -> Iterator[bytes]:
    left = entry.size
    if entry.path.is_symlink() or (file := open_if_regular(entry.path)) is None:
        raise WriteError(f"{entry.path}: is no regular file any more; download again")
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or os.fstat(file.fileno()).st_size != entry.size:
            raise WriteError(f"{entry.path}: was changed while it was sent; download again")
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left:
        raise WriteError(f"{entry.path}: was cut while it was sent; download again")


def _zip(folder: Path, name: str) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as central:  # on disk, as it grows with the number of files
        place, count, length = 0, 0, 0
        for entry in _entries(folder, name):
            encoded, (moment, day) = entry.name.encode(), _dos_time(entry.mtime)
            local = (0x04034B50, _ZIP64, _FLAGS, 0, moment, day, 0, _MAX_32, _MAX_32, len(encoded), _EXTRA_SIZES.size)
            yield _LOCAL.pack(*local) + encoded + _EXTRA_SIZES.pack(1, 16, 0, 0)
            crc = 0
            for chunk in _contents(entry):
                crc = zlib.crc32(chunk, crc)
                yield chunk
            yield _DESCRIPTOR.pack(0x08074B50, crc, entry.size, entry.size)
            row = (
                0x02014B50, _MADE_BY_UNIX | _ZIP64, _ZIP64, _FLAGS, 0, moment, day, crc, _MAX_32, _MAX_32, len(encoded),
                _EXTRA_PLACE.size, 0, 0, 0, (stat.S_IFREG | 0o644) << 16, _MAX_32,
            )  # fmt: skip
            central.write(_CENTRAL.pack(*row) + encoded + _EXTRA_PLACE.pack(1, 24, entry.size, entry.size, place))
            place += _LOCAL.size + len(encoded) + _EXTRA_SIZES.size + entry.size + _DESCRIPTOR.size
            length += _CENTRAL.size + len(encoded) + _EXTRA_PLACE.size
            count += 1
        central.seek(0)
        while chunk := central.read(_CHUNK):
            yield chunk
    end64 = (0x06064B50, _END64.size - 12, _MADE_BY_UNIX | _ZIP64, _ZIP64, 0, 0, count, count, length, place)
    yield _END64.pack(*end64) + _LOCATOR.pack(0x07064B50, 0, place + length, 1)
    yield _END.pack(0x06054B50, 0, 0, 0xFFFF, 0xFFFF, _MAX_32, _MAX_32, 0)


def _tar(folder: Path, name: str) -> Iterator[bytes]:
    total = 2 * _TAR_BLOCK
    for entry in _entries(folder, name):
        header = _tar_header(entry)
        yield header
        yield from _contents(entry)
        padding = _padding(entry.size, _TAR_BLOCK)
        yield b"\0" * padding
        total += len(header) + entry.size + padding
    yield b"\0" * (2 * _TAR_BLOCK + _padding(total, _TAR_RECORD))


def _tar_header(entry: _Entry) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.size, info.mtime, info.mode = entry.size, int(entry.mtime), 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int, block: int) -> int:
    return -size % block


def _dos_time(mtime: float) -> tuple[int, int]:
    year, month, day, hour, minute, second = time.gmtime(min(max(mtime, 315532800.0), 4354819198.0))[:6]
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
