"""Which songs are measured a second time.

The choice belongs here, and no numerical package, as what is due depends on it; measuring stands in `by_librosa`.
"""

from __future__ import annotations

import hashlib

_SALT = "second opinion"


def is_chosen(song_id: str, share: float) -> bool:
    """Tell whether a song is among a share of all, 0 to 1, by a hash of its id.

    On every machine the same; a larger share holds all songs of a smaller one.
    """
    place = int.from_bytes(hashlib.sha256(f"{_SALT} {song_id}".encode()).digest()[:8], "big")
    return place < share * 2.0**64
