"""Rows of a command as a person reads them, or as JSON or CSV for a program.

Layout, rounding and exactness belong here; which rows there are belongs to the commands.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeVar

import click

from flamingo_bark_assets.terminal import Terminal, console, errors, visible

Form = Literal["json", "csv"]
F = TypeVar("F", bound=Callable[..., Any])
_DECIMALS = 3


def form_options(command: F) -> F:
    """Give a command the options ``--json`` and ``--csv``, of which it is told as ``form``."""
    command = click.option("--csv", "form", flag_value="csv", help="Print CSV; values are exact.")(command)
    return click.option("--json", "form", flag_value="json", help="Print JSON; values are exact.")(command)


def beside(form: Form | None) -> Terminal:
    """Return where warnings and notes go: not among the rows that a program reads."""
    return console if form is None else errors


def print_rows(form: Form, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows for a program: a JSON list of objects, or CSV with a head; unknown is null, or an empty cell.

    Raises:
        click.UsageError: two columns have one name, so that an object would lose one.
    """
    if form == "csv":
        click.echo(_as_csv(columns, rows), nl=False)
        return
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise click.UsageError(f"two columns are named {', '.join(twice)}; give them names with AS, or take --csv")
    click.echo(json.dumps([dict(zip(columns, map(_plain, row), strict=True)) for row in rows], indent=1))


def rounded(value: object) -> str:
    """Write a value for a person: at most three decimals, or three digits of what is smaller; None as null."""
    if value is None:
        return "null"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value == 0 or abs(value) >= 0.1:
        text = f"{value:.{_DECIMALS}f}"
        return text.rstrip("0").rstrip(".")
    return f"{value:.{_DECIMALS}g}"


def _as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in map(_plain, row)] for row in rows)
    # A file or a program gets each character as it is; a terminal would obey some of them.
    return visible(text.getvalue(), keep="\n") if sys.stdout.isatty() else text.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _plain(value: Any) -> Any:
    """Turn a value into one that JSON has: what is no number there is null, dates and the like are texts."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return float(value) if Decimal(repr(float(value))) == value else str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return str(value)
