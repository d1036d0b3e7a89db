"""How finely frame-wise values are stored: more finely than they can be measured, and without digits that mean nothing.

Rounding of what goes into the long tables of frames belongs here; nothing is computed from rounded values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Decimals. Such numbers take far less room than unrounded ones, in files of results and in DuckDB.
TIME_S = 3
F0_HZ = 2
"""At most 0.3 cents off at the lowest note of a bass, 28 Hz."""
FORMANT_HZ = 1
CONFIDENCE = 3


def rounded(values: NDArray[Any], decimals: int) -> NDArray[np.float64]:
    """Round values to some decimals, as float64."""
    return np.asarray(np.round(values.astype(np.float64), decimals), dtype=np.float64)
