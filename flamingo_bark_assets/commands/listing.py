"""`flamingo-bark list`: the songs of the library and what became of them.

Finding that out and showing it belong here; what is due and what is fit is decided elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import click

from flamingo_bark_assets.commands.tables import Form, beside, form_options, print_rows
from flamingo_bark_assets.commands.words import sidecar_problems
from flamingo_bark_assets.library.layout import DataPaths, find_song, find_unlisted, list_song_ids
from flamingo_bark_assets.provenance.state import SongState
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console

_COLUMNS = ("song_id", "title", "artist", "stems", "fit", "state", "review", "advice")


@dataclass(frozen=True, slots=True)
class _Song:
    """What is known of one song.

    Attributes:
        song_id: identifier.
        title: None where it is not known.
        artist: None where it is not known.
        stems: kinds of its stems; who made them where they were separated; "none".
        has_stems: whether there is any.
        fit: the verdict; None where there is none, or none that can be read.
        review: unreviewed, accepted, or excluded by whom and why.
        state: the verdict in words, or why there is none, and what is wrong besides.
        advice: what would make more of it; None where nothing is known.
        warnings: what is left out, one sentence each.
    """

    song_id: str
    title: str | None
    artist: str | None
    stems: str
    has_stems: bool
    fit: bool | None
    state: str
    review: str
    advice: str | None
    warnings: tuple[str, ...]


@click.command("list")
@click.option("--fit", "only", flag_value="fit", help="Only songs that are fit for training.")
@click.option("--unfit", "only", flag_value="unfit", help="Only songs that are not, with the reasons.")
@click.option("--no-stems", is_flag=True, help="Only songs that have no stems, given or separated.")
@click.option("--limit", type=click.IntRange(1), help="Show so many songs at most.")
@form_options
@click.pass_obj
def list_songs(paths: DataPaths, only: str | None, no_stems: bool, limit: int | None, form: Form | None) -> None:
    """Show the songs of the library and what became of them."""
    said = beside(form)
    known = list_song_ids(paths)
    matching = [
        song
        for song in _songs(paths, known)
        if (only is None or song.fit is (only == "fit")) and not (no_stems and song.has_stems)
    ]
    shown = matching[:limit]
    if form is not None:
        rows = [
            (s.song_id, s.title, s.artist, s.stems if s.has_stems else None, s.fit, s.state, s.review, s.advice)
            for s in shown
        ]
        print_rows(form, _COLUMNS, rows)
    elif known:
        heads = ("song", "title", "artist", "stems", "review", "for training")
        console.paged(heads, [(s.song_id, s.title or "", s.artist or "", s.stems, s.review, s.state) for s in shown])
    said.warn(warning for song in shown for warning in song.warnings)
    for advice, count in Counter(song.advice for song in shown if song.advice).items():
        said.note("{} of these songs: {}", count, advice)
    for problem in find_unlisted(paths):
        said.say("[yellow]not a song:[/yellow] {}", problem)
    if len(shown) < len(matching):
        said.say("{} of {} songs; without --limit all are shown", len(shown), len(matching))
    if not known:
        what = "is empty" if paths.songs.is_dir() else "does not exist yet"
        said.say("the library {} {}; `flamingo-bark add` imports songs, --data names another data folder",
                 paths.songs, what)  # fmt: skip
    elif only or no_stems:
        said.note("library {}: {} of {} songs", paths.songs, len(matching), len(known))
    else:
        fit, unfit = (sum(song.fit is verdict for song in matching) for verdict in (True, False))
        said.note("library {}: {} songs, {} fit, {} unfit", paths.songs, len(known), fit, unfit)


def _songs(paths: DataPaths, song_ids: list[str]) -> Iterator[_Song]:
    from flamingo_bark_assets.audio.song_metadata import SongMetadata
    from flamingo_bark_assets.audio.song_review import read_review
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.library.fingerprint import stat_signature
    from flamingo_bark_assets.provenance.due import inputs_digest
    from flamingo_bark_assets.provenance.inputs import settings_versions
    from flamingo_bark_assets.provenance.requests import given_up_because, read_asked
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.training.suitability import Verdict

    settings, asked = load_settings(paths.settings), read_asked(paths)
    versions = settings_versions(settings, paths)
    for song_id in song_ids:
        files, stored = find_song(paths, song_id), read_state(paths, song_id)
        fit: bool | None = None
        advice: str | None = None
        try:
            said = read_stored(paths, song_id, stored, SongMetadata)
            verdict = read_stored(paths, song_id, stored, Verdict)
            title, artist, fit, advice = said.title, said.artist, verdict.suitable, verdict.advice
            state = "fit" if fit else f"unfit: {verdict.reasons}"
        except StorageError as error:
            told = str(error) if "bark_dataset" in stored.made else "not run yet"
            title, artist, state = files.info.title, files.info.artist, files.fault or told
        review = read_review(files)
        inputs, attempt = inputs_digest(stat_signature(files), versions), stored.attempt
        request = asked.get(song_id)
        given_up = given_up_because(
            attempt if attempt and attempt.inputs == inputs else None,
            request if request and request.inputs == inputs else None,
            settings.runs,
        )
        given = ", ".join("?" if stem.fault else str(stem.kind) for stem in files.stems)
        stems = given or _separated_kinds(paths, song_id, stored)
        stem_faults = (f"song '{song_id}': {stem.fault}" for stem in files.stems if stem.fault)
        yield _Song(
            song_id, title, artist, stems or "none", bool(stems), fit,
            "; ".join(part for part in (state, files.info_fault, given_up) if part),
            review.exclusion if review.is_excluded else review.state, advice,
            (*files.info_warnings, *sidecar_problems(files), *stem_faults),
        )  # fmt: skip


def _separated_kinds(paths: DataPaths, song_id: str, state: SongState) -> str:
    """Name the stems that a separator made of a song; empty where there are none."""
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.separation.records import SeparatedStems

    try:
        made = read_stored(paths, song_id, state, SeparatedStems).separated_files
    except StorageError:
        made = ()
    return f"separated: {', '.join(file.kind or '?' for file in made)}" if made else ""
