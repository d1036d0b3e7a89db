"""What the sum of the stems leaves of their mix: the same as by definition, from one reading of each file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.remainder import read_remainder
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound
from flamingo_bark_assets.audio.stems import StemInput, compare_stems
from flamingo_bark_assets.library.layout import StemFile

RATE_HZ = 8000
RNG = np.random.default_rng(5)
BASS, VOICE = (np.asarray(0.1 * RNG.standard_normal((2, 9 * RATE_HZ)), np.float32) for _ in range(2))


class CountedSound(Sound):
    """A sound that says how often it was read."""

    def __init__(self, samples: FloatArray) -> None:
        self._signal = Signal(samples, RATE_HZ)
        self.readings = 0

    @property
    def sample_rate_hz(self) -> int:
        return RATE_HZ

    @property
    def channels(self) -> int:
        return self._signal.channels

    @property
    def n_samples(self) -> int:
        return self._signal.n_samples

    def blocks(self) -> Iterator[FloatArray]:
        self.readings += 1
        for start in range(0, self.n_samples, 5003):  # as a codec's frames, not as our blocks
            yield self._signal.samples[:, start : start + 5003].copy()


def _input(name: str, sound: Sound) -> StemInput:
    return StemInput(
        StemFile(name, "bass" if name == "bass" else "vocals", Path(f"{name}.wav")), Decoded(sound, "", None)
    )


def test_each_file_is_read_once_to_compare_stems_that_need_no_correction() -> None:
    mix, bass, voice = (CountedSound(samples) for samples in (BASS + VOICE, BASS, VOICE))
    found = compare_stems("song", mix, [_input("bass", bass), _input("voice", voice)])
    assert (found.residual_db.value or 0.0) < -110.0
    assert (mix.readings, bass.readings, voice.readings) == (1, 1, 1)


def test_stems_that_are_moved_are_read_once_more_where_they_belong() -> None:
    mix, bass, voice = (CountedSound(samples) for samples in (BASS + VOICE, BASS, np.pad(VOICE, ((0, 0), (90, 0)))))
    found = compare_stems("song", mix, [_input("bass", bass), _input("voice", voice)])
    assert found.stems[1].delay_samples == 90
    assert (found.residual_db.value or 0.0) < -60.0
    assert (mix.readings, bass.readings, voice.readings) == (2, 2, 2)


@pytest.mark.parametrize("gain", [1.0, 0.5, -2.0])
def test_a_residual_of_100_db_is_exact_at_any_gain(gain: float) -> None:
    noise = 1e-5 * np.sqrt(2.0) * RNG.standard_normal(BASS.shape) * np.std(BASS)
    mix = Signal(np.asarray(BASS.astype(np.float64) + VOICE + noise, np.float32), RATE_HZ)
    stems = [Signal(np.asarray(samples / gain, np.float32), RATE_HZ) for samples in (BASS, VOICE)]
    left_db = 10.0 * np.log10(read_remainder(mix, stems).unexplained)
    assert left_db == pytest.approx(-100.0, abs=0.05)


@pytest.mark.parametrize(
    ("cut_s", "mono", "span_s"),
    [(0.0, False, 9.0), (0.4, False, 8.6), (3.0, False, 9.0), (-2.0, False, 9.0), (0.0, True, 9.0)],
    ids=["whole", "tail cut", "ends early", "goes on", "mono"],
)
def test_the_sums_are_those_of_the_common_span_about_the_means(cut_s: float, mono: bool, span_s: float) -> None:
    length, end = 9 * RATE_HZ, round((9.0 - cut_s) * RATE_HZ)
    voice = np.zeros((2, max(length, end)), np.float32)
    voice[:, : min(length, end)] = 0.7 * VOICE[:, :end] + 0.05
    given = voice[:, :end].mean(axis=0, keepdims=True) if mono else voice[:, :end]
    found = read_remainder(Signal(BASS + VOICE, RATE_HZ), [Signal(BASS, RATE_HZ), Signal(given, RATE_HZ)])
    span = round(span_s * RATE_HZ)
    both = np.stack([np.asarray(BASS + VOICE, np.float64), np.asarray(BASS + voice[:, :length], np.float64)])
    mix, added = (both.mean(axis=1) if mono else both)[..., :span]
    left = mix - added
    left, added = (x - x.mean(axis=-1, keepdims=True) for x in (left, added))
    assert found.n_samples == span
    assert found.left == pytest.approx(np.vdot(left, left), rel=1e-5)
    assert found.product == pytest.approx(np.vdot(left, added), rel=1e-5)
    assert found.stems == pytest.approx(np.vdot(added, added), rel=1e-5)
