"""The page `/datasets`: what goes in, what stays out and why, what each trainer needs, and the exports.

Putting the page together belongs here; what it shows is counted in `facts` and `trainer_checks`.
"""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.library.layout import list_song_ids
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.datasets import export_routes
from flamingo_bark_assets.studio.datasets.facts import MEANINGS, SONGS_ON_A_PAGE, dataset_facts, songs_left_out
from flamingo_bark_assets.studio.datasets.plots import HEIGHT, WIDTH, plot
from flamingo_bark_assets.studio.datasets.trainer_checks import readiness
from flamingo_bark_assets.studio.decisions import decisions
from flamingo_bark_assets.training.suitability import RULES

_SHOWN_SONGS = 20


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the routes of the page and of exports."""

    def page(request: Request) -> Response:
        return studio.render(request, "datasets.html", **_values(studio))

    def left_out(request: Request) -> Response:
        return _left_out(studio, request)

    return [
        Route("/datasets", page),
        Route("/datasets/left-out/{code}", left_out),
        *export_routes.routes(studio),
    ]


def meaning_of(code: str) -> str:
    """Say what a reason to stay out means."""
    return MEANINGS.get(code) or f"Not met: {RULES[code]}"


def _values(studio: Studio) -> dict[str, Any]:
    settings, ids = studio.settings(), list_song_ids(studio.paths)
    facts = dataset_facts(studio.paths.warehouse, settings.exports.commercial_licences)
    if facts is None:
        return {"facts": None, "in_library": len(ids)}
    there = frozenset(ids)
    return {
        "facts": facts,
        "in_library": len(ids),
        "not_published": sorted(there - facts.song_ids)[:_SHOWN_SONGS],
        "not_published_count": len(there - facts.song_ids),
        "excluded_since": len(decisions(studio.paths).excluded & facts.inside),
        "gone_count": len(facts.song_ids - there),
        "meaning": meaning_of,
        "plots": [(each, plot(each)) for each in facts.distributions],
        "plot_size": (WIDTH, HEIGHT),
        "ready": readiness(studio.paths, settings),
        "views": [view.name for view in settings.clips.views],
    }


def _left_out(studio: Studio, request: Request) -> Response:
    code, said = request.path_params["code"], request.query_params.get("page", "1")
    number = int(said) if said.isdecimal() and int(said[:6]) > 0 else 1
    if code not in MEANINGS and code not in RULES:
        raise HTTPException(404, "songs stay out for no such reason")
    songs = songs_left_out(studio.paths.warehouse, code, number - 1) if studio.paths.warehouse.exists() else ()
    return studio.render(
        request, "datasets_left_out.html", code=code, says=meaning_of(code), songs=songs, number=number,
        has_more=len(songs) == SONGS_ON_A_PAGE,
    )  # fmt: skip
