"""A layout for tests of the course of an export: one text file a clip of the mix, and a list over all.

Run as a program it exports made songs into a folder, to be killed on the way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.exports.interface import (
    ExportedClip,
    ExportOptions,
    ExportSong,
    IndexWriter,
    Note,
    ReadClips,
    Renderer,
    Summary,
    Target,
    UnitWriter,
    base_name,
)
from flamingo_bark_assets.exports.run import export
from tests.export_songs import made_source


class TextTarget(Target):
    """The layout."""

    NAME, TITLE, AUDIENCE, PINS, VIEWS = "text", "Texts for tests", "Tests.", {}, ("30s",)
    pause_s = 0.0

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write a WAV and the text of each clip."""
        for song, renderer in songs:
            for clip in song.clips_of(options.view or "30s", "mix"):
                name = base_name(song.song_id, clip)
                time.sleep(self.pause_s)
                try:
                    sound = renderer.render(clip, sample_rate_hz=8000, channels=1)
                except ClipRefused as error:
                    writer.note(Note(song.song_id, clip.clip, error.rule, str(error)))
                    continue
                files = {
                    "audio": writer.audio(f"audio/{name}.wav", sound),
                    "text": writer.data(f"text/{name}.txt", clip.text.encode()),
                }
                yield ExportedClip(
                    name, song.song_id, song.title, song.artist, song.genres, song.group, song.split, clip, files,
                    clip.text, clip.lyrics, clip.captioner, sound.gain_db,
                )  # fmt: skip

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the list."""
        writer.lines("list.txt", (clip.name for clip in clips()))

    def command(self, folder: Path) -> str:
        """Return something that can be run."""
        return f"cat {folder}/list.txt"


if __name__ == "__main__":
    slow = TextTarget()
    slow.pause_s = float(sys.argv[2])
    export(slow, made_source(6, clips=1, views=("30s",)), Path(sys.argv[1]), ExportOptions())
