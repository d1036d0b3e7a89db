"""What the measurements of the vocals stem promise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.vocals.measure import analyse_vocals
from flamingo_bark_assets.record import Measurement
from tests import voice_synthesis as voice

SHARE: Measurement[float] = Measurement.of(0.25, method="given")

# Means of vowels: Hillenbrand et al., JASA 97 (1995).
VOWELS = {
    "a": (768.0, 1333.0, 2522.0),
    "i": (342.0, 2322.0, 3000.0),
    "u": (378.0, 997.0, 2343.0),
    "o": (652.0, 997.0, 2538.0),
}


def vocals_of(samples: NDArray[np.floating], rate_hz: int = voice.RATE_HZ) -> VocalFeatures:
    return analyse_vocals("s", voice.view_of(samples, rate_hz=rate_hz), energy_share=SHARE)


def melody(semitones: tuple[int, ...] = (0, 2, 4, 5, 7, 5, 4, 2, 0), each_s: float = 0.6) -> NDArray[np.float64]:
    return np.concatenate([voice.held(160.0 * 2.0 ** (step / 12.0), each_s) for step in semitones])


@pytest.fixture(scope="module")
def song() -> NDArray[np.float64]:
    """Two phrases of singing with vibrato and a rest between them."""
    phrase = voice.faded(voice.sing(voice.with_vibrato(220.0, 5.5, 50.0, 2.0), hnr_db=30.0).samples)
    rest = np.zeros(voice.RATE_HZ)
    return np.concatenate([rest, phrase, rest, phrase, rest])


@pytest.mark.parametrize("hz", [98.0, 220.0, 440.0, 880.0])
def test_f0_of_a_held_tone(hz: float) -> None:
    features = vocals_of(voice.sing(voice.held(hz, 2.0)).samples)
    assert features.f0_median_hz.value == pytest.approx(hz, rel=0.005)
    assert (features.voiced_fraction.value or 0.0) > 0.9


def test_a_strong_second_harmonic_does_not_lift_the_pitch_an_octave() -> None:
    t = np.arange(2 * voice.RATE_HZ) / voice.RATE_HZ
    sound = 0.4 * np.sin(2 * np.pi * 220.0 * t) + np.sin(2 * np.pi * 440.0 * t) + 0.3 * np.sin(2 * np.pi * 660.0 * t)
    assert vocals_of(0.3 * sound).f0_median_hz.value == pytest.approx(220.0, rel=0.01)


def test_a_first_formant_near_the_second_harmonic_does_not_lift_the_pitch_an_octave() -> None:
    features = vocals_of(voice.sing(voice.held(330.0, 2.0)).samples)
    assert features.f0_median_hz.value == pytest.approx(330.0, rel=0.01)


def test_the_f0_table_follows_a_glide() -> None:
    f0_hz = 150.0 * 2.0 ** (np.arange(3 * voice.RATE_HZ) / (3 * voice.RATE_HZ))
    rows = [row for row in vocals_of(voice.sing(f0_hz).samples).vocal_f0 if row.voiced]
    at = np.array([round(row.time_s * voice.RATE_HZ) for row in rows])
    cents = 1200.0 * np.log2(np.array([row.f0_hz for row in rows]) / f0_hz[np.minimum(at, f0_hz.size - 1)])
    assert len(rows) > 280
    assert np.median(np.abs(cents)) < 10.0
    assert np.mean(np.abs(cents) < 50.0) > 0.97


def test_range() -> None:
    features = vocals_of(voice.sing(melody((0, 12)), (500.0, 1500.0, 2500.0)).samples)
    assert features.f0_low_hz.value == pytest.approx(160.0, rel=0.02)
    assert features.f0_high_hz.value == pytest.approx(320.0, rel=0.02)
    assert features.f0_range_semitones.value == pytest.approx(12.0, abs=0.4)


@pytest.mark.parametrize(("hz", "word"), [(105.0, "low"), (185.0, "middle"), (370.0, "high"), (740.0, "very high")])
def test_a_register_is_an_octave_of_pitch(hz: float, word: str) -> None:
    assert vocals_of(voice.sing(voice.held(hz, 1.5)).samples).register.value == word


@pytest.mark.parametrize("vowel", VOWELS)
@pytest.mark.parametrize(("f0_hz", "tolerance"), [(110.0, 0.05), (190.0, 0.1)])
def test_formants_of_a_vowel(vowel: str, f0_hz: float, tolerance: float) -> None:
    features = vocals_of(voice.sing(voice.held(f0_hz, 1.5), VOWELS[vowel], hnr_db=40.0).samples)
    found = (features.formant_f1_hz.value, features.formant_f2_hz.value, features.formant_f3_hz.value)
    assert found == pytest.approx(VOWELS[vowel], rel=tolerance)


def test_the_formant_table_tells_one_vowel_from_the_next() -> None:
    f0_hz = voice.held(140.0, 1.0)
    parts = [voice.faded(voice.sing(f0_hz, VOWELS[vowel], hnr_db=40.0).samples) for vowel in "ai"]
    rows = vocals_of(np.concatenate(parts)).vocal_formants
    for number, vowel in enumerate("ai"):
        inside = [row for row in rows if number + 0.1 < row.time_s < number + 0.9]
        assert len(inside) >= 35
        found = np.median([(row.f1_hz, row.f2_hz, row.f3_hz) for row in inside], axis=0)
        assert found.tolist() == pytest.approx(VOWELS[vowel], rel=0.08)


def test_formants_of_a_high_voice_are_less_sure() -> None:
    low = vocals_of(voice.sing(voice.held(110.0, 1.5)).samples).formant_f1_hz.confidence
    high = vocals_of(voice.sing(voice.held(440.0, 1.5)).samples).formant_f1_hz.confidence
    assert (high or 0.0) < (low or 0.0) - 0.1


@pytest.mark.parametrize(("rate_hz", "extent_cents"), [(5.5, 50.0), (6.5, 100.0), (4.8, 30.0)])
def test_vibrato_rate_and_extent(rate_hz: float, extent_cents: float) -> None:
    features = vocals_of(voice.sing(voice.with_vibrato(300.0, rate_hz, extent_cents, 3.0)).samples)
    assert features.vibrato_present.value is True
    assert features.vibrato_rate_hz.value == pytest.approx(rate_hz, abs=0.1)
    assert features.vibrato_extent_cents.value == pytest.approx(extent_cents, rel=0.06)


def test_vibrato_of_a_melody_of_short_notes() -> None:
    steps = np.repeat([0, 2, 4, 5, 7, 4], round(0.7 * voice.RATE_HZ))
    f0_hz = voice.with_vibrato(200.0, 5.8, 40.0, steps.size / voice.RATE_HZ) * 2.0 ** (steps / 12.0)
    features = vocals_of(voice.sing(f0_hz).samples)
    assert features.vibrato_rate_hz.value == pytest.approx(5.8, abs=0.2)
    assert features.vibrato_extent_cents.value == pytest.approx(40.0, rel=0.1)


@pytest.mark.parametrize(("rate_hz", "extent_cents"), [(5.5, 0.0), (2.0, 30.0), (11.0, 50.0)])
def test_a_straight_a_slow_and_a_fast_wobble_are_no_vibrato(rate_hz: float, extent_cents: float) -> None:
    features = vocals_of(voice.sing(voice.with_vibrato(300.0, rate_hz, extent_cents, 3.0)).samples)
    assert features.vibrato_present.value is False
    assert features.vibrato_rate_hz.value is None


def test_a_straight_melody_has_no_vibrato() -> None:
    assert vocals_of(voice.sing(melody()).samples).vibrato_present.value is False


@pytest.mark.parametrize("jitter", [0.003, 0.006, 0.012])
def test_jitter(jitter: float) -> None:
    sung = voice.sing(voice.held(150.0, 3.0), jitter=jitter)
    assert vocals_of(sung.samples).jitter_local.value == pytest.approx(sung.jitter_local, rel=0.25)


@pytest.mark.parametrize("shimmer", [0.02, 0.05, 0.1])
def test_shimmer(shimmer: float) -> None:
    sung = voice.sing(voice.held(150.0, 3.0), shimmer=shimmer)
    assert vocals_of(sung.samples).shimmer_local.value == pytest.approx(sung.shimmer_local, rel=0.35)


def test_noise_lowers_the_harmonics_to_noise_ratio_and_the_cepstral_peak() -> None:
    found = [vocals_of(voice.sing(voice.held(150.0, 2.0), hnr_db=db).samples) for db in (0.0, 10.0, 20.0, 30.0)]
    hnr_db = [features.hnr_relative_db.value or -99.0 for features in found]
    cpp_db = [features.cepstral_peak_prominence_db.value or -99.0 for features in found]
    assert hnr_db == sorted(hnr_db)
    assert cpp_db == sorted(cpp_db)
    assert hnr_db[-1] - hnr_db[0] > 12.0


def test_held_notes_are_sung_and_glides_are_spoken() -> None:
    sung = vocals_of(voice.sing(melody()).samples).sung_tendency.value
    spoken = vocals_of(voice.sing(voice.gliding(5.0)).samples).sung_tendency.value
    assert (sung or 0.0) > 0.8
    assert (spoken if spoken is not None else 1.0) < 0.3


def test_vibrato_does_not_make_singing_speech() -> None:
    features = vocals_of(voice.sing(voice.with_vibrato(220.0, 5.5, 80.0, 3.0)).samples)
    assert (features.sung_tendency.value or 0.0) > 0.8


def test_phrases_are_the_stretches_of_singing(song: NDArray[np.float64]) -> None:
    first, second = vocals_of(song).vocal_phrases
    assert (first.start_s, first.end_s) == pytest.approx((1.0, 3.0), abs=0.06)
    assert (second.start_s, second.end_s) == pytest.approx((4.0, 6.0), abs=0.06)
    assert (first.f0_median_hz, second.f0_median_hz) == pytest.approx((220.0, 220.0), rel=0.01)


def test_a_breath_does_not_end_a_phrase() -> None:
    note = voice.faded(voice.sing(voice.held(220.0, 1.0)).samples)
    features = vocals_of(np.concatenate([note, np.zeros(voice.RATE_HZ // 5), note]))
    assert len(features.vocal_phrases) == 1


def shouted(seed: int) -> NDArray[np.float64]:
    """A line of a second and more a note whose pitch slides, sags and trembles without any rate."""
    rng = np.random.default_rng(seed)
    notes = []
    for number in range(8):
        n = round(1.0 * voice.RATE_HZ)
        u = np.linspace(0.0, 1.0, n)
        slide = rng.uniform(-1.0, 1.0) * u if number % 2 else -rng.uniform(1.0, 5.0) * u**2
        knots = rng.normal(0.0, 0.25, 12)
        tremor = np.interp(u, np.linspace(0.0, 1.0, knots.size), knots)
        notes.append(260.0 * 2.0 ** ((rng.choice([0, 2, 4, 5, 7]) + slide + tremor) / 12.0))
    return voice.sing(np.concatenate(notes), hnr_db=12.0, jitter=0.01, shimmer=0.08, seed=seed).samples


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_shouted_line_with_slides_and_a_tremor_has_no_vibrato(seed: int) -> None:
    assert vocals_of(shouted(seed)).vibrato_present.value is not True


def test_one_note_with_a_swing_among_straight_ones_is_no_vibrato() -> None:
    straight = [voice.held(hz, 0.8) for hz in (220.0, 247.0, 262.0, 294.0, 262.0, 247.0, 220.0, 196.0)]
    f0_hz = np.concatenate([*straight, voice.with_vibrato(220.0, 5.5, 50.0, 0.8)])
    features = vocals_of(voice.sing(f0_hz).samples)
    assert features.vibrato_present.value is False
    assert features.vibrato_share.value == pytest.approx(1.0 / 9.0, abs=0.03)


def test_two_short_notes_do_not_tell_whether_there_is_vibrato() -> None:
    f0_hz = np.concatenate([voice.held(220.0, 0.7), voice.held(262.0, 0.7)])
    features = vocals_of(voice.sing(f0_hz).samples)
    assert features.vibrato_present.value is None
    assert "sustained notes" in (features.vibrato_present.reason or "")


def test_bleed_an_octave_below_does_not_pull_the_pitch_down() -> None:
    f0_hz = 1.5 * melody((0, 2, 4, 2, 0, 2, 4, 2, 0))
    sung = voice.sing(f0_hz, hnr_db=30.0).samples
    phase = np.pi * np.cumsum(f0_hz) / voice.RATE_HZ
    bass = np.sum([np.sin(k * phase) / k for k in (1, 3, 5, 7)], axis=0)
    bass *= 0.15 * sung.std() / bass.std()
    bass[: 2 * sung.size // 3] = 0.0
    rows = [row for row in vocals_of(sung + bass).vocal_f0 if row.voiced]
    at = np.minimum([round(row.time_s * voice.RATE_HZ) for row in rows], f0_hz.size - 1)
    cents = 1200.0 * np.log2(np.array([row.f0_hz for row in rows]) / f0_hz[at])
    assert np.mean(np.abs(cents) < 50.0) > 0.95


def strummed_guitar(duration_s: float) -> NDArray[np.float64]:
    """Plucked strings (Karplus & Strong, 1983): four chords, a strum every half second."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(4)
    out = np.zeros(round((duration_s + 2.0) * voice.RATE_HZ))
    for strum in range(round(2 * duration_s)):
        root = (110.0, 146.8, 98.0, 130.8)[strum // 4 % 4]
        for string, ratio in enumerate((1.0, 1.498, 2.0, 2.52, 2.997)):
            period = round(voice.RATE_HZ / (root * ratio))
            burst = np.zeros(round(1.5 * voice.RATE_HZ))
            burst[:period] = rng.uniform(-1.0, 1.0, period)
            loop = np.zeros(period + 2)
            loop[0], loop[period], loop[period + 1] = 1.0, -0.495, -0.495
            start = round((0.5 * strum + 0.012 * string) * voice.RATE_HZ)
            out[start : start + burst.size] += lfilter([1.0], loop, burst)
    return 0.1 * out[: round(duration_s * voice.RATE_HZ)]


def test_a_guitar_that_is_named_vocals_gets_no_measurement_of_a_voice() -> None:
    features = vocals_of(strummed_guitar(14.0))
    assert (features.voice_probability.value or 1.0) < 0.125
    for name in ("f0_median_hz", "register", "sung_tendency", "vibrato_present", "formant_f1_hz", "jitter_local"):
        assert (getattr(features, name).reason or "").startswith("no voice"), name
    assert not features.vocal_phrases
    assert not features.vocal_f0
    assert features.vocal_activity
    assert features.loudness_integrated_lufs.value is not None


def test_silence_with_noise_is_no_voice() -> None:
    features = vocals_of(np.random.default_rng(5).normal(0.0, 10.0 ** (-45.0 / 20.0), 12 * voice.RATE_HZ))
    assert (features.voice_probability.value or 1.0) < 0.125
    assert not features.vocal_phrases


def words(duration_s: float) -> NDArray[np.float64]:
    """Notes that glide into each other, a vowel each, and a hiss between some of them."""
    rng = np.random.default_rng(6)
    parts: list[NDArray[np.float64]] = []
    at, last = 0.0, 0.0
    while at < duration_s:
        step, length_s = float(rng.choice([0, 2, 4, 5, 7])), float(rng.uniform(0.2, 0.6))
        u = np.arange(round(length_s * voice.RATE_HZ)) / voice.RATE_HZ
        wander = 0.2 * np.sin(2.0 * np.pi * 1.3 * u)
        f0_hz = 200.0 * 2.0 ** ((step + wander + (last - step) * np.exp(-u / 0.04)) / 12.0)
        vowel = VOWELS["aiuo"[rng.integers(4)]]
        parts.append(voice.faded(voice.sing(f0_hz, vowel, hnr_db=25.0, seed=len(parts)).samples))
        hiss = np.diff(rng.normal(0.0, 0.05, round(0.08 * voice.RATE_HZ)), prepend=0.0)
        parts.append(hiss if rng.random() < 0.5 else np.zeros(round(0.03 * voice.RATE_HZ)))
        if rng.random() < 0.2:
            parts.append(np.zeros(round(0.6 * voice.RATE_HZ)))
        at, last = sum(part.size for part in parts) / voice.RATE_HZ, step
    return np.concatenate(parts)


def test_words_that_are_sung_are_a_voice() -> None:
    features = vocals_of(words(14.0))
    assert (features.voice_probability.value or 0.0) > 0.5
    assert features.f0_median_hz.value is not None


def test_the_reverberation_of_a_voice_is_not_part_of_its_phrase(song: NDArray[np.float64]) -> None:
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(7)
    t = np.arange(2 * voice.RATE_HZ) / voice.RATE_HZ
    tail = rng.normal(0.0, 1.0, t.size) * np.exp(-6.9 * t / 1.2)
    wet = fftconvolve(song, tail / np.sqrt(np.sum(tail**2)))[: song.size]
    phrases = vocals_of(song + 0.25 * wet).vocal_phrases
    assert [phrase.start_s for phrase in phrases] == pytest.approx([1.0, 4.0], abs=0.1)
    assert [phrase.end_s for phrase in phrases] == pytest.approx([3.0, 6.0], abs=0.3)


def test_what_was_never_calibrated_has_no_confidence(song: NDArray[np.float64]) -> None:
    features = vocals_of(song)
    for name in ("jitter_local", "shimmer_local", "hnr_relative_db", "cepstral_peak_prominence_db", "sung_tendency"):
        assert getattr(features, name).value is not None, name
        assert getattr(features, name).confidence is None, name


def test_faint_bleed_of_an_instrument_is_no_voice(song: NDArray[np.float64]) -> None:
    t = np.arange(song.size) / voice.RATE_HZ
    organ = np.sum([np.sin(2 * np.pi * 330.0 * k * t) / k for k in range(1, 8)], axis=0)
    features = vocals_of(song + 0.004 * organ)
    assert len(features.vocal_phrases) == 2
    assert (features.f0_high_hz.value or 999.0) < 250.0


def test_a_stem_with_hardly_any_energy_is_hardly_a_voice(song: NDArray[np.float64]) -> None:
    view = voice.view_of(1e-2 * song)
    share: Measurement[float] = Measurement.of(0.001, method="given")
    features = analyse_vocals("s", view, energy_share=share)
    assert all(phrase.confidence < 0.15 for phrase in features.vocal_phrases)
    assert (features.f0_median_hz.confidence or 1.0) < 0.15


def test_confidence_falls_with_noise() -> None:
    sung = voice.sing(voice.held(220.0, 2.0)).samples
    noise = np.random.default_rng(3).normal(0.0, 1.0, sung.size)
    sure = [vocals_of(0.5 * (sung + level * noise)).f0_median_hz.confidence for level in (0.0, 0.05, 0.15)]
    assert all(value is not None for value in sure)
    assert sorted(sure, key=lambda value: -(value or 0.0)) == sure


def test_whispered_noise_has_phrases_without_pitch() -> None:
    features = vocals_of(np.random.default_rng(0).normal(0.0, 0.1, 3 * voice.RATE_HZ))
    assert [phrase.f0_median_hz for phrase in features.vocal_phrases] == [None]
    assert features.f0_median_hz.value is None
    assert features.formant_f1_hz.value is None
    assert features.jitter_local.value is None


def numbers_of(features: VocalFeatures) -> list[float]:
    values = (
        features.f0_median_hz,
        features.formant_f1_hz,
        features.formant_f2_hz,
        features.formant_f3_hz,
        features.vibrato_rate_hz,
        features.vibrato_extent_cents,
        features.jitter_local,
        features.shimmer_local,
        features.hnr_relative_db,
        features.cepstral_peak_prominence_db,
        features.sung_tendency,
        features.voiced_fraction,
    )
    return [float(value.value) if value.value is not None else -1.0 for value in values]


@pytest.mark.parametrize("factor", [0.05, -1.0, 1.9])
def test_gain_and_polarity_change_nothing(song: NDArray[np.float64], factor: float) -> None:
    assert numbers_of(vocals_of(factor * song)) == pytest.approx(numbers_of(vocals_of(song)), rel=0.01)


def test_swapped_channels_change_nothing(song: NDArray[np.float64]) -> None:
    left, right = song, 0.6 * song
    one, other = (
        analyse_vocals("s", voice.view_of(*channels), energy_share=SHARE) for channels in ((left, right), (right, left))
    )
    assert numbers_of(one) == pytest.approx(numbers_of(other), rel=1e-3)


def test_another_sample_rate_changes_little(song: NDArray[np.float64]) -> None:
    import soxr

    resampled = soxr.resample(song, voice.RATE_HZ, 48000)
    assert numbers_of(vocals_of(resampled, 48000)) == pytest.approx(numbers_of(vocals_of(song)), rel=0.03)


def test_leading_silence_shifts_the_times(song: NDArray[np.float64]) -> None:
    here, later = vocals_of(song), vocals_of(np.concatenate([np.zeros(2 * voice.RATE_HZ), song]))
    assert numbers_of(later) == pytest.approx(numbers_of(here), rel=0.03)
    starts = [phrase.start_s + 2.0 for phrase in here.vocal_phrases]
    assert [phrase.start_s for phrase in later.vocal_phrases] == pytest.approx(starts, abs=0.011)
    first, shifted = (next(row for row in found.vocal_f0 if row.voiced) for found in (here, later))
    assert shifted.time_s == pytest.approx(first.time_s + 2.0, abs=0.011)


def test_a_long_stem_read_in_pieces_gives_the_same(song: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = vocals_of(song)
    monkeypatch.setattr(AudioView, "is_long", property(lambda view: True))
    monkeypatch.setattr("flamingo_bark_assets.analysis.vocals.measure._PIECE_S", 2.0)
    pieces = vocals_of(song)
    assert [row.frame for row in pieces.vocal_f0] == [row.frame for row in whole.vocal_f0]
    assert len(pieces.vocal_formants) == pytest.approx(len(whole.vocal_formants), abs=2)
    assert numbers_of(pieces)[:6] == pytest.approx(numbers_of(whole)[:6], rel=0.01)


def hostile() -> dict[str, NDArray[np.float64]]:
    t = np.arange(2 * voice.RATE_HZ) / voice.RATE_HZ
    rng = np.random.default_rng(1)
    return {
        "one sample": np.ones(1),
        "silence": np.zeros(voice.RATE_HZ),
        "dc": np.full(voice.RATE_HZ, 0.7),
        "full-scale noise": rng.uniform(-1.0, 1.0, 2 * voice.RATE_HZ),
        "1 Hz": np.sin(2 * np.pi * t),
        "20 kHz": np.sin(2 * np.pi * 20000.0 * t),
        "half a second": np.sin(2 * np.pi * 220.0 * t[: voice.RATE_HZ // 2]),
        "clicks": np.where(np.arange(t.size) % 4410 == 0, 1.0, 0.0),
        "square at full scale": np.sign(np.sin(2 * np.pi * 110.0 * t)),
        "clicks at the lowest pitch": np.where(np.arange(t.size) % 678 == 0, 1.0, 0.0),
    }


@pytest.mark.parametrize("name", hostile())
def test_hostile_sound_gives_finite_values_or_reasons(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = vocals_of(hostile()[name])
    for spec, measurement in features.measurements():
        assert (measurement.value is None) == (measurement.reason is not None), spec.name
    sure = [row.confidence for row in features.vocal_f0] + [row.confidence for row in features.vocal_formants]
    assert all(0.0 <= confidence <= 1.0 for confidence in sure)


@pytest.mark.parametrize("name", ["silence", "20 kHz", "1 Hz"])
def test_what_is_no_voice_has_no_vibrato_and_no_formants(name: str) -> None:
    features = vocals_of(hostile()[name])
    assert features.vibrato_present.value in (None, False)
    assert features.formant_f1_hz.value is None


def test_resonances_are_the_roots_of_the_predictor() -> None:
    from flamingo_bark_assets.analysis.vocals.linear_prediction import _roots

    rng = np.random.default_rng(2)
    poles = rng.uniform(0.3, 0.99, (20, 6)) * np.exp(1j * rng.uniform(0.1, 3.0, (20, 6)))
    coefficients = np.array([np.real(np.poly(np.concatenate([z, z.conj()])))[1:] for z in poles])
    found = np.sort_complex(_roots(np.ascontiguousarray(coefficients)))
    assert np.allclose(found, np.sort_complex(poles), atol=1e-5)
