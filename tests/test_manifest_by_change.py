"""The manifest by change: as if everything were read, while only what has changed is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.song_review import ACCEPTED, EXCLUDED, SongReview, stored_reviews
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.library.fingerprint import folder_signature
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.training import manifest, publishing
from flamingo_bark_assets.training.files import dataset_files, manifest_path
from flamingo_bark_assets.training.manifest import ManifestEntry, ManifestFile, read_entry, render_entry
from flamingo_bark_assets.training.publishing import KnownSong, PublishedManifest, publish_manifest

SONGS = ("one", "two", "three")


pytestmark = pytest.mark.usefixtures("kept_at_once")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    for song_id in SONGS:
        folder = paths.songs / song_id
        folder.mkdir(parents=True)
        (folder / "song.wav").write_bytes(song_id.encode())
        make(paths, song_id)
    return paths


def make(paths: DataPaths, song_id: str, **changes: object) -> None:
    """Write the dataset of a song and its entry."""
    written = dataset_files(paths, song_id)
    write_bytes(written.dataset, b"{}\n")
    write_bytes(written.instructions, b"# x\n")
    mix = paths.songs / song_id / "song.wav"
    files = tuple(
        ManifestFile(
            part=part, path=str(path.relative_to(paths.root)), bytes=path.stat().st_size, sha256=manifest._sha256(path)
        )
        for part, path in (("mix", mix), ("dataset", written.dataset), ("instructions", written.instructions))
    )
    values = {
        "song_id": song_id, "suitable": True, "dataset": files[1].path, "instructions": files[2].path,
        "suitable_stems": (), "duration_s": 9.0, "captioner": "measured", "is_fallback": True, "prompts": 4,
        "files": files, **changes,
    }  # fmt: skip
    write_bytes(written.entry, render_entry(ManifestEntry(**values)))


def known(paths: DataPaths, **versions: str) -> dict[str, KnownSong]:
    return {
        song_id: KnownSong(versions.get(song_id, "1"), folder_signature(paths.songs / song_id)) for song_id in SONGS
    }


def as_read(paths: DataPaths) -> tuple[PublishedManifest, bytes]:
    """What a publication gives that reads everything; nothing of it is kept."""
    kept, manifest = paths.root / "state" / "manifest.json", manifest_path(paths)
    rows, lines = kept.read_bytes(), manifest.read_bytes()
    kept.unlink()
    found = publish_manifest(paths), manifest.read_bytes()
    kept.write_bytes(rows)
    manifest.write_bytes(lines)
    return found


def test_nothing_is_read_or_hashed_again_where_nothing_has_changed(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    read: list[str] = []
    sha256 = manifest._sha256

    def noted_sha256(path: Path) -> str:
        hashed.append(path.name)
        return sha256(path)

    def noted_entry(path: Path) -> ManifestEntry:
        read.append(path.name)
        return read_entry(path)

    monkeypatch.setattr(manifest, "_sha256", noted_sha256)
    monkeypatch.setattr(publishing, "read_entry", noted_entry)
    first = publish_manifest(paths, known(paths))
    assert "song.wav" not in hashed  # as it was when its checksum was taken
    assert len(read) == len(SONGS)
    read.clear()
    hashed.clear()
    assert publish_manifest(paths, known(paths)) == first
    assert (read, hashed) == ([], [])
    make(paths, "two", prompts=5)
    hashed.clear()
    again = publish_manifest(paths, known(paths, two="2"))
    assert (read, set(hashed)) == (["manifest_entry_two.json"], {
        "bark_training_dataset_two.json", "training_instructions_two.md",
    })  # fmt: skip
    assert (again, manifest_path(paths).read_bytes()) == as_read(paths)


def test_songs_that_become_unfit_go_and_come_are_published_as_if_all_were_read(paths: DataPaths) -> None:
    publish_manifest(paths, known(paths))
    make(paths, "one", suitable=False)
    told = publish_manifest(paths, known(paths, one="2"))
    assert (told, manifest_path(paths).read_bytes()) == as_read(paths)
    assert (told.songs, told.unfit) == (2, 1)
    dataset_files(paths, "three").entry.unlink()
    told = publish_manifest(paths, known(paths, one="2"))
    assert (told, manifest_path(paths).read_bytes()) == as_read(paths)
    assert told.left_out[0].startswith("three: ")
    make(paths, "one")
    make(paths, "three")
    told = publish_manifest(paths, known(paths, one="3"))
    assert (told, manifest_path(paths).read_bytes()) == as_read(paths)
    assert told.songs == len(SONGS)


def test_a_song_that_a_person_excludes_is_told_and_not_read_again(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = SongReview(song_id="two", state=EXCLUDED, reviewed_by="maria", repeats=1)
    FeatureStore(paths.features).write(review)
    first = publish_manifest(paths, known(paths))
    assert (first.songs, first.excluded) == (2, ("two: excluded by maria",))
    asked: list[str] = []

    def noted(tables: LibraryTables, song_ids: list[str]) -> dict[str, SongReview]:
        asked.extend(song_ids)
        return stored_reviews(tables, song_ids)

    monkeypatch.setattr(publishing, "stored_reviews", noted)
    assert publish_manifest(paths, known(paths)) == first
    assert asked == []
    FeatureStore(paths.features).write(dataclasses.replace(review, state=ACCEPTED))
    told = publish_manifest(paths, known(paths, two="2"))
    assert (told.songs, told.excluded, asked) == (3, (), ["two"])


@pytest.mark.parametrize("file", ["songs/two/song.wav", "datasets/training_instructions_two.md"])
def test_a_file_that_has_changed_is_told_until_it_is_as_it_was(paths: DataPaths, file: str) -> None:
    path = paths.root / file
    before, measured = path.read_bytes(), known(paths)
    publish_manifest(paths, measured)
    path.write_bytes(b"x" * len(before))
    for _ in range(2):
        (problem,) = publish_manifest(paths, measured).problems
        assert problem.startswith(f"song two: {file} has changed")
    path.write_bytes(before)
    assert publish_manifest(paths, measured).problems == ()


def test_a_manifest_that_others_have_written_into_is_made_anew(paths: DataPaths) -> None:
    publish_manifest(paths, known(paths))
    whole = manifest_path(paths).read_bytes()
    for content in (b"", whole[:100], whole.replace(b'"prompts": 4', b'"prompts": 5', 1), b"\xff" + whole):
        manifest_path(paths).write_bytes(content)
        publish_manifest(paths, known(paths))
        assert manifest_path(paths).read_bytes() == whole


@pytest.mark.parametrize("name", ["song.wav", 'a "path": "b", c.wav', "Lied für Zoë\t.wav", "音\u2028.wav"])
def test_paths_of_a_line_are_read_as_they_were_written(paths: DataPaths, name: str) -> None:
    captioner = 'says "path": "songs/other.wav"'
    file = ManifestFile(part="mix", path=f"songs/one/{name}", bytes=1, sha256="0" * 64)
    make(paths, "one", files=(file, file), captioner=captioner)
    line = manifest.manifest_line(read_entry(dataset_files(paths, "one").entry))
    assert publishing._paths_in(line) == [file.path, file.path]
    plain = manifest.manifest_line(read_entry(dataset_files(paths, "two").entry))
    assert len(publishing._paths_in(plain)) == 3
