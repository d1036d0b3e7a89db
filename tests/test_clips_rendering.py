"""Clips are rendered from the song's files: where the sound crosses zero, at exact lengths, with the gain recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.audio.decode import Decoded, SampleMemory, decode
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.clips import rendering
from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.layout import DataPaths, find_song
from tests.evidence import make_evidence, make_stem
from tests.export_songs import made_clip
from tests.signals import join, music, noise, silence, sine, write_audio

RATE_HZ = 44100


class Song:
    """A song on disk whose mix and stems hold given samples."""

    def __init__(self, folder: Path, mix: FloatArray, stems: Mapping[str, FloatArray] | None = None) -> None:
        self.paths = DataPaths(folder / "data")
        self.folder = self.paths.songs / "song"
        self.mix = self._write(self.folder / "song.wav", mix)
        self.stems = {
            name: self._write(self.folder / "stems" / f"{name}.wav", samples) for name, samples in (stems or {}).items()
        }
        rows = tuple(make_stem(name, name=name) for name in self.stems)  # type: ignore[arg-type]
        self.renderer = SongRenderer(find_song(self.paths, "song"), make_evidence(stems={"stems": rows}).stems)

    @staticmethod
    def _write(path: Path, samples: FloatArray) -> Path:
        channels = samples if samples.ndim == 2 else np.stack([samples])
        return write_audio(path, *channels, rate_hz=RATE_HZ, subtype="FLOAT")

    def clip(self, start_s: float, end_s: float, kinds: str = "", **changes: Any) -> Clip:
        """A clip of the mix, or of kinds of stem."""
        files = [self.stems[kind] for kind in kinds.split("+")] if kinds else [self.mix]
        return made_clip(
            "song", "30s", kinds or "mix", 0, start_s=start_s, end_s=end_s, kinds=kinds,
            source_sha256="+".join(sha256_of(file) for file in files), **changes,
        )  # fmt: skip

    def render(self, clip: Clip, *, rate_hz: int = RATE_HZ, channels: int = 1) -> FloatArray:
        """Its samples."""
        return self.renderer.render(clip, sample_rate_hz=rate_hz, channels=channels).samples


def test_a_clip_holds_the_samples_of_its_place(tmp_path: Path) -> None:
    sound = music(5.0)
    samples = Song(tmp_path, sound).render(made := Song(tmp_path, sound).clip(1.0, 3.0))
    begins = next(i for i in range(44100 - 221, 44101) if np.array_equal(sound[i + 200 : i + 999], samples[0, 200:999]))
    assert 44100 - begins <= 0.005 * RATE_HZ
    assert made.duration_s - 0.0051 <= samples.shape[1] / RATE_HZ <= made.duration_s


def test_edges_lie_where_the_sound_crosses_zero_or_are_faded(tmp_path: Path) -> None:
    song = Song(tmp_path, music(8.0, level_dbfs=-1.5))
    for start_s in np.linspace(0.5, 4.0, 25):
        samples = song.render(song.clip(float(start_s), float(start_s) + 2.0))
        assert abs(samples[0, 0]) <= 0.01
        assert abs(samples[0, -1]) <= 0.01


def test_a_sound_that_crosses_nothing_is_faded_for_at_most_ten_milliseconds(tmp_path: Path) -> None:
    sound = sine(20.0, 4.0, level_dbfs=-6.0)
    song = Song(tmp_path, sound)
    samples = song.render(song.clip(1.0125, 3.0125))[0]  # at a crest of the wave: the next crossing is 12.5 ms away
    start = round(1.0125 * RATE_HZ)
    assert abs(samples[0]) < 1e-3
    assert abs(samples[-1]) < 1e-3
    untouched = slice(round(0.01 * RATE_HZ), samples.size - round(0.01 * RATE_HZ))
    assert np.array_equal(samples[untouched], sound[start : start + samples.size][untouched])


def test_neighbours_of_stereo_do_not_jump_in_one_channel(tmp_path: Path) -> None:
    left, right = music(4.0, seed=1, level_dbfs=-3.0), music(4.0, seed=2, level_dbfs=-3.0)
    song = Song(tmp_path, np.stack([left, right]))
    samples = song.render(song.clip(1.0, 3.0), channels=2)
    assert np.abs(samples[:, [0, -1]]).max() <= 0.01


@pytest.mark.parametrize("rate_hz", [16000, 24000, 32000, 44100, 48000])
def test_a_clip_that_is_cut_to_length_has_exactly_its_samples(tmp_path: Path, rate_hz: int) -> None:
    song = Song(tmp_path, music(12.0))
    for start_s in (0.0, 1.2345, 12.0 - 5.12):
        clip = song.clip(start_s, start_s + 5.12, end_cut="length")
        assert song.render(clip, rate_hz=rate_hz).shape == (1, round(5.12 * rate_hz))


def test_resampling_keeps_what_fits_and_lets_nothing_alias(tmp_path: Path) -> None:
    song = Song(tmp_path, join(sine(1000.0, 3.0), sine(15000.0, 3.0)))
    low = song.render(song.clip(0.5, 2.5), rate_hz=24000)[0]
    assert np.abs(low).max() == pytest.approx(10 ** (-6 / 20), rel=0.01)
    spectrum = np.abs(np.fft.rfft(low * np.hanning(low.size)))
    assert np.argmax(spectrum) * 24000 / low.size == pytest.approx(1000.0, abs=1.0)
    with pytest.raises(ClipRefused, match="peaks at"):  # of 15 kHz nothing is left
        song.render(song.clip(3.5, 5.5), rate_hz=24000)


def test_stems_are_added_up(tmp_path: Path) -> None:
    stems = {kind: music(4.0, seed=seed, level_dbfs=-14.0) for seed, kind in enumerate(("drums", "bass", "vocals"))}
    mix = np.asarray(np.sum(list(stems.values()), axis=0), np.float32)
    song = Song(tmp_path, mix, stems)
    whole = song.render(song.clip(1.0, 3.0), rate_hz=24000)
    together = song.render(song.clip(1.0, 3.0, "drums+bass+vocals"), rate_hz=24000)
    assert together.shape == whole.shape
    assert np.abs(together - whole).max() < 1e-5
    alone = song.render(song.clip(1.0, 3.0, "drums"), rate_hz=24000)
    assert np.abs(alone).max() < np.abs(whole).max()


def test_a_stem_that_ends_early_is_followed_by_silence(tmp_path: Path) -> None:
    song = Song(tmp_path, music(4.0), {"drums": music(3.95, seed=3), "bass": music(4.0, seed=4)})
    samples = song.render(song.clip(2.0, 4.0, "drums+bass", end_cut="song"))
    assert samples.shape[1] == pytest.approx(2.0 * RATE_HZ, abs=0.005 * RATE_HZ + 1)


def test_the_level_is_untouched_below_the_ceiling_and_the_gain_is_told_above(tmp_path: Path) -> None:
    stems = {kind: sine(220.0, 4.0, level_dbfs=-6.0) for kind in ("drums", "bass", "vocals")}
    song = Song(tmp_path, stems["drums"], stems)
    quiet = song.renderer.render(song.clip(1.0, 3.0, "drums"), sample_rate_hz=RATE_HZ, channels=1)
    loud = song.renderer.render(song.clip(1.0, 3.0, "drums+bass+vocals"), sample_rate_hz=RATE_HZ, channels=1)
    assert quiet.gain_db == 0.0
    assert 20 * np.log10(np.abs(quiet.samples).max()) == pytest.approx(-6.0, abs=0.01)
    assert loud.gain_db == pytest.approx(-1.0 - (-6.0 + 20 * np.log10(3)), abs=0.01)
    assert 20 * np.log10(np.abs(loud.samples).max()) == pytest.approx(-1.0, abs=1e-3)


def test_mono_is_the_mean_and_turns_a_channel_of_opposite_polarity(tmp_path: Path) -> None:
    one, other = music(4.0, seed=1), music(4.0, seed=2)
    mean = Song(tmp_path / "mean", np.stack([one, other]))
    inner = slice(441, -441)
    made = mean.render(mean.clip(0.0, 4.0, end_cut="song"))[0]
    assert made[inner] == pytest.approx((one + other)[inner] / 2, abs=1e-6)
    opposed = Song(tmp_path / "opposed", np.stack([one, -one]))
    turned = opposed.render(opposed.clip(0.0, 4.0, end_cut="song"))[0]
    assert np.abs(turned[inner]) == pytest.approx(np.abs(one[inner]), abs=1e-6)


@pytest.mark.parametrize(
    ("sound", "rule"),
    [
        (silence(4.0), "silent"),
        (noise(4.0, level_dbfs=-90.0), "silent"),
        (music(4.0) + np.float32(0.1), "dc"),
    ],
    ids=["silence", "near silence", "dc"],
)
def test_what_nobody_should_train_on_is_refused(tmp_path: Path, sound: FloatArray, rule: str) -> None:
    song = Song(tmp_path, sound)
    with pytest.raises(ClipRefused) as refused:
        song.render(song.clip(1.0, 3.0))
    assert refused.value.rule == rule


def test_samples_that_are_not_finite_refuse_the_clip(tmp_path: Path) -> None:
    sound = music(4.0)
    sound[60000] = np.nan
    song = Song(tmp_path, sound)
    with pytest.raises(ClipRefused, match="NaN"):
        song.render(song.clip(1.0, 3.0))


def test_files_that_changed_or_went_refuse_the_clip(tmp_path: Path) -> None:
    song = Song(tmp_path, music(4.0))
    clip = song.clip(1.0, 3.0)
    other = dataclasses.replace(clip, source_sha256="0" * 64)
    with pytest.raises(ClipRefused) as changed:
        song.render(other)
    song.mix.unlink()
    with pytest.raises(ClipRefused) as gone:
        Song.render(song, clip)
    assert (changed.value.rule, gone.value.rule) == ("changed", "gone")


def test_each_source_is_decoded_once_a_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = Song(tmp_path, music(6.0), {"drums": music(6.0, seed=1)})
    decoded: list[str] = []

    def counted(path: Path, *, max_duration_s: float, memory: SampleMemory) -> Decoded:
        decoded.append(path.name)
        return decode(path, max_duration_s=max_duration_s, memory=memory)

    monkeypatch.setattr(rendering, "decode", counted)
    for start_s in (0.5, 1.0, 2.0):
        for kinds in ("", "drums"):
            song.render(song.clip(start_s, start_s + 2.0, kinds))
    assert sorted(decoded) == ["drums.wav", "song.wav"]


def test_what_finds_no_room_in_memory_is_rendered_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = Song(tmp_path, music(6.0))
    expected = song.render(song.clip(1.0, 3.0))
    monkeypatch.setattr(rendering, "HELD_BYTES", 1000)
    spooled = Song(tmp_path, music(6.0))
    assert np.array_equal(spooled.render(spooled.clip(1.0, 3.0)), expected)
