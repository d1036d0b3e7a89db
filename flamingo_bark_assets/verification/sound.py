"""Sound as a trainer gets it: readable, of the right rate and channels, finite, neither silent nor clipped.

Checks of one sound file belong here; which files there are does not.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from flamingo_bark_assets.verification.findings import Findings

if TYPE_CHECKING:
    from numpy.typing import NDArray

SILENT_PEAK = 10 ** (-60 / 20)
"""stable-audio-tools takes a crop for silent below this; the clips of an export are refused below it."""
MAX_DC_OFFSET = 0.02
"""Twice what an export allows, as the sound is resampled and its level changed behind that limit."""
MAX_CLIPPED_FRACTION = 0.002
MAX_SILENT_FRACTION = 0.6
"""An export wants half of a clip to sound; a sounding frame may lie in a block that does not."""

_LENGTH_TOLERANCE_S = 0.02
_BLOCK_S = 0.5
_DC_STRIDE = 16
_SPOTS = 5
_PACKED_SPOTS = 3
"""Of a file that is no WAV, where each place costs the decoding of some frames around it."""
_SPOT_S = 0.1
_FULL_SCALE = 32768.0
_INT16_CEILING, _FLOAT_CEILING = 32766, 0.99997
_UNPACKED = frozenset({"WAV", "WAVEX", "RF64"})
_FLOATS = frozenset({"FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III"})
_MAX_CHANNELS = 64
_MAX_RATE_HZ = 768_000


@dataclass(frozen=True, slots=True)
class SoundRules:
    """What a trainer wants of a sound.

    Attributes:
        sample_rate_hz: None where any will do.
        channels: None where any will do.
        min_s: shortest length, seconds.
        max_s: longest length, seconds.
        short: what happens to a shorter one.
        long: what happens to a longer one.
    """

    sample_rate_hz: int | None = None
    channels: int | None = None
    min_s: float = 0.0
    max_s: float = float("inf")
    short: str = "too short to learn from"
    long: str = "the rest is cut off without a word"


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What a sound file is.

    Attributes:
        sample_rate_hz: samples a second of each channel.
        channels: number of channels.
        samples: of each channel.
    """

    sample_rate_hz: int
    channels: int
    samples: int

    @property
    def duration_s(self) -> float:
        """Length, seconds."""
        return self.samples / self.sample_rate_hz


@dataclass(slots=True)
class _Measure:
    """What is gathered over the blocks of a sound, full scale 1."""

    peak: float = 0.0
    samples: int = 0
    is_finite: bool = True
    block_peaks: list[float] = field(default_factory=list)
    sums: Any = 0.0
    summed: int = 0
    clipped: int = 0


def check_sound(
    findings: Findings, file: str, row: int | None, source: BinaryIO, rules: SoundRules, *,
    is_unchanged: bool = False, stated: SoundFacts | None = None,
) -> SoundFacts | None:  # fmt: skip
    """Check one sound file.

    Args:
        findings: where what is wrong goes.
        file: name of the file.
        row: its row, where the file is an archive.
        source: the opened file or a buffer.
        rules: what the trainer wants.
        is_unchanged: whether its checksum is that of the export, which looked at every sample: such a file is
            decoded at some places only, and as a whole where one of them is suspicious or it could hold NaN.
        stated: what the export states that it is.

    Returns:
        What it is; None, with a finding, where it cannot be read.
    """
    import soundfile

    if problem := wav_problem(source):
        findings.add("truncated", file, row, problem)
    source.seek(0)
    try:
        with _reader()(_for_soundfile(source)) as sound:
            if not (0 < sound.channels <= _MAX_CHANNELS and 0 < sound.samplerate <= _MAX_RATE_HZ):
                findings.add("unreadable", file, row, f"{sound.channels} channels at {sound.samplerate} Hz")
                return None
            facts = SoundFacts(sound.samplerate, sound.channels, sound.frames)
            _check_format(findings, file, row, facts, rules, stated)
            if is_unchanged and sound.subtype not in _FLOATS:
                if not _is_suspicious(sound):
                    return facts
                sound.seek(0)
            measure = _measured(sound)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        findings.add("unreadable", file, row, f"cannot be decoded ({error}); the trainer stops, or takes another clip")
        return None
    if measure.samples != facts.samples:
        findings.add(
            "truncated", file, row, f"holds {measure.samples} samples, its header says {facts.samples}; the trainer "
            "stops, or trains on what is left",
        )  # fmt: skip
    _check_content(findings, file, row, facts, measure)
    return facts


def wav_problem(source: BinaryIO) -> str | None:
    """Say whether a RIFF file holds less than its header states, which decoders pass over; None where it does not."""
    source.seek(0, os.SEEK_END)
    size = source.tell()
    source.seek(0)
    head = source.read(12)
    if size == 0:
        return "is empty; the trainer stops, or takes another clip"
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place = 12
    while place + 8 <= size:
        source.seek(place)
        name, length = struct.unpack("<4sI", source.read(8))
        if name == b"data":
            held = size - place - 8
            if length > held and length != 0xFFFFFFFF:
                return f"the file ends after {held} of {length} bytes of sound; the trainer reads what is left"
            return None
        place += 8 + length + length % 2
    return "has no data chunk; the trainer cannot read it"


@cache
def _reader() -> type[Any]:
    """Return a class that reads on from where it stands.

    soundfile's own seeks there after each read, for which libsndfile decodes the frame of a FLAC file once more.
    """
    import soundfile

    class Reader(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
        def seekable(self) -> bool:
            return False

    return Reader


def _for_soundfile(source: BinaryIO) -> Any:
    """Hand over the descriptor of a real file, which is read faster than through Python."""
    try:
        descriptor = os.dup(source.fileno())
    except (OSError, io.UnsupportedOperation, AttributeError):
        return source
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _check_format(
    findings: Findings, file: str, row: int | None, facts: SoundFacts, rules: SoundRules, stated: SoundFacts | None
) -> None:
    if rules.sample_rate_hz is not None and facts.sample_rate_hz != rules.sample_rate_hz:
        findings.add(
            "sample_rate", file, row, f"{facts.sample_rate_hz} Hz; the trainer works at {rules.sample_rate_hz} Hz and "
            "resamples it in its own way, or plays it at the wrong speed",
        )  # fmt: skip
    if rules.channels is not None and facts.channels != rules.channels:
        findings.add(
            "channels", file, row, f"{facts.channels} channel(s); the trainer works with {rules.channels} and doubles "
            "or mixes them, or stops",
        )  # fmt: skip
    if stated is not None and rules.sample_rate_hz is None and facts.sample_rate_hz != stated.sample_rate_hz:
        findings.add("sample_rate", file, row, f"{facts.sample_rate_hz} Hz; exported with {stated.sample_rate_hz} Hz")
    if stated is not None and rules.channels is None and facts.channels != stated.channels:
        findings.add("channels", file, row, f"{facts.channels} channel(s); exported with {stated.channels}")
    if stated is not None and abs(facts.duration_s - stated.duration_s) > _LENGTH_TOLERANCE_S:
        findings.add("length", file, row, f"{facts.duration_s:.3f} s; exported with {stated.duration_s:.3f} s: its "
                     "text and times are of another length")  # fmt: skip
    if facts.samples and facts.duration_s < rules.min_s - 1e-3:
        findings.add("too_short", file, row, f"{facts.duration_s:.2f} s; {rules.short} (from {rules.min_s:g} s)")
    if facts.duration_s > rules.max_s + 1e-3:
        findings.add("too_long", file, row, f"{facts.duration_s:.2f} s; {rules.long} (up to {rules.max_s:g} s)")


def _check_content(findings: Findings, file: str, row: int | None, facts: SoundFacts, measure: _Measure) -> None:
    if not measure.samples:
        findings.add("silence", file, row, "holds no sample; the trainer stops, or takes another clip")
        return
    if not measure.is_finite:
        findings.add("nonfinite", file, row, "holds NaN or infinity; the loss becomes NaN and stays so")
        return
    if measure.peak < SILENT_PEAK:
        findings.add(
            "silence", file, row, "its peak is below -60 dBFS; a trainer learns silence for its text, or puts another "
            "clip in its place without a word",
        )  # fmt: skip
        return
    silent = [peak < SILENT_PEAK for peak in measure.block_peaks]
    if sum(silent) > MAX_SILENT_FRACTION * len(silent):
        findings.add("mostly_silent", file, row, f"{sum(silent) / len(silent):.0%} of it is below -60 dBFS; a crop of "
                     "it is silence, or is replaced by another clip without a word")  # fmt: skip
    offset = float(np.max(np.abs(measure.sums))) / max(1, measure.summed)
    if offset > MAX_DC_OFFSET:
        findings.add("dc", file, row, f"its mean is {offset:.3f} of full scale; a model learns the offset")
    clipped = measure.clipped / (measure.samples * facts.channels)
    if clipped > MAX_CLIPPED_FRACTION:
        findings.add("clipping", file, row, f"{clipped:.2%} of its samples stand at full scale; a model learns to clip")


def _measured(sound: Any) -> _Measure:
    measure = _Measure()
    for block in _blocks(sound):
        _add(measure, block, _DC_STRIDE)
    if measure.samples and _offset(measure) > MAX_DC_OFFSET / 2:
        # A tone may alias to an offset where samples are skipped: here all are added up.
        sound.seek(0)
        measure.sums, measure.summed = 0.0, 0
        for block in _blocks(sound):
            measure.sums = measure.sums + _sums(block, 1)
            measure.summed += len(block)
    return measure


def _is_suspicious(sound: Any) -> bool:
    """Look at some places of a sound, the end among them, and tell whether it should be decoded as a whole."""
    length = min(sound.frames, int(_SPOT_S * sound.samplerate))
    count = _SPOTS if sound.format in _UNPACKED else _PACKED_SPOTS
    spots = np.empty((count, length, sound.channels), np.int16)
    for number, spot in enumerate(spots):
        if start := (sound.frames - length) * number // (count - 1):
            sound.seek(start)
        if not length or len(sound.read(length, out=spot)) < length:
            return True
    each = spots.reshape(count, -1)
    peaks = np.maximum(each.max(1), -each.min(1).astype(np.float64))
    silent = np.count_nonzero(peaks < SILENT_PEAK * _FULL_SCALE)
    offset = float(np.max(np.abs(_sums(spots.reshape(-1, sound.channels), 1)))) / (count * length)
    return bool(silent > count // 2 or offset > MAX_DC_OFFSET / 2 or peaks.max() >= _INT16_CEILING)


def _offset(measure: _Measure) -> float:
    return float(np.max(np.abs(measure.sums))) / max(1, measure.summed)


def _blocks(sound: Any) -> Iterator[NDArray[Any]]:
    """Give the samples, shape (n_samples, n_channels): int16 where that loses nothing that is looked for."""
    kind = "float32" if sound.subtype in _FLOATS else "int16"
    length = max(1, int(_BLOCK_S * sound.samplerate))
    buffer = np.empty((length, sound.channels), kind)
    while len(block := sound.read(length, dtype=kind, out=buffer)):
        yield block
        if len(block) < length:
            return


def _add(measure: _Measure, block: NDArray[Any], stride: int) -> None:
    if not len(block):
        return
    measure.samples += len(block)
    high, low = float(block.max()), float(block.min())
    if block.dtype == np.int16:
        high, low = high / _FULL_SCALE, low / _FULL_SCALE
        ceiling: float = _INT16_CEILING
    else:
        ceiling = _FLOAT_CEILING
        if not (np.isfinite(high) and np.isfinite(low)):
            measure.is_finite = False
            return
    peak = max(high, -low)
    measure.peak = max(measure.peak, peak)
    measure.block_peaks.append(peak)
    measure.sums = measure.sums + _sums(block, stride)
    measure.summed += len(block[::stride])
    if peak >= 0.9999:
        measure.clipped += int(np.count_nonzero(block >= ceiling) + np.count_nonzero(block <= -ceiling))


def _sums(block: NDArray[Any], stride: int) -> NDArray[np.float64]:
    """Add up each channel by itself, which is ten times faster than along the first axis; full scale 1."""
    kind = np.int64 if block.dtype == np.int16 else np.float64
    sums = np.array([float(block[::stride, channel].sum(dtype=kind)) for channel in range(block.shape[1])])
    return sums / _FULL_SCALE if block.dtype == np.int16 else sums
