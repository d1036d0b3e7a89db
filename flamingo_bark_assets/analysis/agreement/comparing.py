"""Whether librosa's values agree with ours, and what a disagreement does to the confidences.

Tolerances and comparisons belong here; librosa's values stand in `by_librosa`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.agreement.by_librosa import (
    COEFFICIENTS,
    LibrosaValues,
    Values,
    measure_by_librosa,
)
from flamingo_bark_assets.analysis.features.agreement import DOUBTED, SecondOpinion
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.tonality.key import profile_correlations
from flamingo_bark_assets.audio.signal import Sound
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.note_names import KEYS, PITCH_CLASSES
from flamingo_bark_assets.record import Measurement, columns_of

# On the same definition the two differ by rounding only. Largest seen: see docs/decisions/21-second-opinion.md.
_SAME_DEFINITION = {
    "spectral_centroid_hz": 2e-4,
    "spectral_bandwidth_hz": 2e-4,
    "spectral_rolloff_hz": 2e-4,
    "spectral_flatness": 2e-4,
    "zero_crossing_rate_hz": 1e-4,
}
"""Largest difference as a share of librosa's value."""
_MFCC_DB = 0.005
_CREST_DB = 0.001
# The same rules, but for rounding at their limits; that many onsets more or less are no fault in a short song.
_ONSET_SHARE = 0.05
_ONSETS = 2
# By another method.
_TUNING_CENTS = 15.0
_TEMPO_SHARE = 0.05
_CHROMA = 0.3
_KEY = 0.3
# The metrical levels at which a tempo counts as the same (accuracy 2 of Gouyon et al., IEEE TASLP 14, 2006).
_METRICAL_LEVELS = (1.0 / 3.0, 0.5, 1.0, 2.0, 3.0)

_LOWERS: Mapping[str, tuple[str, ...]] = {
    # The same loop gives them.
    "spectral_bandwidth_hz": ("spectral_bandwidth_hz", "spectral_skewness", "spectral_kurtosis"),
    "onset_density_hz": ("onset_density_hz", "onset_evenness"),
    "tempo_bpm": ("tempo_bpm", "tempo_stability", "beat_count", "first_downbeat_s"),
    "key": ("key", "mode_name"),
}
"""Whose confidence a disagreement lowers, where that is not only the quantity's own."""


def with_second_opinion(song: SongFeatures, read: Callable[[], Sound]) -> SongFeatures:
    """Return the measurements of a mix with librosa's beside them, confidences lowered where these disagree.

    Args:
        song: the mix as measured here, uncorrected.
        read: gives the mix; where it is at fault, all is unknown for that.
    """
    try:
        values = measure_by_librosa(read())
    except AudioFault as fault:
        values = LibrosaValues({}, dict.fromkeys(["chroma", *(name for name, *_ in _numbers(song))], str(fault)))
    return doubted_where_they_differ(song, second_opinions(song, values))


def second_opinions(song: SongFeatures, by_librosa: LibrosaValues) -> tuple[SecondOpinion, ...]:
    """Compare each quantity that both may know."""
    numbers = (_compared(name, unit, ours, by_librosa, tolerance) for name, unit, ours, tolerance in _numbers(song))
    return (*numbers, _chroma(song, by_librosa), _key(song, by_librosa))


def doubted_where_they_differ(song: SongFeatures, opinions: tuple[SecondOpinion, ...]) -> SongFeatures:
    """Return the measurements with the opinions, and less sure of what librosa does not confirm.

    A value that has no confidence has none then either.
    """
    doubted = {opinion.quantity for opinion in opinions if opinion.agrees is False}
    fields = {field for name in doubted for field in _LOWERS.get(name, (name,))}
    lowered: dict[str, Any] = {
        spec.name: _lowered(measurement)
        for spec, measurement in song.measurements()
        if spec.name in fields and measurement.value is not None
    }
    mfcc = tuple(
        dataclasses.replace(row, confidence=DOUBTED) if f"mfcc_{row.coefficient}" in doubted else row
        for row in song.mfcc
    )
    chroma = tuple(dataclasses.replace(row, confidence=DOUBTED) for row in song.chroma)
    return dataclasses.replace(
        song, second_opinions=opinions, mfcc=mfcc, chroma=chroma if "chroma" in doubted else song.chroma, **lowered
    )


def _lowered(measurement: Measurement[Any]) -> Measurement[Any]:
    sure = measurement.confidence
    return dataclasses.replace(measurement, confidence=None if sure is None else sure * DOUBTED)


def _numbers(song: SongFeatures) -> Iterator[tuple[str, str, Measurement[float], float]]:
    """Yield name, unit and our value of each quantity that is a number, and the tolerance: a share, or of its unit."""
    units = {spec.name: spec.unit for spec in columns_of(SongFeatures)}
    for name, tolerance in _SAME_DEFINITION.items():
        yield name, units[name], getattr(song, name), tolerance
    yield "crest_factor_db", "dB", song.crest_factor_db, _CREST_DB
    means = {row.coefficient: row.mean for row in song.mfcc}
    for number in range(COEFFICIENTS):
        method = "mfcc"
        ours = (
            Measurement.exact(means[number], method=method)
            if number in means
            else Measurement[float].unknown("no frame sounds", method=method)
        )
        yield f"mfcc_{number}", "dB", ours, _MFCC_DB
    yield "tuning_cents", "cent", song.tuning_cents, _TUNING_CENTS
    yield "onset_density_hz", "1/s", song.onset_density_hz, _ONSET_SHARE
    yield "tempo_bpm", "BPM", song.tempo_bpm, _TEMPO_SHARE


def _compared(
    name: str, unit: str, ours: Measurement[float], by_librosa: LibrosaValues, tolerance: float
) -> SecondOpinion:
    theirs = by_librosa.values.get(name)
    limit = tolerance
    difference: float | None = None
    if ours.value is not None and theirs is not None:
        difference, limit = _difference(name, ours.value, theirs, tolerance, by_librosa.sounding_s)
    reason = None if difference is not None else ours.reason or by_librosa.unknown.get(name, "librosa finds none")
    return SecondOpinion(
        quantity=name, unit=unit, ours=ours.value, librosa=theirs, difference=difference, tolerance=limit,
        agrees=None if difference is None else bool(difference <= limit), reason=reason,
    )  # fmt: skip


def _difference(name: str, ours: float, theirs: float, tolerance: float, sounding_s: float) -> tuple[float, float]:
    """Return how far two values are apart and how far they may be, in their unit."""
    if name in _SAME_DEFINITION:
        return abs(ours - theirs), tolerance * abs(theirs)
    if name == "tuning_cents":  # the grid repeats every 100 cents
        return abs((ours - theirs + 50.0) % 100.0 - 50.0), tolerance
    if name == "onset_density_hz":
        return abs(ours - theirs), tolerance * theirs + _ONSETS / sounding_s
    if name == "tempo_bpm":
        return min(abs(ours - level * theirs) for level in _METRICAL_LEVELS), tolerance * ours
    return abs(ours - theirs), tolerance


def _chroma(song: SongFeatures, by_librosa: LibrosaValues) -> SecondOpinion:
    ours, theirs = np.array([row.mean for row in song.chroma]), by_librosa.chroma
    difference: float | None = None
    reason: str | None = None
    if not song.tonal.value:  # of noise the profile is chance
        reason = song.tonal.reason or "no chord is heard in most of the song"
    elif not ours.size or not theirs.size:
        reason = by_librosa.unknown.get("chroma", "no pitch class sounds")
    elif np.ptp(ours) <= 0.0 or np.ptp(theirs) <= 0.0:
        reason = "no pitch class is stronger than the others"
    else:
        difference = 1.0 - float(np.corrcoef(ours, theirs)[0, 1])
    return SecondOpinion(
        quantity="chroma", unit="", ours_text=_ordered(ours), librosa_text=_ordered(theirs), difference=difference,
        tolerance=_CHROMA, agrees=None if difference is None else difference <= _CHROMA, reason=reason,
    )  # fmt: skip


def _key(song: SongFeatures, by_librosa: LibrosaValues) -> SecondOpinion:
    ours, reason = song.key.value, song.key.reason
    theirs: str | None = None
    difference: float | None = None
    if by_librosa.chroma.size:
        correlations = profile_correlations(np.asarray(by_librosa.chroma, np.float32))
        best = int(np.argmax(correlations))
        theirs = KEYS[best]
        if ours is not None:
            difference = float(correlations[best] - correlations[KEYS.index(ours)])
    elif reason is None:
        reason = by_librosa.unknown.get("chroma", "no pitch class sounds")
    return SecondOpinion(
        quantity="key", unit="", ours_text=ours, librosa_text=theirs, difference=difference, tolerance=_KEY,
        agrees=None if difference is None else difference <= _KEY, reason=None if difference is not None else reason,
    )  # fmt: skip


def _ordered(shares: Values) -> str | None:
    return " ".join(PITCH_CLASSES[i] for i in np.argsort(-shares, kind="stable")) if shares.size else None
