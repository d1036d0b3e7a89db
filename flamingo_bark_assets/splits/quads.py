"""Quads of landmarks and the meetings of equal ones: an index over hashes that no change of speed or pitch moves.

Enumerating, sampling and meeting of quads belong here; whether two songs are the same is judged in `matching`.

The idea is of Sonnleitner and Widmer, "Quad-based audio fingerprinting robust to time and frequency scaling" (DAFx
2014), on the logarithmic pitch axis of Six and Leman, "Panako" (ISMIR 2014): four landmarks are named by the intervals
between their pitches and by the ratios of the times between them.
"""

from __future__ import annotations

from collections.abc import Sequence
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

MAX_TRANSPOSITION = 2.2
"""Of one song against another, semitones: by one, and by what a change of speed by 8 % adds."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# The upper half of an entry is a hash, the lower one the number of the quad's first landmark: sorted, equal quads stand
# together in the order of songs and times. Ten thousand songs of 200 s take 600 MB.
Entries = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Equal quads of different songs, one a row.

    Attributes:
        songs: numbers of the two songs, the smaller one first, shape (n, 2); sorted.
        landmarks: numbers of the first landmark of either quad in its song, shape (n, 2).
    """

    songs: Ints
    landmarks: Ints


def meet(time_s: Sequence[Floats], pitch: Sequence[Floats]) -> Meetings:
    """Find the equal quads of different songs whose registers are not too far from one another.

    Args:
        time_s: times of the landmarks of each song, s, ascending.
        pitch: their pitches, MIDI, 0 to 127.
    """
    first = np.concatenate([[0], np.cumsum([times.size for times in time_s])]).astype(np.int64)
    entries = _all_entries(time_s, pitch, first)
    entries.sort()
    song_of = np.repeat(np.arange(len(time_s), dtype=np.int64), np.diff(first))
    pitches = np.concatenate([np.zeros(0), *pitch])
    entries = entries[: _thin_out(entries, song_of)]
    met = np.empty((_meetings(entries, pitches, song_of, np.zeros((0, 2), np.int64)), 2), np.int64)
    _meetings(entries, pitches, song_of, met)
    songs = song_of[met]
    order = np.argsort(songs[:, 0] * len(time_s) + songs[:, 1], kind="stable")
    return Meetings(songs[order], (met - first[songs])[order])


def _all_entries(time_s: Sequence[Floats], pitch: Sequence[Floats], first: Ints) -> Entries:
    found = [np.zeros(0, np.uint64)]
    space = np.empty(1 << 16, np.uint64)
    for song, (times, pitches) in enumerate(zip(time_s, pitch, strict=True)):
        count = _quads(times, pitches, int(first[song]), space)
        if count > space.size:
            space = np.empty(2 * count, np.uint64)
            _quads(times, pitches, int(first[song]), space)
        found.append(space[:count].copy())
    return np.concatenate(found)


@compiled("int64(float64[::1], float64[::1], int64, uint64[::1])")
def _quads(times: Floats, pitches: Floats, first: int, entries: Entries) -> int:
    """Fill in the entries of a song as far as there is space; return their number.

    `first` is the number of its first landmark.
    """
    count = 0
    for a in range(times.size):
        low = a + 1
        while low < times.size and times[low] < times[a] + _SHORTEST_S:
            low += 1
        register = np.uint64(pitches[a] / 6.0)
        for d in range(low + 2, times.size):
            span = times[d] - times[a]
            if span > _LONGEST_S:
                break
            if abs(pitches[d] - pitches[a]) > _WIDEST:
                continue
            length = np.uint64(np.log(span / 0.1) / 0.2)
            to_d = np.uint64(pitches[d] - pitches[a] + 64.5)
            for b in range(low, d - 1):
                if abs(pitches[b] - pitches[a]) > _WIDEST:
                    continue
                to_b = np.uint64(pitches[b] - pitches[a] + 64.5)
                at_b = np.uint64((times[b] - times[a]) / span * 16.0)
                for c in range(b + 1, d):
                    if (
                        abs(pitches[c] - pitches[a]) > _WIDEST
                        or times[c] - times[b] < _SHORTEST_STEP_S
                        or times[d] - times[c] < _SHORTEST_STEP_S
                    ):
                        continue
                    to_c = np.uint64(pitches[c] - pitches[a] + 64.5)
                    at_c = np.uint64((times[c] - times[a]) / span * 16.0)
                    key = register * np.uint64(32) + length
                    key = key * np.uint64(128) + to_b
                    key = key * np.uint64(128) + to_c
                    key = key * np.uint64(128) + to_d
                    key = key * np.uint64(16) + at_b
                    key = key * np.uint64(16) + at_c
                    # The finalizer of SplitMix64: neighbouring keys get unlike hashes.
                    key ^= key >> np.uint64(30)
                    key *= np.uint64(0xBF58476D1CE4E5B9)
                    key ^= key >> np.uint64(27)
                    key *= np.uint64(0x94D049BB133111EB)
                    key ^= key >> np.uint64(31)
                    if key % np.uint64(_ONE_IN):
                        continue
                    if count < entries.size:
                        entries[count] = (key >> np.uint64(32) << np.uint64(32)) | np.uint64(first + a)
                    count += 1
    return count


@compiled("int64(uint64[::1], int64[::1])")
def _thin_out(entries: Entries, song_of: Ints) -> int:
    """Move to the front of sorted entries what is not one of too many of a hash in its song; return their number."""
    kept, run = 0, 0
    low = np.uint64(0xFFFFFFFF)
    hash_before, song_before = np.uint64(0), -1
    for i in range(entries.size):
        hash_, song = entries[i] >> np.uint64(32), song_of[np.int64(entries[i] & low)]
        run = run + 1 if hash_ == hash_before and song == song_before else 0
        hash_before, song_before = hash_, song
        if run < _MOST_OF_A_SONG:
            entries[kept] = entries[i]
            kept += 1
    return kept


@compiled("int64(uint64[::1], float64[::1], int64[::1], int64[:, ::1])")
def _meetings(entries: Entries, pitches: Floats, song_of: Ints, met: Ints) -> int:
    """Fill in the first landmarks of equal quads of two songs; return their number, also with an empty array."""
    count = 0
    low = np.uint64(0xFFFFFFFF)
    for i in range(entries.size):
        a = np.int64(entries[i] & low)
        for j in range(i + 1, min(i + 1 + _MOST_COMPARED, entries.size)):
            if entries[j] >> np.uint64(32) != entries[i] >> np.uint64(32):
                break
            b = np.int64(entries[j] & low)
            if song_of[a] != song_of[b] and abs(pitches[a] - pitches[b]) <= MAX_TRANSPOSITION:
                if met.size:
                    met[count, 0] = a
                    met[count, 1] = b
                count += 1
    return count
