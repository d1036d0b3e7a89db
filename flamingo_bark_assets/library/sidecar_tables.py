"""A table of many songs beside their sounds, as ACE-Step reads it: ``metadata.csv`` with a column ``file``.

Finding the row of one sound and reading it belongs here; what a column means stands in `sidecar_formats`.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import PurePath

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.library.ids import make_song_id

TABLE_NAME = "metadata.csv"
TABLE_ENDING = f".{TABLE_NAME}"
"""Of a song's own table, which holds its row alone."""
MAX_TABLE_BYTES = 16 * 1024 * 1024
_FILE = "file"


class SongTable:
    """A table of many songs, read once.

    A row names its sound by file name, with or without the ending; one that names a path is about another file.

    Args:
        text: of the whole table.

    Raises:
        FileFault: it is no CSV that can be read.
    """

    def __init__(self, text: str) -> None:
        rows = _rows(text)
        self._head = next(rows, [])
        place = _file_column(self._head)
        self._rows: dict[str, list[list[str]]] = {}
        for row in rows if place is not None else ():
            if place is not None and place < len(row):
                self._rows.setdefault(_composed(row[place]), []).append(row)

    def own_table(self, sound_name: str) -> bytes | None:
        """Cut the table down to its head and the row that names a sound.

        Args:
            sound_name: file name of the sound that it lies beside.

        Returns:
            A table of UTF-8; None where the table has no column ``file``, or no row of this sound.

        Raises:
            FileFault: it names the sound in rows that differ.
        """
        names = dict.fromkeys((_composed(sound_name), _composed(sound_name).rpartition(".")[0]))
        found = [row for name in names for row in self._rows.get(name, ())]
        if not found:
            return None
        if any(row != found[0] for row in found):
            raise FileFault(f"names {sound_name!r} in {len(found)} rows that differ; leave one of them")
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([self._head, found[0]])
        return table.getvalue().encode("utf-8", "replace")


def read_row(text: str, song_id: str) -> Iterator[tuple[str, str]]:
    """Read column and cell of the only row of a table, or of the only one whose file makes a song's identifier.

    Cells that are missing at the end of a row say nothing.

    Raises:
        FileFault: it is no CSV that can be read, holds no such row, or a row of more cells than the head has.
    """
    rows = _rows(text)
    head = next(rows, [])
    place = _file_column(head)
    found = list(rows)
    if len(found) != 1:
        count = len(found)
        found = [row for row in found if place is not None and _names_song(row, place, song_id)]
        if len(found) != 1:
            raise FileFault(f"holds {count} rows, of which {len(found)} name a file of the song {song_id!r}")
    if len(found[0]) > len(head):
        raise FileFault(f"has a row of {len(found[0])} cells under {len(head)} columns; quote texts that hold a comma")
    yield from zip(head, found[0], strict=False)


def _rows(text: str) -> Iterator[list[str]]:
    """Give the rows that are not blank."""
    try:
        yield from (row for row in csv.reader(io.StringIO(text, newline="")) if any(map(str.strip, row)))
    except csv.Error as error:
        raise FileFault(f"is no CSV that can be read: {error}") from error


def _file_column(head: list[str]) -> int | None:
    return next((place for place, name in enumerate(head) if name.strip().lower() == _FILE), None)


def _names_song(row: list[str], place: int, song_id: str) -> bool:
    name = PurePath(row[place].strip()).stem if place < len(row) else ""
    return bool(name) and make_song_id(name, fallback="song") == song_id


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip().removeprefix("./"))
