"""What the measurements of the bass stem promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bass import analyse_bass
from flamingo_bark_assets.analysis.features import BassFeatures
from tests import music

RIFF = (40, 40, 43, 45, 38, 40, 47, 33)
NOTE_S, GAP_S = 0.4, 0.1


def bass_of(samples: NDArray[np.floating]) -> BassFeatures:
    return analyse_bass("s", music.view_of(music.scaled(samples)), energy_share=music.SHARE)


def riff() -> NDArray[np.float64]:
    """Eight notes with gaps, the first pitch struck twice."""
    rest = np.zeros(round(GAP_S * music.RATE_HZ))
    return np.concatenate([part for midi in RIFF for part in (rest, music.tone(music.midi_hz(midi), NOTE_S))])


@pytest.mark.parametrize("midi", [28, 33, 45, 60])
def test_f0_of_a_held_note(midi: int) -> None:
    features = bass_of(music.tone(music.midi_hz(midi), 3.0))
    assert features.f0_median_hz.value == pytest.approx(music.midi_hz(midi), rel=0.01)
    assert (features.f0_median_hz.confidence or 0.0) > 0.8
    assert features.note_count.value == 1


def test_a_riff_has_its_notes_pitches_and_onsets() -> None:
    features = bass_of(riff())
    assert [note.midi for note in features.bass_notes] == list(RIFF)
    assert features.note_count.value == len(RIFF)
    onsets = [GAP_S + i * (NOTE_S + GAP_S) for i in range(len(RIFF))]
    assert [note.onset_s for note in features.bass_notes] == pytest.approx(onsets, abs=0.05)
    assert features.sustain_s.value == pytest.approx(NOTE_S, abs=0.08)


def test_range_covers_lowest_and_highest_note() -> None:
    features = bass_of(riff())
    assert features.f0_low_hz.value == pytest.approx(music.midi_hz(min(RIFF)), rel=0.02)
    assert features.f0_high_hz.value == pytest.approx(music.midi_hz(max(RIFF)), rel=0.02)


def test_a_pitch_struck_again_without_a_gap_is_a_new_note() -> None:
    features = bass_of(np.concatenate([music.tone(55.0, 0.5)] * 4))
    assert features.note_count.value == 4


@pytest.mark.parametrize(("harmonics", "share"), [(1, 1.0), (2, 0.8)])
def test_fundamental_strength_is_its_share_of_the_energy(harmonics: int, share: float) -> None:
    """Amplitudes 1 and 1/2 make powers 1 and 1/4: the fundamental has 1 / 1.25."""
    features = bass_of(music.tone(82.4, 3.0, harmonics=harmonics))
    assert features.fundamental_strength.value == pytest.approx(share, abs=0.05)


def test_noise_has_no_pitch() -> None:
    features = bass_of(music.noise(5.0))
    assert features.f0_median_hz.value is None or (features.voiced_fraction.value or 0.0) < 0.05


def test_gain_and_polarity_do_not_change_the_notes() -> None:
    sound = music.scaled(riff(), 0.9)
    one = analyse_bass("s", music.view_of(sound), energy_share=music.SHARE)
    other = analyse_bass("s", music.view_of(-0.1 * sound), energy_share=music.SHARE)
    assert [note.midi for note in other.bass_notes] == [note.midi for note in one.bass_notes]
    assert [note.onset_s for note in other.bass_notes] == pytest.approx([n.onset_s for n in one.bass_notes], abs=0.02)
