"""Which songs were found to be the same recording, kept so that no two songs are compared twice.

What is kept, and when it holds no more, belongs here; comparing songs stands in `matching`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import delete_tree, write_text
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.matching import MATCHING_VERSION, Constellation, Match, find_matches

_DIGEST_BYTES = 16
_MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Compared:
    """Songs that were all compared with one another.

    Attributes:
        digests: digest of the fingerprint of each, by song.
        matches: what was found among them.
    """

    digests: Mapping[str, str]
    matches: tuple[Match, ...]


def matches_path(paths: DataPaths) -> Path:
    """Return where the matches are kept."""
    return paths.root / "state" / "matches.json"


def known_matches(paths: DataPaths, songs: Mapping[str, Constellation], *, keep: bool) -> tuple[Match, ...]:
    """Find the songs that hold the same recording, as `find_matches` does, comparing only what is new or changed.

    A file that is missing, damaged or of other rules costs no more than comparing all songs.

    Args:
        paths: the data folder.
        songs: fingerprints by song.
        keep: whether what is found is kept for the next call.

    Raises:
        WriteError: the file cannot be written.
    """
    digests = {song_id: _digest(song) for song_id, song in songs.items()}
    before = _read(matches_path(paths))
    same = _unchanged(before, digests)
    known = tuple(match for match in before.matches if match.first in same and match.second in same)
    now = _Compared(digests, find_matches(songs, same, known))
    if keep and now != before:
        _write(matches_path(paths), now)
    return now.matches


def _unchanged(before: _Compared, digests: Mapping[str, str]) -> frozenset[str]:
    """Tell which songs need not be compared with one another again.

    Songs that hang together are not all compared with one another: where one of them has gone or changed, the others
    are compared anew.
    """
    same = {song_id for song_id, digest in before.digests.items() if digests.get(song_id) == digest}
    together = Components()
    for match in before.matches:
        together.join(match.first, match.second)
    torn = {together.root(song_id) for match in before.matches for song_id in (match.first, match.second)
            if song_id not in same}  # fmt: skip
    return frozenset(song_id for song_id in same if together.root(song_id) not in torn)


def _digest(song: Constellation) -> str:
    both = hashlib.blake2b(song.time_s.tobytes(), digest_size=_DIGEST_BYTES)
    both.update(song.pitch.tobytes())
    return both.hexdigest()


def _read(path: Path) -> _Compared:
    try:
        return _compared(json.loads(read_text(path, max_bytes=_MAX_BYTES)))
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError, FileFault):
        return _Compared({}, ())


def _compared(stored: Any) -> _Compared:
    if stored["version"] != MATCHING_VERSION:
        return _Compared({}, ())
    matches = tuple(Match(str(first), str(second), *map(float, rest)) for first, second, *rest in stored["matches"])
    return _Compared({str(song_id): str(digest) for song_id, digest in stored["songs"].items()}, matches)


def _write(path: Path, compared: _Compared) -> None:
    stored = {
        "version": MATCHING_VERSION,
        "songs": dict(sorted(compared.digests.items())),
        "matches": [dataclasses.astuple(match) for match in compared.matches],
    }
    if path.is_dir() and not path.is_symlink():  # The folder is the platform's own.
        delete_tree(path)
    write_text(path, json.dumps(stored, indent=0) + "\n")
