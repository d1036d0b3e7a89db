"""The network of Audio Flamingo 2: audio encoder, audio transformer, gated cross-attention, language model.

Only lazily imported code imports this module, so torch and transformers are imported at its top; files, tokens as
text and decoding settings do not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional

from flamingo_bark_assets.inference.audio_flamingo_2 import audio_encoder
from flamingo_bark_assets.inference.audio_flamingo_2.configuration import (
    AudioEncoderSizes,
    AudioTransformerSizes,
    Configuration,
    CrossAttentionSizes,
)
from flamingo_bark_assets.inference.quantisation import Int8Linear, replace_linear

AUDIO_TRANSFORMER_NORM_EPS = 1e-6
CROSS_ATTENTION_NORM_EPS = 1e-5

_WINDOWS_AT_ONCE = 16


@dataclass(frozen=True, eq=False, slots=True)
class AudioContext:
    """What the language model attends to: the projected audio of clips.

    Attributes:
        keys: one a cross-attention block, shape (n_clips, n_heads, n_tokens, head_size).
        values: like the keys.
        mask: True where there is audio, bool, shape (n_clips, 1, 1, n_tokens); None if that is everywhere.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    mask: Tensor | None

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.keys[0])

    def of_clips(self, clips: Sequence[int]) -> AudioContext:
        """Keep only some of the clips, in the order given."""
        if list(clips) == list(range(len(self))):
            return self
        chosen = list(clips)
        return AudioContext(
            keys=tuple(keys[chosen] for keys in self.keys),
            values=tuple(values[chosen] for values in self.values),
            mask=None if self.mask is None else self.mask[chosen],
        )

    def joined(self, other: AudioContext) -> AudioContext:
        """Put the clips of another context behind these, padded where they are of other lengths."""
        n_tokens = max(self.keys[0].shape[2], other.keys[0].shape[2])
        both = (self, other)
        masks = [one._padded_mask(n_tokens) for one in both]
        mask = None if all(one is None for one in masks) else torch.cat(
            [one.keys[0].new_ones((len(one), 1, 1, n_tokens), dtype=torch.bool) if mask is None else mask
             for one, mask in zip(both, masks, strict=True)]
        )  # fmt: skip
        return AudioContext(
            keys=tuple(_joined_clips(*pair, n_tokens) for pair in zip(self.keys, other.keys, strict=True)),
            values=tuple(_joined_clips(*pair, n_tokens) for pair in zip(self.values, other.values, strict=True)),
            mask=mask,
        )

    def _padded_mask(self, n_tokens: int) -> Tensor | None:
        lacking = n_tokens - self.keys[0].shape[2]
        if not lacking:
            return self.mask
        held = self.keys[0].new_ones((len(self), 1, 1, n_tokens - lacking), dtype=torch.bool)
        return functional.pad(held if self.mask is None else self.mask, (0, lacking))


class AudioTransformerAttention(nn.Module):
    """Self-attention with rotary positions on a share of each head, then the residual and its norm."""

    def __init__(self, sizes: AudioTransformerSizes) -> None:
        super().__init__()
        inner = sizes.heads * sizes.head_size
        self.sizes = sizes
        self.query = nn.Linear(sizes.width, inner, bias=False)
        self.key = nn.Linear(sizes.width, inner, bias=False)
        self.value = nn.Linear(sizes.width, inner, bias=False)
        self.output = nn.Linear(inner, sizes.width, bias=False)
        self.norm = nn.LayerNorm(sizes.width, eps=AUDIO_TRANSFORMER_NORM_EPS)

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Apply attention; `hidden` has the shape (n_clips, n_tokens, width), the rotation (n_tokens, rotated_size)."""
        query, key, value = (_heads(layer(hidden), self.sizes.heads) for layer in (self.query, self.key, self.value))
        query, key = (_rotate(x, *rotation) for x in (query, key))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        normed: Tensor = self.norm(hidden + self.output(_joined(attended)))
        return normed


class AudioTransformerFeedForward(nn.Module):
    """Two layers with ReLU between, then the residual and its norm."""

    def __init__(self, sizes: AudioTransformerSizes) -> None:
        super().__init__()
        self.expand = nn.Linear(sizes.width, sizes.feed_forward_size)
        self.contract = nn.Linear(sizes.feed_forward_size, sizes.width)
        self.norm = nn.LayerNorm(sizes.width, eps=AUDIO_TRANSFORMER_NORM_EPS)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each token, shape (n_clips, n_tokens, width)."""
        normed: Tensor = self.norm(hidden + self.contract(self.expand(hidden).relu()))
        return normed


class AudioTransformerLayer(nn.Module):
    """One post-norm layer."""

    def __init__(self, sizes: AudioTransformerSizes) -> None:
        super().__init__()
        self.attention = AudioTransformerAttention(sizes)
        self.feed_forward = AudioTransformerFeedForward(sizes)

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Transform tokens, shape (n_clips, n_tokens, width)."""
        attended: Tensor = self.attention(hidden, rotation, mask)
        transformed: Tensor = self.feed_forward(attended)
        return transformed


class AudioTransformer(nn.Module):
    """Lets the windows of a clip see one another."""

    inverse_frequencies: Tensor

    def __init__(self, sizes: AudioTransformerSizes) -> None:
        super().__init__()
        self.scale = math.sqrt(sizes.width)
        self.norm = nn.LayerNorm(sizes.width, eps=AUDIO_TRANSFORMER_NORM_EPS)
        self.layers = nn.ModuleList(AudioTransformerLayer(sizes) for _ in range(sizes.layers))
        # Saved with the weights and loaded, as recomputed values would differ from those it was trained with.
        self.register_buffer("inverse_frequencies", torch.empty(sizes.rotated_size // 2))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Transform the tokens of all windows of a clip.

        Args:
            hidden: shape (n_clips, n_tokens, width).
            mask: True where there is audio, bool, shape (n_clips, 1, 1, n_tokens).
        """
        positions = torch.arange(hidden.shape[1], device=hidden.device, dtype=torch.float32)
        angles = torch.outer(positions, self.inverse_frequencies)
        angles = torch.cat((angles, angles), dim=-1)
        rotation = (angles.cos(), angles.sin())
        hidden = self.norm(hidden * self.scale)
        for layer in self.layers:
            hidden = layer(hidden, rotation, mask)
        return hidden


class Sharing(Protocol):
    """Lets several rows of text attend to one clip."""

    def gather(self, query: Tensor) -> Tensor:
        """Bring queries of rows together by clip: (n_rows, heads, n, size) to (n_clips, heads, any, size)."""
        ...

    def scatter(self, attended: Tensor, n: int) -> Tensor:
        """Undo `gather`, of queries with n positions."""
        ...


class GatedCrossAttention(nn.Module):
    """Adds the encoded sound before one decoder layer (Flamingo, Alayrac et al. 2022)."""

    def __init__(self, sizes: CrossAttentionSizes, width: int, audio_width: int) -> None:
        super().__init__()
        inner = sizes.heads * sizes.head_size
        self.heads = sizes.heads
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.attention_norm = nn.LayerNorm(width, eps=CROSS_ATTENTION_NORM_EPS)
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(audio_width, 2 * inner, bias=False)
        self.output = nn.Linear(inner, width, bias=False)
        self.feed_forward_gate = nn.Parameter(torch.zeros(1))
        self.feed_forward_norm = nn.LayerNorm(width, eps=CROSS_ATTENTION_NORM_EPS)
        self.expand = nn.Linear(width, sizes.feed_forward_size, bias=False)
        self.contract = nn.Linear(sizes.feed_forward_size, width, bias=False)

    def project(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of audio, shape (n_clips, n_tokens, audio_width)."""
        keys, values = self.key_value(audio).chunk(2, dim=-1)
        return _heads(keys, self.heads), _heads(values, self.heads)

    def forward(
        self, hidden: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, sharing: Sharing | None = None
    ) -> Tensor:
        """Add the gated attention and feed-forward layer to hidden states, shape (n_rows, n_tokens, width).

        Row i is about clip i, unless `sharing` says which rows are about which clip.
        """
        query = _heads(self.query(self.attention_norm(hidden)), self.heads).to(keys.dtype)
        grouped = query if sharing is None else sharing.gather(query)
        attended = functional.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask)
        if sharing is not None:
            attended = sharing.scatter(attended, hidden.shape[1])
        hidden = hidden + self.attention_gate.tanh() * self.output(_joined(attended).to(hidden.dtype))
        expanded = functional.gelu(self.expand(self.feed_forward_norm(hidden)))
        result: Tensor = hidden + self.feed_forward_gate.tanh() * self.contract(expanded)
        return result


class AudioFlamingo2Network(nn.Module):
    """The whole network: modules in the layout that they are loaded in; `decoder` runs the language model."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self.configuration = configuration
        self.audio_encoder = _audio_encoder(configuration.audio_encoder)
        self.audio_transformer = AudioTransformer(configuration.audio_transformer)
        self.language_model = _language_model(configuration)
        width = self.language_model.config.hidden_size
        audio_width = configuration.audio_transformer.width
        self.cross_attention = nn.ModuleDict(
            {
                str(layer): GatedCrossAttention(configuration.cross_attention, width, audio_width)
                for layer in configuration.cross_attention.layers
            }
        )

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return self.audio_transformer.norm.weight.dtype

    @property
    def hidden_dtype(self) -> torch.dtype:
        """Type of the language model's hidden states."""
        dtype: torch.dtype = self.language_model.model.norm.weight.dtype
        return dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.audio_transformer.norm.weight.device

    @property
    def mel_bins(self) -> int:
        """Mel bands that `encode_windows` takes."""
        return self.configuration.audio_encoder.mel_bins

    def encode_windows(self, log_mel: Tensor) -> Tensor:
        """Embed windows, one by one: log_mel in decibels, float32, shape (n_windows, n_frames, mel_bins).

        Return shape (n_windows, tokens of a window, audio_width).
        """
        parts = [
            audio_encoder.encode(self.audio_encoder, part.to(self.device))
            for part in torch.split(log_mel, _WINDOWS_AT_ONCE)
        ]
        return torch.cat(parts)

    def relate_windows(self, embeddings: Tensor, window_mask: Tensor) -> Tensor:
        """Let the windows of each clip see one another.

        The embeddings are of shape (n_clips, n_windows, tokens of a window, audio_width), the mask (n_clips,
        n_windows).

        Returns:
            Shape (n_clips, n_windows * tokens of a window, audio_width); without meaning in padded windows.
        """
        mask = _token_mask(window_mask.to(self.device), embeddings.shape[2])
        related: Tensor = self.audio_transformer(embeddings.to(self.device, self.dtype).flatten(1, 2), mask)
        return related

    def project_audio(self, audio: Tensor, window_mask: Tensor) -> AudioContext:
        """Project the result of `relate_windows` into the keys and values of all blocks: once a clip, not a token."""
        tokens = audio.shape[1] // window_mask.shape[1]
        projected = [block.project(audio) for block in self._blocks()]
        keys, values = zip(*projected, strict=True)
        return AudioContext(keys, values, _token_mask(window_mask.to(self.device), tokens))

    def block_before(self, layer: int) -> GatedCrossAttention | None:
        """Return the cross-attention that stands before a layer of the language model; None where there is none."""
        block: GatedCrossAttention | None = self.cross_attention._modules.get(str(layer))  # type: ignore[assignment]
        return block

    def _blocks(self) -> Iterator[GatedCrossAttention]:
        for block in self.cross_attention.values():
            assert isinstance(block, GatedCrossAttention)
            yield block


def build_on_meta(configuration: Configuration, *, is_int8: bool = False) -> AudioFlamingo2Network:
    """Build the network without memory for its weights and without random numbers.

    With `is_int8` the language model's linear layers and those between it and the sound take 8 bits; its other weights
    are to be float32 then, its audio parts stay as they are.
    """
    with torch.device("meta"):
        network = AudioFlamingo2Network(configuration)
    if configuration.ties_embeddings:
        tie_embeddings(network)
    if is_int8:
        replace_linear(network, _takes_int8)
        if configuration.ties_embeddings:
            network.language_model.lm_head.weight = None  # it comes with the embedding
    return network.eval().requires_grad_(False)


def tie_embeddings(network: AudioFlamingo2Network) -> None:
    """Let the output embedding be the input embedding."""
    embedding, head = network.language_model.model.embed_tokens, network.language_model.lm_head
    if not isinstance(head, Int8Linear):
        head.weight = embedding.weight
    elif not head.is_filled:
        head.take(embedding.weight)


def _takes_int8(name: str) -> bool:
    """Whether a linear layer is worth it: not the keys and values of the sound, which are computed once a clip."""
    return name.startswith("language_model.") or (
        name.startswith("cross_attention.") and not name.endswith(".key_value")
    )


def compute_buffers(network: AudioFlamingo2Network, device: torch.device) -> None:
    """Give a network that was built on the meta device the buffers that no checkpoint needs to hold."""
    for module in network.audio_encoder.modules():
        if hasattr(module, "create_relative_position_index"):
            module.relative_position_index = module.create_relative_position_index().to(device)
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked = torch.zeros((), dtype=torch.long, device=device)
    decoder = network.language_model.model
    decoder.rotary_emb = type(decoder.rotary_emb)(config=decoder.config).to(device)


def _audio_encoder(sizes: AudioEncoderSizes) -> Any:
    config = transformers.ClapAudioConfig(
        num_mel_bins=sizes.mel_bins,
        spec_size=sizes.image_size,
        patch_size=sizes.patch_size,
        patch_stride=[sizes.patch_size, sizes.patch_size],
        patch_embeds_hidden_size=sizes.embedding_size,
        hidden_size=sizes.output_size,
        depths=list(sizes.depths),
        num_attention_heads=list(sizes.heads),
        window_size=sizes.window_size,
        mlp_ratio=sizes.expansion,
        enable_fusion=False,
    )
    encoder = transformers.ClapAudioModel(config)
    # Decibels down to -100 need more than bfloat16's 8 bits: the batch norm stays in float32 (see `checkpoint`), and
    # the image it gives is rounded only here.
    patching = encoder.audio_encoder.patch_embed
    patching.register_forward_pre_hook(
        lambda _, arguments: (arguments[0].to(patching.proj.weight.dtype), *arguments[1:])
    )
    return encoder


def _language_model(configuration: Configuration) -> Any:
    config = transformers.Qwen2Config.from_dict(dict(configuration.language_model))
    config.vocab_size = configuration.vocabulary_size
    return transformers.Qwen2ForCausalLM(config)


def _token_mask(window_mask: Tensor, tokens: int) -> Tensor | None:
    mask = window_mask.bool()
    return None if mask.all() else mask.repeat_interleave(tokens, dim=1)[:, None, None]


def _joined_clips(first: Tensor, second: Tensor, n_tokens: int) -> Tensor:
    """Join keys or values of clips, shape (n_clips, n_heads, n_tokens, head_size), padded with zeros at their end."""
    return torch.cat([functional.pad(one, (0, 0, 0, n_tokens - one.shape[2])) for one in (first, second)])


def _heads(x: Tensor, heads: int) -> Tensor:
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the first channels of each head by their position (RoPE, Su et al. 2021), in float32."""
    size = cosine.shape[-1]
    rotated, kept = x[..., :size].float(), x[..., size:]
    first, second = rotated.chunk(2, dim=-1)
    rotated = rotated * cosine + torch.cat((-second, first), dim=-1) * sine
    return torch.cat((rotated.to(x.dtype), kept), dim=-1)
