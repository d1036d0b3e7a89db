"""The command line, which notes each step that it does for each song: so that a test can count work over processes.

Environment: COUNT_IN, the file to which a line ``song step`` is appended for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.record import Record


def _counted(name: str, do: Callable[[pipeline.SongWork], Record]) -> Callable[[pipeline.SongWork], Record]:
    def work(song: pipeline.SongWork) -> Record:
        with Path(os.environ["COUNT_IN"]).open("a") as file:
            file.write(f"{song.song_id} {name}\n")
        return do(song)

    return work


pipeline.WORK.update({name: _counted(name, do) for name, do in pipeline.WORK.items()})

if __name__ == "__main__":
    main()
