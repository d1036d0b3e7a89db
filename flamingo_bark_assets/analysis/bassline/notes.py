"""The notes of a bass line: where each begins and ends, and its pitch.

Cutting the line into notes belongs here; the evidence for it is weighed in `bassline.evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bassline.evidence import NoteEvidence
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

# Most that a false onset is worth: what a separator leaves of a drum looks like a weak attack.
_MIN_ONSET = 0.8
_MIN_SOUNDING = 0.5
_MIN_GAP_FRAMES = 5
_MAX_APERIODICITY = 0.7
_MIN_NOTE_FRAMES = 5
# Attacks are noisy: the pitch is that of what follows.
_ATTACK_FRAMES = 2
_NEAR_FRAMES = 3
# Share of notes found that were right (50 ms, 50 cents), in clean and in separated basses alike.
_RIGHT_BY_EVIDENCE = (
    (0.0, 0.1, 0.25, 0.35, 0.45, 0.6, 0.8, 0.9, 1.0),
    (0.1, 0.2, 0.42, 0.5, 0.7, 0.85, 0.87, 0.94, 0.99),
)
_RIGHT_BY_STRENGTH = ((0.0, 0.1, 0.2, 0.3, 0.4), (0.02, 0.1, 0.35, 0.8, 1.0))


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes in order of time, each array of shape (n_notes,).

    Attributes:
        onset_s: start, seconds.
        offset_s: end, seconds.
        f0_hz: median fundamental frequency.
        strength: largest RMS amplitude over that of the strongest note, 0 to 1.
        evidence: largest onset probability within 30 ms of the note's beginning, 0 to 1.
        agreement: share of its frames that repeat, and do so within half a semitone of f0_hz.
    """

    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    f0_hz: NDArray[np.float64]
    strength: NDArray[np.float64]
    evidence: NDArray[np.float64]
    agreement: NDArray[np.float64]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability that a note of this pitch begins within 50 ms of there, shape (n_notes,)."""
        right = np.interp(self.evidence * self.agreement, *_RIGHT_BY_EVIDENCE)
        return np.asarray(right * np.interp(self.strength, *_RIGHT_BY_STRENGTH))

    @property
    def midi(self) -> NDArray[np.int_]:
        """Nearest MIDI notes on A4 = 440 Hz, shape (n_notes,)."""
        return np.asarray(np.round(69.0 + 12.0 * np.log2(self.f0_hz / 440.0)), np.int_)


def find_notes(track: PitchTrack, evidence: NoteEvidence) -> Notes:
    """Cut the line at the peaks of the onset probability and where it stops sounding."""
    rows = _cut(
        np.ascontiguousarray(evidence.onset),
        np.ascontiguousarray(evidence.sounding),
        np.where(track.aperiodicity < _MAX_APERIODICITY, track.guess_hz, np.float32(0.0)),
        np.ascontiguousarray(track.level_db, np.float32),
    )
    start, stop, f0_hz, level_db, onset, agreement = rows.T
    loudest = level_db.max() if level_db.size else 0.0
    return Notes(
        onset_s=start * track.hop_s,
        offset_s=stop * track.hop_s,
        f0_hz=f0_hz,
        strength=10.0 ** ((level_db - loudest) / 20.0),
        evidence=onset,
        agreement=agreement,
    )


@compiled("float64[:, ::1](float32[::1], float32[::1], float32[::1], float32[::1])")
def _cut(onset: FloatArray, sounding: FloatArray, pitch_hz: FloatArray, level_db: FloatArray) -> NDArray[np.float64]:
    """Return one row a note.

    Start and end frame, median pitch, largest level, onset probability, agreement on the pitch.
    """
    frames = onset.size
    begins = np.zeros(frames, np.bool_)
    last = -_MIN_GAP_FRAMES
    for t in range(frames):
        if onset[t] < _MIN_ONSET:
            continue
        highest = True
        for k in range(max(0, t - _MIN_GAP_FRAMES + 1), min(frames, t + _MIN_GAP_FRAMES)):
            if onset[k] > onset[t] or (onset[k] == onset[t] and k < t):
                highest = False
        if highest and t - last >= _MIN_GAP_FRAMES:
            begins[t] = True
            last = t
    notes = np.zeros((frames // _MIN_NOTE_FRAMES + 1, 6), np.float64)
    count = 0
    t = 0
    while t < frames:
        # Where the attack went unnoticed, the note begins with its sound.
        if not begins[t] and not (sounding[t] >= _MIN_SOUNDING):
            t += 1
            continue
        stop = t + 1
        while stop < frames and not begins[stop]:
            if sounding[stop] < _MIN_SOUNDING and stop - t >= _MIN_NOTE_FRAMES:
                break
            stop += 1
        inside = pitch_hz[min(t + _ATTACK_FRAMES, stop - 1) : stop]
        known = inside[inside > 0.0]
        if stop - t >= _MIN_NOTE_FRAMES and known.size > 0 and (begins[t] or stop - t >= 2 * _MIN_NOTE_FRAMES):
            f0 = np.median(known)
            near = 0
            for hz in known:
                if abs(hz / f0 - 1.0) < 0.03:
                    near += 1
            notes[count, 0] = t
            notes[count, 1] = stop
            notes[count, 2] = f0
            notes[count, 3] = level_db[t:stop].max()
            notes[count, 4] = onset[max(0, t - _NEAR_FRAMES) : t + _NEAR_FRAMES + 1].max()
            notes[count, 5] = near / inside.size
            count += 1
        t = stop
    return notes[:count].copy()
