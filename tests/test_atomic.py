"""Atomic writes: readers see the old file or the new one, and kills leave nothing that is not cleaned up."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flamingo_bark_assets.storage.atomic import (
    remove_leftovers,
    replacing,
    temporary_path,
    write_bytes,
    write_text,
)

TOKEN = "0123456789abcdef0123456789abcdef"


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_bytes_are_written_into_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert names(path.parent) == ["file.bin"]


def test_text_is_utf8_with_line_feeds(tmp_path: Path) -> None:
    write_text(tmp_path / "t.txt", "é\n音\n")
    assert (tmp_path / "t.txt").read_bytes() == b"\xc3\xa9\n\xe9\x9f\xb3\n"


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_text(path, "a long first text")
    write_text(path, "short")
    assert path.read_text() == "short"


def test_a_name_as_long_as_the_file_system_allows_works(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_text(path, "ok")
    assert path.read_text() == "ok"


def test_the_temporary_path_is_hidden_and_in_the_same_folder_with_the_pid(tmp_path: Path) -> None:
    with replacing(tmp_path / "f.parquet") as temporary:
        temporary.write_text("x")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert str(os.getpid()) in temporary.name
        assert not list(tmp_path.glob("*.parquet"))


def test_an_error_keeps_the_old_file_and_removes_the_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["f"]


def test_not_creating_the_temporary_file_is_an_error_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_a_file_that_the_disk_does_not_take_never_replaces_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write_text(path, "old")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["f"]


def test_text_that_is_not_unicode_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "f", "\ud800")
    assert names(tmp_path) == []


def test_a_symbolic_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "link").symlink_to(target)
    write_text(tmp_path / "link", "new")
    assert target.read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


def write_many(path: Path, letter: bytes) -> None:
    for _ in range(40):
        write_bytes(path, letter * 200_000)


def test_parallel_writers_never_show_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_bytes(path, b"a" * 200_000)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(path, letter)) for letter in (b"a", b"b")]
    threads = [threading.Thread(target=write_many, args=(path, letter)) for letter in (b"c", b"d")]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    while any(p.is_alive() for p in processes) or any(t.is_alive() for t in threads):
        data = path.read_bytes()
        assert len(data) == 200_000
        assert len(set(data)) == 1
    assert names(tmp_path) == ["f"]
    assert [process.exitcode for process in processes] == [0, 0]


def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from flamingo_bark_assets.storage.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as t:\n"
        "    t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "sub" / "f")], check=False)
    assert len(names(tmp_path / "sub")) == 1
    assert remove_leftovers(tmp_path) == 1
    assert names(tmp_path / "sub") == []


def test_leftover_folders_and_journals_are_removed(tmp_path: Path) -> None:
    pid = dead_pid()
    (tmp_path / f".tmp-{pid}-{TOKEN}.tmp" / "stems").mkdir(parents=True)
    (tmp_path / f".tmp-{pid}-{TOKEN}.tmp.wal").write_text("journal")
    assert remove_leftovers(tmp_path) == 2
    assert names(tmp_path) == []


def test_what_a_living_process_or_a_person_made_is_kept(tmp_path: Path) -> None:
    temporary_path(tmp_path).write_text("mine")
    (tmp_path / f".tmp-{os.getppid()}-{TOKEN}.tmp").write_text("of the parent process")
    for name in [
        "song.wav",
        ".hidden",
        ".tmp-notes",
        f".tmp-{dead_pid()}-short.tmp",
        f".tmp-9999999999-{TOKEN}",
    ]:
        (tmp_path / name).write_text("keep")
    before = names(tmp_path)
    assert remove_leftovers(tmp_path) == 0
    assert names(tmp_path) == before


def test_nothing_inside_the_folder_of_a_living_process_is_removed(tmp_path: Path) -> None:
    staging = temporary_path(tmp_path)
    staging.mkdir()
    (staging / f".tmp-{dead_pid()}-{TOKEN}.tmp").write_text("being copied")
    assert remove_leftovers(tmp_path) == 0


def test_links_are_not_followed_when_leftovers_are_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    leftover = f".tmp-{dead_pid()}-{TOKEN}.tmp"
    (outside / leftover).write_text("x")
    (outside / "precious").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / leftover).symlink_to(outside)
    assert remove_leftovers(inside) == 1
    assert names(inside) == ["link"]
    assert names(outside) == sorted([leftover, "precious"])


def test_only_the_folder_itself_is_cleaned_when_not_recursive(tmp_path: Path) -> None:
    leftover = f".tmp-{dead_pid()}-{TOKEN}.tmp"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / leftover).write_text("x")
    (tmp_path / leftover).write_text("x")
    assert remove_leftovers(tmp_path, recursive=False) == 1
    assert names(tmp_path / "sub") == [leftover]


def test_a_missing_folder_has_no_leftovers(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "none") == 0
