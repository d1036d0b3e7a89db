"""What a captioner is given, what it answers, and how it says who it is.

The interface belongs here; models and the measured captioner stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.vocabulary import Label
from flamingo_bark_assets.parts import ANY_PART, Part, Question
from flamingo_bark_assets.record import Record, Row, column, events, optional_column

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers.

    Attributes:
        name: short name of the captioner, for instance ``measured``.
        model_id: the model, or None where there is none.
        revision: of the model or, without one, of the rules.
        licence: of the model's weights; None without a model, or where none is stated.
        is_fallback: True where this is not the captioner that the user wants but what runs without a model.
    """

    name: str
    model_id: str | None
    revision: str
    licence: str | None
    is_fallback: bool


@dataclass(frozen=True, kw_only=True)
class Answer(Row):
    """One answer to one question about one part of a song."""

    TABLE: ClassVar[str] = "captions"
    KEY: ClassVar[tuple[str, ...]] = ("part", "question")

    part: str = column(f"{ANY_PART}.")
    question: str = column("caption (about 30 words), description (longer), genre, mood or instruments.")
    text: str | None = column("The answer; null where there is none, with the reason.")
    source: str = column("Where the answer comes from: model, tagged, measured, file_tags, human or none.")
    captioner: str = column("Name of the captioner.")
    is_fallback: bool = column("Whether it ran because no model could be had.")
    model_id: str | None = optional_column("The model that answered.")
    revision: str | None = optional_column("Revision of the model or of the rules.")
    licence: str | None = optional_column("Licence of the model's weights; null where none is stated.")
    prompt: str | None = optional_column("The question as the model read it.")
    decoding: str | None = optional_column("Decoding settings, JSON.")
    raw_text: str | None = optional_column("The answer before any change.")
    confidence: float | None = optional_column("0 to 1; null where the captioner gives none.")
    reason: str | None = optional_column("Why there is no text.")
    flags: str | None = optional_column(
        "What was found in the model's reply and dealt with, parted by commas: echo, json, negation, not_english, "
        "repetition, times (of the clip, not of the song), too_long, truncated (cut off by its token limit, and at its "
        "last whole sentence here)."
    )
    window_start_s: float | None = optional_column("Where the sound that the model was given begins.", unit="s")
    window_end_s: float | None = optional_column("Where it ends.", unit="s")
    segments: str | None = optional_column(
        "The segments that this sound was joined of, in their order: JSON, a list of start and end in seconds; null "
        "where it is one."
    )
    mean_log_probability: float | None = optional_column(
        "Mean natural log-probability of the model's tokens: its own confidence."
    )
    audio_text_similarity: float | None = optional_column("CLAP similarity of the sound and the text, -1 to 1.")
    label_agreement: float | None = optional_column(
        "CLAP probability of what was said, summed over the vocabulary; null where none of it is in there."
    )
    tag_agreement: float | None = optional_column(
        "The tagger's probability of the likeliest term of what was said; null where it knows none, or said it itself."
    )


@dataclass(frozen=True, kw_only=True)
class CaptionerCandidate(Row):
    """One captioner that was considered, in the order of the configured chain."""

    TABLE: ClassVar[str] = "captioner_candidates"
    KEY: ClassVar[tuple[str, ...]] = ("candidate",)

    candidate: int = column("Number in the chain, from 0.")
    captioner: str = column("The model, tagged or measured.")
    outcome: str = column("answered or skipped.")
    reason: str | None = optional_column("Why it was skipped, and what to do about it.")
    sound_sent_to: str | None = optional_column("Where it was sent sound; null where sound stayed in the process.")


@dataclass(frozen=True, kw_only=True)
class GivenClaim(Row):
    """One claim of a sidecar, checked against the measurements: a tempo, key, metre or whether somebody sings."""

    TABLE: ClassVar[str] = "given_claims"
    KEY: ClassVar[tuple[str, ...]] = ("file", "number", "claim")

    file: str = column("The sidecar.")
    number: int = column("Number of the field in it, from 0, as in `sidecar_fields`.")
    claim: int = column("Number of the claim in the field, from 0.")
    field: str = column("bpm, key, signature, is_instrumental, lyrics (which only say that nobody sings) or caption.")
    said: str = column("What the field says; of a caption the phrase that makes the claim.")
    kind: str | None = optional_column("What it is about, as in `claims`; null where it cannot be read.")
    claimed: str | None = optional_column("The claimed value in canonical form; null where it cannot be read.")
    measured: str | None = optional_column("The measured value; null where nothing was measured or it is unsure.")
    measured_number: float | None = optional_column("The same as a number, in `unit`.")
    unit: str | None = optional_column("Unit of the measured number.")
    verdict: str = column("agree, conflict, unverifiable or, where a person decided so, kept by hand.")
    note: str | None = optional_column("How it agrees ('half tempo', 'relative key') or why it cannot be checked.")
    method: str | None = optional_column("Method of the measurement that it was checked against.")
    confidence: float | None = optional_column("Confidence of that measurement, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class Captions(Record):
    """All answers for one song."""

    TABLE: ClassVar[str] = "flamingo_captions"

    captioner: str | None = optional_column("Name of the captioner.")
    is_fallback: bool | None = optional_column("Whether it ran because no model could be had.")
    model_id: str | None = optional_column("The model that answered; null for the measured captioner.")
    model_runtime: str | None = optional_column(
        "Type of the model's weights in memory and its device, as 'float16 on cuda', with the processor's feature for "
        "which 8 bits are taken ('bfloat16+int8 on cpu with avx512_vnni'); null without a model here."
    )
    tagger: str | None = optional_column("The built-in tagger's networks, with revision; it writes no captions.")
    tagger_reason: str | None = optional_column("Why there are no tags.")
    second_opinion: str | None = optional_column("The CLAP model, with revision, that labelled the sound.")
    second_opinion_reason: str | None = optional_column("Why there is no second opinion.")
    answers: tuple[Answer, ...] = events("One row a part and question.")
    claims: tuple[Claim, ...] = events("One row a claim of an answer, checked against the measurements.")
    labels: tuple[Label, ...] = events("One row a term that the tagger, CLAP or the captioner gave.")
    candidates: tuple[CaptionerCandidate, ...] = events("One row a captioner that was considered.")
    given_claims: tuple[GivenClaim, ...] = events("One row a claim of a sidecar, checked against the measurements.")

    def text(self, part: Part, question: Question) -> str | None:
        """Return the text of one answer, or None."""
        return next((a.text for a in self.answers if (a.part, a.question) == (part, question)), None)


class Captioner(Protocol):
    """Answers the fixed questions for the mix and each audible stem."""

    @property
    def identity(self) -> Identity:
        """Who answers."""
        ...

    @property
    def answers_ahead(self) -> bool:
        """Whether it gains by `answer_ahead`; loads the model."""
        ...

    def answer_ahead(self, songs: Iterable[tuple[Evidence, Callable[[Part], Sound]]]) -> None:
        """Ask about many songs, which are read only when there is room for their questions, before each is described.

        What fails here is asked again, and told, when the song is described.
        """
        ...

    def expect(self, songs: int, tell: Callable[[str], None]) -> None:
        """Take notice that so many songs will be described, and whom to tell how long that takes and how far it is."""
        ...

    def release(self) -> None:
        """Let go of the models in memory, a GPU's too; they are loaded again when there is something to answer."""
        ...

    def describe(self, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions:
        """Answer for one song.

        Args:
            evidence: the measurements of the song.
            audio: gives the decoded sound of a part when asked; a captioner without a model never asks.
        """
        ...
