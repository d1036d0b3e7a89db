"""A released Audio Flamingo 2 on disk: its shards, the shapes in them, its base language model's config.

Finding and reading tensors belongs here; what they are for stands in `keys`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.inference.audio_flamingo_2.configuration import CheckpointError, Shape
from flamingo_bark_assets.inference.audio_flamingo_2.keys import canonical, is_unused

if TYPE_CHECKING:
    from torch import Tensor

BASE_CONFIG_NAME = "base_lm_config.json"

_OLD_REVISION = Path("clap_ckpt", "epoch_15.pt")
_CHUNK_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Read pages of a memory-mapped file count as the process's memory until the file is closed.
_REOPEN_AFTER_BYTES = 64 << 20
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor is.

    Attributes:
        path: the safetensors file.
        name: in that file.
        shape: of the tensor.
    """

    path: Path
    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Release:
    """A checkpoint in the released layout.

    Attributes:
        folder: that holds `safe_ckpt`.
        tensors: by canonical name.
    """

    folder: Path
    tensors: Mapping[str, Stored]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of each tensor, by canonical name."""
        return {name: stored.shape for name, stored in self.tensors.items()}

    @property
    def files(self) -> tuple[Path, ...]:
        """The metadata and all shards, sorted."""
        return (self.folder / "safe_ckpt" / "metadata.json", *sorted({t.path for t in self.tensors.values()}))


def open_release(folder: Path) -> Release:
    """Read which tensors a released checkpoint holds.

    Args:
        folder: holds `safe_ckpt/metadata.json`, {chunk: [keys]}, and `safe_ckpt/<chunk>.safetensors`.

    Raises:
        CheckpointError: it is of the old revision, incomplete or broken.
    """
    chunks = _read_metadata(folder)
    tensors: dict[str, Stored] = {}
    for chunk, names in chunks.items():
        path = folder / "safe_ckpt" / f"{chunk}.safetensors"
        shapes = _read_shapes(path)
        for name in names:
            known = canonical(name)
            if name not in shapes:
                # Buffers that no one loads are left out of some copies.
                if is_unused(known):
                    continue
                raise CheckpointError(f"{path} has no tensor {name}, which metadata.json says it has")
            if known in tensors:
                raise CheckpointError(f"{path}: {name} is in the checkpoint twice, as {tensors[known].name} as well")
            tensors[known] = Stored(path, name, shapes[name])
    return Release(folder, tensors)


def read_base_config(folder: Path, base_lm_path: Path | None) -> dict[str, Any]:
    """Read the base language model's config: of `base_lm_path` or, without it, of the release's own folder.

    Raises:
        CheckpointError: there is none, or it is no JSON object.
    """
    path = folder / BASE_CONFIG_NAME if base_lm_path is None else base_lm_path / "config.json"
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing: Audio Flamingo 2 needs the config and tokenizer of the Qwen2.5 base model it was made "
            "from (0.5B, 1.5B or 3B); give its folder as base_lm_path"
        )
    return _read_json_object(path)


def read_tensors(wanted: Iterable[Stored]) -> Iterator[tuple[Stored, Tensor]]:
    """Read tensors one by one, memory-mapped; copy what you keep before you ask for the next.

    Raises:
        CheckpointError: a file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    by_file: dict[Path, list[Stored]] = {}
    for stored in wanted:
        by_file.setdefault(stored.path, []).append(stored)
    for path, all_stored in by_file.items():
        try:
            for group in _groups(all_stored):
                with safe_open(path, framework="pt") as file:
                    for stored in group:
                        yield stored, file.get_tensor(stored.name)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path}: cannot be read: {error}") from error


def fingerprint(release: Release) -> str:
    """Digest the files: their sizes and 64 blocks of 64 KiB spread over each, as all of 19 GB take a minute.

    Any further training changes nearly every weight, so it changes the digest.
    """
    digest = hashlib.sha256()
    for path in release.files:
        size = path.stat().st_size
        digest.update(f"{path.name}:{size};".encode())
        step = max(_SAMPLE_BYTES, size // _SAMPLES)
        with path.open("rb") as file:
            for start in range(0, size, step):
                file.seek(start)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _read_metadata(folder: Path) -> dict[str, list[str]]:
    path = folder / "safe_ckpt" / "metadata.json"
    if not path.is_file():
        if (folder / _OLD_REVISION).is_file():
            raise CheckpointError(
                f"{folder} holds the old revision of Audio Flamingo 2 ({_OLD_REVISION}, other windows and mel bands); "
                "fetch the newest revision, which has safe_ckpt/metadata.json"
            )
        raise CheckpointError(f"{folder} is no released Audio Flamingo 2: safe_ckpt/metadata.json is missing")
    chunks = _read_json_object(path)
    for chunk, names in chunks.items():
        # A name is a part of a path: it may not lead out of the folder.
        if not _CHUNK_NAME.fullmatch(chunk):
            raise CheckpointError(f"{path}: {chunk!r} is no name of a chunk")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise CheckpointError(f"{path}: the entry of {chunk} is no list of names")
    return chunks


def _read_shapes(path: Path) -> dict[str, Shape]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"{path} is missing, but metadata.json names it: fetch it again")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}; fetch it again") from error


def _read_json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: is no JSON object")
    return content


def _groups(all_stored: list[Stored]) -> Iterator[list[Stored]]:
    """Split so that one open file has few read pages."""
    group: list[Stored] = []
    size = 0
    for stored in all_stored:
        group.append(stored)
        size += 4 * math.prod(stored.shape)
        if size >= _REOPEN_AFTER_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
