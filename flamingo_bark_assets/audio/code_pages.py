"""Texts of tags whose bytes were taken for Latin-1 and are of another encoding: which one, by chosen weights.

Weighing encodings belongs here; where texts come from does not.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flamingo_bark_assets.genre_names.reading import genres_in_scripts

MIN_CONFIDENCE = 0.95
MAX_CHARACTERS = 4000


def _shares(letters: str, percents: str) -> dict[str, float]:
    return dict(zip(letters, map(float, percents.split()), strict=True))


# Frequencies of letters in percent, rounded, as they are commonly published for Russian and for Greek.
_RUSSIAN = _shares(
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "10.97 8.45 8.01 7.35 6.70 6.26 5.47 4.73 4.54 4.40 3.49 3.21 2.98 2.81 2.62 2.01 1.90 1.74 1.70 1.65 1.59 1.44 "
    "1.21 0.97 0.94 0.73 0.64 0.48 0.36 0.32 0.26 0.04 0.04",
)
_GREEK = _shares(
    "αοιετσνηυρπκμλςωδγχθφβξζψ",
    "12.0 9.8 9.4 8.9 9.1 4.9 7.9 5.3 4.3 5.0 5.02 4.2 4.4 3.3 4.0 1.6 1.7 2.0 1.4 1.3 1.2 0.8 0.6 0.5 0.2",
)
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœ")
_CENTRAL = _WESTERN | frozenset("ąćęłńóśźżčďěňřšťůžľĺŕőűăşţșțđ")
_TURKISH = _WESTERN | frozenset("ğışİ")
# Of texts in another script one in twenty holds Latin letters too; own choice.
_MIXED = math.log(1 / 20)
# Some twenty genres are listed for each script, and half of its tags are one of them; own choice.
_KNOWN_GENRE = math.log(1 / 40)
_MARKS = frozenset("°·’‘“”«»–—…´©®™¡¿ªº•№")
_SIGNS = frozenset("‘’“”–—…°™®©½¼¾×£€¢§†‡•·²³")
_OPENING = frozenset("¿¡ªº°«»©®™")
_CLOSED_BY = {"¿": "?", "¡": "!"}
_NEVER = 1e-9
_RARE = 1e-6


@dataclass(frozen=True, slots=True)
class Repair:
    """What a text is, as far as that is sure.

    Attributes:
        text: the text; None where it cannot be told.
        encoding: the encoding that its bytes are of; None where nothing was changed, or where that cannot be told.
        confidence: share of the weight that the text has among all readings, 0 to 1; None where nothing was weighed.
            The weights are chosen, not calibrated, so that it is no measured probability.
        reason: why it cannot be told, one clause; None where it can.
    """

    text: str | None
    encoding: str | None = None
    confidence: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Encoding:
    """One encoding and how likely texts are in it.

    Attributes:
        name: Python's name of it.
        prior: share of tags that are so; own choice, as nobody has counted.
        weigh: gives the logarithm of the likelihood of a decoded text.
    """

    name: str
    prior: float
    weigh: Callable[[str], float]


def repair_texts(texts: Sequence[str]) -> list[Repair]:
    """Tell what the texts of one file's tags are.

    A text is changed where one encoding has at least 95 % of the weight, and given up where it is not of Latin letters
    and none has. All texts that are no plain Latin are weighed together: they are mostly of one encoding. Bytes that
    were no UTF-8 may stand in the texts as lone surrogates (PEP 383).
    """
    raws = [_bytes_of(text[:MAX_CHARACTERS]) for text in texts]
    doubtful = [raw for raw in raws if raw is not None and not _is_plainly_latin(raw)]
    shared = _best([raw for raw in doubtful if not _is_utf8(raw)])
    repairs = [
        Repair(_without_surrogates(text)) if raw is None else _repaired(text, raw, shared)
        for text, raw in zip(texts, raws, strict=True)
    ]
    return [_again(repair) for repair in repairs]


def _again(repair: Repair) -> Repair:
    """Undo UTF-8 that was taken for Latin-1 twice."""
    if repair.encoding != "utf-8" or repair.text is None or (raw := _bytes_of(repair.text)) is None:
        return repair
    once_more = _repaired(repair.text, raw, None)
    return once_more if once_more.encoding == "utf-8" else repair


def _repaired(text: str, raw: bytes, shared: tuple[str, float] | None) -> Repair:
    if raw.isascii():
        return Repair(text)
    name, confidence = _best([raw]) or ("", 0.0)
    if _has_only_signs(raw):
        name, confidence = "cp1252", _readings([raw])[raw.decode("cp1252")][1]
    if name == "cp1252":
        plain = _decoded(raw, "cp1252") or raw.decode("latin-1")
        if plain == text:
            return Repair(text)
        return Repair(plain, "cp1252", round(confidence, 4))
    if confidence < MIN_CONFIDENCE and shared is not None:
        name, confidence = shared
    found = _decoded(raw, name) if name else None
    if found is None or confidence < MIN_CONFIDENCE:
        told = ", ".join(f"{name}: {reading!r}" for reading, (name, _) in list(_readings([raw]).items())[:2])
        why = f"its letters are of an encoding that cannot be told with certainty (may be {told})"
        return Repair(None, None, confidence or None, why)
    if found == _without_surrogates(text):
        return Repair(found)
    return Repair(found, name, round(confidence, 4))


def _is_plainly_latin(raw: bytes) -> bool:
    """Tell whether Latin is the likeliest reading of bytes; so are those of ASCII."""
    if raw.isascii() or _has_only_signs(raw):
        return True
    best = _best([raw])
    return best is not None and best[0] == "cp1252"


def _has_only_signs(raw: bytes) -> bool:
    """Tell whether all that is not ASCII are signs, as in "80\u2019s": words of other scripts have letters too."""
    text = _decoded(raw, "cp1252")
    return text is not None and all(character in _SIGNS for character in text if not character.isascii())


def _is_utf8(raw: bytes) -> bool:
    """Tell whether bytes are UTF-8 for sure; then they tell nothing of the encoding of other texts."""
    best = _best([raw])
    return best is not None and best[0] == "utf-8" and best[1] >= MIN_CONFIDENCE


def _best(raws: Sequence[bytes]) -> tuple[str, float] | None:
    """Return the likeliest encoding of several byte strings and its share of the weight."""
    return next(iter(_readings(raws).values()), None) if raws else None


@functools.lru_cache(maxsize=256)
def _readings_of(raws: tuple[bytes, ...]) -> tuple[tuple[str, str, float], ...]:
    weights: dict[str, tuple[str, float]] = {}
    for encoding in _ENCODINGS:
        decoded = [_decoded(raw, encoding.name) for raw in raws]
        if None in decoded:
            continue
        whole = "\n".join(str(text) for text in decoded)
        weight = math.log(encoding.prior) + sum(_weighed(encoding, str(text)) for text in decoded)
        name, before = weights.get(whole, (encoding.name, -math.inf))
        weights[whole] = (name, _log_sum(before, weight))
    if not weights:
        return ()
    total = functools.reduce(_log_sum, (weight for _, weight in weights.values()))
    shares = ((text, name, math.exp(weight - total)) for text, (name, weight) in weights.items())
    return tuple(sorted(shares, key=lambda share: -share[2]))


def _readings(raws: Sequence[bytes]) -> dict[str, tuple[str, float]]:
    """Return each reading of byte strings with the first encoding that gives it and its share, likeliest first."""
    return {text: (name, share) for text, name, share in _readings_of(tuple(raws))}


def _weighed(encoding: _Encoding, text: str) -> float:
    weight = encoding.weigh(text)
    return max(weight, _KNOWN_GENRE) if text.strip().casefold() in genres_in_scripts() else weight


def _bytes_of(text: str) -> bytes | None:
    """Return the bytes that a text was, had they been taken for Latin-1; None where it holds other letters."""
    if any("\udc80" <= character <= "\udcff" for character in text):
        return text.encode("utf-8", "surrogateescape")
    data = bytearray()
    for character in text:
        if ord(character) < 256:
            data.append(ord(character))
            continue
        try:
            data += character.encode("cp1252")
        except UnicodeEncodeError:
            return None
    return bytes(data)


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def _log_sum(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _ascii(character: str) -> float:
    return 1 / 40 if character.isalpha() else 1 / 60


def _latin(letters: frozenset[str]) -> Callable[[str], float]:
    def weigh(text: str) -> float:
        total = 0.0
        before = " "
        for character, after in zip(text, f"{text[1:]} ", strict=True):
            if character.isascii():
                chance = _ascii(character)
            elif character in "œŒ" and after.lower() not in "uistd" and letters is not _CENTRAL:
                chance = 1e-7  # As in "œuvre", "œil", "fœtus"; cp1250 has a Polish letter there.
            elif character in "ýÝ" and letters is not _CENTRAL:
                chance = 1 / 4000
            elif character.lower() in letters:
                chance = 1 / 400 if character.islower() else 1 / 3000
                # Two such letters side by side are rare, a capital behind a small letter even more so.
                if not before.isascii() and before.isalpha():
                    chance /= 20
                if character.isupper() and before.islower():
                    chance /= 20
            elif character in _MARKS:
                chance = _RARE if character in _OPENING and before.isalpha() and after.isalpha() else 1 / 3000
                if _CLOSED_BY.get(character, "") not in text:
                    chance = _RARE
            elif character in "ðþÐÞ":
                chance = 1 / 20_000 if character.islower() else 1 / 50_000
            else:
                # "m³", but not "wspó³czesna".
                inside = before.isalpha() and after.isalpha()
                chance = (1e-7 if inside else 1e-5) if character.isprintable() else _NEVER
                if character in "²³" and (before in "mMkK" or before.isdecimal()) and not after.isalpha():
                    chance = 1 / 3000
            total += math.log(chance)
            before = character
        return total

    return weigh


def _alphabet(share_of: Callable[[str], float], script: str) -> Callable[[str], float]:
    """Weigh texts of an alphabet, by the chance of its small letters."""

    def weigh(text: str) -> float:
        total = _MIXED if _has_latin(text) else 0.0
        before = " "
        for character in text:
            if character.isascii():
                chance = _ascii(character)
            elif _is_letter_of(script, character):
                chance = share_of(character.lower())
                if character != character.lower():
                    # Capitals begin a word or follow one another.
                    chance *= 1e-3 if before.islower() else 0.15
                elif before.isupper() and len(before) == 1:
                    chance *= 0.8
            elif character in _MARKS or character == "\xa0":
                chance = 1 / 3000
            else:
                chance = _RARE if character.isprintable() else _NEVER
            mixed = character.isalpha() and before.isalpha() and character.isascii() != before.isascii()
            total += math.log(chance / 1000 if mixed else chance)
            before = character
        return total

    return weigh


@functools.cache
def _is_letter_of(script: str, character: str) -> bool:
    # Thai vowels are marks; in other scripts a mark without its letter is nothing that anyone writes.
    is_letter = character.isalpha() or (script == "THAI" and unicodedata.category(character) == "Mn")
    return is_letter and script in unicodedata.name(character, "")


def _has_latin(text: str) -> bool:
    return any(character.isascii() and character.isalpha() for character in text)


def _even(letters: int, script: str) -> Callable[[str], float]:
    return _alphabet(lambda _: 1 / letters, script)


def _asian(name: str, chance_of: Callable[[bytes], float], *, space: float = 1 / 60) -> Callable[[str], float]:
    def weigh(text: str) -> float:
        total = _MIXED if _has_latin(text) else 0.0
        before = " "
        for character in text:
            if character.isascii():
                chance = space if character == " " else _ascii(character)
            else:
                chance = chance_of(character.encode(name))
            # Small Latin letters stand in words of their own.
            latin = next((c for c in (before, character) if c.isascii()), "")
            mixed = character.isascii() != before.isascii() and latin.isalpha()
            total += math.log(chance * (1e-3 if latin.islower() else 1 / 30) if mixed else chance)
            before = character
        return total

    return weigh


def _japanese(code: bytes) -> float:
    """Weigh a character of Shift JIS: kana, kanji of the first level (2965), all others."""
    lead = code[0]
    if lead in (0x82, 0x83) or code == b"\x81\x5b":
        return 1 / 150 if code[:2] >= b"\x82\x9f" or code == b"\x81\x5b" else 1 / 1000
    if 0x88 <= lead <= 0x97:
        return 1 / 6000
    if lead == 0x81:
        return 1 / 3000
    return _RARE


def _japanese_unix(code: bytes) -> float:
    lead = code[0]
    if lead in (0xA4, 0xA5):
        return 1 / 150
    return 1 / 6000 if 0xB0 <= lead <= 0xCF else 1 / 3000 if lead == 0xA1 else _RARE


def _chinese(code: bytes) -> float:
    """Weigh a character of GBK: hanzi of GB 2312's first level (3755), of its second, all others."""
    lead, trail = code[0], code[-1]
    if trail < 0xA1 or len(code) != 2:
        return _RARE
    if 0xB0 <= lead <= 0xD7:
        return 1 / 3755
    return (
        1e-5 if 0xD8 <= lead <= 0xF7 else 1 / 3000 if lead in (0xA1, 0xA3) else 1e-4 if lead in (0xA4, 0xA5) else _RARE
    )


def _chinese_traditional(code: bytes) -> float:
    """Weigh a character of Big5: hanzi of the first level (5401), of the second, all others."""
    lead = code[0]
    return 1 / 5401 if 0xA4 <= lead <= 0xC6 else 1 / 3000 if 0xA1 <= lead <= 0xA3 else _RARE


def _korean(code: bytes) -> float:
    """Weigh a character of EUC-KR: one of 2350 syllables, all others."""
    lead, trail = code[0], code[-1]
    return 1 / 2350 if 0xB0 <= lead <= 0xC8 and trail >= 0xA1 else 1 / 3000 if lead in (0xA1, 0xA3) else _RARE


def _any_script(text: str) -> float:
    """Weigh a text of UTF-8: other bytes are hardly ever valid in it."""
    total = 0.0
    for character in text:
        letter = character.isalpha()
        chance = (
            _ascii(character) if character.isascii() else 1 / 400 if letter and ord(character) < 0x250 else 1 / 2000
        )
        total += math.log(chance if character.isprintable() or character.isspace() else _NEVER)
    return total


def _russian(letter: str) -> float:
    return _RUSSIAN.get(letter, 0.2 if letter in "іїєґў" else 0.001) / 100


def _greek(letter: str) -> float:
    plain = unicodedata.normalize("NFD", letter)[:1]
    return _GREEK.get(plain, 0.001) / 100 * (0.3 if plain != letter else 1.0)


_CYRILLIC_WEIGHT = _alphabet(_russian, "CYRILLIC")
# The first that gives a reading names it.
_ENCODINGS = (
    _Encoding("cp1252", 0.5, _latin(_WESTERN)),
    _Encoding("latin-1", 0.005, _latin(_WESTERN)),
    _Encoding("utf-8", 0.2, _any_script),
    _Encoding("cp1251", 0.1, _CYRILLIC_WEIGHT),
    _Encoding("koi8-r", 0.01, _CYRILLIC_WEIGHT),
    _Encoding("cp866", 0.005, _CYRILLIC_WEIGHT),
    _Encoding("cp1250", 0.02, _latin(_CENTRAL)),
    _Encoding("cp1254", 0.01, _latin(_TURKISH)),
    _Encoding("cp1253", 0.01, _alphabet(_greek, "GREEK")),
    _Encoding("cp1255", 0.005, _even(27, "HEBREW")),
    _Encoding("cp1256", 0.005, _even(40, "ARABIC")),
    _Encoding("cp874", 0.005, _even(60, "THAI")),
    _Encoding("cp932", 0.05, _asian("cp932", _japanese)),
    _Encoding("euc_jp", 0.005, _asian("euc_jp", _japanese_unix)),
    _Encoding("gbk", 0.05, _asian("gbk", _chinese)),
    _Encoding("euc_kr", 0.04, _asian("euc_kr", _korean, space=1 / 6)),
    _Encoding("big5", 0.03, _asian("big5", _chinese_traditional)),
)
