"""Where a song's files are: the folder layout of the library and the value that describes one song's files.

Finding files belongs here; decoding them does not.
"""

from __future__ import annotations

import functools
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.opening import file_problem, is_unicode, link_problem, shown
from flamingo_bark_assets.library.ids import SONG_ID_RULE, check_song_id, is_song_id, make_song_id
from flamingo_bark_assets.library.recognising import FoundStem, is_container, is_layout_notes, recognise
from flamingo_bark_assets.library.sidecar_names import SidecarFile, sidecar_ending
from flamingo_bark_assets.library.sound_names import (
    NO_SOUND_ENDING,
    has_audio_suffix,
    is_stem_file_name,
    stem_name,
)
from flamingo_bark_assets.library.stem_kinds import only_kind
from flamingo_bark_assets.library.trees import read_tree
from flamingo_bark_assets.parts import StemKind, StemOrigin

if TYPE_CHECKING:
    from flamingo_bark_assets.library.song_toml import SongInfo

MIX_NAME = "song"
LIBRARY_LOCK = ".lock"
STEMS_FOLDER = "stems"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """The data folder and the places in it.

    Attributes:
        root: the data folder; it need not exist yet.
        datasets_folder: where in it the datasets are written; "." is the data folder itself.
    """

    root: Path
    datasets_folder: str = "datasets"

    @property
    def songs(self) -> Path:
        """One folder a song."""
        return self.root / "songs"

    @property
    def separated(self) -> Path:
        """Stems that a separator made: one folder a song that has none of its own."""
        return self.root / "separated"

    @property
    def features(self) -> Path:
        """The feature store: one file a song, and packs of songs that have come to rest."""
        return self.root / "features"

    @property
    def datasets(self) -> Path:
        """The per-song dataset JSON and instructions, and the manifests."""
        return self.root / self.datasets_folder

    @property
    def previews(self) -> Path:
        """What the studio plays and draws of the sound files: one folder a song."""
        return self.root / "previews"

    @property
    def exports(self) -> Path:
        """The datasets in the layouts of trainers that Dagster makes: one folder a target."""
        return self.root / "exports"

    @property
    def tokens(self) -> Path:
        """Tokens of clips, kept so that no sound is tokenised twice."""
        return self.root / "tokens"

    @property
    def answers(self) -> Path:
        """What models answered, kept so that nothing is asked twice."""
        return self.root / "answers"

    @property
    def uploads(self) -> Path:
        """Files that came through the browser and are no songs yet: one folder a batch."""
        return self.root / "uploads"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB file."""
        return self.root / "warehouse.duckdb"

    @property
    def journal(self) -> Path:
        """What was changed by hand, when and by whom, from which it can be undone."""
        return self.root / "state" / "journal.jsonl"

    @property
    def settings(self) -> Path:
        """The optional settings file."""
        return self.root / "settings.toml"


@dataclass(frozen=True, slots=True)
class StemFile:
    """One file of the stems folder, or one that a separator made.

    Attributes:
        name: the stem's own name, from the file name without its ending, lower case.
        kind: which kind it is; None where the name says none.
        path: the file; None where it must not be opened.
        fault: why this stem cannot be used, naming the file; None where nothing is wrong so far.
        origin: whether it is given with the song, or was separated from its mix.
    """

    name: str
    kind: StemKind | None
    path: Path | None
    fault: str | None = None
    origin: StemOrigin = "given"


@dataclass(frozen=True, slots=True)
class SongFiles:
    """The files of one song, found but not opened.

    Attributes:
        song_id: identifier and partition key.
        mix: the full mix; None where there is none that may be opened.
        stems: what stands in the stems folder, sorted by name.
        info: what song.toml says; defaults where there is no such file or it cannot be used.
        fault: why the song cannot be used at all, naming the file; None where nothing is wrong so far.
        folder: the song's folder; None where there is none that may be opened.
        info_fault: why song.toml cannot be used at all; None where it can, or there is none.
        info_warnings: what in song.toml is left out of `info`, one sentence each, naming song, file and key.
        sidecars: text files beside the mix that hold words about the song, sorted by name.
    """

    song_id: str
    mix: Path | None
    stems: tuple[StemFile, ...]
    info: SongInfo
    fault: str | None = None
    folder: Path | None = None
    info_fault: str | None = None
    info_warnings: tuple[str, ...] = ()
    sidecars: tuple[SidecarFile, ...] = ()


def is_mix_name(name: str) -> bool:
    """Tell whether a file of this name in a song's folder is its mix: ``song.<ext>``, in any case."""
    return name.rpartition(".")[0].lower() == MIX_NAME and has_audio_suffix(name)


def has_mix_stem(name: str) -> bool:
    """Tell whether a file's name begins as that of a mix: ``song.``, in any case."""
    return name.lower().startswith(f"{MIX_NAME}.")


def is_part_of_layout(name: str) -> bool:
    """Tell whether a file of this name may be sound of a song in any layout, or say what its sounds are."""
    return has_audio_suffix(name) or is_layout_notes(name)


def is_sidecar_name(name: str) -> bool:
    """Tell whether a file of this name in a song's folder is a sidecar of its mix: ``song.txt`` and others."""
    return sidecar_ending(name, MIX_NAME, any_case=True) is not None


def list_song_ids(paths: DataPaths) -> list[str]:
    """List the songs of the library, sorted: the folders that are named by a valid identifier.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    return survey(paths)[0]


def may_be_mounted(paths: DataPaths) -> bool:
    """Tell whether the folder of all songs is the library: there is a song, or a sign that songs came or went.

    Where there is neither, its disk may not be mounted, and nothing must be concluded from what is not there.
    """
    return (paths.songs / LIBRARY_LOCK).exists() or bool(list_song_ids(paths))


def find_unlisted(paths: DataPaths) -> list[str]:
    """Say what stands beside the songs without being one, and why; one sentence an entry, sorted.

    Hidden names are nobody's mistake and left out.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    return survey(paths)[1]


def survey(paths: DataPaths) -> tuple[list[str], list[str]]:
    """Return what `list_song_ids` and `find_unlisted` return, by one look.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    songs, unlisted, folder = [], [], paths.songs
    for entry in _song_entries(paths):
        if reason := _unlisted_reason(entry, folder):
            unlisted.append(f"{shown(entry.name)} {reason}")
        else:
            songs.append(entry.name)
    return sorted(songs), sorted(unlisted)


def find_song(paths: DataPaths, song_id: str) -> SongFiles:
    """Find the files of a song without opening a sound file.

    Whatever is wrong with them is written into the `fault` of the song or of the stem, and into `info_fault` and
    `info_warnings` for song.toml, which costs the song none of its measurements.

    Raises:
        LibraryError: `song_id` is not an identifier.
    """
    # pydantic takes 0.1 s to import.
    from flamingo_bark_assets.library.song_toml import SONG_TOML, ReadInfo, SongInfo, read_song_info

    check_song_id(song_id)
    folder = paths.songs / song_id
    if problem := _folder_problem(folder, paths.songs):
        return SongFiles(song_id, None, (), SongInfo(), f"song '{song_id}': its folder {problem}")
    sound = _find_sound(paths, folder)
    fault = f"song '{song_id}': {sound.problem}" if sound.problem else None
    info_fault = None
    try:
        said = read_song_info(folder / SONG_TOML)
    except LibraryError as error:
        said, info_fault = ReadInfo(SongInfo()), str(error)
    sidecars = _find_sidecars(paths, folder, sound.mix)
    return SongFiles(song_id, sound.mix, sound.stems, said.info, fault, folder, info_fault, said.warnings, sidecars)


def find_song_folder(paths: DataPaths, song_id: str) -> SongFiles:
    """Find the folder of a song without looking into it: files and what song.toml says are left out.

    Raises:
        LibraryError: `song_id` is not an identifier.
    """
    check_song_id(song_id)
    folder = paths.songs / song_id
    if problem := _folder_problem(folder, paths.songs):
        return SongFiles(song_id, None, (), _nothing_said(), f"song '{song_id}': its folder {problem}")
    return SongFiles(song_id, None, (), _nothing_said(), folder=folder)


@functools.cache
def _nothing_said() -> SongInfo:
    from flamingo_bark_assets.library.song_toml import SongInfo

    return SongInfo()


def _song_entries(paths: DataPaths) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(paths.songs) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LibraryError(f"{paths.songs}: the folder of all songs cannot be read: {error}") from error


def _unlisted_reason(entry: os.DirEntry[str], songs: Path) -> str | None:
    if not is_song_id(entry.name):
        better = make_song_id(entry.name, fallback=MIX_NAME)
        return f"is not named by a song id: {SONG_ID_RULE}; rename it, for instance to {better}"
    if entry.is_symlink() and (problem := link_problem(Path(entry.path), songs)):
        return problem
    return (
        None if entry.is_dir() else "is not a folder; put it into one of its own: a song is a folder that holds a mix"
    )


def _folder_problem(folder: Path, root: Path) -> str | None:
    if not os.path.lexists(folder):
        return "does not exist"
    if problem := link_problem(folder, root):
        return problem
    if not folder.is_dir():
        return "is not a folder"
    return None if os.access(folder, os.R_OK | os.X_OK) else "may not be read by this user"


@dataclass(frozen=True, slots=True)
class _Sound:
    """The sound files of a song's folder, or what is wrong with the mix."""

    mix: Path | None
    stems: tuple[StemFile, ...] = ()
    problem: str | None = None


def _find_sound(paths: DataPaths, folder: Path) -> _Sound:
    """Find mix and stems: ``song.<ext>`` and the folder of stems, or any layout of one song that `add` knows."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        return _Sound(None, problem=f"its folder cannot be read: {error.strerror}")
    mixes = [name for name in names if is_mix_name(name)]
    stems = _find_stems(paths, folder)
    if len(mixes) > 1:
        return _Sound(None, stems, f"there is more than one mix: {_listed(mixes)}; leave one")
    if not mixes:
        return _find_other_layout(paths, folder, names)
    path = folder / mixes[0]
    if problem := file_problem(path, paths.songs):
        return _Sound(None, stems, f"{mixes[0]} {problem}")
    if STEMS_FOLDER in names or not _may_hold_stems(folder, names, mixes[0]):
        return _Sound(path, stems)
    return _Sound(path, _find_other_layout(paths, folder, names, own_mix=path).stems)


def _may_hold_stems(folder: Path, names: list[str], mix: str) -> bool:
    """Tell whether there is any sound beside a mix, so that songs of one file cost no look into their folders."""
    return any(
        name != mix and not name.startswith(".") and (has_audio_suffix(name) or (folder / name).is_dir())
        for name in names
    ) or is_container(mix)


def _find_other_layout(paths: DataPaths, folder: Path, names: list[str], own_mix: Path | None = None) -> _Sound:
    """Find mix and stems as `add` finds them, where the folder is no folder of the library's own layout."""
    recognised = recognise(read_tree([folder]), is_one_song=True)
    songs = [song for song in recognised.songs if own_mix is None or song.mix == own_mix]
    told = [f"{_within(one.path, folder)}{one.sentence()[len(str(one.path)) :]}" for one in recognised.left_out]
    if len(songs) != 1:
        problem = _no_song(names) if not songs else _several_songs([song.mix.name for song in songs])
        return _Sound(None, problem="; ".join([problem, *told]))
    (song,) = songs
    beside = [stem.name for stem in song.stems]
    stems = [_other_stem(paths, folder, stem, beside) for stem in song.stems]
    # What is left out may have been meant as a stem; beside a mix of the library's own name it always was left.
    if own_mix is None:
        stems += [StemFile(f"left out {number}", None, None, reason) for number, reason in enumerate(told, start=1)]
    if song.is_container and not stems:
        reason = f"{shown(song.mix.name)}: its stems are streams beside the mix; `flamingo-bark add` takes them out"
        stems.append(StemFile(STEMS_FOLDER, None, None, reason))
    if unusable := file_problem(song.mix, paths.songs):
        return _Sound(None, tuple(stems), f"{song.mix.name} {unusable}")
    return _Sound(song.mix, tuple(stems))


def _other_stem(paths: DataPaths, folder: Path, stem: FoundStem, beside: list[str]) -> StemFile:
    kind, kind_problem = only_kind(stem.name, titles=(folder.name,), beside=beside)
    file = _within(stem.path, folder)
    name = unicodedata.normalize("NFC", stem.name.lower())
    if problem := _name_problem(stem.path.name) or _name_problem(name) or file_problem(stem.path, paths.songs):
        return StemFile(name if is_unicode(name) else "stem", kind, None, f"{file}: {problem}")
    return StemFile(name, kind, stem.path, f"{file}: {kind_problem}" if kind_problem else None)


def _within(path: Path, folder: Path) -> str:
    inner = path.relative_to(folder).as_posix()
    return shown(inner) if inner != "." else "beside it"


def _no_song(names: list[str]) -> str:
    from flamingo_bark_assets.library.song_toml import SONG_TOML

    unlike = [n for n in names if has_mix_stem(n) and n != SONG_TOML and not is_sidecar_name(n)]
    found = f"; {_listed(unlike)} {NO_SOUND_ENDING}" if unlike else ""
    return (
        f"its folder has no file song.<ext>, such as song.wav or song.mp3, and no other that is known as a mix{found}"
    )


def _several_songs(mixes: list[str]) -> str:
    return (
        f"its folder holds {len(mixes)} songs: {_listed(mixes[:5])}; give each a folder of its own, or move this one "
        "elsewhere and `flamingo-bark add` it"
    )


def _find_sidecars(paths: DataPaths, folder: Path, mix: Path | None) -> tuple[SidecarFile, ...]:
    """Find the sidecars that are named as the mix is, or as a mix is named in a folder of the library."""
    bases = [MIX_NAME, *([mix.stem] if mix is not None and mix.parent == folder else [])]
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:  # The fault of the song tells it.
        return ()
    found = {
        name: base for base in bases for name in names if sidecar_ending(name, base, any_case=True) is not None
    }  # fmt: skip
    problems = ((name, base, file_problem(folder / name, paths.songs)) for name, base in sorted(found.items()))
    return tuple(
        SidecarFile(name, None if problem else folder / name, problem, base=base) for name, base, problem in problems
    )


def _find_stems(paths: DataPaths, folder: Path) -> tuple[StemFile, ...]:
    stems_folder = folder / STEMS_FOLDER
    if not os.path.lexists(stems_folder):
        return ()
    names: list[str] = []
    if not (problem := _folder_problem(stems_folder, paths.songs)):
        try:
            names = sorted(p.name for p in stems_folder.iterdir() if is_stem_file_name(p.name))
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
    if problem:
        return (StemFile(STEMS_FOLDER, None, None, f"the folder {STEMS_FOLDER} {problem}"),)
    files_of: dict[str, list[str]] = {}
    for name in names:
        # drums.wav and drums.ac3 are not the same stem twice: only one of them is read.
        files_of.setdefault(stem_name(name) if has_audio_suffix(name) else name.lower(), []).append(name)
    beside = [Path(name).stem for name in names]
    return tuple(
        _find_stem(paths, stems_folder / file, name, files, beside)
        for name, files in sorted(files_of.items())
        for file in files
    )


def _find_stem(paths: DataPaths, path: Path, name: str, files_of_that_name: list[str], beside: list[str]) -> StemFile:
    # The title in song.toml does not count: a stem would change its kind without any change of its sound.
    kind, kind_problem = only_kind(path.stem, titles=(path.parent.parent.name,), beside=beside)
    file = f"{STEMS_FOLDER}/{shown(path.name)}"
    if problem := _name_problem(path.name) or file_problem(path, paths.songs):
        return StemFile(name, kind, None, f"{file}: {problem}")
    if not has_audio_suffix(path.name):
        return StemFile(name, kind, path, f"{file}: {NO_SOUND_ENDING} and is left out; save it as WAV or FLAC")
    if len(files_of_that_name) > 1:
        return StemFile(name, kind, path, f"{_listed(files_of_that_name)} are the same stem; leave one")
    return StemFile(name, kind, path, f"{file}: {kind_problem}" if kind_problem else None)


def _name_problem(name: str) -> str | None:
    """Refuse names that cannot be stored in a table or printed on a line."""
    if not is_unicode(name):
        return "its name is not UTF-8; rename it"
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in name):
        return "its name holds a line break or control character; rename it"
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names)
