"""`flamingo-bark words`: what sidecars say of songs, what would hold of it by which policy, and importing more.

Asking and telling belong here; reading stands in `library.sidecars`, merging in `audio.given_words`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.choosing import SONG, known_songs
from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song, list_song_ids
from flamingo_bark_assets.library.sidecar_names import SidecarFile
from flamingo_bark_assets.merging import MERGES, WORD_FIELDS, Merge, WordField
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.given_words import Word
    from flamingo_bark_assets.library.sidecars import Sidecar

_SHOWN_CHARACTERS = 60
_BY_MODEL = "a captioning model"
_NOT_KEPT = "(what it said; run the song by this policy to see)"


@dataclass(frozen=True, slots=True)
class _Song:
    """One song, with its sidecars read.

    Attributes:
        files: its files.
        sidecars: those in its folder, or those that it would have.
        merge: the policy in force.
    """

    files: SongFiles
    sidecars: tuple[Sidecar, ...]
    merge: Merge


@click.command()
@click.argument("song_ids", metavar="[SONG]...", nargs=-1, type=SONG)
@click.option("--policy", type=click.Choice(MERGES), help="Let sidecars of these songs be merged so; see settings.md.")
@click.option(
    "--from", "place", type=PATH, help="Import sidecars: a file, a folder, or the sound file they lie beside."
)
@click.option("--overwrite", is_flag=True, help="With --from: put them in the place of others of the same name.")
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would hold by each policy, or by --policy.")
@click.pass_obj
def words(
    paths: DataPaths,
    song_ids: tuple[str, ...],
    policy: Merge | None,
    place: Path | None,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Show what sidecars say of the songs SONG, or of all, and what of it holds; change that, and import more.

    Exit status 1: a sidecar cannot be read, or nothing was changed because of a fault.
    """
    from flamingo_bark_assets.library.sidecars import read_sidecars
    from flamingo_bark_assets.library.song_toml_edits import plan_edit, write_edit

    chosen = known_songs(paths, song_ids) or list_song_ids(paths)
    if place is not None and len(song_ids) != 1:
        raise click.UsageError("--from goes with one SONG")
    if overwrite and place is None:
        raise click.UsageError("--overwrite goes with --from")
    added = _import(paths, chosen[0], place, overwrite=overwrite, dry_run=dry_run) if place is not None else ()
    default = load_settings(paths.settings).sidecars.merge
    warnings: list[str] = []
    faults = 0
    changed: list[str] = [*chosen] if place is not None and not dry_run else []
    for song_id in chosen:
        files = find_song(paths, song_id)
        if policy and not dry_run:
            edit = plan_edit(files, {("sidecars",): policy})
            if edit.changes:
                write_edit(edit)
                files = find_song(paths, song_id)
                changed.append(song_id)
        sidecars = {sidecar.name: sidecar for sidecar in (*files.sidecars, *added)}
        song = _Song(files, read_sidecars(list(sidecars.values()), song_id), files.info.sidecars or default)
        if song.sidecars or song_ids:
            _show(paths, song, (policy,) if policy else MERGES, dry_run=dry_run)
        warnings += [f"song {song_id!r}: {problem}" for one in song.sidecars for problem in one.problems]
        faults += sum(one.fault is not None for one in song.sidecars)
    console.warn(warnings)
    if changed:
        console.note("next: flamingo-bark run {}", " ".join(dict.fromkeys(changed)))
    if faults:
        sys.exit(1)


def sidecar_problems(files: SongFiles) -> list[str]:
    """Say what is wrong with the sidecars of a song, one sentence each."""
    from flamingo_bark_assets.library.sidecars import read_sidecars

    if not files.sidecars:
        return []
    sidecars = read_sidecars(files.sidecars, files.song_id)
    return [f"song {files.song_id!r}: {problem}" for sidecar in sidecars for problem in sidecar.problems]


def _import(paths: DataPaths, song_id: str, place: Path, *, overwrite: bool, dry_run: bool) -> tuple[SidecarFile, ...]:
    """Import sidecars, or tell which would be; return them as they are, or would be, in the song's folder."""
    from flamingo_bark_assets.library.sidecar_sources import find_sidecars, import_sidecars, stored_name

    found = find_sidecars(place, song_id)
    new = import_sidecars(find_song(paths, song_id), found, overwrite=overwrite, dry_run=dry_run)
    for sidecar in found:
        name = stored_name(sidecar)
        what = "is there already" if name not in new else "would be imported" if dry_run else "imported"
        console.say("{}: {} as {}", sidecar.path.name, what, name)
    return tuple(SidecarFile(stored_name(one), one.path, contents=one.own_table) for one in found)


def _show(paths: DataPaths, song: _Song, policies: Sequence[Merge], *, dry_run: bool) -> None:
    console.say("[bold]{}[/bold]: merged by {}", song.files.song_id, song.merge)
    if not song.sidecars:
        console.say("  no sidecars")
        return
    now = _holding(paths, song, song.merge)
    if not dry_run:
        rows = [(field, _shown(now.get(field)), _source(now.get(field))) for field in WORD_FIELDS]
        console.table(("field", "what holds", "who says it"), rows)
        said = ((one.name, each.key, _cut(each.text)) for one in song.sidecars for each in one.said)
        console.table(("sidecar", "key", "says"), said)
        return
    changes = list(_changes(paths, song, now, policies))
    if changes:
        console.table(("policy", "field", "now", "said by", "would be", "said by"), changes)
    else:
        console.say("  no change by {}", ", ".join(policies))


def _changes(
    paths: DataPaths, song: _Song, now: dict[WordField, Word], policies: Sequence[Merge]
) -> Iterator[tuple[str, ...]]:
    for policy in policies:
        then = _holding(paths, song, policy)
        for field in WORD_FIELDS:
            before, after = now.get(field), then.get(field)
            if before != after:
                yield policy, field, _shown(before), _source(before), _shown(after), _source(after)


def _holding(paths: DataPaths, song: _Song, merge: Merge) -> dict[WordField, Word]:
    """Return what holds by a policy, the caption of hand edits and of a model that has answered included."""
    from flamingo_bark_assets.audio.given_words import OWN_FILE, Word, merge_words
    from flamingo_bark_assets.audio.tags import Tags, read_tags

    tags = read_tags(song.files.mix) if song.files.mix is not None else Tags()
    given = merge_words(song.files.info, tags, song.sidecars, merge)
    found = dict(given.words)
    if edited := song.files.info.edits.mix.caption:
        found["caption"] = Word(edited, OWN_FILE)
    elif not given.caption_first and (by_model := _caption_of_model(paths, song.files.song_id)):
        found["caption"] = Word(by_model, _BY_MODEL)
    return found


def _caption_of_model(paths: DataPaths, song_id: str) -> str | None:
    """Return the caption of the mix that a model gave when the song was run last; None where none did."""
    from flamingo_bark_assets.captioning.edits import HUMAN
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored

    try:
        captions = read_stored(paths, song_id, read_state(paths, song_id), Captions)
    except StorageError:
        return None
    caption = next((a for a in captions.answers if (a.part, a.question) == ("mix", "caption")), None)
    if caption is not None and caption.source == "model":
        return caption.text
    # Where other words stand in its place, what the model said is told only once the song is run by that policy.
    return _NOT_KEPT if captions.model_id and caption is not None and caption.source == HUMAN else None


def _shown(word: Word | None) -> str:
    return _cut(word.text) if word else "-"


def _source(word: Word | None) -> str:
    return word.source if word else ""


def _cut(text: str) -> str:
    line = " / ".join(line for line in text.split("\n") if line)
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}..."
