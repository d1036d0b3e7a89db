"""The second opinion in real runs: the check, what a wrong loop does to it, what a change of the share makes due."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.analysis.features.agreement import DOUBTED
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.jobs import all_songs
from flamingo_bark_assets.defs.names import ONLY_DUE_TAG, SECOND_OPINION_TAG, SONGS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import query
from tests import music
from tests.conftest import NO_WAITING
from tests.platform_state import QUIET, due, follow_sensors, make, not_fresh
from tests.signals import write_wav
from tests.test_agreement import crossings_twice, mix

pytestmark = pytest.mark.dagster

AFTER = [step.name for step in STEPS[[step.name for step in STEPS].index("song_features") :]]


def share(data: DataPaths, of_all: float) -> None:
    data.settings.write_text(f"[analysis]\nsecond_opinion_share = {of_all}\n{NO_WAITING}")


def write_songs(data: DataPaths, names: Sequence[str]) -> None:
    for name in names:
        write_wav(data.songs / name / "song.wav", *mix().samples, rate_hz=music.RATE_HZ)


def run(instance: dg.DagsterInstance, songs: Sequence[str], **tags: str) -> dict[str | None, dg.AssetCheckEvaluation]:
    """Run songs through every asset; give back what the check says, by song."""
    instance.add_dynamic_partitions(SONGS, sorted(set(songs) - set(instance.get_dynamic_partitions(SONGS))))
    ends = {ASSET_PARTITION_RANGE_START_TAG: min(songs), ASSET_PARTITION_RANGE_END_TAG: max(songs)}
    result = defs.resolve_job_def(all_songs.name).execute_in_process(
        instance=instance, tags={**ends, **tags}, run_config=QUIET
    )
    return {
        found.partition: found
        for found in result.get_asset_check_evaluations()
        if found.check_name == "agrees_with_librosa"
    }


def stored(data: DataPaths, song_id: str) -> SongFeatures:
    return FeatureStore(data.features).read(SongFeatures, song_id)


def test_the_check_passes_where_librosa_agrees_and_warns_of_a_wrong_loop(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(data, 1.0)
    write_songs(data, "ab")
    found = run(instance, "ab")
    assert {song_id: outcome.passed for song_id, outcome in found.items()} == {"a": True, "b": True}
    assert found["a"].description == "librosa agrees with 24 quantities"
    assert stored(data, "a").zero_crossing_rate_hz.confidence == 1.0
    assert not_fresh(instance, "ab") == {}

    right = stored(data, "a").zero_crossing_rate_hz.value
    assert right is not None
    crossings_twice(monkeypatch)
    warned = run(instance, "ab")["a"]
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert warned.description is not None
    assert "a: zero_crossing_rate_hz is" in warned.description
    assert f"{2 * right:.6g}" in warned.description
    assert f"{right:.6g}" in warned.description
    assert stored(data, "a").zero_crossing_rate_hz.confidence == DOUBTED
    follow_sensors(instance)
    rows = query(
        data.warehouse,
        "SELECT confidence, ours, librosa, agrees FROM second_opinions JOIN measurements USING (song_id) "
        "WHERE song_id = 'b' AND name = quantity AND quantity = 'zero_crossing_rate_hz'",
    ).rows
    ((confidence, ours, by_librosa, agrees),) = rows
    assert (confidence, agrees) == (DOUBTED, False)
    assert ours == pytest.approx(2 * by_librosa)


def test_a_larger_share_makes_only_the_newly_chosen_due_and_only_their_opinion(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(data, 0.0)
    write_songs(data, "ab")
    found = run(instance, "ab")
    assert found["a"].passed
    assert found["a"].description is not None
    assert found["a"].description.startswith("not chosen")
    assert stored(data, "a").second_opinions == ()
    # By its hash, a lies among the first half of all songs and b does not.
    share(data, 0.5)
    assert due(data) == {"a": AFTER}

    def never(work: SongWork) -> Record:
        raise AssertionError("this step must not run")

    def measured(work: SongWork) -> SongFeatures:
        raise AssertionError("nothing of ours is measured again")

    before = stored(data, "a")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_measured_song", measured)
        for step in AFTER[1:]:
            patch.setitem(pipeline.WORK, step, never)
        follow_sensors(instance)
    assert due(data) == {}
    assert not_fresh(instance, "ab") == {}
    assert len(stored(data, "a").second_opinions) == 24
    assert stored(data, "b").second_opinions == ()
    assert stored(data, "a").tempo_bpm == before.tempo_bpm

    share(data, 0.0)
    assert due(data) == {}


def test_all_songs_of_a_run_are_measured_twice_on_request(data: DataPaths, instance: dg.DagsterInstance) -> None:
    share(data, 0.0)
    write_songs(data, "ab")
    make(instance, "a", "b")
    found = run(instance, "ab", **{SECOND_OPINION_TAG: "true", ONLY_DUE_TAG: "true"})
    assert found["b"].description == "librosa agrees with 24 quantities"
    assert len(stored(data, "a").second_opinions) == 24
    assert due(data) == {}
