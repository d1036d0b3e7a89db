"""What a library costs as it grows: ticks, publication of all and of one song, commands, files and bytes.

    python -m tests.benchmarks.growth --songs 1000 10000 [--seconds 200] [--folder DIR] [--only NAME ...]

Each library is made by `made_library` and measured in processes of their own, whose CPU time and peak memory are told.
Of commands the whole process counts, with what it imports; of the rest what is done after the imports. With `--folder`
the library is kept there and used again; one folder holds songs of one length. Songs of 200 s take 0.3 CPU-s each to
make.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.library.layout import DataPaths

ROOT = Path(__file__).resolve().parents[2]
_CLI = (sys.executable, "-m", "flamingo_bark_assets")
_SHOWN = 50
_ADDED = "added-song"
Cost = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Library:
    """A library that is measured.

    Attributes:
        folder: holds all below.
        songs: number of its songs.
    """

    folder: Path
    songs: int

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / f"songs-{self.songs}"

    @property
    def templates(self) -> Path:
        """The measured songs that its songs are made from."""
        return self.folder / "templates"

    @property
    def paths(self) -> DataPaths:
        """The places in the data folder."""
        return DataPaths(self.data)


def main() -> None:
    """Make a library of each size and print what it costs, or do what a child of this process is to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, nargs="+", default=[1000])
    parser.add_argument("--seconds", type=float, default=200.0, help="length of the songs that the tables tell of")
    parser.add_argument("--folder", type=Path, help="keep the library there, or use the one that is there")
    parser.add_argument("--only", nargs="+", choices=[each.__name__.lstrip("_") for each in MEASURED])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes that make the library")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _CHILDREN[options.child[0]](Library(options.folder, options.songs[0]), *options.child[1:])
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for songs in options.songs:
            _measure(Library(folder.resolve(), songs), options.seconds, options.jobs, options.only)


def _measure(library: Library, seconds: float, jobs: int, only: Sequence[str] | None) -> None:
    print(f"\n{library.songs} songs of {seconds:g} s", flush=True)
    if not library.data.exists():
        began = time.perf_counter()
        _make(library, seconds, jobs)
        print(f"{'library made':56} {time.perf_counter() - began:8.1f} s in {jobs} processes", flush=True)
    for each in MEASURED:
        if not only or each.__name__.lstrip("_") in only:
            for told in each(library):
                print(told, flush=True)


def _make(library: Library, seconds: float, jobs: int) -> None:
    if not library.templates.exists():
        _run(library, "templates", str(seconds))
    commands = [_command(library, "make", str(first), str(jobs)) for first in range(jobs)]
    children = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    ended = [child.wait() for child in children]
    if any(ended):
        sys.exit("the library could not be made")


def _stored(library: Library) -> Iterator[str]:
    """Tell files and bytes of the feature store."""
    from tests.benchmarks.made_library import files_under

    found = list(files_under(library.paths.features))
    size, on_disk = sum(each.st_size for each in found), sum(each.st_blocks for each in found) * 512
    told = f"{len(found) / library.songs:.2f} files, {size / 1e3 / library.songs:.0f} kB"
    yield f"{'feature store, a song':56} {told} ({on_disk / 1e3 / library.songs:.0f} on the disk)"


def _published(library: Library) -> Iterator[str]:
    """Publish all songs, as if none were published yet; what is packed stays so."""
    from flamingo_bark_assets.splits.assignment import splits_path
    from flamingo_bark_assets.splits.known_matches import fingerprints_folder, matches_path
    from flamingo_bark_assets.storage.frames import frames_folder
    from flamingo_bark_assets.training.files import manifest_path

    paths, state = library.paths, library.paths.root / "state"
    splits = (splits_path(paths, by_artist=by_artist) for by_artist in (False, True))
    publications = (paths.warehouse, manifest_path(paths), *splits, matches_path(paths))
    for file in (*publications, state / "publication.json", state / "manifest.json"):
        file.unlink(missing_ok=True)
    for folder in (frames_folder(paths.warehouse), fingerprints_folder(paths)):
        shutil.rmtree(folder, ignore_errors=True)
    yield from _publications(library, "all songs")
    yield from _stored(library)


def _unchanged(library: Library) -> Iterator[str]:
    """Publish what has been published."""
    yield from _publications(library, "nothing changed")


def _changed(library: Library) -> Iterator[str]:
    """Publish one song that was made again."""
    _run(library, "change", str(time.time_ns() % 10**6))
    yield from _publications(library, "one changed song")


def _publications(library: Library, what: str) -> Iterator[str]:
    together = 0.0
    for asset in ("training_manifest", "training_splits", "feature_warehouse"):
        ((_, cpu_s), *_), peak_mb = _run(library, "publish", asset)
        together += cpu_s
        yield _line(f"{what}: {asset}", cpu_s, peak_mb)
    yield _line(f"{what}: all three", together)


def _sensors(library: Library) -> Iterator[str]:
    """Evaluate both sensors in one process: nothing has changed, then a song has."""
    costs, peak_mb = _run(library, "tick")
    for what, cpu_s in costs:
        yield _line(f"sensor: {what}", cpu_s)
    yield _line("sensors, all of it", sum(cpu_s for _, cpu_s in costs), peak_mb)


def _commands(library: Library) -> Iterator[str]:
    """Run commands as a user does."""
    yield _line("command --version", *_spent(library, "--version"))
    yield _line("command list --fit --limit 1, first of all", *_spent(library, "list", "--fit", "--limit", "1"))
    for asked in (["--limit", str(_SHOWN)], ["--unfit"], ["--search", "title 7", "--limit", "9", "--offset", "9"]):
        yield _line(f"command list {' '.join(asked)}", *_spent(library, "list", *asked))
    yield _line("command list", *_spent(library, "list"))
    with tempfile.TemporaryDirectory() as inbox:
        sound = Path(inbox, "added.wav")
        shutil.copy(next(library.templates.glob("songs/*/song.wav")), sound)
        yield _line("command add", *_spent(library, "add", str(sound), "--id", _ADDED))
    yield _line("command remove", *_spent(library, "remove", _ADDED))
    yield _line("command clean --dry-run", *_spent(library, "clean", "--dry-run"))


def _verified(library: Library) -> Iterator[str]:
    """Check the manifest against the files, all of which are read."""
    costs, peak_mb = _run(library, "verify")
    yield _line("verify", costs[0][1], peak_mb)


MEASURED: tuple[Callable[[Library], Iterator[str]], ...] = (
    _sensors, _commands, _stored, _published, _unchanged, _changed, _verified,
)  # fmt: skip


def _line(what: str, cpu_s: float, peak_mb: float | None = None) -> str:
    peak = "" if peak_mb is None else f"   peak {peak_mb:6.0f} MB"
    return f"{what:56} {cpu_s:8.3f} CPU-s{peak}"


def _command(library: Library, *child: str) -> list[str]:
    own = [sys.executable, "-m", "tests.benchmarks.growth", "--folder", str(library.folder)]
    return [*own, "--songs", str(library.songs), "--child", *child]


def _run(library: Library, *child: str) -> tuple[list[Cost], float]:
    """Do one thing in a process of its own; return its costs in CPU seconds, and its peak memory in MB."""
    done = subprocess.run(_command(library, *child), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(child)} failed: {done.stdout[-2000:]}")
    told: Any = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {"costs": [], "peak_mb": 0.0}
    return [(what, cpu_s) for what, cpu_s in told["costs"]], told["peak_mb"]


def _spent(library: Library, *arguments: str) -> tuple[float, float]:
    """Run a command and return the CPU seconds and peak memory in MB of its process."""
    asked = [*_CLI, "--data", str(library.data), *arguments]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(asked, cwd=ROOT, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(asked)} failed: {output.read().decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _templates(library: Library, seconds: str) -> None:
    from tests.benchmarks.made_library import measure_templates

    measure_templates(library.templates, float(seconds))


def _make_share(library: Library, first: str, step: str) -> None:
    from tests.benchmarks.made_library import make_songs

    make_songs(library.templates, library.data, range(int(first), library.songs, int(step)))


def _change(library: Library, version: str) -> None:
    from tests.benchmarks.made_library import make_songs

    make_songs(library.templates, library.data, [library.songs // 2], int(version))


def _publish(library: Library, asset: str) -> None:
    import dagster as dg

    from flamingo_bark_assets.defs import datasets
    from flamingo_bark_assets.defs.resources import Platform

    os.environ["FLAMINGO_BARK_DATA"] = str(library.data)
    body: Any = getattr(datasets, asset)
    platform = Platform()
    context = dg.build_asset_context()
    result: list[dg.MaterializeResult[Any]] = []
    checks: list[dg.AssetCheckResult] = []
    cost = _cpu_s(lambda: result.append(body(context, platform=platform)))
    if asset == "training_splits":
        check: Any = datasets.no_leak
        cost += _cpu_s(lambda: checks.append(check(platform=platform)))
    failed = [check.description for check in (*(result[0].check_results or ()), *checks) if not check.passed]
    if failed:
        sys.exit(f"{asset}: {str(failed)[:1000]}")
    _tell((asset, cost))


def _tick(library: Library) -> None:
    import dagster as dg

    from flamingo_bark_assets.definitions import defs
    from flamingo_bark_assets.defs import sensors
    from flamingo_bark_assets.defs.names import SONGS
    from flamingo_bark_assets.defs.resources import Platform
    from flamingo_bark_assets.library.layout import list_song_ids

    os.environ["FLAMINGO_BARK_DATA"] = str(library.data)
    repository = defs.get_repository_def()
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        instance.add_dynamic_partitions(SONGS, list_song_ids(library.paths))
        sensors._reports_asked[instance.root_directory] = None  # as if this home knew every song

        def evaluated(sensor: Any, when: str) -> Cost:
            began = time.process_time()
            with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
                sensor(context, platform=Platform())
            return f"{sensor.name}, {when}", time.process_time() - began

        whens = ("first of a process", "nothing changed", "nothing changed, again")
        costs = [evaluated(s, when) for when in whens for s in (sensors.song_library, sensors.publication)]
        info = library.paths.songs / list_song_ids(library.paths)[library.songs // 3] / "song.toml"
        before = info.read_text()
        info.write_text(f"# changed\n{before}")
        costs += [evaluated(sensors.song_library, when) for when in ("one changed", "the same, again")]
        info.write_text(before)
    _tell(*costs)


def _verify(library: Library) -> None:
    from flamingo_bark_assets.training.files import manifest_path
    from flamingo_bark_assets.training.manifest import verify_manifest

    problems: list[object] = []
    cost = _cpu_s(lambda: problems.extend(verify_manifest(manifest_path(library.paths), library.paths.root)))
    if problems:
        sys.exit(str(problems[:3]))
    _tell(("verify", cost))


_CHILDREN: dict[str, Callable[..., None]] = {
    "templates": _templates, "make": _make_share, "change": _change, "publish": _publish, "tick": _tick,
    "verify": _verify,
}  # fmt: skip


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _tell(*costs: Cost) -> None:
    # Not getrusage, whose peak is at least that of the process which started this one.
    peak_mb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"costs": costs, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
