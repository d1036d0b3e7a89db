"""A Postgres and a Ray of several nodes on this machine, started for a test or a demonstration and stopped again.

Starting and stopping them belongs here; what runs on them does not. Everything listens on loopback only: it is started
in a network namespace of its own (`enter_own_network`), in which there is nothing else.
"""

from __future__ import annotations

import fcntl
import grp
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil

from tests.running import free_port

_NEEDED = ("dagster_postgres", "psycopg2", "dagster_ray", "ray", "aiohttp")
_OWN_NETWORK = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-current-user", "--keep-caps", "--net")
_RAY_STORE_BYTES = 80_000_000  # the least is 78,643,200
_PATIENCE_S = 300.0
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def why_not() -> str | None:
    """Say what is missing on this machine for a cluster; None where nothing is."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        return f"not installed: {', '.join(missing)} (pip install '.[cluster]')"
    if postgres_programs() is None:
        return "there is no PostgreSQL server (Debian's postgresql)"
    try:
        subprocess.run([*_OWN_NETWORK, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"this system lets us make no network namespace: {error}"
    return None


def postgres_programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, also where Debian keeps it off the PATH."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *map(Path, filter(None, [shutil.which("initdb")]))]
    return found[0].resolve().parent if found else None


def enter_own_network(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become a process that runs a module of ours in a network namespace of its own, in which only loopback is."""
    os.execvp(_OWN_NETWORK[0], [*_OWN_NETWORK, sys.executable, "-m", module, *arguments])


def loopback_up() -> None:
    """Bring up the loopback of this network namespace: a new one is down.

    Raises:
        OSError: this process may not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Start a Postgres whose data is in a new folder, as a user without rights where this one is root; give its URL."""
    programs = postgres_programs()
    assert programs is not None
    as_user = _unprivileged()
    password, port = secrets.token_hex(16), free_port()
    folder.mkdir(mode=0o700)
    (folder / "password").write_text(password)
    if as_user:
        for path in (folder, folder / "password"):
            shutil.chown(path, as_user["user"], as_user["group"])
    log = folder / "log.txt"
    with log.open("wb") as out:
        made = [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username", "flamingo"]
        made += ["--auth", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-sync", "--encoding", "UTF8"]
        made += ["--locale", "C"]
        subprocess.run(made, check=True, stdout=out, stderr=out, cwd="/", **as_user)
        options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "fsync": "off"}
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(folder / "data"), *given]
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", **as_user)
    try:
        _wait(process, lambda: _listens(port), log)
        yield f"postgresql+psycopg2://flamingo:{password}@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        process.wait(_PATIENCE_S)


def _unprivileged() -> dict[str, Any]:
    """Return what makes a child process one of a user without rights: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    name = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    group = grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name
    return {"user": name, "group": group}


@contextmanager
def running_ray(folder: Path, environment: Mapping[str, str], *, nodes: int = 2) -> Iterator[dict[str, str]]:
    """Start a Ray of several nodes of one CPU each, with a token; give the environment of its clients.

    `environment` is that of the nodes, and with it of whatever runs on them.
    """
    ray = shutil.which("ray", path=str(Path(sys.executable).parent))
    assert ray is not None
    folder.mkdir()
    gcs, dashboard = free_port(), free_port()
    client = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}",
    }
    common = ["--block", "--num-cpus=1", "--num-gpus=0", "--disable-usage-stats"]
    common += [f"--object-store-memory={_RAY_STORE_BYTES}", "--node-ip-address=127.0.0.1"]
    head = ["--head", f"--port={gcs}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(nodes):
            is_head = number == 0
            where = [*head, f"--temp-dir={folder}"] if is_head else [f"--address=127.0.0.1:{gcs}"]
            log = folder / f"node-{number}.txt"
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [ray, "start", *where, *common], stdout=out, stderr=out, env={**environment, **client}
                )
            started.append(process)
            _wait(process, lambda: _living_nodes(client) >= len(started), log)
        yield client
    finally:
        for process in reversed(started):
            _end_tree(process)


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        tree = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        for left in psutil.wait_procs(tree, timeout=15)[1]:
            with suppress(psutil.NoSuchProcess):
                left.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()


def ask_ray(client: Mapping[str, str], path: str) -> Any:
    """Ask the dashboard of a Ray; None while it does not answer."""
    request = urllib.request.Request(
        f"{client['RAY_API_SERVER_ADDRESS']}{path}", headers={"Authorization": f"Bearer {client['RAY_AUTH_TOKEN']}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
    except (OSError, ValueError):
        return None


def _living_nodes(client: Mapping[str, str]) -> int:
    answer = ask_ray(client, "/nodes?view=summary")
    return sum(node["raylet"].get("state") == "ALIVE" for node in answer["data"]["summary"]) if answer else 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(process: subprocess.Popen[bytes], is_up: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_up():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
