"""The splits of the library: what is known of its songs read from the feature store, assignments kept in Parquet files.

Reading and writing belong here; the rules stand in `groups` and `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flamingo_bark_assets.audio.recording import Landmark, RawSong, Stem
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.audio.song_review import stored_reviews
from flamingo_bark_assets.errors import LibraryError, StorageError
from flamingo_bark_assets.files.atomic import replacing
from flamingo_bark_assets.files.opening import is_missing, open_regular
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.record import Record, Row, columns_of
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.splits.groups import Link, SongIdentity, artist_links, find_links, group_songs
from flamingo_bark_assets.splits.known_matches import known_matches
from flamingo_bark_assets.splits.matching import NO_LANDMARKS, Constellation, Match
from flamingo_bark_assets.splits.records import SPLITS, SPLITS_TABLE, SongSplit, Split, SplitRow
from flamingo_bark_assets.splits.rules import assign, find_leaks, rule_of
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.text import short_line

if TYPE_CHECKING:
    import polars as pl

_FILE_NAMES = {False: "splits.parquet", True: "splits_by_artist.parquet"}


@dataclass(frozen=True, slots=True)
class RenewedSplits:
    """What a renewal of the splits found.

    Attributes:
        path: the file of the assignment that the settings choose.
        songs: number of songs by split.
        duplicates: number of songs that are duplicates of another.
        moved: songs that were assigned to another split before, with the reason.
        left_out: songs some of whose results cannot be read, with what follows from that.
    """

    path: Path
    songs: Mapping[Split, int]
    duplicates: int
    moved: tuple[str, ...]
    left_out: tuple[str, ...]


def splits_path(paths: DataPaths, *, by_artist: bool) -> Path:
    """Return where the assignments are stored."""
    return paths.datasets / _FILE_NAMES[by_artist]


def read_splits(paths: DataPaths, settings: Settings, *, by_artist: bool) -> Mapping[str, SongSplit]:
    """Return the split of every song of the library that has results; nothing is written.

    Where songs are new or changed since `renew_splits`, duplicates are looked for; until the next renewal their
    assignment is not kept.

    Args:
        paths: the data folder.
        settings: of them the seed and the shares.
        by_artist: whether all songs of an artist go together.

    Raises:
        LibraryError: the folder of all songs cannot be read.
        StorageError: the stored assignments cannot be read.
    """
    store = LibraryTables(FeatureStore(paths.features), paths.warehouse)
    songs, _, _ = _identities(store, list_song_ids(paths))
    before = _still_valid(_read_rows(splits_path(paths, by_artist=by_artist)), songs, settings, by_artist=by_artist)
    if len(before) == len(songs):
        return before
    links, _ = _links(paths, store, songs, keep=False)
    return _assigned(songs, links, before, settings, by_artist=by_artist)


def renew_splits(paths: DataPaths, settings: Settings) -> RenewedSplits:
    """Look for duplicates among all songs, assign what is not assigned and store it, both by artist and not.

    Of songs whose results are missing or cannot be read now, what was assigned is kept. Where the library holds no song
    at all, its disk may not be mounted, and all that was assigned is kept.

    Raises:
        LibraryError: the folder of all songs cannot be read.
        StorageError: the stored assignments cannot be read.
        WriteError: a file cannot be written; the old one stays.
    """
    library = list_song_ids(paths)
    store = LibraryTables(FeatureStore(paths.features), paths.warehouse)
    songs, left_out, kept = _identities(store, library)
    links, not_compared = _links(paths, store, songs, keep=True)
    both = {
        by_artist: _renew(paths, songs, links, settings, bool(library), kept, by_artist=by_artist)
        for by_artist in (False, True)
    }
    by_artist = settings.splits.by_artist
    splits, moved = both[by_artist]
    return RenewedSplits(
        splits_path(paths, by_artist=by_artist),
        {split: sum(each.split == split for each in splits.values()) for split in SPLITS},
        len({link.second for link in links}),
        moved,
        (*left_out, *not_compared),
    )


def stored_leaks(paths: DataPaths, settings: Settings) -> tuple[str, ...]:
    """Find the pairs of songs that belong together and are stored in different splits.

    What is stored is judged as it stands, whoever has written it. Duplicates are looked for anew, but that fingerprints
    which have been compared, and are the same still, are not compared again.

    Raises:
        LibraryError: the folder of all songs cannot be read.
        StorageError: the stored assignments cannot be read.
    """
    store = LibraryTables(FeatureStore(paths.features), paths.warehouse)
    songs, _, _ = _identities(store, list_song_ids(paths))
    links, _ = _links(paths, store, songs, keep=False)
    by_artist = settings.splits.by_artist
    rows = _read_rows(splits_path(paths, by_artist=by_artist))
    return find_leaks(
        _all_links(songs, links, by_artist=by_artist),
        {song_id: row.split for song_id, row in rows.items()},
    )


def _renew(
    paths: DataPaths,
    songs: Sequence[SongIdentity],
    links: Sequence[Link],
    settings: Settings,
    has_library: bool,
    kept: Set[str],
    *,
    by_artist: bool,
) -> tuple[dict[str, SongSplit], tuple[str, ...]]:
    """Renew one file; give what is stored in it now, and the songs that were moved.

    `kept` are the songs of the library that nobody excludes; without a library its disk may not be mounted.
    """
    path = splits_path(paths, by_artist=by_artist)
    rows = _read_rows(path)
    before = _still_valid(rows, songs, settings, by_artist=by_artist)
    now = _assigned(songs, links, before, settings, by_artist=by_artist)
    if has_library or not rows:
        rule = rule_of(settings.splits, by_artist=by_artist)
        content_of = {song.song_id: song.known_as(by_artist=by_artist) for song in songs}
        _write_rows(
            path,
            rows,
            {
                **{song_id: row for song_id, row in rows.items() if song_id in kept},
                **{
                    song_id: SplitRow(
                        group_id=each.group,
                        split=each.split,
                        reason=each.reason,
                        content=content_of[song_id],
                        rule=rule,
                    )
                    for song_id, each in now.items()
                },
            },
        )
    stored = _still_valid(_read_rows(path), songs, settings, by_artist=by_artist)
    moved = (song_id for song_id in before if before[song_id].split != now[song_id].split)
    return stored, tuple(f"{song_id}: {now[song_id].reason}" for song_id in moved)


def _identities(
    store: LibraryTables, song_ids: Sequence[str]
) -> tuple[tuple[SongIdentity, ...], tuple[str, ...], Set[str]]:
    """Read what tells whether two songs are the same, of those of these songs that have results and nobody excludes.

    Returns:
        The songs, sorted; those whose results cannot be read, which are left out, each with what follows; and the songs
        that nobody is known to exclude.
    """
    library = _not_excluded(store, song_ids)
    kept = set(library)
    raw, unreadable = _read(store, RawSong, song_ids, "fingerprint", "content_sha256")
    stems, no_stems = _read(store, Stem, library, "content_sha256", "audible")
    metadata, no_metadata = _read(store, SongMetadata, library, "artist")
    left_out = (
        *(f"{song_id}: raw_song cannot be read; it is assigned to no split" for song_id in unreadable),
        *(f"{song_id}: stems cannot be read; they are not compared" for song_id in no_stems),
        *(f"{song_id}: song_metadata cannot be read; its artist is unknown" for song_id in no_metadata),
    )
    stems_of: dict[str, set[str]] = {}
    for song_id, digest, audible in stems.iter_rows():
        if audible and digest:
            stems_of.setdefault(song_id, set()).add(digest)
    artist_of = dict(metadata.iter_rows())
    songs = tuple(
        SongIdentity(
            song_id,
            digest or fingerprint,
            frozenset(stems_of.get(song_id, ())),
            artist_of.get(song_id),
        )
        for song_id, fingerprint, digest in raw.sort("song_id").iter_rows()
        if song_id in kept
    )
    return songs, left_out, kept | set(unreadable)


def _not_excluded(store: LibraryTables, song_ids: Sequence[str]) -> list[str]:
    return [song_id for song_id, review in stored_reviews(store, song_ids).items() if not review.is_excluded]


def _read(
    store: LibraryTables, of: type[Record] | type[Row], song_ids: Sequence[str], *names: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    (song_id, *_) = columns_of(Record)
    columns = {spec.name: spec for spec in columns_of(of)}
    return store.read_columns(of.TABLE, song_ids, [song_id, *(columns[name] for name in names)])


def _links(
    paths: DataPaths, store: LibraryTables, songs: Sequence[SongIdentity], *, keep: bool
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Find what songs have in common.

    Returns:
        The links; and the songs whose fingerprints cannot be read, each with what follows.
    """
    unread: list[str] = []

    def read(song_ids: Sequence[str]) -> dict[str, Constellation]:
        stars, unreadable = _read(store, Landmark, song_ids, "time_s", "pitch")
        unread.extend(unreadable)
        found = _constellations(stars)
        return {song_id: found.get(song_id, NO_LANDMARKS) for song_id in song_ids if song_id not in set(unreadable)}

    def find(song_ids: Sequence[str]) -> tuple[Match, ...]:
        return known_matches(paths, {song_id: store.tokens.get(song_id) for song_id in song_ids}, read, keep=keep)

    links = find_links(songs, find)
    return links, tuple(f"{song_id}: landmarks cannot be read; its duplicates may not be found" for song_id in unread)


def _constellations(stars: pl.DataFrame) -> dict[str, Constellation]:
    if stars.is_empty():
        return {}
    runs = stars["song_id"].rle().struct.unnest()
    ends = np.cumsum(runs["len"].to_numpy(), dtype=np.int64).tolist()
    time_s, pitch = (np.array(stars[name], np.float64) for name in ("time_s", "pitch"))  # copies, as kernels want
    return {
        song_id: Constellation(time_s[begin:end], pitch[begin:end])
        for song_id, begin, end in zip(runs["value"].to_list(), [0, *ends[:-1]], ends, strict=True)
    }


def _assigned(
    songs: Sequence[SongIdentity],
    links: Sequence[Link],
    before: Mapping[str, SongSplit],
    settings: Settings,
    *,
    by_artist: bool,
) -> dict[str, SongSplit]:
    together = _all_links(songs, links, by_artist=by_artist)
    return assign(group_songs(songs, together, by_artist=by_artist), before, settings.splits)


def _all_links(songs: Sequence[SongIdentity], links: Sequence[Link], *, by_artist: bool) -> tuple[Link, ...]:
    return (*links, *(artist_links(songs) if by_artist else ()))


def _still_valid(
    rows: Mapping[str, SplitRow], songs: Sequence[SongIdentity], settings: Settings, *, by_artist: bool
) -> dict[str, SongSplit]:
    """Return the assignments, made under these settings, of songs that are still what they were."""
    rule = rule_of(settings.splits, by_artist=by_artist)
    found = {}
    for song in songs:
        row = rows.get(song.song_id)
        if row is not None and row.rule == rule and row.content == song.known_as(by_artist=by_artist):
            split = next((split for split in SPLITS if split == row.split), None)
            if split is not None:
                found[song.song_id] = SongSplit(song.song_id, row.group_id, split, row.reason)
    return found


def _read_rows(path: Path) -> dict[str, SplitRow]:
    """Read the stored rows by song; none where there is no file.

    Raises:
        StorageError: the file cannot be read.
    """
    import polars as pl

    if is_missing(path):
        return {}
    names = [spec.name for spec in SPLITS_TABLE.columns]
    try:
        with open_regular(path) as file:
            frame = pl.read_parquet(file.read()).select(names).cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, LibraryError, OSError) as error:
        raise StorageError(
            f"{path}: cannot be read ({short_line(str(error), 200)}); restore it, or remove it to have all songs "
            "assigned anew"
        ) from error
    return {
        row.pop("song_id"): SplitRow(**{name: value or "" for name, value in row.items()}) for row in frame.to_dicts()
    }


def _write_rows(path: Path, before: Mapping[str, SplitRow], rows: Mapping[str, SplitRow]) -> None:
    """Store rows, sorted by song; a file that holds them already, as it was read, is left alone."""
    import polars as pl

    if path.is_file() and dict(before) == dict(rows):
        return
    ordered = sorted(rows.items())
    columns = {
        "song_id": [song_id for song_id, _ in ordered],
        **{spec.name: [getattr(row, spec.name) for _, row in ordered] for spec in columns_of(SplitRow)},
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    with replacing(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", statistics=False)
