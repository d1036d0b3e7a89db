"""One verification from beginning to end: which layout it is, its papers, and the rules of its trainer.

The course of a verification belongs here; rules stand in the modules of layouts and in those that they share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.findings import Findings, Verification
from flamingo_bark_assets.verification.folder import ExportFolder
from flamingo_bark_assets.verification.provenance import Provenance
from flamingo_bark_assets.verification.splits import Splits
from flamingo_bark_assets.verification.targets import bark

CHECKS: Mapping[str, Callable[[Check], None]] = {
    name: import_module(f"flamingo_bark_assets.verification.targets.{name.replace('-', '_')}").check for name in TARGETS
}
"""The check of each layout, by the name of the target."""
_LAYOUT_DEPTH = 3
"""Folders below the export in which a layout puts the files that it is known by; a whole disk is not searched."""


def verify_export(folder: Path, *, as_target: str | None = None) -> Verification:
    """Replay what a trainer reads of an export and tell what would fail or train badly in silence.

    Nothing in the folder is run, followed out of it or trusted; whatever its files hold becomes a finding at worst.

    Args:
        folder: the export, possibly edited since, or made by someone else.
        as_target: name of the layout; None for what its papers say, or else what its files look like.

    Raises:
        ExportError: there is no such folder, or nothing tells which layout it is.
    """
    began = time.monotonic()
    if not folder.is_dir():
        raise ExportError(f"{folder}: there is no such folder")
    if as_target is not None and as_target not in CHECKS:
        raise ExportError(f"{as_target}: no such layout; there are {', '.join(CHECKS)}")
    findings = Findings()
    export = ExportFolder(folder.resolve(), findings)
    with Provenance(export) as provenance:
        with findings.guarded("provenance"):
            provenance.read()
        target = as_target or (provenance.target if provenance.target in CHECKS else None) or guess_target(export)
        if target is None:
            raise ExportError(f"{folder}: nothing tells which layout it has; name one of {', '.join(CHECKS)}")
        with findings.guarded("."):
            export.check_entries()
        with findings.guarded("."):
            provenance.check_files()
        check = Check(export, findings, provenance, Splits(findings, provenance))
        with findings.guarded("."):
            CHECKS[target](check)
    return Verification(
        folder, target, check.clips, findings.sorted(), dict(sorted(findings.left_out.items())),
        round(time.monotonic() - began, 3),
    )  # fmt: skip


def guess_target(folder: ExportFolder) -> str | None:
    """Tell a layout by its files; None where they fit none."""
    if any(folder.exists(name) for name in (*bark.SEMANTIC_LISTS, *bark.COARSE_LISTS)) or folder.has_folder("tokens"):
        return "bark"
    if folder.exists("dataset.json"):
        return "ace-step"
    if folder.exists("dataset_config.json"):
        return "stable-audio-tools"
    for target, ending in (
        ("huggingface", "metadata.parquet"), ("audiocraft", "data.jsonl"), ("audiocraft", "data.jsonl.gz"),
        ("webdataset", ".tar"), ("bark-voice-prompts", ".npz"),
    ):  # fmt: skip
        if next(folder.files("", (ending,), depth=_LAYOUT_DEPTH), None) is not None:
            return target
    return None
