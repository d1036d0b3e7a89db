"""Duplicates are found by their sound, however they were changed, and other songs are not taken for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from flamingo_bark_assets.splits.forest import find_matches
from flamingo_bark_assets.splits.groups import Link, SongIdentity, artist_key, find_links, group_songs
from flamingo_bark_assets.splits.matching import Constellation, Fingerprint, Match
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
    songs = {
        f"copy-{number:03}": dataclasses.replace(
            original, time_s=np.sort(original.time_s + rng.normal(0.0, 0.003, original.time_s.size))
        )
        for number in range(80)
    }
    loop = Constellation(np.linspace(0.0, 1000.0, 4001), 60.0 + np.linspace(0.0, 4000.0, 4001) % 7)
    songs |= {f"loop-{number}": loop for number in range(2)}
    identities = [SongIdentity(song_id, f"content of {song_id}") for song_id in songs]
    links = find_links(identities, lambda song_ids: find_matches({song_id: songs[song_id] for song_id in song_ids}))
    groups = group_songs(identities, links, by_artist=False)
    assert sorted(len(group.songs) for group in groups) == [2, 80]
    assert len(links) == 80  # as few as hold them together


def test_a_part_of_a_long_song_is_found_though_fewer_quads_of_that_are_taken() -> None:
    rng = np.random.default_rng(0)
    long = Constellation(np.sort(rng.uniform(0.0, 400.0, 2400)), rng.uniform(40.0, 90.0, 2400))
    inside = (long.time_s > 200.0) & (long.time_s < 220.0)
    part = Constellation(long.time_s[inside] - 195.0, long.pitch[inside] + 1.0)
    quads = [Fingerprint.of(each).quads.hashes.size for each in (long, part)]
    assert quads[0] / 2400 < 0.5 * quads[1] / part.time_s.size
    (match,) = find_matches({"long": long, "part": part})
    assert match.offset_s == pytest.approx(-195.0, abs=0.1)
    assert match.transposition == pytest.approx(1.0, abs=0.01)


def test_equal_files_and_equal_stems_are_linked_without_a_fingerprint() -> None:
    songs = [
        SongIdentity("a", "x", frozenset({"1", "2"})),
        SongIdentity("b", "x"),
        SongIdentity("c", "y", frozenset({"2", "1"})),
        SongIdentity("d", "z", frozenset({"1"})),
    ]
    asked: list[str] = []

    def find(song_ids: Sequence[str]) -> tuple[Match, ...]:
        asked.extend(song_ids)
        return ()

    links = find_links(songs, find)
    assert links == (Link("a", "b", "the same sound file"), Link("a", "c", "the same stems"))
    assert asked == ["a", "c", "d"]


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
