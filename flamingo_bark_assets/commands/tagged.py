"""What the tagger says of songs, in lines for the person at the terminal: terms with their probabilities.

Wording these lines belongs here; which terms are told of a song is decided in `captioning.tagged`.
"""

from __future__ import annotations

from collections.abc import Iterator

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.inference.vocabulary import TAGGED_SOURCE

_ALWAYS_TOLD = ("genre", "mood")


def tagged_lines(captions: Captions) -> Iterator[str]:
    """Write one line an answer of the tagger, and of genre and mood of the mix also what it was not sure of."""
    for answer in captions.answers:
        said = _said(captions, answer)
        if said:
            yield f"tagged {captions.song_id}, {answer.part} {answer.question}: {said}"


def _said(captions: Captions, answer: Answer) -> str:
    probabilities = {
        label.label: label.probability
        for label in captions.labels
        if label.source == TAGGED_SOURCE and label.part == answer.part
    }
    if answer.source == TAGGED_SOURCE and answer.text:
        return ", ".join(_term(term, probabilities.get(term)) for term in answer.text.split(", "))
    likeliest = next(
        (
            _term(label.label, label.probability)
            for label in captions.labels
            if label.source == TAGGED_SOURCE
            and (label.part, label.vocabulary, label.rank) == ("mix", answer.question, 1)
        ),
        None,
    )
    if answer.part != "mix" or answer.question not in _ALWAYS_TOLD or likeliest is None:
        return ""
    before = f"{answer.source} goes before" if answer.text else "none is sure enough"
    return f"{before}; likeliest: {likeliest}"


def _term(term: str, probability: float | None) -> str:
    return f"{term} ({'unknown' if probability is None else f'{probability:.2f}'})"
