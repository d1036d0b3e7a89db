"""What was found of songs is kept, and is as if all were compared at once, whatever comes, goes, or is damaged."""

from __future__ import annotations

import functools
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.splits import forest
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.forest import find_matches
from flamingo_bark_assets.splits.known_matches import fingerprints_folder, known_matches, matches_path
from flamingo_bark_assets.splits.matching import Constellation, Fingerprint, Judgement, Match, compare
from tests.tunes import constellation_of, tune

_NAMES = tuple("abcdefghijkl")
_TUNES = 3


@functools.cache
def versions() -> tuple[Constellation, ...]:
    """Give versions of some tunes; not all of one tune match, but hang together through others."""
    found = []
    for number in range(_TUNES):
        whole = constellation_of(tune(number, seconds=20.0))
        early = whole.time_s < 10.0
        found += [whole, *(Constellation(whole.time_s[half], whole.pitch[half]) for half in (early, ~early))]
        found += [
            Constellation(speed * whole.time_s, whole.pitch + shift) for speed, shift in ((0.94, 1.2), (1.06, -1.2))
        ]
    return tuple(found)


class Library:
    """Songs by name: the number of a version each, in a folder of their own."""

    def __init__(self, folder: Path, songs: Mapping[str, int]) -> None:
        self.paths = DataPaths(folder)
        self.songs = dict(songs)
        self.read: list[str] = []

    def matches(self, *, keep: bool = True) -> tuple[Match, ...]:
        def read(song_ids: Sequence[str]) -> dict[str, Constellation]:
            self.read += song_ids
            return {song_id: versions()[self.songs[song_id]] for song_id in song_ids}

        self.read.clear()
        tokens = {song_id: str(version) for song_id, version in self.songs.items()}
        return known_matches(self.paths, tokens, read, keep=keep)

    def from_nothing(self) -> tuple[Match, ...]:
        return find_matches({song_id: versions()[version] for song_id, version in self.songs.items()})

    def files(self) -> list[Path]:
        return sorted(fingerprints_folder(self.paths).iterdir())


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path, dict(zip(_NAMES, range(12), strict=True)))
    made.matches()
    return made


_version = st.none() | st.integers(0, 5 * _TUNES - 1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(_version, min_size=len(_NAMES), max_size=len(_NAMES)),
    st.lists(st.tuples(st.sampled_from(_NAMES), _version, st.booleans()), max_size=12),
)
def test_whatever_comes_goes_and_changes_the_matches_are_those_of_a_comparison_from_nothing(
    first: list[int | None], changes: list[tuple[str, int | None, bool]]
) -> None:
    songs = {name: version for name, version in zip(_NAMES, first, strict=True) if version is not None}
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), songs)
        assert library.matches() == library.from_nothing()
        for name, version, keep in changes:
            library.songs.pop(name, None)
            if version is not None:
                library.songs[name] = version
            assert library.matches(keep=keep) == library.from_nothing()


def test_the_matches_hold_together_whatever_matches_and_are_no_more_than_that_needs() -> None:
    found = [Fingerprint.of(one) for one in versions()]
    names = [f"{number:02}" for number in range(len(found))]
    together = Components()
    matching = [
        (names[a], names[b]) for b in range(len(found)) for a in range(b) if compare(found[a], found[b]) is not None
    ]
    for first, second in matching:
        together.join(first, second)
    matches = find_matches(dict(zip(names, versions(), strict=True)))
    assert len(matches) == len(names) - len({together.root(name) for name in names}) == len(names) - _TUNES
    assert {(match.first, match.second) for match in matches} < set(matching)


def test_only_what_has_changed_is_read_and_compared(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.matches() == library.from_nothing()
    assert library.read == []
    compared: list[Fingerprint] = []

    def counted(first: Fingerprint, second: Fingerprint) -> Judgement | None:
        compared.append(first)
        return compare(first, second)

    monkeypatch.setattr(forest, "compare", counted)
    library.songs["l"] = 12
    matches = library.matches()
    assert library.read == ["l"]
    assert len(compared) <= 3
    assert matches == library.from_nothing()


def test_results_made_again_with_the_same_sound_are_read_but_not_compared(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = library.matches()
    monkeypatch.setattr(forest, "compare", None)
    tokens = {song_id: f"again {song_id}" for song_id in library.songs}
    stars = {song_id: versions()[version] for song_id, version in library.songs.items()}
    assert known_matches(library.paths, tokens, lambda song_ids: {s: stars[s] for s in song_ids}, keep=True) == expected
    assert known_matches(library.paths, tokens, lambda song_ids: pytest.fail("read"), keep=True) == expected


def test_there_are_few_files_and_none_that_does_not_count(library: Library) -> None:
    for number in range(40):
        library.songs[_NAMES[number % 12]] = number % 15
        library.matches()
        assert len(library.files()) <= 4
    library.songs = {"a": 0}
    library.matches()
    (file,) = library.files()
    assert file.stat().st_size < 30_000
    library.songs = {}
    assert library.matches() == ()
    assert library.files() == []


def index_with(text: Callable[[str], str]) -> Callable[[Library], None]:
    def damage(library: Library) -> None:
        path = matches_path(library.paths)
        path.write_text(text(path.read_text()))

    return damage


def as_if_of(version: int) -> Callable[[str], str]:
    """Give another version and no matches to an index, which is whole otherwise."""

    def changed(text: str) -> str:
        said = json.dumps({**json.loads(text.partition("\n")[2]), "version": version, "matches": []})
        return f"{xxhash.xxh3_64(said.encode()).hexdigest()}\n{said}"

    return changed


def flip(library: Library) -> None:
    path = library.files()[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def put_a_folder_in_its_place(library: Library) -> None:
    matches_path(library.paths).unlink()
    matches_path(library.paths).mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(index_with(lambda text: text[:-30]), id="index cut"),
        pytest.param(index_with(lambda text: text.replace('"a"', '"b"')), id="index changed"),
        pytest.param(index_with(lambda text: "null"), id="no index"),
        pytest.param(index_with(as_if_of(1)), id="other rules"),
        pytest.param(put_a_folder_in_its_place, id="a folder"),
        pytest.param(lambda library: library.files()[0].unlink(), id="fingerprints lost"),
        pytest.param(lambda library: library.files()[0].write_bytes(b""), id="fingerprints empty"),
        pytest.param(flip, id="a flipped bit"),
    ],
)
def test_what_is_damaged_is_made_anew(library: Library, damage: Callable[[Library], None]) -> None:
    damage(library)
    library.songs["c"] = 14
    assert library.matches() == library.from_nothing()
    assert library.matches() == library.from_nothing()
    assert library.read == []
    library.songs["d"] = 13
    assert library.matches() == library.from_nothing()
    assert library.read == ["d"]


def halt_after(renames: int) -> None:
    """Let this process die before it renames a file once more, and before it deletes one."""
    replace, done = Path.replace, itertools.count()

    def halting(path: Path, target: Path) -> Path:
        return replace(path, target) if next(done) < renames else os._exit(9)

    setattr(Path, "replace", halting)  # noqa: B010 - as its type forbids it
    setattr(Path, "unlink", lambda *_, **__: os._exit(9))  # noqa: B010


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_kill_loses_nothing_and_the_next_run_repairs_what_it_left(library: Library, renames: int) -> None:
    library.songs |= dict.fromkeys("bcdefgh", 14)  # so many that the file of before is no longer worth keeping
    child = os.fork()
    if child == 0:
        halt_after(renames)
        library.matches()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert library.matches(keep=False) == library.from_nothing()
    library.songs["d"] = 13
    assert library.matches() == library.from_nothing()
    index = json.loads(matches_path(library.paths).read_text().partition("\n")[2])
    assert {path.stem for path in library.files()} == {name for name, *_ in index["blocks"]}
