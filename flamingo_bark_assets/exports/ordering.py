"""The order of lines for a trainer that does not shuffle: repeats spread over the list, songs interleaved.

Finding the order belongs here; what the lines say does not.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

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
    counts, song_of = np.asarray(repeats, dtype=np.int64), np.asarray(songs, dtype=np.int64)
    items = np.repeat(np.arange(counts.size), counts)
    turn = np.arange(items.size) - np.repeat(np.cumsum(counts) - counts, counts)
    places = (turn + np.asarray(phases, dtype=np.float64)[items]) / counts[items]
    wanted = items[np.lexsort((items, places))]
    lines_of = np.bincount(song_of[wanted])
    most = int(lines_of.max(initial=0))
    run = max(MAX_RUN, -(-most // (items.size - most + 1)))
    return Order(_interleave(wanted, song_of, lines_of, run), run)


def _interleave(
    wanted: NDArray[np.int64], song_of: NDArray[np.int64], lines_of: NDArray[np.int64], run: int
) -> NDArray[np.int64]:
    """Keep the wanted order as far as no song stands on more than `run` adjacent lines.

    The song with the most lines left needs a line of another song before each `run` of them: as soon as all lines of
    others are needed for that, it is its turn. Only that song can ever run short of others, so that no line is left
    over for which there is no place.
    """
    songs = song_of[wanted]
    by_song = np.argsort(songs, kind="stable")
    ends = np.cumsum(lines_of)
    following = ends - lines_of  # the next line of each song, as an index of `by_song`
    left = lines_of.copy()
    heads = [(int(by_song[following[song]]), int(song)) for song in np.flatnonzero(lines_of)]
    heapq.heapify(heads)
    longest = [(-int(count), song) for song, count in enumerate(lines_of)]
    heapq.heapify(longest)
    order = np.empty_like(wanted)
    last, length = -1, 0
    for place in range(wanted.size):
        while -longest[0][0] != left[longest[0][1]]:
            heapq.heapreplace(longest, (-int(left[longest[0][1]]), longest[0][1]))
        dominant = longest[0][1]
        others = wanted.size - place - int(left[dominant])
        held: tuple[int, int] | None = None
        if heads[0][1] == last and length == run:
            held = heapq.heappop(heads)
        if left[dominant] > run * others and not (held and held[1] == dominant):
            line, song = int(by_song[following[dominant]]), dominant
            heads.remove((line, song))
            heapq.heapify(heads)
        else:
            line, song = heapq.heappop(heads)
        order[place] = wanted[line]
        length = length + 1 if song == last else 1
        last = song
        following[song] += 1
        left[song] -= 1
        for each in (held, (int(by_song[following[song]]), song) if left[song] else None):
            if each is not None:
                heapq.heappush(heads, each)
    return order
