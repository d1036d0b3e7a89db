"""`flamingo-bark review` and `correct`: what a person decides about songs, written into their song.toml.

Asking and telling belong here; changing the files stands in `library.song_changes`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from flamingo_bark_assets.commands.choosing import SONG, ask, chosen_songs, known_songs
from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.judgements import Metre
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.terminal import console
from flamingo_bark_assets.text import number_of

if TYPE_CHECKING:
    from flamingo_bark_assets.library.song_changes import Changes

_FIELDS = ("tempo_bpm", "key", "metre", "first_downbeat_s", "sections")
_FACTORS = {"halve": 0.5, "double": 2.0}
_MAX_SECTIONS_BYTES = 1024 * 1024


@click.command()
@click.argument("song_ids", metavar="[SONG]...", nargs=-1, type=SONG)
@click.option("--where", metavar="SQL", help="Songs for which this holds in the warehouse, such as 'tempo_bpm > 120'.")
@click.option("--accept", "state", flag_value="accepted", help="They are as they should be.")
@click.option("--exclude", "state", flag_value="excluded", help="They go into no manifest, split or export.")
@click.option("--clear", "state", flag_value="", help="Nobody has looked at them.")
@click.option("--reason", help="Why, of an exclusion.")
@click.option("--by", help="Who decides; default: the name you are logged in by.")
@click.option("--yes", is_flag=True, help="Do not ask before more than one song is changed.")
@click.pass_obj
def review(
    paths: DataPaths,
    song_ids: tuple[str, ...],
    where: str | None,
    state: str | None,
    reason: str | None,
    by: str | None,
    yes: bool,
) -> None:
    """Accept the songs SONG, or all for which --where holds, or exclude them from training; noted in song.toml."""
    if state is None:
        raise click.UsageError("say --accept, --exclude or --clear")
    if reason and state != "excluded":
        raise click.UsageError("--reason goes with --exclude")
    chosen = chosen_songs(paths, song_ids, where)
    if len(chosen) > 1:
        ask(f"Change song.toml of {len(chosen)} songs?", yes=yes)
    by = by or _user()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"state": state, "by": by, "at": at, "reason": reason} if state else None
    label = f"{state or 'not reviewed'}: {number_of(len(chosen), 'song')}"
    _change(paths, {song_id: {("review",): said} for song_id in chosen}, by, label)


@click.command()
@click.argument("song_id", metavar="SONG", type=SONG)
@click.option("--tempo", help="Tempo in BPM; halve or double makes it half or twice what is shown.")
@click.option("--key", help="Key as tonic and mode, such as 'F# minor'.")
@click.option("--metre", type=click.Choice(get_args(Metre)), help="Time signature.")
@click.option("--first-downbeat", type=float, metavar="SECONDS", help="Where a bar begins: the first that counts.")
@click.option(
    "--sections-from", "sections", type=PATH, metavar="FILE",
    help="Sections, one a line: start in s, and the name behind it. Labels of Audacity are read too.",
)  # fmt: skip
@click.option("--clear", is_flag=True, help="Take all of these back: what was measured holds again.")
@click.pass_obj
def correct(
    paths: DataPaths,
    song_id: str,
    tempo: str | None,
    key: str | None,
    metre: str | None,
    first_downbeat: float | None,
    sections: Path | None,
    clear: bool,
) -> None:
    """Say what holds of the song SONG in place of what was measured; noted in its song.toml, and kept by later runs."""
    known_songs(paths, [song_id])
    given: dict[str, Any] = {
        "tempo_bpm": _tempo(paths, song_id, tempo) if tempo is not None else None,
        "key": key,
        "metre": metre,
        "first_downbeat_s": first_downbeat,
        "sections": _sections(sections) if sections is not None else None,
    }
    given = {field: value for field, value in given.items() if value is not None}
    if bool(given) == clear:
        raise click.UsageError("say what to correct, such as --tempo 174, or --clear")
    if clear:
        given = dict.fromkeys(_FIELDS)
    label = f"{'taken back' if clear else ', '.join(given)} of {song_id}"
    _change(paths, {song_id: {("corrections", field): value for field, value in given.items()}}, _user(), label)


def _change(paths: DataPaths, changes: Changes, by: str, label: str) -> None:
    """Change songs as one step, and tell what became of it; exit status 1 where a song was left alone."""
    from flamingo_bark_assets.library.song_changes import change_songs

    outcome = change_songs(paths, changes, by=by, label=label)
    changed = {place.song_id for place in outcome.entry.changes} if outcome.entry is not None else set()
    if changed:
        console.note("{} of {} changed; next: flamingo-bark run", len(changed), number_of(len(changes), "song"))
    elif not outcome.faults:
        console.note("nothing to change in {}", number_of(len(changes), "song"))
    for fault in outcome.faults:
        console.say("[red]left alone:[/red] {}", fault)
    if outcome.faults:
        sys.exit(1)


def _user() -> str:
    from flamingo_bark_assets.studio.context import user_name

    return user_name()


def _tempo(paths: DataPaths, song_id: str, said: str) -> float:
    """Read a tempo; half or twice of what is shown where that is asked for.

    Raises:
        LibraryError: it is no number, or no tempo is known.
    """
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.storage.feature_store import FeatureStore

    if said not in _FACTORS:
        try:
            return float(said)
        except ValueError:
            raise LibraryError(f"--tempo {said!r}: should be a number, halve or double") from None
    shown = FeatureStore(paths.features).read(SongFeatures, song_id).tempo_bpm
    if shown.value is None:
        raise LibraryError(f"song {song_id!r}: no tempo is known ({shown.reason}); give a number")
    return round(shown.value * _FACTORS[said], 3)


def _sections(path: Path) -> list[dict[str, Any]]:
    """Read a file of sections: start, an end that is passed over, and a name, parted by tabs or spaces.

    Raises:
        LibraryError: it cannot be read; names the line.
    """
    from flamingo_bark_assets.files.opening import read_text

    sections: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(path, max_bytes=_MAX_SECTIONS_BYTES).splitlines(), start=1):
        start, _, rest = line.strip().replace("\t", " ").partition(" ")
        if not start or start.startswith("#"):
            continue
        first, _, behind = rest.strip().partition(" ")
        label = (behind if behind.strip() and _number(first) is not None else rest).strip()
        start_s = _number(start)
        if start_s is None or not label:
            raise LibraryError(f"{path}: line {number}: should be a start in seconds and a name, such as 12.5 verse")
        sections.append({"start_s": start_s, "label": label})
    if not sections:
        raise LibraryError(f"{path}: holds no section")
    return sections


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
