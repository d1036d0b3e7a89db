"""Corpora of songs with ground truth, in the format of `../shared/corpus`: finding their songs and their sounds.

What is the same for all benchmarks of whole songs belongs here; what each of them measures does not.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.settings import Settings


def songs_of(corpora: Sequence[Path]) -> Iterator[Path]:
    """Give the folders of all songs, sorted in each corpus."""
    for corpus in corpora:
        yield from (path for path in sorted(corpus.iterdir()) if (path / "truth.json").is_file())


def sounds_of(song: Path) -> Iterator[Path]:
    """Give the mix and the true stems of a song, without stems that a separator made."""
    yield from (
        file for file in song.iterdir() if file.suffix not in {".json", ".npz"} and not file.stem.startswith("sep_")
    )


def copied_song(paths: DataPaths, song: Path) -> SongWork:
    """Copy a song into a library; nothing is measured yet."""
    song_id = song.name.lower()
    folder = paths.songs / song_id
    (folder / "stems").mkdir(parents=True)
    for file in sounds_of(song):
        shutil.copy(file, folder / f"song{file.suffix}" if file.stem == "mix" else folder / "stems" / file.name)
    return SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner())
