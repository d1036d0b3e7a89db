"""`flamingo-bark export` and `verify`: datasets in the layouts of trainers, and the proof that they load.

Asking and telling belong here; exporting stands in `exports`, checking in `verification`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports.interface import SPLITS
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console
from flamingo_bark_assets.text import number_of

if TYPE_CHECKING:
    from flamingo_bark_assets.exports.run import ExportReport


@click.command()
@click.option("--to", "name", required=True, type=click.Choice(list(TARGETS)), help="The layout.")
@click.argument("out", type=PATH)
@click.option("--view", help="View of the clips in place of the layout's own, such as 30s or full.")
@click.option("--commercial", is_flag=True, help="Leave out what does not allow commercial use.")
@click.option("--accepted-only", is_flag=True, help="Leave out songs that nobody has accepted.")
@click.option("--by-artist", is_flag=True, help="Keep all songs of an artist in one split.")
@click.option("--custom-tag", default="", help="Custom tag before each text, in place of that of the settings.")
@click.option("--overwrite", is_flag=True, help="Write files anew that were changed by hand since the last export.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be written, with counts and hours.")
@click.option("--push", "repo_id", metavar="REPO", help="Upload to a dataset repository of the Hub (huggingface).")
@click.option("--public", is_flag=True, help="With --push: let everyone see the repository.")
@click.option("--yes", is_flag=True, help="With --push: do not ask before anything leaves the machine.")
@click.pass_obj
def export(
    paths: DataPaths,
    name: str,
    out: Path,
    view: str | None,
    commercial: bool,
    accepted_only: bool,
    by_artist: bool,
    custom_tag: str,
    overwrite: bool,
    dry_run: bool,
    repo_id: str | None,
    public: bool,
    yes: bool,
) -> None:
    """Write the clips of all fit songs into the folder OUT in the layout of a trainer, or bring it up to date."""
    from flamingo_bark_assets.exports.run import export as run_export
    from flamingo_bark_assets.exports.run import plan
    from flamingo_bark_assets.exports.songs import StoredSongs, chosen_options

    if repo_id and name != "huggingface":
        raise click.UsageError("--push goes with --to huggingface")
    target, folder = TARGETS[name], out.absolute()
    if folder.resolve().is_relative_to(paths.songs.resolve()):
        raise ExportError(f"{out}: lies among the songs and would be taken for one; name a place elsewhere")
    settings = load_settings(paths.settings)
    options = chosen_options(
        paths, settings, folder, view=view, commercial=commercial, accepted_only=accepted_only, by_artist=by_artist,
        custom_tag=custom_tag,
    )  # fmt: skip
    songs = StoredSongs(paths, settings, target, options)
    if dry_run:
        _tell(plan(target, songs, folder, options))
        return
    songs.settle_splits()
    with _Progress() as progress:
        report = run_export(target, songs, folder, options, overwrite=overwrite, progress=progress.show)
    _tell(report)
    if repo_id:
        _push(folder, repo_id, private=not public, asked=yes)


@click.command()
@click.argument("out", type=PATH, required=False)
@click.option("--as", "name", type=click.Choice(list(TARGETS)), help="The layout, where the folder does not say it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def verify(paths: DataPaths, out: Path | None, name: str | None, as_json: bool) -> None:
    """Replay what a trainer reads of the export OUT; without OUT, compare the files of the training manifest.

    Exit status 0: nothing was found; 1: something would fail or train badly in silence.
    """
    if out is None:
        _verify_manifest(paths)
        return
    from flamingo_bark_assets.verification.report import report_json, report_lines
    from flamingo_bark_assets.verification.run import verify_export

    verification = verify_export(out, as_target=name)
    if as_json:
        click.echo(report_json(verification))
    else:
        for line in report_lines(verification):
            console.say("{}", line)
    sys.exit(verification.exit_status)


def _verify_manifest(paths: DataPaths) -> None:
    from flamingo_bark_assets.training.files import manifest_path
    from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest

    problems = verify_manifest(manifest_path(paths), paths.root)
    for problem in problems:
        console.say("[red]{}[/red]", problem.message)
    if problems:
        sys.exit(1)
    songs = number_of(len(read_manifest(manifest_path(paths))), "song")
    console.say("{}, every file as stated", songs)


class _Progress:
    """A bar over the units of an export."""

    def __enter__(self) -> _Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, disable=console.hushed)
        self._bar.__enter__()
        self._task = self._bar.add_task("exporting", total=None)
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, done: int, of: int) -> None:
        """Show that some of all units are done."""
        self._bar.update(self._task, completed=done, total=of)


def _tell(report: ExportReport) -> None:
    holds = "would hold at most" if report.dry_run else "holds"
    console.say("[bold]{}[/bold] {} {}:", report.folder, holds, report.target)
    console.table(
        ("split", "songs", "clips", "hours"),
        ((split, report.songs[split], report.clips[split], f"{report.hours[split]:.2f}") for split in SPLITS),
    )
    written, kept = number_of(report.units_written, "unit"), report.units_kept
    as_before = "as it was" if kept == 1 else "as they were"
    made = "{} to make, {} {}" if report.dry_run else "{} made, {} taken over {}"
    console.say(made, written, kept, as_before)
    for rule, count in report.notes.items():
        console.say("  {}: {}", rule, count)
    if report.notes and not report.dry_run:
        console.say("each of them stands in {}", report.folder / "provenance" / "notes.jsonl")
    for missing in report.missing:
        console.say("[yellow]missing:[/yellow] {}", missing)
    if not report.dry_run:
        console.note("check it:   flamingo-bark verify {}", report.folder)
    console.say("{}{}", report.use, ":" if report.command else "")
    for line in report.command.splitlines():
        console.say("  {}", line)


def _push(folder: Path, repo_id: str, *, private: bool, asked: bool) -> None:
    from flamingo_bark_assets.exports.pushing import plan_push, push

    planned = plan_push(folder, repo_id, private=private)
    console.say("{}", planned.sentence)
    if not asked:
        click.confirm("Upload them?", abort=True)
    console.say("uploaded: {}", push(planned))
