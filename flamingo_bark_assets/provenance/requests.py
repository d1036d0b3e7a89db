"""Which due songs to ask a run for now, which later, and which no more: bounded attempts with growing pauses.

The decision and its memory belong here; asking is for the sensor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.due import DueSong
from flamingo_bark_assets.provenance.state import STATE_FOLDER, Attempt, read_json, seconds, write_json
from flamingo_bark_assets.settings import RunSettings

REQUESTS_FILE = "requests.json"
# So many songs at most are queued or under way by the sensor: it comes again, and a tick stays short.
MOST_SONGS = 1000
# A run that dies before it comes to a song says nothing about that song: so many such requests count as one attempt,
# in the pause that follows as in the bound.
REQUESTS_AN_ATTEMPT = 4
_PAUSE_GROWTH = 4
_LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a run was asked for.

    Attributes:
        inputs: digest of what it was asked for.
        count: how often.
        at_s: the last time, s since the epoch.
    """

    inputs: str
    count: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about the due songs.

    Attributes:
        together: songs to ask for now, which may share a run.
        alone: songs to ask for now, each in a run of its own, as the process of an earlier attempt on them died.
        later: songs to ask for after a pause, or once their files have settled, each with the reason.
        given_up: songs that are not asked for any more, each with the reason.
        asked: what to remember.
    """

    together: frozenset[str]
    alone: frozenset[str]
    later: Mapping[str, str] = field(default_factory=dict)
    given_up: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Asked] = field(default_factory=dict)


def decide(
    due: Mapping[str, DueSong],
    busy: Set[str],
    asked: Mapping[str, Asked],
    policy: RunSettings,
    now_s: float,
    *,
    held_back: Set[str] = frozenset(),
) -> Decision:
    """Decide which songs to ask a run for; those held back are not asked for now, and what is known of them is kept."""
    together: set[str] = set()
    alone: set[str] = set()
    later: dict[str, str] = {}
    given_up: dict[str, str] = {}
    remembered: dict[str, Asked] = {}
    for song_id, song in due.items():
        before = asked.get(song_id)
        if before is not None and before.inputs != song.inputs:
            before = None
        if before is not None:
            remembered[song_id] = before
        if song_id in busy or song_id in held_back:
            continue
        if reason := given_up_because(song.attempt, before, policy):
            given_up[song_id] = reason
        elif reason := _wait(song, before, policy, now_s):
            later[song_id] = reason
        else:
            if len(together) + len(alone) + len(busy) >= MOST_SONGS:
                continue
            # A step that fails spoils no other song of its run; a process that dies does.
            died = song.attempt is not None and song.attempt.error is None
            (alone if died else together).add(song_id)
            remembered[song_id] = Asked(song.inputs, (before.count if before else 0) + 1, now_s)
    return Decision(frozenset(together), frozenset(alone), later, given_up, remembered)


def given_up_because(attempt: Attempt | None, asked: Asked | None, policy: RunSettings) -> str | None:
    """Say why no run is asked for any more; None where one still is."""
    if attempt is not None and attempt.count >= policy.max_attempts:
        how = attempt.error or "its run was killed or cancelled while it worked on the song"
        return f"given up after {attempt.count} attempts: {how} (run {attempt.run_id}); run it again by hand"
    if asked is not None and asked.count >= policy.max_attempts * REQUESTS_AN_ATTEMPT:
        return f"given up: {asked.count} runs were asked for and none came to it; run it again by hand"
    return None


def _wait(song: DueSong, asked: Asked | None, policy: RunSettings, now_s: float) -> str | None:
    unchanged_s = now_s - song.changed_ns / 1e9
    if 0 <= unchanged_s < policy.settle_s:
        return "its files have just changed"
    requests = -(-asked.count // REQUESTS_AN_ATTEMPT) if asked else 0
    tried = max(song.attempt.count if song.attempt else 0, requests)
    if tried == 0:
        return None
    last_s = max(song.attempt.at_s if song.attempt else 0.0, asked.at_s if asked else 0.0)
    wait_s = left_s(last_s, tried, policy, now_s)
    return f"tried {tried} times; again in {wait_s:.0f} s" if wait_s > 0 else None


def left_s(last_s: float, tried: int, policy: RunSettings, now_s: float) -> float:
    """Return how much of the pause after the last attempt is left, s; a clock that was ahead does not prolong it."""
    return min(last_s, now_s) + pause_s(tried, policy) - now_s


def pause_s(tried: int, policy: RunSettings) -> float:
    """Return how long to wait after a number of attempts, s."""
    return min(_LONGEST_PAUSE_S, policy.first_pause_s * float(_PAUSE_GROWTH ** min(tried - 1, 20)))


def read_asked(paths: DataPaths, file: str = REQUESTS_FILE) -> dict[str, Asked]:
    """Read what was asked for; nothing where the file is missing or damaged."""
    return read_json(paths.root / STATE_FOLDER / file, _all_asked) or {}


def _all_asked(values: Any) -> dict[str, Asked]:
    return {str(key): _asked(**asked) for key, asked in values.items()}


def _asked(*, inputs: object, count: Any, at_s: Any) -> Asked:
    return Asked(str(inputs), int(count), seconds(at_s))


def write_asked(paths: DataPaths, asked: Mapping[str, Asked], file: str = REQUESTS_FILE) -> None:
    """Store what was asked for.

    Raises:
        WriteError: the file cannot be written.
    """
    write_json(paths.root / STATE_FOLDER / file, {key: dataclasses.asdict(one) for key, one in asked.items()})
