"""Which kind of stem a file's name says: how names are taken apart.

The words of each kind stand in `parts`; files do not belong here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flamingo_bark_assets.library.ids import latin
from flamingo_bark_assets.parts import ANY_KIND, KINDS, STEM_KINDS, StemKind

# Words that go with a stem's name and say no kind, in any language.
_NEUTRAL_WORDS = (
    "stem stems track tracks trk audio main lead ld lds back backing bkg bg rhythm rhy rhythmic electric elec el "
    "acoustic ac acou clean dist distorted dry wet fx left right l r mono stereo st room rm top btm bottom in out "
    "inside outside close far mic mics mid di amp cab take dub dbl double triple high hi low lo male female solo bus "
    "grp group sum mix all comp edit ed floor rack loop loops hook verse alt new final master raw processed the "
    "and of a und y et e i og en bearbeitet spur spuren piste pistas pista traccia sciezka дорожка трек "
    "elektrisch akustisch electrique acoustique electrica acustica elettrica elektryczna akustyczna электро "
    "by split stack stacks w with トラック 音源 リード メイン サブ 音轨 音軌 分轨 分軌 主 电 木 트랙 리드 메인"
)
_NEUTRAL = frozenset(latin(word) for word in _NEUTRAL_WORDS.split())
# Words of the names of separation models, which separators write behind or before the kind. Such names hold words of
# kinds ("Kim_Vocal_2", "vocals_mel_band_roformer") that say what a model was trained for, not what a file holds.
_MODEL_NAMES = (
    "uvr mdx mdxnet mdxc mdx23c htdemucs hdemucs demucs kim roformer bsroformer melband melbandroformer mel scnet "
    "bandit spleeter openunmix umx umxhq umxl kuielab viperx aufr becruily gabox anvuew foxjoy syhft instvoc "
    "lalal lalalai moises tfc tdf"
)
_MODEL_WORDS = frozenset(_MODEL_NAMES.split())
_MODEL_START = re.compile(r"(?<![^\W\d_])(?:bs|model)(?=[\W_]*(?:mel|bs)?[\W_]*roformer)", re.IGNORECASE)
_KIND_OF_WORD: dict[str, StemKind] = {
    latin(word): kind for kind, facts in KINDS.items() for word in facts.words.split()
}
_KIND_OF_WEAK: dict[str, StemKind] = {
    latin(word): kind for kind, facts in KINDS.items() for word in facts.weak_words.split()
}
_KIND_OF_PAIR: dict[tuple[str, ...], StemKind] = {
    tuple(latin(pair).split()): kind for kind, facts in KINDS.items() for pair in facts.pairs
}


def _add_instruments() -> None:
    """Let the name of each instrument say its kind too: one word as a weak word, two as a pair."""
    for kind, facts in KINDS.items():
        for name in (name.strip() for names in facts.instruments for name in names.split(",")):
            words = tuple(latin(name).split())
            if not all(word.isalpha() and not word.endswith("ing") for word in words):
                continue  # "Drumming" is a title
            if len(words) == 1 and words[0] not in _KIND_OF_WORD and words[0] not in _NEUTRAL:
                for form in (words[0], f"{words[0]}s"):
                    _KIND_OF_WEAK.setdefault(form, kind)
            elif len(words) == 2 and not set(words) & _NEUTRAL:
                _KIND_OF_PAIR.setdefault(words, kind)


_add_instruments()
_NEGATION_WORDS = "no non not without minus sans ohne sin senza sem bez без zonder utan uten uden ilman χωρις ללא بدون"
_NEGATIONS = frozenset(_NEGATION_WORDS.split())
_SHORTEST_JOINED = 3
_LONGEST_JOINED = 40
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")
_BRACKETED = re.compile(r"[(\[{（【［「『〔]([^()\[\]{}（）【】［］「」『』〔〕]+)[)\]}）】］」』〕]")
# What a separation service writes last: "Song-vocals-E minor-120bpm-440hz".
_MEASURED_END = re.compile(r"-[A-G][b#♭♯]?[ _](?:major|minor)-\d+ ?bpm(?:-\d+ ?hz)?\s*$", re.IGNORECASE)
_PART_BORDER = re.compile(r"\s-\s*|\s*[–—]\s*|_")


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says: kinds, and sums of several that are no kind, each with the word that says it."""

    kinds: dict[StemKind, str]
    sums: dict[str, str]

    @property
    def whole_kinds(self) -> tuple[StemKind, ...]:
        """The kinds, sorted; those that are part of the same one are that one together."""
        wholes = {KINDS[kind].part_of or kind for kind in self.kinds}
        return tuple(sorted(wholes if len(wholes) == 1 < len(self.kinds) else self.kinds))

    @property
    def is_clear(self) -> bool:
        """Whether exactly one thing is said."""
        return len(self.whole_kinds) + len(self.sums) == 1

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is said."""
        return not self.kinds and not self.sums

    def joined(self, other: _Said) -> _Said:
        """Put together what two texts say."""
        return _Said({**self.kinds, **other.kinds}, {**self.sums, **other.sums})

    def readings(self) -> str:
        """List what is said, each with the word that says it."""
        whole = self.whole_kinds
        words: dict[str, str] = {kind: word for kind, word in self.kinds.items() if kind in whole}
        return ", ".join(f"{what} (by {word!r})" for what, word in sorted({**words, **self.sums}.items()))


_NOTHING = _Said({}, {})


def kinds_in(name: str, *, titles: Iterable[str] = (), beside: Sequence[str] = ()) -> tuple[StemKind, ...]:
    """Find the kinds that a stem's file name says.

    Where a title goes before the stem's name, only the latter counts: what stands in brackets ("All About That
    Bass_(Drums)"), or behind the last dash or underscore ("Beat It - Bass"), if it is made of stems' words alone. Each
    kind is given once, sorted. A word that is negated ("no drums") says none. Kinds that are part of the same one are
    that one together ("Piano+Strings"); "no vocals" says the instrumental. The name, without its ending, keeps its
    letters' case ("01 - LeadVocals").

    Args:
        name: the name.
        titles: names of the song or of who plays it, which say no kind.
        beside: names of all stems of the song: the words with which all of them begin are those of a title.
    """
    return _read(name, tuple(titles), beside).whole_kinds


def only_kind(
    name: str, *, titles: Iterable[str] = (), beside: Sequence[str] = ()
) -> tuple[StemKind | None, str | None]:
    """Find the one kind that a stem's file name says, and what keeps the file from being used as it, in one clause.

    A file of all but some other kind ("no_drums") is a sum that is no kind, and not used as one of those in it. The
    arguments are those of `kinds_in`.
    """
    said = _read(name, tuple(titles), beside)
    if said.is_nothing:
        return None, f"its name says no kind of stem; put one of {', '.join(STEM_KINDS)} into it"
    if not said.is_clear:
        kinds = ", ".join(sorted([*said.whole_kinds, *said.sums]))
        return None, f"its name says more than one kind: {kinds}; it can be read as {said.readings()}; leave one"
    if said.sums:
        ((what, word),) = said.sums.items()
        return None, (
            f"its name says {what} (by {word!r}), a sum of several kinds, which cannot be measured or described as one "
            f"of them; put its single stems beside it, or name it {ANY_KIND} if it is that alone"
        )
    return said.whole_kinds[0], None


def _read(name: str, titles: Sequence[str], beside: Sequence[str]) -> _Said:
    known = [words for title in titles if (words := _plain_words(title))]
    sure = [words for words in known if not _known(words)]
    shared = _shared_words(beside)
    rest = name
    for words in sure:
        rest = _without(rest, words) or rest
    said = _said_by(rest)
    # What all names begin with, but for stems' words at its end: of "Song bass drum" and "Song bass amp" only "Song".
    own_part = _said_by(_without(name, _without_known_end(shared)))
    if not own_part.is_nothing:
        said = own_part
    if said.is_clear:
        return said
    for words in [*(words for words in known if words not in sure), shared]:
        looser = _said_by(_without(name, words, anywhere=False))
        if looser.is_clear:
            return looser
    return said


def _plain_words(text: str) -> list[str]:
    return _WORD.findall(latin(text))


def _shared_words(names: Sequence[str]) -> list[str]:
    """Return the words with which all of several names begin."""
    if len(set(names)) < 2:
        return []
    shared: list[str] = []
    for words in zip(*(_plain_words(name) for name in names), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return shared


def _without_known_end(words: Sequence[str]) -> Sequence[str]:
    end = len(words)
    while end:
        if _is_pair(words[max(0, end - 2) : end]):
            end -= 2
        elif _is_known(words[end - 1]):
            end -= 1
        else:
            break
    return words[:end]


def _is_pair(words: Sequence[str]) -> bool:
    return tuple(words) in _KIND_OF_PAIR


def _without(name: str, words: Sequence[str], *, anywhere: bool = True) -> str:
    """Leave a sequence of words out of a name; '' where no other word is left, or where the name has it not."""
    found = list(_WORD.finditer(name))
    plain = [latin(word[0]) for word in found]
    length = len(words)
    if not length:
        return ""
    for at in range(len(plain) - length + 1 if anywhere else min(1, len(plain) - length + 1)):
        if plain[at : at + length] == list(words):
            rest = f"{name[: found[at].start()]} - {name[found[at + length - 1].end() :]}"
            return rest if _WORD.search(rest) else ""
    return ""


def _said_by(name: str) -> _Said:
    """Find what a name says, by the part of it that decides."""
    brackets = [match for match in _BRACKETED.finditer(name) if is_stem_name(match[1])]
    if brackets:
        said, behind = _clear_or_all(brackets[-1][1]), name[brackets[-1].end() :]
        if is_stem_name(behind) and not _MODEL_WORDS & set(_plain_words(behind)):
            return said.joined(_clear_or_all(behind))
        return said
    before, behind = _around_model(_MEASURED_END.sub("", name))
    said = _said_by_parts(before)
    return said if not said.is_nothing else _said_by_parts(behind)


def _said_by_parts(name: str) -> _Said:
    parts = [part for part in _PART_BORDER.split(name) if _WORD.search(part)]
    known = [_known(_words(part)) for part in parts]
    start = len(parts)
    while start and known[start - 1]:
        start -= 1
    if 0 < start < len(parts):
        # Behind the title: all parts of stems' words together ("Song_Bass_Guitar"), or else the last that says a kind.
        for tail in (" ".join(parts[start:]), *reversed(parts[start:])):
            if (said := _clear_or_all(tail)).is_clear:
                return said
    elif start == len(parts) > 1 and sum(known) == 1 and known[0] and is_stem_name(parts[0]):
        return _clear_or_all(parts[0])
    words = _words(name)
    run = words[len(_without_known_end(words)) :]
    if len(run) < len(words) and (said := _kinds_of(run, weak_count=False)).is_clear:
        return said
    return _clear_or_all(name)


def _around_model(name: str) -> tuple[str, str]:
    """Part a name at the first word of a separation model's name, which belongs to neither side."""
    for match in _WORD.finditer(name):
        start = _MODEL_START.search(name)
        if latin(match[0]) in _MODEL_WORDS or (start and start.start() == match.start()):
            return name[: match.start()], name[match.end() :]
    return name, ""


def is_stem_name(text: str) -> bool:
    """Return whether a text says a kind and holds no word that is not of stems' names."""
    return _known(_words(text)) and not _clear_or_all(text).is_nothing


def _clear_or_all(name: str) -> _Said:
    """Return what a text says, whether its capitals part words or not."""
    return _kinds_of(_plain_words(name)).joined(_kinds_of(_words(name)))


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, also where only capitals part them or they are written as one."""
    words = _WORD.findall(latin(_HUMP.sub(" ", name)))
    return [part for word in words for part in _taken_apart(word) or (word,)]


@functools.lru_cache(maxsize=1024)
def _taken_apart(word: str) -> tuple[str, ...]:
    """Find the known words that a word is joined of, as "electricguitar"; empty where it is known itself or is not."""
    # Scripts without spaces have words of one letter.
    shortest = _SHORTEST_JOINED if word.isascii() else 1
    if _is_known(word) or not 2 * shortest <= len(word) <= _LONGEST_JOINED:
        return ()
    for end in range(len(word) - shortest, shortest - 1, -1):
        first, rest = word[:end], word[end:]
        if _is_known(first) and (parts := (rest,) if _is_known(rest) else _taken_apart(rest)):
            return (first, *parts)
    return ()


def _is_known(word: str) -> bool:
    return word in _KIND_OF_WORD or word in _NEUTRAL or word in _KIND_OF_WEAK or word in _NEGATIONS


def _known(words: Sequence[str]) -> bool:
    return bool(words) and not _without_known_end(words)


def _kinds_of(words: Sequence[str], *, weak_count: bool | None = None) -> _Said:
    kinds: dict[StemKind, str] = {}
    sums: dict[str, str] = {}
    used = False
    if weak_count is None:
        weak_count = _known(words)
    for word, following in pairwise([*words, ""]):
        pair = (word, following)
        if used:
            used = False
        elif kind := _KIND_OF_PAIR.get(pair):
            kinds[kind] = " ".join(pair)
            used = True
        elif word in _NEGATIONS and (
            kind := _KIND_OF_WORD.get(following) or (_KIND_OF_WEAK.get(following) if weak_count else None)
        ):
            if kind == "vocals":
                kinds["instrumental"] = " ".join(pair)
            else:
                sums[f"all but the {KINDS[kind].noun}"] = " ".join(pair)
            used = True
        elif (kind := _KIND_OF_WORD.get(word)) or (weak_count and (kind := _KIND_OF_WEAK.get(word))):
            kinds[kind] = word
    return _Said(kinds, sums)
