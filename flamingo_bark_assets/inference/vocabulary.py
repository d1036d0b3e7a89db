"""The terms that sound is sorted into, genres, moods and instruments: their lists, their table, their spellings.

Reading, matching and comparing labels belongs here; the terms stand in `vocabularies`, and how a model gives them a
probability does not belong here.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from flamingo_bark_assets.errors import ConfigurationError, LibraryError
from flamingo_bark_assets.files.opening import open_regular, shown
from flamingo_bark_assets.parts import ANY_PART
from flamingo_bark_assets.record import Row, column, optional_column
from flamingo_bark_assets.text import printable

VocabularyName = Literal["genre", "mood", "instrument"]
VOCABULARY_NAMES: tuple[VocabularyName, ...] = get_args(VocabularyName)
CLAP_SOURCE = "clap"
TAGGED_SOURCE = "tagged"

MAX_FILE_BYTES = 256 * 1024
MAX_LABELS = 2000
MAX_LABEL_CHARACTERS = 80

# Published with LAION's CLAP (github.com/LAION-AI/CLAP, README): the first for genres of GTZAN, the last for ESC-50.
TEMPLATES: dict[VocabularyName, str] = {
    "genre": "This audio is a {} song.",
    "mood": "This audio is a {} song.",
    "instrument": "This is a sound of {}.",
}

_FOLDER = Path(__file__).parent / "vocabularies"
_MAX_SAID_CHARACTERS = 200
# Letters and digits only: in Python's sense of a word character, the underscore is one.
_WORD = re.compile(r"[^\W_]+")
_GENERIC_WORDS = frozenset(
    {"a", "an", "the", "music", "song", "songs", "track", "tracks", "genre", "genres", "style", "sound", "sounds"}
)
# Names in wide use that no rule of spelling finds, as they are after the rules.
_SAME = {
    "rnb": "randb",
    "rhythmandblue": "randb",
    "dnb": "drumandbass",
    "rap": "hiphop",
    "electronica": "electronic",
    "drumkit": "drum",
    "drumset": "drum",
    "bassdrum": "kickdrum",
    "bassguitar": "electricbass",
    "electricbassguitar": "electricbass",
    "string": "stringsection",
    "brass": "brasssection",
    "malevoice": "malevocal",
    "femalevoice": "femalevocal",
    "voice": "vocal",
    "sax": "saxophone",
    "synth": "synthesizer",
    "synthesiser": "synthesizer",
}


@dataclass(frozen=True, kw_only=True)
class Label(Row):
    """One term for one part of a song, by one source."""

    TABLE: ClassVar[str] = "labels"
    KEY: ClassVar[tuple[str, ...]] = ("part", "vocabulary", "label", "source")

    part: str = column(f"{ANY_PART}.")
    vocabulary: str = column("genre, mood or instrument; of the tagger also voice, era, pace and character.")
    label: str = column("The term.")
    source: str = column("Where the label comes from: clap, tagged (the built-in tagger), or the name of a captioner.")
    probability: float | None = column(
        "0 to 1. Of clap: share of the whole vocabulary, whose terms share 1. Of tagged: how likely the term is right, "
        "whatever the others are. Null where the source gives none."
    )
    rank: int = column("1 for the likeliest term of its vocabulary.")
    model_id: str | None = optional_column("The model that gave the label.")
    revision: str | None = optional_column("Revision of the model.")
    score: float | None = optional_column("Of tagged: what the network itself gives, mean of its windows, 0 to 1.")
    threshold: float | None = optional_column("Of tagged: score from which on the term is told in answers.")
    is_calibrated: bool | None = optional_column(
        "Of tagged: whether sounds of known truth tested this term; if not, its kind's curve gives the probability."
    )
    windows: int | None = optional_column("Of tagged: number of windows of 3 s that were read.")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Terms that exclude each other as answers to one question.

    Attributes:
        name: which question; the column `vocabulary` of the table `labels`.
        labels: the terms, sorted, no two of them one term in different spellings.
        template: the sentence that a term is put into, in place of its ``{}``.
    """

    name: VocabularyName
    labels: tuple[str, ...]
    template: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each term in its sentence, in the order of `labels`."""
        return tuple(self.template.replace("{}", label) for label in self.labels)

    def matching(self, said: str) -> frozenset[str]:
        """Return the terms that a genre, mood or instrument in any spelling means; hostile text is allowed.

        The term that it is in another spelling, and those that are kinds of it, which end in its words: 'Rock music'
        means rock, hard rock and punk rock, 'hiphop' means hip hop. Empty where there is none.
        """
        return _by_ending(self.labels).get(_joined(_words(said)), frozenset())


def load_vocabulary(source: VocabularyName | str | Path, *, name: VocabularyName | None = None) -> Vocabulary:
    """Read a shipped vocabulary, or one of the user's own.

    A file holds one term a line, '#' before comments; by default its name (genre.txt or genres.txt) says what it holds.

    Returns:
        The vocabulary; control and format characters are gone from its terms, white space is single, and of terms
        that differ in spelling only the first is kept.

    Raises:
        ConfigurationError: the file cannot be read, is too large, is not UTF-8 or holds less than 2 or more than
            `MAX_LABELS` terms; a term is too long or has no letter; the name is not usable.
    """
    if isinstance(source, str) and source in VOCABULARY_NAMES:
        kind = source
        path = _FOLDER / f"{kind}s.txt"
    else:
        path = Path(source)
        kind = name or _name_of(path)
    if kind not in VOCABULARY_NAMES:
        raise ConfigurationError(f"{kind!r} is no vocabulary; there are {', '.join(VOCABULARY_NAMES)}")
    return Vocabulary(kind, _labels(path), TEMPLATES[kind])


def agreement(labels: Sequence[Label], said: Sequence[str], vocabulary: Vocabulary) -> float | None:
    """Return how much of CLAP's probability lies on what someone else said.

    `labels` holds all terms of the vocabulary for one part; rows of other sources and vocabularies are left out, and
    where only the first were kept, the result is a lower bound. 0 to 1; None where nothing that was said is in the
    vocabulary, or CLAP gave no label.
    """
    meant = frozenset[str]().union(*(vocabulary.matching(word) for word in said))
    shares = {
        row.label: row.probability
        for row in labels
        if row.source == CLAP_SOURCE and row.vocabulary == vocabulary.name and row.probability is not None
    }
    if not meant or not shares:
        return None
    return min(1.0, math.fsum(share for label, share in shares.items() if label in meant))


def spelling(term: str) -> str:
    """Return a term as vocabularies compare it: without case, accents, spaces, plural and words such as 'music'."""
    return _joined(_words(term))


def _name_of(path: Path) -> VocabularyName:
    for name in VOCABULARY_NAMES:
        if path.stem.casefold() in {name, f"{name}s"}:
            return name
    raise ConfigurationError(
        f"{shown(path.name)}: say whether it holds genres, moods or instruments: give the name, or call it genres.txt"
    )


def _labels(path: Path) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        label = " ".join(printable(line, control="").split())
        if not label or label.startswith("#"):
            continue
        key = _joined(_words(label))
        if len(label) > MAX_LABEL_CHARACTERS or not key:
            raise ConfigurationError(
                f"{shown(path.name)}: line {number}: a term has letters and at most {MAX_LABEL_CHARACTERS} characters"
            )
        kept.setdefault(key, label)
    if not 2 <= len(kept) <= MAX_LABELS:
        raise ConfigurationError(
            f"{shown(path.name)}: has {len(kept)} different terms; a vocabulary has 2 to {MAX_LABELS}"
        )
    return tuple(sorted(kept.values()))


def _read(path: Path) -> str:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (LibraryError, OSError) as error:
        raise ConfigurationError(f"vocabulary {error}; give the path of a text file") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{shown(path.name)}: is larger than {MAX_FILE_BYTES // 1024} kB; shorten it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{shown(path.name)}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _words(text: str) -> tuple[str, ...]:
    """Return the words that tell a term: without case, accents, punctuation, plural, and words such as 'music'."""
    decomposed = unicodedata.normalize("NFKD", text[:_MAX_SAID_CHARACTERS].casefold().replace("&", " and "))
    plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn").replace("'s ", "s ")
    words = ["and" if word == "n" else word for word in _WORD.findall(plain)]
    telling = [word for word in words if word not in _GENERIC_WORDS]
    return tuple(_singular(word) for word in telling)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _joined(words: tuple[str, ...]) -> str:
    # Without spaces: hip hop, hip-hop and hiphop are one.
    joined = "".join(words)
    return _SAME.get(joined, joined)


@functools.lru_cache(maxsize=16)
def _by_ending(labels: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Return labels by each run of words that they end in, the whole label included."""
    found: dict[str, set[str]] = {}
    for label in labels:
        words = _words(label)
        for start in range(len(words)):
            found.setdefault(_joined(words[start:]), set()).add(label)
    return {ending: frozenset(those) for ending, those in found.items()}
