"""Short made songs for the targets of hubs, hostile text, and renderers that refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.exports.interface import ExportSong, Split
from tests.export_songs import MadeRenderer, MadeSource, made_song

CLIP_S = 2.0
HOSTILE = (
    "Quote \" and ' and \\ | pipe, [link](x) `code` <b> & {brace}\n---\nlicense: mit\n- item: #x\r\n"
    "tab\t nul\x00 bell\x07 \u2028line\u2029 \u202ertl \ud800 lone, é ß 日本 🎵 ♪ " + "long " * 2000
)
# What JSON, Parquet and Arrow can hold of it: a lone surrogate is no character.
HOSTILE_AS_WRITTEN = HOSTILE.replace("\ud800", "?")


def short_song(song_id: str, split: Split, *, clips: int = 2, without: Iterable[str] = ()) -> ExportSong:
    """A song of the 30s view with clips of `CLIP_S`, without some sources."""
    song = made_song(song_id, split, clips=clips, views=("30s",))
    kept = (
        dataclasses.replace(clip, start_s=clip.number * CLIP_S, end_s=(clip.number + 1) * CLIP_S)
        for clip in song.clips
        if clip.source not in set(without)
    )
    return redone(dataclasses.replace(song, clips=tuple(kept)))


def redone(song: ExportSong) -> ExportSong:
    """The song with the digest of its present values."""
    return dataclasses.replace(song, digest=repr(dataclasses.replace(song, digest="")).encode("utf-8", "replace").hex())


def changed(song: ExportSong, change: Callable[[Clip], Clip]) -> ExportSong:
    """The song with each of its clips changed."""
    return redone(dataclasses.replace(song, clips=tuple(map(change, song.clips))))


def short_source(splits: Iterable[Split] = ("train", "train", "train", "validation", "test")) -> MadeSource:
    """Songs named song-00 and so on; song-01 has no drums."""
    return MadeSource(
        [
            short_song(f"song-{number:02d}", split, without=("drums",) if number == 1 else ())
            for number, split in enumerate(splits)
        ]
    )


class RefusingRenderer(MadeRenderer):
    """Refuses the clips of some names."""

    def __init__(self, song_id: str, refused: Iterable[str]) -> None:
        super().__init__(song_id)
        self.refused = set(refused)

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        """Music, or a refusal."""
        if clip.clip in self.refused:
            raise ClipRefused("silent", "it is silent")
        return super().render(clip, sample_rate_hz=sample_rate_hz, channels=channels)
