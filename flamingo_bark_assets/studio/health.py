"""Whether the studio and what it stands on are well, for whoever watches it: `/health`, which needs no token.

Cheap looks at each part belong here, whose answers name no path and no secret; `flamingo-bark doctor` says more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.space import LEAST_FREE_BYTES, free_bytes
from flamingo_bark_assets.inference.availability import ready_models
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.runs.dagster_client import dagster_of
from flamingo_bark_assets.studio.runs.records import FAULTS

_KEPT_S = 1.0
_BEAT_KEPT_S = 5.0
_MODELS_KEPT_S = 30.0
# The daemon beats every 30 s; under load a beat may be missed.
_LATEST_BEAT_S = 120.0
_DOCTOR = "`flamingo-bark doctor` says why"

Part = dict[str, Any]


def routes(studio: Studio) -> list[BaseRoute]:
    """Return the route of health."""
    looked = Kept(_KEPT_S, Looks(studio).all)

    def health(_: Request) -> Response:
        parts = looked.value()
        bad = [name for name, part in parts.items() if not part["ok"]]
        said = {
            "status": "bad" if bad else "ok",
            "bad": bad,
            "version": version("flamingo-bark-assets"),
            "parts": parts,
        }
        return JSONResponse(said, 503 if bad else 200, {"Cache-Control": "no-store"})

    return [Route("/health", health)]


class Kept:
    """A value that is looked up at most once in a while, however many ask for it."""

    def __init__(self, kept_s: float, look: Callable[[], dict[str, Part]]) -> None:
        """Look at nothing yet."""
        self._kept_s = kept_s
        self._look = look
        self._lock = threading.Lock()
        self._until_s = 0.0
        self._value: dict[str, Part] = {}

    def value(self) -> dict[str, Part]:
        """Return the value, looked up anew where it is too old."""
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._value = self._look()
                self._until_s = time.monotonic() + self._kept_s
            return self._value


class Looks:
    """The looks at each part; what is dear is looked at again only when its file changes, or once in a while."""

    def __init__(self, studio: Studio) -> None:
        """Look at nothing yet."""
        self._studio = studio
        self._dagster = dagster_of(studio.home)
        self._warehouse: tuple[tuple[int, ...], Part] | None = None
        self._daemon = Kept(_BEAT_KEPT_S, self._look_for_beat)
        self._captioner = Kept(_MODELS_KEPT_S, self._look_for_models)

    def all(self) -> dict[str, Part]:
        """Look at each part."""
        return {
            "disk": self._disk(),
            "feature_store": self._feature_store(),
            "warehouse": self._look_at_warehouse(),
            "queue": self._queue(),
            **self._daemon.value(),
            **self._captioner.value(),
        }

    def _disk(self) -> Part:
        try:
            free = min(free_bytes(self._studio.paths.root)[0], free_bytes(self._studio.home)[0])
        except OSError:
            return {"ok": False, "free_bytes": None, "problem": f"the disk does not answer; {_DOCTOR}"}
        if free < LEAST_FREE_BYTES:
            return {"ok": False, "free_bytes": free, "problem": "too little is free; `flamingo-bark clean` frees some"}
        return {"ok": True, "free_bytes": free}

    def _feature_store(self) -> Part:
        """Read the end of one stored file, of the first table that has one."""
        folder = self._studio.paths.features
        if not folder.exists():
            return {"ok": True, "state": "none yet"}
        try:
            store = FeatureStore(folder)
            song_id = store.any_song()
            if song_id is None:
                return {"ok": True, "state": "empty"}
            is_whole = store.token(song_id) is not None
        except (OSError, FlamingoBarkError):
            is_whole = False
        if not is_whole:
            return {"ok": False, "state": "cannot be read", "problem": _DOCTOR}
        return {"ok": True, "state": "readable"}

    def _look_at_warehouse(self) -> Part:
        path = self._studio.paths.warehouse
        try:
            status = path.stat()
        except FileNotFoundError:
            return {"ok": True, "state": "none yet"}
        except OSError:
            return {"ok": False, "state": "cannot be read", "problem": _DOCTOR}
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
        if self._warehouse is None or self._warehouse[0] != stamp or not self._warehouse[1]["ok"]:
            self._warehouse = (stamp, _warehouse(path))
        return self._warehouse[1]

    def _queue(self) -> Part:
        try:
            queue = self._dagster.queue()
        except FAULTS:
            problem = f"Dagster's databases cannot be read; {_DOCTOR}"
            return {"ok": False, "queued": None, "under_way": None, "problem": problem}
        return {"ok": True, "queued": queue.queued, "under_way": queue.under_way}

    def _look_for_beat(self) -> dict[str, Part]:
        """Ask the platform; one that is too busy to answer soon is not called bad, as nothing is known of it."""
        running = self._dagster.platform is not None
        beat = self._dagster.heartbeat()
        age = None if beat.age_s is None else round(beat.age_s, 1)
        daemon: Part = {"ok": not beat.is_fault, "platform_runs": running, "heartbeat_age_s": age}
        if beat.unknown is not None:
            daemon["problem" if beat.is_fault else "unknown"] = beat.unknown
        elif beat.age_s is None:
            problem = "a part of the daemon has not beaten: it starts, or else stop the platform and start it again"
            daemon |= {"ok": False, "problem": problem}
        elif beat.age_s > _LATEST_BEAT_S:
            daemon |= {"ok": False, "problem": "the daemon does not beat; stop the platform and start it again"}
        return {"daemon": daemon}

    def _look_for_models(self) -> dict[str, Part]:
        try:
            here = ready_models(self._studio.settings().inference)
        except (FlamingoBarkError, OSError):
            return {"captioner": {"ok": False, "ready": None, "problem": f"the settings cannot be used; {_DOCTOR}"}}
        # A model may be a folder of the user's, whose path is nobody's business.
        ready = Path(here[0].partition(": ")[0]).expanduser() if here else None
        name = "measured" if ready is None else (ready.name if ready.is_absolute() else str(ready))
        return {"captioner": {"ok": True, "ready": name, "is_fallback": not here}}


def _warehouse(path: Path) -> Part:
    try:
        ((songs,),) = query(path, "SELECT count(*) FROM song_metadata").rows
    except (FlamingoBarkError, OSError):
        return {"ok": False, "state": "cannot be read", "problem": "publish feature_warehouse again"}
    return {"ok": True, "state": "readable", "songs": songs}
