"""The measurements of when things happen in the mix: one entry, `measure_rhythm`.

What is reported, and with what confidence, belongs here; how it is found is in the modules beside this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat, RhythmFeatures, TempoCandidate, TempoSegment
from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, SongViews
from flamingo_bark_assets.analysis.rhythm.beats import Pulse, Times, find_pulses, median_tempo_bpm
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence, gather_evidence
from flamingo_bark_assets.analysis.rhythm.onsets import peak_frames
from flamingo_bark_assets.analysis.rhythm.scoring import pulse_certainty
from flamingo_bark_assets.analysis.rhythm.stems import evenness, onset_density
from flamingo_bark_assets.analysis.rhythm.swing import swing_ratio
from flamingo_bark_assets.record import Measurement

_METHOD = "bar-pointer-rescored"
_METRE_METHOD = "accents-by-phase"
_ONSET_METHOD = "log-flux-peaks"
_MIN_ONSETS = 5
# A pulse is told where it is this likely: 95 of 100 made songs with one reach it, 10 of 100 pieces without (what
# `tests.learning.rhythm` prints).
_LEAST_CERTAINTY = 0.6
# RMS rise, in nepers of power, below which nothing starts: 1 of 100 made songs without drums has less, and so has a
# steady tone.
LEAST_RISE = 0.2
_ON_BEAT_S = 0.05
_NO_PULSE = "no pulse: the onsets do not repeat at any steady interval"

# Onset density and evenness, which need no pulse.
_OnsetFacts = tuple[Measurement[float], Measurement[float]]


def measure_rhythm(views: SongViews) -> RhythmFeatures:
    """Return tempo, beats, bars, swing and onsets of a song; the stems are used where there are any.

    Candidate tempi from the autocorrelation of the onset strength, a bar-pointer tracker for each (Krebs, Böck &
    Widmer, ISMIR 2015), the choice between them and their off-beats, and the bars, by what starts and changes where;
    for each span of a song whose tempo changes. Tempo and metre are those of the longest span.
    """
    if views.mix.unusable is not None:
        return _without_pulse(views.mix.unusable, None)
    evidence = gather_evidence(views)
    onsets_s = peak_frames(evidence.total) / ONSET_RATE_HZ + evidence.start_s
    known = (onset_density(onsets_s, evidence.total.size / ONSET_RATE_HZ), evenness(onsets_s))
    if onsets_s.size < _MIN_ONSETS:
        return _without_pulse(f"no pulse: {onsets_s.size} onsets found, at least {_MIN_ONSETS} are needed", known)
    if evidence.rise < LEAST_RISE:
        return _without_pulse("no pulse: nothing starts, the sound only swells", known)
    found = [(pulse, pulse_certainty(pulse.features)) for pulse in find_pulses(evidence)]
    pulses = [(pulse, sure) for pulse, sure in found if sure >= _LEAST_CERTAINTY]
    if not pulses:
        return _without_pulse(_NO_PULSE, known)
    return _described(pulses, evidence, onsets_s, known)


def _described(
    pulses: list[tuple[Pulse, float]], evidence: Evidence, onsets_s: Times, known: _OnsetFacts
) -> RhythmFeatures:
    main, rhythmic = max(pulses, key=lambda found: found[0].end_s - found[0].start_s)
    times_s, positions = _joined([pulse for pulse, _ in pulses])
    intervals = np.diff(times_s)
    spread = float(np.subtract(*np.percentile(intervals, [75, 25])) / np.median(intervals))
    # Whether there is a pulse at all bounds how sure anything about it is.
    tempo, grid = rhythmic * main.tempi[0][1], rhythmic * main.grid_certainty
    metre = rhythmic * main.metre_certainty
    swing = (
        Measurement[float].unknown("the beat has three parts", method="off-beat-position")
        if main.metre.is_compound
        else swing_ratio(onsets_s, main.times_s)
    )
    downbeats_s = times_s[positions == 1]
    return RhythmFeatures(
        tempo_bpm=Measurement.of(_tempo_bpm(main), method=_METHOD, confidence=tempo),
        tempo_stability=Measurement.of(max(0.0, 1.0 - spread), method=_METHOD, confidence=grid),
        beat_count=Measurement.of(int(times_s.size), method=_METHOD, confidence=grid),
        beats_per_bar=Measurement.of(main.metre.beats_per_bar, method=_METRE_METHOD, confidence=metre),
        metre=Measurement.of(main.metre.name, method=_METRE_METHOD, confidence=metre),
        first_downbeat_s=Measurement.of(
            float(downbeats_s[0]), method=_METRE_METHOD, confidence=rhythmic * main.bar_certainty
        ),
        swing_ratio=swing,
        rhythmic=Measurement.of(True, method="onset-autocorrelation", confidence=rhythmic),
        on_beat_ratio=_on_beat_ratio(evidence, times_s),
        beats=tuple(
            Beat(beat=k, time_s=float(time_s), position=int(position))
            for k, (time_s, position) in enumerate(zip(times_s, positions, strict=True))
        ),
        tempo_candidates=tuple(
            TempoCandidate(rank=rank, tempo_bpm=bpm * (main.metre.quarters_per_beat if rank == 0 else 1.0), score=share)
            for rank, (bpm, share) in enumerate(main.tempi)
        ),
        tempo_segments=tuple(
            TempoSegment(
                segment=k,
                start_s=pulse.start_s,
                end_s=pulse.end_s,
                tempo_bpm=_tempo_bpm(pulse),
                metre=pulse.metre.name,
                confidence=sure * pulse.tempi[0][1],
            )
            for k, (pulse, sure) in enumerate(pulses)
        ),
        onset_density_hz=known[0],
        onset_evenness=known[1],
    )


def _joined(pulses: list[Pulse]) -> tuple[Times, NDArray[np.int64]]:
    """Return the beats of all spans and their places in the bar.

    The last beat of a span falls away where the next span begins with one less than half a beat later.
    """
    times_s: list[Times] = []
    positions: list[NDArray[np.int64]] = []
    for pulse, following in zip(pulses, [*pulses[1:], None], strict=True):
        kept = pulse.times_s.size
        if following is not None:
            beat_s = float(np.median(np.diff(pulse.times_s)))
            kept = int(np.searchsorted(pulse.times_s, following.times_s[0] - 0.5 * beat_s))
        times_s.append(pulse.times_s[:kept])
        positions.append(pulse.positions[:kept])
    return np.concatenate(times_s), np.concatenate(positions)


def _tempo_bpm(pulse: Pulse) -> float:
    """Return beats a minute, quarters where the beats are eighths."""
    return median_tempo_bpm(pulse.times_s) * pulse.metre.quarters_per_beat


def _on_beat_ratio(evidence: Evidence, times_s: Times) -> Measurement[float]:
    frames = np.arange(evidence.total.size) / ONSET_RATE_HZ + evidence.start_s
    after = np.clip(np.searchsorted(times_s, frames), 1, times_s.size - 1)
    distance = np.minimum(np.abs(frames - times_s[after - 1]), np.abs(frames - times_s[after]))
    total = float(evidence.total.sum())
    if total <= 0.0:
        return Measurement.unknown("nothing starts", method=_ONSET_METHOD)
    return Measurement.of(float(evidence.total[distance <= _ON_BEAT_S].sum()) / total, method=_ONSET_METHOD)


def _without_pulse(reason: str, known: _OnsetFacts | None) -> RhythmFeatures:
    def unknown() -> Any:
        return Measurement.unknown(reason, method=_METHOD)

    return RhythmFeatures(
        tempo_bpm=unknown(),
        tempo_stability=unknown(),
        beat_count=unknown(),
        beats_per_bar=unknown(),
        metre=unknown(),
        first_downbeat_s=unknown(),
        swing_ratio=unknown(),
        rhythmic=Measurement.of(False, method=_METHOD) if known is not None else unknown(),
        on_beat_ratio=unknown(),
        onset_density_hz=known[0] if known is not None else unknown(),
        onset_evenness=known[1] if known is not None else unknown(),
    )
