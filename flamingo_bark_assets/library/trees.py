"""Folders as they lie on a disk: the names in them, without following a link out, and what cannot be read.

Walking belongs here; what the names mean stands in `recognising`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flamingo_bark_assets.files.opening import file_problem, link_problem, shown

# What macOS puts into archives beside the files themselves.
_NOBODYS = frozenset({"__MACOSX"})


@dataclass(frozen=True, slots=True)
class Folder:
    """The names in one folder, sorted; hidden ones are left out.

    Attributes:
        path: the folder.
        files: names of regular files, and of links to some below the folder that was walked.
        folders: names of folders; links to folders are not followed.
    """

    path: Path
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not used.

    Attributes:
        path: the file or folder.
        reason: why, in a clause that may follow the path.
        files: names of the files in the folder that are meant; empty where the path itself is.
        is_fault: whether it could not be looked at, so that songs may have been missed.
    """

    path: Path
    reason: str
    files: tuple[str, ...] = ()
    is_fault: bool = False

    def sentence(self) -> str:
        """Say it in one line."""
        names = [shown(name) for name in self.files[:_MOST_NAMED]]
        more = f" and {len(self.files) - len(names)} more" if len(self.files) > len(names) else ""
        files = f": {', '.join(names)}{more}" if names else ""
        return f"{self.path}{files}: {self.reason}"


_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Tree:
    """What was found below some paths.

    Attributes:
        folders: by path, a folder before those in it.
        left_out: what could not be read or must not be followed.
    """

    folders: Mapping[Path, Folder]
    left_out: tuple[LeftOut, ...] = ()


@dataclass
class _Walk:
    folders: dict[Path, Folder] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def read_tree(paths: Sequence[Path]) -> Tree:
    """Read the names at and below some paths, each folder once, however often and nested it is given.

    A file that is named goes into its folder, of which no other file is looked at. A link that is itself among the
    paths is followed, as its owner named it. Whatever cannot be read is told, and stops nothing else.
    """
    walk = _Walk()
    named: dict[Path, set[str]] = {}
    for path in paths:
        if path.is_dir():
            _walk(walk, path, path)
        elif problem := file_problem(path):
            walk.left_out.append(LeftOut(path, problem, is_fault=True))
        else:
            named.setdefault(path.parent, set()).add(path.name)
    for folder, names in named.items():
        if not _is_walked(walk, folder):
            walk.folders[folder] = Folder(folder, tuple(sorted(names)))
    return Tree(walk.folders, tuple(walk.left_out))


def _is_walked(walk: _Walk, folder: Path) -> bool:
    return folder in walk.folders or folder.resolve() in {path.resolve() for path in walk.folders}


def _walk(walk: _Walk, start: Path, root: Path) -> None:
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if folder in walk.folders:
            continue
        try:
            with os.scandir(folder) as entries:
                found = sorted(_visible(entries), key=lambda entry: entry.name)
        except OSError as error:
            walk.left_out.append(LeftOut(folder, f"the folder cannot be read: {error.strerror}", is_fault=True))
            continue
        files: list[str] = []
        folders: list[str] = []
        for entry in found:
            kind, problem = _kind(entry, root)
            if problem:
                walk.left_out.append(LeftOut(Path(entry.path), problem))
            elif kind == "folder":
                folders.append(entry.name)
            elif kind == "file":
                files.append(entry.name)
        walk.folders[folder] = Folder(folder, tuple(files), tuple(folders))
        waiting += [folder / name for name in reversed(folders)]


def _visible(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in entries if not entry.name.startswith(".") and entry.name not in _NOBODYS)


def _kind(entry: os.DirEntry[str], root: Path) -> tuple[str, str | None]:
    """Tell a folder from a file, and what keeps an entry from being looked at."""
    try:
        if entry.is_dir(follow_symlinks=False):
            return "folder", None
        if entry.is_symlink():
            if problem := link_problem(Path(entry.path), root):
                return "", problem
            if entry.is_dir():
                return "", "is a symbolic link to a folder, which is not followed"
        return ("file", None) if entry.is_file() else ("", "is not a regular file")
    except OSError as error:
        return "", f"cannot be looked at: {error.strerror}"
