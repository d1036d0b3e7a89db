"""The captions and prompts of a song for its page: each text with its claims, where they stand in it and what holds.

Spans and verdicts of texts belong here; finding and checking claims stand in the package `claims`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.model_answers import readings
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.judgements import Place, claim_name, place_text
from flamingo_bark_assets.parts import PARTS, Part, Question
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.studio.review.claim_places import ClaimPlaces
from flamingo_bark_assets.studio.review.results import SongResults
from flamingo_bark_assets.studio.review.words import SongWords
from flamingo_bark_assets.text import split_sentences

_KEPT_TEXTS = 250
_MAX_CHECKED_CHARACTERS = 10_000
_NO_CLAIMS = "claims are checked once the song has been measured"


class SongTexts:
    """Tells the texts of one song."""

    def __init__(self, results: SongResults, words: SongWords, min_confidence: float) -> None:
        self._results = results
        self._words = words
        self._min_confidence = min_confidence
        self._evidence = results.evidence()
        self._places = ClaimPlaces(results)

    def answers(self) -> list[dict[str, Any]]:
        """Return every answer about every part."""
        captions = self._results.get(Captions)
        return [self._answer(answer, captions) for answer in captions.answers] if captions else []

    def prompts(self) -> list[dict[str, Any]]:
        """Return every prompt in every form."""
        prompts = self._results.get(TrainingPrompts)
        return [self._prompt(prompt) for prompt in prompts.prompts] if prompts else []

    def _answer(self, answer: Answer, captions: Captions) -> dict[str, Any]:
        place = ("edits", answer.part, answer.question)
        editing = self._words.told(place)
        own = editing["toml"] if isinstance(editing["toml"], str) else None
        text = own if own is not None else answer.text
        stored = [c for c in captions.claims if (c.part, c.question) == (answer.part, answer.question)]
        part = _part(answer.part)
        claimed = claimed_text(answer, stored) if stored else None
        is_stored = claimed is not None and claimed == text
        said = None if own is not None or claimed is None or is_stored else claimed
        is_made = own is None or own == answer.text
        return {
            "id": f"{answer.part}/{answer.question}", "part": answer.part, "question": answer.question,
            **editing, "text": text, "made": answer.text,
            # What is written by hand is no longer, or not yet, what the stored answer says.
            "is_pending": own != answer.text if own is not None else answer.captioner == "human",
            "source": "human" if own is not None else answer.source,
            "captioner": "human" if own is not None else answer.captioner,
            "is_fallback": answer.is_fallback and is_made,
            "model_id": answer.model_id if is_made else None, "licence": answer.licence if is_made else None,
            "confidence": answer.confidence if is_made else None, "reason": answer.reason if text is None else None,
            "heard_s": _heard_s(answer) if is_made else None,
            "claims": self._claims(text, stored if is_stored else None, part, answer.question),
            "unchecked": self._why_unchecked(text),
            "said": said,
            "said_claims": self._claims(said, stored, part, answer.question) if said else [],
        }  # fmt: skip

    def _prompt(self, prompt: Prompt) -> dict[str, Any]:
        places: tuple[Place, ...] = (
            ("edits", "prompts", f"{prompt.prompt}/{prompt.form}"), ("edits", "prompts", prompt.prompt)
        )  # fmt: skip
        place = next((each for each in places if self._words.at(each) is not None), places[0])
        editing = self._words.told(place)
        own = editing["toml"] if isinstance(editing["toml"], str) else None
        is_human = prompt.captioner == "human"
        # The custom tag stands in the stored text beside what was written.
        is_pending = is_human if own is None else not is_human or own not in prompt.combined_prompt
        text = own if own is not None and is_pending else prompt.combined_prompt
        part = _part(prompt.parts) if prompt.parts in PARTS else "mix"
        return {
            "id": f"{prompt.prompt}/{prompt.form}", "prompt": prompt.prompt, "form": prompt.form, **editing,
            "text": text, "made": prompt.combined_prompt, "is_pending": is_pending,
            "source": "human" if own is not None else "made", "captioner": prompt.captioner,
            "is_fallback": prompt.is_fallback, "weight": prompt.training_weight, "form_weight": prompt.form_weight,
            "custom_tag": prompt.custom_tag, "claims": self._claims(text, None, part, "description"),
            "unchecked": self._why_unchecked(text),
        }  # fmt: skip

    def _why_unchecked(self, text: str | None) -> str | None:
        if text is None:
            return None
        if len(text) > _MAX_CHECKED_CHARACTERS:
            return f"claims of texts of more than {_MAX_CHECKED_CHARACTERS} characters are not shown"
        return _NO_CLAIMS if self._evidence is None else None

    def _claims(
        self, text: str | None, stored: Sequence[Claim] | None, part: Part, question: str
    ) -> list[dict[str, Any]]:
        if text is None or len(text) > _MAX_CHECKED_CHARACTERS:
            return []
        if stored is None:
            stored = _checked(part, question, text, _Kept(self._evidence), self._min_confidence)
        sentences = split_sentences(text)
        return [self._claim(claim, *span, text, sentences) for claim, span in spans_of(text, stored)]

    def _claim(self, claim: Claim, start: int, end: int, text: str, sentences: Sequence[str]) -> dict[str, Any]:
        said = text[start:end]
        sentence = next((each for each in sentences if said in each), said)
        place = self._places.place(claim.part, claim.kind, claim.claimed, sentence)
        name = claim_name(claim.part, claim.question, claim.kind, claim.claimed)
        decision = ("corrections", "claims", name)
        return {
            "start": start, "end": end, "said": said, "kind": claim.kind, "claimed": claim.claimed,
            "verdict": claim.verdict, "measured": claim.measured, "number": claim.measured_number, "unit": claim.unit,
            "note": claim.note, "method": claim.method, "confidence": claim.confidence,
            "place": place.told() if place else None,
            "decision": {"place": place_text(decision), "toml": self._words.at(decision)},
        }  # fmt: skip


def spans_of(text: str, claims: Sequence[Claim]) -> Iterator[tuple[Claim, tuple[int, int]]]:
    """Give the claims of a text with the place of their words in it, in order.

    Stored offsets hold where the words stand there; else the next place where they do is taken. A claim whose words
    are gone is left out.
    """
    found: list[tuple[Claim, tuple[int, int]]] = []
    behind: dict[str, int] = {}
    for claim in claims:
        start, end = claim.start_char, claim.end_char
        if text[start:end] != claim.said:
            start = text.find(claim.said, behind.get(claim.said, 0))
            end = start + len(claim.said)
            if start < 0:
                continue
            behind[claim.said] = end
        if start < end:
            found.append((claim, (start, end)))
    yield from sorted(found, key=lambda each: each[1])


def claimed_text(answer: Answer, claims: Sequence[Claim]) -> str | None:
    """Return the text in which an answer's claims were found: its own, or what was said before it was corrected."""
    known = [text for text in (answer.text, answer.raw_text, *readings(answer)) if text]
    exact = (text for text in known if all(text[c.start_char : c.end_char] == c.said for c in claims))
    return next(exact, next((text for text in known if all(c.said in text for c in claims)), None))


def _heard_s(answer: Answer) -> list[list[float]] | None:
    """Return beginning and end, in s, of each segment that the model was given; None where it was given none."""
    if answer.segments is not None:
        segments: list[list[float]] = json.loads(answer.segments)
        return segments or None
    if answer.window_start_s is None or answer.window_end_s is None:
        return None
    return [[answer.window_start_s, answer.window_end_s]]


class _Kept:
    """All measurements of a song as a key of what is kept: as long as they are the same object, so are verdicts."""

    def __init__(self, evidence: Evidence | None) -> None:
        self.evidence = evidence

    def __hash__(self) -> int:
        return hash(id(self.evidence and self.evidence.song))

    def __eq__(self, other: object) -> bool:
        mine = self.evidence and self.evidence.song
        return isinstance(other, _Kept) and mine is (other.evidence and other.evidence.song)


@functools.lru_cache(maxsize=_KEPT_TEXTS)
def _checked(part: Part, question: str, text: str, kept: _Kept, min_confidence: float) -> tuple[Claim, ...]:
    if kept.evidence is None:
        return ()
    return check_claims(part, cast(Question, question), text, kept.evidence, min_confidence)


def _part(name: str) -> Part:
    return cast(Part, name)
