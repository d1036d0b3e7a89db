"""The training manifest: who enters it, how its paths stay inside the data folder, and what verifying finds.

Files are real and small here; the measurements that they stand for are made by hand.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, StemFile
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.parts import WHOLE_KINDS, StemKind
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Thresholds
from flamingo_bark_assets.training.manifest import (
    ManifestEntry,
    ManifestFile,
    entry_file_name,
    manifest_entry,
    read_entry,
    read_manifest,
    render_entry,
    verify_manifest,
)
from flamingo_bark_assets.training.publishing import publish_manifest
from flamingo_bark_assets.training.suitability import judge
from tests.evidence import make_evidence, make_stem, unusable_song
from tests.test_dataset import make_captions, make_prompts

SILENT: dict[str, Any] = {"audible": False, "silent_fraction": 1.0, "lag_s": None, "lag_confidence": None}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Library:
    """A data folder with real files of songs whose measurements are made by hand."""

    def __init__(self, root: Path) -> None:
        self.paths = DataPaths(root)

    def song_files(self, song_id: str) -> SongFiles:
        """Write mix and stems, and tell where they are."""
        folder = self.paths.songs / song_id
        (folder / "stems").mkdir(parents=True, exist_ok=True)
        (folder / "song.wav").write_bytes(b"mix")
        stems = []
        for kind in WHOLE_KINDS:
            path = folder / "stems" / make_stem(kind).file_name
            path.write_bytes(kind.encode())
            stems.append(StemFile(name=path.stem, kind=kind, path=path))
        return SongFiles(song_id=song_id, mix=folder / "song.wav", stems=tuple(stems), info=SongInfo())

    def entry(
        self,
        song_id: str = "song",
        silent: tuple[StemKind, ...] = (),
        files: SongFiles | None = None,
        **raw: Any,
    ) -> ManifestEntry:
        """Write a song with its dataset and make its entry."""
        files = files or self.song_files(song_id)
        stems = tuple(
            make_stem(kind, content_sha256=sha256(kind.encode()), **(SILENT if kind in silent else {}))
            for kind in WHOLE_KINDS
        )
        evidence = make_evidence(song_id, raw_song={"content_sha256": sha256(b"mix"), **raw}, stems={"stems": stems})
        return self.entry_of(evidence, files)

    def entry_of(self, evidence: Evidence, files: SongFiles) -> ManifestEntry:
        """Make the entry of a song with that evidence."""
        song_id = evidence.song_id
        self.paths.datasets.mkdir(parents=True, exist_ok=True)
        (self.paths.datasets / f"bark_training_dataset_{song_id}.json").write_bytes(b"{}\n")
        (self.paths.datasets / f"training_instructions_{song_id}.md").write_bytes(b"# x\n")
        unusable = evidence.raw_song.unusable
        return manifest_entry(
            evidence,
            Captions.of_unusable(song_id, unusable) if unusable else make_captions(song_id),
            TrainingPrompts.of_unusable(song_id, unusable) if unusable else make_prompts(song_id),
            judge(evidence, Thresholds()),
            files=files,
            paths=self.paths,
        )

    def publish(self, *entries: ManifestEntry) -> Path:
        """Write the entries and publish the manifest over them."""
        for entry in entries:
            (self.paths.datasets / entry_file_name(entry.song_id)).write_bytes(render_entry(entry))
        return publish_manifest(self.paths).path


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data")


@pytest.fixture
def manifest(library: Library) -> Path:
    return library.publish(library.entry("one"), library.entry("two"))


def test_an_entry_lists_every_file_with_its_checksum(library: Library) -> None:
    entry = library.entry("song_001")
    assert [(f.part, f.path, f.sha256, f.bytes) for f in entry.files] == [
        ("mix", "songs/song_001/song.wav", sha256(b"mix"), 3),
        ("drums", "songs/song_001/stems/drums.wav", sha256(b"drums"), 5),
        ("bass", "songs/song_001/stems/bass.wav", sha256(b"bass"), 4),
        ("vocals", "songs/song_001/stems/vocals.wav", sha256(b"vocals"), 6),
        ("harmonic", "songs/song_001/stems/other.wav", sha256(b"harmonic"), 8),
        ("dataset", "datasets/bark_training_dataset_song_001.json", sha256(b"{}\n"), 3),
        ("instructions", "datasets/training_instructions_song_001.md", sha256(b"# x\n"), 4),
    ]


def test_an_entry_tells_what_is_fit_and_who_described_it(library: Library) -> None:
    entry = library.entry(silent=("vocals",))
    assert entry.suitable
    assert entry.suitable_stems == ("drums", "bass", "harmonic")
    assert "vocals" not in {file.part for file in entry.files}
    assert (entry.duration_s, entry.captioner, entry.is_fallback) == (180.5, "measured", True)
    assert entry.prompts == 2  # the full track and the drums; the other two need the vocals


def test_a_silent_file_beside_a_sounding_one_of_its_kind_is_not_listed(library: Library) -> None:
    files = library.song_files("song")
    piano = library.paths.songs / "song" / "stems" / "piano.wav"
    piano.write_bytes(b"")
    files = dataclasses.replace(files, stems=(*files.stems, StemFile(name="piano", kind="harmonic", path=piano)))
    silent = make_stem("harmonic", name="piano", file_name="piano.wav", **SILENT)
    stems = (*(make_stem(kind) for kind in WHOLE_KINDS), silent)
    entry = library.entry_of(make_evidence(stems={"stems": stems}), files)
    assert [file.path for file in entry.files if file.part == "harmonic"] == ["songs/song/stems/other.wav"]


def test_an_unreadable_song_has_an_entry_with_its_dataset_alone(library: Library) -> None:
    files = SongFiles(song_id="song", mix=None, stems=(), info=SongInfo(), fault="song.wav: broken")
    entry = library.entry_of(unusable_song(), files)
    assert not entry.suitable
    assert [file.part for file in entry.files] == ["dataset", "instructions"]


def test_a_rendered_entry_reads_back_and_renders_the_same(library: Library) -> None:
    entry = library.entry()
    path = library.paths.datasets / entry_file_name("song")
    path.write_bytes(render_entry(entry))
    assert path.name == "manifest_entry_song.json"
    assert read_entry(path) == entry
    assert render_entry(read_entry(path)) == path.read_bytes()


def test_only_suitable_songs_enter_the_manifest_sorted_by_song_as_they_were_written(library: Library) -> None:
    a, b, c = library.entry("a"), library.entry("b"), library.entry("c", clipped_fraction=0.5)
    path = library.publish(b, c, a)
    assert read_manifest(path) == [a, b]


def test_a_manifest_without_suitable_songs_is_an_empty_file(library: Library) -> None:
    path = library.publish(library.entry(clipped_fraction=0.5))
    assert path.read_bytes() == b""
    assert read_manifest(path) == []


def test_a_line_separator_inside_a_text_does_not_split_a_line(library: Library) -> None:
    path = library.publish(library.entry().model_copy(update={"captioner": "a\u2028b"}))
    assert read_manifest(path)[0].captioner == "a\u2028b"


def test_an_entry_that_is_another_songs_is_left_out_by_name(library: Library) -> None:
    path = library.publish(library.entry("one"))
    entry = library.paths.datasets / entry_file_name("one")
    library.song_files("two")
    entry.rename(library.paths.datasets / entry_file_name("two"))
    published = publish_manifest(library.paths)
    assert "two: its manifest entry is that of one; run the song again" in published.left_out
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a/..",
        "",
        ".",
        "./a",
        "a//b",
        "a/",
        "C:/x",
        "a\\..\\b",
        "a\0b",
        "//h/x",
    ],
)
def test_a_path_that_is_not_plainly_inside_the_data_folder_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        ManifestFile(part="mix", path=path, sha256="a" * 64, bytes=1)


def test_a_file_outside_the_data_folder_gets_no_entry(library: Library, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.wav"
    outside.write_bytes(b"mix")
    files = SongFiles(song_id="song", mix=outside, stems=(), info=SongInfo())
    with pytest.raises(StorageError, match=r"song song: .*elsewhere\.wav does not lie in the data folder"):
        library.entry(files=files)


def test_a_link_out_of_the_data_folder_gets_no_entry(library: Library, tmp_path: Path) -> None:
    files = library.song_files("song")
    (tmp_path / "secret").write_bytes(b"mix")
    assert files.mix is not None
    files.mix.unlink()
    files.mix.symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match="does not lie in the data folder"):
        library.entry(files=files)


def test_a_link_to_another_songs_file_is_named_by_its_own_path(library: Library) -> None:
    files = library.song_files("song")
    other = library.song_files("other")
    assert files.mix is not None
    assert other.mix is not None
    files.mix.unlink()
    files.mix.symlink_to(other.mix)
    named = [file.path for file in library.entry(files=files).files if file.part == "mix"]
    assert named == ["songs/song/song.wav"]


def test_a_missing_dataset_file_is_told_with_song_and_file(library: Library) -> None:
    files = library.song_files("song")
    assert files.mix is not None
    files.mix.unlink()
    with pytest.raises(StorageError, match=r"song song: .*song\.wav cannot be read"):
        library.entry(files=files)


def test_an_untouched_library_verifies(library: Library, manifest: Path) -> None:
    assert verify_manifest(manifest, library.paths.root) == []


def remove(path: Path) -> None:
    path.unlink()


def change_content(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_outside(path: Path) -> None:
    target = path.parents[4] / "secret"
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        (remove, "missing"),
        (change_content, "changed"),
        (cut, "changed"),
        (put_a_folder, "unreadable"),
        (link_outside, "unreadable"),
        (link_to_itself, "unreadable"),
    ],
)
def test_verifying_finds_the_one_file_that_was_harmed(
    library: Library, manifest: Path, harm: Callable[[Path], None], kind: str
) -> None:
    harm(library.paths.songs / "two" / "stems" / "vocals.wav")
    (problem,) = verify_manifest(manifest, library.paths.root)
    assert (problem.song_id, problem.path, problem.kind) == ("two", "songs/two/stems/vocals.wav", kind)
    assert problem.message.startswith("song two: songs/two/stems/vocals.wav ")


def test_every_problem_of_every_song_is_found(library: Library, manifest: Path) -> None:
    for song_id in ("one", "two"):
        (library.paths.songs / song_id / "song.wav").unlink()
    (library.paths.datasets / "bark_training_dataset_two.json").write_bytes(b"[]\n")
    assert [(p.song_id, p.kind) for p in verify_manifest(manifest, library.paths.root)] == [
        ("one", "missing"), ("two", "missing"), ("two", "changed"),
    ]  # fmt: skip


def test_a_manifest_that_cannot_be_read_is_told_by_name(library: Library) -> None:
    with pytest.raises(StorageError, match=r"m\.jsonl: cannot be read"):
        read_manifest(library.paths.root / "m.jsonl")


def test_a_damaged_line_is_told_by_its_number(manifest: Path) -> None:
    manifest.write_bytes(manifest.read_bytes() + b'{"song_id": "x"}\n')
    with pytest.raises(StorageError, match=r"training_manifest\.jsonl, line 3: not a manifest entry"):
        read_manifest(manifest)


def test_a_manifest_with_a_path_out_of_the_folder_is_refused(library: Library, manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("songs/one/song.wav", "../../etc/passwd"))
    with pytest.raises(StorageError, match="line 1"):
        verify_manifest(manifest, library.paths.root)
