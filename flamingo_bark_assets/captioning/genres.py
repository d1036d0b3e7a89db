"""Which genres a reply names: known names only, from the sentence that says what the music is.

Finding names in a list or in prose belongs here; the names stand in `genre_names`, how a reply is cleaned in `answers`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from importlib.resources import files

from flamingo_bark_assets.inference.vocabulary import Vocabulary, load_vocabulary

MAX_LIST_WORDS = 25
"""A longer reply is prose, of which one sentence names the genre."""

_LONGEST_NAME_WORDS = 5
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CLAUSE_BORDER = re.compile(r"[,;:()\[\]\"“”|/\n•·]|\s[-–—]\s|[.!?](?=\s|$)")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?!\s|$)[^.!?\n]+)*")
_NAMING = re.compile(
    r"\b(?:piece|track|song|tune|composition|anthem|ballad|cut|instrumental|number|production|recording|banger|"
    r"arrangement|performance|work|record|music|genres?|subgenres?|styles?|fusion|hybrid|rooted|steeped|influences?|"
    r"influenced|blend(?:s|ed|ing)?|fus(?:e|es|ed|ing)|merg(?:e|es|ed|ing)|mix(?:es|ed|ing)?|combin(?:e|es|ed|ing)|"
    r"marr(?:y|ies|ied)|joins?|draws?|leans?|falls? (?:within|under|into))\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|not|without|neither|nor|never|isn['’]t|rather than|instead of|unlike|lacks?|lacking|absence of|far from)"
    r"(?:\s+\S+){0,4}\s*$",
    re.IGNORECASE,
)
# 'Ambient pads' and 'trap hi-hats' name a sound, not the genre of the music.
_SOUND = re.compile(
    r"\s+(?:\w+[- ])?(?:pads?|drums?|guitars?|strings?|textures?|synths?|synthesi[sz]ers?|bass(?:line)?s?|leads?|"
    r"kicks?|snares?|hats?|hi-hats?|vocals?|choirs?|percussion|riffs?|chords?|pianos?|organs?|brass|horns?|swells?|"
    r"atmospheres?|soundscapes?|noises?|licks?|feel|effects?|sounds?|melod(?:y|ies)|harmon(?:y|ies)|timbres?|samples?|"
    r"instrumentation|instruments?|rhythms?|phrasing|tones?|sections?|intro|outro|breaks?|stabs?|plucks?|arps?)\b",
    re.IGNORECASE,
)
# Common words: in prose they name a genre only where a word for music, or another genre, stands beside them.
_COMMON = frozenset(
    [
        "acid", "acoustic", "alte", "anime", "axe", "banda", "boogie", "celtic", "chamber",
        "cinematic", "comedy", "corporate", "dance", "drill", "drone", "dub", "electro", "electronic",
        "emo", "experimental", "filmi", "folk", "glitch", "goa", "gospel", "grime", "house",
        "impressionist", "industrial", "instrumental", "jungle", "latin", "leftfield", "lied", "lounge", "march",
        "meditation", "meditative", "metal", "minimalism", "noise", "opera", "orchestral", "psychedelic", "punk",
        "rage", "rave", "renaissance", "riddim", "romantic", "sonata", "soul", "swing", "symphony",
        "trap", "tropical", "waltz", "wave", "worship",
    ]
)  # fmt: skip
_MUSIC_BEHIND = re.compile(
    r"[\s-]+(?:\w+\s+)?(?:piece|track|song|tune|composition|anthem|ballad|cut|instrumental|number|production|recording|"
    r"banger|arrangement|performance|record|music|genres?|style|groove|beat|tradition|scene|idiom)\b",
    re.IGNORECASE,
)
_MUSIC_BEFORE = re.compile(
    r"(?:\bgenres?\b.{0,40}|\b(?:elements|influences|hints?|touch(?:es)?|blends?|fusion|mix(?:es)?|leads|sound|spirit|"
    r"tradition|world|style) of\s(?:\w+\s){0,3}|\b(?:with|and|in|of|to|into)\s)$",
    re.IGNORECASE,
)
# 'Jazz-inspired' tells of jazz, 'rock-solid' not of rock.
_LIKE = re.compile(r"-(?!inspired|influenced|tinged|infused|based|style|styled|flavou?red|leaning|oriented|driven)\w")


def named_genres(text: str, known: Vocabulary | None = None, *, is_list: bool = False) -> list[str]:
    """Return the genres that a plain reply names, by their known names, in its order; empty where it names none.

    A list, or a reply of at most `MAX_LIST_WORDS` words, is read whole; of prose the first sentence is read that names
    a genre: what the piece is, or what it blends. `known` are the terms that are accepted besides the shipped names;
    `is_list` says that the reply is a list, however long.
    """
    names = _names(known.labels if known is not None else ())
    if is_list or len(_WORD.findall(text)) <= MAX_LIST_WORDS:
        return list(dict.fromkeys(_found(text, names, is_prose=False)))
    for sentence in _SENTENCE.findall(text):
        if _NAMING.search(sentence) and (found := list(dict.fromkeys(_found(sentence, names, is_prose=True)))):
            return found
    return []


def genre_spellings(known: Vocabulary | None = None) -> frozenset[str]:
    """Return how known genres are spelled, by `spelled`; `known` are accepted besides the shipped names."""
    return frozenset(_names(known.labels if known is not None else ()))


def spelled(name: str) -> str:
    """Return a name as it is looked up: without case, accents, spaces and punctuation; '&' and 'n' are 'and'."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return "".join("and" if word in {"n", "'n'"} else word for word in re.findall(r"[^\W_]+", plain))


def is_denied(before: str) -> bool:
    """Tell whether a term is denied by what stands before it in its clause: 'without any'."""
    return _DENIED.search(before) is not None


def names_a_sound(behind: str) -> bool:
    """Tell whether what stands behind a term makes it tell of a sound, not of the music: 'ambient pads'."""
    return _SOUND.match(behind) is not None and _MUSIC_BEHIND.match(behind) is None


def clauses(text: str) -> Iterator[str]:
    """Give the clauses of a text."""
    start = 0
    for border in [*_CLAUSE_BORDER.finditer(text), None]:
        yield text[start : border.start() if border else len(text)]
        start = border.end() if border else len(text)


def _found(text: str, names: dict[str, str], *, is_prose: bool) -> Iterator[str]:
    for clause in clauses(text):
        yield from _in_clause(clause, names, is_prose=is_prose)


def _in_clause(clause: str, names: dict[str, str], *, is_prose: bool) -> Iterator[str]:
    words = list(_WORD.finditer(clause))
    i = 0
    while i < len(words):
        count, name = _longest(clause, words[i:], names)
        if name is None:
            i += 1
            continue
        start, end = words[i].start(), words[i + count - 1].end()
        i += count
        if is_denied(clause[:start]):
            continue
        if _LIKE.match(clause[end:]) and not (i < len(words) and _longest(clause, words[i:], names)[1]):
            continue
        if names_a_sound(clause[end:]):
            continue
        if is_prose and name in _COMMON and not _stands_for_music(clause, start, end):
            continue
        yield name


def _stands_for_music(clause: str, start: int, end: int) -> bool:
    return bool(_MUSIC_BEHIND.match(clause[end:]) or _MUSIC_BEFORE.search(clause[:start]))


def _longest(clause: str, words: Sequence[re.Match[str]], names: dict[str, str]) -> tuple[int, str | None]:
    """Return the longest known name that begins with the first word, and how many words it takes."""
    for count in range(min(_LONGEST_NAME_WORDS, len(words)), 0, -1):
        name = names.get(spelled(clause[words[0].start() : words[count - 1].end()]))
        if name is not None:
            return count, name
    return 1, None


@functools.lru_cache(maxsize=8)
def _names(extra: tuple[str, ...]) -> dict[str, str]:
    """Return the accepted name by each of its spellings."""
    found: dict[str, str] = {}
    for name in (*extra, *load_vocabulary("genre").labels):
        found.setdefault(spelled(name), name)
    spoken = files("flamingo_bark_assets.genre_names").joinpath("spoken.txt").read_text(encoding="utf-8")
    for line in spoken.splitlines():
        name, _, others = line.partition(":")
        if name.strip() and not line.startswith("#"):
            kept = found.setdefault(spelled(name), name.strip())
            for other in others.split(","):
                if other.strip():
                    found.setdefault(spelled(other), kept)
    return found
