"""`flamingo-bark edit`: the same words into song.toml of many songs.

Asking and telling belong here; changing a file stands in `library.song_toml_edits`.
"""

from __future__ import annotations

import sys

import click

from flamingo_bark_assets.commands.choosing import SONG, ask, chosen_songs
from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.library.judgements import Place, place_text
from flamingo_bark_assets.library.layout import DataPaths, find_song_folder
from flamingo_bark_assets.library.song_toml_edits import EDIT_KEYS, Edit, EditKey, Value
from flamingo_bark_assets.terminal import console

_OPTION_OF: dict[EditKey, str] = {"genres": "genre", "custom_tag": "custom-tag"}


@click.command()
@click.argument("song_ids", metavar="[SONG]...", nargs=-1, type=SONG)
@click.option("--where", metavar="SQL", help="Songs for which this holds in the warehouse, such as 'tempo_bpm > 120'.")
@click.option("--title", help="Title.")
@click.option("--artist", help="Artist.")
@click.option(
    "--genre", "genres", multiple=True, help="Genre tag; may be given several times; replaces all that stand."
)
@click.option("--mood", help="Moods of the mix, parted by commas.")
@click.option("--licence", help="Licence of the recording, for instance CC0-1.0.")
@click.option("--attribution", help="Credit line that the licence asks for.")
@click.option("--custom-tag", help="Custom tag put into every text of the song.")
@click.option("--unset", "unset", multiple=True, type=click.Choice(EDIT_KEYS), help="Take a key out; repeatable.")
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would change.")
@click.option("--yes", is_flag=True, help="Do not ask before more than one song is changed.")
@click.pass_obj
def edit(
    paths: DataPaths,
    song_ids: tuple[str, ...],
    where: str | None,
    title: str | None,
    artist: str | None,
    genres: tuple[str, ...],
    mood: str | None,
    licence: str | None,
    attribution: str | None,
    custom_tag: str | None,
    unset: tuple[EditKey, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Set words in song.toml of the songs SONG, or of all for which --where holds; comments and other keys stay.

    What a song.toml names in `locked` is left alone, and told.

    --where may name the columns of song_features, song_metadata, raw_song and suitability. Exit status 1: a song.toml
    cannot be read or written and is left alone; the other songs are changed.
    """
    from flamingo_bark_assets.library.song_toml_edits import write_edit

    given: dict[EditKey, Value] = {
        "title": title, "artist": artist, "genres": genres or None, "mood": mood, "licence": licence,
        "attribution": attribution, "custom_tag": custom_tag,
    }  # fmt: skip
    values = _values({key: value for key, value in given.items() if value is not None}, unset)
    edits, faults, locked = _planned(paths, chosen_songs(paths, song_ids, where), values)
    changed, total = [edit for edit in edits if edit.changes], len(edits) + len(faults)
    rows = [(e.song_id, c.place[-1], _shown(c.before), _shown(c.after)) for e in changed for c in e.changes]
    if rows:
        console.paged(("song", "key", "now", "then"), rows)
    if dry_run:
        console.note("{} of {} songs would change", len(changed), total)
    elif changed:
        if len(changed) > 1:
            ask(f"Change song.toml of {len(changed)} songs?", yes=yes)
        done = 0
        for each in changed:
            try:
                write_edit(each)
                done += 1
            except (LibraryError, WriteError) as error:
                faults.append(str(error))
        console.note("{} of {} songs changed; next: flamingo-bark run", done, total)
    else:
        console.note("nothing to change in {} songs", len(edits))
    for told in locked:
        console.say("[yellow]locked:[/yellow] {}", told)
    for fault in faults:
        console.say("[red]left alone:[/red] {}", fault)
    if faults:
        sys.exit(1)


def _values(given: dict[EditKey, Value], unset: tuple[EditKey, ...]) -> dict[Place, Value]:
    """Put together what is set and what is taken out, by place, in the order of `EDIT_KEYS`.

    Raises:
        click.UsageError: nothing is, or a key is both.
        LibraryError: a value may not stand in song.toml.
    """
    from pydantic import ValidationError

    from flamingo_bark_assets.library.song_toml import describe_problem
    from flamingo_bark_assets.library.song_toml_edits import check_values, place_of

    if both := sorted(given.keys() & set(unset)):
        raise click.UsageError(f"{', '.join(both)}: set or --unset, not both")
    if not given and not unset:
        raise click.UsageError("say what to set, such as --genre dub, or what to --unset")
    try:
        check_values({place_of(key): value for key, value in given.items()})
    except ValidationError as error:
        problem = describe_problem(error).removeprefix("edits.mix.")
        key = next((key for key in EDIT_KEYS if problem.startswith(key)), None)
        option = _OPTION_OF.get(key, key) if key else ""
        raise LibraryError(f"--{option}{problem.removeprefix(key or '')}") from error
    return {place_of(key): given.get(key) for key in EDIT_KEYS if key in given or key in unset}


def _planned(
    paths: DataPaths, song_ids: list[str], values: dict[Place, Value]
) -> tuple[list[Edit], list[str], list[str]]:
    """Plan each song; of those that cannot be edited return why, and of those with locked places which these are."""
    from flamingo_bark_assets.library.song_toml_edits import plan_edit

    edits: list[Edit] = []
    faults: list[str] = []
    locked: list[str] = []
    for song_id in song_ids:
        try:
            edit = plan_edit(find_song_folder(paths, song_id), values, obeys_locks=True)
        except LibraryError as error:
            faults.append(str(error))
            continue
        edits.append(edit)
        if edit.locked:
            locked.append(f"{song_id}: {', '.join(map(place_text, edit.locked))}")
    return edits, faults, locked


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
