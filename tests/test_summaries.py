"""Summaries of songs' states: they follow the states, whoever keeps them, and hold no result for made that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.library.fingerprint import FileDigests
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.state import Made, SongState, state_path, write_state
from flamingo_bark_assets.provenance.summaries import Summaries, stored_versions

pytestmark = pytest.mark.usefixtures("kept_at_once")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    for song_id in ("one", "two"):
        (paths.songs / song_id).mkdir(parents=True)
        store(paths, song_id, "1")
    return paths


def state(version: str, **inputs: str) -> SongState:
    sound = {"sound": "s1"}
    made = {
        "raw_song": Made(sound, version, 0.0, "run", 0, ""),
        "stems": Made(sound, version, 0.0, "run", 0, ""),
        "bark_dataset": Made({"raw_song": version, "stems": version, **inputs}, version, 0.0, "run", 9, ""),
    }
    return SongState("signature", FileDigests("s1", "i"), made)


def store(paths: DataPaths, song_id: str, version: str) -> None:
    write_state(paths, song_id, state(version))


def test_a_state_that_comes_changes_or_goes_is_seen_by_who_looked_before_and_by_others(paths: DataPaths) -> None:
    known = Summaries(paths)

    def versions() -> dict[str, tuple[str, ...]]:
        found = {song_id: summary.versions for song_id, summary in known.current().items()}
        known.keep()
        assert found == {song_id: one.versions for song_id, one in Summaries(paths).current().items()}
        return found

    before = versions()
    assert before.keys() == {"one", "two"}
    store(paths, "two", "2")
    store(paths, "three", "1")
    after = versions()
    assert (after["one"], after["three"]) == (before["one"], before["one"])
    assert all(one != other for one, other in zip(after["two"], before["two"], strict=True))
    state_path(paths, "two").unlink()
    assert versions().keys() == {"one", "three"}


def test_a_state_that_was_damaged_where_it_stands_is_seen(paths: DataPaths) -> None:
    known = Summaries(paths)
    assert known.current()["two"].sizes == {"bark_dataset": 9}
    state_path(paths, "two").write_text("{")
    assert known.current()["two"].sizes == {}


def test_that_a_song_was_found_up_to_date_holds_for_other_processes_until_its_state_changes(paths: DataPaths) -> None:
    known = Summaries(paths)
    known.current()
    known.note_fresh("two", "files and settings")
    known.keep()
    other = Summaries(paths)
    assert other.current()["two"].fresh == "files and settings"
    store(paths, "two", "2")
    assert (other.current()["two"].fresh, Summaries(paths).current()["two"].fresh) == ("", "")


def test_only_songs_of_the_library_are_published(paths: DataPaths) -> None:
    (paths.songs / "two").rmdir()
    assert stored_versions(paths).keys() == {"one"}


@pytest.mark.parametrize("inputs", [{}, {"raw_song": "0"}, {"stems": "0"}])
def test_the_signature_counts_only_where_the_dataset_was_made_from_its_files(
    paths: DataPaths, inputs: dict[str, str]
) -> None:
    write_state(paths, "one", state("1", **inputs))
    assert Summaries(paths).current()["one"].signature == ("" if inputs else "signature")
