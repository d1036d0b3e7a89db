"""What is measured of every stem, whatever plays on it.

The part that the results of all kinds share belongs here; what only one instrument has does not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import ActiveSegment, StemFeatures
from flamingo_bark_assets.analysis.frontend.view import ACTIVITY_FRAME_S, AudioView
from flamingo_bark_assets.analysis.rhythm.onsets import onset_strength, onset_times_s
from flamingo_bark_assets.analysis.rhythm.stems import evenness, onset_density, rhythm_complexity, syncopation
from flamingo_bark_assets.analysis.timbre.measure import measure_stem_spectrum
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.loudness import integrated_loudness, loudest_short_term, loudness_range
from flamingo_bark_assets.metres import is_compound
from flamingo_bark_assets.record import Measurement

Segment = TypeVar("Segment", bound=ActiveSegment)
Result = TypeVar("Result", bound=StemFeatures)

_ACTIVITY_METHOD = "rms-50ms-gated"
# What a separator leaves of the other instruments lies 30 to 40 dB down; a note's own decay is audible that far.
_GATE_DB = -35.0
_LOUD_PERCENTILE = 95.0
_BRIDGED_S = 0.3
_SHORTEST_S = 0.1


def measure_stem(
    song_id: str,
    view: AudioView,
    *,
    energy_share: Measurement[float],
    song: SongFeatures | None = None,
    onsets_s: NDArray[np.float64] | None = None,
    onset_confidence: float = 1.0,
) -> StemFeatures:
    """Measure what every stem has; the instrument's own result is built on it.

    `onsets_s` are the onset times where the instrument's own analysis knows them, with their mean probability; else the
    peaks of the spectral flux.
    """
    if onsets_s is None:
        onsets_s = onset_times_s(onset_strength(view))
    sounding, edges_s = sounding_frames(view)
    sounding_s = float(np.diff(edges_s)[sounding].sum())
    segments = _segments(sounding, edges_s)
    return StemFeatures(
        song_id=song_id,
        **vars(measure_stem_spectrum(view)),
        loudness_integrated_lufs=integrated_loudness(view.energies),
        loudness_range_lu=loudness_range(view.energies),
        loudness_short_term_max_lufs=loudest_short_term(view.energies),
        energy_share=energy_share,
        active_fraction=Measurement.exact(sounding_s / max(view.duration_s, 1e-9), method=_ACTIVITY_METHOD),
        longest_rest_s=_longest_rest(edges_s, segments),
        onset_density_hz=onset_density(onsets_s, sounding_s, confidence=onset_confidence),
        onset_evenness=evenness(onsets_s),
        rhythm_complexity=rhythm_complexity(onsets_s),
        syncopation=syncopation(
            onsets_s,
            song.beats if song is not None else (),
            compound=song is not None and is_compound(song.metre.value),
        ),
    )


def of_something_else(result: type[Result], reason: str, common: StemFeatures, **known: Any) -> Result:
    """Keep what any stem has; what only a stem of its kind has is unknown for `reason`, but for what is `known`."""
    values = {name: value for name, value in vars(common).items() if name != "song_id"}
    return result.of_unusable(common.song_id, reason, **values, **known)


def activity_rows(view: AudioView, row: type[Segment]) -> tuple[Segment, ...]:
    """Return the segments in which a stem sounds, as rows of the stem's own table.

    Pauses up to 0.3 s are bridged; segments shorter than 0.1 s are left out.
    """
    sounding, edges_s = sounding_frames(view)
    power = np.concatenate(([0.0], np.cumsum(view.activity_power.astype(np.float64) * np.diff(edges_s))))
    rows: list[Segment] = []
    for first, last in _segments(sounding, edges_s):
        start_s, end_s = float(edges_s[first]), float(edges_s[last])
        mean = max((power[last] - power[first]) / (end_s - start_s), 1e-12)
        rows.append(row(segment=len(rows), start_s=start_s, end_s=end_s, level_dbfs=float(10.0 * np.log10(mean))))
    return tuple(rows)


def sounding_frames(view: AudioView) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which 50 ms frames of a stem sound, (n_frames,), and their edges, (n_frames + 1,).

    A frame sounds above -60 dBFS and within 35 dB of the 95th percentile of the frames above -60 dBFS.
    """
    power = view.activity_power
    edges_s = np.minimum(np.arange(power.size + 1) * ACTIVITY_FRAME_S, view.duration_s)
    gate = 10.0 ** (SILENCE_DBFS / 10.0)
    audible = power[power >= gate]
    if audible.size:
        gate = max(gate, float(np.percentile(audible, _LOUD_PERCENTILE)) * 10.0 ** (_GATE_DB / 10.0))
    return np.asarray(power >= gate), edges_s


def _segments(sounding: NDArray[np.bool_], edges_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return first frame and the one after the last of each segment of sound."""
    change = np.flatnonzero(np.diff(np.concatenate(([False], sounding, [False])).astype(np.int8)))
    joined: list[tuple[int, int]] = []
    for first, last in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
        if joined and edges_s[first] - edges_s[joined[-1][1]] <= _BRIDGED_S + 1e-9:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if edges_s[last] - edges_s[first] >= _SHORTEST_S - 1e-9]


def _longest_rest(edges_s: NDArray[np.float64], segments: list[tuple[int, int]]) -> Measurement[float]:
    if not segments:
        return Measurement.unknown("it never sounds for 0.1 s", method=_ACTIVITY_METHOD)
    rests = [float(edges_s[after[0]] - edges_s[before[1]]) for before, after in pairwise(segments)]
    return Measurement.exact(max(rests, default=0.0), method=_ACTIVITY_METHOD)
