"""How many clips a second of one core `verify` reads, and how its memory grows with their number.

    python -m tests.benchmarks.verify [SONGS ...]

Exports made songs as each layout and verifies each in a process of its own; Bark's are made without tokens.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from tests.export_songs import made_source

DEFAULT_SONGS = (10, 40)


def timed(folder: Path) -> None:
    """Verify a folder and print clips, CPU seconds of this process and its peak memory."""
    from flamingo_bark_assets.verification.run import verify_export

    began = time.process_time()
    verification = verify_export(folder)
    seconds = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sounds = sum(1 for path in folder.rglob("*") if path.suffix in {".wav", ".flac"} and path.stat().st_nlink == 1)
    print(
        f"{verification.target:20} {verification.clips:6} rows {sounds:6} sounds {len(verification.findings):4} "
        f"findings {seconds:7.2f} CPU-s {verification.clips / seconds:7.0f} rows/s {sounds / seconds:7.0f} sounds/s "
        f"{peak_mb:7.0f} MB"
    )


def main(numbers: tuple[int, ...]) -> None:
    """Time each layout for each number of songs."""
    for target in TARGETS.values():
        for songs in numbers:
            with tempfile.TemporaryDirectory() as place:
                out = Path(place) / target.NAME
                export(target, made_source(songs), out, ExportOptions(folder=str(out)))
                command = [sys.executable, "-m", "tests.benchmarks.verify", "--folder", str(out)]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--folder"]:
        timed(Path(sys.argv[2]))
    else:
        main(tuple(map(int, sys.argv[1:])) or DEFAULT_SONGS)
