"""Whether a person has looked at a song and what they decided: the result, read from song.toml or as it is stored.

The decision as data belongs here; what it keeps a song out of stands in `training` and `exports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.record import Record, column, columns_of, optional_column
from flamingo_bark_assets.storage.library_tables import LibraryTables

UNREVIEWED = "unreviewed"
ACCEPTED = "accepted"
EXCLUDED = "excluded"


@dataclass(frozen=True, kw_only=True)
class SongReview(Record):
    """What a person decided about the song."""

    TABLE: ClassVar[str] = "reviews"
    EVERY_SONG: ClassVar[bool] = False

    state: str = column("unreviewed, accepted or excluded.")
    reviewed_by: str | None = optional_column("Who decided.")
    reviewed_at: str | None = optional_column("When, UTC, ISO 8601.")
    reason: str | None = optional_column("Why, of an exclusion.")
    repeats: int = column("How often the song goes into an export, at least 1.")

    @property
    def is_excluded(self) -> bool:
        """Whether it stays out of manifest, splits and exports: also where nobody can tell."""
        return self.state == EXCLUDED or self.unusable is not None

    @property
    def exclusion(self) -> str:
        """Who excluded it and why, in a clause."""
        if self.unusable is not None:
            return f"its review cannot be read ({self.unusable})"
        by = f" by {self.reviewed_by}" if self.reviewed_by else ""
        return f"excluded{by}{f': {self.reason}' if self.reason else ''}"


def read_review(files: SongFiles) -> SongReview:
    """Read what song.toml says; without a decision the song is unreviewed, and one that cannot be read is unusable."""
    info, review = files.info, files.info.review
    return SongReview(
        song_id=files.song_id,
        unusable=files.info_fault,
        state=review.state or UNREVIEWED,
        reviewed_by=review.by,
        reviewed_at=review.at,
        reason=review.reason,
        repeats=info.repeats,
    )


def stored_reviews(store: LibraryTables, song_ids: Sequence[str]) -> dict[str, SongReview]:
    """Return the stored decision on each of the songs; a song of which none is stored is unreviewed."""
    frame, unreadable = store.read_columns(SongReview.TABLE, song_ids, columns_of(SongReview))
    reviews = {song_id: SongReview(song_id=song_id, state=UNREVIEWED, repeats=1) for song_id in song_ids}
    damaged = "its stored review is damaged; run the song again"
    for song_id in unreadable:
        reviews[song_id] = SongReview(song_id=song_id, unusable=damaged, state=UNREVIEWED, repeats=1)
    for row in frame.to_dicts():
        reviews[row["song_id"]] = SongReview(**row)
    return reviews
