"""Sound files to views: which files on disk are a song and its stems, read once, block by block.

Finding and reading loose files belongs here, for the command line and for benchmarks; the library's songs are found by
`library.layout`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.views import open_mix, open_stem, quality_of
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.library.layout import STEMS_FOLDER, StemKind, has_audio_suffix
from flamingo_bark_assets.library.stem_kinds import kinds_in

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


def find_sources(path: Path) -> list[Source]:
    """Find the songs at a path.

    A sound file is a song without stems. A folder with a file ``mix.<ext>`` or ``song.<ext>`` is a song; the sound
    files beside it, or in its folder ``stems``, whose name says one kind are its stems, and those named
    ``sep_<stem>`` make a second song of the same mix. Of any other folder, the folders in it are looked at.

    Raises:
        AudioFault: there is no song at the path.
    """
    found = list(_sources(path))
    if not found and path.is_dir():
        found = [source for inner in sorted(path.iterdir()) if inner.is_dir() for source in _sources(inner)]
    if not found:
        raise AudioFault(path, "there is no song here", "give a sound file or a folder with mix.wav and its stems")
    return found


def _sources(path: Path) -> Iterator[Source]:
    if path.is_file():
        name = path.resolve().parent.name if path.stem.lower() in _MIX_NAMES else path.stem
        yield Source(name, path)
    if not path.is_dir():
        return
    files = _best_formats(path)
    mix = next((files[name] for name in _MIX_NAMES if name in files), None)
    if mix is None:
        return
    song_id = path.resolve().name if path.name in {"", ".", ".."} else path.name
    others = {name: file for name, file in files.items() if file != mix}
    given = {name: file for name, file in others.items() if not name.startswith(_SEPARATED_PREFIX)}
    yield Source(song_id, mix, _by_kind({**given, **_best_formats(path / STEMS_FOLDER)}))
    separated = {name.removeprefix(_SEPARATED_PREFIX): file for name, file in others.items() if name not in given}
    if separated:
        yield Source(song_id + SEPARATED, mix, _by_kind(separated))


def _best_formats(folder: Path) -> dict[str, Path]:
    """Each sound file of a folder by its name without ending, lower case; of several formats a lossless one."""
    if not folder.is_dir():
        return {}
    files = [file for file in sorted(folder.iterdir()) if has_audio_suffix(file.name) and file.is_file()]
    files.sort(key=lambda file: file.suffix.lower() in _LOSSLESS)
    return {file.stem.lower(): file for file in files}


def _by_kind(files: Mapping[str, Path]) -> dict[StemKind, tuple[Path, ...]]:
    kinds: dict[StemKind, tuple[Path, ...]] = {}
    for name, file in sorted(files.items()):
        said = kinds_in(name)
        if len(said) == 1:
            kinds[said[0]] = (*kinds.get(said[0], ()), file)
    return kinds


def read_views(source: Source) -> tuple[SongViews, TechnicalQuality]:
    """Read every file of a song once.

    Returns:
        The views, and the technical quality of the mix.

    Raises:
        AudioFault: a file cannot be decoded.
    """
    mix = open_mix(source.mix)
    stems: dict[str, AudioView] = {kind: open_stem(files) for kind, files in source.stems.items()}
    return SongViews(mix, **stems), quality_of(mix)
