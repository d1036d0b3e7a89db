"""Lyrics as the rows of an editor: each line with its time, taken out of plain lines or LRC, and told as stored.

Rows for editing belong here; how lyrics are read for training stands in `lyrics.reading`.
"""

from __future__ import annotations

import re
from typing import Any

from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.lyrics.reading import MAX_LINES
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.studio.review.results import SongResults
from flamingo_bark_assets.studio.review.words import SongWords

_TIMES = re.compile(r"\s*((?:\[\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?\]\s*)+)")
_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_OFFSET = re.compile(r"\s*\[offset:\s*([+-]?\d{1,7})\s*\]\s*", re.IGNORECASE)
_NO_WORDS = "nobody gives the words of this song, and nothing was transcribed"


def lyrics_rows(text: str) -> list[dict[str, Any]]:
    """Take lyrics apart into rows of ``time_s`` (None without one) and ``text``, in their order.

    A line with several times becomes a row a time. An LRC offset is taken into the times, so that rows written back
    need none. Section tags stay rows of their own.
    """
    rows: list[dict[str, Any]] = []
    shift_s = 0.0
    for line in text.splitlines()[: 4 * MAX_LINES]:
        if offset := _OFFSET.fullmatch(line):
            shift_s = int(offset[1]) / 1000
            continue
        timed = _TIMES.match(line)
        words = line[timed.end() :].strip() if timed else line.strip()
        times: list[float | None] = [_seconds(match) for match in _TIME.finditer(timed[1])] if timed else []
        rows += [{"time_s": time_s, "text": words} for time_s in times or [None]]
    for row in rows:
        if row["time_s"] is not None:
            row["time_s"] = round(max(0.0, row["time_s"] - shift_s), 3)
    return rows


def tell_lyrics(results: SongResults, words: SongWords) -> dict[str, Any]:
    """Return the lyrics of a song: rows to edit, and the lines as they are stored with what is known of their times."""
    lyrics, metadata = results.get(SongLyrics), results.get(SongMetadata)
    editing = words.told(("lyrics",))
    own = editing["toml"] if isinstance(editing["toml"], str) else None
    given = metadata.lyrics if metadata else None
    text = own if own is not None else given
    lines = lyrics.lyrics_lines if lyrics else ()
    transcribed = [{"time_s": line.start_s, "text": line.text} for line in lines]
    rows = transcribed if text is None else lyrics_rows(text)
    return {
        **editing,
        "source": "song.toml" if own is not None else lyrics.source if lyrics else None,
        "model_id": lyrics.model_id if lyrics else None,
        "rows": rows,
        "lines": [
            {
                "text": line.text, "start_s": line.start_s, "end_s": line.end_s, "times": line.times,
                "confidence": line.confidence, "for_clips": line.for_clips, "section": line.section_tag,
                "section_source": line.section_source,
            }
            for line in lines
        ],
        "times": lyrics.times if lyrics else None,
        "times_reason": lyrics.times_reason if lyrics else None,
        "reason": None if rows else _why_none(results, lyrics),
        "dropped": [{"text": each.text, "reason": each.reason} for each in lyrics.lyrics_dropped] if lyrics else [],
    }  # fmt: skip


def _why_none(results: SongResults, lyrics: SongLyrics | None) -> str:
    if lyrics is None:
        return results.why_missing(SongLyrics) or _NO_WORDS
    return lyrics.missing_reason or lyrics.unusable or _NO_WORDS


def _seconds(match: re.Match[str]) -> float:
    return 60 * int(match[1]) + int(match[2]) + float(f"0.{match[3] or '0'}")
