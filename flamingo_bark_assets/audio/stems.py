"""The stems of a song against its mix: which there are, which of them belong to it, how they are aligned with it.

The `stems` result and its entry function belong here; what an instrument plays does not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.audio.alignment import Match, WaveformReader, waveform_of
from flamingo_bark_assets.audio.belonging import Belonging, StemJudge
from flamingo_bark_assets.audio.clipping import ClippedSamples, ClippingReader
from flamingo_bark_assets.audio.correction import corrected
from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.findings import Finding, Findings, Heard, find
from flamingo_bark_assets.audio.levels import LevelReader, Levels
from flamingo_bark_assets.audio.quality import FrameLevels, frame_levels_of
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.remainder import MAX_CUT_S, Remainder, read_remainder
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.audio.sums import SumSound
from flamingo_bark_assets.library.layout import StemFile
from flamingo_bark_assets.parts import StemKind, missing_kinds
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.threads import one_blas_thread

MIN_AUDIBLE_S = 1.0
MIN_RESIDUAL_DB = -120.0

_COUNT = "file-count"
_RESIDUAL = "least-squares-gain"
_FIT = "least-squares-gain-each"


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
    described = _describe_stems(mix, stems)
    rows = described.rows
    audible = {row.kind for row in rows if row.audible and row.usable and row.kind is not None}
    missing = ", ".join(missing_kinds(stem.file.kind for stem in stems)) or "none"
    return StemSet(
        song_id=song_id,
        unusable=_why_unusable(stems),
        stem_files=Measurement.exact(len(stems), method=_COUNT),
        audible_kinds=Measurement.exact(len(audible), method="sounding-1s-above-60dbfs"),
        missing_kinds=Measurement.exact(missing, method=_COUNT),
        residual_db=_residual(described),
        fitted_residual_db=_fitted_residual(mix, described.findings),
        cause=described.findings.cause if described.findings is not None else None,
        stems=rows,
    )


def stem_signal(kind: StemKind, stems: Sequence[StemInput], compared: StemSet) -> Sound | None:
    """Sum the files of one kind that help to measure the song, for instance two guitars.

    Those that `compared` finds unusable are left out, and what it corrects is taken off. The sum has the first file's
    sample rate and the longest's length; mono files go to all channels. A single file that needs no correction is given
    back as it is; None where no file of that kind is usable and more than bleed. The sum may pass full scale.
    """
    by_name = {(row.name, row.file_name): row for row in compared.stems}
    by_content = {(row.kind, row.content_sha256): row for row in compared.stems}  # where two names look alike
    sounds, is_bleed = [], True
    for stem in stems:
        row = by_name.get((stem.file.name, stem.file_name)) or by_content.get((stem.file.kind, stem.content_sha256))
        if stem.file.kind != kind or stem.usable is None or (row is not None and not row.usable):
            continue
        sounds.append(stem.usable if row is None else corrected(stem.usable, row))
        is_bleed = is_bleed and row is not None and row.bleed is not None
    return None if is_bleed else sum_sounds(sounds)


def sum_sounds(sounds: Sequence[Sound]) -> Sound:
    """Add at least one sound; the sum has the first one's sample rate, most channels of any and the longest length."""
    return sounds[0] if len(sounds) == 1 else SumSound(sounds)


def why_unmeasured(kind: StemKind, compared: StemSet) -> str | None:
    """Say what is wrong with the files of one kind; None where nothing is, or where there are none."""
    problems = [
        row.unusable or (f"{row.file_name}: {row.bleed}" if row.bleed is not None else None)
        for row in compared.stems
        if row.kind == kind
    ]
    return "; ".join(problem for problem in problems if problem) or None


def energy_share(stems: StemSet, kind: StemKind) -> Measurement[float]:
    """Return the energy of the stems of one kind over that of all that add up, 0 to 1, from levels and lengths.

    Unknown where no stem holds sound.
    """
    method = "mean-square-times-length"
    energies = [
        (row.kind, 10 ** ((row.rms_dbfs + (row.gain_db or 0.0)) / 10) * row.duration_s, row.held)
        for row in stems.stems
        if row.rms_dbfs is not None and row.duration_s is not None and row.usable
    ]
    total = sum(energy for _, energy, held in energies if held is None)
    if total <= 0.0:
        return Measurement.unknown("no stem holds sound", method=method)
    return Measurement.exact(sum(energy for name, energy, _ in energies if name == kind) / total, method=method)


def _fitted_residual(mix: Sound, findings: Findings | None) -> Measurement[float]:
    if findings is None or findings.fitted_residual_db is None:
        return Measurement.unknown("no stem that belongs to the mix sounds", method=_FIT)
    if findings.fitted_s < math.floor(mix.duration_s):  # what comes after might lack anything
        return Measurement.unknown(f"only the first {findings.fitted_s} s of the mix were fitted", method=_FIT)
    return Measurement.exact(findings.fitted_residual_db, method=_FIT)


def _why_unusable(stems: Sequence[StemInput]) -> str | None:
    if not stems:
        return "the song has no stems"
    if all(stem.usable is None for stem in stems):
        return f"none of the {len(stems)} stem files can be used"
    return None


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading gives of one stem."""

    levels: FrameLevels
    offsets: tuple[float, ...]
    clipping: ClippedSamples
    waveform: FloatArray


@dataclass(frozen=True, slots=True)
class _Described:
    """The rows of all stem files, and what was found of those that belong to the mix together.

    Attributes:
        rows: one a file.
        findings: None where no file can be used.
        remainder: what they leave as they are corrected; None where none belongs to the mix.
    """

    rows: tuple[Stem, ...]
    findings: Findings | None = None
    remainder: Remainder | None = None


def _describe_stems(mix: Sound, stems: Sequence[StemInput]) -> _Described:
    usable = {index: sound for index, stem in enumerate(stems) if (sound := stem.usable) is not None}
    if not usable:
        return _Described(_told_apart([_faulty(stem) for stem in stems]))
    waveform, reads, remainder_as_given = _read(mix, list(usable.values()))
    judge = StemJudge(mix, waveform)
    rows = [_faulty(stem) for stem in stems]
    heard: dict[int, tuple[Sound, _Read, Match | None]] = {}
    for (index, sound), read in zip(usable.items(), reads, strict=True):
        rows[index] = _described(stems[index], sound, read, mix)
        heard[index] = sound, read, judge.look_for(read.waveform) if read.levels.sounding_s > 0 else None
    for index, (sound, _, match) in heard.items():
        if match is not None:
            rows[index] = _with_match(rows[index], judge.judge(sound, match))
    told = _told_apart(rows)
    belonging = [index for index in heard if told[index].in_mix]
    findings = find(waveform, [_heard(stems[index], told[index], *heard[index][1:]) for index in belonging])
    found = dict(zip(belonging, findings.stems, strict=True))
    told = tuple(_with_finding(row, found[index]) if index in found else row for index, row in enumerate(told))
    summed = {index: corrected(usable[index], told[index]) for index in belonging if found[index].added}
    if not summed:
        return _Described(told, findings)
    # Without some of them, or with some corrected, they are read again.
    remainder = remainder_as_given
    if summed != usable:
        remainder = read_remainder(mix, list(summed.values()), begin_s=_cut_head_s(told))
    return _Described(told, findings, remainder)


def _read(mix: Sound, stems: Sequence[Sound]) -> tuple[FloatArray, list[_Read], Remainder]:
    """Read a mix and its stems side by side; give the waveform of the mix, what each stem is, and what they leave."""
    mix_readers = LevelReader(mix.sample_rate_hz, mix.channels), WaveformReader(mix.sample_rate_hz, mix.channels)
    readers = [
        (
            LevelReader(stem.sample_rate_hz, stem.channels),
            ClippingReader(stem.sample_rate_hz, stem.channels),
            WaveformReader(stem.sample_rate_hz, stem.channels),
        )
        for stem in stems
    ]
    remainder = read_remainder(mix, stems, along=[mix_readers, *readers])
    reads = []
    for stem, (levels_reader, clipping, waveform) in zip(stems, readers, strict=True):
        levels = levels_reader.finish()
        offsets, mono = tuple(levels.dc.tolist()), _waveform(stem, levels, waveform)
        reads.append(_Read(frame_levels_of(levels), offsets, clipping.finish(), mono))
    return _waveform(mix, mix_readers[0].finish(), mix_readers[1]), reads, remainder


def _waveform(sound: Sound, levels: Levels, reader: WaveformReader) -> FloatArray:
    return waveform_of(sound, difference=True) if levels.opposed else reader.finish()


def _heard(stem: StemInput, row: Stem, read: _Read, match: Match | None) -> Heard:
    assert row.sample_rate_hz is not None
    return Heard(row.file_name, stem.file.kind, row.sample_rate_hz, read.offsets, read.waveform, match)


def _with_finding(row: Stem, finding: Finding) -> Stem:
    return dataclasses.replace(
        row,
        delay_samples=finding.delay_samples,
        gain_db=finding.gain_db,
        inverted=finding.inverted,
        offsets=finding.offsets,
        corrected=finding.corrected,
        mix_gain=finding.mix_gain,
        mix_level_db=finding.mix_level_db,
        coherence=finding.coherence,
        bleed=finding.bleed,
        bleed_confidence=finding.bleed_confidence,
        misnamed=finding.misnamed,
        doubt=finding.doubt,
        held=finding.held,
        audible=row.audible and finding.bleed is None,
    )


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


def _residual(described: _Described) -> Measurement[float]:
    """Return energy of mix minus g times the sum of stems over that of the mix, g minimising it; offsets aside.

    Over the span that they have in common, as `read_remainder` has it, and from where the last one begins whose start
    is cut off. At least `MIN_RESIDUAL_DB`, where float32 rounding lies.
    """
    remainder = described.remainder
    if remainder is None:
        rejected = any(row.rejected for row in described.rows)
        reason = "no stem belongs to the mix" if rejected else "there is no usable stem"
        return Measurement.unknown(reason, method=_RESIDUAL)
    floor = 1e-12 * max(1, remainder.n_samples)
    if remainder.mix <= floor or remainder.stems <= floor:
        silent = "mix" if remainder.mix <= floor else "sum of the stems"
        return Measurement.unknown(f"the {silent} is digital silence", method=_RESIDUAL)
    residual_db = 10.0 * math.log10(max(remainder.unexplained, 1e-12))
    return Measurement.exact(max(MIN_RESIDUAL_DB, residual_db), method=_RESIDUAL)


def _cut_head_s(rows: Sequence[Stem]) -> float:
    return max((row.cut_head_s for row in rows if row.usable and row.cut_head_s <= MAX_CUT_S), default=0.0)
