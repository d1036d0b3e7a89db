"""Separation in real Dagster runs: what every later step makes of separated stems, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs.pools import SONGS_POOL
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import RunReport, run_songs
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import dataset_files, manifest_path
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from tests import separated_songs
from tests.conftest import NO_WAITING
from tests.platform_state import due
from tests.songs import write_song

pytestmark = pytest.mark.dagster


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return separated_songs.stand_in(tmp_path / "stand-in")


def write_settings(data: DataPaths, script: Path, behaviour: str = "fine") -> None:
    data.root.mkdir(parents=True, exist_ok=True)
    data.settings.write_text(NO_WAITING + separated_songs.settings_toml(script, behaviour), encoding="utf-8")


@pytest.fixture
def bare(data: DataPaths, script: Path) -> None:
    """Add a song without stems, and settings that have it separated."""
    write_settings(data, script)
    write_song(data.songs, "bare", stems=False)


def run(instance: dg.DagsterInstance, *songs: str, only_due: bool = False) -> list[RunReport]:
    return run_songs(instance, sorted(songs), lambda asset, song_id: None, only_due=only_due)


def start(data: DataPaths, home: Path, stop_before: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.halting", "--data", str(data.root), "run"],
        env={**os.environ, "DAGSTER_HOME": str(home), "HALT_BEFORE": stop_before},
        stdout=subprocess.DEVNULL,
    )


def wait_until(there: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 120
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_separated_song_is_named_so_from_its_stems_to_the_manifest(
    data: DataPaths, instance: dg.DagsterInstance, script: Path
) -> None:
    write_settings(data, script)
    write_song(data.songs, "bare", stems=False, duration_s=12.0)
    write_song(data.songs, "whole", seed=1)
    assert [error for report in run(instance, "bare", "whole") for error in report.errors] == []
    origins = query(data.warehouse, "SELECT DISTINCT song_id, origin FROM stems ORDER BY 1").rows
    assert origins == (("bare", "separated"), ("whole", "given"))
    made = query(
        data.warehouse, "SELECT song_id, outcome, separator, model, model_licence FROM separated_stems ORDER BY 1"
    )
    assert made.rows == (
        ("bare", "separated", "stand-in", "bands", "CC0-1.0"), ("whole", "given", None, None, None),
    )  # fmt: skip
    texts = query(data.warehouse, "SELECT song_id, lower(combined_prompt) FROM prompts WHERE type <> 'full_track'").rows
    of_bare = [text for song_id, text in texts if song_id == "bare"]
    assert of_bare
    assert all("separated" in text or "extracted" in text for text in of_bare)
    assert not any(word in text for text in of_bare for word in ("isolated", "alone", "solo ", "on its own", "bare "))
    assert not any("separated" in text or "extracted" in text for song_id, text in texts if song_id == "whole")
    captions = query(
        data.warehouse, "SELECT text FROM captions WHERE song_id = 'bare' AND part <> 'mix' AND question = 'caption'"
    ).rows
    assert captions
    assert all(text.startswith("Separated ") for (text,) in captions)
    dataset = json.loads(dataset_files(data, "bare").dataset.read_text(encoding="utf-8"))
    assert dataset["dataset_metadata"]["separation"]["model"] == "bands"
    files = [file for stem in dataset["stems"] for file in stem["files"]]
    assert {file["origin"] for file in files} == {"separated"}
    assert all((data.root / file["path"]).is_file() for file in files)
    instructions = dataset_files(data, "bare").instructions.read_text(encoding="utf-8")
    assert "separated from the mix by stand-in, model bands" in instructions
    entries = {entry.song_id: entry for entry in read_manifest(manifest_path(data))}
    assert {file.origin for file in entries["bare"].files if file.part not in {"mix", "dataset", "instructions"}} == {
        "separated"
    }
    assert {file.origin for file in entries["whole"].files} == {"given"}
    assert verify_manifest(manifest_path(data), data.root) == []
    clips = query(data.warehouse, "SELECT DISTINCT song_id, kinds = '', separator FROM clips ORDER BY ALL").rows
    assert set(clips) == {
        ("bare", True, None), ("bare", False, "stand-in, model bands"), ("whole", True, None), ("whole", False, None),
    }  # fmt: skip


@pytest.mark.usefixtures("bare")
def test_what_was_separated_is_listed_so_is_not_separated_again_and_is_made_again_where_it_is_lost(
    data: DataPaths, instance: dg.DagsterInstance, script: Path
) -> None:
    run(instance, "bare")
    told = CliRunner().invoke(main, ["--data", str(data.root), "list"])
    assert "separated: bass," in told.output, told.output
    assert due(data) == {}
    run(instance, "bare")
    assert separated_songs.calls(script) == 1
    (data.separated / "bare" / "vocals.wav").unlink()
    assert "separated_stems" in due(data)["bare"]
    run(instance, "bare", only_due=True)
    assert (separated_songs.calls(script), due(data)) == (2, {})


def test_a_failing_separator_costs_its_song_the_stems_and_no_other_anything(
    data: DataPaths, instance: dg.DagsterInstance, script: Path
) -> None:
    write_settings(data, script, "fail")
    write_song(data.songs, "bare", stems=False)
    write_song(data.songs, "whole", seed=1)
    reports = run(instance, "bare", "whole")
    assert all(report.success for report in reports)
    failed = {check.song_id: check.description for check in reports[0].checks if not check.passed}
    assert set(failed) == {"bare"}
    assert "separating it failed" in failed["bare"] and "CUDA out of memory [FB404]" in failed["bare"]
    fit = query(data.warehouse, "SELECT song_id, suitable, suitable_stems FROM suitability ORDER BY 1").rows
    assert fit == (("bare", True, ""), ("whole", True, "drums, bass, vocals, harmonic"))
    assert due(data) == {}


def test_stems_of_another_song_are_kept_out_and_the_song_stays_fit(
    data: DataPaths, instance: dg.DagsterInstance, script: Path
) -> None:
    write_settings(data, script, "other song")
    write_song(data.songs, "bare", stems=False)
    run(instance, "bare")
    fit = query(data.warehouse, "SELECT suitable, suitable_stems FROM suitability").rows
    assert fit == ((True, ""),)


def test_a_limit_of_the_pool_bounds_the_runs_over_songs(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def active() -> int:
        return instance.event_log_storage.get_concurrency_info(SONGS_POOL).active_slot_count

    seen: list[int] = []
    separate = pipeline.WORK["separated_stems"]

    def watched(work: pipeline.SongWork) -> Record:
        seen.append(active())
        return separate(work)

    monkeypatch.setitem(pipeline.WORK, "separated_stems", watched)
    instance.event_log_storage.set_concurrency_slots(SONGS_POOL, 1)
    write_song(data.songs, "bare", stems=False)
    assert [error for report in run(instance, "bare") for error in report.errors] == []
    assert (seen, active()) == ([1], 0)


@pytest.mark.usefixtures("bare", "instance")
def test_a_kill_in_the_middle_ends_the_separator_and_the_next_run_repairs(
    data: DataPaths, tmp_path: Path, script: Path
) -> None:
    home = tmp_path / "home"
    hang = script.with_name("hang")
    hang.touch()
    process = start(data, home)
    wait_until(lambda: separated_songs.calls(script) == 1 and len(separated_songs.still_run(script)) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not separated_songs.still_run(script))
    hang.unlink()
    assert CliRunner().invoke(main, ["run"]).exit_code == 0
    assert query(data.warehouse, "SELECT outcome FROM separated_stems").rows == (("separated",),)
    assert separated_songs.calls(script) == 2
    assert list(data.root.rglob(".tmp-*")) == []


@pytest.mark.usefixtures("bare", "instance")
def test_stems_that_were_in_place_before_a_kill_are_taken_by_the_next_run(
    data: DataPaths, tmp_path: Path, script: Path
) -> None:
    home, flag = tmp_path / "home", data.root / "halted"
    process = start(data, home, "songs/bare.results")
    wait_until(flag.exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    flag.unlink()
    assert CliRunner().invoke(main, ["run"]).exit_code == 0
    assert query(data.warehouse, "SELECT outcome FROM separated_stems").rows == (("separated",),)
    assert separated_songs.calls(script) == 1
    assert list(data.root.rglob(".tmp-*")) == []


@pytest.mark.usefixtures("bare")
def test_an_interrupted_run_ends_the_separator(data: DataPaths, tmp_path: Path, script: Path) -> None:
    script.with_name("hang").touch()
    process = start(data, tmp_path / "home")
    wait_until(lambda: separated_songs.calls(script) == 1 and len(separated_songs.still_run(script)) >= 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    wait_until(lambda: not separated_songs.still_run(script))
    assert [path.name for path in data.separated.iterdir()] == [".slots"]
