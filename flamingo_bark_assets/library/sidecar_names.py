"""Sidecars by their names: which files beside a song hold words about it.

Names belong here; what stands in the files does not.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.library.sidecar_tables import TABLE_ENDING

ENDINGS = (".caption.txt", "_prompt.txt", ".lrc", ".lyrics.txt", "_lyrics.txt", ".json", ".txt", TABLE_ENDING)
"""In the order in which they go before each other: a file for one purpose before a general one, lyrics with times
before those without, a row of a table of many songs last."""


@dataclass(frozen=True, slots=True)
class SidecarFile:
    """One sidecar in a song's folder, found but not opened.

    Attributes:
        name: its file name.
        path: the file; None where it must not be opened.
        fault: why it must not, naming it; None where nothing is wrong so far.
        contents: what it would hold, where it is not stored yet; None for what the file holds.
        base: name of the song's file that it belongs to, without its ending.
    """

    name: str
    path: Path | None
    fault: str | None = None
    contents: bytes | None = None
    base: str = "song"

    @property
    def ending(self) -> str:
        """The ending, in small letters, that makes it a sidecar."""
        ending = sidecar_ending(self.name, self.base, any_case=True)
        assert ending is not None, "a sidecar is found by its name"
        return ending


def sidecar_ending(name: str, base: str, *, any_case: bool = False) -> str | None:
    """Return the ending, in small letters, that makes a file name a sidecar of the song file named `base`.

    Args:
        name: of a file.
        base: name of the song's file without its ending.
        any_case: whether letters of the base may be small or capital.

    Returns:
        One of `ENDINGS`; None where the file is no sidecar of that song.
    """
    own = composed_name(base, any_case=any_case)
    return next(
        (
            ending
            for ending in ENDINGS
            if name[-len(ending) :].lower() == ending and composed_name(name[: -len(ending)], any_case=any_case) == own
        ),
        None,
    )


def sidecar_bases(name: str) -> tuple[str, ...]:
    """Return the names of song files, without their endings, whose sidecar a file would be; the likeliest first."""
    found = [ending for ending in ENDINGS if name[-len(ending) :].lower() == ending and len(name) > len(ending)]
    return tuple(name[: -len(ending)] for ending in sorted(found, key=len, reverse=True))


def composed_name(text: str, *, any_case: bool = False) -> str:
    """Return the one spelling of a name: macOS hands names over taken apart, others as they were typed."""
    composed = unicodedata.normalize("NFC", text)
    return composed.lower() if any_case else composed
