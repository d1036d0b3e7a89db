"""Faults planted into clean exports of every layout: which of them `verify` finds, and whether it says where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flamingo_bark_assets.verification.findings import Verification
from flamingo_bark_assets.verification.run import verify_export
from tests.verification_exports import linked_copy, make
from tests.verification_faults import Fault, faults

pytestmark = pytest.mark.long

FAULTS = faults()


class Exports:
    """Clean exports, each made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.outcomes: dict[str, tuple[bool, bool]] = {}

    def clean(self, target: str) -> Path:
        place = self._root / target
        return place if place.exists() else make(target, place)

    def verified(self, fault: Fault) -> tuple[Verification, tuple[str, int | None]]:
        """Plant a fault into a copy and verify that."""
        copy = linked_copy(self.clean(fault.target), self._root / "planted")
        try:
            place = fault.plant(copy)
            return verify_export(copy), place
        finally:
            shutil.rmtree(copy)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("verify"))


@pytest.mark.parametrize("target", sorted({fault.target for fault in FAULTS}))
def test_nothing_is_found_in_a_clean_export_or_in_a_copy_of_it(exports: Exports, target: str, tmp_path: Path) -> None:
    clean = exports.clean(target)
    assert verify_export(clean).findings == ()
    assert verify_export(linked_copy(clean, tmp_path / "copy")).findings == ()


@pytest.mark.parametrize("target", sorted({fault.target for fault in FAULTS}))
def test_nothing_is_found_in_a_clean_export_without_its_papers(exports: Exports, target: str, tmp_path: Path) -> None:
    copy = linked_copy(exports.clean(target), tmp_path / "copy")
    shutil.rmtree(copy / "provenance")

    assert verify_export(copy, as_target=target).findings == ()
    assert verify_export(copy).target == target


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_fault_is_found_with_its_file_and_row(exports: Exports, fault: Fault) -> None:
    verification, (file, row) = exports.verified(fault)

    named = [finding for finding in verification.findings if finding.rule == fault.rule]
    placed = [finding for finding in named if finding.file == file and (row is None or finding.row == row)]
    exports.outcomes[fault.id] = bool(named), bool(placed)
    assert placed, [(f.rule, f.file, f.row, f.message) for f in verification.findings]


def test_enough_faults_are_planted_and_found(exports: Exports) -> None:
    outcomes = exports.outcomes
    if len(outcomes) < len(FAULTS):
        pytest.skip("only some of the faults were planted in this process")
    found = sum(named for named, _ in outcomes.values())
    placed = sum(placed for _, placed in outcomes.values())

    assert len(FAULTS) >= 100
    assert found >= 0.95 * len(FAULTS)
    assert placed >= 0.90 * len(FAULTS)
