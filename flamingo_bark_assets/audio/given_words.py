"""Words about a song that several sources give, put together: song.toml, sidecars and the tags of its file.

Which source's word holds belongs here; reading the sources does not, and what a captioner says neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flamingo_bark_assets.audio.tags import MAX_GENRES, MAX_LENGTH, Tags
from flamingo_bark_assets.library.sidecar_facts import is_no_words
from flamingo_bark_assets.merging import Merge, WordField, sidecar_first
from flamingo_bark_assets.text import clean_text

if TYPE_CHECKING:
    from flamingo_bark_assets.library.sidecars import Sidecar
    from flamingo_bark_assets.library.song_toml import SongInfo

OWN_FILE, FILE_TAGS = "song.toml", "file_tags"
_LONGEST_TAG = 100  # as in song.toml
_GENRE_BORDER = re.compile(r"[;,/\n]")


@dataclass(frozen=True, slots=True)
class Word:
    """What one source says of one field.

    Attributes:
        text: what it says; genres are joined by '; '.
        source: "song.toml", "file_tags" or "sidecar <name>".
    """

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class GivenWords:
    """What holds of what was given, field by field.

    Attributes:
        words: by field; a field that nobody gives is missing. A caption here is of a sidecar: those of song.toml are
            put in place of any other once captions are made.
        caption_first: whether the given caption goes before a captioning model's.
    """

    words: Mapping[WordField, Word]
    caption_first: bool

    def text(self, field: WordField) -> str | None:
        """Return what holds of a field; None where nobody says."""
        word = self.words.get(field)
        return word.text if word else None

    def source(self, field: WordField) -> str | None:
        """Return who says it."""
        word = self.words.get(field)
        return word.source if word else None


def merge_words(info: SongInfo, tags: Tags, sidecars: Sequence[Sidecar], merge: Merge) -> GivenWords:
    """Put together what is given: song.toml first, then tags and sidecars in the order of the policy.

    Of several sidecars that say something of a field the first counts. Lyrics that are only a mark, such as
    ``[Instrumental]``, are no words.
    """
    from_sidecars: dict[WordField, Word] = {}
    for field, word, _, _ in sidecar_words(sidecars):
        from_sidecars.setdefault(field, word)
    said: dict[WordField, tuple[str | None, str | None]] = {
        "title": (info.title, tags.title),
        "artist": (info.artist, tags.artist),
        "genre": ("; ".join(info.genres), "; ".join(tags.genres)),
        "lyrics": (info.lyrics, tags.lyrics),
        "caption": (None, None),
        "custom_tag": (info.custom_tag, None),
    }
    candidates = {
        field: (_word(own, OWN_FILE), from_sidecars.get(field), _word(tag, FILE_TAGS))
        for field, (own, tag) in said.items()
    }
    found = {field: _first(field, words, merge) for field, words in candidates.items()}
    return GivenWords({field: word for field, word in found.items() if word}, sidecar_first("caption", merge))


def sidecar_words(sidecars: Sequence[Sidecar]) -> Iterator[tuple[WordField, Word, int, int]]:
    """Give each usable word of the sidecars: field, word, number of the sidecar and number of its field."""
    for number, sidecar in enumerate(sidecars):
        for place, said in enumerate(sidecar.said):
            text = ""
            if said.field in {"title", "artist"}:
                text = said.text[:MAX_LENGTH]
            elif said.field == "caption":
                text = clean_text(said.text)
            elif said.field == "custom_tag":
                text = clean_text(said.text)[:_LONGEST_TAG].strip()
            elif said.field == "genre":
                names = (name.strip() for name in _GENRE_BORDER.split(said.text))
                text = "; ".join(list(dict.fromkeys(name[:100] for name in names if name))[:MAX_GENRES])
            elif said.field == "lyrics" and not is_no_words(said.text):
                text = said.text
            if text:
                yield said.field, Word(text, f"sidecar {sidecar.name}"), number, place  # type: ignore[misc]


def _word(text: str | None, source: str) -> Word | None:
    return Word(text, source) if text else None


def _first(field: WordField, words: tuple[Word | None, Word | None, Word | None], merge: Merge) -> Word | None:
    own, sidecar, tag = words
    others = (sidecar, tag) if sidecar_first(field, merge) else (tag, sidecar)
    return next((word for word in (own, *others) if word), None)
