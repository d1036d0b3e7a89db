"""What Bark reads of a clip: a transcript between music notes where the words are known, else a tag and what is told.

The text of one clip belongs here, and its budget; lists and files stand with the targets.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.parts import KINDS
from flamingo_bark_assets.text import clean_text, fit, non_space_length, split_sentences

BUDGET = 256
"""Bark cuts its text at 256 tokens, and a WordPiece tokenizer never gives more tokens than non-space characters."""

_NOTE = "♪"
_TAG = "[music]"


@dataclass(frozen=True, slots=True)
class BarkText:
    """The text of one clip.

    Attributes:
        text: one line without '|', of at most `BUDGET` non-space characters.
        lyrics: the sung words in it; None where it has none.
        cut: rule and message where something was left out to keep the budget.
    """

    text: str
    lyrics: str | None = None
    cut: tuple[str, str] | None = None


def bark_text(clip: Clip, *, with_lyrics: bool = True) -> BarkText:
    """Write the text of a clip.

    Only a clip of the voice alone is transcribed: what sounds beside a voice is no part of a transcript. Who sings is
    not measured, so that neither of Bark's tags for it is ever written.

    Args:
        clip: what is known of it.
        with_lyrics: whether its words may stand in it; False for a view that cuts sung lines.
    """
    words = clean_text(clip.lyrics or "").split()
    if with_lyrics and words and in_domain(clip):
        return _transcript(words)
    return _told(clean_text(clip.text))


def in_domain(clip: Clip) -> bool:
    """Tell whether a clip holds nothing but what Bark's semantic model knows: it learned speech, and sung words."""
    kinds = clip.stem_kinds
    return bool(kinds) and all(KINDS[kind].speech_like for kind in kinds)


def outside_domain(clip: Clip) -> str | None:
    """Say why Bark does not know such sound; None where it does."""
    if in_domain(clip):
        return None
    return "Bark's semantic tokens and its text model learned speech; this is not the voice alone"


def _transcript(words: list[str]) -> BarkText:
    room, said = BUDGET - 2 * len(_NOTE), []
    for word in words:
        room -= len(word)
        if room < 0:
            break
        said.append(word)
    if not said:
        return BarkText(_TAG, None, ("lyrics_cut", f"a word of {len(words[0])} characters does not fit: none is kept"))
    lyrics = " ".join(said)
    left_out = len(words) - len(said)
    cut = ("lyrics_cut", f"the last {left_out} of {len(words)} words are left out: Bark reads {BUDGET} tokens")
    return BarkText(f"{_NOTE} {lyrics} {_NOTE}", lyrics, cut if left_out else None)


def _told(text: str) -> BarkText:
    budget = BUDGET - len(_TAG)
    if not text:
        return BarkText(_TAG)
    if non_space_length(text) <= budget:
        return BarkText(f"{_TAG} {text}")
    kept = fit("", split_sentences(text), budget)
    left_out = non_space_length(text) - non_space_length(kept)
    message = f"about {left_out} of {non_space_length(text)} characters are left out: Bark reads {BUDGET} tokens"
    return BarkText(f"{_TAG} {kept}".rstrip(), None, ("text_cut", message))
