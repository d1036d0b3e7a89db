"""The prompts of a song at the levels full track, stem and several instruments.

The `training_prompts` result and its entry function belong here; the sentences stand in `templates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import ClassVar

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import Part, StemKind
from flamingo_bark_assets.prompts.templates import (
    full_track_style,
    full_track_technical,
    stems_style,
    stems_technical,
)
from flamingo_bark_assets.record import Record, Row, column, events
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.text import clean_genres, clean_text, fit, split_sentences

COMBINATION_SIZES = (2, 3)
NO_CAPTIONER = "none"


@dataclass(frozen=True, kw_only=True)
class Prompt(Row):
    """One training prompt."""

    TABLE: ClassVar[str] = "prompts"
    KEY: ClassVar[tuple[str, ...]] = ("prompt",)

    prompt: str = column("Name: full_track, stem:<kind> or multi_instrument:<kind>+<kind>.")
    type: str = column("full_track, stem or multi_instrument.")
    parts: str = column("The parts it describes, joined by '+': mix, or kinds of stem.")
    audio_description: str | None = column("The captioner's description.")
    style_prompt: str = column("Genre, key, tempo and instruments.")
    technical_prompt: str = column("How the recording sounds, technically.")
    combined_prompt: str = column("The text to train on.")
    training_weight: float = column("Relative weight: 1.0 full track, 0.7 stem.")
    captioner: str = column("Who wrote the description.")
    is_fallback: bool = column("Whether that captioner ran because no model could be had.")


@dataclass(frozen=True, kw_only=True)
class TrainingPrompts(Record):
    """All prompts of one song."""

    TABLE: ClassVar[str] = "training_prompts"

    prompts: tuple[Prompt, ...] = events("One row a prompt.")


def build_prompts(evidence: Evidence, captions: Captions, settings: PromptSettings) -> TrainingPrompts:
    """Write all training prompts of one song.

    There is one prompt for the full track, one for each audible stem, and one for each pair and triple of audible stems
    that is not all of them (all of them together are the full track). What is less sure than `min_claim_confidence` is
    not told. Prompts have no '|', line break or control character, and none is longer than the budget of non-space
    characters; where nothing could be measured there is none, with the reason.

    Raises:
        ValueError: evidence and captions are of different songs.
    """
    if evidence.song_id != captions.song_id:
        raise ValueError(f"evidence of {evidence.song_id!r} with captions of {captions.song_id!r}")
    unusable = evidence.untellable
    if unusable:
        return TrainingPrompts.of_unusable(evidence.song_id, unusable)
    writer = _Writer(evidence, captions, settings)
    stems = (writer.stem(kind) for kind in evidence.audible_kinds)
    several = (writer.several(kinds) for kinds in _combinations(evidence.audible_kinds))
    return TrainingPrompts(song_id=evidence.song_id, prompts=(writer.full_track(), *stems, *several))


def build_prompt(
    evidence: Evidence, captions: Captions, settings: PromptSettings, kinds: tuple[StemKind, ...]
) -> Prompt:
    """Write one training prompt, of whatever was measured.

    Args:
        evidence: the measurements, of a song or of a part of it.
        captions: the answers about the same.
        settings: as for `build_prompts`.
        kinds: the kinds of stem that it is about; none for the full track.
    """
    writer = _Writer(evidence, captions, settings)
    if not kinds:
        return writer.full_track()
    return writer.stem(kinds[0]) if len(kinds) == 1 else writer.several(kinds)


def _combinations(audible: Sequence[StemKind]) -> Iterator[tuple[StemKind, ...]]:
    for size in COMBINATION_SIZES:
        if size < len(audible):
            yield from combinations(audible, size)


def _in_turn(answers: Sequence[Answer]) -> list[str]:
    """Take the first sentence of each answer, then the second of each, so that a cut leaves no part out."""
    turns = zip_longest(*(split_sentences(answer.text) for answer in answers))
    return [sentence for turn in turns for sentence in turn if sentence]


@dataclass(frozen=True, slots=True)
class _Writer:
    """What all prompts of one song are written from."""

    evidence: Evidence
    captions: Captions
    settings: PromptSettings

    def full_track(self) -> Prompt:
        budget = self.settings.max_non_space_characters
        return self._prompt(
            "full_track",
            parts=("mix",),
            style=full_track_style(self._speaker, self.evidence, self._genres, budget),
            technical=full_track_technical(self._speaker, self.evidence, budget),
            weight=self.settings.full_track_weight,
        )

    def stem(self, kind: StemKind) -> Prompt:
        return self._stems_prompt("stem", (kind,), self.settings.stem_weight)

    def several(self, kinds: tuple[StemKind, ...]) -> Prompt:
        return self._stems_prompt("multi_instrument", kinds, self.settings.multi_instrument_weight)

    def _stems_prompt(self, level: str, kinds: tuple[StemKind, ...], weight: float) -> Prompt:
        budget = self.settings.max_non_space_characters
        return self._prompt(
            level,
            parts=kinds,
            style=stems_style(self._speaker, self.evidence, kinds, self._genres, budget),
            technical=stems_technical(self._speaker, self.evidence, kinds, budget),
            weight=weight,
        )

    def _prompt(self, level: str, *, parts: tuple[Part, ...], style: str, technical: str, weight: float) -> Prompt:
        joined = "+".join(parts)
        captions = [answer for part in parts if (answer := self._answer(part, "caption"))]
        longer = [answer for part in parts if (answer := self._answer(part, "description"))]
        described = longer if len(parts) == 1 and longer else captions
        used = [*captions, *described]
        return Prompt(
            prompt=level if level == "full_track" else f"{level}:{joined}",
            type=level,
            parts=joined,
            audio_description=" ".join(clean_text(answer.text or "") for answer in described) or None,
            style_prompt=style,
            technical_prompt=technical,
            combined_prompt=fit(
                style,
                [*_in_turn(captions), *split_sentences(technical)],
                self.settings.max_non_space_characters,
            ),
            training_weight=weight,
            captioner=", ".join(dict.fromkeys(answer.captioner for answer in used)) or self._captioner,
            is_fallback=any(answer.is_fallback for answer in used) if used else bool(self.captions.is_fallback),
        )

    def _answer(self, part: Part, question: str) -> Answer | None:
        """Find the answer to one question that has a text and is sure enough."""
        for answer in self.captions.answers:
            if (answer.part, answer.question) == (part, question) and clean_text(answer.text or ""):
                sure = answer.confidence is None or answer.confidence >= self.settings.min_claim_confidence
                return answer if sure else None
        return None

    @property
    def _genres(self) -> list[str]:
        answer = self._answer("mix", "genre")
        return clean_genres(answer.text) if answer else []

    @property
    def _captioner(self) -> str:
        return self.captions.captioner or NO_CAPTIONER

    @property
    def _speaker(self) -> Speaker:
        return Speaker(self.settings.min_claim_confidence)
