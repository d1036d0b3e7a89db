"""The papers of an export: checksums, what each clip was made from, and which files belong to it.

Reading ``provenance/`` belongs here; an export without it is verified by what its own files say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType
from typing import Any, Self

from flamingo_bark_assets.exports.folder import CHECKSUMS, CLIPS, EXPORT_JSON, FAST_CHECKSUMS, NOTES, PROVENANCE, UNITS
from flamingo_bark_assets.files.digests import xxh128_of
from flamingo_bark_assets.verification.folder import MAX_SIDECAR_BYTES, ExportFolder, is_plain
from flamingo_bark_assets.verification.sound import SoundFacts

_RECENT = 256
_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_FAST_LINE = re.compile(r"([0-9a-f]{32})  (.+)")


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What the papers say of one clip, as far as checks need it.

    Attributes:
        name: base name of its files.
        song_id: the song.
        group: its group of duplicates.
        artist: None where nobody says one.
        split: of the song.
        view: the view that it was cut for.
        source: mix, instrumental, or kinds of stem.
        kinds: the kinds of stem that are summed; empty for the mix.
        sounding: the kinds that sound in it; empty where no stem tells.
        tempo_bpm: None where unknown.
        metre: None where unknown.
        key: None where unknown.
        duration_s: its length.
        text: what the trainer reads for it, lyrics aside.
        lyrics: what the trainer reads as sung words.
        repeats: how often the trainer meets it in one epoch.
        files: paths by role.
        sounds: what its sound files are, by path.
        texts: the words for its further sounds, by role.
    """

    name: str
    song_id: str
    group: str
    artist: str | None
    split: str
    view: str
    source: str
    kinds: tuple[str, ...]
    sounding: tuple[str, ...]
    tempo_bpm: float | None
    metre: str | None
    key: str | None
    duration_s: float
    text: str
    lyrics: str | None
    repeats: int
    files: dict[str, str]
    sounds: dict[str, SoundFacts]
    texts: dict[str, str]


class Provenance:
    """The papers, of which only an index is held: where the row of each clip begins, by name and by file.

    A context, which keeps the file of rows open.

    Attributes:
        export: contents of ``export.json``; empty where there is none.
        checksums: by path, SHA-256 as stated; empty where there are none.
        changed: paths whose content is not as stated, or that are gone.
    """

    def __init__(self, folder: ExportFolder) -> None:
        self.export: dict[str, Any] = {}
        self.checksums: dict[str, bytes] = {}
        self.changed: set[str] = set()
        self._folder = folder
        self._fast: dict[str, bytes] = {}  # XXH3 by path
        self._offset_of_name: dict[str, int] = {}
        self._offset_of_path: dict[str, int] = {}
        self._recent: dict[int, ClipFacts] = {}  # each clip is asked for several times in a row
        self._opened = ExitStack()
        self._rows: BufferedReader | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
        self._rows = None

    @property
    def exists(self) -> bool:
        """Whether there are rows of clips."""
        return bool(self._offset_of_name)

    @property
    def target(self) -> str | None:
        """The layout that the export was made for, as it says itself."""
        target = self.export.get("target")
        return target if isinstance(target, str) else None

    @property
    def by_artist(self) -> bool:
        """Whether all songs of an artist shall share a split."""
        return self.export.get("by_artist") is True

    def clips_in(self, split: str) -> int | None:
        """Return how many clips the export has in a split, as it says itself; None where it does not."""
        clips = self.export.get("clips")
        count = clips.get(split) if isinstance(clips, dict) else None
        return count if isinstance(count, int) else None

    def has_note(self, rule: str, begin: str) -> bool:
        """Tell whether the export noted something of itself, in a message that begins so."""
        if not self._folder.exists(NOTES):
            return False
        for _, line in self._folder.lines(NOTES):
            try:
                _, _, noted, message = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue
            if noted == rule and isinstance(message, str) and message.startswith(begin):
                return True
        return False

    def read(self) -> None:
        """Read the papers that are there; what is wrong with them is a finding."""
        if not self._folder.has_folder(PROVENANCE):
            return
        if self._folder.exists(EXPORT_JSON):
            value = self._folder.json(EXPORT_JSON, MAX_SIDECAR_BYTES)
            if isinstance(value, dict):
                self.export = value
        if self._folder.exists(CLIPS):
            with self._folder.findings.guarded(CLIPS):
                self._index()
        if self._folder.exists(CHECKSUMS):
            with self._folder.findings.guarded(CHECKSUMS):
                self._read_checksums()

    def _index(self) -> None:
        offset = 0
        with self._folder.open(CLIPS) as file:
            for row, line in enumerate(file, start=1):
                try:
                    facts = _facts(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    self._folder.findings.add("provenance", CLIPS, row, f"cannot be read: {type(error).__name__}; "
                                              "its clip is checked without what was measured in it")  # fmt: skip
                else:
                    if facts.name in self._offset_of_name:
                        self._folder.findings.add("duplicate_name", CLIPS, row, f"{facts.name}: another clip has this "
                                                  "name")  # fmt: skip
                    self._offset_of_name.setdefault(facts.name, offset)
                    for path in facts.files.values():
                        self._offset_of_path.setdefault(path, offset)
                offset += len(line)

    def _read_checksums(self) -> None:
        for row, line in self._folder.lines(CHECKSUMS):
            match = _CHECKSUM_LINE.fullmatch(line.decode("utf-8", "replace"))
            if match is None or not is_plain(match[2]):
                self._folder.findings.add("provenance", CHECKSUMS, row, "is no line of a SHA-256 and a path")
            else:
                self.checksums[match[2]] = bytes.fromhex(match[1])
        if self._folder.exists(FAST_CHECKSUMS):
            self._read_fast_checksums()

    def _read_fast_checksums(self) -> None:
        """Read the checksums that are compared faster, unless those that everybody compares were written anew since."""
        for _, line in self._folder.lines(FAST_CHECKSUMS):
            if match := _FAST_LINE.fullmatch(line.decode("utf-8", "replace")):
                self._fast[match[2]] = bytes.fromhex(match[1])
        with self._folder.open(CHECKSUMS) as file:
            if bytes.fromhex(xxh128_of(file)) != self._fast.get(CHECKSUMS):
                self._fast.clear()

    def clip_of_file(self, path: str) -> ClipFacts | None:
        """Return the clip that a file of the export belongs to; None where the papers name none."""
        return self._at(self._offset_of_path.get(path))

    def clip_of_name(self, name: str) -> ClipFacts | None:
        """Return the clip with a base name; None where the papers name none."""
        return self._at(self._offset_of_name.get(name))

    def _at(self, offset: int | None) -> ClipFacts | None:
        if offset is None:
            return None
        if offset not in self._recent:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            if self._rows is None:
                self._rows = self._opened.enter_context(self._folder.open(CLIPS))
            self._rows.seek(offset)
            self._recent[offset] = _facts(json.loads(self._rows.readline()))
        return self._recent[offset]

    def names(self) -> Iterator[str]:
        """Give the names of all clips."""
        yield from self._offset_of_name

    def is_unchanged(self, path: str) -> bool:
        """Tell whether a file is as it was exported."""
        return path in self.checksums and path not in self.changed

    def check_files(self) -> None:
        """Compare each file with its checksum, and find those that nothing names."""
        if not self.checksums:
            return
        findings = self._folder.findings
        sound: dict[tuple[int, int], bytes] = {}  # of files with several names, what was found to be as stated
        for path, stated in self.checksums.items():
            problem = self._folder.problem(path)
            if problem is not None:
                self.changed.add(path)
                findings.add("missing_file", path, None, f"{problem}, and the export had it")
                continue
            with findings.guarded(path):
                inode = self._folder.inode(path)
                if inode is not None and sound.get(inode) == stated:
                    continue
                if not self._is_as_stated(path, stated):
                    self.changed.add(path)
                    findings.add("checksum", path, None, "is not as it was exported: its SHA-256 differs")
                elif inode is not None:
                    sound[inode] = stated
        for path in self._folder.files():
            if (
                path not in self.checksums
                and path not in {CHECKSUMS, FAST_CHECKSUMS}
                and not path.startswith(f"{UNITS}/")
            ):
                findings.add("extra_file", path, None, "the export did not write it; a trainer that lists folders "
                             "takes it in")  # fmt: skip

    def _is_as_stated(self, path: str, sha256: bytes) -> bool:
        """Compare a file with its checksums: SHA-256 where the other is not stated, or differs."""
        with self._folder.open(path) as file:
            if path in self._fast and bytes.fromhex(xxh128_of(file)) == self._fast[path]:
                return True
            file.seek(0)
            return hashlib.file_digest(file, "sha256").digest() == sha256


def _facts(values: dict[str, Any]) -> ClipFacts:
    clip, files = values["clip"], values["files"]
    return ClipFacts(
        name=str(values["name"]), song_id=str(values["song_id"]), group=str(values["group"]),
        artist=values["artist"], split=str(values["split"]), view=str(clip["view"]), source=str(clip["source"]),
        kinds=_kinds(clip["kinds"]), sounding=_kinds(clip["sounding"]), tempo_bpm=_number(clip["tempo_bpm"]),
        metre=clip["metre"], key=clip["key"], duration_s=float(clip["end_s"]) - float(clip["start_s"]),
        text=str(values["text"]), lyrics=values["lyrics"], repeats=int(values["repeats"]),
        files={str(role): str(entry["path"]) for role, entry in files.items()},
        sounds={
            str(entry["path"]): SoundFacts(entry["sample_rate_hz"], entry["channels"], entry["samples"])
            for entry in files.values()
            if entry.get("samples")
        },
        texts={str(role): str(text) for role, text in values.get("texts", {}).items()},
    )  # fmt: skip


def _kinds(joined: str) -> tuple[str, ...]:
    return tuple(kind for kind in joined.split("+") if kind)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
