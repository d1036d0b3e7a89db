"""How fast a model is on this machine, from a short trial, and how long a song's questions will take it.

The trial and the arithmetic belong here; who is told of it stands in `captioning.progress`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.inference.batching import infer_in_batches
from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, Query
from flamingo_bark_assets.inference.sound_budgets import window_of

_TRIAL_TOKENS = 9
_SLOW_S = 10.0  # a first call that takes longer is not repeated: what it loads once counts little then
# Own choice: replies end before their limit, by how much is not known.
_SHARE_OF_LIMIT = 0.7


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model is.

    Attributes:
        window_s: length of sound that is encoded at once, seconds; what is shorter takes as long.
        encoding_s: seconds for each such window, until its first token.
        step_s: seconds for each further token of a batch.
        batch_size: questions of that batch.
    """

    window_s: float
    encoding_s: float
    step_s: float
    batch_size: int

    def song_s(self, queries: Sequence[Query]) -> float:
        """Estimate the time for these questions: each clip is encoded once, each batch as long as its longest reply."""
        clips = {id(query.clip): query.clip for query in queries}
        windows = sum(-(-clip.samples.size // round(self.window_s * clip.sample_rate_hz)) for clip in clips.values())
        lengths = sorted((query.decoding.max_new_tokens for query in queries), reverse=True)
        steps = sum(lengths[:: self.batch_size])
        return windows * self.encoding_s + _SHARE_OF_LIMIT * steps * self.step_s

    @property
    def basis(self) -> str:
        """What was tried, in words."""
        return (
            f"{self.encoding_s:.2g} s for {self.window_s:.0f} s of sound and {self.step_s:.2g} s a token of "
            f"{self.batch_size} answers at once"
        )


def try_speed(
    model: CaptioningModel,
    queries: Sequence[Query],
    batch_size: int,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Speed:
    """Time a model on noise: one question of one token, and as many as a batch of `queries` holds, of nine.

    The noise fills one window of the model's family, as a part of one would take as long. Nothing of it is kept.

    Raises:
        OutOfMemory: not even one question fits.
        InferenceFault: the model failed.
    """
    query = queries[0]
    length_s = min(window_of(model), model.max_clip_s)
    count = min(batch_size, len(queries))

    def seconds(seed: int, rows: int, tokens: int) -> tuple[float, int]:
        # Another noise each time, as models remember what they have just encoded.
        noise = np.random.default_rng(seed).normal(0.0, 0.1, round(length_s * model.sample_rate_hz))
        decoding = dataclasses.replace(query.decoding, max_new_tokens=tokens)
        trial = [Query(Clip(noise.astype(np.float32), model.sample_rate_hz), query.prompt, decoding)] * rows
        before = clock()
        replies = infer_in_batches(model, trial, batch_size)
        return clock() - before, max(reply.token_count for reply in replies)

    first_s, _ = seconds(0, 1, 1)
    if first_s < _SLOW_S:
        first_s = min(first_s, seconds(1, 1, 1)[0])
    whole_s, tokens = seconds(2, count, _TRIAL_TOKENS)
    step_s = max(whole_s - first_s, 0.0) / max(1, tokens - 1)
    return Speed(length_s, first_s, step_s, count)
