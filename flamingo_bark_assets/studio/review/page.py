"""The page of one song: heard, read, corrected and judged; its data, its downloads, and the way to the next one.

Routes and what they answer belong here; what is known of a song is put together in `song_data`.
"""

from __future__ import annotations

import dataclasses
import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_bytes
from flamingo_bark_assets.library.ids import is_song_id
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.review.progress import ReviewOrder, tell_progress
from flamingo_bark_assets.studio.review.song_data import song_data
from flamingo_bark_assets.studio.review.words import read_words
from flamingo_bark_assets.training.files import dataset_files

_MAX_DOWNLOAD_BYTES = 64 * 1024 * 1024
_STATES = ("unreviewed", "accepted", "excluded")


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of the page of a song."""
    order = ReviewOrder(studio.paths)

    def song_of(request: Request) -> SongFiles:
        return studio.song(request.path_params["song_id"])

    def page(request: Request) -> Response:
        files = song_of(request)
        title = read_words(files).at(("title",))
        shown = title if isinstance(title, str) else files.song_id
        return studio.render(request, "review.html", song_id=files.song_id, title=shown)

    def data(request: Request) -> Response:
        body = json.dumps(song_data(studio, song_of(request)), ensure_ascii=False, allow_nan=False)
        return Response(body, media_type="application/json")

    def progress(request: Request) -> Response:
        return JSONResponse(tell_progress(studio.paths, song_of(request), studio.settings()))

    def download(request: Request) -> Response:
        files = song_of(request)
        known = dataclasses.asdict(dataset_files(studio.paths, files.song_id))
        path = known.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404, f"there is no such file; there are {', '.join(known)}")
        try:
            body = read_bytes(path, max_bytes=_MAX_DOWNLOAD_BYTES, within=studio.paths.datasets)
        except FileFault as fault:
            raise HTTPException(404, f"{path.name}: {fault}; run the song to make it") from fault
        headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return Response(body, media_type="application/octet-stream", headers=headers)

    def following(request: Request) -> Response:
        after, state = request.query_params.get("after"), request.query_params.get("state", "unreviewed")
        if after is not None and not is_song_id(after):
            raise HTTPException(400, "after names no song")
        if state not in {*_STATES, "any"}:
            raise HTTPException(400, f"state is one of {', '.join(_STATES)} or any")
        before, behind = order.neighbours(after) if after is not None else (None, None)
        found = order.next(after, None if state == "any" else state)
        return JSONResponse({"song_id": found, "before": before, "behind": behind})

    return [
        Route("/songs/{song_id}", page),
        Route("/songs/{song_id}/files/{name}", download),
        Route("/api/songs/{song_id}", data),
        Route("/api/songs/{song_id}/progress", progress),
        Route("/api/next", following),
    ]
