"""The stems of a song against its mix: which there are, whether they belong to it and are aligned with it.

The `stems` result and its entry function belong here; what an instrument plays does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.audio.alignment import MixReference
from flamingo_bark_assets.audio.clipping import measure_clipping
from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.quality import frame_levels
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.library.layout import STEM_KINDS, StemFile, StemKind
from flamingo_bark_assets.record import Measurement

MIN_AUDIBLE_S = 1.0
MIN_RESIDUAL_DB = -120.0

_COUNT = "file-count"
_RESIDUAL = "least-squares-gain"
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class StemInput:
    """One stem file as it was found and decoded.

    Attributes:
        file: name, kind and path.
        decoded: its samples; None where it could not be decoded.
        fault: why it cannot be used; None where it can.
        content_sha256: of the file; None where it could not be read.
    """

    file: StemFile
    decoded: Decoded | None
    fault: str | None = None
    content_sha256: str | None = None

    @property
    def usable(self) -> Signal | None:
        """The samples, where nothing is wrong with the file."""
        faulty = self.fault is not None or self.file.fault is not None
        return None if faulty or self.decoded is None else self.decoded.signal


def compare_stems(song_id: str, mix: Signal, stems: Sequence[StemInput]) -> StemSet:
    """Compare the stems of a song with its mix.

    Args:
        song_id: the song's identifier.
        mix: the full mix.
        stems: every file of the stems folder, usable or not.

    Returns:
        One row a stem file, and how well all usable stems together explain the mix.
    """
    reference = MixReference(mix)
    rows = tuple(_describe_stem(stem, mix, reference) for stem in stems)
    given = {stem.file.kind for stem in stems}
    audible = {row.kind for row in rows if row.audible and row.kind is not None}
    missing = ", ".join(kind for kind in STEM_KINDS if kind not in given) or "none"
    return StemSet(
        song_id=song_id,
        unusable=_why_unusable(stems),
        stem_files=Measurement.of(len(stems), method=_COUNT),
        audible_kinds=Measurement.of(len(audible), method="sounding-1s-above-60dbfs"),
        missing_kinds=Measurement.of(missing, method=_COUNT),
        residual_db=_residual(mix, [stem.usable for stem in stems if stem.usable is not None]),
        stems=rows,
    )


def stem_signal(kind: StemKind, stems: Sequence[StemInput]) -> Signal | None:
    """Sum the usable files of one kind, for instance guitar and piano to harmonic.

    Args:
        kind: drums, bass, vocals or harmonic.
        stems: the song's stems.

    Returns:
        The sum at the first file's sample rate, as long as the longest; mono files go to all channels. A
        single file is given back as it is; None where no file of that kind is usable. The sum may pass full
        scale.
    """
    signals = [stem.usable for stem in stems if stem.file.kind == kind and stem.usable is not None]
    return sum_signals(signals) if signals else None


def sum_signals(signals: Sequence[Signal]) -> Signal:
    """Add at least one signal; the sum has the first one's sample rate, most channels of any and the longest length."""
    if len(signals) == 1:
        return signals[0]
    rate_hz = signals[0].sample_rate_hz
    channels = max(signal.channels for signal in signals)
    return Signal(_sum(signals, rate_hz, channels), rate_hz)


def energy_share(stems: StemSet, kind: StemKind) -> Measurement[float]:
    """Energy of the stems of one kind over the summed energy of all stems, from their levels and lengths.

    Args:
        stems: the compared stems.
        kind: drums, bass, vocals or harmonic.

    Returns:
        0 to 1; unknown where no stem holds sound.
    """
    method = "mean-square-times-length"
    energies = [
        (row.kind, 10 ** (row.rms_dbfs / 10) * row.duration_s)
        for row in stems.stems
        if row.rms_dbfs is not None and row.duration_s is not None
    ]
    total = sum(energy for _, energy in energies)
    if total <= 0.0:
        return Measurement.unknown("no stem holds sound", method=method)
    return Measurement.of(sum(energy for name, energy in energies if name == kind) / total, method=method)


def _why_unusable(stems: Sequence[StemInput]) -> str | None:
    if not stems:
        return "the song has no stems"
    if all(stem.usable is None for stem in stems):
        return f"none of the {len(stems)} stem files can be used"
    return None


def _describe_stem(stem: StemInput, mix: Signal, reference: MixReference) -> Stem:
    file, signal = stem.file, stem.usable
    file_name = file.path.name if file.path is not None else file.name
    if signal is None:
        fault = stem.fault or file.fault or f"{file_name}: could not be decoded"
        return Stem(
            name=file.name,
            file_name=file_name,
            kind=file.kind,
            fault=fault,
            content_sha256=stem.content_sha256,
            audible=False,
        )
    levels = frame_levels(signal)
    audible = levels.sounding_s >= MIN_AUDIBLE_S
    lag = reference.lag_of(signal) if levels.sounding_s > 0 else None
    return Stem(
        name=file.name,
        file_name=file_name,
        kind=file.kind,
        content_sha256=stem.content_sha256,
        duration_s=signal.duration_s,
        sample_rate_hz=signal.sample_rate_hz,
        channels=signal.channels,
        rms_dbfs=levels.total_dbfs if levels.sounding_s > 0 else None,
        silent_fraction=levels.silent_fraction,
        clipped_fraction=measure_clipping(signal).value,
        audible=audible,
        length_difference_s=signal.duration_s - mix.duration_s,
        lag_s=lag.lag_s if lag is not None else None,
        lag_confidence=lag.confidence if lag is not None else None,
    )


def _residual(mix: Signal, stems: Sequence[Signal]) -> Measurement[float]:
    """Energy of mix minus g times the sum of stems over that of the mix, g minimising it.

    Over the length that mix and longest stem have in common; shorter stems count as silent after their end.
    In mono (plain mean of the channels) where channel counts differ. At least `MIN_RESIDUAL_DB`, where
    float32 rounding lies.
    """
    if not stems:
        return Measurement.unknown("there is no usable stem", method=_RESIDUAL)
    same_channels = all(stem.channels == mix.channels for stem in stems)
    whole = _sum(stems, mix.sample_rate_hz, mix.channels if same_channels else 1)
    reference = mix.samples if same_channels else _with_channels(mix.samples, 1)
    mix_energy = sum_energy = product = 0.0
    for a, b in _chunks(reference, whole):
        mix_energy += float(np.vdot(a, a))
        sum_energy += float(np.vdot(b, b))
        product += float(np.vdot(a, b))
    if mix_energy <= 0.0 or sum_energy <= 0.0:
        silent = "mix" if mix_energy <= 0.0 else "sum of the stems"
        return Measurement.unknown(f"the {silent} is digital silence", method=_RESIDUAL)
    unexplained = 1.0 - product * product / (mix_energy * sum_energy)
    return Measurement.of(max(MIN_RESIDUAL_DB, 10.0 * math.log10(max(unexplained, 1e-12))), method=_RESIDUAL)


def _chunks(one: FloatArray, other: FloatArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give both in float64, chunk by chunk over their common length."""
    for start in range(0, min(one.shape[1], other.shape[1]), _CHUNK):
        end = min(start + _CHUNK, one.shape[1], other.shape[1])
        yield one[:, start:end].astype(np.float64), other[:, start:end].astype(np.float64)


def _sum(signals: Sequence[Signal], rate_hz: int, channels: int) -> FloatArray:
    """Add signals, resampled to one rate and padded to the longest, shape (channels, n_samples)."""
    total: FloatArray = np.zeros((channels, 0), dtype=np.float32)
    for signal in signals:
        part = resample(_with_channels(signal.samples, channels), signal.sample_rate_hz, rate_hz)
        if part.shape[1] > total.shape[1]:
            total = np.pad(total, ((0, 0), (0, part.shape[1] - total.shape[1])))
        total[:, : part.shape[1]] += part
    return total


def _with_channels(samples: FloatArray, channels: int) -> FloatArray:
    """Give `samples` in that many channels: their mean in each, unless they have them already."""
    if samples.shape[0] == channels:
        return samples
    mono = samples.mean(axis=0, dtype=np.float32, keepdims=True)
    return np.broadcast_to(mono, (channels, samples.shape[1]))
