"""The line of song.toml by which words of sidecars are merged, set without touching any other line.

Changing that one line belongs here; what else stands in song.toml, and its reading, stand in `song_toml`.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.opening import is_missing, read_text
from flamingo_bark_assets.files.toml import MAX_TOML_BYTES, read_toml
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SONG_TOML, change_problem, replace_song_toml
from flamingo_bark_assets.merging import Merge

_KEY = "sidecars"
_LINE = re.compile(rf"^[ \t]*{_KEY}[ \t]*=[^\n]*\n?", re.MULTILINE)


def set_merge(files: SongFiles, merge: Merge) -> bool:
    """Let the sidecars of a song be merged by this policy; comments and all other lines of song.toml stay.

    Returns:
        Whether that is a change.

    Raises:
        LibraryError: song.toml cannot be read, may not be changed, or was changed meanwhile, or its line of this key is
            not found; nothing is changed.
        WriteError: the file cannot be written.
    """
    if files.folder is None:
        raise LibraryError(files.fault or f"song {files.song_id!r}: there is no folder")
    if files.info_fault is not None:
        raise LibraryError(f"{files.info_fault}; correct it first")
    path = files.folder / SONG_TOML
    line = f'{_KEY} = "{merge}"\n'
    where = f"song {files.song_id!r}: {SONG_TOML}"
    is_new = is_missing(path)
    try:
        values = {} if is_new else read_toml(path, within=files.folder)
        text = "" if is_new else read_text(path, max_bytes=MAX_TOML_BYTES, within=files.folder)
    except FileFault as fault:
        raise LibraryError(f"{where}: {fault}") from fault
    if values.get(_KEY) == merge:
        return False
    if problem := change_problem(path):
        raise LibraryError(f"{where}: {problem}")
    head = text[: match.start()] if (match := re.search(r"^[ \t]*\[", text, re.MULTILINE)) else text
    # A new line stands before the first table, where it is about the whole song.
    new = line + text if _KEY not in values else _LINE.sub(line, head) + text[len(head) :]
    if _values(new) != {**values, _KEY: merge}:  # The line that was found is one of lyrics, or none was.
        raise LibraryError(f"{where}: its line {_KEY} is not found; set it by hand")
    try:
        is_done = replace_song_toml(path, None if is_new else text, new)
    except FileFault as fault:
        raise LibraryError(f"{where}: {fault}") from fault
    if not is_done:
        raise LibraryError(f"{where} was changed meanwhile; set it again")
    return True


def _values(text: str) -> dict[str, Any] | None:
    """Read what would be written; None where it would be no TOML, as of a value that goes on for lines."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
