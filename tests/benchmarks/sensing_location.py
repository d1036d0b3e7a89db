"""The whole code location with its sensors, its steps timed and made to raise as `location` does."""

from __future__ import annotations

from flamingo_bark_assets.definitions import defs
from tests.benchmarks import location

__all__ = ["defs", "location"]
