"""The page `/conflicts`: all disputed claims as one queue, each kept, dropped or settled by a correction.

Requests and answers belong here; the queue stands in `queue`, decisions go through `/api/edits`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.library.judgements import place_text
from flamingo_bark_assets.note_names import KEYS
from flamingo_bark_assets.studio.conflicts.queue import Conflict, Filters, queue_page
from flamingo_bark_assets.studio.context import Studio

_NOTHING = {
    "is_published": False, "total": 0, "page": 1, "pages": 1, "kinds": [], "captioners": [], "conflicts": [],
}  # fmt: skip


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of the page."""

    def page(request: Request) -> Response:
        return studio.render(request, "conflicts.html")

    def queue(request: Request) -> Response:
        asked = request.query_params
        filters = Filters(asked.get("kind") or None, asked.get("song") or None, asked.get("captioner") or None)
        said = asked.get("page", "1")
        found = queue_page(studio.paths, filters, int(said[:6]) if said.isdecimal() else 1)
        if found is None:
            return JSONResponse(_NOTHING)
        return JSONResponse(
            {
                "is_published": True, "total": found.total, "page": found.page, "pages": found.pages,
                "kinds": found.kinds, "captioners": found.captioners, "keys": KEYS,
                "conflicts": [_told(each) for each in found.conflicts],
            }
        )  # fmt: skip

    return [Route("/conflicts", page), Route("/api/conflicts", queue)]


def _told(conflict: Conflict) -> dict[str, Any]:
    which = conflict.disputed
    return {
        "song_id": which.song_id, "title": conflict.title, "part": which.part, "question": which.question,
        "kind": which.kind, "claimed": which.claimed, "said": conflict.said, "captioner": which.captioner,
        "model_id": conflict.model_id, "place": place_text(("corrections", "claims", which.name)),
        "segments": [[segment.text, segment.is_claim] for segment in conflict.segments],
        "measured": conflict.measured, "method": conflict.method, "confidence": conflict.confidence,
        "sound": f"/sound/{which.song_id}/{conflict.lane}.wav#t={conflict.start_s:g},{conflict.end_s:g}",
        "start_s": conflict.start_s, "end_s": conflict.end_s, "lane": conflict.lane,
        "corrects": conflict.corrects,
        "tempo_bpm": conflict.tempo_bpm, "key": conflict.key, "metre": conflict.metre,
    }  # fmt: skip
