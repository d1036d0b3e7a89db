"""The form of a song, measured.

The entry belongs here; bars, evidence, choice and letters have modules of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import Section, StructureFeatures
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.structure.bars import BarFeatures, Bars, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import Parting, part
from flamingo_bark_assets.analysis.structure.evidence import boundary_log_odds
from flamingo_bark_assets.analysis.structure.letters import letters
from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.record import Measurement

_BEATS, _TIME = "bars-semi-markov", "time-grid-semi-markov"
_LEAST_BARS = 4
# A grid of time alone misses the places where sections begin.
_TRUST_WITHOUT_BEATS = 0.5


def measure_structure(views: SongViews, beats: Sequence[Beat]) -> StructureFeatures:
    """Split a song into sections and name those alike by the same letter.

    Bars that begin a section are chosen by novelty, repetition, drummers' signals and the usual lengths of sections;
    the stems, where there are any, tell who enters and leaves. Without beats a grid of 2 s takes the place of bars.
    Unknown where the song is unusable or shorter than four bars.
    """
    mix = views.mix
    if mix.unusable is not None:
        return _unknown(mix.unusable, _BEATS)
    bars = bars_of(
        np.array([beat.time_s for beat in beats], np.float64),
        np.array([beat.position for beat in beats], np.int64),
        start_s=mix.music_start_s,
        end_s=mix.music_end_s,
    )
    method = _BEATS if bars.metrical else _TIME
    if bars.count < _LEAST_BARS:
        return _unknown(f"too short: {bars.count} bars, at least {_LEAST_BARS} are needed", method)
    stems = [views.stems[kind] for kind in STEM_KINDS if kind in views.stems and views.stems[kind].unusable is None]
    features = bar_features(bars, mix, stems)
    parting = part(boundary_log_odds(features))
    sections = _sections(bars, features, parting, mix.music_start_s, mix.music_end_s)
    return _described(sections, _confidence(parting, bars), method)


def _sections(bars: Bars, features: BarFeatures, parting: Parting, start_s: float, end_s: float) -> tuple[Section, ...]:
    names = letters(features, parting.starts)
    edges = [*parting.starts, bars.count]
    typical = features.timbre.mean(axis=0)
    mean_power = float(features.power.mean())
    rows = []
    for number, (first, last) in enumerate(itertools.pairwise(edges)):
        deviation = features.timbre[first:last].mean(axis=0) - typical
        level = 10.0 * np.log10(features.power[first:last].mean() / mean_power + 1e-12) if mean_power > 0.0 else 0.0
        rows.append(
            Section(
                section=number,
                start_s=start_s if number == 0 else float(bars.edges_s[first]),
                end_s=end_s if last == bars.count else float(bars.edges_s[last]),
                label=names[number],
                bars=last - first,
                start_confidence=1.0 if number == 0 else float(parting.probability[first]),
                level_db=float(level),
                deviation_db=float(np.sqrt(np.square(deviation).mean())),
            )
        )
    return tuple(rows)


def _confidence(parting: Parting, bars: Bars) -> float:
    """Return the F-measure of the starts that is expected by their probabilities."""
    chosen = parting.probability[parting.starts[1:]]
    expected = float(parting.probability[1:].sum())
    trust = 1.0 if bars.metrical else _TRUST_WITHOUT_BEATS
    if chosen.size == 0:
        return trust * float(np.exp(-expected))
    return trust * 2.0 * float(chosen.sum()) / (chosen.size + expected)


def _described(sections: tuple[Section, ...], confidence: float, method: str) -> StructureFeatures:
    names = [section.label for section in sections]
    lengths = np.array([section.end_s - section.start_s for section in sections])
    again = np.array([names.count(name) > 1 for name in names])
    return StructureFeatures(
        section_count=Measurement.of(len(sections), method=method, confidence=confidence),
        form=Measurement.of("".join(names), method=method, confidence=confidence),
        section_bars=Measurement.of(
            float(np.median([section.bars for section in sections])), method=method, confidence=confidence
        ),
        repetition=Measurement.of(float(lengths[again].sum() / lengths.sum()), method=method, confidence=confidence),
        sections=sections,
    )


def _unknown(reason: str, method: str) -> StructureFeatures:
    return StructureFeatures(
        section_count=Measurement.unknown(reason, method=method),
        form=Measurement.unknown(reason, method=method),
        section_bars=Measurement.unknown(reason, method=method),
        repetition=Measurement.unknown(reason, method=method),
    )
