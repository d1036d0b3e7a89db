"""The code location, sensors included, which notes each step that it does for each song; see `tests.counting`."""

from __future__ import annotations

from flamingo_bark_assets.definitions import defs
from tests import counting

__all__ = ["counting", "defs"]
