"""Where a song's files are: the folder layout of the library and the value that describes one song's files.

Finding files belongs here; decoding them does not.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.opening import file_problem, is_unicode, link_problem, shown
from flamingo_bark_assets.library.ids import SONG_ID_RULE, check_song_id, is_song_id
from flamingo_bark_assets.library.sidecar_names import SidecarFile, sidecar_ending
from flamingo_bark_assets.library.sound_names import (
    NO_SOUND_ENDING,
    has_audio_suffix,
    is_stem_file_name,
    stem_name,
)
from flamingo_bark_assets.library.stem_kinds import only_kind
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
        """The feature store: one folder a table, one file a song."""
        return self.root / "features"

    @property
    def datasets(self) -> Path:
        """The per-song dataset JSON and instructions, and the manifests."""
        return self.root / self.datasets_folder

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
    def warehouse(self) -> Path:
        """The published DuckDB file."""
        return self.root / "warehouse.duckdb"

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


def is_sidecar_name(name: str) -> bool:
    """Tell whether a file of this name in a song's folder is a sidecar of its mix: ``song.txt`` and others."""
    return sidecar_ending(name, MIX_NAME, any_case=True) is not None


def list_song_ids(paths: DataPaths) -> list[str]:
    """List the songs of the library, sorted: the folders that are named by a valid identifier.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    return sorted(entry.name for entry in _song_entries(paths) if _unlisted_reason(entry, paths.songs) is None)


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
    reasons = ((entry.name, _unlisted_reason(entry, paths.songs)) for entry in _song_entries(paths))
    return sorted(f"{shown(name)} {reason}" for name, reason in reasons if reason)


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
    mix, mix_problem = _find_mix(paths, folder)
    fault = f"song '{song_id}': {mix_problem}" if mix_problem else None
    info_fault = None
    try:
        said = read_song_info(folder / SONG_TOML)
    except LibraryError as error:
        said, info_fault = ReadInfo(SongInfo()), str(error)
    stems = _find_stems(paths, folder)
    sidecars = _find_sidecars(paths, folder)
    return SongFiles(song_id, mix, stems, said.info, fault, folder, info_fault, said.warnings, sidecars)


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
        return f"is not named by a song id: {SONG_ID_RULE}"
    if entry.is_symlink() and (problem := link_problem(Path(entry.path), songs)):
        return problem
    return None if entry.is_dir() else "is not a folder; a song is a folder that holds a file song.<ext>"


def _folder_problem(folder: Path, root: Path) -> str | None:
    if not os.path.lexists(folder):
        return "does not exist"
    if problem := link_problem(folder, root):
        return problem
    if not folder.is_dir():
        return "is not a folder"
    return None if os.access(folder, os.R_OK | os.X_OK) else "may not be read by this user"


def _find_mix(paths: DataPaths, folder: Path) -> tuple[Path | None, str | None]:
    """Find the one mix of a song's folder, or else what is wrong with it."""
    try:
        names = sorted(p.name for p in folder.iterdir() if has_mix_stem(p.name))
    except OSError as error:
        return None, f"its folder cannot be read: {error.strerror}"
    mixes = [name for name in names if is_mix_name(name)]
    if len(mixes) > 1:
        return None, f"there is more than one mix: {_listed(mixes)}; leave one"
    if not mixes:
        from flamingo_bark_assets.library.song_toml import SONG_TOML

        others = _listed([name for name in names if name != SONG_TOML and not is_sidecar_name(name)])
        found = f"; {others} {NO_SOUND_ENDING}" if others else ""
        return None, f"its folder has no file song.<ext>, such as song.wav or song.mp3{found}"
    path = folder / mixes[0]
    problem = file_problem(path, paths.songs)
    return (None, f"{mixes[0]} {problem}") if problem else (path, None)


def _find_sidecars(paths: DataPaths, folder: Path) -> tuple[SidecarFile, ...]:
    try:
        found = sorted(path for path in folder.iterdir() if is_sidecar_name(path.name))
    except OSError:  # The fault of the song tells it.
        return ()
    problems = ((path, file_problem(path, paths.songs)) for path in found)
    return tuple(SidecarFile(path.name, None if problem else path, problem) for path, problem in problems)


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
