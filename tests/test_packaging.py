"""What is installed: the ranges of pyproject.toml and the exact set that make and CI use agree."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Iterable
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.running import ROOT


def constraints(name: str) -> list[Requirement]:
    lines = (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def pinned(pins: Iterable[Requirement]) -> dict[str, str]:
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


CONSTRAINTS = constraints("constraints.txt")
CLUSTER_CONSTRAINTS = constraints("constraints-cluster.txt")
PINNED = pinned(CONSTRAINTS)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["dev"]]
CLUSTER = [*EXTRAS["cluster"], *EXTRAS["kubernetes"]]


@pytest.mark.parametrize("dependency", [*map(Requirement, DIRECT + CLUSTER)], ids=str)
def test_each_dependency_is_pinned_inside_its_range(dependency: Requirement) -> None:
    pins = PINNED | pinned(CLUSTER_CONSTRAINTS)
    assert dependency.specifier.contains(pins[canonicalize_name(dependency.name)])


@pytest.mark.parametrize("dependency", [*map(Requirement, DIRECT + CLUSTER)], ids=str)
def test_each_range_ends_before_a_release_that_may_break_it(dependency: Requirement) -> None:
    assert not dependency.specifier.contains("9999")
    assert {specifier.operator for specifier in dependency.specifier} in ({">=", "<"}, {"~="})


def test_each_constraint_is_one_exact_public_release() -> None:
    pins = [*CONSTRAINTS, *CLUSTER_CONSTRAINTS]
    assert len(pinned(pins)) == len(pins)
    for pin in pins:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert "+" not in str(pin.specifier) and pin.url is None, pin


def test_what_the_dependencies_need_is_pinned_too() -> None:
    assert needed_by(DIRECT) == set(PINNED)


@pytest.mark.skipif(find_spec("dagster_ray") is None, reason="not installed: the extra cluster")
def test_what_a_cluster_needs_is_pinned_too() -> None:
    assert needed_by([*DIRECT, *CLUSTER, "kubernetes-validate"]) == {*PINNED, *pinned(CLUSTER_CONSTRAINTS)}


def needed_by(direct: Iterable[str]) -> set[str]:
    """All distributions that these need, by what is installed of them."""
    waiting, seen = list(map(Requirement, direct)), set[tuple[str, str]]()
    while waiting:
        needed = waiting.pop()
        for extra in ("", *needed.extras):
            if (needed.name, extra) in seen or (needed.marker and not needed.marker.evaluate({"extra": ""})):
                continue
            seen.add((needed.name, extra))
            for text in importlib.metadata.requires(needed.name) or ():
                own = Requirement(text)
                if own.marker is None or own.marker.evaluate({"extra": extra}):
                    own.marker = None
                    waiting.append(own)
    return {str(canonicalize_name(name)) for name, _ in seen}


def test_dagster_and_its_webserver_move_together() -> None:
    ranges = {str(Requirement(text).specifier) for text in DIRECT if text.startswith("dagster")}
    assert len(ranges) == 1
