"""The course of an export: what is kept, what is made again, that it is whole or not there, and what it refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xxhash

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ClipRefused, ExportError, StorageError, WriteError
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Renderer
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export, plan
from tests.export_songs import MadeRenderer, MadeSource, made_song, made_source
from tests.export_text_target import TextTarget
from tests.running import ROOT

OPTIONS = ExportOptions()


def songs(count: int = 3) -> MadeSource:
    return made_source(count, clips=2, views=("30s",))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_songs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        export(TextTarget(), songs(), tmp_path / name, OPTIONS)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_a_second_export_renders_nothing(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    before, again = contents(tmp_path / "out"), songs()
    report = export(TextTarget(), again, tmp_path / "out", OPTIONS)
    assert (report.units_written, report.units_kept) == (0, 3)
    assert not any(renderer.rendered for renderer in again.renderers.values())
    assert contents(tmp_path / "out") == before


def test_a_changed_song_alone_is_written_again(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    inodes = {path.name: path.stat().st_ino for path in (tmp_path / "out/audio").iterdir()}
    changed = songs()
    song = changed.songs["song-01"]
    changed.songs["song-01"] = dataclasses.replace(song, digest="other", clips=song.clips[1:])
    report = export(TextTarget(), changed, tmp_path / "out", OPTIONS)
    assert (report.units_written, report.units_kept) == (1, 2)
    after = {path.name: path.stat().st_ino for path in (tmp_path / "out/audio").iterdir()}
    assert inodes.keys() - after.keys() == {"song-01__30s_mix_000.wav"}
    assert [name for name in after if after[name] != inodes[name]] == ["song-01__30s_mix_001.wav"]


def test_the_files_of_a_song_that_is_gone_go(tmp_path: Path) -> None:
    export(TextTarget(), songs(3), tmp_path / "out", OPTIONS)
    export(TextTarget(), songs(2), tmp_path / "out", OPTIONS)
    assert not [path for path in (tmp_path / "out").rglob("*") if "song-02" in path.name]
    assert contents(tmp_path / "out") == contents_of_new(tmp_path / "new", 2)


def contents_of_new(folder: Path, count: int) -> dict[str, bytes]:
    export(TextTarget(), songs(count), folder, OPTIONS)
    return contents(folder)


@pytest.mark.parametrize("damage", ["cut", "changed", "removed", "link"])
def test_a_damaged_file_is_made_again(damage: str, tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    whole = contents(tmp_path / "out")
    file = tmp_path / "out/audio/song-00__30s_mix_000.wav"
    data = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(data[:1000])
    elif damage == "changed":
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "link":
        file.symlink_to("/etc/hostname")
    report = export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    assert report.units_written == 1
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("file", ["units/song-00.jsonl", "export.json", "clips.jsonl"])
@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"digest": 3}\n{"file": {}}\n', "\0"])
def test_a_damaged_record_of_a_unit_costs_a_new_rendering_and_no_more(file: str, text: str, tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    whole = contents(tmp_path / "out")
    (tmp_path / "out/provenance" / file).write_text(text)
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    assert contents(tmp_path / "out") == whole


def test_other_options_make_every_unit_again(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    assert export(TextTarget(), songs(), tmp_path / "out", ExportOptions(commercial=True)).units_kept == 0


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/final.doc").write_text("years of work")
    with pytest.raises(ExportError, match="holds files of something else"):
        export(TextTarget(), songs(), tmp_path / "thesis", OPTIONS)
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["final.doc"]
    with pytest.raises(ExportError, match="is no folder"):
        export(TextTarget(), songs(), tmp_path / "thesis/final.doc", OPTIONS)


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with pytest.raises(ExportError, match="is no folder"):
        export(TextTarget(), songs(), tmp_path / "out", OPTIONS)


def test_a_kill_leaves_the_old_export_or_the_new_one_and_the_next_cleans_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(TextTarget(), songs(2), out, OPTIONS)
    old = contents(out)
    command = [sys.executable, "-m", "tests.export_text_target", str(out), "0.3"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*/audio/song-03*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(out) == old
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"], "it was killed on the way"
    export(TextTarget(), songs(2), out, OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert contents(out) == old


class _Refusing(MadeRenderer):
    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        if clip.number == 0:
            raise ClipRefused("silent", "it is silent")
        return super().render(clip, sample_rate_hz=sample_rate_hz, channels=channels)


def test_a_clip_that_is_refused_is_named_and_stops_no_other(tmp_path: Path) -> None:
    source = songs()
    source.renderers["song-01"] = _Refusing("song-01")
    report = export(TextTarget(), source, tmp_path / "out", OPTIONS)
    assert sum(report.clips.values()) == 5 and report.notes == {"silent": 1}
    assert '["song-01","30s.mix.000","silent","it is silent"]' in (tmp_path / "out/provenance/notes.jsonl").read_text()


class _Damaged(MadeSource):
    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        if song_id == "song-01":
            raise StorageError("song-01: stored clips cannot be read")
        return super().load(song_id)


def test_a_song_that_cannot_be_read_is_named_and_stops_no_other(tmp_path: Path) -> None:
    source = _Damaged([made_song(f"song-{i:02d}", "train", clips=2, views=("30s",)) for i in range(3)])
    report = export(TextTarget(), source, tmp_path / "out", OPTIONS)
    assert report.songs["train"] == 2 and report.notes == {"gone": 1}


class _Passing(MadeRenderer):
    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        raise ClipRefused("changed", "its sound files are not those that it was made from")


@pytest.mark.parametrize("fault", ["song", "sound"])
def test_what_could_not_be_had_just_then_is_made_by_the_next_export(fault: str, tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "whole", OPTIONS)
    source = _Damaged(list(songs().songs.values())) if fault == "song" else songs()
    if fault == "sound":
        source.renderers["song-01"] = _Passing("song-01")
    export(TextTarget(), source, tmp_path / "out", OPTIONS)

    assert plan(TextTarget(), songs(), tmp_path / "out", OPTIONS).units_written == 1
    assert export(TextTarget(), songs(), tmp_path / "out", OPTIONS).units_kept == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_export_of_another_layout_is_never_replaced(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    old, other = contents(tmp_path / "out"), TARGETS["webdataset"]
    with pytest.raises(ExportError, match="holds an export of the layout"):
        export(other, songs(), tmp_path / "out", ExportOptions(folder=str(tmp_path / "out")))
    assert contents(tmp_path / "out") == old


def test_files_that_a_user_has_put_into_an_export_are_never_deleted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(TextTarget(), songs(), out, OPTIONS)
    for name in ("audio/mine.txt", "audio/__pycache__/x.pyc", ".cache/state"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
    with pytest.raises(ExportError, match=r"audio/mine\.txt; move them away"):
        export(TextTarget(), songs(), out, OPTIONS)
    (out / "audio/mine.txt").unlink()
    assert export(TextTarget(), songs(), out, OPTIONS).units_kept == 3


def test_files_that_were_edited_since_are_written_anew_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(TextTarget(), songs(), out, OPTIONS)
    whole = contents(out)
    edited = next(path for path in sorted(out.rglob("*.txt")) if path.parent != out)
    edited.write_text("my own words")
    with pytest.raises(ExportError, match=rf"{edited.relative_to(out)}; say --overwrite"):
        export(TextTarget(), songs(), out, OPTIONS)
    assert edited.read_text() == "my own words"
    assert export(TextTarget(), songs(), out, OPTIONS, overwrite=True).units_kept == 2
    assert contents(out) == whole


def test_a_full_disk_is_told_with_the_place_that_the_user_named(small_disk: Path) -> None:
    source = MadeSource([made_song(f"song-{i:02d}", "train", clips=9, views=("30s",)) for i in range(9)])
    with pytest.raises(WriteError, match=rf"^{small_disk}/out/.*: cannot be written: No space left"):
        export(TextTarget(), source, small_disk / "out", OPTIONS)
    assert list(small_disk.iterdir()) == []


def test_without_a_song_nothing_is_written_and_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no song can be exported"):
        export(TextTarget(), MadeSource([]), tmp_path / "out", OPTIONS)
    assert not list(tmp_path.iterdir())


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    report = plan(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    assert report.units_written == 3 and report.songs["train"] == 3 and report.dry_run
    assert not list(tmp_path.iterdir())


def test_every_file_stands_in_the_checksums_with_its_sha256(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    lines = (tmp_path / "out/provenance/checksums.sha256").read_text().splitlines()
    stated = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    own = {"provenance/checksums.sha256", "provenance/checksums.xxh128"}
    found = {path: hashlib.sha256(data).hexdigest() for path, data in contents(tmp_path / "out").items()}
    assert stated == {path: digest for path, digest in found.items() if path not in own and "/units/" not in path}


def test_the_checksums_that_are_compared_faster_are_of_the_same_files_and_of_the_others(tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)  # units are taken over, with what was stated of them
    lines = (tmp_path / "out/provenance/checksums.xxh128").read_text().splitlines()
    stated = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    found = {path: xxhash.xxh3_128(data).hexdigest() for path, data in contents(tmp_path / "out").items()}
    del found["provenance/checksums.xxh128"]
    assert stated == {path: digest for path, digest in found.items() if "/units/" not in path}


def test_what_an_export_is_for_is_said_and_when(tmp_path: Path) -> None:
    trained = export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    source = songs()
    held_out = [dataclasses.replace(song, split="test") for song in source.songs.values()]
    report = export(TextTarget(), MadeSource(held_out), tmp_path / "held-out", OPTIONS)

    assert (trained.use, trained.command) == ("train from it", TextTarget().command(tmp_path / "out"))
    assert (report.use, report.command) == ("you cannot train from it yet: it holds no clip in train", "")
    assert "You cannot train from it yet: it holds no clip in train." in (tmp_path / "held-out/README.md").read_text()


def test_every_song_is_credited_on_one_line_whatever_its_title_holds(tmp_path: Path) -> None:
    source = songs()
    source.songs["song-00"] = dataclasses.replace(source.songs["song-00"], title="A\n- song-99: B", artist="\x1b[31mX")
    export(TextTarget(), source, tmp_path / "out", OPTIONS)
    lines = [line for line in (tmp_path / "out/ATTRIBUTION.md").read_text().splitlines() if line.startswith("- ")]
    assert lines[0] == "- song-00: A - song-99: B by [31mX, CC-BY-4.0: song-00 by Nobody"
    assert len(lines) == 3


@pytest.mark.parametrize("row", ["file", "clip"])
def test_a_unit_that_names_a_file_outside_the_export_is_made_again(row: str, tmp_path: Path) -> None:
    export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    whole = contents(tmp_path / "out")
    (tmp_path / "secret").write_text("not ours")
    unit = tmp_path / "out/provenance/units/song-00.jsonl"
    entry = {"path": "../secret", "sha256": hashlib.sha256(b"not ours").hexdigest(), "bytes": 8}
    rows = [json.loads(line) for line in unit.read_text().splitlines()]
    if row == "file":
        rows.append({"file": entry})
    else:
        next(each["clip"] for each in rows if "clip" in each)["files"] = {"audio": entry}
    unit.write_text("".join(json.dumps(each) + "\n" for each in rows))
    report = export(TextTarget(), songs(), tmp_path / "out", OPTIONS)
    assert report.units_written == 1 and contents(tmp_path / "out") == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret"]
