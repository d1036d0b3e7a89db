"""A small Hugging Face Hub on the loopback interface, and a guard that refuses every other address."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.hub_uploads import LARGE_BYTES, Uploads, answer, git_sha1, sha256, tree_entry


@dataclass
class FakeHub:
    """What the hub holds and what it was asked.

    Attributes:
        repositories: contents of the files of each repository.
        endpoint: its address.
        requests: method, path and Range header of each request.
        corrupt: names of files of which wrong bytes are sent.
        uploads: the dataset repositories, which can be written.
        refusal: status, body and headers that answer everything.
    """

    repositories: dict[str, dict[str, bytes]]
    endpoint: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    corrupt: set[str] = field(default_factory=set)
    uploads: Uploads = field(default_factory=Uploads)
    refusal: tuple[int, bytes, dict[str, str]] | None = None

    def commit(self, repo_id: str) -> str:
        names = repr(sorted((name, sha256(data)) for name, data in self.repositories[repo_id].items()))
        return hashlib.sha1(names.encode()).hexdigest()

    def ranges(self, name: str) -> list[str | None]:
        """The Range headers with which a file's contents were asked for."""
        return [r for method, path, r in self.requests if method == "GET" and path.endswith(f"/{name}")]


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[FakeHub]:
    """Serve repositories until the block ends."""
    hub = FakeHub(repositories)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> str:
    """An address at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def keep_off_the_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse every name and connection but the loopback interface's; gives the list of all that were tried."""
    import huggingface_hub

    tried: list[Any] = []
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        tried.append(address)
        if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1"}:
            raise OSError(f"a test reached out to {address}")
        connect(self, address)

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in {"127.0.0.1", "::1", "localhost", None}:
            tried.append(host)
            raise socket.gaierror(f"a test looked up {host}")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    # Otherwise each process begins with a question about coding agents, for the user-agent header.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    huggingface_hub.close_session()
    return tried


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.hub.refusal is not None:
            return self._send(*self.hub.refusal)
        given = answer(
            self.hub.uploads, self.hub.endpoint, self.command, self.path, self.headers.get("Authorization"), body
        )
        if given is not None:
            status, value = given
            return self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
        for repo_id, files in self.hub.repositories.items():
            if path == f"/api/models/{repo_id}" or path.startswith(f"/api/models/{repo_id}/revision/"):
                return self._json(self._info(repo_id, files))
            if path.startswith(f"/api/models/{repo_id}/tree/"):
                return self._json([tree_entry(name, data) for name, data in files.items()])
            prefix = f"/{repo_id}/resolve/{self.hub.commit(repo_id)}/"
            if path.startswith(prefix) and path.removeprefix(prefix) in files:
                return self._file(repo_id, path.removeprefix(prefix))
        return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _info(self, repo_id: str, files: dict[str, bytes]) -> dict[str, Any]:
        siblings = [
            {"rfilename": name, "size": len(data), "blobId": git_sha1(data)}
            | ({"lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": 130}} if _is_large(data) else {})
            for name, data in files.items()
        ]
        return {"id": repo_id, "sha": self.hub.commit(repo_id), "siblings": siblings}

    def _file(self, repo_id: str, name: str) -> None:
        data = self.hub.repositories[repo_id][name]
        etag = sha256(data) if _is_large(data) else git_sha1(data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.hub.commit(repo_id)}
        if name in self.hub.corrupt:
            data = b"!" + data[1:]
        asked = self.headers.get("Range")
        if asked is None:
            return self._send(200, data, headers)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self._send(206, data[start:], headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_large(data: bytes) -> bool:
    return len(data) >= LARGE_BYTES
