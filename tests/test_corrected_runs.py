"""Corrections and reviews through real runs: what is due after each, what is made again, and what leaves again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.songs import StoredSongs
from flamingo_bark_assets.exports.targets.ace_step import AceStep
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.provenance.state import state_path
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import CHORDAL_STEPS, STEM_STEPS, STEP_NAMED, STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.result_file import pack_results
from flamingo_bark_assets.storage.warehouse import query, songs_where
from flamingo_bark_assets.training.publishing import publish_manifest
from tests.export_songs import made_source
from tests.platform_state import asked, do, due, follow_sensors, not_fresh, tick

pytestmark = pytest.mark.dagster

TEXT = ["flamingo_captions", "training_prompts", "bark_dataset", "training_clips"]
MEASURED = ["song_features", *STEM_STEPS.values(), "song_lyrics", *TEXT]
EXCLUDED = '[review]\nstate = "excluded"\nby = "maria"\nreason = "duet"\n'


def say(data: DataPaths, song_id: str, text: str) -> None:
    (data.songs / song_id / "song.toml").write_text(text)


def contents(data: DataPaths) -> dict[str, bytes]:
    """What is stored of the measurements and datasets, what is set aside left out."""
    return {
        str(path.relative_to(data.root)): path.read_bytes()
        for folder in (data.features, data.datasets)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(data.features / "measured") and not path.name.startswith(".")
    }


def never(work: SongWork) -> Record:
    raise AssertionError("this must not be measured again")


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ("[corrections]\ntempo_bpm = 100\n", MEASURED),
        ('[corrections]\nmetre = "3/4"\n', MEASURED),
        ("[corrections]\nfirst_downbeat_s = 1\n", MEASURED),
        ('[corrections]\nkey = "C major"\n', MEASURED),
        ('[corrections]\nsections = [{start_s = 0, label = "a"}]\n', MEASURED),
        ('[corrections.claims]\n"mix/caption/tempo/128" = "keep"\n', TEXT),
        ('[review]\nstate = "accepted"\n', ["song_review"]),
        (EXCLUDED, ["song_review"]),
        ("repeats = 3\n", ["song_review"]),
        ('locked = ["title"]\n', []),
    ],
)
@pytest.mark.finished("a")
def test_only_what_depends_on_a_decision_is_due_and_nothing_once_it_is_taken_back(
    data: DataPaths, said: str, steps: list[str]
) -> None:
    say(data, "a", said)
    assert due(data) == ({"a": steps} if steps else {})
    say(data, "a", "")
    assert due(data) == {}


@pytest.mark.finished("a")
def test_nothing_is_due_of_a_library_that_was_made_before_there_were_reviews_or_corrections(data: DataPaths) -> None:
    forget_reviews(data, "a")
    assert due(data) == {}
    say(data, "a", '[review]\nstate = "accepted"\n')
    assert due(data) == {"a": ["song_review"]}


def forget_reviews(data: DataPaths, song_id: str) -> None:
    """Leave of a song what an earlier version made of it."""
    state = json.loads(state_path(data, song_id).read_text())
    del state["made"]["song_review"]
    for part in ("review", "grid", "key", "sections", "claims"):
        del state["files"][part]
    state_path(data, song_id).write_text(json.dumps(state))
    store = FeatureStore(data.features)
    file = store.open(song_id)
    assert file is not None
    kept = {name: result for name, result in file.results().items() if name != "reviews"}
    store.path(song_id).write_bytes(pack_results(kept))


@pytest.mark.finished("a")
def test_a_song_of_before_is_run_with_its_review_once_anything_else_of_it_is_due(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    forget_reviews(data, "a")
    say(data, "a", 'title = "x"\n')
    results = follow_sensors(instance)
    assert all(result.success for result in results)
    assert "reviews" in FeatureStore(data.features).versions("a")
    assert due(data) == {}
    assert not_fresh(instance, "a") == {}


@pytest.mark.finished("a", sound=True)
def test_a_key_that_is_corrected_wins_everywhere_measures_nothing_again_and_leaves_no_trace_once_taken_back(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow_sensors(instance)
    before = contents(data)
    # The chords of stems that play some are spelled by the key.
    for step in STEM_STEPS.values():
        if step not in CHORDAL_STEPS:
            monkeypatch.setitem(pipeline.WORK, step, never)
    monkeypatch.setattr(pipeline, "_measured_song", never)
    say(data, "a", '[corrections]\nkey = "C major"\n')
    results = follow_sensors(instance)
    assert all(result.success for result in results)
    assert (due(data), not_fresh(instance, "a")) == ({}, {})
    asked_for = (
        "SELECT key, method, m.confidence, measured, corrected FROM song_features "
        "JOIN measurements m USING (song_id) JOIN corrections USING (song_id) WHERE m.name = 'key'"
    )
    rows = query(data.warehouse, asked_for).rows
    assert [row[:3] for row in rows] == [("C major", "human", 1.0)]
    assert rows[0][3:] == (str(stored_key(before, data)), "C major")
    assert songs_where(data.warehouse, "key = 'C major'") == ["a"]
    assert "C major" in (data.datasets / "bark_training_dataset_a.json").read_text()
    say(data, "a", "")
    assert all(result.success for result in follow_sensors(instance))
    assert (due(data), not_fresh(instance, "a")) == ({}, {})
    assert contents(data) == before


def stored_key(stored: dict[str, bytes], data: DataPaths) -> str | None:
    """The key in stored files, read from a copy of them."""
    copy = FeatureStore(data.root / "copy")
    for name, content in stored.items():
        if name.startswith("features/"):
            path = copy.folder / name.removeprefix("features/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return copy.read(SongFeatures, "a").key.value


@pytest.mark.finished("a", sound=True)
def test_a_tempo_that_is_corrected_reaches_stems_clips_and_conditions_and_a_kill_in_between_is_repaired(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_measured_song", never)
    say(data, "a", "[corrections]\ntempo_bpm = 240\n")
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.WORK, "bass_features", killed)
        (died,) = do(instance, asked(tick(instance)))
        assert not died.success
    assert set(MEASURED) - {"song_features", "drum_features"} <= set(due(data)["a"])
    results = follow_sensors(instance)
    assert all(result.success for result in results)
    assert (due(data), not_fresh(instance, "a")) == ({}, {})
    assert songs_where(data.warehouse, "tempo_bpm > 160") == ["a"]
    bars = query(
        data.warehouse, "SELECT count(*) FILTER (position = 1), (SELECT max(bar) FROM drum_hits) FROM beats"
    ).rows
    downbeats, last_bar = bars[0]
    assert last_bar >= downbeats - 2
    clips = query(data.warehouse, "SELECT DISTINCT round(tempo_bpm) FROM clips WHERE tempo_bpm IS NOT NULL").rows
    assert all(tempo == pytest.approx(240.0, rel=0.03) for (tempo,) in clips)


def killed(work: SongWork) -> Record:
    raise KeyboardInterrupt


@pytest.mark.finished("a", sound=True)
def test_stems_read_of_the_mix_only_what_is_compared_before_they_are_kept(data: DataPaths) -> None:
    work = SongWork(find_song(data, "a"), data, Settings(), MeasuredCaptioner())
    song = work.result(SongFeatures)
    names = {field.name for field in dataclasses.fields(SongFeatures)}
    read: set[str] = set()

    class Watched(SongFeatures):
        def __getattribute__(self, name: str) -> Any:
            if name in names:
                read.add(name)
            return super().__getattribute__(name)

    watched = object.__new__(Watched)
    object.__getattribute__(watched, "__dict__").update(vars(song))
    pipeline._read_by_stems(watched)
    pipeline._spelled_by(watched)
    pipeline._sure_of_bars(watched)
    compared = set(read)
    read.clear()
    work._results[SongFeatures] = watched
    for step in STEM_STEPS.values():
        run_step(STEP_NAMED[step], work)
    assert "beats" in read
    assert read <= compared


@pytest.mark.finished("ab", published=True)
def test_an_excluded_song_leaves_manifest_and_splits_and_comes_back(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    splits = "SELECT song_id, split FROM splits ORDER BY song_id"
    before = query(data.warehouse, splits).rows
    say(data, "a", EXCLUDED)
    results = follow_sensors(instance)
    assert {
        e.check_name: e.passed
        for r in results
        for e in r.get_asset_check_evaluations()
        if e.check_name == "is_reviewed"
    } == {"is_reviewed": False}
    assert [row[0] for row in query(data.warehouse, splits).rows] == ["b"]
    assert publish_manifest(data).excluded == ("a: excluded by maria: duet",)
    reviews = "SELECT song_id, state, reviewed_by, reason, repeats FROM reviews ORDER BY song_id"
    assert query(data.warehouse, reviews).rows == (
        ("a", "excluded", "maria", "duet", 1), ("b", "unreviewed", None, None, 1),
    )  # fmt: skip
    say(data, "a", "")
    follow_sensors(instance)
    assert query(data.warehouse, splits).rows == before
    assert publish_manifest(data).excluded == ()


@pytest.mark.finished("a", sound=True)
def test_the_manifest_names_how_often_a_song_is_met(data: DataPaths, instance: dg.DagsterInstance) -> None:
    publish_manifest(data)
    manifest = data.datasets / "training_manifest.jsonl"
    (entry,) = map(json.loads, manifest.read_text().splitlines())
    assert "repeats" not in entry
    say(data, "a", "repeats = 3\n")
    follow_sensors(instance)
    (entry,) = map(json.loads, manifest.read_text().splitlines())
    assert entry["repeats"] == 3


def refusals(data: DataPaths, **options: Any) -> dict[str, str]:
    songs = StoredSongs(data, Settings(), AceStep(), ExportOptions(folder="/out", **options))
    return {note.song_id: note.rule for note in songs.refused() if note.rule != "due"}


@pytest.mark.finished("ab")
def test_exports_leave_out_what_is_excluded_at_once_and_where_asked_what_nobody_accepted(data: DataPaths) -> None:
    say(data, "a", EXCLUDED)
    assert refusals(data) == {"a": "excluded", "b": "unfit"}
    assert refusals(data, accepted_only=True) == {"a": "excluded", "b": "unreviewed"}
    say(data, "b", '[review]\nstate = "accepted"\n')
    assert refusals(data, accepted_only=True) == {"a": "excluded", "b": "unfit"}


def test_a_song_is_met_as_often_as_it_asks_where_the_layout_can_say_so(tmp_path: Path) -> None:
    source = made_source(2, views=("full",))
    heads = [dataclasses.replace(head, repeats=number) for number, head in enumerate(source.heads(), start=1)]
    source.heads = lambda: heads  # type: ignore[method-assign]
    export(AceStep(), source, tmp_path / "out", ExportOptions(folder=str(tmp_path / "out")))
    clips = [json.loads(line) for line in (tmp_path / "out" / "provenance" / "clips.jsonl").read_text().splitlines()]
    times = {(clip["song_id"], clip["clip"]["source"]): clip["repeats"] for clip in clips}
    assert times["song-01", "mix"] == 2 * times["song-00", "mix"]
    rows = json.loads((tmp_path / "out" / "dataset.json").read_text())["samples"]
    assert len(rows) == sum(times.values())


def test_no_step_but_those_that_declare_it_depends_on_a_decision() -> None:
    decided = {"review", "grid", "key", "sections", "claims"}
    assert {step.name: set(step.files) & decided for step in STEPS if set(step.files) & decided} == {
        "song_review": {"review"},
        "song_features": {"grid", "key", "sections"},
        "flamingo_captions": {"claims"},
        "training_prompts": {"claims"},
        "training_clips": {"claims"},
    }
