"""Downloading a known model, and finding one that is downloaded: through huggingface_hub, into its own cache.

Resuming, checking hashes, space and licence belong here; loading what lies there does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError, fetch_command
from flamingo_bark_assets.inference.hub import (
    HubUnreachable,
    Listing,
    Repository,
    blob_path,
    download_large,
    finish_snapshot,
    is_commit,
    kept_path,
    list_files,
    partial_path,
)
from flamingo_bark_assets.inference.model_files import model_files

_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")
# How patterns end that ask for weights; those of a base language model ask for none.
_WANTED_WEIGHTS = (".safetensors", ".bin", ".pth", "safe_ckpt/*")
SPARE_BYTES = 1_000_000_000  # a disk filled to its end breaks more than a download


class LicenceNotAcknowledged(ModelError):
    """The licence was shown and not acknowledged."""

    code = "FB602"
    remedy = (
        "Read the licence, then agree when asked, by --accept-licence, or by `licence_acknowledged` in the settings."
    )


class NotEnoughDisk(ModelError):
    """The download does not fit on the disk."""

    code = "FB603"
    remedy = "Free some space, or set `cache_folder` to another disk."


@dataclass(frozen=True, slots=True)
class FetchEvent:
    """How far a download is.

    Attributes:
        stage: licence (always the first, before anything is asked of the hub), download, verify or done.
        text: the licence, or the file at hand.
        done_bytes: bytes of the whole download that lie on the disk.
        total_bytes: bytes of the whole download.
    """

    stage: Literal["licence", "download", "verify", "done"]
    text: str
    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete downloaded model.

    Attributes:
        path: folder of its files.
        revision: commit of the repository.
        base_lm: folder of the base language model's tokenizer and configuration; None where there is none.
    """

    path: Path
    revision: str
    base_lm: Path | None = None


Progress = Callable[[FetchEvent], None]


def default_cache_folder() -> Path:
    """Return the cache of huggingface_hub: `HF_HUB_CACHE`, or what it derives from `HF_HOME`."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_offline() -> bool:
    """Tell whether the environment forbids the network: `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`."""
    from huggingface_hub import is_offline_mode

    told = (os.environ.get("HF_HUB_OFFLINE", ""), os.environ.get("TRANSFORMERS_OFFLINE", ""))
    return bool(is_offline_mode()) or any(value.upper() in {"1", "ON", "YES", "TRUE"} for value in told)


def cached(model: KnownModel, cache_dir: Path | None = None, *, revision: str | None = None) -> Snapshot | None:
    """Find a complete download without asking the network; nothing is hashed.

    None where it is missing, interrupted or incomplete. Without a revision it is the main branch as it was fetched
    last.
    """
    cache_dir = cache_dir or default_cache_folder()
    folders = [_cached_folder(repository, cache_dir) for repository in _repositories(model, revision)]
    if folders[0] is None or any(folder is None for folder in folders):
        return None
    return Snapshot(folders[0], folders[0].name, folders[1] if len(folders) > 1 else None)


def fetch(
    model: KnownModel,
    *,
    cache_dir: Path | None = None,
    acknowledge_licence: bool,
    progress: Progress,
    revision: str | None = None,
    offline: bool = False,
    endpoint: str | None = None,
) -> Snapshot:
    """Download a model, or go on with a download that was interrupted, and check every byte of it.

    The licence is the first that `progress` is told, before the hub is asked anything. huggingface_hub compares only
    the size of a plain download and begins an interrupted file anew; so large files are fetched here with its own HTTP
    code, into the name that it expects, go on where they stopped, and count only when their SHA-256 is the hub's. Files
    in git are compared by their git hash. `progress` is told on this thread or another; `endpoint` is `HF_ENDPOINT` or
    the public hub by default.

    Raises:
        LicenceNotAcknowledged: `acknowledge_licence` is false; nothing was asked of the hub.
        HubUnreachable: the hub does not answer within seconds, or must not be asked.
        NotEnoughDisk: what is missing does not fit.
        ModelError: the hub refuses, or a file is not what the hub says.
    """
    progress(FetchEvent("licence", f"{model.name}, {model.size_text}. Licence: {model.licence}"))
    if not acknowledge_licence:
        raise LicenceNotAcknowledged(
            f"{model.model_id}: its licence has not been acknowledged ({model.licence}); "
            f"`{fetch_command(model.model_id)}` shows it and asks"
        )
    if offline or is_offline():
        raise HubUnreachable(
            f"{model.model_id}: offline mode is on; switch it off (HF_HUB_OFFLINE, offline) and run "
            f"`{fetch_command(model.model_id)}`"
        )
    cache_dir = cache_dir or default_cache_folder()
    listings = [list_files(repository, endpoint) for repository in _repositories(model, revision)]
    _check_space(listings, cache_dir)
    meter = _Meter(progress, sum(file.size for listing in listings for file in listing.files))
    folders = [_download(listing, cache_dir, endpoint, meter) for listing in listings]
    progress(FetchEvent("done", model.model_id, meter.total, meter.total))
    return Snapshot(folders[0], listings[0].commit, folders[1] if len(folders) > 1 else None)


def revision_of(folder: Path) -> str:
    """Name the exact version of a model's folder: the commit, where it lies in the cache of huggingface_hub.

    Else ``sha256:`` and the first 40 digits of a digest of the names and contents of its files.
    """
    if folder.parent.name == "snapshots" and is_commit(folder.name):
        return folder.name
    digest = hashlib.sha256()
    for path in model_files(folder):
        with path.open("rb") as file:
            contents = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{contents}\0".encode("utf-8", "surrogateescape"))
    return f"sha256:{digest.hexdigest()[:40]}"


def _repositories(model: KnownModel, revision: str | None) -> list[Repository]:
    wanted = [Repository(model.model_id, revision, model.allow_patterns, model.ignore_patterns)]
    if model.base_lm is not None:
        wanted.append(Repository(model.base_lm, None, model.base_lm_patterns, ()))
    return wanted


def _cached_folder(repository: Repository, cache_dir: Path) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        folder = snapshot_download(
            repository.repo_id,
            revision=repository.revision,
            cache_dir=cache_dir,
            local_files_only=True,
            allow_patterns=list(repository.allow),
            ignore_patterns=list(repository.ignore),
        )
    except (OSError, HFValidationError):  # the library's errors for a missing or incomplete snapshot are OSErrors
        return None
    return Path(folder) if _is_whole(Path(folder), repository) else None


def _is_whole(folder: Path, repository: Repository) -> bool:
    """Return whether a folder has the weights that its own index names or, where none are wanted, a tokenizer.

    The library tells a partial snapshot only where its listing is kept, which older versions did not; and reading a
    processor alone leaves configuration and tokenizer behind.
    """
    index = folder / "model.safetensors.index.json"
    chunks = folder / "safe_ckpt" / "metadata.json"
    try:
        if index.is_file():
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return all((folder / shard).is_file() for shard in shards)
        if chunks.is_file():
            names = json.loads(chunks.read_text(encoding="utf-8"))
            return all((chunks.parent / f"{name}.safetensors").is_file() for name in names)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    if not any(pattern.endswith(_WANTED_WEIGHTS) for pattern in repository.allow):
        return (folder / "tokenizer.json").is_file()
    return any(found for pattern in _WEIGHTS for found in folder.glob(pattern))


def _check_space(listings: Sequence[Listing], cache_dir: Path) -> None:
    missing = sum(_missing_bytes(listing, cache_dir) for listing in listings)
    place = next(folder for folder in (cache_dir, *cache_dir.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if missing and free < missing + SPARE_BYTES:
        raise NotEnoughDisk(
            f"{listings[0].repository.repo_id}: {missing / 1e9:.1f} GB are still to be downloaded and "
            f"{SPARE_BYTES / 1e9:.0f} GB must stay free, but {place} has {free / 1e9:.1f} GB; make room or choose "
            "another cache folder"
        )


def _missing_bytes(listing: Listing, cache_dir: Path) -> int:
    missing = 0
    for file in listing.files:
        if kept_path(listing, file, cache_dir) is None:
            partial = partial_path(blob_path(listing, file, cache_dir))
            missing += max(0, file.size - (partial.stat().st_size if partial.exists() else 0))
    return missing


def _download(listing: Listing, cache_dir: Path, endpoint: str | None, meter: _Meter) -> Path:
    for file in listing.files:
        if file.is_large:
            meter.file = file.name
            download_large(listing, file, cache_dir, endpoint, meter.received, meter.verifying)
    meter.file = listing.repository.repo_id
    folder = finish_snapshot(listing, cache_dir, endpoint)
    meter.received(sum(file.size for file in listing.files if not file.is_large))
    return folder


class _Meter:
    """Adds up what has been received and tells the user."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.total = total
        self.file = ""
        self._progress = progress
        self._done = 0

    def received(self, n: int) -> None:
        self._done = min(self.total, max(0, self._done + n))
        self._progress(FetchEvent("download", self.file, self._done, self.total))

    def verifying(self) -> None:
        self._progress(FetchEvent("verify", self.file, self._done, self.total))
