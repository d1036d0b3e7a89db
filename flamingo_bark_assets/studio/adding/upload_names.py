"""Names that a browser gives to files, made safe for a disk: no name leads out of its folder or deceives a reader.

Making them safe belongs here; the names as they came are kept beside the files, in `uploads`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

MAX_PATH_BYTES = 4096
MAX_FOLDERS = 32
MAX_NAME_BYTES = 255
# Room for the number that tells files of one name apart, and for what importing puts before a name.
_KEPT_NAME_BYTES = 200
# Controls, what Windows or a shell cannot hold, marks that turn the direction of text, and characters without width.
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f\\:*?"<>|\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb'
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_DOTS = re.compile(r"\.+")


def safe_path(given: str) -> PurePosixPath | None:
    """Make a relative path of one that a browser gave, with as many folders; None where no name is left or it is long.

    Names of dots alone, reserved names and characters that no disk takes are replaced by underscores; long names are
    cut before their ending.
    """
    if len(given.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
        return None
    # Some browsers and scripts part folders as Windows does.
    parts = [part for part in re.split(r"[/\\]", given) if part not in {"", "."}]
    if not parts or len(parts) > MAX_FOLDERS + 1:
        return None
    return PurePosixPath(*map(_safe_name, parts))


def numbered(path: PurePosixPath, number: int) -> PurePosixPath:
    """Tell a file from one that became the same name: ``Song (2).wav``."""
    return path.with_name(f"{path.stem} ({number}){path.suffix}")


def _safe_name(name: str) -> str:
    name = _UNSAFE.sub("_", name).rstrip(" .") if not _DOTS.fullmatch(name) else "_" * len(name)
    name = name.lstrip(" ") or "_"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _cut(name)


def _cut(name: str) -> str:
    if len(name.encode()) <= _KEPT_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 20:
        stem, dot, ending = name, "", ""
    room = _KEPT_NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + ending
