"""What data sets of stems say of their songs: MedleyDB's ``*_METADATA.yaml`` and MoisesDB's ``data.json``.

Reading these files within bounds belongs here; the folders that they lie in are known by `recognising`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.text import printable

METADATA_ENDING = "_METADATA.yaml"
MOISES_NOTES = "data.json"
_MAX_BYTES = 1024 * 1024
_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class SongNotes:
    """What a data set says of a song.

    Attributes:
        title: None where it says none.
        artist: None where it says none.
        genre: None where it says none.
        called: what each stem is, by file name.
        stems: names of the folders that hold stems.
    """

    title: str | None = None
    artist: str | None = None
    genre: str | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    stems: frozenset[str] = frozenset()


NO_NOTES = SongNotes()


def read_medley_notes(path: Path) -> SongNotes | None:
    """Read a metadata file of MedleyDB; None where it is none.

    Its ``stems`` are objects with ``filename`` and ``instrument`` (a name, or a list of names).
    """
    import yaml

    try:
        said = yaml.safe_load(read_text(path, max_bytes=_MAX_BYTES, within=path.parent))
    except (FileFault, yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("stems"), dict):
        return None
    called: dict[str, str] = {}
    for stem in said["stems"].values():
        if isinstance(stem, dict) and (file := _line(stem.get("filename"))):
            instruments = stem.get("instrument")
            names = instruments if isinstance(instruments, list) else [instruments]
            if name := " ".join(filter(None, map(_line, names))):
                called[file] = name
    return SongNotes(_line(said.get("title")), _line(said.get("artist")), _line(said.get("genre")), called)


def read_moises_notes(path: Path) -> SongNotes | None:
    """Read the data.json of a song of MoisesDB; None where it is none.

    It holds ``song``, ``artist``, ``genre`` and ``stems``, a list of objects whose ``stemName`` is a folder beside it.
    """
    try:
        said = json.loads(read_text(path, max_bytes=_MAX_BYTES, within=path.parent))
    except (FileFault, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("stems"), list):
        return None
    stems = {name for stem in said["stems"] if isinstance(stem, dict) and (name := _line(stem.get("stemName")))}
    genre = (_line(said.get("genre")) or "").replace("_", " ") or None
    return SongNotes(_line(said.get("song")), _line(said.get("artist")), genre, {}, frozenset(stems)) if stems else None


def _line(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(printable(value, control="").split())[:_MAX_CHARACTERS] or None
