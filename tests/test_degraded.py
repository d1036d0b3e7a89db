"""Degraded recordings: every kind of damage is found in every piece, and no undamaged piece is accused of any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from tests import degraded_synthesis as synthesis
from tests.signals import RATE_HZ, measure_quality

PIECES = {
    "bright": synthesis.piece(1),
    "dark": synthesis.piece(2, dark=True),
    "saturated": synthesis.piece(3, saturated=True, peak=0.97),
    "full scale": synthesis.piece(4, peak=1.0),
    "quiet": synthesis.piece(5, peak=0.05),
}
LOUD = [name for name in PIECES if name != "quiet"]
KINDS = ("clipped", "low-passed", "noisy", "offset", "mono", "inverted")
DEGRADATIONS: dict[str, synthesis.Degradation] = {
    "clipped": synthesis.clipped,
    "low-passed": synthesis.low_passed,
    "noisy": synthesis.noisy,
    "offset": synthesis.offset,
    "mono": synthesis.mono,
    "inverted": synthesis.inverted,
    "padded": synthesis.padded,
}


def quality_of(samples: FloatArray) -> TechnicalQuality:
    return measure_quality(Signal(samples, RATE_HZ))


def degraded(name: str, kind: str) -> FloatArray:
    return DEGRADATIONS[kind](PIECES[name], np.random.default_rng(len(name)))


def accused_of(quality: TechnicalQuality) -> set[str]:
    """The kinds of damage that a piece is said to have."""
    noise, dc = quality.noise_floor_dbfs.value, quality.dc_offset.value
    found = {
        "clipped": quality.clipped.value,
        "low-passed": quality.lowpass_detected.value,
        "noisy": noise is not None and noise > -45.0,
        "offset": dc is not None and dc > 0.01,
        "mono": quality.is_mono.value,
        "inverted": quality.polarity_inverted.value,
    }
    return {kind for kind, is_so in found.items() if is_so}


@pytest.mark.parametrize("name", PIECES)
def test_an_undamaged_piece_is_accused_of_nothing(name: str) -> None:
    assert accused_of(quality_of(PIECES[name])) == set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in LOUD if name != "dark"])
def test_damage_is_found_and_no_other_kind(name: str, kind: str) -> None:
    assert accused_of(quality_of(degraded(name, kind))) == {kind}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "low-passed"])
def test_damage_of_a_dark_piece_is_found(kind: str) -> None:
    assert accused_of(quality_of(degraded("dark", kind))) == {kind}


@pytest.mark.parametrize("name", LOUD)
def test_padding_is_measured_and_is_no_damage(name: str) -> None:
    found = quality_of(degraded(name, "padded"))
    assert found.leading_silence_s.value == pytest.approx(1.5 + synthesis.PAUSE_S, abs=0.1)
    assert found.trailing_silence_s.value is not None
    assert found.trailing_silence_s.value >= 2.0
    assert accused_of(found) == set()


def test_music_begins_after_the_hiss_that_comes_before_it() -> None:
    noisy = synthesis.noisy(PIECES["bright"], np.random.default_rng(0), -50.0)
    assert quality_of(noisy).leading_silence_s.value == pytest.approx(synthesis.PAUSE_S, abs=0.051)


@pytest.mark.parametrize("kbps", [64, 96])
def test_a_lossy_codec_shows_by_its_low_pass(tmp_path: Path, kbps: int) -> None:
    found = measure_quality(synthesis.coded(PIECES["bright"], tmp_path, kbps=kbps))
    assert accused_of(found) == {"low-passed"}
    # LAME cuts at 11 kHz for 64 kbit/s and at 15 kHz for 96.
    assert found.bandwidth_hz.value == pytest.approx({64: 11_000, 96: 15_000}[kbps], rel=0.06)


def test_a_codec_of_high_rate_is_no_low_pass(tmp_path: Path) -> None:
    assert accused_of(measure_quality(synthesis.coded(PIECES["bright"], tmp_path, kbps=320))) == set()


@pytest.mark.parametrize("level_dbfs", [-35.0, -50.0, -65.0])
@pytest.mark.parametrize("name", LOUD)
def test_the_level_of_noise_under_music_is_found_within_2_db(name: str, level_dbfs: float) -> None:
    noisy = synthesis.noisy(PIECES[name], np.random.default_rng(1), level_dbfs)
    assert quality_of(noisy).noise_floor_dbfs.value == pytest.approx(level_dbfs, abs=2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_found_at_48_khz_too(kind: str) -> None:
    from flamingo_bark_assets.audio.resample import resample

    samples = resample(PIECES["bright"], RATE_HZ, 48_000)
    # At 48 kHz the same filter lies at 8.7 kHz.
    damaged = DEGRADATIONS[kind](synthesis.in_16_bits(samples), np.random.default_rng(0))
    assert accused_of(measure_quality(Signal(damaged, 48_000))) == {kind}


@pytest.mark.parametrize("gain", [0.5, 0.1])
@pytest.mark.parametrize("kind", ["clipped", "low-passed", "mono", "inverted"])
def test_damage_does_not_hide_by_being_turned_down(kind: str, gain: float) -> None:
    assert accused_of(quality_of(synthesis.in_16_bits(gain * degraded("bright", kind)))) == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_swapping_the_channels_changes_nothing(kind: str) -> None:
    samples = degraded("bright", kind)
    swapped = quality_of(np.ascontiguousarray(samples[::-1]))
    assert accused_of(swapped) == accused_of(quality_of(samples))


@pytest.mark.parametrize("kind", KINDS)
def test_polarity_of_the_whole_changes_nothing(kind: str) -> None:
    samples = degraded("bright", kind)
    assert accused_of(quality_of(-samples)) == accused_of(quality_of(samples))
