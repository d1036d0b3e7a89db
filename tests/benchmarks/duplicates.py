"""How well duplicates are found by their sound: precision and recall by what was done to a song, and what it costs.

python -m tests.benchmarks.duplicates CORPUS... [--excerpt 200] [--without-librosa]

A corpus is a folder of songs as of `accuracy`. Each song is altered in each of the ways below, and every version is
looked for among all originals and the tunes of `tests.tunes`, which have key, tempo, chords and sound in common. A
version that is linked to its original is right, one that is linked to anything else is wrong. Last, songs that share a
part with an original are counted: its drums under other instruments, and its mix without the vocals.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.splits.forest import find_matches
from flamingo_bark_assets.splits.landmarks import find_landmarks
from flamingo_bark_assets.splits.matching import Constellation
from flamingo_bark_assets.threads import one_blas_thread
from tests.tunes import constellation_of, tune

RATE_HZ = 44100
_LONGEST_S = 3600.0
_TUNES = 12

Change = Callable[[FloatArray], FloatArray]


def main() -> None:
    """Alter, look for and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--excerpt", type=float, default=200.0, help="only so many seconds from the start of each song")
    parser.add_argument(
        "--without-librosa", action="store_true", help="leave out stretching and transposing, which last"
    )
    options = parser.parse_args()
    folders = [truth.parent for root in options.corpus for truth in sorted(root.glob("*/truth.json"))]
    folders = [folder for folder in folders if "__" not in folder.name]
    if not folders:
        sys.exit(f"no song with a truth.json in {', '.join(str(root) for root in options.corpus)}")
    changes = {name: change for name, change in CHANGES.items() if not (options.without_librosa and name in _LIBROSA)}
    originals = {f"tune {number}": constellation_of(tune(number)) for number in range(_TUNES)}
    versions: dict[str, dict[str, Constellation]] = {name: {} for name in changes}
    relatives: dict[str, list[float]] = {_DRUMS: [], _NO_VOCALS: []}
    cpu_s, seconds = 0.0, 0.0
    before: dict[str, FloatArray] = {}
    for folder in folders:
        sounds = _load(folder, options.excerpt)
        song = f"{folder.parent.name}/{folder.name}"
        start = time.process_time()
        originals[song] = _constellation(sounds["mix"])
        cpu_s, seconds = cpu_s + time.process_time() - start, seconds + sounds["mix"].shape[1] / RATE_HZ
        for name, change in changes.items():
            versions[name][song] = _constellation(change(sounds["mix"]))
        for name, relative in _relatives(sounds, before).items():
            relatives[name].append(_share(originals[song], _constellation(relative)))
        before = sounds
    print(
        f"{len(folders)} songs, {seconds / 60:.0f} min; view and landmarks: {cpu_s / seconds * 200:.2f} CPU-s a 200 s\n"
    )
    wrong = find_matches(originals)
    print(
        f"{len(originals)} originals, among them {_TUNES} tunes of one style: {len(wrong)} pairs taken for duplicates\n"
    )
    print(f"{'':34}{'songs':>6}{'found':>7}{'recall':>8}{'wrong':>7}{'precision':>11}{'least share':>13}")
    for name, altered in versions.items():
        _print_row(name, originals, altered)
    for name, shares in relatives.items():
        print(f"{name:34}{len(shares):6}{sum(share > 0.0 for share in shares):7}   linked, though no duplicates")


def _load(folder: Path, excerpt_s: float) -> dict[str, FloatArray]:
    sounds = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".wav", ".ogg", ".flac"} and not path.stem.startswith("sep_"):
            sound = open_blocks(path, max_duration_s=_LONGEST_S)
            samples = resample(np.concatenate(list(sound.blocks()), axis=1), sound.sample_rate_hz, RATE_HZ)
            sounds[path.stem] = np.asarray(samples[:, : round(excerpt_s * RATE_HZ)], np.float32)
    return sounds


def _constellation(samples: FloatArray) -> Constellation:
    with one_blas_thread():
        found = find_landmarks(AudioView(Signal(np.ascontiguousarray(samples, np.float32), RATE_HZ)))
    return Constellation(np.array([one.time_s for one in found]), np.array([one.pitch for one in found]))


def _relatives(sounds: dict[str, FloatArray], before: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Make what shares a part with a song: its drums under the song before, and its mix without the vocals."""
    found = {}
    if "drums" in sounds and "drums" in before:
        length = min(sounds["drums"].shape[1], before["mix"].shape[1])
        found[_DRUMS] = (before["mix"] - before["drums"])[:, :length] + sounds["drums"][:, :length]
    if "vocals" in sounds and float(np.abs(sounds["vocals"]).max()) > 0.01:
        found[_NO_VOCALS] = sounds["mix"] - sounds["vocals"]
    return found


def _print_row(name: str, originals: dict[str, Constellation], altered: dict[str, Constellation]) -> None:
    found, wrong, shares = 0, 0, []
    for song, version in altered.items():
        linked = {other: _share(original, version) for other, original in originals.items()}
        found += linked[song] > 0.0
        shares += [linked[song]] if linked[song] > 0.0 else []
        wrong += sum(share > 0.0 for other, share in linked.items() if other != song)
    precision = f"{found / (found + wrong):.3f}" if found + wrong else "-"
    least = f"{min(shares):.2f}" if shares else "-"
    print(f"{name:34}{len(altered):6}{found:7}{found / len(altered):8.3f}{wrong:7}{precision:>11}{least:>13}")


def _share(first: Constellation, second: Constellation) -> float:
    """Return the share of landmarks that two sounds have in common; 0 where they are not taken for the same."""
    return next((match.share for match in find_matches({"a": first, "b": second})), 0.0)


def _as_file(codec: str, container: str, bits_per_s: int, rate_hz: int = RATE_HZ) -> Change:
    """Encode by FFmpeg and decode again."""

    def change(samples: FloatArray) -> FloatArray:
        import av

        file = io.BytesIO()
        sound = np.clip(resample(samples, RATE_HZ, rate_hz), -1.0, 1.0).astype(np.float32)
        with av.open(file, "w", format=container) as writer:
            stream: Any = writer.add_stream(codec, rate=rate_hz, layout="stereo")
            stream.bit_rate = bits_per_s
            resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=rate_hz)
            for start in range(0, sound.shape[1], 1 << 16):
                piece = np.ascontiguousarray(sound[:, start : start + (1 << 16)])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = rate_hz, start
                for resampled in resampler.resample(frame):
                    writer.mux(stream.encode(resampled))
            writer.mux(stream.encode(None))
        file.seek(0)
        with av.open(file, "r") as reader:
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE_HZ)
            frames = [each.to_ndarray() for frame in reader.decode(audio=0) for each in resampler.resample(frame)]
        return np.asarray(np.concatenate(frames, axis=1), np.float32)

    return change


def _cut(start: float, end: float) -> Change:
    return lambda x: x[:, int(start * x.shape[1]) : int(end * x.shape[1])]


def _resampled(percent: float) -> Change:
    """Run the tape faster."""

    def change(samples: FloatArray) -> FloatArray:
        import soxr

        return np.asarray(soxr.resample(samples.T, RATE_HZ, RATE_HZ / (1.0 + percent / 100.0)).T, np.float32)

    return change


def _by_librosa(effect: str, **settings: float) -> Change:
    def change(samples: FloatArray) -> FloatArray:
        from flamingo_bark_assets.kernels import compiling_alone, librosa_module

        with compiling_alone():
            return np.asarray(getattr(librosa_module("librosa.effects"), effect)(samples, **settings), np.float32)

    return change


def _noisy(samples: FloatArray) -> FloatArray:
    """Add white noise 20 dB below the music."""
    noise = np.random.default_rng(0).normal(size=samples.shape)
    return np.asarray(samples + 0.1 * np.sqrt(np.mean(np.square(samples))) * noise, np.float32)


def _then(*changes: Change) -> Change:
    def change(samples: FloatArray) -> FloatArray:
        for each in changes:
            samples = each(samples)
        return samples

    return change


def _transposed(semitones: float) -> Change:
    return _by_librosa("pitch_shift", sr=RATE_HZ, n_steps=semitones)


def _stretched(percent: float) -> Change:
    return _by_librosa("time_stretch", rate=1.0 + percent / 100.0)


_DRUMS = "its drums under another song"
_NO_VOCALS = "without its vocals"
CHANGES: dict[str, Change] = {
    "20 dB quieter": lambda x: 0.1 * x,
    "noise at -20 dB": _noisy,
    "MP3, 128 kbit/s": _as_file("libmp3lame", "mp3", 128_000),
    "MP3, 48 kbit/s": _as_file("libmp3lame", "mp3", 48_000),
    "Opus, 32 kbit/s": _as_file("libopus", "ogg", 32_000, 48_000),
    "first half": _cut(0.0, 0.5),
    "second half": _cut(0.5, 1.0),
    "without 7 s and the last fifth": lambda x: _cut(0.0, 0.8)(x)[:, 7 * RATE_HZ :],
    "resampled, 1 % faster": _resampled(1.0),
    "resampled, 5 % faster": _resampled(5.0),
    "resampled, 5 % slower": _resampled(-5.0),
    "second half, 3 % slower, MP3 64": _then(_cut(0.5, 1.0), _resampled(-3.0), _as_file("libmp3lame", "mp3", 64_000)),
    "stretched, 2 % faster": _stretched(2.0),
    "stretched, 5 % faster": _stretched(5.0),
    "stretched, 5 % slower": _stretched(-5.0),
    "half a semitone higher": _transposed(0.5),
    "a semitone higher": _transposed(1.0),
    "a semitone lower": _transposed(-1.0),
    "half, transposed, slower, MP3 64": _then(
        _cut(0.5, 1.0), _transposed(1.0), _stretched(-5.0), _as_file("libmp3lame", "mp3", 64_000)
    ),
}
_LIBROSA = tuple(name for name in CHANGES if any(word in name for word in ("stretched", "semitone", "transposed")))


if __name__ == "__main__":
    main()
