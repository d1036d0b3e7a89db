"""`flamingo-bark analyze`: songs outside the library, measured.

Telling what was found belongs here; measuring stands in `analysis`.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.paths import OUTPUT_FILE, PATH
from flamingo_bark_assets.commands.tables import Form, beside, form_options, print_rows
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.analysis.predictions import Summary


@click.command()
@click.argument("files", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--predictions", type=OUTPUT_FILE, help="JSON file for all that was measured.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that measure.")
@form_options
def analyze(files: tuple[Path, ...], predictions: Path | None, jobs: int, form: Form | None) -> None:
    """Measure the songs at PATH without the library: sound files, or folders with mix.wav and its stems."""
    from flamingo_bark_assets.analysis.predictions import Summary as Columns
    from flamingo_bark_assets.analysis.predictions import measure_all, write_predictions
    from flamingo_bark_assets.analysis.sources import find_all

    said = beside(form)
    found = find_all(files)
    said.warn(found.left_out)
    summaries: list[Summary] = []
    songs, faults = {}, 0
    for song in measure_all(found.sources, jobs=jobs):
        said.warn(f"{song.song_id}: {sentence}" for sentence in (*song.rejected, *song.corrected, *song.oddities))
        if song.summary is None:
            faults += 1
            said.say("[red]error:[/red] {}: {}", song.song_id, song.fault)
            continue
        songs[song.song_id] = song.prediction
        summaries.append(song.summary)
    if form is not None:
        columns = [field.name for field in dataclasses.fields(Columns)]
        print_rows(form, columns, [dataclasses.astuple(summary) for summary in summaries])
    else:
        heads = ("song", "tempo", "metre", "key", "LUFS", "sections")
        console.table(heads, [_shown(summary) for summary in summaries])
    if predictions is not None:
        write_predictions(predictions, songs)
        said.note("wrote {} songs to {}", len(songs), predictions)
    if faults:
        sys.exit(1)


def _shown(summary: Summary) -> tuple[str, ...]:
    tempo, loudness = (
        "?" if value is None else f"{value:.1f}" for value in (summary.tempo_bpm, summary.loudness_integrated_lufs)
    )
    return summary.song_id, tempo, summary.metre or "?", summary.key or "?", loudness, str(summary.sections)
