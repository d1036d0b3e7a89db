"""Small songs on disk for tests: real sound files with stems that add up to the mix.

Making library folders belongs here; synthesis of sound stands in `signals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.library.fingerprint import FilesStamp, scan_folder
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from tests.signals import clicks, music, noise, sine, time_s, write_audio

RATE_HZ = 22050


def tiny_stems(duration_s: float, *, seed: int = 0, bpm: float = 120.0) -> dict[str, FloatArray]:
    """Four stems: clicks, a low sine with gaps, a sine with vibrato, decaying harmonic notes."""
    t = time_s(duration_s, rate_hz=RATE_HZ)
    gate = (np.sin(2 * np.pi * bpm / 120 * t) > -0.6).astype(np.float32)
    vibrato = np.sin(2 * np.pi * 440 * t + 8 * np.sin(2 * np.pi * 5.5 * t)) * np.float32(0.1)
    return {
        "drums": _drums(bpm, duration_s, seed),
        "bass": np.asarray(sine(55.0, duration_s, level_dbfs=-18.0, rate_hz=RATE_HZ) * gate, np.float32),
        "vocals": np.asarray(vibrato, np.float32),
        "other": music(duration_s, rate_hz=RATE_HZ, seed=seed, level_dbfs=-15.0),
    }


def _drums(bpm: float, duration_s: float, seed: int) -> FloatArray:
    """Clicks on the beat and decaying wide-band noise on every half beat."""
    t = time_s(duration_s, rate_hz=RATE_HZ)
    decay = np.exp(-np.mod(t - 0.25, 30.0 / bpm) / 0.05)
    hats = noise(duration_s, rate_hz=RATE_HZ, level_dbfs=-18.0, seed=seed) * decay
    return np.asarray(clicks(bpm, duration_s, first_s=0.25, rate_hz=RATE_HZ, level_dbfs=-9.0) + hats, np.float32)


def write_song(
    songs: Path,
    song_id: str,
    *,
    duration_s: float = 6.0,
    seed: int = 0,
    suffix: str = ".wav",
    stems: bool = True,
    more: Sequence[str] = (),
) -> Path:
    """Write a song folder whose mix is the sum of its stems, with `more` of other music; give back the folder."""
    folder = songs / song_id
    parts = tiny_stems(duration_s, seed=seed)
    parts |= {name: tiny_stems(duration_s, seed=seed + n)["other"] for n, name in enumerate(more, start=1)}
    mix = np.asarray(np.sum(list(parts.values()), axis=0), dtype=np.float32)
    write_audio(folder / f"song{suffix}", mix, mix, rate_hz=RATE_HZ)
    if stems:
        for name, samples in parts.items():
            write_audio(folder / "stems" / f"{name}{suffix}", samples, rate_hz=RATE_HZ)
    return folder


def library_stamps(paths: DataPaths) -> dict[str, FilesStamp]:
    """What the file system says about every song's files, all of which are asked."""
    return {song_id: scan_folder(str(paths.songs / song_id)).stamp for song_id in list_song_ids(paths)}


def write_unreadable_song(songs: Path, song_id: str, *, text: str = "no sound") -> Path:
    """Write a song folder whose file is no sound, so that every step is quick; give back the folder."""
    folder = songs / song_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "song.wav").write_text(text)
    return folder


def truncate(file: Path, share: float = 0.5) -> None:
    """Cut a file off after a share of its bytes."""
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
