"""`flamingo-bark list`: the songs of the library and what became of them.

Finding that out and showing it belong here; what is due and what is fit is decided elsewhere.
"""

from __future__ import annotations

from collections import Counter

import click

from flamingo_bark_assets.commands.listed_songs import ListedSong, ListedSongs
from flamingo_bark_assets.commands.tables import Form, beside, form_options, print_rows
from flamingo_bark_assets.library.layout import DataPaths, survey
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console

# Of more songs that have changed since the last time, --limit alone reads those that are shown.
_MOST_READ = 200
_COLUMNS = ("song_id", "title", "artist", "stems", "fit", "state", "review", "advice")


@click.command("list")
@click.option("--fit", "only", flag_value="fit", help="Only songs that are fit for training.")
@click.option("--unfit", "only", flag_value="unfit", help="Only songs that are not, with the reasons.")
@click.option("--no-stems", is_flag=True, help="Only songs that have no stems, given or separated.")
@click.option(
    "--review", type=click.Choice(["unreviewed", "accepted", "excluded"]), help="Only songs that a person left so."
)
@click.option("--search", metavar="TEXT", help="Only songs with these words in id, title or artist, in any case.")
@click.option("--limit", type=click.IntRange(1), help="Show so many songs at most.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many songs before the first.")
@form_options
@click.pass_obj
def list_songs(
    paths: DataPaths,
    only: str | None,
    no_stems: bool,
    review: str | None,
    search: str | None,
    limit: int | None,
    offset: int,
    form: Form | None,
) -> None:
    """Show the songs of the library and what became of them.

    What is told is kept, so that only songs that have changed since are read.
    """
    said = beside(form)
    known, unlisted = survey(paths)
    listed = ListedSongs(paths, known)
    is_filtered = bool(only or no_stems or review or search)
    window = slice(offset, None if limit is None else offset + limit)
    every = listed.of(known) if is_filtered or listed.changed(known) <= _MOST_READ else None
    if every is None:
        shown, count = listed.of(known[window]), len(known)
    else:
        matching = [song for song in every if _matches(song, only, review, search, no_stems=no_stems)]
        shown, count = matching[window], len(matching)
    given_up = listed.given_up(shown, load_settings(paths.settings))
    states = [_told(song, given_up) for song in shown]
    if form is not None:
        rows = [
            (s.song_id, s.title, s.artist, s.stems if s.has_stems else None, s.fit, state, s.decision, s.advice)
            for s, state in zip(shown, states, strict=True)
        ]
        print_rows(form, _COLUMNS, rows)
    elif known:
        heads = ("song", "title", "artist", "stems", "review", "for training")
        console.paged(
            heads,
            [
                (s.song_id, s.title or "", s.artist or "", s.stems, s.decision, state)
                for s, state in zip(shown, states, strict=True)
            ],
        )
    said.warn(warning for song in shown for warning in song.warnings)
    for advice, number in Counter(song.advice for song in shown if song.advice).items():
        said.note("{} of these songs: {}", number, advice)
    for problem in unlisted:
        said.say("[yellow]not a song:[/yellow] {}", problem)
    if len(shown) < count:
        cut = " and ".join(name for name, given in (("--offset", offset), ("--limit", limit)) if given)
        said.say("{} of {} songs; without {} all are shown", len(shown), count, cut)
    if not known:
        what = "is empty" if paths.songs.is_dir() else "does not exist yet"
        said.say("the library {} {}; `flamingo-bark add` imports songs, --data names another data folder",
                 paths.songs, what)  # fmt: skip
    elif is_filtered:
        said.note("library {}: {} of {} songs", paths.songs, count, len(known))
    elif every is None:
        said.note("library {}: {} songs, {} of them looked at", paths.songs, count, len(shown))
    else:
        fit, unfit = (sum(song.fit is verdict for song in every) for verdict in (True, False))
        said.note("library {}: {} songs, {} fit, {} unfit", paths.songs, count, fit, unfit)


def _matches(song: ListedSong, only: str | None, review: str | None, search: str | None, *, no_stems: bool) -> bool:
    found = f"{song.song_id} {song.title or ''} {song.artist or ''}".casefold()
    return (
        (only is None or song.fit is (only == "fit"))
        and not (no_stems and song.has_stems)
        and (review is None or song.review == review)
        and all(word in found for word in (search or "").casefold().split())
    )


def _told(song: ListedSong, given_up: dict[str, str]) -> str:
    return "; ".join(part for part in (song.state, given_up.get(song.song_id)) if part)
