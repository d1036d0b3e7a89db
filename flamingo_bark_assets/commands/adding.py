"""`flamingo-bark add`: songs into the library, one file with options of its own, or trees of many as they are.

Asking and telling belong here; recognising stands in `library.recognising`, storing in `library.batch`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.commands.words import sidecar_problems
from flamingo_bark_assets.errors import FileFault, FlamingoBarkError, LibraryError
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.library.batch import Outcome, State, Wishes
    from flamingo_bark_assets.library.song_toml import SongInfo
    from flamingo_bark_assets.library.trees import LeftOut

_MAX_LYRICS_BYTES = 1024 * 1024
_MOST_LEFT_OUT = 50
_ADDED: State = "added"
_PLANNED: State = "would be added"
_THERE: State = "there already"
_FAILED: State = "failed"


@click.command()
@click.argument("places", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--stems", "stems_dir", type=PATH, help="Folder with the stem files of the one FILE.")
@click.option("--id", "song_id", help="Identifier of the one song; default: made from its title or name.")
@click.option("--title", help="Title of the one song; default: the file's own tag.")
@click.option("--artist", help="Artist; default: the file's own tag.")
@click.option("--licence", help="Licence of the recordings, for instance CC0-1.0; default: that of a licence file.")
@click.option("--attribution", help="Credit line that the licence asks for.")
@click.option("--genre", "genres", multiple=True, help="Genre tag; may be given several times.")
@click.option("--lyrics", "lyrics_file", type=PATH, help="Text file with the words that are sung in the one song.")
@click.option("--link", is_flag=True, help="Hard links instead of copies, where the disk allows it.")
@click.option("--no-sidecars", is_flag=True, help="Leave the text files beside songs that hold words about them.")
@click.option("--dry-run", is_flag=True, help="Only tell what was recognised, and what was not and why.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
@click.pass_obj
def add(
    paths: DataPaths,
    places: tuple[Path, ...],
    stems_dir: Path | None,
    song_id: str | None,
    title: str | None,
    artist: str | None,
    licence: str | None,
    attribution: str | None,
    genres: tuple[str, ...],
    lyrics_file: Path | None,
    link: bool,
    no_sidecars: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import songs with their stems and sidecars into the library: files, folders, or trees of any number of songs.

    Exit status 0: every song is in the library; 1: some failed, or none was found; 2: the options do not go together.
    """
    from flamingo_bark_assets.library.batch import Outcome, Wishes, one_song
    from flamingo_bark_assets.library.ids import check_song_id
    from flamingo_bark_assets.library.recognising import is_container

    for_one = {"--stems": stems_dir, "--id": song_id, "--title": title, "--lyrics": lyrics_file}
    given = [option for option, value in for_one.items() if value is not None]
    is_one_file = len(places) == 1 and not places[0].is_dir()
    if given and len(places) > 1:
        raise click.UsageError(f"{' and '.join(given)} can only be said of one song, not of {len(places)} paths")
    if stems_dir is not None and not is_one_file:
        raise click.UsageError("--stems goes with one FILE; in a folder the stems are found by their names")
    info = _info(
        title=title, artist=artist, licence=licence, attribution=attribution, genres=genres,
        lyrics=_read_lyrics(lyrics_file) if lyrics_file else None,
    )  # fmt: skip
    if song_id is not None:
        check_song_id(song_id)
    wishes = Wishes(info, song_id, link, not no_sidecars, dry_run)
    told = _Told(paths, as_json=as_json, dry_run=dry_run)
    if is_one_file and (stems_dir is not None or not is_container(places[0].name)):
        try:
            _add_file(paths, places[0], stems_dir, wishes, told)
        except FlamingoBarkError as error:
            if not as_json:
                raise
            told.song(Outcome(one_song(places[0]), _FAILED, reason=" ".join(str(error).split())))
    else:
        _add_all(paths, places, wishes, told, only_one=given)
    told.end(places)


def _info(**said: Any) -> SongInfo:
    from pydantic import ValidationError

    from flamingo_bark_assets.library.song_toml import SongInfo, describe_problem

    try:
        return SongInfo(**said)
    except ValidationError as error:
        raise LibraryError(f"--{describe_problem(error).replace('genres', 'genre', 1)}") from error


def _read_lyrics(file: Path) -> str:
    from flamingo_bark_assets.files.opening import read_text

    try:
        return read_text(file, max_bytes=_MAX_LYRICS_BYTES)
    except FileFault as fault:
        raise LibraryError(f"--lyrics {file}: {fault}") from fault


def _add_file(paths: DataPaths, file: Path, stems_dir: Path | None, wishes: Wishes, told: _Told) -> None:
    """Add the one file that was named, whatever it is called; all of it is decoded first.

    Raises:
        FlamingoBarkError: it cannot be added.
    """
    from flamingo_bark_assets.audio.decode import decode
    from flamingo_bark_assets.library.batch import Outcome, one_song
    from flamingo_bark_assets.library.importing import Importer, Incoming, add_song, sidecars_to_add, stems_in
    from flamingo_bark_assets.library.known_mixes import KnownMixes, same_mix

    song = one_song(file)
    decoded = decode(file, max_duration_s=load_settings(paths.settings).thresholds.max_duration_s)
    notes = tuple(f"{file.name}: {oddity}" for oddity in decoded.oddities)
    stem_files = stems_in(stems_dir, file) if stems_dir else ()
    holder = KnownMixes(paths).holder(file) if wishes.song_id is None else None
    if holder is not None:
        told.song(Outcome(song, _THERE, holder, notes=notes))
    elif wishes.dry_run:
        from flamingo_bark_assets.library.sidecar_sources import stored_name

        stems = tuple(stem.name for stem in stem_files)
        found = sidecars_to_add(file) if wishes.with_sidecars else ()
        incoming = Incoming(file, wishes.info.title or file.stem, stem_files, tuple(found), wishes.info, wishes.song_id)
        planned = Importer(paths).plan(incoming)
        if planned.is_new:
            state, sidecars = _PLANNED, tuple(map(stored_name, found))
            told.song(Outcome(song, state, planned.song_id, stems, sidecars, notes=notes))
        else:
            raise same_mix(file.name, planned.song_id)
    else:
        files = add_song(
            paths, file, stems_dir=stems_dir, song_id=wishes.song_id, info=wishes.info, link=wishes.link,
            with_sidecars=wishes.with_sidecars,
        )  # fmt: skip
        stems = tuple(stem.path.name for stem in files.stems if stem.path)
        sidecars = tuple(sidecar.name for sidecar in files.sidecars)
        told.song(Outcome(song, _ADDED, files.song_id, stems, sidecars, notes=notes))


def _add_all(paths: DataPaths, places: Sequence[Path], wishes: Wishes, told: _Told, *, only_one: Sequence[str]) -> None:
    """Add all songs that are found at some places."""
    from flamingo_bark_assets.audio.inspecting import inspector
    from flamingo_bark_assets.library.batch import add_songs
    from flamingo_bark_assets.library.recognising import recognise
    from flamingo_bark_assets.library.trees import read_tree

    found = recognise(read_tree(places))
    if only_one and len(found.songs) != 1:
        held = ", ".join(map(str, places))
        raise click.UsageError(
            f"{' and '.join(only_one)} can only be said of one song; {held} holds {len(found.songs)} songs"
        )
    told.left_out = found.left_out
    inspect = inspector(load_settings(paths.settings).thresholds.max_duration_s)
    with told.progress(len(found.songs)):
        for outcome in add_songs(paths, found.songs, wishes, inspect):
            told.song(outcome)


class _Told:
    """Tells what becomes of each song, and all of it at the end."""

    def __init__(self, paths: DataPaths, *, as_json: bool, dry_run: bool) -> None:
        self._paths = paths
        self._as_json = as_json
        self._dry_run = dry_run
        self._outcomes: list[Outcome] = []
        self._many = False
        self._advance: Callable[[], None] = lambda: None
        self.left_out: tuple[LeftOut, ...] = ()

    def progress(self, songs: int) -> Any:
        """Show a bar over that many songs; none with JSON."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=console, disable=self._as_json or console.hushed)
        task = bar.add_task("looking" if self._dry_run else "adding", total=songs)
        self._advance = lambda: bar.advance(task)
        self._many = songs > 1
        return bar

    def song(self, outcome: Outcome) -> None:
        """Tell what became of one song."""
        self._outcomes.append(outcome)
        self._advance()
        if self._as_json:
            return
        mix = outcome.found.mix
        if outcome.state == _ADDED and outcome.song_id:
            self._tell_added(find_song(self._paths, outcome.song_id))
        elif outcome.state == _FAILED:
            console.say("[red]failed:[/red] {}: {}", mix, outcome.reason)
        elif outcome.state == _THERE:
            console.note("there already: [bold]{}[/bold], {}", outcome.song_id, mix)
        else:
            self._tell_planned(outcome)
        self._warn(outcome.song_id, outcome.notes)

    def _warn(self, song_id: str | None, warnings: Iterable[str]) -> None:
        """Say what is worth knowing of a song, which is named where there may be others."""
        for warning in warnings:
            if self._many and song_id and repr(song_id) not in warning:
                console.say("[yellow]warning:[/yellow] song {}: {}", repr(song_id), warning)
            else:
                console.say("[yellow]warning:[/yellow] {}", warning)

    def end(self, places: Sequence[Path]) -> None:
        """Tell what was left out and a summary; exit with status 1 where a song failed.

        Raises:
            LibraryError: there is no song at these places.
        """
        states = Counter(outcome.state for outcome in self._outcomes)
        missed = sum(one.is_fault for one in self.left_out)
        if self._as_json:
            click.echo(json.dumps(self._as_data(states), indent=1))
        else:
            for one in self.left_out[:_MOST_LEFT_OUT]:
                console.say("[yellow]left out:[/yellow] {}", one.sentence())
            if len(self.left_out) > _MOST_LEFT_OUT:
                console.say("and {} more; --json names all of them", len(self.left_out) - _MOST_LEFT_OUT)
            if self._outcomes:
                self._tell_summary(states, missed)
        if not self._outcomes:
            raise LibraryError(f"no song was found in {', '.join(map(str, places))}")
        if states[_FAILED] or missed:
            sys.exit(1)

    def _tell_added(self, files: SongFiles) -> None:
        kinds = ", ".join(f"{stem.name} (unused)" if stem.fault else str(stem.kind) for stem in files.stems) or "none"
        console.note("added [bold]{}[/bold], stems: {}", files.song_id, kinds)
        if files.sidecars:
            console.note("sidecars: {}", ", ".join(sidecar.name for sidecar in files.sidecars))
        self._warn(files.song_id, (*(stem.fault for stem in files.stems if stem.fault), *sidecar_problems(files)))

    def _tell_planned(self, outcome: Outcome) -> None:
        found = outcome.found
        console.say("would add [bold]{}[/bold]: {}, {}", outcome.song_id, found.mix, found.layout)
        stems = [f"{stem.name} ({_within(stem.path, found.mix.parent)})" for stem in found.stems] or outcome.stems
        console.say("  stems: {}", ", ".join(stems) or "none")
        if outcome.sidecars:
            console.say("  sidecars: {}", ", ".join(outcome.sidecars))
        if outcome.licence:
            console.say("  licence: {} ({})", outcome.licence, found.licence)

    def _tell_summary(self, states: Counter[State], missed: int) -> None:
        if len(self._outcomes) > 1 or self.left_out or self._dry_run:
            counts = [f"{count} {state}" for state, count in sorted(states.items())]
            left = [f"{len(self.left_out)} left out"] if self.left_out else []
            unread = [f"{missed} could not be read"] if missed else []
            console.note("[bold]songs:[/bold] {}", "; ".join([", ".join(counts), *left, *unread]))
        added = [str(outcome.song_id) for outcome in self._outcomes if outcome.state == _ADDED]
        if added:
            which = f" {added[0]}" if len(added) == 1 else ""
            console.note("next: flamingo-bark run{}   (or leave it to the sensor of `make ui`)", which)

    def _as_data(self, states: Counter[State]) -> dict[str, Any]:
        return {
            "songs": [_song_data(outcome) for outcome in self._outcomes],
            "left_out": [
                {"path": str(one.path), "files": list(one.files), "reason": one.reason} for one in self.left_out
            ],
            "summary": dict(states),
        }


def _song_data(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found
    return {
        "state": outcome.state,
        "song_id": outcome.song_id,
        "mix": str(found.mix),
        "layout": found.layout,
        "stems": list(outcome.stems),
        "stem_files": [str(stem.path) for stem in found.stems],
        "sidecars": list(outcome.sidecars),
        "licence": outcome.licence,
        "licence_file": str(found.licence) if found.licence else None,
        "notes": list(outcome.notes),
        "reason": outcome.reason,
    }


def _within(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
