"""The measurements of when things happen in the mix: one entry, `measure_rhythm`.

What is reported, and with what confidence, belongs here; how it is found is in the modules beside this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.features.rhythm import Beat, RhythmFeatures, TempoCandidate
from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, SongViews
from flamingo_bark_assets.analysis.rhythm.beats import Pulse, Times, find_pulse, median_tempo_bpm
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence, gather_evidence
from flamingo_bark_assets.analysis.rhythm.onsets import peak_frames
from flamingo_bark_assets.analysis.rhythm.stems import evenness, onset_density
from flamingo_bark_assets.analysis.rhythm.swing import swing_ratio
from flamingo_bark_assets.record import Measurement

_METHOD = "bar-pointer-rescored"
_ONSET_METHOD = "log-flux-peaks"
_MIN_ONSETS = 5
_MIN_CLARITY = 0.5
# Onsets at random times reach 0.03 to 0.08 in 12 s and more, made-up songs, rubato ones too, 0.108 and more; chance
# repetition falls with the square root of the time.
_MIN_SALIENCE = 0.085
_CHANCE_S = 12.0
_ON_BEAT_S = 0.05

# Onset density and evenness, which need no pulse.
_OnsetFacts = tuple[Measurement[float], Measurement[float]]


def measure_rhythm(views: SongViews) -> RhythmFeatures:
    """Return tempo, beats, bars, swing and onsets of a song; the stems are used where there are any.

    Candidate tempi from the autocorrelation of the onset strength, a bar-pointer tracker for each (Krebs, Böck &
    Widmer, ISMIR 2015), the choice between them and their off-beats, and the bars, by what starts and changes where.
    """
    if views.mix.unusable is not None:
        return _without_pulse(views.mix.unusable, None)
    evidence = gather_evidence(views)
    onsets_s = peak_frames(evidence.total) / ONSET_RATE_HZ + evidence.start_s
    known = (onset_density(onsets_s, evidence.total.size / ONSET_RATE_HZ), evenness(onsets_s))
    if onsets_s.size < _MIN_ONSETS:
        return _without_pulse(f"no pulse: {onsets_s.size} onsets found, at least {_MIN_ONSETS} are needed", known)
    pulse = find_pulse(evidence)
    if pulse is None:
        return _without_pulse("no pulse: the onsets do not repeat at any steady interval", known)
    least = _MIN_SALIENCE * max(1.0, (_CHANCE_S * ONSET_RATE_HZ / evidence.total.size) ** 0.5)
    if pulse.salience < least:
        return _without_pulse("no pulse: the onsets do not repeat at any steady interval", known)
    if pulse.clarity < _MIN_CLARITY:
        return _without_pulse("no pulse: as much starts between the beats as on them", known)
    return _described(pulse, evidence, onsets_s, known, rhythmic=1.0 - 0.5 * least / pulse.salience)


def _described(
    pulse: Pulse, evidence: Evidence, onsets_s: Times, known: _OnsetFacts, *, rhythmic: float
) -> RhythmFeatures:
    confidence = pulse.tempi[0][1]
    intervals = np.diff(pulse.times_s)
    spread = float(np.subtract(*np.percentile(intervals, [75, 25])) / np.median(intervals))
    metre = "6/8" if pulse.compound else f"{pulse.beats_per_bar}/4"
    swing = (
        Measurement[float].unknown("the beat has three parts", method="off-beat-position")
        if pulse.compound
        else swing_ratio(onsets_s, pulse.times_s)
    )
    return RhythmFeatures(
        tempo_bpm=Measurement.of(median_tempo_bpm(pulse.times_s), method=_METHOD, confidence=confidence),
        tempo_stability=Measurement.of(max(0.0, 1.0 - spread), method=_METHOD, confidence=confidence),
        beat_count=Measurement.of(int(pulse.times_s.size), method=_METHOD, confidence=confidence),
        beats_per_bar=Measurement.of(pulse.beats_per_bar, method="accents-by-phase", confidence=pulse.metre_share),
        metre=Measurement.of(metre, method="accents-by-phase", confidence=pulse.metre_share),
        swing_ratio=swing,
        rhythmic=Measurement.of(True, method="onset-autocorrelation", confidence=rhythmic),
        on_beat_ratio=_on_beat_ratio(evidence, pulse.times_s),
        beats=tuple(
            Beat(beat=k, time_s=float(time_s), position=int(position))
            for k, (time_s, position) in enumerate(zip(pulse.times_s, pulse.positions, strict=True))
        ),
        tempo_candidates=tuple(
            TempoCandidate(rank=rank, tempo_bpm=bpm, score=share) for rank, (bpm, share) in enumerate(pulse.tempi)
        ),
        onset_density_hz=known[0],
        onset_evenness=known[1],
    )


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
        swing_ratio=unknown(),
        rhythmic=Measurement.of(False, method=_METHOD) if known is not None else unknown(),
        on_beat_ratio=unknown(),
        onset_density_hz=known[0] if known is not None else unknown(),
        onset_evenness=known[1] if known is not None else unknown(),
    )
