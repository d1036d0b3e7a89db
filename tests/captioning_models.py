"""A stand-in for a model: says what it heard, and runs out of memory when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from flamingo_bark_assets.inference.interface import Clip, Decoding, ModelIdentity, Query, Reply

IDENTITY = ModelIdentity("tiny", "audio-flamingo-2", "r1", "none", "float32")


class ParrotModel:
    """A `CaptioningModel` that repeats its prompt and the first sample.

    Args:
        capacity: most clips that fit; None for any number.
        error: makes the exception that is raised where more come.
        identity: who it is.
    """

    def __init__(
        self,
        capacity: int | None = None,
        error: Callable[[], BaseException] = MemoryError,
        identity: ModelIdentity = IDENTITY,
    ) -> None:
        self.batches: list[int] = []
        self.asked: list[str] = []
        self._capacity = capacity
        self._error = error
        self._identity = identity

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    @property
    def sample_rate_hz(self) -> int:
        return 16_000

    @property
    def max_clip_s(self) -> float:
        return 30.0

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        self.batches.append(len(queries))
        if self._capacity is not None and len(queries) > self._capacity:
            raise self._error()
        self.asked += [query.prompt for query in queries]
        return [saying(f"{query.prompt} {query.clip.samples[0]:.0f}") for query in queries]


def saying(text: str) -> Reply:
    return Reply(text=text, token_count=3, mean_log_probability=-0.5, truncated=False)


def clip(value: float, n_samples: int = 10, start_s: float = 0.0) -> Clip:
    return Clip(np.full(n_samples, value, np.float32), 16_000, start_s)


def queries(clips: Sequence[Clip], prompts: Sequence[str], decoding: Decoding) -> list[Query]:
    """Ask prompt i about clip i."""
    return [Query(one, prompt, decoding) for one, prompt in zip(clips, prompts, strict=True)]
