"""What splits and manifest of a library cost, and that both stay small: CPU seconds and memory by number of songs.

    python -m tests.benchmarks.splits [SONGS ...]

Each number is measured twice, in processes of their own: all songs, and the same with one more. Of either the splits,
their check for leaks and the manifest are told, and all three together.

Made songs of 200 s have as many landmarks a second as real ones, on the notes of a scale and the quavers of a tempo;
every twentieth is another one, shifted. Their sound files are of 64 KiB: what the check of the manifest costs beyond,
is the reading of the sound, about a second a gigabyte.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from flamingo_bark_assets.audio.recording import Landmark
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.record import rows_of
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.splits.assignment import renew_splits, stored_leaks
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.files import dataset_files
from flamingo_bark_assets.training.manifest import ManifestEntry, ManifestFile, render_entry
from flamingo_bark_assets.training.publishing import publish_manifest
from tests.evidence import make_evidence

COPY_EVERY = 20
SONGS = (250, 500, 1000, 2000)
_WARM_UP_SONGS = 2 * COPY_EVERY
SONG_S = 200.0
LANDMARKS_A_SECOND = 5.5
SOUND_BYTES = 1 << 16
Result = TypeVar("Result")
_SCALE = (0, 2, 4, 5, 7, 9, 11)


def main(numbers: tuple[int, ...]) -> None:
    """Make a library of each size and measure it in another process."""
    _measure_library(_WARM_UP_SONGS, subprocess.DEVNULL)  # Loops are compiled once and kept.
    print("songs   duplicates   CPU s: splits   leaks   manifest   together   peak MB", flush=True)
    for songs in numbers:
        _measure_library(songs, None)


def _measure_library(songs: int, output: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder))
        for number in range(songs):
            _make_song(paths, number)
        command = [sys.executable, "-m", "tests.benchmarks.splits", "--folder", folder]
        subprocess.run(command, check=True, stdout=output)
        _make_song(paths, songs)
        subprocess.run(command, check=True, stdout=output)


def _measure(paths: DataPaths) -> None:
    settings = Settings()
    splits_s, renewed = _timed(lambda: renew_splits(paths, settings))
    leaks_s, leaks = _timed(lambda: stored_leaks(paths, settings))
    manifest_s, published = _timed(lambda: publish_manifest(paths))
    if leaks or published.problems or published.left_out:
        sys.exit(f"the made library is not whole: {(*leaks, *published.problems, *published.left_out)[:3]}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    together_s = splits_s + leaks_s + manifest_s
    print(
        f"{published.songs:5}   {renewed.duplicates:10}   {splits_s:13.2f}   {leaks_s:5.2f}   {manifest_s:8.2f}   "
        f"{together_s:8.2f}   {peak_mb:7.0f}",
        flush=True,
    )


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _make_song(paths: DataPaths, number: int) -> None:
    """Store what splits and manifest read of one song; its stems are its own."""
    song_id = f"song-{number:04d}"
    folder = paths.songs / song_id
    folder.mkdir(parents=True)
    sound = number.to_bytes(8, "big") * (SOUND_BYTES // 8)
    (folder / "song.wav").write_bytes(sound)
    digest = hashlib.sha256(sound).hexdigest()
    evidence = make_evidence(
        song_id, kinds=(), raw_song={"content_sha256": digest, "landmarks": _landmarks(number)},
        metadata={"artist": f"artist {number // 10}"},
    )  # fmt: skip
    store = FeatureStore(paths.features)
    for record in (evidence.raw_song, evidence.stems, evidence.metadata):
        store.write(record)
    _write_entry(paths, song_id, digest)


def _landmarks(number: int) -> tuple[Landmark, ...]:
    """Give landmarks as `find_landmarks` does; those of a copy are its original's, later and a semitone higher."""
    is_copy = number % COPY_EVERY == COPY_EVERY - 1
    rng = np.random.default_rng(number - 1 if is_copy else number)
    quaver_s = 30.0 / rng.uniform(70.0, 160.0)
    count = int(SONG_S * LANDMARKS_A_SECOND)
    time_s = np.sort(rng.integers(0, int(SONG_S / quaver_s), count) * quaver_s + rng.normal(0.0, 0.01, count))
    pitch = 33.0 + rng.integers(12) + rng.choice(_SCALE, count) + 12.0 * rng.integers(0, 6, count)
    pitch += rng.normal(0.0, 0.05, count)
    time_s = np.maximum(time_s, 0.0) + (1.5 if is_copy else 0.0)
    order = np.lexsort((pitch, time_s))
    pitch = pitch[order] + (1.0 if is_copy else 0.0)
    return rows_of(Landmark, number=np.arange(count), time_s=time_s[order].round(3), pitch=pitch.round(2))


def _write_entry(paths: DataPaths, song_id: str, sound_sha256: str) -> None:
    files = dataset_files(paths, song_id)
    content = f'{{"song_id": "{song_id}"}}\n'.encode()
    for path in (files.dataset, files.instructions):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    dataset, instructions = (path.relative_to(paths.root).as_posix() for path in (files.dataset, files.instructions))
    entry = ManifestEntry(
        song_id=song_id, suitable=True, dataset=dataset, instructions=instructions, suitable_stems=(),
        duration_s=SONG_S, captioner="measured", is_fallback=True, prompts=4,
        files=(
            ManifestFile(
                part="mix", path=f"{paths.songs.relative_to(paths.root).as_posix()}/{song_id}/song.wav",
                sha256=sound_sha256, bytes=SOUND_BYTES,
            ),
            ManifestFile(part="dataset", path=dataset, sha256=digest, bytes=len(content)),
            ManifestFile(part="instructions", path=instructions, sha256=digest, bytes=len(content)),
        ),
    )  # fmt: skip
    write_bytes(files.entry, render_entry(entry))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--folder"]:
        _measure(DataPaths(Path(sys.argv[2])))
    else:
        main(tuple(map(int, sys.argv[1:])) or SONGS)
