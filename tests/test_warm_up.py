"""`flamingo-bark warm-up` compiles every loop there is."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import flamingo_bark_assets
from flamingo_bark_assets import kernels
from flamingo_bark_assets.audio import spectral_pictures
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.commands.warming_up import import_loops

PACKAGE = Path(flamingo_bark_assets.__file__).parent


def loops_in_the_code() -> int:
    return sum(len(re.findall(r"^@compiled\(", path.read_text(), re.MULTILINE)) for path in PACKAGE.rglob("*.py"))


def test_every_loop_of_the_package_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    import_loops()
    compiled: list[int] = []
    declared = [functools.partial(compiled.append, number) for number in range(len(kernels._declared))]
    monkeypatch.setattr(kernels, "_declared", declared)
    monkeypatch.setattr(spectral_pictures, "spectral_pngs", lambda sound: {})
    said = CliRunner().invoke(main, ["warm-up"])
    assert said.exit_code == 0, said.output
    assert compiled == list(range(loops_in_the_code()))
    assert f"{loops_in_the_code()} loops are compiled" in " ".join(said.output.split())


def test_a_loop_is_compiled_once_and_works_as_its_python() -> None:
    before = len(kernels._declared)

    @kernels.compiled("int64(int64)")
    def twice(number: int) -> int:
        return 2 * number

    (code,) = kernels._declared[before:]
    del kernels._declared[before:]
    assert code() is code()
    assert twice(21) == 42
