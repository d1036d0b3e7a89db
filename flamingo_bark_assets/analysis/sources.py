"""Loose sound files as songs: which files on disk are a song and its stems, and which are left out and why.

Finding files for the command line and for benchmarks belongs here; reading them stands in `song_reading`, and the
library's songs are found by `library.layout`.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.library.layout import STEMS_FOLDER
from flamingo_bark_assets.library.sound_names import NO_SOUND_ENDING, has_audio_suffix, is_unread_stem, stem_name
from flamingo_bark_assets.library.stem_kinds import only_kind
from flamingo_bark_assets.parts import StemKind

SEPARATED = "#sep"

_MIX_NAMES = ("mix", "song")
_SEPARATED_PREFIX = "sep_"
_LOSSLESS = (".wav", ".flac", ".aiff", ".aif")


@dataclass(frozen=True, slots=True)
class Source:
    """The sound files of one song.

    Attributes:
        song_id: name of the folder or file; stems that a separator made stand under the name with `SEPARATED`.
        mix: the full mix.
        stems: the files of each kind.
    """

    song_id: str
    mix: Path
    stems: Mapping[StemKind, tuple[Path, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at some paths.

    Attributes:
        sources: the songs, each under a name of its own.
        left_out: one sentence for each sound file that is not used, naming it and saying why.
    """

    sources: tuple[Source, ...]
    left_out: tuple[str, ...]


def find_all(paths: Sequence[Path]) -> Found:
    """Find the songs at several paths; songs of one name are told apart by the folders that they lie in.

    Raises:
        AudioFault: there is no song at one of the paths.
    """
    sources: list[Source] = []
    left_out: list[str] = []
    for path in paths:
        found = find_sources(path)
        sources += found.sources
        left_out += found.left_out
    once = list({_identity(source): source for source in sources}.values())
    if len(once) < len(sources):
        left_out.append(f"{len(sources) - len(once)} of the songs were given twice; each is measured once")
    return Found(tuple(_told_apart(once)), tuple(left_out))


def find_sources(path: Path) -> Found:
    """Find the songs at a path.

    A sound file is a song without stems. A folder with a file ``mix.<ext>`` or ``song.<ext>`` is a song; the sound
    files beside it, or in its folder ``stems``, whose name says one kind are its stems, and those named
    ``sep_<stem>`` make a second song of the same mix. Of any other folder, the folders in it are looked at.

    Raises:
        AudioFault: there is no song at the path.
    """
    found = _Finding()
    if path.is_file():
        name = path.resolve().parent.name if path.stem.lower() in _MIX_NAMES else path.stem
        found.sources.append(Source(name, path))
    elif path.is_dir() and not found.take_song(path):
        for inner in sorted(path.iterdir()):
            if inner.is_dir() and not found.take_song(inner):
                found.leave(_sounds(inner), "there is no mix.wav or song.wav beside it")
        found.leave(_sounds(path), "it lies in no song's folder; give the file itself to measure it as a song")
    if not found.sources:
        raise AudioFault(path, "there is no song here", "give a sound file or a folder with mix.wav and its stems")
    return Found(tuple(found.sources), tuple(found.left_out))


class _Finding:
    """Gathers songs, and what is left out, folder by folder."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.left_out: list[str] = []

    def leave(self, files: Iterable[Path], reason: str) -> None:
        """Leave files out, all for one reason."""
        self.left_out += [f"{file} is not used: {reason}" for file in files]

    def take_song(self, folder: Path) -> bool:
        """Take the song in a folder and say what there is of it; False where the folder holds none."""
        files = self._best_formats(folder)
        mix = next((files[name] for name in _MIX_NAMES if name in files), None)
        if mix is None:
            return False
        song_id = folder.resolve().name if folder.name in {"", ".", ".."} else folder.name
        given = {name: file for name, file in files.items() if file != mix}
        separated = {name: file for name, file in given.items() if name.startswith(_SEPARATED_PREFIX)}
        beside = {name: file for name, file in given.items() if name not in separated}
        inner = self._inner_stems(folder)
        self.leave((beside[name] for name in sorted(beside.keys() & inner.keys())), "the stems folder has it as well")
        self.sources.append(Source(song_id, mix, self._by_kind({**beside, **inner}, song_id)))
        if separated:
            self.sources.append(Source(song_id + SEPARATED, mix, self._by_kind(separated, song_id)))
        return True

    def _inner_stems(self, folder: Path) -> dict[str, Path]:
        """Return the stems in the song's folder of stems; sounds in its other folders are left out."""
        stems: dict[str, Path] = {}
        for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
            if inner.name.lower() == STEMS_FOLDER:
                stems |= self._best_formats(inner)
            else:
                self.leave(_sounds(inner), f"stems lie beside the mix or in a folder {STEMS_FOLDER}")
        return stems

    def _best_formats(self, folder: Path) -> dict[str, Path]:
        """Map lower-case names without ending to a folder's sound files; of several formats a lossless one is taken."""
        files = sorted(_sounds(folder), key=lambda file: (file.suffix.lower() not in _LOSSLESS, file.name))
        best: dict[str, Path] = {}
        for file in files:
            used = best.setdefault(stem_name(file.name), file)
            if used != file:
                self.leave([file], f"{used.name} is the same in another format")
        others = [file for file in sorted(folder.iterdir()) if _sounds_like_a_stem(file)]
        self.leave(others, f"it {NO_SOUND_ENDING} that is known")
        return best

    def _by_kind(self, files: Mapping[str, Path], song_id: str) -> dict[StemKind, tuple[Path, ...]]:
        kinds: dict[StemKind, tuple[Path, ...]] = {}
        names = [file.stem.removeprefix(_SEPARATED_PREFIX) for file in files.values()]
        for _, file in sorted(files.items()):
            kind, problem = only_kind(file.stem.removeprefix(_SEPARATED_PREFIX), titles=(song_id,), beside=names)
            if problem:
                self.leave([file], problem)
            elif kind is not None:
                kinds[kind] = (*kinds.get(kind, ()), file)
        return kinds


def _sounds(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.iterdir()) if has_audio_suffix(file.name) and file.is_file())


def _sounds_like_a_stem(file: Path) -> bool:
    """Return whether a file bears a stem's name but not the ending of a sound file, as ``drums.ac3``."""
    return file.is_file() and is_unread_stem(file.name)


def _identity(source: Source) -> tuple[Path, frozenset[Path]]:
    return source.mix.resolve(), frozenset(file.resolve() for files in source.stems.values() for file in files)


def _told_apart(sources: Sequence[Source]) -> Iterator[Source]:
    """Put as many folders before a name as songs of that name need; those beside each other keep their endings."""
    same: defaultdict[str, list[Source]] = defaultdict(list)
    for source in sources:
        same[source.song_id].append(source)
    for source in sources:
        rivals = [other for other in same[source.song_id] if other is not source]
        yield source if not rivals else dataclasses.replace(source, song_id=_long_name(source, rivals))


def _long_name(source: Source, rivals: Sequence[Source]) -> str:
    own = _place(source)
    if any(_place(rival) == own for rival in rivals):
        own = own.with_name(source.mix.name)
    suffix = SEPARATED if source.song_id.endswith(SEPARATED) else ""
    for count in range(2, len(own.parts)):
        tail = own.parts[-count:]
        if all(_place(rival).parts[-count:] != tail for rival in rivals):
            return "/".join(tail) + suffix
    return own.as_posix() + suffix


def _place(source: Source) -> Path:
    """Return the folder of a song, or the file of one that is only a file, without its ending."""
    mix = source.mix.absolute()
    return mix.parent if mix.stem.lower() in _MIX_NAMES else mix.with_suffix("")
