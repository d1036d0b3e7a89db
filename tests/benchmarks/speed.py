"""What measuring costs: CPU of a 200 s song against plain librosa in the same run, cold start, memory, long files.

python -m tests.benchmarks.speed [SONG] [--no-librosa] [--hours 3]

SONG is a folder with `mix.wav` and its stems; by default the demo song, repeated to 200 s, as 16-bit WAV.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.benchmarks.librosa_way import measure_mix, measure_stems

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
LENGTH_S = 200.0

_CHILD = """
import sys
from pathlib import Path
from flamingo_bark_assets.analysis.song_reading import read_song
from flamingo_bark_assets.analysis.sources import find_sources
from flamingo_bark_assets.analysis.whole import analyse_whole
source = find_sources(Path(sys.argv[1])).sources[0]
analyse_whole(source.song_id, read_song(source).views)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path, nargs="?")
    parser.add_argument("--no-librosa", action="store_true")
    parser.add_argument("--hours", type=float, default=0.0, help="also measure a mix of that length, once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = options.song or repeated_demo(Path(folder) / "demo")
        _warm(song, against_librosa=not options.no_librosa)
        _cold(song, song / "mix.wav")
        if options.hours:
            _long(song / "mix.wav", Path(folder) / "long.wav", options.hours)


def _warm(song: Path, *, against_librosa: bool) -> None:
    from flamingo_bark_assets.analysis.song_reading import read_song
    from flamingo_bark_assets.analysis.sources import Source, find_sources
    from flamingo_bark_assets.analysis.whole import analyse_whole

    source = find_sources(song).sources[0]
    alone = Source(source.song_id, source.mix)
    files: dict[str, Path] = {kind: paths[0] for kind, paths in source.stems.items()}

    def ours(which: Source) -> float:
        start = time.process_time()
        analyse_whole(which.song_id, read_song(which).views)
        return time.process_time() - start

    scale = LENGTH_S / read_song(alone).views.mix.duration_s
    mix_s, all_s = (min(ours(which) for _ in range(6)) for which in (alone, source))
    print(f"CPU scaled to {LENGTH_S:g} s, warm, best of 6: mix {mix_s * scale:.2f} s, with stems {all_s * scale:.2f} s")
    if against_librosa:
        _warm_up_librosa(files)
        their_mix_s = _cpu_s(lambda: measure_mix(source.mix))
        their_stems_s = _cpu_s(lambda: measure_stems(files))
        ratio = (their_mix_s + their_stems_s) / all_s
        print(f"plain librosa / ours: mix {their_mix_s / mix_s:.1f}, with stems {ratio:.1f}")


def _cpu_s(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _warm_up_librosa(files: dict[str, Path]) -> None:
    """Let librosa load and compile on 3 s of each file, which is not counted."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        short = {}
        for kind, path in files.items():
            samples, rate = soundfile.read(path, frames=3 * soundfile.info(path).samplerate)
            short[kind] = Path(folder) / f"{kind}.wav"
            soundfile.write(short[kind], samples, rate)
        for path in short.values():
            measure_mix(path)
        measure_stems(short)


def _cold(song: Path, mix: Path) -> None:
    """CPU and peak memory of a new process, kernels in the cache on disk; Python's own start is part of it."""
    for name, path in (("mix", mix), ("with stems", song)):
        cpu_s, peak_mb = _child(path)
        print(f"new process, {name}: {cpu_s:.2f} s CPU (import and first song), {peak_mb:.0f} MB at peak")


def _child(path: Path) -> tuple[float, float]:
    # The peak of `getrusage` is that of the parent where it is larger; this one begins anew with the process.
    code = _CHILD + (
        "import time; status = Path('/proc/self/status').read_text();"
        "print(time.process_time(), status.split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    cpu_s, peak_kb = done.stdout.split()
    return float(cpu_s), float(peak_kb) / 1024.0


def _long(mix: Path, path: Path, hours: float) -> None:
    import soundfile

    samples, rate = soundfile.read(mix, dtype="int16", always_2d=True)
    wanted = round(hours * 3600 * rate)
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], "PCM_16", format="RF64") as sound:
        for start in range(0, wanted, len(samples)):
            sound.write(samples[: wanted - start])
    cpu_s, peak_mb = _child(path)
    print(f"{hours:g} h: {cpu_s:.0f} s CPU, {peak_mb:.0f} MB at peak")


def repeated_demo(folder: Path) -> Path:
    """Write the demo song and its stems, repeated to `LENGTH_S`, as 16-bit WAV into a new folder."""
    import soundfile

    from tests.signals import decode_signal

    folder.mkdir()
    for file in (DEMO / "song.mp3", *sorted((DEMO / "stems").iterdir())):
        signal = decode_signal(file, max_duration_s=3600.0)
        wanted = round(LENGTH_S * signal.sample_rate_hz)
        repeated = np.tile(signal.samples, -(-wanted // signal.samples.shape[1]))[:, :wanted]
        name = "mix" if file.stem == "song" else file.stem
        soundfile.write(folder / f"{name}.wav", repeated.T, signal.sample_rate_hz, "PCM_16")
    return folder


if __name__ == "__main__":
    main()
