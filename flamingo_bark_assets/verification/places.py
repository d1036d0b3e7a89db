"""Paths in lists that may be absolute: what they lead to, in the export and where they say.

Resolving them belongs here; relative paths that must stay inside stand in `folder`.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.folder import is_plain

_MAX_PARTS = 64


class NamedPlaces:
    """Resolves the paths of one list and reports those that lead nowhere, or past the export."""

    def __init__(self, check: Check, index: str) -> None:
        self._check = check
        self._index = index
        self._elsewhere: list[tuple[int, str]] = []
        self._bases: set[str] = set()
        self._gone: list[tuple[int, str]] = []
        self._rows = 0

    def local(self, path: str, row: int) -> str | None:
        """Return the path in the export that a path of the list means; None, with a finding, where there is none."""
        self._rows += 1
        folder = self._check.folder
        if "\0" in path or len(path) > 4096 or not path:
            self._check.add("unsafe_path", self._index, row, f"{path[:80]!r} is no path")
            return None
        if not path.startswith("/"):
            if not is_plain(path):
                self._check.add("unsafe_path", self._index, row, f"{path!r} leads out of the export")
                return None
            if folder.exists(path):
                return path
            self._check.has_file(self._index, row, path, "the trainer stops, or passes the row over")
            return None
        root = str(folder.root)
        if path.startswith(f"{root}/"):
            inside = path.removeprefix(f"{root}/")
            return inside if self._check.has_file(self._index, row, inside, "the trainer stops at it") else None
        inside_or_none = self._tail(path)
        if not Path(path).is_file():
            self._gone.append((row, path))
        elif inside_or_none is None:
            self._elsewhere.append((row, path))
        elif not self._is_same(path, inside_or_none):
            self._check.add("unsafe_path", self._index, row, f"the trainer reads {path}, outside this folder, and not "
                            f"{inside_or_none}, which is another")  # fmt: skip
        if inside_or_none is not None:
            self._bases.add(path.removesuffix(inside_or_none))
        return inside_or_none

    def folder(self, path: str, row: int | None, consequence: str) -> str | None:
        """Return the folder in the export that a path means; None, with a finding, where there is none.

        Args:
            path: as it stands in the file, absolute or not.
            row: its entry.
            consequence: what the trainer does without it.
        """
        folder, root = self._check.folder, str(self._check.folder.root)
        plain = path.rstrip("/")
        if plain in {"", ".", root}:
            return ""
        inside: str | None = plain.removeprefix(f"{root}/")
        if inside is not None and is_plain(inside):
            if folder.has_folder(inside):
                return inside
            self._check.add("missing_file", self._index, row, f"the folder {path} does not exist; {consequence}")
            return None
        parts = PurePosixPath(plain).parts[1:][-_MAX_PARTS:] if "\0" not in plain else ()
        tails = ("/".join(parts[start:]) for start in range(1, len(parts)))
        inside = next((tail for tail in tails if folder.has_folder(tail)), None)
        if "\0" in plain or not Path(plain).is_dir():
            self._check.add("missing_file", self._index, row, f"the folder {path} does not exist; {consequence}")
        elif inside is None or _listing(Path(plain)) != _listing(folder.root / inside):
            self._check.add("unsafe_path", self._index, row, f"the trainer reads {path}, outside this folder")
        return inside

    def close(self) -> None:
        """Report what is gone: once where it is all of it, as the folder was moved, else each row."""
        for row, path in self._elsewhere:
            if any(path.startswith(base) for base in self._bases):
                self._check.add(
                    "missing_file", self._index, row, f"{path} is there, and not in this copy of its folder"
                )
            else:
                self._check.add("unsafe_path", self._index, row, f"the trainer reads {path}, outside this folder")
        if self._gone and len(self._gone) == self._rows:
            _, path = self._gone[0]
            self._check.add("missing_file", self._index, None, f"names files in another place, such as {path}; the "
                            "folder was moved. Export again to where it stands")  # fmt: skip
            return
        for row, path in self._gone:
            self._check.add("missing_file", self._index, row, f"{path} does not exist; the trainer stops at it")

    def _tail(self, path: str) -> str | None:
        """Find a path of another place in this export by its end."""
        parts = PurePosixPath(path).parts[1:][-_MAX_PARTS:]
        for start in range(1, len(parts)):
            tail = "/".join(parts[start:])
            if self._check.folder.exists(tail):
                return tail
        return None

    def _is_same(self, path: str, inside: str) -> bool:
        """Tell whether two files hold the same, as in a copy of an export that still stands where it was made."""
        other = self._check.folder.root / inside
        try:
            if Path(path).samefile(other):
                return True
            first, second = Path(path), other
            if first.stat().st_size != second.stat().st_size:
                return False
            with first.open("rb") as one, second.open("rb") as two:
                while block := one.read(1 << 20):
                    if block != two.read(1 << 20):
                        return False
        except OSError:
            return False
        return True


def _listing(folder: Path) -> list[tuple[str, int]]:
    """List the files of a folder with their sizes."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.stat().st_size) for entry in entries)
    except OSError:
        return []
