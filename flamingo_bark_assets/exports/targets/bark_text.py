"""What Bark reads of a clip: a transcript between music notes where the words are known, else a tag and what is told.

The text of one clip belongs here, and its budget; lists and files stand with the targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.parts import KINDS
from flamingo_bark_assets.text import clean_text, fit, non_space_length, split_sentences

BUDGET = 256
"""Bark cuts its text at 256 tokens, and a WordPiece tokenizer never gives more tokens than non-space characters."""

TAG_LEFT_OUT = "custom_tag_left_out"
"""Rule by which notes name what has no custom tag though its song has one."""

_NOTE = "♪"
_TAG = "[music]"


@dataclass(frozen=True, slots=True)
class BarkText:
    """The text of one clip.

    Attributes:
        text: one line without '|', of at most `BUDGET` non-space characters.
        lyrics: the sung words in it; None where it has none.
        cut: rule and message where something was left out to keep the budget.
        tag_left_out: why the custom tag does not stand in it; None where it does, or there is none.
    """

    text: str
    lyrics: str | None = None
    cut: tuple[str, str] | None = None
    tag_left_out: str | None = None


def bark_text(clip: Clip, tag: CustomTag | None = None, *, with_lyrics: bool = True) -> BarkText:
    """Write the text of a clip.

    Only a clip of the voice alone is transcribed: what sounds beside a voice is no part of a transcript. Who sings is
    not measured, so that neither of Bark's tags for it is ever written. A custom tag stands in what is told, behind
    ``[music]``, and never in a transcript: Bark's text is what is sung, and the voice would learn to sing it.

    Args:
        clip: what is known of it.
        tag: the custom tag of its song; None for none.
        with_lyrics: whether its words may stand in it; False for a view that cuts sung lines.
    """
    words = clean_text(clip.lyrics or "").split()
    if with_lyrics and words and in_domain(clip):
        text = _transcript(words)
        if text.lyrics is not None:
            sung = f"the custom tag {tag.word!r} is left out: the text is what is sung, so would it be" if tag else None
            return replace(text, tag_left_out=sung)
        return replace(_told("", tag), cut=text.cut)
    return _told(clean_text(clip.text), tag)


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
        return BarkText("", None, ("lyrics_cut", f"a word of {len(words[0])} characters does not fit: none is kept"))
    lyrics = " ".join(said)
    left_out = len(words) - len(said)
    cut = ("lyrics_cut", f"left out of {len(words)} words, at the end: {left_out}; Bark reads {BUDGET} tokens")
    return BarkText(f"{_NOTE} {lyrics} {_NOTE}", lyrics, cut if left_out else None)


def _told(text: str, tag: CustomTag | None) -> BarkText:
    budget = BUDGET - len(_TAG) - (tag.cost if tag else 0)
    if tag is not None:
        if budget < 0:
            reason = f"the custom tag of {len(tag.word)} characters is left out: Bark reads {BUDGET} tokens"
            return replace(_told(text, None), tag_left_out=reason)
        told = BarkText(text) if tag.position == "replace" else _cut(text, budget)
        return replace(told, text=f"{_TAG} {tag.put_into(told.text)}")
    told = _cut(text, budget)
    return replace(told, text=f"{_TAG} {told.text}".rstrip())


def _cut(text: str, budget: int) -> BarkText:
    if non_space_length(text) <= budget:
        return BarkText(text)
    kept = fit("", split_sentences(text), budget)
    left_out = non_space_length(text) - non_space_length(kept)
    message = f"about {left_out} of {non_space_length(text)} characters are left out: Bark reads {BUDGET} tokens"
    return BarkText(kept, None, ("text_cut", message))
