"""The folder of an export: written beside the old one, unchanged units taken over, and put in its place in one step.

Where files stand and how they are kept belongs here; what stands in them does not.

Beside the trainer's own files an export holds ``provenance/``: ``export.json`` (what it is), ``units/*.jsonl`` (what
each unit was made from, its files and clips), ``clips.jsonl``, ``notes.jsonl``, ``checksums.sha256`` and
``checksums.xxh128``, by which `verify` compares as long as the former is as it was written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ExportError, FileFault, LibraryError, WriteError
from flamingo_bark_assets.exports.interface import ExportedClip, FileEntry, Note
from flamingo_bark_assets.files.atomic import sync_folder, temporary_folder, writes_named
from flamingo_bark_assets.files.digests import digests_of, xxh128_of
from flamingo_bark_assets.files.exchange import exchange_folders
from flamingo_bark_assets.files.opening import is_missing, open_regular

PROVENANCE = "provenance"
EXPORT_JSON = f"{PROVENANCE}/export.json"
CLIPS = f"{PROVENANCE}/clips.jsonl"
NOTES = f"{PROVENANCE}/notes.jsonl"
CHECKSUMS = f"{PROVENANCE}/checksums.sha256"
FAST_CHECKSUMS = f"{PROVENANCE}/checksums.xxh128"
UNITS = f"{PROVENANCE}/units"

_PATH = re.compile(r"(?!.*//)(?!/)[^\\\0\n\r]{1,240}")
_EDITABLE = (".txt", ".json", ".jsonl", ".csv", ".md", ".yaml", ".py")


@dataclass(frozen=True, slots=True)
class Unit:
    """What was written for some songs that are kept or made again together.

    Attributes:
        digest: of all that it was made from.
        files: every file of it.
        clips: every clip of it.
        notes: what the user has to know of it.
    """

    digest: str
    files: tuple[FileEntry, ...]
    clips: tuple[ExportedClip, ...]
    notes: tuple[Note, ...]


@dataclass(slots=True)
class FileWriter:
    """Writes files below a folder and remembers each; a path may be written once.

    Attributes:
        root: the folder.
        files: what was written.
        notes: what was noted.
    """

    root: Path
    files: list[FileEntry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def audio(self, path: str, sound: ClipSound, *, bits: Literal[16, 24] = 16) -> FileEntry:
        """Write a sound file, WAV or FLAC by the ending of its path."""
        channels, samples = sound.samples.shape
        peak = round(float(abs(sound.samples).max(initial=0.0)), 6)
        entry = self.data(path, encode_sound(sound, path.rpartition(".")[2], bits=bits))
        self.files[-1] = dataclasses.replace(
            entry, sample_rate_hz=sound.sample_rate_hz, channels=channels, samples=samples, peak=peak
        )
        return self.files[-1]

    def data(self, path: str, content: bytes) -> FileEntry:
        """Write a file that fits in memory."""
        return self.stream(path, lambda place: _write(place, content))

    def lines(self, path: str, lines: Iterable[str]) -> FileEntry:
        """Write UTF-8 lines one after another."""

        def write(place: Path) -> None:
            with place.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{line}\n" for line in lines)

        return self.stream(path, write)

    def stream(self, path: str, write: Callable[[Path], None]) -> FileEntry:
        """Let a function write a file to the path that it is given."""
        place = self._place(path)
        with writes_named(place):
            write(place)
            with place.open("rb") as file:
                digests = digests_of(file)
            size = place.stat().st_size
            self.files.append(FileEntry(path, digests.sha256, size, xxh128=digests.xxh128))
        return self.files[-1]

    def copy(self, path: str, source: str) -> FileEntry:
        """Write a file of this unit again under another path."""
        (entry,) = (each for each in self.files if each.path == source)
        return self.link(path, entry)

    def link(self, path: str, entry: FileEntry) -> FileEntry:
        """Write a file that stands below the folder again under another path."""
        place = self._place(path)
        with writes_named(place):
            link_or_copy(self.root / entry.path, place)
        self.files.append(dataclasses.replace(entry, path=path))
        return self.files[-1]

    def note(self, note: Note) -> None:
        """Report something that the user has to know."""
        self.notes.append(note)

    def _place(self, path: str) -> Path:
        if not _is_plain(path):
            raise ValueError(f"not a plain relative path: {path!r}")
        place = self.root / path
        with writes_named(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place):
                raise ValueError(f"{path}: written twice")
        return place


def encode_sound(sound: ClipSound, form: str, *, bits: Literal[16, 24] = 16) -> bytes:
    """Return the contents of a sound file, ``wav`` or ``flac``; equal samples give equal bytes.

    Raises:
        ValueError: another form.
    """
    import soundfile

    if form not in {"wav", "flac"}:
        raise ValueError(f"{form}: neither wav nor flac")
    buffer = io.BytesIO()
    soundfile.write(buffer, sound.samples.T, sound.sample_rate_hz, format=form.upper(), subtype=f"PCM_{bits}")
    return buffer.getvalue()


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out` that takes its place at the end, in one step, unless an error comes first.

    What stands at `out` then is deleted: ask `refuse_foreign` before.

    Raises:
        WriteError: the disk refuses.
    """
    with ExitStack() as stack:
        with writes_named(out):
            staging = stack.enter_context(temporary_folder(out.parent))
        try:
            yield staging
            with writes_named(out):
                sync_folder(staging)
                if out.exists():
                    exchange_folders(staging, out)
                else:
                    staging.rename(out)
                sync_folder(out.parent)
        except WriteError as error:  # told of the place that the user named, not of the hidden one beside it
            raise WriteError(str(error).replace(str(staging), str(out)), error.errno, error.strerror) from error


def refuse_foreign(out: Path, target: str, *, overwrite: bool = False) -> None:
    """Refuse a place where something else stands than an export of the same layout, or files that are not of it.

    All that stands there will be deleted. Hidden files and Python's caches are nobody's work.

    Args:
        out: the place.
        target: name of the layout.
        overwrite: whether files that were changed by hand since the export may be lost.

    Raises:
        ExportError: a file, or a folder that is neither empty nor such an export, or that holds more than it, or files
            of it that were changed since.
    """
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise ExportError(f"{out}: is there already and is no folder; name another place")
    if any(out.iterdir()) and not (out / EXPORT_JSON).is_file():
        raise ExportError(f"{out}: holds files of something else; name an empty or a new folder")
    held = _target_of(out)
    if held is not None and held != target:
        raise ExportError(f"{out}: holds an export of the layout {held}; name an empty or a new folder")
    known = _checksums(out)
    if added := _some(_added_files(out, known)):
        raise ExportError(
            f"{out}: holds files that would be deleted, as no export has written them: {added}; move them away, or "
            "name an empty or a new folder"
        )
    if not overwrite and (changed := _some(_changed_files(out, known))):
        raise ExportError(
            f"{out}: holds files that were changed since they were exported: {changed}; say --overwrite to write them "
            "anew, or name an empty or a new folder. What shall last is edited in the song.toml of its song"
        )


def _target_of(out: Path) -> str | None:
    """Return the layout of an export; None where it does not say."""
    try:
        with open_regular(out / EXPORT_JSON) as file:
            target = json.load(file)["target"]
    except (OSError, LibraryError, FileFault, KeyError, TypeError, ValueError):
        return None
    return target if isinstance(target, str) else None


def _some(paths: Iterator[str]) -> str:
    """Name the first few paths; "" where there is none."""
    first = list(itertools.islice(paths, 4))
    return ", ".join(first[:3]) + (" ..." if len(first) > 3 else "")


def _checksums(out: Path) -> Mapping[str, str]:
    """Return the SHA-256 of each file of an export; of none where they cannot be read."""
    try:
        with open_regular(out / CHECKSUMS) as file:
            lines = [line.decode().rstrip("\n").partition("  ") for line in file]
    except (OSError, LibraryError, FileFault, ValueError):
        return {}
    return {path: sha256 for sha256, _, path in lines}


def _added_files(out: Path, known: Mapping[str, str]) -> Iterator[str]:
    """Give the files of an export that are not in its checksums; none where those cannot be read."""
    if not known:
        return
    for parent, folders, files in os.walk(out):
        inside = Path(parent).relative_to(out)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        if inside == Path(PROVENANCE):
            folders.clear()
            continue
        for name in sorted(files):
            if not name.startswith(".") and (path := (inside / name).as_posix()) not in known:
                yield path


def _changed_files(out: Path, known: Mapping[str, str]) -> Iterator[str]:
    """Give the texts of an export that were written after it and are not what it wrote: somebody's work.

    Sound and the export's own papers are no place for that: what is not as it was there is damaged, and made again.
    """
    exported_ns = (out / CHECKSUMS).stat().st_mtime_ns if known else 0
    for path, sha256 in known.items():
        if not path.endswith(_EDITABLE) or path.startswith(f"{PROVENANCE}/") or not _is_plain(path):
            continue
        try:
            if (out / path).stat().st_mtime_ns > exported_ns:
                with open_regular(out / path) as file:
                    content = file.read()
                content.decode()
                if content.strip() and hashlib.sha256(content).hexdigest() != sha256:
                    yield path
        except (OSError, LibraryError, FileFault, UnicodeDecodeError):
            continue  # nothing of it is lost


def link_or_copy(source: Path, place: Path) -> None:
    """Give a file a second name, or copy it where the disk has no hard links.

    Raises:
        OSError: neither can be done.
    """
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)


def read_unit(out: Path, name: str) -> Unit | None:
    """Read what an export holds for a unit; None where there is none that can be read."""
    path = out / unit_path(name)
    if is_missing(path):
        return None
    try:
        with open_regular(path) as file:
            head, *rows = (json.loads(line) for line in file)
        return Unit(
            head["digest"],
            tuple(_entry(row["file"]) for row in rows if "file" in row),
            tuple(clip_from_json(row["clip"]) for row in rows if "clip" in row),
            tuple(Note(**row["note"]) for row in rows if "note" in row),
        )
    except (OSError, LibraryError, FileFault, KeyError, TypeError, ValueError):
        return None


def _entry(values: dict[str, Any]) -> FileEntry:
    """Return the file that a unit names; its path must stay below the export, whoever has written the unit.

    Raises:
        TypeError, ValueError: it is no such thing.
    """
    entry = FileEntry(**values)
    if not _is_plain(entry.path):
        raise ValueError(f"not a plain relative path: {entry.path!r}")
    return entry


def _is_plain(path: str) -> bool:
    return bool(_PATH.fullmatch(path)) and ".." not in path.split("/")


def take_over(old: Path, new: Path, unit: Unit) -> bool:
    """Link the files of an unchanged unit from the old export into the new one; False where one is not as it was.

    Raises:
        WriteError: the disk refuses.
    """
    if not all(_is_as_written(old / entry.path, entry) for entry in unit.files):
        return False
    for entry in unit.files:
        place = new / entry.path
        with writes_named(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(old / entry.path, place)
    return True


def _is_as_written(path: Path, entry: FileEntry) -> bool:
    try:
        with open_regular(path) as file:
            if path.stat().st_size != entry.bytes:
                return False
            if entry.xxh128 is not None:
                return xxh128_of(file) == entry.xxh128
            return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except (OSError, LibraryError, FileFault):
        return False


def write_unit(root: Path, name: str, unit: Unit) -> None:
    """Write what a unit holds, from which the next export takes it over.

    Raises:
        WriteError: the disk refuses.
    """
    rows: list[dict[str, Any]] = [{"digest": unit.digest}]
    rows += [{"file": dataclasses.asdict(entry)} for entry in unit.files]
    rows += [{"clip": clip_to_json(clip)} for clip in unit.clips]
    rows += [{"note": dataclasses.asdict(note)} for note in unit.notes]
    path = root / unit_path(name)
    with writes_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, b"".join(json_line(row) for row in rows))


def unit_path(name: str) -> str:
    """Return where a unit is told, relative to the export."""
    return f"{UNITS}/{name}.jsonl"


def clip_to_json(clip: ExportedClip) -> dict[str, Any]:
    """Return a clip as JSON can hold it."""
    return dataclasses.asdict(clip)


def clip_from_json(values: dict[str, Any]) -> ExportedClip:
    """Return the clip that `clip_to_json` has written.

    Raises:
        KeyError, TypeError, ValueError: it is no such thing, or names a file outside of the export.
    """
    return ExportedClip(
        **{
            **values,
            "genres": tuple(values["genres"]),
            "separated_by": tuple(values.get("separated_by", ())),
            "clip": Clip(**values["clip"]),
            "files": {role: _entry(entry) for role, entry in values["files"].items()},
        }
    )


def json_line(value: Any) -> bytes:
    """Return one line of JSON, UTF-8; equal values give equal bytes.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def _write(place: Path, content: bytes) -> None:
    with place.open("xb") as file:
        file.write(content)
