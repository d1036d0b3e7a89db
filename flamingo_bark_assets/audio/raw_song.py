"""The song file itself: what it is, who made it, and what the medium did to it.

The `raw_song` result belongs here; the meaning of the music does not.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.quality import measure_quality
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.record import Measurement, Record, column, optional_column, quantity

SONG_TOML = "song.toml"
FILE_TAGS = "file tags"


@dataclass(frozen=True, kw_only=True)
class RawSong(Record):
    """What is known of the song file before any music is measured."""

    TABLE: ClassVar[str] = "raw_song"

    fingerprint: str = column("Digest of the names, sizes and contents of all files of the song.")
    stat_signature: str | None = optional_column("Digest of the names, sizes and times of those files.")
    file_name: str | None = optional_column("Name of the mix file in the song's folder.")
    content_sha256: str | None = optional_column("SHA-256 of the mix file, hexadecimal.")
    size_bytes: int | None = optional_column("Size of the mix file.", unit="B")
    file_format: str | None = optional_column("Container and codec as the decoder names them.")
    title: str | None = optional_column("Title.")
    artist: str | None = optional_column("Artist.")
    genre_tags: str | None = optional_column("Genre tags, joined by '; ', as the file or its owner gives them.")
    tags_source: str | None = optional_column("Where title, artist and genre come from: song.toml, file tags.")
    licence: str | None = optional_column("Licence of the recording, as its owner states it.")
    attribution: str | None = optional_column("Credit line.")
    lyrics: str | None = optional_column("Words that are sung, as the owner gives them.")
    duration_s: Measurement[float] = quantity("s", "Decoded length.")
    declared_duration_s: Measurement[float] = quantity("s", "Length that the file's header declares.")
    sample_rate_hz: Measurement[int] = quantity("Hz", "Sample rate of the file.")
    channels: Measurement[int] = quantity("", "Number of channels of the file.")
    peak_dbfs: Measurement[float] = quantity("dBFS", "Largest absolute sample.")
    clipped_fraction: Measurement[float] = quantity("", "Share of samples in flat runs at the clip level.")
    silent_fraction: Measurement[float] = quantity("", "Share of 50 ms frames below -60 dBFS RMS.")
    leading_silence_s: Measurement[float] = quantity("s", "Silence before the first sound.")
    trailing_silence_s: Measurement[float] = quantity("s", "Silence after the last sound.")
    noise_floor_dbfs: Measurement[float] = quantity("dBFS", "RMS of the stationary broadband noise.")
    bandwidth_hz: Measurement[float] = quantity("Hz", "Frequency above which the long-term spectrum vanishes.")
    dc_offset: Measurement[float] = quantity("", "Largest absolute mean of a channel, full scale 1.")
    stereo_correlation: Measurement[float] = quantity("", "Correlation of left and right, -1 to 1.")
    is_mono: Measurement[bool] = quantity("", "Whether all channels carry the same signal.")
    polarity_inverted: Measurement[bool] = quantity("", "Whether one of two channels is in inverted polarity.")


def describe_song(files: SongFiles, decoded: Decoded, *, fingerprint: str, content_sha256: str) -> RawSong:
    """Describe a decoded song file: what it is, who made it, and its technical quality.

    Args:
        files: the song's files; its mix is the file that was decoded.
        decoded: the mix in memory.
        fingerprint: digest over all files of the song.
        content_sha256: of the mix file.

    Returns:
        The record; what song.toml says goes before the file's own tags, field by field.
    """
    tags = read_tags(files.mix) if files.mix is not None else Tags()
    quality = measure_quality(decoded.signal)
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
