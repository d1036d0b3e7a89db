"""How pitched sound is made: how many notes together, how sustained, how noisy, how inharmonic, how bright.

What is read from the notes and partials of the harmonic instruments belongs here; their chords do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import (
    BINS_PER_SEMITONE,
    LOWEST_NOTE,
    NOTE_BINS,
    TONAL_FRAME,
    TONAL_HOP,
    TONAL_RATE_HZ,
    AudioView,
)
from flamingo_bark_assets.analysis.tonality.salience import NOTES
from flamingo_bark_assets.audio.signal import FloatArray

_SOUNDING_SHARE = 1e-3
_CHUNK = 4096
_STEP_FRAMES = 4
_STEP_BINS = 2 * BINS_PER_SEMITONE
_OCTAVE_BINS = 12 * BINS_PER_SEMITONE
_BRIGHT_HZ = 1500.0

# A note counts from this share of the strongest one in its frame on.
_NOTE_SHARE = 0.33

_INHARMONIC_FRAMES = 48
_PARTIALS = 10
_MIN_PARTIALS = 6
_MIN_CLEAR_FRAMES = 4
_MAX_INHARMONICITY = 5e-3
_MAX_MISFIT_CENTS = 6.0


@dataclass(frozen=True, slots=True)
class Texture:
    """Means over the sounding frames of a signal; None where there are none.

    Attributes:
        sustain: share of energy in sustained sound, 0 to 1.
        harmonic_to_noise_db: energy over that of the floor between the partials.
        brightness: share of the energy up to 4 kHz above 1500 Hz.
    """

    sustain: float
    harmonic_to_noise_db: float
    brightness: float


def measure_texture(view: AudioView) -> Texture | None:
    """Return what the note spectrum says about a signal's texture; None where nothing sounds in it."""
    spectrum = view.note_spectrum
    power = np.concatenate([np.square(spectrum[i : i + _CHUNK]).sum(axis=1) for i in range(0, len(spectrum), _CHUNK)])
    sounding = power > _SOUNDING_SHARE * float(np.percentile(power, 95))
    if not sounding.any() or float(power.max()) <= 0.0:
        return None
    hz = 440.0 * 2.0 ** ((np.arange(NOTE_BINS) / BINS_PER_SEMITONE + LOWEST_NOTE - 69.0) / 12.0)
    sustained, total, bright = 0.0, 0.0, 0.0
    ratios: list[FloatArray] = []
    for start in range(0, spectrum.shape[0], _CHUNK):
        part = spectrum[start : start + _CHUNK]
        energy = np.square(part)
        total += float(energy.sum())
        sustained += float((energy * _sustained_mask(part)).sum())
        bright += float(energy[:, hz > _BRIGHT_HZ].sum())
        ratios.append(_over_floor(energy[sounding[start : start + _CHUNK]][::2]))
    ratio = np.concatenate(ratios)
    noise_db = float(np.median(10.0 * np.log10(np.maximum(ratio, 1.0)))) if ratio.size else 0.0
    return Texture(sustained / total, noise_db, bright / total)


def mean_polyphony(salience: FloatArray) -> float | None:
    """Return mean number of notes that sound together, of a salience of shape (n_frames, 84); None without any."""
    level = salience.sum(axis=1)
    sounding = level > 0.05 * float(np.percentile(level, 95)) if level.any() else np.zeros(level.size, bool)
    if not sounding.any():
        return None
    notes = salience[sounding]
    padded = np.pad(notes, ((0, 0), (1, 1)))
    peaks = (notes > padded[:, :-2]) & (notes >= padded[:, 2:]) & (notes > _NOTE_SHARE * notes.max(axis=1)[:, None])
    return float(peaks.sum(axis=1).mean())


def _sustained_mask(magnitude: FloatArray) -> FloatArray:
    """Compute a Wiener mask of what lasts against what is broad, by medians of five values in time and frequency."""
    lasting = np.square(
        _median_of_five(np.pad(magnitude, ((2 * _STEP_FRAMES,) * 2, (0, 0)), mode="edge"), _STEP_FRAMES)
    )
    across = np.pad(magnitude, ((0, 0), (2 * _STEP_BINS,) * 2), mode="edge").T
    broad = np.square(_median_of_five(across, _STEP_BINS).T)
    return np.asarray(lasting / np.maximum(lasting + broad, np.float32(1e-20)), np.float32)


def _median_of_five(values: FloatArray, step: int) -> FloatArray:
    """Return median of the values -2, -1, 0, 1, 2 steps away along the first axis, of which the edges are lost."""
    size = values.shape[0] - 4 * step
    a, b, c, d, e = (values[i * step : i * step + size] for i in range(5))
    low, high = np.maximum(np.minimum(a, b), np.minimum(c, d)), np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))


def _over_floor(energy: FloatArray) -> FloatArray:
    """Return energy of each frame over that of its floor: the lower quartile of each octave, shape (n_frames,)."""
    octaves = energy.reshape(-1, NOTE_BINS // _OCTAVE_BINS, _OCTAVE_BINS)
    floor = np.partition(octaves, _OCTAVE_BINS // 4, axis=2)[:, :, _OCTAVE_BINS // 4].sum(axis=1) * _OCTAVE_BINS
    return np.asarray(energy.sum(axis=1) / np.maximum(floor, 1e-14), np.float32)


def measure_inharmonicity(view: AudioView, salience: FloatArray, *, cents: float) -> float | None:
    """Measure Fletcher's coefficient B; None where too few notes are clear.

    Partials of the lowest clear note of up to 48 loud frames, by parabolic interpolation; B is the slope of (f_h / h)^2
    over h^2 (Fletcher, JASA 36, 1964). Of a sound too long to be kept whole, its first minute is used.
    """
    samples = next(view.mono_pieces(TONAL_RATE_HZ)).samples if view.is_long else view.mono(TONAL_RATE_HZ)
    frames = min(salience.shape[0], max(0, (samples.size - TONAL_FRAME // 2) // TONAL_HOP))
    level = salience[:frames].max(axis=1) if frames else np.zeros(0)
    if not level.any():
        return None
    loud = np.argsort(-level, kind="stable")[: 4 * _INHARMONIC_FRAMES]
    chosen = np.sort(loud[:: max(1, loud.size // _INHARMONIC_FRAMES)])
    window = np.hanning(TONAL_FRAME).astype(np.float32)
    found: list[float] = []
    for frame in chosen.tolist():
        centre = frame * TONAL_HOP
        if centre < TONAL_FRAME // 2 or centre + TONAL_FRAME // 2 > samples.size:
            continue
        piece = samples[centre - TONAL_FRAME // 2 : centre + TONAL_FRAME // 2] * window
        note = _lowest_clear_note(salience[frame])
        hz = 440.0 * 2.0 ** ((note + LOWEST_NOTE + cents / 100.0 - 69.0) / 12.0)
        estimate = _stretch_of_partials(np.abs(np.fft.rfft(piece, 2 * TONAL_FRAME)), hz)
        if estimate is not None:
            found.append(estimate)
    if len(found) < _MIN_CLEAR_FRAMES:
        return None
    return max(0.0, float(np.median(found)))


def _lowest_clear_note(salience: FloatArray) -> int:
    clear = np.flatnonzero(salience > 0.5 * salience.max())
    return int(clear[0]) if clear.size else NOTES // 2


def _stretch_of_partials(magnitude: NDArray[np.floating], f0_hz: float) -> float | None:
    """Compute B from the partials of a note; None where fewer than six are clear or they follow no such law."""
    bin_hz = TONAL_RATE_HZ / (2 * TONAL_FRAME)
    orders, squares = [], []
    stretch, fundamental = 0.0, f0_hz
    for order in range(1, _PARTIALS + 1):
        expected = order * fundamental * np.sqrt(1.0 + stretch * order**2)
        low, high = (int(expected * 2.0 ** (c / 1200.0) / bin_hz) for c in (-35.0, 35.0))
        if low < 2 or high + 3 >= magnitude.size or high - low < 1:
            continue
        peak = low + int(np.argmax(magnitude[low : high + 2]))
        around = magnitude[max(0, peak - 16) : peak + 17]
        if peak in {low, high + 1} or magnitude[peak] < 6.0 * float(np.median(around)):
            continue
        b, a, c = (float(np.log(magnitude[i] + 1e-12)) for i in (peak - 1, peak, peak + 1))
        hz = (peak + 0.5 * (b - c) / min(b - 2.0 * a + c, -1e-6)) * bin_hz
        orders.append(order)
        squares.append((hz / order) ** 2)
        if order == 1:
            fundamental = hz
        if len(orders) >= 3:
            slope, base = np.polyfit(np.square(orders), squares, 1)
            stretch, fundamental = max(0.0, slope / base), float(np.sqrt(base))
    if len(orders) < _MIN_PARTIALS:
        return None
    slope, base = np.polyfit(np.square(orders), squares, 1)
    fitted = base + slope * np.square(orders)
    misfit = 600.0 * np.abs(np.log2(np.array(squares) / np.maximum(fitted, 1e-9)))
    value = float(slope / base)
    return value if misfit.max() < _MAX_MISFIT_CENTS and value < _MAX_INHARMONICITY else None
