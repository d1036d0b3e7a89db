"""The stereo image: mixtures of known correlation, width and balance are measured as what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_bark_assets.analysis.features.stereo import StereoFeatures
from flamingo_bark_assets.analysis.stereo import measure_stereo
from flamingo_bark_assets.audio.levels import levels_of
from flamingo_bark_assets.audio.signal import FloatArray
from tests.signals import as_signal, join, music, noise, silence

ONE, OTHER = noise(3.0, seed=1), noise(3.0, seed=2)


def stereo(*channels: FloatArray) -> StereoFeatures:
    return measure_stereo(levels_of(as_signal(*channels)))


def test_equal_channels_have_no_width() -> None:
    found = stereo(ONE, ONE)
    assert found.stereo_width.value == pytest.approx(0.0, abs=1e-6)
    assert found.mono_loss_db.value == pytest.approx(0.0, abs=1e-4)


def test_unrelated_channels_are_half_side_and_lose_3_db_in_mono() -> None:
    found = stereo(ONE, OTHER)
    assert found.stereo_width.value == pytest.approx(0.5, abs=0.01)
    assert found.mono_loss_db.value == pytest.approx(-3.01, abs=0.1)


def test_opposed_channels_are_all_side_and_vanish_in_mono() -> None:
    found = stereo(ONE, -ONE)
    assert found.stereo_width.value == pytest.approx(1.0, abs=1e-6)
    assert found.mono_loss_db.value is not None
    assert found.mono_loss_db.value <= -50.0


@given(mix=st.floats(0.0, 1.0), gain_db=st.floats(-20.0, 20.0))
def test_the_balance_is_the_gain_whatever_the_channels_share(mix: float, gain_db: float) -> None:
    right = (np.sqrt(mix) * ONE + np.sqrt(1 - mix) * OTHER) * 10 ** (gain_db / 20)
    found = stereo(ONE, np.asarray(right, dtype=np.float32))
    assert found.stereo_balance_db.value == pytest.approx(gain_db, abs=0.2)


def test_width_of_panned_sound_follows_from_its_gains() -> None:
    # Gains 1 and 0.5: mid 0.75, side 0.25, so the side has 0.0625 / 0.625 of the energy.
    assert stereo(ONE, np.float32(0.5) * ONE).stereo_width.value == pytest.approx(0.1, abs=1e-4)


def test_low_correlation_is_that_of_the_widest_moments() -> None:
    found = stereo(join(ONE, ONE), join(ONE, -ONE))
    assert found.stereo_correlation_low.value == pytest.approx(-1.0, abs=0.01)


def test_offsets_do_not_count() -> None:
    found = stereo(ONE + np.float32(0.3), OTHER - np.float32(0.2))
    assert found.stereo_width.value == pytest.approx(0.5, abs=0.01)


def test_swapping_the_channels_turns_the_balance_only() -> None:
    one, swapped = stereo(music(2.0), OTHER[: 2 * 44100]), stereo(OTHER[: 2 * 44100], music(2.0))
    assert swapped.stereo_balance_db.value == pytest.approx(-(one.stereo_balance_db.value or 0.0))
    for name in ("stereo_width", "stereo_correlation_low", "mono_loss_db"):
        assert getattr(swapped, name).value == pytest.approx(getattr(one, name).value), name


@pytest.mark.parametrize("gain", [-1.0, 0.01, 3.0])
def test_gain_and_polarity_of_the_whole_change_nothing(gain: float) -> None:
    one, other = stereo(ONE, OTHER), stereo(np.float32(gain) * ONE, np.float32(gain) * OTHER)
    for name in ("stereo_width", "stereo_balance_db", "mono_loss_db"):
        assert getattr(other, name).value == pytest.approx(getattr(one, name).value, abs=1e-4), name


def test_one_channel_has_no_width_and_nothing_to_compare() -> None:
    found = stereo(ONE)
    assert found.stereo_width.value == 0.0
    assert found.stereo_balance_db.value is None


def test_a_silent_channel_leaves_correlation_and_balance_unknown() -> None:
    found = stereo(ONE, np.zeros_like(ONE))
    assert found.stereo_width.value == pytest.approx(0.5)
    for unknown in (found.stereo_correlation_low, found.stereo_balance_db):
        assert unknown.value is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        ((silence(1.0), silence(1.0)), "digital silence"),
        ((ONE, OTHER, ONE), "3 channel"),
        ((ONE[:1], OTHER[:1]), "digital silence"),
    ],
    ids=["silence", "three channels", "one sample"],
)
def test_silence_and_more_channels_are_unknown(channels: tuple[FloatArray, ...], reason: str) -> None:
    found = stereo(*channels)
    for unknown in (found.stereo_width, found.stereo_correlation_low, found.stereo_balance_db, found.mono_loss_db):
        assert unknown.value is None
        assert reason in (unknown.reason or "")
