"""The target of WebDataset: tar shards a split, of which each sample is a sound, its text and its facts.

Shards and their members belong here; the facts are those of the hub dataset.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.exports.folder import encode_sound, json_line
from flamingo_bark_assets.exports.interface import (
    ExportedClip,
    ExportOptions,
    ExportSong,
    FileEntry,
    IndexWriter,
    Note,
    ReadClips,
    Renderer,
    Split,
    Summary,
    Target,
    UnitWriter,
    base_name,
)
from flamingo_bark_assets.exports.rendering import rendered
from flamingo_bark_assets.exports.targets.hub_columns import AUDIO, FACTS

SHARDS = 256
"""Shards of a split. A song's shard follows from its identifier alone, so that no other song ever moves it and a change
of one song rewrites one shard; shards without a song are not written. The number is a constant because another would
move every song: with 256, a thousand songs make shards of about a gigabyte, and few songs a shard each."""
SAMPLE_RATE_HZ = 44_100
CHANNELS = 2
STABLE_AUDIO_CONFIG = "stable-audio-tools.json"
_MEMBER_MODE = 0o644


class WebDataset(Target):
    """One sample a clip, whatever its source: ``key.flac``, ``key.json`` and ``key.txt``."""

    NAME = "webdataset"
    TITLE = "WebDataset shards"
    AUDIENCE = (
        "For `webdataset` and what reads it, such as stable-audio-tools. Shard numbers have gaps, as a song's shard "
        'follows from its name: list the shards with `sorted(glob.glob("train/*.tar"))` and not with braces. Mix, '
        "stems and their sums are samples of their own; `source` in the JSON tells which. For Bark, all but vocals is "
        "outside the domain of its semantic tokens."
    )
    PINS: ClassVar[Mapping[str, str]] = {
        "webdataset": "1.0.2",
        "stable-audio-tools": "commit 0f77d40, read and not run",
    }
    VIEWS = ("30s",)

    def unit_of(self, song_id: str, split: Split) -> str:
        """Name the shard of a song: it follows from the song's identifier alone."""
        return _shard_name(song_id, split)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write one shard, clip by clip."""
        samples = _samples(songs, options.view or self.VIEWS[0], writer, options)
        first = next(samples, None)
        if first is None:
            return
        written: list[ExportedClip] = []

        def write(place: Path) -> None:
            with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as shard:
                for sample in itertools.chain([first], samples):
                    _add(shard, sample)
                    written.append(sample.clip)

        writer.stream(_shard_path(first.clip.song_id, first.clip.split), write)
        yield from written

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the configuration by which stable-audio-tools reads the shards of the training split."""
        config = {
            "dataset_type": "wds",
            "datasets": [{"id": "songs", "path": str(Path(summary.options.folder) / "train")}],
            # Of mono sound its removal would close every rest.
            "remove_silence": False,
        }
        writer.data(STABLE_AUDIO_CONFIG, json.dumps(config, indent=1).encode() + b"\n")
        writer.note(
            Note("", "", "weights_unsupported", "No reader of shards knows weights; `weight` in the JSON has them.")
        )

    def command(self, folder: Path) -> str:
        """Return the command of stable-audio-tools; which model it starts from is the user's to say."""
        return (
            f"python3 train.py --dataset-config {shlex.quote(str(folder / STABLE_AUDIO_CONFIG))} "
            "--model-config MODEL_CONFIG.json --pretrained-ckpt-path MODEL.ckpt --name songs"
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    """One sample before it is written.

    Attributes:
        clip: the clip as it is told.
        members: ending and contents of each member, in the order of the shard.
    """

    clip: ExportedClip
    members: tuple[tuple[str, bytes], ...]


def _samples(
    songs: Sequence[tuple[ExportSong, Renderer]], view: str, writer: UnitWriter, options: ExportOptions
) -> Iterator[_Sample]:
    for song, renderer in songs:
        for clip in song.clips_of(view):
            sound = rendered(song, clip, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
            if sound is not None:
                yield _sample(song, clip, sound, options)


def _sample(song: ExportSong, clip: Clip, sound: ClipSound, options: ExportOptions) -> _Sample:
    name = base_name(song.song_id, clip)
    content = encode_sound(sound, "flac")
    channels, samples = sound.samples.shape
    entry = FileEntry(
        f"{_shard_path(song.song_id, song.split)}/{name}.flac", hashlib.sha256(content).hexdigest(), len(content),
        sound.sample_rate_hz, channels, samples,
    )  # fmt: skip
    text = song.tagged(clip.text, options)
    exported = ExportedClip(
        name=name, song_id=song.song_id, title=song.title, artist=song.artist, genres=song.genres, group=song.group,
        split=song.split, clip=clip, files={AUDIO: entry}, text=text, lyrics=clip.lyrics, captioner=clip.captioner,
        gain_db=sound.gain_db,
    )  # fmt: skip
    # stable-audio-tools takes `prompt`, and in its place `text` where there is one.
    facts = {"prompt": text, "text": text, "lyrics": clip.lyrics, "source": clip.source, "kinds": clip.kinds}
    facts |= {column.name: column.read(exported) for column in FACTS}
    return _Sample(exported, (("flac", content), ("json", json_line(facts)), ("txt", text.encode("utf-8", "replace"))))


def _add(shard: tarfile.TarFile, sample: _Sample) -> None:
    for ending, content in sample.members:
        # Whoever made it when is left out, so that equal samples give equal bytes.
        member = tarfile.TarInfo(f"{sample.clip.name}.{ending}")
        member.size, member.mode = len(content), _MEMBER_MODE
        shard.addfile(member, io.BytesIO(content))


def _shard_name(song_id: str, split: Split) -> str:
    number = int.from_bytes(hashlib.sha256(song_id.encode()).digest()[:4], "big") % SHARDS
    return f"{split}-{number:06d}"


def _shard_path(song_id: str, split: Split) -> str:
    return f"{split}/{_shard_name(song_id, split)}.tar"
