"""Fixtures that several tests share: a data folder, a Dagster instance and a small disk of a test's own."""

from __future__ import annotations

import functools
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from hypothesis import settings
from sqlalchemy import Engine, NullPool, Pool

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.kernels import compiling_alone
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.tagging.tagger import Tagger

# The same examples in every run: a fault that chance finds belongs to who looks for it, not to the next change.
# `pytest --hypothesis-profile=default --hypothesis-seed=N` looks.
settings.register_profile("suite", derandomize=True)
settings.load_profile("suite")

NO_WAITING = "[runs]\nsettle_s = 0\nfirst_pause_s = 0\n[tagging]\nenabled = false\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long and waits for processes, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not (item.get_closest_marker("dagster") or item.get_closest_marker("browser")))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let processes that tests start be interrupted, also where the suite runs in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _engines_are_kept() -> None:
    """Let Dagster's SQLite storages keep their engines, and with them the compiled statements, in a test's process.

    They make one at each connection, which costs a fifth of a run; connections are made anew either way (NullPool),
    but for homes of the fixture `instance`.
    """

    @functools.lru_cache(maxsize=256)
    def kept(url: str, arguments: tuple[tuple[str, int], ...]) -> Engine:
        return sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=dict(arguments))

    def create_engine(url: str, *, poolclass: type[Pool], connect_args: Mapping[str, int] | None = None) -> Engine:
        assert poolclass is NullPool
        for home, engines in _CONNECTED.items():
            if f"{home}/" in url:
                return _connected(engines, url, connect_args or {})
        return kept(url, tuple((connect_args or {}).items()))

    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        vars(module)["create_engine"] = create_engine


_CONNECTED: dict[Path, dict[str, Engine]] = {}
"""Homes to whose databases connections are kept, with the engines that keep them."""


def _connected(engines: dict[str, Engine], url: str, arguments: Mapping[str, int]) -> Engine:
    """Give the engine of a database, which keeps its connections also when Dagster has done with it."""
    if url not in engines:
        engine = sqlalchemy.create_engine(url, connect_args=dict(arguments))
        engine.dispose = lambda close=True: None  # type: ignore[method-assign]
        engines[url] = engine
    return engines[url]


@contextmanager
def connections_kept(home: Path) -> Iterator[None]:
    """Keep the connections to the databases of a home, whose making is half of a run, within a `with` block."""
    engines = _CONNECTED[home] = {}
    try:
        yield
    finally:
        del _CONNECTED[home]
        for engine in engines.values():
            Engine.dispose(engine)


_TAG = Tagger.tag


@pytest.fixture(scope="session", autouse=True)
def _no_tags() -> Iterator[None]:
    """Let the tagger find nothing, unless a test asks for `networks_run`: importing torch costs a process 2 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tagger, "tag", lambda self, sound, kinds, windows: ())
        yield


@pytest.fixture
def networks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tagger run its networks."""
    monkeypatch.setattr(Tagger, "tag", _TAG)


@pytest.fixture
def peer() -> Iterator[None]:
    """For tests that call librosa: no other process compiles meanwhile, see `kernels.librosa_module`."""
    with compiling_alone():
        yield


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    """A data folder that the platform uses."""
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    paths = DataPaths(tmp_path / "data")
    paths.root.mkdir()
    paths.settings.write_text(NO_WAITING)
    return paths


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster home in which nothing has run yet: copying it is quicker than making one for each test."""
    home = tmp_path_factory.mktemp("new") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        open_instance(home).dispose()
    return home


@pytest.fixture
def instance(tmp_path: Path, new_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in a home of its own."""
    shutil.copytree(new_home, tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with connections_kept(tmp_path / "home"), open_instance(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "small_disk", str(disk)]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system lets us mount nothing: {error}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
