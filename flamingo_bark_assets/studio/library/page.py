"""The first page: the library as a table, in windows, and what stands in song.toml of the songs that are chosen.

What addresses answer belongs here; the rows come from `index`, and changes are saved by `editing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.judgements import Place, place_text
from flamingo_bark_assets.library.layout import find_song_folder
from flamingo_bark_assets.library.song_toml_edits import lock_holds, read_places
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.library.index import LibraryIndex
from flamingo_bark_assets.studio.library.query import Asked, Column, Filter, matching_ids, read_asked, window
from flamingo_bark_assets.studio.requests import read_json, threaded

_MAX_SONGS = 20_000

BULK_PLACES: tuple[Place, ...] = (
    ("genres",), ("edits", "mix", "mood"), ("licence",), ("attribution",), ("custom_tag",), ("repeats",), ("review",),
)  # fmt: skip
"""What many songs can be given at once."""

_HEADS: dict[Column, str] = {
    "title": "Song", "length": "Length", "bpm": "Tempo", "key": "Key", "genre": "Genre", "captioner": "Captions",
    "stems": "Stems", "fit": "For training", "review": "Review", "conflicts": "Conflicts",
}  # fmt: skip
_FILTER_NAMES: dict[Filter, str] = {
    "fit": "fit", "unfit": "unfit", "not_run": "not run yet", "unreviewed": "unreviewed", "accepted": "accepted",
    "excluded": "excluded", "conflicts": "has conflicts", "no_lyrics": "no lyrics", "no_licence": "no licence",
    "fallback": "fallback captions", "changed": "edited since the last run",
}  # fmt: skip


class _Chosen(BaseModel):
    """Songs that were chosen."""

    model_config = ConfigDict(extra="forbid")

    songs: list[str] = Field(min_length=1, max_length=_MAX_SONGS)


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of the library page."""
    index = LibraryIndex(studio.paths)

    def page(request: Request) -> Response:
        asked, problems = read_asked(request.query_params)
        library = index.current()
        found = window(library.songs, asked)
        if not found.rows and found.total:  # Songs went meanwhile: the last page that there is.
            asked, _ = read_asked({**request.query_params, "page": str(-(-found.total // asked.limit)), "offset": ""})
            found = window(library.songs, asked)
        if library.problem:
            problems = [*problems, library.problem]
        last = max(0, found.total - 1) // asked.limit * asked.limit
        return studio.render(
            request, "library.html", asked=asked, window=found, songs=library.songs.height, problems=problems,
            heads=_HEADS, filters=_FILTER_NAMES, last=last, by=studio.by,
        )  # fmt: skip

    def rows(request: Request) -> Response:
        library = index.current()
        found = window(library.songs, _strictly_asked(request.query_params))
        return JSONResponse(
            {"version": library.version, "songs": library.songs.height, "problem": library.problem,
             "total": found.total, "counts": found.counts, "rows": found.rows}
        )  # fmt: skip

    def ids(request: Request) -> Response:
        return JSONResponse({"songs": matching_ids(index.current().songs, _strictly_asked(request.query_params))})

    async def said(request: Request) -> Response:
        chosen = await read_json(request, _Chosen)
        return JSONResponse(await threaded(_said, studio, chosen.songs))

    return [
        Route("/", page),
        Route("/api/library", rows),
        Route("/api/library/songs", ids),
        Route("/api/library/said", said, methods=["POST"]),
    ]


def _strictly_asked(parameters: Mapping[str, str]) -> Asked:
    asked, problems = read_asked(parameters)
    if problems:
        raise HTTPException(400, "; ".join(problems))
    return asked


def _said(studio: Studio, song_ids: list[str]) -> dict[str, Any]:
    """Return what song.toml of songs says at the places of a bulk edit, and which of them it locks."""
    songs: dict[str, dict[str, Any]] = {}
    locked: dict[str, list[str]] = {}
    faults: list[str] = []
    for song_id in song_ids:
        try:
            found = read_places(find_song_folder(studio.paths, song_id), (*BULK_PLACES, ("locked",)))
        except LibraryError as error:
            faults.append(str(error))
            continue
        locks = found.pop(("locked",))
        songs[song_id] = {place_text(place): value for place, value in found.items() if value is not None}
        if names := [place_text(place) for place in BULK_PLACES if lock_holds(locks, place)]:
            locked[song_id] = names
    return {"songs": songs, "locked": locked, "faults": faults}
