"""How the stems of a song explain its mix: a least-squares fit with a gain, polarity and delay each.

Numbers at the rate of `alignment` belong here; what they say of a file, in words, stands in `findings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.alignment import RATE_HZ
from flamingo_bark_assets.audio.signal import FloatArray

Floats = npt.NDArray[np.float64]

LONGEST_FITTED_S = 600.0
"""Of a longer song only so much is fitted, from its start; less where there are very many stems."""

_MOST_SAMPLES = 1 << 26
_RIDGE = 1e-4  # decides between gains that explain the mix alike: towards the common one
_TAPS = 48
_KAISER_BETA = 8.0
_FAR_BETTER = 4.0  # 6 dB
_MORE = 1.25  # where stems are missing little is explained, and a bass drum explains most of itself 25 ms later
_SAME_DELAY_S = 3e-4
_SHORTEST_DELAY_S = 1e-4
_SPECTRUM = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The mix as a sum of its stems, each with a gain. Energies are shares of that of the mix.

    Attributes:
        products: sums of the product of each two of the stems and the mix, the mix last, second by second, shape
            (n_seconds, n_stems + 1, n_stems + 1).
        gains: gain of each stem at which least is left, negative in inverted polarity, shape (n_stems,).
        common_gain: the gain that most of the stems have, without sign.
        residual: what is left with these gains.
        common_residual: what is left with the best gain that is the same for all.
        constrained: what is left where one stem has the common gain and the others are fitted, shape (n_stems,).
    """

    products: Floats
    gains: Floats
    common_gain: float
    residual: float
    common_residual: float
    constrained: Floats

    @property
    def fitted_s(self) -> int:
        """How far from the start of the mix it was fitted, whole seconds, rounded up."""
        return int(self.products.shape[0])

    @property
    def energies(self) -> Floats:
        """Energy of each stem at its gain, shape (n_stems,)."""
        total = self.products.sum(axis=0)
        return np.asarray(self.gains**2 * np.diag(total)[:-1] / total[-1, -1], np.float64)

    @property
    def given_energies(self) -> Floats:
        """Energy of each stem at the common gain, shape (n_stems,)."""
        total = self.products.sum(axis=0)
        return np.asarray(self.common_gain**2 * np.diag(total)[:-1] / total[-1, -1], np.float64)

    def common_residual_of(self, applied: Floats) -> float:
        """Return what is left with the best common gain once gains of their own were applied to the stems."""
        factors = np.append(applied, 1.0)
        return _common(self.products.sum(axis=0) * np.outer(factors, factors))[1]

    def residual_without(self, index: int) -> float:
        """Return what is left where one stem is left out and the others are fitted; 1 where no other is there."""
        total = self.products.sum(axis=0)
        others = [i for i in range(self.gains.size) if i != index]
        if not others:
            return 1.0
        kept = total[np.ix_([*others, -1], [*others, -1])]
        return _left(kept, _solved(kept, self.common_gain)[0])

    def common_residual_without(self, index: int) -> float:
        """Return what is left with the best common gain where one stem is left out; 1 where no other is there."""
        total = self.products.sum(axis=0)
        others = [i for i in range(self.gains.size) if i != index]
        return _common(total[np.ix_([*others, -1], [*others, -1])])[1] if others else 1.0

    def common_residual_with(self, kept: Sequence[int]) -> float:
        """Return what is left with the best common gain of some of the stems; 1 of none."""
        total = self.products.sum(axis=0)
        return _common(total[np.ix_([*kept, -1], [*kept, -1])])[1] if kept else 1.0

    def residual_of(self, index: int, parts: Sequence[int]) -> float:
        """Return what other stems, each at a gain of its own, leave of a stem, as a share of it; 1 of a silent one."""
        total = self.products.sum(axis=0)[np.ix_([*parts, index], [*parts, index])]
        if not parts or not total[-1, -1] > 0.0:
            return 1.0
        return _left(total, _solved(total, self.common_gain)[0])


def fit(mix: FloatArray, stems: Sequence[FloatArray]) -> Fit | None:
    """Fit a mix by its stems, each mono at `RATE_HZ`; one that ends early is silent after its end.

    None where the mix or all the stems are silent.
    """
    products = _products(mix, stems)
    total = products.sum(axis=0)
    powers = np.diag(total)
    if not powers[-1] > 0.0 or not powers[:-1].max(initial=0.0) > 0.0:
        return None
    start, common_residual = _common(total)
    gains, spread = _solved(total, start)
    # The gain that half of the stems' energy has or exceeds: a stem or two of another gain do not move it.
    order = np.argsort(np.abs(gains))
    weight = np.cumsum((gains**2 * powers[:-1])[order])
    common = float(np.abs(gains)[order][np.searchsorted(weight, 0.5 * weight[-1])]) or 1.0
    residual = _left(total, gains)
    constrained = residual + (gains - common) ** 2 / np.maximum(spread, 1e-30) / powers[-1]
    return Fit(products, gains, common, residual, common_residual, np.asarray(constrained, np.float64))


def _products(mix: FloatArray, stems: Sequence[FloatArray]) -> Floats:
    length = min(mix.size, round(LONGEST_FITTED_S * RATE_HZ), _MOST_SAMPLES // (len(stems) + 1))
    seconds = -(-length // RATE_HZ)
    products = np.zeros((seconds, len(stems) + 1, len(stems) + 1))
    piece = np.zeros((len(stems) + 1, RATE_HZ))
    for second in range(seconds):
        start, end = second * RATE_HZ, min((second + 1) * RATE_HZ, length)
        piece[:] = 0.0
        for row, samples in zip(piece, (*stems, mix), strict=True):
            part = samples[start:end]
            row[: part.size] = part
        products[second] = piece @ piece.T
    return products


def _common(total: Floats) -> tuple[float, float]:
    """Return the best common gain and what it leaves."""
    energy, product, whole = float(total[:-1, :-1].sum()), float(total[:-1, -1].sum()), float(total[-1, -1])
    if energy <= 0.0:
        return 1.0, 1.0
    gain = product / energy
    return gain, max(0.0, 1.0 - gain * product / whole)


def _solved(total: Floats, towards: float) -> tuple[Floats, Floats]:
    """Return the gains at which least is left, and the diagonal of the inverse of the normal equations."""
    stems, product = total[:-1, :-1], total[:-1, -1]
    ridge = np.diag(_RIDGE * np.diag(stems) + 1e-12 * total[-1, -1])
    inverse = np.linalg.inv(stems + ridge)
    gains = towards + inverse @ (product - stems @ np.full(product.size, towards))
    return np.asarray(gains, np.float64), np.asarray(np.diag(inverse), np.float64)


def _left(total: Floats, gains: Floats) -> float:
    all_gains = np.append(-gains, 1.0)
    return max(0.0, float(all_gains @ total @ all_gains) / float(total[-1, -1]))


def residual_by_second(products: Floats, gains: Floats) -> tuple[Floats, Floats]:
    """Return what is left of each second and what the mix has there, as energies, shape (n_seconds,) each."""
    all_gains = np.append(-gains, 1.0)
    left = np.einsum("i,tij,j->t", all_gains, products, all_gains)
    return np.maximum(left, 0.0), np.asarray(products[:, -1, -1], np.float64)


def gains_where_they_fit(products: Floats, gains: Floats) -> Floats:
    """Fit the gains again in that half of the seconds of which the smallest share is left."""
    left, mix = residual_by_second(products, gains)
    sounding = np.flatnonzero(mix > 1e-4 * mix.max())
    share = left[sounding] / mix[sounding]
    chosen = sounding[share <= np.median(share)]
    return _solved(products[chosen].sum(axis=0), float(np.median(np.abs(gains))))[0] if chosen.size else gains


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Stems that were moved to where they lie in the mix, and the fit there.

    Attributes:
        delays_s: by how much each stem was late, by its index; empty where moving explains no more.
        together: whether all were late by the same.
        fit: with the delays taken off; None where nothing sounds.
        stems: the samples with the delays taken off.
    """

    delays_s: Mapping[int, float]
    together: bool
    fit: Fit | None
    stems: Sequence[FloatArray]


def align(mix: FloatArray, stems: Sequence[FloatArray], lags_s: Mapping[int, float | None]) -> Aligned:
    """Move stems to where they were found in the mix, measured to the sample, where that explains far more of it.

    `lags_s` has the lag of each stem that is surely found, None of one that may lie anywhere; they share the delay
    of the others where all of these have the same.
    """
    as_given = fit(mix, stems)
    sure = {index: lag for index, lag in lags_s.items() if lag is not None}
    if as_given is None or all(abs(lag) < _SHORTEST_DELAY_S for lag in sure.values()):
        return Aligned({}, False, as_given, stems)
    common = float(np.median(list(sure.values())))
    near = [abs(lag - common) <= _SAME_DELAY_S for lag in sure.values()]
    found: Aligned | None = None
    if 2 * sum(near) > len(near):
        found = _moved(mix, stems, dict.fromkeys(range(len(stems)), common), together=True)
    if not all(near):
        # One that holds little of its own may seem to lie elsewhere than the others.
        alone = {index: lag for index, lag in sure.items() if abs(lag) >= _SHORTEST_DELAY_S}
        apart = _moved(mix, stems, alone, together=False)
        if found is None or (apart is not None and _left_by(apart) * _FAR_BETTER <= _left_by(found)):
            found = apart
    if found is None or not _explains_far_more(_left_by(found), as_given.residual):
        return Aligned({}, False, as_given, stems)
    return found


def _moved(
    mix: FloatArray, stems: Sequence[FloatArray], delays_s: Mapping[int, float], *, together: bool
) -> Aligned | None:
    """Move stems by delays, measured again there, and fit the mix; None where nothing sounds."""
    delays = _refined(mix, stems, delays_s, together=together)
    moved = [moved_by(stem, delays.get(i, 0.0) * RATE_HZ, mix.size) for i, stem in enumerate(stems)]
    found = fit(mix, moved)
    return Aligned(delays, together, found, moved) if found is not None else None


def _left_by(aligned: Aligned) -> float:
    return aligned.fit.residual if aligned.fit is not None else 1.0


def _explains_far_more(after: float, before: float) -> bool:
    return after * _FAR_BETTER <= before or 1.0 - after >= _MORE * (1.0 - before)


def _refined(
    mix: FloatArray, stems: Sequence[FloatArray], delays_s: Mapping[int, float], *, together: bool
) -> dict[int, float]:
    """Measure delays again by the slope of the phase between the stems at their place and what they explain."""
    moved = [moved_by(stem, delays_s.get(i, 0.0) * RATE_HZ, mix.size) for i, stem in enumerate(stems)]
    found = fit(mix, moved)
    if found is None:
        return dict(delays_s)
    scaled = [np.asarray(gain * stem, np.float32) for gain, stem in zip(found.gains, moved, strict=True)]
    whole = np.asarray(np.sum(scaled, axis=0), np.float32)
    if together:
        more = delay_between(mix, whole) / RATE_HZ
        return {index: delay + more for index, delay in delays_s.items()}
    return {
        index: delay + delay_between(np.asarray(mix - (whole - scaled[index]), np.float32), scaled[index]) / RATE_HZ
        for index, delay in delays_s.items()
    }


def delay_between(reference: FloatArray, late: FloatArray) -> float:
    """Return by how many samples, less than one, a sound is late: the slope of its phase, least squares."""
    from scipy.fft import rfft

    length = min(reference.size, late.size) // _SPECTRUM * _SPECTRUM
    if not length:
        return 0.0
    window = np.hanning(_SPECTRUM).astype(np.float32)
    cross = np.zeros(_SPECTRUM // 2 + 1, np.complex128)
    for start in range(0, length, _SPECTRUM):
        a, b = (rfft(window * x[start : start + _SPECTRUM]) for x in (reference, late))
        cross += a * np.conj(b)
    omega = 2.0 * np.pi * np.arange(cross.size) / _SPECTRUM
    weight = np.abs(cross) * (omega < 0.85 * np.pi)
    total = float(np.sum(weight * omega**2))
    return float(np.sum(weight * omega * np.angle(cross))) / total if total > 0.0 else 0.0


def moved_by(samples: FloatArray, late: float, length: int) -> FloatArray:
    """Return samples without a delay of any fraction of a sample, in a given length, silent where there are none."""
    whole = round(late)
    fraction = late - whole
    if abs(fraction) > 1e-3:
        n = np.arange(-_TAPS, _TAPS + 1)
        taps = np.sinc(n + fraction) * np.kaiser(n.size, _KAISER_BETA)
        samples = np.convolve(samples, taps.astype(np.float32), mode="same").astype(np.float32)
    moved = np.zeros(length, np.float32)
    source, target = samples[max(0, whole) :], moved[max(0, -whole) :]
    size = min(source.size, target.size)
    target[:size] = source[:size]
    return moved
