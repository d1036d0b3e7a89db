"""The files of the image and of its services: what they name is there, and nothing is open that need not be.

`python -m tests.benchmarks.container` builds the image and runs it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs.addresses import Address, running_platform
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.single_service import run_service
from flamingo_bark_assets.errors import HomeError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of compose.yaml, with what holds where no variable is set."""
    text = re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda found: found[1] or "", (ROOT / "compose.yaml").read_text())
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert {port.partition(":")[0] for port in published} == {"127.0.0.1"}
    assert {port.rpartition(":")[2] for port in published} == {"3000", "8080"}  # not the worker's, nor the database's


def test_each_service_runs_a_command_that_there_is(services: dict[str, Any]) -> None:
    ours = {name: service["command"] for name, service in services.items() if "command" in service}
    assert ours.keys() == {"worker", "daemon", "webserver", "studio"}
    for program, *arguments in ours.values():
        assert program == "flamingo-bark"
        shown = CliRunner().invoke(main, [*arguments, "--help"])
        assert shown.exit_code == 0, shown.output


def test_the_services_share_the_data_and_the_records_and_have_no_privileges(services: dict[str, Any]) -> None:
    for name in ("worker", "daemon", "webserver", "studio"):
        assert services[name]["volumes"] == ["data:/data", "dagster:/dagster"]
        assert services[name]["cap_drop"] == ["ALL"]
    image = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER \d+:\d+$", image, re.MULTILINE)
    assert "DAGSTER_HOME=/dagster" in image
    assert "FLAMINGO_BARK_DATA=/data" in image


def test_what_the_image_is_made_of_is_sent_to_its_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == sent
    assert all((ROOT / name).exists() for name in sent)


def test_a_webserver_of_its_own_tells_its_name_to_whoever_shares_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def become(_: str, command: list[str]) -> None:
        started.append(command)
        raise SystemExit

    monkeypatch.setattr("os.execv", become)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")  # which is set, and so is taken back
    address = Address("0.0.0.0", 3000, ("webserver",))
    with pytest.raises(SystemExit):
        run_service("webserver", tmp_path, address, Address("worker", 4000))
    assert running_platform(tmp_path) == "http://webserver:3000"
    (command,) = started
    workspace = yaml.safe_load(Path(command[command.index("--workspace") + 1]).read_text())
    assert workspace["load_from"][0]["grpc_server"]["host"] == "worker"
    with open_instance(tmp_path) as instance:
        assert instance.get_runs() == []


def test_a_home_has_one_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def become(_: str, command: list[str]) -> None:
        raise SystemExit

    monkeypatch.setattr("os.execv", become)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")  # which is set, and so is taken back
    address, worker = Address("127.0.0.1", 3000), Address("worker", 4000)
    with pytest.raises(SystemExit):
        run_service("daemon", tmp_path, address, worker)
    with pytest.raises(HomeError, match="a platform on it runs already"):
        run_service("daemon", tmp_path, address, worker)
