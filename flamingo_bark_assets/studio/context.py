"""What every page of the studio works on: the folders, the settings, the templates, and who sits before it.

Only what pages share belongs here; each page stands in a module of its own.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song, list_song_ids
from flamingo_bark_assets.settings import Settings, load_settings

FORM_TOKEN = "form_token"
"""In a request's state: what a change that its page asks for must carry."""


def user_name() -> str:
    """Return by what name changes are journalled: the login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "somebody"


@dataclass(frozen=True, slots=True)
class Studio:
    """The studio over one data folder.

    Attributes:
        paths: the data folder.
        home: DAGSTER_HOME, where a running platform is found.
        by: who edits.
    """

    paths: DataPaths
    home: Path
    by: str = field(default_factory=user_name)

    def settings(self) -> Settings:
        """Read the settings anew.

        Raises:
            ConfigurationError: the settings file is wrong.
        """
        return load_settings(self.paths.settings)

    def song(self, song_id: str) -> SongFiles:
        """Find a song of the library.

        Raises:
            LibraryError: there is no such song.
        """
        if song_id not in list_song_ids(self.paths):
            raise UnknownSong(f"no such song: {song_id!r}; the library lists what there is")
        return find_song(self.paths, song_id)

    def render(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page; all that `values` hold is escaped."""
        shared = {
            "request": request,
            "form_token": getattr(request.state, FORM_TOKEN, ""),
            "path": request.url.path,
            "version": version("flamingo-bark-assets"),
            "library_name": self.paths.root.name,
        }
        return HTMLResponse(_templates().get_template(template).render({**shared, **values}), status)


class UnknownSong(LibraryError):
    """There is no such song."""

    code = "FB202"
    remedy = "Look into the library for the songs that there are."


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("flamingo_bark_assets.studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
