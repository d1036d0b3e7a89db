"""What the measurements of when things happen promise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import RhythmFeatures
from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, SongViews
from flamingo_bark_assets.analysis.rhythm import stems
from flamingo_bark_assets.analysis.rhythm.bar_pointer import track_pulse
from flamingo_bark_assets.analysis.rhythm.beats import Count, _tempi
from flamingo_bark_assets.analysis.rhythm.downbeats import BarReading
from flamingo_bark_assets.analysis.rhythm.evidence import gather_evidence
from flamingo_bark_assets.analysis.rhythm.measure import measure_rhythm
from flamingo_bark_assets.analysis.rhythm.onsets import onset_strength, onset_times_s
from flamingo_bark_assets.analysis.rhythm.readings import possible_readings
from flamingo_bark_assets.analysis.rhythm.starts import Start, odds, start_of
from flamingo_bark_assets.analysis.rhythm.swing import swing_ratio
from flamingo_bark_assets.analysis.rhythm.tempo import autocorrelation, candidate_periods
from flamingo_bark_assets.metres import METRES
from flamingo_bark_assets.record import Measurement
from tests import music
from tests.rhythm_synthesis import (
    ROCK,
    SLOW_SIX,
    START_S,
    WALTZ,
    beat_times_s,
    beats_of,
    chords_and_bass,
    drums,
    view_of,
    views_of,
)

CHORDS = ("C:maj", "A:min", "F:maj", "G:maj")


def rock(bpm: float, *, bars: int = 12, swing: float = 0.5) -> NDArray[np.float64]:
    beats_s = beat_times_s(bpm, bars)
    kit, band = drums(ROCK, beats_s, swing=swing), chords_and_bass(CHORDS, beats_s)
    size = min(kit.size, band.size)
    return 0.5 * kit[:size] + 0.05 * band[:size]


def known(measurement: Measurement[float]) -> float:
    assert measurement.value is not None, measurement.reason
    return measurement.value


def times_of(features: RhythmFeatures, *, downbeats: bool = False) -> NDArray[np.float64]:
    return np.array([beat.time_s for beat in features.beats if beat.position == 1 or not downbeats])


@pytest.fixture(scope="module")
def rock_120() -> RhythmFeatures:
    return measure_rhythm(views_of(rock(120.0)))


@pytest.mark.parametrize("bpm", [84.0, 132.0, 156.0])
def test_tempo_of_a_rock_beat(bpm: float) -> None:
    assert known(measure_rhythm(views_of(rock(bpm))).tempo_bpm) == pytest.approx(bpm, rel=0.01)


def test_beats_lie_on_the_beats(rock_120: RhythmFeatures) -> None:
    truth = beat_times_s(120.0, 12)
    assert mir_eval.beat.f_measure(truth[truth > 2.0], times_of(rock_120)[times_of(rock_120) > 2.0]) > 0.95
    assert np.median(np.abs(times_of(rock_120)[:, None] - truth[None, :]).min(axis=1)) < 0.012


def test_downbeats_lie_on_the_bars(rock_120: RhythmFeatures) -> None:
    truth = beat_times_s(120.0, 12)[::4]
    assert mir_eval.beat.f_measure(truth, times_of(rock_120, downbeats=True)) > 0.9


def test_a_backbeat_has_four_beats_a_bar(rock_120: RhythmFeatures) -> None:
    assert (rock_120.beats_per_bar.value, rock_120.metre.value) == (4, "4/4")


def test_a_waltz_has_three_beats_a_bar() -> None:
    beats_s = beat_times_s(108.0, 16, beats_per_bar=3)
    kit, band = drums(WALTZ, beats_s, beats_per_bar=3), chords_and_bass(CHORDS, beats_s, beats_per_bar=3)
    size = min(kit.size, band.size)
    features = measure_rhythm(views_of(0.5 * kit[:size] + 0.05 * band[:size]))
    assert (features.beats_per_bar.value, features.metre.value) == (3, "3/4")
    assert known(features.tempo_bpm) == pytest.approx(108.0, rel=0.02)


def test_six_eight_has_two_dotted_quarters_a_bar() -> None:
    beats_s = beat_times_s(60.0, 16, beats_per_bar=2)
    kit, band = drums(SLOW_SIX, beats_s, beats_per_bar=2), chords_and_bass(CHORDS, beats_s, beats_per_bar=2)
    size = min(kit.size, band.size)
    features = measure_rhythm(views_of(0.5 * kit[:size] + 0.05 * band[:size]))
    assert (features.beats_per_bar.value, features.metre.value) == (2, "6/8")
    assert known(features.tempo_bpm) == pytest.approx(60.0, rel=0.02)
    assert features.swing_ratio.value is None


# Sixteenths of a bar: kicks on the first beat and off the beats, snares on the second and fourth.
BREAKS = {
    "straight": {"kick": "x.......x.......", "snare": "....x.......x...", "hihat": "x.x.x.x.x.x.x.x."},
    "syncopated": {"kick": "x.x.......xx....", "snare": "....x..x.x..x...", "hihat": "x.x.x.x.x.x.x.x."},
    "half time": {"kick": "x.....x.........", "snare": "........x.......", "hihat": "x.x.x.x.x.x.x.x."},
}


@pytest.mark.parametrize("name", BREAKS)
def test_bars_of_bare_drums_begin_on_the_kick(name: str) -> None:
    beats_s = beat_times_s(104.0, 12)
    features = measure_rhythm(views_of(drums(BREAKS[name], beats_s)))
    assert mir_eval.beat.f_measure(beats_s[::4], times_of(features, downbeats=True)) > 0.85


@pytest.mark.parametrize("cut", [1, 3])
def test_a_loop_of_drums_begins_with_a_bar_whatever_its_accents(cut: int) -> None:
    beats_s = beat_times_s(104.0, 12)
    sound = drums(BREAKS["straight"], beats_s)
    first, last = (round(beats_s[k] * music.RATE_HZ) for k in (cut, cut + 40))
    looped = measure_rhythm(views_of(sound[first:last]))
    bars_s = np.arange(10) * 4.0 * 60.0 / 104.0
    assert mir_eval.beat.f_measure(bars_s, times_of(looped, downbeats=True)) > 0.9
    no_loop = measure_rhythm(views_of(sound[first : last + music.RATE_HZ // 4]))
    assert not np.isclose(times_of(no_loop, downbeats=True)[:, None], bars_s, atol=0.1).any()


def test_music_after_silence_begins_with_a_bar_where_nothing_else_tells() -> None:
    even = drums({"kick": "x...x...x...x...", "hihat": "..x...x...x...x."}, beat_times_s(120.0, 12))
    late = even[round((START_S - 0.3) * music.RATE_HZ) :]
    late[: round(0.29 * music.RATE_HZ)] = 0.0
    features = measure_rhythm(views_of(late))
    assert known(features.first_downbeat_s) == pytest.approx(0.3, abs=0.03)
    cut_out = measure_rhythm(views_of(even[round((START_S + 0.1) * music.RATE_HZ) :]))
    assert (features.first_downbeat_s.confidence or 0.0) > (cut_out.first_downbeat_s.confidence or 0.0)


BEATS = np.arange(100.0, 1550.0, 50.0)


@pytest.mark.parametrize(
    ("first", "last", "downbeat", "is_one"),
    [(0, 32, 0, True), (0, 32, 1, False), (0, 31, 0, False), (1, 33, 1, True), (0.3, 32.3, 0, False)],
)
def test_a_loop_is_whole_bars_from_its_start(first: float, last: float, downbeat: int, is_one: bool) -> None:
    span = Start(first * 50.0 / ONSET_RATE_HZ, last * 50.0 / ONSET_RATE_HZ)
    assert (odds(span, BEATS, (downbeat - 2) % 4, 4) > 1.0) == is_one


def test_only_a_bar_in_the_place_of_the_start_gets_likelier() -> None:
    start = Start(2.0 * 50.0 / ONSET_RATE_HZ, None)
    assert [odds(start, BEATS, first, 4) > 1.0 for first in range(4)] == [True, False, False, False]
    assert odds(start, BEATS + 12.0, 0, 4) == 1.0


def test_a_start_tells_of_bars_after_silence_and_in_bare_drums_only() -> None:
    sound = drums(ROCK, beat_times_s(120.0, 8))
    at_once = sound[round(START_S * music.RATE_HZ) :]
    late = np.concatenate([np.zeros(music.RATE_HZ // 5), at_once])
    assert start_of(view_of(at_once), harmony=0.2) == Start(0.0, at_once.size / music.RATE_HZ)
    assert start_of(view_of(at_once), harmony=1.0) is None
    assert start_of(view_of(at_once[round(0.1 * music.RATE_HZ) :]), harmony=0.2) is None
    waited = start_of(view_of(late), harmony=1.0)
    assert waited is not None
    assert waited.start_s == pytest.approx(0.2, abs=0.03)
    assert waited.end_s is None
    assert start_of(view_of(late * np.linspace(0.0, 1.0, late.size) ** 2), harmony=1.0) is None


def test_what_differs_between_drums_is_no_new_harmony() -> None:
    beats_s = beat_times_s(104.0, 12)
    kit, band = drums(ROCK, beats_s), chords_and_bass(CHORDS, beats_s)
    bare, played = (gather_evidence(views_of(sound)).curves[:, 4:6].std(axis=0) for sound in (kit, band))
    assert (bare < 0.7 * played).all()


@pytest.mark.parametrize(("beats", "kick", "snare"), [(5, (0, 3), (2, 4)), (7, (0, 4), (3, 6))])
def test_five_and_seven_beats_a_bar_are_counted(beats: int, kick: tuple[int, ...], snare: tuple[int, ...]) -> None:
    pattern = {
        "kick": "".join("x..." if beat in kick else "...." for beat in range(beats)),
        "snare": "".join("x..." if beat in snare else "...." for beat in range(beats)),
        "hihat": "x.x." * beats,
    }
    beats_s = beat_times_s(132.0, 12, beats_per_bar=beats)
    kit, band = drums(pattern, beats_s, beats_per_bar=beats), chords_and_bass(CHORDS, beats_s, beats_per_bar=beats)
    size = min(kit.size, band.size)
    features = measure_rhythm(views_of(0.5 * kit[:size] + 0.05 * band[:size]))
    assert features.metre.value == f"{beats}/4"
    assert known(features.tempo_bpm) == pytest.approx(132.0, rel=0.02)


def test_a_change_of_tempo_is_told() -> None:
    slow, fast = beat_times_s(90.0, 7), beat_times_s(135.0, 8)
    beats_s = np.concatenate([slow, slow[-1] + 60.0 / 90.0 + fast - fast[0]])
    features = measure_rhythm(views_of(drums(ROCK, beats_s)))
    assert [segment.tempo_bpm for segment in features.tempo_segments] == pytest.approx([90.0, 135.0], rel=0.02)
    assert features.tempo_segments[1].start_s == pytest.approx(beats_s[28], abs=1.5)
    # The slow part is the longer one.
    assert known(features.tempo_bpm) == pytest.approx(90.0, rel=0.02)
    assert known(features.tempo_stability) < 0.9


def test_two_segments_share_no_beat() -> None:
    slow, fast = beat_times_s(90.0, 7), beat_times_s(135.0, 8)
    beats_s = np.concatenate([slow, slow[-1] + 60.0 / 90.0 + fast - fast[0]])
    found = times_of(measure_rhythm(views_of(drums(ROCK, beats_s))))
    assert np.diff(found).min() > 0.2


def test_a_tempo_without_rivals_is_no_surer_than_the_judge() -> None:
    reading = possible_readings(gather_evidence(views_of(rock(120.0))))[0]
    count = Count(reading, BarReading(METRES["4/4"], 0, np.zeros(1, np.float32)), np.zeros(1, np.float32))
    assert _tempi([count], np.ones(1), count, 0.8) == ((60.0 / reading.period_s, 0.8),)


def test_the_tempo_of_seven_eight_is_told_in_quarters() -> None:
    pattern = {"kick": "x...x...x.....", "snare": "..x...x.....x.", "hihat": "x.x.x.x.x.x.x."}
    beats_s = beat_times_s(220.0, 16, beats_per_bar=7)
    kit, band = drums(pattern, beats_s, beats_per_bar=7), chords_and_bass(CHORDS, beats_s, beats_per_bar=7)
    size = min(kit.size, band.size)
    features = measure_rhythm(views_of(0.5 * kit[:size] + 0.05 * band[:size]))
    assert (features.metre.value, features.beats_per_bar.value) == ("7/8", 7)
    assert known(features.tempo_bpm) == pytest.approx(110.0, rel=0.02)
    assert features.tempo_candidates[0].tempo_bpm == pytest.approx(110.0, rel=0.02)


def test_one_tempo_is_one_segment(rock_120: RhythmFeatures) -> None:
    (segment,) = rock_120.tempo_segments
    assert segment.tempo_bpm == known(rock_120.tempo_bpm)
    assert segment.metre == "4/4"


@pytest.mark.parametrize(("bpm", "hihat"), [(40.0, "xxxxxxxxxxxxxxxx"), (230.0, "x...x...x...x...")])
def test_an_unusual_tempo_is_found_or_unsure(bpm: float, hihat: str) -> None:
    pattern = {"kick": "x.......x.......", "snare": "....x.......x...", "hihat": hihat}
    features = measure_rhythm(views_of(drums(pattern, beat_times_s(bpm, round(bpm / 8.0)))))
    assert any(candidate.tempo_bpm == pytest.approx(bpm, rel=0.04) for candidate in features.tempo_candidates)
    found = known(features.tempo_bpm) == pytest.approx(bpm, rel=0.04)
    assert found or (features.tempo_bpm.confidence or 0.0) < 0.85


def test_downbeats_are_no_surer_than_beats_and_metre(rock_120: RhythmFeatures) -> None:
    first = next(beat.time_s for beat in rock_120.beats if beat.position == 1)
    assert rock_120.first_downbeat_s.value == first
    assert 0.0 < (rock_120.first_downbeat_s.confidence or 0.0) <= (rock_120.beat_count.confidence or 0.0)


def test_candidates_hold_the_octaves_and_their_scores_sum_to_one(rock_120: RhythmFeatures) -> None:
    tempi = [candidate.tempo_bpm for candidate in rock_120.tempo_candidates]
    assert tempi[0] == pytest.approx(known(rock_120.tempo_bpm), rel=0.02)
    assert any(tempo == pytest.approx(60.0, rel=0.04) for tempo in tempi)
    assert sum(candidate.score for candidate in rock_120.tempo_candidates) == pytest.approx(1.0)
    assert [candidate.rank for candidate in rock_120.tempo_candidates] == list(range(len(tempi)))


def test_a_machine_is_steadier_than_a_ritardando(rock_120: RhythmFeatures) -> None:
    slowing = np.cumsum(np.linspace(0.50, 0.60, 48)) + 0.4
    features = measure_rhythm(views_of(drums(ROCK, slowing)))
    assert known(rock_120.tempo_stability) > 0.97
    assert known(features.tempo_stability) < 0.95


def test_a_ritardando_is_followed() -> None:
    slowing = np.cumsum(np.linspace(0.50, 0.60, 48)) + 0.4
    estimate = times_of(measure_rhythm(views_of(drums(ROCK, slowing))))
    assert mir_eval.beat.f_measure(slowing, estimate) > 0.9


def test_drums_on_the_beat_have_a_higher_on_beat_ratio_than_between() -> None:
    beats_s = beat_times_s(120.0, 10)
    on = measure_rhythm(views_of(drums({"kick": "x...x...x...x...", "hihat": "x...x...x...x..."}, beats_s)))
    filled = measure_rhythm(views_of(drums({"kick": "x...x...x...x...", "hihat": "xxxxxxxxxxxxxxxx"}, beats_s)))
    assert known(on.on_beat_ratio) > 0.8
    assert known(filled.on_beat_ratio) < known(on.on_beat_ratio) - 0.1


@pytest.mark.parametrize("swing", [0.5, 0.58, 0.64])
def test_swing_ratio_of_a_drum_beat(swing: float) -> None:
    features = measure_rhythm(views_of(rock(120.0, swing=swing)))
    assert known(features.swing_ratio) == pytest.approx(swing, abs=0.015)


def test_swing_of_sixteenths_is_read_within_half_a_beat() -> None:
    beats_s = np.arange(0.0, 24.0, 0.6)
    onsets = np.sort(np.concatenate([beats_s + 0.6 * place for place in (0.0, 0.3, 0.5, 0.8)]))
    assert known(swing_ratio(onsets, beats_s)) == pytest.approx(0.6, abs=0.005)


def test_without_off_beats_there_is_no_swing_ratio() -> None:
    beats_s = np.arange(0.0, 20.0, 0.5)
    assert swing_ratio(beats_s + 0.004, beats_s).value is None


def test_onsets_of_a_metronome_are_found_on_time() -> None:
    clicks = music.beat_times(120.0, 12.0)
    found = onset_times_s(onset_strength(view_of(music.click_track(120.0, 12.0))))
    assert found.size == clicks.size
    assert np.abs(found - clicks).max() < 0.015


def test_onset_density_counts_onsets_a_second() -> None:
    features = measure_rhythm(views_of(music.click_track(150.0, 12.0)))
    assert known(features.onset_density_hz) == pytest.approx(2.5, rel=0.06)


PULSELESS: dict[str, Callable[[], NDArray[np.floating]]] = {
    "noise": lambda: music.noise(15.0),
    "drone": lambda: music.scaled(np.sin(2 * np.pi * 110.0 * music.times(15.0))),
    "pad": lambda: music.scaled(
        np.sum(
            [
                np.sin(2 * np.pi * hz * music.times(20.0)) * (1.2 + np.sin(0.6 * k + 0.5 * music.times(20.0)))
                for k, hz in enumerate((220.0, 277.2, 329.6))
            ],
            axis=0,
        )
    ),
    "three hits": lambda: music.place(music.kick(), (1.0, 4.0, 9.0), 15.0),
    "random hits": lambda: music.place(
        music.kick(), np.cumsum(np.random.default_rng(5).exponential(0.6, 40))[:30], 20.0
    ),
}


@pytest.mark.parametrize("sound", PULSELESS)
def test_without_a_pulse_the_tempo_is_unknown(sound: str) -> None:
    features = measure_rhythm(views_of(PULSELESS[sound]()))
    assert features.tempo_bpm.value is None
    assert "no pulse" in (features.tempo_bpm.reason or "")
    assert features.rhythmic.value is False
    assert features.beats == ()


def test_gain_and_polarity_change_no_beat(rock_120: RhythmFeatures) -> None:
    other = measure_rhythm(views_of(-0.1 * rock(120.0)))
    assert times_of(other) == pytest.approx(times_of(rock_120), abs=5e-3)


def test_leading_silence_shifts_the_beats(rock_120: RhythmFeatures) -> None:
    late = measure_rhythm(views_of(np.concatenate([np.zeros(3 * music.RATE_HZ), rock(120.0)])))
    assert mir_eval.beat.f_measure(times_of(rock_120) + 3.0, times_of(late)) > 0.95
    assert known(late.tempo_bpm) == pytest.approx(known(rock_120.tempo_bpm), rel=0.005)


def test_swapped_channels_change_nothing() -> None:
    left, right = rock(100.0), 0.5 * rock(100.0)
    assert measure_rhythm(views_of(left, right)) == measure_rhythm(views_of(right, left))


def test_another_sample_rate_gives_the_same_beats(rock_120: RhythmFeatures) -> None:
    import soxr

    resampled = soxr.resample(rock(120.0), 44100, 48000, quality="HQ")
    other = measure_rhythm(views_of(resampled, rate_hz=48000))
    assert mir_eval.beat.f_measure(times_of(rock_120), times_of(other), f_measure_threshold=0.02) > 0.95


def test_stems_are_used_where_they_are() -> None:
    beats_s = beat_times_s(110.0, 10)
    kit, band = drums(ROCK, beats_s), chords_and_bass(CHORDS, beats_s)
    size = min(kit.size, band.size)
    kit, band = 0.05 * kit[:size], 0.3 * band[:size]
    views = SongViews(view_of(kit + band), {"drums": view_of(kit), "harmonic": view_of(band)})
    features = measure_rhythm(views)
    assert mir_eval.beat.f_measure(beats_s, times_of(features)) > 0.9


HOSTILE: dict[str, Callable[[], NDArray[np.floating]]] = {
    "no sample": lambda: np.zeros(0),
    "one sample": lambda: np.array([0.5]),
    "0.5 s": lambda: music.noise(0.5),
    "0.6 s": lambda: music.noise(0.6),
    "digital silence": lambda: np.zeros(3 * music.RATE_HZ),
    "DC": lambda: np.full(3 * music.RATE_HZ, 0.9),
    "full-scale noise": lambda: np.clip(music.noise(5.0, level=1.0), -1.0, 1.0),
    "1 Hz": lambda: np.sin(2 * np.pi * music.times(6.0)),
    "20 kHz": lambda: np.sin(2 * np.pi * 20_000.0 * music.times(6.0)),
    "one impulse": lambda: np.eye(1, 3 * music.RATE_HZ, 9)[0],
}


@pytest.mark.parametrize("sound", HOSTILE)
def test_hostile_sounds_give_finite_values_or_reasons(sound: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        features = measure_rhythm(views_of(HOSTILE[sound]()))
        onsets_s = onset_times_s(onset_strength(view_of(HOSTILE[sound]())))
    for name in ("tempo_bpm", "tempo_stability", "swing_ratio", "on_beat_ratio", "onset_density_hz", "onset_evenness"):
        measurement = getattr(features, name)
        assert measurement.reason or math.isfinite(measurement.value), name
    assert stems.syncopation(onsets_s, (), compound=False).value is None


def test_the_tracker_follows_a_pulse_that_speeds_up() -> None:
    truth = np.round(np.cumsum(np.linspace(55.0, 45.0, 60))).astype(int)
    strength = np.full(truth[-1] + 60, -0.3, np.float32)
    strength[truth] = 3.0
    beats, mean = track_pulse(strength, shortest=40, longest=62, change_cost=30.0)
    assert np.isin(truth, beats).mean() > 0.95
    assert mean > 2.5


def test_candidates_hold_the_tempo_of_any_metronome() -> None:
    for bpm in (52.0, 77.0, 101.0, 144.0, 190.0):
        strength = np.zeros((3000, 1), np.float32)
        strength[np.round(np.arange(0.0, 29.0, 60.0 / bpm) * ONSET_RATE_HZ).astype(int)] = 1.0
        strength += 0.5 * np.roll(strength, 1, axis=0) + 0.5 * np.roll(strength, -1, axis=0)
        periods = candidate_periods(autocorrelation(strength))
        assert np.abs(60.0 / periods / bpm - 1.0).min() < 0.02, bpm


def test_metrical_weights_of_common_time() -> None:
    """The tree of Longuet-Higgins & Lee (1984), fig. 1, down to sixteenths."""
    expected = [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4]
    assert stems.metrical_weights(4).tolist() == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((0, 4, 8, 12), 0),  # Four quarters.
        ((2, 6, 10, 14), 7),  # Eighth off-beats over 4 (-2), 8 (-1), 12 (-2) and the bar (0): 1 + 2 + 1 + 3.
        ((0, 3, 6, 10, 12), 4),  # Son clave: 3 over 4 is -2 + 4, 6 over 8 is -1 + 3.
    ],
)
def test_syncopation_of_worked_patterns(steps: tuple[int, ...], expected: int) -> None:
    pattern = np.concatenate([np.array(steps) + 16 * bar for bar in range(4)])
    once = stems.syncopation_of_steps(np.append(pattern, 64 + steps[0]), stems.metrical_weights(4))
    assert once == 4 * expected


def test_syncopation_of_a_stem_against_the_beats_of_the_song() -> None:
    beats_s = beat_times_s(100.0, 8)
    straight, off = (
        onset_times_s(onset_strength(view_of(drums({"kick": pattern}, beats_s))))
        for pattern in ("x...x...x...x...", "..x...x...x...x.")
    )
    given_beats = beats_of(beats_s)
    assert known(stems.syncopation(straight, given_beats, compound=False)) < 0.3
    assert known(stems.syncopation(off, given_beats, compound=False)) == pytest.approx(7, abs=1)


def test_evenness_is_one_for_equal_intervals_and_less_for_random_ones() -> None:
    assert known(stems.evenness(np.arange(0.0, 12.5, 0.25))) == pytest.approx(1.0)
    loose = np.cumsum(np.random.default_rng(1).uniform(0.1, 1.5, 60))
    assert known(stems.evenness(loose)) < 0.4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.06, 2.0), min_size=6, max_size=60))
def test_complexity_and_evenness_sum_to_one(intervals: list[float]) -> None:
    onsets_s = np.cumsum(intervals)
    assert known(stems.evenness(onsets_s)) + known(stems.rhythm_complexity(onsets_s)) == pytest.approx(1.0)
