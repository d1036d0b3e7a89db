"""Token by token: a batch of prompts about a batch of clips to replies as token ids, with their probability.

Decoding belongs here; text does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flamingo_bark_assets.inference.interface import Decoding
from flamingo_bark_assets.inference.penalties import penalties

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network


@dataclass(frozen=True, slots=True)
class Generated:
    """One reply.

    Attributes:
        tokens: ids, the end token included.
        mean_log_probability: mean natural log-probability of those tokens under the model, whatever the sampling;
            None where it is not finite.
        truncated: whether no end token came.
    """

    tokens: tuple[int, ...]
    mean_log_probability: float | None
    truncated: bool


def generate(
    network: AudioFlamingo2Network,
    context: AudioContext,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    *,
    pad_id: int,
) -> list[Generated]:
    """Continue prompts.

    Row i of `context` is about prompt i; sampled tokens depend on the seed and on the whole batch; `pad_id` fills
    shorter prompts, on the left.

    Raises:
        ValueError: a prompt is empty or there are not as many rows of audio as prompts.
    """
    import torch
    from transformers import GenerationConfig

    ids, attention_mask = _padded(prompts, pad_id)
    ends = network.configuration.end_token_ids
    settings: dict[str, float] = {}
    if decoding.do_sample:
        settings = {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": decoding.top_k}
    recorder = _LogProbabilities(ids.shape[1])
    devices = [network.device] if network.device.type == "cuda" else []
    with (
        torch.inference_mode(),
        network.conditioned(context) as language_model,
        torch.random.fork_rng(devices, enabled=decoding.do_sample),
    ):
        if decoding.do_sample:
            torch.manual_seed(decoding.seed)
        sequences = language_model.generate(
            input_ids=ids.to(network.device),
            attention_mask=attention_mask.to(network.device),
            generation_config=GenerationConfig(
                max_new_tokens=decoding.max_new_tokens,
                do_sample=decoding.do_sample,
                eos_token_id=list(ends) or None,
                pad_token_id=pad_id,
                use_cache=True,
                **settings,
            ),
            logits_processor=[recorder, *penalties(decoding)],
        )
    tokens = sequences[:, ids.shape[1] :].tolist()
    log_probabilities = recorder.of(sequences).tolist()
    return [_reply(*row, ends) for row in zip(tokens, log_probabilities, strict=True)]


class _LogProbabilities:
    """Records how likely each chosen token was, as transformers' scores of all steps would not fit into memory.

    transformers calls it with the model's own scores, before temperature and nucleus change them. The token that is
    chosen is known one step later.
    """

    def __init__(self, prompt_tokens: int) -> None:
        self._prompt_tokens = prompt_tokens
        self._chosen: list[Tensor] = []
        self._last: Tensor | None = None

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Take the scores of the next token, shape (n_rows, vocabulary), and leave them as they are."""
        self._settle(input_ids)
        self._last = scores.log_softmax(dim=-1)
        return scores

    def of(self, sequences: Tensor) -> Tensor:
        """Return log-probability of each generated token, shape (n_rows, n_tokens)."""
        import torch

        self._settle(sequences)
        return torch.stack(self._chosen, dim=1)

    def _settle(self, sequences: Tensor) -> None:
        position = self._prompt_tokens + len(self._chosen)
        if self._last is not None and sequences.shape[1] > position:
            self._chosen.append(self._last.gather(1, sequences[:, position, None])[:, 0])


def _padded(prompts: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    import torch

    if not all(prompts):
        raise ValueError("a prompt has no tokens")
    longest = max(map(len, prompts))
    rows = [[pad_id] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    masks = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(rows), torch.tensor(masks)


def _reply(tokens: list[int], log_probabilities: list[float], ends: Sequence[int]) -> Generated:
    end = next((i for i, token in enumerate(tokens) if token in ends), None)
    count = len(tokens) if end is None else end + 1
    mean = sum(log_probabilities[:count]) / count
    return Generated(
        tokens=tuple(tokens[:count]),
        mean_log_probability=mean if math.isfinite(mean) else None,
        truncated=end is None,
    )
