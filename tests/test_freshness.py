"""Fresh means fresh: by Dagster's own resolver and by the sensor, after each kind of run and each kind of change."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.commands.running import _due_songs
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs import metadata
from flamingo_bark_assets.defs.checks import CHECKS
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.songs import song
from flamingo_bark_assets.library import looks
from flamingo_bark_assets.library.fingerprint import sha256_of, sound_digest
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song
from flamingo_bark_assets.pipeline import SongWork, UndeclaredInput, run_all, run_step
from flamingo_bark_assets.provenance.state import read_state, state_path
from flamingo_bark_assets.record import Record, columns_of
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED, STEP_OF_RECORD, STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.result_file import EncodedResult, encode_tables, rows_of_table
from flamingo_bark_assets.storage.tables import MEASUREMENTS, MeasurementRow
from flamingo_bark_assets.training.files import dataset_files
from tests.conftest import NO_WAITING
from tests.platform_state import (
    apply_partitions,
    asked,
    do,
    due,
    follow_sensors,
    made,
    make,
    make_and_publish,
    not_fresh,
    songs_of,
    tick,
)
from tests.signals import write_audio
from tests.songs import RATE_HZ, tiny_stems, write_song

pytestmark = pytest.mark.dagster

EDIT = '[edits.mix]\ndescription = "A waltz."\n'
# Read by the captioner and the transcriber, not by the song.
OF_MODELS = {"captioning", "lyrics"}
SAID = {"song_metadata", "song_review"}
TEXT = ["song_metadata", "song_lyrics", "flamingo_captions", "training_prompts", "bark_dataset", "training_clips"]


def materialise(instance: dg.DagsterInstance, song_id: str, *assets: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [song], selection=list(assets), partition_key=song_id, instance=instance, resources={"platform": Platform()}
    )


@pytest.mark.parametrize("songs", ["a", "ab"])
def test_all_is_fresh_after_a_run_of_one_song_and_of_a_range(
    data: DataPaths, instance: dg.DagsterInstance, songs: str
) -> None:
    for index, song_id in enumerate(songs):
        write_song(data.songs, song_id, seed=index)
    assert make_and_publish(instance, *songs)
    assert not_fresh(instance, songs) == {}
    assert due(data) == {}


@pytest.mark.finished("a")
def test_a_state_of_before_a_step_was_added_has_that_step_due(data: DataPaths, instance: dg.DagsterInstance) -> None:
    state = json.loads(state_path(data, "a").read_text())
    for name in ("guitar_features", "piano_features"):
        del state["made"][name]
        for made_before in state["made"].values():
            made_before["inputs"].pop(name, None)
    state_path(data, "a").write_text(json.dumps(state))
    assert due(data) == {"a": ["guitar_features", "piano_features", *TEXT[2:]]}
    follow_sensors(instance)
    assert due(data) == {}


@pytest.mark.parametrize("asset", ["song_features", "flamingo_captions", "bark_dataset"])
@pytest.mark.finished("a")
def test_all_is_fresh_after_one_asset_was_made_again(data: DataPaths, instance: dg.DagsterInstance, asset: str) -> None:
    assert materialise(instance, "a", asset).success
    assert not_fresh(instance, "a") == {}
    assert due(data) == {}


def test_a_hand_edit_makes_only_words_again_and_then_all_is_fresh(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    for index, song_id in enumerate("ab"):
        write_song(data.songs, song_id, seed=index)
    make(instance, "a", "b")
    (data.songs / "a" / "song.toml").write_text(EDIT)
    assert due(data) == {"a": TEXT}
    results = follow_sensors(instance)
    assert made(results) >= {(asset, "a") for asset in TEXT}
    assert not {song_id for _, song_id in made(results)} - {"a", None}
    assert not_fresh(instance, "ab") == {}
    assert due(data) == {}
    assert json.loads(dataset_files(data, "a").dataset.read_text())["main_track"]["audio_description"] == "A waltz."


def test_a_licence_edit_reaches_the_dataset_and_measures_nothing_again(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_song(data.songs, "a")
    (folder / "song.toml").write_text('licence = "CC0-1.0"')
    make(instance, "a")
    (folder / "song.toml").write_text('licence = "CC-BY-4.0"')
    for step in STEPS:
        if step.name not in TEXT:
            monkeypatch.setitem(pipeline.WORK, step.name, _never)
    follow_sensors(instance)
    assert json.loads(dataset_files(data, "a").dataset.read_text())["dataset_metadata"]["licence"] == "CC-BY-4.0"
    assert not_fresh(instance, "a") == {}


def _never(work: SongWork) -> Record:
    raise AssertionError("this step must not run")


@pytest.mark.finished("a")
def test_dagster_calls_the_dataset_stale_when_only_the_licence_was_read_again(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    folder = data.songs / "a"
    (folder / "song.toml").write_text('licence = "CC-BY-4.0"')
    materialise(instance, "a", "song_metadata")
    assert "bark_dataset of a" in not_fresh(instance, "a")
    assert "song_features of a" not in not_fresh(instance, "a")


@pytest.mark.parametrize(
    ("change", "due_steps"),
    [
        ("[thresholds]\nmin_duration_s = 600", ["bark_dataset", "training_clips"]),
        ("[prompts]\nstem_weight = 0.5", ["training_prompts", "bark_dataset", "training_clips"]),
        ("[clips]\nmin_active_fraction = 0.6", ["training_clips"]),
        ("[inference]\nmax_new_tokens = 7", TEXT[2:]),
        ('[lyrics]\nmodel = "openai/whisper-small"', ["song_lyrics", "bark_dataset", "training_clips"]),
        ("[thresholds]\nmax_truncated_s = 0.7", [step.name for step in STEPS if step.name not in SAID]),
        ("[runs]\nmax_attempts = 7", []),
    ],
)
@pytest.mark.finished("a")
def test_a_changed_setting_makes_due_what_depends_on_it(
    data: DataPaths, instance: dg.DagsterInstance, change: str, due_steps: list[str]
) -> None:
    data.settings.write_text(
        NO_WAITING.replace("[runs]\n", f"{change}\n") if "[runs]" in change else f"{change}\n{NO_WAITING}"
    )
    assert due(data) == ({"a": due_steps} if due_steps else {})
    result = tick(instance)
    stale = {name.removesuffix(" of a") for name in not_fresh(instance, "a")}
    # Dagster looks one step far: what follows is stale once that step has another version.
    assert stale <= set(due_steps)
    assert bool(stale) == bool(due_steps)
    do(instance, asked(result))
    follow_sensors(instance)
    assert not_fresh(instance, "a") == {}
    assert due(data) == {}


@pytest.mark.finished("a", sound=True)
def test_a_changed_limit_is_judged_by_every_check(data: DataPaths, instance: dg.DagsterInstance) -> None:
    data.settings.write_text("[thresholds]\nmin_duration_s = 600\n" + NO_WAITING)
    (result,) = do(instance, asked(tick(instance)))
    outcome = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert outcome["fit_for_training"] is False
    assert outcome["recording_is_sound"] is False
    assert outcome["measurements_are_sure"] is True


@pytest.mark.finished("a")
def test_a_changed_limit_is_judged_by_every_check_also_after_a_run_that_died(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.settings.write_text("[thresholds]\nmin_duration_s = 600\n" + NO_WAITING)
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.WORK, "bark_dataset", _killed)
        (died,) = do(instance, asked(tick(instance)))
        assert not died.success
    (request,) = asked(tick(instance))
    assert request.asset_selection == [dg.AssetKey("bark_dataset"), dg.AssetKey("training_clips")]
    (result,) = do(instance, [request])
    assert {found.check_name for found in result.get_asset_check_evaluations()} == {check.name for check in CHECKS}


def _killed(work: SongWork) -> Record:
    raise KeyboardInterrupt


@pytest.mark.finished("a")
def test_results_of_a_step_whose_inputs_turn_out_the_same_are_kept(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.settings.write_text("[thresholds]\nmax_duration_s = 1000\n" + NO_WAITING)
    for step in ("song_features", "drum_features", "flamingo_captions", "training_prompts"):
        monkeypatch.setitem(pipeline.WORK, step, _never)
    results = do(instance, asked(tick(instance)))
    assert all(result.success for result in results)
    follow_sensors(instance)
    assert due(data) == {}
    assert not_fresh(instance, "a") == {}


@pytest.mark.finished("a")
def test_a_new_version_of_the_analysis_makes_due_what_it_made(
    data: DataPaths, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    code = (
        "import flamingo_bark_assets.settings as s; s.ANALYSIS_VERSION = '99'\n"
        "import json, sys\n"
        "from pathlib import Path\n"
        "import dagster as dg\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "from tests.platform_state import due, not_fresh\n"
        "instance = dg.DagsterInstance.get()\n"
        "print(json.dumps([due(DataPaths(Path(sys.argv[1]))), not_fresh(instance, 'a')]))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(data.root)], check=True, capture_output=True, text=True,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")},
    ).stdout  # fmt: skip
    found, stale = json.loads(shown)
    measured = {step.name for step in STEPS if step.version == STEP_NAMED["raw_song"].version}
    assert found == {"a": [step.name for step in STEPS if step.name not in SAID]}
    assert {name.removesuffix(" of a") for name, why in stale.items() if "code version" in why} == measured


def test_every_step_reads_exactly_what_it_declares(data: DataPaths) -> None:
    """Of a song with stems, of one with an instrumental, or of one without: only then separated ones matter."""
    write_song(data.songs, "a", more=("guitar", "piano"))
    write_song(data.songs, "bare", stems=False)
    pair = write_song(data.songs, "pair", stems=False)
    parts = tiny_stems(6.0)
    instrumental = np.asarray(sum(part for name, part in parts.items() if name != "vocals"), np.float32)
    for name, samples in {"vocals": parts["vocals"], "instrumental": instrumental}.items():
        write_audio(pair / "stems" / f"{name}.wav", samples, rate_hz=RATE_HZ)
    reads: dict[str, set[str]] = {step.name: set() for step in STEPS}
    for song_id in ("a", "bare", "pair"):
        run_all(SongWork(find_song(data, song_id), data, Settings(), MeasuredCaptioner()))
        for step in STEPS:
            fresh = _Recording(find_song(data, song_id), data, Settings(), MeasuredCaptioner())
            fresh.reads = reads[step.name]
            run_step(step, fresh)
    for step in STEPS:
        declared = {*step.needs, *(f"settings/{group}" for group in step.settings if group not in OF_MODELS)}
        assert reads[step.name] == declared, step.name


class _Recording(SongWork):
    """Notes what a step reads."""

    reads: set[str]

    def result(self, cls: type[Any]) -> Any:
        self.reads.add(STEP_OF_RECORD[cls].name)
        return super().result(cls)

    def _declared(self, group: Any) -> None:
        self.reads.add(f"settings/{group}")
        super()._declared(group)


def test_a_step_that_reads_what_it_does_not_declare_is_an_error(data: DataPaths) -> None:
    write_song(data.songs, "a", stems=False)
    work = SongWork(find_song(data, "a"), data, Settings(), MeasuredCaptioner())
    run_all(work)
    lying = dataclasses.replace(STEP_NAMED["training_prompts"], needs=("flamingo_captions",))
    with pytest.raises(UndeclaredInput, match="training_prompts reads raw_song"):
        run_step(lying, work)
    with pytest.raises(UndeclaredInput, match="suitability"):
        run_step(dataclasses.replace(STEP_NAMED["bark_dataset"], settings=()), work)


@pytest.mark.finished("a")
def test_a_copied_or_touched_library_is_hashed_once_and_not_at_every_look(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data.songs / "a", data.root / "copy")
    shutil.rmtree(data.songs / "a")
    (data.root / "copy").rename(data.songs / "a")
    (data.songs / "a" / "song.wav").chmod(0o600)
    hashed: list[Path] = []

    def counting(path: Path) -> str:
        hashed.append(path)
        return sha256_of(path)

    def counted(files: SongFiles, **_: object) -> str:
        return sound_digest(files, hashed=counting)

    monkeypatch.setattr("flamingo_bark_assets.provenance.due.sound_digest", counted)
    assert due(data) == {}
    assert len(hashed) == 1
    assert due(data) == {}
    assert len(hashed) == 1


@pytest.mark.finished("a", sound=True)
def test_a_record_of_an_older_version_is_unknown_where_it_lacks_a_column_and_is_due(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    _make_old(data, "a", "song_features", version="1.7", lost="tempo_bpm", lost_table="mfcc")
    assert due(data)["a"][0] == "song_features"
    work = Platform().open_song("a")
    work.versions = {name: made.inputs["code"] for name, made in read_state(data, "a").made.items()}
    tempo = work.result(SongFeatures).tempo_bpm
    assert (tempo.value, tempo.reason) == (None, "measured by version 1.7, before this was measured")
    assert work.result(SongFeatures).mfcc == ()
    assert materialise(instance, "a", "training_prompts").success
    follow_sensors(instance)
    assert due(data) == {}
    assert FeatureStore(data.features).read(SongFeatures, "a").tempo_bpm.value is not None


def _make_old(data: DataPaths, song_id: str, step: str, *, version: str, lost: str, lost_table: str) -> None:
    """Leave a stored result as an older version of the code would have: a column and a table fewer, one more."""
    store = FeatureStore(data.features)
    table = STEP_NAMED[step].record.TABLE
    file = store.open(song_id)
    assert file is not None
    result = file.results()[table]
    tables = json.loads(result.text)
    assert lost_table in tables
    del tables[table][1][lost], tables[lost_table]
    tables[table][1]["dropped_since"] = [1.0]
    specs = columns_of(MeasurementRow)
    kept = [row for row in rows_of_table(result, MEASUREMENTS, specs) if row["name"] != lost]
    columns = {spec.name: [row[spec.name] for row in kept] for spec in specs}
    tables |= json.loads(encode_tables([(MEASUREMENTS, specs, columns)]).text)
    text = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).encode()
    old = EncodedResult(tuple(tables), text, result.numbers)
    store.write_all(song_id, {table: old})
    state_file = state_path(data, song_id)
    values = json.loads(state_file.read_text())
    values["made"][step]["inputs"]["code"] = version
    values["made"][step]["data_version"] = old.version
    state_file.write_text(json.dumps(values))


@pytest.mark.finished("abcde")
def test_a_result_that_was_lost_or_cut_is_due(data: DataPaths, instance: dg.DagsterInstance) -> None:
    store = FeatureStore(data.features)
    store.path("a").unlink()
    store.path("b").write_bytes(b"damaged")
    whole = store.path("c").read_bytes()
    store.path("c").write_bytes(whole[:-1])
    dataset_files(data, "d").entry.write_text("")
    found = due(data)
    assert {song_id: steps[0] for song_id, steps in found.items()} == {
        "a": "raw_song", "b": "raw_song", "c": "raw_song", "d": "bark_dataset",
    }  # fmt: skip
    follow_sensors(instance)
    assert due(data) == {}
    assert not_fresh(instance, "abcde") == {}


@pytest.mark.finished("a")
def test_a_pipe_in_place_of_a_result_or_of_a_state_holds_nothing_up(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    publication = data.root / "state" / "publication.json"
    for path in (FeatureStore(data.features).path("a"), publication):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    follow_sensors(instance)
    assert due(data) == {}
    assert publication.is_file()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: '{"files": [' * 50,
        lambda text: re.sub(r'"size_bytes": \d+', '"size_bytes": Infinity', text),
        lambda text: re.sub(r'"at_s": [\d.]+', f'"at_s": {"9" * 400}', text),
        lambda text: re.sub(r'"at_s": [\d.]+', '"at_s": NaN', text),
    ],
    ids=["cut", "infinite", "huge", "no number"],
)
@pytest.mark.finished("ab")
def test_a_state_that_is_damaged_makes_all_of_its_song_due_and_of_no_other(
    data: DataPaths, instance: dg.DagsterInstance, damage: Callable[[str], str]
) -> None:
    state_path(data, "a").write_text(damage(state_path(data, "a").read_text()))
    assert due(data) == {"a": [step.name for step in STEPS]}
    assert [songs_of(request) for request in asked(tick(instance))] == [("a",)]


@pytest.mark.parametrize("how", ["sound", "settings", "edits"])
@pytest.mark.finished("a")
def test_what_was_made_from_inputs_that_are_not_up_to_date_is_due_still(
    data: DataPaths, instance: dg.DagsterInstance, how: str
) -> None:
    folder = data.songs / "a"
    changed, asset = {
        "sound": (folder / "song.wav", "song_features"),
        "settings": (data.settings, "song_features"),
        "edits": (folder / "song.toml", "training_prompts"),
    }[how]
    before = changed.read_text() if changed.exists() else ""
    changed.write_text(
        {"sound": "other", "settings": "[thresholds]\nmax_duration_s = 400\n", "edits": EDIT}[how] + before
    )
    assert materialise(instance, "a", asset).success
    changed.write_text(before)
    assert asset in due(data)["a"]
    follow_sensors(instance)
    assert due(data) == {}


@pytest.mark.finished("ab")
def test_captions_that_a_run_let_others_write_are_due_and_change_no_setting(
    data: DataPaths, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    chosen = {"resources": {"platform": {"config": {"inference": {"chain": [{"model": str(tmp_path / "mine")}]}}}}}
    job = defs.resolve_job_def("all_songs").get_subset(asset_selection={dg.AssetKey("flamingo_captions")})
    assert job.execute_in_process(instance=instance, partition_key="a", run_config=chosen).success
    texts = ["flamingo_captions", "training_prompts", "bark_dataset", "training_clips"]
    assert due(data) == {"a": texts}
    assert set(not_fresh(instance, "ab")) <= {f"{asset} of a" for asset in texts}
    assert "flamingo_captions of a" in not_fresh(instance, "ab")
    follow_sensors(instance)
    assert due(data) == {}
    assert not_fresh(instance, "ab") == {}


@pytest.mark.usefixtures("kept_at_once", "instance")
@pytest.mark.finished("ab")
def test_a_command_sees_a_file_that_was_written_over_before_its_turn_at_the_ticks_has_come(
    data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert due(data) == {}
    monkeypatch.setattr(looks, "SONGS_A_TURN", 0)
    (data.songs / "b" / "song.wav").write_bytes(b"another sound")
    assert due(data) == {}
    assert _due_songs(data, second_opinion=False) == ["b"]


@pytest.mark.finished("ab")
def test_an_input_that_cannot_be_read_is_made_again_by_itself(data: DataPaths, instance: dg.DagsterInstance) -> None:
    path = FeatureStore(data.features).path("a")
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 4
    path.write_bytes(contents)
    assert due(data) == {}  # what is not looked into is not known
    (data.songs / "a" / "song.toml").write_text(EDIT)
    results = follow_sensors(instance)
    assert not results[0].success
    assert ("raw_song", "a") in made(results)
    assert due(data) == {}
    assert "A waltz." in dataset_files(data, "a").dataset.read_text()


@pytest.mark.finished("a")
def test_what_a_cancelled_run_did_not_report_is_due_still(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data.songs / "a"
    (folder / "song.wav").write_text("second")
    really = metadata.describe_result

    def interrupted(work: SongWork, result: Record) -> Any:
        if isinstance(result, SongFeatures):
            raise KeyboardInterrupt
        return really(work, result)

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "describe_result", interrupted)
        do(instance, asked(tick(instance)))
    assert "song_features" in due(data)["a"]
    follow_sensors(instance)
    assert due(data) == {}
    assert not_fresh(instance, "a") == {}


@pytest.mark.finished("ab", published=True)
def test_a_new_dagster_home_is_told_what_was_made_and_nothing_is_made_again(
    data: DataPaths,
    instance: dg.DagsterInstance,
    new_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    follow_sensors(instance)
    for step in STEPS:
        monkeypatch.setitem(pipeline.WORK, step.name, _never)
    shutil.copytree(new_home, tmp_path / "another")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another"))
    with open_instance(tmp_path / "another") as another:
        died = tick(another)
        apply_partitions(another, died)
        assert len(asked(died)) == 1  # and its run never comes
        results = follow_sensors(another)
        assert all(result.success for result in results)
        assert {name: status for name, status in not_fresh(another, "ab").items() if " of " in name} == {}
    assert due(data) == {}


@pytest.mark.finished("ab")
def test_a_run_while_the_library_is_not_mounted_reports_nothing_as_gone(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    data.songs.rename(data.root / "elsewhere")
    data.songs.mkdir()
    assert not make(instance, "a", "b")
    data.songs.rmdir()
    (data.root / "elsewhere").rename(data.songs)
    assert due(data) == {}
    assert not_fresh(instance, "ab") == {}
