"""Which songs are for training, for validation and for testing: a hash of their group, and what was assigned before.

The rule belongs here, as pure functions; groups stand in `groups`, files in `assignment`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from flamingo_bark_assets.settings import SplitSettings
from flamingo_bark_assets.splits.groups import Group, Link
from flamingo_bark_assets.splits.records import SongSplit, Split

AnyName = TypeVar("AnyName", bound=str)
BY_HASH = "by the hash of its group"
_ID_DIGITS = 16


def rule_of(settings: SplitSettings, *, by_artist: bool) -> str:
    """Name all settings on which an assignment depends."""
    together = ", by artist" if by_artist else ""
    return f"seed {settings.seed}, validation {settings.validation:g}, test {settings.test:g}{together}"


def split_of(group: str, settings: SplitSettings) -> Split:
    """Return the split of a group that has none yet: its identifier's hash with the seed, against the shares."""
    digest = hashlib.sha256(f"{settings.seed} {group}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    if at < settings.test:
        return "test"
    return "validation" if at < settings.test + settings.validation else "train"


def assign(groups: Iterable[Group], before: Mapping[str, SongSplit], settings: SplitSettings) -> dict[str, SongSplit]:
    """Give each song its split; songs that have one keep it.

    A group of which no song was assigned goes by the hash of its key. A song that comes to others joins their split,
    whatever its own hash says. Where a song that comes shows two groups to be one, which have different splits, the
    split of most of their songs holds (of equally many, that of the group with the smaller identifier) and the others
    move, as a leak is worse than a move; their reason says so. Nothing else ever moves. The order in which
    duplicates come matters: to keep the stored assignments is to keep the splits.

    Args:
        groups: all songs of the library, in groups.
        before: what was assigned to songs that are still the same, under the same settings.
        settings: seed and shares.

    Returns:
        The split of each song, by song.
    """
    found: dict[str, SongSplit] = {}
    for group in groups:
        known = [before[song_id] for song_id in group.songs if song_id in before]
        found.update((each.song_id, each) for each in _assign(group, known, settings))
    return dict(sorted(found.items()))


def _assign(group: Group, known: Sequence[SongSplit], settings: SplitSettings) -> Iterator[SongSplit]:
    if not known:
        identifier = group.key[:_ID_DIGITS]
        split = split_of(identifier, settings)
        for song_id in group.songs:
            yield SongSplit(song_id, identifier, split, _with_others(song_id, group, BY_HASH))
        return
    split = _most_common([each.split for each in known], [each.group for each in known])
    those = [each for each in known if each.split == split]
    identifier = _most_common([each.group for each in those], [each.group for each in those])
    known_by_id = {each.song_id: each for each in known}
    for song_id in group.songs:
        old = known_by_id.get(song_id)
        if old is None:
            yield SongSplit(song_id, identifier, split, _with_others(song_id, group, "joins"))
        elif old.split != split:
            moved = _with_others(song_id, group, f"moved here from {old.split}")
            yield SongSplit(song_id, identifier, split, moved)
        else:
            yield SongSplit(song_id, identifier, split, old.reason)


def _most_common(values: Sequence[AnyName], groups: Sequence[str]) -> AnyName:
    """Return what most have; of equally many, what the smallest group has."""
    counts = Counter(values)
    smallest = {
        value: min(group for each, group in zip(values, groups, strict=True) if each == value) for value in counts
    }
    return min(counts, key=lambda value: (-counts[value], smallest[value]))


def _with_others(song_id: str, group: Group, how: str) -> str:
    """Say how a song was assigned and, where it has company, which song it shares what with."""
    link = next((link for link in group.links if song_id in {link.first, link.second}), None)
    if link is None:
        return how
    other = link.second if link.first == song_id else link.first
    return f"{how}: {other}: {link.reason}" if how != BY_HASH else f"{how}, with {other}: {link.reason}"


def find_leaks(links: Iterable[Link], splits: Mapping[str, str]) -> tuple[str, ...]:
    """Name the pairs of songs that belong together and stand in different splits.

    Args:
        links: what belongs together, found anew.
        splits: the split of each song; songs without one are passed over.

    Returns:
        A sentence a pair, sorted.
    """
    return tuple(
        sorted(
            f"{link.first} ({splits[link.first]}) and {link.second} ({splits[link.second]}): {link.reason}"
            for link in links
            if link.first in splits and link.second in splits and splits[link.first] != splits[link.second]
        )
    )
