"""The training manifest: one entry a song with its files and checksums, and the check that they still hold.

What a song's files are for training belongs here; what stands in them does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.files.opening import file_problem
from flamingo_bark_assets.library.layout import DataPaths, SongFiles
from flamingo_bark_assets.parts import Part, StemKind, StemOrigin
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.training.dataset import dataset_file_name, suitable_prompt
from flamingo_bark_assets.training.instructions import instructions_file_name
from flamingo_bark_assets.training.rendering import encodable, json_bytes, plain
from flamingo_bark_assets.training.suitability import Verdict

MANIFEST_FILE_NAME = "training_manifest.jsonl"


def _inside(path: str) -> str:
    """Accept only a plain relative POSIX path that stays below the folder it is relative to."""
    parts = PurePosixPath(path).parts
    if not parts or path != "/".join(parts) or ".." in parts or set(path) & {"\0", "\\"}:
        raise ValueError(f"not a plain relative path below the data folder: {path!r}")
    if path.startswith("/") or PureWindowsPath(path).drive:
        raise ValueError(f"an absolute path: {path!r}")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class ManifestFile(BaseModel):
    """One file that a song's training needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Part | Literal["dataset", "instructions"] = Field(description="What the file is.")
    path: RelativePath = Field(description="Path relative to the data folder, POSIX.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the contents, hexadecimal.")
    bytes: int = Field(ge=0, description="Size.")
    origin: StemOrigin = Field("given", description="given, or separated from the mix by a separator.")


class ManifestEntry(BaseModel):
    """One song in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    song_id: str = Field(min_length=1, description="The song's identifier.")
    suitable: bool = Field(description="Whether the song is fit for training.")
    dataset: RelativePath = Field(description="The dataset JSON, relative to the data folder.")
    instructions: RelativePath = Field(description="The instructions, relative to the data folder.")
    suitable_stems: tuple[StemKind, ...] = Field(description="Kinds of stem that are fit for training.")
    duration_s: float | None = Field(description="Decoded length of the mix, s.")
    captioner: str | None = Field(description="Who wrote the descriptions.")
    is_fallback: bool | None = Field(description="Whether that captioner ran because no model could be had.")
    prompts: int = Field(ge=0, description="Number of prompts that are fit for training.")
    files: tuple[ManifestFile, ...] = Field(description="Mix, stems in use, dataset JSON and instructions.")
    repeats: int = Field(1, ge=1, description="How often a trainer shall meet the song; left out where it is once.")

    @field_validator("song_id", "duration_s", "captioner", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return plain(value)


@dataclass(frozen=True, slots=True)
class Problem:
    """One file of the manifest that is not as it was.

    Attributes:
        song_id: the song.
        path: the file as the manifest names it, relative to the data folder.
        kind: what is wrong.
        message: a sentence that names song and file.

    """

    song_id: str
    path: str
    kind: Literal["missing", "changed", "unreadable"]
    message: str


def entry_file_name(song_id: str) -> str:
    """Name the manifest entry of a song, which stands beside its dataset."""
    return f"manifest_entry_{song_id}.json"


def manifest_entry(
    evidence: Evidence,
    captions: Captions,
    prompts: TrainingPrompts,
    verdict: Verdict,
    *,
    files: SongFiles,
    paths: DataPaths,
) -> ManifestEntry:
    """Make the manifest entry of one song, after its dataset and instructions have been written.

    Mix and stems carry the checksum of the contents that were measured, so that a file changed since then is found by
    `verify_manifest`; of an unfit song only what can be read is listed.

    Raises:
        StorageError: a file cannot be read or lies outside the data folder.
    """
    song_id = evidence.song_id
    dataset = paths.datasets / dataset_file_name(song_id)
    instructions = paths.datasets / instructions_file_name(song_id)
    return ManifestEntry(
        song_id=song_id,
        suitable=verdict.suitable,
        dataset=_relative(dataset, paths.root, song_id),
        instructions=_relative(instructions, paths.root, song_id),
        suitable_stems=verdict.suitable_kinds,
        duration_s=evidence.raw_song.duration_s.value,
        captioner=captions.captioner,
        is_fallback=captions.is_fallback,
        prompts=sum(suitable_prompt(prompt, verdict) for prompt in prompts.prompts),
        files=(
            *_sound_files(evidence, verdict, files, paths.root),
            _file("dataset", dataset, None, paths.root, song_id),
            _file("instructions", instructions, None, paths.root, song_id),
        ),
    )


def render_entry(entry: ManifestEntry) -> bytes:
    """Write one entry as indented UTF-8 JSON; equal entries give equal bytes."""
    return json_bytes(_values(entry), indent=2)


def _values(entry: ManifestEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude={"repeats"} if entry.repeats == 1 else None)


def read_entry(path: Path) -> ManifestEntry:
    """Read one entry as `render_entry` writes it.

    Raises:
        StorageError: there is no such file, or it is no manifest entry.

    """
    return _parse(_read(path), str(path))


def manifest_line(entry: ManifestEntry) -> bytes:
    """Write one entry as a line of the manifest."""
    return json_bytes(_values(entry))


def parse_line(line: str, where: str) -> ManifestEntry:
    """Read one line of the manifest.

    Raises:
        StorageError: it is no entry; names where it stands.
    """
    return _parse(line, where)


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Read a manifest.

    Raises:
        StorageError: the file cannot be read, or a line is no entry; the message names file and line.

    """
    # Not splitlines: that also splits at U+2028 and others, which may stand in a JSON string.
    lines = _read(path).split("\n")
    return [_parse(line, f"{path}, line {index}") for index, line in enumerate(lines, start=1) if line.strip()]


def verify_manifest(path: Path, root: Path) -> list[Problem]:
    """Find the files of a manifest that are missing, changed or unreadable.

    They come in the manifest's order. A path that leads outside the data folder over a symbolic link is not opened and
    counts as unreadable.

    Raises:
        StorageError: the manifest itself cannot be read.
    """
    home = root.resolve()
    return [
        problem for entry in read_manifest(path) for file in entry.files for problem in check_file(entry, file, home)
    ]


def check_file(entry: ManifestEntry, file: ManifestFile, home: Path, *, unread: bool = False) -> Iterator[Problem]:
    """Find what is wrong with one file of an entry.

    Args:
        entry: of the song.
        file: one of its files.
        home: the data folder, all symbolic links followed.
        unread: whether its contents are known to be those that the checksum was taken of.
    """

    def problem(kind: Literal["missing", "changed", "unreadable"], what: str) -> Problem:
        return Problem(entry.song_id, file.path, kind, f"song {entry.song_id}: {file.path} {what}")

    target = home / file.path
    try:
        resolved = target.resolve()
        if not resolved.is_relative_to(home):
            yield problem("unreadable", "leads outside the data folder; put the file itself there")
        elif not resolved.exists():
            yield problem("missing", "is missing; restore it or run the song again")
        elif not resolved.is_file():
            yield problem("unreadable", "is not a file")
        elif resolved.stat().st_size != file.bytes or not (unread or _sha256(resolved) == file.sha256):
            yield problem("changed", "has changed since the dataset was made; run the song again")
    except (OSError, RuntimeError) as error:
        yield problem("unreadable", f"cannot be read: {error}")


def _sound_files(evidence: Evidence, verdict: Verdict, files: SongFiles, root: Path) -> Iterator[ManifestFile]:
    song_id = evidence.song_id
    if files.mix is not None and evidence.raw_song.unusable is None:
        yield _file("mix", files.mix, evidence.raw_song.content_sha256, root, song_id)
    sums = {stem.file_name: stem.content_sha256 for stem in evidence.stems.stems if stem.audible}
    for stem in files.stems:
        kind, path = stem.kind, stem.path
        if path is not None and kind is not None and kind in verdict.suitable_kinds and path.name in sums:
            yield _file(kind, path, sums[path.name], root, song_id, stem.origin)


def _file(
    part: Part | Literal["dataset", "instructions"],
    path: Path,
    sha256: str | None,
    root: Path,
    song_id: str,
    origin: StemOrigin = "given",
) -> ManifestFile:
    try:
        size = path.stat().st_size
        relative = _relative(path, root, song_id)
        return ManifestFile(part=part, path=relative, sha256=sha256 or _sha256(path), bytes=size, origin=origin)
    except OSError as error:
        raise StorageError(f"song {song_id}: {path} cannot be read: {error}; run the song again") from error


def _relative(path: Path, root: Path, song_id: str) -> str:
    """Name a file by its path below the data folder, which it must not leave over a symbolic link.

    A link to a file elsewhere in the folder is named, and not the file, which is another song's and may go with it.
    """
    try:
        path.resolve().relative_to(root.resolve())
        relative = path.absolute().relative_to(root.absolute()).as_posix()
    except (OSError, RuntimeError, ValueError) as error:
        raise StorageError(f"song {song_id}: {path} does not lie in the data folder {root}") from error
    if "\\" in relative or encodable(relative) != relative:
        raise StorageError(f"song {song_id}: the name {relative!r} is not portable; rename the file")
    return relative


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read(path: Path) -> str:
    if problem := file_problem(path):
        raise StorageError(f"{path}: cannot be read: it {problem}; write the manifest again")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}: cannot be read: {error}; write the manifest again") from error


def _parse(text: str, where: str) -> ManifestEntry:
    try:
        return ManifestEntry.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise StorageError(f"{where}: not a manifest entry: {key}: {first['msg']}") from error
