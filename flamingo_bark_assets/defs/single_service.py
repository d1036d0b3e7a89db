"""One service of the platform as a process of its own, for containers: a worker, the daemon or the webserver.

Which process each is and what it needs belong here; the platform as one command stands in `serving`.

All of them share DAGSTER_HOME and the data folder. The worker holds the definitions and executes the runs; the others
reach it by its address. Each process is replaced by Dagster's own, so that a container's signals reach that.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Literal, NoReturn

import yaml

from flamingo_bark_assets.defs.addresses import PLATFORM_LOCK, Address, locked, running_platform
from flamingo_bark_assets.defs.home import make_whole
from flamingo_bark_assets.defs.names import LOCATION
from flamingo_bark_assets.defs.serving import DEFINITIONS, ENVIRONMENT, SERVICES_LOCK, code_server, webserver
from flamingo_bark_assets.errors import HomeError

ServiceName = Literal["worker", "daemon", "webserver"]


def run_service(name: ServiceName, home: Path, address: Address, worker: Address) -> NoReturn:
    """Become a service of the platform.

    Args:
        name: which one.
        home: DAGSTER_HOME, which all services share.
        address: where the webserver listens; the first name under which it answers is that by which others reach it.
        worker: where the worker listens, and is reached.

    Raises:
        HomeError: the home cannot be used, or another platform is at work on it.
    """
    make_whole(home)
    if name == "worker":
        _become([*code_server(DEFINITIONS), "--host", worker.host, "--port", str(worker.port)])
    workspace = Path(tempfile.mkdtemp(prefix="flamingo-bark-"), "workspace.yaml")
    origin = {"grpc_server": {"host": worker.host, "port": worker.port, "location_name": LOCATION}}
    workspace.write_text(yaml.safe_dump({"load_from": [origin]}), encoding="utf-8")
    if name == "daemon":
        _hold(home, SERVICES_LOCK)  # two would launch everything twice
        _become(["dagster._daemon", "run", "--workspace", str(workspace)])
    _tell_address(home, address)
    _become(webserver(workspace, address))


def _tell_address(home: Path, address: Address) -> None:
    """Tell whoever shares the home where the webserver is, for as long as its process lives."""
    descriptor = _hold(home, PLATFORM_LOCK)
    os.pwrite(descriptor, f"{Address(next(iter(address.allowed), address.host), address.port).url:<200}".encode(), 0)


def _hold(home: Path, lock: str) -> int:
    """Hold a lock of a home for as long as this process lives, whatever it becomes.

    Raises:
        HomeError: another platform holds it.
    """
    descriptor = os.open(home / lock, os.O_RDWR | os.O_CREAT, 0o644)
    if not locked(descriptor, timeout_s=0.0):
        where = running_platform(home)
        raise HomeError(f"DAGSTER_HOME {home}: a platform on it runs already{f', on {where}' if where else ''}")
    os.set_inheritable(descriptor, True)
    return descriptor


def _become(module: list[str]) -> NoReturn:
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, "-m", *module])
