"""The result about separating a song: whether it was, by what, from what, and into which files.

Declarations belong here, and no numerical package; calling a separator stands in `making`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.parts import ANY_KIND
from flamingo_bark_assets.record import Record, Row, column, events, optional_column

HOW_TO_GET_STEMS = (
    "put some into its folder stems/, or install a separator such as demucs in an environment of its own and set "
    "[separation] in settings.toml"
)
"""What whoever has a song without stems can do, in one clause."""


@dataclass(frozen=True, kw_only=True)
class SeparatedFile(Row):
    """One file that a separator made."""

    TABLE: ClassVar[str] = "separated_files"
    KEY: ClassVar[tuple[str, ...]] = ("file_name",)

    file_name: str = column("File name in the folder separated/<song> of the data folder.")
    kind: str | None = optional_column(f"{ANY_KIND}; null where the name says none.")
    made_as: str = column("Path that the separator gave it, in its output folder.")
    size_bytes: int = column("Size.", unit="B")
    content_sha256: str = column("SHA-256 of the file, hexadecimal.")


@dataclass(frozen=True, kw_only=True)
class SeparatedStems(Record):
    """Whether a song was separated into stems, and by what."""

    TABLE: ClassVar[str] = "separated_stems"

    outcome: str = column(
        "given: the song has stems of its own, and is never separated; off: none, and [separation] is off; separated; "
        "failed; unusable: its mix cannot be used."
    )
    reason: str | None = optional_column("Why it was not separated; null where it was, or has stems of its own.")
    separator: str | None = optional_column("Name of the separator, as the settings name it.")
    command: str | None = optional_column("Program and arguments as JSON, with their places.")
    version: str | None = optional_column("What the program answers to --version; null where it does not.")
    model: str | None = optional_column("Name of the model.")
    model_licence: str | None = optional_column("Licence of the model's weights, as the user names it.")
    input_sha256: str | None = optional_column("SHA-256 of the mix that was separated, hexadecimal.")
    separated_files: tuple[SeparatedFile, ...] = events("One row a file that the separator made.")

    @property
    def maker(self) -> str | None:
        """Separator and model, in words; None where nothing was separated."""
        if self.outcome != "separated" or self.separator is None:
            return None
        return f"{self.separator}, model {self.model}" if self.model else self.separator

    @property
    def credit(self) -> str | None:
        """The maker and the licence of its weights, in words; None where nothing was separated."""
        if self.maker is None:
            return None
        return f"{self.maker} (licence of the weights: {self.model_licence or 'not stated'})"

    @property
    def why_no_stems(self) -> str:
        """Say why a song without stems of its own has none, and how to get some, in one line."""
        tried = f"; separating it failed: {self.reason}" if self.outcome == "failed" else f"; {HOW_TO_GET_STEMS}"
        return f"the song has no stems{tried}"
