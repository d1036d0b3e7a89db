"""What every table of song.toml has in common: nothing unknown stands in it, and its texts hold no control characters.

The base of the models and the checks of texts belong here; the keys themselves stand in `song_toml` and `judgements`.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

# C0 and C1 controls, DEL, and the line and paragraph separators.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class SongTable(BaseModel):
    """A table of song.toml: nothing unknown stands in it, and white space around a text does not count."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def refuse(forbidden: re.Pattern[str], value: str) -> None:
    """Refuse a text in which a forbidden character stands.

    Raises:
        ValueError: one does; it is named by its number.
    """
    if match := forbidden.search(value):
        raise ValueError(f"holds the control character U+{ord(match[0]):04X}")


def single_line(value: str) -> str:
    """Return a text that is one line.

    Raises:
        ValueError: it holds a control character.
    """
    refuse(_CONTROL, value)
    return value
