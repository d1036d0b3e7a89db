"""Inference in a real Dagster run: loaded once, shared by the songs, named in every table and file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flamingo_bark_assets.captioning import model_captioner
from flamingo_bark_assets.defs.resources import InferenceConfig, Platform
from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.inference.audio_flamingo_2.model import AudioFlamingo2
from flamingo_bark_assets.inference.catalogue import prompt_for
from flamingo_bark_assets.inference.interface import Query, Reply
from flamingo_bark_assets.inference.loading import Loaded, Skipped, load_first
from flamingo_bark_assets.inference.reply_cache import clip_digest
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import dataset_files
from tests.songs import write_song, write_unreadable_song
from tests.tiny_audio_flamingo_2 import random_release, save_base, save_release
from tests.tiny_models import save_tiny_model

pytestmark = pytest.mark.dagster


def choose(data: DataPaths, folder: Path) -> None:
    data.root.mkdir(parents=True, exist_ok=True)
    data.settings.write_text(
        f"[inference]\nmax_new_tokens = 8\n[[inference.chain]]\nmodel = {json.dumps(str(folder))}\ndtype = 'float32'\n"
    )


def test_the_configured_model_answers_for_all_songs_of_a_run_and_is_loaded_once(
    data: DataPaths, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def counted(settings: InferenceSettings, *, skipped: tuple[Skipped, ...]) -> Loaded:
        loads.append(settings.chain[0].model)
        return load_first(settings, skipped=skipped)

    monkeypatch.setattr(model_captioner, "load_first", counted)
    folder = save_tiny_model(tmp_path / "model", "music-flamingo")
    choose(data, folder)
    for index, song_id in enumerate(("one", "two")):
        write_song(data.songs, song_id, seed=index, stems=False)
    reports = run_songs(instance, ["one", "two"], lambda asset, song_id: None)
    assert all(report.success for report in reports), [report.errors for report in reports]
    assert loads == [str(folder)]
    said = [entry.user_message for report in reports for entry in instance.all_logs(report.run_id)]
    assert sum("captioning takes about" in line and "for 2 songs (a trial" in line for line in said) == 1
    rows = query(data.warehouse, "SELECT DISTINCT model_id, is_fallback, source FROM captions ORDER BY ALL").rows
    assert {(model_id, is_fallback) for model_id, is_fallback, _ in rows} == {(str(folder), False)}
    dataset = json.loads(dataset_files(data, "one").dataset.read_text())
    assert dataset["dataset_metadata"]["captioner"]["model_id"] == str(folder)
    assert dataset["dataset_metadata"]["captioner"]["is_fallback"] is False
    assert query(data.warehouse, "SELECT outcome FROM captioner_candidates").rows == (("answered",), ("answered",))


def test_the_questions_of_all_songs_of_a_run_are_asked_in_one_stream_and_a_bad_song_holds_up_none(
    data: DataPaths, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[list[Query]] = []
    stream = AudioFlamingo2.stream

    def watched(self: AudioFlamingo2, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
        taken: list[Query] = []
        streams.append(taken)
        return stream(self, (taken.append(query) or query for query in queries), n_rows)  # type: ignore[func-returns-value]

    monkeypatch.setattr(AudioFlamingo2, "stream", watched)
    folder = save_release(tmp_path / "model", random_release())
    save_base(folder / "base_lm")
    choose(data, folder)
    songs = ["one", "two", "three"]
    for index, song_id in enumerate(songs):
        write_song(data.songs, song_id, seed=index, stems=False)
    write_unreadable_song(data.songs, "bad")
    reports = run_songs(instance, ["one", "bad", "two", "three"], lambda asset, song_id: None)
    assert all(report.success for report in reports), [report.errors for report in reports]
    together = [taken for taken in streams if len({clip_digest(query.clip) for query in taken}) == len(songs)]
    assert len(together) == 1
    described = query(
        data.warehouse, "SELECT DISTINCT song_id FROM captions WHERE raw_text IS NOT NULL ORDER BY 1"
    ).rows
    assert described == tuple((song_id,) for song_id in sorted(songs))
    assert len(together[0]) == 3 * len({one.prompt for one in together[0]})
    # Where no song is to be described, no model is loaded.
    monkeypatch.setattr(model_captioner, "load_first", None)
    data.settings.write_text(data.settings.read_text() + "[thresholds]\nmax_silent_fraction = 0.4\n")
    reports = run_songs(instance, songs, lambda asset, song_id: None, only_due=True)
    assert all(report.success for report in reports), [report.errors for report in reports]
    judged = "SELECT DISTINCT threshold FROM suitability_rules WHERE subject = 'song' AND round(threshold, 3) = 0.4"
    assert query(data.warehouse, judged).rows


def test_a_model_that_cannot_be_loaded_leaves_the_song_described_and_the_reason_on_record(
    data: DataPaths, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    choose(data, tmp_path / "empty")
    write_song(data.songs, "one")
    (report,) = run_songs(instance, ["one"], lambda asset, song_id: None)
    assert report.success
    ((reason,),) = query(data.warehouse, "SELECT reason FROM captioner_candidates WHERE outcome = 'skipped'").rows
    assert "unknown architecture" in reason
    assert query(data.warehouse, "SELECT DISTINCT captioner FROM captions").rows == (("measured",),)


def test_the_resource_wins_over_the_settings_file(data: DataPaths, tmp_path: Path) -> None:
    choose(data, tmp_path / "a")
    prompt = {"part": "drums", "question": "caption", "prompt": "Describe the kit."}
    platform = Platform(inference=InferenceConfig(chain=[{"model": str(tmp_path / "b")}], seed=7, prompts=[prompt]))
    assert prompt_for(platform.settings.inference, "music-flamingo", "drums", "caption") == "Describe the kit."
    assert platform.settings.inference.chain[0].model == str(tmp_path / "b")
    assert platform.settings.inference.seed == 7
    assert platform.settings.inference.max_new_tokens == 8
    assert Platform().settings.inference.chain[0].model == str(tmp_path / "a")


def test_a_wrong_value_of_the_resource_is_named(data: DataPaths) -> None:
    platform = Platform(inference=InferenceConfig(chain=[{"model": "x", "dtype": "float12"}]))
    with pytest.raises(ConfigurationError, match=r"inference.chain\.0\.dtype"):
        _ = platform.settings.inference


def test_a_run_may_set_all_of_inference_but_where_files_are() -> None:
    platform: Any = Platform.to_config_schema().as_field().config_type
    schema = platform.fields["inference"].config_type.fields
    settings = InferenceSettings.model_fields
    assert set(schema) == set(settings) - {"cache_folder", "vocabularies", "servers", "allow_hosts"}
    assert all(str(settings[name].description) in str(field.description) for name, field in schema.items())
    model = schema["chain"].config_type.inner_type.inner_type.fields
    assert {name: field.default_value for name, field in model.items()} == ModelCandidate().model_dump()
    assert "cuda" in model["device"].description
