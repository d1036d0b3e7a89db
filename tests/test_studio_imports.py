"""What the studio's server loads: memory that only the pipeline needs is not its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.studio_library import Library, disputed, new_library

ASKED = (
    "/", "/api/library", "/add", "/songs/one", "/api/songs/one", "/api/songs/one/sound", "/conflicts", "/api/conflicts",
    "/runs", "/api/runs/grid", "/datasets", "/api/exports", "/api/history", "/health",
)  # fmt: skip
SAID = "A slow waltz in A minor from A2 to E4."
ASK_ALL = """
import asyncio, json, sys
from pathlib import Path
from starlette.applications import Starlette
from starlette.testclient import TestClient
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.app import PAGES
from flamingo_bark_assets.studio.context import Studio

studio = Studio(DataPaths(Path(sys.argv[1])), Path(sys.argv[2]))
app = Starlette(routes=[route for page in PAGES for route in page(studio)])
client = TestClient(app)
answers = {path: client.get(path).status_code for path in sys.argv[3:]}
answers["/api/edits"] = client.post("/api/edits", json={"songs": {"one": {"licence": "MIT"}}}).status_code

async def listen():  # until the first words are there
    heard = asyncio.Event()

    async def receive():
        await heard.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        answers.setdefault("/events", message.get("status"))
        if message.get("body"):
            heard.set()

    asked = {"type": "http", "method": "GET", "path": "/events", "query_string": b"", "headers": []}
    await asyncio.wait_for(app(asked, receive, send), 60)

asyncio.run(listen())
heavy = sorted(sys.modules.keys() & {"dagster", "librosa", "numba", "scipy.signal", "torch", "transformers"})
print(json.dumps([answers, heavy]))
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = new_library(tmp_path / "library")
    made.add("one")
    made.say("one", SAID, disputed(SAID, "A minor", "key", "A minor", "G# minor", 0.5))
    made.publish()
    return made


def test_no_page_loads_dagster_or_what_measures_and_listens(library: Library, new_home: Path) -> None:
    asking = [sys.executable, "-c", ASK_ALL, str(library.paths.root), str(new_home), *ASKED]
    answers, heavy = json.loads(subprocess.run(asking, check=True, capture_output=True, text=True).stdout)
    assert answers == dict.fromkeys((*ASKED, "/api/edits", "/events"), 200)
    assert heavy == []
