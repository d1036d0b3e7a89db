"""How many threads linear algebra and small networks use while a song is measured.

The limit belongs here; songs are shared out over processes elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread within a `with` block; a captioning model beside it has its own number back after it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
