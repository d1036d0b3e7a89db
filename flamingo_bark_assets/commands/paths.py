"""The kinds of path that commands take.

Refusing what no system call takes belongs here; what a path is for belongs to its command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class PathType(click.Path):
    """A path that a system call can take."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail."""
        if str(value) == "" or "\0" in str(value):
            self.fail("a path may not be empty or hold a NUL", param, ctx)
        return super().convert(value, param, ctx)


class OutputFileType(PathType):
    """A file to write, which must not take the place of a folder, pipe or device."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail."""
        path = super().convert(value, param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{path} is there already and is not a regular file", param, ctx)
        return path


PATH = PathType(path_type=Path, readable=False)
OUTPUT_FILE = OutputFileType(path_type=Path, readable=False)
FOLDER = PathType(path_type=Path, readable=False, exists=True, file_okay=False)
