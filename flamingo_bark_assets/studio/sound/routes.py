"""The addresses under which the page gets a song's sound, its peaks, and what is drawn over it.

What a request may ask and what it is answered belongs here; making previews stands in `previews`.

Nothing of an address becomes part of a path: a song's identifier is checked, a lane is looked up among the song's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.errors import AudioFault, FlamingoBarkError, LibraryError, WriteError
from flamingo_bark_assets.library.ids import is_song_id
from flamingo_bark_assets.studio.requests import status_of
from flamingo_bark_assets.studio.sound.lanes import find_lanes
from flamingo_bark_assets.studio.sound.peaks import OVERVIEW_HZ, ZOOM_HZ
from flamingo_bark_assets.studio.sound.previews import Preview, PreviewsBusy, Unplayable, previews_of
from flamingo_bark_assets.studio.sound.song_sound import describe_sound

if TYPE_CHECKING:
    from flamingo_bark_assets.studio.context import Studio

_Endpoint = Callable[[Request], Response]
_REPLACE = "replace the file, or leave it out of the song"


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of a studio's sound."""
    previews = previews_of(studio.paths)

    def preview(request: Request) -> Preview:
        song_id = request.path_params["song_id"]
        if not is_song_id(song_id):
            raise LibraryError("there is no such song")
        return previews.preview(song_id, previews.lane(song_id, request.path_params["lane"]))

    @_answered
    def sound(request: Request) -> Response:
        made = preview(request)
        return _file(request, made.sound.as_posix(), made.key, "audio/wav")

    @_answered
    def peaks(request: Request) -> Response:
        asked = request.query_params.get("rate", str(OVERVIEW_HZ))
        if asked not in {str(OVERVIEW_HZ), str(ZOOM_HZ)}:
            return _refusal(400, f"there are peaks at {OVERVIEW_HZ} and {ZOOM_HZ} pairs a second")
        made = preview(request)
        path = made.overview if asked == str(OVERVIEW_HZ) else made.zoom
        return _file(request, path.as_posix(), f"{made.key}-{asked}", "application/octet-stream")

    @_answered
    def mini(request: Request) -> Response:
        song_id = request.path_params["song_id"]
        if not is_song_id(song_id):
            raise LibraryError("there is no such song")
        find_lanes(studio.paths, song_id)
        pairs = previews.mini_peaks(song_id, make=True)
        # No fault: a library may hold many songs without a mix that can be played.
        return JSONResponse({"pairs": pairs})

    @_answered
    def described(request: Request) -> Response:
        song_id = request.path_params["song_id"]
        if not is_song_id(song_id):
            raise LibraryError("there is no such song")
        return JSONResponse(describe_sound(studio.paths, previews, song_id), headers={"Cache-Control": "no-store"})

    return [
        Route("/sound/{song_id}/{lane}.wav", sound),
        Route("/sound/{song_id}/{lane}.peaks", peaks),
        Route("/sound/{song_id}/mini.json", mini),
        Route("/api/songs/{song_id}/sound", described),
    ]


def _file(request: Request, path: str, version: str, media_type: str) -> Response:
    """Answer with a file or the ranges of it that were asked for; with nothing where the browser has it already."""
    headers = {"ETag": f'"{version}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers)


def _answered(endpoint: _Endpoint) -> _Endpoint:
    """Turn what can go wrong with a song's sound into an answer that says what it is and what to do."""

    @wraps(endpoint)
    def answering(request: Request) -> Response:
        try:
            return endpoint(request)
        except PreviewsBusy:
            return _refusal(503, "other sounds are being prepared", "ask again in two seconds", retry=True)
        except AudioFault as fault:
            song_id = request.path_params["song_id"]
            return _refusal(409, f"song '{song_id}': {fault.path.name}: {fault.problem}", fault.advice or _REPLACE)
        except Unplayable as fault:
            return _refusal(409, str(fault), _REPLACE)
        except WriteError as error:
            return _refusal(status_of(error), f"the preview cannot be kept: {error}")
        except FlamingoBarkError as error:
            return _refusal(404, str(error))

    return answering


def _refusal(status: int, error: str, to_do: str | None = None, *, retry: bool = False) -> Response:
    headers = {"Retry-After": "2"} if retry else None
    return JSONResponse({"error": error, "to_do": to_do}, status, headers)
