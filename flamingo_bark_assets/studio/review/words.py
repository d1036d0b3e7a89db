"""song.toml of one song as a page shows and edits it: what stands at each place now, and what is locked.

Looking places up belongs here; changing them stands in `library.song_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import is_missing
from flamingo_bark_assets.files.toml import read_toml
from flamingo_bark_assets.library.judgements import Place, parse_place, place_text
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SONG_TOML
from flamingo_bark_assets.library.song_toml_edits import plain


@dataclass(frozen=True, slots=True)
class SongWords:
    """What song.toml says.

    Attributes:
        said: the tables and keys as they stand there; empty where the file cannot be used.
        fault: why it cannot be used; None where it can, or there is none.
    """

    said: Mapping[str, Any]
    fault: str | None = None

    def at(self, place: Place) -> Any:
        """Return what stands at a place, as JSON knows it; None where nothing does."""
        found: Any = self.said
        for name in place:
            if not isinstance(found, Mapping) or name not in found:
                return None
            found = found[name]
        return plain(found)

    def is_locked(self, place: Place) -> bool:
        """Tell whether a place, or one above or below it, is locked."""
        return any(place[: len(other)] == other or other[: len(place)] == place for other in self.locked)

    @property
    def locked(self) -> tuple[Place, ...]:
        """The locked places."""
        found = self.at(("locked",))
        places = []
        for name in found if isinstance(found, list) else ():
            try:
                places.append(parse_place(str(name)))
            except ValueError:
                continue
        return tuple(places)

    def told(self, place: Place) -> dict[str, Any]:
        """Return what a page needs to edit a place: its name, what stands there, and whether it is locked."""
        return {"place": place_text(place), "toml": self.at(place), "locked": self.is_locked(place)}


def read_words(files: SongFiles) -> SongWords:
    """Read what song.toml says, also what is not understood of it."""
    if files.folder is None:
        return SongWords({}, files.fault or "there is no folder")
    path = files.folder / SONG_TOML
    if is_missing(path):
        return SongWords({})
    try:
        return SongWords(read_toml(path, within=files.folder))
    except FileFault as fault:
        return SongWords({}, f"{SONG_TOML}: {fault}; correct it first")
