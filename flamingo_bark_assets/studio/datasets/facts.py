"""What the published warehouse says about the dataset: what goes in, what stays out and why, and what it is made of.

Queries and their results belong here; what trainers need of it stands in `trainer_checks`, drawing in `plots`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flamingo_bark_assets.exports.rights import normal_licence, why_not_commercial
from flamingo_bark_assets.note_names import KEYS
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.studio.kept import kept

SHOWN_GROUPS = 12
"""So many genres, licences and captioners are told; the others are counted."""
SONGS_ON_A_PAGE = 100
MEANINGS: Mapping[str, str] = {
    "excluded": "A person has excluded it.",
    "not_fit": "It is not fit for training.",
    "no_clips": "It is fit, but no clip could be cut from it.",
    "no_split": "It has no split yet; the next publication assigns one.",
    "not_made": "It has not been run yet, or its run failed.",
}
"""Why songs stay out, beside the rules of the verdict."""

_REVIEWS = "reviews"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for which songs stay out.

    Attributes:
        code: the rule of the verdict, or a key of `MEANINGS`.
        songs: how many it keeps out; a song may have several reasons.
        hours: their length; None where they were never decoded.
        examples: a few of them: song, title or None, and why.
    """

    code: str
    songs: int
    hours: float | None
    examples: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What of the songs that go in has one value, such as one genre.

    Attributes:
        name: the value; None where there is none.
        songs: how many songs.
        hours: their length.
        note: what else is to be said of it.
    """

    name: str | None
    songs: int
    hours: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """The songs that go in by one property; `others` values are too rare to be told."""

    shares: tuple[Share, ...]
    others: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One step of a distribution: what it is called, and how many songs lie in it, by series."""

    label: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the songs that go in are spread over one measurement.

    Attributes:
        name: what is measured.
        unit: of the labels; "" for none.
        series: what the counts of each bin are; one empty name where there is one series.
        bins: in order.
        unknown: songs in which it is not known.
        median: in words; None where nothing is known.
    """

    name: str
    unit: str
    series: tuple[str, ...]
    bins: tuple[Bin, ...]
    unknown: int
    median: str | None


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What is published.

    Attributes:
        published_at: when, UTC.
        song_ids: all songs of the warehouse.
        inside: those that go in.
        songs: how many go in.
        hours: their length.
        clips: their clips, of all views.
        out: songs that stay out.
        reasons: why, the most frequent first.
        twins: songs that share a split with duplicates of theirs.
        twin_groups: groups of such.
        by_split: songs that go in by split.
        by_genre: by genre; a song of several genres stands in each.
        by_licence: by licence.
        by_captioner: by captioner.
        distributions: of tempo, key, length and loudness.
    """

    published_at: datetime
    song_ids: frozenset[str]
    inside: frozenset[str]
    songs: int
    hours: float
    clips: int
    out: int
    reasons: tuple[Reason, ...]
    twins: int
    twin_groups: int
    by_split: Shares
    by_genre: Shares
    by_licence: Shares
    by_captioner: Shares
    distributions: tuple[Distribution, ...]


def dataset_facts(path: Path, commercial_licences: Collection[str]) -> DatasetFacts | None:
    """Read what is published; None where nothing is yet. What was read is kept until something else is published.

    Args:
        path: the warehouse.
        commercial_licences: further licences that the user says allow commercial use.

    Raises:
        StorageError: the warehouse cannot be read.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _facts(path, (found.st_ino, found.st_size, found.st_mtime_ns), tuple(sorted(commercial_licences)))


def songs_left_out(path: Path, code: str, page: int) -> tuple[tuple[str, str | None, str | None], ...]:
    """Return one page of the songs that a reason keeps out: song, title and why.

    Raises:
        StorageError: the warehouse cannot be read.
    """
    rows = query(
        path,
        f"{songs_in(path)}, {_LEFT_OUT} SELECT song_id, title, left(why, 300) FROM left_out JOIN state USING (song_id) "
        f"WHERE code = {literal(code)} ORDER BY song_id LIMIT {SONGS_ON_A_PAGE} OFFSET {page * SONGS_ON_A_PAGE}",
    ).rows
    return tuple((song_id, title, why) for song_id, title, why in rows)


def songs_in(path: Path) -> str:
    """Return the beginning of a query over `state` (all songs, and whether they go in) and `inside` (those that do)."""
    return f"""
    WITH excluded AS ({excluded_songs(path)}),
    state AS (
        SELECT suitability.song_id, title, coalesce(duration_s, 0) / 3600 AS hours, suitable, reasons,
            coalesce(suitability.unusable, training_clips.unusable) AS unusable, coalesce(cut.clips, 0) AS clips,
            split, group_id, excluded.song_id IS NOT NULL AS is_excluded, excluded.reason AS excluded_because,
            suitable AND NOT is_excluded AND split IS NOT NULL AND coalesce(cut.clips, 0) > 0 AS goes_in
        FROM suitability LEFT JOIN raw_song USING (song_id) LEFT JOIN song_metadata USING (song_id)
        LEFT JOIN training_clips USING (song_id) LEFT JOIN splits USING (song_id) LEFT JOIN excluded USING (song_id)
        LEFT JOIN (SELECT song_id, count(*) AS clips FROM clips GROUP BY song_id) AS cut USING (song_id)
    ),
    inside AS (SELECT * FROM state WHERE goes_in)"""


def excluded_songs(path: Path) -> str:
    """Return a query over the songs that a person has excluded, and why; of a warehouse of before, over none."""
    if not query(path, f"SELECT 1 FROM information_schema.tables WHERE table_name = '{_REVIEWS}'").rows:
        return "SELECT NULL::VARCHAR AS song_id, NULL::VARCHAR AS reason WHERE false"
    return (
        f"SELECT song_id, coalesce(reason, unusable) AS reason FROM {_REVIEWS} "
        "WHERE state = 'excluded' OR unusable IS NOT NULL"
    )


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


_LEFT_OUT = """
    failed AS (
        SELECT song_id, rule, reason FROM suitability_rules JOIN state USING (song_id)
        WHERE subject = 'song' AND NOT passed AND NOT suitable
    ),
    left_out AS (
        SELECT song_id, 'excluded' AS code, excluded_because AS why FROM state WHERE is_excluded
        UNION ALL SELECT song_id, rule, reason FROM failed
        UNION ALL SELECT song_id, 'not_fit', coalesce(unusable, reasons) FROM state
            WHERE NOT suitable AND NOT is_excluded AND song_id NOT IN (SELECT song_id FROM failed)
        UNION ALL SELECT song_id, 'no_clips', unusable FROM state WHERE suitable AND NOT is_excluded AND clips = 0
        UNION ALL SELECT song_id, 'no_split', NULL FROM state
            WHERE suitable AND NOT is_excluded AND clips > 0 AND split IS NULL
    )"""


@kept
def _facts(path: Path, _: tuple[int, int, int], commercial_licences: tuple[str, ...]) -> DatasetFacts:
    begin = songs_in(path)

    def rows(sql: str) -> tuple[tuple[Any, ...], ...]:
        return query(path, f"{begin} {sql}").rows

    ((songs, hours, clips, twins, groups),) = rows(
        ", held AS (SELECT group_id, count(*) AS songs FROM inside GROUP BY group_id HAVING count(*) > 1) "
        "SELECT count(*), coalesce(sum(hours), 0), coalesce(sum(clips), 0), "
        "(SELECT coalesce(sum(songs), 0) FROM held), (SELECT count(*) FROM held) FROM inside"
    )
    ids = rows("SELECT song_id, goes_in FROM state")
    return DatasetFacts(
        published_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        song_ids=frozenset(song_id for song_id, _ in ids),
        inside=frozenset(song_id for song_id, goes_in in ids if goes_in),
        songs=songs, hours=float(hours), clips=int(clips), out=sum(not goes_in for _, goes_in in ids),
        reasons=_reasons(path, begin),
        twins=int(twins), twin_groups=groups,
        by_split=_shares(rows("SELECT split, count(*), sum(hours), count(*) OVER () FROM inside GROUP BY split "
                              "ORDER BY list_position(['train', 'validation', 'test'], split)")),
        by_genre=_shares(rows(_GENRES)),
        by_licence=_licences(rows(_by("licence", "song_metadata")), commercial_licences),
        by_captioner=_shares(rows(_by("captioner", "flamingo_captions"))),
        distributions=(_tempo(rows), _keys(rows), _lengths(rows), _loudness(rows)),
    )  # fmt: skip


def _reasons(path: Path, begin: str) -> tuple[Reason, ...]:
    found = query(
        path,
        f"{begin}, {_LEFT_OUT} SELECT code, count(*), sum(hours), "
        "(array_agg({'song': song_id, 'title': title, 'why': left(why, 300)} ORDER BY song_id))[:5] "
        "FROM left_out JOIN state USING (song_id) GROUP BY code ORDER BY 2 DESC, 1",
    ).rows
    return tuple(
        Reason(
            code, songs, float(hours) or None, tuple((each["song"], each["title"], each["why"]) for each in examples)
        )
        for code, songs, hours, examples in found
    )


_GENRES = f"""
    , said AS (
        SELECT song_id, hours, trim(unnest(string_split(genre_tags, ';'))) AS genre
        FROM inside JOIN song_metadata USING (song_id) WHERE trim(genre_tags) <> ''
        UNION ALL SELECT song_id, hours, trim(unnest(string_split(text, ',')))
        FROM inside JOIN captions USING (song_id) JOIN song_metadata USING (song_id)
        WHERE part = 'mix' AND question = 'genre' AND trim(text) <> '' AND coalesce(trim(genre_tags), '') = ''
    ),
    named AS (
        SELECT DISTINCT inside.song_id, inside.hours, lower(genre) AS genre
        FROM inside LEFT JOIN (SELECT * FROM said WHERE genre <> '') AS said USING (song_id)
    )
    SELECT genre, count(*), sum(hours), count(*) OVER () FROM named GROUP BY genre
    ORDER BY count(*) DESC, genre LIMIT {SHOWN_GROUPS}"""


def _by(column: str, table: str) -> str:
    return (
        f"SELECT nullif(trim({table}.{column}), '') AS value, count(*), sum(hours), count(*) OVER () FROM inside "
        f"LEFT JOIN {table} USING (song_id) GROUP BY value ORDER BY count(*) DESC, value LIMIT {SHOWN_GROUPS}"
    )


def _shares(rows: tuple[tuple[Any, ...], ...]) -> Shares:
    shares = tuple(Share(name, songs, float(hours)) for name, songs, hours, _ in rows)
    return Shares(shares, rows[0][3] - len(rows) if rows else 0)


def _licences(rows: tuple[tuple[Any, ...], ...], commercial_licences: tuple[str, ...]) -> Shares:
    found = _shares(rows)
    allowed = frozenset(map(normal_licence, commercial_licences))
    told = (
        Share(each.name, each.songs, each.hours, why_not_commercial(each.name, allowed) or "allows commercial use")
        for each in found.shares
    )
    return Shares(tuple(told), found.others)


def _tempo(rows: Any) -> Distribution:
    return _steps(rows, "Tempo", "BPM", "tempo_bpm", "song_features", low=40, step=10, count=18, digits=0)


def _loudness(rows: Any) -> Distribution:
    return _steps(
        rows, "Loudness", "LUFS", "loudness_integrated_lufs", "song_features", low=-36, step=2, count=18, digits=1
    )


def _lengths(rows: Any) -> Distribution:
    return _steps(rows, "Length", "min", "duration_s / 60", "raw_song", low=0, step=0.5, count=20, digits=1)


def _steps(
    rows: Any, name: str, unit: str, value: str, table: str, *, low: float, step: float, count: int, digits: int
) -> Distribution:
    """Count songs in equal steps; what lies outside goes into the first or the last one."""
    found = rows(
        f"SELECT greatest(0, least({count - 1}, floor(({value} - {low}) / {step})))::INTEGER AS bin, count(*), "
        f"(SELECT median({value}) FROM inside JOIN {table} USING (song_id)) "
        f"FROM inside LEFT JOIN {table} USING (song_id) GROUP BY bin"
    )
    counts = {number: songs for number, songs, _ in found}
    median = found[0][2] if found else None
    labels = [f"{low + number * step:g} to {low + (number + 1) * step:g}" for number in range(count)]
    labels[-1] = f"{low + (count - 1) * step:g} and more"
    if low:
        labels[0] = f"below {low + step:g}"
    return Distribution(
        name, unit, ("",), tuple(Bin(label, (counts.get(number, 0),)) for number, label in enumerate(labels)),
        counts.get(None, 0), None if median is None else f"{median:.{digits}f} {unit}",
    )  # fmt: skip


def _tonics(*keys: str) -> str:
    """Name the tonic of keys on one note: once where they spell it alike, else as Db/C#."""
    return "/".join(dict.fromkeys(key.split()[0] for key in keys))


def _keys(rows: Any) -> Distribution:
    found = dict(rows("SELECT key, count(*) FROM inside LEFT JOIN song_features USING (song_id) GROUP BY key"))
    bins = tuple(
        Bin(_tonics(major, minor), (found.get(major, 0), found.get(minor, 0)))
        for major, minor in zip(KEYS[:12], KEYS[12:], strict=True)
    )
    most = max((key for key in found if key is not None), key=lambda key: (found[key], key), default=None)
    return Distribution(
        "Key", "", ("major", "minor"), bins, found.get(None, 0), None if most is None else f"most often {most}"
    )
