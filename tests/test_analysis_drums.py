"""What the measurements of the drums stem promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums import classes
from flamingo_bark_assets.analysis.drums.classes import DRUMS, Hits, choose_hits, presence
from flamingo_bark_assets.analysis.drums.measure import analyse_drums
from flamingo_bark_assets.analysis.drums.onsets import FEATURES, Onsets, describe_onsets, find_onsets
from flamingo_bark_assets.analysis.drums.patterns import (
    Grid,
    bar_table,
    grid_of,
    measure_swing,
    pattern_of,
    pattern_syncopation,
    steps_of,
)
from flamingo_bark_assets.analysis.drums.repetition import repetition
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.rhythm.stems import metrical_weights
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.record import Measurement
from tests import drums_synthesis, voice_synthesis

RATE_HZ = 44100
SHARE: Measurement[float] = Measurement.of(0.25, method="given")
DURATION_S = 16.0
BEAT_S = 0.5
Samples = NDArray[np.floating[Any]]

# Seeds of sounds that nothing was trained on: training draws all sounds of a song from one generator.
SOUND_SEED = 77


def sound(piece: str, seed: int = SOUND_SEED) -> Samples:
    return drums_synthesis.SOUNDS[piece](np.random.default_rng([seed, len(piece)]), RATE_HZ)


def part(strokes: Mapping[str, Samples]) -> Samples:
    """Each piece struck at the given times, over a little hiss."""
    total = np.random.default_rng(3).normal(0.0, 1e-4, round(DURATION_S * RATE_HZ))
    for piece, times in strokes.items():
        wave = sound(piece) * (0.25 if piece == "closed" else 1.0)
        for time in times:
            start = round(float(time) * RATE_HZ)
            end = min(total.size, start + wave.size)
            total[start:end] += wave[: end - start]
    return np.asarray(0.5 * total / np.abs(total).max())


def view_of(*channels: NDArray[np.floating], rate_hz: int = RATE_HZ) -> AudioView:
    return AudioView(Signal(np.asarray(np.stack(channels), np.float32), rate_hz))


def drums_of(*channels: NDArray[np.floating], rate_hz: int = RATE_HZ, song: SongFeatures | None = None) -> DrumFeatures:
    return analyse_drums("s", view_of(*channels, rate_hz=rate_hz), energy_share=SHARE, song=song)


def song_with_beats(*, beats_per_bar: int = 4, metre: str = "4/4") -> SongFeatures:
    """Only what the drums read of a song: its beats, from 0.5 s on, and its metre."""
    count = int((DURATION_S - 0.5) / BEAT_S)
    beats = tuple(SimpleNamespace(time_s=0.5 + BEAT_S * k, position=k % beats_per_bar + 1) for k in range(count))
    sure = SimpleNamespace(value=metre, confidence=0.5)
    return cast(SongFeatures, SimpleNamespace(beats=beats, metre=sure, beat_count=sure, first_downbeat_s=sure))


BEATS = np.arange(0.5, DURATION_S - 1.0, BEAT_S)
ROCK = {"kick": BEATS[0::2], "snare": BEATS[1::2], "closed": np.arange(0.5, DURATION_S - 1.0, BEAT_S / 2.0)}


@pytest.fixture(scope="module")
def rock() -> DrumFeatures:
    return drums_of(part(ROCK), song=song_with_beats())


def times_of(features: DrumFeatures, drum: str) -> Samples:
    return np.array([hit.time_s for hit in features.drum_hits if hit.drum == drum])


def f_measure(found: Samples, truth: Samples) -> float:
    hits = sum(bool(np.abs(found - time).min(initial=np.inf) < 0.05) for time in truth)
    return 2.0 * hits / max(1, found.size + truth.size)


# Onsets


def test_onsets_lie_within_five_milliseconds_of_clicks() -> None:
    clicks = np.zeros(RATE_HZ * 6)
    truth = np.arange(0.5, 5.5, 0.2371)
    for time in truth:
        clicks[round(time * RATE_HZ) :][:200] += np.exp(-np.arange(200) / 40.0)
    found = find_onsets(view_of(clicks)).times_s
    errors = np.array([np.abs(found - time).min() for time in truth])
    assert errors.max() < 0.005


def test_a_tone_rises_most_at_its_start() -> None:
    t = np.arange(RATE_HZ * 4) / RATE_HZ
    onsets = find_onsets(view_of(np.where((t > 1.0), np.sin(2 * np.pi * 440.0 * t), 0.0)))
    strongest = onsets.rises_db.sum(axis=1).argmax()
    assert onsets.times_s[strongest] == pytest.approx(1.0, abs=0.01)


def test_every_onset_is_described_by_finite_numbers() -> None:
    view = view_of(part(ROCK))
    onsets = find_onsets(view)
    table = describe_onsets(view, onsets)
    assert table.shape == (onsets.frames.size, FEATURES)
    assert np.isfinite(table).all()


# Hits


@pytest.mark.parametrize(("piece", "drum"), [("kick", "kick"), ("snare", "snare"), ("closed", "hihat")])
def test_hits_are_found_where_they_were_played(rock: DrumFeatures, piece: str, drum: str) -> None:
    assert f_measure(times_of(rock, drum), np.asarray(ROCK[piece])) > 0.9


def test_hit_times_are_exact_to_ten_milliseconds(rock: DrumFeatures) -> None:
    found = times_of(rock, "kick")
    assert np.median([np.abs(found - time).min() for time in ROCK["kick"]]) < 0.010


def test_two_drums_at_one_instant_are_two_hits(rock: DrumFeatures) -> None:
    kicks, hats = times_of(rock, "kick"), times_of(rock, "hihat")
    together = [np.abs(hats - time).min() < 0.02 for time in kicks]
    assert np.mean(together) > 0.9


def test_present_and_absent_drums_are_told_apart(rock: DrumFeatures) -> None:
    values = (rock.kick_present.value, rock.snare_present.value, rock.hihat_present.value, rock.tom_present.value)
    assert values == (True, True, True, False)


def test_an_absent_drum_has_no_hits_and_a_density_of_zero() -> None:
    features = drums_of(part({"kick": BEATS}))
    assert {hit.drum for hit in features.drum_hits} == {"kick"}
    assert features.snare_present.value is False
    assert features.snare_density_hz.value == 0.0


def test_density_counts_hits_a_second(rock: DrumFeatures) -> None:
    assert rock.kick_density_hz.value == pytest.approx(len(ROCK["kick"]) / DURATION_S, rel=0.1)


def test_onset_density_counts_instants_not_hits(rock: DrumFeatures) -> None:
    assert rock.onset_density_hz.value == pytest.approx(4.0, rel=0.15)


def test_percussion_of_no_class_is_an_onset_too() -> None:
    tambourine = np.arange(0.5, DURATION_S - 1.0, 0.5) + 0.125
    features = drums_of(part({"kick": BEATS, "tambourine": tambourine}))
    found = np.array([onset.time_s for onset in features.drum_onsets])
    assert f_measure(found, np.sort(np.concatenate([BEATS, tambourine]))) > 0.9


def test_strength_falls_with_the_level_of_the_stroke() -> None:
    loud, soft = BEATS[0::2], BEATS[1::2]
    features = drums_of(part({"kick": loud}) + 0.3 * part({"kick": soft}))
    hits = [hit for hit in features.drum_hits if hit.drum == "kick"]
    strong = [h.strength for h in hits if np.abs(loud - h.time_s).min() < 0.05]
    weak = [h.strength for h in hits if np.abs(soft - h.time_s).min() < 0.05]
    assert np.median(strong) == pytest.approx(1.0, abs=0.1)
    assert np.median(weak) == pytest.approx(0.3, abs=0.1)


def test_soft_snare_strokes_are_ghost_notes() -> None:
    accents = part({"kick": BEATS[0::2], "snare": BEATS[1::2]})
    ghosts = part({"snare": BEATS[1::2] + 0.25}) * 0.12
    features = drums_of(accents + ghosts)
    assert features.ghost_note_share.value == pytest.approx(0.5, abs=0.15)


def test_without_ghost_notes_their_share_is_zero(rock: DrumFeatures) -> None:
    assert rock.ghost_note_share.value == pytest.approx(0.0, abs=0.05)


def test_noise_is_no_drum() -> None:
    features = drums_of(np.random.default_rng(0).normal(0.0, 0.1, RATE_HZ * 8))
    assert features.drum_hits == ()


def sung_syllables() -> Samples:
    """Short notes on two vowels, a note a third of a second."""
    vowels = ((800.0, 1200.0, 2500.0), (300.0, 2300.0, 3000.0))
    notes = [
        voice_synthesis.sing(
            voice_synthesis.held(200.0 * 2.0 ** (step / 12.0), 0.25), vowels[step % 2], seed=step
        ).samples
        for step in (0, 3, 5, 7, 4, 2, 9, 5)
    ]
    return np.concatenate([np.append(voice_synthesis.faded(note), np.zeros(RATE_HZ // 12)) for note in 5 * notes])


def test_a_voice_that_is_named_drums_gets_no_measurement_of_drums() -> None:
    features = drums_of(sung_syllables())
    assert (features.drum_kit_probability.value or 1.0) < 0.05
    for name in ("kick_present", "snare_density_hz", "ghost_note_share", "pattern_repetition"):
        assert (getattr(features, name).reason or "").startswith("no drum kit"), name
    assert not features.drum_hits
    assert not features.drum_onsets
    assert features.drum_activity
    assert features.loudness_integrated_lufs.value is not None


def test_drums_are_a_kit(rock: DrumFeatures) -> None:
    assert (rock.drum_kit_probability.value or 0.0) > 0.5


def test_a_few_strokes_do_not_tell_a_kit_from_anything_else() -> None:
    features = drums_of(part({"kick": np.arange(2.0, 14.0, 3.0)}))
    assert features.drum_kit_probability.reason == "fewer than 8 strokes in less than 10 s of sound"
    assert features.kick_present.value is True


@pytest.mark.parametrize("piece", ["open", "ride", "shaker", "tambourine", "side_stick", "tom"])
def test_one_piece_played_by_itself_is_not_refused(piece: str) -> None:
    features = drums_of(part({piece: np.arange(0.5, DURATION_S - 1.0, 1.0)}))
    assert features.something_else is None


def test_silence_around_the_drums_changes_nothing_about_the_kit(rock: DrumFeatures) -> None:
    struck = part({"kick": BEATS, "snare": BEATS[1::2]})
    alone = drums_of(struck).drum_kit_probability.value
    # So long a pause that drums sound in one frame of 25.
    among = drums_of(np.concatenate([np.zeros(24 * struck.size), struck])).drum_kit_probability.value
    assert alone is not None
    assert among == pytest.approx(alone, abs=0.05)


# Choice of hits


def candidates(times_s: Sequence[float]) -> Onsets:
    frames = np.round(np.array(times_s) * 100.0).astype(np.int64)
    return Onsets(frames, np.array(times_s), np.zeros((frames.size, 4), np.float32), np.zeros((2000, 24), np.float32))


def test_of_two_candidates_within_a_flam_the_more_probable_is_kept() -> None:
    p = np.zeros((2, len(DRUMS)), np.float32)
    p[:, 0] = 0.7, 0.9
    hits = choose_hits(candidates([1.0, 1.02]), p)["kick"]
    assert hits.times_s.tolist() == [1.02]


def test_the_threshold_adapts_to_what_a_stem_makes_probable() -> None:
    doubtful = np.zeros((20, len(DRUMS)), np.float32)
    doubtful[:, 0] = 0.45
    mixed = doubtful.copy()
    mixed[:10, 0] = 0.95
    mixed[10:, 0] = 0.30
    onsets = candidates(np.arange(1.0, 11.0, 0.5).tolist())
    assert choose_hits(onsets, doubtful)["kick"].times_s.size == 20
    assert choose_hits(onsets, mixed)["kick"].times_s.size == 10


def test_a_stroke_that_the_pattern_asks_for_has_evidence() -> None:
    times = np.arange(1.0, 31.0, 0.25)
    p = np.full((times.size, 1), 0.05, np.float32)
    p[::2] = 0.9
    p[40] = 0.2
    evidence = repetition(times, p)
    assert evidence[40].min() > 0.8
    assert evidence[41].max() < 0.2


def hits_with(probabilities: Sequence[float]) -> Hits:
    p = np.asarray(probabilities, np.float64)
    return Hits(np.arange(1.0, p.size + 1.0, dtype=np.float64), p, np.ones(p.size))


def test_more_and_surer_hits_make_presence_surer() -> None:
    few, many = presence(hits_with([0.8] * 2), "kick"), presence(hits_with([0.95] * 20), "kick")
    assert many.value is True
    assert many.confidence is not None
    assert few.confidence is not None
    assert many.confidence > 0.9
    assert presence(hits_with([]), "kick").value is False


# Invariances


@pytest.mark.parametrize("gain", [-1.0, 0.02])
def test_gain_and_polarity_do_not_change_the_hits(rock: DrumFeatures, gain: float) -> None:
    other = drums_of(gain * part(ROCK))
    assert [(h.drum, round(h.time_s, 3)) for h in other.drum_hits] == [
        (h.drum, round(h.time_s, 3)) for h in rock.drum_hits
    ]


def test_leading_silence_shifts_the_hits(rock: DrumFeatures) -> None:
    late = drums_of(np.concatenate([np.zeros(RATE_HZ), part(ROCK)]))
    assert times_of(late, "kick") - 1.0 == pytest.approx(times_of(rock, "kick"), abs=0.005)


def test_channels_may_be_swapped() -> None:
    left, right = part({"kick": BEATS[0::2]}), part({"snare": BEATS[1::2]})
    assert drums_of(left, right).drum_hits == drums_of(right, left).drum_hits


def test_the_sample_rate_does_not_matter(rock: DrumFeatures) -> None:
    import soxr

    other = drums_of(soxr.resample(part(ROCK), RATE_HZ, 48000), rate_hz=48000)
    for drum in ("kick", "snare", "hihat"):
        assert f_measure(times_of(other, drum), times_of(rock, drum)) > 0.97


# Patterns


def grid(*, beats_per_bar: int = 4, compound: bool = False, bars: int = 12) -> Grid:
    count = bars * beats_per_bar
    positions = np.arange(count, dtype=np.int64) % beats_per_bar + 1
    made = grid_of(np.asarray(0.5 + BEAT_S * np.arange(count), np.float64), positions, compound=compound)
    assert made is not None
    return made


def test_the_pattern_of_each_drum_is_read_off_the_grid() -> None:
    bars = grid()
    kick = np.sort(np.concatenate([0.5 + 2.0 * np.arange(12), 0.5 + 2.0 * np.arange(12) + 1.25]))
    row = pattern_of("kick", bars, bar_table(*steps_of(bars, kick, None)[:2], bars.steps))
    assert (row.pattern, row.bar_share, row.bars) == ("x.........x.....", 1.0, 12)
    assert row.average == "9000000000900000"


def test_the_share_of_the_common_pattern_tells_how_often_it_is_varied() -> None:
    bars = grid()
    kick = np.append(0.5 + 2.0 * np.arange(12), [1.0, 9.0, 17.0])
    row = pattern_of("kick", bars, bar_table(*steps_of(bars, np.sort(kick), None)[:2], bars.steps))
    assert row.pattern == "x..............."
    assert row.bar_share == pytest.approx(9 / 12)


def test_six_eight_has_twelve_steps() -> None:
    bars = grid(beats_per_bar=2, compound=True)
    assert bars.steps == 12
    assert steps_of(bars, np.array([0.5 + BEAT_S * 4 / 6]), None)[1].tolist() == [4]


def test_hits_before_the_first_downbeat_belong_to_no_bar() -> None:
    made = grid_of(np.arange(1.0, 9.0, 0.5), (np.arange(16) + 3) % 4 + 1, compound=False)
    assert made is not None
    assert steps_of(made, np.array([1.0, 1.5]), None)[0].tolist() == [-1, 0]


@pytest.mark.parametrize("ratio", [0.58, 0.667])
def test_swung_eighths_are_measured(ratio: float) -> None:
    bars = grid()
    times = np.sort(np.concatenate([bars.beats_s, bars.beats_s + ratio * BEAT_S]))
    swing = measure_swing(bars, times + np.random.default_rng(1).normal(0.0, 0.005, times.size))
    assert swing is not None
    assert swing.subdivision == 8
    assert swing.ratio == pytest.approx(ratio, abs=0.02)


def test_swung_sixteenths_are_measured() -> None:
    bars = grid()
    times = np.sort(np.concatenate([bars.beats_s + BEAT_S * place for place in (0.0, 0.31, 0.5, 0.81)]))
    swing = measure_swing(bars, times)
    assert swing is not None
    assert swing.subdivision == 16
    assert swing.ratio == pytest.approx(0.62, abs=0.02)


@pytest.mark.parametrize("places", [(0.0, 0.5), (0.0, 0.25, 0.5, 0.75), (0.0, 0.5, 0.75)])
def test_straight_notes_do_not_swing(places: tuple[float, ...]) -> None:
    bars = grid()
    times = np.sort(np.concatenate([bars.beats_s + BEAT_S * place for place in places]))
    swing = measure_swing(bars, times + np.random.default_rng(2).normal(0.0, 0.006, times.size))
    assert swing is not None
    assert swing.ratio == 0.5


def test_a_swung_eighth_is_written_on_the_step_of_the_eighth() -> None:
    bars = grid()
    times = np.sort(np.concatenate([bars.beats_s, bars.beats_s + 0.667 * BEAT_S]))
    swing = measure_swing(bars, times)
    assert set((steps_of(bars, times, swing)[1] % 4).tolist()) == {0, 2}


# Syncopation of the six classic claves, worked by hand from Longuet-Higgins & Lee's rule.
@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("x...x.x...x.x...", 2),  # shiko
        ("x..x..x...x.x...", 4),  # son
        ("x..x..x...xx....", 6),  # soukous
        ("x..x...x..x.x...", 5),  # rumba
        ("x..x..x...x..x..", 6),  # bossa nova
        ("x..x..x...x...x.", 5),  # gahu
        ("x...x...x...x...", 0),
    ],
)
def test_syncopation_follows_the_published_definition(pattern: str, value: int) -> None:
    row = np.array([character == "x" for character in pattern])
    assert pattern_syncopation(row, metrical_weights(4)) == value


def test_the_song_gets_patterns_bars_and_repetition(rock: DrumFeatures) -> None:
    patterns = {row.drum: row.pattern for row in rock.drum_patterns}
    assert patterns["kick"] == "x.......x......."
    assert patterns["snare"] == "....x.......x..."
    assert patterns["hihat"] == "x.x.x.x.x.x.x.x."
    assert rock.pattern_repetition.value is not None
    assert rock.pattern_repetition.value > 0.7
    assert {row.pattern for row in rock.drum_bars if row.drum == "kick"} >= {"X.......X......."}


def test_hits_know_their_bar_and_step(rock: DrumFeatures) -> None:
    kick = next(hit for hit in rock.drum_hits if hit.drum == "kick" and hit.time_s > 2.4)
    assert (kick.bar, kick.step) == (1, 0)


def test_a_straight_rock_beat_is_not_syncopated(rock: DrumFeatures) -> None:
    assert rock.kick_snare_syncopation.value == pytest.approx(0.0, abs=0.3)
    # No surer than the bars, which are given with 0.5, and than the hits.
    assert 0.4 < (rock.kick_snare_syncopation.confidence or 0.0) < 0.5
    assert rock.timing_spread_ms.value is not None
    assert rock.timing_spread_ms.value < 8.0


def test_without_beats_what_needs_bars_is_unknown() -> None:
    features = drums_of(part(ROCK))
    for measurement in (features.swing_ratio, features.kick_snare_syncopation, features.pattern_repetition):
        assert measurement.value is None
    assert features.drum_patterns == ()


# Robustness


def test_silence_is_unusable() -> None:
    features = drums_of(np.zeros(RATE_HZ * 2))
    assert features.unusable is not None
    assert features.kick_present.value is None


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(["noise", "low", "high", "dc", "impulse", "square"]),
    duration_s=st.floats(0.0, 2.0),
    level=st.sampled_from([1e-3, 1.0]),
)
def test_hostile_signals_raise_nothing(kind: str, duration_s: float, level: float) -> None:
    t = np.arange(max(1, round(duration_s * RATE_HZ))) / RATE_HZ
    wave = {
        "noise": np.random.default_rng(0).uniform(-1.0, 1.0, t.size),
        "low": np.sin(2 * np.pi * t),
        "high": np.sin(2 * np.pi * 20000.0 * t),
        "dc": np.ones(t.size),
        "impulse": (np.arange(t.size) == t.size // 2).astype(float),
        "square": np.sign(np.sin(2 * np.pi * 3.0 * t)),
    }[kind]
    features = drums_of(level * wave, song=song_with_beats())
    assert features.unusable is not None or all(0.0 <= hit.strength <= 1.0 for hit in features.drum_hits)


def test_the_model_is_small_and_says_what_it_saw() -> None:
    path = Path(classes.__file__).with_name("drum_model.npz")
    assert path.stat().st_size < 300_000
    with np.load(path, allow_pickle=False) as stored:
        fields: dict[str, Any] = {name: str(stored[name]) for name in ("provenance", "sources", "licence")}
    assert all(fields.values())
