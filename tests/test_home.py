"""DAGSTER_HOME: whole after any start, kill or race; one line where it cannot be used."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs.home import DATABASES, make_whole, open_instance
from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.errors import HomeError
from flamingo_bark_assets.library.layout import DataPaths
from tests.songs import write_song

pytestmark = pytest.mark.dagster

# Forks for each home, so that only the first start itself takes time, and kills it at the moment given.
KILL_FIRST_STARTS = """
import os, signal, sys, time
from pathlib import Path
import dagster as dg
from flamingo_bark_assets.defs.home import make_whole
def by_us(home):
    make_whole(home)
def by_dagster(home):
    home.mkdir(parents=True)
    dg.DagsterInstance.from_config(str(home))
start = {"us": by_us, "dagster": by_dagster}[sys.argv[1]]
for argument in sys.argv[2:]:
    home, _, moment = argument.partition("@")
    child = os.fork()
    if child == 0:
        start(Path(home))
        os._exit(0)
    time.sleep(float(moment))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
# Several processes find the pools without limits at the same moment, time and again.
SET_LIMITS_TOGETHER = """
import os, sys
from multiprocessing import get_context
from pathlib import Path
import dagster as dg
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.pools import set_limits
def work(home, together):
    os.environ["DAGSTER_HOME"] = home
    with open_instance(Path(home)) as instance:
        for _ in range(25):
            if together.wait() == 0:
                for pool in instance.event_log_storage.get_pool_limits():
                    instance.event_log_storage.delete_concurrency_limit(pool.name)
            together.wait()
            try:
                set_limits(instance)
            except Exception:
                together.abort()
                raise
if __name__ == "__main__":
    fork = get_context("fork")
    together = fork.Barrier(4)
    processes = [fork.Process(target=work, args=(sys.argv[1], together)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))
"""
IN_A_SMALL_DISK = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
can_mount = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0,
    reason="a disk of its own needs user namespaces",
)


def kill_first_starts(by: str, folder: Path, *, times: int, within_s: float) -> list[Path]:
    moments = random.Random(8)
    homes = [folder / f"{by}-{index}" for index in range(times)]
    arguments = [f"{home}@{moments.uniform(0.0, within_s):.3f}" for home in homes]
    subprocess.run([sys.executable, "-c", KILL_FIRST_STARTS, by, *arguments], check=True)
    return homes


def assert_usable(home: Path) -> None:
    """Open a home twice as the platform does, and see that Dagster finds nothing left to do."""
    for _ in range(2):
        with open_instance(home) as instance:
            instance.add_dynamic_partitions(SONGS, ["one"])
            assert instance.get_runs_count() == 0
            assert instance.get_dynamic_partitions(SONGS) == ["one"]
        assert marks(home / "history/runs.db") >= {"run_partitions", "run_start_end_overwritten"}
        assert marks(home / "history/runs/index.db") >= {"asset_key_table", "asset_key_index_columns"}
    assert not list(home.glob(".new-*"))


def marks(database: Path) -> set[str]:
    """Names of the data migrations that Dagster has marked as done."""
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM secondary_indexes")}


def with_a_run(home: Path) -> str:
    with open_instance(home) as instance:
        return instance.run_storage.add_run(dg.DagsterRun("job", run_id="11111111-aaaa-4aaa-8aaa-111111111111")).run_id


def alter(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from flamingo_bark_assets.cli import main; main()", *arguments]


def refused(shown: subprocess.CompletedProcess[str], reason: str) -> None:
    assert shown.returncode == 1
    assert "Traceback" not in shown.stdout + shown.stderr
    (line,) = [line for line in shown.stderr.splitlines() if line]
    assert line.startswith("Error: DAGSTER_HOME ")
    assert reason in line


def test_a_first_start_killed_at_any_moment_leaves_a_home_that_the_next_makes_whole(tmp_path: Path) -> None:
    for home in kill_first_starts("us", tmp_path, times=8, within_s=0.6):
        assert_usable(home)


def test_a_home_that_dagster_itself_left_unfinished_is_made_whole(tmp_path: Path) -> None:
    for home in kill_first_starts("dagster", tmp_path, times=8, within_s=0.6):
        assert_usable(home)


def test_first_starts_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from flamingo_bark_assets.defs.home import open_instance; "
    code += "open_instance(Path(sys.argv[1])).add_dynamic_partitions('songs', [sys.argv[2]])"
    starts = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home"), str(n)]) for n in range(4)]
    assert [start.wait() for start in starts] == [0, 0, 0, 0]
    with open_instance(tmp_path / "home") as instance:
        assert sorted(instance.get_dynamic_partitions(SONGS)) == ["0", "1", "2", "3"]


def test_pools_get_their_limit_once_by_processes_that_set_it_at_the_same_time(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
        subprocess.run([sys.executable, "-c", SET_LIMITS_TOGETHER, str(tmp_path)], check=True)
        assert {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()} == limits
        for pool, limit in limits.items():
            assert instance.event_log_storage.get_concurrency_info(pool).slot_count == limit


def test_more_than_one_head_is_healed_and_no_run_is_lost(tmp_path: Path) -> None:
    run_id = with_a_run(tmp_path)
    (tmp_path / ".whole").unlink()
    for name in DATABASES:
        alter(tmp_path / name, "INSERT INTO alembic_version VALUES ('5771160a95ad')")
    age(tmp_path)
    with open_instance(tmp_path) as instance:
        assert instance.has_run(run_id)
    assert list((tmp_path / "history").glob("runs.db.before-*"))


def test_missing_tables_beside_history_are_added_and_a_copy_is_kept(tmp_path: Path) -> None:
    run_id = with_a_run(tmp_path)
    (tmp_path / ".whole").unlink()
    alter(tmp_path / DATABASES[0], "DROP TABLE kvs", "DROP TABLE bulk_actions", "DELETE FROM alembic_version")
    age(tmp_path)
    with open_instance(tmp_path) as instance:
        assert instance.has_run(run_id)
        assert list(instance.get_backfills()) == []
    (copy,) = (tmp_path / "history").glob("runs.db.before-*")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_home_that_dagster_made_is_taken_as_it_is(tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run_id = instance.run_storage.add_run(dg.DagsterRun("job")).run_id
    before = {name: (tmp_path / name).stat().st_ino for name in DATABASES}
    with open_instance(tmp_path) as instance:
        assert instance.has_run(run_id)
    assert {name: (tmp_path / name).stat().st_ino for name in DATABASES} == before


def test_settings_are_written_once_and_then_the_users_own(tmp_path: Path) -> None:
    make_whole(tmp_path)
    settings = tmp_path / "dagster.yaml"
    assert "max_concurrent_runs: 2" in settings.read_text()
    settings.write_text("telemetry:\n  enabled: false\n")
    make_whole(tmp_path)
    assert settings.read_text() == "telemetry:\n  enabled: false\n"


@pytest.mark.parametrize("name", DATABASES)
def test_a_damaged_database_is_named_in_one_line(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = with_a_run(tmp_path / "home")
    data = DataPaths(tmp_path / "data")
    write_song(data.songs, "one", duration_s=5.5)
    whole = (tmp_path / "home" / name).read_bytes()
    (tmp_path / "home" / name).write_bytes(random.Random(8).randbytes(20_000))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    shown = CliRunner().invoke(main, ["--data", str(data.root), "run"])
    assert shown.exit_code == 1
    assert f"a database in it is damaged ({Path(name).name}: file is not a database)" in shown.output
    (tmp_path / "home" / name).write_bytes(whole)
    with open_instance(tmp_path / "home") as instance:
        assert instance.has_run(run_id)


@pytest.mark.parametrize("text", ["a: [b", "run_queue: 3"])
def test_settings_that_cannot_be_used_are_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "dagster.yaml").write_text(text)
    with pytest.raises(HomeError, match=r"dagster\.yaml cannot be used: [^\n]*$"):
        open_instance(tmp_path)


def test_a_file_for_a_home_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(HomeError, match="is no folder"):
        open_instance(tmp_path / "home")


@can_mount
@pytest.mark.parametrize("arguments", [["run"], ["ui", "--no-studio"]])
def test_a_read_only_home_is_told_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    make_whole(home)
    write_song(data / "songs", "one", duration_s=5.5)
    shown = subprocess.run(
        ["unshare", "-rm", "sh", "-c", READ_ONLY, "sh", str(home), *command("--data", str(data), *arguments)],
        check=False, capture_output=True, text=True, env={**os.environ, "DAGSTER_HOME": str(home)},
    )  # fmt: skip
    refused(shown, "cannot be written (Read-only file system)")


@can_mount
@pytest.mark.parametrize("size", ["100k", "450k"])  # too little for the databases, and for the events of a run
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, size: str) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    write_song(data / "songs", "one", duration_s=5.5)
    shown = subprocess.run(
        ["unshare", "-rm", "sh", "-c", IN_A_SMALL_DISK, "sh", size, str(home), *command("--data", str(data), "run")],
        check=False, capture_output=True, text=True, env={**os.environ, "DAGSTER_HOME": str(home)},
    )  # fmt: skip
    refused(shown, "no space left on its disk")


def age(home: Path) -> None:
    """Make the databases old enough to be nobody's present work."""
    long_ago = time.time() - 60
    for database in (home / name for name in DATABASES):
        os.utime(database, (long_ago, long_ago))
