"""How finely frame-wise values are stored: far finer than they can be measured, and without digits that mean nothing.

Rounding of what goes into the long tables of frames belongs here; nothing is computed from rounded values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Powers of two: the low bytes of a double are then zero, and take no room in a file.
F0_HZ = 2.0**-7
"""Half a cent at the lowest note of a bass, 28 Hz."""
FORMANT_HZ = 2.0**-2
"""A formant is known to some 50 Hz."""
CONFIDENCE = 2.0**-10


def rounded(values: NDArray[Any], resolution: float) -> NDArray[np.float64]:
    """Round values to the next multiple of a resolution, as float64."""
    return np.round(values.astype(np.float64) / resolution) * resolution
