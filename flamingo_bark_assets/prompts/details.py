"""Sentences about facts: which fact is told next, in which words, alone or joined with another.

Sentences behind the opening belong here; how many of them fit a form is decided in `forms`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from flamingo_bark_assets.descriptions.wording import capitalised, listed
from flamingo_bark_assets.parts import KINDS
from flamingo_bark_assets.prompts.facts import OTHERS, Fact
from flamingo_bark_assets.prompts.grammar import Choices, Wording, chosen_text, expand_all, filled
from flamingo_bark_assets.prompts.phrasebook_mix import MIX
from flamingo_bark_assets.prompts.phrasebook_stems import STEMS
from flamingo_bark_assets.text import non_space_length

JOINING = ("{0}, and {1}", "{0}; {1}", "{0} and {1}")
HAVING = (
    "it has {0} and {1}",
    "it comes with {0} and {1}",
    "it is marked by {0} and {1}",
    "it combines {0} and {1}",
    "it is characterised by {0} and {1}",
)
_TAG_BORDER = "\x1f"
_SUBJECTS: Mapping[str, str] = {
    **{facts.subject: "they" if facts.plural else "it" for facts in KINDS.values()},
    OTHERS: "they",
}
_PRONOUNS: Mapping[str, str] = {
    **_SUBJECTS,
    **{
        f"{heard} of {subject}": "they"
        for subject in _SUBJECTS
        for heard in ("notes", "hits", "accents", "bars", "chords", "sounds")
    },
}
"""What stands for a subject of the phrasebook of stems where it is repeated."""


def wording_of(fact: Fact) -> Wording:
    """Return the words for a fact: of a stem where it has a stem's slots, else of the mix."""
    return (STEMS if "the" in fact.slots else MIX)[fact.topic, fact.value]


def in_order(facts: Sequence[Fact], choices: Choices, what: str) -> list[Fact]:
    """Return facts in the order in which they are told: rare ones first, else as a hash has it."""
    told = [fact for fact in choices.shuffled(facts, what) if wording_of(fact).clauses]
    return sorted(told, key=lambda fact: fact.rank)


def clause(fact: Fact, choices: Choices) -> str:
    """Write one fact as a clause."""
    return chosen_text(choices, wording_of(fact).clauses, slots_of(fact, choices), f"clause {_name(fact)}")


def short_clause(fact: Fact, choices: Choices, budget: int) -> str:
    """Write one fact as a clause within a budget of non-space characters, full stop included; '' where none is."""
    first = clause(fact, choices)
    if non_space_length(first) < budget:
        return first
    slots = slots_of(fact, choices)
    others = choices.shuffled(expand_all(wording_of(fact).clauses), f"short {_name(fact)}")
    return next((text for other in others if non_space_length(text := filled(other, slots)) < budget), "")


def shortest_clause(fact: Fact, choices: Choices) -> int:
    """Return the non-space characters of the shortest clause for a fact."""
    return _shortest(wording_of(fact).clauses, tuple(slots_of(fact, choices).items()))


@functools.lru_cache(maxsize=4096)
def _shortest(clauses: tuple[str, ...], slots: tuple[tuple[str, str], ...]) -> int:
    values = dict(slots)
    return min(non_space_length(filled(text, values)) for text in expand_all(clauses))


def noun(fact: Fact, choices: Choices) -> str:
    """Write one fact as a noun phrase; '' where it has none."""
    nouns = wording_of(fact).nouns
    return chosen_text(choices, nouns, slots_of(fact, choices), f"noun {_name(fact)}") if nouns else ""


def tag(fact: Fact, choices: Choices) -> str:
    """Write one fact as a tag; '' where it has none."""
    tags = wording_of(fact).tags
    return chosen_text(choices, tags, slots_of(fact, choices), f"tag {_name(fact)}") if tags else ""


def sentence_of(facts: Sequence[Fact], choices: Choices) -> str:
    """Write one or two facts as a sentence."""
    if len(facts) == 1:
        return closed(clause(facts[0], choices))
    one, other = facts
    names = f"{_name(one)} {_name(other)}"
    nouns = [noun(fact, choices) for fact in facts if "the" not in fact.slots]
    if len(nouns) == 2 and all(nouns) and choices.fraction(f"nouns {names}") < 0.4:
        return closed(choices.one(HAVING, f"having {names}").format(*nouns))
    return closed(joined(clause(one, choices), clause(other, choices), choices, names))


def joined(one: str, other: str, choices: Choices, what: str) -> str:
    """Join two clauses into one; a subject that both have is a pronoun in the second."""
    same = next((subject for subject in _PRONOUNS if _begins(one, subject) and _begins(other, subject)), None)
    if same is not None:
        other = _PRONOUNS[same] + other.removeprefix(same)
    return choices.one(JOINING, f"joining {what}").format(one, other)


def _begins(text: str, subject: str) -> bool:
    return text.startswith(f"{subject} ")


def closed(text: str) -> str:
    """Write a clause as a sentence."""
    return f"{capitalised(text)}."


def slots_of(fact: Fact, choices: Choices) -> Mapping[str, str]:
    """Return what is put into the words for a fact; of lists, in an order of their own."""
    return {
        name: listed(choices.shuffled(value.split(_TAG_BORDER), f"order of {name}")) if _TAG_BORDER in value else value
        for name, value in fact.slots.items()
    }


def _name(fact: Fact) -> str:
    return f"{fact.topic} {fact.slots.get('noun', 'mix')}"
