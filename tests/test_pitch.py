"""What the pitch tracker promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.mono import MonoPiece
from flamingo_bark_assets.analysis.pitch.candidates import find_candidates
from flamingo_bark_assets.analysis.pitch.tracking import Manner, PitchTrack, track_pitch, track_view
from flamingo_bark_assets.analysis.pitch.viterbi import best_path
from flamingo_bark_assets.audio.signal import FloatArray
from tests import music
from tests.pitch_synthesis import glide, harmonic_tone, reverberated

RATE_HZ = 11025
FMIN_HZ, FMAX_HZ = 65.0, 1000.0


def track(sound: NDArray[np.floating], *, rate_hz: int = music.RATE_HZ) -> PitchTrack:
    return track_view(music.view_of(music.scaled(sound), rate_hz=rate_hz), RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ)


def cents(f0_hz: NDArray[np.floating] | float, truth_hz: NDArray[np.floating] | float) -> NDArray[np.float64]:
    return np.asarray(1200.0 * np.log2(np.asarray(f0_hz) / truth_hz))


def middle(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Without the first and last 0.1 s."""
    return values[10:-10]


@pytest.mark.parametrize("hz", [70.0, 110.0, 233.08, 440.0, 777.0, 950.0])
def test_a_steady_tone_has_its_frequency_within_five_cents(hz: float) -> None:
    found = track(harmonic_tone(hz, 1.0, [1, 0.5, 0.3, 0.2]))
    assert middle(found.f0_hz).all()
    assert np.abs(cents(middle(found.f0_hz), hz)).max() < 5.0


def test_a_glide_over_two_octaves_is_followed_in_time_and_pitch() -> None:
    sound, f0_hz = glide(110.0, 440.0, 3.0)
    found = track(sound)
    truth = np.interp(found.times_s, music.times(3.0), f0_hz)
    assert np.abs(cents(middle(found.f0_hz), middle(truth))).max() < 15.0


def test_the_missing_fundamental_is_heard() -> None:
    found = track(harmonic_tone(150.0, 1.0, [0, 0, 1, 1, 1, 1]))
    assert np.abs(cents(middle(found.f0_hz), 150.0)).max() < 5.0


def test_a_second_harmonic_14_db_above_the_fundamental_does_not_raise_the_octave() -> None:
    found = track(harmonic_tone(150.0, 1.0, [0.35, 1.75, 0.35, 0.2, 0.2]))
    assert np.abs(cents(middle(found.f0_hz), 150.0)).max() < 5.0


def test_white_noise_is_unvoiced() -> None:
    assert track(music.noise(3.0)).voiced.mean() < 0.05


def test_aperiodicity_is_the_share_of_noise_in_the_power() -> None:
    """A tone and noise in the same band: what does not repeat is noise / (tone + noise)."""
    from scipy.signal import resample_poly

    tone = harmonic_tone(200.0, 3.0, [1.0, 0.7, 0.5, 0.3])
    noise = resample_poly(np.random.default_rng(1).normal(size=3 * RATE_HZ // 2 + 9), 8, 1)
    noise = noise[: tone.size] * np.sqrt(0.25 * (tone**2).mean() / (noise**2).mean())
    found = track(tone + noise)
    assert np.median(found.aperiodicity) == pytest.approx(0.2, abs=0.04)


def test_reverberation_after_a_note_is_not_voiced_but_keeps_a_guess() -> None:
    sound = np.concatenate([harmonic_tone(220.0, 1.0, [1, 0.5, 0.3]), np.zeros(music.RATE_HZ)])
    found = track(reverberated(sound, 1.2, -16.0))
    after = (found.times_s > 1.15) & (found.times_s < 1.6)
    assert found.voiced[after].mean() < 0.1
    assert (found.guess_hz[after] > 0.0).mean() > 0.8


def test_silence_between_notes_has_no_guess() -> None:
    tone = harmonic_tone(220.0, 0.5, [1, 0.5])
    found = track(np.concatenate([tone, np.zeros(music.RATE_HZ), tone]))
    silent = (found.times_s > 0.6) & (found.times_s < 1.4)
    assert not found.guess_hz[silent].any()


def test_gain_and_polarity_do_not_matter() -> None:
    sound = music.scaled(music.vibrato_tone(220.0, 5.5, 40.0, 1.5), 0.9)
    one, other = (
        track_view(music.view_of(x), RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ) for x in (sound, -0.05 * sound)
    )
    assert one.f0_hz == pytest.approx(other.f0_hz, rel=1e-3)
    assert one.aperiodicity == pytest.approx(other.aperiodicity, abs=1e-3)


def test_leading_silence_shifts_the_times() -> None:
    sound = music.vibrato_tone(220.0, 5.5, 40.0, 1.5)
    late = track(np.concatenate([np.zeros(music.RATE_HZ), sound]))
    assert np.abs(cents(late.f0_hz[120:230], track(sound).f0_hz[20:130])).max() < 5.0


def test_the_sample_rate_of_the_file_does_not_matter() -> None:
    from scipy.signal import resample_poly

    sound = music.vibrato_tone(220.0, 5.5, 40.0, 1.5)
    other = track(resample_poly(sound, 160, 147), rate_hz=48000)
    assert np.abs(cents(middle(other.f0_hz)[:120], middle(track(sound).f0_hz)[:120])).max() < 5.0


def test_pieces_of_a_long_sound_give_the_track_of_the_whole() -> None:
    samples = np.asarray(glide(90.0, 500.0, 4.0)[0][::4], np.float32)

    def candidates(pieces: list[MonoPiece]) -> FloatArray:
        return find_candidates(
            pieces, samples.size, RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ, hop_s=0.01, taper=(1.0, 1.0, 1.0)
        ).f0_hz

    cut, margin = 20000, 5000
    pieces = [
        MonoPiece(samples[: cut + margin], 0, 0, cut),
        MonoPiece(samples[cut - margin :], cut - margin, margin, samples.size - cut + margin),
    ]
    whole = candidates([MonoPiece(samples, 0, 0, samples.size)])
    assert candidates(pieces)[:, 0] == pytest.approx(whole[:, 0], rel=1e-4)


@pytest.mark.usefixtures("peer")
def test_agrees_with_pyin_on_a_vowel_with_vibrato() -> None:
    librosa = pytest.importorskip("librosa")
    from scipy.signal import resample_poly

    t = music.times(1.0)
    f0_hz = 196.0 * 2.0 ** (50.0 / 1200.0 * np.sin(2 * np.pi * 5.0 * t))
    phase = 2 * np.pi * np.cumsum(f0_hz) / music.RATE_HZ
    formants = [np.exp(-(((k * 196.0 - 600.0) / 500.0) ** 2)) + 0.1 for k in range(1, 20)]
    sound = np.sum([a * np.sin(k * phase) for k, a in enumerate(formants, start=1)], axis=0)
    peer = librosa.pyin(
        resample_poly(sound, 1, 4), fmin=FMIN_HZ, fmax=FMAX_HZ, sr=RATE_HZ, frame_length=512, hop_length=110
    )[0]
    own = track(sound).f0_hz
    both = slice(15, 85)
    assert np.median(np.abs(cents(own[both], peer[both]))) < 15.0
    truth = np.interp(np.arange(own.size) * 0.01, t, f0_hz)
    assert np.square(cents(own[both], truth[both])).mean() < np.square(cents(peer[both], truth[both])).mean()


def test_the_path_holds_an_octave_against_one_better_frame() -> None:
    f0_hz = np.tile(np.array([[100.0, 200.0]], np.float32), (9, 1))
    aperiodicity = np.tile(np.array([[0.1, 0.4]], np.float32), (9, 1))
    aperiodicity[4] = [0.4, 0.1]
    unvoiced = np.full(9, 0.9, np.float32)
    assert best_path(f0_hz, aperiodicity, unvoiced, 0.0, 0.5, 0.1).tolist() == [0] * 9
    assert best_path(f0_hz, aperiodicity, unvoiced, 0.0, 0.0, 0.1).tolist() == [0] * 4 + [1] + [0] * 4


def test_the_path_is_unvoiced_where_that_is_cheaper() -> None:
    f0_hz = np.full((6, 1), 100.0, np.float32)
    aperiodicity = np.array([[0.1], [0.1], [0.8], [0.8], [0.1], [0.1]], np.float32)
    path = best_path(f0_hz, aperiodicity, np.full(6, 0.3, np.float32), 0.0, 0.5, 0.1)
    assert path.tolist() == [0, 0, -1, -1, 0, 0]


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(0, 6000),
    kind=st.sampled_from(["silence", "constant", "noise", "click", "square"]),
    level=st.sampled_from([1e-6, 1e-2, 1.0]),
)
def test_any_signal_gives_a_finite_track(size: int, kind: str, level: float) -> None:
    rng = np.random.default_rng(size)
    samples = {
        "silence": np.zeros(size),
        "constant": np.ones(size),
        "noise": rng.uniform(-1, 1, size),
        "click": np.eye(1, size, size // 2)[0] if size else np.zeros(0),
        "square": np.sign(np.sin(np.arange(size) * 0.9)),
    }[kind]
    found = track_pitch(
        np.asarray(level * samples, np.float32), RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ, manner=Manner()
    )
    assert found.f0_hz.size == int(np.ceil(size / (0.01 * RATE_HZ)))
    voiced = found.f0_hz[found.voiced]
    assert np.isfinite(found.aperiodicity).all()
    assert np.isfinite(found.level_db).all()
    assert ((voiced > 0.9 * FMIN_HZ) & (voiced < 1.2 * FMAX_HZ)).all()
