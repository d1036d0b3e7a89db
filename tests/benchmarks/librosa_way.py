"""The plain way: the same song measured by calling librosa and scipy as their documentation shows.

The peer of the speed benchmark belongs here; nothing of the package is used. What librosa has no
function for (formants, vibrato, drum classes, bars, letters of sections) is left out, so that the peer does less.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def _librosa() -> Any:
    return importlib.import_module("librosa")


def measure_mix(path: Path) -> dict[str, Any]:
    """Tempo, beats, key and chord material, spectrum, loudness and true peak of a mix."""
    librosa = _librosa()
    y, sr = librosa.load(path, sr=22050)
    onset_env = librosa.onset.onset_strength(y=y, sr=sr)
    tempo, beats = librosa.beat.beat_track(onset_envelope=onset_env, sr=sr)
    harmonic, percussive = librosa.effects.hpss(y)
    chroma = librosa.feature.chroma_cqt(y=harmonic, sr=sr)
    return {
        "tempo": tempo,
        "beats": librosa.frames_to_time(beats, sr=sr),
        "onsets": librosa.onset.onset_detect(onset_envelope=onset_env, sr=sr, units="time"),
        "tuning": librosa.estimate_tuning(y=harmonic, sr=sr),
        "chroma": librosa.util.sync(chroma, beats, aggregate=np.median),
        "sections": librosa.segment.agglomerative(chroma, 8),
        "percussive_rms": librosa.feature.rms(y=percussive).mean(),
        **_spectrum(y, sr),
        **_loudness(path),
    }


def measure_stems(paths: Mapping[str, Path]) -> dict[str, Any]:
    """What drums, bass, vocals and all others, which play chords, do; kinds that are missing are left out."""
    measure = {"drums": _drums, "bass": _bass, "vocals": _vocals}
    return {kind: measure.get(kind, _harmonic)(path) for kind, path in paths.items()}


def _spectrum(y: Any, sr: float) -> dict[str, Any]:
    librosa = _librosa()
    return {
        "centroid": librosa.feature.spectral_centroid(y=y, sr=sr).mean(),
        "bandwidth": librosa.feature.spectral_bandwidth(y=y, sr=sr).mean(),
        "rolloff": librosa.feature.spectral_rolloff(y=y, sr=sr).mean(),
        "flatness": librosa.feature.spectral_flatness(y=y).mean(),
        "contrast": librosa.feature.spectral_contrast(y=y, sr=sr).mean(axis=1),
        "mfcc": librosa.feature.mfcc(y=y, sr=sr).mean(axis=1),
    }


def _loudness(path: Path, *, peak: bool = True) -> dict[str, Any]:
    """Integrated loudness (BS.1770-4 at its tabulated 48 kHz coefficients) and true peak at four-fold oversampling."""
    import soundfile
    from scipy.signal import lfilter, resample_poly

    samples, rate = soundfile.read(path, always_2d=True)
    shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
    high = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    weighted = lfilter(*high, lfilter(*shelf, samples, axis=0), axis=0)
    step, block = rate // 10, 4 * (rate // 10)
    starts = range(0, max(1, len(weighted) - block + 1), step)
    energy = np.array([np.square(weighted[s : s + block]).mean(axis=0).sum() for s in starts])
    loudness = -0.691 + 10 * np.log10(energy + 1e-12)
    gated = energy[loudness > -70.0]
    gate = -0.691 + 10 * np.log10(gated.mean()) - 10.0 if gated.size else -70.0
    found = {"lufs": -0.691 + 10 * np.log10(energy[loudness > gate].mean())} if gated.size else {}
    if peak:
        found["true_peak"] = 20 * np.log10(np.abs(resample_poly(samples, 4, 1, axis=0)).max() + 1e-12)
    return found


def _stem(path: Path) -> tuple[Any, float, dict[str, Any]]:
    librosa = _librosa()
    y, sr = librosa.load(path, sr=22050)
    onsets = librosa.onset.onset_detect(y=y, sr=sr, units="time")
    return y, sr, {"onsets": onsets, **_spectrum(y, sr), **_loudness(path, peak=False)}


def _drums(path: Path) -> dict[str, Any]:
    librosa = _librosa()
    y, sr, found = _stem(path)
    _, percussive = librosa.effects.hpss(y)
    mel = librosa.feature.melspectrogram(y=percussive, sr=sr)
    bands = librosa.onset.onset_strength_multi(S=librosa.power_to_db(mel), sr=sr, channels=[0, 8, 40, 128])
    hits = [librosa.onset.onset_detect(onset_envelope=band, sr=sr, units="time") for band in bands]
    return {**found, "hits": hits}


def _bass(path: Path) -> dict[str, Any]:
    librosa = _librosa()
    y, sr, found = _stem(path)
    f0, _, _ = librosa.pyin(y, fmin=30.0, fmax=400.0, sr=sr)
    return {**found, "f0": f0}


def _vocals(path: Path) -> dict[str, Any]:
    librosa = _librosa()
    y, sr, found = _stem(path)
    f0, voiced, _ = librosa.pyin(y, fmin=65.0, fmax=1100.0, sr=sr)
    return {**found, "f0": f0, "voiced": voiced}


def _harmonic(path: Path) -> dict[str, Any]:
    librosa = _librosa()
    y, sr, found = _stem(path)
    harmonic, _ = librosa.effects.hpss(y)
    return {**found, "chroma": librosa.feature.chroma_cqt(y=harmonic, sr=sr)}
