"""An export by the Python API, halted at a chosen moment, so that a test can kill it there.

Usage: ``python -m tests.halting_export SONG OUTPUT MOMENT ...``, where MOMENT is the end of the name of a file that is
about to be put into place, or "before exchange" or "after exchange"; the file ``OUTPUT.halted`` says that it is there,
and it goes on to the next when that file is removed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from flamingo_bark_assets import api
from flamingo_bark_assets.files import atomic, exchange
from flamingo_bark_assets.tagging.tagger import Tagger

SONG, OUTPUT, MOMENTS = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]


def halt_at(moment: str) -> None:
    if MOMENTS and moment.endswith(MOMENTS[0]):
        del MOMENTS[0]
        flag = OUTPUT.with_suffix(".halted")
        flag.touch()
        while flag.exists():
            time.sleep(0.05)


class _HaltingPath(type(Path())):  # type: ignore[misc]
    def replace(self, target: Path) -> Path:
        halt_at(str(target))
        return Path(super().replace(target))


def _halting_exchange(one: Path, other: Path) -> None:
    halt_at("before exchange")
    exchange.exchange_folders(one, other)
    halt_at("after exchange")


_really_temporary = atomic.temporary_path
atomic.temporary_path = lambda folder: _HaltingPath(_really_temporary(folder))
api.exchange_folders = _halting_exchange  # type: ignore[attr-defined]

# As in the process of the tests, see `conftest`: what is compared must not depend on where it was made.
Tagger.tag = lambda self, sound, kinds, windows: ()  # type: ignore[method-assign]

if __name__ == "__main__":
    asyncio.run(
        api.AnalysisService().analyze_and_export_bark_dataset(
            audio_path=SONG / "song.wav", stems_dir=SONG / "stems", output_dir=OUTPUT, audio_file_id="x"
        )
    )
