"""The command line: `flamingo-bark add, list, remove, run, analyze, demo, sql, verify, models`.

Talking to the person at the terminal belongs here; every command is one call of another module.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flamingo_bark_assets.commands.adding import add
from flamingo_bark_assets.commands.comparing import compare_captioners
from flamingo_bark_assets.commands.exporting import export, verify
from flamingo_bark_assets.commands.finetuning import sample, train
from flamingo_bark_assets.commands.models import models
from flamingo_bark_assets.commands.paths import FOLDER, OUTPUT_FILE, PATH
from flamingo_bark_assets.commands.words import sidecar_problems, words
from flamingo_bark_assets.errors import FlamingoBarkError, LibraryError, describe_os_error
from flamingo_bark_assets.library.layout import DataPaths, find_song, find_unlisted, list_song_ids
from flamingo_bark_assets.settings import dagster_home, data_folder, load_settings
from flamingo_bark_assets.terminal import console as _console
from flamingo_bark_assets.terminal import errors as _errors
from flamingo_bark_assets.terminal import leave_closed_pipe, open_terminal

if TYPE_CHECKING:
    from flamingo_bark_assets.local_runs import RunReport
    from flamingo_bark_assets.provenance.state import SongState

DEMO_SONG = "demo"
MAX_TAGGED_LINES = 12
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell tells of any program that was interrupted.


class _Group(click.Group):
    """Ends every command alike: a fault of the outside world is one clear line and an exit status, no traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        open_terminal()
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            if error.ctx is not None:
                for line in error.ctx.get_usage().splitlines():
                    _errors.say("{}", line)
                _errors.say("Try '{} --help' for help.\n", error.ctx.command_path)
            _fail(error.format_message(), error.exit_code)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except click.Abort as abort:
            # Both a Ctrl-C and a "no" to a question end here.
            sys.exit(_EXIT_INTERRUPTED if isinstance(abort.__context__, KeyboardInterrupt) else 1)
        sys.exit(status if isinstance(status, int) else 0)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _faults_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _faults_told():
            result = super().invoke(ctx)
            if sys.stdout is not None:  # It may have been closed by who started this.
                sys.stdout.flush()
            return result


@contextmanager
def _faults_told() -> Iterator[None]:
    """Turn faults of the outside world into what click ends with: a message and an exit status."""
    try:
        yield
    except FlamingoBarkError as error:
        raise click.ClickException(f"{error} [{error.code}]") from error
    except BrokenPipeError:
        leave_closed_pipe()
    except OSError as error:
        raise click.ClickException(describe_os_error(error)) from error


def _fail(message: str, status: int) -> NoReturn:
    _errors.say("Error: {}", " ".join(message.splitlines()))
    sys.exit(status)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=PATH, default=None, help="Data folder; default: FLAMINGO_BARK_DATA or ./data.")
@click.pass_context
def main(context: click.Context, data: Path | None) -> None:
    """Turn songs and their stems into datasets that a Bark model can be trained on."""
    folder = data_folder(data)
    os.environ["FLAMINGO_BARK_DATA"] = str(folder)
    context.obj = DataPaths(folder)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        _console.say("[yellow]warning:[/yellow] {}", warning)


@main.command("list")
@click.pass_obj
def list_(paths: DataPaths) -> None:
    """Show the songs of the library and what became of them."""
    from flamingo_bark_assets.audio.song_metadata import SongMetadata
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
    rows: list[tuple[str, ...]] = []
    warnings: list[str] = []
    for song_id in list_song_ids(paths):
        files, stored = find_song(paths, song_id), read_state(paths, song_id)
        try:
            said = read_stored(paths, song_id, stored, SongMetadata)
            verdict = read_stored(paths, song_id, stored, Verdict)
            title, artist = said.title, said.artist
            state = "fit" if verdict.suitable else f"unfit: {verdict.reasons}"
        except StorageError as error:
            told = str(error) if "bark_dataset" in stored.made else "not run yet"
            title, artist, state = files.info.title, files.info.artist, files.fault or told
        inputs, attempt = inputs_digest(stat_signature(files), versions), stored.attempt
        request = asked.get(song_id)
        given_up = given_up_because(
            attempt if attempt and attempt.inputs == inputs else None,
            request if request and request.inputs == inputs else None,
            settings.runs,
        )
        state = "; ".join(part for part in (state, files.info_fault, given_up) if part)
        given = ", ".join("?" if stem.fault else str(stem.kind) for stem in files.stems)
        stems = given or _separated_kinds(paths, song_id, stored)
        rows.append((song_id, title or "", artist or "", stems, state))
        warnings += (*files.info_warnings, *sidecar_problems(files))
        warnings += (f"song '{song_id}': {stem.fault}" for stem in files.stems if stem.fault)
    _console.table(("song", "title", "artist", "stems", "for training"), rows)
    _warn(warnings)
    for problem in find_unlisted(paths):
        _console.say("[yellow]not a song:[/yellow] {}", problem)


def _separated_kinds(paths: DataPaths, song_id: str, state: SongState) -> str:
    """Name the stems that a separator made of a song, or say that there are none."""
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.separation.records import SeparatedStems

    try:
        made = read_stored(paths, song_id, state, SeparatedStems).separated_files
    except StorageError:
        made = ()
    return f"separated: {', '.join(file.kind or '?' for file in made)}" if made else "none"


@main.command()
@click.argument("song_id")
@click.pass_obj
def remove(paths: DataPaths, song_id: str) -> None:
    """Remove a song and all that was made from it."""
    from flamingo_bark_assets.library.importing import remove_song

    remove_song(paths, song_id)
    _console.say("removed {}; the sensor of `make ui` removes its partition", song_id)


@main.command()
@click.argument("song_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All songs again, also those that are up to date.")
@click.pass_obj
def run(paths: DataPaths, song_ids: tuple[str, ...], everything: bool) -> None:
    """Run the songs SONG_IDS, or what is due of any song, in a real Dagster run with a progress display."""
    known = list_song_ids(paths)
    unknown = sorted(set(song_ids) - set(known))
    if unknown:
        refused = [problem for problem in find_unlisted(paths) if problem.startswith(tuple(f"{u!r} " for u in unknown))]
        why = f" ({'; '.join(refused)})" if refused else ""
        raise LibraryError(f"no such song: {', '.join(unknown)}{why}; `flamingo-bark list` shows what there is")
    if not known:
        raise LibraryError(f"the library {paths.songs} is empty; `flamingo-bark add FILE` imports a song")
    only_due = not (song_ids or everything)
    chosen = _due_songs(paths) if only_due else sorted(set(song_ids) or set(known))
    if not chosen:
        _console.say("all {} songs are up to date; --all runs them again", len(known))
    load_settings(paths.settings)  # Where they are wrong no song can be run.
    reports = _run_with_progress(chosen, only_due=only_due)
    _print_summary(paths, chosen, reports)
    if not all(report.success for report in reports):
        sys.exit(1)


@main.command()
@click.argument("files", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--predictions", type=OUTPUT_FILE, help="JSON file for all that was measured.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that measure.")
def analyze(files: tuple[Path, ...], predictions: Path | None, jobs: int) -> None:
    """Measure the songs at PATH without the library: sound files, or folders with mix.wav and its stems."""
    from flamingo_bark_assets.analysis.predictions import measure_all, write_predictions
    from flamingo_bark_assets.analysis.sources import find_all

    found = find_all(files)
    _warn(found.left_out)
    rows, songs, faults = [], {}, 0
    for song in measure_all(found.sources, jobs=jobs):
        _warn(f"{song.song_id}: {sentence}" for sentence in (*song.rejected, *song.corrected, *song.oddities))
        if song.fault is not None:
            faults += 1
            _console.say("[red]error:[/red] {}: {}", song.song_id, song.fault)
            continue
        songs[song.song_id] = song.prediction
        rows.append(song.summary)
    _console.table(("song", "tempo", "metre", "key", "LUFS", "sections"), rows)
    if predictions is not None:
        write_predictions(predictions, songs)
        _console.say("wrote {} songs to {}", len(songs), predictions)
    if faults:
        sys.exit(1)


@main.command()
@click.option(
    "--source", type=FOLDER, default=Path("data/demo"), show_default=True, help="Folder of the demo song.",
)  # fmt: skip
@click.pass_context
def demo(context: click.Context, source: Path) -> None:
    """Register the demo song and run it through every asset."""
    from flamingo_bark_assets.library.importing import add_song
    from flamingo_bark_assets.library.song_toml import read_song_info

    paths: DataPaths = context.obj
    if DEMO_SONG not in list_song_ids(paths):
        said = read_song_info(source / "song.toml")
        _warn(said.warnings)
        add_song(paths, source / "song.mp3", stems_dir=source / "stems", song_id=DEMO_SONG, info=said.info)
        _console.say("registered the demo song as [bold]{}[/bold] in {}", DEMO_SONG, paths.songs)
    context.invoke(run, song_ids=(DEMO_SONG,))
    _console.print("\n[bold]next step:[/bold] make ui   (then open http://127.0.0.1:3000)")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the UI.")
@click.option("--allow-host", "allowed", multiple=True, help="Further name under which the UI answers; repeatable.")
def ui(host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Run the platform: the Dagster UI with its daemon, sensors and queue, until Ctrl-C."""
    from flamingo_bark_assets.defs.serving import Address, serve

    serve(dagster_home(), Address(host, port, allowed), tell=lambda line: _console.say("{}", line))


@main.command()
@click.option(
    "--older-than", "days", required=True, type=click.FloatRange(0), metavar="DAYS", help="Age of a run's end."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be forgotten.")
def purge(days: float, dry_run: bool) -> None:
    """Forget Dagster's logs of old runs that are superseded; what the UI tells of assets and songs stays."""
    from flamingo_bark_assets.defs.home import open_instance, plain_faults
    from flamingo_bark_assets.defs.purging import purge as purge_runs

    home = dagster_home()
    with open_instance(home) as instance, plain_faults(home):
        purged = purge_runs(instance, older_than_days=days, dry_run=dry_run)
    count = len(purged.run_ids)
    _console.print(
        f"{'would forget' if dry_run else 'forgot'} {count} superseded {'run' if count == 1 else 'runs'} older than "
        f"{days:g} days, kept {purged.kept} that the latest results come from; "
        f"DAGSTER_HOME: {purged.bytes_before / 1e6:.1f} MB"
        + ("" if dry_run else f" before, {purged.bytes_after / 1e6:.1f} MB now"),
        highlight=False,
    )


@main.command()
@click.argument("query")
@click.option("--max-rows", default=1000, show_default=True, type=click.IntRange(1), help="Rows to print at most.")
@click.pass_obj
def sql(paths: DataPaths, query: str, max_rows: int) -> None:
    """Run one read-only QUERY against the warehouse."""
    from flamingo_bark_assets.storage.warehouse import query as run_query

    with _killed_by_interrupts():
        result = run_query(paths.warehouse, query, max_rows=max_rows + 1)
    shown = result.rows[:max_rows]
    _console.table(result.columns, (["null" if value is None else value for value in row] for row in shown))
    if len(result.rows) > max_rows:
        _console.say("there are more than {} rows; --max-rows shows more", max_rows)


@contextmanager
def _killed_by_interrupts() -> Iterator[None]:
    """Let a Ctrl-C end the process at once: DuckDB may look for one only when its query is done."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


for _command in (add, models, export, verify, train, sample, compare_captioners, words):
    main.add_command(_command)


def _due_songs(paths: DataPaths) -> list[str]:
    from flamingo_bark_assets.provenance.due import DueSongs
    from flamingo_bark_assets.provenance.inputs import settings_versions

    return list(DueSongs(paths).find(settings_versions(load_settings(paths.settings), paths)))


def _run_with_progress(song_ids: Sequence[str], *, only_due: bool) -> list[RunReport]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with _console.status("starting Dagster"):
        from flamingo_bark_assets.defs.home import open_instance, plain_faults
        from flamingo_bark_assets.local_runs import planned_steps, run_songs

        home = dagster_home()
        instance = open_instance(home, captures_output=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with plain_faults(home), Progress(*columns, console=_console) as progress:
        task = progress.add_task("running", total=planned_steps(len(song_ids)))

        def made(asset: str, song_id: str | None) -> None:
            progress.console.print(f"  made {asset}" + (f" of {song_id}" if song_id else ""))
            progress.advance(task)

        return run_songs(instance, song_ids, made, only_due=only_due)


def _print_summary(paths: DataPaths, song_ids: Sequence[str], reports: Sequence[RunReport]) -> None:
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.commands.tagged import tagged_lines
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.training.files import dataset_files, manifest_path

    checks = [check for report in reports for check in report.checks]
    passed = sum(check.passed for check in checks)
    _console.say("\n[bold]checks:[/bold] {} passed, {} failed", passed, len(checks) - passed)
    for check in checks:
        if not check.passed:
            subject = f"{check.song_id}: " if check.song_id else ""
            _console.say("  [red]failed[/red] {}/{}: {}{}", check.asset, check.check, subject, check.description)
    for report in reports:
        for error in report.errors:
            _console.say("[red]error:[/red] {}", error)
    captioners: set[str] = set()
    told: set[str] = set()
    tagged: set[str] = set()
    for song_id in song_ids:
        try:
            captions = read_stored(paths, song_id, read_state(paths, song_id), Captions)
        except StorageError:
            continue
        if captions.captioner:
            note = " (fallback: no captioning model ran)" if captions.is_fallback else f" ({captions.model_id})"
            captioners.add(captions.captioner + note)
        told |= {f"skipped {candidate.reason}" for candidate in captions.candidates if candidate.reason}
        told |= {f"sound was sent to {c.sound_sent_to}" for c in captions.candidates if c.sound_sent_to}
        tagged.update(tagged_lines(captions))
    _console.say("[bold]files:[/bold]")
    of_songs = (dataclasses.astuple(dataset_files(paths, song_id)) for song_id in song_ids[:5])
    for file in (*chain.from_iterable(of_songs), manifest_path(paths), paths.warehouse):
        if file.exists():  # A song that crashed, or whose dataset could not be written, has none.
            _console.say("  {}", file.relative_to(paths.root.parent))
    _print_tables(paths)
    _console.say("[bold]captioner:[/bold] {}", ", ".join(sorted(captioners)) or "none")
    for line in [*sorted(told), *sorted(tagged)[:MAX_TAGGED_LINES]]:
        _console.say("  {}", line)


def _print_tables(paths: DataPaths) -> None:
    from flamingo_bark_assets.storage.warehouse import query

    if not paths.warehouse.exists():
        return
    tables = query(paths.warehouse, "SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY table_name")
    shown = ", ".join(f"{name} ({rows})" for name, rows in tables.rows)
    _console.say("[bold]tables (rows):[/bold] {}", shown)
