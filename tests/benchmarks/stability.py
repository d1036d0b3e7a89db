"""Whether what is said of a song stays when it is coded anew, begins later or is an excerpt; no truth is needed.

    python -m tests.benchmarks.stability FOLDER... [--jobs 2]

A folder holds songs: folders with mix.wav, such as `tests.benchmarks.game_music --length 300` makes. Each is measured
as it is, as MP3, without its first seconds, and 30 s of its middle alone; each way is compared with the song itself.
Printed are the shares of songs that keep their tempo (within 4 %), metre and key, the shares that contradict themselves
(both say otherwise at a confidence above .8), and the F-measure of section boundaries within 3 s of each other
(mir_eval), with lengths of sections and the share of time in those that return.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

_LATER_S = 3.3
_EXCERPT_S = 30.0
_NEAR_S = 3.0
_SURE = 0.8
_LEAST_S = 60.0
QUANTITIES = ("tempo", "metre", "key")


class Change(NamedTuple):
    """What one way of changing a song did: which quantities stayed, which contradict, and the boundaries' F-measure."""

    way: str
    same: tuple[float, ...]
    contradicts: tuple[float, ...]
    boundaries: float


class Form(NamedTuple):
    """The form of one song: median length of its sections in seconds, sections a minute, share of time that returns."""

    median_s: float
    a_minute: float
    repetition: float


def main() -> None:
    """Measure the songs of all folders and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    songs = [path for folder in options.folder for path in sorted(folder.glob("*/mix.wav"))]
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        found = [result for result in pool.map(measure, songs) if result is not None]
    for line in table([form for form, _ in found], [change for _, changes in found for change in changes]):
        print(line)


def measure(path: Path) -> tuple[Form, list[Change]] | None:
    """Measure one song in all ways; None where it is too short or has no form."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    if len(samples) < _LEAST_S * rate_hz:
        return None
    coded = io.BytesIO()
    soundfile.write(coded, samples, rate_hz, format="MP3")
    coded.seek(0)
    later, half = round(_LATER_S * rate_hz), round(0.5 * _EXCERPT_S * rate_hz)
    middle = len(samples) // 2
    ways = {
        "MP3": (soundfile.read(coded, dtype="float32", always_2d=True)[0], 0.0),
        "later": (samples[later:], _LATER_S),
        "excerpt": (samples[middle - half : middle + half], (middle - half) / rate_hz),
    }
    song = _analysed(samples, rate_hz)
    if not song.sections:
        return None
    changes = []
    for way, (changed, start_s) in ways.items():
        other = _analysed(changed, rate_hz)
        pairs = [_answers(song, quantity) + _answers(other, quantity) for quantity in QUANTITIES]
        same = tuple(float(_agree(one, two)) for one, _, two, _ in pairs)
        sure = tuple(float(not _agree(one, two) and min(c, d) > _SURE) for one, c, two, d in pairs)
        changes.append(Change(way, same, sure, _boundaries(song, other, start_s)))
    lengths = np.array([section.end_s - section.start_s for section in song.sections])
    form = Form(float(np.median(lengths)), 60.0 * lengths.size / float(lengths.sum()), song.repetition.value or 0.0)
    return form, changes


def _analysed(samples: Any, rate_hz: int) -> Any:
    from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
    from flamingo_bark_assets.analysis.song import analyse_song
    from flamingo_bark_assets.audio.signal import Signal

    return analyse_song("song", SongViews(AudioView(Signal(np.ascontiguousarray(samples.T), rate_hz))))


def _answers(song: Any, quantity: str) -> tuple[Any, float]:
    measured = {"tempo": song.tempo_bpm, "metre": song.metre, "key": song.key}[quantity]
    return measured.value, measured.confidence or 0.0


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one / other - 1.0) <= 0.04
    return bool(one == other)


def _boundaries(song: Any, other: Any, start_s: float) -> float:
    """F-measure of the inner boundaries of what both cover; 1 where neither has one, not a number without a form."""
    import mir_eval

    if not other.sections:
        return float("nan")
    end_s = start_s + other.sections[-1].end_s
    kept = [s.start_s for s in song.sections[1:] if start_s + _NEAR_S < s.start_s < end_s - _NEAR_S]
    found = [
        s.start_s + start_s for s in other.sections[1:] if s.start_s > _NEAR_S and s.start_s + start_s < end_s - _NEAR_S
    ]
    if not kept or not found:
        return float(not kept and not found)
    return float(mir_eval.onset.f_measure(np.array(kept), np.array(found), window=_NEAR_S)[0])


def table(forms: Iterable[Form], changes: Iterable[Change]) -> list[str]:
    """Lines of both tables: means over the songs."""
    medians = np.array(list(forms))
    lines = [
        f"{len(medians)} songs: sections of {medians[:, 0].mean():.1f} s, {medians[:, 1].mean():.1f} a minute, "
        f"{medians[:, 2].mean():.2f} of the time returns",
        f"{'way':9}{'same: ' + ' '.join(QUANTITIES):24}{'contradict: ' + ' '.join(QUANTITIES):30}boundaries F",
    ]
    by_way: dict[str, list[Change]] = {}
    for change in changes:
        by_way.setdefault(change.way, []).append(change)
    for way, found in by_way.items():
        same = np.mean([change.same for change in found], axis=0)
        contradicts = np.mean([change.contradicts for change in found], axis=0)
        boundaries = np.nanmean([change.boundaries for change in found])
        lines.append(
            f"{way:9}{'':6}"
            + " ".join(f"{x:5.2f}" for x in same)
            + f"{'':12}"
            + " ".join(f"{x:5.2f}" for x in contradicts)
            + f"{'':9}{boundaries:.2f}"
        )
    return lines


if __name__ == "__main__":
    main()
