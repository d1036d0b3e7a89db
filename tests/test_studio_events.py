"""The stream of events: one reader for all, replayed after a break, bounded, and patient with a locked database."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.runs import events as runs_events
from flamingo_bark_assets.studio.runs.dagster_client import DagsterClient
from flamingo_bark_assets.studio.runs.events import MOST_CLIENTS, EventStream, TooManyClients
from flamingo_bark_assets.studio.runs.records import Event

pytestmark = pytest.mark.dagster


class CountingClient(DagsterClient):
    """A client of a real home that counts how often its event log is asked."""

    asked = 0

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        self.asked += 1
        return super().events_after(cursor, limit)


@pytest.fixture
def home(data: DataPaths, instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory)


@pytest.fixture
def dagster(home: Path, monkeypatch: pytest.MonkeyPatch) -> CountingClient:
    monkeypatch.setattr(runs_events, "_LOOK_S", 0.05)
    return CountingClient(home)


def made(instance: dg.DagsterInstance, *songs: str, step: str = "raw_song") -> None:
    for song_id in songs:
        instance.report_runless_asset_event(dg.AssetMaterialization(step, partition=song_id))


def read(message: str) -> tuple[int | None, str, dict[str, str]]:
    """Id, kind and data of a message of the stream."""
    fields = dict(line.split(": ", 1) for line in message.strip().splitlines() if not line.startswith(":"))
    number = int(fields["id"]) if "id" in fields else None
    return (
        number,
        fields.get("event", "message" if "data" in fields else "comment"),
        json.loads(fields.get("data", "{}")),
    )


async def until(stream: AsyncIterator[str], kind: str, count: int = 1) -> list[tuple[int | None, str, dict[str, str]]]:
    """Read until so many messages of a kind have come; give back all that came."""
    found: list[tuple[int | None, str, dict[str, str]]] = []
    async with asyncio.timeout(60):
        while sum(each[1] == kind for each in found) < count:
            found.append(read(await anext(stream)))
    return found


def ignored(events: Sequence[Event]) -> None:
    """Nobody keeps a grid."""


def test_who_listens_is_told_of_each_result_with_its_place_in_the_log(
    dagster: CountingClient, instance: dg.DagsterInstance
) -> None:
    async def listening() -> list[tuple[int | None, str, dict[str, str]]]:
        stream = EventStream(dagster, ignored).listen(None)
        await until(stream, "start")
        made(instance, "a", "b")
        return await until(stream, "message", 2)

    told = asyncio.run(listening())
    assert [each[2] for each in told] == [
        {"song_id": song_id, "step": "raw_song", "state": "made"} for song_id in ("a", "b")
    ]
    ids = [each[0] for each in told]
    assert ids == sorted(ids, key=lambda number: number or 0)
    assert ids[-1] == instance.event_log_storage.get_maximum_record_id()


def test_who_comes_back_is_told_what_was_missed_and_nothing_twice(
    dagster: CountingClient, instance: dg.DagsterInstance
) -> None:
    async def listening() -> list[str]:
        events = EventStream(dagster, ignored)
        stays, first = events.listen(None), events.listen(None)
        await until(stays, "start")
        await until(first, "start")
        made(instance, "a")
        seen = (await until(first, "message"))[-1][0]
        await first.aclose()  # type: ignore[attr-defined]
        made(instance, "b", "c")
        await until(stays, "message", 3)
        again = await until(events.listen(seen), "message", 2)
        return [each[2]["song_id"] for each in again if each[1] == "message"]

    assert asyncio.run(listening()) == ["b", "c"]


def test_a_studio_that_was_started_anew_replays_what_was_missed_meanwhile(
    dagster: CountingClient, instance: dg.DagsterInstance
) -> None:
    made(instance, "a")
    seen = dagster.newest_event()
    made(instance, "b", "c")

    async def listening() -> list[str]:
        found = await until(EventStream(dagster, ignored).listen(seen), "message", 2)
        return [each[2]["song_id"] for each in found if each[1] == "message"]

    assert asyncio.run(listening()) == ["b", "c"]


@pytest.mark.parametrize("seen", [10**12, 0])
def test_who_has_seen_what_is_not_kept_is_told_to_load_all_again(
    dagster: CountingClient, instance: dg.DagsterInstance, seen: int
) -> None:
    made(instance, "a")

    async def listening() -> str:
        events = EventStream(dagster, ignored)
        await until(events.listen(None), "start")
        return (await until(events.listen(seen), "reset"))[-1][1]

    assert asyncio.run(listening()) == "reset"


def test_all_that_listen_share_one_reader_and_no_more_than_the_bound_are_let_in(
    dagster: CountingClient, instance: dg.DagsterInstance
) -> None:
    async def flooding() -> tuple[int, int]:
        events = EventStream(dagster, ignored)
        streams: list[AsyncIterator[str]] = []
        refused = 0
        for _ in range(200):
            try:
                streams.append(events.listen(None))
            except TooManyClients:
                refused += 1
                continue
            await anext(streams[-1])
        for stream in streams:
            await until(stream, "start")
        before = dagster.asked
        made(instance, "a")
        await asyncio.gather(*(until(stream, "message") for stream in streams))
        looks = dagster.asked - before
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        assert events.clients == 0
        return refused, looks

    refused, looks = asyncio.run(flooding())
    assert refused == 200 - MOST_CLIENTS
    assert looks < MOST_CLIENTS


def test_who_is_let_in_counts_before_anything_was_read_and_no_longer_when_gone(dagster: CountingClient) -> None:
    events = EventStream(dagster, ignored)
    streams = [events.listen(None) for _ in range(MOST_CLIENTS)]
    with pytest.raises(TooManyClients):
        events.listen(None)
    del streams[0]
    streams.append(events.listen(None))
    assert events.clients == MOST_CLIENTS


def test_a_slow_browser_loses_its_queue_and_loads_all_again(
    dagster: CountingClient, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_events, "QUEUE", 10)
    monkeypatch.setattr(runs_events, "_AT_ONCE", 5)
    many = [f"song{number}" for number in range(15)]

    async def listening() -> list[str]:
        events = EventStream(dagster, ignored)
        slow, quick = events.listen(None), events.listen(None)
        await until(slow, "start")
        await until(quick, "start")
        made(instance, *many)
        await until(quick, "message", len(many))
        return [each[1] for each in await until(slow, "reset")]

    kinds = asyncio.run(listening())
    assert kinds[-1] == "reset"
    assert kinds.count("message") <= 10


def test_a_locked_database_is_asked_again_and_nothing_is_missed(
    dagster: CountingClient, instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = CountingClient.events_after
    failed: list[bool] = []

    def locked(self: CountingClient, cursor: int, limit: int) -> tuple[list[Event], int]:
        if not failed:
            failed.append(True)
            raise sqlite3.OperationalError("database is locked")
        return really(self, cursor, limit)

    async def listening() -> str:
        stream = EventStream(dagster, ignored).listen(None)
        await until(stream, "start")
        monkeypatch.setattr(CountingClient, "events_after", locked)
        made(instance, "a")
        return (await until(stream, "message"))[-1][2]["song_id"]

    assert asyncio.run(listening()) == "a"
    assert failed


def test_a_home_that_is_not_there_is_not_made_by_listening(tmp_path: Path) -> None:
    async def listening() -> str:
        return (await until(EventStream(DagsterClient(tmp_path / "none"), ignored).listen(None), "start"))[-1][1]

    assert asyncio.run(listening()) == "start"
    assert not (tmp_path / "none").exists()


def test_an_event_that_cannot_be_read_holds_up_nothing(
    dagster: CountingClient, instance: dg.DagsterInstance, home: Path
) -> None:
    async def listening() -> str:
        stream = EventStream(dagster, ignored).listen(None)
        await until(stream, "start")
        made(instance, "a")
        await until(stream, "message")
        with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as database, database:
            database.execute("INSERT INTO event_logs (run_id, event, timestamp) VALUES ('x', 'no JSON', '2026-01-01')")
        made(instance, "b")
        return (await until(stream, "message"))[-1][2]["song_id"]

    assert asyncio.run(listening()) == "b"
