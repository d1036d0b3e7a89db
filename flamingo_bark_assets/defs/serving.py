"""The platform as one command: code server, daemon, webserver and studio, started, watched and stopped together.

Which processes there are and how they live and die belong here; what each serves does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import dagster as dg
import yaml
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient

from flamingo_bark_assets.defs.addresses import PLATFORM_LOCK, Address, check_free, locked
from flamingo_bark_assets.defs.home import open_instance, plain_faults
from flamingo_bark_assets.defs.names import LOCATION
from flamingo_bark_assets.errors import HomeError, ServingError

DEFINITIONS = "flamingo_bark_assets.definitions"
_TIME_TO_START_S = 180.0
_TIME_TO_STOP_S = 20.0
_LOOK_S = 0.5
_CODE_SERVER = "code server"
SERVICES_LOCK = ".services.lock"
"""The file in a home that the processes of its platform hold, so that no other has a daemon there meanwhile."""
# Of a run over many songs, Dagster plans every asset of each: so many of these events are one transaction.
ENVIRONMENT = {"DAGSTER_EVENT_BATCH_SIZE": "500"}

_Running = dict[str, subprocess.Popen[bytes]]


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the platform.

    Attributes:
        name: what messages call it.
        module: the Python module that it runs, with the arguments after it.
        is_up: tells when the next service may start.
    """

    name: str
    module: Sequence[str]
    is_up: Callable[[], bool] = lambda: True


def serve(
    home: Path,
    address: Address,
    *,
    studio: Address | None = None,
    module: str = DEFINITIONS,
    tell: Callable[[str], None] = print,
) -> None:
    """Run the platform until it is interrupted or one of its processes ends.

    The home is made whole first, and runs that an earlier platform left behind are ended.

    Args:
        home: DAGSTER_HOME.
        address: where the Dagster UI is served.
        studio: where the studio is served; None where it is not.
        module: of the code location.
        tell: is told where to find it, and what happens.

    Raises:
        HomeError: the home cannot be used, or another platform is at work on it.
        ServingError: the address cannot be had, or a process did not start or ended by itself.
    """
    check_free(address)
    if studio is not None:
        check_free(studio, option="--studio-port")
    with _interrupted_by_termination(), ExitStack() as stack:
        inherited = stack.enter_context(_alone_on(home, address))
        instance = stack.enter_context(open_instance(home))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flamingo-bark-")))
        running: _Running = {}
        try:
            for service in _services(folder, address, studio, module):
                running[service.name] = _start(service, inherited)
                _wait_until_up(service, running)
            tell(f"Dagster UI on {address.url} (Ctrl-C stops it)")
            _watch(running)
        except KeyboardInterrupt:
            tell("stopping; once more stops at once")
        finally:
            _stop(running, instance)


def _services(folder: Path, address: Address, studio: Address | None, module: str) -> Iterator[Service]:
    code_socket, workspace = folder / "code.sock", folder / "workspace.yaml"
    origin = {"grpc_server": {"host": "localhost", "socket": str(code_socket), "location_name": LOCATION}}
    workspace.write_text(yaml.safe_dump({"load_from": [origin]}))
    yield Service(_CODE_SERVER, [*code_server(module), "--socket", str(code_socket)], lambda: _answers(code_socket))
    yield Service("daemon", ["dagster._daemon", "run", "--workspace", str(workspace)])
    yield Service("webserver", webserver(workspace, address), lambda: _serves(f"{address.url}/server_info"))
    if studio is not None:
        page = f"{studio.url}/static/studio.css"
        yield Service("studio", ["flamingo_bark_assets.studio", *_options(studio)], lambda: _serves(page))


def code_server(module: str) -> list[str]:
    """Return the module, with its arguments, that serves definitions and executes runs, but for where it listens."""
    # Not `code-server start`: that one lives on, and serves nothing, when the server behind it has died.
    server = ["dagster", "api", "grpc", "--module-name", module, "--location-name", LOCATION]
    return [*server, "--log-level", "warning"]


def webserver(workspace: Path, address: Address) -> list[str]:
    """Return the module, with its arguments, that serves the Dagster UI."""
    return ["flamingo_bark_assets.defs.webserver", "--workspace", str(workspace), *_options(address)]


def _options(address: Address) -> list[str]:
    names = [option for name in address.allowed for option in ("--allow-host", name)]
    return ["--host", address.host, "--port", str(address.port), *names]


def _start(service: Service, inherited: int) -> subprocess.Popen[bytes]:
    """Start a service in a session of its own, so that Ctrl-C is ours to pass on, and it ends when we are gone."""
    return subprocess.Popen(
        [sys.executable, "-m", "flamingo_bark_assets.defs.attended", *service.module],
        stdin=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        pass_fds=[inherited],
        start_new_session=True,
    )


def _wait_until_up(service: Service, running: _Running) -> None:
    """Wait until a service is up.

    Raises:
        ServingError: it is not in time, or a service ended meanwhile.
    """
    deadline = time.monotonic() + _TIME_TO_START_S
    while not service.is_up():
        _check_alive(running)
        if time.monotonic() > deadline:
            raise ServingError(f"the {service.name} did not start within {_TIME_TO_START_S:.0f} s; see above")
        time.sleep(_LOOK_S)


def _watch(running: _Running) -> NoReturn:
    """Watch until a service ends.

    Raises:
        ServingError: a service ended; names it.
    """
    while True:
        _check_alive(running)
        time.sleep(_LOOK_S)


def _check_alive(running: _Running) -> None:
    for name, process in running.items():
        if process.poll() is not None:
            raise ServingError(f"the {name} ended by itself ({_ending(process.returncode)}); see above")


def _stop(running: _Running, instance: dg.DagsterInstance) -> None:
    """Stop what was started, the newest first: no run is launched, those under way are cancelled, then their server."""
    try:
        for name, process in reversed(running.items()):
            if name == _CODE_SERVER and process.poll() is None:
                _cancel_runs(instance)
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TIME_TO_STOP_S)
    except KeyboardInterrupt:
        pass  # asked for once more
    finally:
        for process in running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _cancel_runs(instance: dg.DagsterInstance) -> None:
    """Cancel the runs under way here, and wait a while until they are; a later start ends those that did not listen."""
    under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    cancelled = [run.run_id for run in instance.get_runs(under_way) if GRPC_INFO_TAG in run.tags]
    if not cancelled:
        return
    for run_id in cancelled:
        with suppress(Exception):  # it may end meanwhile, and its server may be gone
            instance.run_launcher.terminate(run_id)
    deadline = time.monotonic() + _TIME_TO_STOP_S
    while time.monotonic() < deadline and any(map(_is_under_way, instance.get_runs(dg.RunsFilter(run_ids=cancelled)))):
        time.sleep(_LOOK_S)


def _is_under_way(run: dg.DagsterRun) -> bool:
    return not run.is_finished


@contextmanager
def _alone_on(home: Path, address: Address) -> Iterator[int]:
    """Hold a home as its only platform: two daemons would launch everything twice.

    Yields:
        A file descriptor for the services to inherit: the next platform waits until the last of them has let go of it.

    Raises:
        HomeError: another platform is at work on the home.
    """
    with plain_faults(home):
        home.mkdir(parents=True, exist_ok=True)
        mine = os.open(home / PLATFORM_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    services = os.open(home / SERVICES_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not locked(mine, timeout_s=0.0):
            url = os.pread(mine, 200, 0).decode().strip()
            raise HomeError(f"DAGSTER_HOME {home}: the platform on it runs already, on {url}")
        os.pwrite(mine, f"{address.url:<200}".encode(), 0)
        if not locked(services, timeout_s=2 * _TIME_TO_STOP_S):
            raise HomeError(f"DAGSTER_HOME {home}: processes of a platform that was killed are still at work on it")
        yield services
    finally:
        os.close(services)
        os.close(mine)


@contextmanager
def _interrupted_by_termination() -> Iterator[None]:
    """Take SIGTERM, and the end of the terminal unless under `nohup`, for Ctrl-C."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in previous.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _answers(code_socket: Path) -> bool:
    try:
        DagsterGrpcClient(socket=str(code_socket)).ping("up?")
    except Exception:  # whatever it is: it is not up
        return False
    return True


def _serves(url: str) -> bool:
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=5):
            return True
    except OSError:
        return False


def _ending(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
