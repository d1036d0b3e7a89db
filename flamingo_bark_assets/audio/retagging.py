"""Tempo and key written into the tags of a sound file, whose sound stays bit for bit what it was.

Copying packets into a file with other tags belongs here, with the proof that nothing else changed; which values are
sure enough to be written does not.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from flamingo_bark_assets.audio.container import codec_failures, open_container
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.id3 import id3_frame_names, id3_lists
from flamingo_bark_assets.audio.vorbis_tags import VorbisTags, read_vorbis_tags
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.files.atomic import sync_file, temporary_folder, writes_named

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

TagField = Literal["tempo", "key"]


@dataclass(frozen=True, slots=True)
class _Format:
    """How FFmpeg writes the tags of one container.

    Attributes:
        muxer: its name for the container.
        names: the tag of each field.
        in_stream: whether tags belong to the stream of sound, as in Ogg, or to the file.
        has_id3: whether they are frames of ID3v2.
    """

    muxer: str
    names: Mapping[TagField, str]
    in_stream: bool = False
    has_id3: bool = False


_COMMENTS: Mapping[TagField, str] = {"tempo": "BPM", "key": "INITIALKEY"}  # names as DJ software reads them
_FRAMES: Mapping[TagField, str] = {"tempo": "TBPM", "key": "TKEY"}  # ID3v2, 4.2.1
# FFmpeg has no place for tempo or key in WAV, and loses iTunes' own atoms in MP4.
_FORMATS = {
    "mp3": _Format("mp3", _FRAMES, has_id3=True),
    "aiff": _Format("aiff", _FRAMES, has_id3=True),
    "flac": _Format("flac", _COMMENTS),
    "ogg": _Format("ogg", _COMMENTS, in_stream=True),
}
# FFmpeg begins an MP3 with a frame that tells how much silence to skip; in one that had none, sound would be skipped.
_WAYS: tuple[Mapping[str, str], ...] = ({}, {"write_xing": "0"})
_BY_FFMPEG = frozenset({"encoder", "tsse"})  # what it says of itself
_ID3V1_BYTES = 128
_PICTURES = frozenset({"METADATA_BLOCK_PICTURE"})  # a stream to FFmpeg, and counted as such


def tag_names(path: Path) -> Mapping[TagField, str]:
    """Return the names of the tags for tempo and key in the container that a file is of.

    Raises:
        AudioFault: it has none, or the file cannot be read.
    """
    with _Opened(path) as (_, container):
        return _format_of(container, path).names


def write_tags(
    source: Path, target: Path, values: Mapping[TagField, str], *, scratch: Path, max_duration_s: float, lossless: bool
) -> tuple[str, ...]:
    """Write a copy of a sound file with these tags, and put it at `target` once it is proved to sound the same.

    Args:
        source: the file; it may be `target`.
        target: where the copy comes; what stands there is replaced in one step.
        values: the tags to set.
        scratch: folder on the disk of `target` in which the copy is made.
        max_duration_s: longest sound that is decoded, s.
        lossless: refuse where any other tag would be lost.

    Returns:
        What is lost of other tags, one clause each.

    Raises:
        AudioFault: the file cannot be read, has no such tags, would sound otherwise, or lose others.
        WriteError: the copy cannot be written.
    """
    with writes_named(target), temporary_folder(scratch) as folder:
        copy = folder / source.name  # of the same ending, by which a decoder may be chosen
        try:
            sound = _sound_digest(source, max_duration_s)
            for options in _WAYS:
                _copy(source, copy, values, options)
                if _sound_digest(copy, max_duration_s) == sound:
                    break
            else:
                raise AudioFault(source, "a copy with other tags would sound otherwise", "it is left as it is")
        except codec_failures() as error:
            raise AudioFault(source, f"its tags cannot be written ({error})") from error
        lost = tuple(_lost(source, copy))
        if lost and lossless:
            raise AudioFault(source, f"it would lose {', '.join(lost)}", "--copies leaves the original as it is")
        if target.exists():
            copy.chmod(stat.S_IMODE(target.stat().st_mode))
        sync_file(copy)
        copy.replace(target)
    return lost


class _Opened:
    """A file and its container, closed together."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[BinaryIO, InputContainer]:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise AudioFault(self._path, f"the file cannot be opened ({error.strerror})") from error
        try:
            self._container = open_container(self._file, keep_bytes=True)
        except codec_failures() as error:
            self._file.close()
            raise AudioFault(self._path, f"its tags cannot be read ({error})") from error
        return self._file, self._container

    def __exit__(self, *error: object) -> None:
        self._container.close()
        self._file.close()


def _format_of(container: InputContainer, path: Path) -> _Format:
    for name in str(container.format.name).split(","):
        if name in _FORMATS:
            return _FORMATS[name]
    raise AudioFault(
        path, f"a file of this kind ({container.format.name}) has no place for tempo and key that can be written",
        "MP3, FLAC, Ogg, Opus and AIFF have",
    )  # fmt: skip


def _copy(source: Path, copy: Path, values: Mapping[TagField, str], way: Mapping[str, str]) -> None:
    """Copy all packets into a new container with the old tags and these, with options of FFmpeg's for its format."""
    import av

    with _Opened(source) as (file, container):
        form = _format_of(container, source)
        options = {"fflags": "+bitexact", **(way if form.muxer == "mp3" else {})}  # FFmpeg does not name itself
        if form.has_id3:
            place = file.tell()
            file.seek(0)
            head = file.read(4)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _ID3V1_BYTES))
            end = file.read(3)
            file.seek(place)
            options["id3v2_version"] = "4" if head == b"ID3\x04" else "3"
            if form.muxer == "aiff":
                options["write_id3v2"] = "1"
            elif end == b"TAG":
                options["write_id3v1"] = "1"
        set_tags = {form.names[field]: value for field, value in values.items()}
        names = {name.lower() for name in set_tags}
        with av.open(str(copy), "w", format=form.muxer, options=options, metadata_errors="surrogateescape") as written:
            streams: dict[int, Stream] = {}
            for stream in _kept_streams(container):
                made = written.add_stream_from_template(stream)
                made.disposition = stream.disposition
                made.metadata.update(_others(stream.metadata, names))
                streams[stream.index] = made
            written.metadata.update(_others(container.metadata, names))
            holder = written.streams.audio[0].metadata if form.in_stream else written.metadata
            holder.update(set_tags)
            for packet in container.demux(list(_kept_streams(container))):
                if packet.size:
                    packet.stream = streams[packet.stream_index]
                    written.mux(packet)


def _kept_streams(container: InputContainer) -> Iterator[Stream]:
    """Give the sound and the pictures of a file."""
    yield container.streams.audio[0]
    yield from container.streams.video


def _others(metadata: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in names}


def _sound_digest(path: Path, max_duration_s: float) -> bytes:
    """Digest rate, channels and every decoded sample of a file."""
    source = open_blocks(path, max_duration_s=max_duration_s)
    digest = hashlib.blake2b(f"{source.sample_rate_hz} {source.channels}".encode())
    for block in source.blocks():
        digest.update(block.T.tobytes())  # a sample of each channel in turn: wherever blocks end
    return digest.digest()


def _lost(source: Path, copy: Path) -> Iterator[str]:
    """Say what of the other tags and of the pictures a copy lacks, or has under another name."""
    with _Opened(source) as (file, before), _Opened(copy) as (copied, after):
        written = {name.lower() for name in (*_FRAMES.values(), *_COMMENTS.values())} | _BY_FFMPEG
        kept = {key.lower(): value for key, value in _all_tags(after)}
        for key, value in sorted(_all_tags(before)):
            if key.lower() not in written and kept.get(key.lower()) != value:
                yield f"the tag {key}"
        if missing := len(before.streams.video) - len(after.streams.video):
            yield f"{missing} pictures"
        frames = Counter(id3_frame_names(file)) - Counter(id3_frame_names(copied))
        named = sorted(frame for frame in frames if frame.lower() not in written)
        if named:
            yield f"the ID3 frames {', '.join(named)}"
        if lists := sorted({name for name, _ in set(id3_lists(file)) - set(id3_lists(copied))}):
            yield f"values of the ID3 frames {', '.join(lists)}"
        yield from _lost_comments(read_vorbis_tags(file), read_vorbis_tags(copied), written)


def _lost_comments(before: VorbisTags, after: VorbisTags, written: set[str]) -> Iterator[str]:
    """Say what FFmpeg, which knows one value a name, has lost, joined or renamed."""
    lost = Counter(before.comments) - Counter(after.comments)
    names = sorted({name for name, _ in lost if name.lower() not in written and name not in _PICTURES})
    if names:
        yield f"values of the tags {', '.join(names)}"
    if blocks := sorted((Counter(before.blocks) - Counter(after.blocks)).elements()):
        yield f"the FLAC blocks {', '.join(blocks)}"


def _all_tags(container: InputContainer) -> Iterator[tuple[str, str]]:
    yield from container.metadata.items()
    yield from container.streams.audio[0].metadata.items()
