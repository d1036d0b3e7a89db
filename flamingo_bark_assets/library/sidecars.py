"""Sidecars of a song: text files beside its sound that hold words about it, read within bounds.

Opening, decoding and digesting them belongs here; names, forms and what becomes of the words have modules of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_bytes, shown
from flamingo_bark_assets.library.sidecar_formats import MAX_FIELDS, MAX_VALUE_CHARACTERS, Said, read_fields
from flamingo_bark_assets.library.sidecar_names import ENDINGS, SidecarFile

MAX_SIDECAR_BYTES = 1024 * 1024

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # Before UTF-16, whose mark its begins with.
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Control characters that no text holds, whatever its encoding.
_NOT_TEXT = frozenset(range(0x20)) - frozenset(b"\t\n\x0b\x0c\r\x1a\x1b")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What one sidecar says.

    Attributes:
        name: its file name.
        said: its fields in their order; empty where it cannot be used.
        warnings: what of it was not read as it may have been meant, one clause each.
        fault: why it cannot be used, in a clause; None where it can.
    """

    name: str
    said: tuple[Said, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Fault and warnings, each a sentence that names the file."""
        return tuple(f"{shown(self.name)}: {one}" for one in (*filter(None, [self.fault]), *self.warnings))


def read_sidecars(files: Sequence[SidecarFile], song_id: str) -> tuple[Sidecar, ...]:
    """Read the sidecars in a song's folder, those that go first before the others.

    Whatever is wrong with one is its fault or a warning, and costs the others nothing.
    """
    by_rank = sorted(files, key=lambda file: (ENDINGS.index(file.ending), file.name))
    return tuple(_read(file, song_id) for file in by_rank)


def sidecars_digest(files: Sequence[SidecarFile]) -> list[list[str]]:
    """Name each sidecar with the SHA-256 of its contents, or what is wrong with it; JSON can hold it."""
    return [[file.name.encode("utf-8", "replace").decode(), _contents(file)] for file in files]


def _read(file: SidecarFile, song_id: str) -> Sidecar:
    if file.path is None:
        return Sidecar(file.name, fault=file.fault)
    try:
        text, encoding = decoded(_data(file.path, file.contents))
        said = read_fields(text, file.ending, song_id=song_id)
    except FileFault as fault:
        return Sidecar(file.name, fault=str(fault))
    warnings = [] if encoding == "utf-8" else [f"is not UTF-8 and was read as {encoding}"]
    if len(said) > MAX_FIELDS:
        warnings.append(f"has more than {MAX_FIELDS} fields; the first {MAX_FIELDS} are read")
    if too_long := [one.key for one in said[:MAX_FIELDS] if len(one.text) > MAX_VALUE_CHARACTERS]:
        keys = ", ".join(map(shown, too_long))
        warnings.append(f"the first {MAX_VALUE_CHARACTERS} characters of {keys} are read")
    kept = (replace(one, text=one.text[:MAX_VALUE_CHARACTERS].rstrip()) for one in said[:MAX_FIELDS])
    return Sidecar(file.name, tuple(kept), tuple(warnings))


def _contents(file: SidecarFile) -> str:
    if file.path is None:
        return file.fault or ""
    try:
        return hashlib.sha256(_data(file.path, file.contents)).hexdigest()
    except FileFault as fault:
        return str(fault)


def _data(path: Path, contents: bytes | None) -> bytes:
    return contents if contents is not None else read_bytes(path, max_bytes=MAX_SIDECAR_BYTES)


def decoded(data: bytes) -> tuple[str, str]:
    """Decode a text by its byte order mark, else as UTF-8, else as Windows-1252, the commonest of what is not.

    Returns:
        The text, and the encoding where it was guessed: "utf-8" where nothing was.

    Raises:
        FileFault: it is no text, or in none of these encodings.
    """
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked is None and _NOT_TEXT.intersection(data):
        raise FileFault("is no text; save it as UTF-8 if it should be")
    try:
        return data.decode(marked or "utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if marked is not None:
            raise FileFault(f"begins as {marked.upper()} and is not; save it as UTF-8") from error
    try:
        return data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError as error:
        raise FileFault("is neither UTF-8 nor Windows-1252; save it as UTF-8") from error
