"""A client of the studio's uploads: single requests by tus, whole files, whole folders, and connections that are cut.

Asking belongs here; what is expected stands in the tests.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.studio import RunningStudio

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


def ask(
    studio: RunningStudio, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask with exactly these headers and the token of scripts."""
    address = urlsplit(studio.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    connection.request(method, path, body or None, _signed(studio, headers or {}))
    response = connection.getresponse()
    answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    connection.close()
    return answer


def begin(studio: RunningStudio, batch: str, path: str, length: int) -> Answer:
    """Begin an upload."""
    said = {"batch": batch, "relativePath": path, "filename": path.rpartition("/")[2]}
    pairs = [f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in said.items()]
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": ",".join(pairs)}
    return ask(studio, "POST", "/api/uploads", headers=headers)


def head(studio: RunningStudio, place: str) -> Answer:
    """Ask how much is there."""
    return ask(studio, "HEAD", place, headers=TUS)


def append(studio: RunningStudio, place: str, offset: int, data: bytes) -> Answer:
    """Send a piece."""
    return ask(studio, "PATCH", place, data, {**PIECE, "Upload-Offset": str(offset)})


def send(studio: RunningStudio, batch: str, path: str, data: bytes) -> str:
    """Send a whole file; return its place."""
    begun = begin(studio, batch, path, len(data))
    assert begun.status == 201, begun.body
    if data:
        assert append(studio, begun.headers["location"], 0, data).status == 204
    return begun.headers["location"]


def send_tree(studio: RunningStudio, folder: Path) -> str:
    """Send all files of a folder as a new batch, with their paths in it."""
    batch = new_batch()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        send(studio, batch, str(file.relative_to(folder)), file.read_bytes())
    return batch


def new_batch() -> str:
    return secrets.token_hex(16)


def begin_piece(studio: RunningStudio, place: str, offset: int, declared: int, data: bytes) -> socket.socket:
    """Send the head of a piece and only some of its bytes; return the connection, which is still open."""
    address = urlsplit(studio.url)
    connection = socket.create_connection((str(address.hostname), address.port or 80), timeout=60)
    headers = {
        "Host": address.netloc, "Content-Length": str(declared), "Upload-Offset": str(offset), **_signed(studio, PIECE)
    }  # fmt: skip
    lines = [f"PATCH {place} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    connection.sendall("\r\n".join(lines).encode() + data)
    return connection


def _signed(studio: RunningStudio, headers: Mapping[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {studio.keys.script_token}", **headers}
