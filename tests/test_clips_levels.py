"""Levels of pieces, from one pass over the sound, are those of the samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.clips.levels import NOTHING_DBFS, source_levels, sum_piece
from tests.signals import as_signal, join, music, noise, silence, sine


def dbfs(samples: FloatArray) -> float:
    return 10.0 * math.log10(float(np.mean(samples.astype(np.float64) ** 2)))


def test_a_piece_has_the_peak_power_and_mean_of_its_samples() -> None:
    left, right = music(5.0, seed=1), music(5.0, seed=2, level_dbfs=-20.0) + np.float32(0.03)
    levels = source_levels(as_signal(left, right)).piece(1.0, 3.5)
    inside = slice(44100, round(3.5 * 44100))
    both = np.stack([left[inside], right[inside]])
    assert levels.peak_dbfs == pytest.approx(20 * np.log10(np.abs(both).max()), abs=1e-4)
    assert levels.rms_dbfs == pytest.approx(dbfs(both), abs=0.01)
    assert levels.dc == pytest.approx(np.abs(both.mean(axis=1)).max(), abs=1e-4)
    assert levels.clipped_fraction == 0.0


def test_the_silent_share_is_that_of_the_piece() -> None:
    levels = source_levels(as_signal(join(noise(2.0), silence(2.0), noise(1.0))))
    assert levels.piece(1.0, 3.0).silent_fraction == pytest.approx(0.5, abs=0.03)
    (quiet,) = levels.quiet()
    assert quiet.start_s == pytest.approx(2.0, abs=0.05)
    assert quiet.end_s == pytest.approx(4.0, abs=0.05)


def test_digital_silence_and_what_lies_behind_the_end_have_a_level_that_stands_for_nothing() -> None:
    levels = source_levels(as_signal(silence(1.0)))
    for piece in (levels.piece(0.2, 0.8), levels.piece(5.0, 6.0)):
        assert (piece.rms_dbfs, piece.peak_dbfs, piece.silent_fraction) == (NOTHING_DBFS, NOTHING_DBFS, 1.0)


def test_cut_off_tops_count_where_they_are_and_smooth_ones_nowhere() -> None:
    clipped = np.clip(sine(997.0, 1.0, level_dbfs=6.0), -0.9, 0.9)
    levels = source_levels(as_signal(join(sine(50.0, 1.0, level_dbfs=-1.0), clipped)))
    assert levels.piece(0.0, 0.9).clipped_fraction == 0.0
    share = float(np.mean(np.abs(clipped) >= np.float32(0.9)))
    assert share > 0.6
    assert levels.piece(1.0, 2.0).clipped_fraction == pytest.approx(share, abs=0.02)


def test_a_slow_loud_sine_is_not_clipped() -> None:
    assert source_levels(as_signal(sine(30.0, 2.0, level_dbfs=0.0))).piece(0.0, 2.0).clipped_fraction == 0.0


def test_the_levels_of_a_sum_bound_its_peak_and_add_its_power() -> None:
    parts = [noise(2.0, seed=seed, level_dbfs=-25.0) for seed in range(3)]
    whole = np.sum(parts, axis=0)
    sources = [source_levels(as_signal(part)) for part in parts]
    levels = sum_piece(sources, [source.piece(0.5, 1.5) for source in sources], 0.5, 1.5)
    inside = whole[22050:66150]
    assert levels.rms_dbfs == pytest.approx(dbfs(inside), abs=0.1)
    assert 20 * np.log10(np.abs(inside).max()) <= levels.peak_dbfs <= 20 * np.log10(np.abs(inside).max()) + 6.0


def test_an_onset_is_found_before_the_phrase_that_is_known_by_its_pitch() -> None:
    consonant = noise(0.06, level_dbfs=-40.0)
    voice = join(silence(1.0), consonant, sine(220.0, 1.0, level_dbfs=-10.0))
    assert source_levels(as_signal(voice)).onset_s(1.07) == pytest.approx(1.0, abs=0.011)


def test_an_onset_that_something_else_may_hide_is_taken_for_early() -> None:
    voice = join(sine(330.0, 1.0, level_dbfs=-24.0), sine(220.0, 1.0, level_dbfs=-10.0))
    assert source_levels(as_signal(voice)).onset_s(1.03) == pytest.approx(0.96)
