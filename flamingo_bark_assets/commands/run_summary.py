"""What `flamingo-bark run` tells at its end: a line a song, failed checks in words, files, tables and captioners.

Wording that belongs here; running and the exit status stand in `running`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from flamingo_bark_assets.commands.tagged import tagged_lines
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.local_runs import CheckOutcome, RunReport

MAX_TAGGED_LINES = 12
_MOST_SONGS_WITH_FILES = 5


def print_summary(paths: DataPaths, song_ids: Sequence[str], reports: Sequence[RunReport]) -> None:
    """Print what became of these songs; of a hushed terminal only what failed."""
    for line in _song_lines(paths, song_ids):
        console.note("{}", line)
    checks = [check for report in reports for check in report.checks]
    passed = sum(check.passed for check in checks)
    console.note("[bold]checks:[/bold] {} passed, {} failed", passed, len(checks) - passed)
    for subject, description, names in _failures(checks):
        console.say("  [red]failed[/red] {}{} ({})", f"{subject}: " if subject else "", description, names)
    for report in reports:
        for error in report.errors:
            console.say("[red]error:[/red] {}", error)
    if not console.hushed:
        _print_files(paths, song_ids)
        _print_tables(paths)
        if song_ids:
            _print_captioners(paths, song_ids)


def _song_lines(paths: DataPaths, song_ids: Sequence[str]) -> Iterator[str]:
    """Say of each song in one line whether it is fit, and what was found first."""
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.training.suitability import Verdict

    for song_id in song_ids:
        state = read_state(paths, song_id)
        try:
            verdict = read_stored(paths, song_id, state, Verdict)
            song = read_stored(paths, song_id, state, SongFeatures)
        except StorageError:
            yield f"{song_id}: not finished"
            continue
        if not verdict.suitable:
            yield f"{song_id}: unfit: {(verdict.reasons or '').removeprefix(f'{song_id}: ')}"
            continue
        tempo = "tempo unknown" if song.tempo_bpm.value is None else f"{song.tempo_bpm.value:.1f} BPM"
        stems = f"fit stems: {verdict.suitable_stems}" if verdict.suitable_stems else "no fit stems"
        yield f"{song_id}: fit; {tempo}, {song.key.value or 'key unknown'}; {stems}"


def _failures(checks: Sequence[CheckOutcome]) -> list[tuple[str, str, str]]:
    """Give each failure once: the song, what is wrong, and the checks that say so."""
    found: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if not check.passed:
            song_id = check.song_id or ""
            description = check.description.removeprefix(f"{song_id}: ") if song_id else check.description
            found.setdefault((song_id, description), []).append(check.check.replace("_", " "))
    return [(song_id, description, ", ".join(names)) for (song_id, description), names in found.items()]


def _print_files(paths: DataPaths, song_ids: Sequence[str]) -> None:
    from flamingo_bark_assets.training.files import dataset_files, manifest_path

    console.say("[bold]files:[/bold]")
    of_songs = (dataclasses.astuple(dataset_files(paths, song_id)) for song_id in song_ids[:_MOST_SONGS_WITH_FILES])
    for file in (*chain.from_iterable(of_songs), manifest_path(paths), paths.warehouse):
        if file.exists():  # A song that crashed, or whose dataset could not be written, has none.
            console.say("  {}", file.relative_to(paths.root.parent))
    if len(song_ids) > _MOST_SONGS_WITH_FILES:
        console.say("  and those of {} more songs", len(song_ids) - _MOST_SONGS_WITH_FILES)


def _print_tables(paths: DataPaths) -> None:
    from flamingo_bark_assets.storage.warehouse import table_rows

    if not paths.warehouse.exists():
        return
    shown = ", ".join(f"{name} ({rows})" for name, rows in table_rows(paths.warehouse).items())
    console.say("[bold]tables (rows):[/bold] {}", shown)


def _print_captioners(paths: DataPaths, song_ids: Sequence[str]) -> None:
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored

    captioners: set[str] = set()
    told: set[str] = set()
    tagged: set[str] = set()
    for song_id in song_ids:
        try:
            captions = read_stored(paths, song_id, read_state(paths, song_id), Captions)
        except StorageError:
            continue
        if captions.captioner and captions.unusable is None:  # of a song that cannot be used nobody writes
            note = " (fallback: no captioning model ran)" if captions.is_fallback else f" ({captions.model_id})"
            captioners.add(captions.captioner + note)
        told |= {f"skipped {candidate.reason}" for candidate in captions.candidates if candidate.reason}
        told |= {f"sound was sent to {c.sound_sent_to}" for c in captions.candidates if c.sound_sent_to}
        tagged.update(tagged_lines(captions))
    console.say("[bold]captioner:[/bold] {}", ", ".join(sorted(captioners)) or "none")
    for line in [*sorted(told), *sorted(tagged)[:MAX_TAGGED_LINES]]:
        console.say("  {}", line)
    if len(tagged) > MAX_TAGGED_LINES:
        console.say("  and {} more of the table labels", len(tagged) - MAX_TAGGED_LINES)
