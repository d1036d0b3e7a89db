"""Title, artist, genre, lyrics and other fields as the tags inside a sound file give them.

Reading and cleaning tags belongs here; what the user says in song.toml does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, get_args

from flamingo_bark_assets.audio.code_pages import Repair, repair_texts
from flamingo_bark_assets.audio.container import codec_failures, open_container
from flamingo_bark_assets.audio.id3 import id3_genre, id3_timed_lyrics
from flamingo_bark_assets.audio.mp4_boxes import read_box
from flamingo_bark_assets.genre_names.reading import MAX_FIELD_CHARACTERS, read_genre_field, without_markup
from flamingo_bark_assets.record import Row, column, optional_column
from flamingo_bark_assets.text import printable, short_line

MAX_LENGTH = 500
MAX_GENRES = 20
MAX_LYRICS = 50_000

TagField = Literal["title", "artist", "genre"]
_FIELDS: tuple[TagField, ...] = get_args(TagField)
OtherField = Literal["bpm", "key", "language", "album", "track", "date", "licence", "copyright"]
# As ID3, Vorbis comments, MP4 and RIFF name them, through FFmpeg, which gives the names of some in words.
_OTHER_KEYS: dict[str, OtherField] = {
    "bpm": "bpm", "tbpm": "bpm", "tmpo": "bpm", "tempo": "bpm", "key": "key", "tkey": "key", "initialkey": "key",
    "initial_key": "key", "initial key": "key", "language": "language", "tlan": "language", "album": "album",
    "track": "track", "date": "date", "license": "licence", "licence": "licence", "wcop": "licence",
    "copyright": "copyright",
}  # fmt: skip
_MP4_ENDINGS = frozenset({".m4a", ".mp4"})
_MP4_TEMPO = (b"moov", b"udta", b"meta", b"ilst", b"tmpo", b"data")
_MP4_DATA_HEAD = 8  # bytes of type and locale
_MOST_BPM = 1000
_LYRICS_KEYS = frozenset({"lyrics", "unsyncedlyrics", "syncedlyrics"})


@dataclass(frozen=True, kw_only=True)
class TagNote(Row):
    """What was changed or left out of one field of the tags inside the sound file."""

    TABLE: ClassVar[str] = "tag_notes"
    KEY: ClassVar[tuple[str, ...]] = ("field",)

    field: str = column("title, artist or genre.")
    raw: str = column("What the file has, on one line; bytes that are no text are written as escapes.")
    text: str | None = optional_column("What is used of it; null where nothing is.")
    encoding: str | None = optional_column(
        "Encoding that its bytes are of, where that is not the one that the file names; null where it is, or where it "
        "cannot be told."
    )
    encoding_confidence: float | None = optional_column(
        "Share of the weight that this reading has among all encodings, 0 to 1: the weights are chosen, not "
        "calibrated. Null where none was weighed."
    )
    reason: str = column("Why it was changed or left out.")


@dataclass(frozen=True, slots=True)
class OtherTag:
    """A field of the tags beside title, artist, genre and lyrics.

    Attributes:
        key: its name in the file, small letters.
        field: what it is.
        text: what it says: one line of at most 500 characters.
    """

    key: str
    field: OtherField
    text: str


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says about itself.

    Attributes:
        title: None where the file says none.
        artist: None where the file says none.
        genres: each genre once, in the file's order; numbers are names by ID3v1's table.
        lyrics: lines of sung words, plain or LRC; None where the file holds none.
        notes: one a field of which anything was changed or left out.
        others: other fields that are known, each once, sorted by name. They are what somebody says, never measured.
    """

    title: str | None = None
    artist: str | None = None
    genres: tuple[str, ...] = ()
    lyrics: str | None = None
    notes: tuple[TagNote, ...] = ()
    others: tuple[OtherTag, ...] = ()


def read_tags(path: Path) -> Tags:
    """Read the tags of a sound file, which may be anything (ID3, Vorbis comments, MP4 atoms, RIFF INFO, APE, ...).

    They are cleaned: no control characters, at most 500 characters each and 20 genres; lyrics keep
    their lines and have at most 50,000 characters. Letters of old code pages are told where one reading outweighs all
    others, and what names no genre is left out; notes say what was done. Empty where it cannot be read.
    """
    if not path.is_file():
        return Tags()
    try:
        with path.open("rb") as file:
            genre, timed = id3_genre(file), id3_timed_lyrics(file)
            file.seek(0)
            found = _container_metadata(file)
            if path.suffix.lower() in _MP4_ENDINGS and (tempo := _mp4_tempo(file)):
                found.setdefault("tmpo", tempo)
    except codec_failures():
        return Tags()
    raw = {field: found.get(field, "")[:MAX_FIELD_CHARACTERS] for field in _FIELDS}
    if genre is not None:
        raw["genre"] = genre
    repairs = dict(zip(raw, repair_texts(list(raw.values())), strict=True))
    genres = read_genre_field(repairs["genre"].text or "")
    names = tuple(dict.fromkeys(name for name in map(_clean, genres.names) if name))[:MAX_GENRES]
    used = {field: _clean(without_markup(repairs[field].text or "")) for field in _FIELDS}
    used["genre"] = "; ".join(names) or None
    reasons = {"genre": genres.left_out}
    notes = (_note(field, raw[field], used[field], repairs[field], reasons.get(field, ())) for field in _FIELDS)
    lyrics = _lyrics({"lyrics": timed} if timed else found)
    return Tags(
        used["title"], used["artist"], names, lyrics, tuple(note for note in notes if note), _others(found)
    )  # fmt: skip


def _mp4_tempo(file: BinaryIO) -> str | None:
    """Return the tempo in the tags of an MP4, a whole number, which FFmpeg does not hand on."""
    body = read_box(file, _MP4_TEMPO, max_bytes=_MP4_DATA_HEAD + 8)
    number = int.from_bytes(body[_MP4_DATA_HEAD:], "big") if body else 0
    return str(number) if 0 < number < _MOST_BPM else None


def _others(found: Mapping[str, str]) -> tuple[OtherTag, ...]:
    others: dict[OtherField, OtherTag] = {}
    for key in sorted(found):
        field = _OTHER_KEYS.get(key)
        text = _clean(found[key].encode("utf-8", "surrogateescape").decode("utf-8", "replace")) if field else None
        if field is not None and text is not None and not _says_unknown(field, text):
            others.setdefault(field, OtherTag(key, field, text))
    return tuple(others.values())


def _says_unknown(field: OtherField, text: str) -> bool:
    """Tell what programs write where they know nothing: a tempo of 0, the language ``und`` of ISO 639-2."""
    return (field == "bpm" and not text.strip("0.,")) or (field == "language" and text.lower() == "und")


def _note(field: TagField, raw: str, used: str | None, repair: Repair, left_out: tuple[str, ...]) -> TagNote | None:
    reasons = [reason for reason in (repair.reason, *left_out) if reason]
    if repair.encoding is not None:
        reasons.insert(0, f"its bytes are of {repair.encoding}")
    if not reasons:
        return None
    reason = short_line(printable("; ".join(reasons), control=""), MAX_LENGTH)
    shown = _clean(raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")) or ""
    return TagNote(
        field=field, raw=shown, text=used, encoding=repair.encoding, encoding_confidence=repair.confidence,
        reason=reason,
    )  # fmt: skip


def _container_metadata(file: BinaryIO) -> dict[str, str]:
    """Give the metadata of container and first audio stream under lower-case keys."""
    found: dict[str, str] = {}
    with open_container(file, keep_bytes=True) as container:
        sources: list[Mapping[str, str]] = [container.metadata]
        sources += [stream.metadata for stream in container.streams.audio[:1]]
        for metadata in sources:
            for key, value in metadata.items():
                found.setdefault(key.lower(), value)
    return found


def _lyrics(found: Mapping[str, str]) -> str | None:
    """Return the lyrics, which ID3 names with a language: FFmpeg gives USLT as ``lyrics-eng``."""
    named = [key for key in sorted(found) if key in _LYRICS_KEYS or key.startswith("lyrics-")]
    text = next((found[key] for key in named if found[key].strip()), "")[:MAX_LYRICS]
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    lines = (printable(line, control="").rstrip() for line in text.splitlines())
    return "\n".join(lines).strip("\n") or None


def _clean(text: str) -> str | None:
    """Drop control and invisible characters, join white space, cut the length; None where nothing is left."""
    return short_line(printable(text, control=""), MAX_LENGTH).rstrip() or None
