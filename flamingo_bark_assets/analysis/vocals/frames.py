"""What each frame of a vocals stem is: sung or said, with a pitch or without, and whether the tracked pitch is right.

Evidence of single frames and the network that weighs it belong here; phrases are made of it in `vocals.activity`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, AudioView
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.signal import FloatArray

_FLOOR_DB = -100.0
_LOUD_PERCENTILE = 90.0
_MIDDLE_BANDS, _HIGH_BANDS = slice(4, 16), slice(20, 24)  # 0.2 to 2.2 kHz; 3.9 kHz and more
_SURE_APERIODICITY, _SURE_BELOW_DB, _FEWEST_SURE = 0.2, 10.0, 20


@dataclass(frozen=True, slots=True)
class FrameJudgement:
    """Probabilities for each frame of a pitch track, each of shape (n_frames,).

    Attributes:
        active: that the voice sings or speaks, consonants included.
        voiced: that it has a pitch.
        right: that it has the tracked pitch, within a quarter tone.
    """

    active: FloatArray
    voiced: FloatArray
    right: FloatArray


def bands_of(view: AudioView, track: PitchTrack) -> FloatArray:
    """Return the level of each of the onset bands at each frame of the track, dB, shape (n_frames, 24)."""
    power = view.onset_power
    if not power.shape[0]:
        return np.full((track.level_db.size, power.shape[1]), _FLOOR_DB, np.float32)
    rows = np.minimum(np.round(track.times_s * ONSET_RATE_HZ).astype(np.int64), power.shape[0] - 1)
    return np.asarray(10.0 * np.log10(np.maximum(power[rows], np.float32(10.0 ** (_FLOOR_DB / 10.0)))), np.float32)


def judge_frames(track: PitchTrack, bands_db: FloatArray) -> FrameJudgement:
    """Weigh the evidence of each frame by a network of one hidden layer, trained by `tests.learning.voices`."""
    weights = _weights()
    hidden = np.tanh(evidence(track, bands_db) @ weights["hidden"] + weights["hidden_bias"])
    score = np.clip(hidden @ weights["output"] + weights["output_bias"], -30.0, 30.0)
    active, voiced, right = np.asarray(1.0 / (1.0 + np.exp(-score)), np.float32).T
    return FrameJudgement(active, voiced, right)


def evidence(track: PitchTrack, bands_db: FloatArray) -> FloatArray:
    """Return what tells voice from its reverberation and from bleed, about 0 to 3, shape (n_frames, 15).

    Levels are relative to the loud voice, and to the loudest of half a second before and after: a tail falls and
    nothing follows it. Spectra are compared with the voice's own. Pitch is compared with the voice's median.
    """
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    if not track.level_db.size:
        return np.zeros((0, 15), np.float32)
    own = track.voiced
    if not own.any():
        own = track.level_db >= np.percentile(track.level_db, 70.0)
    level_db = np.clip(track.level_db - np.percentile(track.level_db[own], _LOUD_PERCENTILE), -50.0, 6.0)
    padded = np.pad(level_db, 25, mode="edge")
    loudest = maximum_filter1d(padded, 51)
    before, after = loudest[: level_db.size], loudest[50:]
    slow = np.pad(uniform_filter1d(level_db, 9), 10, mode="edge")
    shape = bands_db - bands_db.mean(axis=1, keepdims=True)
    sure = own & (track.aperiodicity < _SURE_APERIODICITY) & (level_db > -_SURE_BELOW_DB)
    sure = sure if np.count_nonzero(sure) >= _FEWEST_SURE else own
    unlike = np.sqrt(np.square(shape - shape[sure].mean(axis=0)).mean(axis=1))
    high_db = bands_db[:, _HIGH_BANDS].mean(axis=1) - bands_db[:, _MIDDLE_BANDS].mean(axis=1)
    semitones = 12.0 * np.log2(np.maximum(track.guess_hz, 1.0))
    pitched = own & (track.guess_hz > 0.0)
    median = np.median(semitones[pitched]) if pitched.any() else 90.0
    away = np.where(track.guess_hz > 0.0, np.minimum(np.abs(semitones - median), 18.0), 12.0)
    move = np.minimum(np.abs(np.diff(semitones, prepend=semitones[0])), 2.0)
    columns = (
        (before - level_db) / 10.0,
        (after - level_db) / 10.0,
        np.clip(slow[20:] - slow[:-20], -30.0, 30.0) / 10.0,
        level_db / 10.0,
        uniform_filter1d(level_db, 21) / 10.0,
        maximum_filter1d(level_db, 31) / 10.0,
        np.minimum(track.decline_db, 40.0) / 10.0,
        track.aperiodicity * 3.0,
        uniform_filter1d(track.aperiodicity, 11) * 3.0,
        uniform_filter1d(track.aperiodicity, 41) * 3.0,
        uniform_filter1d(unlike, 11) / 8.0,
        high_db / 15.0,
        uniform_filter1d(high_db, 11) / 15.0,
        away / 6.0,
        uniform_filter1d(move, 11) * 2.0,
    )
    return np.stack(columns, axis=1).astype(np.float32)


@functools.cache
def _weights() -> dict[str, FloatArray]:
    with np.load(Path(__file__).with_name("voice_frames.npz"), allow_pickle=False) as stored:
        return {name: np.asarray(stored[name], np.float32) for name in stored.files}


def most_of_five(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where most of five frames are chosen: shorter islands and gaps are accidents."""
    return np.asarray(np.convolve(np.pad(chosen, 2), np.ones(5), "valid") > 2.0) if chosen.size else chosen
