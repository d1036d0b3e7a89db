"""Recorded drum loops of whole bars, repeated into songs with known tempo, beats and bars: a corpus of real sound.

    python -m tests.benchmarks.loops OUT

A loop of n beats that lasts d seconds has n / d beats a second and starts on a downbeat. The loops come with Debian's
packages `sonic-pi-samples` (CC0 where a file's licence is named) and `lmms-common` (GPL-2+) and are read where these
are installed; nothing learns from them. How many beats each has is told here: what puts it between 85 and 175 BPM.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import soundfile

_LEAST_S = 26.0
_BEATS_PER_BAR = 4
_FOLDERS = (Path("/usr/share/sonic-pi/samples"), Path("/usr/share/lmms/samples/beats"))
BEATS = {
    "loop_3d_printer.flac": 16,
    "loop_amen.flac": 4,
    "loop_amen_full.flac": 16,
    "loop_breakbeat.flac": 4,
    "loop_compus.flac": 16,
    "loop_electric.flac": 4,
    "loop_garzul.flac": 16,
    "loop_mehackit1.flac": 4,
    "loop_mehackit2.flac": 4,
    "loop_mika.flac": 16,
    "loop_perc1.flac": 4,
    "loop_perc2.flac": 4,
    "loop_safari.flac": 16,
    "loop_tabla.flac": 16,
    "loop_weirdo.flac": 8,
    "909beat01.ogg": 8,
    "break01.ogg": 4,
    "break02.ogg": 4,
    "break03.ogg": 4,
    "electro_beat01.ogg": 8,
    "electro_beat02.ogg": 4,
    "house_loop01.ogg": 4,
    "jungle01.ogg": 8,
}


def make_corpus(out: Path) -> list[str]:
    """Write a folder with mix.wav and truth.json for each loop that is installed; return their names."""
    made = []
    for name, beats in BEATS.items():
        path = next((folder / name for folder in _FOLDERS if (folder / name).is_file()), None)
        if path is None:
            continue
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        loop = samples.mean(axis=1)
        duration_s = loop.size / rate_hz
        times = math.ceil(_LEAST_S / duration_s)
        folder = out / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        peak = float(np.abs(loop).max()) + 1e-9
        soundfile.write(folder / "mix.wav", np.tile(loop, times) * (0.9 / peak), rate_hz, subtype="PCM_16")
        beats_s = np.arange(times * beats) * duration_s / beats
        truth = {
            "beats": beats_s.tolist(),
            "downbeats": beats_s[::_BEATS_PER_BAR].tolist(),
            "meter": {"signature": "4/4"},
            "tempo": {"bpm": 60.0 * beats / duration_s},
            "style": "loop",
        }
        (folder / "truth.json").write_text(json.dumps(truth))
        made.append(path.stem)
    return made


if __name__ == "__main__":
    found = make_corpus(Path(sys.argv[1]))
    print(f"{len(found)} loops" if found else "neither sonic-pi-samples nor lmms-common is installed")
