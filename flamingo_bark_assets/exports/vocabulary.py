"""What trainers of music models may be told, in their own spelling: keys, metres, tempi, texts of a length.

Spelling, counting and cutting belong here; which facts of a clip a layout writes, and where, does not.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.tonality import compare_keys
from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.text import number_of, printable, short_line

BPM_RANGE = (30, 300)
METRES = {"2/4": "2", "3/4": "3", "4/4": "4", "6/8": "6"}
UNKNOWN_LANGUAGE = "unknown"
"""Language of lyrics where nobody states one; trainers want an ISO code else."""

_KEY = re.compile(r"([A-G])([#b♯♭]?)\s+(major|minor)", re.IGNORECASE)
_ACCIDENTALS = {"♯": "#", "♭": "b"}
# Text in angle brackets may be a tag of a caption file or a special token of a tokenizer, such as <|endoftext|>.
_BRACKETS = str.maketrans("<>", "‹›")
_PIECE = re.compile(r"[A-Za-z]+|\n|[^\sA-Za-z]")
_SHORT_WORD = 4
# Letters that follow each other in few words of any language: tokenizers have no long pieces for these.
_ODD_WORD = re.compile(r"[^aeiouy]{4}|(?:(?:q(?!u)|x|z|j).*){2}", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+")
_QUOTED_CHARACTERS = 200


def key_name(key: str | None) -> str | None:
    """Spell a key as ``C major`` or ``F# minor``; None where it is neither major nor minor, or unknown."""
    match = _KEY.fullmatch(key.strip()) if key else None
    if match is None:
        return None
    note, accidental, mode = match.groups()
    return f"{note.upper()}{_ACCIDENTALS.get(accidental, accidental)} {mode.lower()}"


def metre_number(metre: str | None) -> str | None:
    """Spell a time signature as ``2``, ``3``, ``4`` or ``6``; None for any other, or an unknown one."""
    return METRES.get(metre) if metre else None


def whole_bpm(tempo_bpm: float | None) -> int | None:
    """Round a tempo; None where it is unknown or not from 30 to 300 BPM."""
    bpm = round(tempo_bpm) if tempo_bpm is not None and math.isfinite(tempo_bpm) else None
    return bpm if bpm is not None and BPM_RANGE[0] <= bpm <= BPM_RANGE[1] else None


def clean_line(text: str) -> str:
    """Make one printable line of any text: control and format characters go, angle brackets become ``‹`` and ``›``."""
    return " ".join(printable(unicodedata.normalize("NFC", text)).translate(_BRACKETS).split())


def clean_lines(text: str) -> str:
    """Make printable lines of any text, one a line, without empty ones."""
    return "\n".join(line for part in re.split(r"[\r\n]+", text) if (line := clean_line(part)))


def key_and_metre(clip: Clip, said: str = "") -> str:
    """Say key and metre of a clip in a sentence, for trainers that drop the fields in silence.

    Args:
        clip: the clip.
        said: text in which they may be said already.

    Returns:
        "" where both are unknown or said.
    """
    key, metre = key_name(clip.key), clip.metre if metre_number(clip.metre) else None
    left = [None if key and says_key(said, key) else key, None if metre and metre in said else metre]
    return f"In {', '.join(filter(None, left))}." if any(left) else ""


def says_key(text: str, key: str) -> bool:
    """Return whether a text says a key, in any spelling: D flat major is C sharp major."""
    return any(compare_keys(claim.value, key) == "same" for claim in find_claims(text) if claim.kind == "key")


def followed(text: str, *sentences: str) -> str:
    """Put sentences behind a text, which is ended by a full stop first; empty ones are left out."""
    said = [sentence for sentence in sentences if sentence]
    ended = text if not said or not text or text[-1] in ".!?…" else f"{text}."
    return " ".join(filter(None, [ended, *said]))


def tempo(clip: Clip, said: str = "") -> str:
    """Say the tempo of a clip in a sentence; "" where it is unknown or said already."""
    bpm = whole_bpm(clip.tempo_bpm)
    return "" if bpm is None or re.search(rf"\b{bpm} BPM\b", said) else f"{bpm} BPM."


def estimated_tokens(text: str) -> int:
    """Estimate, rather too high than too low, how many tokens a text has.

    A short word of ASCII letters counts as one token, a longer one as one for every three letters, an odd one as two;
    any other printed character as half its bytes in UTF-8. No bound: against a published vocabulary of Qwen, of which
    family ACE-Step's text encoder is, lines that the rule was not made with gave 1.6 times the tokens in English, 0.94
    to 2.6 times in 15 other languages, and 0.79 times in Swahili.
    """
    return sum(map(_piece_tokens, _PIECE.findall(text)))


def cut_text(text: str, budget: int) -> tuple[str, str]:
    """Cut one line to a budget of tokens, between sentences, else clauses, else words, else inside a word.

    Returns:
        What fits, and what does not: "" where all fits.
    """
    if estimated_tokens(text) <= budget:
        return text, ""
    for border in (_SENTENCE_END, _CLAUSE_END, re.compile(r"\s+")):
        parts = border.split(text)
        kept = " ".join(parts[: _fitting(parts, budget)])
        if kept:
            return kept.rstrip(",;: "), text[len(kept) :].strip()
    size = _fitting(text, budget)  # One endless word: character by character counts too much, never too little.
    return text[:size], text[size:]


def cut_lines(text: str, budget: int) -> tuple[str, str]:
    """Cut lines to a budget of tokens, after a line; the first one alone is cut inside.

    Returns:
        The lines that fit, and those that do not: "" where all fit.
    """
    lines = text.split("\n")
    size = _fitting([f"{line}\n" for line in lines], budget)
    if size:
        return "\n".join(lines[:size]), "\n".join(lines[size:])
    kept, left = cut_text(lines[0], budget)
    return kept, "\n".join(filter(None, [left, *lines[1:]]))


def told_cut(left_out: str, budget: int, reader: str) -> str:
    """Say what was cut, for a note."""
    shown = short_line(left_out, _QUOTED_CHARACTERS)
    more = "" if len(shown) == len(left_out) else " ..."
    return f"cut off beyond the {budget} tokens that {reader}: {number_of(len(left_out), 'character')}, {shown!r}{more}"


def _piece_tokens(piece: str) -> int:
    if not piece.isascii():
        return -(-len(piece.encode("utf-8", "replace")) // 2)
    if _ODD_WORD.search(piece):
        return -(-2 * len(piece) // 3)
    return 1 if len(piece) <= _SHORT_WORD else -(-len(piece) // 3)


def _fitting(parts: Sequence[str], budget: int) -> int:
    """Count the first parts that fit a budget together."""
    total = 0
    for number, part in enumerate(parts):
        total += estimated_tokens(part)
        if total > budget:
            return number
    return len(parts)
