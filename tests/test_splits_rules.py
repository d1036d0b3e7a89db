"""Songs are parted by the hash of their group, what is assigned stays, and a leak is named."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.settings import SplitSettings
from flamingo_bark_assets.splits.groups import Link, SongIdentity, artist_links, group_songs
from flamingo_bark_assets.splits.records import SPLITS, SongSplit
from flamingo_bark_assets.splits.rules import BY_HASH, assign, find_leaks, split_of

SETTINGS = SplitSettings(validation=0.3, test=0.3)


def song(number: int, artist: str | None = None) -> SongIdentity:
    return SongIdentity(f"song-{number:03}", f"{number * 7919 % 10007:08x}", artist=artist)


def assigned(
    songs: list[SongIdentity],
    links: list[Link],
    before: dict[str, SongSplit] | None = None,
    *,
    by_artist: bool = False,
    given_by: SplitSettings = SETTINGS,
) -> dict[str, SongSplit]:
    more = artist_links(songs) if by_artist else ()
    return assign(group_songs(songs, [*links, *more], by_artist=by_artist), before or {}, given_by)


def test_the_shares_are_those_of_the_settings_and_another_seed_parts_otherwise() -> None:
    given_by = SplitSettings(seed=1, validation=0.2, test=0.1)
    splits = [split_of(f"{number:016x}", given_by) for number in range(4000)]
    counts = Counter(splits)
    assert abs(counts["validation"] / 4000 - 0.2) < 0.03
    assert abs(counts["test"] / 4000 - 0.1) < 0.03
    assert splits != [split_of(f"{number:016x}", given_by.model_copy(update={"seed": 2})) for number in range(4000)]


def test_a_larger_test_share_takes_songs_into_it_and_none_out() -> None:
    groups = [f"{number:016x}" for number in range(500)]
    small, large = SplitSettings(test=0.1, validation=0.0), SplitSettings(test=0.2, validation=0.0)
    assert all(split_of(group, large) == "test" for group in groups if split_of(group, small) == "test")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=30),
    st.permutations(range(40)),
    st.integers(0, 40),
    st.booleans(),
)
def test_adding_songs_moves_nobody_but_where_a_newcomer_joins_two_splits(
    pairs: list[tuple[int, int]], order: list[int], first_come: int, by_artist: bool
) -> None:
    songs = [song(number, artist=f"artist {number % 25}") for number in order]
    links = [Link(song(a).song_id, song(b).song_id, "given") for a, b in pairs if a != b]
    come = songs[:first_come]
    there = {each.song_id for each in come}
    before = assigned(come, [x for x in links if {x.first, x.second} <= there], by_artist=by_artist)
    after = assigned(songs, links, before, by_artist=by_artist)
    together = [*links, *(artist_links(songs) if by_artist else ())]
    assert find_leaks(together, {song_id: each.split for song_id, each in after.items()}) == ()
    for group in group_songs(songs, together, by_artist=by_artist):
        splits = {before[song_id].split for song_id in group.songs if song_id in before}
        moved = [
            song_id for song_id in group.songs if song_id in before and before[song_id].split != after[song_id].split
        ]
        assert len(splits) > 1 or not moved
        assert all(after[song_id].reason.startswith("moved here from ") for song_id in moved)
    assert assigned(songs, links, after, by_artist=by_artist) == after


def test_a_duplicate_joins_the_split_of_the_song_that_was_there() -> None:
    old = song(1)
    before = assigned([old], [])
    others = [
        number for number in range(2, 60) if split_of(song(number).content, SETTINGS) != before[old.song_id].split
    ]
    new = song(others[0])
    after = assigned([old, new], [Link(old.song_id, new.song_id, "the same stems")], before)
    assert after[old.song_id] == before[old.song_id]
    assert after[new.song_id].split == before[old.song_id].split
    assert after[new.song_id].group == before[old.song_id].group
    assert after[new.song_id].reason == f"joins: {old.song_id}: the same stems"


def test_a_song_that_joins_two_groups_moves_the_smaller_one_and_says_so() -> None:
    before = {
        "a": SongSplit("a", "1", "train", BY_HASH),
        "b": SongSplit("b", "1", "train", BY_HASH),
        "c": SongSplit("c", "0", "test", BY_HASH),
    }
    songs = [SongIdentity(name, name) for name in "abcd"]
    links = [Link("a", "b", "x"), Link("b", "d", "x"), Link("c", "d", "the same recording")]
    after = assigned(songs, links, before)
    assert {each.split for each in after.values()} == {"train"}
    assert {each.group for each in after.values()} == {"1"}
    assert after["c"].reason == "moved here from test: d: the same recording"


def test_all_songs_of_an_artist_go_together_by_the_artist_alone() -> None:
    songs = [song(number, artist="The Band" if number % 2 else "the  band") for number in range(9)]
    assert len({each.split for each in assigned(songs, [], by_artist=True).values()}) == 1
    assert len({each.split for each in assigned(songs, []).values()}) > 1
    # Whichever songs of the artist came first.
    assert {assigned([each], [], by_artist=True)[each.song_id].group for each in songs} == {
        each.group for each in assigned(songs, [], by_artist=True).values()
    }


def test_a_leak_is_named_with_both_songs_and_splits() -> None:
    links = [Link("a", "b", "the same stems"), Link("b", "c", "the same artist"), Link("c", "gone", "x")]
    assert find_leaks(links, {"a": "train", "b": "test", "c": "test"}) == ("a (train) and b (test): the same stems",)
    assert set(SPLITS) == {"train", "validation", "test"}
