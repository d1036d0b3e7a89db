"""The real Demucs, at tiny random weights, is called and read; where DEMUCS_PYTHON names a Python that has it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.separation_settings import SeparationSettings
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from tests import tiny_demucs
from tests.songs import write_song

PYTHON = os.environ.get("DEMUCS_PYTHON", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="DEMUCS_PYTHON names no Python that has demucs")


def test_demucs_separates_a_song_into_four_stems_of_its_length(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run([PYTHON, tiny_demucs.__file__, str(repository)], check=True)
    data = DataPaths(tmp_path / "data")
    write_song(data.songs, "bare", stems=False, duration_s=8.0)
    program, *arguments = SeparationSettings().template
    local = [str(Path(PYTHON).with_name(program)), "--repo", str(repository), "-d", "cpu", *arguments]
    separation = SeparationSettings(enabled=True, command=tuple(local), model=tiny_demucs.MODEL)
    settings = Settings(separation=separation)
    work = SongWork(find_song(data, "bare"), data, settings, MeasuredCaptioner(settings.prompts))
    for step in ("raw_song", "separated_stems", "stems"):
        run_step(STEP_NAMED[step], work)
    made = work.result(SeparatedStems)
    assert (made.outcome, made.reason) == ("separated", None)
    assert {file.made_as for file in made.separated_files} == {
        f"{tiny_demucs.MODEL}/song/{name}.wav" for name in ("bass", "drums", "other", "vocals")
    }
    stems = work.result(StemSet).stems
    assert {stem.kind for stem in stems} == {"bass", "drums", "vocals", "harmonic"}
    assert all(abs(stem.length_difference_s or 0.0) < 0.001 for stem in stems)
