"""`flamingo-bark tag`: measured tempo and key into the tags of sound files.

Which values are sure enough, asking and telling belong here; writing tags stands in `audio.retagging`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.choosing import SONG, ask, chosen_songs
from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.errors import AudioFault, FlamingoBarkError, LibraryError, WriteError
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.settings import Settings, load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.audio.retagging import TagField


@dataclass(frozen=True, slots=True)
class _Song:
    """One song whose mix is to be tagged.

    Attributes:
        song_id: identifier.
        mix: its mix.
        values: what is written, by field.
        left_out: what is not, a clause each.
    """

    song_id: str
    mix: Path
    values: dict[TagField, str]
    left_out: tuple[str, ...]


@click.command()
@click.argument("song_ids", metavar="[SONG]...", nargs=-1, type=SONG)
@click.option("--where", metavar="SQL", help="Songs for which this holds in the warehouse, such as 'tempo_bpm > 120'.")
@click.option("--write", is_flag=True, help="Write the tags; without it they are only shown.")
@click.option("--copies", type=PATH, metavar="DIR", help="With --write: into copies DIR/SONG.<ending>.")
@click.option(
    "--originals", is_flag=True, help="With --write: into the files of the library, which are then due again."
)
@click.option("--overwrite", is_flag=True, help="With --copies: replace copies that are there already.")
@click.option("--yes", is_flag=True, help="Do not ask before originals are written.")
@click.pass_obj
def tag(
    paths: DataPaths,
    song_ids: tuple[str, ...],
    where: str | None,
    write: bool,
    copies: Path | None,
    originals: bool,
    overwrite: bool,
    yes: bool,
) -> None:
    """Put measured tempo and key into the tags of the mixes of SONG, or of all for which --where holds.

    What is less sure than min_tempo_confidence and min_key_confidence of the settings is left out. The sound stays the
    same, bit for bit. MP3, FLAC, Ogg, Opus and AIFF have such tags. Exit status 1: a song is left alone; the others are
    written.
    """
    if write != bool(copies or originals) or (copies and originals):
        raise click.UsageError("--write goes with either --copies DIR or --originals, and these with --write")
    if overwrite and copies is None:
        raise click.UsageError("--overwrite goes with --copies")
    if copies is not None and copies.absolute().resolve().is_relative_to(paths.songs.resolve()):
        raise LibraryError(f"{copies}: lies among the songs and would be taken for one; name a place elsewhere")
    settings = load_settings(paths.settings)
    songs, faults = _measured(paths, settings, chosen_songs(paths, song_ids, where))
    for song in songs:
        told = ", ".join(f"{field} {value}" for field, value in song.values.items()) or "nothing"
        left_out = f"; left out: {', '.join(song.left_out)}" if song.left_out else ""
        console.say("{}: {}{}", song.song_id, told, left_out)
    songs = [song for song in songs if song.values]
    if write and songs:
        if originals:
            ask(f"Write into {len(songs)} original sound files? Their songs are due again.", yes=yes)
        faults += _write(paths, settings, songs, copies, overwrite=overwrite)
    for fault in faults:
        console.say("[red]left alone:[/red] {}", fault)
    if faults:
        sys.exit(1)


def _measured(paths: DataPaths, settings: Settings, song_ids: Sequence[str]) -> tuple[list[_Song], list[str]]:
    """Read what was measured of the files as they are now; of other songs return why not."""
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.audio.retagging import tag_names
    from flamingo_bark_assets.provenance.due import DueSongs
    from flamingo_bark_assets.provenance.inputs import settings_versions
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored

    due = DueSongs(paths, in_detail=True).find(settings_versions(settings, paths))
    songs: list[_Song] = []
    faults: list[str] = []
    for song_id in song_ids:
        files = find_song(paths, song_id)
        try:
            if files.mix is None:
                raise LibraryError(files.fault or f"song {song_id!r}: there is no mix")
            if song_id in due and "song_features" in due[song_id].steps:
                raise LibraryError(f"song {song_id!r}: not measured as it is now; first `flamingo-bark run {song_id}`")
            measured = read_stored(paths, song_id, read_state(paths, song_id), SongFeatures)
            has_frames = tag_names(files.mix)["tempo"] == "TBPM"
            values, left_out = _sure(measured, settings, whole_bpm=has_frames)
            songs.append(_Song(song_id, files.mix, values, left_out))
        except AudioFault as fault:
            faults.append(f"song {song_id!r}: {fault}")
        except FlamingoBarkError as error:
            faults.append(str(error))
    return songs, faults


def _sure(song: SongFeatures, settings: Settings, *, whole_bpm: bool) -> tuple[dict[TagField, str], tuple[str, ...]]:
    """Give what is sure enough to be written, and say what is not.

    ID3 knows whole beats a minute only, and keys as 'F#m'.
    """
    from flamingo_bark_assets.descriptions.phrases import Speaker

    values: dict[TagField, str] = {}
    left_out = []
    tempo, key, prompts = song.one_tempo_bpm, song.key, settings.prompts
    if tempo.value is not None and Speaker(prompts.min_tempo_confidence).trusts(tempo):
        values["tempo"] = f"{tempo.value:.0f}" if whole_bpm else f"{tempo.value:.2f}".rstrip("0").rstrip(".")
    else:
        left_out.append(_why_not("tempo", tempo.reason, tempo.confidence, prompts.min_tempo_confidence))
    if key.value is not None and Speaker(prompts.min_key_confidence).trusts(key):
        tonic, _, mode = key.value.partition(" ")
        values["key"] = tonic + ("m" if mode == "minor" else "")
    else:
        left_out.append(_why_not("key", key.reason, key.confidence, prompts.min_key_confidence))
    return values, tuple(left_out)


def _why_not(name: str, reason: str | None, confidence: float | None, limit: float) -> str:
    return f"{name} ({reason})" if reason else f"{name} (confidence {confidence or 0:.2f}, below {limit:g})"


def _write(
    paths: DataPaths, settings: Settings, songs: Sequence[_Song], copies: Path | None, *, overwrite: bool
) -> Iterator[str]:
    """Write the tags of each song; give what went wrong."""
    from flamingo_bark_assets.audio.retagging import write_tags

    for song in songs:
        target = song.mix if copies is None else copies / f"{song.song_id}{song.mix.suffix}"
        if copies is not None and target.exists() and not overwrite:
            yield f"song {song.song_id!r}: {target} is there already; --overwrite replaces it"
            continue
        try:
            lost = write_tags(
                song.mix, target, song.values, scratch=copies or paths.songs,
                max_duration_s=settings.thresholds.max_duration_s, lossless=copies is None,
            )  # fmt: skip
        except AudioFault as fault:
            yield f"song {song.song_id!r}: {fault}"
            continue
        except WriteError as error:
            yield f"song {song.song_id!r}: {error}"
            continue
        console.note("{}: written{}", target, f", without {', '.join(lost)}" if lost else "")
