"""Atomic writes: readers see the old file or the new one, and kills leave nothing that is not cleaned up."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flamingo_bark_assets.errors import WriteError
from flamingo_bark_assets.files.atomic import (
    FOREIGN_LEFTOVER_AGE_S,
    remove_leftovers,
    replacing,
    temporary_path,
    write_bytes,
    write_text,
)

WRITE_AND_HALT = """
import sys; from pathlib import Path
from flamingo_bark_assets.files.atomic import temporary_path
temporary = temporary_path(Path(sys.argv[1]))
temporary.write_text("half")
print(temporary.name, flush=True)
sys.stdin.readline()
"""


@functools.cache
def dead_name() -> str:
    """A temporary name of a process that has ended."""
    script = (
        "from pathlib import Path; from flamingo_bark_assets.files.atomic import temporary_path\n"
        "print(temporary_path(Path('.')))"
    )
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def living_writer(folder: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has begun a temporary file in `folder` and goes on living."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", WRITE_AND_HALT, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(".tmp-")
        yield process
    finally:
        process.kill()
        process.communicate()


def make_old(path: Path) -> None:
    changed_s = time.time() - FOREIGN_LEFTOVER_AGE_S - 60
    for each in (path, *path.rglob("*")):
        os.utime(each, (changed_s, changed_s), follow_symlinks=False)


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
    with pytest.raises(WriteError, match="cannot be written: No such file"), replacing(path):
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
    with pytest.raises(WriteError, match="f: cannot be written: Input/output error; try again"):
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
        "from flamingo_bark_assets.files.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as t:\n"
        "    t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "sub" / "f")], check=False)
    assert len(names(tmp_path / "sub")) == 1
    assert remove_leftovers(tmp_path) == 1
    assert names(tmp_path / "sub") == []


def test_leftover_folders_and_journals_are_removed(tmp_path: Path) -> None:
    (tmp_path / dead_name() / "stems").mkdir(parents=True)
    (tmp_path / f"{dead_name()}.wal").write_text("journal")
    assert remove_leftovers(tmp_path) == 2
    assert names(tmp_path) == []


def test_what_a_living_process_or_a_person_made_is_kept(tmp_path: Path) -> None:
    temporary_path(tmp_path).write_text("mine")
    for name in ["song.wav", ".hidden", ".tmp-notes", f"x{dead_name()}", dead_name().removesuffix(".tmp") + "0"]:
        (tmp_path / name).write_text("keep")
    with living_writer(tmp_path):
        before = names(tmp_path)
        assert len(before) == 7
        assert remove_leftovers(tmp_path) == 0
        assert names(tmp_path) == before


def test_the_file_of_a_killed_writer_goes_though_nobody_has_waited_for_its_process(tmp_path: Path) -> None:
    with living_writer(tmp_path) as writer:
        writer.kill()
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
        assert remove_leftovers(tmp_path) == 1


def test_a_process_with_the_number_of_one_that_has_ended_keeps_nothing_alive(tmp_path: Path) -> None:
    place, _, started, token = dead_name().removeprefix(".tmp-").split("-")
    (tmp_path / f".tmp-{place}-{os.getpid()}-{int(started) - 1}-{token}").write_text("of an earlier process")
    assert remove_leftovers(tmp_path) == 1


def test_the_file_of_a_writer_in_another_container_is_kept_until_it_is_old(tmp_path: Path) -> None:
    unshare = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system lets us make no PID namespace: {error}")
    with living_writer(tmp_path, *unshare):
        (name,) = names(tmp_path)
        assert remove_leftovers(tmp_path) == 0
    # Its end cannot be seen from here either.
    assert remove_leftovers(tmp_path) == 0
    make_old(tmp_path / name)
    assert remove_leftovers(tmp_path) == 1


def test_the_file_of_a_writer_on_another_host_or_boot_is_kept_until_it_is_old(tmp_path: Path) -> None:
    place = dead_name().split("-")[1]
    foreign = tmp_path / dead_name().replace(place, "f" * len(place))
    foreign.mkdir()
    (foreign / "song.wav").write_text("being copied")
    assert remove_leftovers(tmp_path) == 0
    make_old(foreign)
    (foreign / "song.wav").write_text("still being copied")
    assert remove_leftovers(tmp_path) == 0
    make_old(foreign)
    assert remove_leftovers(tmp_path) == 1


def test_nothing_inside_the_folder_of_a_living_process_is_removed(tmp_path: Path) -> None:
    staging = temporary_path(tmp_path)
    staging.mkdir()
    (staging / dead_name()).write_text("being copied")
    assert remove_leftovers(tmp_path) == 0


def test_links_are_not_followed_when_leftovers_are_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / dead_name()).write_text("x")
    (outside / "precious").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / dead_name()).symlink_to(outside)
    assert remove_leftovers(inside) == 1
    assert names(inside) == ["link"]
    assert names(outside) == sorted([dead_name(), "precious"])


def test_only_the_folder_itself_is_cleaned_when_not_recursive(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / dead_name()).write_text("x")
    (tmp_path / dead_name()).write_text("x")
    assert remove_leftovers(tmp_path, recursive=False) == 1
    assert names(tmp_path / "sub") == [dead_name()]


def test_a_missing_folder_has_no_leftovers(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "none") == 0


# Disks that take no more


def test_a_full_disk_is_told_as_such_and_keeps_the_old_file(small_disk: Path) -> None:
    path = small_disk / "f"
    write_text(path, "old")
    with pytest.raises(WriteError) as caught:
        write_bytes(path, bytes(4_000_000))
    assert str(caught.value) == f"{path}: cannot be written: No space left on device; free some space and try again"
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert names(small_disk) == ["f"]


def test_a_full_disk_is_told_as_such_where_a_library_writes_the_file(small_disk: Path) -> None:
    frame = pl.DataFrame({"noise": np.random.default_rng(0).random(500_000)})
    with (
        pytest.raises(WriteError, match=r"f\.parquet: cannot be written: No space left on device"),
        replacing(small_disk / "f.parquet") as temporary,
    ):
        frame.write_parquet(temporary)
    assert names(small_disk) == []


def test_a_read_only_disk_is_told_as_such_with_the_file(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for path in (small_disk / "f", small_disk / "new" / "f"):
        with pytest.raises(WriteError, match="f: cannot be written: Read-only file system; let this user write there"):
            write_text(path, "x")


def test_a_file_that_the_system_allows_no_larger_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "f"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    script = (
        "import sys; from pathlib import Path\n"
        "from flamingo_bark_assets.errors import WriteError\n"
        "from flamingo_bark_assets.files.atomic import write_bytes\n"
        "try: write_bytes(Path(sys.argv[1]), bytes(2000))\n"
        "except WriteError as error: print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)], preexec_fn=limit, check=True, capture_output=True, text=True
    )
    assert ended.stdout == f"{path}: cannot be written: File too large; try again\n"
    assert names(tmp_path) == []


def test_a_folder_that_a_file_stands_in_the_way_of_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file")
    with pytest.raises(WriteError, match=r"one\.parquet: cannot be written: "):
        write_text(tmp_path / "features" / "raw_song" / "one.parquet", "x")


def test_another_files_fault_is_not_told_as_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"), replacing(tmp_path / "f"):
        (tmp_path / "source").read_bytes()
    assert names(tmp_path) == []
