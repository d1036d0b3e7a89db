"""What `flamingo-bark doctor` looks at: interpreter, folders, disk, kernels, warehouse, port, models, separator.

One look at each part belongs here, none of which changes anything; showing it does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.space import LEAST_FREE_BYTES, free_bytes
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part.

    Attributes:
        part: its name.
        ok: whether nothing must be done.
        found: what there is, in a clause.
        to_do: what to do, or what may be done; None where nothing.
    """

    part: str
    ok: bool
    found: str
    to_do: str | None = None


def examine(paths: DataPaths, home: Path, port: int) -> Iterator[Finding]:
    """Look at each part in turn; a fault of one is its finding and hides no other."""
    settings = Settings()
    try:
        settings = load_settings(paths.settings)
        said = Finding("settings", True, f"{paths.settings}" if paths.settings.exists() else "defaults")
    except FlamingoBarkError as error:
        said = Finding("settings", False, str(error), "correct it; until then no song can be run")
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("settings", lambda: said),
        ("data folder", lambda: _writable("data folder", paths.root, "--data or FLAMINGO_BARK_DATA")),
        ("library", lambda: _library(paths)),
        ("DAGSTER_HOME", lambda: _home(home)),
        ("disk", lambda: _disk("disk", paths.root)),
        ("disk of DAGSTER_HOME", lambda: _disk("disk of DAGSTER_HOME", home)),
        ("compiled kernels", _kernels),
        ("warehouse", lambda: _warehouse(paths)),
        ("port", lambda: _port(home, port)),
        ("captioning models", lambda: _models(settings)),
        ("separator", lambda: _separator(settings)),
    ]
    for part, look in looks:
        try:
            yield look()
        except FlamingoBarkError as error:
            yield Finding(part, False, str(error), error.remedy)
        except OSError as error:
            yield Finding(part, False, str(error), "let this user read and write there")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", True, f"{version}, {sys.executable}")  # another one is refused before any command


def _writable(part: str, folder: Path, option: str) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return Finding(part, False, f"{there} is not a folder", f"move it away, or choose another with {option}")
    if not os.access(there, os.W_OK | os.X_OK) or _is_read_only(there):
        return Finding(
            part, False, f"{there} cannot be written", f"let this user write there, or choose another with {option}"
        )
    return Finding(part, True, str(folder) if there == folder else f"{folder}, which the first song makes")


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _library(paths: DataPaths) -> Finding:
    songs = list_song_ids(paths)
    if not songs:
        return Finding("library", True, f"{paths.songs} holds no song", "`flamingo-bark add` imports songs")
    unwritable = [song_id for song_id in songs if not os.access(paths.songs / song_id, os.R_OK | os.X_OK)]
    if unwritable:
        return Finding(
            "library", False, f"{len(unwritable)} of {len(songs)} songs cannot be read, such as {unwritable[0]}",
            "let this user read them",
        )  # fmt: skip
    return Finding("library", True, f"{paths.songs}: {len(songs)} songs")


def _home(home: Path) -> Finding:
    set_by = "DAGSTER_HOME" if os.environ.get("DAGSTER_HOME") else "the current folder; DAGSTER_HOME would name it"
    from flamingo_bark_assets.defs.home import check_settings

    found = _writable("DAGSTER_HOME", home, "DAGSTER_HOME")
    if found.ok:
        check_settings(home)
    return Finding(found.part, found.ok, f"{found.found}, by {set_by}", found.to_do) if found.ok else found


def _disk(part: str, folder: Path) -> Finding:
    free, there = free_bytes(folder)
    told = f"{free / 1e9:.1f} GB free at {there}"
    if free < LEAST_FREE_BYTES:
        return Finding(
            part, False, told, "free some space; `flamingo-bark clean --dry-run` and `purge` show what can go"
        )
    return Finding(part, True, told)


def _kernels() -> Finding:
    from flamingo_bark_assets.kernels import cache_folder

    folder = cache_folder()
    if folder is None:
        return Finding(
            "compiled kernels", False, "numba may write its cache nowhere", "set NUMBA_CACHE_DIR to a folder of yours"
        )
    count = sum(1 for _ in folder.rglob("*.nbi"))
    note = None if count else "the first song waits while they are compiled; `flamingo-bark warm-up` does it now"
    return Finding("compiled kernels", True, f"{count} kept in {folder}", note)


def _warehouse(paths: DataPaths) -> Finding:
    from flamingo_bark_assets.storage.warehouse import query

    if not paths.warehouse.exists():
        return Finding("warehouse", True, "none yet", "`flamingo-bark run` publishes it")
    ((songs,),) = query(paths.warehouse, "SELECT count(*) FROM song_metadata").rows
    return Finding("warehouse", True, f"{paths.warehouse}: {songs} songs")


def _port(home: Path, port: int) -> Finding:
    from flamingo_bark_assets.defs.addresses import Address, check_free, running_platform

    if url := running_platform(home):
        return Finding("port", True, f"the platform runs, on {url}")
    check_free(Address("127.0.0.1", port))
    return Finding("port", True, f"{port} is free for `flamingo-bark ui`")


def _models(settings: Settings) -> Finding:
    from flamingo_bark_assets.inference.availability import ready_models
    from flamingo_bark_assets.inference_settings import SERVER_PREFIX

    here = ready_models(settings.inference)
    if here:
        asked = " (it is asked when a song runs)" if here[0].startswith(SERVER_PREFIX) else ""
        return Finding("captioning models", True, f"{here[0]}{asked}")
    # A fallback that is named as one: no fault, but what a person may want to know.
    return Finding(
        "captioning models", True, "none here: captions are written from measurements, and say so",
        "`flamingo-bark models list` shows what can be fetched",
    )  # fmt: skip


def _separator(settings: Settings) -> Finding:
    from flamingo_bark_assets.separation.making import found_program

    separation = settings.separation
    if not separation.enabled:
        return Finding("separator", True, "off: songs without stems are used as a whole")
    program = found_program(separation)
    if program is None:
        return Finding(
            "separator", False, f"the program {separation.template[0]!r} is not there",
            "install it in an environment of its own, and name it in [separation] of settings.toml",
        )  # fmt: skip
    return Finding("separator", True, f"{separation.separator}: {program}")
