"""A tiny random Audio Flamingo 2 in the released layout, of a size that is neither the golden's nor a released one.

Making and saving it and sounds for it belong here; what is tested with it does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flamingo_bark_assets.inference.audio_flamingo_2.encoding import encode_clips, pad_windows
from flamingo_bark_assets.inference.interface import Clip, Reply

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

END, ROWS = 256, 261  # 256 bytes, the end token, four added tokens

# A size that is neither the golden's nor a released one.
STAGES = ((8, 1), (16, 2), (32, 4), (64, 8))  # channels, heads
AUDIO_WIDTH, AUDIO_INNER, AUDIO_FEED_FORWARD, FREQUENCIES = 64, 48, 40, 6
WIDTH, FEED_FORWARD, LAYERS, KEY_WIDTH, CROSS_INNER = 32, 48, 3, 16, 128

BASE_CONFIG: dict[str, Any] = {
    "model_type": "qwen2",
    "vocab_size": 300,
    "hidden_size": WIDTH,
    "intermediate_size": FEED_FORWARD,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "bos_token_id": END,
    "eos_token_id": END,
}


def _norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _linear(name: str, rows: int, columns: int, *, bias: bool = True) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns)} | ({f"{name}.bias": (rows,)} if bias else {})


def _encoder_shapes() -> dict[str, tuple[int, ...]]:
    first = STAGES[0][0]
    shapes = _norm("bn0", 64) | {"bn0.running_mean": (64,), "bn0.running_var": (64,), "bn0.num_batches_tracked": ()}
    shapes |= {"patch_embed.proj.weight": (first, 1, 4, 4), "patch_embed.proj.bias": (first,)}
    shapes |= _norm("patch_embed.norm", first)
    for stage, (size, heads) in enumerate(STAGES):
        for block in range(2):
            name = f"layers.{stage}.blocks.{block}"
            shapes |= _norm(f"{name}.norm1", size) | _norm(f"{name}.norm2", size)
            shapes |= _linear(f"{name}.attn.qkv", 3 * size, size) | _linear(f"{name}.attn.proj", size, size)
            shapes |= _linear(f"{name}.mlp.fc1", 4 * size, size) | _linear(f"{name}.mlp.fc2", size, 4 * size)
            shapes[f"{name}.attn.relative_position_bias_table"] = (225, heads)
        if stage < len(STAGES) - 1:
            shapes |= _linear(f"layers.{stage}.downsample.reduction", 2 * size, 4 * size, bias=False)
            shapes |= _norm(f"layers.{stage}.downsample.norm", 4 * size)
    shapes |= _norm("norm", STAGES[-1][0]) | _linear("head", 5, 5) | {"tscam_conv.weight": (5, 64, 2, 3)}
    return {f"clap.nvclap.{name}": shape for name, shape in shapes.items()}


def _audio_transformer_shapes() -> dict[str, tuple[int, ...]]:
    shapes = _norm("layer_norm", AUDIO_WIDTH) | {"position_enc.inv_freq": (FREQUENCIES,)}
    for layer in range(2):
        attention, feed_forward = f"layer_stack.{layer}.slf_attn", f"layer_stack.{layer}.pos_ffn"
        for name in ("w_qs", "w_ks", "w_vs"):
            shapes |= _linear(f"{attention}.{name}", AUDIO_INNER, AUDIO_WIDTH, bias=False)
        shapes |= _linear(f"{attention}.fc", AUDIO_WIDTH, AUDIO_INNER, bias=False)
        shapes |= _norm(f"{attention}.layer_norm", AUDIO_WIDTH) | _norm(f"{feed_forward}.layer_norm", AUDIO_WIDTH)
        shapes |= _linear(f"{feed_forward}.w_1", AUDIO_FEED_FORWARD, AUDIO_WIDTH)
        shapes |= _linear(f"{feed_forward}.w_2", AUDIO_WIDTH, AUDIO_FEED_FORWARD)
    return {f"audio_transformer_clap.{name}": shape for name, shape in shapes.items()}


def _language_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.norm.weight": (WIDTH,)}
    shapes |= {"model.embed_tokens.weight": (ROWS, WIDTH), "lm_head.weight": (ROWS, WIDTH)}
    for layer in range(LAYERS):
        decoder = f"model.layers.{layer}.decoder_layer"
        shapes |= _linear(f"{decoder}.self_attn.q_proj", WIDTH, WIDTH)
        shapes |= _linear(f"{decoder}.self_attn.k_proj", KEY_WIDTH, WIDTH)
        shapes |= _linear(f"{decoder}.self_attn.v_proj", KEY_WIDTH, WIDTH)
        shapes |= _linear(f"{decoder}.self_attn.o_proj", WIDTH, WIDTH, bias=False)
        shapes |= _linear(f"{decoder}.mlp.gate_proj", FEED_FORWARD, WIDTH, bias=False)
        shapes |= _linear(f"{decoder}.mlp.up_proj", FEED_FORWARD, WIDTH, bias=False)
        shapes |= _linear(f"{decoder}.mlp.down_proj", WIDTH, FEED_FORWARD, bias=False)
        shapes |= {f"{decoder}.{name}.weight": (WIDTH,) for name in ("input_layernorm", "post_attention_layernorm")}
        cross = f"model.layers.{layer}.gated_cross_attn_layer_sound"
        shapes |= {f"{cross}.attn_gate": (1,), f"{cross}.ff_gate": (1,)} | _norm(f"{cross}.attn.norm", WIDTH)
        shapes |= _linear(f"{cross}.attn.to_q", CROSS_INNER, WIDTH, bias=False)
        shapes |= _linear(f"{cross}.attn.to_kv", 2 * CROSS_INNER, AUDIO_WIDTH, bias=False)
        shapes |= _linear(f"{cross}.attn.to_out", WIDTH, CROSS_INNER, bias=False) | _norm(f"{cross}.ff.0", WIDTH)
        shapes |= _linear(f"{cross}.ff.1", 4 * WIDTH, WIDTH, bias=False)
        shapes |= _linear(f"{cross}.ff.3", WIDTH, 4 * WIDTH, bias=False)
    return {f"lang_encoder.{name}": shape for name, shape in shapes.items()}


def random_release() -> dict[str, Tensor]:
    """Draw all tensors of a release, without its aliases."""
    import torch

    random = torch.Generator().manual_seed(4)
    tensors = {
        name: torch.randn(shape, generator=random) * (0.3 if len(shape) > 1 else 1.0)
        for name, shape in (_encoder_shapes() | _audio_transformer_shapes() | _language_shapes()).items()
    }
    tensors["clap.nvclap.bn0.running_var"] = tensors["clap.nvclap.bn0.running_var"].abs() * 1000 + 1
    tensors["lang_encoder.lm_head.weight"] = tensors["lang_encoder.model.embed_tokens.weight"].clone()
    inverse = 4096.0 ** -(torch.arange(FREQUENCIES) / FREQUENCIES)
    return tensors | {"audio_transformer_clap.position_enc.inv_freq": inverse}


def save_release(folder: Path, tensors: dict[str, Tensor]) -> Path:
    """Write tensors in the released layout, with the aliases and in two chunks, and the base config beside them."""
    from safetensors.torch import save_file

    aliases = {
        name.replace(".model.layers.", ".old_decoder_blocks.").replace(".decoder_layer.", "."): tensor.clone()
        for name, tensor in tensors.items()
        if ".decoder_layer." in name
    }
    names = sorted(everything := tensors | aliases)
    chunks = {"model_chunk_0": names[::2], "model_chunk_1": names[1::2]}
    (folder / "safe_ckpt").mkdir(parents=True)
    for chunk, members in chunks.items():
        save_file({name: everything[name] for name in members}, folder / "safe_ckpt" / f"{chunk}.safetensors")
    (folder / "safe_ckpt" / "metadata.json").write_text(json.dumps(chunks))
    (folder / "base_lm_config.json").write_text(json.dumps(BASE_CONFIG))
    return folder


def save_base(folder: Path) -> Path:
    """Write what is needed of the base language model: its config and a byte-level tokenizer without merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocabulary = {symbol: i for i, symbol in enumerate(sorted(ByteLevel.alphabet()))} | {"<|endoftext|>": END}
    Qwen2Tokenizer(vocab=vocabulary, merges=[]).save_pretrained(str(folder))
    (folder / "config.json").write_text(json.dumps(BASE_CONFIG))
    return folder


def tone(seconds: float, hz: float, sample_rate_hz: int = 16_000) -> Clip:
    """Make a rising tone that swells twice a second."""
    time_s = np.arange(int(seconds * sample_rate_hz)) / sample_rate_hz
    sweep = np.sin(2 * np.pi * hz * time_s * (1 + time_s / 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time_s))
    return Clip(sweep.astype(np.float32), sample_rate_hz)


def context_of(network: AudioFlamingo2Network, clips: list[Clip]) -> AudioContext:
    """Encode clips and project their keys and values."""
    padded, mask = pad_windows(encode_clips(network, clips))
    return network.project_audio(padded.flatten(1, 2), mask)


def same(replies: list[Reply], others: list[Reply]) -> bool:
    """Tell whether replies are the same but for rounding of their probability."""
    return [(r.text, r.token_count, r.truncated) for r in replies] == [
        (r.text, r.token_count, r.truncated) for r in others
    ] and np.allclose(
        [r.mean_log_probability or 0 for r in replies], [r.mean_log_probability or 0 for r in others], atol=1e-4
    )
