"""A check that is run alone judges the stored results again, for one song or for all."""

from __future__ import annotations

import dagster as dg
import pytest

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.record import Record
from tests.conftest import NO_WAITING
from tests.platform_state import make, not_fresh
from tests.songs import write_song, write_unreadable_song

pytestmark = pytest.mark.dagster

CHECK = dg.AssetCheckKey(dg.AssetKey("raw_song"), "recording_is_sound")
VERDICT = dg.AssetCheckKey(dg.AssetKey("bark_dataset"), "fit_for_training")


def run_check(instance: dg.DagsterInstance, check: dg.AssetCheckKey, song_id: str | None) -> dict[str | None, bool]:
    """Execute a check without its asset, as the UI does; give back the outcome by song."""
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(), asset_check_selection={check})
    result = job.execute_in_process(instance=instance, partition_key=song_id)
    assert result.success
    return {found.partition: found.passed for found in result.get_asset_check_evaluations()}


def test_a_check_alone_judges_stored_results_by_the_limits_of_now(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, name in enumerate("ab"):
        write_song(data.songs, name, seed=index, stems=False)
    make(instance, "a", "b")

    def never(work: SongWork) -> Record:
        raise AssertionError("nothing is measured for a check")

    for step in pipeline.WORK:
        monkeypatch.setitem(pipeline.WORK, step, never)
    data.settings.write_text("[thresholds]\nmin_duration_s = 600\n" + NO_WAITING)
    assert run_check(instance, VERDICT, "a") == {"a": False}
    assert run_check(instance, CHECK, None) == {"a": False, "b": False}
    data.settings.write_text(NO_WAITING)
    assert run_check(instance, VERDICT, "a") == {"a": True}
    assert run_check(instance, CHECK, None) == {"a": True, "b": True}
    assert not_fresh(instance, "ab") == {}


def test_a_check_of_a_song_that_was_never_made_is_not_evaluated(data: DataPaths, instance: dg.DagsterInstance) -> None:
    for name in "ab":
        write_unreadable_song(data.songs, name)
    make(instance, "a")
    instance.add_dynamic_partitions("songs", ["b"])
    assert run_check(instance, CHECK, None) == {"a": False}
