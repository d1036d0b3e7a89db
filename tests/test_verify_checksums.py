"""The checksums of an export: which of them decides, where one of them was lost or written anew."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.verification.run import verify_export
from tests.export_songs import MadeSource, made_song
from tests.verification_exports import changed_sound, edit_shard

CREDITS, SLOW, FAST = "ATTRIBUTION.md", "provenance/checksums.sha256", "provenance/checksums.xxh128"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    song = made_song("song", "train", clips=1, views=("30s",))
    mix = dataclasses.replace(song.clips[0], end_s=song.clips[0].start_s + 3.0)
    songs = MadeSource([dataclasses.replace(song, clips=(mix,))])
    export(TARGETS["webdataset"], songs, tmp_path / "out", ExportOptions(folder=str(tmp_path / "out")))
    return tmp_path / "out"


def found(folder: Path) -> set[tuple[str, str]]:
    return {(finding.rule, finding.file) for finding in verify_export(folder).findings}


def state_anew(folder: Path) -> None:
    """Write SHA-256 of every file that has one as it is now, as `sha256sum` would."""
    paths = [line.partition("  ")[2] for line in (folder / SLOW).read_text().splitlines()]
    lines = (f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
    (folder / SLOW).write_text("".join(lines))


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def test_a_changed_file_is_found_with_either_of_the_checksums(exported: Path) -> None:
    append(exported / CREDITS)
    assert found(exported) == {("checksum", CREDITS)}
    (exported / FAST).unlink()
    assert found(exported) == {("checksum", CREDITS)}


def test_sha256_decides_where_the_other_differs(exported: Path) -> None:
    (exported / FAST).write_text((exported / FAST).read_text().replace(f"  {CREDITS}", f"  x/{CREDITS}"))
    assert found(exported) == set()
    (exported / FAST).write_text(f"{'0' * 32}  {CREDITS}\nno checksum\n")
    assert found(exported) == set()


def test_checksums_that_were_written_anew_are_the_ones_that_hold(exported: Path) -> None:
    append(exported / CREDITS)
    state_anew(exported)
    assert found(exported) == set()
    digest = hashlib.sha256((exported / CREDITS).read_bytes()).hexdigest()
    (exported / SLOW).write_text((exported / SLOW).read_text().replace(digest, "0" * 64))
    assert found(exported) == {("checksum", CREDITS)}


def test_a_shard_that_is_as_stated_is_looked_into_all_the_same(exported: Path) -> None:
    (shard,) = exported.rglob("*.tar")
    edit_shard(shard, lambda members: [(name, _silenced(name, content)) for name, content in members])
    state_anew(exported)
    assert ("silence", shard.relative_to(exported).as_posix()) in found(exported)


def _silenced(name: str, content: bytes) -> bytes:
    return changed_sound(content, np.zeros_like) if name.endswith(".flac") else content
