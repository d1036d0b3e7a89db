"""`flamingo-bark run` and `demo`: songs through every asset, in a real Dagster run.

Choosing songs, showing progress and the exit status belong here; running stands in `local_runs`, what is told at the
end in `run_summary`.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.choosing import SONG, known_songs
from flamingo_bark_assets.commands.paths import FOLDER
from flamingo_bark_assets.commands.run_summary import print_summary
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.settings import dagster_home, load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from flamingo_bark_assets.local_runs import RunReport

DEMO_SONG = "demo"
EXIT_UNFIT = 3
_PROGRESS_LOGGER = "flamingo_bark_assets.captioning.progress"
_DEMO_FOLDER = Path("data/demo")
_HUSHED = {"flamingo_bark_assets.captioning.model_captioner": logging.ERROR, "sqlalchemy.pool": logging.CRITICAL}
_MOST_NAMED = 10


@click.command()
@click.argument("song_ids", nargs=-1, type=SONG)
@click.option("--all", "everything", is_flag=True, help="All songs again, also those that are up to date.")
@click.option(
    "--second-opinion", is_flag=True, help="Have each of these songs measured by librosa too, not a share of them only."
)
@click.option("--verbose", "-v", is_flag=True, help="Name each asset as it is made.")
@click.pass_obj
def run(paths: DataPaths, song_ids: tuple[str, ...], everything: bool, second_opinion: bool, verbose: bool) -> None:
    """Run the songs SONG_IDS, or what is due of any song, in a real Dagster run with a progress display.

    Exit status 0: all is made, and every one of the songs (without SONG_IDS: of the library) is fit for training. 3:
    all is made, and some of them are unfit. 1: a fault; what was made until then is kept.
    """
    status = run_chosen(paths, song_ids, everything=everything, second_opinion=second_opinion, verbose=verbose)
    if status:
        sys.exit(status)


@click.command()
@click.option(
    "--source", type=FOLDER, default=None, help=f"Folder of the demo song; default: {_DEMO_FOLDER} of the repository.",
)  # fmt: skip
@click.pass_obj
def demo(paths: DataPaths, source: Path | None) -> None:
    """Register the demo song and run it through every asset."""
    from flamingo_bark_assets.library.importing import add_song
    from flamingo_bark_assets.library.song_toml import read_song_info

    if DEMO_SONG not in list_song_ids(paths):
        folder = source or demo_folder()
        said = read_song_info(folder / "song.toml")
        console.warn(said.warnings)
        add_song(paths, folder / "song.mp3", stems_dir=folder / "stems", song_id=DEMO_SONG, info=said.info)
        console.note("registered the demo song as [bold]{}[/bold] in {}", DEMO_SONG, paths.songs)
    status = run_chosen(paths, (DEMO_SONG,))
    console.note("\n[bold]next step:[/bold] make ui   (then open http://127.0.0.1:3000)")
    if status:
        sys.exit(status)


def demo_folder() -> Path:
    """Find the demo song: below the current folder, or in the repository that this package is run from.

    Raises:
        LibraryError: it is in neither, as it does not come with an installed package.
    """
    import flamingo_bark_assets

    repository = Path(flamingo_bark_assets.__file__).parents[1]
    for folder in (_DEMO_FOLDER, repository / _DEMO_FOLDER):
        if folder.is_dir():
            return folder
    raise LibraryError(
        f"the demo song is not here: it stands in {_DEMO_FOLDER} of the repository; run this there, or name it with "
        "--source"
    )


def run_chosen(
    paths: DataPaths,
    song_ids: Sequence[str],
    *,
    everything: bool = False,
    second_opinion: bool = False,
    verbose: bool = False,
) -> int:
    """Run these songs, or all, or what is due; return the exit status that `run` describes.

    Raises:
        LibraryError: there is no such song, or none at all.
    """
    chosen_by_name = known_songs(paths, song_ids)
    known = list_song_ids(paths)
    if not known:
        raise LibraryError(f"the library {paths.songs} is empty; `flamingo-bark add` imports songs")
    only_due = not (song_ids or everything)
    load_settings(paths.settings)  # Where they are wrong no song can be run.
    chosen = _due_songs(paths, second_opinion=second_opinion) if only_due else chosen_by_name or known
    if not chosen:
        console.note("all {} songs are up to date; --all runs them again", len(known))
    _tell_of_other_runs(paths, chosen)
    with _hushed_logs():
        reports = _run_with_progress(chosen, only_due=only_due, second_opinion=second_opinion, verbose=verbose)
    print_summary(paths, chosen, reports)
    if not all(report.success for report in reports):
        return 1
    unfit = _unfit(paths, chosen_by_name or known)
    if unfit:
        more = f" and {len(unfit) - _MOST_NAMED} more" if len(unfit) > _MOST_NAMED else ""
        console.say("[yellow]unfit for training:[/yellow] {}{}; `flamingo-bark list --unfit` says why",
                    ", ".join(unfit[:_MOST_NAMED]), more)  # fmt: skip
    return EXIT_UNFIT if unfit else 0


def _unfit(paths: DataPaths, song_ids: Sequence[str]) -> list[str]:
    """Name those of these songs that are unfit, as was just published."""
    from flamingo_bark_assets.storage.warehouse import query

    unfit = {
        song_id for (song_id,) in query(paths.warehouse, "SELECT song_id FROM suitability WHERE NOT suitable").rows
    }
    return [song_id for song_id in song_ids if song_id in unfit]


def _due_songs(paths: DataPaths, *, second_opinion: bool) -> list[str]:
    from flamingo_bark_assets.provenance.due import DueSongs
    from flamingo_bark_assets.provenance.inputs import settings_versions

    versions = settings_versions(load_settings(paths.settings), paths)
    if second_opinion:
        versions = dataclasses.replace(versions, second_opinion_share=1.0)
    return list(DueSongs(paths, in_detail=True).find(versions))


def _tell_of_other_runs(paths: DataPaths, song_ids: Sequence[str]) -> None:
    """Say for which songs this run will wait, as others hold them."""
    from flamingo_bark_assets.provenance.state import song_lock

    held_elsewhere = []
    for song_id in song_ids:
        with song_lock(paths, song_id, wait=False) as held:
            if not held:
                held_elsewhere.append(song_id)
    if held_elsewhere:
        names = ", ".join(held_elsewhere[:_MOST_NAMED])
        told = (
            "[yellow]another run is at work[/yellow] and holds {} songs, such as {}; this one waits, Ctrl-C ends that"
        )
        console.say(told, len(held_elsewhere), names)


@contextmanager
def _hushed_logs() -> Iterator[None]:
    """Keep logs from saying which models were skipped, and how a Ctrl-C met a query.

    The summary says the first, once. Of the second SQLAlchemy prints a traceback, as it closes what was interrupted.
    """
    before = {name: logging.getLogger(name).level for name in _HUSHED}
    for name, level in _HUSHED.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


class _CaptioningShown(logging.Handler):
    """Shows what captioning tells of itself: how long it will take, once, and how many answers there are."""

    def __init__(self, progress: Progress, task: TaskID, songs: int) -> None:
        super().__init__(logging.INFO)
        self._progress, self._task, self._songs = progress, task, songs
        self._is_estimated = False

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line: an estimate above the bar, for all songs of this command, and the count as its name."""
        estimate = getattr(record, "estimate", None)
        if estimate is not None and not self._is_estimated:
            self._is_estimated = True
            # A run of Dagster holds some of the songs only.
            console.note("{}", dataclasses.replace(estimate, songs=self._songs).sentence)
        if (answers := getattr(record, "answers", None)) is not None:
            self._progress.update(self._task, description=f"running, {answers} answers")


@contextmanager
def _shown_captioning(handler: logging.Handler) -> Iterator[None]:
    """Let a handler hear what captioning tells, whatever the level of the logs is."""
    logger = logging.getLogger(_PROGRESS_LOGGER)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _run_with_progress(
    song_ids: Sequence[str], *, only_due: bool, second_opinion: bool, verbose: bool
) -> list[RunReport]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with console.busy("starting Dagster"):
        from flamingo_bark_assets.defs.home import open_instance, plain_faults
        from flamingo_bark_assets.local_runs import planned, run_songs

        home = dagster_home()
        instance = open_instance(home, captures_output=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    left = set(planned(song_ids))
    with plain_faults(home), Progress(*columns, console=console, disable=console.hushed) as progress:
        task = progress.add_task("running", total=len(left))

        def made(asset: str, song_id: str | None) -> None:
            if verbose:
                console.say("  made {}{}", asset, f" of {song_id}" if song_id else "")
            # What is made twice, or of a song that came into the range meanwhile, was not counted on.
            if (asset, song_id) in left:
                left.remove((asset, song_id))
                progress.advance(task)

        with _shown_captioning(_CaptioningShown(progress, task, len(song_ids))):
            return run_songs(instance, song_ids, made, only_due=only_due, second_opinion=second_opinion)
