"""A real studio on loopback as a process of its own, and clients of it.

Starting, asking and stopping belong here; what is asked stands in the tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.studio.access import Keys, read_keys
from tests.running import free_port

_STARTED = re.compile(r"Studio on (http://\S+?)/\?token=(\S+)")


@dataclass(frozen=True)
class RunningStudio:
    """A running studio.

    Attributes:
        url: where it is.
        token: of the link that it printed.
        home: DAGSTER_HOME.
        data: data folder.
        process: `flamingo-bark studio`.
    """

    url: str
    token: str
    home: Path
    data: Path
    process: subprocess.Popen[str]

    @property
    def keys(self) -> Keys:
        """What its tokens are signed with."""
        keys = read_keys(self.home)
        assert keys is not None
        return keys

    @property
    def link(self) -> str:
        """A fresh link that signs one browser in."""
        return f"{self.url}/?token={self.keys.new_link_token()}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask as a script does; return status and JSON, or text where it is none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Authorization": f"Bearer {self.keys.script_token}", **named}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(f"{self.url}{path}", data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, _read(response.read())
        except urllib.error.HTTPError as error:
            return error.code, _read(error.read())


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


@contextmanager
def running_studio(home: Path, data: Path, *options: str) -> Iterator[RunningStudio]:
    """Start a studio, wait until it listens, and stop it in the end."""
    command = [str(Path(sys.executable).parent / "flamingo-bark"), "studio", "--port", str(free_port()), *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DAGSTER_HOME": str(home), "FLAMINGO_BARK_DATA": str(data), "COLUMNS": "400"},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := _STARTED.search(line):
                yield RunningStudio(found[1], found[2], home, data, process)
                break
        else:
            raise AssertionError(f"the studio ended with {process.wait()}")
    finally:
        process.terminate()
        process.wait(20)
