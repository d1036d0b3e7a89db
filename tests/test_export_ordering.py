"""Lines in training order: repeats spread, songs interleaved, and no more adjacent lines of a song than need be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.exports.ordering import MAX_RUN, phase, spread


def runs(songs: Sequence[int]) -> list[int]:
    return [len(list(group)) for _, group in itertools.groupby(songs)]


Items = list[tuple[int, int]]
items_of_songs: st.SearchStrategy[Items] = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 10)), max_size=12)


def order_of(items: Items) -> tuple[list[int], int]:
    order = spread([phase(str(i)) for i in range(len(items))], [s for s, _ in items], [n for _, n in items])
    return order.items.tolist(), order.longest_run


@given(items_of_songs)
@settings(max_examples=100, deadline=None)
def test_every_item_stands_as_often_as_it_repeats(items: Items) -> None:
    order, _ = order_of(items)
    assert [order.count(i) for i in range(len(items))] == [repeats for _, repeats in items]


@given(items_of_songs)
@settings(max_examples=100, deadline=None)
def test_no_song_stands_on_more_adjacent_lines_than_is_told(items: Items) -> None:
    order, longest_run = order_of(items)
    assert max(runs([items[i][0] for i in order]), default=0) <= longest_run


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_what_is_told_is_the_least_that_any_order_can_have(songs: list[int]) -> None:
    least = min(max(runs(order)) for order in itertools.permutations(songs))
    _, longest_run = order_of([(song, 1) for song in songs])
    assert longest_run == max(MAX_RUN, least)


def test_one_song_alone_has_all_lines_together() -> None:
    assert order_of([(0, 10), (0, 7)])[1] == 17


def test_nothing_gives_nothing() -> None:
    assert order_of([]) == ([], MAX_RUN)


def test_repeats_of_an_item_lie_apart() -> None:
    items = [(song, 10) for song in range(20) for _ in range(5)]
    order, _ = order_of(items)
    places = {i: [place for place, item in enumerate(order) if item == i] for i in range(len(items))}
    gaps = [late - early for each in places.values() for early, late in itertools.pairwise(each)]
    assert min(gaps) > len(order) / 10 / 2
    assert max(gaps) < len(order) / 10 * 2


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, 7, 10])), min_size=8, max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_item_stands_beside_itself_where_songs_are_of_like_length(items: Items) -> None:
    lines = [sum(repeats for song, repeats in items if song == each) for each in range(4)]
    assume(2 * max(lines) <= sum(lines))
    order, _ = order_of(items)
    assert all(early != late for early, late in itertools.pairwise(order))


def test_neighbours_in_a_song_are_no_neighbours_in_the_list() -> None:
    items = [(clip // 10, 1) for clip in range(200)]
    order, _ = order_of(items)
    assert sum(abs(a - b) == 1 for a, b in itertools.pairwise(order)) < 10


def test_the_order_follows_from_the_names_alone() -> None:
    items = [(clip % 3, 1 + clip % 2) for clip in range(30)]
    assert order_of(items) == order_of(items)
    other = spread([phase(f"other {i}") for i in range(30)], [s for s, _ in items], [n for _, n in items])
    assert other.items.tolist() != order_of(items)[0]
