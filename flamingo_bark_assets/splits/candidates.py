"""Which pairs of songs have so much in common that they are worth comparing: quads that agree on where they stand.

Songs of one key and tempo have many quads in common by chance. Of songs that are the same, all lie about as far apart
in time and in pitch. Finding such pairs belongs here; quads are made in `quads`, and whether two songs are the same is
judged in `matching`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.splits.quads import (
    MAX_PITCH_STEPS,
    PITCH_BITS,
    PITCH_STEPS,
    TIME_STEPS,
    Bools,
    Entries,
    Hashes,
    Ints,
    Numbers,
    Places,
    Quads,
)

MIN_AGREEING = 3
"""So many quads in common have to agree."""
# And such a share of them: of songs that only sound alike mostly far fewer do, of songs that were cut, encoded, sped up
# or transposed far more. What that finds and misses is printed by `tests.benchmarks.duplicates`.
_MIN_AGREEING_SHARE = 0.4
# What lies within two steps agrees, of 16 s and half a semitone each: a change of speed by 8 % moves the ends of 200 s
# by 16 s against each other.
_TIME_STEP_BITS, _PITCH_STEP_BITS = 2, 1
# An entry is a hash, the number of a song and the place of a quad there, from the upper bits to the lower ones.
_PLACE_BITS = 13
_MOST_SONGS = 1 << 32 - _PLACE_BITS
# Buckets of a table of hashes for each of its entries: most of what is looked up there meets an empty one.
_BUCKETS_AN_ENTRY = 8
_MOST_BUCKET_BITS = 24


def entries_of(hashes: Hashes, songs: Numbers, places: Places) -> Entries:
    """Put the quads of all songs together, in any order, as `SongsByHash` and `FewSongs` take them.

    Raises:
        OverflowError: there are more songs than can be told apart.
    """
    if songs.size and int(songs.max()) >= _MOST_SONGS:
        raise OverflowError(f"more than {_MOST_SONGS} songs cannot be compared")
    entries = hashes.astype(np.uint64)
    entries <<= np.uint64(32 - _PLACE_BITS)
    entries |= songs.astype(np.uint64)
    entries <<= np.uint64(_PLACE_BITS)
    entries |= places
    return entries


def entries_of_songs(songs: Sequence[Quads]) -> Entries:
    """Put the quads of songs together, which get the numbers of their order."""
    hashes = np.concatenate([np.zeros(0, np.uint32), *(song.hashes for song in songs)])
    places = np.concatenate([np.zeros(0, np.uint16), *(song.places for song in songs)])
    sizes = [song.hashes.size for song in songs]
    return entries_of(hashes, np.repeat(np.arange(len(songs), dtype=np.int32), sizes), places)


class SongsByHash:
    """All songs by the hashes of their quads, asked for one song after the other, with those that come after it.

    Songs that belong together already are passed over. When this has been done often, what can only tell of such songs
    is dropped.

    Args:
        entries: the quads of all songs; sorted in place.
        labels: of each song; equal for songs that belong together, and changed by the caller as they come together.
    """

    def __init__(self, entries: Entries, labels: Numbers) -> None:
        entries.sort()
        self._entries, self._labels = entries, labels
        self._counts = np.zeros(labels.size, np.int32)
        self._drop()

    def after(self, song: int) -> Numbers:
        """Return the later songs that are worth comparing with this one, ascending."""
        standing = self._standing[self._first[song] : self._first[song + 1]]
        others, apart, passed = _met_later(self._entries, standing, self._labels, song)
        self._n_passed += passed
        if self._n_passed > self._entries.size:
            self._drop()
        return _worth_comparing(others, apart, self._counts)

    def _drop(self) -> None:
        """Drop the hashes that only songs which belong together have."""
        self._entries = self._entries[: _keep_telling(self._entries, self._labels)]
        self._first = np.zeros(self._labels.size + 1, np.int64)
        self._standing = np.empty(self._entries.size, np.uint32)
        _stand(self._entries, self._first, self._standing)
        self._n_passed = 0


class FewSongs:
    """A few songs, with which any others are compared.

    Args:
        songs: the quads of each.
    """

    def __init__(self, songs: Sequence[Quads]) -> None:
        entries = np.sort(entries_of_songs(songs))
        bits = min(max((_BUCKETS_AN_ENTRY * entries.size).bit_length(), 1), _MOST_BUCKET_BITS)
        self._shift = 32 - bits
        buckets = (entries >> np.uint64(32 + self._shift)).astype(np.int64)
        self._starts = np.searchsorted(buckets, np.arange((1 << bits) + 1)).astype(np.int32)
        self._entries, self._size = entries, len(songs)

    def worth_comparing(self, hashes: Hashes, places: Places, borders: Ints) -> Numbers:
        """Find the pairs of one of the few songs and one of the others that are worth comparing.

        Args:
            hashes: of the quads of the other songs, one song after the other.
            places: theirs.
            borders: where those of each song begin, and where the last end.

        Returns:
            Number of the one of the few songs, number of the other one, shape (pairs, 2).
        """
        counts, found = np.zeros(self._size, np.int32), [np.zeros((0, 2), np.int32)]
        for song, (begin, end) in enumerate(pairwise(borders.tolist())):
            met = _met(self._entries, self._starts, self._shift, hashes[begin:end], places[begin:end])
            ones = _worth_comparing(*met, counts)
            found.append(np.stack([ones, np.full(ones.size, song, np.int32)], axis=1))
        return np.concatenate(found)


def agree(apart: Places) -> bool:
    """Tell whether so many of the quads that two songs have in common agree that the songs are worth comparing.

    Args:
        apart: how far those of one song lie from those of the other, as of `quads.meetings_of`.
    """
    return bool(_agreeing(np.array([0, apart.size]), apart)[0])


@compiled("boolean[::1](int64[::1], uint16[::1])")
def _agreeing(borders: Ints, apart: Places) -> Bools:
    """Tell of each pair of songs whether enough of what they have in common agrees, in whatever order it stands."""
    found = np.zeros(borders.size - 1, np.bool_)
    times, pitches = TIME_STEPS >> _TIME_STEP_BITS, PITCH_STEPS >> _PITCH_STEP_BITS
    counts = np.zeros((times, pitches), np.int32)
    for pair in range(found.size):
        mine = apart[borders[pair] : borders[pair + 1]]
        enough = max(MIN_AGREEING, _MIN_AGREEING_SHARE * mine.size)
        for each in mine:
            counts[each >> PITCH_BITS + _TIME_STEP_BITS, (each & (PITCH_STEPS - 1)) >> _PITCH_STEP_BITS] += 1
        for each in mine:
            time, pitch = each >> PITCH_BITS + _TIME_STEP_BITS, (each & (PITCH_STEPS - 1)) >> _PITCH_STEP_BITS
            for t in range(time - 1, time + 1):
                for p in range(pitch - 1, pitch + 1):
                    t2, p2 = (t + 1) & (times - 1), (p + 1) & (pitches - 1)
                    agreeing = counts[t, p] + counts[t, p2] + counts[t2, p] + counts[t2, p2]
                    found[pair] |= agreeing >= enough
            if found[pair]:
                break
        for each in mine:
            counts[each >> PITCH_BITS + _TIME_STEP_BITS, (each & (PITCH_STEPS - 1)) >> _PITCH_STEP_BITS] = 0
    return found


@compiled("int64(uint64[::1], int32[::1])")
def _keep_telling(entries: Entries, labels: Numbers) -> int:
    """Move to the front the entries of hashes that songs of several labels have; return their number."""
    kept, begin = 0, 0
    half = np.uint64(32)
    while begin < entries.size:
        label = labels[np.int64(entries[begin] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)]
        several, end = False, begin + 1
        while end < entries.size and entries[end] >> half == entries[begin] >> half:
            several |= labels[np.int64(entries[end] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)] != label
            end += 1
        if several:
            for i in range(begin, end):
                entries[kept] = entries[i]
                kept += 1
        begin = end
    return kept


@compiled("void(uint64[::1], int64[::1], uint32[::1])")
def _stand(entries: Entries, first: Ints, standing: Hashes) -> None:
    """Fill in where the entries of each song stand; those of a song begin at its `first`."""
    for i in range(entries.size):
        first[(np.int64(entries[i] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)) + 1] += 1
    for song in range(first.size - 1):
        first[song + 1] += first[song]
    filled = first[:-1].copy()
    for i in range(entries.size):
        one = np.int64(entries[i] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)
        standing[filled[one]] = i
        filled[one] += 1


@compiled("Tuple((int32[::1], uint16[::1], int64))(uint64[::1], uint32[::1], int32[::1], int64)")
def _met_later(entries: Entries, standing: Hashes, labels: Numbers, song: int) -> tuple[Numbers, Places, int]:
    """Gather the quads that a song has in common with later ones of other labels.

    Returns:
        The other song of each; how far it lies apart there; and the number of quads that were passed over.
    """
    most = 0
    for place in standing:
        for i in range(np.int64(place) + 1, entries.size):
            if entries[i] >> np.uint64(32) != entries[place] >> np.uint64(32):
                break
            most += 1
    others, apart, count, passed = np.empty(most, np.int32), np.empty(most, np.uint16), 0, 0
    for place in standing:
        for i in range(np.int64(place) + 1, entries.size):
            if entries[i] >> np.uint64(32) != entries[place] >> np.uint64(32):
                break
            other = np.int64(entries[i] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)
            if labels[other] == labels[song]:
                passed += 1
                continue
            pitch = np.int64(entries[i] - entries[place]) & (PITCH_STEPS - 1)
            time = np.int64((entries[i] >> np.uint64(PITCH_BITS)) - (entries[place] >> np.uint64(PITCH_BITS)))
            others[count], apart[count] = other, (time & (TIME_STEPS - 1)) << PITCH_BITS | pitch
            count += int(min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS)
    return others[:count].copy(), apart[:count].copy(), passed


@compiled("Tuple((int32[::1], uint16[::1]))(uint64[::1], int32[::1], int64, uint32[::1], uint16[::1])")
def _met(entries: Entries, starts: Numbers, shift: int, hashes: Hashes, places: Places) -> tuple[Numbers, Places]:
    """Gather the quads that a song has in common with those of a table.

    Returns:
        The other song of each; and how far it lies apart there.
    """
    most = 0
    for i in range(hashes.size):
        bucket = np.int64(hashes[i]) >> shift
        most += starts[bucket + 1] - starts[bucket]
    others, apart, count = np.empty(most, np.int32), np.empty(most, np.uint16), 0
    for i in range(hashes.size):
        bucket = np.int64(hashes[i]) >> shift
        for j in range(starts[bucket], starts[bucket + 1]):
            pitch = (np.int64(places[i]) - np.int64(entries[j])) & (PITCH_STEPS - 1)
            time = (np.int64(places[i]) >> PITCH_BITS) - np.int64(entries[j] >> np.uint64(PITCH_BITS))
            others[count] = np.int64(entries[j] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)
            apart[count] = (time & (TIME_STEPS - 1)) << PITCH_BITS | pitch
            count += int(
                entries[j] >> np.uint64(32) == np.uint64(hashes[i])
                and min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS
            )
    return others[:count].copy(), apart[:count].copy()


def _worth_comparing(others: Numbers, apart: Places, counts: Numbers) -> Numbers:
    """Return the songs with which so much was met that agrees, ascending; `counts`, all 0, is space."""
    songs, borders, grouped = _grouped(others, apart, counts)
    return np.sort(songs[_agreeing(borders, grouped)])


@compiled("Tuple((int32[::1], int64[::1], uint16[::1]))(int32[::1], uint16[::1], int32[::1])")
def _grouped(others: Numbers, apart: Places, counts: Numbers) -> tuple[Numbers, Ints, Places]:
    """Put what was met in the order of songs, and leave out those with too little.

    Returns:
        The songs; where what was met with each begins, and the last ends; and how far it lies apart.
    """
    songs, size = np.empty(others.size, np.int32), 0
    for other in others:
        songs[size] = other
        size += counts[other] == 0
        counts[other] += 1
    kept, borders = 0, np.zeros(size + 1, np.int64)
    filled = np.empty(size, np.int64)
    for at in range(size):
        other = songs[at]
        count, counts[other] = counts[other], -1
        if count >= MIN_AGREEING:
            counts[other], songs[kept], filled[kept] = kept, other, borders[kept]
            borders[kept + 1] = borders[kept] + count
            kept += 1
    grouped = np.empty(borders[kept], np.uint16)
    for i in range(others.size):
        at = counts[others[i]]
        if at >= 0:
            grouped[filled[at]] = apart[i]
            filled[at] += 1
    for other in others:
        counts[other] = 0
    return songs[:kept].copy(), borders[: kept + 1].copy(), grouped
