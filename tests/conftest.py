"""Fixtures that several tests share: a data folder, a Dagster instance and a small disk of a test's own."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._config.field import Field
from dagster._config.pythonic_config import resource
from hypothesis import settings

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.files import changes, kept_rows
from flamingo_bark_assets.kernels import compiling_alone
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.tagging.tagger import Tagger
from tests.songs import write_song, write_unreadable_song
from tests.studio import RunningStudio, running_studio

# The same examples in every run: a fault that chance finds belongs to who looks for it, not to the next change.
# `pytest --hypothesis-profile=default --hypothesis-seed=N` looks.
settings.register_profile("suite", derandomize=True)
settings.load_profile("suite")

NO_WAITING = "[runs]\nsettle_s = 0\nfirst_pause_s = 0\n[tagging]\nenabled = false\n"


def pytest_configure() -> None:
    """Let workers and what they start waste no CPU, and a page take as long as a busy machine needs."""
    # Tests start hundreds of processes: each would compile the whole package again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Where there are more workers than CPUs, threads of linear algebra wait for each other at five times the CPU.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("dagster", "browser", "long"))))


@pytest.fixture
def kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what was seen of small libraries too, and take every time for long past."""
    monkeypatch.setattr(kept_rows, "LEAST_KEPT", 1)
    monkeypatch.setattr(changes, "CLOCK_STEP_NS", -(10**12))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let processes that tests start be interrupted, also where the suite runs in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> None:
    """Let Dagster read its migrations, and what the resource may be set to, once a process and not several times a run.

    It does both for each database and each step anew, which costs a twelfth of a run.
    """
    vars(resource)["infer_schema_from_config_class"] = _of_each_class(vars(resource)["infer_schema_from_config_class"])
    ScriptDirectory.from_config = functools.cache(ScriptDirectory.from_config)  # type: ignore[method-assign]


def _of_each_class(infer: Callable[..., Field]) -> Callable[..., Field]:
    """Infer what a class of resources may be set to once, where nothing is set yet."""

    @functools.cache
    def inferred(model: type[dg.Config], omitted: frozenset[str]) -> Field:
        return infer(model, fields_to_omit=set(omitted))

    def once(model: type[dg.Config], *, fields_to_omit: Collection[str] = (), **more: object) -> Field:
        return (
            infer(model, fields_to_omit=fields_to_omit, **more) if more else inferred(model, frozenset(fields_to_omit))
        )

    return once


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
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    """A data folder that the platform uses, with the songs of a test's mark `finished`."""
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    paths = DataPaths(tmp_path / "data")
    if finished := _finished(request):
        shutil.copytree(finished / "data", paths.root, symlinks=True)
    else:
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
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in a home of its own, in which the songs of a test's mark `finished` have run."""
    finished = _finished(request)
    shutil.copytree(finished / "home" if finished else new_home, tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance(tmp_path / "home") as opened:
        yield opened


def _finished(request: pytest.FixtureRequest) -> Path | None:
    mark = request.node.get_closest_marker("finished")
    if mark is None:
        return None
    folder: Path = request.getfixturevalue("finished_songs")(*mark.args, **mark.kwargs)
    return folder


@pytest.fixture(scope="session")
def finished_songs(new_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a folder with `data` and `home` after a run of songs: copying it is quicker than a run for each test.

    Songs are files that are no sound, unless they are asked to have sound; what was made is published if asked for.
    """

    @functools.cache
    def finished(songs: Sequence[str], *, sound: bool = False, published: bool = False) -> Path:
        from tests.platform_state import make, make_and_publish  # loads all definitions, which few tests need

        folder = tmp_path_factory.mktemp("finished")
        data, home = DataPaths(folder / "data"), folder / "home"
        data.root.mkdir()
        data.settings.write_text(NO_WAITING)
        for index, song_id in enumerate(songs):
            if sound:
                write_song(data.songs, song_id, seed=index)
            else:
                write_unreadable_song(data.songs, song_id, text=str(index))
        shutil.copytree(new_home, home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLAMINGO_BARK_DATA", str(data.root))
            patch.setenv("DAGSTER_HOME", str(home))
            with open_instance(home) as instance:
                assert (make_and_publish if published else make)(instance, *songs)
        return folder

    return finished


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


@pytest.fixture(scope="session")
def shared_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio as a process of its own, over a library that holds what earlier tests have put there."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "data").mkdir()
    with running_studio(folder / "home", folder / "data") as running:
        yield running
