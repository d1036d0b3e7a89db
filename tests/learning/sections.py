"""Fits what is known of sections: `python -m tests.learning.sections FOLDER... --out WEIGHTS.npz`.

The fit and its held-out figures belong here; the weights stand in `analysis/structure/section_model.npz`. They saw
48 songs: 27 of `tests.learning.whole_songs` (seed 671 to number 25, and two of seed 1: two to four minutes, half of
them limited, equalised, in a room or noisy) and 21 of `tests.learning.random_styles` (the first five of seed 661, 130
to 230 s, and 16 of seed 8801, 40 to 80 s). No style, groove or
sound font of the judged songs is among them, but their program lays out the sections of the latter, arranges their
parts and synthesises drum machines, basses and voices. Only rendered sound was learned from.

Each song is read with its true and with its measured beats, and with grids as trackers get them wrong: half and twice
the tempo, bars of two beats. Bars are varied further as players and mixes vary them (levels, bands, chroma, rhythm),
and pieces of a section that go on and on have no boundary. Fitted, with a quarter of the songs held out in turn:

- three networks of the log odds of a boundary at a bar line: 16 hidden units on the evidence of three bar lines;
- the log odds of two sections being the same: logistic regression on comparisons of the sections found;
- the confidence of a start (logistic, by the chain's own) and of the form (linear, by what is expected);
- names: softmax regression on place, length, repetition, level and voice.

What is added to the networks' log odds was set by the number of sections found on the same songs. Each FOLDER holds
songs with mix.wav, the stems (drums, bass, other, vocals).wav and a truth.json with beats, downbeats and sections;
`same`, where it is given, tells which are the same part though their names are not.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.rhythm.measure import measure_rhythm
from flamingo_bark_assets.analysis.structure import letters as lettering
from flamingo_bark_assets.analysis.structure import measure as measuring
from flamingo_bark_assets.analysis.structure.bars import BarFeatures, Bars, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import part
from flamingo_bark_assets.analysis.structure.evidence import COLUMNS, boundary_evidence, with_neighbours
from flamingo_bark_assets.analysis.structure.letters import PAIR_COLUMNS, section_pairs
from flamingo_bark_assets.analysis.structure.names import NAMES, name_columns
from flamingo_bark_assets.audio.signal import Signal

Rng = np.random.Generator
Values = NDArray[np.float64]
Score = Callable[[Values], Values]

_STEMS = ("drums", "bass", "other", "vocals")
# Columns behind these are of stems.
_MIX_COLUMNS, _MIX_PAIRS = len(COLUMNS) - 2, len(PAIR_COLUMNS) - 2
_GRIDS = ("true", "measured", "half", "double", "two")
_VARIATIONS = (0.4, 0.8)
_FOLDS = 4
_NETWORKS, _HIDDEN, _EPOCHS, _BATCH, _DECAY = 3, 16, 25, 512, 3e-3
_PENALTY, _NAME_PENALTY = 10.0, 3.0
# Added to the log odds of the network, with which the search finds as many sections as there are.
_BIAS_ADDED = 3.2
_SAME_ADDED = (0.0,)
_TOLERANCE_S = 3.0
# An intro is often played as the verse, an outro as the chorus: whether they are the same is a matter of taste.
_UNCLEAR = {
    frozenset(pair)
    for pair in (
        ("intro", "verse"), ("intro", "chorus"), ("outro", "chorus"), ("outro", "verse"), ("instrumental", "verse"),
        ("instrumental", "chorus"), ("break", "verse"), ("intro", "break"), ("intro", "instrumental"),
    )
}  # fmt: skip
_UNCLEAR_SHARE = 0.2


@dataclass(frozen=True)
class Song:
    """A song's sound and truth; `beats` are the measured ones, times and positions."""

    name: str
    views: SongViews
    truth: Mapping[str, Any]
    beats: tuple[Values, NDArray[np.int64]]


@dataclass
class Reading:
    """One song on one grid, varied or not: its features, evidence and which bars begin a section.

    `song` is None where a piece goes on and on; `log_odds` comes from a network that did not see the song.
    """

    name: str
    grid: str
    varied: float
    bars: Bars | None
    song: Song | None
    features: BarFeatures
    evidence: Values
    begins: NDArray[np.bool_]
    weight: float
    log_odds: Values = dataclasses.field(default_factory=lambda: np.zeros(0))


def read_song(folder: Path) -> Song:
    """Read a song, its stems and its truth, and measure its beats."""
    truth = json.loads((folder / "truth.json").read_text())
    mix = _view(folder / "mix.wav")
    stems: dict[Any, AudioView] = {}
    for stem in _STEMS:
        path = folder / f"{stem}.wav"
        if path.exists() and (view := _view(path)).unusable is None:
            stems["harmonic" if stem == "other" else stem] = view
    rhythm = measure_rhythm(SongViews(mix))
    beats = np.array([b.time_s for b in rhythm.beats]), np.array([b.position for b in rhythm.beats], np.int64)
    return Song(folder.name, SongViews(mix, stems), truth, beats)


def _view(path: Path) -> AudioView:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return AudioView(Signal(np.ascontiguousarray(samples.T), rate_hz))


def grid_of(song: Song, grid: str) -> tuple[Values, NDArray[np.int64]]:
    """Return beats and their positions: true, measured, at half or twice the tempo, or in bars of two."""
    if grid == "measured":
        return song.beats
    beats, downbeats = np.array(song.truth["beats"]), np.array(song.truth["downbeats"])
    last = np.maximum(np.searchsorted(downbeats, beats + 1e-6) - 1, 0)
    positions = np.arange(beats.size) - np.searchsorted(beats, downbeats[last] - 1e-6) + 1
    bar = int(positions.max())
    if grid == "half":
        beats = beats[::2]
    elif grid == "double":
        beats = np.interp(np.arange(2 * beats.size - 1) / 2.0, np.arange(beats.size), beats)
    elif grid == "two":
        bar = 2
    return (beats, positions) if grid == "true" else (beats, np.arange(beats.size) % bar + 1)


def readings_of(song: Song, with_stems: bool, rng: Rng) -> Iterator[Reading]:
    """Read a song on all grids, varied and not, and a piece of it that goes on and on."""
    mix, stems = song.views.mix, list(song.views.stems.values()) if with_stems else []
    for grid in _GRIDS:
        beats, positions = grid_of(song, grid)
        bars = bars_of(beats, positions, start_s=mix.music_start_s, end_s=mix.music_end_s)
        if bars.count < 8:
            continue
        plain, begins = bar_features(bars, mix, stems), _begins(bars, song.truth)
        for varied in (0.0, *(_VARIATIONS if grid in {"true", "measured"} else _VARIATIONS[-1:])):
            features = vary(plain, rng, varied) if varied else plain
            evidence = boundary_evidence(features)
            yield Reading(song.name, grid, varied, bars, song, features, evidence, begins, 1.0 / len(_GRIDS))
        if grid == "true":
            yield from _endless(song.name, plain, begins, rng)


def _begins(bars: Bars, truth: Mapping[str, Any]) -> NDArray[np.bool_]:
    edges, found = bars.edges_s[:-1], np.zeros(bars.count, np.bool_)
    reach_s = max(0.5, 0.55 * float(np.median(np.diff(bars.edges_s))))
    for start, _, _ in truth["sections"][1:]:
        nearest = int(np.argmin(np.abs(edges - start)))
        found[nearest] |= bool(abs(edges[nearest] - start) < reach_s)
    found[0] = False
    return found


def _endless(name: str, features: BarFeatures, begins: NDArray[np.bool_], rng: Rng) -> Iterator[Reading]:
    edges = [0, *np.flatnonzero(begins).tolist(), begins.size]
    spans = [(a, b) for a, b in itertools.pairwise(edges) if b - a >= 4]
    if not spans:
        return
    first, last = spans[len(spans) // 2]
    chosen = first + np.arange(48) % 4 if rng.random() < 0.5 else rng.integers(first, last, 48)
    for varied in (0.1, *_VARIATIONS):
        piece = vary(_taken(features, chosen), rng, varied)
        weight = 0.5 / len(_GRIDS)
        yield Reading(
            name, "endless", varied, None, None, piece, boundary_evidence(piece), np.zeros(48, np.bool_), weight
        )


def _taken(features: BarFeatures, chosen: NDArray[np.int64]) -> BarFeatures:
    arrays: dict[str, Any] = {
        name: value[chosen] for name, value in _fields(features).items() if isinstance(value, np.ndarray)
    }
    return dataclasses.replace(features, **arrays)


def _fields(features: BarFeatures) -> dict[str, Any]:
    return {field.name: getattr(features, field.name) for field in dataclasses.fields(features)}


def vary(features: BarFeatures, rng: Rng, strength: float) -> BarFeatures:
    """Vary bars as players and mixes do: level and bands wander by some dB, rhythm and chroma are never the same."""
    n = len(features.timbre)
    level = _wander(rng, (n, 1), 1.5 * strength, 0.8)
    rhythm = features.rhythm + 0.8 * strength * features.rhythm.std() * rng.normal(size=features.rhythm.shape)
    harmony = features.harmony * np.exp(rng.normal(0, 0.35 * strength, features.harmony.shape))
    harmony = np.abs(harmony + rng.normal(0, 0.5 * strength, harmony.shape) * features.harmony.mean())
    by_beat = harmony.reshape(n, -1, 12)
    by_beat /= np.linalg.norm(by_beat, axis=2, keepdims=True) + 1e-9
    chroma = by_beat.mean(axis=1)
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-9
    return dataclasses.replace(
        features,
        timbre=features.timbre + level + _wander(rng, features.timbre.shape, 2.0 * strength, 0.5),
        rhythm=np.maximum(rhythm, 0.0),
        harmony=by_beat.reshape(n, -1) / np.sqrt(by_beat.shape[1]),
        chroma=chroma,
        high=features.high + level + rng.normal(0, 1.5 * strength, features.high.shape),
        stems=features.stems + rng.normal(0, 1.5 * strength, features.stems.shape),
        power=features.power * 10.0 ** (level[:, 0] / 10.0),
    )


def _wander(rng: Rng, shape: tuple[int, ...], spread: float, stay: float) -> Values:
    steps = rng.normal(0, spread, shape)
    for bar in range(1, shape[0]):
        steps[bar] = stay * steps[bar - 1] + np.sqrt(1.0 - stay**2) * steps[bar]
    return steps


def fit_network(readings: Sequence[Reading], columns: int) -> dict[str, Values]:
    """Fit networks from several starts and put them side by side, so that one gives the mean of what they give."""
    found = [_fit_one(readings, columns, seed) for seed in range(_NETWORKS)]
    joined = {name: np.concatenate([one[name] for one in found], axis=-1) for name in found[0]}
    return joined | {
        "out_weights": joined["out_weights"] / _NETWORKS,
        "out_bias": joined["out_bias"].mean(keepdims=True) + _BIAS_ADDED,
    }


def _fit_one(readings: Sequence[Reading], columns: int, seed: int) -> dict[str, Values]:
    """Fit a network of boundaries by Adam on the weighted cross-entropy; inputs' scales go into its weights."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([with_neighbours(r.evidence[:, :columns])[1:-1] for r in readings])
    y = np.concatenate([r.begins[1:-1] for r in readings]).astype(np.float64)
    share = np.concatenate([np.full(len(r.begins) - 2, r.weight) for r in readings])
    share /= share.mean()
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - mean) / spread
    found = [
        rng.normal(0, 1.0 / np.sqrt(x.shape[1]), (x.shape[1], _HIDDEN)), np.zeros(_HIDDEN),
        rng.normal(0, 0.3, _HIDDEN), np.array([-3.0]),
    ]  # fmt: skip
    first, second = [np.zeros_like(w) for w in found], [np.zeros_like(w) for w in found]
    step = 0
    for epoch in range(_EPOCHS):
        rate, order = 3e-3 * (1.0 - epoch / _EPOCHS) + 1e-4, rng.permutation(len(x))
        for start in range(0, len(x), _BATCH):
            batch = order[start : start + _BATCH]
            hidden = np.tanh(x[batch] @ found[0] + found[1])
            wrong = share[batch] * (_sigmoid(hidden @ found[2] + found[3]) - y[batch]) / batch.size
            back = np.outer(wrong, found[2]) * (1.0 - np.square(hidden))
            slopes = [
                x[batch].T @ back + _DECAY * found[0], back.sum(axis=0), hidden.T @ wrong + _DECAY * found[2],
                np.array([wrong.sum()]),
            ]  # fmt: skip
            step += 1
            for i, slope in enumerate(slopes):
                first[i] = 0.9 * first[i] + 0.1 * slope
                second[i] = 0.999 * second[i] + 0.001 * np.square(slope)
                size = np.sqrt(second[i] / (1.0 - 0.999**step)) + 1e-8
                found[i] = found[i] - rate * first[i] / (1.0 - 0.9**step) / size
    weights = found[0] / spread[:, None]
    return {
        "hidden_weights": weights, "hidden_bias": found[1] - mean @ weights, "out_weights": found[2],
        "out_bias": found[3],
    }  # fmt: skip


def network(weights: Mapping[str, Values]) -> Score:
    """Return the log odds that the network gives to evidence."""
    columns = weights["hidden_weights"].shape[0] // 3

    def score(evidence: Values) -> Values:
        hidden = np.tanh(with_neighbours(evidence[:, :columns]) @ weights["hidden_weights"] + weights["hidden_bias"])
        return np.asarray(hidden @ weights["out_weights"] + weights["out_bias"])

    return score


def _sigmoid(values: Values) -> Values:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))))


def fit_logistic(x: Values, y: Values, share: Values, penalty: float = _PENALTY) -> tuple[Values, float]:
    """Ridge-penalised logistic regression on standardised columns by Newton's method."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    design = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    ridge = np.append(np.full(x.shape[1], penalty), 1e-6)
    weights = np.zeros(x.shape[1] + 1)
    for _ in range(30):
        chance = _sigmoid(design @ weights)
        curvature = (design.T * (share * chance * (1.0 - chance))) @ design + np.diag(ridge)
        weights -= np.linalg.solve(curvature, design.T @ (share * (chance - y)) + ridge * weights)
    raw = weights[:-1] / spread
    return raw, float(weights[-1] - mean @ raw)


@dataclass(frozen=True)
class Parts:
    """A partition found, which true part each section lies in, and the comparisons of its sections."""

    reading: Reading
    starts: list[int]
    probability: Values
    truth: list[int]
    pairs: Values


def parts_of(reading: Reading) -> Parts:
    """Part a song by its log odds; sections belong to the true one that they share most time with.

    Where its bars are varied, its sections are as well.
    """
    assert reading.bars is not None and reading.song is not None
    parting = part(reading.log_odds, reading.features.bar_s)
    edges = np.append(reading.bars.edges_s[parting.starts], reading.bars.edges_s[-1])
    sections = reading.song.truth["sections"]
    belongs = [
        int(np.argmax([min(b, end) - max(a, start) for start, end, _ in sections]))
        for a, b in itertools.pairwise(edges)
    ]
    features = reading.features
    if reading.varied:
        features = replayed(features, parting.starts, np.random.default_rng(len(reading.begins)))
    return Parts(reading, parting.starts, parting.probability, belongs, section_pairs(features, parting.starts))


def replayed(features: BarFeatures, starts: Sequence[int], rng: Rng) -> BarFeatures:
    """Vary each section as a whole: another mix, an instrument more or less, other figures over the same chords."""
    timbre, rhythm, harmony = features.timbre.copy(), features.rhythm.copy(), features.harmony.copy()
    stems, power = features.stems.copy(), features.power.copy()
    for a, b in itertools.pairwise([*starts, len(timbre)]):
        level = rng.normal(0, 1.5)
        timbre[a:b] += level + np.interp(np.arange(timbre.shape[1]), np.arange(0, 30, 5), rng.normal(0, 2.5, 6))
        rhythm[a:b] *= np.exp(rng.normal(0, 0.3))
        harmony[a:b] += np.tile(np.abs(rng.normal(0, 0.4, 12)), harmony.shape[1] // 12) * harmony[a:b].mean()
        stems[a:b] += rng.normal(0, 3.0, stems.shape[1])
        power[a:b] *= 10.0 ** (level / 10.0)
    by_beat = harmony.reshape(len(harmony), -1, 12)
    by_beat /= np.linalg.norm(by_beat, axis=2, keepdims=True) + 1e-9
    chroma = by_beat.mean(axis=1)
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-9
    return dataclasses.replace(
        features, timbre=timbre, rhythm=rhythm, stems=stems, power=power, chroma=chroma,
        harmony=by_beat.reshape(len(harmony), -1) / np.sqrt(by_beat.shape[1]),
    )  # fmt: skip


def same_names(truth: Mapping[str, Any]) -> list[str]:
    """Return which sections are the same part."""
    return list(truth.get("same") or [name for _, _, name in truth["sections"]])


def fit_pairs(parts: Sequence[Parts], columns: int) -> tuple[Values, float]:
    """Fit the log odds of two sections being the same."""
    inputs, targets, shares = [], [], []
    for found in parts:
        assert found.reading.song is not None
        names = np.array(same_names(found.reading.song.truth))[found.truth]
        upper = np.triu_indices(len(names), 1)
        inputs.append(found.pairs[upper][:, :columns])
        targets.append((names[:, None] == names[None, :])[upper])
        kinds = [name for _, _, name in found.reading.song.truth["sections"]]
        unclear = np.array([[frozenset((kinds[i], kinds[j])) in _UNCLEAR for j in found.truth] for i in found.truth])
        # A song counts by its sections, not by their square.
        shares.append(np.where(unclear[upper], _UNCLEAR_SHARE, 1.0) * 2.0 / max(1, len(names) - 1))
    return fit_logistic(np.concatenate(inputs), np.concatenate(targets).astype(np.float64), np.concatenate(shares))


def lettered(found: Parts, weights: Values, bias: float) -> tuple[list[int], list[str], float]:
    """Letter a partition by given weights and join what nothing parts: starts, letters and the latter's certainty."""
    log_odds = found.pairs[:, :, : weights.size] @ weights + bias
    named = lettering.grouped(log_odds)
    starts, names = measuring.joined(found.starts, named.names, found.reading.log_odds)
    return starts, names, named.certainty


def scores(reading: Reading, starts: Sequence[int], names: Sequence[str]) -> tuple[float, float, float]:
    """Return F-measure of the starts at 3 s, pairwise F-measure of the letters, and sections found over true ones."""
    from mir_eval.segment import detection, pairwise

    assert reading.bars is not None and reading.song is not None
    sections = reading.song.truth["sections"]
    true_edges = np.array([0.0, *(start for start, _, _ in sections[1:]), sections[-1][1]])
    begins = [(max(0.0, float(reading.bars.edges_s[s])), name) for s, name in zip(starts, names, strict=True)]
    begins = [(0.0, begins[0][1]), *((b, n) for b, n in begins[1:] if b < true_edges[-1] - 0.01)]
    edges = np.array([*(b for b, _ in begins), true_edges[-1]])
    spans = [np.column_stack([e[:-1], e[1:]]) for e in (true_edges, edges)]
    hit = detection(*spans, window=_TOLERANCE_S, trim=True)[2] if min(len(s) for s in spans) > 1 else 0.0
    alike = pairwise(spans[0], same_names(reading.song.truth), spans[1], [n for _, n in begins])[2]
    return float(hit), float(alike), len(begins) / len(sections)


def fit_confidences(rows: Sequence[tuple[Parts, list[int], list[str], float]]) -> dict[str, Values]:
    """Fit the confidence of starts, of their number and of the letters on songs that the weights did not see."""
    near, right = [], []
    for found, starts, _, _ in rows:
        reading = found.reading
        assert reading.bars is not None and reading.song is not None
        true_s = np.array([start for start, _, _ in reading.song.truth["sections"]])
        near.append(measuring.nearby(found.probability, reading.features.bar_s)[starts[1:]])
        away_s = np.abs(reading.bars.edges_s[starts[1:]][:, None] - true_s).min(axis=1, initial=np.inf)
        right.append(away_s <= _TOLERANCE_S)
    logs = measuring.logit(np.concatenate(near))
    slope, offset = fit_logistic(logs[:, None], np.concatenate(right).astype(np.float64), np.ones(logs.size), 1.0)
    inputs, counts, forms = [], [], []
    for (found, starts, names, certainty), chance in zip(rows, near, strict=True):
        sure = _sigmoid(slope[0] * measuring.logit(chance) + offset)
        inputs.append(measuring.form_inputs(sure, found.probability, certainty))
        hit, alike, _ = scores(found.reading, starts, names)
        counts.append(hit)
        forms.append(alike)
    design = np.stack(inputs)
    fit = [np.linalg.lstsq(design, np.array(target), rcond=None)[0] for target in (counts, forms)]
    return {"start_weights": np.array([slope[0], offset]), "count_weights": fit[0], "form_weights": fit[1]}


def names_of(rows: Sequence[tuple[Parts, list[int], list[str], float]]) -> tuple[Values, NDArray[np.int64]]:
    """Return columns and true names of the sections found that lie in one true section for the most part."""
    inputs, targets = [], []
    for found, starts, names, _ in rows:
        reading = found.reading
        assert reading.bars is not None and reading.song is not None
        sections = reading.song.truth["sections"]
        edges = [*reading.bars.edges_s[starts].tolist(), float(reading.bars.edges_s[-1])]
        spans = list(itertools.pairwise(edges))
        voice = reading.song.views.stems.get("vocals") if reading.features.stems.shape[1] else None
        columns = name_columns(
            measuring.outline_of(reading.features, starts, names, spans, voice, reading.song.views.mix)
        )
        if voice is None and reading.features.stems.shape[1]:
            continue
        for row, (a, b) in zip(columns, spans, strict=True):
            shared = [min(b, end) - max(a, start) for start, end, _ in sections]
            best = int(np.argmax(shared))
            if shared[best] > 0.7 * (b - a) and sections[best][2] in NAMES:
                inputs.append(row)
                targets.append(NAMES.index(sections[best][2]))
    return np.array(inputs), np.array(targets, np.int64)


def fit_names(x: Values, targets: NDArray[np.int64]) -> tuple[Values, Values]:
    """Softmax regression by gradient descent on standardised columns, with ridge penalty."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    design = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    one_hot = np.eye(len(NAMES))[targets]
    weights = np.zeros((design.shape[1], len(NAMES)))
    for _ in range(1500):
        logs = design @ weights
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        ridge = _NAME_PENALTY * weights
        ridge[-1] = 0.0
        weights -= 0.5 * (design.T @ (shares - one_hot) + ridge) / len(x)
    raw = weights[:-1] / spread[:, None]
    return raw, weights[-1] - mean @ raw


def fit(songs: Sequence[Song], with_stems: bool) -> dict[str, Values]:
    """Fit all weights and print what they reach on songs that were held out."""
    columns, pair_columns = (len(COLUMNS), len(PAIR_COLUMNS)) if with_stems else (_MIX_COLUMNS, _MIX_PAIRS)
    readings = [r for n, song in enumerate(songs) for r in readings_of(song, with_stems, np.random.default_rng(n))]
    fold = {song.name: n % _FOLDS for n, song in enumerate(songs)}
    for held in range(_FOLDS):
        score = network(fit_network([r for r in readings if fold[r.name] != held], columns))
        for reading in readings:
            if fold[reading.name] == held:
                reading.log_odds = score(reading.evidence)
    found = [parts_of(r) for r in readings if r.song is not None]
    fits = [fit_pairs([p for p in found if fold[p.reading.name] != held], pair_columns) for held in range(_FOLDS)]
    judged = [p for p in found if p.reading.grid in {"true", "measured"}]

    def reached(added: float) -> float:
        rows = [(p, *lettered(p, fits[fold[p.reading.name]][0], fits[fold[p.reading.name]][1] + added)) for p in judged]
        return float(np.mean([scores(p.reading, starts, names)[1] for p, starts, names, _ in rows]))

    # The most probable answer for each pair is not the one with the best F-measure of all.
    gains = {added: reached(added) for added in _SAME_ADDED}
    added = max(gains, key=lambda each: gains[each])
    print(f"  added to the log odds of the same: {added}, of {gains}")
    rows = []
    for p in found:
        weights, bias = fits[fold[p.reading.name]]
        rows.append((p, *lettered(p, weights, bias + added)))
    _print_scores(rows, with_stems)
    endless = [len(part(r.log_odds, r.features.bar_s).starts) for r in readings if r.song is None]
    print(f"  pieces that go on and on: {np.mean(endless):.2f} sections of 48 bars")
    plain = [row for row in rows if row[0].reading.grid in {"true", "measured"}]
    x, targets = names_of(plain)
    who = np.array(list(_name_folds(plain, fold)))
    _print_names(x, targets, who)
    same_weights, same_bias = fit_pairs(found, pair_columns)
    name_weights, name_bias = fit_names(x, targets)
    return fit_network(readings, columns) | fit_confidences(rows) | {
        "same_weights": same_weights, "same_bias": np.array([same_bias + added]), "name_weights": name_weights,
        "name_bias": name_bias,
    }  # fmt: skip


def _name_folds(rows: Sequence[tuple[Parts, list[int], list[str], float]], fold: Mapping[str, int]) -> Iterator[int]:
    for row in rows:
        for _ in range(len(names_of([row])[1])):
            yield fold[row[0].reading.name]


def _print_scores(rows: Sequence[tuple[Parts, list[int], list[str], float]], with_stems: bool) -> None:
    by_grid: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for found, starts, names, _ in rows:
        reading = found.reading
        by_grid[f"{reading.grid}{' varied' if reading.varied else ''}"].append(scores(reading, starts, names))
    print(f"stems {with_stems}:")
    for grid, values in by_grid.items():
        hit, alike, count = np.mean(values, axis=0)
        print(f"  {grid:16s} {len(values):3d} F at 3 s {hit:.3f}, letters {alike:.3f}, sections x {count:.2f}")


def _print_names(x: Values, targets: NDArray[np.int64], who: NDArray[np.int64]) -> None:
    sure, right = [], []
    for held in range(_FOLDS):
        weights, bias = fit_names(x[who != held], targets[who != held])
        logs = x[who == held] @ weights + bias
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        sure.append(shares.max(axis=1))
        right.append(shares.argmax(axis=1) == targets[who == held])
    sure_all, right_all = np.concatenate(sure), np.concatenate(right)
    cells = [
        (a, b)
        for a, b in itertools.pairwise((0.0, 0.4, 0.6, 0.8, 0.9, 1.01))
        if ((sure_all >= a) & (sure_all < b)).any()
    ]
    told = ", ".join(f"{a:.1f}+: {right_all[(sure_all >= a) & (sure_all < b)].mean():.2f}" for a, b in cells)
    print(f"  names right {right_all.mean():.3f} of {right_all.size}; by probability {told}")


def main() -> None:
    """Fit on the songs of the folders and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    paths = sorted(path.parent for folder in asked.folders for path in folder.glob("*/truth.json"))
    write([read_song(path) for path in paths if "__" not in path.name], asked.out)


def write(songs: Sequence[Song], out: Path) -> None:
    """Fit with and without stems and write the weights."""
    weights: dict[str, Any] = {
        f"{sounds}_{name}": values.astype(np.float32)
        for sounds, with_stems in (("mix", False), ("stems", True))
        for name, values in fit(songs, with_stems).items()
    }
    np.savez(out, **weights)


if __name__ == "__main__":
    main()
