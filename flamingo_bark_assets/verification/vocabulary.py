"""The spelling of keys, metres, tempos and languages that trainers know.

Words and ranges belong here; whether they are true of a clip stands in `claims`.
"""

from __future__ import annotations

import math
import re

from flamingo_bark_assets.claims.lexicon import words
from flamingo_bark_assets.verification.findings import Findings

_KEY = re.compile(r"[A-G][#b]? (?:major|minor)")
METRES = ("2", "3", "4", "6")
MIN_BPM, MAX_BPM = 30, 300
# ISO 639-1, and Cantonese, which has three letters only.
_LANGUAGES: frozenset[str] = words(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is "
    "it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms "
    "mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk "
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
    "yo yue za zh zu"
)


def check_key(findings: Findings, file: str, row: int | None, value: object, name: str) -> str | None:
    """Check a key in the spelling ``F# minor``; return it where it is one, None where there is none or a finding."""
    if value in {None, ""}:
        return None
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        findings.add("key_spelling", file, row, f"{name}: {value!r}; the trainer knows 'C major' or 'F# minor' and "
                     "drops others")  # fmt: skip
        return None
    return value


def check_metre(findings: Findings, file: str, row: int | None, value: object, name: str) -> str | None:
    """Check a metre in the spelling ``4``; return it where it is one."""
    if value in {None, ""}:
        return None
    if not isinstance(value, str) or value not in METRES:
        findings.add("metre_spelling", file, row, f"{name}: {value!r}; the trainer knows {', '.join(METRES)} as text "
                     "and drops others, '4/4' too")  # fmt: skip
        return None
    return value


def check_bpm(findings: Findings, file: str, row: int | None, value: object, name: str, *, whole: bool) -> float | None:
    """Check a tempo; return it where it is a number in range.

    Args:
        findings: where what is wrong goes.
        file: the file.
        row: its row.
        value: what stands there; None for unknown.
        name: what it is called.
        whole: whether it must be an integer; otherwise whatever reads as a float will do.
    """
    if value is None or value == "":
        return None
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and not whole:
        try:
            number = float(value)
        except ValueError:
            number = None
    if number is None or (whole and not isinstance(value, int)):
        want = "a whole number" if whole else "a number"
        findings.add("bpm", file, row, f"{name}: {value!r} is not {want}; the trainer drops it or stops")
        return None
    if not math.isfinite(number) or not MIN_BPM <= number <= MAX_BPM:
        findings.add("bpm", file, row, f"{name}: {value!r} is not within {MIN_BPM} to {MAX_BPM}")
        return None
    return number


def check_language(findings: Findings, file: str, row: int | None, value: object, name: str) -> None:
    """Check a language: an ISO 639-1 code or ``unknown``."""
    if value != "unknown" and not (isinstance(value, str) and value in _LANGUAGES):
        findings.add("language", file, row, f"{name}: {value!r} is no ISO 639-1 code and not 'unknown'; the trainer "
                     "takes it for unknown, or as a word")  # fmt: skip


def is_language(value: object) -> bool:
    """Tell whether a value is a code of a language: ISO 639-1, or ``und`` and ``zxx`` for none."""
    return isinstance(value, str) and (value in _LANGUAGES or value in {"und", "zxx"})
