"""The half of the stand-in hub that takes uploads, as huggingface_hub 2.4 calls it where xet is switched off."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE_BYTES = 2000  # files from this size on are stored outside git, as the hub does for weights
TOKEN = "hf_writer"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Uploads:
    """Dataset repositories that can be written.

    Attributes:
        datasets: contents of the files of each.
        private: whether each is private.
        blobs: large files that were sent, by SHA-256, whether committed or not.
        owner: whom the token lets write.
        sent: SHA-256 of each large file that was sent, in order.
        commits: paths added and deleted by each commit.
        break_after: number of large files after which the hub refuses to take more; None: never.
        ignored: paths that the repository's .gitignore leaves out.
    """

    datasets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    owner: str = "me"
    sent: list[str] = field(default_factory=list)
    commits: list[tuple[list[str], list[str]]] = field(default_factory=list)
    break_after: int | None = None
    ignored: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def commit_of(self, repo_id: str) -> str:
        names = repr(sorted((name, sha256(data)) for name, data in self.datasets[repo_id].items()))
        return hashlib.sha1(names.encode()).hexdigest()


Answer = tuple[int, Any]


def answer(uploads: Uploads, endpoint: str, method: str, url: str, token: str | None, body: bytes) -> Answer | None:
    """Answer a request about datasets with status and JSON; None where it is about something else."""
    path = unquote(urlsplit(url).path)
    if path.startswith("/lfs/"):
        return _large(uploads, path, method, body)
    if path == "/api/repos/create":
        return _create(uploads, endpoint, token, json.loads(body))
    if path == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": []}
    if not path.startswith(("/api/datasets/", "/datasets/")):
        return None
    repo_id = "/".join(path.removeprefix("/api").removeprefix("/datasets/").split("/")[:2]).removesuffix(".git")
    if repo_id not in uploads.datasets:
        return 404, {"error": "Repository not found"}
    rest = path.partition(repo_id)[2]
    if token != f"Bearer {TOKEN}" and (method != "GET" or uploads.private[repo_id]):
        return 401, {"error": "Invalid credentials"}
    if method == "POST" and repo_id.partition("/")[0] != uploads.owner:
        return 403, {"error": "Forbidden"}
    return _about(uploads, endpoint, repo_id, rest, body)


def _about(uploads: Uploads, endpoint: str, repo_id: str, rest: str, body: bytes) -> Answer:
    files = uploads.datasets[repo_id]
    if rest == "" or rest.startswith("/revision/"):
        info = {"id": repo_id, "sha": uploads.commit_of(repo_id), "private": uploads.private[repo_id]}
        return 200, info | {"siblings": [{"rfilename": name} for name in files]}
    if rest.startswith("/tree/"):
        return 200, [tree_entry(name, data) for name, data in files.items()]
    if rest.startswith("/preupload/"):
        return 200, {"files": [_mode(uploads, files, file) for file in json.loads(body)["files"]]}
    if rest == ".git/info/lfs/objects/batch":
        return 200, {
            "transfer": "basic",
            "objects": [_place(uploads, endpoint, o) for o in json.loads(body)["objects"]],
        }
    assert rest.startswith("/commit/"), rest
    return _commit(uploads, endpoint, repo_id, [json.loads(line) for line in body.splitlines()])


def _create(uploads: Uploads, endpoint: str, token: str | None, asked: dict[str, Any]) -> Answer:
    repo_id = f"{asked['organization']}/{asked['name']}"
    assert asked["type"] == "dataset"
    if token != f"Bearer {TOKEN}":
        return 401, {"error": "Invalid credentials"}
    if asked["organization"] != uploads.owner:
        return 403, {"error": "You don't have the rights to create a dataset under this namespace"}
    address = {"url": f"{endpoint}/datasets/{repo_id}"}
    if repo_id in uploads.datasets:
        return 409, address | {"error": "You already created this dataset repo"}
    uploads.datasets[repo_id] = {".gitattributes": b"*.flac filter=lfs\n"}
    uploads.private[repo_id] = asked.get("visibility") == "private"
    return 200, address


def _mode(uploads: Uploads, files: dict[str, bytes], file: dict[str, Any]) -> dict[str, Any]:
    path, large = file["path"], file["size"] >= LARGE_BYTES
    known = files.get(path)
    oid = None if known is None else sha256(known) if len(known) >= LARGE_BYTES else git_sha1(known)
    mode = "lfs" if large else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": path in uploads.ignored, "oid": oid}


def _place(uploads: Uploads, endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
    if asked["oid"] not in uploads.blobs:
        verify = {"href": f"{endpoint}/lfs/verify"}
        place["actions"] = {"upload": {"href": f"{endpoint}/lfs/{asked['oid']}"}, "verify": verify}
    return place


def _large(uploads: Uploads, path: str, method: str, body: bytes) -> Answer:
    if method == "POST":
        asked = json.loads(body)
        held = uploads.blobs.get(asked["oid"], b"")
        return (200, {}) if len(held) == asked["size"] else (404, {"error": "not there"})
    with uploads.lock:
        if uploads.break_after is not None and len(uploads.sent) >= uploads.break_after:
            return 400, {"error": "the line is cut"}
        name = path.removeprefix("/lfs/")
        if sha256(body) != name:
            return 400, {"error": "another content than announced"}
        uploads.blobs[name] = body
        uploads.sent.append(name)
    return 200, {}


def _commit(uploads: Uploads, endpoint: str, repo_id: str, lines: list[dict[str, Any]]) -> Answer:
    files = dict(uploads.datasets[repo_id])
    added: list[str] = []
    deleted: list[str] = []
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
            added.append(value["path"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = uploads.blobs[value["oid"]]
            added.append(value["path"])
        elif line["key"] == "deletedFile":
            del files[value["path"]]
            deleted.append(value["path"])
    uploads.datasets[repo_id] = files
    uploads.commits.append((added, deleted))
    oid = uploads.commit_of(repo_id)
    return 200, {"success": True, "commitOid": oid, "commitUrl": f"{endpoint}/datasets/{repo_id}/commit/{oid}"}


def tree_entry(name: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": git_sha1(data)}
    if len(data) >= LARGE_BYTES:
        entry["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 130}
    return entry
