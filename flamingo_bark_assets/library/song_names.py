"""File names taken apart: which song a sound belongs to, and which part of it a name says it is.

Names alone belong here; which files lie beside each other stands in `recognising`, kinds of stems in `stem_kinds`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flamingo_bark_assets.library.ids import latin
from flamingo_bark_assets.library.stem_kinds import is_stem_name

# What people call the file of a whole song, in one word or several.
_MIX_WORDS = (
    "mix mixture master main mixdown song mixed mastered 2mix fullmix fullsong original, full mix, final mix, "
    "stereo mix, main mix, full song, full track, final master, master mix, mix master, 2 mix, original mix, "
    "mix final, master final, stereo master, full mixdown"
)
_ONE_WORD, *_SEVERAL_WORDS = _MIX_WORDS.split(", ")
_MIX_NAMES = frozenset((*_ONE_WORD.split(), *_SEVERAL_WORDS))
# Words that are the last of many titles: "Summer Song" is no mix of "Summer".
_IN_TITLES = frozenset({"song", "original", "original mix"})
_MIX_ENDS = frozenset(name.split()[-1] for name in _MIX_NAMES)
# Names of folders that say nothing about the songs in them.
_PLAIN_WORDS = (
    "audio audios wav wavs flac mp3 mp3s mix mixes mixture mixtures master masters song songs music track tracks data "
    "files stem stems export exports bounce bounces in out input inputs inbox output outputs download downloads train "
    "test home tmp"
)
_PLAIN_FOLDERS = frozenset(_PLAIN_WORDS.split())
_CACHED = 1 << 16  # a name is asked for several times while a tree is recognised
_WORDS = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_BORDERS = " _-–—"
_MARKS = re.compile("[\u0300-\u036f]")
_TRACK = re.compile(r"\d+[\W_]")
# What services and studios write behind the part: tempo and key ("Song-vocals-C major-120bpm-440hz"), their own name.
_MEASURED_END = re.compile(
    r"(?:[ _-]+(?:\d{2,3}(?:\.\d+)? ?bpm|\d{3} ?hz|[A-G][b#♭♯]?[ _]?(?:major|minor|maj|min)"
    r"|(?:split_by_)?lalal(?:ai)?))+",
    re.IGNORECASE,
)
_COPY = re.compile(r"(?P<name>.+?) ?\((?P<number>\d+)\)")
_NUMBERED = re.compile(r"(\d+)_(?=.)")
_BRACKETED = re.compile(r"(?P<base>.*\S)[ _]*[(\[](?P<part>[^()\[\]]+)[)\]](?:_(?P<maker>.+))?")
_SURE_BORDER = re.compile(r"\s+[-–—]\s*|_+|\s*[–—]\s*")
_LOOSE_BORDER = re.compile(r"\s+|-")
_STEMS_FOLDER = re.compile(r"(?P<base>.*?)[\W_]*\b(?:stems?|multi-?tracks?)", re.IGNORECASE)
_STEMS_FOLDER_JOINED = re.compile(r"(?P<base>.*)_(?:stems?|multi-?tracks?)", re.IGNORECASE)
_RAW_FOLDER = re.compile(r"(?P<base>.+)_raw", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Split:
    """One way in which a name can be read as a part of a song.

    Attributes:
        base: what it says before the part: the song's name, as it is written.
        part: what it says the file is.
        sure: whether a bracket, a dash or an underscore parts the two; a space or hyphen may stand in any title.
        maker: what tells several sets of stems of one song apart: the number before and the words behind.
    """

    base: str
    part: str
    sure: bool
    maker: str = ""


def name_key(text: str) -> str:
    """Fold a name to what two spellings of it share: plain small letters and digits, one space between words.

    Marks that make another letter of one outside Latin, Greek and Cyrillic stay; a name of signs alone stays as it is.
    """
    folded = latin(text) if text.isascii() else unicodedata.normalize("NFC", _MARKS.sub("", _decomposed(text)))
    return " ".join(_WORDS.findall(latin(folded) if folded.isascii() else folded)) or text.strip(_BORDERS)


def spelled(text: str) -> str:
    """Return a name as it is written, but for capitals and how a letter is put together: it decides between two."""
    return unicodedata.normalize("NFC", text).casefold().strip()


def beginnings(name: str) -> Iterator[tuple[str, str, bool]]:
    """Give what may be a title before the rest of a name, the rest, and whether a dash or an underscore parts them."""
    for sure, border in ((True, _SURE_BORDER), (False, _LOOSE_BORDER)):
        for found in border.finditer(name):
            base, rest = name[: found.start()].strip(_BORDERS), name[found.end() :].strip(_BORDERS)
            if base and rest and not rest.startswith(("(", "[")):
                yield base, rest, sure


def is_numbered(name: str) -> bool:
    """Tell whether a name begins with a number, as those of an album's tracks do."""
    return _TRACK.match(name) is not None


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def is_mix_word(text: str) -> bool:
    """Tell whether a name says only that the file is the whole song: ``mixture``, ``Full Mix``, ``01 master``."""
    key = name_key(text)
    return key in _MIX_NAMES or re.sub(r"^\d+ ", "", key) in _MIX_NAMES


def is_plain_folder(name: str) -> bool:
    """Tell whether a folder's name says nothing about the song in it."""
    return name_key(name) in _PLAIN_FOLDERS


@functools.lru_cache(maxsize=_CACHED)
def is_part(text: str) -> bool:
    """Tell whether a name says a kind of stem and nothing else: ``drums``, ``01 - Lead Vocals``, ``no_vocals``.

    Before a bracket that says one stands a title, whatever its words: ``Song_(Vocals)``.
    """
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed and is_stem_name(bracketed["part"]) and not is_stem_name(bracketed["base"]):
        return False
    return _may_end_part(text) and is_stem_name(text)


@functools.lru_cache(maxsize=_CACHED)
def stem_splits(name: str) -> tuple[Split, ...]:
    """Return the ways in which a name can be read as a stem of a song, the surest and longest part first."""
    return tuple(_splits(_without_measured_end(name), is_stem_name, _may_end_part))


@functools.lru_cache(maxsize=_CACHED)
def mix_splits(name: str) -> tuple[Split, ...]:
    """Return the ways in which a name can be read as the mix of a song: ``Song - Master``, ``Song_MIX``."""
    return tuple(_splits(name, _is_mix_tail, _may_end_mix))


def stems_folder_base(name: str) -> str | None:
    """Return the song that a folder of stems names: ``Song`` of ``Song Stems``, '' of ``stems``; None of any other."""
    if copy := _COPY.fullmatch(name):  # "Song Stems (1)" goes with "Song (1)".
        base = stems_folder_base(copy["name"])
        return f"{base.strip(_BORDERS)} ({copy['number']})" if base else base
    match = _STEMS_FOLDER_JOINED.fullmatch(name) or _STEMS_FOLDER.fullmatch(name)
    return match["base"] if match else None


def _without_measured_end(name: str) -> str:
    *_, last = [None, *_MEASURED_END.finditer(name)]
    return name[: last.start()] if last is not None and last.end() == len(name) and last.start() else name


def raw_folder_base(name: str) -> str | None:
    """Return the song that a folder of MedleyDB's raw tracks names; None of any other."""
    match = _RAW_FOLDER.fullmatch(name)
    return match["base"] if match else None


def _may_end_part(name: str) -> bool:
    """Tell whether the last words of a name can end that of a stem; of most songs' names they cannot."""
    words = _LETTERS.findall(name)
    return bool(words) and (_goes_with_stems(words[-1]) or _goes_with_stems(" ".join(words[-2:])))


@functools.lru_cache(maxsize=_CACHED)
def _goes_with_stems(words: str) -> bool:
    # Beside a word that says a kind, those of names of stems that say none are told from any others.
    return is_stem_name(f"drums {words}")


def _is_mix_tail(text: str) -> bool:
    return is_mix_word(text) and name_key(text) not in _IN_TITLES


def _may_end_mix(name: str) -> bool:
    words = _WORDS.findall(latin(name))
    return bool(words) and words[-1] in _MIX_ENDS


def _splits(name: str, is_wanted: Callable[[str], bool], may_end: Callable[[str], bool]) -> Iterator[Split]:
    bare, number = name, ""
    if match := _NUMBERED.match(name):  # UVR counts its inputs: "1_Song_(Vocals)".
        bare, number = name[match.end() :], match[1]
    match = _BRACKETED.fullmatch(name)
    if match and is_wanted(match["part"]):
        yield Split(match["base"].strip(_BORDERS), match["part"].strip(), True, match["maker"] or "")
        if number and (inner := _BRACKETED.fullmatch(bare)):
            maker = f"{number} {inner['maker'] or ''}".strip()
            yield Split(inner["base"].strip(_BORDERS), inner["part"].strip(), True, maker)
    if not may_end(name):
        return
    for sure, border in ((True, _SURE_BORDER), (False, _LOOSE_BORDER)):
        for found in border.finditer(name):
            base, part = name[: found.start()], name[found.end() :]
            if _WORDS.search(base) and is_wanted(part):
                yield Split(base.strip(_BORDERS), part.strip(_BORDERS), sure)
                break
