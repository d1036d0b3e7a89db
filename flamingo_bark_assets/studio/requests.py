"""Reading what a page or a script sends, and answering faults: bounded, checked, and with one shape for all.

What every endpoint needs belongs here; what is done with it does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flamingo_bark_assets.errors import FlamingoBarkError, WriteError
from flamingo_bark_assets.studio.context import Studio, UnknownSong

MAX_JSON_BYTES = 8 * 1024 * 1024

_log = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")


async def read_json(request: Request, model: type[M], *, max_bytes: int = MAX_JSON_BYTES) -> M:
    """Read a body of JSON as a model.

    Raises:
        HTTPException: 413 where it is too long, 400 where it is not what the model says.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise HTTPException(413, f"the body is longer than {max_bytes} bytes")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(400, f"{where}: {first['msg']}" if where else first["msg"]) from error


async def threaded(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run what reads or writes files beside the event loop."""
    return await run_in_threadpool(work, *args, **kwargs)


def status_of(error: FlamingoBarkError) -> int:
    """Return the status of an answer that tells a fault: 404 for an unknown song, 507 where nothing can be written."""
    return 404 if isinstance(error, UnknownSong) else 507 if isinstance(error, WriteError) else 400


def told_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of the outside world: what it is and what to do."""
    assert isinstance(error, FlamingoBarkError)
    return _told(request, status_of(error), {"error": str(error), "code": error.code, "to_do": error.remedy})


def told_refusal(request: Request, error: Exception) -> Response:
    """Answer what an endpoint, or the router, refuses."""
    assert isinstance(error, HTTPException)
    return _told(request, error.status_code, {"error": error.detail, "to_do": None}, error.headers)


def told_crash(request: Request, error: Exception) -> Response:
    """Answer an error of ours, of which the log keeps the rest."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _told(request, 500, {"error": "the studio failed here; its log says why", "to_do": None})


def _told(
    request: Request, status: int, told: dict[str, str | None], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer JSON to scripts of pages, and a page that leads on to a person whose browser has opened the address."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        studio: Studio = request.app.state.studio
        page = studio.render(request, "fault.html", status=status, error=told["error"], to_do=told["to_do"])
        page.headers.update(headers or {})
        return page
    return JSONResponse(told, status, headers=headers)
