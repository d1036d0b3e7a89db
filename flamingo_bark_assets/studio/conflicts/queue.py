"""The disputed claims of all songs as one queue: what captions and sidecars say against what was measured.

Finding, ordering and filtering them belongs here; deciding is a change of song.toml, as any other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flamingo_bark_assets.claims.model import OPEN_CONFLICT
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.judgements import claim_name
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.studio.datasets.facts import excluded_songs, literal
from flamingo_bark_assets.studio.decisions import Decisions, decisions
from flamingo_bark_assets.studio.kept import kept

ON_A_PAGE = 25
PLACE_S = 15.0
# One page of the queue is read at a time: each read holds 5 MB or more, and is as quick alone.
_READING = threading.Lock()
SIDECAR = "sidecar"
"""Who says what a sidecar claims, among the captioners."""
CORRECTED_BY: Mapping[str, str] = {
    "tempo": "tempo_bpm", "pace": "tempo_bpm", "key": "key", "metre": "metre",
}  # fmt: skip
"""The field of `[corrections]` that settles a kind of claim."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """One disputed claim before its text is read; claims of one name in one text are one.

    Attributes:
        song_id: the song.
        part: of the song.
        question: that was answered.
        claim: number of the first such claim.
        kind: what it is about.
        claimed: the claimed value.
        captioner: who says it.
        file: the sidecar that says it; None where a caption does.
        number: of its field there.
    """

    song_id: str
    part: str
    question: str
    claim: int
    kind: str
    claimed: str
    captioner: str
    file: str | None = None
    number: int = 0

    @property
    def name(self) -> str:
        """Its name in `[corrections.claims]`."""
        return claim_name(self.part, self.question, self.kind, self.claimed)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text, and whether it makes the claim."""

    text: str
    is_claim: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """One disputed claim as a person decides on it.

    Attributes:
        disputed: which.
        title: of the song; None where nobody says one.
        segments: the text that makes the claim.
        said: the phrase that makes it.
        measured: what was measured, with its unit.
        method: by what.
        confidence: how sure that is, 0 to 1; None where nothing tells.
        model_id: the model, or the sidecar, that says it; None without one.
        lane: name of the sound to play.
        start_s: where to play from.
        end_s: and to.
        corrects: the field of `[corrections]` that would settle it; None where only keep and drop do.
        tempo_bpm: as measured.
        key: as measured.
        metre: as measured.
    """

    disputed: Disputed
    title: str | None
    segments: tuple[Segment, ...]
    said: str
    measured: str | None
    method: str | None
    confidence: float | None
    model_id: str | None
    lane: str
    start_s: float
    end_s: float
    corrects: str | None
    tempo_bpm: float | None
    key: str | None
    metre: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the queue is asked for; None for all."""

    kind: str | None = None
    song: str | None = None
    captioner: str | None = None

    def hold(self, each: Disputed, *, but: str = "") -> bool:
        """Tell whether a claim is asked for, one filter aside."""
        return (
            (but == "kind" or self.kind in {None, each.kind})
            and (but == "captioner" or self.captioner in {None, each.captioner})
            and (self.song is None or self.song == each.song_id)
        )


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the queue.

    Attributes:
        total: disputed claims that are asked for.
        page: number of the page, from 1.
        pages: number of pages.
        kinds: how many of each kind there are, the other filters held.
        captioners: the same by captioner.
        conflicts: those of the page.
    """

    total: int
    page: int
    pages: int
    kinds: tuple[tuple[str, int], ...]
    captioners: tuple[tuple[str, int], ...]
    conflicts: tuple[Conflict, ...]


def queue_page(paths: DataPaths, filters: Filters, page: int) -> QueuePage | None:
    """Return a page of the disputed claims that nobody has decided on; None where nothing is published yet.

    The surest measurements come first. Songs that are excluded or gone, claims that were decided by hand or whose text
    or measurement was since, are left out at once, also where that is not published yet.

    Raises:
        LibraryError: the journal or the library cannot be read.
        StorageError: the warehouse cannot be read.
    """
    try:
        found = paths.warehouse.stat()
    except FileNotFoundError:
        return None
    published_at = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    disputed = _all_disputed(paths.warehouse, (found.st_ino, found.st_size, found.st_mtime_ns))
    open_ones = _undecided(disputed, decisions(paths), frozenset(list_song_ids(paths)), published_at)
    asked = [each for each in open_ones if filters.hold(each)]
    pages = max(1, -(-len(asked) // ON_A_PAGE))
    page = min(max(page, 1), pages)
    shown = _still_open(paths, asked[(page - 1) * ON_A_PAGE : page * ON_A_PAGE])
    return QueuePage(
        len(asked), page, pages,
        _counted(each.kind for each in open_ones if filters.hold(each, but="kind")),
        _counted(each.captioner for each in open_ones if filters.hold(each, but="captioner")),
        _read(paths.warehouse, shown),
    )  # fmt: skip


@kept
def _all_disputed(path: Path, _: tuple[int, int, int]) -> tuple[Disputed, ...]:
    excluded = f"AND song_id NOT IN (SELECT song_id FROM ({excluded_songs(path)}))"
    is_open = f"{OPEN_CONFLICT} {excluded}"
    same = "song_id, part, question, kind, claimed"
    of_sidecars = f"UNION ALL {_OF_SIDECARS} WHERE {is_open}" if _kinds_of_sidecars(path) else ""
    rows = query(
        path,
        f"""
        WITH disputed AS ({_OF_CAPTIONS} WHERE {is_open} {of_sidecars}),
        one AS (  -- of each name one of the caption and one of the sidecars
            SELECT *, max(confidence) OVER (PARTITION BY {same}) AS surest FROM disputed
            QUALIFY row_number() OVER (PARTITION BY {same}, file IS NULL ORDER BY file, number, claim) = 1
        )
        SELECT song_id, part, question, claim, kind, claimed, captioner, file, number FROM one
        ORDER BY surest DESC NULLS LAST, song_id, part, question, file NULLS FIRST, claim""",
    ).rows
    return tuple(Disputed(*row) for row in rows)


_OF_CAPTIONS = """
SELECT song_id, part, question, claim, kind, claimed, captioner, claims.confidence, NULL AS file, 0 AS number
FROM claims JOIN captions USING (song_id, part, question)"""
_OF_SIDECARS = f"""
SELECT song_id, 'mix', 'caption', claim, kind, claimed, '{SIDECAR}', confidence, file, number
FROM (FROM given_claims WHERE kind IS NOT NULL AND claimed IS NOT NULL)"""


def _kinds_of_sidecars(path: Path) -> bool:
    """Tell whether the warehouse says what claims of sidecars are about, which one of before does not."""
    asked = "SELECT 1 FROM information_schema.columns WHERE table_name = 'given_claims' AND column_name = 'kind'"
    return bool(query(path, asked).rows)


def _undecided(
    disputed: Sequence[Disputed], decided: Decisions, song_ids: frozenset[str], published_at: str
) -> list[Disputed]:
    left = (
        each
        for each in disputed
        if each.song_id in song_ids
        and each.song_id not in decided.excluded
        and (each.song_id, each.name) not in decided.claims
        and (each.song_id, CORRECTED_BY.get(each.kind, "")) not in decided.corrected
        and (each.file or decided.edited.get((each.song_id, each.part, each.question), "") <= published_at)
    )
    # A caption that a sidecar gives is a claim of both, and the caption's comes first.
    first: dict[tuple[str, str], Disputed] = {}
    for each in left:
        first.setdefault((each.song_id, each.name), each)
    return list(first.values())


def _still_open(paths: DataPaths, disputed: Sequence[Disputed]) -> list[Disputed]:
    """Leave out what song.toml decides though no journal tells it: somebody has edited it with an editor."""
    still: list[Disputed] = []
    decided: dict[str, Mapping[str, str]] = {}
    for each in disputed:
        if each.song_id not in decided:
            try:
                decided[each.song_id] = find_song(paths, each.song_id).info.corrections.claims
            except LibraryError:
                decided[each.song_id] = {}
        if each.name not in decided[each.song_id]:
            still.append(each)
    return still


def _counted(values: Any) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))


def _read(path: Path, disputed: Sequence[Disputed]) -> tuple[Conflict, ...]:
    """Read the texts and measurements of the claims of a page."""
    of_captions = [(at, each) for at, each in enumerate(disputed) if each.file is None]
    of_sidecars = [(at, each) for at, each in enumerate(disputed) if each.file is not None]
    found = [*_read_said(path, _TEXTS_OF_CAPTIONS, of_captions), *_read_said(path, _TEXTS_OF_SIDECARS, of_sidecars)]
    return tuple(_conflict(disputed[row[0]], *row[1:]) for row in sorted(found))


_TEXTS_OF_CAPTIONS = """
SELECT wanted.*, coalesce(captions.raw_text, captions.text) AS text, said, start_char, claims.measured,
    measured_number, claims.unit, claims.method, claims.confidence, captions.model_id, window_start_s, window_end_s
FROM wanted JOIN claims USING (song_id, part, question, claim) JOIN captions USING (song_id, part, question)"""
_TEXTS_OF_SIDECARS = """
SELECT wanted.*, CASE WHEN given.field = 'caption' THEN fields.text ELSE fields.key || ': ' || fields.text END AS text,
    said, CASE WHEN given.field = 'caption' THEN 0 ELSE length(fields.key) + 2 END AS start_char, measured,
    measured_number, unit, method, confidence, file AS model_id, NULL AS window_start_s, NULL AS window_end_s
FROM wanted JOIN given_claims AS given USING (song_id, file, number, claim)
JOIN sidecar_fields AS fields USING (song_id, file, number)"""


def _read_said(path: Path, texts: str, wanted: Sequence[tuple[int, Disputed]]) -> Sequence[tuple[Any, ...]]:
    if not wanted:
        return ()
    values = ", ".join(
        f"({at}, {literal(each.song_id)}, {literal(each.part)}, {literal(each.question)}, {each.claim}, "
        f"{literal(each.file or '')}, {each.number})"
        for at, each in wanted
    )
    asked = f"""
        WITH wanted(nth, song_id, part, question, claim, file, number) AS (VALUES {values}),
        texts AS ({texts}),
        typical AS (
            SELECT song_id, arg_min(start_s, deviation_db) AS start_s FROM sections
            WHERE song_id IN (SELECT song_id FROM wanted) GROUP BY song_id
        ),
        sounding AS (
            SELECT song_id, kind AS part, arg_max(name, (rejected IS NULL, audible, coalesce(rms_dbfs, -200))) AS name
            FROM stems WHERE kind IS NOT NULL AND song_id IN (SELECT song_id FROM wanted) GROUP BY song_id, kind
        )
        SELECT nth, title, text, said, start_char, measured, measured_number, unit, texts.method, confidence, model_id,
            sounding.name, coalesce(window_start_s, typical.start_s, 0), coalesce(window_end_s, duration_s, {PLACE_S}),
            song_features.tempo_bpm, song_features.key, song_features.metre
        FROM texts LEFT JOIN song_metadata USING (song_id) LEFT JOIN song_features USING (song_id)
        LEFT JOIN raw_song USING (song_id) LEFT JOIN typical USING (song_id)
        LEFT JOIN sounding USING (song_id, part)"""
    with _READING:
        return query(path, asked).rows


def _conflict(
    disputed: Disputed, title: str | None, text: str | None, said: str, start_char: int, measured: str | None,
    number: float | None, unit: str | None, method: str | None, confidence: float | None, model_id: str | None,
    stem: str | None, start_s: float, end_s: float, tempo_bpm: float | None, key: str | None, metre: str | None,
) -> Conflict:  # fmt: skip
    if number is not None:
        with_unit = f"{number:.4g} {unit}" if unit else f"{number:.4g}"
        measured = with_unit if measured in {None, "", f"{number:g}"} else f"{measured} ({with_unit})"
    lane = "mix" if disputed.part == "mix" or stem is None else make_song_id(stem, fallback="stem")
    return Conflict(
        disputed, title, marked(text or said, said, start_char), said, measured, method, confidence, model_id, lane,
        round(start_s, 2), round(min(end_s, start_s + PLACE_S), 2), CORRECTED_BY.get(disputed.kind),
        tempo_bpm, key, metre,
    )  # fmt: skip


def marked(text: str, said: str, start_char: int) -> tuple[Segment, ...]:
    """Mark the phrase that makes a claim in its text.

    The offset is that in the text as it was checked, which may be shorter than what is stored: of several places of the
    phrase the nearest is marked, and where there is none, the phrase stands alone.
    """
    places = [at for at in range(len(text)) if said and text.startswith(said, at)]
    if not places:
        return (Segment(text, False), Segment(said, True)) if said else (Segment(text, False),)
    at = min(places, key=lambda place: abs(place - start_char))
    pieces = ((text[:at], False), (said, True), (text[at + len(said) :], False))
    return tuple(Segment(piece, is_claim) for piece, is_claim in pieces if piece)
