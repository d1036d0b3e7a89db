"""Which songs have to be made again: those whose stored results are not of their present files.

The comparison of library and truth belongs here; noticing and running stand in the sensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.library.fingerprint import fingerprint
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.storage.truth import Truth
from flamingo_bark_assets.training.suitability import Verdict


def stale_songs(paths: DataPaths, signatures: Mapping[str, str]) -> set[str]:
    """Find the songs without complete results of their present content.

    A song is stale when its first record was never written or cannot be read, when its last record is missing
    or older than its first (a run was cut off), or when its files have other content. Contents are only read
    where names, sizes or times differ from those that were measured.

    Args:
        paths: the data folder.
        signatures: song id -> signature of names, sizes and times of its files.
    """
    truth = Truth(paths.features)
    measured = _measured(truth, signatures)
    return {
        song_id
        for song_id, signature in signatures.items()
        if song_id not in measured
        or _cut_off(truth, song_id)
        or (measured[song_id][0] != signature and measured[song_id][1] != fingerprint(find_song(paths, song_id)))
    }


def _measured(truth: Truth, signatures: Mapping[str, str]) -> dict[str, tuple[str | None, str]]:
    """Signature and fingerprint that the stored `raw_song` of each song states."""
    import polars as pl

    files = [path for song_id in signatures if (path := truth.path(RawSong.TABLE, song_id)).exists()]
    columns = ["song_id", "stat_signature", "fingerprint"]
    try:
        rows = pl.scan_parquet(files, extra_columns="ignore").select(columns).collect().rows() if files else []
    except pl.exceptions.PolarsError:
        rows = [row for file in files for row in _readable_rows(file, columns)]
    return {song_id: (signature, content) for song_id, signature, content in rows}


def _readable_rows(file: Path, columns: list[str]) -> list[tuple[str, ...]]:
    import polars as pl

    try:
        return pl.read_parquet(file, columns=columns).rows()
    except (pl.exceptions.PolarsError, OSError):
        return []


def _cut_off(truth: Truth, song_id: str) -> bool:
    first, last = truth.path(RawSong.TABLE, song_id), truth.path(Verdict.TABLE, song_id)
    return not last.exists() or last.stat().st_mtime_ns < first.stat().st_mtime_ns
