"""Opening a sound file with PyAV (FFmpeg's libraries): only containers of sound, nothing but that one file.

The restrictions on what FFmpeg may open belong here; decoding and tags do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flamingo_bark_assets.audio.tag_fields import refuse_too_many_tag_fields

if TYPE_CHECKING:
    from av.container import InputContainer

# FFmpeg recognises files by content, and playlist formats (HLS, DASH, concat) open the files and URLs that
# they name: a "song.mp3" holding a playlist would read anything. Hence only containers that hold their sound.
SOUND_CONTAINERS = (
    "mp3,mov,mp4,m4a,aac,ac3,eac3,flac,ogg,wav,w64,aiff,caf,matroska,webm,asf,ape,wv,tta,mpc,mpc8,au,amr,dsf"
)


class _Source:
    """A file for PyAV, which prints a traceback for each place before the start that a broken header names."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seekable(self) -> bool:
        """Return that places can be chosen."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; -1, which FFmpeg takes for a failure, where there is none."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def open_container(file: BinaryIO, *, keep_bytes: bool = False) -> InputContainer:
    """Open an already open file as a container of sound.

    The file object, not its name, goes to FFmpeg, so that no name can be taken for a URL or an option. With
    `keep_bytes` bytes of its texts that are not UTF-8 become lone surrogates (PEP 383), else U+FFFD.

    Raises:
        av.FFmpegError: the contents are no known container of sound.
        TooManyTagFields: FFmpeg would take too long over its tags.
    """
    import av
    import av.logging

    at = file.tell()
    refuse_too_many_tag_fields(file)
    file.seek(at)
    av.logging.set_level(av.logging.PANIC)
    return av.open(
        _Source(file),
        "r",
        options={"format_whitelist": SOUND_CONTAINERS, "protocol_whitelist": "none"},
        metadata_errors="surrogateescape" if keep_bytes else "replace",
    )


def codec_failures() -> tuple[type[Exception], ...]:
    """Give the exception classes by which PyAV says that a file's contents are bad."""
    import av

    return (av.FFmpegError, ValueError, OSError, OverflowError, LookupError)


def container_name(container: InputContainer, path: Path) -> str:
    """Give one name for the container: of FFmpeg's several names the one that is the file's ending."""
    names = str(container.format.name).split(",")
    ending = path.suffix.lower().removeprefix(".")
    return ending if ending in names else names[0]
