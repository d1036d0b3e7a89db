"""A list file in training order, made without holding its lines: they wait on disk until their places are known.

Collecting and writing lines belongs here; where each goes is found in `ordering`.
"""

from __future__ import annotations

import tempfile
from array import array
from pathlib import Path
from types import TracebackType
from typing import Self

from flamingo_bark_assets.exports.ordering import phase, spread
from flamingo_bark_assets.files.atomic import writes_named


class OrderedList:
    """Lines of one list; a context manager, as they wait in a temporary file."""

    def __init__(self) -> None:
        self._waiting = tempfile.TemporaryFile()  # noqa: SIM115 closed by __exit__
        self._starts = array("q", [0])
        self._phases = array("d")
        self._songs = array("q")
        self._repeats = array("q")

    def __len__(self) -> int:
        return len(self._phases)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.close()

    def add(self, line: str, *, name: str, song: int, repeats: int) -> None:
        """Add a line.

        Args:
            line: without its end.
            name: of the clip; its hash decides where the line stands.
            song: number of the song.
            repeats: how often it stands in the list.

        Raises:
            WriteError: the folder of temporary files refuses.
        """
        with writes_named(Path(tempfile.gettempdir())):
            self._starts.append(self._starts[-1] + self._waiting.write(line.encode()))
        self._phases.append(phase(name))
        self._songs.append(song)
        self._repeats.append(repeats)

    def write(self, path: Path) -> int:
        """Write the list: UTF-8, each line ended by a line feed.

        Returns:
            The most adjacent lines of one song.
        """
        order = spread(self._phases, self._songs, self._repeats)
        with path.open("wb") as file:
            for item in order.items:
                start, end = self._starts[item], self._starts[item + 1]
                self._waiting.seek(start)
                file.write(self._waiting.read(end - start) + b"\n")
        return order.longest_run
