"""The grid of songs and steps: what is made, due, under way, failed or given up, and why; failed songs first.

The state of each song and what has changed since a version of the grid belong here; how it is drawn does not.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.library.layout import survey
from flamingo_bark_assets.provenance.due import DueSong, DueSongs
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.provenance.requests import given_up_because, read_asked
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.runs.dagster_client import DagsterClient
from flamingo_bark_assets.studio.runs.records import FAULTS, Backfill, Event, Run

STATES = ("given up", "failed", "running", "queued", "unfit", "due", "made")
"""Of a song, in the order of the grid."""
MADE, DUE, FAILED, RUNNING, QUEUED = "mdfrq"
"""Of a step."""
_LEAST_S = 2.0
# A look at 10,000 songs takes about a second: it is not to be all that the server does.
_SHARE = 10.0
_RUNS_S = 1.0
_REASON = 1000
_INDEX = {step.name: index for index, step in enumerate(STEPS)}


@dataclass(frozen=True, slots=True)
class SongRow:
    """One song in the grid.

    Attributes:
        song_id: the song.
        title: its title, as published; None where it has none or was never published.
        state: one of `STATES`.
        reason: why it is not made or not fit; None where there is nothing to say.
        steps: one letter a step.
        run_id: of the run under way, or of the last attempt that failed.
    """

    song_id: str
    title: str | None
    state: str
    reason: str | None
    steps: str
    run_id: str | None

    def told(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return {
            "song_id": self.song_id, "title": self.title, "state": self.state, "reason": self.reason,
            "steps": self.steps, "run_id": self.run_id,
        }  # fmt: skip


class Grid:
    """The rows of all songs, looked up when somebody asks and kept up to date by events in between."""

    def __init__(self, studio: Studio, dagster: DagsterClient) -> None:
        """Look at nothing yet."""
        self._studio = studio
        self._dagster = dagster
        self._due = DueSongs(studio.paths)
        self._lock = threading.Lock()
        self._rows: dict[str, SongRow] = {}
        self._changed: dict[str, int] = {}
        # Begins anew with each process, and is never that of an earlier one.
        self._version = int(time.time() * 1000)
        self._shrunk = self._version
        self._next_look_s = 0.0
        self._runs: tuple[float, list[Run], list[Backfill]] = (0.0, [], [])
        self._published: tuple[tuple[int, int, int], dict[str, tuple[str | None, str | None]]] | None = None
        self._problems: dict[str, str] = {}
        # A song's state is stored at its end: until then only events tell what a run has made of it.
        self._made: dict[str, tuple[str, set[str]]] = {}

    def window(self, *, first: int, count: int, only: str | None, search: str) -> dict[str, Any]:
        """Return a part of the grid with the counts of all states."""
        with self._lock:
            self._look()
            found = [row for row in self._rows.values() if _matches(row, only, search)]
            found.sort(key=lambda row: (STATES.index(row.state), row.song_id))
            return {
                **self._shared(),
                "first": first,
                "matching": len(found),
                "rows": [row.told() for row in found[first : first + count]],
            }

    def since(self, version: int, limit: int) -> dict[str, Any]:
        """Return the rows that have changed since a version, or that all is to be fetched again."""
        with self._lock:
            self._look()
            changed = [] if version < self._shrunk else [s for s, at in self._changed.items() if at > version]
            too_much = version < self._shrunk or len(changed) > limit
            rows = [] if too_much else [self._rows[song_id].told() for song_id in changed if song_id in self._rows]
            return {**self._shared(), "all": too_much, "rows": rows}

    def to_repair(self) -> list[str]:
        """Return the songs of which something is due and which no run works on."""
        with self._lock:
            self._next_look_s = 0.0
            self._look()
            return sorted(s for s, row in self._rows.items() if row.state in {"given up", "failed", "due"})

    def note(self, events: Iterable[Event]) -> None:
        """Take what has happened into the rows; a run that begins or ends makes the next look an early one."""
        with self._lock:
            for event in events:
                row = self._rows.get(event.song_id or "")
                if event.step is None:
                    self._next_look_s = 0.0
                    self._runs = (0.0, *self._runs[1:])
                elif row is not None:
                    run_id, steps = self._made.get(row.song_id, ("", set()))
                    self._made[row.song_id] = (event.run_id, {event.step, *(steps if run_id == event.run_id else ())})
                    at = _INDEX[event.step]
                    self._put(replace(row, steps=row.steps[:at] + MADE + row.steps[at + 1 :]))

    def _shared(self) -> dict[str, Any]:
        counts = Counter(row.state for row in self._rows.values())
        return {
            "version": self._version,
            "counts": {state: counts[state] for state in STATES},
            "songs": len(self._rows),
            "runs": [_told_run(run) for run in self._runs[1]],
            "backfills": [_told_backfill(backfill) for backfill in self._runs[2]],
            "problems": list(self._problems.values()),
        }

    def _look(self) -> None:
        """Look at the library and at Dagster again, where that is due."""
        now = time.monotonic()
        if now >= self._runs[0]:
            self._runs = (now + _RUNS_S, *self._look_at_runs())
        if now < self._next_look_s:
            return
        try:
            rows = self._look_at_songs()
            self._problems.pop("library", None)
        except FlamingoBarkError as error:
            self._problems["library"] = str(error)
            rows = None
        ended = time.monotonic()
        self._next_look_s = ended + max(_LEAST_S, _SHARE * (ended - now))
        if rows is None:
            return
        if self._rows.keys() - rows.keys():
            self._version += 1
            self._shrunk = self._version
        for song_id in self._rows.keys() - rows.keys():
            del self._rows[song_id]
            self._changed.pop(song_id, None)
        for row in rows.values():
            if self._rows.get(row.song_id) != row:
                self._put(row)

    def _put(self, row: SongRow) -> None:
        self._version += 1
        self._rows[row.song_id] = row
        self._changed[row.song_id] = self._version

    def _look_at_runs(self) -> tuple[list[Run], list[Backfill]]:
        try:
            runs, backfills = self._dagster.runs(), self._dagster.backfills()
            self._problems.pop("dagster", None)
        except FAULTS as error:
            self._problems["dagster"] = f"Dagster's runs cannot be read: {_first_line(error)}"
            return self._runs[1:]
        return runs, backfills

    def _look_at_songs(self) -> dict[str, SongRow]:
        paths, settings = self._studio.paths, self._studio.settings()
        library, unlisted = survey(paths)
        shown = "; ".join(unlisted[:10]) + (f" and {len(unlisted) - 10} more" if len(unlisted) > 10 else "")
        self._problems.pop("unlisted", None)
        if unlisted:
            self._problems["unlisted"] = f"{len(unlisted)} ignored as no songs: {shown}"
        due = self._due.find(settings_versions(settings, paths), library)
        asked = read_asked(paths)
        published = self._look_at_warehouse()
        runs: dict[str, Run] = {song_id: run for run in reversed(self._runs[1]) for song_id in run.songs}
        rows: dict[str, SongRow] = {}
        for song_id in library:
            title, unfit = published.get(song_id, (None, None))
            song, run = due.get(song_id), runs.get(song_id)
            before = asked.get(song_id)
            if song is not None and before is not None and before.inputs != song.inputs:
                before = None
            given_up = given_up_because(song.attempt, before, settings.runs) if song is not None else None
            made_in, made = self._made.get(song_id, ("", set()))
            if run is None or made_in != run.run_id:
                self._made.pop(song_id, None)
                made = set()
            rows[song_id] = _row(song_id, title, unfit, song, run, given_up, made)
        return rows

    def _look_at_warehouse(self) -> Mapping[str, tuple[str | None, str | None]]:
        """Return title and reasons against each song, as published; asked only where another one was published."""
        path = self._studio.paths.warehouse
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if self._published is None or self._published[0] != stamp:
                found = query(path, _PUBLISHED).rows
                self._published = (stamp, {str(row[0]): (row[1], row[2]) for row in found})
            self._problems.pop("warehouse", None)
        except FileNotFoundError:
            self._published = None
        except (FlamingoBarkError, OSError) as error:
            self._problems["warehouse"] = f"the warehouse cannot be read, so titles are missing: {_first_line(error)}"
        return self._published[1] if self._published is not None else {}


_PUBLISHED = """
SELECT song_id, title, CASE WHEN suitable THEN NULL ELSE coalesce(reasons, 'not fit') END
FROM song_metadata LEFT JOIN suitability USING (song_id)"""


def _row(
    song_id: str,
    title: str | None,
    unfit: str | None,
    song: DueSong | None,
    run: Run | None,
    given_up: str | None,
    made: Set[str],
) -> SongRow:
    error = song.attempt.error if song is not None and song.attempt is not None else None
    due = {name: why for name, why in song.steps.items() if name not in made} if song is not None else {}
    under_way = {"queued": QUEUED}.get(run.state, RUNNING) if run is not None else None
    steps = "".join(_letter(step.name, due, error, under_way) for step in STEPS)
    if run is not None:
        state = "queued" if run.state == "queued" else "running"
        return SongRow(song_id, title, state, f"run {run.run_id[:8]} is {run.state}", steps, run.run_id)
    if song is None:
        return SongRow(song_id, title, "unfit" if unfit else "made", unfit and unfit[:_REASON], steps, None)
    attempt = song.attempt
    if given_up is not None or (attempt is not None and attempt.error is not None):
        reason = given_up or (attempt.error if attempt is not None else None) or ""
        run_id = attempt.run_id if attempt is not None else None
        return SongRow(song_id, title, "given up" if given_up else "failed", reason[:_REASON], steps, run_id)
    return SongRow(song_id, title, "due", _why_due(song.steps), steps, attempt.run_id if attempt else None)


def _letter(step: str, due: Mapping[str, str], error: str | None, under_way: str | None) -> str:
    if step not in due:
        return MADE
    if under_way is not None:
        return under_way
    return FAILED if error is not None and (error.startswith(f"{step}: ") or f"; {step}: " in error) else DUE


def _why_due(steps: Mapping[str, str]) -> str:
    reasons = {reason: None for reason in steps.values() if not reason.startswith("needs ")}
    return "; ".join(list(reasons)[:3])[:_REASON]


def _matches(row: SongRow, only: str | None, search: str) -> bool:
    if only is not None and row.state != only:
        return False
    return not search or search in row.song_id or search in (row.title or "").casefold()


def _told_run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id, "job": run.job, "state": run.state, "songs": len(run.songs),
        "song_id": run.songs[0] if len(run.songs) == 1 else None, "started_s": run.started_s,
    }  # fmt: skip


def _told_backfill(backfill: Backfill) -> dict[str, Any]:
    return {
        "run_id": backfill.backfill_id, "state": backfill.state, "songs": backfill.songs,
        "started_s": backfill.started_s,
    }  # fmt: skip


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
