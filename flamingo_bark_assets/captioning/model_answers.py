"""Rows of what a model answered: its words less what the measurements contradict, and every claim that it made.

What of a reply is passed on belongs here; asking stands in `questions`, checking a claim in `claims`.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from collections.abc import Sequence

from flamingo_bark_assets.captioning.answers import ParsedAnswer, parse_labels, parse_text, sentence_ends
from flamingo_bark_assets.captioning.interface import Answer
from flamingo_bark_assets.captioning.merged import parse_merged
from flamingo_bark_assets.captioning.questions import Answered, Replies
from flamingo_bark_assets.captioning.structured import read_facts
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.claims.rewriting import rewrite
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.catalogue import QUESTION_ORDER
from flamingo_bark_assets.inference.interface import Clip, ModelIdentity, Reply
from flamingo_bark_assets.inference.reply_cache import decoding_json
from flamingo_bark_assets.parts import PARTS, Part, Question

# Nothing measures a genre or a mood.
UNCHECKED: frozenset[Question] = frozenset({"genre", "mood"})
CONTRADICTED = "every sentence of the reply contradicts the measurements"
OF_A_PART = "the model was given a part of the song"
ONLY_TIMES = "the reply tells only when things happen, of a part of the song"

# 'At 0:45', 'from 1:10 to 1:30', 'at 45 s', 'the first 10 seconds', 'at the 45-second mark', '30 seconds in'; not
# 'lasts 60 seconds', which is a claim, 'in 6/8', 'from the 80s', '120 beats a minute' or 'thirty-second notes'. Of
# lengths in words no claim is read, and they are the clip's as well.
_UNIT = r"(?:seconds?|secs?|minutes?|mins?)"
_TIME = re.compile(
    r"\b(?:at|around|from|by|until|after|before|near|between|about)\s(?:the\s)?\d{1,2}:[0-5]\d\b|"
    r"[(\[]\s?\d{1,2}:[0-5]\d\b|\b\d{1,2}:[0-5]\d\s?(?:mark|minutes?|[-–—]|to\b)|\b\d{1,2}:[0-5]\d:[0-5]\d\b|"
    r"\b(?:at|until)\s\d{1,4}(?:\.\d+)?\s?s\b|\b(?:at|after|from|until)\ssecond\s\d{1,4}\b|"
    rf"\b(?:at|after|before|from|until|by|within|near)\s(?:the\s)?\d{{1,4}}(?:\.\d+)?[ -]?{_UNIT}\b|"
    rf"\b(?:first|last|final|opening|closing)\s(?:\w+\s)?\d{{1,4}}(?:[ -]?{_UNIT}|\ss)\b|"
    rf"\b\d{{1,4}}(?:[ -]?{_UNIT}|\ss)[ -](?:mark|point|in(?:to)?)\b(?!\s(?:length|duration|total))|"
    r"\b(?:half[ -](?:a[ -])?|(?<!beats\s)(?<!bars\s)(?<!times\s)a\s)minute\b|"
    r"\b(?:ten|fifteen|twenty|thirty|forty(?:[ -]five)?|fifty|sixty|ninety)[ -](?:second|minute)s?\b"
    r"(?![ -](?:note|rest))",
    re.IGNORECASE,
)
_WHOLE_S = 1.0
"""A clip that lacks less than this of the song is the whole of it."""


def rows_of_replies(
    replies: Replies, model: ModelIdentity, evidence: Evidence, min_confidence: float
) -> tuple[tuple[Answer, ...], tuple[Claim, ...]]:
    """Return the answers in the order of parts, then questions, and the claims of all of them.

    Tempo and key of a structured reply are claims of the part's caption, behind those of its words.
    """
    answers: list[Answer] = []
    claims: list[Claim] = []
    for part, question in sorted(replies.answered, key=_order):
        answered = replies.answered[part, question]
        answer, found = _row(part, question, answered, model, evidence, min_confidence)
        answers.append(answer)
        claims += found
        if question == "caption" and (facts := replies.facts.get(part)):
            claims += _claims_of_facts(part, facts, answered.parsed.text or "", found, evidence, min_confidence)
    return tuple(answers), tuple(claims)


def readings(answer: Answer) -> list[str]:
    """Return what may have been read of a model's reply before it was checked, for showing where its claims stood."""
    if answer.raw_text is None:
        return []
    facts = read_facts(answer.raw_text, prompt=answer.prompt)
    merged = parse_merged(answer.raw_text, prompt=answer.prompt)
    summary = parse_text(facts.text("summary")).text
    labels = [parse_labels(answer.raw_text, prompt=answer.prompt)]
    labels += [parsed for question, parsed in merged.items() if question == answer.question]
    texts = [parse_text(answer.raw_text, prompt=answer.prompt).text, *(", ".join(one.labels) for one in labels)]
    return [text for text in (*texts, " ".join(filter(None, (summary, facts.claim)))) if text]


def _order(place: tuple[Part, Question]) -> tuple[int, int]:
    return PARTS.index(place[0]), QUESTION_ORDER.index(place[1])


def _row(
    part: Part,
    question: Question,
    answered: Answered,
    model: ModelIdentity,
    evidence: Evidence,
    min_confidence: float,
) -> tuple[Answer, tuple[Claim, ...]]:
    """Cut what the measurements contradict; the reply itself is kept."""
    parsed, query, clip = answered.parsed, answered.asked.query, answered.asked.query.clip
    said, flags = _said(parsed), set(parsed.flags)
    claims: tuple[Claim, ...] = ()
    reason = parsed.reason
    is_whole = _is_whole(clip, evidence)
    if parsed.text is not None and not is_whole and (timeless := _without_times(parsed.text)) != parsed.text:
        said, reason = timeless or None, ONLY_TIMES
        flags.add("times")
    if said is not None and question not in UNCHECKED:
        claims = check_claims(part, question, said, evidence, min_confidence)
        claims = claims if is_whole else _without_length(claims)
        said = rewrite(said, claims) or None
        if said is None:
            reason = CONTRADICTED
    answer = Answer(
        part=part,
        question=question,
        text=said,
        source="model" if said is not None else "none",
        captioner=model.family,
        is_fallback=False,
        model_id=model.model_id,
        revision=model.revision,
        licence=model.licence,
        prompt=query.prompt,
        decoding=decoding_json(query.decoding),
        raw_text=answered.reply.text,
        confidence=_confidence(answered.reply),
        reason=reason if said is None else None,
        flags=", ".join(sorted(flags)) or None,
        window_start_s=clip.start_s,
        window_end_s=clip.end_s,
        segments=_segments(clip),
        mean_log_probability=answered.reply.mean_log_probability,
    )
    return answer, claims


def _is_whole(clip: Clip, evidence: Evidence) -> bool:
    """Tell whether a model was given the song from its beginning to its end."""
    length_s = evidence.raw_song.duration_s.value
    return not clip.joined and length_s is not None and clip.end_s - clip.start_s > length_s - _WHOLE_S


def _without_times(text: str) -> str:
    """Drop sentences that tell when something happens: a model that was given a part counts from its beginning."""
    ends = [*sentence_ends(text), len(text)]
    sentences = [text[start:end] for start, end in itertools.pairwise([0, *ends])]
    return "".join(sentence for sentence in sentences if not _TIME.search(sentence)).strip()


def _without_length(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Take a length that nothing bears out for that of the clip: the model was given a part of the song."""
    return tuple(
        dataclasses.replace(claim, verdict="conflict", note=OF_A_PART)
        if claim.kind == "duration" and claim.verdict == "unverifiable"
        else claim
        for claim in claims
    )


def _claims_of_facts(
    part: Part, facts: str, caption: str, before: Sequence[Claim], evidence: Evidence, min_confidence: float
) -> list[Claim]:
    """Check tempo and key as if they stood behind the caption."""
    shift = len(caption) + 1
    return [
        dataclasses.replace(
            claim,
            claim=len(before) + number,
            start_char=claim.start_char + shift,
            end_char=claim.end_char + shift,
        )
        for number, claim in enumerate(check_claims(part, "caption", facts, evidence, min_confidence))
    ]


def _said(parsed: ParsedAnswer) -> str | None:
    return ", ".join(parsed.labels) or None if parsed.text is None else parsed.text


def _segments(clip: Clip) -> str | None:
    return json.dumps([[round(s.start_s, 3), round(s.end_s, 3)] for s in clip.joined]) if clip.joined else None


def _confidence(reply: Reply) -> float | None:
    """Return the geometric mean of the tokens' probabilities: how sure the model was of its words, not of the music."""
    return None if reply.mean_log_probability is None else min(1.0, math.exp(reply.mean_log_probability))
