"""Native Instruments' stem files: an MP4 whose first stream is the mix and whose other streams are its stems.

Their names and taking the streams out unchanged belongs here; files of one stream are read by `decode`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from flamingo_bark_assets.audio.container import codec_failures, open_container
from flamingo_bark_assets.audio.mp4_boxes import read_box
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.text import printable

_MOST_STEMS = 32
_MAX_ATOM_BYTES = 1024 * 1024
_MAX_NAME = 60
EXTRACTED_SUFFIX = ".m4a"


def read_stem_names(path: Path) -> tuple[str | None, ...]:
    """Return the names of the stems in the order of their streams; None for a stem without a name.

    The box ``moov/udta/stem`` holds them as JSON: ``{"stems": [{"name": "Drums", "color": "#..."}, ...]}``.

    Raises:
        AudioFault: the file is no MP4 of several streams of sound.
        LibraryError: it cannot be opened.
    """
    with open_regular(path) as file:
        atom = read_box(file, (b"moov", b"udta", b"stem"), max_bytes=_MAX_ATOM_BYTES) or b""
        file.seek(0)
        try:
            with open_container(file) as container:
                streams = len(container.streams.audio)
        except codec_failures() as error:
            raise AudioFault(path, "the sound cannot be read", "export it again from its source") from error
    if not 2 <= streams <= _MOST_STEMS + 1:
        problem = f"it holds {streams} streams of sound; the mix and 1 to {_MOST_STEMS} stems are read"
        raise AudioFault(path, problem, "export it again from its source")
    said = _names(atom)
    return tuple(said[number] if number < len(said) else None for number in range(streams - 1))


def extract_stem(path: Path, number: int, target: Path) -> None:
    """Write one stem as an MP4 of its own; its packets are copied as they are.

    Args:
        path: the stem file.
        number: of the stem, from 0.
        target: the file that is written.

    Raises:
        AudioFault: the stream cannot be copied.
        LibraryError: the file cannot be opened.
        OSError: `target` cannot be written.
    """
    import av

    with open_regular(path) as file, target.open("xb") as written:
        try:
            with open_container(file) as container, av.open(written, "w", format="ipod") as output:
                source = container.streams.audio[number + 1]
                stream = output.add_stream_from_template(source)
                for packet in container.demux(source):
                    if packet.dts is None:  # the mark of the end, which holds no sound
                        continue
                    packet.stream = stream
                    output.mux(packet)
        except codec_failures() as error:
            if isinstance(error, OSError) and error.errno and error.strerror == os.strerror(error.errno):
                raise
            problem = f"its stem {number + 1} cannot be taken out"
            raise AudioFault(path, problem, "export it again from its source") from error


def _names(atom: bytes) -> list[str | None]:
    try:
        said = json.loads(atom.decode("utf-8"))
        stems = said["stems"]
        names = [stem.get("name") if isinstance(stem, dict) else None for stem in stems]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [(" ".join(printable(n).split())[:_MAX_NAME] or None) if isinstance(n, str) else None for n in names]
