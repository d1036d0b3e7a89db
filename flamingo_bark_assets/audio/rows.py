"""Arrays that grow at the end while a sound of unknown length is read.

The growing belongs here; what the rows mean does not.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

S = TypeVar("S", bound=np.generic)

_GROWTH = 1.125
_FIRST_ROWS = 1 << 10


class GrowingRows(Generic[S]):
    """An array of shape (n_rows, *row_shape) to which rows are added.

    The memory is enlarged in place where the system can, so that no second copy lives beside the first. `first_rows` is
    for how many to ask at once; the system gives the memory of large arrays only as it is used.
    """

    def __init__(self, dtype: type[S], row_shape: tuple[int, ...] = (), *, first_rows: int = _FIRST_ROWS) -> None:
        self._array: npt.NDArray[S] = np.zeros((first_rows, *row_shape), dtype)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows of shape (n, *row_shape), converted to the dtype."""
        start = self._rows
        self.reach(start + rows.shape[0])[start:] = rows

    def reach(self, rows: int) -> npt.NDArray[S]:
        """Grow to so many rows, new ones zero, and give a view of all of them, valid until the next growth."""
        if rows > self._array.shape[0]:
            self._resize(max(rows, int(self._rows * _GROWTH), _FIRST_ROWS))
        self._rows = max(self._rows, rows)
        return self._array[: self._rows]

    def take(self) -> npt.NDArray[S]:
        """Give the array and start anew without one."""
        self._resize(self._rows)
        array, self._array, self._rows = self._array, self._array[:0].copy(), 0
        return array

    def _resize(self, rows: int) -> None:
        # Views given by `reach` may still be alive, but nothing reads them after the next growth.
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)
