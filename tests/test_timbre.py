"""What the measurements of a sound's colour promise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.timbre import SpectralShapeFeatures, TimbreFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.timbre import frames
from flamingo_bark_assets.analysis.timbre.cepstrum import CepstralPlan, cepstrum
from flamingo_bark_assets.analysis.timbre.frames import Grid, ShapeFrames
from flamingo_bark_assets.analysis.timbre.loudness import BARKS, mean_specific_loudness, threshold_in_quiet_db
from flamingo_bark_assets.analysis.timbre.measure import measure_stem_spectrum, measure_timbre
from flamingo_bark_assets.analysis.timbre.perceptual import sharpness_acum
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement
from tests import music

pytestmark = pytest.mark.usefixtures("peer")

Sound = NDArray[np.floating]


def timbre(*channels: Sound, rate_hz: int = music.RATE_HZ) -> TimbreFeatures:
    return measure_timbre(music.view_of(*channels, rate_hz=rate_hz))


def known(measurement: Measurement[float]) -> float:
    assert measurement.value is not None, measurement.reason
    return measurement.value


def numbers(features: SpectralShapeFeatures) -> dict[str, float]:
    """Every measurement that has a value."""
    measured = {name: m.value for name, m in vars(features).items() if isinstance(m, Measurement)}
    return {name: value for name, value in measured.items() if value is not None}


def about(value: float, name: str) -> object:
    """The value but for frames that fall elsewhere on the attacks; the fourth moment has few frames of great weight."""
    rel = 0.15 if name == "spectral_kurtosis" else 0.06
    return pytest.approx(value, rel=rel, abs=0.4 if name.endswith("_db") else 0.05)


def sines(*hz: float, duration_s: float = 3.0) -> Sound:
    """Sines of equal amplitude."""
    t = music.times(duration_s)
    return music.scaled(np.sum([np.sin(2 * np.pi * f * t) for f in hz], axis=0))


def piece(duration_s: float = 6.0) -> Sound:
    """Chords, drums and a little noise."""
    chords = music.progression(music.cadence("D", "major"), duration_s / 4)
    beats = np.arange(0.0, duration_s - 0.5, 0.5)
    drums = music.place(music.kick(), beats[::2], duration_s) + music.place(music.snare(), beats[1::2], duration_s)
    return music.scaled(0.3 * chords + drums + 0.2 * music.place(music.hihat(), beats, duration_s))


def power_frames() -> FloatArray:
    """Power spectra of consecutive frames of music, bin 0 emptied as no descriptor reads it, (n_frames, 1025)."""
    import librosa

    spectra = librosa.stft(
        np.asarray(piece() + music.noise(6.0, level=0.01)), n_fft=2048, hop_length=2048, center=False
    )
    power = np.square(np.abs(spectra).T / 1024.0)
    power[:, 0] = 0.0
    return np.ascontiguousarray(power, np.float32)


def read(power: FloatArray) -> FloatArray:
    reader = ShapeFrames(music.RATE_HZ)
    reader.add(power)
    return reader.finish().values


def librosa_peer(name: str, power: FloatArray) -> NDArray[np.floating]:
    """The same descriptor by librosa, over the bins that ours counts, shape (n_frames,)."""
    from librosa import feature

    grid = Grid.at(music.RATE_HZ)
    hz = np.arange(1025) * grid.bin_hz
    # Scaled up, so that librosa's absolute floors do not act.
    counted, counted_hz = 1e6 * power.T[: grid.last].astype(np.float64), hz[: grid.last]
    magnitude = np.sqrt(counted)
    if name == "centroid":
        return np.asarray(feature.spectral_centroid(S=magnitude, freq=counted_hz)[0])
    if name == "bandwidth":
        return np.asarray(feature.spectral_bandwidth(S=magnitude, freq=counted_hz)[0])
    if name == "rolloff":
        return np.asarray(feature.spectral_rolloff(S=counted, freq=counted_hz, roll_percent=0.85)[0])
    if name == "flatness":
        return np.asarray(feature.spectral_flatness(S=magnitude[1 : grid.flatness_last])[0])
    # Its lowest band lies below 200 Hz and holds DC.
    return np.asarray(feature.spectral_contrast(S=counted, freq=counted_hz)[1:].mean(axis=0))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("centroid", frames.CENTROID),
        ("bandwidth", frames.BANDWIDTH),
        ("rolloff", frames.ROLLOFF),
        ("flatness", frames.FLATNESS),
        ("contrast", frames.CONTRAST),
    ],
)
def test_each_frame_has_the_descriptors_that_librosa_gives(name: str, column: int) -> None:
    power = power_frames()
    np.testing.assert_allclose(read(power)[:, column], librosa_peer(name, power), rtol=2e-4)


def test_skewness_and_kurtosis_are_the_standardised_moments() -> None:
    power = power_frames()
    magnitude = np.sqrt(power[:, 1 : Grid.at(music.RATE_HZ).last].astype(np.float64))
    bins = np.arange(1, magnitude.shape[1] + 1)
    weights = magnitude / magnitude.sum(axis=1, keepdims=True)
    off = bins - (weights @ bins)[:, None]
    second, third, fourth = ((weights * off**order).sum(axis=1) for order in (2, 3, 4))
    values = read(power)
    np.testing.assert_allclose(values[:, frames.SKEWNESS], third / second**1.5, rtol=1e-4)
    np.testing.assert_allclose(values[:, frames.KURTOSIS], fourth / second**2, rtol=1e-4)


def test_mel_filters_are_slaneys_triangles_of_equal_area() -> None:
    """Auditory Toolbox (1998): linear to 1 kHz, which is 15 mel, then 27 steps for a factor of 6.4."""
    filters = CepstralPlan.at(music.RATE_HZ).filters
    low, high = 20.0 * 15 / 1000, 15 + 27 * np.log(16.0) / np.log(6.4)
    mel = np.linspace(low, high, 42)
    corners_hz = np.where(mel < 15, mel * 1000 / 15, 1000 * 6.4 ** ((mel - 15) / 27))
    bin_hz = music.RATE_HZ / 2048
    np.testing.assert_allclose(filters.argmax(axis=1) * bin_hz, corners_hz[1:-1], atol=bin_hz)
    # Narrow bands have too few bins for their area to show.
    np.testing.assert_allclose(filters[20:].sum(axis=1) * bin_hz, 1.0, rtol=0.01)


def test_bands_above_half_the_sample_rate_are_empty_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filters = CepstralPlan.at(8000.0).filters
    assert not filters[-1].any()
    assert filters[0].any()


def test_cepstra_are_those_of_librosa() -> None:
    from librosa import feature, power_to_db
    from librosa.filters import mel as mel_filters

    power = power_frames()
    mel = mel_filters(sr=music.RATE_HZ, n_fft=2048, n_mels=40, fmin=20.0, fmax=16_000.0) @ power.T
    peer = feature.mfcc(S=power_to_db(mel, amin=1e-30, top_db=None), n_mfcc=13).T
    np.testing.assert_allclose(cepstrum(power, CepstralPlan.at(music.RATE_HZ)), peer, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("hz", [440.0, 3000.0])
def test_a_sine_has_its_frequency_as_centroid_and_is_tonal(hz: float) -> None:
    features = timbre(sines(hz))
    assert known(features.spectral_centroid_hz) == pytest.approx(hz, rel=0.02)
    assert known(features.spectral_rolloff_hz) == pytest.approx(hz, abs=22.0)
    assert known(features.spectral_flatness) < 0.01


def test_white_noise_is_flat_and_spreads_over_the_whole_range() -> None:
    features = timbre(music.noise(10.0))
    assert known(features.spectral_centroid_hz) == pytest.approx(10_000.0, rel=0.03)
    # A uniform distribution has the standard deviation width / sqrt(12) and the kurtosis 9/5.
    assert known(features.spectral_bandwidth_hz) == pytest.approx(20_000.0 / math.sqrt(12.0), rel=0.03)
    assert known(features.spectral_kurtosis) == pytest.approx(1.8, rel=0.05)
    assert known(features.spectral_skewness) == pytest.approx(0.0, abs=0.05)
    # The mean log of an exponential variable is -0.5772 (Euler's constant).
    assert known(features.spectral_flatness) == pytest.approx(math.exp(-0.5772), rel=0.05)


def test_a_steady_tone_has_no_flux() -> None:
    assert known(timbre(sines(440.0)).spectral_flux) < 0.05


def test_two_tones_in_turn_have_the_flux_of_orthogonal_spectra() -> None:
    power = np.full((40, 1025), 0.0, np.float32)
    power[::2, 50] = 0.25
    power[1::2, 200] = 0.01
    flux = read(power)[:, frames.FLUX]
    assert flux[0] == -1.0
    np.testing.assert_allclose(flux[1:], math.sqrt(2.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("band", "hz"),
    [("sub", 40.0), ("bass", 110.0), ("low_mid", 350.0), ("mid", 1000.0), ("presence", 4000.0), ("air", 9000.0)],
)
def test_a_sine_lies_in_its_band(band: str, hz: float) -> None:
    assert known(getattr(timbre(sines(hz)), f"{band}_energy_share")) > 0.9


def test_white_noise_fills_the_bands_by_their_width() -> None:
    features = timbre(music.noise(20.0))
    assert known(features.air_energy_share) == pytest.approx(14_000 / 19_980, rel=0.02)
    assert known(features.presence_energy_share) == pytest.approx(4000 / 19_980, rel=0.02)
    assert known(features.bass_level_db) == pytest.approx(10 * math.log10(190 / 19_980), abs=0.5)


def test_the_shares_of_the_bands_sum_to_one() -> None:
    shares = [value for name, value in numbers(timbre(piece())).items() if name.endswith("_energy_share")]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)


def critical_band(number: int, level_db: float) -> NDArray[np.float64]:
    """Specific loudness of a critical band of noise at some level."""
    levels = np.full((1, BARKS.size), -100.0, np.float32)
    levels[0, number] = level_db
    return mean_specific_loudness(levels)


def test_a_critical_band_of_noise_at_1_khz_and_60_db_has_1_acum() -> None:
    """The anchor of DIN 45692."""
    assert sharpness_acum(critical_band(8, 60.0)) == pytest.approx(1.0, abs=0.02)


def test_sharpness_grows_with_the_critical_band() -> None:
    """Bismarck 1974 and DIN 45692: slowly up to 15.8 Bark, steeply above."""
    sharpness = [sharpness_acum(critical_band(band, 60.0)) or 0.0 for band in range(1, 24)]
    assert np.all(np.diff(sharpness) > 0.0)
    assert sharpness[21] - sharpness[17] > 2.0 * (sharpness[13] - sharpness[9])


def test_loudness_doubles_with_10_db() -> None:
    """Stevens' law for mid and high levels, ISO 532."""
    loudness = [float(critical_band(8, level).sum()) for level in (50.0, 60.0, 70.0, 80.0)]
    assert np.divide(loudness[1:], loudness[:-1]) == pytest.approx(2.0, rel=0.1)


def test_the_threshold_in_quiet_is_lowest_near_3_3_khz() -> None:
    khz = np.geomspace(0.05, 16.0, 400)
    assert khz[threshold_in_quiet_db(khz).argmin()] == pytest.approx(3.3, rel=0.1)


def test_narrow_noise_around_1_khz_has_about_1_acum_in_a_view_too() -> None:
    from scipy.signal import butter, sosfilt

    narrow = sosfilt(butter(4, (920, 1080), "bandpass", fs=music.RATE_HZ, output="sos"), music.noise(5.0))
    assert known(timbre(music.scaled(narrow)).sharpness_acum) == pytest.approx(1.0, abs=0.1)


def test_a_pure_tone_is_not_rough() -> None:
    assert known(timbre(sines(1000.0)).roughness) < 1e-3


def test_two_tones_are_roughest_near_a_quarter_of_a_critical_band() -> None:
    """Plomp and Levelt 1965: at 1 kHz the critical band is 160 Hz wide."""
    apart = np.array([10.0, 20.0, 40.0, 80.0, 160.0, 320.0])
    roughness = np.array([known(timbre(sines(1000.0, 1000.0 + hz)).roughness) for hz in apart])
    assert 20.0 <= apart[roughness.argmax()] <= 80.0
    assert roughness[-1] < 0.05 * roughness.max()


def test_a_semitone_of_complex_tones_is_rougher_than_a_fifth() -> None:
    def interval(semitones: int) -> float:
        return known(
            timbre(music.scaled(music.tone(262.0, 2.0) + music.tone(music.midi_hz(60 + semitones), 2.0))).roughness
        )

    assert interval(1) > 2.0 * interval(7)


def test_brightness_is_the_share_of_energy_above_1500_hz() -> None:
    assert known(timbre(sines(500.0, 3000.0)).brightness) == pytest.approx(0.5, abs=0.01)


def test_equal_energy_in_the_warm_and_the_middle_octaves_is_0_db() -> None:
    assert known(timbre(sines(200.0, 800.0)).warmth_db) == pytest.approx(0.0, abs=0.2)


def test_depth_is_the_share_of_the_lowest_octaves() -> None:
    assert known(timbre(sines(50.0, 1000.0)).depth) == pytest.approx(0.5, abs=0.05)


def test_more_bass_is_boomier() -> None:
    low, rest = sines(70.0), music.noise(3.0, level=0.05)
    boominess = [known(timbre(music.scaled(gain * low + rest)).boominess) for gain in (0.1, 0.3, 1.0)]
    assert boominess[0] < boominess[1] < boominess[2]


@pytest.mark.parametrize("hz", [500.0, 2000.0])
def test_hardness_is_the_centroid_of_the_attacks(hz: float) -> None:
    t = music.times(0.3)
    burst = np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.08) * np.minimum(t / 0.005, 1.0)
    strokes = music.place(burst, np.arange(0.5, 7.5, 0.5), 8.0)
    assert known(timbre(music.scaled(strokes)).hardness_hz) == pytest.approx(hz, rel=0.25)


def test_without_attacks_hardness_is_unknown() -> None:
    assert timbre(sines(440.0)).hardness_hz.reason == "it has no attacks"


@pytest.mark.parametrize("cents", [0.0, 35.0])
def test_the_chroma_of_a_triad_is_on_its_notes_whatever_its_tuning(cents: float) -> None:
    rows = timbre(music.scaled(music.progression(["C:maj"] * 4, 1.0, cents=cents))).chroma
    strongest = sorted(rows, key=lambda row: -row.mean)[:3]
    assert {row.pitch_class for row in strongest} == {"C", "E", "G"}
    assert sum(row.mean for row in strongest) > 0.85
    assert sum(row.mean for row in rows) == pytest.approx(1.0, abs=1e-6)


CHANGES: dict[str, Callable[[Sound], AudioView]] = {
    "20 dB less": lambda sound: music.view_of(0.1 * sound),
    "polarity": lambda sound: music.view_of(-sound),
    "leading silence": lambda sound: music.view_of(np.concatenate([np.zeros(100_000), sound])),
    "a constant offset": lambda sound: music.view_of(sound + 0.01),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_change_the_colour_changes_no_number(change: str) -> None:
    sound = 0.5 * piece(8.0)
    one, other = measure_timbre(music.view_of(sound)), measure_timbre(CHANGES[change](sound))
    expected = numbers(one)
    assert len(expected) == 28
    for name, value in numbers(other).items():
        if change in {"a constant offset", "leading silence"} and name == "zero_crossing_rate_hz":
            continue
        assert value == about(expected[name], name), name
    assert [row.mean for row in other.chroma] == pytest.approx([row.mean for row in one.chroma], abs=0.02)
    assert [row.mean for row in other.mfcc][1:] == pytest.approx([row.mean for row in one.mfcc][1:], abs=3.0)


def test_the_channels_may_be_swapped() -> None:
    left, right = piece(), 0.3 * piece()[::-1]
    assert numbers(timbre(left, right)) == pytest.approx(numbers(timbre(right, left)), rel=1e-4)


def test_the_sample_rate_does_not_matter() -> None:
    import soxr

    sound = np.asarray(piece(8.0), np.float32)
    expected = numbers(timbre(sound))
    for name, value in numbers(timbre(soxr.resample(sound, 44100, 48000), rate_hz=48000)).items():
        assert value == about(expected[name], name), name


def test_a_pause_with_noise_changes_nothing() -> None:
    sound = piece()
    paused = np.concatenate([sound, music.noise(6.0, level=1e-5), sound])
    expected = numbers(timbre(np.concatenate([sound, sound])))
    for name, value in numbers(timbre(paused)).items():
        if name == "zero_crossing_rate_hz":  # It is a count of the whole sound, its noise too.
            continue
        assert value == about(expected[name], name), name


def test_a_stem_has_the_shape_that_it_has_as_a_mix() -> None:
    view = music.view_of(piece())
    shape, whole = measure_stem_spectrum(view), measure_timbre(view)
    assert numbers(shape) == {name: value for name, value in numbers(whole).items() if hasattr(shape, name)}


HOSTILE: dict[str, Callable[[], AudioView]] = {
    "no sample": lambda: music.view_of(np.zeros(0)),
    "one sample": lambda: music.view_of(np.array([0.5])),
    "0.5 s": lambda: music.view_of(music.noise(0.5)),
    "digital silence": lambda: music.view_of(np.zeros(2 * music.RATE_HZ)),
    "DC": lambda: music.view_of(np.full(2 * music.RATE_HZ, 0.9)),
    "full-scale noise": lambda: music.view_of(np.clip(music.noise(3.0, level=1.0), -1.0, 1.0)),
    "1 Hz": lambda: music.view_of(np.sin(2 * np.pi * music.times(3.0))),
    "20 kHz": lambda: music.view_of(np.sin(2 * np.pi * 20_000.0 * music.times(3.0))),
    "one impulse": lambda: music.view_of(np.eye(1, 3 * music.RATE_HZ, 9)[0]),
    "3 kHz rate": lambda: music.view_of(music.noise(0.3), rate_hz=3000),
    "192 kHz rate": lambda: music.view_of(music.noise(3.0), rate_hz=192_000),
}


@pytest.mark.parametrize("sound", HOSTILE)
def test_hostile_signals_give_finite_values_or_reasons(sound: str) -> None:
    view = HOSTILE[sound]()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        measured = [*vars(measure_timbre(view)).values(), *vars(measure_stem_spectrum(view)).values()]
    for measurement in measured:
        if isinstance(measurement, Measurement):
            assert measurement.reason or math.isfinite(measurement.value or 0.0), measurement


@pytest.mark.parametrize("sound", ["no sample", "digital silence"])
def test_silence_has_no_colour(sound: str) -> None:
    found = numbers(measure_timbre(HOSTILE[sound]()))
    assert found.pop("zero_crossing_rate_hz", 0.0) == 0.0
    assert found == {}
