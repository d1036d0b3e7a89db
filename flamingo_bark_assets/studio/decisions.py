"""What people have decided by hand, as the journal tells it: shown at once, before songs are run and published again.

The last state of each decided place belongs here; the journal itself stands in `library.journal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.library.journal import read_journal
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.kept import kept


@dataclass(frozen=True, slots=True)
class Decisions:
    """What stands decided of songs.

    Attributes:
        claims: song and name of each disputed claim that is kept or dropped.
        corrected: song and field of each measurement that is corrected, such as tempo_bpm.
        excluded: songs that are excluded.
        included: songs that no longer are.
        edited: song, part and question of each text that a person wrote, with when, ISO 8601 in UTC.
    """

    claims: frozenset[tuple[str, str]]
    corrected: frozenset[tuple[str, str]]
    excluded: frozenset[str]
    included: frozenset[str]
    edited: dict[tuple[str, str, str], str]


def decisions(paths: DataPaths) -> Decisions:
    """Read what is decided; what was read is kept until the journal changes.

    Raises:
        LibraryError: the journal cannot be read.
    """
    try:
        found = paths.journal.stat()
    except OSError:
        return _NONE
    return _decisions(paths.root, paths.datasets_folder, (found.st_ino, found.st_size, found.st_mtime_ns))


_NONE = Decisions(frozenset(), frozenset(), frozenset(), frozenset(), {})


@kept
def _decisions(root: Path, datasets_folder: str, _: tuple[int, int, int]) -> Decisions:
    claims: dict[tuple[str, str], bool] = {}
    corrected: dict[tuple[str, str], bool] = {}
    excluded: dict[str, bool] = {}
    edited: dict[tuple[str, str, str], str] = {}
    for entry in read_journal(DataPaths(root, datasets_folder)):
        for change in entry.changes:
            song_id, is_set = change.song_id, change.after is not None
            match change.place:
                case ("corrections", "claims", name):
                    claims[song_id, name] = is_set
                case ("corrections", field):
                    corrected[song_id, field] = is_set
                case ("review",):
                    excluded[song_id] = isinstance(change.after, dict) and change.after.get("state") == "excluded"
                case ("review", "state"):
                    excluded[song_id] = change.after == "excluded"
                case ("edits", part, question):
                    edited[song_id, part, question] = entry.at
                case _:
                    pass
    return Decisions(
        frozenset(place for place, is_set in claims.items() if is_set),
        frozenset(place for place, is_set in corrected.items() if is_set),
        frozenset(song_id for song_id, is_out in excluded.items() if is_out),
        frozenset(song_id for song_id, is_out in excluded.items() if not is_out),
        edited,
    )
