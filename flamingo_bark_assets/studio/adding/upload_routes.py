"""Resumable uploads over HTTP: the core of tus 1.0 with creation and termination, see tus.io/protocols.

Headers, statuses and the stream of a body belong here; where the bytes lie stands in `uploads`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.studio.adding.uploads import Upload, UploadRefused, Uploads, Writer

VERSION = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
PLACE = "/api/uploads"
_EXTENSIONS = "creation,termination"
_WRITTEN_AT_ONCE = 256 * 1024
# Pieces that are taken at a time, each of which holds so much and what the server has read ahead: more than all
# connections that a browser opens to one host, of several people.
MOST_PIECES = 64
# Nothing comes for so long: the connection is gone though nobody said so, and another must be let in.
_IDLE_S = 60.0
# What is read of a body that is refused, so that the browser reads the answer and not a reset connection.
_READ_AWAY = 16 * 1024**2


def tus_routes(uploads: Uploads) -> list[BaseRoute]:
    """Make the routes of the protocol."""
    begun = _Tus(uploads)
    return [
        Route(PLACE, begun.all, methods=["OPTIONS", "POST"]),
        Route(f"{PLACE}/{{batch}}/{{upload_id}}", begun.one, methods=["OPTIONS", "HEAD", "PATCH", "DELETE", "POST"]),
    ]


def place_of(upload: Upload) -> str:
    """Return the URL of an upload, without host."""
    return f"{PLACE}/{upload.batch}/{upload.upload_id}"


def refusal(refused: UploadRefused, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the answer that tells why something is refused, and what to do."""
    return JSONResponse({"error": str(refused), "to_do": refused.to_do}, refused.status, headers=headers)


def _answering(endpoint: Callable[[_Tus, Request], Any]) -> Callable[[_Tus, Request], Any]:
    """Answer refusals as the protocol wants it, and refuse other versions of it."""

    @wraps(endpoint)
    async def answer(self: _Tus, request: Request) -> Response:
        headers = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
        if request.method == "OPTIONS":
            largest = str((await run_in_threadpool(lambda: self.uploads.limits)).max_file_bytes)
            told = {"Tus-Version": VERSION, "Tus-Extension": _EXTENSIONS, "Tus-Max-Size": largest}
            return Response(status_code=204, headers=headers | told)
        try:
            if request.headers.get("tus-resumable") != VERSION:
                headers["Tus-Version"] = VERSION
                raise UploadRefused(412, f"only tus {VERSION} is spoken here", "Send the header Tus-Resumable")
            response: Response = await endpoint(self, request)
        except UploadRefused as refused:
            await _read_away(request)
            if refused.offset is not None:
                headers["Upload-Offset"] = str(refused.offset)
            return refusal(refused, headers)
        response.headers.update(headers)
        return response

    return answer


class _Tus:
    def __init__(self, uploads: Uploads) -> None:
        self.uploads = uploads
        self._pieces = 0

    @_answering
    async def all(self, request: Request) -> Response:
        """Begin an upload."""
        if "upload-defer-length" in request.headers:
            raise UploadRefused(400, "the length must be known when an upload begins", "Send Upload-Length")
        length = _number(request, "Upload-Length")
        said = _metadata(request.headers.get("upload-metadata", ""))
        given = said.get("relativePath") or said.get("filename")
        if not given:
            raise UploadRefused(400, "Upload-Metadata holds no filename", "Send filename or relativePath in base64")
        batch = said.get("batch") or secrets.token_hex(16)
        upload = await run_in_threadpool(self.uploads.create, batch, length, given)
        headers = {"Location": place_of(upload), "Upload-Offset": str(upload.offset)}
        return Response(status_code=201, headers=headers)

    @_answering
    async def one(self, request: Request) -> Response:
        """Tell how much of an upload is here, append to it, or forget it."""
        batch, upload_id = request.path_params["batch"], request.path_params["upload_id"]
        method = request.method
        if method == "POST":  # For those behind something that lets nothing else pass.
            method = request.headers.get("x-http-method-override", "").upper()
        if method == "DELETE":
            await run_in_threadpool(self.uploads.remove, batch, upload_id)
            return Response(status_code=204)
        if method not in {"HEAD", "PATCH"}:
            raise UploadRefused(405, "an upload takes HEAD, PATCH and DELETE", "Use one of these")
        upload = await run_in_threadpool(self.uploads.find, batch, upload_id)
        if method == "HEAD":
            headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.length)}
            return Response(status_code=200, headers=headers)
        return await self._append(request, upload)

    async def _append(self, request: Request, upload: Upload) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE_TYPE:
            raise UploadRefused(415, f"a piece is sent as {PIECE_TYPE}", "Send that as Content-Type")
        offset = _number(request, "Upload-Offset")
        if upload.is_whole:
            if offset != upload.length:
                raise UploadRefused(409, "the whole file is here already", "Send nothing", offset=upload.length)
            return Response(status_code=204, headers={"Upload-Offset": str(upload.length)})
        if self._pieces >= MOST_PIECES:
            raise UploadRefused(503, f"{MOST_PIECES} pieces are being sent; no more are taken", "Send it again soon")
        self._pieces += 1
        try:
            return await self._append_alone(request, upload, offset)
        finally:
            self._pieces -= 1

    async def _append_alone(self, request: Request, upload: Upload, offset: int) -> Response:
        writing = self.uploads.writing(upload, offset)
        writer = await run_in_threadpool(writing.__enter__)
        try:
            if (comes := request.headers.get("content-length", "")).isdigit() and offset + int(comes) > upload.length:
                raise UploadRefused(
                    413,
                    f"with these {comes} bytes the file would be longer than the {upload.length} it was said to have",
                    "Send what is missing, or remove it and send it again",
                )
            await _write(request, writer)
            await run_in_threadpool(writer.finish)
        finally:
            writing.__exit__(None, None, None)
        return Response(status_code=204, headers={"Upload-Offset": str(writer.offset)})


async def _write(request: Request, writer: Writer) -> None:
    """Append the body as it comes; what has come before the connection is cut, or the server is stopped, is kept."""
    held = bytearray()
    try:
        async for chunk in _chunks(request):
            held += chunk
            del chunk
            if len(held) >= _WRITTEN_AT_ONCE:
                data = bytes(held)
                held.clear()
                await run_in_threadpool(writer.write, data)
    finally:
        if held:
            writer.write(bytes(held))


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Give what is left of a body, until it ends, is cut off, or nothing comes any more.

    While the next chunk is waited for, this one is not kept, if who takes it lets it go too.
    """
    while not getattr(request.state, "body_ended", False):
        try:
            async with asyncio.timeout(_IDLE_S):
                message = await request.receive()
        except TimeoutError:
            message = {"type": "http.disconnect"}
        request.state.body_ended = not message.get("more_body", False)
        body = message.pop("body", b"")
        if body:
            yield body
        del body


async def _read_away(request: Request) -> None:
    """Read what is left of a body, as far as a browser's piece may go."""
    if request.method == "HEAD":
        return
    seen = 0
    async for chunk in _chunks(request):
        seen += len(chunk)
        del chunk
        if seen > _READ_AWAY:
            return


def _number(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UploadRefused(400, f"{header} is not a number of bytes: {text[:40]!r}", f"Send {header}")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    """Read ``key base64,key base64``; header bytes that are no base64 of UTF-8 are refused."""
    said: dict[str, str] = {}
    for pair in filter(None, map(str.strip, header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            said[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as error:
            raise UploadRefused(400, f"Upload-Metadata: {key[:40]!r} is no base64 of UTF-8", "Encode it so") from error
    return said
