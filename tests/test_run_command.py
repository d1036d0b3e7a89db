"""`flamingo-bark run` and what is done with songs that were run: one real run, looked at from several sides."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flamingo_bark_assets
from flamingo_bark_assets import local_runs
from flamingo_bark_assets.audio.container import open_container
from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.captioning.progress import CaptioningProgress
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.commands import running
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.inference.interface import Decoding, Query
from flamingo_bark_assets.inference.reply_cache import AnswerCache
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import RunReport
from flamingo_bark_assets.provenance.state import song_lock
from tests.captioning_models import ParrotModel, clip
from tests.conftest import NO_WAITING
from tests.running import ROOT
from tests.songs import write_song, write_unreadable_song

FLAMINGO_BARK = str(Path(sys.executable).parent / "flamingo-bark")
# The key is never sure enough, the tempo always.
LIMITS = "[prompts]\nmin_tempo_confidence = 0\nmin_key_confidence = 1\n"


@dataclass(frozen=True)
class Ran:
    """A library after its first run, and what the command said."""

    paths: DataPaths
    first: subprocess.CompletedProcess[str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "FLAMINGO_BARK_DATA": str(self.paths.root), "COLUMNS": "300", "TERM": "dumb",
            "DAGSTER_HOME": str(self.paths.root.parent / "home"), "HF_HOME": str(self.paths.root.parent / "hf"),
        }  # fmt: skip
        return subprocess.run([FLAMINGO_BARK, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A song that is fit and one that is not, run in a process of their own."""
    paths = DataPaths(tmp_path_factory.mktemp("run") / "data")
    write_song(paths.songs, "good", suffix=".flac")
    write_unreadable_song(paths.songs, "bad")
    paths.settings.write_text(NO_WAITING + LIMITS)
    ran = Ran(paths, subprocess.CompletedProcess([], 0))
    return Ran(paths, ran.run("run"))


def flamingo_bark(paths: DataPaths, *arguments: str | Path, said: str = "") -> Result:
    return CliRunner().invoke(main, ["--data", str(paths.root), *map(str, arguments)], input=said)


@pytest.mark.dagster
def test_a_run_that_worked_ends_with_3_where_a_song_is_unfit(ran: Ran) -> None:
    assert ran.first.returncode == 3, ran.first.stderr
    assert "unfit for training: bad; `flamingo-bark list --unfit` says why" in ran.first.stdout


@pytest.mark.dagster
def test_the_summary_has_a_line_a_song_and_each_failure_once_in_words(ran: Ran) -> None:
    lines = ran.first.stdout.splitlines()
    (good,) = [line for line in lines if line.startswith("good: ")]
    assert good.startswith("good: fit; 120.0 BPM, ")
    (bad,) = [line for line in lines if line.startswith("bad: ")]
    assert bad.startswith("bad: unfit: song.wav: the sound cannot be decoded")
    (failed,) = [line for line in lines if "failed bad: song.wav" in line]
    assert failed.endswith("(recording is sound, stems belong to mix, measurements are sure, fit for training)")


@pytest.mark.dagster
def test_that_no_model_is_there_is_said_once(ran: Ran) -> None:
    assert (ran.first.stdout + ran.first.stderr).count("not in the cache") == 1


@pytest.mark.dagster
def test_the_status_is_of_the_library_also_where_nothing_is_due_and_quiet_says_only_what_failed(ran: Ran) -> None:
    again = ran.run("--quiet", "run")
    assert (again.returncode, again.stderr) == (3, "")
    assert again.stdout == "unfit for training: bad; `flamingo-bark list --unfit` says why\n"


@pytest.mark.dagster
def test_lists_are_filtered_cut_and_exact(ran: Ran) -> None:
    def rows(*options: str) -> list[dict[str, Any]]:
        parsed: list[dict[str, Any]] = json.loads(flamingo_bark(ran.paths, "list", "--json", *options).stdout)
        return parsed

    assert [row["song_id"] for row in rows()] == ["bad", "good"]
    assert [row["song_id"] for row in rows("--fit")] == ["good"]
    assert [row["song_id"] for row in rows("--unfit")] == ["bad"]
    assert [row["song_id"] for row in rows("--no-stems")] == ["bad"]
    cut = flamingo_bark(ran.paths, "list", "--limit", "1")
    assert "1 of 2 songs; without --limit all are shown" in cut.output
    assert f"library {ran.paths.songs}: 2 songs, 1 fit, 1 unfit" in " ".join(cut.output.split())
    assert (
        flamingo_bark(ran.paths, "list", "--csv").stdout.splitlines()[0]
        == "song_id,title,artist,stems,fit,state,review,advice"
    )


@pytest.mark.dagster
def test_numbers_are_rounded_for_people_and_exact_for_programs(ran: Ran) -> None:
    query = "SELECT tempo_bpm FROM song_features WHERE song_id = 'good'"
    (row,) = json.loads(flamingo_bark(ran.paths, "sql", query, "--json").stdout)
    assert row["tempo_bpm"] == pytest.approx(120.0, abs=0.2)
    assert f"│ {row['tempo_bpm']:.3f}".rstrip("0").rstrip(".") in flamingo_bark(ran.paths, "sql", query).output
    csv = flamingo_bark(ran.paths, "sql", query, "--csv").stdout
    assert csv.splitlines() == ["tempo_bpm", repr(row["tempo_bpm"])]


def tags_of(path: Path) -> dict[str, str]:
    with path.open("rb") as file, open_container(file) as container:
        return {**container.metadata, **container.streams.audio[0].metadata}


def sound_of(path: Path) -> np.ndarray[Any, Any]:
    return np.concatenate(list(decode(path, max_duration_s=60.0).signal.blocks()), axis=-1)


@pytest.mark.dagster
def test_measured_tempo_goes_into_a_copy_that_sounds_the_same_and_an_unsure_key_does_not(
    ran: Ran, tmp_path: Path
) -> None:
    original = ran.paths.songs / "good" / "song.flac"
    before = original.read_bytes()
    shown = flamingo_bark(ran.paths, "tag", "good", "bad", "--write", "--copies", tmp_path / "tagged")
    assert shown.exit_code == 1
    assert "left alone: song 'bad': song.wav" in shown.output
    assert "good: tempo 120" in shown.output
    assert "left out: key" in shown.output
    copy = tmp_path / "tagged" / "good.flac"
    assert float(tags_of(copy)["BPM"]) == pytest.approx(120.0, abs=0.2)
    assert "INITIALKEY" not in tags_of(copy)
    assert np.array_equal(sound_of(copy), sound_of(original))
    assert original.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["good.flac"]
    again = flamingo_bark(ran.paths, "tag", "good", "--write", "--copies", tmp_path / "tagged")
    assert (again.exit_code, "--overwrite" in again.output) == (1, True)


@pytest.mark.dagster
def test_originals_are_written_only_after_a_yes_and_are_then_due(ran: Ran, tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    shutil.copytree(ran.paths.root, paths.root, symlinks=True)
    original = paths.songs / "good" / "song.flac"
    sound, before = sound_of(original), original.read_bytes()
    assert flamingo_bark(paths, "tag", "good", "--write", "--originals", said="n\n").exit_code == 1
    assert flamingo_bark(paths, "tag", "good", "--originals").exit_code == 2
    assert flamingo_bark(paths, "tag", "good", "--write").exit_code == 2
    assert original.read_bytes() == before
    assert flamingo_bark(paths, "tag", "good", "--write", "--originals", "--yes").exit_code == 0
    assert "BPM" in tags_of(original)
    assert np.array_equal(sound_of(original), sound)
    refused = flamingo_bark(paths, "tag", "good")
    assert "not measured as it is now" in refused.output


# Without a run


def test_progress_never_passes_its_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told_twice(
        instance: object,
        song_ids: Sequence[str],
        made: Callable[[str, str | None], None],
        *,
        only_due: bool,
        second_opinion: bool,
    ) -> list[RunReport]:
        for _ in range(2):
            for asset, song_id in [*local_runs.planned(song_ids), ("raw_song", "another")]:
                made(asset, song_id)
        return [RunReport("run", False, (), (), ())]

    monkeypatch.setattr(local_runs, "run_songs", told_twice)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    paths = DataPaths(tmp_path / "data")
    write_unreadable_song(paths.songs, "one")
    shown = flamingo_bark(paths, "run", "one").output
    total = len(local_runs.planned(["one"]))
    assert f"{total}/{total}" in shown


def test_it_is_said_how_long_captioning_will_take_for_all_songs_of_the_command_and_answers_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = ["one", "two", "three"]

    def captioned(
        instance: object, song_ids: Sequence[str], made: object, *, only_due: bool, second_opinion: bool
    ) -> list[RunReport]:
        model, cache = ParrotModel(), AnswerCache(tmp_path / "answers")
        for song_id in song_ids:  # as if each were in a run of Dagster of its own
            progress = CaptioningProgress(1, every_s=0.0)
            query = Query(clip(1.0), song_id, Decoding())
            with progress.song(song_id, model, cache, [query], 1) as answered:
                cache.ask(model, [query], batch_size=1, on_reply=answered)
        return [RunReport("run", False, (), (), ())]

    monkeypatch.setattr(local_runs, "run_songs", captioned)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    paths = DataPaths(tmp_path / "data")
    for song_id in songs:
        write_unreadable_song(paths.songs, song_id)
    shown = flamingo_bark(paths, "run", *songs).output
    assert shown.count("captioning takes about") == 1
    assert "for 3 songs (a trial:" in shown
    assert "1 answers" in shown


def test_a_run_says_that_it_waits_for_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = DataPaths(tmp_path)
    with song_lock(paths, "one"):
        running._tell_of_other_runs(paths, ["one"])
    assert "another run is at work and holds 1 songs, such as one; this one waits" in capsys.readouterr().out
    running._tell_of_other_runs(paths, ["one"])
    assert capsys.readouterr().out == ""


def test_the_demo_song_is_found_outside_of_the_repository_or_its_absence_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert running.demo_folder() == ROOT / "data" / "demo"
    monkeypatch.setattr(flamingo_bark_assets, "__file__", str(tmp_path / "site" / "package" / "__init__.py"))
    with pytest.raises(LibraryError, match="--source"):
        running.demo_folder()
