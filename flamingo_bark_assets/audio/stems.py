"""The stems of a song against its mix: which there are, which of them belong to it, how they are aligned with it.

The `stems` result and its entry function belong here; what an instrument plays does not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.audio.alignment import Match, WaveformReader, waveform_of
from flamingo_bark_assets.audio.belonging import Belonging, StemJudge
from flamingo_bark_assets.audio.clipping import ClippedSamples, ClippingReader
from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.levels import LevelReader
from flamingo_bark_assets.audio.quality import FrameLevels, frame_levels_of
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.audio.sums import SumSound, equal_blocks
from flamingo_bark_assets.library.layout import StemFile
from flamingo_bark_assets.parts import StemKind, missing_kinds
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.threads import one_blas_thread

MIN_AUDIBLE_S = 1.0
MIN_RESIDUAL_DB = -120.0

_COUNT = "file-count"
_RESIDUAL = "least-squares-gain"


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
    def usable(self) -> Sound | None:
        """The samples, where nothing is wrong with the file."""
        faulty = self.fault is not None or self.file.fault is not None
        return None if faulty or self.decoded is None else self.decoded.signal

    @property
    def file_name(self) -> str:
        """Name of the file, or of the stem where the file must not be opened."""
        return self.file.path.name if self.file.path is not None else self.file.name


def compare_stems(song_id: str, mix: Sound, stems: Sequence[StemInput]) -> StemSet:
    """Compare the stems of a song with its mix.

    Returns:
        One row a stem file, in their order, and how well all stems that belong to the mix together explain it.
    """
    with one_blas_thread():
        return _compare(song_id, mix, stems)


def _compare(song_id: str, mix: Sound, stems: Sequence[StemInput]) -> StemSet:
    rows = _told_apart(_describe_stems(mix, stems))
    audible = {row.kind for row in rows if row.audible and row.usable and row.kind is not None}
    missing = ", ".join(missing_kinds(stem.file.kind for stem in stems)) or "none"
    belonging = [stem.usable for stem, row in zip(stems, rows, strict=True) if row.usable and stem.usable is not None]
    return StemSet(
        song_id=song_id,
        unusable=_why_unusable(stems),
        stem_files=Measurement.of(len(stems), method=_COUNT),
        audible_kinds=Measurement.of(len(audible), method="sounding-1s-above-60dbfs"),
        missing_kinds=Measurement.of(missing, method=_COUNT),
        residual_db=_residual(mix, belonging, any(row.rejected for row in rows)),
        stems=rows,
    )


def stem_signal(kind: StemKind, stems: Sequence[StemInput], compared: StemSet) -> Sound | None:
    """Sum the files of one kind that help to measure the song, for instance two guitars.

    Those that `compared` rejects are left out. The sum has the first file's sample rate and the longest's length; mono
    files go to all channels. A single file is given back as it is; None where no file of that kind is usable. The sum
    may pass full scale.
    """
    rejected = {(row.kind, row.content_sha256) for row in compared.stems if row.rejected is not None}
    sounds = [
        stem.usable
        for stem in stems
        if stem.file.kind == kind and stem.usable is not None and (kind, stem.content_sha256) not in rejected
    ]
    return sum_sounds(sounds) if sounds else None


def sum_sounds(sounds: Sequence[Sound]) -> Sound:
    """Add at least one sound; the sum has the first one's sample rate, most channels of any and the longest length."""
    return sounds[0] if len(sounds) == 1 else SumSound(sounds)


def why_unmeasured(kind: StemKind, compared: StemSet) -> str | None:
    """Say what is wrong with the files of one kind; None where nothing is, or where there are none."""
    problems = [row.fault or row.rejected for row in compared.stems if row.kind == kind and not row.usable]
    return "; ".join(problem for problem in problems if problem) or None


def energy_share(stems: StemSet, kind: StemKind) -> Measurement[float]:
    """Return the energy of the stems of one kind over that of all that belong, 0 to 1, from levels and lengths.

    Unknown where no stem holds sound.
    """
    method = "mean-square-times-length"
    energies = [
        (row.kind, 10 ** (row.rms_dbfs / 10) * row.duration_s)
        for row in stems.stems
        if row.rms_dbfs is not None and row.duration_s is not None and row.usable
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


@dataclass(frozen=True, slots=True)
class _Read:
    """What one pass over a stem gives."""

    levels: FrameLevels
    clipping: ClippedSamples
    waveform: FloatArray


def _describe_stems(mix: Sound, stems: Sequence[StemInput]) -> list[Stem]:
    if all(stem.usable is None for stem in stems):
        return [_faulty(stem) for stem in stems]
    judge = StemJudge(mix, waveform_of(mix))
    rows: list[Stem] = []
    found: list[tuple[Sound, Match] | None] = []
    for stem in stems:
        sound = stem.usable
        if sound is None:
            rows.append(_faulty(stem))
            found.append(None)
            continue
        read = _read(sound)
        match = judge.look_for(read.waveform) if read.levels.sounding_s > 0 else None
        rows.append(_described(stem, sound, read, mix))
        found.append((sound, match) if match is not None else None)
    return [
        row if place is None else _with_match(row, judge.judge(*place)) for row, place in zip(rows, found, strict=True)
    ]


def _read(sound: Sound) -> _Read:
    levels = LevelReader(sound.sample_rate_hz, sound.channels)
    clipping = ClippingReader(sound.sample_rate_hz, sound.channels)
    waveform = WaveformReader(sound.sample_rate_hz, sound.channels)
    for block in sound.blocks():
        for reader in (levels, clipping, waveform):
            reader.add(block)
    gathered = levels.finish()
    mono = waveform_of(sound, difference=True) if gathered.opposed else waveform.finish()
    return _Read(frame_levels_of(gathered), clipping.finish(), mono)


def _faulty(stem: StemInput) -> Stem:
    return Stem(
        name=stem.file.name,
        file_name=stem.file_name,
        origin=stem.file.origin,
        kind=stem.file.kind,
        fault=stem.fault or stem.file.fault or f"{stem.file_name}: could not be decoded",
        content_sha256=stem.content_sha256,
        audible=False,
    )


def _described(stem: StemInput, sound: Sound, read: _Read, mix: Sound) -> Stem:
    return Stem(
        name=stem.file.name,
        file_name=stem.file_name,
        origin=stem.file.origin,
        kind=stem.file.kind,
        file_notes="; ".join(stem.decoded.oddities) or None if stem.decoded is not None else None,
        content_sha256=stem.content_sha256,
        duration_s=sound.duration_s,
        sample_rate_hz=sound.sample_rate_hz,
        channels=sound.channels,
        rms_dbfs=read.levels.total_dbfs if read.levels.sounding_s > 0 else None,
        silent_fraction=read.levels.silent_fraction,
        clipped_fraction=read.clipping.fraction.value,
        audible=read.levels.sounding_s >= MIN_AUDIBLE_S,
        length_difference_s=sound.duration_s - mix.duration_s,
    )


def _with_match(row: Stem, belonging: Belonging) -> Stem:
    match = belonging.match
    if match is None:
        return row
    return dataclasses.replace(
        row,
        lag_s=match.lag_s,
        lag_confidence=match.lag_confidence,
        mix_match=match.strength,
        rejected=f"{row.file_name}: {belonging.rejected}" if belonging.rejected is not None else None,
        match_confidence=belonging.confidence,
    )


def _told_apart(rows: Sequence[Stem]) -> tuple[Stem, ...]:
    """Give files whose names look alike, as they are not Unicode, names of their own: they are keys."""
    told: list[Stem] = []
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        count = seen[row.name, row.file_name] = seen.get((row.name, row.file_name), 0) + 1
        told.append(row if count == 1 else dataclasses.replace(row, file_name=f"{row.file_name} ({count})"))
    return tuple(told)


def _residual(mix: Sound, stems: Sequence[Sound], some_rejected: bool) -> Measurement[float]:
    """Return energy of mix minus g times the sum of stems over that of the mix, g minimising it.

    Over the length that mix and longest stem have in common; shorter stems count as silent after their end.
    In mono (plain mean of the channels) where channel counts differ. At least `MIN_RESIDUAL_DB`, where
    float32 rounding lies.
    """
    if not stems:
        reason = "no stem belongs to the mix" if some_rejected else "there is no usable stem"
        return Measurement.unknown(reason, method=_RESIDUAL)
    same_channels = all(stem.channels == mix.channels for stem in stems)
    channels = mix.channels if same_channels else 1
    whole = SumSound(stems, sample_rate_hz=mix.sample_rate_hz, channels=channels)
    mix_energy = sum_energy = product = 0.0
    for mix_block, sum_block in zip(equal_blocks(mix, mix.sample_rate_hz, channels), whole.blocks(), strict=False):
        length = min(mix_block.shape[1], sum_block.shape[1])
        a, b = mix_block[:, :length].astype(np.float64), sum_block[:, :length].astype(np.float64)
        mix_energy += float(np.vdot(a, a))
        sum_energy += float(np.vdot(b, b))
        product += float(np.vdot(a, b))
    if mix_energy <= 0.0 or sum_energy <= 0.0:
        silent = "mix" if mix_energy <= 0.0 else "sum of the stems"
        return Measurement.unknown(f"the {silent} is digital silence", method=_RESIDUAL)
    unexplained = 1.0 - product * product / (mix_energy * sum_energy)
    return Measurement.of(max(MIN_RESIDUAL_DB, 10.0 * math.log10(max(unexplained, 1e-12))), method=_RESIDUAL)
