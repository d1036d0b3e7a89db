"""What is said about a song, not measured of it: title, artist, genre, licence, lyrics, from song.toml and file tags.

The `song_metadata` result and its making belong here; what the sound itself tells stands in `raw_song`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flamingo_bark_assets.record import Record, column, optional_column

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.tags import Tags
    from flamingo_bark_assets.library.layout import SongFiles
    from flamingo_bark_assets.library.song_toml import SongInfo

FILE_TAGS = "file tags"


@dataclass(frozen=True, kw_only=True)
class SongMetadata(Record):
    """What the song's owner and the tags of its file say about it."""

    TABLE: ClassVar[str] = "song_metadata"

    title: str | None = optional_column("Title.")
    artist: str | None = optional_column("Artist.")
    genre_tags: str | None = optional_column("Genre tags, joined by '; ', as the file or its owner gives them.")
    tags_source: str | None = optional_column("Where title, artist and genre come from: song.toml, file tags.")
    licence: str | None = optional_column("Licence of the recording, as its owner states it.")
    attribution: str | None = optional_column("Credit line.")
    lyrics: str | None = optional_column("Words that are sung, as the owner gives them.")
    lyrics_source: str | None = optional_column("Where the words come from: song.toml, file tags; null without.")
    language: str | None = optional_column("Language of the words, as the owner states it: ISO 639-1 code.")
    edits_digest: str = column("Digest of the hand edits in song.toml; empty without any.")
    warnings: str | None = optional_column("Keys of song.toml that are not understood, joined by '; '.")


def describe_metadata(files: SongFiles) -> SongMetadata:
    """Collect what is said about a song; no sample is decoded.

    What song.toml says goes before the file's own tags, field by field. Unusable, with the tags alone, where song.toml
    cannot be read: what its owner wanted to say is then unknown.
    """
    from flamingo_bark_assets.audio.tags import Tags, read_tags
    from flamingo_bark_assets.library.fingerprint import edits_digest
    from flamingo_bark_assets.library.song_toml import SONG_TOML

    tags = read_tags(files.mix) if files.mix is not None else Tags()
    info = files.info
    return SongMetadata(
        song_id=files.song_id,
        unusable=files.info_fault,
        title=info.title or tags.title,
        artist=info.artist or tags.artist,
        genre_tags="; ".join(info.genres or tags.genres) or None,
        tags_source=_tags_source(SONG_TOML, info, tags),
        licence=info.licence,
        attribution=info.attribution,
        lyrics=info.lyrics or tags.lyrics,
        lyrics_source=SONG_TOML if info.lyrics else FILE_TAGS if tags.lyrics else None,
        language=info.language,
        edits_digest=edits_digest(info),
        warnings="; ".join(files.info_warnings) or None,
    )


def _tags_source(own_file: str, info: SongInfo, tags: Tags) -> str | None:
    """Name the sources that title, artist and genres really came from."""
    pairs = ((info.title, tags.title), (info.artist, tags.artist), (info.genres, tags.genres))
    from_info = any(own for own, _ in pairs)
    from_file = any(tag and not own for own, tag in pairs)
    return " and ".join([own_file] * from_info + [FILE_TAGS] * from_file) or None
