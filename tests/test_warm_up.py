"""`flamingo-bark warm-up` compiles every loop there is."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import flamingo_bark_assets
from flamingo_bark_assets import kernels
from flamingo_bark_assets.audio import spectral_pictures
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.commands.warming_up import _PACKAGES, import_loops

PACKAGE = Path(flamingo_bark_assets.__file__).parent


def loops_in_the_code() -> Counter[str]:
    """The loops of each package of the core."""
    found: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        if count := len(re.findall(r"^@compiled\(", path.read_text(), re.MULTILINE)):
            found[path.relative_to(PACKAGE).parts[0]] += count
    return found


def test_every_loop_of_the_package_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loops_in_the_code().keys() == set(_PACKAGES)  # other tests may have imported what these do not
    import_loops()
    count = loops_in_the_code().total()
    compiled: list[int] = []
    declared = [functools.partial(compiled.append, number) for number in range(len(kernels._declared))]
    monkeypatch.setattr(kernels, "_declared", declared)
    monkeypatch.setattr(spectral_pictures, "spectral_pngs", lambda sound: {})
    said = CliRunner().invoke(main, ["warm-up"])
    assert said.exit_code == 0, said.output
    assert compiled == list(range(count))
    assert f"{count} loops are compiled" in " ".join(said.output.split())


def test_a_loop_is_compiled_once_and_works_as_its_python() -> None:
    before = len(kernels._declared)

    @kernels.compiled("int64(int64)")
    def twice(number: int) -> int:
        return 2 * number

    (code,) = kernels._declared[before:]
    del kernels._declared[before:]
    assert code() is code()
    assert twice(21) == 42


# LLVM hands what it compiled to Python; what is raised in there goes nowhere.
_INTERRUPTED_THERE = """
import os, signal
from llvmlite.binding.executionengine import ExecutionEngine

set_object_cache = ExecutionEngine.set_object_cache

def with_interrupts(engine, notify, get):
    def interrupted(*handed_over):
        os.kill(os.getpid(), signal.SIGINT)
        notify(*handed_over)
    set_object_cache(engine, interrupted, get)

ExecutionEngine.set_object_cache = with_interrupts

from flamingo_bark_assets import kernels

@kernels.compiled("int64(int64)")
def twice(number):
    return 2 * number

twice(21)
print("went on")
"""


def test_an_interrupt_while_a_loop_is_compiled_is_not_lost(tmp_path: Path) -> None:
    module = tmp_path / "interrupted.py"
    module.write_text(_INTERRUPTED_THERE)
    done = subprocess.run(
        [sys.executable, module], env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""
    assert "KeyboardInterrupt" in done.stderr
    assert "ignored" not in done.stderr
