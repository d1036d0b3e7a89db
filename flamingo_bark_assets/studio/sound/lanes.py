"""The lanes of a song: its mix and each of its stem files, given or separated, under names that stand in addresses.

Which files are played belongs here; what they sound like stands in `previews`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.errors import LibraryError, StorageError
from flamingo_bark_assets.library.ids import check_song_id, make_song_id
from flamingo_bark_assets.library.layout import DataPaths, StemFile, find_song
from flamingo_bark_assets.parts import Part, StemOrigin
from flamingo_bark_assets.separation.kept import separated_names, with_separated
from flamingo_bark_assets.storage.feature_store import FeatureStore

MIX: Final = "mix"


@dataclass(frozen=True, slots=True)
class Lane:
    """One sound file of a song.

    Attributes:
        lane: its name in addresses, of the characters of a song id; no other lane of the song has it.
        part: the mix, or which kind of stem; None where the name of the stem says none.
        name: what it is called on the page.
        path: the file; None where it must not be opened.
        origin: whether it is given with the song, or was separated from its mix.
        fault: why it cannot be played, naming the file; None where nothing is wrong so far.
        found: what was measured of a stem against the mix; None of the mix, and where nothing is known yet.
    """

    lane: str
    part: Part | None
    name: str
    path: Path | None
    origin: StemOrigin
    fault: str | None
    found: Stem | None


def find_lanes(paths: DataPaths, song_id: str) -> tuple[Lane, ...]:
    """Return the lanes of a song, the mix first, without opening a sound file.

    Raises:
        LibraryError: there is no song of this identifier.
    """
    check_song_id(song_id)
    files = find_song(paths, song_id)
    if files.folder is None:
        raise LibraryError(f"{files.fault}; the library shows which songs there are")
    stems = _stem_set(paths, song_id)
    rows = {(row.name, row.file_name): row for row in stems.stems} if stems else {}
    if stems is not None:
        files = with_separated(files, paths, separated_names(stems))
    mix_fault = None if files.mix else files.fault or f"song '{song_id}': there is no mix"
    lanes = [Lane(MIX, MIX, MIX, files.mix, "given", mix_fault, None)]
    taken = {MIX}
    for stem in files.stems:
        lane = _unused(make_song_id(stem.name, fallback="stem"), taken)
        taken.add(lane)
        row = rows.get((stem.name, stem.path.name)) if stem.path else None
        lanes.append(Lane(lane, stem.kind, stem.name, stem.path, stem.origin, _fault(song_id, stem), row))
    return tuple(lanes)


def _stem_set(paths: DataPaths, song_id: str) -> StemSet | None:
    try:
        return FeatureStore(paths.features).read(StemSet, song_id)
    except StorageError:
        return None


def _fault(song_id: str, stem: StemFile) -> str | None:
    """Say why a stem cannot be played; one of two kinds, or of none, can be."""
    return f"song '{song_id}': {stem.fault or 'the stem cannot be opened'}" if stem.path is None else None


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    unused = name
    while unused in taken:
        unused = f"{name}-{number}"
        number += 1
    return unused
