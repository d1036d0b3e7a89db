"""What the measurements of the mix promise."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bass import analyse_bass
from flamingo_bark_assets.analysis.drums import analyse_drums
from flamingo_bark_assets.analysis.features import SongFeatures
from flamingo_bark_assets.analysis.harmonic import analyse_harmonic
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.view import AudioView
from flamingo_bark_assets.analysis.vocals import analyse_vocals
from flamingo_bark_assets.record import Measurement, Record
from tests import music

ANALYSES: dict[str, Callable[[AudioView], Record]] = {
    "song": lambda view: analyse_song("s", view),
    "drums": lambda view: analyse_drums("s", view, energy_share=music.SHARE),
    "bass": lambda view: analyse_bass("s", view, energy_share=music.SHARE),
    "vocals": lambda view: analyse_vocals("s", view, energy_share=music.SHARE),
    "harmonic": lambda view: analyse_harmonic("s", view, energy_share=music.SHARE),
}


def song(*channels: NDArray[np.floating]) -> SongFeatures:
    return analyse_song("s", music.view_of(*channels))


def known(measurement: Measurement[float]) -> float:
    assert measurement.value is not None, measurement.reason
    return measurement.value


@pytest.mark.parametrize("bpm", [90.0, 120.0, 140.0])
def test_tempo_of_a_metronome(bpm: float) -> None:
    features = song(music.click_track(bpm, 20.0))
    assert known(features.tempo_bpm) == pytest.approx(bpm, rel=0.02)
    assert known(features.tempo_stability) > 0.9
    assert features.tempo_bpm.confidence is not None
    assert features.tempo_bpm.confidence > 0.5


def test_beats_lie_on_the_clicks() -> None:
    features = song(music.click_track(120.0, 20.0))
    clicks = music.beat_times(120.0, 20.0)
    errors = [float(np.abs(clicks - beat.time_s).min()) for beat in features.beats]
    assert features.beat_count.value == len(features.beats)
    assert len(errors) >= 0.9 * clicks.size
    assert max(errors) < 0.03


def test_onsets_are_found_on_time() -> None:
    view = music.view_of(music.click_track(120.0, 20.0))
    clicks = music.beat_times(120.0, 20.0)
    assert view.onset_times_s.size == clicks.size
    assert np.abs(view.onset_times_s - clicks).max() < 0.03


def test_irregular_onsets_have_less_confident_tempo_than_regular_ones() -> None:
    jitter = np.random.default_rng(2).uniform(-0.1, 0.1, 100)
    beats = music.beat_times(120.0, 20.0)
    loose = music.place(music.hihat(), beats + jitter[: beats.size], 20.0)
    strict = music.place(music.hihat(), beats, 20.0)
    assert (song(loose).tempo_bpm.confidence or 0.0) < 0.7 * (song(strict).tempo_bpm.confidence or 0.0)


PULSELESS: dict[str, Callable[[], NDArray[np.floating]]] = {
    "noise": lambda: music.noise(15.0),
    "drone": lambda: music.scaled(np.sin(2 * np.pi * 110.0 * music.times(15.0))),
    "three hits": lambda: music.place(music.kick(), (1.0, 4.0, 9.0), 15.0),
}


@pytest.mark.parametrize("sound", PULSELESS)
def test_without_a_pulse_the_tempo_is_unknown(sound: str) -> None:
    features = song(PULSELESS[sound]())
    assert features.tempo_bpm.value is None
    assert "no pulse" in (features.tempo_bpm.reason or "")
    assert features.beats == ()


@pytest.mark.parametrize(
    ("tonic", "mode"),
    [("C", "major"), ("F#", "major"), ("A#", "major"), ("A", "minor"), ("D#", "minor"), ("E", "minor")],
)
def test_key_of_a_cadence(tonic: str, mode: str) -> None:
    key = song(music.scaled(music.progression(music.cadence(tonic, mode) * 2, 1.0))).key
    assert key.value == f"{tonic} {mode}"
    assert (key.confidence or 0.0) > 0.3


def test_noise_has_no_key() -> None:
    key = song(music.noise(15.0)).key
    assert key.value is None or (key.confidence or 0.0) < 0.1


def test_all_twelve_tones_alike_have_a_weak_key_at_most() -> None:
    chromatic = np.concatenate([music.tone(music.midi_hz(60 + step), 0.5) for step in range(12)] * 2)
    key = song(music.scaled(chromatic)).key
    assert (key.confidence or 0.0) < 0.2


@pytest.mark.parametrize("cents", [0.0, 20.0, -35.0])
def test_tuning_offset(cents: float) -> None:
    sound = music.progression(music.cadence("G", "major") * 2, 1.0, cents=cents)
    tuning = song(music.scaled(sound)).tuning_cents
    assert known(tuning) == pytest.approx(cents, abs=4.0)


def test_key_does_not_move_with_the_tuning() -> None:
    sound = music.progression(music.cadence("G", "major") * 2, 1.0, cents=35.0)
    assert song(music.scaled(sound)).key.value == "G major"


@pytest.mark.parametrize("hz", [440.0, 3000.0])
def test_centroid_rolloff_and_flatness_of_a_sine(hz: float) -> None:
    features = song(music.scaled(np.sin(2 * np.pi * hz * music.times(5.0))))
    # The clicks at both ends are the only other sound.
    assert known(features.spectral_centroid_hz) == pytest.approx(hz, rel=0.03)
    assert known(features.spectral_rolloff_hz) == pytest.approx(hz, abs=22.0)
    assert known(features.spectral_flatness) < 0.01


def test_white_noise_is_flat_up_to_11_khz() -> None:
    features = song(music.noise(10.0))
    assert known(features.spectral_centroid_hz) == pytest.approx(5512.0, rel=0.05)
    assert known(features.spectral_rolloff_hz) == pytest.approx(0.85 * 11025.0, rel=0.06)
    # The mean log of an exponential variable is -0.5772 (Euler's constant): flatness exp(-0.5772).
    assert known(features.spectral_flatness) == pytest.approx(math.exp(-0.5772), rel=0.1)


def test_gain_and_polarity_change_nothing_but_the_level() -> None:
    sound = music.scaled(music.progression(music.cadence("D", "major") * 2, 0.5), 0.9)
    one, other = song(sound), song(-0.1 * sound)
    assert known(other.loudness_integrated_lufs) == pytest.approx(known(one.loudness_integrated_lufs) - 20.0, abs=0.1)
    assert other.key.value == one.key.value
    assert [beat.time_s for beat in other.beats] == pytest.approx([beat.time_s for beat in one.beats], abs=1e-3)
    for name in ("tuning_cents", "spectral_centroid_hz", "spectral_flatness", "spectral_contrast_db"):
        assert known(getattr(other, name)) == pytest.approx(known(getattr(one, name)), rel=0.02, abs=0.1), name


def test_a_channel_in_inverted_polarity_does_not_cancel_the_music() -> None:
    sound = music.scaled(music.progression(music.cadence("D", "major") * 2, 0.5))
    assert song(sound, -sound).key.value == "D major"


HOSTILE: dict[str, Callable[[], AudioView]] = {
    "no sample": lambda: music.view_of(np.zeros(0)),
    "one sample": lambda: music.view_of(np.array([0.5])),
    "0.2 s": lambda: music.view_of(music.noise(0.2)),
    "0.6 s": lambda: music.view_of(music.noise(0.6)),
    "digital silence": lambda: music.view_of(np.zeros(3 * music.RATE_HZ)),
    "DC": lambda: music.view_of(np.full(3 * music.RATE_HZ, 0.9)),
    "full-scale noise": lambda: music.view_of(np.clip(music.noise(5.0, level=1.0), -1.0, 1.0)),
    "1 Hz": lambda: music.view_of(np.sin(2 * np.pi * music.times(3.0))),
    "20 kHz": lambda: music.view_of(np.sin(2 * np.pi * 20_000.0 * music.times(3.0))),
    "one impulse": lambda: music.view_of(np.eye(1, 3 * music.RATE_HZ, 9)[0]),
    "3 kHz rate": lambda: music.view_of(music.noise(0.3), rate_hz=3000),
    "six channels": lambda: music.view_of(*(music.noise(1.0, seed=seed) for seed in range(6))),
}


@pytest.mark.parametrize("analysis", ANALYSES)
@pytest.mark.parametrize("sound", HOSTILE)
def test_hostile_signals_give_finite_values_or_reasons(sound: str, analysis: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        record = ANALYSES[analysis](HOSTILE[sound]())
    for spec, measurement in record.measurements():
        assert measurement.value is not None or measurement.reason, spec.name
        if isinstance(measurement.value, float):
            assert math.isfinite(measurement.value), spec.name


@pytest.mark.parametrize("analysis", ANALYSES)
@pytest.mark.parametrize(("sound", "reason"), [("digital silence", "silent"), ("DC", "silent"), ("0.2 s", "too short")])
def test_an_unusable_signal_has_one_reason_for_everything(sound: str, reason: str, analysis: str) -> None:
    record = ANALYSES[analysis](HOSTILE[sound]())
    assert record.unusable is not None
    assert record.unusable.startswith(reason)
    assert {measurement.reason for _, measurement in record.measurements()} == {record.unusable}


def test_two_processes_may_fill_the_cache_of_compiled_code_at_the_same_time(tmp_path: Path) -> None:
    """Without taking turns the cache is left such that every later process crashes (see `librosa_loading`)."""
    code = (
        "import numpy as np; from flamingo_bark_assets.analysis.librosa_loading import load_librosa;"
        "load_librosa().beat.beat_track(onset_envelope=np.tile(np.eye(1, 20)[0], 20).astype('f4'), sr=22050)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code], env=environment)

    assert [process.wait(timeout=180) for process in (start(), start())] == [0, 0]
    assert start().wait(timeout=180) == 0
