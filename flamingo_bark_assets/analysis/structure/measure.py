"""The form of a song, measured.

The entry belongs here; bars, evidence, choice and letters have modules of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import Section, StructureFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.structure.bars import BarFeatures, Bars, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import part
from flamingo_bark_assets.analysis.structure.evidence import boundary_log_odds
from flamingo_bark_assets.analysis.structure.letters import letters
from flamingo_bark_assets.analysis.structure.model import section_model
from flamingo_bark_assets.analysis.structure.names import Outline, propose_names, sung_shares
from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.record import Measurement

Values = NDArray[np.float64]

_BEATS, _TIME = "bars-semi-markov", "time-grid-semi-markov"
_LEAST_BARS = 4
# A grid of time alone misses the places where sections begin.
_TRUST_WITHOUT_BEATS = 0.5
# Sections in sequence that are alike are one where the log odds of the evidence at their line are lower: nine in ten
# true lines of the training songs have more.
_LEAST_EVIDENCE = 0.0
_NEAR_S = 1.5
# Rises of the level that mean nothing, dB.
_LEAST_RISE = 0.3


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
    analysis = analyse_form(features)
    voice = views.stems.get("vocals")
    sections = _sections(bars, features, analysis, mix, voice)
    trust = 1.0 if bars.metrical else _TRUST_WITHOUT_BEATS
    return _described(sections, trust * analysis.count_confidence, trust * analysis.form_confidence, method)


@dataclass(frozen=True, slots=True)
class Form:
    """The form in bars.

    Attributes:
        starts: bars at which a section begins, 0 first.
        start_confidence: probability of each being right within 3 s; 1 for the first.
        letters: a letter a section.
        count_confidence: expected F-measure of the starts.
        form_confidence: expected pairwise F-measure of the letters.
    """

    starts: list[int]
    start_confidence: list[float]
    letters: list[str]
    count_confidence: float
    form_confidence: float


def analyse_form(features: BarFeatures) -> Form:
    """Part a song, letter its sections and say how sure both are."""
    evidence = boundary_log_odds(features)
    parting = part(evidence, features.bar_s)
    lettered = letters(features, parting.starts)
    starts, names = joined(parting.starts, lettered.names, evidence)
    model = section_model("stems" if features.stems.shape[1] else "mix")
    near = nearby(parting.probability, features.bar_s)
    slope, offset = model.start_weights
    sure = 1.0 / (1.0 + np.exp(-(slope * logit(near[starts[1:]]) + offset)))
    inputs = form_inputs(sure, parting.probability, lettered.certainty)
    count, form = (float(np.clip(inputs @ weights, 0.0, 1.0)) for weights in (model.count_weights, model.form_weights))
    return Form(starts, [1.0, *sure.tolist()], names, count, form)


def joined(starts: Sequence[int], names: Sequence[str], evidence: Values) -> tuple[list[int], list[str]]:
    """Join neighbours with the same letter where nothing but the usual length of sections parts them."""
    kept = [
        number
        for number, start in enumerate(starts)
        if number == 0 or names[number] != names[number - 1] or evidence[start] >= _LEAST_EVIDENCE
    ]
    return [starts[number] for number in kept], [names[number] for number in kept]


def nearby(probability: Values, bar_s: float) -> Values:
    """Return the probability of a start within 1.5 s of each bar line, shape (n_bars,)."""
    reach = round(_NEAR_S / bar_s)
    inner = np.concatenate([[0.0], probability[1:]])
    return np.minimum(np.convolve(inner, np.ones(2 * reach + 1), "same")[: probability.size], 1.0)


def form_inputs(start_confidence: Values, probability: Values, certainty: float) -> Values:
    """Return what the confidence of the form follows from: expected F of the starts, certainty of the letters, 1."""
    expected = float(probability[1:].sum())
    if start_confidence.size == 0:
        return np.array([math.exp(-expected), certainty, 1.0])
    return np.array([2.0 * float(start_confidence.sum()) / (start_confidence.size + expected), certainty, 1.0])


def logit(probability: Values) -> Values:
    """Return log odds, clipped at 1 to 10000."""
    clipped = np.clip(probability, 1e-4, 1.0 - 1e-4)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def _sections(
    bars: Bars, features: BarFeatures, form: Form, mix: AudioView, voice: AudioView | None
) -> tuple[Section, ...]:
    start_s, end_s = mix.music_start_s, mix.music_end_s
    spans = list(itertools.pairwise([*form.starts, bars.count]))
    edges_s = [
        (
            start_s if first == 0 else float(bars.edges_s[first]),
            end_s if last == bars.count else float(bars.edges_s[last]),
        )
        for first, last in spans
    ]
    typical = features.timbre.mean(axis=0)
    level_db = levels_db(features, form.starts)
    outline = outline_of(features, form.starts, form.letters, edges_s, voice, mix)
    names = propose_names(outline)
    rows = []
    for number, (first, last) in enumerate(spans):
        deviation = features.timbre[first:last].mean(axis=0) - typical
        rows.append(
            Section(
                section=number,
                start_s=edges_s[number][0],
                end_s=edges_s[number][1],
                label=form.letters[number],
                name=names[number].name,
                name_confidence=names[number].confidence,
                bars=last - first,
                start_confidence=form.start_confidence[number],
                level_db=float(level_db[number]),
                deviation_db=float(np.sqrt(np.square(deviation).mean())),
            )
        )
    return tuple(rows)


def levels_db(features: BarFeatures, starts: Sequence[int]) -> Values:
    """Return the mean power of each section over that of the song, dB."""
    mean_power = float(features.power.mean())
    spans = itertools.pairwise([*starts, len(features.power)])
    if mean_power <= 0.0:
        return np.zeros(len(starts))
    return np.array([10.0 * np.log10(features.power[a:b].mean() / mean_power + 1e-12) for a, b in spans])


def outline_of(
    features: BarFeatures,
    starts: Sequence[int],
    names: Sequence[str],
    edges_s: Sequence[tuple[float, float]],
    voice: AudioView | None,
    mix: AudioView,
) -> Outline:
    """Collect what the sections' names follow from."""
    rises = np.array([features.rhythm[a:b].mean() for a, b in itertools.pairwise([*starts, len(features.rhythm)])])
    usual = float(features.rhythm.mean())
    return Outline(
        letters=names,
        lengths_s=np.maximum([end - start for start, end in edges_s], 0.01),
        level_db=levels_db(features, starts),
        onsets=np.log((rises + _LEAST_RISE) / (usual + _LEAST_RISE)),
        sung=None if voice is None or voice.unusable is not None else sung_shares(voice, mix, edges_s),
    )


def _described(sections: tuple[Section, ...], count: float, confidence: float, method: str) -> StructureFeatures:
    names = [section.label for section in sections]
    lengths = np.array([section.end_s - section.start_s for section in sections])
    again = np.array([names.count(name) > 1 for name in names])
    return StructureFeatures(
        section_count=Measurement.of(len(sections), method=method, confidence=count),
        form=Measurement.of("".join(names), method=method, confidence=confidence),
        section_bars=Measurement.of(
            float(np.median([section.bars for section in sections])), method=method, confidence=count
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
