"""Where a song belongs: the value that others ask for, and the table in which it is kept.

Declarations belong here, and no numerical package; how a song gets its split stands in `rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from flamingo_bark_assets.record import Row, column
from flamingo_bark_assets.storage.tables import long_table

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class SongSplit:
    """Where a song belongs.

    Attributes:
        song_id: the song's identifier.
        group: identifier of its group: songs of one group share a split.
        split: training, validation or test.
        reason: how that came.
    """

    song_id: str
    group: str
    split: Split
    reason: str


@dataclass(frozen=True, kw_only=True)
class SplitRow(Row):
    """The part of the dataset that a song belongs to, with all its clips."""

    TABLE: ClassVar[str] = "splits"
    KEY: ClassVar[tuple[str, ...]] = ()

    group_id: str = column("Identifier of its group of duplicates, which share a split.")
    split: str = column("train, validation or test.")
    reason: str = column("How that came: by the hash of its group, or what it has in common with which song.")
    content: str = column("Digest of what the song was known by when it was assigned.")
    rule: str = column("Seed, shares and whether by artist, under which it was assigned.")


SPLITS_TABLE = long_table(SplitRow)
