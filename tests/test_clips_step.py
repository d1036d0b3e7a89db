"""A real song goes through the step, and its clips are rendered from its files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.clips.records import Clip, TrainingClips
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import ClipSettings, Settings
from flamingo_bark_assets.storage.warehouse import publish, query
from tests.running import ROOT


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> SongWork:
    """The demo song after every step."""
    paths = DataPaths(tmp_path_factory.mktemp("clips") / "data")
    shutil.copytree(ROOT / "data" / "demo", paths.songs / "demo")
    work = SongWork(find_song(paths, "demo"), paths, Settings(), MeasuredCaptioner())
    run_all(work)
    return work


@pytest.fixture(scope="module")
def clips(demo: SongWork) -> TrainingClips:
    """What was cut."""
    return demo.result(TrainingClips)


def test_the_demo_song_gives_clips_of_every_view_and_source(clips: TrainingClips) -> None:
    assert (clips.unusable, clips.cut_by, clips.cut_reason) == (None, "downbeats", None)
    found: dict[str, set[str]] = {}
    for clip in clips.clips:
        found.setdefault(clip.view, set()).add(clip.source)
    assert found["semantic"] == found["coarse"] == {"mix", "drums", "bass", "vocals", "harmonic"}
    assert {"instrumental", "drums+bass", "drums+bass+vocals"} < found["30s"]
    assert found["full"] == {"mix", "instrumental"}


def test_clips_neither_begin_nor_end_in_a_phrase_and_fill_their_views(demo: SongWork, clips: TrainingClips) -> None:
    views = {view.name: view for view in ClipSettings().views}
    phrases = [(phrase.start_s, phrase.end_s) for phrase in demo.evidence().vocals.vocal_phrases]
    for clip in clips.clips:
        view = views[clip.view]
        if view.name != "full":
            assert 0.8 * view.max_s <= clip.duration_s <= view.max_s + 1e-9
        if not view.cuts_sung_lines:
            assert not any(a < time < b for a, b in phrases for time in (clip.start_s, clip.end_s))


def test_stored_clips_are_those_that_were_made_and_stand_in_the_warehouse(demo: SongWork, clips: TrainingClips) -> None:
    assert demo.store.read(TrainingClips, "demo") == clips
    publish(demo.store, ["demo"], demo.paths.warehouse, (TrainingClips,))
    ((count,),) = query(demo.paths.warehouse, "SELECT count(*) FROM clips").rows
    assert count == len(clips.clips)
    rows = query(demo.paths.warehouse, "SELECT rule, reason FROM rejected_clips").rows
    assert len(rows) == len(clips.rejected_clips)
    assert all(rule and reason for rule, reason in rows)


def test_every_clip_can_be_rendered_for_bark(demo: SongWork, clips: TrainingClips) -> None:
    renderer = SongRenderer(demo.files, demo.result(StemSet))
    lengths = set()
    for clip in clips.clips:
        sound = renderer.render(clip, sample_rate_hz=24000, channels=1)
        assert sound.samples.dtype == np.float32
        assert np.abs(sound.samples).max() <= 10 ** (-1 / 20) + 1e-6
        assert np.abs(sound.samples[:, [0, -1]]).max() <= 0.01
        assert -0.0051 <= sound.duration_s - clip.duration_s <= 2 / 24000
        if clip.view == "coarse":
            lengths.add(sound.samples.shape[1])
    assert lengths == {122880}


def test_the_instrumental_is_the_mix_without_the_voice(demo: SongWork, clips: TrainingClips) -> None:
    def of(source: str) -> Clip:
        return next(clip for clip in clips.clips if clip.view == "30s" and clip.source == source)

    renderer = SongRenderer(demo.files, demo.result(StemSet))
    sounds = {name: renderer.render(of(name), sample_rate_hz=24000, channels=1) for name in ("mix", "instrumental")}
    voice = renderer.render(of("vocals"), sample_rate_hz=24000, channels=1)
    plain = {name: sound.samples[0] / 10 ** (sound.gain_db / 20) for name, sound in sounds.items()}
    length = min(plain["mix"].size, plain["instrumental"].size, voice.samples.shape[1]) - 2000
    with_voice = _likeness(plain["mix"][:length], voice.samples[0][:length])
    without = _likeness(plain["instrumental"][:length], voice.samples[0][:length])
    assert with_voice > 0.3
    assert without < 0.1


def _likeness(one: FloatArray, other: FloatArray) -> float:
    """Largest correlation within 10 ms."""
    lags = range(-240, 241, 12)
    body = other[1000:-1000]
    return max(abs(float(np.corrcoef(one[1000 + lag : 1000 + lag + body.size], body)[0, 1])) for lag in lags)
