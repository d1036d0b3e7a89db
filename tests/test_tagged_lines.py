"""Lines about what the tagger says: each term with its own probability, and what is not known is not called zero."""

from __future__ import annotations

from dataclasses import replace

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.commands.tagged import tagged_lines
from flamingo_bark_assets.inference.vocabulary import Label


def answer(question: str, text: str | None, source: str) -> Answer:
    return Answer(part="mix", question=question, text=text, source=source, captioner=source, is_fallback=False)


def label(vocabulary: str, name: str, probability: float, rank: int) -> Label:
    return Label(
        part="mix", vocabulary=vocabulary, label=name, source="tagged", probability=probability, rank=rank,
        model_id="musicnn", revision="abc",
    )  # fmt: skip


CAPTIONS = Captions(
    song_id="one",
    captioner="measured",
    is_fallback=True,
    answers=(
        answer("caption", "Music.", "measured"), answer("genre", "house", "file_tags"), answer("mood", None, "none"),
        answer("instruments", "drums, synth", "tagged"),
    ),
    labels=(
        label("genre", "dance", 0.75, 1), label("genre", "house", 0.4, 2), label("mood", "chill", 0.02, 1),
        label("instrument", "drums", 0.8, 1), label("instrument", "synth", 0.77, 2),
    ),
)  # fmt: skip


def test_each_term_is_told_with_its_own_probability_and_why_others_are_not() -> None:
    assert list(tagged_lines(CAPTIONS)) == [
        "tagged one, mix genre: file_tags goes before; likeliest: dance (0.75)",
        "tagged one, mix mood: none is sure enough; likeliest: chill (0.02)",
        "tagged one, mix instruments: drums (0.80), synth (0.77)",
    ]


def test_an_unknown_probability_is_not_zero() -> None:
    unknown = replace(CAPTIONS, answers=(answer("genre", "dub", "tagged"),), labels=())
    assert list(tagged_lines(unknown)) == ["tagged one, mix genre: dub (unknown)"]


def test_without_tags_nothing_is_told() -> None:
    assert list(tagged_lines(replace(CAPTIONS, answers=CAPTIONS.answers[:3], labels=()))) == []
