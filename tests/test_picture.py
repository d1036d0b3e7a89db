"""The waveform picture shows the envelope of the signal, small and the same every time."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flamingo_bark_assets.audio.picture import waveform_png, waveform_pngs
from flamingo_bark_assets.audio.signal import Signal
from tests.signals import as_signal, join, music, noise, silence, sine


def drawn(png: bytes) -> npt.NDArray[np.bool_]:
    """Which pixels are drawn, shape (height, width)."""
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGBA"))[:, :, 3] > 0


def heights(png: bytes) -> npt.NDArray[np.int_]:
    return np.asarray(drawn(png).sum(axis=0))


def test_the_picture_has_the_size_asked_for() -> None:
    assert drawn(waveform_png(as_signal(music(2.0)))).shape == (120, 640)
    assert drawn(waveform_png(as_signal(music(2.0)), width=100, height=41)).shape == (41, 100)


def test_the_height_of_a_column_is_its_level() -> None:
    wave = join(sine(440, 2.0, level_dbfs=0), sine(440, 2.0, level_dbfs=-6.02), silence(2.0))
    found = heights(waveform_png(as_signal(wave), width=600, height=121))
    assert set(found[10:190]) <= {120, 121}
    assert set(found[210:390]) <= {60, 61, 62}
    assert set(found[410:]) == {1}


def test_upward_and_downward_peaks_are_told_apart() -> None:
    pixels = drawn(waveform_png(as_signal(np.abs(sine(440, 2.0, level_dbfs=0))), height=121))
    assert pixels[:60].any(axis=1).all()
    assert not pixels[62:].any()


def test_a_single_sample_is_not_lost() -> None:
    wave = silence(60.0)
    wave[wave.size // 2] = 1.0
    assert heights(waveform_png(as_signal(wave), height=121)).max() == 61


def test_the_same_signal_gives_the_same_bytes() -> None:
    assert waveform_png(as_signal(music(3.0))) == waveform_png(as_signal(music(3.0)))


@pytest.mark.parametrize(
    "wave", [music(30.0), noise(30.0, level_dbfs=-10), silence(5.0)], ids=["music", "noise", "silence"]
)
def test_the_file_is_small(wave: npt.NDArray[np.float32]) -> None:
    assert len(waveform_png(as_signal(wave, wave))) < 8000


@pytest.mark.parametrize("samples", [0, 1, 2, 639, 641])
def test_any_length_is_drawn(samples: int) -> None:
    found = heights(waveform_png(Signal(np.full((2, samples), 0.5, dtype=np.float32), 44100)))
    assert found.min() >= 1


@pytest.mark.parametrize("sound", ["music", "noise", "silence"])
def test_a_small_picture_keeps_to_its_size_and_shows_the_levels(sound: str) -> None:
    wave = {"music": music(30.0), "noise": noise(30.0, level_dbfs=-3), "silence": silence(5.0)}[sound]
    large, small = waveform_pngs(as_signal(join(wave, silence(wave.size / 44100))), most_bytes=660)
    assert large == waveform_png(as_signal(join(wave, silence(wave.size / 44100))))
    assert small is not None
    assert len(small) <= 660
    found = heights(small)
    assert found.size >= 160
    assert found[: found.size // 2 - 1].mean() >= found[found.size // 2 + 1 :].mean() == 1


def test_no_picture_is_drawn_that_would_be_larger_than_asked() -> None:
    assert waveform_pngs(as_signal(music(2.0)), most_bytes=50)[1] is None
