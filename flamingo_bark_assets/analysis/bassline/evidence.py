"""How likely each moment of a bass line begins a note, and how likely a note is held there.

What is looked at, and the small network that weighs it, belong here; which notes follow does not.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.signal import FloatArray

WEIGHTS = "bass_notes.npz"

# First of the 24 bands of `AudioView.onset_power` in each group: from 43, 215, 430, 1030, 2200 and 4800 Hz on.
_GROUPS = (0, 4, 8, 13, 17, 21)
# Frames of 10 ms about the one in question.
_CONTEXT = (-20, -14, -10, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 10, 14)
_REACH = 20
_MIN_TONAL = 0.25
_CHUNK_FRAMES = 2048


@dataclass(frozen=True, slots=True)
class NoteEvidence:
    """What speaks for notes, frame by frame of the pitch track.

    Attributes:
        onset: probability that a note begins within 20 ms, shape (n_frames,).
        sounding: probability that a note is held, shape (n_frames,).
    """

    onset: FloatArray
    sounding: FloatArray


def weigh_evidence(onset_power: FloatArray, track: PitchTrack) -> NoteEvidence:
    """Weigh how level, spectrum, periodicity and pitch move about each frame of the pitch track.

    `onset_power` is that of the bass, shape (n, 24).
    """
    network = _network()
    frames = describe_frames(onset_power, track)
    parts = [
        network.judge(gather_context(frames, first, min(first + _CHUNK_FRAMES, frames.shape[0])))
        for first in range(0, frames.shape[0], _CHUNK_FRAMES)
    ]
    both = np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)
    # The network has not met noise: what hardly repeats is no tone.
    tonal = both[:, 1] * (1.0 - track.aperiodicity) >= _MIN_TONAL
    return NoteEvidence(both[:, 0], np.where(tonal, both[:, 1], np.float32(0.0)))


def describe_frames(onset_power: FloatArray, track: PitchTrack) -> FloatArray:
    """Return each frame's six band levels, level, aperiodicity, pitch, and whether it is known, shape (n_frames, 10).

    Levels are in units of 20 dB below the loud frames, so that gain does not matter.
    """
    count = track.guess_hz.size
    if count == 0:
        return np.zeros((0, len(_GROUPS) + 4), np.float32)
    nearest = np.minimum(np.round(track.times_s * ONSET_RATE_HZ).astype(int), onset_power.shape[0] - 1)
    bands = np.add.reduceat(onset_power, _GROUPS, axis=1)[nearest]
    known = track.guess_hz > 0.0
    described = np.empty((count, len(_GROUPS) + 4), np.float32)
    described[:, :6] = _levels(np.maximum(bands, 1e-12)) - _levels(_loud(bands.sum(axis=1)))
    power = np.power(10.0, track.level_db / 10.0)
    described[:, 6] = 0.05 * track.level_db - _levels(_loud(power))
    described[:, 7] = np.minimum(track.aperiodicity, 1.0)
    described[:, 8] = np.where(known, np.log2(np.maximum(track.guess_hz, 1.0) / 55.0), 0.0)
    described[:, 9] = known
    np.maximum(described[:, :7], -3.0, out=described[:, :7])
    return described


def gather_context(frames: FloatArray, first: int, last: int) -> FloatArray:
    """Gather frames `first` to `last` with those about them, shape (last - first, n_inputs).

    Pitches around are steps from the frame's own, which is kept.
    """
    places = np.clip(np.arange(first, last)[:, None] + np.array(_CONTEXT), 0, frames.shape[0] - 1)
    context = frames[places]
    here = context[:, _CONTEXT.index(0)]
    pitch = here[:, 8].copy()
    context[:, :, 8] = np.clip(12.0 * (context[:, :, 8] - pitch[:, None]), -2.0, 2.0) * context[:, :, 9]
    context[:, _CONTEXT.index(0), 8] = pitch
    return np.ascontiguousarray(context.reshape(last - first, -1))


def _levels(power: FloatArray | float) -> FloatArray:
    return np.asarray(0.5 * np.log10(power), np.float32)


def _loud(power: NDArray[np.floating]) -> float:
    """Compute the 95th percentile of the frames within 40 dB of the loudest.

    Silence around the music thus does not count.
    """
    loudest = float(power.max())
    return max(float(np.percentile(power[power >= 1e-4 * loudest], 95)), 1e-12)


@dataclass(frozen=True, slots=True)
class _Network:
    layers: tuple[tuple[FloatArray, FloatArray], ...]

    def judge(self, inputs: FloatArray) -> FloatArray:
        values = inputs
        for weights, bias in self.layers[:-1]:
            values = np.maximum(values @ weights + bias, np.float32(0.0))
        weights, bias = self.layers[-1]
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values @ weights + bias, -30.0, 30.0))), np.float32)


@functools.cache
def _network() -> _Network:
    with resources.files("flamingo_bark_assets.analysis.bassline").joinpath(WEIGHTS).open("rb") as file:
        stored = np.load(file)
        count = sum(name.startswith("weights") for name in stored.files)
        return _Network(
            tuple(
                (stored[f"weights{i}"].astype(np.float32), stored[f"bias{i}"].astype(np.float32)) for i in range(count)
            )
        )
