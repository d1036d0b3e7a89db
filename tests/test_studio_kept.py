"""What is worked out once: many that ask at once wait for one answer, and another question has another."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flamingo_bark_assets.studio.kept import kept


def test_of_many_that_ask_at_once_one_works_and_all_are_answered() -> None:
    worked: list[int] = []
    all_ask = threading.Barrier(8)

    @kept
    def doubled(number: int) -> int:
        worked.append(number)
        time.sleep(0.05)  # a cache alone would let all of them work meanwhile
        return 2 * number

    def ask(_: int) -> int:
        all_ask.wait()
        return doubled(21)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [42] * 8
    assert worked == [21]
    assert [doubled(1), doubled(21)] == [2, 42]
    assert worked == [21, 1]
