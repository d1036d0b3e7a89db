"""How many threads linear algebra uses while a song is measured.

The limit belongs here; songs are shared out over processes elsewhere.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep numpy's linear algebra to one thread within a `with` block.

    Its matrices are small here: more threads wait for each other at several times the CPU.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _controller() -> Any:
    import numpy as np  # noqa: F401, its library must be loaded before it is looked for
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
