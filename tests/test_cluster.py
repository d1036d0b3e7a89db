"""Songs on a Ray of two nodes and a Postgres: every result is byte for byte that of one process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cluster import why_not
from tests.running import ROOT

pytestmark = pytest.mark.dagster


def test_results_of_a_cluster_are_byte_for_byte_those_of_one_process() -> None:
    if missing := why_not():
        pytest.skip(missing)
    asked = [sys.executable, "-m", "tests.cluster_demo", "--songs", "4", "--broken", "1", "--seconds", "3"]
    shown = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "all byte for byte those of one process" in shown.stdout
