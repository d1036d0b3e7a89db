"""A reply to a question for genre, mood and instruments at once, parted into the three.

Which term answers which question belongs here, by what the reply itself says, else by the known terms of each. How a
list under one question is read stands in `answers`, known genres in `genres`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flamingo_bark_assets.captioning.answers import (
    MAX_LABELS,
    NO_GENRE,
    NO_LABELS,
    NONSENSE,
    ParsedAnswer,
    parse_labels,
    problem_of,
    without_loop,
)
from flamingo_bark_assets.captioning.genres import (
    clauses,
    genre_spellings,
    is_denied,
    named_genres,
    names_a_sound,
    spelled,
)
from flamingo_bark_assets.captioning.plain_replies import Flag, plain_lines, without_echo, without_opening
from flamingo_bark_assets.inference.catalogue import LABEL_QUESTIONS
from flamingo_bark_assets.inference.vocabulary import Vocabulary, load_vocabulary, spelling
from flamingo_bark_assets.parts import KINDS, Question

_LONGEST_TERM_WORDS = 4
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HEADING = re.compile(
    r"\b(?P<name>genres?|instruments?|instrumentation|moods?(?:\s?(?:/|and|or)\s?themes?)?|themes?)"
    r"(?:\s+(?:of|in|for)\s+(?:the|this)\s+(?:music|song|track|piece|audio))?\s*(?::|\s(?:is|are|includes?)\b)",
    re.IGNORECASE,
)
_QUESTION_OF: Mapping[str, Question] = {"g": "genre", "i": "instruments", "m": "mood", "t": "mood"}
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_LAST_BORDER = re.compile(r"[,;.!?\n]|\band\b", re.IGNORECASE)
# What carries a quality that is not the mood of the music.
_CARRIER = re.compile(
    r"\s+(?:\w+\s+)?(?:voices?|singer|singing|volume|tempo|pitch|timbre|loops?|lines?)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Term:
    """A known term in a clause.

    Attributes:
        question: which it answers; None where it could answer several, or names a genre.
        label: its known name.
        start: its first character.
        end: the one behind its last.
    """

    question: Question | None
    label: str
    start: int
    end: int


def parse_merged(
    reply: str, *, prompt: str | None = None, truncated: bool = False, genres: Vocabulary | None = None
) -> dict[Question, ParsedAnswer]:
    """Part a reply into genre, mood and instruments.

    Where the reply heads its lists ('mood: ...'), they are read as answers to those questions. Of a sentence about one
    of them ('the instruments are ...') known terms count, also those that are known as two things: 'the mood is hard to
    tell' names no mood. What stands under neither is assigned where it is a known genre, mood or instrument, and else
    is dropped, as is what is known as two of them. 'A warm bass' and 'no drums' tell of no mood and no drums.

    Args:
        reply: what the model said.
        prompt: what it was asked, to know an echo of it.
        truncated: whether its token limit cut the reply off; its last term is then left out.
        genres: genres that are known besides the shipped ones.
    """
    flags: set[Flag] = set()
    text = without_opening(without_echo("\n".join(plain_lines(reply, flags)), prompt, flags))
    reason = problem_of(text, flags)
    if reason is not None and reason != NONSENSE:
        none = ParsedAnswer(reason=reason, flags=tuple(sorted(flags)))
        return dict.fromkeys(LABEL_QUESTIONS, none)
    text, is_loop = without_loop(text, flags)
    if truncated and not is_loop:
        text = _without_last(text)
        flags.add("truncated")
    headed, told, rest = _headed(text)
    return {
        question: _parsed(question, headed.get(question), told.get(question, ""), rest, genres, tuple(sorted(flags)))
        for question in LABEL_QUESTIONS
    }


def _without_last(text: str) -> str:
    last = max((border.start() for border in _LAST_BORDER.finditer(text)), default=0)
    return text[:last]


def _headed(text: str) -> tuple[dict[Question, str], dict[Question, str], str]:
    """Return the list under each heading, the sentence about each question, and what is neither.

    Both end with their sentence.
    """
    lists: dict[Question, str] = {}
    told: dict[Question, str] = {}
    headings = list(_HEADING.finditer(text))
    rest, behind = "", 0
    for i, heading in enumerate(headings):
        limit = headings[i + 1].start() if i + 1 < len(headings) else len(text)
        ends = _SENTENCE_END.search(text, heading.end(), limit)
        end = ends.start() if ends else limit
        question = _QUESTION_OF[heading["name"][0].lower()]
        found = lists if heading.group().endswith(":") else told
        found.setdefault(question, text[heading.end() : end].strip(" ,;\n"))
        rest += text[behind : heading.start()] + "\n"
        behind = end
    return lists, told, rest + text[behind:]


def _parsed(
    question: Question, listed: str | None, told: str, rest: str, genres: Vocabulary | None, flags: tuple[Flag, ...]
) -> ParsedAnswer:
    if listed:
        parsed = parse_labels(listed, question=question, genres=genres)
        if parsed.labels:
            return ParsedAnswer(parsed.text, parsed.labels, None, tuple(sorted({*flags, *parsed.flags})))
    if question == "genre":
        labels = list(named_genres(told, genres, is_list=True)) if told else []
        labels += [name for name in named_genres(rest, genres, is_list=_is_list(rest)) if not _is_ambiguous(name)]
    else:
        spellings = genre_spellings(genres)
        labels = [term.label for term in _terms(told, spellings, question) if term.question == question]
        labels += [term.label for term in _terms(rest, spellings) if term.question == question]
    labels = list(dict.fromkeys(labels))[:MAX_LABELS]
    reason = None if labels else NO_GENRE if question == "genre" else NO_LABELS
    return ParsedAnswer(labels=tuple(labels), reason=reason, flags=flags)


def _is_list(text: str) -> bool:
    return text.count(",") + text.strip().count("\n") > len(_WORD.findall(text)) / 5


def _is_ambiguous(genre: str) -> bool:
    return spelling(genre) in _known()


def _terms(text: str, genres: frozenset[str], about: Question | None = None) -> Iterator[_Term]:
    """Give the terms of a text that answer a question; of one about a question also those that are two things."""
    for clause in clauses(text):
        found = [_about(term, about) for term in _in_clause(clause, genres)]
        for i, term in enumerate(found):
            if term.question is None or is_denied(clause[: term.start]):
                continue
            if term.question == "mood":
                behind = found[i + 1] if i + 1 < len(found) else None
                is_of_sound = behind is not None and not clause[term.end : behind.start].strip()
                if is_of_sound and behind is not None and behind.question == "instruments":
                    continue
                if names_a_sound(clause[term.end :]) or _CARRIER.match(clause[term.end :]):
                    continue
            yield term


def _in_clause(clause: str, genres: frozenset[str]) -> Iterator[_Term]:
    """Find known terms, the longest first: 'drum and bass' is a genre and no drum."""
    words = list(_WORD.finditer(clause))
    known = _known()
    i = 0
    while i < len(words):
        longest = min(_LONGEST_TERM_WORDS, len(words) - i) if spelling(words[i].group()) else 0
        for count in range(longest, 0, -1):
            start, end = words[i].start(), words[i + count - 1].end()
            said = clause[start:end]
            is_genre, match = spelled(said) in genres, known.get(spelling(said))
            if is_genre or match:
                question, label = match or (None, said)
                yield _Term(None if is_genre else question, label, start, end)
                i += count
                break
        else:
            i += 1


def _about(term: _Term, question: Question | None) -> _Term:
    """Let a term that is known as two things answer the question that its sentence is about, if it is one of them."""
    if term.question is not None or question is None or spelling(term.label) not in _names_of(question):
        return term
    return dataclasses.replace(term, question=question)


@functools.cache
def _names_of(question: Question) -> frozenset[str]:
    vocabulary = "mood" if question == "mood" else "instrument"
    return frozenset(spelling(name) for name in load_vocabulary(vocabulary).labels)


@functools.cache
def _known() -> dict[str, tuple[Question | None, str]]:
    """Return question and name of each known mood and instrument by its spelling; no question where it is both."""
    found: dict[str, tuple[Question | None, str]] = {}
    instruments = [*load_vocabulary("instrument").labels, *KINDS]
    for facts in KINDS.values():
        for names in facts.instruments:
            first, *others = names.split(", ")
            instruments += [first]
            for name in others:
                found.setdefault(spelling(name), ("instruments", first))
    # The names of the vocabulary go before those that the kinds of stem know them by.
    found |= {spelling(name): ("instruments", name) for name in reversed(instruments) if name not in _NO_INSTRUMENTS}
    for mood in load_vocabulary("mood").labels:
        found[spelling(mood)] = (None if spelling(mood) in found else "mood", mood)
    return found


_NO_INSTRUMENTS = frozenset({"harmonic", "instrumental"})
