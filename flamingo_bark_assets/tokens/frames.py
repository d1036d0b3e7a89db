"""How many semantic tokens a wave has.

Counting belongs here, and no numerical package, as the code location reads it.
"""

from __future__ import annotations

SEMANTIC_RATE_HZ = 16_000

_RECEPTIVE_FIELD = 400
_HOP = 320


def semantic_frames(n_samples: int) -> int:
    """Return the number of semantic tokens of a wave of so many samples at 16 kHz; 0 where it is too short for one."""
    return max(0, (n_samples - _RECEPTIVE_FIELD) // _HOP + 1)
