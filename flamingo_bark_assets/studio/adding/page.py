"""The page `/add`: uploads, the songs that are recognised in them, and adding these to the library.

Routes and their answers belong here; see `upload_routes` for the protocol of uploads, `batches` for the songs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.parts import KINDS, STEM_KINDS
from flamingo_bark_assets.studio.adding.batch_adding import Wanted, add_wanted, holds_sound
from flamingo_bark_assets.studio.adding.batches import NO_CARDS, make_cards
from flamingo_bark_assets.studio.adding.upload_routes import PLACE, place_of, refusal, tus_routes
from flamingo_bark_assets.studio.adding.uploads import UploadRefused, Uploads
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.requests import read_json, threaded

PIECE_BYTES = 8 * 1024**2
_BATCH = "/api/batches/{batch}"


def routes(studio: Studio) -> list[BaseRoute]:
    """Make the routes of the page."""
    uploads = Uploads(studio.paths, lambda: studio.settings().studio)
    page = _AddPage(studio, uploads)
    return [
        Route("/add", page.show, methods=["GET"]),
        *tus_routes(uploads),
        Route(_BATCH, _refusing(page.cards), methods=["GET"]),
        Route(_BATCH, _refusing(page.forget), methods=["DELETE"]),
        Route(f"{_BATCH}/songs", page.add, methods=["POST"]),
    ]


def _refusing(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except UploadRefused as refused:
            return refusal(refused)

    return answer


class _AddPage:
    def __init__(self, studio: Studio, uploads: Uploads) -> None:
        self._studio = studio
        self._uploads = uploads

    def show(self, request: Request) -> Response:
        """Show the page."""
        limits = self._uploads.limits
        told = {
            "place": PLACE,
            "piece_bytes": PIECE_BYTES,
            "max_file_bytes": limits.max_file_bytes,
            "kinds": [{"kind": kind, "noun": KINDS[kind].noun} for kind in STEM_KINDS],
        }
        return self._studio.render(request, "add.html", told=told, limits=limits)

    def cards(self, request: Request) -> Response:
        """Tell what of a batch is still to come, and what songs are in the rest."""
        batch = request.path_params["batch"]
        if not self._uploads.folder(batch).is_dir():  # No fault: a page asks for what it remembers.
            return JSONResponse({"batch": batch, "is_there": False, "open": [], "given": {}, **asdict(NO_CARDS)})
        uploads = self._uploads.all_in(batch)
        cards = make_cards(
            self._studio.paths, self._uploads.files(batch), self._longest_s(), request.query_params.getlist("alone")
        )
        waiting = [
            {"path": one.path, "given": one.given, "length": one.length, "offset": one.offset, "url": place_of(one)}
            for one in uploads
            if not one.is_whole
        ]
        given = {one.path: one.given for one in uploads if one.is_whole and one.given != one.path}
        return JSONResponse({"batch": batch, "is_there": True, "open": waiting, "given": given, **asdict(cards)})

    def forget(self, request: Request) -> Response:
        """Delete a batch with its files."""
        self._uploads.remove_batch(request.path_params["batch"])
        return JSONResponse({})

    async def add(self, request: Request) -> Response:
        """Add the songs of a batch that a person has chosen, as they were corrected."""
        wanted = await read_json(request, Wanted)
        try:
            return await threaded(self._add, request.path_params["batch"], wanted)
        except UploadRefused as refused:
            return refusal(refused)

    def _add(self, batch: str, wanted: Wanted) -> Response:
        files = self._uploads.files(batch)
        told = add_wanted(self._studio.paths, files, wanted, self._longest_s())
        is_done = not holds_sound(files) and all(one.is_whole for one in self._uploads.all_in(batch))
        if is_done:
            self._uploads.remove_batch(batch)
        return JSONResponse({"songs": [asdict(one) for one in told], "is_done": is_done})

    def _longest_s(self) -> float:
        return self._studio.settings().thresholds.max_duration_s
