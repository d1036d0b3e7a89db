"""How many clips a second of one core `verify` reads, for each layout.

    python -m tests.benchmarks.verify [--layouts NAME ...] [--songs N ...] [--full-s SECONDS]

Exports made songs as each layout and verifies each in a process of its own, whose CPU time counts, with what it takes
to import. Texts are as long as those of real songs, FLAC files as large as those of real music (about six tenths of the
samples), and Bark's layouts have tokens, of tiny models. A row is what a trainer reads at a time: ACE-Step's list names
a clip as often as its weight asks for, a row of Hugging Face's table has a sound of each stem. A sound is one file, or
member of an archive, with a content of its own. The last column is what SHA-256 of all sounds takes, which `verify`
computes for those alone that are not as they were written.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Renderer
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from tests.export_songs import MadeSource, made_source
from tests.running import ROOT
from tests.signals import music

DEFAULT_SONGS = (20,)
VIEWS = {"bark": ("semantic", "coarse"), "bark-voice-prompts": ("semantic",), "ace-step": ("full",)}
_SUFFIXES = (".wav", ".flac")
_LONGEST_S = 240
_NOISE = 0.008  # so much that a FLAC file has six tenths of its samples' size, as one of real music
_MORE = (
    " A piece with a 4/4 time signature that keeps its pace of 100 BPM from beginning to end. Its chords are largely "
    "minor, with a wide stereo image, and the level hardly changes."
)


class LikeMusic:
    """Gives sound that is as hard to compress as music: channels differ, and nothing comes again."""

    def __init__(self, song_id: str) -> None:
        self._song_id = song_id

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        """Cut the clip's length out of one long sound, at a place that follows from its name."""
        long = _long_sound(sample_rate_hz)
        samples = round(clip.duration_s * sample_rate_hz)
        seed = int(hashlib.sha256(f"{self._song_id}{clip.clip}".encode()).hexdigest()[:6], 16)
        start = seed % (long.shape[1] - samples)
        return ClipSound(long[:channels, start : start + samples].copy(), sample_rate_hz, 0.0)


@cache
def _long_sound(rate_hz: int) -> FloatArray:
    random = np.random.default_rng(0)
    second = music(1.0, rate_hz=rate_hz, seed=1, level_dbfs=-18.0)
    sound = np.tile(second, (2, _LONGEST_S + 60)) + _NOISE * random.standard_normal(
        (2, second.size * (_LONGEST_S + 60))
    )
    return np.asarray(sound, np.float32)


class LikeLibrary(MadeSource):
    """Made songs whose clips have texts and sound of usual size."""

    def __init__(self, songs: Sequence[ExportSong], full_s: float) -> None:
        super().__init__([_with_long_texts(song, full_s) for song in songs])

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """One song."""
        return self.songs[song_id], LikeMusic(song_id)


def _with_long_texts(song: ExportSong, full_s: float) -> ExportSong:
    clips = tuple(
        dataclasses.replace(
            clip, text=clip.text + _MORE, end_s=clip.start_s + full_s if clip.view == "full" else clip.end_s
        )
        for clip in song.clips
    )
    return dataclasses.replace(song, clips=clips, duration_s=max(song.duration_s, full_s))


def main() -> None:
    """Time each layout for each number of songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layouts", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--songs", type=int, nargs="+", default=list(DEFAULT_SONGS))
    parser.add_argument("--full-s", type=float, default=60.0, help="length of ACE-Step's clips, seconds")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        _verify(options.folder)
        return
    print("layout                 rows  sounds      MB  findings   CPU s   rows/s  sounds/s  peak MB   SHA-256, CPU s")
    for name in options.layouts:
        for songs in options.songs:
            with tempfile.TemporaryDirectory() as place:
                out = Path(place) / name
                _export(name, made_source(songs, views=VIEWS.get(name, ("30s",))), out, options.full_s)
                command = [sys.executable, "-m", "tests.benchmarks.verify", "--folder", str(out)]
                subprocess.run(command, cwd=ROOT, check=True)


def _export(name: str, source: MadeSource, out: Path, full_s: float) -> None:
    tokens = None
    threads: AbstractContextManager[None] = nullcontext()
    if name.startswith("bark"):
        from tests.token_models import one_torch_thread, save_token_models

        models = out.parent / "token-models"
        tokens = save_token_models(models, token_cache=models / "cache")
        threads = one_torch_thread()
    library = LikeLibrary(list(source.songs.values()), full_s)
    with threads:
        export(TARGETS[name], library, out, ExportOptions(folder=str(out), tokens=tokens))


def _verify(folder: Path) -> None:
    """Verify a folder and print what this process took for it."""
    from flamingo_bark_assets.verification.run import verify_export

    began = time.process_time()
    verification = verify_export(folder)
    seconds = time.process_time() - began
    peak_mb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    sounds = dict(_sounds(folder))
    began = time.process_time()
    for path in {path for path, _ in sounds.values()}:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    hashing = time.process_time() - began
    mb = sum(size for _, size in sounds.values()) / 1e6
    print(
        f"{verification.target:20} {verification.clips:6}  {len(sounds):6}  {mb:6.0f}  {len(verification.findings):8}  "
        f"{seconds:6.2f}  {verification.clips / seconds:7.0f}  {len(sounds) / seconds:8.0f}  {peak_mb:7.0f}   "
        f"{hashing:.2f}",
        flush=True,
    )


def _sounds(folder: Path) -> Iterator[tuple[object, tuple[Path, int]]]:
    """Give each sound with a content of its own: what names it, its file and its size in bytes."""
    for path in folder.rglob("*"):
        if path.suffix in _SUFFIXES:
            yield path.stat().st_ino, (path, path.stat().st_size)
        elif path.suffix == ".tar":
            with tarfile.open(path) as archive:
                for member in archive:
                    if PurePosixPath(member.name).suffix in _SUFFIXES:
                        yield (path, member.name), (path, member.size)


if __name__ == "__main__":
    main()
