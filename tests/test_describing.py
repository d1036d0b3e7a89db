"""Many workers, one place for a captioning model: measuring waits for no model, which is loaded for many songs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import dagster as dg
import pytest

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.captioning import model_captioner
from flamingo_bark_assets.defs import pools, songs
from flamingo_bark_assets.defs.names import DESCRIBES_TAG, SONGS
from flamingo_bark_assets.defs.pools import CAPTIONING_POOL
from flamingo_bark_assets.inference.loading import Loaded
from flamingo_bark_assets.inference_settings import ModelCandidate
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.steps import STEPS
from tests.captioning_models import ParrotModel
from tests.platform_state import apply_partitions, asked, do, due, songs_of, tick
from tests.songs import write_song, write_unreadable_song

pytestmark = pytest.mark.dagster

NAMES = [step.name for step in STEPS]
MEASURED = set(NAMES[: NAMES.index("flamingo_captions")])


@pytest.fixture
def loads(data: DataPaths, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model in the chain that can be had; lists what happens to it."""
    happened: list[str] = []
    (data.root / "model").mkdir()
    (data.root / "model" / "weights").write_text("of a parrot")
    data.settings.write_text(
        data.settings.read_text() + f"[inference]\nchain = [{{model = '{data.root / 'model'}'}}]\n"
    )

    def load(*_: object, **__: object) -> Loaded:
        happened.append("loaded")
        return Loaded(ParrotModel(), ModelCandidate(), ())

    monkeypatch.setattr(model_captioner, "load_first", load)
    return happened


def test_new_songs_are_measured_first_and_described_by_one_run_at_a_time(
    data: DataPaths, instance: dg.DagsterInstance, loads: list[str]
) -> None:
    data.settings.write_text(data.settings.read_text().replace("[runs]\n", "[runs]\ndescribing_gpus = 1\n"))
    for song_id in ("a", "b"):
        write_unreadable_song(data.songs, song_id)
    first = tick(instance)
    apply_partitions(instance, first)
    (measuring,) = asked(first)
    assert {key.to_user_string() for key in measuring.asset_selection or ()} == MEASURED
    assert not {DESCRIBES_TAG, "dagster-ray/config"} & measuring.tags.keys()
    do(instance, [measuring])
    assert loads == []

    (describing,) = asked(tick(instance))
    assert songs_of(describing) == ("a", "b")
    assert {key.to_user_string() for key in describing.asset_selection or ()} == set(NAMES) - MEASURED
    assert json.loads(describing.tags["dagster-ray/config"]) == {"num_gpus": 1}
    tags = {DESCRIBES_TAG: "true"}
    queued = instance.run_storage.add_run(dg.DagsterRun("all_songs", status=dg.DagsterRunStatus.STARTING, tags=tags))
    write_unreadable_song(data.songs, "c")
    meanwhile = tick(instance)
    apply_partitions(instance, meanwhile)
    (other,) = asked(meanwhile)
    assert songs_of(other) == ("c",)
    assert {key.to_user_string() for key in other.asset_selection or ()} == MEASURED
    instance.delete_run(queued.run_id)
    do(instance, [other])
    (all_measured,) = asked(tick(instance))
    assert songs_of(all_measured) == ("a", "c")
    do(instance, [describing])
    assert set(due(data)) == {"c"}


def test_a_run_measures_all_its_songs_before_it_waits_for_a_place_and_lets_go_of_the_model_after_it(
    data: DataPaths, instance: dg.DagsterInstance, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, song_id in enumerate(("a", "b")):
        write_song(data.songs, song_id, duration_s=3.0, seed=index, stems=False)
    other = instance.run_storage.add_run(dg.DagsterRun("all_songs", status=dg.DagsterRunStatus.STARTED)).run_id
    storage = instance.event_log_storage
    assert storage.claim_concurrency_slot(CAPTIONING_POOL, other, "song").is_claimed
    for name, work in pipeline.WORK.items():
        if name in {"song_lyrics", "training_prompts"}:
            monkeypatch.setitem(pipeline.WORK, name, _noting(loads, name, work))

    def end_the_other(_message: str) -> None:
        loads.append("waits")
        storage.free_concurrency_slots_for_run(other)

    monkeypatch.setattr(songs, "place_in", functools.partial(_telling, end_the_other))
    release = model_captioner.ModelCaptioner.release

    def released(captioner: model_captioner.ModelCaptioner) -> None:
        loads.append("released")
        release(captioner)

    monkeypatch.setattr(model_captioner.ModelCaptioner, "release", released)
    reports = run_songs(instance, ["a", "b"], lambda *_: None)
    assert all(report.success for report in reports), [report.errors for report in reports]
    assert loads == ["song_lyrics"] * 2 + ["waits", "loaded", "released"] + ["training_prompts"] * 2
    assert instance.get_dynamic_partitions(SONGS) == ["a", "b"]
    assert storage.get_concurrency_run_ids() == set()


def test_the_place_of_a_run_that_has_ended_without_giving_it_back_goes_to_whoever_waits(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = instance.run_storage.add_run(dg.DagsterRun("all_songs", status=dg.DagsterRunStatus.FAILURE)).run_id
    storage = instance.event_log_storage
    assert storage.claim_concurrency_slot(CAPTIONING_POOL, killed, "captions of songs").is_claimed
    looks: list[float] = []

    def impatient(seconds: float) -> None:
        looks.append(seconds)
        assert len(looks) < 5

    monkeypatch.setattr("flamingo_bark_assets.defs.pools.time.sleep", impatient)
    waiting = instance.run_storage.add_run(dg.DagsterRun("all_songs", status=dg.DagsterRunStatus.STARTED)).run_id
    with pools.place_in(CAPTIONING_POOL, instance, waiting, "captions of songs", lambda _: None):
        assert storage.get_concurrency_run_ids() == {waiting}


def _telling(
    tell: Callable[[str], None], pool: str, instance: dg.DagsterInstance, run_id: str, part: str, _: object
) -> AbstractContextManager[None]:
    return pools.place_in(pool, instance, run_id, part, tell)


def _noting(notes: list[str], name: str, work: Callable[[SongWork], Record]) -> Callable[[SongWork], Record]:
    def noted(song: SongWork) -> Record:
        notes.append(name)
        return work(song)

    return noted
