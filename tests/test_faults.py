"""A backfill of songs most of which are broken, under kills of a run worker and the daemon: every song ends right."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.benchmarks.faults_at_scale import go_through, make_songs, wrong_endings

pytestmark = pytest.mark.dagster


def test_every_song_of_a_backfill_ends_right_by_itself_though_a_run_worker_and_the_daemon_are_killed(
    tmp_path: Path,
) -> None:
    no_tags = "[tagging]\nenabled = false\n"  # importing torch takes each run 2 s
    songs = make_songs(tmp_path / "data", 12, raising=("vocal_features",), max_attempts=2, more_settings=no_tags)
    figures = go_through(tmp_path / "home", songs, ["worker", "daemon"], random.Random(0))
    assert figures.killed == {"worker": 1, "daemon": 1}
    assert wrong_endings(songs, tmp_path / "home") == {}
