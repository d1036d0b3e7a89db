"""What is said about a song, not measured of it: by song.toml, by the tags of its file and by its sidecars.

The `song_metadata` result and its making belong here; what the sound itself tells stands in `raw_song`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flamingo_bark_assets.audio.language_codes import iso_639_1
from flamingo_bark_assets.audio.tags import OtherField, TagNote, Tags, read_tags
from flamingo_bark_assets.merging import Merge
from flamingo_bark_assets.record import Record, Row, column, events, optional_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flamingo_bark_assets.audio.given_words import GivenWords
    from flamingo_bark_assets.library.layout import SongFiles
    from flamingo_bark_assets.library.sidecars import Sidecar
    from flamingo_bark_assets.library.song_toml import SongInfo


@dataclass(frozen=True, kw_only=True)
class SidecarField(Row):
    """One field of a sidecar, a text file beside the song, or of the tags of the song's own file."""

    TABLE: ClassVar[str] = "sidecar_fields"
    KEY: ClassVar[tuple[str, ...]] = ("file", "number")

    file: str = column("Name of the sidecar in the song's folder; file_tags for the tags of the sound file.")
    number: int = column("Number of the field in it, from 0.")
    key: str = column("Name of the field as the sidecar has it.")
    field: str | None = optional_column(
        "What it is: caption, lyrics, genre, bpm, key, signature, is_instrumental, custom_tag, title, artist or "
        "language; of tags also album, track, date, licence or copyright; null where nothing is known of such a key."
    )
    text: str = column("What it says.")
    role: str = column(
        "used: it holds for the song, a caption where no model's or hand edit goes before it; passed_over: another "
        "source goes before it; claim: it is checked against the measurements; kept: no use is known for it."
    )


@dataclass(frozen=True, kw_only=True)
class SongMetadata(Record):
    """What the song's owner, its sidecars and the tags of its file say about it."""

    TABLE: ClassVar[str] = "song_metadata"

    title: str | None = optional_column("Title.")
    artist: str | None = optional_column("Artist.")
    genre_tags: str | None = optional_column("Genre tags, joined by '; ', as the file or its owner gives them.")
    tags_source: str | None = optional_column(
        "Where title, artist and genre come from: song.toml, file tags, sidecar and its name."
    )
    licence: str | None = optional_column("Licence of the recording, as its owner states it, or the tags of its file.")
    attribution: str | None = optional_column("Credit line.")
    lyrics: str | None = optional_column("Words that are sung, as somebody gives them: plain lines or LRC.")
    lyrics_source: str | None = optional_column("Who gives them: song.toml, file_tags or sidecar and its name.")
    genre_source: str | None = optional_column("Who gives the genre tags, in the same words.")
    given_caption: str | None = optional_column("Caption of the song that a sidecar gives; null without one.")
    given_caption_source: str | None = optional_column("The sidecar that gives it, in the same words.")
    given_caption_first: bool | None = optional_column(
        "Whether it goes before a captioning model's; null without one. Hand edits go before both."
    )
    language: str | None = optional_column(
        "Language of the words, as the owner or the file's tags state it: ISO 639-1 code."
    )
    edits_digest: str = column("Digest of the hand edits in song.toml; empty without any.")
    custom_tag: str | None = optional_column("Custom tag of the song; null for that of the library.")
    custom_tag_source: str | None = optional_column("Who gives it, in the same words as for the lyrics.")
    custom_tag_position: str | None = optional_column("prepend, append or replace; null for that of the library.")
    warnings: str | None = optional_column("Keys of song.toml that are not understood, joined by '; '.")
    sidecar_warnings: str | None = optional_column("What of the sidecars cannot be read, joined by '; '.")
    sidecar_fields: tuple[SidecarField, ...] = events("One row a field of a sidecar.")
    tag_notes: tuple[TagNote, ...] = events(
        "One row a field of the file's tags of which anything was changed or left out."
    )


def describe_metadata(files: SongFiles, *, merge: Merge = "fill") -> SongMetadata:
    """Collect what is said about a song; no sample is decoded.

    What song.toml says goes first, field by field; then the file's own tags and the sidecars, in the order of the
    policy `merge`, or of that which song.toml names. Unusable, without the words of song.toml, where that file cannot
    be read: what its owner wanted to say is then unknown.
    """
    from flamingo_bark_assets.audio.given_words import merge_words
    from flamingo_bark_assets.library.fingerprint import edits_digest
    from flamingo_bark_assets.library.sidecars import read_sidecars

    tags = read_tags(files.mix) if files.mix is not None else Tags()
    info = files.info
    sidecars = read_sidecars(files.sidecars, files.song_id)
    words = merge_words(info, tags, sidecars, info.sidecars or merge)
    caption = words.text("caption")
    return SongMetadata(
        song_id=files.song_id,
        unusable=files.info_fault,
        title=words.text("title"),
        artist=words.text("artist"),
        genre_tags=words.text("genre"),
        tags_source=_tags_source(words),
        licence=info.licence or _said_by_tags(tags, "licence"),
        attribution=info.attribution,
        lyrics=words.text("lyrics"),
        lyrics_source=words.source("lyrics"),
        genre_source=words.source("genre"),
        given_caption=caption,
        given_caption_source=words.source("caption"),
        given_caption_first=words.caption_first if caption else None,
        custom_tag=words.text("custom_tag"),
        custom_tag_source=words.source("custom_tag"),
        custom_tag_position=info.custom_tag_position,
        language=info.language or _language(tags),
        edits_digest=edits_digest(info),
        warnings="; ".join(files.info_warnings) or None,
        sidecar_warnings="; ".join(problem for sidecar in sidecars for problem in sidecar.problems) or None,
        sidecar_fields=(*_fields(sidecars, words), *_tag_fields(tags, info)),
        tag_notes=tags.notes,
    )


def _tags_source(words: GivenWords) -> str | None:
    """Name the sources that title, artist and genres really came from."""
    sources = {words.source(field) for field in ("title", "artist", "genre")} - {None}
    shown = {"song.toml": "song.toml", "file_tags": "file tags"}
    named = [name for source, name in shown.items() if source in sources]
    return " and ".join([*named, *sorted(str(source) for source in sources if source not in shown)]) or None


def _said_by_tags(tags: Tags, field: OtherField) -> str | None:
    return next((tag.text for tag in tags.others if tag.field == field), None)


def _language(tags: Tags) -> str | None:
    """Return the language that the tags name, as ISO 639-1 code; what is no code that is known is kept as a field."""
    return iso_639_1(_said_by_tags(tags, "language") or "")


def _tag_fields(tags: Tags, info: SongInfo) -> tuple[SidecarField, ...]:
    """Give the other fields of the tags: tempo and key are claims, which are checked as those of sidecars are."""
    from flamingo_bark_assets.audio.given_words import FILE_TAGS

    used = {"licence"} if info.licence is None else set()
    used |= {"language"} if info.language is None and _language(tags) else set()
    roles = {"bpm": "claim", "key": "claim"} | dict.fromkeys(used, "used")
    return tuple(
        SidecarField(
            file=FILE_TAGS, number=number, key=tag.key, field=tag.field, text=tag.text,
            role=roles.get(tag.field, "passed_over" if tag.field == "licence" else "kept"),
        )
        for number, tag in enumerate(tags.others)
    )  # fmt: skip


def _fields(sidecars: Sequence[Sidecar], words: GivenWords) -> tuple[SidecarField, ...]:
    from flamingo_bark_assets.audio.given_words import sidecar_words
    from flamingo_bark_assets.library.sidecar_facts import FACT_FIELDS, says_instrumental

    roles: dict[tuple[int, int], str] = {}
    used: set[str] = set()
    for field, word, number, place in sidecar_words(sidecars):
        is_used = words.words.get(field) == word and field not in used
        used |= {field} if is_used else set()
        roles[number, place] = "used" if is_used else "passed_over"
    rows = []
    for number, sidecar in enumerate(sidecars):
        for place, said in enumerate(sidecar.said):
            is_claim = said.field in FACT_FIELDS or (said.field == "lyrics" and says_instrumental(said.text))
            role = "claim" if is_claim else roles.get((number, place), "kept")
            row = SidecarField(
                file=sidecar.name, number=place, key=said.key, field=said.field, text=said.text, role=role
            )  # fmt: skip
            rows.append(row)
    return tuple(rows)
