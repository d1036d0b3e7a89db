"""Songs to export that are made up in memory: clips with all their facts, and sound that follows from their names.

For tests of layouts and of their verification; real songs are cut and rendered in the tests of clips.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.exports.interface import ExportSong, Note, Renderer, Split
from flamingo_bark_assets.exports.run import SongHead
from tests.signals import music

KINDS = ("drums", "bass", "vocals", "harmonic")
VIEWS = {"semantic": 9.6, "coarse": 5.12, "30s": 28.8, "full": 60.0}
SPLIT_OF: tuple[Split, ...] = ("train", "train", "train", "validation", "test")


def made_clip(song_id: str, view: str, source: str, number: int, **changes: object) -> Clip:
    """Return one clip of a song in 4/4 at 100 BPM in F# minor, whose voice sings one line a clip."""
    length = VIEWS[view]
    kinds = {"mix": "", "instrumental": "drums+bass+harmonic"}.get(source, source)
    holds_voice = source == "mix" or "vocals" in kinds
    level = {"mix": "full_track", "instrumental": "multi_instrument:drums+bass+harmonic"}.get(source, f"stem:{source}")
    clip = Clip(
        clip=f"{view}.{source}.{number:03d}", view=view, source=source, kinds=kinds, number=number,
        start_s=number * length, end_s=(number + 1) * length, start_cut="downbeat", end_cut="downbeat",
        start_bar=number * 4, bars=4, section=0, section_label="A", position=0.1, sounding="+".join(KINDS),
        tempo_bpm=100.0, beats_per_bar=4, metre="4/4", key="F# minor", chords="F#:min D:maj", hits=32,
        f0_low_hz=180.0 if holds_voice else None, f0_high_hz=440.0 if holds_voice else None,
        rms_dbfs=-18.0, peak_dbfs=-3.0, active_fraction=1.0, prompt=level, form="sentence",
        text=f"Rock music in F# minor at 100 BPM, {source} of {song_id}.",
        measured_text=f"Music, {source} of {song_id}.",
        lyrics=f"line {number} of {song_id}" if holds_voice else None,
        lyrics_reason=None if holds_voice else "no voice in it",
        training_weight=1.0 if source == "mix" else 0.7, captioner="measured", captioner_licence=None, is_fallback=True,
        licence="CC-BY-4.0", attribution=f"{song_id} by Nobody",
        source_sha256=hashlib.sha256(song_id.encode()).hexdigest(),
    )  # fmt: skip
    return dataclasses.replace(clip, **changes)  # type: ignore[arg-type]


def made_song(song_id: str, split: Split, *, clips: int = 2, views: Sequence[str] = tuple(VIEWS)) -> ExportSong:
    """A song with some clips of each view and source."""
    sources = {"semantic": ("mix", *KINDS), "coarse": ("mix", *KINDS), "full": ("mix", "instrumental")}
    made = tuple(
        made_clip(song_id, view, source, number)
        for view in views
        for source in sources.get(view, ("mix", "instrumental", *KINDS, "drums+bass"))
        for number in range(1 if view == "full" else clips)
    )
    return ExportSong(
        song_id=song_id, title=f"Title of {song_id}", artist="Nobody", genres=("rock",), licence="CC-BY-4.0",
        attribution=f"{song_id} by Nobody", duration_s=60.0, split=split, group=song_id, clips=made,
        digest=hashlib.sha256(repr(made).encode()).hexdigest(), lyrics="line 0\nline 1",
    )  # fmt: skip


class MadeRenderer:
    """Sound that follows from the names of song and clip."""

    def __init__(self, song_id: str) -> None:
        self.song_id = song_id
        self.rendered: list[str] = []

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        """Music of exactly the clip's length."""
        self.rendered.append(clip.clip)
        seed = int(hashlib.sha256(f"{self.song_id}{clip.clip}".encode()).hexdigest()[:6], 16)
        samples = round(clip.duration_s * sample_rate_hz)
        sound = music(1.0, rate_hz=sample_rate_hz, seed=seed, level_dbfs=-18.0)
        return ClipSound(np.tile(np.resize(sound, samples).astype(np.float32), (channels, 1)), sample_rate_hz, 0.0)


class MadeSource:
    """A `SongSource` over made songs."""

    def __init__(self, songs: Sequence[ExportSong], refused: Sequence[Note] = ()) -> None:
        self.songs = {song.song_id: song for song in songs}
        self.renderers = {song.song_id: MadeRenderer(song.song_id) for song in songs}
        self._refused = tuple(refused)

    def heads(self) -> list[SongHead]:
        """All songs."""
        return [SongHead(song.song_id, song.split, song.digest) for _, song in sorted(self.songs.items())]

    def refused(self) -> tuple[Note, ...]:
        """What was given."""
        return self._refused

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """One song."""
        return self.songs[song_id], self.renderers[song_id]


def made_source(songs: int = 5, *, clips: int = 2, views: Sequence[str] = tuple(VIEWS)) -> MadeSource:
    """Songs named song-00 and so on, three fifths of them for training."""
    return MadeSource(
        [made_song(f"song-{i:02d}", SPLIT_OF[i % len(SPLIT_OF)], clips=clips, views=views) for i in range(songs)]
    )
