"""The pictures of a song's sound show which bands, notes and pitch classes sound, small and of one size."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.picture import shaded_png
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.audio.spectral_pictures import WIDTH, spectral_pngs
from tests.signals import as_signal, join, music, noise, silence, sine

SIZES = {"mel": (WIDTH, 128), "cqt": (WIDTH, 168), "chroma": (WIDTH, 96)}


def shades(png: bytes) -> npt.NDArray[np.int_]:
    """How dark each pixel is, 0 to 15, shape (height, width), the lowest row first."""
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "P")
    return np.asarray(image, np.int_)[::-1]


def test_shades_go_from_transparent_to_dark_and_rows_from_the_bottom_up() -> None:
    png = shaded_png(np.array([[0.0, 1.0], [0.5, 2.0]]), row_height=3)
    assert shades(png)[::3].tolist() == [[0, 15], [8, 15]]
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    assert pixels[-1, 0, 3] == 0
    assert pixels[-1, 1].tolist() == [47, 93, 140, 255]


def test_notes_stand_in_their_rows_and_columns() -> None:
    sound = as_signal(join(sine(440.0, 4.0), sine(261.63, 4.0)))
    pictures = {name: shades(png) for name, png in spectral_pngs(sound).items()}
    first, second = WIDTH // 4, 3 * WIDTH // 4
    assert pictures["chroma"][::8, first].argmax() == 9  # A, from C on
    assert pictures["chroma"][::8, second].argmax() == 0
    assert pictures["cqt"][::2, first].argmax() == 45  # A4, in semitones from C1
    assert pictures["cqt"][::2, second].argmax() == 36
    assert pictures["mel"][::2, first].argmax() > pictures["mel"][::2, second].argmax()


def test_silence_is_empty_beside_sound_and_alone() -> None:
    for wave, quiet in ((join(music(3.0), silence(3.0)), slice(7 * WIDTH // 10, None)), (silence(3.0), slice(None))):
        for name, png in spectral_pngs(as_signal(wave)).items():
            assert not shades(png)[:, quiet].any(), name


@pytest.mark.parametrize("wave", [music(30.0), noise(30.0, level_dbfs=-10)], ids=["music", "noise"])
def test_the_files_are_small(wave: npt.NDArray[np.float32]) -> None:
    assert max(len(png) for png in spectral_pngs(as_signal(wave, wave)).values()) < 40_000


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 192_000])
@pytest.mark.parametrize("samples", [1, 100, 30_000])
def test_any_length_and_rate_is_drawn_in_one_size(samples: int, rate_hz: int) -> None:
    pictures = spectral_pngs(Signal(np.full((2, samples), 0.5, np.float32), rate_hz))
    assert {name: Image.open(io.BytesIO(png)).size for name, png in pictures.items()} == SIZES


def test_a_sound_longer_than_a_piece_is_drawn_without_a_seam() -> None:
    rate_hz = 4000
    pictures = spectral_pngs(as_signal(sine(440.0, 640.0, rate_hz=rate_hz), rate_hz=rate_hz))
    assert {name: Image.open(io.BytesIO(png)).size for name, png in pictures.items()} == SIZES
    assert (shades(pictures["chroma"])[::8, 1:-1].argmax(axis=0) == 9).all()


def test_a_few_samples_of_a_high_rate_of_which_the_down_mix_keeps_none_are_drawn() -> None:
    sound = Signal(np.ones((1, 3), np.float32), 192_000)
    mono = AudioView(sound).mono()
    assert mono.size == 0
    assert spectral_pngs(sound, mono).keys() == SIZES.keys()


def test_a_down_mix_that_is_at_hand_gives_the_same_pictures() -> None:
    sound = as_signal(music(8.0), music(8.0))
    drawn = {name: shades(png) for name, png in spectral_pngs(sound, AudioView(sound).mono()).items()}
    for name, png in spectral_pngs(sound).items():
        assert np.abs(drawn[name] - shades(png)).mean() < 0.05, name
