"""The order of lines for a trainer that does not shuffle: repeats spread over the list, songs interleaved.

Finding the order belongs here; what the lines say does not.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_RUN = 2
"""Most adjacent lines of one song, wherever the numbers of lines allow it."""


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """An order of lines.

    Attributes:
        items: which item each line is, in order; an item stands there as often as it repeats.
        longest_run: the most adjacent lines of one song that had to be allowed: `MAX_RUN`, or what is the least that
            any order can have.
    """

    items: NDArray[np.int64]
    longest_run: int


def phase(name: str) -> float:
    """Return where the first line of an item stands, as a part of the distance of its lines: a hash of its name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:6]) / 2**48


def spread(phases: Sequence[float], songs: Sequence[int], repeats: Sequence[int]) -> Order:
    """Order items for a trainer that reads them as they stand.

    Each item stands as often as it repeats, at like distances that begin where its phase says; so the order has nothing
    to do with that of songs or time, and is the same for the same items. Where that would put one song on more adjacent
    lines than need be, the next line of another song comes before, or, where that would leave too few lines to part
    those of a long song, one of the long song.

    Args:
        phases: of each item, 0 to below 1; see `phase`.
        songs: number of the song of each item, from 0.
        repeats: how often each item stands in the list, at least once.
    """
    import numpy as np

    counts, song_of = np.asarray(repeats, dtype=np.int64), np.asarray(songs, dtype=np.int64)
    items = np.repeat(np.arange(counts.size), counts)
    turn = np.arange(items.size) - np.repeat(np.cumsum(counts) - counts, counts)
    places = (turn + np.asarray(phases, dtype=np.float64)[items]) / counts[items]
    wanted = items[np.lexsort((items, places))]
    most = int(np.bincount(song_of[wanted]).max(initial=0))
    run = max(MAX_RUN, -(-most // (items.size - most + 1)))
    order = _interleave(wanted.tolist(), song_of.tolist(), run)
    if run == MAX_RUN:
        _part_equals(order, song_of.tolist())
    return Order(np.array(order, dtype=np.int64), run)


def _interleave(wanted: list[int], song_of: list[int], run: int) -> list[int]:
    """Keep the wanted order as far as no song stands on more than `run` adjacent lines; equal lines are held apart too.

    The song with the most lines left needs a line of another song before each `run` of them: as soon as all lines of
    others are needed for that, it is its turn. Only that song can ever run short of others, so that no line is left
    over for which there is no place.
    """
    waiting: dict[int, deque[int]] = defaultdict(deque)  # places in the wanted order, by song
    for place, item in enumerate(wanted):
        waiting[song_of[item]].append(place)
    heads = [(places[0], song) for song, places in waiting.items()]
    heapq.heapify(heads)
    longest = [(-len(places), song) for song, places in waiting.items()]
    heapq.heapify(longest)
    order: list[int] = []
    last, length, before = -1, 0, -1
    for left in range(len(wanted), 0, -1):
        while -longest[0][0] != len(waiting[longest[0][1]]):
            heapq.heapreplace(longest, (-len(waiting[longest[0][1]]), longest[0][1]))
        dominant = longest[0][1]
        held = None
        if heads[0][1] == last and (length == run or wanted[heads[0][0]] == before) and len(heads) > 1:
            held = heapq.heappop(heads)
        if len(waiting[dominant]) > run * (left - len(waiting[dominant])):
            song = dominant
            if held is not None and held[1] == dominant:
                held = None
            else:
                heads.remove((waiting[song][0], song))
                heapq.heapify(heads)
        else:
            song = heapq.heappop(heads)[1]
        places = waiting[song]
        nearest = next((n for n, place in enumerate(places) if wanted[place] != before), 0)
        before = wanted[places[nearest]]
        del places[nearest]
        order.append(before)
        length = length + 1 if song == last else 1
        last = song
        if held is not None:
            heapq.heappush(heads, held)
        if places:
            heapq.heappush(heads, (places[0], song))
    return order


def _part_equals(order: list[int], song_of: list[int]) -> None:
    """Move each line that stands beside an equal one to the first place where it does not, where there is one.

    Taking out one of two equal lines joins nothing that was not joined, and a run of a song only becomes shorter.
    """

    def fits(item: int, place: int) -> bool:
        if item in order[max(0, place - 1) : place + 1]:
            return False
        start = max(0, place - MAX_RUN)
        songs = [song_of[each] for each in (*order[start:place], item, *order[place : place + MAX_RUN])]
        return all(len(set(songs[n : n + MAX_RUN + 1])) > 1 for n in range(len(songs) - MAX_RUN))

    place = 1
    while place < len(order):
        there = place
        if order[place] == order[place - 1]:
            item = order.pop(place)
            there = next((n for n in range(len(order) + 1) if fits(item, n)), place)
            order.insert(there, item)
        if there <= place:
            place += 1
