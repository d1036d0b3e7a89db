"""The guard before a web page: what it lets through and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from flamingo_bark_assets.defs.request_guard import Message, Names, Receive, RequestGuard, Scope, Send

HOST = "localhost:3000"
JSON = ("content-type", "application/json")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def answer(
    *headers: tuple[str, str],
    method: str = "GET",
    path: str = "/",
    query: str = "",
    names: Names | None = None,
    kind: str = "http",
) -> list[Message]:
    """What is sent for one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(RequestGuard(application, names or Names.of("127.0.0.1"))(scope, receive, send))
    return sent


def status(*headers: tuple[str, str], host: str = HOST, **request: Any) -> int:
    return int(answer(("host", host), *headers, **request)[0]["status"])


def joins(*headers: tuple[str, str], host: str = HOST) -> bool:
    return bool(answer(("host", host), *headers, kind="websocket")[0]["type"] == "websocket.accept")


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "127.0.0.1:80", "[::1]:3000", "LOCALHOST"])
def test_loopback_names_are_served(host: str) -> None:
    assert status(host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:3000", "192.168.1.7:3000", "", "[::1", "a@b"])
def test_other_names_are_refused(host: str) -> None:
    assert status(host=host) == 403


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"]])
def test_a_request_has_one_name(hosts: Sequence[str]) -> None:
    assert answer(*(("host", host) for host in hosts))[0]["status"] == 403


@pytest.mark.parametrize(
    ("listens_on", "allowed", "host", "expected"),
    [
        ("192.168.1.7", (), "192.168.1.7:3000", 200),
        ("0.0.0.0", (), "192.168.1.7:3000", 200),
        ("0.0.0.0", (), "[fe80::1]:3000", 200),
        ("0.0.0.0", (), "evil.example", 403),
        ("0.0.0.0", ("Studio.local",), "studio.local:3000", 200),
    ],
)
def test_what_it_listens_on_and_what_was_allowed_are_names_too(
    listens_on: str, allowed: tuple[str, ...], host: str, expected: int
) -> None:
    assert status(host=host, names=Names.of(listens_on, allowed)) == expected


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:8000", "http://localhost", "null", "", "http://127.0.0.1:3000"]
)
def test_pages_of_others_may_neither_send_nor_join(origin: str) -> None:
    assert status(("origin", origin), JSON, method="POST", path="/graphql") == 403
    assert not joins(("origin", origin))


def test_our_own_pages_and_programs_may_send_and_join() -> None:
    ours = ("origin", f"http://{HOST}")
    assert status(ours, JSON, method="POST", path="/graphql") == 200
    assert status(JSON, method="POST", path="/graphql") == 200
    assert joins(ours)
    assert joins()


def test_a_link_on_another_page_leads_here_but_embeds_nothing() -> None:
    from_elsewhere = ("sec-fetch-site", "cross-site")
    assert status(from_elsewhere, ("sec-fetch-mode", "navigate"), path="/assets") == 200
    assert status(from_elsewhere, ("sec-fetch-mode", "no-cors"), path="/logs/x") == 403
    assert status(from_elsewhere, ("sec-fetch-mode", "navigate"), JSON, method="POST") == 403
    assert status(("sec-fetch-site", "same-site"), path="/logs/x") == 403  # another port of this machine


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/graphql"])
def test_graphql_is_not_executed_by_reading_methods(method: str, path: str) -> None:
    assert status(method=method, path=path, query="query=mutation{x}") == 405


def test_the_page_to_write_queries_on_is_served() -> None:
    assert status(("accept", "text/html,*/*"), path="/graphql", query="query={version}") == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/raw_song"])
def test_what_a_form_can_send_is_refused(kind: str, path: str) -> None:
    assert status(("content-type", kind), method="POST", path=path, query="query=mutation{x}") == 415


def test_other_pages_cannot_show_ours_in_a_frame() -> None:
    start = answer(("host", HOST))[0]
    assert (b"x-frame-options", b"SAMEORIGIN") in start["headers"]
