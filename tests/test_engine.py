"""What the whole engine promises: every analysis of any sound, and mix and stems together."""

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.whole import Analysis, analyse_whole
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.parts import STEM_KINDS, SUM_KINDS
from flamingo_bark_assets.record import Record
from tests import music

pytestmark = pytest.mark.long

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


def alike(view: AudioView) -> SongViews:
    """The same sound as mix and as every stem."""
    return SongViews(view, dict.fromkeys(STEM_KINDS, view))


def records(analysis: Analysis) -> list[Record]:
    """The results of the mix and of all stems."""
    assert tuple(analysis.stems) == STEM_KINDS
    return [analysis.song, *analysis.stems.values()]


def assert_finite_or_reason(analysis: Analysis) -> None:
    for record in records(analysis):
        for spec, measurement in record.measurements():
            assert measurement.value is not None or measurement.reason, spec.name
            if isinstance(measurement.value, float):
                assert math.isfinite(measurement.value), spec.name


def without_warnings(view: AudioView) -> Analysis:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        return analyse_whole("s", alike(view))


@pytest.mark.parametrize("sound", HOSTILE)
def test_hostile_signals_give_finite_values_or_reasons(sound: str) -> None:
    assert_finite_or_reason(without_warnings(HOSTILE[sound]()))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    duration_s=st.floats(0.5, 3.0),
    rate_hz=st.sampled_from([8000, 22050, 32000, 44100, 48000, 96000]),
    gain=st.floats(1e-6, 1.0),
    gaps=st.integers(0, 20),
)
def test_any_noise_with_gaps_at_any_rate_gives_finite_values_or_reasons(
    seed: int, duration_s: float, rate_hz: int, gain: float, gaps: int
) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.uniform(-1.0, 1.0, (2, round(duration_s * rate_hz)))
    for start in rng.integers(0, samples.shape[1], gaps):
        samples[:, start : start + rng.integers(1, rate_hz)] = 0.0
    assert_finite_or_reason(without_warnings(music.view_of(*(gain * samples), rate_hz=rate_hz)))


@pytest.mark.parametrize(("sound", "reason"), [("digital silence", "silent"), ("DC", "silent"), ("0.2 s", "too short")])
def test_an_unusable_signal_has_one_reason_for_everything(sound: str, reason: str) -> None:
    for record in records(analyse_whole("s", alike(HOSTILE[sound]()))):
        assert record.unusable is not None
        assert record.unusable.startswith(reason)
        assert {measurement.reason for _, measurement in record.measurements()} == {record.unusable}


def test_a_silent_stem_leaves_the_mix_as_without_it() -> None:
    mix = music.view_of(music.scaled(music.progression(music.cadence("D", "major") * 2, 1.0)))
    silent = music.view_of(np.zeros(8 * music.RATE_HZ))
    assert analyse_song("s", SongViews(mix, {"drums": silent, "harmonic": silent})) == analyse_song("s", SongViews(mix))


def test_a_channel_in_inverted_polarity_does_not_cancel_the_music() -> None:
    sound = music.scaled(music.progression(music.cadence("D", "major") * 2, 0.5))
    assert analyse_song("s", SongViews(music.view_of(sound, -sound))).key.value == "D major"


def test_energy_shares_sum_to_one() -> None:
    kinds = [kind for kind in STEM_KINDS if kind not in SUM_KINDS]
    sounds = {kind: music.view_of(music.noise(2.0, seed=i, level=0.05 * (i + 1))) for i, kind in enumerate(kinds)}
    analysis = analyse_whole("s", SongViews(music.view_of(music.noise(2.0)), sounds))
    shares = [analysis.stems[kind].energy_share.value for kind in kinds]
    assert shares == pytest.approx([n**2 / 91 for n in (1, 2, 3, 4, 5, 6)], rel=0.05)


def views_of(sound: FloatArray, drums: FloatArray, longest_s: float) -> SongViews:
    mix, beat = (AudioView(Signal(s, music.RATE_HZ), longest_whole_s=longest_s) for s in (sound, drums))
    return SongViews(mix, {**dict.fromkeys(STEM_KINDS, mix), "drums": beat})


def test_a_long_recording_is_measured_like_a_short_one() -> None:
    sound = np.asarray(music.scaled(music.progression(music.cadence("A", "minor") * 3, 1.0)), np.float32)[np.newaxis]
    drums = np.asarray(music.scaled(music.click_track(120.0, 12.0)), np.float32)[np.newaxis]
    one, other = (analyse_whole("s", views_of(sound, drums, longest_s)) for longest_s in (60.0, 2.0))
    assert other.song.key.value == one.song.key.value
    assert other.song.loudness_integrated_lufs == one.song.loudness_integrated_lufs
    assert [beat.time_s for beat in other.song.beats] == pytest.approx(
        [beat.time_s for beat in one.song.beats], abs=1e-3
    )
    bass = [analysis.stems["bass"] for analysis in (one, other)]
    assert all(isinstance(features, BassFeatures) for features in bass)
    one_count, other_count = (len(features.bass_notes) for features in bass if isinstance(features, BassFeatures))
    assert other_count == one_count


def test_every_column_of_the_song_has_a_unit_or_needs_none() -> None:
    song = analyse_song("s", SongViews(music.view_of(music.scaled(music.click_track(120.0, 12.0)))))
    units = {"_hz": {"Hz", "1/s"}, "_db": {"dB"}, "_s": {"s"}, "_lufs": {"LUFS"}, "_cents": {"cent"}, "_bpm": {"BPM"}}
    for spec, measurement in song.measurements():
        assert measurement.method != "none", spec.name
        for suffix, allowed in units.items():
            if spec.name.endswith(suffix):
                assert spec.unit in allowed, spec.name
    assert isinstance(song, SongFeatures)


def test_two_processes_may_fill_the_cache_of_compiled_code_at_the_same_time(tmp_path: Path) -> None:
    """Without taking turns, for our loops and for librosa's, every later process crashes (see `kernels`)."""
    code = (
        "import numpy as np; from flamingo_bark_assets.analysis.frontend.view import AudioView;"
        "from flamingo_bark_assets.audio.signal import Signal;"
        "from flamingo_bark_assets.audio.spectral_pictures import spectral_pngs;"
        "sound = Signal(np.random.default_rng(0).normal(0, .1, (2, 44100)).astype('f4'), 44100);"
        "AudioView(sound).note_spectrum; spectral_pngs(sound)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code], env=environment)

    assert [process.wait(timeout=180) for process in (start(), start())] == [0, 0]
    assert start().wait(timeout=180) == 0
    for folder in ("frontend", "util"):
        assert list(tmp_path.glob(f"{folder}_*/*.nbc")), "nothing was kept on disk"
