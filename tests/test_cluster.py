"""Songs on a Ray of two nodes and a Postgres: every result is byte for byte that of one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.errors import HomeError
from tests.cluster import why_not
from tests.running import ROOT, free_port

pytestmark = pytest.mark.dagster


def test_a_postgres_that_does_not_answer_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_postgres", reason="not installed: dagster-postgres")
    monkeypatch.setenv("FLAMINGO_BARK_PROFILE", "postgres")
    monkeypatch.setenv("FLAMINGO_BARK_POSTGRES_URL", f"postgresql+psycopg2://me:secret@127.0.0.1:{free_port()}/songs")
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _: None)
    with pytest.raises(HomeError, match=r"does not answer: connection to server .* refused$") as caught:
        open_instance(tmp_path)
    assert "secret" not in str(caught.value)


def test_results_of_a_cluster_are_byte_for_byte_those_of_one_process() -> None:
    if missing := why_not():
        pytest.skip(missing)
    asked = [sys.executable, "-m", "tests.cluster_demo", "--songs", "4", "--broken", "1", "--seconds", "3"]
    shown = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "all byte for byte those of one process" in shown.stdout
