"""What a captioning model is asked about a song: which questions about which sound, and what is asked after a reply.

The course of the questions belongs here; how a reply is read stands in `answers`, `merged` and `structured`, and asking
itself in `inference`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flamingo_bark_assets.analysis.kinds import activity_of
from flamingo_bark_assets.captioning.answers import ParsedAnswer, parse_labels, parse_text
from flamingo_bark_assets.captioning.merged import parse_merged
from flamingo_bark_assets.captioning.plain_replies import Flag
from flamingo_bark_assets.captioning.structured import Facts, read_facts
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.catalogue import (
    LABEL_QUESTIONS,
    QUESTION_ORDER,
    Family,
    PromptKind,
    merged_prompt,
    prompt_for,
)
from flamingo_bark_assets.inference.decoding_defaults import decoding_of, with_more_room
from flamingo_bark_assets.inference.excerpts import mix_excerpt, stem_excerpt
from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.sound_budgets import budget_of
from flamingo_bark_assets.inference.vocabulary import Vocabulary
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.parts import QUESTIONS, Part, Question, StemKind

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound

_FACT_LABELS: tuple[Literal["genre", "mood", "instruments"], ...] = ("genre", "mood", "instruments")
_OF_FACTS: tuple[Question, ...] = (*_FACT_LABELS, "caption")


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """One query about one part, and which questions its reply answers.

    Attributes:
        part: which part of the song.
        kind: what the prompt asks for.
        questions: what of the reply is wanted.
        query: clip, prompt and decoding.
        is_again: whether it is asked once more, with more room.
    """

    part: Part
    kind: PromptKind
    questions: tuple[Question, ...]
    query: Query
    is_again: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Answered:
    """The reply to one question and what it says.

    Attributes:
        asked: the query that it answers.
        reply: what the model said.
        parsed: what of it answers the question.
    """

    asked: Asked
    reply: Reply
    parsed: ParsedAnswer


@dataclass(slots=True)
class Replies:
    """All that came of the questions about a song.

    Attributes:
        answered: by part and question.
        facts: tempo and key of a part as a sentence, where a structured question gave any.
    """

    answered: dict[tuple[Part, Question], Answered] = field(default_factory=dict)
    facts: dict[Part, str] = field(default_factory=dict)


def clips_of(
    evidence: Evidence, audio: Callable[[Part], Sound], settings: InferenceSettings, model: CaptioningModel
) -> dict[Part, Clip]:
    """Cut what a model is given of each part; a part that does not sound has none."""
    clips: dict[Part, Clip] = {}
    sections = evidence.song.sections
    mix = mix_excerpt(
        audio("mix"),
        budget_of(settings, model, is_stem=False),
        sample_rate_hz=model.sample_rate_hz,
        sections=sections,
    )
    if mix is not None:
        clips["mix"] = mix
    asked = {prompt.part for prompt in settings.prompts}
    for kind in evidence.audible_kinds:
        if not settings.stem_questions and kind not in asked:
            continue
        stem = _stem_clip(kind, evidence, audio, settings, model)
        if stem is not None:
            clips[kind] = stem
    return clips


def _stem_clip(
    kind: StemKind,
    evidence: Evidence,
    audio: Callable[[Part], Sound],
    settings: InferenceSettings,
    model: CaptioningModel,
) -> Clip | None:
    features = evidence.of_stem(kind)
    activity = activity_of(features)
    if not activity and features.active_fraction.value == 0.0:
        return None
    return stem_excerpt(
        audio(kind),
        budget_of(settings, model, is_stem=True),
        sample_rate_hz=model.sample_rate_hz,
        sections=evidence.song.sections,
        activity=activity or None,
    )


class Questions:
    """The questions that the model of one family is asked, and how its replies are read."""

    def __init__(self, settings: InferenceSettings, identity: ModelIdentity, genres: Vocabulary | None = None) -> None:
        """Prepare the questions; `genres` are known besides the shipped ones."""
        self._settings = settings
        self._family: Family = identity.family  # type: ignore[assignment]
        self._model_id = identity.model_id
        self._genres = genres

    def first(self, clips: Mapping[Part, Clip]) -> list[Asked]:
        """Return what is asked at first: of the mix several things at once, where the family knows how to."""
        asked: list[Asked] = []
        for part, clip in clips.items():
            wanted = [question for question in QUESTION_ORDER if self._is_wanted(part, question)]
            merged = self._merged(clip) if part == "mix" and self._settings.merged_questions else None
            if merged is not None:
                asked.append(merged)
                wanted = [question for question in wanted if question not in merged.questions]
            asked += [self._single(part, question, clip) for question in wanted]
        return asked

    def _is_wanted(self, part: Part, question: Question) -> bool:
        """Whether a part is asked a question: the mix any, a stem those of the settings and of the user's own words."""
        settings = self._settings
        return part == "mix" or question in settings.stem_questions or settings.override(part, question) is not None

    def course(self, asked: Sequence[Asked]) -> Generator[list[Query], list[Reply], Replies]:
        """Give queries, take their replies, and go on until every question is answered or has a reason.

        A reply that was cut off, and does not repeat itself, is asked for once more with more room. What a question for
        several things leaves open is asked by itself.
        """
        found = Replies()
        pending = list(asked)
        while pending:
            replies = yield [one.query for one in pending]
            following: list[Asked] = []
            for one, reply in zip(pending, replies, strict=True):
                longer = self._longer(one, reply)
                following += self._take(one, reply, found) if longer is None else [longer]
            pending = following
        return found

    def _take(self, one: Asked, reply: Reply, found: Replies) -> list[Asked]:
        """Keep what a reply answers; return what has to be asked by itself."""
        parsed = self._read(one, reply)
        is_single = one.kind in QUESTIONS
        for question, answer in parsed.items():
            if is_single or answer.reason is None:
                found.answered[one.part, question] = Answered(one, reply, answer)
        if one.kind == "facts" and (claim := _facts(one, reply).claim):
            found.facts[one.part] = claim
        if is_single:
            return []
        return [
            self._single(one.part, question, one.query.clip)
            for question, answer in parsed.items()
            if answer.reason is not None
        ]

    def _longer(self, one: Asked, reply: Reply) -> Asked | None:
        """Return the same query with more room for a reply that was cut off; None where nothing is won by it."""
        if one.is_again or not reply.truncated:
            return None
        if any("repetition" in parsed.flags for parsed in self._read(one, reply).values()):
            return None
        room = with_more_room(self._settings, self._family, self._model_id, one.query.decoding)
        if room is None:
            return None
        return dataclasses.replace(one, query=dataclasses.replace(one.query, decoding=room), is_again=True)

    def _read(self, one: Asked, reply: Reply) -> dict[Question, ParsedAnswer]:
        match one.kind:
            case "labels":
                found = parse_merged(reply.text, prompt=one.query.prompt, truncated=reply.is_cut, genres=self._genres)
            case "facts":
                found = _of_facts(_facts(one, reply), self._genres)
            case "genre" | "mood" | "instruments":
                labels = parse_labels(
                    reply.text,
                    question=one.kind,
                    prompt=one.query.prompt,
                    truncated=reply.is_cut,
                    genres=self._genres,
                )
                found = {one.kind: labels}
            case _:
                found = {one.kind: parse_text(reply.text, prompt=one.query.prompt, truncated=reply.is_cut)}
        flags: list[Flag] = ["truncated"] if reply.truncated else ["repetition"] if reply.repeating else []
        return {question: _flagged(found[question], *flags) for question in one.questions}

    def _merged(self, clip: Clip) -> Asked | None:
        """Return the query for several things at once; None where the family has none, or the user's own prompts."""
        merged = merged_prompt(self._family)
        if merged is None:
            return None
        kind, prompt = merged
        answers = LABEL_QUESTIONS if kind == "labels" else _OF_FACTS
        questions = tuple(question for question in answers if self._settings.override("mix", question) is None)
        return Asked("mix", kind, questions, self._query(clip, prompt, kind)) if len(questions) > 1 else None

    def _single(self, part: Part, question: Question, clip: Clip) -> Asked:
        prompt = prompt_for(self._settings, self._family, part, question, self._model_id)
        return Asked(part, question, (question,), self._query(clip, prompt, question))

    def _query(self, clip: Clip, prompt: str, kind: PromptKind) -> Query:
        return Query(clip, prompt, decoding_of(self._settings, self._family, self._model_id, kind))


def _facts(asked: Asked, reply: Reply) -> Facts:
    return read_facts(reply.text, prompt=asked.query.prompt, truncated=reply.is_cut)


def _of_facts(facts: Facts, genres: Vocabulary | None) -> dict[Question, ParsedAnswer]:
    """Read the values of a structured reply as the replies to single questions are read."""
    found: dict[Question, ParsedAnswer] = {
        question: parse_labels(facts.text(question), question=question, genres=genres) for question in _FACT_LABELS
    }
    found["caption"] = parse_text(facts.text("summary"), truncated=facts.cut_off == "summary")
    return {question: _flagged(parsed, "json") for question, parsed in found.items()}


def _flagged(parsed: ParsedAnswer, *flags: Flag) -> ParsedAnswer:
    return dataclasses.replace(parsed, flags=tuple(sorted({*parsed.flags, *flags})))
