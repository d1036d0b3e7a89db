"""Hand edits of prompts: what the user wrote in song.toml takes the place of what was made.

Putting edits into prompts belongs here; the file that they stand in is read by `library.song_toml`.
"""

from __future__ import annotations

import dataclasses

from flamingo_bark_assets.captioning.edits import HUMAN
from flamingo_bark_assets.library.song_toml import Edits
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.text import clean_text


def apply_prompt_edits(prompts: TrainingPrompts, edits: Edits) -> TrainingPrompts:
    """Put the user's combined prompts, cleaned by `clean_text`, in the place of the made ones; captioner `human`.

    Names of prompts that the song does not have are passed over.
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


def _clean_prompts(edits: Edits) -> dict[str, str]:
    return {name: clean for name, text in edits.prompts.items() if (clean := clean_text(text))}
