"""What the measurements of the drums stem promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums import analyse_drums
from flamingo_bark_assets.analysis.features import DrumFeatures
from tests import music

DURATION_S = 12.0
SOUNDS = {"kick": music.kick, "snare": music.snare, "hihat": music.hihat}
OFFSETS_S = {"kick": 0.0, "snare": 0.5, "hihat": 0.25}


def kit(*drums: str) -> NDArray[np.float64]:
    """Each drum once a second, at its own place in the second."""
    seconds = np.arange(0.5, DURATION_S - 1.0, 1.0)
    parts = [music.place(SOUNDS[drum](), seconds + OFFSETS_S[drum], DURATION_S) for drum in drums]
    return np.asarray(np.sum(parts, axis=0))


def drums_of(samples: NDArray[np.floating]) -> DrumFeatures:
    return analyse_drums("s", music.view_of(music.scaled(samples)), energy_share=music.SHARE)


@pytest.mark.parametrize(
    "played",
    [("kick",), ("snare",), ("hihat",), ("kick", "hihat"), ("kick", "snare"), ("kick", "snare", "hihat")],
)
def test_only_the_drums_that_are_played_are_present(played: tuple[str, ...]) -> None:
    features = drums_of(kit(*played))
    present = (features.kick_present.value, features.snare_present.value, features.hihat_present.value)
    assert present == tuple(drum in played for drum in SOUNDS)


def test_hits_have_the_times_and_the_rate_that_were_played() -> None:
    features = drums_of(kit("kick", "snare", "hihat"))
    for drum, offset_s in OFFSETS_S.items():
        truth = np.arange(0.5, DURATION_S - 1.0, 1.0) + offset_s
        hits = np.array([hit.time_s for hit in features.drum_hits if hit.drum == drum])
        assert hits.size == truth.size, drum
        assert np.abs(hits - truth).max() < 0.03, drum
    assert features.kick_density_hz.value == pytest.approx(11 / DURATION_S)


def test_an_absent_drum_has_no_hits_and_a_density_of_zero() -> None:
    features = drums_of(kit("kick"))
    assert {hit.drum for hit in features.drum_hits} == {"kick"}
    assert features.snare_density_hz.value == 0.0


def test_strength_is_relative_to_the_drums_strongest_hit() -> None:
    loud = music.place(music.kick(), np.arange(0.5, 11.0, 2.0), DURATION_S)
    soft = 0.5 * music.place(music.kick(), np.arange(1.5, 11.0, 2.0), DURATION_S)
    strengths = [hit.strength for hit in drums_of(loud + soft).drum_hits]
    assert strengths[0::2] == pytest.approx([1.0] * len(strengths[0::2]), abs=0.15)
    assert strengths[1::2] == pytest.approx([0.5] * len(strengths[1::2]), abs=0.15)


def test_steady_noise_is_no_drum() -> None:
    features = drums_of(music.noise(DURATION_S))
    assert [features.kick_present.value, features.snare_present.value, features.hihat_present.value] == [False] * 3


def test_gain_and_polarity_do_not_change_the_hits() -> None:
    sound = music.scaled(kit("kick", "snare", "hihat"), 0.9)
    one = analyse_drums("s", music.view_of(sound), energy_share=music.SHARE)
    other = analyse_drums("s", music.view_of(-0.1 * sound), energy_share=music.SHARE)
    assert [(h.drum, round(h.time_s, 3)) for h in other.drum_hits] == [
        (h.drum, round(h.time_s, 3)) for h in one.drum_hits
    ]


def test_a_metronome_is_less_complex_than_random_hits() -> None:
    regular = drums_of(kit("kick")).rhythm_complexity.value
    gaps = np.random.default_rng(5).uniform(0.15, 0.8, 22)
    random = drums_of(music.place(music.kick(), np.cumsum(gaps), DURATION_S)).rhythm_complexity.value
    assert regular is not None
    assert random is not None
    assert regular < 0.2 < random


def test_energy_share_is_passed_on_and_activity_measured() -> None:
    half = np.concatenate([music.noise(5.0), np.zeros(5 * music.RATE_HZ)])
    features = drums_of(half)
    assert features.energy_share == music.SHARE
    assert features.active_fraction.value == pytest.approx(0.5, abs=0.01)
