"""Whether a file is cut off is seen in every container, and said of none that is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.errors import AudioFault
from tests.signals import RATE_HZ, music, write_audio

SECONDS = 4.0
PACKET = 1152
WAVE = music(SECONDS)
WAVE_48 = music(SECONDS, rate_hz=48_000)

Make = Callable[[Path], Path]


def by_libsndfile(format: str, subtype: str, *, wave: FloatArray = WAVE, rate_hz: int = RATE_HZ) -> Make:
    return lambda path: write_audio(path, wave, wave[::-1].copy(), rate_hz=rate_hz, format=format, subtype=subtype)


def by_ffmpeg(container: str, codec: str, *, wave: FloatArray = WAVE, rate_hz: int = RATE_HZ, **options: str) -> Make:
    def make(path: Path) -> Path:
        with av.open(str(path), "w", format=container, options=options) as output:
            stream = output.add_stream(codec, rate=rate_hz, layout="stereo")
            assert isinstance(stream, av.AudioStream)
            stream.bit_rate = 128_000
            both = np.stack([wave, wave[::-1]])
            for start in range(0, wave.size, PACKET):
                block = np.ascontiguousarray(both[:, start : start + PACKET])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = rate_hz, start
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


def as_bw64(path: Path) -> Path:
    by_libsndfile("RF64", "PCM_16")(path)
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    return path


CONTAINERS: dict[str, tuple[str, Make]] = {
    "wav": ("wav", by_libsndfile("WAV", "PCM_16")),
    "wav 24 bit": ("wav", by_libsndfile("WAV", "PCM_24")),
    "wav float": ("wav", by_libsndfile("WAV", "FLOAT")),
    "wav mu-law": ("wav", by_libsndfile("WAV", "ULAW")),
    "wav ms adpcm": ("wav", by_libsndfile("WAV", "MS_ADPCM")),
    "wav ima adpcm": ("wav", by_libsndfile("WAV", "IMA_ADPCM")),
    "wav gsm": ("wav", lambda path: write_audio(path, WAVE, format="WAV", subtype="GSM610")),
    "wav adpcm by ffmpeg": ("wav", by_ffmpeg("wav", "adpcm_ima_wav")),
    "wav mp3": ("wav", by_ffmpeg("wav", "libmp3lame")),
    "wav extensible": ("wav", by_libsndfile("WAVEX", "PCM_16")),
    "rf64": ("wav", by_libsndfile("RF64", "PCM_16")),
    "bw64": ("wav", as_bw64),
    "w64 by ffmpeg": ("w64", by_ffmpeg("w64", "pcm_s24le")),
    "w64": ("w64", by_libsndfile("W64", "PCM_16")),
    "w64 ms adpcm": ("w64", by_libsndfile("W64", "MS_ADPCM")),
    "au": ("au", by_libsndfile("AU", "PCM_16")),
    "au a-law": ("au", by_libsndfile("AU", "ALAW")),
    "aiff by ffmpeg": ("aiff", by_ffmpeg("aiff", "pcm_s24be")),
    "aiff": ("aiff", by_libsndfile("AIFF", "PCM_16")),
    "aifc float": ("aifc", by_libsndfile("AIFF", "FLOAT")),
    "caf": ("caf", by_libsndfile("CAF", "PCM_16")),
    "caf by ffmpeg": ("caf", by_ffmpeg("caf", "pcm_s24le")),
    "caf alac": ("caf", by_libsndfile("CAF", "ALAC_16")),
    "flac by ffmpeg": ("flac", by_ffmpeg("flac", "flac")),
    "flac": ("flac", by_libsndfile("FLAC", "PCM_16")),
    "ogg vorbis": ("ogg", by_libsndfile("OGG", "VORBIS")),
    "ogg opus": ("opus", by_libsndfile("OGG", "OPUS", wave=WAVE_48, rate_hz=48_000)),
    "ogg opus by ffmpeg": ("opus", by_ffmpeg("ogg", "libopus", wave=WAVE_48, rate_hz=48_000)),
    "ogg flac": ("oga", by_ffmpeg("ogg", "flac")),
    "mp3": ("mp3", by_ffmpeg("mp3", "libmp3lame")),
    "mp3 by lame": ("mp3", by_libsndfile("MP3", "MPEG_LAYER_III")),
    "mp3 without xing": ("mp3", by_ffmpeg("mp3", "libmp3lame", write_xing="0", id3v2_version="0")),
    "mp2": ("mp2", by_ffmpeg("mp2", "mp2")),
    "adts": ("aac", by_ffmpeg("adts", "aac")),
    "m4a": ("m4a", by_ffmpeg("ipod", "aac")),
    "m4a index first": ("m4a", by_ffmpeg("ipod", "aac", movflags="faststart")),
    "m4a fragmented": ("m4a", by_ffmpeg("mp4", "aac", movflags="frag_keyframe+empty_moov", frag_duration="500000")),
    "m4a alac at the end": ("m4a", by_ffmpeg("ipod", "alac")),
    "mov pcm": ("mp4", by_ffmpeg("mov", "pcm_s16le", movflags="faststart")),
    "m4a alac": ("m4a", by_ffmpeg("ipod", "alac", movflags="faststart")),
    "mka aac": ("mka", by_ffmpeg("matroska", "aac")),
    "mka pcm": ("mka", by_ffmpeg("matroska", "pcm_s16le")),
    "mka mp3 live": ("mka", by_ffmpeg("matroska", "libmp3lame", live="1")),
    "mka flac": ("mka", by_ffmpeg("matroska", "flac")),
    "webm": ("webm", by_ffmpeg("webm", "libopus", wave=WAVE_48, rate_hz=48_000)),
    "webm live": ("webm", by_ffmpeg("webm", "libopus", wave=WAVE_48, rate_hz=48_000, live="1")),
    "wma": ("wma", by_ffmpeg("asf", "wmav2")),
    "wavpack": ("wv", by_ffmpeg("wv", "wavpack")),
    "tta": ("tta", by_ffmpeg("tta", "tta")),
    "ac3": ("ac3", by_ffmpeg("ac3", "ac3", wave=WAVE_48, rate_hz=48_000)),
    "ac3 at 44.1": ("ac3", by_ffmpeg("ac3", "ac3")),
    "eac3": ("eac3", by_ffmpeg("eac3", "eac3", wave=WAVE_48, rate_hz=48_000)),
}
FEW_PACKETS_BYTES = 1500


def make(tmp_path: Path, name: str) -> Path:
    ending, made = CONTAINERS[name]
    return made(tmp_path / f"a.{ending}")


def truncation(path: Path) -> str | None:
    """What is said of the end, also where the file cannot be decoded without it."""
    try:
        return decode(path, max_duration_s=600.0).truncated
    except AudioFault as fault:
        return str(fault) if "truncated" in str(fault) else None


@pytest.mark.parametrize("name", CONTAINERS)
def test_of_a_whole_file_nothing_is_said(tmp_path: Path, name: str) -> None:
    found = decode(make(tmp_path, name), max_duration_s=600.0)
    assert (found.truncated, found.notes) == (None, ())
    assert found.signal.duration_s == pytest.approx(SECONDS, abs=0.12)


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("share", [0.3, 0.9, None])
def test_a_file_that_is_cut_off_is_truncated(tmp_path: Path, name: str, share: float | None) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data)) if share is not None else len(data) - FEW_PACKETS_BYTES])
    assert truncation(path) is not None
