"""Every dimension of an Audio Flamingo 2, read from the shapes of a checkpoint and its base language model's config.

Sizes belong here, and no size is written down but those that shapes cannot tell; names of tensors stand in `keys`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.errors import FlamingoBarkError

Shape = tuple[int, ...]

# Not to be seen in shapes: NVIDIA's code has no other value for them.
CROSS_ATTENTION_HEAD_SIZE = 64
FREQUENCY_FOLDS = 4
ROTATED_SHARE_OF_HEAD = 2


class CheckpointError(FlamingoBarkError):
    """A checkpoint is not a complete Audio Flamingo 2; the message names the file or the tensor."""

    code = "FB606"
    remedy = "Fetch the model again, or point `model` to a complete folder."


@dataclass(frozen=True, slots=True)
class AudioEncoderSizes:
    """The audio encoder, HTSAT.

    Attributes:
        mel_bins: mel bands of its input.
        image_size: side of the image that the spectrum is folded into, pixels.
        patch_size: side of a patch, pixels; also its stride.
        embedding_size: channels after patching; they double with every stage.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        window_size: side of an attention window, patches.
        expansion: width of a block's feed-forward layer over its channels.
    """

    mel_bins: int
    image_size: int
    patch_size: int
    embedding_size: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window_size: int
    expansion: float

    @property
    def output_size(self) -> int:
        """Channels after the last stage."""
        return int(self.embedding_size * 2 ** (len(self.depths) - 1))


@dataclass(frozen=True, slots=True)
class AudioTransformerSizes:
    """The transformer over the embeddings of all windows.

    Attributes:
        layers: number of layers.
        width: channels of its input and output.
        heads: attention heads.
        head_size: channels of a head.
        rotated_size: channels of a head that carry the position.
        feed_forward_size: width of the feed-forward layers.
    """

    layers: int
    width: int
    heads: int
    head_size: int
    rotated_size: int
    feed_forward_size: int


@dataclass(frozen=True, slots=True)
class CrossAttentionSizes:
    """The gated cross-attention blocks.

    Attributes:
        layers: indices of the decoder layers that have one before them.
        heads: attention heads.
        head_size: channels of a head.
        feed_forward_size: width of the feed-forward layers.
    """

    layers: tuple[int, ...]
    heads: int
    head_size: int
    feed_forward_size: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The whole model.

    Attributes:
        audio_encoder: sizes of the audio encoder.
        audio_transformer: sizes of the audio transformer.
        cross_attention: sizes of the cross-attention blocks.
        vocabulary_size: rows of the embedding, after the shrink to the tokenizer's length.
        language_model: the base model's own config.json, for transformers' Qwen2Config.
    """

    audio_encoder: AudioEncoderSizes
    audio_transformer: AudioTransformerSizes
    cross_attention: CrossAttentionSizes
    vocabulary_size: int
    language_model: Mapping[str, Any]

    @property
    def end_token_ids(self) -> tuple[int, ...]:
        """Tokens that end a reply."""
        ids = self.language_model.get("eos_token_id")
        return tuple(ids) if isinstance(ids, list) else () if ids is None else (int(ids),)

    @property
    def ties_embeddings(self) -> bool:
        """Whether input and output embeddings are one tensor."""
        return bool(self.language_model.get("tie_word_embeddings", False))


def read_configuration(shapes: Mapping[str, Shape], language_model: Mapping[str, Any]) -> Configuration:
    """Find all dimensions in the tensors' shapes, by canonical released name, and the base model's config.json.

    Raises:
        CheckpointError: a tensor is missing or its shape fits no Audio Flamingo 2, or the base model is no Qwen2.
    """
    if language_model.get("model_type") != "qwen2":
        raise CheckpointError(f"the base language model is no qwen2 but {language_model.get('model_type')!r}")
    reader = _ShapeReader(shapes)
    try:
        return Configuration(
            audio_encoder=_audio_encoder(reader),
            audio_transformer=_audio_transformer(reader),
            cross_attention=_cross_attention(reader),
            vocabulary_size=_vocabulary_size(reader),
            language_model=language_model,
        )
    except (ZeroDivisionError, IndexError) as error:
        raise CheckpointError(f"the shapes in the checkpoint fit no Audio Flamingo 2: {error}") from error


class _ShapeReader:
    """Looks up shapes by name, with errors that name the tensor."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = shapes

    def of(self, name: str, dimensions: int) -> Shape:
        shape = self.shapes.get(name)
        if shape is None:
            raise CheckpointError(f"the checkpoint has no tensor {name}")
        if len(shape) != dimensions:
            raise CheckpointError(f"{name} has the shape {shape}, not one of {dimensions} dimensions")
        return shape

    def indices(self, pattern: str) -> tuple[int, ...]:
        """Return the sorted numbers that the one group of a pattern takes over all names."""
        matches = (re.match(pattern, name) for name in self.shapes)
        return tuple(sorted({int(match[1]) for match in matches if match}))

    def count(self, pattern: str) -> int:
        """Return how many there are, counted from 0 without a gap."""
        indices = self.indices(pattern)
        if not indices or indices != tuple(range(len(indices))):
            raise CheckpointError(
                f"the checkpoint's tensors {pattern} are not numbered from 0 without a gap: {indices}"
            )
        return len(indices)


def _audio_encoder(reader: _ShapeReader) -> AudioEncoderSizes:
    stages = reader.count(r"clap\.nvclap\.layers\.(\d+)\.")
    block = "clap.nvclap.layers.{}.blocks.0."
    depths = tuple(reader.count(rf"clap\.nvclap\.layers\.{stage}\.blocks\.(\d+)\.") for stage in range(stages))
    tables = [
        reader.of(block.format(stage) + "attn.relative_position_bias_table", 2) for stage in range(stages)
    ]  # fmt: skip
    (mel_bins,) = reader.of("clap.nvclap.bn0.weight", 1)
    embedding_size, _, patch_size, _ = reader.of("clap.nvclap.patch_embed.proj.weight", 4)
    expanded, channels = reader.of(block.format(0) + "mlp.fc1.weight", 2)
    return AudioEncoderSizes(
        mel_bins=mel_bins,
        image_size=mel_bins * FREQUENCY_FOLDS,
        patch_size=patch_size,
        embedding_size=embedding_size,
        depths=depths,
        heads=tuple(heads for _, heads in tables),
        # A window of w x w patches has (2w - 1)^2 relative positions.
        window_size=(math.isqrt(tables[0][0]) + 1) // 2,
        expansion=expanded / channels,
    )


def _audio_transformer(reader: _ShapeReader) -> AudioTransformerSizes:
    prefix = "audio_transformer_clap."
    (frequencies,) = reader.of(prefix + "position_enc.inv_freq", 1)
    inner, width = reader.of(prefix + "layer_stack.0.slf_attn.w_qs.weight", 2)
    feed_forward_size, _ = reader.of(prefix + "layer_stack.0.pos_ffn.w_1.weight", 2)
    head_size = ROTATED_SHARE_OF_HEAD * 2 * frequencies
    return AudioTransformerSizes(
        layers=reader.count(r"audio_transformer_clap\.layer_stack\.(\d+)\."),
        width=width,
        heads=_whole(inner, head_size, "audio_transformer_clap's attention"),
        head_size=head_size,
        rotated_size=2 * frequencies,
        feed_forward_size=feed_forward_size,
    )


def _cross_attention(reader: _ShapeReader) -> CrossAttentionSizes:
    for prefix in ("lang_encoder.model.layers.{}.gated_cross_attn_layer_sound.",
                   "lang_encoder.gated_cross_attn_layers_sound.{}."):  # fmt: skip
        layers = reader.indices(re.escape(prefix).replace(r"\{\}", r"(\d+)"))
        if layers:
            block = prefix.format(layers[0])
            inner, _ = reader.of(block + "attn.to_q.weight", 2)
            feed_forward_size, _ = reader.of(block + "ff.1.weight", 2)
            return CrossAttentionSizes(
                layers=layers,
                heads=_whole(inner, CROSS_ATTENTION_HEAD_SIZE, "the cross-attention"),
                head_size=CROSS_ATTENTION_HEAD_SIZE,
                feed_forward_size=feed_forward_size,
            )
    raise CheckpointError("the checkpoint has no gated cross-attention (gated_cross_attn_layer_sound)")


def _vocabulary_size(reader: _ShapeReader) -> int:
    for name in ("lang_encoder.lm_head.weight", "lang_encoder.model.embed_tokens.weight"):
        if name in reader.shapes:
            return reader.of(name, 2)[0]
    raise CheckpointError("the checkpoint has neither lang_encoder.lm_head.weight nor embed_tokens.weight")


def _whole(total: int, part: int, what: str) -> int:
    if total % part or not total:
        raise CheckpointError(f"the {total} channels of {what} are no multiple of {part}")
    return total // part
