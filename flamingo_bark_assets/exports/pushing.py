"""Uploading a Hugging Face export to a dataset repository of the Hub, after its owner has agreed to what will leave.

What is uploaded, in which order, and errors in plain words belong here; asking the owner does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import ExportError, FileFault, LibraryError
from flamingo_bark_assets.exports.folder import CHECKSUMS, EXPORT_JSON, PROVENANCE
from flamingo_bark_assets.exports.interface import SPLITS
from flamingo_bark_assets.exports.run import FORMAT
from flamingo_bark_assets.exports.targets.huggingface import HuggingFace
from flamingo_bark_assets.files.opening import open_regular, read_text
from flamingo_bark_assets.text import short_line

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import RepoFile

REPO_TYPE = "dataset"
# The Hub gives up on commits of very many files.
COMMIT_FILES = 200
_OURS = tuple(f"{folder}/" for folder in (*SPLITS, PROVENANCE))
_CHECKSUM = re.compile(r"([0-9a-f]{64})  (?P<path>(?!/)[^\\\0\r\n]{1,240})")
_MAX_EXPORT_JSON_BYTES = 10_000_000
_MAX_CHECKSUMS_BYTES = 1_000_000_000
_LOGIN = "`hf auth login` stores a token; https://huggingface.co/settings/tokens makes one that may write"
_AGAIN = "run it again: what is there already is not sent twice"


@dataclass(frozen=True, slots=True)
class PushFile:
    """One file that will be uploaded.

    Attributes:
        path: below the export and in the repository, POSIX.
        bytes: its size.
        sha256: of its contents, hexadecimal.
    """

    path: str
    bytes: int
    sha256: str

    @property
    def is_sound(self) -> bool:
        """Whether it is a sound file."""
        return self.path.endswith(".flac")


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What an upload would send, for its owner to agree to; nothing has been asked of the Hub for it.

    Attributes:
        folder: the export.
        repo_id: owner and name of the dataset repository.
        private: whether only its owner may see the repository.
        files: everything that leaves the machine, in the order of the listing.
    """

    folder: Path
    repo_id: str
    private: bool
    files: tuple[PushFile, ...]

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def sentence(self) -> str:
        """Say in words what will leave the machine, and what it does there."""
        sounds = sum(file.is_sound for file in self.files)
        seen = "private, and refused if it is public already" if self.private else "PUBLIC: everyone can see it"
        return (
            f"{len(self.files)} files, {_size(self.bytes)}, of {self.folder} go to the dataset repository "
            f"{self.repo_id} of the Hugging Face Hub: {sounds} sound files, and {len(self.files) - sounds} with texts, "
            f"titles, artists, credit lines, measurements and checksums. The repository is made {seen}. What it holds "
            f"below {', '.join(_OURS)} and this export does not is deleted there."
        )


def plan_push(folder: Path, repo_id: str, *, private: bool = True) -> PushPlan:
    """Look at an export and tell what an upload of it would send; nothing leaves the machine.

    Only files that the export lists are sent, each as it was written: whatever else lies in the folder stays.

    Raises:
        ExportError: the folder is no whole Hugging Face export, or `repo_id` cannot be a repository's name.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # its __init__ is lazy

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ExportError(f"{repo_id!r} cannot name a repository: {short_line(str(error), 200)}") from error
    if repo_id.count("/") != 1:
        raise ExportError(f"{repo_id!r} names no owner; give it as OWNER/NAME")
    _refuse_other(folder)
    return PushPlan(folder, repo_id, private, tuple(_listed(folder)))


def push(
    plan: PushPlan, *, endpoint: str | None = None, progress: Callable[[int, int], None] = lambda done, of: None
) -> str:
    """Upload what a plan lists; call it only after the owner has agreed to `PushPlan.sentence`.

    Sounds are sent first, a few hundred a commit. Metadata, card and deletions follow in one last commit, so that what
    the Hub shows is the old dataset until then. What the repository holds already is not sent again, so that an
    upload that was interrupted goes on where it stopped.

    Args:
        plan: what to upload.
        endpoint: address of the Hub; None for its own.
        progress: told the number of files that are there and of all.

    Returns:
        The address of the repository.

    Raises:
        ExportError: no token, no right to write, a public repository where a private one was agreed to, no connection,
            or the Hub does not hold in the end what was sent; the message says what to do.
    """
    from huggingface_hub import CommitOperationDelete, HfApi, get_token

    if get_token() is None:
        raise ExportError(f"{plan.repo_id}: there is no token for the Hugging Face Hub; {_LOGIN}")
    api = HfApi(endpoint=endpoint)
    with _errors_explained(plan.repo_id), _quiet():
        address = str(api.create_repo(plan.repo_id, repo_type=REPO_TYPE, private=plan.private, exist_ok=True))
        if plan.private and not api.repo_info(plan.repo_id, repo_type=REPO_TYPE).private:
            raise ExportError(
                f"{plan.repo_id}: that repository is public; nothing was sent. Name another, make it private in its "
                "settings, or upload with --public"
            )
        there = _remote(api, plan.repo_id)
        missing = [file for file in plan.files if not _is_there(file, there, plan.folder)]
        sounds = [file for file in missing if file.is_sound]
        for start in range(0, len(sounds), COMMIT_FILES):
            progress(len(plan.files) - len(missing) + start, len(plan.files))
            batch = [_addition(plan, file) for file in sounds[start : start + COMMIT_FILES]]
            api.create_commit(plan.repo_id, batch, commit_message="Sounds", repo_type=REPO_TYPE)
        ours = {file.path for file in plan.files}
        operations: list[Any] = [_addition(plan, file) for file in missing if not file.is_sound]
        operations += [CommitOperationDelete(path) for path in there if path.startswith(_OURS) and path not in ours]
        if operations:
            api.create_commit(plan.repo_id, operations, commit_message="Metadata and card", repo_type=REPO_TYPE)
        there = _remote(api, plan.repo_id)
    if lost := [file.path for file in plan.files if not _is_there(file, there, plan.folder)]:
        raise ExportError(
            f"{plan.repo_id}: {len(lost)} files are not there as they were sent, the first is {lost[0]}: changed here "
            f"meanwhile, or left out by a .gitignore of the repository; {_AGAIN}"
        )
    progress(len(plan.files), len(plan.files))
    return address


def _refuse_other(folder: Path) -> None:
    path = folder / EXPORT_JSON
    try:
        values = json.loads(read_text(path, max_bytes=_MAX_EXPORT_JSON_BYTES, within=folder))
        target = values["target"] if values["format"] == FORMAT else None
    except (FileFault, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{folder}: is no export: {EXPORT_JSON} cannot be read ({error}); export it again") from error
    if target != HuggingFace.NAME:
        raise ExportError(f"{folder}: is an export for {target}; only one for {HuggingFace.NAME} is uploaded")


def _listed(folder: Path) -> Iterator[PushFile]:
    """Give the files that the export lists, and the list.

    Raises:
        ExportError: one is gone, has changed, or is no plain file below the folder.
    """
    try:
        text = read_text(folder / CHECKSUMS, max_bytes=_MAX_CHECKSUMS_BYTES, within=folder)
    except FileFault as error:
        raise ExportError(f"{folder}: {CHECKSUMS} {error}; export it again") from error
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        match = _CHECKSUM.fullmatch(line)
        if match is None or ".." in match["path"].split("/"):
            raise ExportError(f"{folder}: {CHECKSUMS}, line {number}: is no checksum of a file of it; export it again")
        file = _measured(folder, match["path"])
        if file.sha256 != match[1]:
            raise ExportError(f"{folder}: {file.path} is not as it was written; export it again")
        yield file
    yield _measured(folder, CHECKSUMS)


def _measured(folder: Path, path: str) -> PushFile:
    place = folder / path
    try:
        # A link would send what lies elsewhere.
        if not place.resolve().is_relative_to(folder.resolve()) or place.is_symlink():
            raise ExportError(f"{folder}: {path} is a link; export it again")
        with open_regular(place) as file:
            return PushFile(path, place.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    except (LibraryError, OSError) as error:
        raise ExportError(f"{folder}: {path}: {error}; export it again") from error


def _addition(plan: PushPlan, file: PushFile) -> CommitOperationAdd:
    from huggingface_hub import CommitOperationAdd

    return CommitOperationAdd(file.path, plan.folder / file.path)


def _remote(api: HfApi, repo_id: str) -> Mapping[str, RepoFile]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo_id, recursive=True, repo_type=REPO_TYPE)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def _is_there(file: PushFile, there: Mapping[str, RepoFile], folder: Path) -> bool:
    """Tell whether the repository holds a file as it is here: large ones by SHA-256, others by git's hash."""
    remote = there.get(file.path)
    if remote is None or remote.size != file.bytes:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == file.sha256)
    content = (folder / file.path).read_bytes()
    return bool(remote.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())


@contextmanager
def _errors_explained(repo_id: str) -> Iterator[None]:
    """Turn whatever the Hub or the network answers into one clear line."""
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(_explanation(repo_id, error)) from error


def _explanation(repo_id: str, error: Exception) -> str:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return f"{repo_id}: HF_HUB_OFFLINE forbids to ask the Hub; unset it to upload"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return f"{repo_id}: the Hub does not accept the token, or there is no such repository; {_LOGIN}"
        if status in {403, 404}:
            return f"{repo_id}: the token may not write there; check the owner's name, and: {_LOGIN}"
        return f"{repo_id}: the Hub answers {status}: {short_line(str(error.server_message or ''), 200)}; {_AGAIN}"
    if isinstance(error, FileNotFoundError | ValueError):  # ValueError: a file that went away, or a card it refuses.
        return f"{repo_id}: {short_line(str(error), 300)}; export it again"
    return f"{repo_id}: the upload broke off ({type(error).__name__}: {short_line(str(error), 200)}); {_AGAIN}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's own bars away, which would stand in the way of the caller's."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # its __init__ is lazy
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    were_shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if were_shown:
            enable_progress_bars()


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
