"""What all trainers around ACE-Step want of lyrics, and of tempo, key and metre.

Checks that list and sidecars share belong here.
"""

from __future__ import annotations

from flamingo_bark_assets.exports.vocabulary import says_key
from flamingo_bark_assets.verification.claims import (
    check_key_field,
    check_metre_claim,
    check_tempo_field,
    has_voice,
)
from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.texts import TextRules, check_text

MAX_CAPTION_TOKENS, MAX_LYRICS_TOKENS = 256, 512
NO_VOICE = "[Instrumental]"
_METRES = {"2": "2/4", "3": "3/4", "4": "4/4", "6": "6/8"}
_WORDLESS = ("[instrumental]", "[inst]")


def check_repeated(check: Check, file: str, row: int | None, caption: str | None, key: object, metre: object) -> None:
    """Check that a caption says key and metre, whose fields ai-toolkit ignores."""
    if not caption:
        return
    if isinstance(key, str) and key and not says_key(caption, key):
        check.add(
            "not_repeated", file, row, f"the key {key!r} is not said in the caption; ai-toolkit ignores the field"
        )
    if isinstance(metre, str) and metre in _METRES and _METRES[metre] not in caption:
        check.add("not_repeated", file, row, f"the metre {_METRES[metre]} is not said in the caption; ai-toolkit "
                  "ignores the field")  # fmt: skip


def check_lyrics(
    check: Check, file: str, row: int | None, lyrics: object, wordless: object, name: str, clip: ClipFacts | None
) -> None:
    """Check lyrics: a voice has words or a tag, no voice has ``[Instrumental]``."""
    rules = TextRules("lyrics", lines=True, max_tokens=MAX_LYRICS_TOKENS, may_be_empty=True)
    text = check_text(check.findings, file, row, lyrics, rules, clip=name)
    if text is None:
        return
    is_tag = text.strip().lower() in _WORDLESS
    if not text.strip():
        check.add("lyrics_format", file, row, f"{name}: the lyrics are empty; the trainer takes that for instrumental, "
                  "which is written [Instrumental]")  # fmt: skip
    elif wordless is True and not is_tag:
        check.add(
            "lyrics_format", file, row, f"{name}: is_instrumental is true, and there are lyrics; they are dropped"
        )
    elif wordless is False and is_tag:
        check.add("lyrics_format", file, row, f"{name}: is_instrumental is false, and the lyrics are {text.strip()}")
    if text.count("[") != text.count("]"):
        check.add("lyrics_format", file, row, f"{name}: a section tag is not closed")
    if clip is None:
        return
    if (clip.lyrics or NO_VOICE) != text and check.provenance.exists and text.strip():
        check.add("text_changed", file, row, f"{name}: the lyrics are not those that were exported for it")
    if wordless is True and clip.lyrics is not None:
        check.add("claim_voice", file, row, f"{name}: is_instrumental is true, and its lyrics are known")
    elif wordless is False and has_voice(clip) is False:
        check.add("claim_voice", file, row, f"{name}: is_instrumental is false, and no voice sounds in it")


def check_facts(
    check: Check, file: str, row: int | None, bpm: float | None, key: str | None, metre: str | None,
    clip: ClipFacts | None,
) -> None:  # fmt: skip
    """Hold well spelled fields against what was measured in the clip."""
    if clip is None:
        return
    if bpm is not None:
        check_tempo_field(check.findings, file, row, bpm, clip)
    if key is not None:
        check_key_field(check.findings, file, row, key, clip)
    if metre is not None:
        check_metre_claim(check.findings, file, row, _METRES[metre], clip)
