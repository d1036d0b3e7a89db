"""The language model of Audio Flamingo 2 over many rows at once, with one cache that is allocated before.

Only lazily imported code imports this module, so torch is imported at its top; which token comes next, and which rows
there are, stands in `generation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network
from flamingo_bark_assets.inference.quantisation import of_one_input

_TOKENS_AT_ONCE = 64
"""The cache grows by whole multiples of so many tokens."""


@dataclass(frozen=True, eq=False, slots=True)
class _Listeners:
    """Which rows attend to which clip, so that the rows of one clip share its keys and values without a copy of them.

    Attributes:
        context: the clips.
        rows: rows of each clip, the last one repeated where a clip has fewer, shape (n_clips * most rows of a clip,).
        places: where in `rows` each row stands, shape (n_rows,).
    """

    context: AudioContext
    rows: Tensor
    places: Tensor

    def gather(self, query: Tensor) -> Tensor:
        """Let the rows of a clip be further positions: (n_rows, heads, n, size) to (n_clips, heads, most * n, size)."""
        n_clips = self.context.keys[0].shape[0]
        grouped = torch.unflatten(query[self.rows], 0, (n_clips, -1)).transpose(1, 2)
        return grouped.flatten(2, 3)

    def scatter(self, attended: Tensor, n: int) -> Tensor:
        """Undo `gather`, of queries with n positions."""
        grouped = torch.unflatten(attended, 2, (-1, n)).transpose(1, 2)
        return grouped.flatten(0, 1)[self.places]


class Decoder:
    """Keys and values of rows that are continued token by token.

    Rows stand in the first places of the cache; a row that is finished is replaced by the last one. Each row has
    positions of its own, so rows of different lengths need no padding, and a row's result does not depend on its
    neighbours but for rounding.
    """

    def __init__(self, network: AudioFlamingo2Network, n_rows: int) -> None:
        """Allocate nothing yet; at most `n_rows` rows will be held."""
        self._network = network
        self._model = network.language_model.model
        config = self._model.config
        self._head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._key_heads = config.num_key_value_heads
        self._groups = config.num_attention_heads // config.num_key_value_heads
        shape = (len(self._model.layers), n_rows, 0, self._key_heads, self._head_size)
        self._keys = torch.empty(shape, dtype=network.dtype, device=network.device)
        self._values = torch.empty_like(self._keys)
        self._rotation: tuple[Tensor, Tensor] | None = None

    def reserve(self, n_tokens: int) -> None:
        """Make room for rows of so many tokens; what the cache holds stays."""
        held = self._keys.shape[2]
        if n_tokens <= held:
            return
        n_tokens = -(-n_tokens // _TOKENS_AT_ONCE) * _TOKENS_AT_ONCE
        grown = (*self._keys.shape[:2], n_tokens, *self._keys.shape[3:])
        for name in ("_keys", "_values"):
            old = getattr(self, name)
            new = old.new_zeros(grown)  # what is masked counts nothing, but nothing times what is no number is none
            new[:, :, :held] = old
            setattr(self, name, new)
        positions = torch.arange(n_tokens, device=self._keys.device)
        dummy = torch.empty(0, dtype=self._hidden_dtype, device=self._keys.device)
        self._rotation = tuple(part[0] for part in self._model.rotary_emb(dummy, positions[None]))

    def listen(self, context: AudioContext, clips: Sequence[int]) -> _Listeners:
        """Let row i of a forward pass attend to clip `clips[i]` of a context; each clip is some row's."""
        of_clip: list[list[int]] = [[] for _ in range(context.keys[0].shape[0])]
        for row, clip in enumerate(clips):
            of_clip[clip].append(row)
        most = max(map(len, of_clip))
        places = [clip * most + of_clip[clip].index(row) for row, clip in enumerate(clips)]
        padded = [(rows + rows[-1:] * most)[:most] for rows in of_clip]
        device = self._keys.device
        return _Listeners(context, torch.tensor(padded, device=device).flatten(), torch.tensor(places, device=device))

    def move(self, source: Tensor, target: Tensor) -> None:
        """Let rows take the places of others."""
        self._keys[:, target] = self._keys[:, source]
        self._values[:, target] = self._values[:, source]

    def logits(self, first: int, ids: Tensor, positions: Tensor, longest: int, listeners: _Listeners) -> Tensor:
        """Compute the scores of the token after each given one.

        Args:
            first: place of the first row in the cache; the others follow it.
            ids: tokens, shape (n_rows, n_tokens).
            positions: where each stands in its row, of the same shape; before it the cache must be filled.
            longest: highest of the positions.
            listeners: what the rows attend to.

        Returns:
            float32, shape (n_rows, n_tokens, vocabulary).
        """
        return self.scores(self.hidden(first, ids, positions, longest, listeners))

    def scores(self, hidden: Tensor) -> Tensor:
        """Apply the language-model head to hidden states of the last layer."""
        scores: Tensor = self._network.language_model.lm_head(self._model.norm(hidden)).float()
        return scores

    def hidden(self, first: int, ids: Tensor, positions: Tensor, longest: int, listeners: _Listeners) -> Tensor:
        """Compute what `logits` applies the head to, shape (n_rows, n_tokens, width)."""
        assert self._rotation is not None, "no room was reserved"
        cosine, sine = (part[positions][:, :, None] for part in self._rotation)
        columns = torch.arange(longest + 1, device=positions.device)
        mask = (columns <= positions[..., None])[:, None].repeat(1, 1, self._groups, 1)
        rows = torch.arange(len(ids), device=ids.device)[:, None]
        hidden: Tensor = self._model.embed_tokens(ids).to(self._hidden_dtype)
        n_blocks = 0
        for index, layer in enumerate(self._model.layers):
            block = self._network.block_before(index)
            if block is not None:
                context = listeners.context
                keys, values = context.keys[n_blocks], context.values[n_blocks]
                hidden = block(hidden, keys, values, context.mask, listeners)
                n_blocks += 1
            attention, normed = layer.self_attn, layer.input_layernorm(hidden)
            query, key, value = (
                torch.unflatten(projected, -1, (-1, self._head_size))
                for projected in of_one_input((attention.q_proj, attention.k_proj, attention.v_proj), normed)
            )
            keys, values = (cache[index, first : first + len(ids)] for cache in (self._keys, self._values))
            keys[rows, positions] = _rotated(key, cosine, sine).to(keys.dtype)
            values[rows, positions] = value.to(values.dtype)
            hidden = hidden + attention.o_proj(
                self._attend(_rotated(query, cosine, sine), keys[:, : longest + 1], values[:, : longest + 1], mask)
            )
            mlp = layer.mlp
            gate, up = of_one_input((mlp.gate_proj, mlp.up_proj), layer.post_attention_layernorm(hidden))
            hidden = hidden + mlp.down_proj(mlp.act_fn(gate) * up)
        return hidden

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Attend with all queries that share a head of keys as positions of one: no head is repeated in memory.

        Args:
            query: shape (n_rows, n_tokens, n_heads, head_size).
            keys: shape (n_rows, n_columns, n_key_heads, head_size); the values are like them.
            values: see above.
            mask: shape (n_rows, 1, groups * n_tokens, n_columns).

        Returns:
            Shape (n_rows, n_tokens, n_heads * head_size).
        """
        n_tokens = query.shape[1]
        grouped = torch.unflatten(query, 2, (self._key_heads, self._groups)).permute(0, 2, 3, 1, 4).flatten(2, 3)
        attended = functional.scaled_dot_product_attention(
            grouped.to(keys.dtype), keys.transpose(1, 2), values.transpose(1, 2), attn_mask=mask
        )
        parted = torch.unflatten(attended, 2, (self._groups, n_tokens)).permute(0, 3, 1, 2, 4)
        return parted.flatten(2).to(query.dtype)

    @property
    def _hidden_dtype(self) -> Any:
        return self._network.hidden_dtype


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate heads by their position (RoPE, Su et al. 2021): x of shape (n_rows, n_tokens, n_heads, head_size)."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine
