"""Changes by hand over HTTP: saved at once, refused where somebody was faster, undone and done again.

Reading requests and telling outcomes belong here; the changes themselves stand in `library.song_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.journal import Entry, recent_steps
from flamingo_bark_assets.library.judgements import Place, parse_place, place_text
from flamingo_bark_assets.library.song_changes import Outcome, Stage, Tell, change_songs, redo, tell_nobody, undo
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.requests import read_json, threaded

_MAX_SONGS = 20_000
_LONGEST_PLACE = 500


class _Asked(BaseModel):
    """The body of a change."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field("edit", max_length=200)
    job: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    songs: dict[str, dict[str, Any]] = Field(min_length=1, max_length=_MAX_SONGS)
    expected: dict[str, dict[str, Any]] = Field({}, max_length=_MAX_SONGS)


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of changes."""
    under_way: dict[str, dict[str, Any]] = {}

    async def change(request: Request) -> Response:
        asked = await read_json(request, _Asked)
        if asked.job is None:
            return await threaded(_changed, studio, asked)
        try:
            return await threaded(_changed, studio, asked, partial(_note, under_way, asked.job))
        finally:
            under_way.pop(asked.job, None)

    async def progress(request: Request) -> Response:
        return JSONResponse(under_way.get(request.path_params["job"]), headers={"Cache-Control": "no-store"})

    def undone(_: Request) -> Response:
        return _told(undo(studio.paths, studio.by), "nothing of it could be undone")

    def done_again(_: Request) -> Response:
        return _told(redo(studio.paths, studio.by), "nothing of it could be done again")

    def history(request: Request) -> Response:
        steps = recent_steps(studio.paths, song_id=request.query_params.get("song_id"))
        return JSONResponse({"steps": [_step(step) for step in steps]})

    return [
        Route("/api/edits", change, methods=["POST"]),
        Route("/api/edits/{job}", progress),
        Route("/api/undo", undone, methods=["POST"]),
        Route("/api/redo", done_again, methods=["POST"]),
        Route("/api/history", history),
    ]


def _note(under_way: dict[str, dict[str, Any]], job: str, stage: Stage, done: int, of: int) -> None:
    """Keep how far a change is, for who asks while it is under way."""
    under_way[job] = {"stage": stage, "done": done, "of": of}


@lru_cache(maxsize=1024)
def _place_of(name: str) -> Place:
    try:
        if len(name) <= _LONGEST_PLACE:
            return parse_place(name)
    except ValueError:
        pass
    raise LibraryError(f"{name!r} is no place in song.toml")


def _changed(studio: Studio, asked: _Asked, tell: Tell = tell_nobody) -> Response:
    outcome = change_songs(
        studio.paths, _places(asked.songs), expected=_places(asked.expected), by=studio.by, label=asked.label, tell=tell
    )
    return _told(outcome, "nothing was saved")


def _places(songs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[Place, Any]]:
    return {song_id: {_place_of(name): value for name, value in values.items()} for song_id, values in songs.items()}


def _told(outcome: Outcome, nothing: str) -> Response:
    entry = outcome.entry
    stale = [
        {"song_id": each.song_id, "place": place_text(each.place), "expected": each.expected, "now": each.now}
        for each in outcome.stale
    ]
    told = {"entry": _step(entry) if entry else None, "stale": stale, "faults": list(outcome.faults)}
    told["locked"] = [{"song_id": song_id, "place": place_text(place)} for song_id, place in outcome.locked]
    is_lost = not (entry and entry.changes) and (stale or outcome.faults or outcome.locked)
    if not is_lost:
        return JSONResponse(told)
    why = "somebody has changed it meanwhile" if stale else "; ".join(outcome.faults[:3])
    why = why or "it is locked; unlock it first"
    return JSONResponse({"error": f"{nothing}: {why}", "to_do": None, **told}, 409 if stale else 400)


def _step(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id, "at": entry.at, "by": entry.by, "label": entry.label, "kind": entry.kind, "of": entry.of,
        "songs": len({change.song_id for change in entry.changes}),
        "changes": [
            {"song_id": each.song_id, "place": place_text(each.place), "before": each.before, "after": each.after}
            for each in entry.changes[:200]
        ],
    }  # fmt: skip
