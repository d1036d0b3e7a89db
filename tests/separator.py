"""A stand-in for a separator: it parts the spectrum into four bands, in the layouts of real ones, or misbehaves.

`python separator.py LAYOUT BEHAVIOUR INPUT OUTPUT MODEL`; it knows nothing of the package, as no separator does.
Each song that it works on is counted by a line in ``calls`` beside this file's copy, where there is such a file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BANDS_HZ = {"bass": (0.0, 120.0), "other": (120.0, 400.0), "vocals": (400.0, 2000.0), "drums": (2000.0, 1e9)}
FLOOD_LINES = 200_000


def main() -> None:
    """Separate the file that the arguments name."""
    if sys.argv[1:] == ["--version"]:
        print("stand-in 1.0")
        return
    layout, behaviour, source, output, model = sys.argv[1:6]
    calls = Path(__file__).with_name("calls")
    if calls.exists():
        with calls.open("a") as file:
            file.write(f"{os.getpid()} {' '.join(sorted(os.environ))}\n")
    print(f"Separating track {source}")
    if behaviour in {"hang", "stubborn"} or Path(__file__).with_name("hang").exists():
        hang(stubborn=behaviour == "stubborn")
    if behaviour == "flood":
        for number in range(FLOOD_LINES):
            sys.stderr.write(f"\rseparating {number} " + 60 * "#")
        sys.stderr.write("\n")
    if behaviour == "fail":
        sys.exit("RuntimeError: CUDA out of memory")
    if behaviour == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour != "nothing":
        write(Path(source), Path(output), layout, behaviour, model)
    if behaviour == "straggler":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stderr=subprocess.DEVNULL)
    print("done")


def hang(*, stubborn: bool) -> None:
    """Do nothing for ten minutes, with a child that does the same; a stubborn one does not let itself be ended."""
    script = "import signal, time\n"
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        script += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    subprocess.Popen([sys.executable, "-c", f"{script}time.sleep(600)"])
    sys.stderr.write("\r 12%|#2        | 23/187 [00:04<00:31]")
    sys.stderr.flush()
    time.sleep(600)


def write(source: Path, output: Path, layout: str, behaviour: str, model: str) -> None:
    """Write the bands of a sound; together they are the sound."""
    import numpy as np  # here, so that one that hangs says so at once
    import soundfile

    samples, rate_hz = soundfile.read(source, always_2d=True)
    spectrum = np.fft.rfft(samples, axis=0)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    for number, (name, (low, high)) in enumerate(BANDS_HZ.items()):
        band = np.fft.irfft(np.where(((hertz >= low) & (hertz < high))[:, np.newaxis], spectrum, 0), len(samples), 0)
        if behaviour == "silence":
            band = 0 * band
        if behaviour in {"short", "hostile"}:
            band = band[: len(band) // 2]
        if behaviour == "other song":
            band = np.random.default_rng(number).normal(0, 0.05, band.shape)
        path = path_of(output, layout, name, source.stem, f"{model}\n\x1b[2J" if behaviour == "hostile" else model)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, band, rate_hz, subtype="PCM_24")
        if behaviour == "half" and number == 1:
            path.write_bytes(path.read_bytes()[:40_000])
            return


def path_of(output: Path, layout: str, name: str, track: str, model: str) -> Path:
    """Name a stem as demucs or audio-separator does."""
    if layout == "demucs":
        return output / model / track / f"{name}.wav"
    return output / f"{track}_({name.capitalize()})_{model}.wav"


if __name__ == "__main__":
    main()
