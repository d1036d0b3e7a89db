"""How well stems that belong to a mix are told from those that do not: false rejections and false acceptances.

python -m tests.benchmarks.foreign_stems CORPUS... [--others 8] [--excerpt 15]

A corpus is a folder of songs as of `accuracy`. Each song's own stems are judged against its mix as they are, as a
separator leaves them, and changed in ways that leave them stems of the song; then, one at a time in place of the own
one, the stems of other songs. Nothing of the first may be rejected, and everything of the second should be. "unsure" is
kept: such a stem would not have been found for certain had it been in the mix.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flamingo_bark_assets.audio.alignment import RATE_HZ, waveform_of
from flamingo_bark_assets.audio.belonging import FOUND_STRENGTH, StemJudge
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal

KINDS = ("drums", "bass", "vocals", "other")
_SILENT_RMS = 2e-3
_LONGEST_S = 3600.0
_STEP = 5  # other songs are taken at this distance, so that all styles meet

Parts = dict[str, FloatArray]


class Row(NamedTuple):
    """One judged stem."""

    rejected: bool
    strength: float


class Song(NamedTuple):
    """A mix with its stems and separated stems, each stereo at `RATE_HZ`."""

    mix: FloatArray
    stems: Parts
    separated: Parts


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--others", type=int, default=8, help="other songs whose stems each mix is given")
    parser.add_argument("--excerpt", type=float, help="only so many seconds out of the middle of each song")
    options = parser.parse_args()
    folders = [truth.parent for root in options.corpus for truth in sorted(root.glob("*/truth.json"))]
    songs = [_load(folder, options.excerpt) for folder in folders if "__" not in folder.name]
    if not songs:
        sys.exit(f"no song with a truth.json in {', '.join(str(root) for root in options.corpus)}")
    start, rows = time.process_time(), defaultdict[tuple[str, str], list[Row]](list)
    for index in range(len(songs)):
        for condition, kind, row in _judged(index, songs, options.others):
            rows[condition, kind].append(row)
    judged = sum(len(found) for found in rows.values())
    print(
        f"{len(songs)} songs, {judged} stems judged, {(time.process_time() - start) / judged * 1e3:.0f} ms CPU each\n"
    )
    _print(rows)


def _load(folder: Path, excerpt_s: float | None) -> Song:
    parts = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".wav", ".ogg", ".flac"}:
            sound = open_blocks(path, max_duration_s=_LONGEST_S)
            samples = resample(np.concatenate(list(sound.blocks()), axis=1), sound.sample_rate_hz, RATE_HZ)
            if excerpt_s is not None:
                first = max(0, samples.shape[1] // 2 - round(excerpt_s * RATE_HZ / 2))
                samples = samples[:, first : first + round(excerpt_s * RATE_HZ)]
            parts[path.stem] = samples
    sounding = {name: x for name, x in parts.items() if float(np.sqrt(np.mean(np.square(x)))) > _SILENT_RMS}
    return Song(
        parts["mix"],
        {kind: sounding[kind] for kind in KINDS if kind in sounding},
        {kind: sounding[f"sep_{kind}"] for kind in KINDS if f"sep_{kind}" in sounding},
    )


def _judged(index: int, songs: list[Song], others: int) -> Iterator[tuple[str, str, Row]]:
    song = songs[index]
    for condition, change in CHANGES.items():
        mix, stems = change(song)
        yield from ((condition, kind, row) for kind, row in _judge_all(mix, stems).items())
    foreign = [songs[(index + 1 + _STEP * i) % len(songs)] for i in range(others)]
    for other in foreign:
        if other is song:
            continue
        for kind in song.stems.keys() & other.stems.keys():
            stems = {**song.stems, kind: other.stems[kind]}
            yield "stem of another song", kind, _judge_all(song.mix, stems)[kind]
    for kind, row in _judge_all(song.mix, foreign[0].stems).items():
        yield "all of another song", kind, row


def _judge_all(mix: FloatArray, stems: Parts) -> dict[str, Row]:
    sound = Signal(mix, RATE_HZ)
    judge = StemJudge(sound, waveform_of(sound))
    sounds = {kind: Signal(np.ascontiguousarray(samples, np.float32), RATE_HZ) for kind, samples in stems.items()}
    found = {kind: judge.look_for(waveform_of(stem)) for kind, stem in sounds.items()}
    rows = {}
    for kind, stem in sounds.items():
        belonging = judge.judge(stem, found[kind])
        rows[kind] = Row(belonging.rejected is not None, belonging.match.strength if belonging.match else 0.0)
    return rows


def _each(change: Callable[[FloatArray], FloatArray]) -> Callable[[Song], tuple[FloatArray, Parts]]:
    return lambda song: (song.mix, {kind: change(samples) for kind, samples in song.stems.items()})


def _quiet(db: float) -> Callable[[Song], tuple[FloatArray, Parts]]:
    """One stem after the other far quieter in the mix than its file says, as peak-normalised files are."""

    def change(song: Song) -> tuple[FloatArray, Parts]:
        # All at once would only be a quieter mix: here the loudest stays, which hides the others most.
        loudest = max(song.stems, key=lambda kind: float(np.mean(np.square(song.stems[kind]))))
        mix = song.mix.copy()
        for kind, samples in song.stems.items():
            if kind != loudest:
                gain = float(np.vdot(song.mix, samples) / np.vdot(samples, samples))
                mix -= np.float32((1.0 - 10.0 ** (db / 20.0)) * gain) * samples
        return mix, {kind: samples for kind, samples in song.stems.items() if kind != loudest}

    return change


def _late(seconds: float) -> Callable[[FloatArray], FloatArray]:
    shift = round(seconds * RATE_HZ)
    return lambda x: np.concatenate((np.zeros((x.shape[0], shift), np.float32), x[:, : x.shape[1] - shift]), axis=1)


def _wet(x: FloatArray) -> FloatArray:
    """Nothing but reverberation of 0.8 s after 20 ms."""
    from scipy.signal import fftconvolve

    t = np.arange(round(0.5 * RATE_HZ)) / RATE_HZ
    response = np.random.default_rng(0).normal(size=(x.shape[0], t.size)) * np.exp(-t / 0.116) * (t > 0.02)
    return np.asarray(0.1 * fftconvolve(x, response, axes=1)[:, : x.shape[1]], np.float32)


def _drifting(x: FloatArray) -> FloatArray:
    """Faster by 100 parts in a million, as of another clock."""
    t = np.arange(x.shape[1])
    return np.stack([np.interp(t * (1.0 + 1e-4), t, channel) for channel in x]).astype(np.float32)


def _compressed(x: FloatArray) -> FloatArray:
    return np.asarray(np.tanh(4.0 * x / max(1e-9, float(np.abs(x).max()))), np.float32)


CHANGES: dict[str, Callable[[Song], tuple[FloatArray, Parts]]] = {
    "as it is": lambda song: (song.mix, song.stems),
    "separated": lambda song: (song.mix, song.separated),
    "10 dB quieter in the mix": _quiet(-10.0),
    "20 dB quieter in the mix": _quiet(-20.0),
    "inverted, 25 ms late": _each(lambda x: -_late(0.025)(x)),
    "2 s late": _each(_late(2.0)),
    "4 s late": _each(_late(4.0)),
    "in mono": _each(lambda x: x.mean(axis=0, keepdims=True)),
    "the reverberation alone": _each(_wet),
    "drifting by 100 ppm": _each(_drifting),
    "mix driven hard": lambda song: (_compressed(song.mix), song.stems),
    "stem driven hard": _each(_compressed),
    "one of the stems alone": lambda song: (song.mix, dict(list(song.stems.items())[:1])),
}


def _print(rows: dict[tuple[str, str], list[Row]]) -> None:
    print(f"{'':28}{'stems':>7}{'rejected':>10}{'unsure':>8}{'weakest':>9}{'strongest':>11}   rejected by kind")
    for condition in dict.fromkeys(condition for condition, _ in rows):
        found = [row for (name, _), group in rows.items() if name == condition for row in group]
        unsure = sum(not row.rejected and row.strength < FOUND_STRENGTH for row in found)
        strengths = [row.strength for row in found]
        by_kind = ", ".join(
            f"{kind} {sum(row.rejected for row in rows[condition, kind])}/{len(rows[condition, kind])}"
            for kind in KINDS
            if (condition, kind) in rows
        )
        print(
            f"{condition:28}{len(found):7}{sum(row.rejected for row in found):10}{unsure:8}"
            f"{min(strengths):9.1f}{max(strengths):11.1f}   {by_kind}"
        )


if __name__ == "__main__":
    main()
