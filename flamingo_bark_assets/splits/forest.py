"""Which of many songs are the same recording: as few matches as hold together what belongs together.

All pairs of songs that are the same make a graph, of which the forest that a greedy search finds is kept: pairs are
taken in the order of their names, and one whose songs hang together already is not looked at (Kruskal, 1956). So it
depends on the songs alone, not on the order in which they came, and what is left of it when some have come, gone or
changed need not be looked for again. Comparing two songs belongs to `matching`, keeping what was found to
`known_matches`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from flamingo_bark_assets.splits.candidates import SongsByHash, entries_of_songs
from flamingo_bark_assets.splits.matching import Constellation, Fingerprint, Match, compare
from flamingo_bark_assets.splits.quads import Entries, Numbers

Pair = tuple[int, int]
FingerprintOf = Callable[[int], Fingerprint]


class _Together:
    """Which songs, by number, hang together; each begins alone.

    Attributes:
        labels: equal for songs that hang together, shape (songs,).
    """

    def __init__(self, songs: int) -> None:
        self.labels: Numbers = np.arange(songs, dtype=np.int32)
        self._members: dict[int, list[int]] = {}

    def join(self, first: int, second: int) -> None:
        """Let two songs, and all that hang on them, hang together."""
        one, other = (int(self.labels[song]) for song in (first, second))
        few, many = self._members.pop(one, [first]), self._members.pop(other, [second])
        label = other
        if len(few) > len(many):
            few, many, label = many, few, one
        self.labels[few] = label
        many.extend(few)
        self._members[label] = many


def find_matches(songs: Mapping[str, Constellation]) -> tuple[Match, ...]:
    """Find the songs that hold the same recording.

    Returns:
        As few matches as hold together the songs that belong together, in the order of their names.
    """
    names = sorted(songs)
    taken = [Fingerprint.of(songs[name]) for name in names]
    return matches_of_all(names, entries_of_songs([each.quads for each in taken]), taken.__getitem__)


def matches_of_all(names: Sequence[str], entries: Entries, fingerprint_of: FingerprintOf) -> tuple[Match, ...]:
    """Find the forest of songs of which nothing is known.

    Args:
        names: of the songs, ascending.
        entries: all their quads, as of `candidates.entries_of`; sorted in place.
        fingerprint_of: gives the fingerprint of a song by its number.
    """
    together = _Together(len(names))
    by_hash = SongsByHash(entries, together.labels)
    later = ((song, by_hash.after(song)) for song in range(len(names)))
    return _grown(names, together, later, {}, fingerprint_of)


def matches_renewed(
    names: Sequence[str],
    known: Iterable[Match],
    pairs: Iterable[Pair],
    torn: Iterable[Collection[str]],
    fingerprint_of: FingerprintOf,
) -> tuple[Match, ...]:
    """Find the forest of songs of which that of before is known.

    Args:
        names: of the songs, ascending.
        known: what is left of the forest: the matches of songs that are the same still.
        pairs: those of new songs with any others, by their numbers, that may match.
        torn: sets of songs that hung together, if some of each have gone; those that are left.
        fingerprint_of: gives the fingerprint of a song by its number.
    """
    number_of = {name: number for number, name in enumerate(names)}
    known_pairs = {(number_of[match.first], number_of[match.second]): match for match in known}
    left = _Together(len(names))
    for first, second in known_pairs:
        left.join(first, second)
    ordered = sorted({*known_pairs, *((min(pair), max(pair)) for pair in pairs)})
    later = {
        first: np.array([second for _, second in same], np.int32)
        for first, same in groupby(ordered, key=lambda pair: pair[0])
    }
    for songs in torn:
        numbers = np.array(sorted(number_of[name] for name in songs), np.int32)
        parts = left.labels[numbers]
        for at, first in enumerate(numbers.tolist()):
            # Songs that still hang together need no other match than those which are known.
            others = numbers[at + 1 :][parts[at + 1 :] != parts[at]]
            later[first] = np.union1d(later.get(first, others), others)
    together = _Together(len(names))
    return _grown(names, together, sorted(later.items()), known_pairs, fingerprint_of)


def _grown(
    names: Sequence[str],
    together: _Together,
    later: Iterable[tuple[int, Numbers]],
    known: Mapping[Pair, Match],
    fingerprint_of: FingerprintOf,
) -> tuple[Match, ...]:
    """Take the pairs of each song with later ones in order; those of the same recording become the forest."""
    found = []
    for first, others in later:
        one = None
        for second in others[together.labels[others] != together.labels[first]].tolist():
            if together.labels[second] == together.labels[first]:
                continue
            match = known.get((first, second))
            if match is None:
                one = fingerprint_of(first) if one is None else one
                if (judged := compare(one, fingerprint_of(second))) is None:
                    continue
                match = Match(names[first], names[second], *judged)
            together.join(first, second)
            found.append(match)
    return tuple(found)
