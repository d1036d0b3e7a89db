"""Quads of landmarks: what a song is looked up by, hashes that no change of speed or pitch moves.

Enumerating, sampling and meeting of quads belong here; which songs have many in common stands in `candidates`, whether
two songs are the same in `matching`.

The idea is of Sonnleitner and Widmer, "Quad-based audio fingerprinting robust to time and frequency scaling" (DAFx
2014), on the logarithmic pitch axis of Six and Leman, "Panako" (ISMIR 2014): four landmarks are named by the intervals
between their pitches and by the ratios of the times between them.
"""

from __future__ import annotations

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
# Of all quads those are taken that begin with one in four of the triples, and so the same ones in every version of a
# song; where they are more than so many, one in four of them is, which lets long songs be found as short ones are.
_TRIPLES_BITS = 2
_MANY = 4096
_ONE_IN = 4
# A loop holds one quad a thousand times: so many of a song are enough.
_MOST_OF_A_SONG = 3
# Quads of 65,536 landmarks, three hours, are taken.
_MOST_LANDMARKS = 1 << 16

# Roughly where a quad stands, for a first look: in steps of 4 s modulo 512 s, and of 0.25 semitones modulo 16.
_STEP_S = 4.0
_STEP_SEMITONES = 0.25
TIME_STEPS, PITCH_BITS = 128, 6
PITCH_STEPS = 1 << PITCH_BITS

MAX_TRANSPOSITION = 2.2
"""Of one song against another, semitones: by one, and by what a change of speed by 8 % adds."""
MAX_PITCH_STEPS = 9
"""The same, of pitches that were rounded down."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.uint16]
Entries = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Quads:
    """The quads of a song, in the order of their hashes.

    Attributes:
        hashes: ascending, each three times at most, shape (n,).
        landmarks: number of the first landmark of each, shape (n,).
        places: where that is, roughly: its time in the upper bits, its pitch in the lower ones, shape (n,).
    """

    hashes: Hashes
    landmarks: Places
    places: Places


def quads_of(time_s: Floats, pitch: Floats) -> Quads:
    """Enumerate and sample the quads of a song.

    Args:
        time_s: when its landmarks begin, s, ascending.
        pitch: MIDI, 0 to 127.
    """
    time_s, pitch = time_s[:_MOST_LANDMARKS], pitch[:_MOST_LANDMARKS]
    entries = np.empty(16 * time_s.size, np.uint64)  # pages that are never written cost nothing
    if (count := _quads(time_s, pitch, entries)) > entries.size:
        entries = np.empty(count, np.uint64)
        _quads(time_s, pitch, entries)
    entries = np.sort(entries[:count])
    hashes = (entries >> np.uint64(32)).astype(np.uint32)
    taken = np.ones(count, np.bool_)
    taken[_MOST_OF_A_SONG:] = hashes[_MOST_OF_A_SONG:] != hashes[:-_MOST_OF_A_SONG]
    if np.count_nonzero(taken) > _MANY:
        taken &= hashes % _ONE_IN == 0
    landmarks = entries[taken].astype(np.uint16)
    at_step = (time_s[landmarks] / _STEP_S).astype(np.int64) % TIME_STEPS
    pitch_step = (pitch[landmarks] / _STEP_SEMITONES).astype(np.int64) % PITCH_STEPS
    return Quads(hashes[taken], landmarks, (at_step << PITCH_BITS | pitch_step).astype(np.uint16))


def meetings_of(first: Quads, second: Quads) -> tuple[Numbers, Places]:
    """Find the equal quads of two songs whose registers are not too far from one another.

    Returns:
        Numbers of the first landmark of either quad, shape (meetings, 2); and how far those of the second lie from
        those of the first, roughly, as `Quads.places`.
    """
    most = _MOST_OF_A_SONG * min(first.hashes.size, second.hashes.size)
    met, apart = np.empty((most, 2), np.int32), np.empty(most, np.uint16)
    count = _meet(
        first.hashes, first.landmarks, first.places, second.hashes, second.landmarks, second.places, met, apart
    )
    return met[:count], apart[:count]


@compiled("int64(float64[::1], float64[::1], uint64[::1])")
def _quads(times: Floats, pitches: Floats, entries: Entries) -> int:
    """Fill in hash and first landmark of each quad, as the upper and the lower half of an entry; return their number.

    They are filled in as far as there is space.
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
                triple = (steps[at_b] * np.uint64(128) + steps[at_d]) * np.uint64(16) + ratios[at_b]
                # Multiplicative hashing by the golden ratio: neighbouring numbers get unlike upper bits.
                if triple * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _TRIPLES_BITS):
                    continue
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
                        entries[count] = (key >> np.uint64(32) << np.uint64(32)) | np.uint64(a)
                    count += 1
    return count


@compiled(
    "int64(uint32[::1], uint16[::1], uint16[::1], uint32[::1], uint16[::1], uint16[::1], int32[:, ::1], uint16[::1])"
)
def _meet(
    hashes_a: Hashes, landmarks_a: Places, places_a: Places, hashes_b: Hashes, landmarks_b: Places, places_b: Places,
    met: Numbers, apart: Places,
) -> int:  # fmt: skip
    """Fill in the meetings of two songs; return their number."""
    count, i, j = 0, 0, 0
    while i < hashes_a.size and j < hashes_b.size:
        if hashes_a[i] != hashes_b[j]:
            is_less = hashes_a[i] < hashes_b[j]
            i += is_less  # without a branch, which cannot be predicted
            j += not is_less
            continue
        for k in range(j, hashes_b.size):
            if hashes_b[k] != hashes_a[i]:
                break
            pitch = (np.int64(places_b[k]) - np.int64(places_a[i])) & (PITCH_STEPS - 1)
            if min(pitch, PITCH_STEPS - pitch) <= MAX_PITCH_STEPS:
                time = (np.int64(places_b[k]) >> PITCH_BITS) - (np.int64(places_a[i]) >> PITCH_BITS)
                apart[count] = (time & (TIME_STEPS - 1)) << PITCH_BITS | pitch
                met[count, 0], met[count, 1] = np.int64(landmarks_a[i]), np.int64(landmarks_b[k])
                count += 1
        i += 1
    return count
