"""Synthetic sound with known parameters, and files made of it: the truth that tests of sound measure against.

Generators and file writers shared by several tests belong here; expectations do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.clipping import ClippingReader
from flamingo_bark_assets.audio.decode import SampleMemory, decode
from flamingo_bark_assets.audio.levels import LevelReader
from flamingo_bark_assets.audio.long_term_spectrum import SpectrumReader
from flamingo_bark_assets.audio.quality import TechnicalQuality, judge_quality
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound

RATE_HZ = 44100

T_co = TypeVar("T_co", covariant=True)


def time_s(duration_s: float, *, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float64]:
    """Give sample times from 0, shape (n_samples,)."""
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def sine(
    frequency_hz: float,
    duration_s: float,
    *,
    level_dbfs: float = -6.0,
    rate_hz: int = RATE_HZ,
    phase_rad: float = 0.0,
) -> FloatArray:
    """Make a sine whose PEAK is `level_dbfs`, shape (n_samples,), float32."""
    wave = np.sin(2 * np.pi * frequency_hz * time_s(duration_s, rate_hz=rate_hz) + phase_rad)
    return np.asarray(10 ** (level_dbfs / 20) * wave, dtype=np.float32)


def noise(duration_s: float, *, level_dbfs: float = -20.0, rate_hz: int = RATE_HZ, seed: int = 0) -> FloatArray:
    """Make white Gaussian noise of RMS `level_dbfs`, shape (n_samples,), float32, clipped at full scale."""
    wave = np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz), dtype=np.float32)
    return np.asarray(np.clip(wave * np.float32(10 ** (level_dbfs / 20)), -1.0, 1.0), dtype=np.float32)


def silence(duration_s: float, *, rate_hz: int = RATE_HZ) -> FloatArray:
    """Make digital silence, shape (n_samples,), float32."""
    return np.zeros(round(duration_s * rate_hz), dtype=np.float32)


def clicks(
    bpm: float, duration_s: float, *, first_s: float = 0.0, rate_hz: int = RATE_HZ, level_dbfs: float = -3.0
) -> FloatArray:
    """Make one decaying 1 kHz burst of 20 ms a beat from `first_s` on, shape (n_samples,), float32."""
    out = silence(duration_s, rate_hz=rate_hz)
    t = time_s(0.02, rate_hz=rate_hz)
    burst = (10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 1000 * t) * np.exp(-t / 0.004)).astype(np.float32)
    for start_s in np.arange(first_s, duration_s, 60.0 / bpm):
        start = round(start_s * rate_hz)
        length = min(burst.size, out.size - start)
        out[start : start + length] += burst[:length]
    return out


def music(duration_s: float, *, rate_hz: int = RATE_HZ, seed: int = 0, level_dbfs: float = -12.0) -> FloatArray:
    """Make a stand-in for music: random notes of decaying harmonics over faint noise, peak `level_dbfs`."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(duration_s * rate_hz), dtype=np.float64)
    t = time_s(0.5, rate_hz=rate_hz)
    for start in range(0, out.size, rate_hz // 4):
        f0_hz = 55.0 * 2 ** (rng.integers(0, 36) / 12)
        partials = (np.sin(2 * np.pi * f0_hz * k * t) / k for k in range(1, 6) if f0_hz * k < 0.45 * rate_hz)
        note = rng.uniform(0.3, 1.0) * np.exp(-t / 0.15) * np.sum(list(partials), axis=0)
        length = min(note.size, out.size - start)
        out[start : start + length] += note[:length]
    out += 1e-3 * rng.standard_normal(out.size)
    return np.asarray(out * (10 ** (level_dbfs / 20) / np.abs(out).max()), dtype=np.float32)


def join(*parts: FloatArray) -> FloatArray:
    """Join the parts one after the other."""
    return np.concatenate(parts, axis=-1)


def as_signal(*channels: FloatArray, rate_hz: int = RATE_HZ) -> Signal:
    """Make a signal of the given channels, each of shape (n_samples,)."""
    return Signal(np.stack([np.asarray(channel, dtype=np.float32) for channel in channels]), rate_hz)


def decode_signal(path: Path, *, max_duration_s: float) -> Signal:
    """Decode a sound file into memory, however much its samples take."""
    decoded = decode(path, max_duration_s=max_duration_s, memory=SampleMemory(1 << 40, 1 << 40)).signal
    assert isinstance(decoded, Signal)
    return decoded


class Reader(Protocol[T_co]):
    """Takes a sound block by block."""

    def add(self, block: FloatArray) -> None: ...

    def finish(self) -> T_co: ...


def read_through(reader: Reader[T_co], signal: Sound) -> T_co:
    """Let a reader take a whole sound, and give what it makes of it."""
    for block in signal.blocks():
        reader.add(block)
    return reader.finish()


def measure_quality(sound: Sound) -> TechnicalQuality:
    """Measure the technical quality of a sound, at least one sample."""
    of_sound = (sound.sample_rate_hz, sound.channels)
    levels, clipping = read_through(LevelReader(*of_sound), sound), read_through(ClippingReader(*of_sound), sound)
    return judge_quality(levels, clipping, read_through(SpectrumReader(*of_sound), sound))


def write_wav(path: Path, *channels: FloatArray, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> Path:
    """Write a WAV file (`subtype` as libsndfile names it: PCM_16, PCM_24, FLOAT); give back its path."""
    return write_audio(path, *channels, rate_hz=rate_hz, format="WAV", subtype=subtype)


def write_audio(
    path: Path,
    *channels: FloatArray,
    rate_hz: int = RATE_HZ,
    format: str | None = None,
    subtype: str | None = None,
) -> Path:
    """Write whatever libsndfile writes (WAV, FLAC, OGG, MP3, AIFF), by the file's ending unless told."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack(channels, axis=1), rate_hz, format=format, subtype=subtype)
    return path


def write_m4a(path: Path, *channels: FloatArray, rate_hz: int = RATE_HZ, tags: dict[str, str] | None = None) -> Path:
    """Write AAC in an MP4 container with PyAV (one or two channels); give back its path."""
    return write_with_av(path, *channels, rate_hz=rate_hz, codec="aac", container="mp4", tags=tags)


def write_with_av(
    path: Path,
    *channels: FloatArray,
    rate_hz: int = RATE_HZ,
    codec: str,
    container: str | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """Write one or two channels with any codec that PyAV has an encoder for, with container tags."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(str(path), "w", format=container) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.stack(channels), dtype=np.float32), format="fltp", layout=layout
        )
        frame.sample_rate = rate_hz
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return path
