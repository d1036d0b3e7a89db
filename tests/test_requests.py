"""Which due songs a run is asked for: bounded, with pauses, and so that one song holds up no other."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.due import DueSong
from flamingo_bark_assets.provenance.requests import MOST_SONGS, Asked, decide, pause_s, read_asked, write_asked
from flamingo_bark_assets.provenance.state import Attempt
from flamingo_bark_assets.settings import RunSettings

NOW_S = 1_000_000.0
POLICY = RunSettings(max_attempts=3, first_pause_s=60, settle_s=10)


def song(
    song_id: str, *, attempts: int = 0, error: str | None = None, ago_s: float = 1e5, changed_ago_s: float = 1e5
) -> DueSong:
    attempt = Attempt("i", attempts, NOW_S - ago_s, "run", error) if attempts else None
    return DueSong(song_id, {"raw_song": "never made"}, "i", int((NOW_S - changed_ago_s) * 1e9), attempt)


def named(*songs: DueSong) -> dict[str, DueSong]:
    return {one.song_id: one for one in songs}


def test_songs_that_were_never_tried_share_runs_and_are_remembered() -> None:
    decision = decide(named(song("a"), song("b")), frozenset(), {}, POLICY, NOW_S)
    assert decision.together == {"a", "b"}
    assert decision.asked == {key: Asked("i", 1, NOW_S) for key in "ab"}


def test_a_song_whose_process_died_goes_alone_and_one_with_an_error_does_not() -> None:
    decision = decide(named(song("a", attempts=1), song("b", attempts=1, error="x")), frozenset(), {}, POLICY, NOW_S)
    assert decision.alone == {"a"}
    assert decision.together == {"b"}


@pytest.mark.parametrize(("tried", "seconds"), [(1, 60), (2, 240), (3, 960), (4, 3600), (50, 3600)])
def test_pauses_grow_fourfold_up_to_an_hour(tried: int, seconds: float) -> None:
    assert pause_s(tried, POLICY) == seconds


def test_the_pause_counts_from_the_last_attempt_or_request() -> None:
    due = named(song("a", attempts=1, ago_s=59), song("b", attempts=1, ago_s=61), song("c"))
    decision = decide(due, frozenset(), {"c": Asked("i", 1, NOW_S - 10)}, POLICY, NOW_S)
    assert set(decision.later) == {"a", "c"}
    assert decision.alone == {"b"}


def test_runs_that_died_before_they_came_to_a_song_prolong_its_pause_as_one_attempt_does() -> None:
    asked = {"a": Asked("i", 4, NOW_S - 61), "b": Asked("i", 5, NOW_S - 61)}
    decision = decide(named(song("a"), song("b")), frozenset(), asked, POLICY, NOW_S)
    assert decision.together == {"a"}
    assert "again in 179 s" in decision.later["b"]


def test_a_song_is_given_up_with_what_went_wrong() -> None:
    decision = decide(named(song("a", attempts=3, error="boom"), song("b", attempts=3)), frozenset(), {}, POLICY, NOW_S)
    assert "boom" in decision.given_up["a"]
    assert "killed or cancelled" in decision.given_up["b"]
    assert not decision.together | decision.alone


def test_runs_that_never_come_to_a_song_are_bounded_too() -> None:
    asked = {"a": Asked("i", 12, 0.0), "b": Asked("other", 12, 0.0)}
    decision = decide(named(song("a"), song("b")), frozenset(), asked, POLICY, NOW_S)
    assert "12 runs were asked for and none came to it" in decision.given_up["a"]
    assert decision.together == {"b"}  # it changed since


def test_files_that_have_just_changed_wait_and_those_of_the_future_do_not() -> None:
    due = named(song("a", changed_ago_s=9), song("b", changed_ago_s=11), song("c", changed_ago_s=-1000))
    assert decide(due, frozenset(), {}, POLICY, NOW_S).together == {"b", "c"}


def test_no_more_songs_are_asked_for_than_a_queue_should_hold() -> None:
    due = named(*(song(f"{number:04d}") for number in range(MOST_SONGS + 50)))
    busy = frozenset(f"{number:04d}" for number in range(100))
    decision = decide(due, busy, {}, POLICY, NOW_S)
    assert len(decision.together) == MOST_SONGS - 100
    assert len(decision.asked) == MOST_SONGS - 100


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"a": 1}', '{"a": {"count": 1}}', "[" * 100_000])
def test_a_damaged_memory_is_an_empty_one(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    paths = DataPaths(tmp_path_factory.mktemp("data"))
    write_asked(paths, {"a": Asked("i", 1, 2.0)})
    assert read_asked(paths) == {"a": Asked("i", 1, 2.0)}
    (paths.root / "state" / "requests.json").write_text(text)
    assert read_asked(paths) == {}
