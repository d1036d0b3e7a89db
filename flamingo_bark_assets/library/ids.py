"""Song identifiers: the slugs that serve as folder names, partition keys and values in SQL.

Making and checking them belongs here; which of them are in use does not.
"""

from __future__ import annotations

import re
import unicodedata

from flamingo_bark_assets.errors import LibraryError

MAX_SONG_ID_LENGTH = 100
_SONG_ID = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_SONG_ID_LENGTH - 1}}}")
SONG_ID_RULE = (
    f"use 1 to {MAX_SONG_ID_LENGTH} of the characters a-z, 0-9, '-' and '_', beginning with a letter or digit"
)
_NOT_ID = re.compile(r"[^a-z0-9_]+")
# Latin letters that Unicode does not decompose into a plain letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)


def latin(text: str) -> str:
    """Fold text to lower case without marks: ``"Ærø Café Ⅷ"`` becomes ``"aero cafe viii"``.

    Other scripts stay as they are, in compatibility decomposition (NFKD).
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in folded if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


def make_song_id(text: str, *, fallback: str) -> str:
    """Make an identifier out of a title or file name.

    At most 100 characters; different texts may give the same one, and those without a Latin letter or digit `fallback`.

    Raises:
        LibraryError: `fallback` is needed and is not an identifier.
    """
    slug = _NOT_ID.sub("-", latin(text)).strip("-_")[:MAX_SONG_ID_LENGTH].rstrip("-_")
    if slug:
        return slug
    check_song_id(fallback)
    return fallback


def is_song_id(song_id: str) -> bool:
    """Tell whether a text is a valid identifier."""
    return _SONG_ID.fullmatch(song_id) is not None


def check_song_id(song_id: str) -> None:
    """Refuse what is not an identifier.

    Raises:
        LibraryError: the message says what an identifier looks like.
    """
    if not is_song_id(song_id):
        short = song_id if len(song_id) <= MAX_SONG_ID_LENGTH else song_id[:40] + "…"
        raise LibraryError(f"{short!r} is not a song id: {SONG_ID_RULE}")
