"""What a separator has left in its output folder: which stems these files are, by the layouts of known separators.

Demucs writes ``<model>/<track>/vocals.wav``, audio-separator ``<track>_(Vocals)_<model>.wav``. Reading names belongs
here; which kind a name says is decided by `library.stem_kinds`, as for stems that are given.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import SeparationError
from flamingo_bark_assets.files.opening import is_unicode, shown
from flamingo_bark_assets.library.sound_names import has_audio_suffix, stem_name

MOST_STEMS = 32
_MOST_ENTRIES = 1000
_DEEPEST = 5
_LONGEST_NAME = 60
_BRACKETED = re.compile(r"_\(([^()]+)\)")
_UNSAFE = re.compile(r"[^\w +&-]+")


@dataclass(frozen=True, slots=True)
class FoundStem:
    """One sound file of an output folder.

    Attributes:
        path: where it is.
        made_as: its path in the output folder, POSIX.
        file_name: the name that it gets in the song's folder of separated stems.
    """

    path: Path
    made_as: str
    file_name: str


def find_stems(output: Path, track: str) -> tuple[FoundStem, ...]:
    """Find the stems in an output folder, sorted by name; files that are no sound are left out.

    Args:
        output: the folder; links in it are not followed.
        track: name of the file that was separated, without its ending.

    Raises:
        SeparationError: there is no sound file, two have one name, one is empty or no regular file, or there are far
            too many.
    """
    found: dict[str, FoundStem] = {}
    for path in _sound_files(output):
        made_as = path.relative_to(output).as_posix()
        if not is_unicode(made_as):
            raise SeparationError(f"it left a file whose name is not UTF-8: {shown(made_as)}")
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            raise SeparationError(f"it left {shown(made_as)}, which is empty or no regular file")
        name = f"{_name_of(path.stem, track)}{path.suffix.lower()}"
        if name in found:
            raise SeparationError(f"it left two files that are the stem {name}: {found[name].made_as}, {made_as}")
        found[name] = FoundStem(path, made_as, name)
    if not found:
        raise SeparationError("it ended well and left no sound file in its output folder")
    if len(found) > MOST_STEMS:
        raise SeparationError(f"it left {len(found)} sound files; at most {MOST_STEMS} are read")
    return tuple(found[name] for name in sorted(found))


def _name_of(stem: str, track: str) -> str:
    """Name a stem: what stands in brackets behind the track's name, or else all that is not the track's name."""
    behind = stem.removeprefix(track)
    bracketed = _BRACKETED.search(behind)
    name = bracketed[1] if bracketed else behind.strip(" _-") or stem
    return _UNSAFE.sub("_", stem_name(f"{name}.wav"))[:_LONGEST_NAME].strip(" _-") or "stem"


def _sound_files(output: Path) -> Iterator[Path]:
    entries = 0
    for folder, folders, files in os.walk(output):
        if len(Path(folder).relative_to(output).parts) >= _DEEPEST:
            folders.clear()
        folders.sort()
        entries += len(folders) + len(files)
        if entries > _MOST_ENTRIES:
            raise SeparationError(f"it left more than {_MOST_ENTRIES} files and folders in its output folder")
        for name in sorted(files):
            if has_audio_suffix(name):
                yield Path(folder, name)
