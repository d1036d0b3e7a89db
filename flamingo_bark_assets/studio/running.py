"""The studio's server: started, and its links made.

Starting and links belong here; what is served stands in `app`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flamingo_bark_assets.defs.addresses import Address
from flamingo_bark_assets.defs.request_guard import Names
from flamingo_bark_assets.errors import ServingError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.access import LINK_PARAMETER, Keys, new_keys, read_keys
from flamingo_bark_assets.studio.context import Studio

# Requests that read or write files at a time. Each may hold a whole query in memory, so that the server's memory is
# bounded by this number, whatever number of clients asks.
_THREADS = 8
# glibc's, in malloc.h. It gives each thread an arena of its own, which keeps what was freed in it from all others.
_M_ARENA_MAX, _ARENAS = -8, 2


def run_studio(
    paths: DataPaths, home: Path, *, host: str, port: int, allowed: tuple[str, ...], tell: Callable[[str], None]
) -> None:
    """Serve the studio until it is interrupted; a link that signs a browser in is told once it listens.

    Raises:
        ConfigurationError: its keys cannot be used.
        WriteError: DAGSTER_HOME cannot be written.
    """
    import anyio.to_thread
    import uvicorn

    from flamingo_bark_assets.studio.app import build_app

    _share_arenas()
    keys = new_keys(home)
    url = Address(host, port).url
    application = build_app(Studio(paths, home), keys, Names.of(host, allowed), port=port)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
            await super().startup()
            anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
            if self.started:
                tell(f"Studio on {link(url, keys)} (the link signs one browser in, once)")

    config = uvicorn.Config(
        application, host=host, port=port, log_level="warning", proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    Server(config).run()


def _share_arenas() -> None:
    """Let all threads share two arenas of memory: a tenth less is kept than with one each."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def link(url: str, keys: Keys) -> str:
    """Return an address that signs one browser in, once."""
    return f"{url}/?{LINK_PARAMETER}={keys.new_link_token()}"


def known_keys(home: Path) -> Keys:
    """Return the keys of the studio that was started last.

    Raises:
        ServingError: none ever was.
        ConfigurationError: they cannot be used.
    """
    keys = read_keys(home)
    if keys is None:
        raise ServingError(f"no studio was started with DAGSTER_HOME {home}; `flamingo-bark studio` starts it")
    return keys
