"""What comparing a song's stems with its mix costs: CPU beside that of measuring it, and of a decoder with an FFT.

python -m tests.benchmarks.stem_cost [--seconds 200] [--repeats 5]

A made song of four stems, stereo at 44.1 kHz, once with stems as WAV and once as MP3 that are 1105 samples late. In one
process, after a first round that is not counted, each repetition measures in turn: the song without its stems being
compared; the same with the comparison, and of that the comparison alone; and as a peer, decoding all files by their
library and one pass of Fourier transforms over each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.views import mix_view, stem_view
from flamingo_bark_assets.analysis.whole import analyse_whole
from flamingo_bark_assets.audio.decode import Decoded, SampleMemory, decode
from flamingo_bark_assets.audio.stems import StemInput, compare_stems, stem_signal
from flamingo_bark_assets.library.layout import StemFile
from flamingo_bark_assets.parts import StemKind
from tests.music import RATE_HZ
from tests.signals import write_audio
from tests.stem_songs import SECONDS, late, song, summed

LATE_SAMPLES = 1105
_KINDS: dict[str, StemKind] = {"drums": "drums", "bass": "bass", "vocals": "vocals", "other": "harmonic"}
_FIRST_SEED = 9000


class Costs(NamedTuple):
    """CPU seconds of one repetition; what the parts are says the module."""

    without: float
    compared: float
    comparison: float
    peer: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=200.0, help="length of the song")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"CPU-s of a song of {options.seconds:g} s, median (least) of {options.repeats}")
    print(f"{'stems':10}{'without':>16}{'compared':>16}{'the comparison':>16}{'decode + FFT':>16}   residual")
    with tempfile.TemporaryDirectory() as folder:
        for name, ending, by in (("WAV", ".wav", 0), ("late MP3", ".mp3", LATE_SAMPLES)):
            mix, stems = write_song(Path(folder) / name, options.seconds, ending, by)
            costs = [_costs(mix, stems) for _ in range(1 + options.repeats)][1:]
            shown = [f"{statistics.median(part):.3f} ({min(part):.3f})" for part in zip(*costs, strict=True)]
            print(f"{name:10}" + "".join(f"{part:>16}" for part in shown) + f"   {_residual(mix, stems)}", flush=True)


def write_song(folder: Path, seconds: float, ending: str, by: int) -> tuple[Path, dict[str, Path]]:
    """Write made songs one after another as one, its stems late by so many samples; give the paths."""
    length = round(seconds * RATE_HZ)
    parts = [song(_FIRST_SEED + number) for number in range(-(-length // round(SECONDS * RATE_HZ)))]
    stems = {name: np.concatenate([part[name] for part in parts], axis=1)[:, :length] for name in _KINDS}
    mix = write_audio(folder / "mix.wav", *summed(stems))
    return mix, {name: write_audio(folder / f"{name}{ending}", *late(stems[name], by)) for name in stems}


def _costs(mix: Path, stems: dict[str, Path]) -> Costs:
    without, _ = _measure(mix, stems, compare=False)
    compared, comparison = _measure(mix, stems, compare=True)
    start = time.process_time()
    for path in (mix, *stems.values()):
        _peer(path)
    return Costs(without, compared, comparison, time.process_time() - start)


def _measure(mix: Path, stems: dict[str, Path], *, compare: bool) -> tuple[float, float]:
    """Return CPU of decoding and measuring a song, and what of it comparing its stems took."""
    start = time.process_time()
    decoded, inputs = _decoded(mix, stems)
    comparison = 0.0
    sounds = {stem.file.kind: stem.usable for stem in inputs}
    if compare:
        before = time.process_time()
        found = compare_stems("song", decoded.signal, inputs)
        comparison = time.process_time() - before
        sounds = {kind: stem_signal(kind, inputs, found) for kind in sounds if kind is not None}
    views = {kind: stem_view(sound) for kind, sound in sounds.items() if kind is not None and sound is not None}
    analyse_whole("song", SongViews(mix_view(decoded.signal), views))
    return time.process_time() - start, comparison


def _decoded(mix: Path, stems: dict[str, Path]) -> tuple[Decoded, list[StemInput]]:
    memory = SampleMemory()
    decoded = decode(mix, max_duration_s=3600.0, memory=memory)
    return decoded, [
        StemInput(StemFile(name, _KINDS[name], path), decode(path, max_duration_s=3600.0, memory=memory))
        for name, path in stems.items()
    ]


def _residual(mix: Path, stems: dict[str, Path]) -> str:
    decoded, inputs = _decoded(mix, stems)
    found = compare_stems("song", decoded.signal, inputs)
    return f"{found.residual_db.value:.2f} dB, {found.fitted_residual_db.value:.2f} dB fitted"


def _peer(path: Path) -> float:
    import soundfile
    from scipy.fft import rfft

    samples, _ = soundfile.read(path, dtype="float32")
    frames = np.lib.stride_tricks.sliding_window_view(samples.mean(axis=1), 2048)[::1024]
    window, power = np.hanning(2048).astype(np.float32), np.zeros(1025)
    for start in range(0, frames.shape[0], 128):
        power += np.square(np.abs(rfft(frames[start : start + 128] * window, axis=1))).sum(axis=0)
    return float(power.sum())


if __name__ == "__main__":
    main()
