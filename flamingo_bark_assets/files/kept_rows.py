"""Rows by key that are kept in one file and can be made again at any time: an index, and never the only record.

Reading and replacing such a file belong here; what stands in the rows, and when one holds no more, does not.

Whoever brings rows up to date may store them: the file is replaced as a whole, by any process of any host, and the last
one counts. A file that is missing, damaged, or of another version has no rows.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.files.opening import open_regular

LEAST_KEPT = 100
"""Fewer rows are made again as quickly as they are read."""
_SHARE_CHANGED = 64  # a file is written again once one row in so many has changed

Row = list[Any]


def read_rows(path: Path, version: str) -> dict[str, Row]:
    """Return the rows of a file; none where it is missing, damaged or of another version."""
    try:
        with open_regular(path) as file:
            head, _, body = file.read().partition(b"\n")
        if head.decode() != _head(version, body):
            return {}
        rows: dict[str, Row] = json.loads(body)
    except (LibraryError, OSError, RecursionError, ValueError):
        return {}
    return rows


def is_worth_writing(rows: int, changed: int) -> bool:
    """Tell whether so many rows have changed that reading them again would save whoever comes next something."""
    return rows >= LEAST_KEPT and changed * _SHARE_CHANGED >= rows


def write_rows(path: Path, version: str, rows: dict[str, Row]) -> None:
    """Store rows; where they cannot be stored, whoever comes next makes them again."""
    body = json.dumps(rows, separators=(",", ":")).encode()
    with suppress(OSError, WriteError):
        write_bytes(path, _head(version, body).encode() + b"\n" + body)


def _head(version: str, body: bytes) -> str:
    return f"{version} {hashlib.blake2b(body, digest_size=16).hexdigest()}"
