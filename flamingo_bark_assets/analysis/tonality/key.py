"""Which key a segment of music is in: pitch-class profile, chord functions, first and last chord, put together.

Evidence for keys and their probabilities belong here; the chords themselves do not. `tests/learning/keys.py` fits the
weights of chord functions to made-up chord sequences, and the map to confidences to rendered songs that nothing was
fitted to; it says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from flamingo_bark_assets.analysis.features.tonality import KeyCandidate
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, QUALITIES, levelled
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import KEYS

# Kinds of chord that have functions of their own in a key.
_KINDS = {
    "major": ("maj", "maj7"),
    "dominant": ("7",),
    "minor": ("min", "min7"),
    "diminished": ("dim", "hdim7", "dim7"),
    "open": ("sus4", "sus2", "5", "aug"),
}
KIND_COUNT = len(_KINDS)
_EDGE_KINDS = 3
# How much of the beginning and of the end counts as first and last chord: 1.1 s.
_EDGE_FRAMES = 12
_CANDIDATES = 5
CHORD_EVIDENCE = 12 * KIND_COUNT + 2 * 12 * _EDGE_KINDS

# How much the profile counts beside the chord functions: half and one and a half times as much did as well on the
# rendered songs of `tests.learning.key_songs`.
_PROFILE_WEIGHT = 3.6

# Probe-tone profiles: Krumhansl & Kessler, Psychological Review 89 (1982).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


# Name, usual degree and the degree that takes its place, in semitones above the tonic.
_MAJOR_MODES = (("mixolydian", 11, 10), ("lydian", 5, 6))
_MINOR_MODES = (("dorian", 8, 9), ("phrygian", 2, 1))
_LEAST_DEGREE = 0.02
_CLEAR_BALANCE = 0.25

# A probability of 0 or 1 is a matter of rounding.
_LEAST_ODDS = 1e-4


@dataclass(frozen=True, slots=True)
class KeyEvidence:
    """What speaks for a key in a segment of music.

    Attributes:
        chords: of `chord_evidence`, shape (24, CHORD_EVIDENCE).
        chroma: mean strength of each pitch class, shape (12,).
    """

    chords: FloatArray
    chroma: FloatArray


@dataclass(frozen=True, slots=True)
class Certainty:
    """A logistic map from the probability of a key to a confidence.

    Attributes:
        slope: on the log-odds of the probability.
        per_length: on the logarithm of the seconds in which chords sound.
        offset: constant.
        longest_s: from here on more music makes no surer: longer songs were not seen.
        ceiling: mean score of the surest songs that were seen.
    """

    slope: float
    per_length: float
    offset: float
    longest_s: float
    ceiling: float


@cache
def key_model() -> dict[str, FloatArray]:
    """Return what `tests/learning/keys.py` has fitted, read once."""
    with np.load(Path(__file__).with_name("key_model.npz")) as stored:
        return {name: np.asarray(stored[name], np.float32) for name in ("chords", "certainty")}


def chord_function_weights() -> FloatArray:
    """Return the trained weight of each chord function in major and in minor, shape (2, CHORD_EVIDENCE)."""
    return key_model()["chords"]


def key_evidence(probabilities: FloatArray, salience: FloatArray) -> KeyEvidence:
    """Return the evidence in chord probabilities, (n_frames, CHORDS), and salience, (n_frames, 84), of a whole song."""
    kinds = frame_kinds(probabilities)
    sounding = np.flatnonzero(kinds.any(axis=1))
    first, last = (kinds[part].sum(axis=0) for part in (sounding[:_EDGE_FRAMES], sounding[-_EDGE_FRAMES:]))
    return gathered(kinds.sum(axis=0), first, last, frame_chroma(salience).sum(axis=0))


def gathered(whole: FloatArray, first: FloatArray, last: FloatArray, chroma: FloatArray) -> KeyEvidence:
    """Return evidence from sums over frames of `frame_kinds` and `frame_chroma`.

    First and last chord are 0 where the segment has no beginning or end that means something.
    """
    kinds = [x.reshape(12, KIND_COUNT) for x in (whole, first, last)]
    return KeyEvidence(chord_evidence(*kinds), np.asarray(chroma / max(float(chroma.sum()), 1e-9), np.float32))


def frame_chroma(salience: FloatArray) -> FloatArray:
    """Return strength of each pitch class in each frame, level taken off, shape (n_frames, 12)."""
    fold = np.tile(np.eye(12, dtype=np.float32), (salience.shape[1] // 12, 1))
    return np.asarray(np.square(levelled(salience)) @ fold, np.float32)


def key_probabilities(*evidences: KeyEvidence) -> FloatArray:
    """Return probability of each key, in the order of `note_names.KEYS`, shape (24,).

    The log-odds of the same music in different signals are averaged.
    """
    scores = np.mean([key_scores(evidence) for evidence in evidences], axis=0)
    odds = np.exp(scores - scores.max())
    return np.asarray(odds / odds.sum(), np.float32)


def key_scores(evidence: KeyEvidence) -> FloatArray:
    """Return the logarithm of the odds of each key, in the order of `note_names.KEYS`, shape (24,)."""
    weights = chord_function_weights()
    functions = np.concatenate([evidence.chords[:12] @ weights[0], evidence.chords[12:] @ weights[1]])
    return np.asarray(functions + _PROFILE_WEIGHT * profile_correlations(evidence.chroma), np.float32)


def window_scores(kinds: FloatArray, chroma: FloatArray) -> FloatArray:
    """Return the same for many segments that have no first and last chord of their own, shape (n, 24).

    `kinds` are sums of `frame_kinds`, shape (n, 12 * KIND_COUNT), `chroma` of `frame_chroma`, shape (n, 12).
    """
    shares = kinds / np.maximum(kinds.sum(axis=1, keepdims=True), 1e-9)
    functions = shares @ _function_matrix()
    return np.asarray(functions + _PROFILE_WEIGHT * profile_correlations(chroma), np.float32)


@cache
def _function_matrix() -> FloatArray:
    """Return weight of each kind of chord on each root for each key, shape (12 * KIND_COUNT, 24)."""
    size = 12 * KIND_COUNT
    none = np.zeros((12, KIND_COUNT), np.float32)
    weights = chord_function_weights()
    rows = []
    for unit in np.eye(size, dtype=np.float32):
        evidence = chord_evidence(unit.reshape(12, KIND_COUNT), none, none)
        rows.append(np.concatenate([evidence[:12] @ weights[0], evidence[12:] @ weights[1]]))
    return np.asarray(rows, np.float32)


def profile_correlations(chroma: FloatArray) -> FloatArray:
    """Compute Pearson's correlation of chroma vectors, shape (..., 12), with each key's profile, shape (..., 24)."""
    profiles = _profiles()
    centred = chroma - chroma.mean(axis=-1, keepdims=True)
    norm = np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9)
    return np.asarray(centred @ profiles.T / norm, np.float32)


@cache
def _profiles() -> FloatArray:
    """Return the probe-tone profiles of all keys, centred and of unit norm, shape (24, 12)."""
    profiles = np.array([np.roll(mode, tonic) for mode in (_MAJOR, _MINOR) for tonic in range(12)])
    profiles -= profiles.mean(axis=1, keepdims=True)
    return np.asarray(profiles / np.linalg.norm(profiles, axis=1, keepdims=True), np.float32)


def frame_kinds(probabilities: FloatArray) -> FloatArray:
    """Return probability of each kind of chord on each root in each frame, shape (n_frames, 12 * KIND_COUNT).

    Frames in which no chord is the likelier are 0. `probabilities` has shape (n_frames, CHORDS).
    """
    kinds = probabilities @ _kind_matrix()
    kinds[probabilities[:, CHORDS - 1] >= 0.5] = 0.0
    return np.asarray(kinds, np.float32)


@cache
def _kind_matrix() -> FloatArray:
    """Return chords to kinds, shape (CHORDS, 12 * KIND_COUNT)."""
    matrix = np.zeros((CHORDS, 12 * KIND_COUNT), np.float32)
    for state in range(CHORDS - 1):
        root, quality = divmod(state, len(QUALITIES))
        kind = next(i for i, names in enumerate(_KINDS.values()) if QUALITIES[quality] in names)
        matrix[state, root * KIND_COUNT + kind] = 1.0
    return matrix


def chord_evidence(whole: FloatArray, first: FloatArray, last: FloatArray) -> FloatArray:
    """Return what each key would see as its chords, shape (24, CHORD_EVIDENCE); the 12 tonics twice.

    The strengths of whole, first and last chord have shape (12, KIND_COUNT).
    """
    rows = []
    for tonic in range(12):
        parts = [np.roll(kinds / max(kinds.sum(), 1e-9), -tonic, axis=0) for kinds in (whole, first, last)]
        rows.append(
            np.concatenate([parts[0].ravel(), parts[1][:, :_EDGE_KINDS].ravel(), parts[2][:, :_EDGE_KINDS].ravel()])
        )
    return np.asarray(rows + rows, np.float32)


def key_candidates(chances: FloatArray) -> tuple[KeyCandidate, ...]:
    """Return the five likeliest keys, likeliest first, and the relative of the first where it is none of them.

    `chances` is of `key_probabilities`.
    """
    order = np.argsort(-chances, kind="stable").tolist()
    best = order[0]
    told = [key for key in order if key in order[:_CANDIDATES] or relation_of(key, best) == "relative"]
    return tuple(
        KeyCandidate(rank=rank, key=KEYS[key], relation=relation_of(key, best), score=float(chances[key]))
        for rank, key in enumerate(told)
    )


def relation_of(key: int, chosen: int) -> str:
    """Return the relation of a key to the chosen one: chosen, relative, parallel, fifth or other."""
    if key == chosen:
        return "chosen"
    step = (key - chosen) % 12
    if key // 12 == chosen // 12:
        return "fifth" if step in {5, 7} else "other"
    if step == 0:
        return "parallel"
    return "relative" if step == (9 if chosen < 12 else 3) else "other"


def key_confidence(probability: float, chords_s: float, certainty: Certainty | None = None) -> float:
    """Return the MIREX score (1 right, .5 a fifth above, .3 relative, .2 parallel) to be expected of the likeliest.

    It grows with the key's probability and with the seconds in which chords sound: a short excerpt leaves more open
    than a song. The map is the stored one where none is given.
    """
    by = certainty or Certainty(*key_model()["certainty"].tolist())
    chance = min(max(probability, _LEAST_ODDS), 1.0 - _LEAST_ODDS)
    length = np.log(min(max(chords_s, 1.0), by.longest_s))
    odds = by.slope * np.log(chance / (1.0 - chance)) + by.per_length * length + by.offset
    return min(float(1.0 / (1.0 + np.exp(-odds))), by.ceiling)


def scale_of(evidence: KeyEvidence, key: int) -> tuple[str | None, float]:
    """Return name of the scale and its confidence, from the degrees by which the modes differ.

    In major the seventh (mixolydian) and the fourth (lydian), in minor the sixth (dorian) and the second (phrygian)
    tell the modes apart: the stronger of the two variants of each, unless they are near to equal.
    """
    degrees = np.roll(evidence.chroma, -(key % 12))
    plain, variants = ("major", _MAJOR_MODES) if key < 12 else ("minor", _MINOR_MODES)
    certainty, name = 1.0, plain
    for mode, usual, other in variants:
        total = float(degrees[usual] + degrees[other])
        if total < _LEAST_DEGREE:
            return None, 0.0
        balance = float(degrees[other] - degrees[usual]) / total
        certainty = min(certainty, abs(balance))
        if balance > 0.0:
            name = mode if name == plain else ""
    if certainty < _CLEAR_BALANCE or not name:
        return None, 0.0
    return name, float(np.interp(certainty, (_CLEAR_BALANCE, 1.0), (0.6, 1.0)))
