"""The page of runs: songs by steps as they are made, started, repaired and cancelled through the running platform.

Requests and answers belong here; rows stand in `grid`, the stream in `events`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.library.layout import list_song_ids
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.studio.context import Studio, UnknownSong
from flamingo_bark_assets.studio.requests import read_json, threaded
from flamingo_bark_assets.studio.runs.dagster_client import (
    DagsterClient,
    NoPlatform,
    PlatformRefused,
    dagster_of,
)
from flamingo_bark_assets.studio.runs.events import EventStream, TooManyClients
from flamingo_bark_assets.studio.runs.grid import STATES, Grid
from flamingo_bark_assets.studio.runs.records import FAULTS

_PAGE = 100
_MOST_ROWS = 500
_TIME_TO_BEGIN_S = 120.0
_LOOK_S = 0.5
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class _Song(BaseModel):
    """Which song to run."""

    model_config = ConfigDict(extra="forbid")

    song_id: str = Field(max_length=200)
    everything: bool = False


class _Stopped(BaseModel):
    """Which run to cancel."""

    model_config = ConfigDict(extra="forbid")

    run_id: str = Field(pattern=r"^[a-z]{8}$|^[0-9a-f-]{36}$")


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of the page of runs and of the stream of events."""
    dagster = dagster_of(studio.home)
    grid = Grid(studio, dagster)
    stream = EventStream(dagster, grid.note)

    def page(request: Request) -> Response:
        steps = [{"name": step.name, "group": step.group} for step in STEPS]
        return studio.render(request, "runs.html", steps=steps, states=STATES, platform=dagster.platform)

    def rows(request: Request) -> Response:
        given = request.query_params
        if "since" in given:
            told = grid.since(_number(given.get("since"), 0, 1 << 53), _MOST_ROWS)
        else:
            only = given.get("state") or None
            if only is not None and only not in STATES:
                raise HTTPException(400, f"state is one of {', '.join(STATES)}")
            told = grid.window(
                first=_number(given.get("first"), 0, 10_000_000),
                count=_number(given.get("count"), _PAGE, _MOST_ROWS),
                only=only,
                search=given.get("search", "")[:200].casefold().strip(),
            )
        return JSONResponse({**told, "platform": dagster.platform}, headers=_STREAM_HEADERS)

    async def events(request: Request) -> Response:
        said = request.headers.get("last-event-id") or request.query_params.get("last_event_id") or ""
        last_seen = int(said) if said.isdecimal() and len(said) < 19 else None
        try:
            told = stream.listen(last_seen)
        except TooManyClients:
            headers = {"Retry-After": "10"}
            raise HTTPException(503, "too many pages listen; this one asks by itself", headers=headers) from None
        return StreamingResponse(told, media_type="text/event-stream", headers=_STREAM_HEADERS)

    async def run(request: Request) -> Response:
        asked = await read_json(request, _Song)
        return await threaded(_answered, lambda: {"run_id": _started(studio, dagster, asked)})

    async def repair(_: Request) -> Response:
        return await threaded(_answered, lambda: _repaired(dagster, grid))

    async def cancel(request: Request) -> Response:
        asked = await read_json(request, _Stopped)
        await _wait_until_it_can_be_cancelled(dagster, asked.run_id)
        return await threaded(_answered, lambda: _cancelled(dagster, asked.run_id))

    return [
        Route("/runs", page),
        Route("/api/runs/grid", rows),
        Route("/events", events),
        Route("/api/runs/start", run, methods=["POST"]),
        Route("/api/runs/repair", repair, methods=["POST"]),
        Route("/api/runs/cancel", cancel, methods=["POST"]),
    ]


def _started(studio: Studio, dagster: DagsterClient, asked: _Song) -> str:
    if asked.song_id not in list_song_ids(studio.paths):
        raise UnknownSong(f"no such song: {asked.song_id!r}; the library lists what there is")
    return dagster.run_song(asked.song_id, only_due=not asked.everything)


def _repaired(dagster: DagsterClient, grid: Grid) -> dict[str, Any]:
    songs = grid.to_repair()
    return {"songs": len(songs), "backfill_id": dagster.repair(songs) if songs else None}


async def _wait_until_it_can_be_cancelled(dagster: DagsterClient, run_id: str) -> None:
    """Wait while a run's process starts, without a thread that others need."""
    deadline = time.monotonic() + _TIME_TO_BEGIN_S
    with suppress(*FAULTS):
        while time.monotonic() < deadline and await threaded(dagster.is_starting, run_id):
            await asyncio.sleep(_LOOK_S)


def _cancelled(dagster: DagsterClient, run_id: str) -> dict[str, Any]:
    dagster.cancel(run_id)
    return {"run_id": run_id}


def _answered(work: Callable[[], dict[str, Any]]) -> Response:
    """Answer what was done; 503 where no platform runs, 409 where it refuses."""
    try:
        return JSONResponse(work())
    except (NoPlatform, PlatformRefused) as error:
        status = 503 if isinstance(error, NoPlatform) else 409
        return JSONResponse({"error": str(error), "code": error.code, "to_do": error.remedy}, status)


def _number(said: str | None, otherwise: int, most: int) -> int:
    if not said:
        return otherwise
    if not said.isdecimal() or len(said) > 17:
        raise HTTPException(400, f"{said[:40]!r} is no number")
    return min(int(said), most)
