"""How sure an answer is once others have been asked: one rule for all of them.

The rule belongs here; what the others say stands in `tagged`, `second_opinion` and the song's own tags.
"""

from __future__ import annotations

import dataclasses
import math

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.tagged import TERM_LABELS
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.vocabulary import Vocabulary
from flamingo_bark_assets.text import clean_genres

_GENRES = Vocabulary("genre", TERM_LABELS, "{}")


def weigh(captions: Captions, evidence: Evidence) -> Captions:
    """Weigh the confidence of each answer with what others say of it.

    It becomes the geometric mean of the captioner's own confidence, of CLAP's agreement, of the tagger's, and, for a
    genre of a model or of the tagger that the song's own tags name too, of 1; of those that are known. Tags that name
    another genre count nothing: they may be right, and so may the answer. An answer without a confidence of its own, as
    one from the file's tags, keeps none.
    """
    return dataclasses.replace(
        captions, answers=tuple(_weighed(answer, evidence.metadata.genre_tags) for answer in captions.answers)
    )


def _weighed(answer: Answer, genre_tags: str | None) -> Answer:
    if answer.text is None or answer.confidence is None:
        return answer
    others = [value for value in (answer.label_agreement, answer.tag_agreement) if value is not None]
    if answer.question == "genre" and _names_the_same(answer.text, genre_tags):
        others.append(1.0)
    if not others:
        return answer
    values = [answer.confidence, *others]
    return dataclasses.replace(answer, confidence=math.prod(values) ** (1.0 / len(values)))


def _names_the_same(said: str, genre_tags: str | None) -> bool:
    """Return whether what was said and the song's tags share a genre, in any spelling."""
    given = clean_genres(genre_tags or "")
    ours = said.split(", ")
    if {word.casefold() for word in given} & {word.casefold() for word in ours}:
        return True
    meant, told = (frozenset[str]().union(*map(_GENRES.matching, words)) for words in (given, ours))
    return bool(meant & told)
