"""All that the page draws over the sound of a song: its lanes, and what was measured in time, out of the feature store.

Which rows are shown, and how they are rounded, belongs here; the sound itself stands in `previews`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from flamingo_bark_assets.analysis.features.bass import BassPitch
from flamingo_bark_assets.analysis.features.drums import DrumHit
from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.analysis.features.vocals import VocalPitch
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.clips.records import Clip, RejectedClip
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.lyrics.records import LyricsLine, LyricsSection
from flamingo_bark_assets.record import Record, Row, columns_of
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import READING_ERRORS, FeatureStore
from flamingo_bark_assets.storage.result_file import rows_of_table
from flamingo_bark_assets.storage.tables import tables_of
from flamingo_bark_assets.studio.sound.lanes import Lane, find_lanes
from flamingo_bark_assets.studio.sound.previews import RATE_HZ, Previews

Rows = Sequence[Mapping[str, Any]]

_RESULT_OF = {table.name: record.TABLE for record in RECORDS for table in tables_of(record)}
"""The result that holds each table."""


def describe_sound(paths: DataPaths, previews: Previews, song_id: str) -> dict[str, Any]:
    """Return what the page needs to play and draw a song, as it goes into JSON.

    What was not measured is empty, and `missing` says why, by name. Times are seconds of the mix. ``beats`` are time,
    number of the bar from 1 (0 before the first downbeat) and of the beat in it; ``hits`` time and strength by drum;
    ``f0`` time and pitch, Hz, by part.

    Raises:
        LibraryError: there is no such song.
    """
    lanes = find_lanes(paths, song_id)
    tables = _Tables(FeatureStore(paths.features), song_id)
    return {
        "song_id": song_id,
        "rate_hz": RATE_HZ,
        "duration_s": tables.value(RawSong, "duration_s"),
        "lanes": [_lane(song_id, lane, previews) for lane in lanes],
        "beats": tables.rows("beats", Beat, _beats),
        "chords": tables.rows("chords", Chord, _spans("start_s", "end_s", "label", "confidence")),
        "sections": tables.rows(
            "sections",
            Section,
            _spans("start_s", "end_s", "label", "name", "name_confidence", "bars", "start_confidence"),
        ),
        "section_tags": tables.rows("section_tags", LyricsSection, _spans("start_s", "end_s", "tag", "source")),
        "hits": tables.rows("hits", DrumHit, _hits) or {},
        "f0": {
            "vocals": tables.rows("f0 of the voice", VocalPitch, _pitches),
            "bass": tables.rows("f0 of the bass", BassPitch, _pitches),
        },
        "lyrics": tables.rows("lyrics", LyricsLine, _spans("start_s", "end_s", "text", "times", "confidence")),
        "clips": tables.rows("clips", Clip, _spans("start_s", "end_s", "view", "source", "clip")),
        "rejected_clips": tables.rows(
            "rejected_clips", RejectedClip, _spans("start_s", "end_s", "view", "source", "reason")
        ),
        "missing": tables.missing,
    }


class _Tables:
    """The stored tables of one song, read one by one, as far as they can be."""

    def __init__(self, store: FeatureStore, song_id: str) -> None:
        self._song_id = song_id
        self.missing: dict[str, str] = {}
        try:
            self._file = store.open(song_id)
            self._is_damaged = False
        except READING_ERRORS:
            self._file, self._is_damaged = None, True

    def rows(self, name: str, row_class: type[Row], shaped: Callable[[Rows], Any]) -> Any:
        """Return the rows of a table as the page wants them; empty, and noted, where they cannot be read."""
        return shaped(self._read(name, row_class))

    def value(self, record: type[Record], name: str) -> Any:
        """Return a value of a result; None, and noted, where there is none."""
        for row in self._read(name, record):
            if row[name] is None:
                self.missing[name] = "it could not be measured"
            return row[name]
        return None

    def _read(self, name: str, cls: type[Row] | type[Record]) -> Rows:
        # A result that is not there is a step that was not run; a table without rows says that nothing was found.
        try:
            result = self._file.result(_RESULT_OF[cls.TABLE]) if self._file is not None else None
            if result is not None:
                return rows_of_table(result, cls.TABLE, columns_of(cls))
        except READING_ERRORS:
            self._is_damaged = True
        damaged = "what is stored cannot be read; run the song again"
        self.missing[name] = damaged if self._is_damaged else "not measured yet; run the song"
        return ()


def _lane(song_id: str, lane: Lane, previews: Previews) -> dict[str, Any]:
    described: dict[str, Any] = {
        "lane": lane.lane,
        "part": lane.part,
        "name": lane.name,
        "file": lane.path.name if lane.path else None,
        "origin": lane.origin,
        "fault": lane.fault,
        "corrected": None,
        "note": lane.found.unusable if lane.found else None,
        "url": f"/sound/{song_id}/{lane.lane}.wav",
        "peaks_url": f"/sound/{song_id}/{lane.lane}.peaks",
    }
    try:
        taken_off = previews.correction(song_id, lane)
    except LibraryError as error:
        return {**described, "fault": str(error)}
    return {**described, "corrected": taken_off.corrected if taken_off else None}


def _beats(rows: Rows) -> list[list[float]]:
    beats, bar = [], 0
    for row in rows:
        bar += row["position"] == 1
        beats.append([_time(row["time_s"]), bar, row["position"]])
    return beats


def _hits(rows: Rows) -> dict[str, list[list[float]]]:
    by_drum = groupby(sorted(rows, key=itemgetter("drum")), key=itemgetter("drum"))
    return {drum: [[_time(row["time_s"]), _hundredths(row["strength"])] for row in hits] for drum, hits in by_drum}


def _pitches(rows: Rows) -> list[list[float]]:
    return [[_time(row["time_s"]), round(row["f0_hz"], 1)] for row in rows if row["voiced"]]


def _spans(*names: str) -> Callable[[Rows], list[dict[str, Any]]]:
    """Return what takes these columns out of rows; times are rounded to thousandths."""
    return lambda rows: [{name: _rounded(row[name]) for name in names} for row in rows]


def _rounded(value: Any) -> Any:
    return _time(value) if isinstance(value, float) else value


def _time(time_s: float) -> float:
    return round(time_s, 3)


def _hundredths(value: float) -> float:
    return round(value, 2)
