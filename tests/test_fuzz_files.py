"""Sound files with broken headers and tags end in a value or in a named fault; the whole run is a benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.benchmarks.fuzz_files import MAX_BYTES, fuzz, make_originals

CASES, SEED = 60, 20


def test_changed_files_of_every_container_end_in_a_value_or_a_named_fault() -> None:
    ballast = np.ones(MAX_BYTES // 8)  # memory of ours is none of theirs
    outcomes = list(fuzz(CASES, SEED))
    assert ballast.nbytes >= max(outcome.peak_bytes for outcome in outcomes)
    assert [outcome for outcome in outcomes if outcome.failed] == []
    assert {outcome.ended for outcome in outcomes} >= {"value", "FB402"}


def test_the_files_that_are_changed_are_good_ones(tmp_path: Path) -> None:
    from flamingo_bark_assets.audio.decode import decode

    for name, data in make_originals(tmp_path).items():
        path = tmp_path / f"whole.{name.rpartition('.')[2]}"
        path.write_bytes(data)
        assert decode(path, max_duration_s=10.0).signal.n_samples > 0, name
