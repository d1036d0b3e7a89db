"""How values and words are written into the files of a dataset: rounding, clean text, JSON bytes, markdown.

What a single value or text may look like belongs here; which values a file holds does not.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

SIGNIFICANT_DIGITS = 6
MAX_REPEATS = 40

# Every character of a plain sentence that CommonMark or GitHub's tables give a meaning inside a line.
# An underscore between letters or digits means nothing, and file names stay readable without the escape.
_MARKDOWN = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")
_SETS_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NOT_PRINTED = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def rounded(value: float) -> float | None:
    """Round to six significant digits, so that output is stable and readable; None for what is not finite."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def encodable(text: str) -> str:
    """Make a text that UTF-8 can hold: surrogate pairs are joined, a lone surrogate becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain(value: Any) -> Any:
    """Make a value fit for JSON: floats rounded, or None where not finite, texts encodable, numpy scalars Python's."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return plain(value.item()) if hasattr(value, "item") else value


def json_bytes(value: Any, *, indent: int | None = None) -> bytes:
    """Write JSON as UTF-8 with a final newline, keys in the order given.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return (text + "\n").encode("utf-8")


def one_line(text: str, *, max_length: int = 2000) -> str:
    """Put a text on one line: control and direction characters and line breaks become single spaces."""
    printed = "".join(
        " " if unicodedata.category(c) in _NOT_PRINTED or c in _SETS_DIRECTION else c for c in encodable(text)
    )
    line = " ".join(printed.split())
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"


def markdown(text: str, *, max_length: int = 2000) -> str:
    """Escape a text so that it stands in a markdown line or table cell as the words it is."""
    line = _MARKDOWN.sub(r"\\\1", one_line(text, max_length=max_length))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def number(value: float, *, digits: int = 3) -> str:
    """Write a number for a reader: so many significant digits, whole from as many before the point on."""
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else _positional(value, digits)


def with_unit(value: float, unit: str, *, digits: int = 4) -> str:
    """Write a number for a reader, with its unit where it has one."""
    return f"{number(value, digits=digits)} {unit}".strip()


def _positional(value: float, digits: int) -> str:
    """Write a number by so many significant digits without an exponent and without zeros at its end."""
    written = f"{Decimal(f'{value + 0.0:.{digits}g}'):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def told_apart(value: float, limit: float) -> tuple[str, str]:
    """Write a value with as few digits as tell it from the limit that it misses, and the limit in full."""
    shown_limit = _positional(limit, 10)
    shown = number(value)
    for digits in range(4, 16):
        if shown != shown_limit or value == limit:
            break
        shown = _positional(value, digits)
    return shown, shown_limit


def repeats(weights: Sequence[float]) -> tuple[int, ...]:
    """Turn weights into the smallest numbers of repeated lines, as no Bark loader reads a weight.

    1.0 and 0.7 become 10 and 7: the weights' ratio within 1 % where the largest weight needs no more than `MAX_REPEATS`
    lines for it, else the nearest ratio with that many.
    """
    if not weights:
        return ()
    largest = max(weights)
    shares = [weight / largest for weight in weights]
    for lines in range(1, MAX_REPEATS + 1):
        counts = [round(share * lines) for share in shares]
        if all(abs(count - share * lines) <= 0.01 * share * lines for count, share in zip(counts, shares, strict=True)):
            return tuple(counts)
    return tuple(max(1, round(share * MAX_REPEATS)) for share in shares)
