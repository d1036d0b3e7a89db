"""The code location without sensors, its steps timed and, on demand, some of them made to raise: for measuring.

Environment: FLAMINGO_BARK_RAISE=<song_id>:<step>,... makes these steps raise for these songs;
FLAMINGO_BARK_TIMES=<file> appends the CPU seconds of each step of each song.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from flamingo_bark_assets import definitions, pipeline
from flamingo_bark_assets.record import Record

defs = dg.Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=definitions.defs.jobs,
    resources=definitions.defs.resources,
    executor=definitions.defs.executor,
)


def _instrumented(name: str, do: Callable[[pipeline.SongWork], Record]) -> Callable[[pipeline.SongWork], Record]:
    def run(work: pipeline.SongWork) -> Record:
        if f"{work.song_id}:{name}" in os.environ.get("FLAMINGO_BARK_RAISE", "").split(","):
            raise RuntimeError("this analysis was made to raise")
        start = time.process_time()
        try:
            return do(work)
        finally:
            times = os.environ.get("FLAMINGO_BARK_TIMES")
            if times:
                with Path(times).open("a") as file:
                    file.write(f"{work.song_id}\t{name}\t{time.process_time() - start:.6f}\n")

    return run


pipeline.WORK.update({name: _instrumented(name, do) for name, do in pipeline.WORK.items()})
