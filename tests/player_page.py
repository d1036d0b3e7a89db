"""A page that holds the player of one song, in the real studio, and a browser that looks at it.

Serving and opening belong here; what is played stands in the tests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.defs.request_guard import Names
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio import app
from flamingo_bark_assets.studio.access import Keys, new_keys
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.running import link
from tests.running import free_port

_TEMPLATE = """{% extends "base.html" %}
{% block title %}{{ song_id }}{% endblock %}
{% block styles %}<link rel="stylesheet" href="/static/player.css">{% endblock %}
{% block main %}<h1>{{ song_id }}</h1><div id="player" data-song-id="{{ song_id }}"></div>{% endblock %}
"""
_MOUNT = """async ([songId]) => {
  const {mountPlayer} = await import("/static/player.js");
  window.player = mountPlayer(document.getElementById("player"), songId);
  await window.player.ready;
}"""
_WATCH = 'addEventListener("securitypolicyviolation", (event) => console.error("policy", event.violatedDirective))'


@dataclass(frozen=True)
class ServedStudio:
    """A studio that is served in this process.

    Attributes:
        url: where it is.
        keys: what its tokens are signed with.
    """

    url: str
    keys: Keys


@contextmanager
def served_studio(paths: DataPaths, home: Path) -> Iterator[ServedStudio]:
    """Serve the studio, with a page ``/player/<song>`` that holds nothing but a player."""
    pages = app.PAGES
    app.PAGES = (*pages, _routes)
    keys, port = new_keys(home), free_port()
    try:
        application = app.build_app(Studio(paths, home), keys, Names.of("127.0.0.1"), port=port)
    finally:
        app.PAGES = pages
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield ServedStudio(f"http://127.0.0.1:{port}", keys)
    finally:
        server.should_exit = True
        thread.join()


def _routes(studio: Studio) -> list[BaseRoute]:
    from flamingo_bark_assets.studio import context

    template = context._templates().from_string(_TEMPLATE)

    def page(request: Request) -> Response:
        values = {"form_token": request.state.form_token, "path": "/", "song_id": request.path_params["song_id"]}
        return Response(template.render(values), media_type="text/html")

    return [Route("/player/{song_id}", page)]


@dataclass
class PlayerPage:
    """A player in a browser.

    Attributes:
        page: the browser's page.
        complaints: what its console said in error, violations of the policy included.
        hosts: hosts that were asked for anything.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def ask(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of the page's player."""
        return self.page.evaluate(script, argument)


def open_player(page: Page, studio: ServedStudio, song_id: str) -> PlayerPage:
    """Sign in, open a song's player, and wait until it is known what there is to play."""
    opened = PlayerPage(page)
    page.on("console", lambda message: opened.complaints.extend([message.text] if message.type == "error" else []))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.hosts.add(request.url.split("/")[2]))
    page.add_init_script(_WATCH)
    page.goto(link(studio.url, studio.keys).replace("/?", f"/player/{song_id}?"))
    page.evaluate(_MOUNT, [song_id])
    return opened
