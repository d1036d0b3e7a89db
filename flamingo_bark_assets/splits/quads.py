"""Quads of landmarks and the meetings of equal ones: an index over hashes that no change of speed or pitch moves.

Enumerating, sampling and meeting of quads belong here; whether two songs are the same is judged in `matching`.

The idea is of Sonnleitner and Widmer, "Quad-based audio fingerprinting robust to time and frequency scaling" (DAFx
2014), on the logarithmic pitch axis of Six and Leman, "Panako" (ISMIR 2014): four landmarks are named by the intervals
between their pitches and by the ratios of the times between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.kernels import compiled

# A quad spans .3 to 3 s and at most 18 semitones around its first landmark. Register and length stand in its hash too,
# so roughly that the changes that are looked for leave most quads in their class.
_SHORTEST_S = 0.3
_LONGEST_S = 3.0
_WIDEST = 18.0
_SHORTEST_STEP_S = 0.1
# Of all quads those are taken whose hash divides by this, which are the same ones in every version of a song.
_ONE_IN = 4
# A loop holds one quad a thousand times: so many of a song are enough.
_MOST_OF_A_SONG = 3
# What all songs have tells little, but copies have to meet: each quad is compared with so many that follow it in the
# order of songs, which links a hundred copies as well as two.
_MOST_COMPARED = 192

# So many meetings are held at once, in 16 bytes each.
_MOST_AT_ONCE = 1 << 24
# Which hashes the new songs have is told by the upper bits of them, in words of 64.
_WANTED_BITS = 20

MAX_TRANSPOSITION = 2.2
"""Of one song against another, semitones: by one, and by what a change of speed by 8 % adds."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
# The upper half of an entry is a hash, the lower one the number of the quad's first landmark: sorted, equal quads stand
# together in the order of songs and times. Ten thousand songs of 200 s take 600 MB.
Entries = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The landmarks of all songs, one after another.

    Attributes:
        time_s: when they begin, s, ascending in each song, shape (n,).
        pitch: MIDI, 0 to 127, shape (n,).
        first: number of the first landmark of each song, and that of all landmarks, shape (songs + 1,).
    """

    time_s: Floats
    pitch: Floats
    first: Ints

    @classmethod
    def of(cls, time_s: Sequence[Floats], pitch: Sequence[Floats]) -> Landmarks:
        """Put those of single songs together."""
        first = np.cumsum([0, *(times.size for times in time_s)], dtype=np.int64)
        return cls(np.concatenate([np.zeros(0), *time_s]), np.concatenate([np.zeros(0), *pitch]), first)


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Equal quads of different songs, pair by pair of songs.

    Attributes:
        songs: numbers of the two songs of each pair, the smaller one first, shape (pairs, 2); sorted.
        borders: where the meetings of each pair begin, and where the last end, shape (pairs + 1,).
        landmarks: numbers of the first landmark of either quad, shape (meetings, 2).
    """

    songs: Numbers
    borders: Ints
    landmarks: Numbers


def meet(landmarks: Landmarks, new: Bools, at_least: int) -> Iterator[Meetings]:
    """Find the equal quads of different songs whose registers are not too far from one another.

    Args:
        landmarks: of all songs.
        new: which songs are to be compared with all others; the rest are not compared among themselves. Shape (songs,).
        at_least: pairs of songs with fewer meetings are left out.

    Yields:
        All pairs in order, in parts that need not be held at once.
    """
    entries = _entries(landmarks, new)
    song_of = np.repeat(np.arange(new.size, dtype=np.int32), np.diff(landmarks.first))
    entries = entries[: _thin_out(entries, song_of)]
    counts = np.zeros(new.size, np.int64)
    _count_meetings(entries, landmarks.pitch, song_of, new, counts)
    until = np.cumsum(counts)
    low = 0
    while low < new.size and until[-1]:
        before = until[low] - counts[low]
        high = max(low + 1, int(np.searchsorted(until, before + _MOST_AT_ONCE, side="right")))
        places = until - counts - before
        met = np.empty((int(until[high - 1] - before), 2), np.int32)
        _fill_meetings(entries, landmarks.pitch, song_of, new, low, high, places.copy(), met)
        yield _by_pair(met, np.append(places[low:high], len(met)), low, song_of, at_least)
        low = high


def _entries(landmarks: Landmarks, new: Bools) -> Entries:
    """Enumerate the quads of new songs, and those of others with which they may meet; sorted."""
    everything = bool(new.all())
    fresh = _entries_of(landmarks, np.flatnonzero(new), np.zeros(0, np.uint64))
    if not everything:
        wanted = np.zeros(1 << _WANTED_BITS - 6, np.uint64)
        hashed = fresh >> np.uint64(64 - _WANTED_BITS)
        np.bitwise_or.at(wanted, (hashed >> np.uint64(6)).astype(np.int64), np.uint64(1) << (hashed & np.uint64(63)))
        fresh = np.concatenate([fresh, _entries_of(landmarks, np.flatnonzero(~new), wanted)])
    fresh.sort()
    return fresh


def _entries_of(landmarks: Landmarks, songs: Ints, wanted: Entries) -> Entries:
    borders = landmarks.first
    # Pages that are never written cost nothing.
    entries = np.empty(16 * int((borders[songs + 1] - borders[songs]).sum()), np.uint64)
    count = 0
    for song in songs:
        begin, end = int(borders[song]), int(borders[song + 1])
        times, pitches = landmarks.time_s[begin:end], landmarks.pitch[begin:end]
        found = _quads(times, pitches, begin, wanted, entries[count:])
        if count + found > entries.size:
            entries = np.concatenate([entries[:count], np.empty(entries.size + found, np.uint64)])
            _quads(times, pitches, begin, wanted, entries[count:])
        count += found
    return entries[:count]


def _by_pair(met: Numbers, places: Ints, low: int, song_of: Numbers, at_least: int) -> Meetings:
    """Put the meetings of the songs from `low` on, which begin at `places`, in the order of their second songs."""
    landmarks = np.empty_like(met)
    songs = np.empty((len(met) // at_least, 2), np.int32)
    borders = np.zeros(len(songs) + 1, np.int64)
    pairs = _sort_by_pair(
        met, places, low, song_of, at_least, np.zeros(song_of[-1] + 1, np.int64), landmarks, songs, borders
    )
    return Meetings(songs[:pairs], borders[: pairs + 1], landmarks[: borders[pairs]])


@compiled("int64(float64[::1], float64[::1], int64, uint64[::1], uint64[::1])")
def _quads(times: Floats, pitches: Floats, first: int, wanted: Entries, entries: Entries) -> int:
    """Fill in the entries of a song as far as there is space; return their number.

    `first` is the number of its first landmark; `wanted` has a bit for the upper bits of a hash, or is empty.
    """
    count = 0
    near, steps = np.empty(times.size, np.int64), np.empty(times.size, np.uint64)
    ratios = np.empty(times.size, np.uint64)
    for a in range(times.size):
        size = 0
        for i in range(a + 1, times.size):
            if times[i] - times[a] > _LONGEST_S:
                break
            if times[i] >= times[a] + _SHORTEST_S and abs(pitches[i] - pitches[a]) <= _WIDEST:
                near[size], steps[size] = i, np.uint64(np.int64(pitches[i] - pitches[a] + 64.5))
                size += 1
        register = np.uint64(np.int64(pitches[a] / 6.0)) * np.uint64(32)
        for at_d in range(2, size):
            d = near[at_d]
            span = times[d] - times[a]
            length = register + np.uint64(np.int64(np.log(span / 0.1) / 0.2))
            for at_c in range(at_d):
                ratios[at_c] = np.uint64(np.int64((times[near[at_c]] - times[a]) / span * 16.0))
            for at_b in range(at_d - 1):
                b = near[at_b]
                begin = (length * np.uint64(128) + steps[at_b]) * np.uint64(128)
                for at_c in range(at_b + 1, at_d):
                    c = near[at_c]
                    if times[c] - times[b] < _SHORTEST_STEP_S:
                        continue
                    if times[d] - times[c] < _SHORTEST_STEP_S:
                        break
                    key = (begin + steps[at_c]) * np.uint64(128) + steps[at_d]
                    key = (key * np.uint64(16) + ratios[at_b]) * np.uint64(16) + ratios[at_c]
                    # The finalizer of SplitMix64: neighbouring keys get unlike hashes.
                    key ^= key >> np.uint64(30)
                    key *= np.uint64(0xBF58476D1CE4E5B9)
                    key ^= key >> np.uint64(27)
                    key *= np.uint64(0x94D049BB133111EB)
                    key ^= key >> np.uint64(31)
                    if count < entries.size:
                        entries[count] = (key >> np.uint64(32) << np.uint64(32)) | np.uint64(first + a)
                    taken = key % np.uint64(_ONE_IN) == np.uint64(0)
                    if wanted.size:
                        upper = key >> np.uint64(64 - _WANTED_BITS)
                        bits = wanted[np.int64(upper >> np.uint64(6))]
                        taken &= bits >> (upper & np.uint64(63)) & np.uint64(1) != np.uint64(0)
                    count += taken  # without a branch, which could not be predicted
    return count


@compiled("int64(uint64[::1], int32[::1])")
def _thin_out(entries: Entries, song_of: Numbers) -> int:
    """Move to the front of sorted entries those that may meet others; return their number.

    Left out are hashes that stand alone, and what is one of too many of a hash in its song.
    """
    kept, begin = 0, 0
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    while begin < entries.size:
        end = begin + 1
        while end < entries.size and entries[end] >> half == entries[begin] >> half:
            end += 1
        run, song_before = 0, -1
        for i in range(begin, end if end > begin + 1 else begin):
            song = song_of[np.int64(entries[i] & low)]
            run = run + 1 if song == song_before else 0
            song_before = song
            if run < _MOST_OF_A_SONG:
                entries[kept] = entries[i]
                kept += 1
        begin = end
    return kept


@compiled("void(uint64[::1], float64[::1], int32[::1], boolean[::1], int64[::1])")
def _count_meetings(entries: Entries, pitches: Floats, song_of: Numbers, new: Bools, counts: Ints) -> None:
    """Count the meetings of each song with songs of higher numbers."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for i in range(entries.size):
        a = np.int64(entries[i] & low)
        song = song_of[a]
        for j in range(i + 1, min(i + 1 + _MOST_COMPARED, entries.size)):
            if entries[j] >> half != entries[i] >> half:
                break
            b = np.int64(entries[j] & low)
            if (
                song_of[b] != song
                and (new[song] or new[song_of[b]])
                and abs(pitches[a] - pitches[b]) <= MAX_TRANSPOSITION
            ):
                counts[song] += 1


@compiled("void(uint64[::1], float64[::1], int32[::1], boolean[::1], int64, int64, int64[::1], int32[:, ::1])")
def _fill_meetings(
    entries: Entries, pitches: Floats, song_of: Numbers, new: Bools, first: int, end: int, places: Ints, met: Numbers
) -> None:
    """Fill in the first landmarks of what `_count_meetings` counts for some songs; each has its place."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for i in range(entries.size):
        a = np.int64(entries[i] & low)
        song = song_of[a]
        if song < first or song >= end:
            continue
        for j in range(i + 1, min(i + 1 + _MOST_COMPARED, entries.size)):
            if entries[j] >> half != entries[i] >> half:
                break
            b = np.int64(entries[j] & low)
            if (
                song_of[b] != song
                and (new[song] or new[song_of[b]])
                and abs(pitches[a] - pitches[b]) <= MAX_TRANSPOSITION
            ):
                met[places[song], 0], met[places[song], 1] = a, b
                places[song] += 1


@compiled(
    "int64(int32[:, ::1], int64[::1], int64, int32[::1], int64, int64[::1], int32[:, ::1], int32[:, ::1], int64[::1])"
)
def _sort_by_pair(
    met: Numbers, places: Ints, low: int, song_of: Numbers, at_least: int, counts: Ints,
    landmarks: Numbers, songs: Numbers, borders: Ints,
) -> int:  # fmt: skip
    """Fill in meetings by second song, pairs and their borders; return the number of pairs. `counts` is space."""
    pairs = 0
    for group in range(places.size - 1):
        counts[:] = 0
        for i in range(places[group], places[group + 1]):
            counts[song_of[met[i, 1]]] += 1
        for song in range(low + group + 1, counts.size):
            size = counts[song]
            counts[song] = -1
            if size >= at_least:
                songs[pairs, 0], songs[pairs, 1] = low + group, song
                counts[song] = borders[pairs]
                pairs += 1
                borders[pairs] = borders[pairs - 1] + size
        for i in range(places[group], places[group + 1]):
            place = counts[song_of[met[i, 1]]]
            if place >= 0:
                landmarks[place] = met[i]
                counts[song_of[met[i, 1]]] += 1
    return pairs
