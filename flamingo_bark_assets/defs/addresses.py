"""Where the platform is served, whether that can be listened on, and which platform is at work on a home.

What is asked before or beside a platform that runs belongs here, without Dagster; how one is run stands in `serving`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import ServingError

PLATFORM_LOCK = ".platform.lock"
"""The file in a home that its platform holds, with its address."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Address:
    """Where the UI is served.

    Attributes:
        host: name or address to listen on.
        port: TCP port.
        allowed: further names under which it answers.
    """

    host: str
    port: int
    allowed: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def check_free(address: Address, *, option: str = "--port") -> None:
    """Check that an address can be listened on; `option` chooses another.

    Raises:
        ServingError: it cannot.
    """
    try:
        found = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        with closing(socket.socket(family, kind, protocol)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(
            f"cannot listen on {address.host}:{address.port}: {reason}; {option} takes another"
        ) from error


def running_platform(home: Path) -> str | None:
    """Return the address of the platform that is at work on a home; None where there is none."""
    try:
        descriptor = os.open(home / PLATFORM_LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if locked(descriptor, timeout_s=0.0) else os.pread(descriptor, 200, 0).decode().strip()
    finally:
        os.close(descriptor)


def locked(descriptor: int, *, timeout_s: float) -> bool:
    """Lock an open file, or wait a while for that; tell whether it is locked."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_S)
        else:
            return True
