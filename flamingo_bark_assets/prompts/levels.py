"""The prompts of a song at the levels full track, stem and several instruments, each in several forms.

The `training_prompts` result and its entry functions belong here; words and sentences stand in `forms` and below it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import ClassVar

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.custom_tag import CustomTag, custom_tag_of
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import Part, Question, StemKind, combinations_of
from flamingo_bark_assets.prompts.answered import Answered
from flamingo_bark_assets.prompts.facts import NEEDED, Fact, Teller, beside_others
from flamingo_bark_assets.prompts.forms import FORMS, Form, Material, Text, write
from flamingo_bark_assets.prompts.grammar import Choices
from flamingo_bark_assets.prompts.library_scale import LibraryScale
from flamingo_bark_assets.prompts.relative import Bins, relative_facts, told_bins
from flamingo_bark_assets.prompts.technical import full_track_technical, stems_technical
from flamingo_bark_assets.record import Record, Row, column, events, optional_column
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.text import clean_text, split_sentences

NO_CAPTIONER = "none"


@dataclass(frozen=True, kw_only=True)
class Prompt(Row):
    """One training prompt in one form."""

    TABLE: ClassVar[str] = "prompts"
    KEY: ClassVar[tuple[str, ...]] = ("prompt", "form")

    prompt: str = column("Name: full_track, stem:<kind> or multi_instrument:<kind>+<kind>.")
    form: str = column("tags, sentence, paragraph or description.")
    type: str = column("full_track, stem or multi_instrument.")
    parts: str = column("The parts it describes, joined by '+': mix, or kinds of stem.")
    seed: str = column("Digest of song, prompt and form, by which its words were chosen.")
    audio_description: str | None = column("The captioner's description, or where it is measured, the longest form.")
    style_prompt: str = column(
        "How the text begins: genre, mood, pace, key, tempo and instruments; no technical figure."
    )
    technical_prompt: str = column("How the recording sounds, technically.")
    combined_prompt: str = column("The text to train on.")
    training_weight: float = column("Relative weight of the prompt: 1.0 full track, 0.7 stem.")
    form_weight: float = column("Share of the prompt's weight that this form has, 0 to 1.")
    custom_tag: str | None = column("The custom tag that was put into the text; null for none.")
    held_tag: bool = column("Whether the text held the custom tag by itself.")
    relative_bins: str | None = optional_column(
        "The bins of the library by which the text compares the song with others, each with its edge and the songs "
        "behind it; null where it compares nothing."
    )
    captioner: str = column("Who wrote what of it was not measured, or else the measured captioner.")
    is_fallback: bool = column("Whether that captioner ran because no model could be had.")


@dataclass(frozen=True, kw_only=True)
class TrainingPrompts(Record):
    """All prompts of one song."""

    TABLE: ClassVar[str] = "training_prompts"

    prompts: tuple[Prompt, ...] = events("One row a prompt and form.")


def build_prompts(
    evidence: Evidence, captions: Captions, settings: PromptSettings, scale: LibraryScale | None = None
) -> TrainingPrompts:
    """Write all training prompts of one song, each in every form.

    There is one prompt for the full track, one for each audible stem, and one for each pair and triple of audible stems
    that adds nothing twice and is not all of them (all of them together are the full track). What is less sure than the
    settings ask is not told. Words are chosen by a digest of song, prompt and form, so that the same input gives the
    same bytes. Prompts have no '|', line break or control character, and none is longer than the budget of non-space
    characters; where nothing could be measured there is none, with the reason.

    Args:
        evidence: all measurements of the song.
        captions: the answers about it.
        settings: weights, budget and least confidences.
        scale: by which it is compared with the other songs of the library; None or empty for no such words.

    Raises:
        ValueError: evidence and captions are of different songs.
    """
    if evidence.song_id != captions.song_id:
        raise ValueError(f"evidence of {evidence.song_id!r} with captions of {captions.song_id!r}")
    unusable = evidence.untellable
    if unusable:
        return TrainingPrompts.of_unusable(evidence.song_id, unusable)
    tag = tag_of(evidence, settings)
    room = max(1, settings.max_non_space_characters - (tag.cost if tag else 0))
    writer = PromptWriter(evidence, captions, settings, room, scale or {})
    levels: list[tuple[StemKind, ...]] = [
        (), *((kind,) for kind in evidence.audible_kinds), *combinations_of(evidence.audible_kinds)
    ]  # fmt: skip
    prompts = tuple(writer.prompt(kinds, form) for kinds in levels for form in FORMS)
    return TrainingPrompts(song_id=evidence.song_id, prompts=prompts)


def tag_of(evidence: Evidence, settings: PromptSettings) -> CustomTag | None:
    """Return the custom tag of a song; None where neither it nor the library has one."""
    said = evidence.metadata
    return custom_tag_of(said.custom_tag, said.custom_tag_position, settings.custom_tag, settings.custom_tag_position)


def put_tag(prompts: TrainingPrompts, tag: CustomTag | None) -> TrainingPrompts:
    """Put the custom tag into all texts to train on, those that were written by hand included."""
    if tag is None:
        return prompts
    rows = (
        dataclasses.replace(
            prompt,
            combined_prompt=tag.put_into(prompt.combined_prompt),
            custom_tag=tag.word,
            held_tag=tag.is_in(prompt.combined_prompt),
        )
        for prompt in prompts.prompts
    )
    return dataclasses.replace(prompts, prompts=tuple(rows))


def prompt_name(kinds: tuple[StemKind, ...]) -> str:
    """Name the prompt about some kinds of stem; about none, that of the full track."""
    if not kinds:
        return "full_track"
    return f"{'stem' if len(kinds) == 1 else 'multi_instrument'}:{'+'.join(kinds)}"


def prompt_weight(kinds: tuple[StemKind, ...], settings: PromptSettings) -> float:
    """Return the training weight of the prompt about some kinds of stem; about none, that of the full track."""
    weights = {0: settings.full_track_weight, 1: settings.stem_weight}
    return weights.get(len(kinds), settings.multi_instrument_weight)


def form_weights(settings: PromptSettings) -> Mapping[Form, float]:
    """Return the share of each form; together they are 1."""
    given = {form: float(getattr(settings.form_weights, form)) for form in FORMS}
    return {form: weight / sum(given.values()) for form, weight in given.items()}


@dataclass(frozen=True)
class PromptWriter:
    """Writes prompts of whatever was measured, of a song or of a part of it.

    Attributes:
        evidence: the measurements.
        captions: the answers about the same.
        settings: least confidences, weights and budget.
        budget: non-space characters of a text; None for that of the settings.
        scale: by which it is compared with the songs of the library; empty for no such words.
        is_whole: whether a whole song was measured.
    """

    evidence: Evidence
    captions: Captions
    settings: PromptSettings
    budget: int | None = None
    scale: LibraryScale = field(default_factory=dict)
    is_whole: bool = True

    def prompt(self, kinds: tuple[StemKind, ...], form: Form, *, seed: str = "") -> Prompt:
        """Write one prompt in one form.

        Args:
            kinds: the kinds of stem that it is about; none for the full track.
            form: its form.
            seed: what the choice of words depends on besides song, prompt and form, such as the name of a clip.
        """
        name = prompt_name(kinds)
        choices = self._choices(kinds, form, seed)
        text = self._text(kinds, form, choices)
        used = self._answered.used(kinds)
        return Prompt(
            prompt=name,
            form=form,
            type=name.partition(":")[0],
            parts="+".join(kinds) or "mix",
            seed=choices.digest,
            audio_description=self._description(kinds, seed),
            style_prompt=text.style,
            technical_prompt=self._technical(kinds),
            combined_prompt=text.text,
            training_weight=prompt_weight(kinds, self.settings),
            form_weight=form_weights(self.settings)[form],
            custom_tag=None,
            held_tag=False,
            relative_bins=None if kinds else told_bins(text.text, self._relative),
            captioner=", ".join(dict.fromkeys(answer.captioner for answer in used))
            or self.captions.captioner
            or NO_CAPTIONER,
            is_fallback=any(answer.is_fallback for answer in used) if used else bool(self.captions.is_fallback),
        )

    def text(self, kinds: tuple[StemKind, ...], form: Form, *, seed: str = "") -> str:
        """Write nothing but the text to train on of what `prompt` makes."""
        return self._text(kinds, form, self._choices(kinds, form, seed)).text

    def _choices(self, kinds: tuple[StemKind, ...], form: Form, seed: str) -> Choices:
        return Choices(self.evidence.song_id, prompt_name(kinds), form, seed)

    def _text(self, kinds: tuple[StemKind, ...], form: Form, choices: Choices) -> Text:
        budget = self.settings.max_non_space_characters if self.budget is None else self.budget
        return write(form, self._material(kinds, form), choices, budget)

    def _material(self, kinds: tuple[StemKind, ...], form: Form) -> Material:
        parts: tuple[Part, ...] = kinds or ("mix",)
        captions = {part: self._sentences(part, "caption") for part in parts}
        longer = {part: self._sentences(part, "description") for part in parts} if len(parts) == 1 else {}
        long = longer if any(longer.values()) else captions
        said = " ".join(s for texts in (long if form == "description" else captions).values() for s in texts)
        subject = self._answered.subject(kinds, self._mix_facts, said if form in {"paragraph", "description"} else "")
        return Material(subject, self._facts(kinds), captions, long)

    def _facts(self, kinds: tuple[StemKind, ...]) -> Mapping[Part, Sequence[Fact]]:
        told = kinds or self.evidence.audible_kinds
        facts = {kind: [f for f in self._stem_facts[kind] if NEEDED.get(f.topic, kind) in told] for kind in told}
        if len(told) > 1:
            facts = {kind: beside_others(of_kind, kind) for kind, of_kind in facts.items()}
        if not kinds:
            return {"mix": [*self._mix_facts.values(), *chain.from_iterable(facts.values())]}
        return {kind: facts[kind] for kind in kinds}

    def _sentences(self, part: Part, question: Question) -> list[str]:
        """Return the sentences that a model or a person wrote; none where the answer is measured."""
        answer = self._answered.written(part, question)
        return split_sentences(answer.text) if answer else []

    def _description(self, kinds: tuple[StemKind, ...], seed: str) -> str | None:
        answers = self._answered.descriptions(kinds or ("mix",))
        if answers:
            return " ".join(clean_text(answer.text or "") for answer in answers)
        facts = self._facts(kinds)
        if not any(facts.values()):
            return None
        if (kinds, seed) not in self._longest:
            self._longest[kinds, seed] = self.text(kinds, "description", seed=seed)
        return self._longest[kinds, seed]

    def _technical(self, kinds: tuple[StemKind, ...]) -> str:
        speaker, budget = Speaker(self.settings.min_claim_confidence), self.settings.max_non_space_characters
        if not kinds:
            return full_track_technical(speaker, self.evidence, budget)
        return stems_technical(speaker, self.evidence, kinds, budget)

    @cached_property
    def _longest(self) -> dict[tuple[tuple[StemKind, ...], str], str]:
        """Descriptions that are written already: each form of a prompt shows the same."""
        return {}

    @cached_property
    def _answered(self) -> Answered:
        return Answered(self.evidence, self.captions, self.settings)

    @cached_property
    def _mix_facts(self) -> dict[str, Fact]:
        measured = Teller(self.evidence, self.settings).mix()
        return {fact.topic: fact for fact in (*measured, *(fact for fact, _ in self._relative))}

    @cached_property
    def _relative(self) -> Bins:
        return relative_facts(self.evidence, self.settings, self.scale, is_whole=self.is_whole)

    @cached_property
    def _stem_facts(self) -> dict[StemKind, list[Fact]]:
        teller = Teller(self.evidence, self.settings)
        return {kind: teller.stem(kind) for kind in self.evidence.audible_kinds}
