"""Places of song.toml that a person has locked: bulk edits leave them alone.

Telling which are locked belongs here; setting a place stands in `song_toml_edits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from flamingo_bark_assets.library.judgements import Place, place_text
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import is_locked

V = TypeVar("V")


def without_locked(files: SongFiles, values: Mapping[Place, V]) -> tuple[dict[Place, V], tuple[str, ...]]:
    """Part what may be set from what is locked.

    Returns:
        The values of places that are free; and the places that are locked, as TOML writes them.
    """
    free = {place: value for place, value in values.items() if not is_locked(files.info, place)}
    return free, tuple(place_text(place) for place in values if place not in free)
