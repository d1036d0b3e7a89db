"""Talking to the Hugging Face Hub: what a repository holds, and bringing files of it into huggingface_hub's cache.

Deadlines, resuming and hashes belong here; which model is fetched, and on which terms, stands in `fetching`.
"""

from __future__ import annotations

import functools
import hashlib
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socket import gaierror
from typing import Any, TypeVar, cast

from flamingo_bark_assets.files.atomic import write_text
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.hub_advice import hub_advice
from flamingo_bark_assets.text import short_line

T = TypeVar("T")

HUB_TIMEOUT_S = 5.0
# The look-up of a name and each address of a host take a time-out of their own: the first answer has one in all.
HUB_DEADLINE_S = 10.0
SMALL_FILES_DEADLINE_S = 300.0
_READ_BYTES = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubUnreachable(ModelError):
    """The Hugging Face Hub does not answer, or must not be asked."""

    code = "FB605"
    remedy = "Look at the connection and at `offline`, and try again: a download goes on where it stopped."


@dataclass(frozen=True, slots=True)
class Repository:
    """What is wanted of one repository.

    Attributes:
        repo_id: owner and name.
        revision: branch, tag or commit; None is the main branch.
        allow: patterns of the files that are wanted.
        ignore: patterns of those that are not.
    """

    repo_id: str
    revision: str | None
    allow: tuple[str, ...]
    ignore: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub describes it.

    Attributes:
        name: path in the repository.
        size: bytes.
        digest: SHA-256 of a large file, which the hub stores outside git; else the git hash.
    """

    name: str
    size: int
    digest: str

    @property
    def is_large(self) -> bool:
        """Whether it is stored outside git."""
        return _SHA256.fullmatch(self.digest) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files of one commit."""

    repository: Repository
    commit: str
    files: tuple[RemoteFile, ...]


def is_commit(text: str) -> bool:
    """Tell whether a text is a full commit hash."""
    return _COMMIT.fullmatch(text) is not None


def list_files(repository: Repository, endpoint: str | None) -> Listing:
    """Ask the hub which commit a revision is and which of its files are wanted.

    Raises:
        HubUnreachable: no answer within `HUB_DEADLINE_S`.
        ModelError: the hub refuses, or the repository has none of the wanted files.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]  # its __init__ is lazy

    def ask() -> Any:
        return HfApi(endpoint=endpoint).model_info(
            repository.repo_id, revision=repository.revision, files_metadata=True, timeout=HUB_TIMEOUT_S
        )

    info = _asking(repository.repo_id, ask, HUB_DEADLINE_S)
    siblings = filter_repo_objects(
        info.siblings or [],
        allow_patterns=list(repository.allow),
        ignore_patterns=list(repository.ignore),
        key=lambda sibling: sibling.rfilename,
    )
    files = tuple(_remote_file(repository.repo_id, sibling) for sibling in siblings)
    if not info.sha or not is_commit(info.sha):
        raise ModelError(f"{repository.repo_id}: the hub names no commit; try again later")
    if not files:
        raise ModelError(
            f"{repository.repo_id}: the repository has no file that matches {', '.join(repository.allow)}: "
            "another revision, or not a model of this kind"
        )
    return Listing(repository, info.sha, files)


def storage_folder(repo_id: str, cache_dir: Path) -> Path:
    """Return the folder of a repository in the cache."""
    from huggingface_hub.file_download import repo_folder_name

    return cache_dir / repo_folder_name(repo_id=repo_id, repo_type="model")


def blob_path(listing: Listing, file: RemoteFile, cache_dir: Path) -> Path:
    """Return where the cache keeps a file's contents, once they are whole."""
    return storage_folder(listing.repository.repo_id, cache_dir) / "blobs" / file.digest


def snapshot_path(listing: Listing, file: RemoteFile, cache_dir: Path) -> Path:
    """Return where the cache gives a file its name: a link to its contents or, without links, they themselves."""
    return storage_folder(listing.repository.repo_id, cache_dir) / "snapshots" / listing.commit / file.name


def kept_path(listing: Listing, file: RemoteFile, cache_dir: Path) -> Path | None:
    """Return where a file's whole contents lie in the cache; None where they do not."""
    places = (blob_path(listing, file, cache_dir), snapshot_path(listing, file, cache_dir))
    return next((path for path in places if path.is_file()), None)


def partial_path(blob: Path) -> Path:
    """Return where an interrupted download of a file stands."""
    return blob.with_name(f"{blob.name}.incomplete")


def download_large(
    listing: Listing,
    file: RemoteFile,
    cache_dir: Path,
    endpoint: str | None,
    received: Callable[[int], None],
    verifying: Callable[[], None],
) -> None:
    """Bring the contents of a large file into the cache, going on where an interrupted download stopped.

    A file that is there already is hashed, and fetched anew where it is damaged. What huggingface_hub itself does (2.4:
    a new temporary name a try, only the size compared) neither resumes nor notices damage. `received` is told how many
    more bytes lie on the disk, negative where the hub began a file anew; `verifying` when the file is hashed.

    Raises:
        HubUnreachable: the connection broke and did not come back.
        ModelError: the hub refuses, or what it sent is not what it announced.
    """
    from filelock import FileLock

    blob = blob_path(listing, file, cache_dir)
    blob.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(blob)
    with FileLock(f"{partial}.lock"):
        place = _place(listing, file, cache_dir)
        if kept := kept_path(listing, file, cache_dir):
            verifying()
            if _matches(kept, file):
                received(file.size)
                if place != blob and kept == blob:
                    blob.replace(place)
                return
            kept.resolve().unlink()
            kept.unlink(missing_ok=True)
        if partial.exists() and partial.stat().st_size > file.size:
            partial.unlink()
        _download_into(partial, listing, file, endpoint, received)
        verifying()
        if not _matches(partial, file):
            partial.unlink()
            raise ModelError(f"{listing.repository.repo_id}: {file.name}: damaged on the way and removed; try again")
        partial.replace(place)


def _place(listing: Listing, file: RemoteFile, cache_dir: Path) -> Path:
    """Return where the whole contents of a large file go.

    Where the cache cannot hold links, huggingface_hub copies each file to its name: twice the space, and minutes. So
    the contents take their name at once.
    """
    from huggingface_hub import file_download

    blob = blob_path(listing, file, cache_dir)
    if file_download.are_symlinks_supported(storage_folder(listing.repository.repo_id, cache_dir)):
        return blob
    named = snapshot_path(listing, file, cache_dir)
    named.parent.mkdir(parents=True, exist_ok=True)
    return named


def finish_snapshot(listing: Listing, cache_dir: Path, endpoint: str | None) -> Path:
    """Fetch the small files, give all files their names in the cache, and check the small ones' git hashes.

    Raises:
        HubUnreachable: the hub stopped answering.
        ModelError: the hub refuses, or a file is not what it announced.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # its __init__ is lazy

    repository = listing.repository

    def ask() -> str:
        return snapshot_download(
            repository.repo_id,
            revision=listing.commit,
            cache_dir=cache_dir,
            endpoint=endpoint,
            etag_timeout=HUB_TIMEOUT_S,
            allow_patterns=list(repository.allow),
            ignore_patterns=list(repository.ignore),
            tqdm_class=cast(Any, functools.partial(tqdm, disable=True)),
        )

    folder = Path(_asking(repository.repo_id, ask, SMALL_FILES_DEADLINE_S))
    for file in listing.files:
        path = folder / file.name
        if not file.is_large and not _matches(path, file):
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise ModelError(f"{repository.repo_id}: {file.name}: damaged on the way and removed; try again")
    if not is_commit(repository.revision or ""):
        # Fetched by commit, so that nothing changes between listing and download: the name is kept here.
        name = repository.revision or "main"
        write_text(storage_folder(repository.repo_id, cache_dir) / "refs" / name, listing.commit)
    return folder


def _remote_file(repo_id: str, sibling: Any) -> RemoteFile:
    if Path(sibling.rfilename).is_absolute() or ".." in Path(sibling.rfilename).parts:
        raise ModelError(f"{repo_id}: the hub names a file outside of the repository: {sibling.rfilename!r}")
    digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    if not isinstance(sibling.size, int) or not (_SHA256 if sibling.lfs else _COMMIT).fullmatch(str(digest)):
        raise ModelError(f"{repo_id}: {sibling.rfilename}: the hub gives no size or hash; try again later")
    return RemoteFile(sibling.rfilename, sibling.size, digest)


def _download_into(
    partial: Path, listing: Listing, file: RemoteFile, endpoint: str | None, received: Callable[[int], None]
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its __init__ is lazy

    repo_id = listing.repository.repo_id
    url = hf_hub_url(repo_id, file.name, revision=listing.commit, endpoint=endpoint)
    with partial.open("ab") as target:
        start = target.tell()
        received(start)
        try:
            http_get(
                url,
                target,
                resume_size=start,
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.name,
                tqdm_class=cast(Any, lambda **_: _Bar(received)),
            )
        except Exception as error:
            raise _explained(repo_id, error) from error


def _matches(path: Path, file: RemoteFile) -> bool:
    # Git hashes a short header and the contents together.
    digest = hashlib.sha256() if file.is_large else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == file.digest


def _asking(repo_id: str, ask: Callable[[], T], deadline_s: float) -> T:
    """Ask the hub on a thread that is given up after the deadline; errors become ours."""
    answers: queue.Queue[tuple[T | None, Exception | None]] = queue.Queue()

    def run() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name=f"hub {repo_id}").start()
    try:
        answer, error = answers.get(timeout=deadline_s)
    except queue.Empty:
        raise HubUnreachable(_unreachable(repo_id, f"no answer within {deadline_s:.0f} s")) from None
    if error is not None:
        raise _explained(repo_id, error) from error
    return cast(T, answer)


def _explained(repo_id: str, error: Exception) -> ModelError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, ModelError):
        return error
    if advice := hub_advice(error):
        return ModelError(f"{repo_id}: {advice}")
    if isinstance(error, GatedRepoError):
        return ModelError(f"{repo_id}: accept its terms on its page, then `hf auth login` and try again")
    if isinstance(error, RepositoryNotFoundError):
        return ModelError(f"{repo_id}: there is no such repository, or it is private; check the id")
    if isinstance(error, RevisionNotFoundError):
        return ModelError(f"{repo_id}: there is no such revision; check it, or leave it out")
    if isinstance(error, HFValidationError):
        return ModelError(f"{repo_id!r} is not the id of a repository: {short_line(str(error), 200)}")
    if isinstance(error, HfHubHTTPError):
        return ModelError(f"{repo_id}: the hub answers {error.response.status_code}; try again in some minutes")
    if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError | TimeoutError | gaierror):
        return ModelError(f"{repo_id}: {short_line(str(error), 200)}")
    return HubUnreachable(_unreachable(repo_id, f"{type(error).__name__}: {short_line(str(error), 200)}"))


def _unreachable(repo_id: str, why: str) -> str:
    return f"{repo_id}: the Hugging Face Hub cannot be reached ({why}); check the network and try again"


class _Bar:
    """What huggingface_hub takes for a progress bar."""

    def __init__(self, received: Callable[[int], None]) -> None:
        self._received = received

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, n: float | None = 1) -> None:
        self._received(int(n or 0))
