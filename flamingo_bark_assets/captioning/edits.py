"""Hand edits: what the user wrote in song.toml takes the place of what was made.

Putting edits into answers and prompts belongs here; the file that they stand in is read by `library.song_toml`.
"""

from __future__ import annotations

import dataclasses

from flamingo_bark_assets.captioning.interface import QUESTIONS, Answer, Captions
from flamingo_bark_assets.library.layout import PARTS
from flamingo_bark_assets.library.song_toml import Edits, PartEdits
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.prompts.text import clean_text

HUMAN = "human"


def apply_caption_edits(captions: Captions, edits: Edits) -> Captions:
    """Put the user's answers in the place of the captioner's.

    An edited answer keeps nothing of the one it replaces: model, prompt, scores and windows told of other words.
    For the same reason claims that were found in a replaced answer are left out.

    Args:
        captions: the answers about one song.
        edits: what its song.toml says.

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


def apply_prompt_edits(prompts: TrainingPrompts, edits: Edits) -> TrainingPrompts:
    """Put the user's combined prompts in the place of the made ones.

    Args:
        prompts: the prompts of one song.
        edits: what its song.toml says; names of prompts that the song does not have are passed over.

    Returns:
        Prompts in the same order; edited ones are cleaned by `clean_text` and have the captioner `human`.
    """
    texts = _clean_prompts(edits)
    return dataclasses.replace(
        prompts,
        prompts=tuple(
            dataclasses.replace(prompt, combined_prompt=texts[prompt.prompt], captioner=HUMAN, is_fallback=False)
            if prompt.prompt in texts
            else prompt
            for prompt in prompts.prompts
        ),
    )


def unused_prompt_edits(prompts: TrainingPrompts, edits: Edits) -> tuple[str, ...]:
    """Name the edited prompts that change nothing: the song has no such prompt, or no readable text is left."""
    used = {prompt.prompt for prompt in prompts.prompts} & _clean_prompts(edits).keys()
    return tuple(sorted(edits.prompts.keys() - used))


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


def _clean_prompts(edits: Edits) -> dict[str, str]:
    return {name: clean for name, text in edits.prompts.items() if (clean := clean_text(text))}
