"""`flamingo-bark sql`: one read-only query, from the command line, a file or standard input.

Where the query comes from and how its rows are shown belong here; running it stands in `storage.warehouse`.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from flamingo_bark_assets.commands.choosing import killed_by_interrupts, read_standard_input
from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.commands.tables import Form, beside, form_options, print_rows, rounded
from flamingo_bark_assets.errors import FileFault, StorageError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.terminal import console

_MAX_QUERY_BYTES = 1024 * 1024
_ROWS_OF_A_TABLE = 1000
# A comment of SQL begins as a long option does, and no option's name begins otherwise than with a letter.
_COMMENT = re.compile(r"--[^a-zA-Z]")


class _SqlCommand(click.Command):
    """Takes a query that begins with a comment for a query."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Part options from the query."""
        # A line break in front changes no query, and click takes it for no option.
        return super().parse_args(ctx, [f"\n{text}" if self._is_commented(text) else text for text in args])

    def _is_commented(self, text: str) -> bool:
        """Tell whether an argument is SQL that begins with a comment; of an option with a value no line ends before."""
        first_line, line_break, _ = text.partition("\n")
        names = {name for param in self.params for name in param.opts}
        is_option = "=" in first_line and first_line.partition("=")[0] in names
        return bool(_COMMENT.match(text) or (text.startswith("--") and line_break and not is_option))


@click.command(cls=_SqlCommand)
@click.argument("query", required=False)
@click.option("--file", type=PATH, help="Read the query from this file; -: from standard input.")
@click.option(
    "--max-rows", type=click.IntRange(1),
    help=f"Rows to print at most; default: {_ROWS_OF_A_TABLE} in a table, all of them as JSON or CSV.",
)  # fmt: skip
@form_options
@click.pass_obj
def sql(paths: DataPaths, query: str | None, file: Path | None, max_rows: int | None, form: Form | None) -> None:
    """Run one read-only QUERY against the warehouse; -: the query is read from standard input.

    Of several statements the last one answers. Numbers in a table are rounded, those of JSON and CSV are exact.
    """
    from flamingo_bark_assets.storage.warehouse import query as run_query

    statement = _statement(query, file)
    most = max_rows or (_ROWS_OF_A_TABLE if form is None else None)
    with killed_by_interrupts():
        result = run_query(paths.warehouse, statement, max_rows=None if most is None else most + 1)
    rows = result.rows[:most]
    if form is not None:
        print_rows(form, result.columns, rows)
    else:
        console.paged(result.columns, [[rounded(value) for value in row] for row in rows])
    if most is not None and len(result.rows) > most:
        beside(form).say("there are more than {} rows; --max-rows shows more, --csv all of them", most)


def _statement(query: str | None, file: Path | None) -> str:
    from flamingo_bark_assets.files.opening import read_text

    if (query is None) == (file is None):
        raise click.UsageError("give a QUERY, or --file F, or - for standard input")
    if query == "-" or file == Path("-"):
        return read_standard_input(_MAX_QUERY_BYTES)
    if file is None:
        return query or ""
    try:
        return read_text(file, max_bytes=_MAX_QUERY_BYTES)
    except FileFault as fault:
        raise StorageError(f"--file {file}: {fault}") from fault
