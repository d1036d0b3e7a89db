"""What a person decides about a song in its song.toml: whether it is reviewed, and what of its measurements is wrong.

The models of these tables and the names of places and claims belong here; what follows from a correction does not.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from flamingo_bark_assets.files.toml import toml_key
from flamingo_bark_assets.library.song_toml_tables import SongTable, single_line
from flamingo_bark_assets.note_names import key_name

ReviewState = Literal["accepted", "excluded"]
Metre = Literal["2/4", "3/4", "4/4", "5/4", "7/4", "5/8", "7/8", "6/8", "9/8", "12/8"]
ClaimDecision = Literal["keep", "drop"]
Place = tuple[str, ...]
"""Keys of song.toml from the top to one value or table, such as ``("edits", "mix", "caption")``."""

MAX_SECTIONS = 200
_NAME = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\["\\])*")'
_PLACE = re.compile(rf"{_NAME}(?:\.{_NAME})*")


def canonical_key(value: str) -> str:
    """Spell a key as the analysis does: 'A# minor' becomes 'Bb minor'.

    Raises:
        ValueError: it is no key.
    """
    name = key_name(value)
    if name is None:
        raise ValueError("should be a tonic and major or minor, such as 'F# minor' or 'Bb major'")
    return name


def parse_place(text: str) -> Place:
    """Read a place as TOML writes a dotted key: ``edits.prompts."stem:drums"``.

    Raises:
        ValueError: it is none.
    """
    if not _PLACE.fullmatch(text):
        raise ValueError('should be keys of song.toml joined by dots, such as title or edits.prompts."stem:drums"')
    keys = re.findall(_NAME, text)
    return tuple(json.loads(key) if key.startswith('"') else key for key in keys)


def place_text(place: Place) -> str:
    """Write a place as TOML writes a dotted key."""
    return ".".join(map(toml_key, place))


def claim_name(part: str, question: str, kind: str, claimed: str) -> str:
    """Name a claim of an answer, as `[corrections.claims]` does: ``mix/caption/tempo/128``.

    The name holds what is claimed and where, not the phrase nor its number, so that it stays where the rest of the text
    changes; a text that claims the same twice is decided at once.
    """
    return f"{part}/{question}/{kind}/{claimed}"


def _plain_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _time(value: str) -> str:
    """Write a time as UTC, to the second."""
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    except (ValueError, OverflowError):
        pass
    raise ValueError("should be a time with its zone, such as 2026-11-30T01:00:00Z")


Time = Annotated[str, Field(max_length=40), BeforeValidator(_plain_time), AfterValidator(_time)]
ClaimName = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(single_line)]
KeyName = Annotated[str, Field(max_length=20), AfterValidator(canonical_key)]


class Review(SongTable):
    """Whether a person has looked at the song; without a state nobody has."""

    state: ReviewState | None = Field(None, description="accepted or excluded; left out: nobody has looked at it.")
    by: str | None = Field(None, max_length=100, description="Who decided.")
    at: Time | None = Field(None, description="When: a time with its zone, such as 2026-11-30T01:00:00Z.")
    reason: str | None = Field(None, max_length=500, description="Why, of an exclusion.")

    @field_validator("by", "reason")
    @classmethod
    def _one_line_or_left_out(cls, value: str | None) -> str | None:
        return single_line(value) if value else None


class SectionCorrection(SongTable):
    """One section of the song: it ends where the next begins."""

    start_s: float = Field(ge=0, le=86_400, allow_inf_nan=False, description="Where it begins, s.")
    label: str = Field(min_length=1, max_length=50, description="Its name, such as intro, verse or A.")

    @field_validator("label")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return single_line(value)


class Corrections(SongTable):
    """What a person says instead of what was measured; it wins, and survives re-runs."""

    tempo_bpm: float | None = Field(None, ge=20, le=400, allow_inf_nan=False, description="Tempo, BPM.")
    key: KeyName | None = Field(None, description="Key as tonic and mode, such as Eb major; D# major is read as well.")
    metre: Metre | None = Field(None, description="Time signature.")
    first_downbeat_s: float | None = Field(
        None, ge=0, le=86_400, allow_inf_nan=False, description="Where a bar begins, s: the first that counts."
    )
    sections: tuple[SectionCorrection, ...] = Field(
        (), description=f"Where each section begins and what it is called, in order; up to {MAX_SECTIONS}."
    )
    claims: dict[ClaimName, ClaimDecision] = Field(
        {}, max_length=500, description="Disputed claims, each by its name in the table claims: keep or drop."
    )

    @field_validator("sections")
    @classmethod
    def _in_order(cls, value: tuple[SectionCorrection, ...]) -> tuple[SectionCorrection, ...]:
        if len(value) > MAX_SECTIONS:
            raise ValueError(f"has {len(value)} sections; at most {MAX_SECTIONS} are read")
        for number, (one, other) in enumerate(pairwise(value), start=2):
            if other.start_s <= one.start_s:
                raise ValueError(f"section {number} begins at {other.start_s:g} s, not after the one before it")
        return value

    @property
    def of_beats(self) -> bool:
        """Whether tempo, metre or the place of the bars is corrected."""
        return (self.tempo_bpm, self.metre, self.first_downbeat_s) != (None, None, None)

    @property
    def of_measurements(self) -> bool:
        """Whether any measurement of the mix is corrected."""
        return self.of_beats or self.key is not None or bool(self.sections)
