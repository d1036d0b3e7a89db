"""The studio as one ASGI application: its pages, its static files, and the guards before them.

Putting together belongs here; every page stands in a module of its own, with a function `routes`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from flamingo_bark_assets.defs.request_guard import Application, Names, RequestGuard
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.studio import editing, health
from flamingo_bark_assets.studio.access import AccessGuard, Keys
from flamingo_bark_assets.studio.adding import page as add_page
from flamingo_bark_assets.studio.conflicts import page as conflicts_page
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.datasets import page as datasets_page
from flamingo_bark_assets.studio.library import page as library_page
from flamingo_bark_assets.studio.requests import told_crash, told_fault, told_refusal
from flamingo_bark_assets.studio.review import page as review_page
from flamingo_bark_assets.studio.runs import page as runs_page
from flamingo_bark_assets.studio.sound import routes as sound_routes

_STATIC = Path(__file__).with_name("static")
_OPEN = ("/health", "/static/")

PAGES: tuple[Callable[[Studio], list[BaseRoute]], ...] = (
    add_page.routes,
    conflicts_page.routes,
    datasets_page.routes,
    editing.routes,
    health.routes,
    library_page.routes,
    review_page.routes,
    runs_page.routes,
    sound_routes.routes,
)
"""What each module of the studio serves."""


def build_app(studio: Studio, keys: Keys, names: Names, *, port: int) -> Application:
    """Put the studio together.

    Args:
        studio: what its pages work on.
        keys: what its tokens are signed with.
        names: under which it answers.
        port: on which it listens, by which its cookie is named.
    """
    routes = [route for page in PAGES for route in page(studio)]
    pages = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=_STATIC), name="static")],
        exception_handlers={FlamingoBarkError: told_fault, HTTPException: told_refusal, Exception: told_crash},
    )
    pages.state.studio = studio
    guarded = AccessGuard(pages, keys, cookie=f"flamingo_bark_{port}", open_paths=_OPEN)
    return RequestGuard(guarded, names, only_json=False)
