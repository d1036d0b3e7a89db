"""Probability of each chord in each frame, by a small network trained on random songs.

The network's input, weights and evaluation belong here; the course of chords over time does not. It is trained by
`tests/learning/chords.py`, which says on what.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import LOWEST_NOTE
from flamingo_bark_assets.analysis.tonality.salience import NOTES
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import PITCH_CLASSES

QUALITIES = ("maj", "min", "7", "maj7", "min7", "dim", "hdim7", "dim7", "sus4", "sus2", "aug", "5")
NO_CHORD = "N"
CHORDS = 12 * len(QUALITIES) + 1

# First and last frame of each slot of the context, relative to the frame that is judged: the mean over each is one
# input a note. The last slots say in which surroundings the chord stands.
SLOTS = ((-24, -11), (-10, -6), (-5, -3), (-2, -2), (-1, -1), (0, 0), (1, 1), (2, 2), (3, 5), (6, 10), (11, 24))
SURROUNDINGS = ((-90, 90),)
_LEVEL_FRAMES = 21
_LEAST_LEVEL = 0.05
_CHUNK = 2048

# The training songs hold more of the rare chords than music does, so that the network learns them at all: what is
# taken off the logarithm of their odds.
_RARITY = {"sus4": 4.0, "sus2": 5.0, "aug": 4.0, "dim7": 2.0, "5": 4.0, "dim": 2.0, "hdim7": 1.0}

# Templates beside the network, which know no instruments and thus none that were not seen in training: the tones of
# each chord in the chroma of the middle register, and the root in that of the bass.
_TEMPLATE_TONES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7),
    "maj7": (0, 4, 7),
    "min7": (0, 3, 7),
    "dim": (0, 3, 6),
    "hdim7": (0, 3, 6),
    "dim7": (0, 3, 6),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "aug": (0, 4, 8),
    "5": (0, 7),
}
_TEMPLATE_WEIGHT = 8.0
_BASS_WEIGHT = 0.4
_NO_CHORD_FIT = 0.8
_TEMPLATE_FRAMES = 5


@dataclass(frozen=True, slots=True)
class ChordModel:
    """Weights of three layers, spread out so that each is one matrix.

    A shift of the music by a semitone shifts every layer's output by one pitch class: the first layer sees the notes
    relative to each of the 12 possible roots, the others the 12 roots relative to each other.

    Attributes:
        weights: of shapes (slots * 84, 12 * a), (12 * a, 12 * b), (12 * b, CHORDS).
        biases: of shapes (12 * a,), (12 * b,), (CHORDS,).
    """

    weights: tuple[FloatArray, FloatArray, FloatArray]
    biases: tuple[FloatArray, FloatArray, FloatArray]


@cache
def chord_model() -> ChordModel:
    """Return the trained model, read once."""
    with np.load(Path(__file__).with_name("chord_model.npz")) as stored:
        compact = {name: stored[name].astype(np.float32) for name in stored.files if stored[name].dtype.kind == "f"}
    return spread_out(compact)


def spread_out(compact: dict[str, FloatArray]) -> ChordModel:
    """Build matrices from the stored weights.

    Args:
        compact: ``notes`` (a, slots, 95): of a note 11 below to 83 above a root; ``roots`` (b, a, 12): of a root that
            many semitones above; ``chords`` (qualities, b, 12) likewise; ``none`` (b,): of every root, for no chord;
            ``notes_bias`` (a,), ``roots_bias`` (b,), ``chords_bias`` (qualities,), ``none_bias`` (1,).
    """
    relative_note = np.arange(NOTES)[:, None] - np.arange(12) + 11
    relative_root = (np.arange(12)[:, None] - np.arange(12)) % 12
    first = compact["notes"][:, :, relative_note].transpose(1, 2, 3, 0)
    second = compact["roots"][:, :, relative_root].transpose(2, 1, 3, 0)
    third = compact["chords"][:, :, relative_root].transpose(2, 1, 3, 0)
    none = np.tile(compact["none"] / 12.0, 12)[:, None]
    rows = third.shape[0] * third.shape[1]
    weights = (
        np.ascontiguousarray(first.reshape(first.shape[0] * NOTES, -1)),
        np.ascontiguousarray(second.reshape(second.shape[0] * second.shape[1], -1)),
        np.concatenate([third.reshape(rows, -1), none], axis=1),
    )
    biases = (
        np.tile(compact["notes_bias"], 12),
        np.tile(compact["roots_bias"], 12),
        np.concatenate([np.tile(compact["chords_bias"], 12), compact["none_bias"]]),
    )
    return ChordModel(weights, biases)


def chord_label(state: int) -> str:
    """Name a column of `chord_probabilities` in Harte syntax, with sharps; the last is no chord."""
    if state == CHORDS - 1:
        return NO_CHORD
    return f"{PITCH_CLASSES[state // len(QUALITIES)]}:{QUALITIES[state % len(QUALITIES)]}"


def chord_probabilities(salience: FloatArray, *, step: int = 2) -> FloatArray:
    """Return probability of each chord in each frame, shape (n_frames, CHORDS), column 12 * quality count for no chord.

    Every `step`-th frame is judged, those between are interpolated. `salience` is that of `note_salience`, shape
    (n_frames, 84).
    """
    model = chord_model()
    sums = running_sum(levelled(salience))
    frames = salience.shape[0]
    prior = np.tile(np.array([-_RARITY.get(q, 0.0) for q in QUALITIES], np.float32), 12)
    prior = np.append(prior, np.float32(0.0))
    fit = _template_fit(salience)
    rows = []
    judged = np.arange(0, frames, step)
    for part in np.split(judged, range(_CHUNK, judged.size, _CHUNK)):
        x = context(sums, part)
        for weight, bias in zip(model.weights[:2], model.biases[:2], strict=True):
            x = np.maximum(x @ weight + bias, 0.0)
        x = x @ model.weights[2] + model.biases[2] + prior + np.float32(_TEMPLATE_WEIGHT) * fit[part]
        x = np.exp(x - x.max(axis=1, keepdims=True))
        rows.append(np.asarray(x / x.sum(axis=1, keepdims=True), np.float32))
    return _filled(np.concatenate(rows), step, frames)


def _filled(judged: FloatArray, step: int, frames: int) -> FloatArray:
    """Return all frames, those between judged ones interpolated, shape (frames, CHORDS)."""
    if step == 1:
        return judged
    following = np.concatenate([judged[1:], judged[-1:]])
    filled = np.empty((judged.shape[0], step, judged.shape[1]), np.float32)
    for i in range(step):
        filled[:, i] = judged * np.float32(1 - i / step) + following * np.float32(i / step)
    return filled.reshape(-1, judged.shape[1])[:frames]


def _template_fit(salience: FloatArray) -> FloatArray:
    """Compute the cosine of each chord's template to the chroma, plus the root's share of the bass.

    Shape (n_frames, CHORDS).
    """
    from scipy.ndimage import uniform_filter1d

    fold, templates = _templates()
    chroma = uniform_filter1d(np.sqrt(salience @ fold).reshape(-1, 2, 12), _TEMPLATE_FRAMES, axis=0)
    chroma /= np.linalg.norm(chroma, axis=2, keepdims=True) + np.float32(1e-6)
    fit = chroma.reshape(-1, 24) @ templates
    return np.concatenate([fit, np.full((fit.shape[0], 1), _NO_CHORD_FIT, np.float32)], axis=1)


@cache
def _templates() -> tuple[FloatArray, FloatArray]:
    """Return notes to bass and middle chroma, shape (84, 24), and these to chords, shape (24, CHORDS - 1)."""
    midi = np.arange(NOTES) + LOWEST_NOTE
    bass = np.clip((55 - midi) / 12, 0, 1) * np.clip((midi - 26) / 6, 0, 1)
    middle = np.clip((midi - 42) / 10, 0, 1) * np.clip((96 - midi) / 24, 0, 1)
    classes = np.tile(np.eye(12), (NOTES // 12, 1))
    fold = np.concatenate([classes * bass[:, None], classes * middle[:, None]], axis=1)
    templates = np.zeros((24, CHORDS - 1))
    for state in range(CHORDS - 1):
        root, quality = divmod(state, len(QUALITIES))
        tones = _TEMPLATE_TONES[QUALITIES[quality]]
        templates[root, state] = _BASS_WEIGHT
        for tone in tones:
            templates[12 + (root + tone) % 12, state] = len(tones) ** -0.5
    return np.asarray(fold, np.float32), np.asarray(templates, np.float32)


def levelled(salience: FloatArray) -> FloatArray:
    """Return the square root of the salience over the mean level within a second, shape (n_frames, 84).

    Frames far below the loud ones of the song stay small, so that a pause is seen as one.
    """
    level = salience.sum(axis=1)
    if not level.any():
        return np.zeros_like(salience)
    padded = np.pad(level, _LEVEL_FRAMES // 2, mode="edge")
    near = np.convolve(padded, np.ones(_LEVEL_FRAMES) / _LEVEL_FRAMES, "valid")
    near = np.maximum(near, _LEAST_LEVEL * float(np.percentile(level, 95)))
    return np.asarray(np.sqrt(salience * (4.0 / near[:, None])), np.float32)


def running_sum(notes: FloatArray) -> NDArray[np.float64]:
    """Return the sum of all frames before each, shape (n_frames + 1, 84)."""
    return np.concatenate([np.zeros((1, notes.shape[1])), np.cumsum(notes, axis=0, dtype=np.float64)])


def context(sums: NDArray[np.float64], frames: NDArray[np.int_]) -> FloatArray:
    """Return mean notes in every slot around each frame, shape (n_frames, slots * 84); nothing sounds outside the song.

    `sums` are of `running_sum`; `frames` are those that are judged.
    """
    total = sums.shape[0] - 1
    parts = []
    for first, last in (*SLOTS, *SURROUNDINGS):
        low, high = np.clip(frames + first, 0, total), np.clip(frames + last + 1, 0, total)
        width = last - first + 1 if (first, last) in SLOTS else np.maximum(high - low, 1)[:, None]
        parts.append(np.asarray((sums[high] - sums[low]) / width, np.float32))
    return np.concatenate(parts, axis=1)
