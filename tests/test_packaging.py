"""What is installed: the ranges of pyproject.toml and the exact set that make and CI use agree."""

from __future__ import annotations

import importlib.metadata
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.running import ROOT

CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
PINNED = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in CONSTRAINTS}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["dev"]]


@pytest.mark.parametrize("dependency", [*map(Requirement, DIRECT)], ids=str)
def test_each_dependency_is_pinned_inside_its_range(dependency: Requirement) -> None:
    assert dependency.specifier.contains(PINNED[canonicalize_name(dependency.name)])


@pytest.mark.parametrize("dependency", [*map(Requirement, DIRECT)], ids=str)
def test_each_range_ends_before_a_release_that_may_break_it(dependency: Requirement) -> None:
    assert not dependency.specifier.contains("9999")
    assert {specifier.operator for specifier in dependency.specifier} in ({">=", "<"}, {"~="})


def test_each_constraint_is_one_exact_public_release() -> None:
    assert len(PINNED) == len(CONSTRAINTS)
    for pin in CONSTRAINTS:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert "+" not in str(pin.specifier) and pin.url is None, pin


def test_what_the_dependencies_need_is_pinned_too() -> None:
    waiting, seen = list(map(Requirement, DIRECT)), set[tuple[str, str]]()
    while waiting:
        needed = waiting.pop()
        for extra in ("", *needed.extras):
            if (needed.name, extra) in seen or (needed.marker and not needed.marker.evaluate({"extra": ""})):
                continue
            seen.add((needed.name, extra))
            assert canonicalize_name(needed.name) in PINNED, needed.name
            for text in importlib.metadata.requires(needed.name) or ():
                own = Requirement(text)
                if own.marker is None or own.marker.evaluate({"extra": extra}):
                    own.marker = None
                    waiting.append(own)
    assert {canonicalize_name(name) for name, _ in seen} == set(PINNED)


def test_dagster_and_its_webserver_move_together() -> None:
    ranges = {str(Requirement(text).specifier) for text in DIRECT if text.startswith("dagster")}
    assert len(ranges) == 1
