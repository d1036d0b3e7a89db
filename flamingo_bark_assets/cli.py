"""The command line: `flamingo-bark add, list, remove, run, analyze, demo, sql, verify, models`.

Talking to the person at the terminal belongs here; every command is one call of another module.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.library.layout import DataPaths, find_song, find_unlisted, list_song_ids
from flamingo_bark_assets.settings import dagster_home, data_folder, load_settings

if TYPE_CHECKING:
    from flamingo_bark_assets.defs.local import RunReport

DEMO_SONG = "demo"
_console = Console(soft_wrap=True)


class _Group(click.Group):
    """Turns our own errors into one clear line and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except FlamingoBarkError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=None,
    help="Data folder; default: FLAMINGO_BARK_DATA or ./data.",
)  # fmt: skip
@click.pass_context
def main(context: click.Context, data: Path | None) -> None:
    """Turn songs and their stems into datasets that a Bark model can be trained on."""
    folder = (data or data_folder()).resolve()
    os.environ["FLAMINGO_BARK_DATA"] = str(folder)
    context.obj = DataPaths(folder)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--stems", "stems_dir", type=click.Path(path_type=Path), help="Folder with the stem files.")
@click.option("--id", "song_id", help="Identifier; default: made from the title or file name.")
@click.option("--title", help="Title; default: the file's own tag.")
@click.option("--artist", help="Artist; default: the file's own tag.")
@click.option("--licence", help="Licence of the recording, for instance CC0-1.0.")
@click.option("--attribution", help="Credit line that the licence asks for.")
@click.option("--genre", "genres", multiple=True, help="Genre tag; may be given several times.")
@click.option("--lyrics", type=click.File(encoding="utf-8"), help="Text file with the words that are sung.")
@click.option("--link", is_flag=True, help="Hard link instead of copy, where the disk allows it.")
@click.pass_obj
def add(
    paths: DataPaths,
    file: Path,
    stems_dir: Path | None,
    song_id: str | None,
    title: str | None,
    artist: str | None,
    licence: str | None,
    attribution: str | None,
    genres: tuple[str, ...],
    lyrics: TextIO | None,
    link: bool,
) -> None:
    """Import FILE, with its stems, into the library."""
    from pydantic import ValidationError

    from flamingo_bark_assets.audio.decode import decode
    from flamingo_bark_assets.errors import LibraryError
    from flamingo_bark_assets.library.importing import add_song
    from flamingo_bark_assets.library.song_toml import SongInfo

    try:
        info = SongInfo(
            title=title, artist=artist, licence=licence, attribution=attribution, genres=genres,
            lyrics=lyrics.read() if lyrics else None,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise LibraryError(f"--{first['loc'][0]}: {first['msg']}") from error
    decode(file, max_duration_s=load_settings(paths.settings).thresholds.max_duration_s)
    files = add_song(paths, file, stems_dir=stems_dir, song_id=song_id, info=info, link=link)
    kinds = ", ".join(stem.kind or f"{stem.name} (unused)" for stem in files.stems) or "none"
    _console.print(f"added [bold]{files.song_id}[/bold], stems: {escape(kinds)}")
    for stem in files.stems:
        if stem.fault:
            _console.print(f"[yellow]warning:[/yellow] {escape(stem.fault)}")
    _console.print(f"next: flamingo-bark run {files.song_id}   (or leave it to the sensor of `make ui`)")


@main.command("list")
@click.pass_obj
def list_(paths: DataPaths) -> None:
    """Show the songs of the library and what became of them."""
    from flamingo_bark_assets.audio.recording import RawSong
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.storage.truth import Truth
    from flamingo_bark_assets.training.suitability import Verdict

    truth = Truth(paths.features)
    table = Table("song", "title", "artist", "stems", "for training")
    for song_id in list_song_ids(paths):
        files = find_song(paths, song_id)
        try:
            raw, verdict = truth.read(RawSong, song_id), truth.read(Verdict, song_id)
            title, artist = raw.title, raw.artist
            state = "fit" if verdict.suitable else f"unfit: {verdict.reasons}"
        except StorageError:
            title, artist, state = files.info.title, files.info.artist, files.fault or "not run yet"
        stems = ", ".join(stem.kind or "?" for stem in files.stems) or "none"
        table.add_row(song_id, escape(title or ""), escape(artist or ""), stems, escape(state))
    _console.print(table)
    for problem in find_unlisted(paths):
        _console.print(f"[yellow]not a song:[/yellow] {escape(problem)}")


@main.command()
@click.argument("song_id")
@click.pass_obj
def remove(paths: DataPaths, song_id: str) -> None:
    """Remove a song and all that was made from it."""
    from flamingo_bark_assets.library.importing import remove_song

    remove_song(paths, song_id)
    _console.print(f"removed {escape(song_id)}; the sensor of `make ui` removes its partition")


@main.command()
@click.argument("song_ids", nargs=-1)
@click.pass_obj
def run(paths: DataPaths, song_ids: tuple[str, ...]) -> None:
    """Run songs (default: all) through every asset, in a real Dagster run with a progress display."""
    from flamingo_bark_assets.errors import LibraryError

    known = list_song_ids(paths)
    unknown = sorted(set(song_ids) - set(known))
    if unknown:
        raise LibraryError(f"no such song: {', '.join(unknown)}; `flamingo-bark list` shows what there is")
    chosen = sorted(set(song_ids) or set(known))
    if not chosen:
        raise LibraryError(f"the library {paths.songs} is empty; `flamingo-bark add FILE` imports a song")
    reports = _run_with_progress(chosen)
    _print_summary(paths, chosen, reports)
    if not all(report.success for report in reports):
        sys.exit(1)


@main.command()
@click.argument("files", metavar="PATH...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--predictions", type=click.Path(path_type=Path, dir_okay=False), help="JSON file for all that was measured."
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that measure.")
def analyze(files: tuple[Path, ...], predictions: Path | None, jobs: int) -> None:
    """Measure the songs at PATH without the library: sound files, or folders with mix.wav and its stems."""
    from flamingo_bark_assets.analysis.predictions import measure_all, write_predictions
    from flamingo_bark_assets.analysis.sources import find_sources

    sources = [source for path in files for source in find_sources(path)]
    table = Table("song", "tempo", "metre", "key", "LUFS", "sections")
    songs, faults = {}, 0
    for song in measure_all(sources, jobs=jobs):
        if song.fault is not None:
            faults += 1
            _console.print(f"[red]error:[/red] {escape(song.song_id)}: {escape(song.fault)}")
            continue
        songs[song.song_id] = song.prediction
        table.add_row(*(escape(cell) for cell in song.summary))
    _console.print(table)
    if predictions is not None:
        write_predictions(predictions, songs)
        _console.print(f"wrote {len(songs)} songs to {escape(str(predictions))}")
    if faults:
        sys.exit(1)


@main.command()
@click.option(
    "--source", type=click.Path(path_type=Path, exists=True), default=Path("data/demo"), show_default=True,
    help="Folder of the demo song.",
)  # fmt: skip
@click.pass_context
def demo(context: click.Context, source: Path) -> None:
    """Register the demo song and run it through every asset."""
    from flamingo_bark_assets.library.importing import add_song
    from flamingo_bark_assets.library.song_toml import read_song_info

    paths: DataPaths = context.obj
    if DEMO_SONG not in list_song_ids(paths):
        info = read_song_info(source / "song.toml")
        add_song(paths, source / "song.mp3", stems_dir=source / "stems", song_id=DEMO_SONG, info=info)
        _console.print(f"registered the demo song as [bold]{DEMO_SONG}[/bold] in {escape(str(paths.songs))}")
    context.invoke(run, song_ids=(DEMO_SONG,))
    _console.print("\n[bold]next step:[/bold] make ui   (then open http://127.0.0.1:3000)")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the UI.")
@click.option("--allow-host", "allowed", multiple=True, help="Further name under which the UI answers; repeatable.")
def ui(host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Run the platform: the Dagster UI with its daemon, sensors and queue, until Ctrl-C."""
    from flamingo_bark_assets.defs.serving import Address, serve

    serve(dagster_home(), Address(host, port, allowed), tell=lambda line: _console.print(escape(line)))


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
@click.option("--max-rows", default=1000, show_default=True, help="Rows to print at most.")
@click.pass_obj
def sql(paths: DataPaths, query: str, max_rows: int) -> None:
    """Run one read-only QUERY against the warehouse."""
    from flamingo_bark_assets.storage.warehouse import query as run_query

    result = run_query(paths.warehouse, query)
    table = Table(*(escape(name) for name in result.columns))
    for row in result.rows[:max_rows]:
        table.add_row(*("null" if value is None else escape(str(value)) for value in row))
    _console.print(table)
    if len(result.rows) > max_rows:
        _console.print(f"{len(result.rows) - max_rows} more rows; --max-rows shows more")


@main.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """The models that can listen: what there is, and how to get one."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@click.pass_obj
def list_models(paths: DataPaths) -> None:
    """Show the known models with size, memory, licence and what is in the cache."""
    from flamingo_bark_assets.captioning.clap import KNOWN_CLAPS
    from flamingo_bark_assets.captioning.fetching import cached
    from flamingo_bark_assets.captioning.models import DEFAULT_CLAP_ID, DEFAULT_MODEL_ID, KNOWN_MODELS

    listening = load_settings(paths.settings).listening
    for model in (*KNOWN_MODELS, *KNOWN_CLAPS):
        is_default = model.model_id in {DEFAULT_MODEL_ID, DEFAULT_CLAP_ID}
        snapshot = cached(model, listening.cache_folder)
        memory = (
            f"{model.memory_bytes('bfloat16') / 1e9:.1f} GB bf16 / {model.memory_bytes('float32') / 1e9:.1f} GB fp32"
        )
        state = f"cached at {snapshot.revision[:8]}" if snapshot else "not cached"
        _console.print(f"[bold]{model.model_id}[/bold]{' (default)' if is_default else ''}: {state}", highlight=False)
        _console.print(
            f"    {model.parameters / 1e9:.2f} B parameters, download {model.size_text}, memory {memory}\n"
            f"    licence: {escape(model.licence)}",
            highlight=False,
        )


@models.command()
@click.argument("model_id")
@click.option("--revision", help="Branch, tag or commit; default: the main branch.")
@click.option("--accept-licence", is_flag=True, help="Agree to the licence without being asked.")
@click.pass_obj
def fetch(paths: DataPaths, model_id: str, revision: str | None, accept_licence: bool) -> None:
    """Download MODEL_ID: shows its licence first, resumes, checks every file."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from flamingo_bark_assets.captioning import fetching
    from flamingo_bark_assets.captioning.clap import KNOWN_CLAPS
    from flamingo_bark_assets.captioning.models import KNOWN_MODELS, ModelError

    known = {model.model_id.lower(): model for model in (*KNOWN_MODELS, *KNOWN_CLAPS)}
    model = known.get(model_id.lower())
    if model is None:
        raise ModelError(f"{model_id}: not a known model; `flamingo-bark models list` shows those that are")
    _console.print(f"{model.name}: {model.size_text}\nlicence: {escape(model.licence)}")
    if not accept_licence:
        click.confirm("Do you agree to this licence?", abort=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=_console) as progress:
        task = progress.add_task("downloading", total=None)

        def show(event: fetching.FetchEvent) -> None:
            progress.update(task, completed=event.done_bytes, total=event.total_bytes)

        cache_folder = load_settings(paths.settings).listening.cache_folder
        snapshot = fetching.fetch(
            model, cache_dir=cache_folder, acknowledge_licence=True, progress=show, revision=revision
        )
    _console.print(f"{model.model_id} at {snapshot.revision} is ready")


@main.command()
@click.pass_obj
def verify(paths: DataPaths) -> None:
    """Compare every file that the training manifest names with its checksum."""
    from flamingo_bark_assets.training.files import manifest_path
    from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest

    problems = verify_manifest(manifest_path(paths), paths.root)
    for problem in problems:
        _console.print(f"[red]{escape(str(problem))}[/red]")
    if problems:
        sys.exit(1)
    count = len(read_manifest(manifest_path(paths)))
    _console.print(f"{count} {'song' if count == 1 else 'songs'}, every file as stated")


def _run_with_progress(song_ids: Sequence[str]) -> list[RunReport]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with _console.status("starting Dagster"):
        from flamingo_bark_assets.defs.home import open_instance, plain_faults
        from flamingo_bark_assets.defs.local import planned_steps, run_songs

        home = dagster_home()
        instance = open_instance(home)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with plain_faults(home), Progress(*columns, console=_console) as progress:
        task = progress.add_task("running", total=planned_steps(len(song_ids)))

        def made(asset: str, song_id: str | None) -> None:
            progress.console.print(f"  made {asset}" + (f" of {song_id}" if song_id else ""))
            progress.advance(task)

        return run_songs(instance, song_ids, made)


def _print_summary(paths: DataPaths, song_ids: Sequence[str], reports: Sequence[RunReport]) -> None:
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.storage.truth import Truth
    from flamingo_bark_assets.training.files import dataset_files, manifest_path

    checks = [check for report in reports for check in report.checks]
    passed = sum(check.passed for check in checks)
    _console.print(f"\n[bold]checks:[/bold] {passed} passed, {len(checks) - passed} failed")
    for check in checks:
        if not check.passed:
            subject = f"{check.song_id}: " if check.song_id else ""
            _console.print(f"  [red]failed[/red] {check.asset}/{check.check}: {subject}{escape(check.description)}")
    for report in reports:
        for error in report.errors:
            _console.print(f"[red]error:[/red] {escape(error)}")
    _console.print("[bold]files:[/bold]")
    truth = Truth(paths.features)
    captioners: set[str] = set()
    skipped: set[str] = set()
    for song_id in song_ids[:5]:
        for file in dataclasses.astuple(dataset_files(paths, song_id)):
            _console.print(f"  {escape(str(file.relative_to(paths.root.parent)))}")
    for song_id in song_ids:
        try:
            captions = truth.read(Captions, song_id)
        except StorageError:
            continue
        if captions.captioner:
            note = " (fallback: no model listened)" if captions.is_fallback else f" ({captions.model_id})"
            captioners.add(captions.captioner + note)
        skipped |= {choice.reason for choice in captions.choices if choice.reason}
    for file in (manifest_path(paths), paths.warehouse):
        if file.exists():
            _console.print(f"  {escape(str(file.relative_to(paths.root.parent)))}")
    _print_tables(paths)
    _console.print(f"[bold]captioner:[/bold] {', '.join(sorted(captioners)) or 'none'}")
    for reason in sorted(skipped):
        _console.print(f"  skipped {escape(reason)}")


def _print_tables(paths: DataPaths) -> None:
    from flamingo_bark_assets.storage.warehouse import query

    if not paths.warehouse.exists():
        return
    tables = query(paths.warehouse, "SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY table_name")
    shown = ", ".join(f"{name} ({rows})" for name, rows in tables.rows)
    _console.print(f"[bold]tables (rows):[/bold] {shown}")
