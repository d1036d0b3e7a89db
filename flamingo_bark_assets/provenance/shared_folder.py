"""Whether a data folder that several machines share is one folder, and does what every writer relies on.

The marker of the folder and the trial belong here; who compares markers, and when, does not.
"""

from __future__ import annotations

import platform
import time
import uuid

from flamingo_bark_assets.errors import SharedFolderError, WriteError
from flamingo_bark_assets.files.atomic import delete_tree, temporary_path, write_text
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.state import STATE_FOLDER

_MARKER = "folder_id"
# Whether a result was made since it was asked for is told by the clocks of two machines.
MOST_SKEW_S = 10.0


def folder_marker(paths: DataPaths) -> str:
    """Return what tells a data folder from any other; it is made where there is none yet.

    Raises:
        WriteError: it cannot be written.
    """
    if (found := _read(paths)) is None:
        write_text(paths.root / STATE_FOLDER / _MARKER, f"{uuid.uuid4().hex}\n")
        found = _read(paths)
    return found or ""


def check_shared_folder(paths: DataPaths, expected: str | None) -> None:
    """Check that this machine sees the data folder that is meant, and can work in it.

    A file is written, renamed and read back; its time tells whether the clocks of this machine and of the folder agree.

    Args:
        paths: the data folder, as this machine sees it.
        expected: the marker that another machine has read in it; None where none has.

    Raises:
        SharedFolderError: it is another folder, or does not work; names the machine and says what to do.
    """
    where = f"{platform.node()}: the data folder {paths.root}"
    if expected is not None and (found := _read(paths)) != expected:
        what = "has no marker" if found is None else f"is another one ({found[:8]}, not {expected[:8]})"
        raise SharedFolderError(f"{where} {what}: mount the folder there that the code server works in")
    skew_s = _trial(paths, where)
    if abs(skew_s) > MOST_SKEW_S:
        raise SharedFolderError(f"{where} and this machine have clocks {abs(skew_s):.0f} s apart: let NTP set both")


def _trial(paths: DataPaths, where: str) -> float:
    """Write, rename and read back a file; return by how much this machine's clock is ahead of the folder's, s."""
    folder = paths.root / STATE_FOLDER
    written, text = temporary_path(folder), uuid.uuid4().hex
    renamed = temporary_path(folder)
    try:
        before_s = time.time()
        write_text(written, text)
        after_s = time.time()
        written.replace(renamed)
        if (found := renamed.read_text()) != text or written.exists():
            raise SharedFolderError(f"{where} does not keep what is written: {found[:40]!r} was read back")
        made_s = renamed.stat().st_mtime
    except (OSError, WriteError) as error:
        raise SharedFolderError(f"{where} cannot be worked in: {error}") from error
    finally:
        for path in (written, renamed):
            delete_tree(path)
    return max(0.0, before_s - made_s) - max(0.0, made_s - after_s)


def _read(paths: DataPaths) -> str | None:
    try:
        return (paths.root / STATE_FOLDER / _MARKER).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
