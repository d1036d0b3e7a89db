"""The code location without sensors, whose runs halt just before they put a chosen file into place; see `halting`."""

from __future__ import annotations

from tests import halting
from tests.benchmarks.location import defs

__all__ = ["defs", "halting"]
