"""Which songs have to be made again: those whose stored results are not of their present files.

The comparison of library and truth belongs here; noticing and running stand in the sensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.library.fingerprint import edits_digest, fingerprint, same_info, same_sound_files
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song
from flamingo_bark_assets.storage.truth import Truth
from flamingo_bark_assets.training.suitability import Verdict


@dataclass(frozen=True, slots=True)
class StaleSongs:
    """The songs to make again, each in one of the two sets.

    Attributes:
        everything: those to be measured again.
        words: those of which only what is said about them has to be made again.
    """

    everything: frozenset[str]
    words: frozenset[str]


def stale_songs(paths: DataPaths, signatures: Mapping[str, str]) -> StaleSongs:
    """Find the songs without complete results of their present content.

    All of a song is stale when its first record was never written or cannot be read, when its last record is
    missing or older than its first (a run was cut off), or when its files have other content. Only its words are
    stale when nothing but the hand edits in its song.toml changed, or when its last record is older than its
    captions. Sound files are only read where their names, sizes or times differ from those that were measured.

    Args:
        paths: the data folder.
        signatures: song id -> signature of names, sizes and times of its files.
    """
    truth = Truth(paths.features)
    measured = _measured(truth, signatures)
    edits = _applied_edits(truth, signatures)
    stale = {
        song_id: _stale(paths, truth, song_id, signature, measured.get(song_id), edits.get(song_id, ""))
        for song_id, signature in signatures.items()
    }
    return StaleSongs(
        everything=frozenset(song_id for song_id, what in stale.items() if what == "everything"),
        words=frozenset(song_id for song_id, what in stale.items() if what == "words"),
    )


def _stale(
    paths: DataPaths,
    truth: Truth,
    song_id: str,
    signature: str,
    stored: tuple[str | None, str] | None,
    applied_edits: str,
) -> Literal["everything", "words"] | None:
    if stored is None or _is_older(truth, Verdict.TABLE, RawSong.TABLE, song_id):
        return "everything"
    stored_signature, content = stored
    # A song.toml that came with edits and went again leaves the signature that was measured before it.
    if signature != stored_signature or applied_edits:
        files = find_song(paths, song_id)
        # The stored signature stays as it is when only words are made again, so contents have the last word.
        if not _is_measured(files, signature, stored_signature or "", content):
            return "everything"
        if edits_digest(files.info) != applied_edits:
            return "words"
    return "words" if _is_older(truth, Verdict.TABLE, Captions.TABLE, song_id) else None


def _is_measured(files: SongFiles, signature: str, stored_signature: str, content: str) -> bool:
    if same_sound_files(signature, stored_signature):
        return same_info(content, files)
    return content == fingerprint(files)


def _measured(truth: Truth, song_ids: Iterable[str]) -> dict[str, tuple[str | None, str]]:
    """Signature and fingerprint that the stored `raw_song` of each song states."""
    rows = _stored(truth, RawSong.TABLE, song_ids, ["stat_signature", "fingerprint"])
    return {song_id: (signature, content) for song_id, signature, content in rows if content is not None}


def _applied_edits(truth: Truth, song_ids: Iterable[str]) -> dict[str, str]:
    """Digest of the hand edits that the stored captions of each song hold; "" where they hold none."""
    rows = _stored(truth, Captions.TABLE, song_ids, ["edits_digest"])
    return {song_id: digest or "" for song_id, digest in rows}


def _stored(truth: Truth, table: str, song_ids: Iterable[str], columns: list[str]) -> list[tuple[Any, ...]]:
    """Text columns, after the song's id, of the records that can be read; null where a record has no such column."""
    import polars as pl

    files = [path for song_id in song_ids if (path := truth.path(table, song_id)).exists()]
    try:
        return _rows(files, columns)
    except pl.exceptions.PolarsError:
        return [row for file in files for row in _readable_rows(file, columns)]


def _readable_rows(file: Path, columns: list[str]) -> list[tuple[Any, ...]]:
    import polars as pl

    try:
        return _rows([file], columns)
    except (pl.exceptions.PolarsError, OSError):
        return []


def _rows(files: list[Path], columns: list[str]) -> list[tuple[Any, ...]]:
    import polars as pl

    if not files:
        return []
    schema = {name: pl.String() for name in ("song_id", *columns)}
    return pl.scan_parquet(files, schema=schema, missing_columns="insert", extra_columns="ignore").collect().rows()


def _is_older(truth: Truth, table: str, than: str, song_id: str) -> bool:
    """Tell whether a record is missing, or older than another one that is there."""
    record, other = truth.path(table, song_id), truth.path(than, song_id)
    try:
        return record.stat().st_mtime_ns < other.stat().st_mtime_ns
    except FileNotFoundError:
        return not record.exists()
