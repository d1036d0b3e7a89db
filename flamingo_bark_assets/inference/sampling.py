"""Sampled tokens that follow from a question's own seed, whatever is decoded beside it.

Random numbers and how a token follows from one belong here; penalties, which greedy decoding knows too, stand in
`penalties`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.inference.interface import Decoding

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Chooser = Callable[["Tensor", "Tensor"], "Tensor"]
"""Gives the token of each row from scores, shape (n_rows, vocabulary), and a uniform number, shape (n_rows, 1)."""


def noise(seeds: Sequence[int], count: int, device: torch.device) -> Tensor:
    """Draw uniform numbers for each row from its own seed, shape (n_rows, count)."""
    import torch

    rows = [torch.rand(count, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows).to(device)


def chooser(decoding: Decoding) -> Chooser:
    """Return how a sampled token follows from scores and a uniform number: by the inverse of their distribution."""
    processors = _warpers(decoding)

    def choose(scores: Tensor, uniform: Tensor) -> Tensor:
        import torch

        for processor in processors:
            scores = processor(None, scores)
        widest = widest_type(scores.device)
        ordered, ids = scores.to(widest).softmax(dim=-1).sort(dim=-1, descending=True)
        place = torch.searchsorted(ordered.cumsum(dim=-1), uniform.to(widest), right=True)
        return ids.gather(1, place.clamp(max=ids.shape[1] - 1))[:, 0]

    return choose


def widest_type(device: torch.device) -> torch.dtype:
    """Return the type for sums over many numbers: a Mac's GPU (mps) has no float64."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64


class SeededChoice:
    """A logits processor that leaves only the sampled token, to stand behind all others of a greedy `generate`."""

    def __init__(self, queries: Sequence[Decoding], n_asked: int, device: torch.device) -> None:
        """Draw the numbers of all rows; `n_asked` tokens stand before each reply."""
        self._n_asked = n_asked
        self._choose = chooser(queries[0])
        count = max(one.max_new_tokens for one in queries)
        self._noise = noise([one.seed for one in queries], count, device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take the scores of the next token, shape (n_rows, vocabulary)."""
        step = input_ids.shape[1] - self._n_asked
        chosen = self._choose(scores, self._noise[:, step : step + 1])
        return scores.new_full(scores.shape, -float("inf")).scatter(1, chosen[:, None], 0.0)


def _warpers(decoding: Decoding) -> list[Any]:
    """Return transformers' processors that shape the odds, in its own order."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    found: list[Any] = []
    if decoding.temperature != 1.0:
        found.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        found.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1.0:
        found.append(TopPLogitsWarper(decoding.top_p))
    return found
