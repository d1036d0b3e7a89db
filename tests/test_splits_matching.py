"""Duplicates are found by their sound, however they were changed, and other songs are not taken for them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.splits import matching, quads
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.groups import Link, SongIdentity, artist_key, find_links, group_songs
from flamingo_bark_assets.splits.known_matches import known_matches, matches_path
from flamingo_bark_assets.splits.matching import Constellation, Match, find_matches
from tests.music import RATE_HZ, Samples, noise
from tests.tunes import constellation_of, landmarks_of, tune

TUNE = tune(0)


def resampled(samples: Samples, faster: float) -> Samples:
    """As a tape that runs faster: speed and pitch change together."""
    import soxr

    return np.asarray(soxr.resample(samples, RATE_HZ, RATE_HZ / faster))


def as_mp3(samples: Samples) -> Samples:
    """Through an MP3 file of the lowest quality."""
    import io

    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.99)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])


@pytest.fixture(scope="module")
def original() -> Constellation:
    return constellation_of(TUNE)


@pytest.mark.parametrize(
    ("changed", "faster", "semitones"),
    [
        pytest.param(0.05 * TUNE, 1.0, 0.0, id="quieter"),
        pytest.param(as_mp3(TUNE), 1.0, 0.0, id="MP3"),
        pytest.param(TUNE + noise(TUNE.size / RATE_HZ, level=0.01), 1.0, 0.0, id="noise"),
        pytest.param(TUNE[: TUNE.size // 2], 1.0, 0.0, id="first half"),
        pytest.param(TUNE[TUNE.size // 2 :], 1.0, 0.0, id="second half"),
        pytest.param(np.concatenate([np.zeros(RATE_HZ), TUNE[round(2.7 * RATE_HZ) :]]), 1.0, 0.0, id="another start"),
        pytest.param(resampled(TUNE, 1.05), 1.05, 0.845, id="resampled faster"),
        pytest.param(resampled(TUNE, 0.95), 0.95, -0.888, id="resampled slower"),
        pytest.param(tune(0, bpm=112 * 1.05), 1.05, 0.0, id="stretched, faster"),
        pytest.param(tune(0, bpm=112 * 0.95), 0.95, 0.0, id="stretched, slower"),
        pytest.param(tune(0, semitones=1.0), 1.0, 1.0, id="a semitone higher"),
        pytest.param(tune(0, semitones=-1.0, bpm=112 * 1.03), 1.03, -1.0, id="lower and faster"),
    ],
)
def test_a_changed_song_is_found_with_its_speed_and_transposition(
    original: Constellation, changed: Samples, faster: float, semitones: float
) -> None:
    (match,) = find_matches({"a": original, "b": constellation_of(changed)})
    assert (match.first, match.second) == ("a", "b")
    assert match.speed == pytest.approx(1.0 / faster, abs=0.002)
    assert match.transposition == pytest.approx(semitones, abs=0.1)
    assert match.share > 0.4


def test_songs_of_one_key_tempo_and_chord_progression_are_different_songs() -> None:
    assert find_matches({str(number): constellation_of(tune(number)) for number in range(6)}) == ()


def test_sounds_without_notes_have_no_landmarks_and_match_nothing(original: Constellation) -> None:
    silence = constellation_of(np.zeros(10 * RATE_HZ))
    assert silence.time_s.size == 0
    assert find_matches({"a": silence, "b": original, "c": silence}) == ()
    assert find_matches({"a": silence}) == find_matches({}) == ()


def test_landmarks_are_in_order_and_do_not_depend_on_gain() -> None:
    found, quiet = landmarks_of(TUNE), landmarks_of(0.25 * TUNE)
    assert [one.number for one in found] == list(range(len(found)))
    times = [one.time_s for one in found]
    assert times == sorted(times)
    assert [one.time_s for one in quiet] == pytest.approx(times, abs=0.002)


def test_many_copies_and_loops_are_one_group(original: Constellation) -> None:
    rng = np.random.default_rng(0)
    copies = [
        SongIdentity(
            f"copy-{number:03}",
            f"content {number}",
            constellation=dataclasses.replace(
                original, time_s=np.sort(original.time_s + rng.normal(0.0, 0.003, original.time_s.size))
            ),
        )
        for number in range(80)
    ]
    loop = Constellation(np.linspace(0.0, 1000.0, 4001), 60.0 + np.linspace(0.0, 4000.0, 4001) % 7)
    loops = [SongIdentity(f"loop-{number}", f"loop {number}", constellation=loop) for number in range(2)]
    songs = [*copies, *loops]
    groups = group_songs(songs, find_links(songs), by_artist=False)
    assert sorted(len(group.songs) for group in groups) == [2, 80]


def test_songs_that_come_later_are_found_as_if_all_had_come_at_once(original: Constellation, tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    other = constellation_of(tune(1))
    songs = {
        f"{name}-{number}": dataclasses.replace(
            one, time_s=one.time_s * (1.0 + 0.01 * number), pitch=one.pitch + 0.4 * number
        )
        for number in range(3)
        for name, one in (("a", original), ("b", other))
    }
    all_at_once = find_matches(songs)
    assert groups_of(all_at_once) == {frozenset({"a-0", "a-1", "a-2"}), frozenset({"b-0", "b-1", "b-2"})}
    for count in range(1, 7):
        known_matches(paths, dict(list(songs.items())[::-1][:count]), keep=True)
    assert groups_of(known_matches(paths, songs, keep=False)) == groups_of(all_at_once)
    # What held two songs together is gone, or is another song now: both are compared anew.
    for gone in songs:
        left = {song_id: one for song_id, one in songs.items() if song_id != gone}
        assert groups_of(known_matches(paths, left, keep=False)) == groups_of(find_matches(left))
    swapped = {**songs, "a-1": songs["b-1"], "b-1": songs["a-1"]}
    assert groups_of(known_matches(paths, swapped, keep=False)) == groups_of(find_matches(swapped))


def groups_of(matches: tuple[Match, ...]) -> set[frozenset[str]]:
    together = Components()
    for match in matches:
        together.join(match.first, match.second)
    groups: dict[str, set[str]] = {}
    for match in matches:
        groups.setdefault(together.root(match.first), set()).update((match.first, match.second))
    return {frozenset(group) for group in groups.values()}


def test_songs_that_were_compared_are_not_compared_again(
    original: Constellation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = DataPaths(tmp_path)
    songs = {"a": original, "b": original}
    found = known_matches(paths, songs, keep=True)
    assert len(found) == 1
    with monkeypatch.context() as patch:
        patch.setattr(matching, "meet", None)
        assert known_matches(paths, songs, keep=False) == found
    with monkeypatch.context() as patch:
        patch.setattr(matching, "_judge", None)
        assert known_matches(paths, {**songs, "c": constellation_of(tune(1))}, keep=True) == found


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda text: text[:-30], id="cut"),
        pytest.param(lambda text: "[" * 100_000, id="nested"),
        pytest.param(lambda text: "null", id="no object"),
        pytest.param(lambda text: text.replace("[", '["c",'), id="no matches"),
        pytest.param(lambda text: text.replace('"version": 1', '"version": 0').replace('"b"', '"c"'), id="other rules"),
        pytest.param(lambda text: None, id="a folder"),
    ],
)
def test_a_damaged_file_of_matches_costs_no_more_than_comparing_again(
    original: Constellation, tmp_path: Path, damaged: Callable[[str], str | None]
) -> None:
    paths, songs = DataPaths(tmp_path), {"a": original, "b": original}
    found = known_matches(paths, songs, keep=True)
    text = damaged(matches_path(paths).read_text())
    matches_path(paths).unlink()
    if text is None:
        matches_path(paths).mkdir()
    else:
        matches_path(paths).write_text(text)
    assert known_matches(paths, songs, keep=True) == found
    assert json.loads(matches_path(paths).read_text())["songs"].keys() == songs.keys()


def test_meetings_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    songs = {
        f"{number}-{copy}": dataclasses.replace(one, pitch=one.pitch + 0.3 * copy)
        for number in range(3)
        for one in (constellation_of(tune(number, seconds=12.0)),)
        for copy in range(2)
    }
    at_once = find_matches(songs)
    assert len(at_once) == 3
    monkeypatch.setattr(quads, "_MOST_AT_ONCE", 50)
    assert find_matches(songs) == at_once


def test_equal_files_and_equal_stems_are_linked_without_a_fingerprint() -> None:
    songs = [
        SongIdentity("a", "x", frozenset({"1", "2"})),
        SongIdentity("b", "x"),
        SongIdentity("c", "y", frozenset({"2", "1"})),
        SongIdentity("d", "z", frozenset({"1"})),
    ]
    assert find_links(songs) == (Link("a", "b", "the same sound file"), Link("a", "c", "the same stems"))


@pytest.mark.parametrize(
    ("artist", "key"),
    [
        ("  The  BAND ", "the band"),
        ("the band feat. Somebody", "the band"),
        ("The Band (ft. Somebody Else)", "the band"),
        ("Straße", "strasse"),
        ("Ｂａｎｄ", "band"),
        ("feature", "feature"),
        ("Various Artists", None),
        ("unknown artist", None),
        (" . ", None),
        ("", None),
        (None, None),
    ],
)
def test_spellings_of_an_artist_are_one_artist(artist: str | None, key: str | None) -> None:
    assert artist_key(artist) == key
