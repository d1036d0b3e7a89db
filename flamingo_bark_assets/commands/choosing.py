"""Which songs a command is about: named, chosen by a condition in SQL, or completed by the shell.

Finding them and asking before many belong here; what is done to them belongs to the commands.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from flamingo_bark_assets.errors import FlamingoBarkError, LibraryError
from flamingo_bark_assets.library.layout import DataPaths, find_unlisted, list_song_ids
from flamingo_bark_assets.settings import data_folder


class SongType(click.ParamType[str]):
    """The id of a song of the library; whether there is such a song is for the command to say."""

    name = "song"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give the ids that begin so and were not named yet; none where the library cannot be read."""
        chosen: Path | None = ctx.find_root().params.get("data")
        named = ctx.params.get(param.name or "") or ()
        try:
            known = list_song_ids(DataPaths(data_folder(chosen)))
        except FlamingoBarkError:
            return []
        return [CompletionItem(song_id) for song_id in known if song_id.startswith(incomplete) and song_id not in named]


SONG = SongType()


def known_songs(paths: DataPaths, song_ids: Sequence[str]) -> list[str]:
    """Return each of these songs once, in order.

    Raises:
        LibraryError: there is no such song; names each.
    """
    unknown = sorted(set(song_ids) - set(list_song_ids(paths)))
    if unknown:
        refused = [problem for problem in find_unlisted(paths) if problem.startswith(tuple(f"{u!r} " for u in unknown))]
        why = f" ({'; '.join(refused)})" if refused else ""
        raise LibraryError(f"no such song: {', '.join(unknown)}{why}; `flamingo-bark list` shows what there is")
    return list(dict.fromkeys(song_ids))


def chosen_songs(paths: DataPaths, song_ids: Sequence[str], where: str | None) -> list[str]:
    """Return the songs that are named, or those of the library for which a condition holds.

    Raises:
        click.UsageError: neither is given, or both are.
        LibraryError: there is no such song.
        StorageError: the condition is wrong, or there is no warehouse.
    """
    from flamingo_bark_assets.storage.warehouse import songs_where

    if bool(song_ids) == (where is not None):
        raise click.UsageError("name SONG..., or choose songs by --where")
    if where is None:
        return known_songs(paths, song_ids)
    with killed_by_interrupts():
        found = set(songs_where(paths.warehouse, where))
    # The warehouse may know songs that were removed since.
    return [song_id for song_id in list_song_ids(paths) if song_id in found]


def ask(question: str, *, yes: bool) -> None:
    """Ask before something is done; without `yes` and without anybody to ask, nothing is.

    Raises:
        click.Abort: the answer is no.
        LibraryError: nobody answers.
    """
    if yes:
        return
    try:
        click.confirm(question, abort=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, EOFError):
            click.echo()
            raise LibraryError("nobody answered, and nothing was done; --yes does it without asking") from abort
        raise


@contextmanager
def killed_by_interrupts() -> Iterator[None]:
    """Let a Ctrl-C end the process at once: DuckDB may look for one only when its query is done."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def read_standard_input(max_bytes: int) -> str:
    """Read all of standard input.

    Raises:
        LibraryError: it is too long, or not UTF-8.
    """
    data = sys.stdin.buffer.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise LibraryError(f"standard input is longer than {max_bytes} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LibraryError("standard input is not UTF-8; convert it") from error
