"""Sound whose rate or channels change on the way, and chained Ogg streams: all of it is heard, at the right speed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio.codecs import Header
from flamingo_bark_assets.audio.decode import Decoded, decode
from flamingo_bark_assets.audio.joining import FormatChange, joined
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.errors import AudioFault
from tests.signals import sine, write_audio, write_with_av

FIRST_HZ, SECOND_HZ = 330.0, 660.0
PART_S = 3.0
LEVEL_DBFS = -12.0

CODECS = {
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "ac3": ("ac3", "ac3"),
    "mp2": ("mp2", "mp2"),
}


def part(path: Path, codec: str, hz: float, *, rate_hz: int, channels: int) -> bytes:
    container, name = CODECS[codec]
    wave = sine(hz, PART_S, rate_hz=rate_hz, level_dbfs=LEVEL_DBFS)
    return write_with_av(path, *[wave] * channels, rate_hz=rate_hz, codec=name, container=container).read_bytes()


def link(path: Path, codec: str, hz: float, *, rate_hz: int, channels: int) -> bytes:
    wave = sine(hz, PART_S, rate_hz=rate_hz, level_dbfs=LEVEL_DBFS)
    if codec == "flac":
        return write_with_av(path, *[wave] * channels, rate_hz=rate_hz, codec="flac", container="ogg").read_bytes()
    return write_audio(path, *[wave] * channels, rate_hz=rate_hz, format="OGG", subtype=codec.upper()).read_bytes()


def heard(path: Path) -> tuple[Decoded, FloatArray]:
    found = decode(path, max_duration_s=600.0)
    assert isinstance(found.signal, Signal)
    return found, found.signal.samples


def pitch_hz(samples: FloatArray, rate_hz: int, start_s: float, end_s: float) -> float:
    piece = samples[0, round(start_s * rate_hz) : round(end_s * rate_hz)]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(piece.size), 1 << 19))
    return float(spectrum.argmax() * rate_hz / (1 << 19))


FORMATS = [(44_100, 2), (44_100, 1), (48_000, 2), (32_000, 1), (22_050, 2)]
CHANGES = [
    (codec, first, second)
    for codec in CODECS
    for first, second in itertools.permutations(FORMATS, 2)
    if codec != "ac3" or 22_050 not in (first[0], second[0])
]


@pytest.mark.parametrize(("codec", "first", "second"), CHANGES)
def test_a_change_on_the_way_is_heard_at_the_right_pitch_and_told(
    tmp_path: Path, codec: str, first: tuple[int, int], second: tuple[int, int]
) -> None:
    path = tmp_path / f"song.{codec}"
    path.write_bytes(
        part(tmp_path / "a", codec, FIRST_HZ, rate_hz=first[0], channels=first[1])
        + part(tmp_path / "b", codec, SECOND_HZ, rate_hz=second[0], channels=second[1])
    )
    found, samples = heard(path)
    rate_hz = found.signal.sample_rate_hz
    assert (rate_hz, found.signal.channels) == first
    assert found.signal.duration_s == pytest.approx(2 * PART_S, abs=0.3)
    assert pitch_hz(samples, rate_hz, 0.3, PART_S - 0.3) == pytest.approx(FIRST_HZ, abs=1)
    assert pitch_hz(samples, rate_hz, PART_S + 0.4, 2 * PART_S - 0.3) == pytest.approx(SECOND_HZ, abs=1)
    assert found.truncated is None
    assert len(found.notes) == 1
    assert f"s on {second[0]} Hz with {second[1]} channel(s)" in found.notes[0]
    steady = samples[:, round((PART_S + 0.5) * rate_hz) : round((2 * PART_S - 0.5) * rate_hz)]
    np.testing.assert_allclose(np.sqrt(2.0 * np.square(steady).mean(axis=1)), 10 ** (LEVEL_DBFS / 20), rtol=0.1)


@pytest.mark.parametrize("frames", range(26, 31))
def test_a_change_on_the_border_of_a_block_is_none_the_less_a_change(tmp_path: Path, frames: int) -> None:
    mono = part(tmp_path / "a", "mp3", FIRST_HZ, rate_hz=44_100, channels=1)
    begin = end = mono.index(b"\xff\xfb\x50")  # of 64 kbit/s; the header frame before them is of fewer
    for _ in range(frames):
        end += 144 * 64_000 // 44_100 + (mono[end + 2] >> 1 & 1)
    path = tmp_path / "song.mp3"
    stereo = part(tmp_path / "b", "mp3", SECOND_HZ, rate_hz=44_100, channels=2)
    path.write_bytes(mono[begin:end] + stereo)
    found, _ = heard(path)
    assert found.signal.channels == 1
    assert found.signal.duration_s == pytest.approx(PART_S + frames * 1152 / 44_100, abs=0.1)


@pytest.mark.parametrize(
    ("codec", "formats"),
    [
        ("vorbis", [(44_100, 2), (44_100, 2)]),
        ("vorbis", [(44_100, 2), (48_000, 2)]),
        ("vorbis", [(44_100, 1), (22_050, 2), (44_100, 2)]),
        ("opus", [(48_000, 2), (48_000, 2)]),
        ("opus", [(48_000, 2), (48_000, 1)]),
        ("opus", [(48_000, 1), (48_000, 2), (48_000, 1)]),
        ("flac", [(44_100, 2), (44_100, 2)]),
        ("flac", [(44_100, 2), (96_000, 1)]),
    ],
)
def test_every_link_of_an_ogg_chain_is_heard(tmp_path: Path, codec: str, formats: list[tuple[int, int]]) -> None:
    tones = [FIRST_HZ, SECOND_HZ, 990.0]
    path = tmp_path / "song.ogg"
    path.write_bytes(
        b"".join(
            link(tmp_path / str(i), codec, hz, rate_hz=rate_hz, channels=channels)
            for i, (hz, (rate_hz, channels)) in enumerate(zip(tones, formats, strict=False))
        )
    )
    found, samples = heard(path)
    rate_hz = found.signal.sample_rate_hz
    assert (rate_hz, found.signal.channels) == formats[0]
    assert found.signal.n_samples == pytest.approx(len(formats) * PART_S * rate_hz, abs=2)
    for i, hz in enumerate(tones[: len(formats)]):
        assert pitch_hz(samples, rate_hz, i * PART_S + 0.2, (i + 1) * PART_S - 0.2) == pytest.approx(hz, abs=1)
    assert found.truncated is None
    assert f"a chain of {len(formats)} Ogg streams" in found.notes[0]
    assert len(found.notes) == (1 if len(set(formats)) == 1 else 2)


def test_links_of_different_codecs_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "song.ogg"
    path.write_bytes(
        link(tmp_path / "a", "vorbis", FIRST_HZ, rate_hz=44_100, channels=2)
        + link(tmp_path / "b", "opus", SECOND_HZ, rate_hz=48_000, channels=2)
    )
    found, samples = heard(path)
    assert found.signal.n_samples == pytest.approx(2 * PART_S * 44_100, abs=2)
    assert pitch_hz(samples, 44_100, PART_S + 0.2, 2 * PART_S - 0.2) == pytest.approx(SECOND_HZ, abs=1)


@pytest.mark.parametrize("codec", ["vorbis", "opus", "flac"])
def test_links_with_one_serial_number_are_a_chain_too(tmp_path: Path, codec: str) -> None:
    rate_hz = 48_000
    once = link(tmp_path / "a", codec, FIRST_HZ, rate_hz=rate_hz, channels=2)
    path = tmp_path / "song.ogg"
    path.write_bytes(once + once)
    assert heard(path)[0].signal.n_samples == pytest.approx(2 * PART_S * rate_hz, abs=2)


@pytest.mark.parametrize("codec", ["vorbis", "opus", "flac"])
@pytest.mark.parametrize("kept", [0.001, 0.01, 0.5, 0.97])
def test_a_chain_whose_last_link_is_cut_gives_the_rest(tmp_path: Path, codec: str, kept: float) -> None:
    once = link(tmp_path / "a", codec, FIRST_HZ, rate_hz=48_000, channels=2)
    path = tmp_path / "song.ogg"
    path.write_bytes(once + once[: max(60, int(kept * len(once)))])
    found, _ = heard(path)
    assert PART_S <= found.signal.duration_s + 1e-3 < 2 * PART_S
    assert found.truncated is not None


def test_a_chain_is_the_same_as_often_as_it_is_read(tmp_path: Path) -> None:
    from flamingo_bark_assets.audio.decode import open_blocks

    path = tmp_path / "song.ogg"
    path.write_bytes(
        link(tmp_path / "a", "vorbis", FIRST_HZ, rate_hz=44_100, channels=2)
        + link(tmp_path / "b", "vorbis", SECOND_HZ, rate_hz=32_000, channels=1)
    )
    sound = open_blocks(path, max_duration_s=600.0)
    once, again = (np.concatenate(list(sound.blocks()), axis=1) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert len(sound.notes) == 2


def test_a_chain_that_is_too_long_is_refused_by_its_whole_length(tmp_path: Path) -> None:
    once = link(tmp_path / "a", "vorbis", FIRST_HZ, rate_hz=44_100, channels=2)
    path = tmp_path / "song.ogg"
    path.write_bytes(once * 3)
    with pytest.raises(AudioFault, match=r"song\.ogg: longer than"):
        decode(path, max_duration_s=2.5 * PART_S)


def test_a_chain_longer_than_anybody_makes_is_refused(tmp_path: Path) -> None:
    short = write_audio(tmp_path / "a", sine(FIRST_HZ, 0.01), format="OGG", subtype="VORBIS").read_bytes()
    path = tmp_path / "song.ogg"
    path.write_bytes(short * 1001)
    with pytest.raises(AudioFault, match="1001 Ogg streams"):
        decode(path, max_duration_s=600.0)


def header(rate_hz: int, channels: int) -> Header:
    return Header(rate_hz, channels, "mp3/mp3", None, None)


def put_together(*pieces: Header | FloatArray) -> tuple[FloatArray, list[FormatChange]]:
    """Join pieces, the first of which is a header."""
    changes: list[FormatChange] = []
    first = pieces[0]
    assert isinstance(first, Header)
    rest: Iterator[Header | FloatArray] = iter(pieces[1:])
    blocks = list(joined(Path("song.mp3"), first, rest, changes, lambda _: None))
    return np.concatenate(blocks, axis=1), changes


def test_a_change_of_rate_keeps_the_time_of_everything_after_it() -> None:
    click = np.zeros((1, 48_000), np.float32)
    click[0, 24_000] = 1.0
    samples, changes = put_together(
        header(44_100, 1), np.zeros((1, 44_100), np.float32), header(48_000, 1), click[:, :30_000], click[:, 30_000:],
        header(44_100, 1), np.zeros((1, 44_100), np.float32),
    )  # fmt: skip
    assert samples.shape == (1, 3 * 44_100)
    assert int(samples[0].argmax()) == 44_100 + 22_050
    assert [(round(c.time_s, 4), c.sample_rate_hz) for c in changes] == [(1.0, 48_000), (2.0, 44_100)]


def test_mono_goes_to_all_channels_and_becomes_their_mean() -> None:
    stereo = np.stack([np.full(10, 0.2, np.float32), np.full(10, 0.4, np.float32)])
    mono = np.full((1, 10), 0.5, np.float32)
    to_stereo, _ = put_together(header(44_100, 2), stereo, header(44_100, 1), mono)
    np.testing.assert_allclose(to_stereo[:, 10:], 0.5)
    to_mono, _ = put_together(header(44_100, 1), mono, header(44_100, 2), stereo)
    np.testing.assert_allclose(to_mono[0, 10:], 0.3, rtol=1e-6)


def test_several_channels_that_become_several_others_are_a_fault_with_the_time() -> None:
    with pytest.raises(AudioFault, match=r"song\.mp3: it has 2 channels and from 1\.0 s on 6; split it there"):
        put_together(
            header(44_100, 2), np.zeros((2, 44_100), np.float32), header(44_100, 6), np.zeros((6, 10), np.float32)
        )
