"""A custom tag, which trainers call trigger word: what it does to a text, wherever texts are written.

Putting it in, taking it out and looking for it belongs here; who sets it stands in `settings` and song.toml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from flamingo_bark_assets.text import clean_text, non_space_length

TagPosition = Literal["prepend", "append", "replace"]
"""Where a custom tag goes: before a text, behind it, or in its place."""


@dataclass(frozen=True, slots=True)
class CustomTag:
    """A custom tag with its place.

    Attributes:
        word: one clean line, not empty.
        position: where it goes.
    """

    word: str
    position: TagPosition = "prepend"

    def put_into(self, text: str) -> str:
        """Return a text with the word; one that holds it already stays as it is, unless the word takes its place."""
        if self.position == "replace" or not text:
            return self.word
        if self.is_in(text):
            return text
        if self.position == "append":
            return f"{text} {self.word}" if text.endswith((".", "!", "?")) else f"{text}, {self.word}"
        return f"{self.word}, {text}"

    def taken_out_of(self, text: str) -> str:
        """Return a text as it was before `put_into`; '' where the word took its place."""
        if text == self.word:
            return ""
        if self.position == "prepend":
            return text.removeprefix(f"{self.word}, ")
        return text.removesuffix(f", {self.word}").removesuffix(f" {self.word}")

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds the word as a word of its own, in whatever case."""
        return re.search(rf"(?<!\w){re.escape(self.word)}(?!\w)", text, re.IGNORECASE) is not None

    @property
    def cost(self) -> int:
        """Non-space characters that it adds to a text, the comma included."""
        return non_space_length(self.word) + 1


def custom_tag_of(
    own: str | None, position: str | None, library: str, library_position: TagPosition
) -> CustomTag | None:
    """Return the custom tag of a song: its own, or that of the library; None where neither names one.

    Args:
        own: what song.toml says; None for nothing.
        position: where song.toml puts it; None for where the library does.
        library: the word of the library; '' for none.
        library_position: where the library puts it.
    """
    word = clean_text(own or library)
    places: dict[str | None, TagPosition] = {"prepend": "prepend", "append": "append", "replace": "replace"}
    return CustomTag(word, places.get(position, library_position)) if word else None
