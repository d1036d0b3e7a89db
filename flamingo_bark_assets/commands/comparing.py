"""`flamingo-bark compare-captioners`: the same questions to several captioners, side by side with their claims.

Finding the songs and showing the answers belong here; asking and checking stand in `captioning.comparing`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from flamingo_bark_assets.commands.choosing import SONG, known_songs
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.settings import Settings, load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.captioning.comparing import Compared, Tally
    from flamingo_bark_assets.captioning.interface import Captioner
    from flamingo_bark_assets.claims.model import Claim
    from flamingo_bark_assets.pipeline import SongWork


@click.command("compare-captioners")
@click.argument("song_ids", metavar="SONG...", nargs=-1, required=True, type=SONG)
@click.option(
    "--with", "names", metavar="CAPTIONER", multiple=True, required=True,
    help="measured, tagged, the id or folder of a model, or server:NAME; repeatable.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def compare_captioners(paths: DataPaths, song_ids: tuple[str, ...], names: tuple[str, ...], as_json: bool) -> None:
    """Ask several captioners the same questions about SONG..., and check what they claim.

    No result of a song changes. Replies of models are kept in data/answers as in any run, so that none is asked twice.
    Exit status 1: a captioner could not be had; the others are shown.
    """
    from flamingo_bark_assets.captioning.comparing import ask, captioner_named, tally

    settings = load_settings(paths.settings)
    songs, chosen = list(dict.fromkeys(song_ids)), list(dict.fromkeys(names))
    _refuse_unmeasured(paths, settings, songs)
    compared: list[Compared] = []
    for name in chosen:
        captioner = captioner_named(name, settings.inference, settings.prompts, paths.answers)
        for song_id in songs:
            work = _stored(paths, settings, song_id, captioner)
            compared.append(ask(name, captioner, work.evidence(), work.audio, settings.prompts.min_claim_confidence))
        captioner.release()  # the next model finds room only when nothing holds this one
    tallies = [tally(name, compared) for name in chosen]
    if as_json:
        click.echo(json.dumps(_as_json(songs, compared, tallies), indent=1))
    else:
        _show(songs, compared, tallies)
    if any(one.reason for one in compared):
        sys.exit(1)


def _refuse_unmeasured(paths: DataPaths, settings: Settings, song_ids: Sequence[str]) -> None:
    """Refuse songs that are not there, or whose measurements are not of their files of now.

    Raises:
        LibraryError: names each such song.
    """
    from flamingo_bark_assets.provenance.due import DueSongs
    from flamingo_bark_assets.provenance.inputs import settings_versions
    from flamingo_bark_assets.steps import STEP_NAMED

    known_songs(paths, song_ids)
    due = DueSongs(paths, in_detail=True).find(settings_versions(settings, paths))
    measured = STEP_NAMED["flamingo_captions"].needs
    unmeasured = [
        song_id for song_id in song_ids if song_id in due and not due[song_id].steps.keys().isdisjoint(measured)
    ]
    if unmeasured:
        listed = " ".join(unmeasured)
        raise LibraryError(f"not measured as it is now: {listed}; first `flamingo-bark run {listed}`")


def _stored(paths: DataPaths, settings: Settings, song_id: str, captioner: Captioner) -> SongWork:
    """Open a song whose stored results are read, and none is made."""
    from flamingo_bark_assets.pipeline import SongWork
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import known_damage

    work = SongWork(find_song(paths, song_id), paths, settings, captioner)
    work.damage = functools.partial(known_damage, paths, song_id, read_state(paths, song_id))
    return work


def _show(song_ids: Sequence[str], compared: Sequence[Compared], tallies: Sequence[Tally]) -> None:
    for song_id in song_ids:
        of_song = [one for one in compared if one.song_id == song_id]
        console.say("[bold]{}[/bold]", song_id)
        console.table(("part", "question", *(one.name for one in of_song)), _side_by_side(of_song), wraps=True)
    for one in compared:
        if one.reason is not None:
            console.say("[red]could not be had:[/red] {} for {}: {}", one.name, one.song_id, one.reason)
    for name, sent_to in dict.fromkeys((one.name, one.sound_sent_to) for one in compared if one.sound_sent_to):
        console.say("[yellow]sound was sent by[/yellow] {} to {}", name, sent_to)
    heads = ("captioner", "songs", "answers", "claims", "agree", "conflict", "unverifiable", "conflicts of judged")
    console.table(heads, map(_tally_row, tallies))


def _side_by_side(of_song: Sequence[Compared]) -> Iterator[tuple[str, ...]]:
    """Make a row of texts for each question, and below it rows of their claims."""
    from flamingo_bark_assets.captioning.comparing import places

    for part, question in places(of_song):
        texts, claims = [], []
        for one in of_song:
            answers = one.captions.answers if one.captions is not None else ()
            answer = next((a for a in answers if (a.part, a.question) == (part, question)), None)
            texts.append("" if answer is None else answer.text or f"none: {answer.reason}")
            found = one.captions.claims if one.captions is not None else ()
            claims.append([_told(c) for c in found if (c.part, c.question) == (part, question)])
        yield part, question, *texts
        for row in zip_longest(*claims, fillvalue=""):
            yield "", "", *row


def _told(claim: Claim) -> str:
    measured = f", measured {claim.measured}" if claim.measured is not None else ""
    note = f" ({claim.note})" if claim.note else ""
    return f"{claim.verdict}: {claim.kind} {claim.said!r}{measured}{note}"


def _tally_row(one: Tally) -> tuple[object, ...]:
    share = one.conflict_share
    claims = one.agree + one.conflict + one.unverifiable
    told = "none judged" if share is None else f"{100 * share:.1f} %"
    return one.name, one.songs, one.answers, claims, one.agree, one.conflict, one.unverifiable, told


def _as_json(song_ids: Sequence[str], compared: Sequence[Compared], tallies: Sequence[Tally]) -> dict[str, Any]:
    return {
        "songs": [
            {"song_id": song_id, "captioners": [_one_as_json(one) for one in compared if one.song_id == song_id]}
            for song_id in song_ids
        ],
        "captioners": [{**dataclasses.asdict(one), "conflict_share": one.conflict_share} for one in tallies],
    }


def _one_as_json(one: Compared) -> dict[str, Any]:
    captions = one.captions
    return {
        "name": one.name,
        "reason": one.reason,
        "sound_sent_to": one.sound_sent_to,
        "answers": [dataclasses.asdict(answer) for answer in captions.answers] if captions is not None else [],
        "claims": [dataclasses.asdict(claim) for claim in captions.claims] if captions is not None else [],
    }
