"""Groups of songs that must share a split: the same file, the same stems, the same recording, the same artist.

What links songs and how links make groups belongs here; which split a group gets stands in `rules`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.matching import Match
from flamingo_bark_assets.text import clean_text

_GUESTS = re.compile(r"\s+[(]?(?:feat|ft|featuring)\b.*$")
_NOBODY = frozenset({"unknown", "unknown artist", "various", "various artists", "va", "n/a", "none", "artist"})


@dataclass(frozen=True, slots=True, eq=False)
class SongIdentity:
    """What tells whether two songs are the same.

    Attributes:
        song_id: the song's identifier.
        content: digest of the mix file; where there is none, of all sound files.
        stems: digests of the audible stem files.
        artist: as its owner or its tags say; None where nobody does.
    """

    song_id: str
    content: str
    stems: frozenset[str] = frozenset()
    artist: str | None = None

    def key(self, *, by_artist: bool) -> str:
        """Digest by which a group of this song alone is known: of its artist, or of its sound."""
        artist = artist_key(self.artist) if by_artist else None
        return _digest(f"artist {artist}") if artist is not None else self.content

    def known_as(self, *, by_artist: bool) -> str:
        """Digest by which it is told whether the song is still what it was when it was assigned."""
        return _digest(f"{self.content} {artist_key(self.artist)}") if by_artist else self.content


@dataclass(frozen=True, slots=True)
class Link:
    """Why two songs belong together.

    Attributes:
        first: one song.
        second: the other.
        reason: what they share, a clause.
    """

    first: str
    second: str
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Songs that must share a split.

    Attributes:
        songs: their identifiers, sorted.
        key: the smallest of their keys.
        links: what holds them together; none for a song on its own.
    """

    songs: tuple[str, ...]
    key: str
    links: tuple[Link, ...]


def artist_key(artist: str | None) -> str | None:
    """Reduce an artist's name to what all spellings share: case, accents' forms, spaces and guests do not count.

    Returns:
        None where the name names nobody: empty, unknown or various artists.
    """
    name = clean_text(unicodedata.normalize("NFKC", artist or "")).casefold()
    name = _GUESTS.sub("", name).strip(" .,;-")
    return None if not name or name in _NOBODY else name


def find_links(songs: Sequence[SongIdentity], find: Callable[[Sequence[str]], Iterable[Match]]) -> tuple[Link, ...]:
    """Find the duplicates among songs: equal files, equal stems and equal recordings.

    Of a set of equal songs each is linked to the next, and of equal files one only is compared by its sound.

    Args:
        songs: the songs.
        find: finds the matches among songs.
    """
    links = [*_equal(songs, lambda song: song.content, "the same sound file")]
    links += _equal(songs, lambda song: "\n".join(sorted(song.stems)), "the same stems")
    different = {song.content: song.song_id for song in sorted(songs, key=lambda song: song.song_id, reverse=True)}
    links += (Link(match.first, match.second, _told(match)) for match in find(sorted(different.values())))
    return tuple(links)


def artist_links(songs: Sequence[SongIdentity]) -> tuple[Link, ...]:
    """Link the songs of each artist."""
    return tuple(_equal(songs, lambda song: artist_key(song.artist) or "", "the same artist"))


def group_songs(songs: Sequence[SongIdentity], links: Iterable[Link], *, by_artist: bool) -> tuple[Group, ...]:
    """Put songs that are linked, if only through others, into one group.

    Args:
        songs: the songs.
        links: between them.
        by_artist: whether groups are known by their artists.

    Returns:
        Every song is in one group; in the order of their first songs.
    """
    links, together = tuple(links), Components()
    for link in links:
        together.join(link.first, link.second)
    members: dict[str, list[SongIdentity]] = {}
    for song in sorted(songs, key=lambda song: song.song_id):
        members.setdefault(together.root(song.song_id), []).append(song)
    links_of: dict[str, list[Link]] = {}
    for link in links:
        links_of.setdefault(together.root(link.first), []).append(link)
    return tuple(
        Group(
            tuple(song.song_id for song in group),
            min(song.key(by_artist=by_artist) for song in group),
            tuple(links_of.get(first, ())),
        )
        for first, group in members.items()
    )


def _equal(songs: Sequence[SongIdentity], key: Callable[[SongIdentity], str], reason: str) -> Iterator[Link]:
    """Link each song to the next with the same key; an empty key is none."""
    same: dict[str, list[str]] = {}
    for song in songs:
        if value := key(song):
            same.setdefault(value, []).append(song.song_id)
    for ids in same.values():
        yield from (Link(first, second, reason) for first, second in pairwise(sorted(ids)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _told(match: Match) -> str:
    changes = []
    if abs(match.speed - 1.0) >= 0.002:
        changes.append(f"at {1.0 / match.speed:.3f} times the speed")
    if abs(match.transposition) >= 0.1:
        changes.append(f"{match.transposition:+.1f} semitones")
    change = f", {' and '.join(changes)}" if changes else ""
    return f"the same recording{change} ({match.common_s:.0f} s, {match.share:.0%} of the landmarks)"
