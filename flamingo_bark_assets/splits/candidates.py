"""Which pairs of songs have so much in common that they are worth comparing: quads that agree on where they stand.

Songs of one key and tempo have many quads in common by chance. Of songs that are the same, all lie about as far apart
in time and in pitch. Finding such pairs belongs here; quads are made in `quads`, and whether two songs are the same is
judged in `matching`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.splits.quads import (
    MAX_PITCH_STEPS,
    PITCH_BITS,
    PITCH_STEPS,
    TIME_STEPS,
    Bools,
    Entries,
    Floats,
    Hashes,
    Ints,
    Numbers,
    Places,
    Quads,
)

MIN_AGREEING = 3
"""So many quads in common have to agree."""
# By how much agreeing ones may differ from one of them: a change of speed by 8 % moves the ends of 200 s by 8 s against
# their middle, pitches are right to a tenth of a semitone, and rounding down adds one step to either.
_TIME_STEPS = 3
_PITCH_STEPS = 2
# Pairs with more quads in common are compared whatever they say.
_MOST_LOOKED_AT = 64
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
        others, borders, apart, passed = _common(self._entries, standing, self._labels, song, self._counts)
        self._n_passed += passed
        if self._n_passed > self._entries.size:
            self._drop()
        return np.sort(others[_agreeing(borders, apart)])

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
        most = self._size * (len(borders) - 1)
        pairs, ends = np.empty((most, 2), np.int32), np.empty(most, np.int64)  # what is never written costs nothing
        apart = np.empty(_MOST_LOOKED_AT * most, np.uint16)
        counts = np.zeros(self._size, np.int32)
        count = _look_up(self._entries, self._starts, self._shift, hashes, places, borders, counts, pairs, ends, apart)
        found = np.concatenate([np.zeros(1, np.int64), ends[:count]])
        return pairs[:count][_agreeing(found, apart[: found[-1]])]


def agree(apart: Places) -> bool:
    """Tell whether so many of the quads that two songs have in common say the same, or they are too many to be asked.

    Args:
        apart: how far those of one song lie from those of the other, as of `quads.meetings_of`.
    """
    if apart.size < MIN_AGREEING:
        return False
    return apart.size > _MOST_LOOKED_AT or bool(_agreeing(np.array([0, apart.size]), apart)[0])


@compiled("boolean[::1](int64[::1], uint16[::1])")
def _agreeing(borders: Ints, apart: Places) -> Bools:
    """Tell of each pair of songs whether enough of what it has in common agrees; nothing stands for too much."""
    found = np.zeros(borders.size - 1, np.bool_)
    for pair in range(found.size):
        begin, end = borders[pair], borders[pair + 1]
        found[pair] = begin == end
        for i in range(begin, end):
            if found[pair]:
                break
            agreeing = 0
            for j in range(begin, end):
                time = ((apart[j] >> PITCH_BITS) - (apart[i] >> PITCH_BITS)) & (TIME_STEPS - 1)
                pitch = (apart[j] - apart[i]) & (PITCH_STEPS - 1)
                agreeing += min(time, TIME_STEPS - time) <= _TIME_STEPS and min(pitch, PITCH_STEPS - pitch) <= _PITCH_STEPS
            found[pair] = agreeing >= MIN_AGREEING
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
        song = np.int64(entries[i] >> np.uint64(_PLACE_BITS)) & (_MOST_SONGS - 1)
        standing[filled[song]] = i
        filled[song] += 1


@compiled(
    "Tuple((int32[::1], int64[::1], uint16[::1], int64))(uint64[::1], uint32[::1], int32[::1], int64, int32[::1])"
)
def _common(
    entries: Entries, standing: Hashes, labels: Numbers, song: int, counts: Numbers
) -> tuple[Numbers, Ints, Places, int]:
    """Gather what a song has in common with later ones of other labels, as far as it may be enough.

    Returns:
        These songs; where what each has in common begins, and the last ends; how far it lies apart; and the number of
        entries that were passed over. `counts`, all 0, is space.
    """
    half, place_bits = np.uint64(32), np.uint64(_PLACE_BITS)
    touched, size, passed = np.empty(labels.size - song, np.int32), 0, 0
    for place in standing:
        for i in range(np.int64(place) + 1, entries.size):
            if entries[i] >> half != entries[place] >> half:
                break
            other = np.int64(entries[i] >> place_bits) & (_MOST_SONGS - 1)
            if labels[other] == labels[song]:
                passed += 1
                continue
            pitch = np.int64(entries[i] - entries[place]) & (PITCH_STEPS - 1)
            if min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS:
                if counts[other] == 0:
                    touched[size] = other
                    size += 1
                counts[other] += 1
    kept = 0
    borders = np.zeros(size + 1, np.int64)
    for at in range(size):
        other = touched[at]
        count = counts[other]
        counts[other] = -1
        if count >= MIN_AGREEING:
            touched[kept] = other
            borders[kept + 1] = borders[kept] + (count if count <= _MOST_LOOKED_AT else 0)
            if count <= _MOST_LOOKED_AT:
                counts[other] = kept
            kept += 1
    apart, filled = np.empty(borders[kept], np.uint16), borders[:kept].copy()
    for place in standing:
        for i in range(np.int64(place) + 1, entries.size):
            if entries[i] >> half != entries[place] >> half:
                break
            other = np.int64(entries[i] >> place_bits) & (_MOST_SONGS - 1)
            at = counts[other]
            if labels[other] == labels[song] or at < 0:
                continue
            pitch = np.int64(entries[i] - entries[place]) & (PITCH_STEPS - 1)
            if min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS:
                time = np.int64((entries[i] >> np.uint64(PITCH_BITS)) - (entries[place] >> np.uint64(PITCH_BITS)))
                apart[filled[at]] = (time & (TIME_STEPS - 1)) << PITCH_BITS | pitch
                filled[at] += 1
    counts[:] = 0
    return touched[:kept].copy(), borders[: kept + 1], apart, passed


@compiled(
    "int64(uint64[::1], int32[::1], int64, uint32[::1], uint16[::1], int64[::1], int32[::1],"
    " int32[:, ::1], int64[::1], uint16[::1])"
)
def _look_up(
    entries: Entries, starts: Numbers, shift: int, hashes: Hashes, places: Places, borders: Ints, counts: Numbers,
    pairs: Numbers, ends: Ints, apart: Places,
) -> int:  # fmt: skip
    """Fill in pairs that may have enough in common, where what each has ends, and how far it lies apart.

    Returns the number of pairs. `counts`, all 0, is space.
    """
    half, place_bits = np.uint64(32), np.uint64(_PLACE_BITS)
    touched, filled = np.empty(counts.size, np.int32), np.empty(counts.size, np.int64)
    found, end = 0, 0
    for song in range(borders.size - 1):
        size = 0
        for i in range(borders[song], borders[song + 1]):
            bucket = np.int64(hashes[i]) >> shift
            for j in range(starts[bucket], starts[bucket + 1]):
                pitch = (np.int64(places[i]) - np.int64(entries[j])) & (PITCH_STEPS - 1)
                if entries[j] >> half == np.uint64(hashes[i]) and min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS:
                    one = np.int64(entries[j] >> place_bits) & (_MOST_SONGS - 1)
                    if counts[one] == 0:
                        touched[size] = one
                        size += 1
                    counts[one] += 1
        first = found
        for at in range(size):
            one = touched[at]
            filled[one] = -1
            if counts[one] >= MIN_AGREEING:
                pairs[found, 0], pairs[found, 1] = one, song
                if counts[one] <= _MOST_LOOKED_AT:
                    filled[one] = end
                    end += counts[one]
                ends[found] = end
                found += 1
            counts[one] = 0
        if found == first:
            continue
        for i in range(borders[song], borders[song + 1]):
            bucket = np.int64(hashes[i]) >> shift
            for j in range(starts[bucket], starts[bucket + 1]):
                pitch = (np.int64(places[i]) - np.int64(entries[j])) & (PITCH_STEPS - 1)
                if entries[j] >> half == np.uint64(hashes[i]) and min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS:
                    one = np.int64(entries[j] >> place_bits) & (_MOST_SONGS - 1)
                    if filled[one] >= 0:
                        time = (np.int64(places[i]) >> PITCH_BITS) - np.int64(entries[j] >> np.uint64(PITCH_BITS))
                        apart[filled[one]] = (time & (TIME_STEPS - 1)) << PITCH_BITS | pitch
                        filled[one] += 1
    return found
