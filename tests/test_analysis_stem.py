"""What the measurements that all stems share promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import (
    BassActivity,
    StemFeatures,
    VocalActivity,
)
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES
from flamingo_bark_assets.analysis.stem import activity_rows, measure_stem, sounding_frames
from flamingo_bark_assets.record import Measurement, events_of
from tests import music
from tests.signals import sine

RATE_HZ = music.RATE_HZ


def stem_of(sound: NDArray[np.floating], *, song: SongFeatures | None = None) -> StemFeatures:
    return measure_stem("s", music.view_of(sound), energy_share=music.SHARE, song=song)


def pauses(*lengths_s: float, level: float = 0.5) -> NDArray[np.float64]:
    """Tone and silence by turns, tone first."""
    parts = [
        (level if i % 2 == 0 else 0.0) * np.sin(2 * np.pi * 220.0 * music.times(length_s))
        for i, length_s in enumerate(lengths_s)
    ]
    return np.concatenate(parts)


def segments(sound: NDArray[np.floating]) -> list[tuple[float, float]]:
    return [(row.start_s, row.end_s) for row in activity_rows(music.view_of(sound), BassActivity)]


def test_active_stretches_are_where_it_sounds() -> None:
    found = np.array(segments(pauses(2.0, 1.0, 3.0, 1.5, 0.5)))
    assert found == pytest.approx(np.array([(0.0, 2.0), (3.0, 6.0), (7.5, 8.0)]), abs=0.051)


def test_short_pauses_are_bridged_and_blips_left_out() -> None:
    found = np.array(segments(pauses(1.0, 0.2, 1.0, 1.0, 0.03)))
    assert found == pytest.approx(np.array([(0.0, 2.2)]), abs=0.051)


def test_active_fraction_and_longest_rest_follow_from_the_stretches() -> None:
    stem = stem_of(pauses(2.0, 1.0, 3.0, 2.0, 2.0))
    assert stem.active_fraction.value == pytest.approx(0.7, abs=0.02)
    assert stem.longest_rest_s.value == pytest.approx(2.0, abs=0.11)


def test_what_a_separator_leaves_45_db_down_does_not_sound() -> None:
    sound = pauses(2.0, 2.0) + 0.5 * 10 ** (-45 / 20) * np.sin(2 * np.pi * 1000.0 * music.times(4.0))
    sounding, edges_s = sounding_frames(music.view_of(sound))
    assert edges_s[-1] == pytest.approx(4.0)
    assert sounding.mean() == pytest.approx(0.5, abs=0.02)


def test_activity_does_not_depend_on_gain() -> None:
    sound = pauses(1.0, 1.0, 1.0)
    assert segments(0.05 * sound) == segments(sound)


def test_the_level_of_a_stretch_is_its_rms() -> None:
    (row,) = activity_rows(music.view_of(pauses(2.0, 1.0, level=0.1)), VocalActivity)
    assert row.level_dbfs == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.1)


def test_each_kind_of_stem_keeps_its_activity_in_a_table_of_its_own() -> None:
    tables = {long.TABLE for record in RESULT_CLASSES.values() for long in events_of(record).values()}
    assert len([table for table in tables if table.endswith("_activity")]) == len(RESULT_CLASSES)


def test_loudness_of_a_sine_is_that_of_the_standard() -> None:
    """BS.1770: a 997 Hz sine of 0 dBFS in one channel reads -3.01 LKFS."""
    stem = stem_of(sine(997.0, 10.0, level_dbfs=-20.0))
    assert stem.loudness_integrated_lufs.value == pytest.approx(-23.01, abs=0.05)
    assert stem.loudness_short_term_max_lufs.value == pytest.approx(-23.01, abs=0.05)
    assert stem.loudness_range_lu.value == pytest.approx(0.0, abs=0.05)


def test_loudness_range_is_the_step_between_two_levels() -> None:
    """EBU Tech 3342, test signal 1: 20 s at -20 and 20 s at -30 dBFS give 10 LU."""
    sound = np.concatenate([sine(1000.0, 20.0, level_dbfs=level) for level in (-20.0, -30.0)])
    assert stem_of(sound).loudness_range_lu.value == pytest.approx(10.0, abs=1.0)


def test_onset_density_counts_over_the_sounding_time() -> None:
    line = np.concatenate([music.tone(220.0, 0.5) for _ in range(12)] + [np.zeros(6 * RATE_HZ)])
    assert stem_of(music.scaled(line)).onset_density_hz.value == pytest.approx(2.0, abs=0.35)


def test_onsets_that_are_known_are_used() -> None:
    onsets_s = np.array([0.5, 1.0, 2.0, 2.5])
    stem = measure_stem("s", music.view_of(pauses(4.0)), energy_share=music.SHARE, onsets_s=onsets_s)
    assert stem.onset_density_hz.value == pytest.approx(1.0, abs=0.02)


def song_with_beats(bpm: float, count: int) -> SongFeatures:
    beats = tuple(Beat(beat=i, time_s=i * 60.0 / bpm, position=1 + i % 4) for i in range(count))
    metre: Measurement[str] = Measurement.of("4/4", method="given")
    return SongFeatures.of_unusable("s", "only its beats are given", beats=beats, metre=metre)


@pytest.mark.parametrize(("shift", "syncopated"), [(0.0, False), (0.5, True)])
def test_syncopation_needs_beats_and_rises_off_the_beat(shift: float, syncopated: bool) -> None:
    onsets_s = np.asarray(0.5 * (np.arange(32) + shift), np.float64)
    view = music.view_of(pauses(16.5))
    song = song_with_beats(120.0, 34)
    stem = measure_stem("s", view, energy_share=music.SHARE, song=song, onsets_s=onsets_s)
    assert stem.syncopation.value is not None
    assert (stem.syncopation.value > 1.0) is syncopated
    alone = measure_stem("s", view, energy_share=music.SHARE, onsets_s=onsets_s)
    assert alone.syncopation.value is None


def test_spectral_centroid_of_a_sine_is_its_frequency() -> None:
    centroid_hz = stem_of(sine(1500.0, 2.0)).spectral_centroid_hz.value
    assert centroid_hz == pytest.approx(1500.0, rel=0.02)


def test_swapping_the_channels_changes_nothing() -> None:
    left, right = pauses(1.0, 1.0, 1.0), 0.3 * pauses(0.5, 0.5, 2.0)
    one, other = (
        measure_stem("s", music.view_of(*pair), energy_share=music.SHARE) for pair in ((left, right), (right, left))
    )
    assert [m.value for _, m in other.measurements()] == pytest.approx([m.value for _, m in one.measurements()])


@pytest.mark.parametrize("sound", [np.zeros(RATE_HZ), np.ones(2 * RATE_HZ), np.eye(1, RATE_HZ, 9000)[0]])
def test_hostile_signals_give_values_or_reasons(sound: NDArray[np.float64]) -> None:
    stem = stem_of(sound)
    assert all(m.value is not None or m.reason for _, m in stem.measurements())
