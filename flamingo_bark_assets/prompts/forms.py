"""The forms of a prompt: a list of tags, one sentence, a short paragraph, a long description.

What each form holds and how it is cut to its budget belongs here; words stand in the phrasebooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal, get_args

from flamingo_bark_assets.descriptions.wording import capitalised
from flamingo_bark_assets.parts import KINDS, Part
from flamingo_bark_assets.prompts.details import (
    clause,
    closed,
    in_order,
    joined,
    sentence_of,
    short_clause,
    shortest_clause,
    tag,
)
from flamingo_bark_assets.prompts.facts import Fact
from flamingo_bark_assets.prompts.grammar import Choices
from flamingo_bark_assets.prompts.opening import Opening, Subject, openings
from flamingo_bark_assets.text import cut_attributes, fit, non_space_length

Form = Literal["tags", "sentence", "paragraph", "description"]
FORMS: tuple[Form, ...] = get_args(Form)

_SHARE: Mapping[Form, float] = {"tags": 0.6, "sentence": 0.55, "paragraph": 0.75, "description": 1.0}
"""Share of the budget that a form may take: texts of one song differ in length too."""
_DETAILS: Mapping[Form, tuple[int, ...]] = {
    "tags": (0,),
    "sentence": (1, 2),
    "paragraph": (0, 1),
    "description": (0, 1),
}
"""How many further facts the opening may hold."""
_SENTENCES: Mapping[Form, tuple[int, ...]] = {"tags": (0,), "sentence": (0,), "paragraph": (1, 2), "description": (99,)}
_MOST_TAGS = (3, 4, 5, 6)
_JOINT = 5
"""Most non-space characters that join a clause to the one before."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that the texts of one prompt may tell.

    Attributes:
        subject: what it is about.
        facts: what is known of each part, by part: of the mix also those of its stems.
        written: sentences that a model or a person wrote of each part; they go before made ones.
        long: the same, longer, for the description.
    """

    subject: Subject
    facts: Mapping[Part, Sequence[Fact]]
    written: Mapping[Part, Sequence[str]] = field(default_factory=dict)
    long: Mapping[Part, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """One form of a prompt.

    Attributes:
        style: its opening.
        text: all of it.
    """

    style: str
    text: str


def write(form: Form, material: Material, choices: Choices, budget: int) -> Text:
    """Write one form within a budget of non-space characters; it is never empty."""
    room = max(32, min(budget, round(budget * _SHARE[form])))
    if form == "tags":
        text = _tags(material, choices, room)
        return Text(text, text)
    written = material.long if form == "description" and material.long else material.written
    if form == "sentence" and any(written.values()):
        first = next(sentences[0] for sentences in written.values() if sentences)
        if len(material.facts) == 1 and (text := fit("", [first], room)):
            return Text(text, text)
    if not any(written.values()):
        return _made(form, material, choices, room)
    return _with_written(material, written, choices, room)


def _made(form: Form, material: Material, choices: Choices, room: int) -> Text:
    subject = material.subject
    reserve = _reserve(form, material, choices, room)
    details = choices.one(_DETAILS[form], "details") if not subject.kinds else 0
    opening = _fitting(openings(subject, choices, details=details), room - reserve)
    style = capitalised(opening.text)
    sentences = _sentences(form, material, opening.topics, choices, room - non_space_length(style) - 1)
    return Text(style, " ".join([f"{style}.", *sentences]) if sentences else style)


def _reserve(form: Form, material: Material, choices: Choices, room: int) -> int:
    """Keep half of the room for what is said of each of several parts, or more where that says too little."""
    if len(material.facts) > 1 and form != "sentence":
        return max(room // 2, sum(_need(facts, choices) for facts in material.facts.values()))
    return 0


def _need(facts: Sequence[Fact], choices: Choices) -> int:
    """Return the room that the shortest clause about a part takes, joint included; 0 where nothing is known."""
    return min((shortest_clause(fact, choices) for fact in facts), default=-_JOINT) + _JOINT


def _fitting(candidates: Iterator[Opening], room: int) -> Opening:
    last = Opening()
    for last in candidates:
        if non_space_length(last.text) <= room - 1:
            return last
    return last


def _sentences(form: Form, material: Material, told: set[str], choices: Choices, room: int) -> list[str]:
    """Write sentences about what the opening leaves, as many as the form has and the room takes."""
    if len(material.facts) > 1:
        return _even(form, material, choices, room)
    ((_, facts),) = material.facts.items()
    left = in_order([f for f in facts if "the" in f.slots or f.topic not in told], choices, "order of facts")
    most = choices.one(_SENTENCES[form], "sentences")
    sentences: list[str] = []
    while left and len(sentences) < most:
        size = 2 if len(left) > 1 and choices.fraction(f"pair {len(sentences)}") < 0.55 else 1
        group, text = _next_group(left, size, choices, room)
        if not group:
            break
        left = [fact for fact in left if fact not in group]
        sentences.append(text)
        room -= non_space_length(text)
    return sentences


def _next_group(left: list[Fact], size: int, choices: Choices, room: int) -> tuple[list[Fact], str]:
    """Take the next facts whose sentence fits; none where not even one fact does."""
    if size == 2:
        text = sentence_of(left[:2], choices)
        if non_space_length(text) <= room:
            return left[:2], text
    for fact in left:
        if text := short_clause(fact, choices, room):
            return [fact], closed(text)
    return [], ""


def _even(form: Form, material: Material, choices: Choices, room: int) -> list[str]:
    """Tell of each part before any is told more, each in its share of the room."""
    rounds = {"sentence": 0, "paragraph": 1}.get(form, 3)
    queues = {part: in_order(facts, choices, f"order of {part}") for part, facts in material.facts.items()}
    clauses: list[str] = []
    for number in range(rounds):
        parts = [part for part in choices.shuffled(list(queues), f"round {number}") if queues[part]]
        for position, part in enumerate(parts):
            share = room
            if number == 0:
                later = sum(_need(queues[other], choices) for other in parts[position + 1 :])
                share = min(max(room // (len(parts) - position), _need(queues[part], choices)), room - later)
            chosen = next(((f, t) for f in queues[part] if (t := short_clause(f, choices, share - 4))), None)
            if chosen is not None:
                queues[part].remove(chosen[0])
                clauses.append(chosen[1])
                room -= non_space_length(chosen[1]) + _JOINT
    return [*_paired(clauses, choices)]


def _paired(clauses: Sequence[str], choices: Choices) -> Iterator[str]:
    """Join some neighbours into one sentence; a joint costs at most five characters."""
    number = 0
    while number < len(clauses):
        if number + 1 < len(clauses) and choices.fraction(f"joint {number}") < 0.5:
            joint = joined(clauses[number], clauses[number + 1], choices, f"joint {number}")
            if non_space_length(joint) <= sum(map(non_space_length, clauses[number : number + 2])) + 6:
                yield closed(joint)
                number += 2
                continue
        yield closed(clauses[number])
        number += 1


def _with_written(material: Material, written: Mapping[Part, Sequence[str]], choices: Choices, room: int) -> Text:
    """Put what was written behind an opening; parts of which nothing was written are told from the measurements."""
    count = len(material.facts)
    opening = _fitting(openings(material.subject, choices, details=0), room // 2)
    style = "" if opening.text in {"Music"} else capitalised(opening.text)
    left = room - non_space_length(style) - 1
    firsts, later = [], []
    for position, part in enumerate(material.facts):
        sentences = list(written.get(part, ()))
        share = left // (count - position)
        first = fit("", sentences[:1], share) if sentences else ""
        if not first:
            own = in_order(material.facts[part], choices, f"order of {part}")
            first = next((closed(t) for f in own if (t := short_clause(f, choices, share - 1))), "")
        left -= non_space_length(first)
        firsts += [first] if first else []
        later.append(sentences[1:])
    rest = [sentence for turn in zip_longest(*later) for sentence in turn if sentence]
    made: list[str] = []
    if count == 1:
        ((_, facts),) = material.facts.items()
        left_facts = in_order([f for f in facts if "the" in f.slots or f.topic not in opening.topics], choices, "left")
        made = [closed(clause(fact, choices)) for fact in left_facts]
    return Text(style or (firsts or ["Music"])[0], fit(style, [*firsts, *rest, *made], room) or "Music")


def _tags(material: Material, choices: Choices, room: int) -> str:
    """Write a list of tags; what is least telling goes last and gives way first."""
    subject = material.subject
    known = [tag(fact, choices) for topic, fact in subject.facts.items() if topic in {"pace", "tempo", "key"}]
    if subject.kinds and not any(KINDS[kind].harmony != "none" for kind in subject.kinds):
        known = [tag(fact, choices) for topic, fact in subject.facts.items() if topic in {"pace", "tempo"}]
    names = subject.tags or list(subject.instruments)
    groups = [
        choices.shuffled(subject.genres, "genres"), choices.shuffled(subject.moods, "moods"),
        choices.shuffled(known, "known"), choices.shuffled(names, "names"),
    ]  # fmt: skip
    queues = [in_order(facts, choices, f"tags of {part}") for part, facts in material.facts.items()]
    told = {"pace", "tempo", "key"}
    turns = [fact for turn in zip_longest(*queues) for fact in turn if fact]
    extra = [text for fact in turns if fact.topic not in told and (text := tag(fact, choices))]
    count = choices.one(_MOST_TAGS, "tags")
    if subject.kinds:
        first, *others = [group for group in (groups[3], groups[0], groups[2]) if group]
        order = [first, *choices.shuffled(others, "groups")]
    else:
        order = choices.shuffled([group for group in groups if group], "groups")
    cut = min(len(extra), max(0, count - 2))
    head = choices.fraction("details first") < 0.35
    tags = [extra[:cut], *order, extra[cut:count]] if head and not subject.kinds else [*order, extra[:count]]
    unique = dict.fromkeys(text for group in tags for text in group if text)
    return cut_attributes(", ".join(unique), room) or (subject.least if subject.kinds else "music")
