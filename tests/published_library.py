"""A library of many songs as it stands after a publication, written straight into the real tables.

Making it belongs here; what a page shows of it stands in the tests.

What song n has follows from n, so that a test works out for itself what must be found. All songs share one short sound.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.splits.records import SPLITS_TABLE
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.tables import all_tables
from tests.signals import sine, write_wav

MARKUP = "<img src=x onerror=\"document.title='stolen'\"><script>document.title='stolen'</script>"
REVERSED = "right\u202eto left"
LONG = "long " * 2000

_ROWS = (
    "raw_song BY NAME SELECT song_id, 'x' AS fingerprint, 60.0 + n % 300 AS duration_s FROM numbered",
    """song_metadata BY NAME SELECT song_id, '' AS edits_digest, 'Artist ' || (n % 97) AS artist,
        CASE n WHEN 4001 THEN $markup WHEN 4002 THEN $reversed WHEN 4003 THEN $long ELSE 'Title ' || n END AS title,
        CASE n % 4 WHEN 0 THEN 'techno' WHEN 1 THEN 'dub; house' WHEN 2 THEN 'folk' END AS genre_tags,
        CASE WHEN n % 3 = 0 THEN 'CC0-1.0' END AS licence FROM numbered""",
    """song_features BY NAME SELECT song_id, CASE WHEN n % 20 > 0 THEN 60 + n % 120 END AS tempo_bpm,
        CASE n % 3 WHEN 0 THEN 'A minor' WHEN 1 THEN 'C major' ELSE 'F# minor' END AS key FROM numbered""",
    """measurements BY NAME SELECT song_id, 'song_features' AS record, name, 1 AS value, '' AS unit,
        (n % 100) / 100 AS confidence, 'measured' AS method
        FROM numbered, (VALUES ('tempo_bpm'), ('key')) each(name)""",
    """flamingo_captions BY NAME SELECT song_id, n % 2 = 0 AS is_fallback,
        CASE n % 2 WHEN 0 THEN 'measured' ELSE 'music-flamingo' END AS captioner FROM numbered""",
    """suitability BY NAME SELECT song_id, n % 5 > 0 AS suitable, '' AS suitable_stems,
        CASE WHEN n % 5 = 0 THEN 'it lasts 4 s; it is clipped' END AS reasons FROM numbered""",
    """reviews BY NAME SELECT song_id, 1 + n % 3 AS repeats, CASE WHEN n % 11 = 0 THEN 'duet' END AS reason,
        CASE WHEN n % 11 = 0 THEN 'excluded' WHEN n % 13 = 0 THEN 'accepted' ELSE 'unreviewed' END AS state
        FROM numbered WHERE n % 17 > 0""",
    """song_lyrics BY NAME SELECT song_id, CASE WHEN n % 7 = 0 THEN 'song.toml' END AS source, 'none' AS times
        FROM numbered""",
    """claims BY NAME SELECT song_id, 'mix' AS part, 'caption' AS question, claim, 'tempo' AS kind, 'fast' AS said,
        0 AS start_char, 4 AS end_char, claim::VARCHAR AS claimed,
        CASE WHEN (n + claim) % 6 = 0 THEN 'conflict' ELSE 'agree' END AS verdict,
        CASE WHEN n % 12 = 0 THEN 'dropped by hand' END AS note
        FROM numbered, range(3) each(claim)""",
    """stems BY NAME SELECT song_id, kind AS name, kind || '.wav' AS file_name, 'given' AS origin, kind, true AS audible
        FROM numbered, (VALUES ('drums'), ('bass')) each(kind) WHERE n % 2 = 0""",
    """captions BY NAME SELECT song_id, 'mix' AS part, 'caption' AS question, 'fast and 4 to the floor' AS text,
        CASE n % 2 WHEN 0 THEN 'measured' ELSE 'music-flamingo' END AS captioner FROM numbered""",
    """clips BY NAME SELECT song_id, 'clip-' || clip AS clip, 'ten' AS view, 'mix' AS source, 10.0 * clip AS start_s,
        10.0 * clip + 10 AS end_s, -14.0 + n % 7 AS rms_dbfs FROM numbered, range(2) each(clip) WHERE n % 5 > 0""",
    """splits BY NAME SELECT song_id, song_id AS group_id, CASE WHEN n % 10 > 0 THEN 'train' ELSE 'test' END AS split
        FROM numbered""",
)


def song_name(number: int) -> str:
    """Return the identifier of a song."""
    return f"song-{number:05}"


def publish_library(data: Path, count: int) -> DataPaths:
    """Make a data folder with so many songs, all of them published."""
    paths = DataPaths(data)
    sound = write_wav(data / "sound.wav", sine(440.0, 2.0, rate_hz=8000), rate_hz=8000)
    for number in range(count):
        folder = paths.songs / song_name(number)
        folder.mkdir(parents=True)
        (folder / "song.wav").hardlink_to(sound)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.begin()
        for table in (*all_tables(RECORDS), SPLITS_TABLE):
            connection.execute(table.ddl)
        connection.execute(
            "CREATE TEMP TABLE numbered AS SELECT n, 'song-' || lpad(n::VARCHAR, 5, '0') AS song_id FROM range(?) t(n)",
            [count],
        )
        for rows in _ROWS:
            given = {"markup": MARKUP, "reversed": REVERSED, "long": LONG} if "$markup" in rows else {}
            connection.execute(f"INSERT INTO {rows}", given)
        connection.commit()
    return paths
