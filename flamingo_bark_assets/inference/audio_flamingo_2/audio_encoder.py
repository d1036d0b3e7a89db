"""The audio encoder's pass: transformers' CLAP weights, with the tokens of a stage kept in the order of its windows.

A window's tokens stand side by side, so a block that is not shifted moves nothing, and a shifted one gathers twice
(Swin, Liu et al. 2021; HTS-AT, Chen et al. 2022). Only lazily imported code imports this module, so torch is imported
at its top; the weights and the front end do not belong here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_EARLY_AT_ONCE = 4


def encode(model: Any, log_mel: Tensor) -> Tensor:
    """Embed windows of sound.

    Args:
        model: transformers' ClapAudioModel without fusion.
        log_mel: decibels, float32, shape (n, n_frames, mel_bins).

    Returns:
        Shape (n, n_tokens, width): the final map, its frequencies grouped as transformers groups them.
    """
    encoder = model.audio_encoder
    stages = list(zip(encoder.layers, encoder.input_resolutions, strict=True))
    # The first stages have large maps and small weights, the last ones small maps and large weights.
    early, late = stages[: len(stages) // 2], stages[len(stages) // 2 :]
    hidden = torch.cat([_early(encoder, part, early) for part in torch.split(log_mel, _EARLY_AT_ONCE)])
    for stage, (height, width) in late:
        hidden = _stage(stage, hidden, height, width)
    hidden = encoder.norm(hidden)
    height, width = encoder.input_resolutions[-1]
    groups = height // encoder.freq_ratio
    grouped = torch.unflatten(hidden, 1, (encoder.freq_ratio, groups, width)).permute(0, 2, 1, 3, 4)
    return grouped.flatten(1, 3)


def _early(encoder: Any, log_mel: Tensor, stages: Sequence[tuple[Any, tuple[int, int]]]) -> Tensor:
    """Make images of windows of sound and pass the first stages."""
    normalised = encoder.batch_norm(log_mel[:, None].transpose(1, 3)).transpose(1, 3)
    hidden: Tensor = encoder.patch_embed(encoder.reshape_mel2img(normalised), None)
    for stage, (height, width) in stages:
        hidden = _stage(stage, hidden, height, width)
    return hidden


def _stage(stage: Any, hidden: Tensor, height: int, width: int) -> Tensor:
    """Pass a stage, in and out in raster order; shape (n, height * width, channels)."""
    first = stage.blocks[0]
    window = min(first.window_size, height, width)
    is_whole = min(height, width) <= first.window_size
    order, back = _window_order(height, width, window, 0, hidden.device)
    hidden = hidden[:, order]
    for block in stage.blocks:
        hidden = _block(block, hidden, (height, width), window, 0 if is_whole else block.shift_size)
    if stage.downsample is None:
        return hidden[:, back]
    merged = hidden[:, back[_merged_order(height, width, hidden.device)]]
    merged = torch.unflatten(merged, 1, (-1, 4)).flatten(2)
    result: Tensor = stage.downsample.reduction(stage.downsample.norm(merged))
    return result


def _block(block: Any, hidden: Tensor, size: tuple[int, int], window: int, shift: int) -> Tensor:
    """Pass a block; `hidden` is in the order of windows that are not shifted."""
    normed = block.layernorm_before(hidden)
    attention = block.attention.self
    bias = attention.relative_position_bias_table[attention.relative_position_index.view(-1)]
    tokens = window * window
    mask = bias.view(tokens, tokens, -1).permute(2, 0, 1)[None]
    if shift:
        place = _window_order(*size, window, 0, hidden.device)[1]
        into = place[_window_order(*size, window, shift, hidden.device)[0]]
        normed = normed[:, into]
        regions = _regions(*size, window, shift, hidden.device).to(mask.dtype)
        mask = (mask + regions[:, None]).repeat(len(hidden), 1, 1, 1)
    query, key, value = (
        layer(normed).view(-1, tokens, attention.num_attention_heads, attention.attention_head_size).transpose(1, 2)
        for layer in (attention.query, attention.key, attention.value)
    )
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    attended = block.attention.output.dense(attended.transpose(1, 2).reshape(hidden.shape))
    if shift:
        attended = attended[:, into.argsort()]
    hidden = hidden + attended
    result: Tensor = hidden + block.output(block.intermediate(block.layernorm_after(hidden)))
    return result


@lru_cache(maxsize=64)
def _window_order(height: int, width: int, window: int, shift: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the raster place of each token in the order of windows, and the place in that order of each raster one."""
    raster = torch.arange(height * width, device=device).view(height, width)
    order = _in_windows(raster.roll((-shift, -shift), (0, 1)), window).flatten()
    return order, order.argsort()


@lru_cache(maxsize=64)
def _merged_order(height: int, width: int, device: torch.device) -> Tensor:
    """Return the four raster places that become each token of the next stage, as transformers lists them."""
    raster = torch.arange(height * width, device=device).view(height, width)
    four = [raster[i::2, j::2] for j in (0, 1) for i in (0, 1)]
    return torch.stack(four, dim=-1).flatten()


@lru_cache(maxsize=64)
def _regions(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Return what keeps tokens apart that only the shift has brought into one window, (n_windows, tokens, tokens)."""

    def regions(n: int) -> Tensor:
        places = torch.arange(n, device=device)
        return (places >= n - window).long() + (places >= n - shift).long()

    region = _in_windows(regions(height)[:, None] * 3 + regions(width)[None], window)
    return (region[:, None] != region[:, :, None]) * -100.0


def _in_windows(grid: Tensor, window: int) -> Tensor:
    """Cut a grid into windows, shape (n_windows, window * window)."""
    height, width = grid.shape
    parts = grid.view(height // window, window, width // window, window).transpose(1, 2)
    return parts.reshape(-1, window * window)
