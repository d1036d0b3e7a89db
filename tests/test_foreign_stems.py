"""A stem of another song, through the platform's own steps: it helps with nothing, and everything says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.parts import WHOLE_KINDS
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.suitability import Verdict
from tests.signals import write_audio
from tests.songs import RATE_HZ, tiny_stems, write_song

SECONDS = 16.0


def run(paths: DataPaths, song_id: str) -> SongWork:
    work = SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner())
    run_all(work)
    return work


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    """A song with drums of another one, twice as fast, and the same song without drums."""
    paths = DataPaths(tmp_path_factory.mktemp("foreign"))
    song = write_song(paths.songs, "song", duration_s=SECONDS)
    shutil.copytree(song, paths.songs / "without")
    (paths.songs / "without" / "stems" / "drums.wav").unlink()
    foreign = tiny_stems(SECONDS, seed=5, bpm=182.0)["drums"]
    write_audio(song / "stems" / "drums.wav", foreign, rate_hz=RATE_HZ)
    return paths


@pytest.fixture(scope="module")
def work(songs: DataPaths) -> SongWork:
    return run(songs, "song")


def test_the_mix_is_measured_as_if_the_stem_were_not_there(work: SongWork, songs: DataPaths) -> None:
    without = run(songs, "without")
    found, wanted = work.result(SongFeatures), without.result(SongFeatures)
    assert found.tempo_bpm == wanted.tempo_bpm
    assert [beat.time_s for beat in found.beats] == [beat.time_s for beat in wanted.beats]
    assert found.chords == wanted.chords
    assert work.result(BassFeatures).energy_share == without.result(BassFeatures).energy_share


def test_its_kind_is_not_measured_and_the_reason_names_the_file(work: SongWork) -> None:
    drums = work.result(DrumFeatures)
    assert drums.unusable is not None
    assert "drums.wav: does not belong to this song" in drums.unusable
    assert drums.drum_hits == ()
    with pytest.raises(AudioFault, match="no usable drums stem"):
        work.audio("drums")


def test_it_is_not_described_prompted_or_trained_on(work: SongWork) -> None:
    assert {answer.part for answer in work.result(Captions).answers} == {"mix", "bass", "vocals", "harmonic"}
    assert not any("drums" in prompt.parts for prompt in work.result(TrainingPrompts).prompts)
    verdict = work.result(Verdict)
    assert verdict.suitable_kinds == tuple(kind for kind in WHOLE_KINDS if kind != "drums")
    ((rule, reason),) = [(rule.rule, rule.reason) for rule in verdict.failed("drums")]
    assert rule == "belongs"
    assert "drums.wav: does not belong to this song" in (reason or "")
    assert "drums" not in verdict.suitable_stems


def test_the_stored_row_says_why_and_a_later_step_obeys_it(work: SongWork, songs: DataPaths) -> None:
    stored = FeatureStore(songs.features).read(StemSet, "song")
    (row,) = [stem for stem in stored.stems if stem.kind == "drums"]
    assert row.rejected is not None
    assert row.mix_match is not None
    later = SongWork(find_song(songs, "song"), songs, Settings(), MeasuredCaptioner())
    assert later.view("drums") is None
    assert later.view("bass") is not None


def test_a_stem_that_was_replaced_since_is_not_taken_for_the_rejected_one(songs: DataPaths, tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    shutil.copytree(songs.root, paths.root, dirs_exist_ok=True)
    own = tiny_stems(SECONDS)["drums"]
    write_audio(paths.songs / "song" / "stems" / "drums.wav", own, rate_hz=RATE_HZ)
    assert run(paths, "song").result(DrumFeatures).unusable is None
