"""The captioner `tagged`: genre, mood and instruments as the built-in tagger finds them, where no model answers.

Which tags become an answer, and the rows of all tags, belong here; computing tags stands in `tagging`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from flamingo_bark_assets.captioning.interface import Answer, CaptionerCandidate, Captions
from flamingo_bark_assets.captioning.measured import IDENTITY as MEASURED
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.vocabulary import TAGGED_SOURCE, Label, Vocabulary
from flamingo_bark_assets.parts import Part, Question
from flamingo_bark_assets.settings import PromptSettings, TaggingSettings
from flamingo_bark_assets.tagging.tagger import LICENCE, MODEL_IDS, Tag, Tagger
from flamingo_bark_assets.tagging.vocabulary import TERMS, TermKind

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound

_log = logging.getLogger(__name__)

SWITCHED_OFF = "tagging is switched off in the settings"
MAX_TERMS = 6
LABELS_PER_KIND = 10

_KINDS_OF: Mapping[Part, tuple[TermKind, ...]] = {
    "mix": ("genre", "mood", "instrument", "voice", "era", "pace", "character"),
    "vocals": ("voice",),
    "harmonic": ("instrument",),
    "instrumental": ("instrument",),
}
"""What is told of which part; other stems hold what their name says."""
_ASKED: Mapping[Question, tuple[TermKind, ...]] = {
    "genre": ("genre",),
    "mood": ("mood",),
    "instruments": ("instrument", "voice"),
}
# Labels only: the first says nothing that a voice is played, the second not which.
_NOT_PLAYED = frozenset({"no vocals", "singing"})


class TaggedCaptioner:
    """Adds the tags of a song to its captions; the networks are kept for all songs after the first."""

    def __init__(self, settings: TaggingSettings, prompts: PromptSettings) -> None:
        self._settings = settings
        self._prompts = prompts
        self._tagger = Tagger()

    def on(self, captions: Captions, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions:
        """Add the tags as labels, and answer where no captioning model ran and the tagger is sure.

        A term answers only from its own threshold on, and only where no measurement contradicts it; what it claims is
        kept among the claims either way. Where the tagger is sure of nothing, or is switched off, the measured answers
        stay, with the reason. Answers of others get the tagger's probability of what they say.
        """
        if not self._settings.enabled:
            return _without_tags(captions, SWITCHED_OFF)
        parts: tuple[Part, ...] = ("mix", *evidence.audible_kinds)
        try:
            revision = self._tagger.revision
            tagged = {part: self._tags(part, audio) for part in parts if part in _KINDS_OF}
        except FileFault as fault:
            _log.warning("no tags: %s", fault)
            return _without_tags(captions, str(fault))
        answers: list[Answer] = []
        claims: list[Claim] = list(captions.claims)
        for answer in captions.answers:
            part: Part = answer.part  # type: ignore[assignment]
            tags = _of_question(answer.question, tagged.get(part, ()))
            if answer.captioner == MEASURED.name and answer.source != "file_tags" and tags:
                answer, found = self._answered(answer, part, tags, evidence, revision)  # noqa: PLW2901
                claims += found
            answers.append(dataclasses.replace(answer, tag_agreement=_agreement(answer, tags)))
        return dataclasses.replace(
            _with_candidate(captions, None),
            answers=tuple(answers),
            claims=tuple(claims),
            labels=(*captions.labels, *(row for part, tags in tagged.items() for row in _labels(part, tags, revision))),
            tagger=f"{', '.join(MODEL_IDS.values())}@{revision}",
        )

    def _tags(self, part: Part, audio: Callable[[Part], Sound]) -> tuple[Tag, ...]:
        windows = self._settings.windows if part == "mix" else self._settings.stem_windows
        return self._tagger.tag(audio(part), _KINDS_OF[part], windows)

    def _answered(
        self, measured: Answer, part: Part, tags: Sequence[Tag], evidence: Evidence, revision: str
    ) -> tuple[Answer, tuple[Claim, ...]]:
        """Return the tagger's answer in place of a measured one, and its claims; the measured one where it has none."""
        sure = [tag for tag in tags if tag.is_sure][:MAX_TERMS]
        question: Question = measured.question  # type: ignore[assignment]
        said = ", ".join(tag.term.label for tag in sure)
        claims: tuple[Claim, ...] = ()
        if question == "instruments":
            claims = check_claims(part, question, said, evidence, self._prompts.min_claim_confidence)
            sure = [tag for tag in sure if not self._contradicted(tag, part, evidence)]
        if not sure:
            return _unsure(measured, tags), claims
        networks = dict.fromkeys(tag.term.network for tag in sure)
        answer = Answer(
            part=part,
            question=question,
            text=", ".join(tag.term.label for tag in sure),
            source=TAGGED_SOURCE,
            captioner=TAGGED_SOURCE,
            is_fallback=False,
            model_id=", ".join(MODEL_IDS[network] for network in networks),
            revision=revision,
            licence=LICENCE,
            raw_text=said,
            confidence=min(tag.probability for tag in sure),
        )
        return answer, claims

    def _contradicted(self, tag: Tag, part: Part, evidence: Evidence) -> bool:
        claims = check_claims(part, "instruments", tag.term.label, evidence, self._prompts.min_claim_confidence)
        return any(claim.verdict == "conflict" for claim in claims)


def _of_question(question: str, tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return the tags that may answer a question, the likeliest first."""
    kinds = next((kinds for asked, kinds in _ASKED.items() if asked == question), ())
    fitting = [tag for tag in tags if tag.term.kind in kinds and tag.term.label not in _NOT_PLAYED]
    return tuple(sorted(fitting, key=lambda tag: -tag.probability))


def _unsure(measured: Answer, tags: Sequence[Tag]) -> Answer:
    if measured.text is not None:
        return measured
    best = tags[0]
    reason = f"{measured.reason}; the tagger is sure of none (likeliest: {best.term.label}, {best.probability:.2f})"
    return dataclasses.replace(measured, reason=reason)


def _agreement(answer: Answer, tags: Sequence[Tag]) -> float | None:
    """Return the tagger's probability of the likeliest term that someone else's answer means; None where none is."""
    if answer.text is None or answer.source == TAGGED_SOURCE or not tags:
        return None
    terms = Vocabulary("genre", tuple(sorted(tag.term.label for tag in tags)), "{}")
    meant = frozenset[str]().union(*(terms.matching(word) for word in answer.text.split(", ")))
    return max((tag.probability for tag in tags if tag.term.label in meant), default=None)


def _labels(part: Part, tags: Sequence[Tag], revision: str) -> list[Label]:
    rows: list[Label] = []
    for kind in _KINDS_OF[part]:
        of_kind = [tag for tag in tags if tag.term.kind == kind][:LABELS_PER_KIND]
        rows += [
            Label(
                part=part,
                vocabulary=kind,
                label=tag.term.label,
                source=TAGGED_SOURCE,
                probability=tag.probability,
                rank=rank,
                model_id=MODEL_IDS[tag.term.network],
                revision=revision,
                score=tag.score,
                threshold=tag.term.threshold,
                is_calibrated=tag.term.tested,
                windows=tag.windows,
            )
            for rank, tag in enumerate(of_kind, start=1)
        ]
    return rows


def _without_tags(captions: Captions, reason: str) -> Captions:
    return dataclasses.replace(_with_candidate(captions, reason), tagger_reason=reason)


def _with_candidate(captions: Captions, skipped_because: str | None) -> Captions:
    """Put the tagger into the chain, before the measured captioner; where a model answered it was not needed."""
    if captions.captioner != MEASURED.name or not captions.candidates:
        return captions
    *before, measured = captions.candidates
    tagged = CaptionerCandidate(
        candidate=measured.candidate,
        captioner=TAGGED_SOURCE,
        outcome="answered" if skipped_because is None else "skipped",
        reason=skipped_because,
    )
    behind = dataclasses.replace(measured, candidate=measured.candidate + 1)
    return dataclasses.replace(captions, candidates=(*before, tagged, behind))


TERM_LABELS: tuple[str, ...] = tuple(sorted(term.label for term in TERMS if term.kind == "genre"))
"""The genres that the tagger knows, for comparing spellings."""
