"""Whether a stem that is named vocals holds a voice at all.

What tells voices from instruments over seconds belongs here; when the voice sings is asked in `vocals.activity`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.vocals import VOICE_ODDS
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

METHOD = "vowels-consonants-and-glides"
_SEGMENT_FRAMES = 600
_MOST_SEGMENTS = 24
_SHORTEST_S = 6.0
_SOUNDING_DB = -30.0
_PERIODIC = 0.25
_FEWEST = 20
_ENVELOPE, _MIDDLE, _HIGH = slice(5, 20), slice(4, 16), slice(20, 24)

Values = NDArray[np.float64]

EVIDENCE = (
    "voiced", "aperiodicity", "vowel_change", "vowel_change_on_a_note", "pitch_step", "machine_still", "gliding",
    "highs_follow", "highs_vary", "sibilants", "runs_per_s", "run_length", "octave", "range", "syllables", "flatness",
    "steepest_rise", "rise_over_fall", "tilt",
)  # fmt: skip
# Logistic regression by `tests.learning.voices`.
_WEIGHTS = np.array((
    0.061, -1.629, 1.032, 0.832, 0.044, -1.328, 0.544, -1.975, 1.091, 0.487,
    0.472, 0.012, 0.259, -0.042, -0.369, 0.833, 0.06, -1.503, -0.551,
))  # fmt: skip
_BIAS = -0.29


def voice_probability(track: PitchTrack, bands_db: FloatArray) -> Measurement[float]:
    """Return how probably a stem holds a voice, where voices and all else are equally likely beforehand.

    A voice changes its vowels on a held note, glides between notes, and alternates with consonants whose highs do not
    follow its level; instruments hold their envelope and their pitch, and their highs come with their onsets. Each six
    seconds are weighed by logistic regression; the mean of their scores counts. Unknown where less than six seconds
    sound. `bands_db` is that of `frames.bands_of`.
    """
    starts = range(0, max(track.level_db.size - _SEGMENT_FRAMES // 2, 1), _SEGMENT_FRAMES)
    chosen = np.linspace(0, len(starts) - 1, min(len(starts), _MOST_SEGMENTS)).round().astype(int)
    scores, sounding_s = [], 0.0
    loud_db = float(np.percentile(track.level_db, 95.0)) if track.level_db.size else SILENCE_DBFS
    for start in (starts[index] for index in chosen):
        rows = slice(start, start + _SEGMENT_FRAMES)
        if float(track.level_db[rows].max(initial=SILENCE_DBFS)) <= max(SILENCE_DBFS, loud_db + _SOUNDING_DB):
            continue
        found = segment_evidence(track, bands_db, rows)
        if found is not None:
            evidence, frames = found
            scores.append(float(evidence @ _WEIGHTS) + _BIAS)
            sounding_s += frames * track.hop_s
    if sounding_s < _SHORTEST_S:
        return Measurement.unknown(f"less than {_SHORTEST_S:g} s of sound", method=METHOD)
    return Measurement.of(1.0 / (1.0 + math.exp(-float(np.mean(scores)))), method=METHOD)


def trust(heard: Measurement[float]) -> float:
    """Return how probably a file that is named vocals holds a voice, 0 to 1; 1 where it is too short to tell."""
    if heard.value is None:
        return 1.0
    return VOICE_ODDS * heard.value / (VOICE_ODDS * heard.value + 1.0 - heard.value)


def segment_evidence(track: PitchTrack, bands_db: FloatArray, rows: slice) -> tuple[Values, int] | None:
    """Return the evidence of one segment, in the order of `EVIDENCE`, and how many of its frames sound.

    None where hardly anything sounds.
    """
    from scipy.ndimage import uniform_filter1d

    level_db, bands = track.level_db[rows], bands_db[rows]
    sounding = level_db > max(SILENCE_DBFS, float(np.percentile(level_db, 95.0)) + _SOUNDING_DB)
    if np.count_nonzero(sounding) < 50:
        return None
    aperiodicity, guess_hz = track.aperiodicity[rows], track.guess_hz[rows]
    voiced = sounding & (aperiodicity < _PERIODIC) & (guess_hz > 0.0)
    semitones = 12.0 * np.log2(np.maximum(guess_hz, 1.0))
    envelope = uniform_filter1d(bands[:, _ENVELOPE] - bands[:, 4:20].mean(axis=1, keepdims=True), 5, axis=0)
    both, both_near = voiced[10:] & voiced[:-10], voiced[5:] & voiced[:-5]
    change = np.abs(envelope[10:] - envelope[:-10]).mean(axis=1)
    on_a_note = both & (np.abs(semitones[10:] - semitones[:-10]) < 0.5)
    step = np.abs(semitones[5:] - semitones[:-5])[both_near]
    middle_db, high_db = bands[:, _MIDDLE].mean(axis=1), bands[:, _HIGH].mean(axis=1)
    tilt = (high_db - middle_db)[sounding]
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    slow = uniform_filter1d(level_db, 5)
    rise = (slow[3:] - slow[:-3])[sounding[3:] | sounding[:-3]]
    noise = bands[sounding][:, 2:22]
    flatness = noise.mean(axis=1) - 10.0 * np.log10((10.0 ** (noise / 10.0)).mean(axis=1))
    some, moving = step.size > _FEWEST, bool((rise > 0.0).any() and (rise < 0.0).any())
    sung = semitones[voiced]
    evidence = (
        voiced.sum() / sounding.sum(),
        np.median(aperiodicity[sounding]),
        change[both].mean() / 6.0 if both.sum() > _FEWEST else 0.0,
        change[on_a_note].mean() / 6.0 if on_a_note.sum() > _FEWEST else 0.0,
        3.0 * np.median(np.minimum(step, 3.0)) if some else 0.0,
        np.mean(step < 0.03) if some else 0.0,
        3.0 * np.mean((step > 0.2) & (step < 3.0)) if some else 0.0,
        _correlation(high_db[sounding], middle_db[sounding]),
        tilt.std() / 10.0,
        5.0 * np.mean(tilt > np.median(tilt) + 12.0),
        len(edges) / (level_db.size * track.hop_s) / 3.0,
        min(float(np.median(lengths)), 200.0) / 50.0 if lengths.size else 0.0,
        (np.median(sung) if sung.size else 90.0) / 12.0 - 7.5,
        np.ptp(np.percentile(sung, [10, 90])) / 12.0 if sung.size > 10 else 0.0,
        3.0 * _syllabic_share(level_db, track.hop_s),
        flatness.mean() / 10.0,
        np.percentile(rise, 98) / 20.0,
        math.log(max(rise[rise > 0.0].mean(), 0.1) / max(-rise[rise < 0.0].mean(), 0.1)) if moving else 0.0,
        np.median(tilt) / 20.0,
    )
    return np.asarray(evidence, np.float64), int(np.count_nonzero(sounding))


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 0.0 else 0.0


def _syllabic_share(level_db: FloatArray, hop_s: float) -> float:
    """Return the share of the level's movement between 0.5 and 25 Hz that lies at 3 to 8 Hz."""
    from scipy.fft import rfft
    from scipy.ndimage import uniform_filter1d

    smooth = np.maximum(uniform_filter1d(level_db, 3), level_db.max() - 40.0)
    power = np.square(np.abs(rfft(smooth - level_db.mean())))
    hz = np.fft.rfftfreq(level_db.size, hop_s)
    return float(power[(hz > 3.0) & (hz < 8.0)].sum() / (power[(hz > 0.5) & (hz < 25.0)].sum() + 1e-9))
