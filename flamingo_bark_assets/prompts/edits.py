"""Hand edits of prompts: what the user wrote in song.toml takes the place of what was made.

Putting edits into prompts belongs here; the file that they stand in is read by `library.song_toml`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from flamingo_bark_assets.captioning.edits import HUMAN
from flamingo_bark_assets.library.song_toml import Edits
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.text import clean_text


def apply_prompt_edits(prompts: TrainingPrompts, edits: Edits) -> TrainingPrompts:
    """Put the user's combined prompts, cleaned by `clean_text`, in the place of the made ones; captioner `human`.

    An edit named as a prompt (``full_track``) is every form of it; one named ``full_track/tags`` that form alone, and
    goes before. Names of prompts that the song does not have are passed over.
    """
    texts = _clean_prompts(edits)
    return dataclasses.replace(prompts, prompts=tuple(_edited(prompt, texts) for prompt in prompts.prompts))


def unused_prompt_edits(prompts: TrainingPrompts, edits: Edits) -> tuple[str, ...]:
    """Name the edited prompts that change nothing: the song has no such prompt, or no readable text is left."""
    names = {name for prompt in prompts.prompts for name in _names(prompt)}
    used = names & _clean_prompts(edits).keys()
    return tuple(sorted(edits.prompts.keys() - used))


def _names(prompt: Prompt) -> tuple[str, str]:
    """Return what an edit of this row may be called, the closest name first."""
    return f"{prompt.prompt}/{prompt.form}", prompt.prompt


def _edited(prompt: Prompt, texts: Mapping[str, str]) -> Prompt:
    for name in _names(prompt):
        if name in texts:
            return dataclasses.replace(prompt, combined_prompt=texts[name], captioner=HUMAN, is_fallback=False)
    return prompt


def _clean_prompts(edits: Edits) -> dict[str, str]:
    return {name: clean for name, text in edits.prompts.items() if (clean := clean_text(text))}
