"""What speaks for a beat at a moment: onsets in registers and stems, new bass notes, new chords.

The curves belong here; how a reading of the beat is judged by them is in `readings`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import BINS_PER_SEMITONE, NOTE_RATE_HZ, ONSET_RATE_HZ, SongViews
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT, onset_strength
from flamingo_bark_assets.analysis.rhythm.starts import Start, start_of
from flamingo_bark_assets.audio.signal import FloatArray

# A new chord is compared with what sounded over this time before.
_CHANGE_S = 0.37
_BASS_SEMITONES = 28
# Deviations of the change of bass and harmony, as cosine distances, below which nothing plays that could change: bare
# drums reach .02 to .09 and .01 to .04, songs with harmony .08 to .25 and .05 to .22 (21 mixes of made songs).
LEAST_CHANGE = (0.08, 0.05)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Curves at `ONSET_RATE_HZ`, all starting at `start_s`.

    Attributes:
        curves: shape (n_frames, 6): the mix's onset strength in four registers, change of the bass notes, change of
            the harmony; with stems (n_frames, 12): then the drums' four registers, onsets of the bass, onsets of the
            stems that play chords.
        pulse: what the beat is tracked on, mean 0, (n_frames,).
        total: onset strength of the mix, (n_frames,).
        chroma: running sum of the chroma of the bass (12) and of all above it (12) over the frames of `note_spectrum`
            from 0 s on, (n_note_frames + 1, 24).
        start_s: seconds.
        with_stems: whether there are stems.
        rise: how much starts at all in the mix, see `OnsetStrength.rise`.
        start: where the recording starts, None where that tells nothing.
    """

    curves: FloatArray
    pulse: FloatArray
    total: FloatArray
    chroma: NDArray[np.float64]
    start_s: float
    with_stems: bool
    rise: float
    start: Start | None


def gather_evidence(views: SongViews) -> Evidence:
    """Return the curves of a song from where its music starts to where it ends."""
    mix = onset_strength(views.mix)
    frames = mix.total.size
    chroma = _chroma(np.asarray(views.mix.note_spectrum))
    columns = [mix.registers, _changes(chroma, frames)]
    pulse = mix.total.copy()
    drums_view, bass, chordal = views.stems.get("drums"), views.stems.get("bass"), views.chordal
    with_stems = drums_view is not None or bass is not None or bool(chordal)
    if with_stems:
        drums = _fitted(
            onset_strength(drums_view).registers if drums_view is not None else None, frames, REGISTER_COUNT
        )
        columns.append(drums)
        pulse += drums.mean(axis=1)
        for players in ((bass,) if bass is not None else (), chordal):
            onsets = _fitted(onset_strength(*players).total[:, None] if players else None, frames, 1)
            columns.append(onsets)
            pulse += 0.5 * onsets[:, 0]
    first = min(int(views.mix.music_start_s * ONSET_RATE_HZ), max(0, frames - 1))
    last = min(frames, int(views.mix.music_end_s * ONSET_RATE_HZ) + 1)
    curves = np.ascontiguousarray(np.concatenate(columns, axis=1)[first:last], np.float32)
    pulse = pulse[first:last] / max(float(pulse[first:last].std()), 1e-6)
    return Evidence(
        curves,
        np.asarray(pulse - pulse.mean(), np.float32),
        mix.total[first:last],
        chroma,
        first / ONSET_RATE_HZ,
        with_stems,
        mix.rise,
        start_of(views.mix, float(curves[:, REGISTER_COUNT + 1].std())),
    )


def mean_chroma(evidence: Evidence, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean chroma between successive times (frames of the curves, ascending), shape (n_edges - 1, 24)."""
    last = evidence.chroma.shape[0] - 1
    at = (edges / ONSET_RATE_HZ + evidence.start_s) * NOTE_RATE_HZ + 0.5
    index = np.clip(np.round(at).astype(int), 0, last)
    spans = np.maximum(np.diff(index), 1)[:, None]
    return np.asarray((evidence.chroma[index[1:]] - evidence.chroma[index[:-1]]) / spans, np.float64)


def distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 minus the cosine of the angle between rows, 0 where either is silent, shape (n_rows,)."""
    norm = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    cosine = (before * after).sum(axis=1) / np.maximum(norm, 1e-9)
    return np.asarray(np.where(norm > 1e-9, 1.0 - cosine, 0.0), np.float64)


def _chroma(notes: FloatArray) -> NDArray[np.float64]:
    """Return running sum of the chroma below and above, shape (n_note_frames + 1, 24)."""
    out = np.zeros((notes.shape[0] + 1, 24))
    if notes.shape[0] == 0:
        return out
    semitones = notes.reshape(notes.shape[0], -1, BINS_PER_SEMITONE).max(axis=2)
    level = np.log1p(semitones / (0.1 * float(semitones.max()) + 1e-9))
    for column, part in enumerate((level[:, :_BASS_SEMITONES], level[:, _BASS_SEMITONES:])):
        octaves = part.shape[1] // 12
        chroma = part[:, : 12 * octaves].reshape(part.shape[0], octaves, 12).sum(axis=1)
        out[1:, 12 * column : 12 * column + 12] = np.cumsum(chroma, axis=0, dtype=np.float64)
    return out


def _changes(chroma: NDArray[np.float64], frames: int) -> FloatArray:
    """Compute how much bass notes and harmony change from before to after each time, shape (frames, 2).

    Each is scaled to a standard deviation of 1, and left smaller where it is less than `LEAST_CHANGE`: what differs
    between the strokes of bare drums is no new harmony.
    """
    reach = max(1, round(_CHANGE_S * NOTE_RATE_HZ))
    count = chroma.shape[0] - 1
    if count < 2 * reach + 1:
        return np.zeros((frames, 2), np.float32)
    out = np.empty((frames, 2), np.float32)
    wanted = np.arange(frames) / ONSET_RATE_HZ * NOTE_RATE_HZ
    centre = np.arange(count)
    before = chroma[centre] - chroma[np.maximum(centre - reach, 0)]
    after = chroma[np.minimum(centre + 1 + reach, count)] - chroma[centre + 1]
    for column in (0, 1):
        part = slice(12 * column, 12 * column + 12)
        change = distance(before[:, part], after[:, part])
        out[:, column] = np.interp(wanted, centre, change / max(float(change.std()), LEAST_CHANGE[column]))
    return out


def _fitted(curves: FloatArray | None, frames: int, columns: int) -> FloatArray:
    """Return the curves cut or padded with zeros to `frames` frames; zeros where there are none."""
    out = np.zeros((frames, columns), np.float32)
    if curves is not None:
        kept = min(frames, curves.shape[0])
        out[:kept] = curves[:kept]
    return out
