"""The song file itself: what it is, who made it, and what the medium did to it.

What makes `raw_song` belongs here; the meaning of the music does not.
"""

from __future__ import annotations

import dataclasses

from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.record import Measurement

SONG_TOML = "song.toml"
FILE_TAGS = "file tags"


def describe_song(
    files: SongFiles, decoded: Decoded, quality: TechnicalQuality, *, fingerprint: str, content_sha256: str
) -> RawSong:
    """Describe a decoded song file: what it is, who made it, and its technical quality.

    Args:
        files: the song's files; its mix is the file that was decoded.
        decoded: the mix in memory.
        quality: its technical quality.
        fingerprint: digest over all files of the song.
        content_sha256: of the mix file.

    Returns:
        The record; what song.toml says goes before the file's own tags, field by field.
    """
    tags = read_tags(files.mix) if files.mix is not None else Tags()
    info = files.info
    return RawSong(
        song_id=files.song_id,
        fingerprint=fingerprint,
        file_name=files.mix.name if files.mix is not None else None,
        content_sha256=content_sha256,
        size_bytes=_size_bytes(files),
        file_format=decoded.file_format,
        title=info.title or tags.title,
        artist=info.artist or tags.artist,
        genre_tags="; ".join(info.genres or tags.genres) or None,
        tags_source=_tags_source(info, tags),
        licence=info.licence,
        attribution=info.attribution,
        lyrics=info.lyrics,
        duration_s=Measurement.of(decoded.signal.duration_s, method="decoded-samples"),
        declared_duration_s=_declared(decoded),
        sample_rate_hz=Measurement.of(decoded.signal.sample_rate_hz, method="decoded-samples"),
        channels=Measurement.of(decoded.signal.channels, method="decoded-samples"),
        **{field.name: getattr(quality, field.name) for field in dataclasses.fields(quality)},
    )


def _size_bytes(files: SongFiles) -> int | None:
    try:
        return files.mix.stat().st_size if files.mix is not None else None
    except OSError:
        return None


def _declared(decoded: Decoded) -> Measurement[float]:
    if decoded.declared_duration_s is None:
        return Measurement.unknown(f"{decoded.file_format} declares no length", method="file-header")
    return Measurement.of(decoded.declared_duration_s, method="file-header")


def _tags_source(info: SongInfo, tags: Tags) -> str | None:
    """Name the sources that title, artist and genres really came from."""
    pairs = ((info.title, tags.title), (info.artist, tags.artist), (info.genres, tags.genres))
    from_info = any(own for own, _ in pairs)
    from_file = any(tag and not own for own, tag in pairs)
    return " and ".join([SONG_TOML] * from_info + [FILE_TAGS] * from_file) or None
