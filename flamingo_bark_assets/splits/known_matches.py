"""Which songs were found to be the same recording, kept so that a song that comes costs a look at the others.

What is kept, and when it holds no more, belongs here; comparing songs stands in `forest`, the files of fingerprints in
`blocks`.

`state/matches.json`, which begins with its own checksum, names the songs, their matches and the files of fingerprints
in `state/fingerprints`, and is written last: a kill before leaves the one of before and its files. The fingerprints of
new and changed songs go into a new file, with those of files that are not larger, so that there are never many.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import delete_tree, remove_leftovers, write_text
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.splits.blocks import ENDING, Block, BlockIndex, block_path, make_block, open_block
from flamingo_bark_assets.splits.candidates import FewSongs, entries_of
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.forest import Pair, matches_of_all, matches_renewed
from flamingo_bark_assets.splits.matching import MATCHING_VERSION, Constellation, Fingerprint, Match
from flamingo_bark_assets.splits.quads import Entries, Numbers

_DIGEST_BYTES = 16
_MAX_BYTES = 256 * 1024 * 1024
_SONGS_A_BLOCK = 1024
# A file of which less than this share still counts is taken into the next.
_LEAST_LIVE = 0.5
# Where more of the songs are new, all are compared as if none had been.
_MOST_NEW = 0.2

ReadConstellations = Callable[[Sequence[str]], Mapping[str, Constellation]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a song.

    Attributes:
        token: of its results, when its fingerprint was read.
        digest: of its constellation.
        block: number of the file that its fingerprint stands in.
        place: its number there.
    """

    token: str
    digest: str
    block: int
    place: int


@dataclass(frozen=True, slots=True)
class _Index:
    """Songs that were all compared with one another.

    Attributes:
        songs: what is kept of each.
        blocks: the files of their fingerprints.
        matches: the forest that was found among them.
    """

    songs: Mapping[str, _Known]
    blocks: tuple[BlockIndex, ...]
    matches: tuple[Match, ...]


def matches_path(paths: DataPaths) -> Path:
    """Return where the matches are kept."""
    return paths.root / "state" / "matches.json"


def fingerprints_folder(paths: DataPaths) -> Path:
    """Return where the files of fingerprints stand."""
    return paths.root / "state" / "fingerprints"


def known_matches(
    paths: DataPaths, tokens: Mapping[str, str | None], read: ReadConstellations, *, keep: bool
) -> tuple[Match, ...]:
    """Find the songs that hold the same recording, as `find_matches` does, comparing only what is new or changed.

    A file that is missing, damaged or of other rules costs no more than comparing its songs again.

    Args:
        paths: the data folder.
        tokens: what tells by song whether its results are the same still; None where that is not known.
        read: reads the constellations of songs; those of which it gives none are passed over.
        keep: whether what is found is kept for the next call.

    Raises:
        WriteError: a file cannot be written.
    """
    before = _read(matches_path(paths))
    if {song_id: known.token for song_id, known in before.songs.items()} == tokens:
        return before.matches
    with ExitStack() as opened:
        songs = _Songs(paths, before, opened, keep=keep)
        songs.take_in(tokens, read)
        now = songs.compared()
        if keep:
            _write(paths, now)
    return now.matches


class _Songs:
    """The fingerprints of all songs, some of which were compared before.

    Args:
        paths: the data folder.
        before: what was kept.
        opened: closes the files.
        keep: whether new fingerprints are put into files.
    """

    def __init__(self, paths: DataPaths, before: _Index, opened: ExitStack, *, keep: bool) -> None:
        self._folder = fingerprints_folder(paths)
        self._before, self._opened, self._keep = before, opened, keep
        self._known: dict[str, _Known] = {}
        self._blocks: dict[int, Block] = {}
        for number, index in enumerate(before.blocks):
            if (block := open_block(self._folder, index)) is not None:
                self._blocks[number] = opened.enter_context(block)

    def take_in(self, tokens: Mapping[str, str | None], read: ReadConstellations) -> None:
        """Take over what is the same still and the fingerprints of the rest."""
        there = {song: known for song, known in self._before.songs.items() if known.block in self._blocks}
        rest = []
        for song, token in tokens.items():
            if song in there and there[song].token == token:
                self._known[song] = there[song]
            else:
                rest.append(song)
        fresh: dict[str, tuple[str, str, Fingerprint]] = {}
        for begin in range(0, len(rest), _SONGS_A_BLOCK):
            self._put(fresh)
            for song, constellation in read(rest[begin : begin + _SONGS_A_BLOCK]).items():
                token, digest = tokens[song] or "", _digest(constellation)
                if song in there and there[song].digest == digest:
                    self._known[song] = dataclasses.replace(there[song], token=token)
                else:
                    fresh[song] = (token, digest, Fingerprint.of(constellation))
        if self._keep:
            self._take_small(fresh)
        self._put(fresh)

    def _take_small(self, fresh: dict[str, tuple[str, str, Fingerprint]]) -> None:
        """Add the songs of files that are not larger, or of which most has gone, to those of a new file."""
        live: dict[int, list[str]] = {number: [] for number in self._blocks}
        for song, known in self._known.items():
            live[known.block].append(song)
        for number, songs in sorted(live.items(), key=lambda each: (len(each[1]), each[0])):
            is_worn = len(songs) < _LEAST_LIVE * len(self._blocks[number].index.n_quads)
            if (is_worn or len(songs) <= len(fresh)) and len(songs) + len(fresh) <= _SONGS_A_BLOCK:
                for song in songs:
                    known = self._known.pop(song)
                    fresh[song] = (known.token, known.digest, self._fingerprint(known))

    def _put(self, fresh: dict[str, tuple[str, str, Fingerprint]]) -> None:
        """Put fingerprints into a file of their own and forget them."""
        if not fresh:
            return
        block = make_block([each for _, _, each in fresh.values()], self._folder if self._keep else None)
        number = max(self._blocks, default=-1) + 1
        self._blocks[number] = self._opened.enter_context(block)
        for place, (song, (token, digest, _)) in enumerate(fresh.items()):
            self._known[song] = _Known(token, digest, number, place)
        fresh.clear()

    def compared(self) -> _Index:
        """Find the forest of all songs."""
        names = sorted(self._known)
        before = self._before.songs
        same = {
            song for song in names
            if song in before and before[song].digest == self._known[song].digest and before[song].block in self._blocks
        }  # fmt: skip
        new = [song for song in names if song not in same]

        def fingerprint_of(number: int) -> Fingerprint:
            return self._fingerprint(self._known[names[number]])

        if len(new) > _MOST_NEW * len(names):
            matches = matches_of_all(names, self._entries(names), fingerprint_of)
        else:
            left = [match for match in self._before.matches if match.first in same and match.second in same]
            matches = matches_renewed(names, left, self._pairs(names, new), self._torn(same), fingerprint_of)
        used = sorted({known.block for known in self._known.values()})
        songs = {song: dataclasses.replace(known, block=used.index(known.block)) for song, known in self._known.items()}
        return _Index(songs, tuple(self._blocks[number].index for number in used), matches)

    def _fingerprint(self, known: _Known) -> Fingerprint:
        return self._blocks[known.block].fingerprint(known.place)

    def _entries(self, names: Sequence[str]) -> Entries:
        """Put the quads of all songs together."""
        numbers = self._numbers(names)
        size = sum(self._blocks[each.block].index.n_quads[each.place] for each in self._known.values())
        entries, filled = np.empty(size, np.uint64), 0
        for block, in_block in zip(self._blocks.values(), numbers, strict=True):
            hashes, places, _ = block.looked_up_by()
            songs = np.repeat(in_block, block.index.n_quads)
            counts = songs >= 0
            part = entries_of(hashes[counts], songs[counts], places[counts])
            entries[filled : filled + part.size] = part
            filled += part.size
        return entries

    def _pairs(self, names: Sequence[str], new: Sequence[str]) -> Iterator[Pair]:
        """Give the pairs of new songs with any other that have enough in common."""
        if not new:
            return
        number_of = {name: number for number, name in enumerate(names)}
        number_of_new = np.array([number_of[song] for song in new], np.int32)
        for begin in range(0, len(new), _SONGS_A_BLOCK):
            some = new[begin : begin + _SONGS_A_BLOCK]
            few = FewSongs([self._fingerprint(self._known[song]).quads for song in some])
            for block, in_block in zip(self._blocks.values(), self._numbers(names), strict=True):
                found = few.worth_comparing(*block.looked_up_by())
                pairs = np.stack([number_of_new[begin + found[:, 0]], in_block[found[:, 1]]], axis=1)
                yield from map(tuple, pairs[(pairs[:, 1] >= 0) & (pairs[:, 0] != pairs[:, 1])].tolist())

    def _numbers(self, names: Sequence[str]) -> list[Numbers]:
        """Give the number of each song of each file; -1 of one whose fingerprint there does not count."""
        numbers = {number: np.full(len(block.index.n_quads), -1, np.int32) for number, block in self._blocks.items()}
        for number, name in enumerate(names):
            known = self._known[name]
            numbers[known.block][known.place] = number
        return list(numbers.values())

    def _torn(self, same: set[str]) -> list[set[str]]:
        """Give the sets of songs that hung together of which some have gone or changed, those that are left."""
        together = Components()
        for match in self._before.matches:
            together.join(match.first, match.second)
        sets: dict[str, set[str]] = {}
        for match in self._before.matches:
            sets.setdefault(together.root(match.first), set()).update((match.first, match.second))
        return [songs & same for songs in sets.values() if not songs <= same]


def _digest(song: Constellation) -> str:
    both = hashlib.blake2b(song.time_s.tobytes(), digest_size=_DIGEST_BYTES)
    both.update(song.pitch.tobytes())
    return both.hexdigest()


def _read(path: Path) -> _Index:
    with suppress(
        ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError, FileFault
    ):
        checksum, _, said = read_text(path, max_bytes=_MAX_BYTES).partition("\n")
        if checksum == _checksum(said):
            return _index(json.loads(said))
    return _Index({}, (), ())


def _index(stored: Any) -> _Index:
    if stored["version"] != MATCHING_VERSION:
        return _Index({}, (), ())
    return _Index(
        {song_id: _Known(*known) for song_id, known in stored["songs"].items()},
        tuple(BlockIndex(name, tuple(quads), tuple(landmarks)) for name, quads, landmarks in stored["blocks"]),
        tuple(Match(*match) for match in stored["matches"]),
    )


def _write(paths: DataPaths, index: _Index) -> None:
    stored = {
        "version": MATCHING_VERSION,
        "blocks": [(block.name, block.n_quads, block.n_landmarks) for block in index.blocks],
        "songs": {
            song: (known.token, known.digest, known.block, known.place) for song, known in sorted(index.songs.items())
        },
        "matches": [dataclasses.astuple(match) for match in index.matches],
    }
    said = json.dumps(stored, separators=(",", ":"))
    path, folder = matches_path(paths), fingerprints_folder(paths)
    if path.is_dir() and not path.is_symlink():  # The folder is the platform's own.
        delete_tree(path)
    write_text(path, f"{_checksum(said)}\n{said}")
    used = {block_path(folder, block.name) for block in index.blocks}
    for file in set(folder.glob(f"*{ENDING}")) - used:
        delete_tree(file)
    remove_leftovers(folder, recursive=False)


def _checksum(said: str) -> str:
    return xxhash.xxh3_64(said.encode()).hexdigest()
