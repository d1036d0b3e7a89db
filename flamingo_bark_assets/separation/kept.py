"""The folder of a song's separated stems: kept whole beside what they were made from, taken again, or removed.

Files and their checksums belong here; making them stands in `making`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.atomic import (
    delete_tree,
    sync_file,
    sync_folder,
    temporary_folder,
    writes_named,
)
from flamingo_bark_assets.files.exchange import exchange_folders
from flamingo_bark_assets.files.opening import file_problem, read_text
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, StemFile
from flamingo_bark_assets.library.sound_names import stem_name
from flamingo_bark_assets.library.stem_kinds import only_kind
from flamingo_bark_assets.separation.layouts import FoundStem
from flamingo_bark_assets.separation.records import SeparatedFile

PROVENANCE = "separation.json"
_MAX_PROVENANCE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """Separated stems that are kept.

    Attributes:
        version: what the separator answered to ``--version``; None where it did not.
        files: the files, sorted by name.
    """

    version: str | None
    files: tuple[SeparatedFile, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file_name: str
    made_as: str
    size_bytes: int
    content_sha256: str


class _Provenance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    input_sha256: str
    command: tuple[str, ...]
    model: str | None
    version: str | None
    files: tuple[_File, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """All that separated stems depend on.

    Attributes:
        key: digest of the others.
        input_sha256: of the mix, hexadecimal.
        command: program and arguments, with places.
        model: name of the model; None where the command has none.
    """

    key: str
    input_sha256: str
    command: tuple[str, ...]
    model: str | None


def with_separated(files: SongFiles, paths: DataPaths, file_names: Iterable[str]) -> SongFiles:
    """Return a song with separated files for its stems, sorted by name; one that has stems of its own as it is."""
    if files.stems:
        return files
    folder = paths.separated / files.song_id
    return replace(files, stems=tuple(_stem(folder / name) for name in sorted(file_names)))


def separated_names(stems: StemSet) -> tuple[str, ...]:
    """Return the names of the separated files among the stems of a song."""
    return tuple(stem.file_name for stem in stems.stems if stem.origin == "separated")


def _stem(path: Path) -> StemFile:
    kind, problem = only_kind(path.stem)
    missing = file_problem(path, path.parent)
    fault = f"{path.name}: {missing or problem}" if missing or problem else None
    return StemFile(stem_name(path.name), kind, None if missing else path, fault, "separated")


def find_kept(paths: DataPaths, song_id: str, source: Source) -> Kept | None:
    """Return the stems that were separated from the same before; None where there are none, or they are damaged."""
    folder = paths.separated / song_id
    try:
        found = _Provenance.model_validate_json(
            read_text(folder / PROVENANCE, max_bytes=_MAX_PROVENANCE_BYTES, within=folder)
        )
        if found.key != source.key or not found.files:
            return None
        for file in found.files:
            path = folder / file.file_name
            if file_problem(path, folder) or sha256_of(path) != file.content_sha256:
                return None
    except (FileFault, LibraryError, ValueError):  # pydantic's ValidationError too, and a NUL in a name
        return None
    return Kept(found.version, tuple(_row(file) for file in found.files))


def keep(
    paths: DataPaths, song_id: str, source: Source, version: str | None, scratch: Path, stems: Sequence[FoundStem]
) -> Kept:
    """Move the stems of a scratch folder into the song's place, all of them or none; what stood there goes.

    Raises:
        WriteError: the disk refuses; the place is then as it was.
        LibraryError: a stem cannot be read.
    """
    place, ready = paths.separated / song_id, scratch / "ready"
    with writes_named(place):
        ready.mkdir()
        files = []
        for stem in stems:
            moved = stem.path.rename(ready / stem.file_name)
            sync_file(moved)
            files.append(
                _File(
                    file_name=stem.file_name,
                    made_as=stem.made_as,
                    size_bytes=moved.stat().st_size,
                    content_sha256=sha256_of(moved),
                )
            )
        said = _Provenance(
            key=source.key,
            input_sha256=source.input_sha256,
            command=source.command,
            model=source.model,
            version=version,
            files=tuple(files),
        )
        (ready / PROVENANCE).write_text(said.model_dump_json(indent=1) + "\n", encoding="utf-8")
        sync_file(ready / PROVENANCE)
        sync_folder(ready)
        _put(ready, place)
        sync_folder(place.parent)
    return Kept(version, tuple(_row(file) for file in files))


def _put(ready: Path, place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        exchange_folders(ready, place)
        return
    delete_tree(place)
    ready.rename(place)


def forget(paths: DataPaths, song_id: str) -> None:
    """Remove the separated stems of a song; what cannot be removed is left."""
    delete_tree(paths.separated / song_id)


@contextmanager
def scratch_folder(paths: DataPaths) -> Iterator[Path]:
    """Give a hidden folder on the disk of the separated stems, which goes in the end; first those that kills have left.

    Raises:
        WriteError: it cannot be made.
    """
    with ExitStack() as stack:
        with writes_named(paths.separated):
            scratch = stack.enter_context(temporary_folder(paths.separated))
        yield scratch


def kept_files(paths: DataPaths, song_id: str) -> tuple[Path, ...]:
    """Return the files in the folder of a song's separated stems, sorted; none where there is no such folder."""
    with suppress(OSError), os.scandir(paths.separated / song_id) as entries:
        return tuple(sorted(Path(entry.path) for entry in entries))
    return ()


def _row(file: _File) -> SeparatedFile:
    kind, _ = only_kind(Path(file.file_name).stem)
    return SeparatedFile(
        file_name=file.file_name,
        kind=kind,
        made_as=file.made_as,
        size_bytes=file.size_bytes,
        content_sha256=file.content_sha256,
    )
