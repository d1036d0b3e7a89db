"""The stream of what happens in runs: one reader of Dagster's event log for all browsers that listen.

Reading, keeping and handing on belong here; what an event does to the grid is told to whoever is named.

A browser that comes back names the last event that it has seen, and gets what it has missed. Each has a short queue:
one that is too slow loses it and is told to load all again, so no browser makes the server hold more and more.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakSet

from starlette.concurrency import run_in_threadpool

from flamingo_bark_assets.studio.runs.dagster_client import DagsterClient
from flamingo_bark_assets.studio.runs.records import FAULTS, Event

MOST_CLIENTS = 64
QUEUE = 256
_KEPT = 4096
_LOOK_S = 0.5
_LONGEST_LOOK_S = 8.0
_AT_ONCE = 200
_COMMENT_S = 15.0
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Client:
    """One browser that listens: what waits for it, and whether it was too slow."""

    waiting: deque[str] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, message: str, reset: str) -> None:
        if len(self.waiting) >= QUEUE:
            self.waiting.clear()
            self.waiting.append(reset)
        else:
            self.waiting.append(message)
        self.woken.set()


class TooManyClients(Exception):
    """As many listen as may; a page asks for changes by itself meanwhile."""


class EventStream:
    """The one reader, and the browsers that listen."""

    def __init__(self, dagster: DagsterClient, noted: Callable[[Sequence[Event]], None]) -> None:
        """Read nothing until somebody listens; tell `noted` of each event once."""
        self._dagster = dagster
        self._noted = noted
        # Weak: a stream whose browser is gone before it is first read is never closed, only forgotten.
        self._clients: WeakSet[_Client] = WeakSet()
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._from = -1
        self._cursor = -1
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    def listen(self, last_seen: int | None) -> AsyncIterator[str]:
        """Return the stream of one browser, which begins after the event that it has seen last.

        Raises:
            TooManyClients: no more may listen.
        """
        if len(self._clients) >= MOST_CLIENTS:
            raise TooManyClients
        client = _Client()
        self._clients.add(client)
        return self._stream(client, last_seen)

    async def _stream(self, client: _Client, last_seen: int | None) -> AsyncIterator[str]:
        try:
            yield "retry: 3000\n\n"
            async with self._starting:
                if self._reader is None or self._reader.done():
                    await self._begin(last_seen)
                    self._reader = asyncio.create_task(self._read())
            client.waiting.clear()  # all that was read is in what was missed
            for message in self._missed(last_seen):
                yield message
            while True:
                try:
                    await asyncio.wait_for(client.woken.wait(), _COMMENT_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                client.woken.clear()
                while client.waiting:
                    yield client.waiting.popleft()
        finally:
            self._clients.discard(client)

    async def _begin(self, last_seen: int | None) -> None:
        """Begin to read where reading ended, where a browser has ended, or now: whatever loses nothing it may miss."""
        try:
            newest = await run_in_threadpool(self._dagster.newest_event)
        except FAULTS:
            newest = max(self._cursor, 0)
        wanted = self._cursor if self._cursor >= 0 else last_seen
        if wanted is None or not newest - _KEPT <= wanted <= newest:
            wanted = newest
            self._kept.clear()
            self._from = wanted
        if self._cursor < 0:
            self._from = wanted
        self._cursor = wanted

    def _missed(self, last_seen: int | None) -> list[str]:
        """Return what a browser has missed of what was read; where some of it is gone, that it is to load all again."""
        start = f"id: {self._cursor}\nevent: start\ndata: {{}}\n\n"
        if last_seen is None or last_seen == self._cursor:
            return [start]
        if not self._from <= last_seen <= self._cursor:
            return [self._reset()]
        return [start, *(_message(event) for event in self._kept if event.id > last_seen)]

    def _reset(self) -> str:
        return f"id: {self._cursor}\nevent: reset\ndata: {{}}\n\n"

    async def _read(self) -> None:
        """Read as long as somebody listens; a locked or missing database is asked again, less and less often."""
        pause_s = _LOOK_S
        while self._clients:
            try:
                events, cursor = await run_in_threadpool(self._dagster.events_after, self._cursor, _AT_ONCE)
            except FAULTS as error:
                _log.warning("the event log cannot be read, and is asked again: %s", error)
                pause_s = min(2 * pause_s, _LONGEST_LOOK_S)
                await asyncio.sleep(pause_s)
                continue
            if events:
                await run_in_threadpool(self._noted, events)
            went_back, self._cursor = cursor < self._cursor, cursor
            if went_back:
                self._kept.clear()
                self._from = cursor
                for client in self._clients:
                    client.give(self._reset(), self._reset())
            self._hand_on(events)
            pause_s = _LOOK_S
            await asyncio.sleep(0.02 if len(events) >= _AT_ONCE // 2 else pause_s)

    def _hand_on(self, events: Sequence[Event]) -> None:
        if len(self._kept) + len(events) > _KEPT:
            self._from = self._kept[min(len(events), len(self._kept)) - 1].id if self._kept else events[0].id - 1
        for event in events:
            self._kept.append(event)
            message = _message(event)
            for client in self._clients:
                client.give(message, self._reset())


def _message(event: Event) -> str:
    if event.step is None:
        return f"id: {event.id}\nevent: run\ndata: {_json(run_id=event.run_id, state=event.state)}\n\n"
    return f"id: {event.id}\ndata: {_json(song_id=event.song_id, step=event.step, state=event.state)}\n\n"


def _json(**values: str | None) -> str:
    return json.dumps(values, separators=(",", ":"))
