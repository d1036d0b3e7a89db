"""What stands in front of a web page of ours: only requests from pages that we served, under names that are ours.

Rules about hosts, origins and methods belong here, and hold for any ASGI application; what is served does not.

Dagster's webserver takes mutations by GET and from any origin, so that any page in the browser could launch a run, and
by DNS rebinding read the answers too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = {"0.0.0.0", "::", ""}
_READING = {"GET", "HEAD", "OPTIONS"}
# A browser sends these to another origin only after asking it, and is told no.
_ASKED_FOR_FIRST = ("application/json", "application/graphql")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Names:
    """The names under which a server may be asked.

    Attributes:
        names: host names and addresses, in lower case.
        any_address: whether a bare IP address will do; no page of another's can have one for a name.
    """

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, host: str, allowed: Iterable[str] = ()) -> Names:
        """Return the names of a server that listens on `host`: loopback, what it listens on, and what was allowed."""
        told = {name.lower() for name in allowed} | ({host.lower()} - _WILDCARDS)
        return cls(LOOPBACK | told, any_address=host in _WILDCARDS)

    def hold(self, host_header: str) -> bool:
        """Return whether a Host header names this server; any port will do."""
        try:
            name = urlsplit(f"//{host_header}").hostname or ""
        except ValueError:
            return False
        return name in self.names or (self.any_address and _is_address(name))


class RequestGuard:
    """ASGI middleware that refuses what no page of ours has asked for."""

    def __init__(self, application: Application, names: Names, *, only_json: bool = True) -> None:
        """Stand in front of `application`, which is asked under `names` only.

        Args:
            application: what is guarded.
            names: under which it may be asked.
            only_json: whether changes must be sent as JSON, which no form of another page can; one that guards its
                changes by a token of their own takes other bodies too.
        """
        self._application = application
        self._names = names
        self._only_json = only_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with a status and a line that says why."""
        refusal = _refusal(scope, self._names, self._only_json) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self._application(scope, receive, _without_frames(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
        else:
            status, reason = refusal
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": f"{reason}\n".encode()})


def _refusal(scope: Scope, names: Names, only_json: bool) -> tuple[int, str] | None:
    """Return the status and the reason why a request is refused, or None."""
    hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
    if len(hosts) != 1 or not names.hold(hosts[0]):
        return 403, "this server does not answer to that name; start it with --allow-host NAME"
    reads = scope["type"] == "http" and scope["method"] in _READING
    if any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins):
        return 403, "only pages of this server may ask"
    came_from = set(_headers(scope, b"sec-fetch-site"))
    if not came_from <= {"same-origin", "none"} and not (reads and _headers(scope, b"sec-fetch-mode") == ["navigate"]):
        return 403, "only pages of this server may ask"
    if scope["type"] == "websocket":
        return None
    if reads and scope["path"].rstrip("/").endswith("/graphql") and _asks_graphql(scope):
        return 405, "GraphQL is asked by POST with the content type application/json"
    if only_json and not reads and not " ".join(_headers(scope, b"content-type")).lower().startswith(_ASKED_FOR_FIRST):
        return 415, "the content type must be application/json"
    return None


def _asks_graphql(scope: Scope) -> bool:
    """Return whether a GET would be executed.

    A client that wants HTML gets the page to write queries on, whatever the URL holds.
    """
    accepted = _headers(scope, b"accept")[:1]
    return b"query" in parse_qs(scope["query_string"]) and not any("text/html" in kinds for kinds in accepted)


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]


def _without_frames(send: Send) -> Send:
    """Forbid other pages to show ours in a frame, under which a click could be stolen."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]
        await send(message)

    return sending


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
