"""Hand edits of answers: what the user wrote in song.toml takes the place of what was made.

Putting edits into answers belongs here, into prompts in `prompts.edits`; `library.song_toml` reads the file.
"""

from __future__ import annotations

import dataclasses

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.library.song_toml import Edits, PartEdits
from flamingo_bark_assets.parts import PARTS, QUESTIONS

HUMAN = "human"


def apply_caption_edits(captions: Captions, edits: Edits) -> Captions:
    """Put the user's answers in the place of the captioner's.

    An edited answer keeps nothing of the one it replaces: model, prompt, scores and windows told of other words.
    For the same reason claims that were found in a replaced answer are left out.

    Returns:
        The same captions where there are no edits; otherwise the answers in the order of parts, then questions,
        with one of source and captioner `human` for each edit, also where there was no answer before.
    """
    edited = {(answer.part, answer.question): answer for answer in _edited_answers(edits)}
    if not edited:
        return captions
    answers = {(answer.part, answer.question): answer for answer in captions.answers} | edited
    order = {(part, question): number for number, (part, question) in enumerate(_places())}
    return dataclasses.replace(
        captions,
        answers=tuple(answers[place] for place in sorted(answers, key=lambda place: order.get(place, len(order)))),
        claims=tuple(claim for claim in captions.claims if (claim.part, claim.question) not in edited),
    )


def _edited_answers(edits: Edits) -> list[Answer]:
    return [
        Answer(part=part, question=question, text=text, source=HUMAN, captioner=HUMAN, is_fallback=False)
        for part, question in _places()
        if (text := _text(edits, part, question)) is not None
    ]


def _text(edits: Edits, part: str, question: str) -> str | None:
    of_part: PartEdits = getattr(edits, part)
    text: str | None = getattr(of_part, question)
    return text


def _places() -> list[tuple[str, str]]:
    return [(part, question) for part in PARTS for question in QUESTIONS]
