"""What lies in a model's folder: its files without a tool's notes, and a digest that takes little time.

Listing and telling contents apart belongs here; finding, downloading and naming versions stands in `fetching`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

_BLOCK_BYTES = 1 << 16
_BLOCKS = 64
_WEIGHTS = frozenset({".safetensors", ".bin", ".pth", ".pt"})
_LFS = b"version https://git-lfs.github.com/"
_MAX_HEADER_BYTES = 100_000_000  # as the library reads it at most


def model_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder, sorted, without what lies in `.git`, `.cache` or another hidden place."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return tuple(sorted(p for p in found if not any(name.startswith(".") for name in p.relative_to(folder).parts)))


def files_digest(*folders: Path | None) -> str:
    """Digest the files of folders: name, size and 64 blocks of 64 KiB spread over each; times do not count.

    All of 16 GB would take a minute. Lost or added weights change a size, further training nearly every block.
    """
    digest = hashlib.sha256()
    for folder in filter(None, folders):
        for path in model_files(folder):
            status = path.stat()
            contents = _sampled(path, status.st_size, status.st_mtime_ns)
            digest.update(f"{path.relative_to(folder).as_posix()}\0{contents}\0".encode("utf-8", "surrogateescape"))
        digest.update(b"\n")
    return digest.hexdigest()


def file_problem(folder: Path) -> str | None:
    """Say which file of weights is none, or is cut off; None where all have the length that they say themselves."""
    for path in model_files(folder):
        if path.suffix not in _WEIGHTS:
            continue
        with path.open("rb") as file:
            begin = file.read(len(_LFS))
        name = path.relative_to(folder).as_posix()
        if begin.startswith(_LFS):
            return f"{name} is a pointer of Git LFS, not the weights; `git lfs pull` in that folder, or get them anew"
        size = path.stat().st_size
        if path.suffix == ".safetensors" and (wanted := _length_of(path, size)) != size:
            return f"{name} is cut off or damaged: it has {size} bytes of {wanted or 'unknown'}; get it anew"
    return None


def _length_of(path: Path, size: int) -> int | None:
    """Return the length that the header of a safetensors file tells; None where it is none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size, _MAX_HEADER_BYTES):
            return None
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
    return 8 + length + int(max(ends, default=0))


@functools.lru_cache(maxsize=4096)
def _sampled(path: Path, size: int, _time_ns: int) -> str:
    """Digest size and blocks of a file; read again only where its size or time has changed."""
    digest = hashlib.sha256(f"{size};".encode())
    with path.open("rb") as file:
        for start in range(0, size, max(_BLOCK_BYTES, size // _BLOCKS)):
            file.seek(start)
            digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()
