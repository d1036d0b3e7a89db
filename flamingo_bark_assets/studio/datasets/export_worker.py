"""One export in a process of its own, so that the studio stays small: made, verified, and compared with the last one.

Running it and telling how far it is belong here, a line of JSON each; who waits for it stands in `export_jobs`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import click
from filelock import FileLock
from pydantic import TypeAdapter

from flamingo_bark_assets.errors import FlamingoBarkError, WriteError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.datasets.export_store import ExportChoice, ExportStore

TOLD_FINDINGS = 200
"""So many findings are kept; all are counted."""
_NICENESS = 5


@click.command()
@click.option("--data", "root", required=True, type=click.Path(path_type=Path))
@click.option("--datasets", required=True)
@click.option("--choice", "choice_json", required=True)
def main(root: Path, datasets: str, choice_json: str) -> None:
    """Export as asked, until standard input ends, which is when the studio is gone."""
    signal.signal(signal.SIGTERM, _give_up)
    threading.Thread(target=_watch, daemon=True).start()
    os.nice(_NICENESS)
    paths = DataPaths(root, datasets)
    choice = TypeAdapter(ExportChoice).validate_json(choice_json)
    try:
        _run(paths, choice)
    except (FlamingoBarkError, WriteError) as error:
        _tell(error=str(error), to_do=error.remedy)
        sys.exit(1)


def _run(paths: DataPaths, choice: ExportChoice) -> None:
    store = ExportStore(paths)
    store.folder.mkdir(parents=True, exist_ok=True)
    _tell(stage="waiting for another export of this library")
    with FileLock(store.folder / ".turn.lock"):
        # What another way of exporting has left there is what was exported before.
        if store.is_first(choice.folder) and (paths.exports / choice.folder).is_dir():
            store.remember(choice.folder)
        _export(paths, choice)
        _tell(stage="comparing with the last export")
        difference = store.remember(choice.folder)
        _tell(difference=dataclasses.asdict(difference) if difference else None)
        _verify(paths.exports / choice.folder)


def _export(paths: DataPaths, choice: ExportChoice) -> None:
    from flamingo_bark_assets.exports.registry import TARGETS
    from flamingo_bark_assets.exports.run import export
    from flamingo_bark_assets.exports.songs import StoredSongs, chosen_options
    from flamingo_bark_assets.settings import load_settings

    settings = load_settings(paths.settings)
    target, out = TARGETS[choice.target], paths.exports / choice.folder
    options = chosen_options(
        paths, settings, out, view=choice.view, commercial=choice.commercial, accepted_only=choice.accepted_only,
        by_artist=choice.by_artist, custom_tag=choice.custom_tag,
    )  # fmt: skip
    _tell(stage="looking which songs go in")
    songs = StoredSongs(paths, settings, target, options)
    songs.settle_splits()
    songs.heads()
    _tell(stage="exporting")
    report = export(
        target, songs, out, options, overwrite=choice.overwrite, progress=lambda done, of: _tell(done=done, of=of)
    )
    _tell(
        report={
            "clips": dict(report.clips), "songs": dict(report.songs), "hours": dict(report.hours),
            "written": report.units_written, "kept": report.units_kept, "notes": dict(report.notes),
            "missing": list(report.missing), "use": report.use, "command": report.command,
        }
    )  # fmt: skip


def _verify(folder: Path) -> None:
    from flamingo_bark_assets.verification.rules import RULES
    from flamingo_bark_assets.verification.run import verify_export

    _tell(stage="verifying: what the trainer reads is replayed")
    verification = verify_export(folder)
    counts = Counter(finding.rule for finding in verification.findings) + Counter(verification.left_out)
    worst_first = sorted(verification.findings, key=lambda finding: finding.severity != "fails")
    _tell(
        verification={
            "clean": verification.is_clean, "rows": verification.clips, "seconds": verification.seconds,
            "found": sum(counts.values()),
            "rules": [
                {"rule": rule, "severity": RULES[rule].severity, "meaning": RULES[rule].meaning, "count": count}
                for rule, count in sorted(counts.items(), key=lambda each: (RULES[each[0]].severity, -each[1]))
            ],
            "findings": [dataclasses.asdict(finding) for finding in worst_first[:TOLD_FINDINGS]],
        }
    )  # fmt: skip


def _tell(**values: Any) -> None:
    print(json.dumps(values, default=str), flush=True)  # noqa: T201


def _give_up(signal_number: int, _: object) -> None:
    sys.exit(128 + signal_number)


def _watch() -> None:
    """Wait until the studio is gone, and go too; what is unfinished is deleted on the way."""
    while os.read(sys.stdin.fileno(), 1):  # a buffered read would hold a lock that the end of Python waits for
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
