"""Resonances of short frames: weighted linear prediction and the roots of its polynomial.

What one frame tells by itself belongs here; which resonances are formants is decided in `vocals.formants`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

_CHUNK_FRAMES = 512
_SILENCE = 1e-12
_NO_ROOT = 0j


def find_resonances(
    samples: FloatArray,
    rate_hz: float,
    starts: NDArray[np.int64],
    window: FloatArray,
    *,
    order: int,
    emphasis: float,
    range_hz: tuple[float, float],
    widest_hz: float,
    most: int,
) -> tuple[FloatArray, FloatArray]:
    """Return frequencies and bandwidths of the poles of each frame, the lowest first.

    Args:
        samples: mono, shape (n_samples,).
        rate_hz: its rate.
        starts: first sample of each frame, at least 1, shape (n_frames,).
        window: weight of each sample of a frame, shape (length,).
        order: number of coefficients of the predictor.
        emphasis: coefficient of the pre-emphasis.
        range_hz: lowest and highest frequency; poles beyond are left out.
        widest_hz: so are those with a larger bandwidth.
        most: how many are kept.

    Returns:
        Frequency and bandwidth, Hz, each of shape (n_frames, most); 0 where there are fewer, as in a silent frame.
    """
    hz, bandwidth_hz = (np.zeros((starts.size, most), np.float32) for _ in range(2))
    for first in range(0, starts.size, _CHUNK_FRAMES):
        rows = slice(first, first + _CHUNK_FRAMES)
        z = _roots(_predictors(_normal_equations(*_frames(samples, starts[rows], window, order, emphasis), order)))
        at = np.angle(z) * (rate_hz / (2.0 * np.pi))
        width = np.abs(np.log(np.maximum(np.abs(z), 1e-9))) * (rate_hz / np.pi)
        kept = (z != _NO_ROOT) & (at >= range_hz[0]) & (at <= range_hz[1]) & (width <= widest_hz)
        at = np.where(kept, at, np.inf)
        lowest = np.argsort(at, axis=1)[:, :most]
        at, width = (np.take_along_axis(values, lowest, axis=1) for values in (at, width))
        hz[rows, : lowest.shape[1]] = np.where(np.isfinite(at), at, 0.0)
        bandwidth_hz[rows, : lowest.shape[1]] = np.where(np.isfinite(at), width, 0.0)
    return hz, bandwidth_hz


@compiled("UniTuple(float32[:, ::1], 2)(float32[::1], int64[::1], float32[::1], int64, float64)", fastmath=True)
def _frames(
    samples: FloatArray, starts: NDArray[np.int64], window: FloatArray, order: int, emphasis: float
) -> tuple[FloatArray, FloatArray]:
    """Cut pre-emphasised frames of mean square 1 and weigh each of their samples, both (n_frames, length).

    A sample weighs as much as the `order` samples before it have energy (Ma, Kamp & Willems, Speech Communication 12,
    1993): where the vocal tract has just been excited the signal is its response, later it is faint and the next
    pulse near, which pulls plain prediction towards the harmonics of a high voice.
    """
    length = window.size
    frames = np.zeros((starts.size, length), np.float32)
    weights = np.zeros((starts.size, length), np.float32)
    factor = np.float32(emphasis)
    for q in range(starts.size):
        here, before = samples[starts[q] : starts[q] + length], samples[starts[q] - 1 : starts[q] - 1 + length]
        frame, weight = frames[q], weights[q]
        power = np.float32(0.0)
        for n in range(length):
            frame[n] = here[n] - factor * before[n]
            power += frame[n] * frame[n]
        scale = np.float32(1.0 / math.sqrt(power / length)) if power > _SILENCE * length else np.float32(0.0)
        energy = np.float32(1e-6)
        for n in range(length):
            frame[n] *= scale
            weight[n] = window[n] * energy
            energy += frame[n] * frame[n]
            if n >= order:
                energy -= frame[n - order] * frame[n - order]
    return frames, weights


@compiled("float64[:, :, ::1](float32[:, ::1], float32[:, ::1], int64)", fastmath=True)
def _normal_equations(frames: FloatArray, weights: FloatArray, order: int) -> Values:
    """Compute weighted products of each frame's samples at lags 0 to `order`, both ways.

    Shape (n_frames, order + 1, order + 1).

    Each sample is predicted from those before it and, by the same coefficients, from those after it (Gowda, Airaksinen
    & Alku, Interspeech 2017). Only the upper triangle is filled.
    """
    count = frames.shape[1] - order
    weighted = np.zeros(count, np.float32)
    products = np.zeros((frames.shape[0], order + 1, order + 1))
    for q in range(frames.shape[0]):
        for backwards in range(2):
            weight = weights[q, :count] if backwards else weights[q, order:]
            for i in range(order + 1):
                one = frames[q, i : i + count] if backwards else frames[q, order - i : order - i + count]
                for n in range(count):
                    weighted[n] = weight[n] * one[n]
                for j in range(i, order + 1):
                    other = frames[q, j : j + count] if backwards else frames[q, order - j : order - j + count]
                    total = np.float32(0.0)
                    for n in range(count):
                        total += weighted[n] * other[n]
                    products[q, i, j] += total
    return products


@compiled("float64[:, ::1](float64[:, :, ::1])")
def _predictors(products: Values) -> Values:
    """Compute the coefficients after the leading 1 (by Cholesky), (n_frames, order); 0 where a frame is silent."""
    order = products.shape[1] - 1
    coefficients = np.zeros((products.shape[0], order))
    lower = np.zeros((order, order))
    for q in range(products.shape[0]):
        product, solution = products[q], coefficients[q]
        if product[0, 0] <= 0.0:
            continue
        for i in range(order):
            for j in range(i + 1):
                total = product[j + 1, i + 1]
                for k in range(j):
                    total -= lower[i, k] * lower[j, k]
                if i == j:
                    lower[i, i] = math.sqrt(max(total + 1e-6 * product[0, 0], 1e-12))
                else:
                    lower[i, j] = total / lower[j, j]
            total = -product[0, i + 1]
            for k in range(i):
                total -= lower[i, k] * solution[k]
            solution[i] = total / lower[i, i]
        for i in range(order - 1, -1, -1):
            total = solution[i]
            for k in range(i + 1, order):
                total -= lower[k, i] * solution[k]
            solution[i] = total / lower[i, i]
    return coefficients


@compiled("complex128[:, ::1](float64[:, ::1])")
def _roots(coefficients: Values) -> NDArray[np.complex128]:
    """Find the roots in the upper half plane of each predictor, (n_frames, order // 2).

    By Laguerre's method and division.
    """
    order = coefficients.shape[1]
    roots = np.zeros((coefficients.shape[0], order // 2), np.complex128)
    polynomial = np.zeros(order + 1)
    for q in range(coefficients.shape[0]):
        polynomial[0] = 1.0
        polynomial[1:] = coefficients[q]
        degree = order if np.any(coefficients[q] != 0.0) else 0
        size = 0
        while degree >= 2:
            z = complex(0.3, 0.9)
            for _ in range(40):
                p, d, f = complex(polynomial[0], 0.0), 0j, 0j
                for k in range(1, degree + 1):
                    f = z * f + d
                    d = z * d + p
                    p = z * p + polynomial[k]
                if abs(p.real) + abs(p.imag) < 1e-12:
                    break
                g = d / p
                h = g * g - 2.0 * f / p
                root = np.sqrt((degree - 1) * (degree * h - g * g))
                larger = g + root if (g * root.conjugate()).real >= 0.0 else g - root
                step = degree / larger if larger != 0j else complex(-0.1, 0.0)
                z -= step
                if abs(step.real) + abs(step.imag) < 1e-7:
                    break
            if abs(z.imag) < 1e-5:
                for k in range(1, degree):
                    polynomial[k] += z.real * polynomial[k - 1]
                degree -= 1
                continue
            roots[q, size] = complex(z.real, abs(z.imag))
            size += 1
            twice, square = -2.0 * z.real, z.real * z.real + z.imag * z.imag
            polynomial[1] -= twice * polynomial[0]
            for k in range(2, degree - 1):
                polynomial[k] -= twice * polynomial[k - 1] + square * polynomial[k - 2]
            degree -= 2
    return roots
