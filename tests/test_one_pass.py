"""Each sound of a song is gone through once for all that is measured of it, and once beside the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.audio.stems import compare_stems
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from tests.songs import write_song


@pytest.fixture
def work(tmp_path: Path) -> SongWork:
    paths, settings = DataPaths(tmp_path), Settings()
    write_song(paths.songs, "one")
    return SongWork(find_song(paths, "one"), paths, settings, MeasuredCaptioner(settings.prompts))


def test_a_decoded_sound_is_gone_through_twice(work: SongWork, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: Counter[int] = Counter()
    blocks = Signal.blocks

    def counted(signal: Signal) -> Iterator[FloatArray]:
        passes[id(signal)] += 1
        return blocks(signal)

    monkeypatch.setattr(Signal, "blocks", counted)
    results = run_all(work)
    assert results["bark_dataset"].unusable is None
    assert len(work.stem_inputs) > 1
    for stem in work.stem_inputs:
        assert passes[id(stem.usable)] == 2, stem.file_name
    assert passes[id(work.audio("mix"))] == 2


def test_stems_are_compared_alike_whether_they_are_measured_before_or_not(work: SongWork) -> None:
    results = run_all(work)
    stems = results["stems"]
    assert isinstance(stems, StemSet)
    assert stems.stems[0].mix_match is not None
    assert compare_stems("one", work.audio("mix"), work.stem_inputs) == stems
