"""How a text begins: what the music is, its tempo, key and instruments, in one of many sentence shapes.

Beginnings belong here; the sentences behind them stand in `details`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flamingo_bark_assets.descriptions.wording import capitalised, listed
from flamingo_bark_assets.parts import KINDS, StemKind
from flamingo_bark_assets.prompts.facts import Fact
from flamingo_bark_assets.prompts.grammar import Choices, chosen_text, unlike, with_article
from flamingo_bark_assets.prompts.phrasebook_mix import (
    ADDING,
    AT_TEMPO,
    IN_KEY,
    JOINING_SEVERAL,
    MIX,
    NOUNS,
    OPENINGS,
    PLAYED,
    PLAYING,
)
from flamingo_bark_assets.prompts.phrasebook_stems import (
    BY_NAME,
    ISOLATED,
    OF,
    SEPARATED,
    SEPARATED_BY_NAME,
    TAKEN,
)

_BOUND = ("that ", "whose ", "of ")
"""Words that must stand straight behind the noun that they belong to."""
_STEPS = 5
"""How many times an opening that is too long is made again with less in it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a text is about, as far as its beginning tells it.

    Attributes:
        facts: what is known of the mix, by topic.
        kinds: the kinds of stem that it is about; none for the mix.
        genres: names of genres, possibly none.
        moods: adjectives, possibly none.
        instruments: what plays, in a fixed order; of stems their nouns.
        separated: whether a separator made one of the stems.
    """

    facts: Mapping[str, Fact]
    kinds: tuple[StemKind, ...] = ()
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    separated: bool = False

    @property
    def alone(self) -> str:
        """What the stems are called: isolated, or separated, which promises less."""
        return "separated" if self.separated else "isolated"

    @property
    def name(self) -> str:
        """The name that a single stem has by itself, as an instrumental; '' where it has none, and of several."""
        return KINDS[self.kinds[0]].alone if len(self.kinds) == 1 else ""

    @property
    def tags(self) -> list[str]:
        """The stems as tags: 'isolated drums', 'instrumental'."""
        if self.name:
            return [f"separated {self.name}" if self.separated else self.name]
        return [f"{self.alone} {KINDS[kind].noun}" for kind in self.kinds]

    @property
    def least(self) -> str:
        """The shortest text about the stems."""
        return self.tags[0] if self.name else f"{self.alone} instruments"


@dataclass(slots=True)
class Opening:
    """The beginning of a text.

    Attributes:
        text: without a full stop; possibly empty.
        topics: the topics that it tells.
    """

    text: str = ""
    topics: set[str] = field(default_factory=set)


def openings(subject: Subject, choices: Choices, *, details: int) -> Iterator[Opening]:
    """Yield beginnings, each with less in it than the one before; the last one is of a word or two.

    Args:
        subject: what it is about.
        choices: of this text.
        details: how many noun phrases of further facts it may hold, first of all.
    """
    for step in range(_STEPS):
        shorter = Subject(
            subject.facts if step < 4 else {},
            subject.kinds,
            subject.genres[: max(0, 3 - step)],
            subject.moods if step == 0 else (),
            subject.instruments if step < 2 else (),
            subject.separated,
        )
        make = _of_stems if subject.kinds else _of_mix
        yield make(shorter, choices, details if step == 0 else 0, adorned=step < 2)
    yield Opening(capitalised(subject.least) if subject.kinds else "Music")


def _of_mix(subject: Subject, choices: Choices, details: int, *, adorned: bool) -> Opening:
    made = Opening()
    head = _head(subject, choices, made, adorned=adorned)
    if head is None:
        return Opening("Music")
    tempo = _told(subject, "tempo", AT_TEMPO, choices, head)
    parts = {"tempo": tempo, "key": _told(subject, "key", IN_KEY, choices, f"{head} {tempo}")}
    said = " ".join([head, *parts.values()])
    names = listed(choices.shuffled(subject.instruments, "order of instruments"))
    shape = choices.one(("plain", "plain", "fronted", "instruments", "labels"), "shape") if adorned else "plain"
    added = _added(subject, choices, made, details)
    if shape == "instruments" and len(subject.instruments) > 1:
        verb = chosen_text(choices, PLAYING, {}, "playing")
        made.text = _joined(f"{names} {verb} {head}", choices, [*parts.values(), added])
    elif shape == "labels" and names and any(parts.values()):
        labels = [fact.slots.get("key") or f"{fact.slots['bpm']} BPM" for fact in _known(subject, choices)]
        items = [*labels, names] if choices.fraction("labels") < 0.5 else [names, *labels]
        made.text = f"{_joined(head, choices, [added])}: {', '.join(items)}"
    else:
        fitting = [text for text in PLAYED if len(subject.instruments) > 1 or text not in JOINING_SEVERAL]
        played = chosen_text(choices, unlike(fitting, said), {"instruments": names}, "played") if names else ""
        if shape == "fronted" and (front := _front(subject, choices)):
            made.text = _joined(f"{front}, {head}", choices, [played, added])
        else:
            prefix = choices.one(OPENINGS, "prefix") if adorned else ""
            made.text = _joined(f"{prefix}{head}", choices, [*parts.values(), played, added])
    made.topics |= {"instruments", *(fact.topic for fact in _known(subject, choices))}
    return made


def _of_stems(subject: Subject, choices: Choices, details: int, *, adorned: bool) -> Opening:
    made = Opening()
    nouns = [KINDS[kind].noun for kind in choices.shuffled(subject.kinds, "order of stems")]
    plural = len(nouns) > 1 or KINDS[subject.kinds[0]].plural
    slots = {"kinds": listed(nouns), "their": "their" if plural else "its", "alone": subject.name}
    named = SEPARATED_BY_NAME if subject.separated else BY_NAME
    templates = named if subject.name else SEPARATED if subject.separated else ISOLATED
    alone = chosen_text(choices, templates, slots, "isolated")
    head = _head(subject, choices, made, adorned=adorned)
    whole = chosen_text(choices, unlike(OF if subject.name else TAKEN, alone), {"whole": head}, "taken") if head else ""
    pitched = any(KINDS[kind].harmony != "none" for kind in subject.kinds)
    made.text = " ".join(filter(None, [alone, whole]))
    tempo = _told(subject, "tempo", AT_TEMPO, choices, made.text)
    key = _told(subject, "key", IN_KEY, choices, f"{made.text} {tempo}") if pitched else ""
    made.text = _joined(made.text, choices, [tempo, key])
    made.topics |= {"instruments", "tempo", *(["key"] if pitched else [])} & {"instruments", *subject.facts}
    return made


def _head(subject: Subject, choices: Choices, made: Opening, *, adorned: bool) -> str | None:
    """Write 'a fast, bright-sounding rock track'; None where nothing at all is known."""
    if not (subject.facts or subject.genres or subject.moods or subject.instruments):
        return None
    adjectives = list(choices.shuffled(subject.moods, "moods")[:2])
    topics = ["pace"] if "pace" in subject.facts else []
    if adorned and not adjectives:
        others = [topic for topic in subject.facts if topic != "pace" and MIX[_key(subject.facts[topic])].adjectives]
        topics += choices.shuffled(others, "adjective")[: int(choices.fraction("adjectives") < 0.5)]
    for topic in topics:
        fact = subject.facts[topic]
        adjectives.append(chosen_text(choices, MIX[_key(fact)].adjectives, fact.slots, f"adjective {topic}"))
    made.topics.update(topics)
    noun = choices.one(NOUNS, "noun")
    genres = "/".join(subject.genres[:2]) if choices.fraction("genres") < 0.5 else " and ".join(subject.genres[:2])
    words = [", ".join(choices.shuffled(adjectives, "adjectives' order")), genres, noun]
    return with_article(" ".join(filter(None, words)))


def _told(subject: Subject, topic: str, templates: Sequence[str], choices: Choices, said: str) -> str:
    fact = subject.facts.get(topic)
    return chosen_text(choices, unlike(templates, said), fact.slots, topic) if fact else ""


def _known(subject: Subject, choices: Choices) -> list[Fact]:
    there = [subject.facts[topic] for topic in ("tempo", "key") if topic in subject.facts]
    return choices.shuffled(there, "order of labels")


def _front(subject: Subject, choices: Choices) -> str:
    """Write 'in E minor and at 121 BPM'."""
    phrases = [
        f"in {fact.slots['key']}" if fact.topic == "key" else f"at {fact.slots['bpm']} BPM"
        for fact in _known(subject, choices)
    ]
    return choices.one((" and ", ", "), "front").join(phrases)


def _added(subject: Subject, choices: Choices, made: Opening, count: int) -> str:
    """Add noun phrases of facts that are not told yet: 'with a wide stereo image and even dynamics'."""
    left = [fact for fact in subject.facts.values() if fact.topic not in {*made.topics, "tempo", "key", "pace"}]
    left = [fact for fact in left if MIX[_key(fact)].nouns]
    chosen = choices.shuffled(left, "added")[:count]
    made.topics.update(fact.topic for fact in chosen)
    nouns = [chosen_text(choices, MIX[_key(fact)].nouns, fact.slots, f"added {fact.topic}") for fact in chosen]
    return choices.one(ADDING[:-1], "adding").replace("<detail>", listed(nouns)) if nouns else ""


def _joined(head: str, choices: Choices, phrases: Iterable[str]) -> str:
    """Put phrases behind a head: one that is bound to its noun first, the others in an order of their own."""
    order = choices.shuffled([phrase for phrase in phrases if phrase], "order of phrases")
    bound = [phrase for phrase in order if phrase.startswith(_BOUND)]
    free = [phrase for phrase in order if not phrase.startswith(_BOUND)]
    parts = [*bound[:1], *(f"one {phrase}" if phrase.startswith("that") else phrase for phrase in bound[1:]), *free]
    return f"{head} {', '.join(parts)}" if parts else head


def _key(fact: Fact) -> tuple[str, str]:
    return fact.topic, fact.value
