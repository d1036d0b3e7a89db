"""Audio Flamingo 2 decoded by transformers' own `generate`: another implementation of what `generation` does.

The language model reads the audio through hooks before its layers, as NVIDIA's code does; nothing here is shared with
our decoding but the modules and their weights. This is also how the product decoded before it had decoding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network


@contextmanager
def conditioned(network: AudioFlamingo2Network, context: AudioContext) -> Iterator[Any]:
    """Give transformers' Qwen2ForCausalLM, whose row i attends to clip i of the context."""

    def attend(index: int, layer: int) -> Any:
        block = network.block_before(layer)
        assert block is not None

        def hook(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, *others = arguments
            return (block(hidden, context.keys[index], context.values[index], context.mask), *others)

        return hook

    with ExitStack() as stack:
        for index, layer in enumerate(network.configuration.cross_attention.layers):
            handle = network.language_model.model.layers[layer].register_forward_pre_hook(attend(index, layer))
            stack.callback(handle.remove)
        yield network.language_model


def greedy(
    network: AudioFlamingo2Network, context: AudioContext, prompts: Sequence[Sequence[int]], tokens: int, *, pad_id: int
) -> list[list[int]]:
    """Continue prompt i about clip i, padded on the left; tokens behind the end token are left out."""
    import torch
    from transformers import GenerationConfig

    longest = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    ends = list(network.configuration.end_token_ids)
    config = GenerationConfig(
        max_new_tokens=tokens, do_sample=False, eos_token_id=ends or None, pad_token_id=pad_id, use_cache=True
    )
    with torch.inference_mode(), conditioned(network, context) as language_model:
        sequences = language_model.generate(
            input_ids=ids.to(network.device), attention_mask=mask.to(network.device), generation_config=config
        )
    return [_until_end(row, ends) for row in sequences[:, longest:].tolist()]


def logits(network: AudioFlamingo2Network, context: AudioContext, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Compute the scores after each token, shape (n_rows, n_tokens, vocabulary)."""
    import torch

    with torch.inference_mode(), conditioned(network, context) as language_model:
        scores: Tensor = language_model(input_ids=ids, attention_mask=mask).logits
    return scores


def _until_end(tokens: list[int], ends: Sequence[int]) -> list[int]:
    end = next((i for i, token in enumerate(tokens) if token in ends), None)
    return tokens if end is None else tokens[: end + 1]
