"""The course of chords over time: a hidden Markov model over the chord probabilities of each frame.

Decoding, borders, labels and confidence of chords belong here; the probabilities come from `chord_model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.tonality import Chord, KeySegment
from flamingo_bark_assets.analysis.frontend.view import NOTE_RATE_HZ
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, QUALITIES, chord_label
from flamingo_bark_assets.analysis.tonality.spelling import spelled_chords
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

C = TypeVar("C", bound=Chord)

# Neighbouring frames share most of their sound, so each counts as this share of an observation.
_WEIGHT = 0.5
_CHANGE = 0.03
_CHANGE_ON_BEAT = 0.1
_CHANGE_OFF_BEAT = 0.003
_SNAP_S = 0.15
# Probability of a chord's family against the share of its time in which it is right, on 56 development songs.
_EXPECTED_SHARE = (
    (0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.925, 0.975),
    (0.45, 0.50, 0.60, 0.66, 0.78, 0.84, 0.925, 0.953, 0.986),
)

# Qualities with the same third (or none) are one family when it comes to confidence.
_FAMILIES = (("maj", "7", "maj7", "aug"), ("min", "min7"), ("dim", "hdim7", "dim7"), ("sus4", "sus2"), ("5",))


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A segment of one chord.

    Attributes:
        start_s: begin.
        end_s: end.
        state: column of the chord probabilities.
        probability: mean probability, over its frames, of the chord's root with a third of the same kind.
    """

    start_s: float
    end_s: float
    state: int
    probability: float

    @property
    def label(self) -> str:
        """Harte syntax."""
        return chord_label(self.state)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def decode_chords(
    probabilities: FloatArray, *, duration_s: float, beats_s: NDArray[np.float64] | None
) -> tuple[ChordSpan, ...]:
    """Return the most probable sequence of chords, without gap or overlap, from 0 to `duration_s`.

    Any chord can follow any other; a change is likelier on a beat. Borders move to a beat within 0.15 s.
    `probabilities` has shape (n_frames, CHORDS).
    """
    frames = probabilities.shape[0]
    states = _most_probable(
        np.ascontiguousarray(np.log(np.maximum(probabilities, 1e-6)) * np.float32(_WEIGHT), np.float32),
        _change_probability(frames, beats_s),
    )
    starts = np.flatnonzero(np.diff(states, prepend=-1))
    edges = np.append(starts, frames)
    borders_s = _snapped(np.maximum(starts - 0.5, 0.0) / NOTE_RATE_HZ, beats_s, duration_s)
    return tuple(
        ChordSpan(
            float(borders_s[i]),
            float(borders_s[i + 1]),
            int(states[start]),
            float(probabilities[start : edges[i + 1], _family_of(int(states[start]))].sum(axis=1).mean()),
        )
        for i, start in enumerate(starts)
        if borders_s[i + 1] > borders_s[i]
    )


@cache
def _family_of(state: int) -> tuple[int, ...]:
    """Return the states whose chords share a state's root and kind of third."""
    if state == CHORDS - 1:
        return (state,)
    root, quality = divmod(state, len(QUALITIES))
    family = next(names for names in _FAMILIES if QUALITIES[quality] in names)
    return tuple(root * len(QUALITIES) + QUALITIES.index(name) for name in family)


def chord_confidence(probability: float) -> float:
    """Return share of the time of chords of a probability in which their root and third are right."""
    return float(np.interp(probability, *_EXPECTED_SHARE))


def chord_rows(row: type[C], spans: Sequence[ChordSpan], segments: Sequence[KeySegment]) -> tuple[C, ...]:
    """Return chords as rows, spelled in the keys of `segments`; without these as keys of their own."""
    chords = tuple(
        row(
            chord=number,
            start_s=span.start_s,
            end_s=span.end_s,
            label=span.label,
            confidence=chord_confidence(span.probability),
        )
        for number, span in enumerate(spans)
    )
    return spelled_chords(chords, segments)


def _change_probability(frames: int, beats_s: NDArray[np.float64] | None) -> FloatArray:
    """Return probability that a new chord begins with each frame, shape (n_frames,)."""
    if beats_s is None or beats_s.size < 2:
        return np.full(frames, _CHANGE, np.float32)
    change = np.full(frames, _CHANGE_OFF_BEAT, np.float32)
    nearest = np.round(beats_s * NOTE_RATE_HZ).astype(int)
    change[nearest[(nearest >= 0) & (nearest < frames)]] = _CHANGE_ON_BEAT
    return change


def _snapped(times_s: NDArray[np.float64], beats_s: NDArray[np.float64] | None, duration_s: float) -> FloatArray:
    """Move borders to beats close by, the first to 0, and append the end of the song."""
    borders = np.append(np.minimum(times_s, duration_s), duration_s)
    borders[0] = 0.0
    if beats_s is not None and beats_s.size >= 2 and borders.size > 2:
        inner = borders[1:-1]
        after = np.clip(np.searchsorted(beats_s, inner), 1, beats_s.size - 1)
        closest = np.where(inner - beats_s[after - 1] < beats_s[after] - inner, beats_s[after - 1], beats_s[after])
        borders[1:-1] = np.where(np.abs(closest - inner) < _SNAP_S, np.minimum(closest, duration_s), inner)
    return np.maximum.accumulate(borders)


@compiled("int32[::1](float32[:, ::1], float32[::1])")
def _most_probable(evidence: FloatArray, change: FloatArray) -> NDArray[np.int32]:
    """Find Viterbi's path where every change costs the same, shape (n_frames,).

    A step costs two passes over the states.
    """
    frames, states = evidence.shape
    best = evidence[0].copy()
    stayed = np.zeros((frames, states), np.bool_)
    source = np.zeros(frames, np.int32)
    for frame in range(1, frames):
        leader = 0
        for state in range(states):
            if best[state] > best[leader]:
                leader = state
        source[frame] = leader
        jump = best[leader] + np.log(change[frame] / (states - 1))
        stay = np.log(1.0 - change[frame])
        for state in range(states):
            held = best[state] + stay
            stayed[frame, state] = held >= jump
            best[state] = max(held, jump) + evidence[frame, state]
    path = np.zeros(frames, np.int32)
    state = 0
    for other in range(states):
        if best[other] > best[state]:
            state = other
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        if not stayed[frame, state]:
            state = source[frame]
    return path
