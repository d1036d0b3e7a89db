"""What of the answers goes into texts: sentences that somebody wrote, and genres, moods and instruments that hold.

Choosing among answers belongs here; whatever source they have is as good as another, if it is sure enough and no
measurement contradicts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, Part, Question, StemKind, kinds_summed, kinds_within
from flamingo_bark_assets.prompts.facts import Fact
from flamingo_bark_assets.prompts.opening import Subject
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.text import clean_genres, clean_text

WRITTEN = frozenset({"model", "human"})
"""Sources whose captions are sentences of their own; all others are told anew from the measurements."""
_MAX_MOODS = 2
_MAX_INSTRUMENTS = 5
_TOPICS = frozenset({"tempo", "pace", "key", "metre", "steadiness", "loudness", "dynamics", "brightness", "stereo"})
# Adjectives of the English language that are names: they keep their capital.
_PROPER = frozenset(
    [
        "african",
        "american",
        "asian",
        "balearic",
        "balkan",
        "brazilian",
        "british",
        "celtic",
        "chinese",
        "christian",
        "cuban",
        "french",
        "german",
        "goa",
        "indian",
        "irish",
        "italian",
        "jamaican",
        "japanese",
        "korean",
        "latin",
        "mexican",
        "scottish",
        "spanish",
        "turkish",
        "western",
    ]
)


@dataclass(frozen=True)
class Answered:
    """The answers about a song, or about a part of it.

    Attributes:
        evidence: the measurements that they must not contradict.
        captions: the answers.
        settings: the least confidence.
    """

    evidence: Evidence
    captions: Captions
    settings: PromptSettings

    def answer(self, part: Part, question: Question) -> Answer | None:
        """Find the answer to one question that has a text and is sure enough."""
        answer = self._answers.get((part, question))
        if answer is None or not clean_text(answer.text or ""):
            return None
        sure = answer.confidence is None or answer.confidence >= self.settings.min_claim_confidence
        return answer if sure else None

    def written(self, part: Part, question: Question) -> Answer | None:
        """Find the answer to one question that a model or a person wrote."""
        answer = self.answer(part, question)
        return answer if answer is not None and answer.source in WRITTEN else None

    def descriptions(self, parts: Sequence[Part]) -> list[Answer]:
        """Return the longest that was written of parts; of several their captions."""
        if len(parts) == 1 and (longer := self.written(parts[0], "description")):
            return [longer]
        return [answer for part in parts if (answer := self.written(part, "caption"))]

    def used(self, kinds: tuple[StemKind, ...]) -> list[Answer]:
        """Return the answers that a text about some kinds of stem (none for the mix) is written from."""
        parts: tuple[Part, ...] = kinds or ("mix",)
        captions = [answer for part in parts if (answer := self.answer(part, "caption"))]
        described = [answer for answer in self.descriptions(parts) if answer not in captions]
        return [*captions, *described, *(a for a in self._labels(kinds) if a.source != "file_tags")]

    def _labels(self, kinds: tuple[StemKind, ...]) -> list[Answer]:
        questions: tuple[Question, ...] = ("genre",) if kinds else ("genre", "mood", "instruments")
        return [answer for question in questions if (answer := self.answer("mix", question))]

    def subject(self, kinds: tuple[StemKind, ...], facts: Mapping[str, Fact], said: str) -> Subject:
        """Put together what an opening may tell, less what stands in sentences that follow it.

        Args:
            kinds: the kinds of stem that the text is about; none for the mix.
            facts: what is known of the mix, by topic.
            said: the sentences that follow.
        """
        lower = said.casefold()
        claims = {claim.kind for claim in _claims(said)} if said else set()
        left = {topic: fact for topic, fact in facts.items() if topic not in claims & _TOPICS}
        genres = tuple(name for name in self._genres if name.casefold() not in lower)
        if kinds:
            return Subject(
                {topic: fact for topic, fact in left.items() if topic in {"tempo", "key", "pace"}},
                kinds,
                genres,
                separated=bool(self.evidence.separated_kinds & set(kinds)),
            )
        instruments = () if claims & {"instrument", "vocals"} else self._instruments
        moods = tuple(mood for mood in self._moods if mood.casefold() not in lower)
        return Subject(left, (), genres, moods, instruments)

    @cached_property
    def _answers(self) -> dict[tuple[str, str], Answer]:
        found: dict[tuple[str, str], Answer] = {}
        for answer in self.captions.answers:
            found.setdefault((answer.part, answer.question), answer)
        return found

    @cached_property
    def _genres(self) -> tuple[str, ...]:
        answer = self.answer("mix", "genre")
        names = clean_genres(answer.text) if answer else []
        return tuple(_small(_bare(name)) for name in names if self._holds(f"a {_bare(name)} track"))

    @cached_property
    def _moods(self) -> tuple[str, ...]:
        answer = self.answer("mix", "mood")
        names = clean_genres(answer.text, limit=2 * _MAX_MOODS) if answer else []
        return tuple(_small(name) for name in names if self._holds(f"a {name} track, a {name} recording"))[:_MAX_MOODS]

    @cached_property
    def _instruments(self) -> tuple[str, ...]:
        """Name what plays: the stems that sound, told closer where an answer does, and what no stem contradicts."""
        answer = self.answer("mix", "instruments")
        given = clean_genres(answer.text, limit=12) if answer and answer.source != "measured" else []
        terms = [_small(term) for term in given if self._holds(f"with {term}")]
        names: list[str] = []
        for kind in self.evidence.audible_kinds:
            closer = [term for term in terms if not _kinds_of(term).isdisjoint((kind, *kinds_summed(kind)))]
            most = 2 if KINDS[kind].holds_rest else _MAX_INSTRUMENTS if KINDS[kind].sums else 0
            names += closer[:most] or [KINDS[kind].noun]
            terms = [term for term in terms if term not in closer]
        known = {kind for one in self.evidence.audible_kinds for kind in kinds_within(one)}
        further = [term for term in terms if not _kinds_of(term) & known]
        return tuple(dict.fromkeys([*names, *further]))[: max(_MAX_INSTRUMENTS, len(names))]

    def _holds(self, phrase: str) -> bool:
        """Tell whether no measurement contradicts a phrase."""
        if not _claims(phrase):
            return True
        claims = check_claims("mix", "instruments", phrase, self.evidence, self.settings.min_claim_confidence)
        return all(claim.verdict != "conflict" for claim in claims)


_claims = lru_cache(1024)(find_claims)


def _kinds_of(term: str) -> set[StemKind]:
    kinds: set[StemKind] = {"vocals"} if any(claim.kind == "vocals" for claim in _claims(f"with {term}")) else set()
    return kinds | {INSTRUMENT_KIND[claim.value] for claim in _claims(f"with {term}") if claim.kind == "instrument"}


def _bare(genre: str) -> str:
    """Take 'music' off the end of a genre: 'dance music track' says it twice."""
    words = genre.split()
    return " ".join(words[:-1]) if len(words) > 1 and words[-1].casefold() == "music" else genre


def _small(name: str) -> str:
    """Write words of a name in small letters, but for acronyms and proper adjectives."""
    return " ".join(
        word.lower() if word.istitle() and word.casefold() not in _PROPER else word for word in name.split()
    )
