"""The song file itself: its format, and what the medium did to its sound.

What makes `raw_song` belongs here; what is said about the song stands in `song_metadata`.
"""

from __future__ import annotations

import dataclasses

from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.recording import Landmark, RawSong
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.record import Measurement


def describe_song(
    files: SongFiles,
    decoded: Decoded,
    quality: TechnicalQuality,
    landmarks: tuple[Landmark, ...],
    *,
    fingerprint: str,
    content_sha256: str,
) -> RawSong:
    """Describe a decoded song file: its format and its technical quality.

    `fingerprint` digests all sound files of the song, `content_sha256` the mix; `landmarks` are its acoustic
    fingerprint.
    """
    return RawSong(
        song_id=files.song_id,
        fingerprint=fingerprint,
        file_name=files.mix.name if files.mix is not None else None,
        content_sha256=content_sha256,
        size_bytes=_size_bytes(files),
        file_format=decoded.file_format,
        duration_s=Measurement.exact(decoded.signal.duration_s, method="decoded-samples"),
        declared_duration_s=_declared(decoded),
        truncated=decoded.truncated,
        file_notes="; ".join(decoded.notes) or None,
        sample_rate_hz=Measurement.exact(decoded.signal.sample_rate_hz, method="decoded-samples"),
        channels=Measurement.exact(decoded.signal.channels, method="decoded-samples"),
        landmarks=landmarks,
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
    return Measurement.exact(decoded.declared_duration_s, method="file-header")
