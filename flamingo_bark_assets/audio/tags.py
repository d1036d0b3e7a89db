"""Title, artist, genre and lyrics as the tags inside a sound file give them.

Reading and cleaning tags belongs here; what the user says in song.toml does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flamingo_bark_assets.audio.container import codec_failures, open_container
from flamingo_bark_assets.audio.headers import synchsafe
from flamingo_bark_assets.text import printable, short_line

MAX_LENGTH = 500
MAX_GENRES = 20
MAX_LYRICS = 50_000

_NUMERIC_GENRE = re.compile(r"\(\d+\)")
_GENRE_SEPARATORS = re.compile(r"[;/,\x00]")
_ID3_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_LYRICS_KEYS = frozenset({"lyrics", "unsyncedlyrics", "syncedlyrics"})
_MAX_ID3_BYTES = 1 << 20
_ID3_EXTENDED_HEADER = 0x40


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says about itself.

    Attributes:
        title: None where the file says none.
        artist: None where the file says none.
        genres: each genre once, in the file's order; no genre numbers.
        lyrics: lines of sung words, plain or LRC; None where the file holds none.
    """

    title: str | None = None
    artist: str | None = None
    genres: tuple[str, ...] = ()
    lyrics: str | None = None


def read_tags(path: Path) -> Tags:
    """Read the tags of a sound file, which may be anything (ID3, Vorbis comments, MP4 atoms, RIFF INFO, ...).

    They are cleaned: no control characters, at most 500 characters each and 20 genres; lyrics keep
    their lines and have at most 50,000 characters. Empty where it cannot be read.
    """
    if not path.is_file():
        return Tags()
    try:
        with path.open("rb") as file:
            id3_genre = _id3_genre(file)
            file.seek(0)
            found = _container_metadata(file)
    except codec_failures():
        return Tags()
    genre = id3_genre if id3_genre is not None else found.get("genre", "")
    return Tags(_clean(found.get("title", "")), _clean(found.get("artist", "")), _genres(genre), _lyrics(found))


def _container_metadata(file: BinaryIO) -> dict[str, str]:
    """Give the metadata of container and first audio stream under lower-case keys."""
    found: dict[str, str] = {}
    with open_container(file) as container:
        sources: list[Mapping[str, str]] = [container.metadata]
        sources += [stream.metadata for stream in container.streams.audio[:1]]
        for metadata in sources:
            for key, value in metadata.items():
                found.setdefault(key.lower(), value)
    return found


def _id3_genre(file: BinaryIO) -> str | None:
    """Give the text of the genre frame of an ID3v2.3 or 2.4 tag; None where there is no such frame.

    FFmpeg takes any leading digits for an ID3v1 genre number: it reads "80s" as number 80, which is Folk.
    """
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (3, 4) or head[5] & _ID3_EXTENDED_HEADER:
        return None
    tag = file.read(min(synchsafe(head[6:10]), _MAX_ID3_BYTES))
    at = 0
    while tag[at : at + 4].strip(b"\x00") and at + 11 <= len(tag):
        size_bytes = tag[at + 4 : at + 8]
        size = synchsafe(size_bytes) if head[3] == 4 else int.from_bytes(size_bytes, "big")
        body = tag[at + 10 : at + 10 + size]
        if tag[at : at + 4] == b"TCON" and body and body[0] < len(_ID3_ENCODINGS):
            return body[1:].decode(_ID3_ENCODINGS[body[0]], errors="replace")
        at += 10 + size
    return None


def _genres(text: str) -> tuple[str, ...]:
    names = (_clean(_NUMERIC_GENRE.sub(" ", part)) for part in _GENRE_SEPARATORS.split(text))
    kept = dict.fromkeys(name for name in names if name and not name.isdigit())
    return tuple(kept)[:MAX_GENRES]


def _lyrics(found: Mapping[str, str]) -> str | None:
    """Return the lyrics, which ID3 names with a language: FFmpeg gives USLT as ``lyrics-eng``."""
    named = [key for key in sorted(found) if key in _LYRICS_KEYS or key.startswith("lyrics-")]
    text = next((found[key] for key in named if found[key].strip()), "")[:MAX_LYRICS]
    lines = (printable(line, control="").rstrip() for line in text.splitlines())
    return "\n".join(lines).strip("\n") or None


def _clean(text: str) -> str | None:
    """Drop control and invisible characters, join white space, cut the length; None where nothing is left."""
    return short_line(printable(text, control=""), MAX_LENGTH).rstrip() or None
