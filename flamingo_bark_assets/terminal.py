"""The terminal: what is printed for a person goes through here, and what data holds is shown and never obeyed.

Making text harmless belongs here; what is said belongs to the commands.
"""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import click
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

# Joiners that Persian, Indic scripts and emoji are written with; all other invisible characters are shown.
_JOINERS = {"\u200c", "\u200d"}
# Controls, format characters such as bidi overrides, lone surrogates, line and paragraph separators.
_SHOWN_AS_CODE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PLACE = "\ue000"  # A character for private use, which no text of ours holds.
_LEAST_COLUMNS = 40
EXIT_CLOSED_PIPE = 141  # 128 + SIGPIPE, as a shell tells of any program whose reader went away.


def visible(text: str, *, keep: str = "") -> str:
    r"""Show what a terminal would obey: ESC becomes ``\x1b``, a line break ``\n``, a bidi override ``\u202e``.

    Args:
        text: any text.
        keep: characters to leave as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_obeyed(c) else _as_code(c) for c in text)


class Terminal(Console):
    """rich's console, on which no text can send a control sequence, whoever prints it and how.

    Attributes:
        hushed: whether notes and progress are left out, as ``--quiet`` asks for.
    """

    hushed = False

    @property
    def size(self) -> ConsoleDimensions:
        """Return columns and lines; never fewer columns than rich can print anything in, whatever COLUMNS says."""
        width, height = super().size
        return ConsoleDimensions(max(width, _LEAST_COLUMNS), height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def say(self, template: str, *data: object) -> None:
        """Print a line: markup of ours with data in the places of its ``{}``."""
        ours = Text.from_markup(template.replace("{}", _PLACE))
        line, end = Text(), 0
        places = (offset for offset, character in enumerate(ours.plain) if character == _PLACE)
        for place, datum in zip(places, data, strict=True):
            line.append_text(ours[end:place])
            line.append(visible(str(datum)), ours.get_style_at_offset(self, place))
            end = place + 1
        self.print(line.append_text(ours[end:]))

    def note(self, template: str, *data: object) -> None:
        """Print a line that a person may want to know and no script asked for, as `say` does, unless it is hushed."""
        if not self.hushed:
            self.say(template, *data)

    def busy(self, doing: str) -> AbstractContextManager[object]:
        """Say what is being done for as long as it takes, unless it is hushed."""
        return nullcontext() if self.hushed else self.status(doing)

    def warn(self, warnings: Iterable[str]) -> None:
        """Print a line for each warning."""
        for warning in warnings:
            self.say("[yellow]warning:[/yellow] {}", warning)

    def paged(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table as `table` does; one that is longer than the screen goes through the user's pager."""
        if not (self.is_terminal and sys.stdin is not None and sys.stdin.isatty() and len(rows) > self.height - 5):
            self.table(columns, rows)
            return
        os.environ.setdefault("LESS", "-RS")
        with self.capture() as captured:
            self.table(columns, rows)
        click.echo_via_pager(captured.get())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, wraps: bool = False) -> None:
        """Print a table; every heading and cell is data. Long cells are wrapped to the terminal only if it `wraps`."""
        table = Table()
        for column in columns:
            table.add_column(Text(visible(column)), overflow="fold")  # rather than cut: an id is needed whole
        for row in rows:
            table.add_row(*(Text(visible(str(cell))) for cell in row))
        self.print(table, soft_wrap=not wraps)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does; what is no control of rich's own is made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text, keep="\n"), segment.style)

    def on_broken_pipe(self) -> None:
        """End quietly where the reader of a pipe went away."""
        leave_closed_pipe()


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), keep="\n")


def open_terminal() -> None:
    """Make standard output and error take any text: a character that they lack is written as its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:  # What prints the log lines of a program that configures no logging.
        logging.lastResort.setFormatter(_VisibleFormatter())


def leave_closed_pipe() -> None:
    """Exit as a program does whose reader went away.

    Raises:
        SystemExit: always.
    """
    # Python flushes again at its end, and would complain there.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    sys.exit(EXIT_CLOSED_PIPE)


def _is_obeyed(character: str) -> bool:
    return unicodedata.category(character) in _SHOWN_AS_CODE and character not in _JOINERS


def _as_code(character: str) -> str:
    code = ord(character)
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    if character in named:
        return named[character]
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"


console = Terminal(soft_wrap=True, emoji=False)
errors = Terminal(soft_wrap=True, emoji=False, stderr=True)
