"""Tiny random models of transformers' classes that hear, saved as the published ones; with a tokenizer made here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

TinyFamily = Literal["audio-flamingo-3", "music-flamingo", "qwen2-audio", "qwen2.5-omni"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'audio' %}<sound>{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Parts stand where they are given.
_QWEN_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QWEN_TOKENS = {
    f"{name}_token": f"<|{text}|>"
    for name, text in (
        ("audio", "AUDIO"), ("image", "IMAGE"), ("video", "VIDEO"), ("audio_bos", "audio_bos"),
        ("audio_eos", "audio_eos"), ("vision_bos", "vision_bos"), ("vision_eos", "vision_eos"),
    )
}  # fmt: skip


def save_tiny_model(folder: Path, family: TinyFamily, *, seed: int = 0, scale: int = 1) -> Path:
    """Save model, processor and tokenizer as a repository on the hub has them; gives the folder.

    `scale` widens all layers and multiplies their number, for measuring speed.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        match family:
            case "audio-flamingo-3" | "music-flamingo":
                _save_flamingo(folder, family, scale)
            case "qwen2-audio":
                _save_qwen2_audio(folder, scale)
            case "qwen2.5-omni":
                _save_qwen_omni(folder, scale)
    return folder


def save_in_hub_cache(cache: Path, repo_id: str, family: TinyFamily) -> Path:
    """Save a tiny model as huggingface_hub keeps a downloaded one; gives the folder of the snapshot."""
    storage = cache / f"models--{repo_id.replace('/', '--')}"
    (storage / "refs").mkdir(parents=True)
    (storage / "refs" / "main").write_text(COMMIT)
    return save_tiny_model(storage / "snapshots" / COMMIT, family)


def _save_flamingo(folder: Path, family: TinyFamily, scale: int) -> None:
    from transformers import (
        AudioFlamingo3Config,
        AudioFlamingo3ForConditionalGeneration,
        AudioFlamingo3Processor,
        MusicFlamingoConfig,
        MusicFlamingoForConditionalGeneration,
        MusicFlamingoProcessor,
        WhisperFeatureExtractor,
    )

    tokenizer = _byte_tokenizer(additional_special_tokens=["<|im_start|>", "<sound>", "<|sound_bos|>", "<|sound_eos|>"])
    sizes: dict[str, Any] = {
        "audio_config": {"model_type": "audioflamingo3_encoder", **_audio_sizes(scale)},
        "text_config": {"model_type": "qwen2", **_text_sizes(tokenizer, scale)},
        "audio_token_id": tokenizer.convert_tokens_to_ids("<sound>"),
    }
    if family == "audio-flamingo-3":
        model = AudioFlamingo3ForConditionalGeneration(AudioFlamingo3Config(**sizes))
        processor_class = AudioFlamingo3Processor
    else:
        ends = {f"audio_{end}_token_id": tokenizer.convert_tokens_to_ids(f"<|sound_{end}|>") for end in ("bos", "eos")}
        model = MusicFlamingoForConditionalGeneration(MusicFlamingoConfig(**sizes, **ends))
        processor_class = MusicFlamingoProcessor
    model.save_pretrained(folder)
    features = WhisperFeatureExtractor(feature_size=8, chunk_length=30)
    processor_class(features, tokenizer, chat_template=_CHAT_TEMPLATE).save_pretrained(folder)


def _save_qwen2_audio(folder: Path, scale: int) -> None:
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

    tokenizer = _qwen_tokenizer()
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", **_audio_sizes(scale)},
        text_config={"model_type": "qwen2", **_text_sizes(tokenizer, scale)},
        audio_token_index=tokenizer.audio_token_id,
    )
    Qwen2AudioForConditionalGeneration(config).save_pretrained(folder)
    _save_qwen_processor(folder, tokenizer, "Qwen2AudioProcessor", chunk_s=30)


def _save_qwen_omni(folder: Path, scale: int) -> None:
    """Save all of it, also what speaks and what looks at pictures."""
    from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

    tokenizer = _qwen_tokenizer()
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1_000_000.0}
    ids = {
        "audio_token_index": tokenizer.audio_token_id,
        "image_token_index": tokenizer.image_token_id,
        "video_token_index": tokenizer.video_token_id,
        "audio_start_token_id": tokenizer.audio_bos_token_id,
        "audio_end_token_id": tokenizer.audio_eos_token_id,
        "vision_start_token_id": tokenizer.vision_bos_token_id,
        "vision_end_token_id": tokenizer.vision_eos_token_id,
    }
    thinker = {
        "audio_config": {**_audio_sizes(scale), "output_dim": 16 * scale},
        "vision_config": {
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16 * scale,
            "fullatt_block_indexes": [1],
        },
        "text_config": {**_text_sizes(tokenizer, scale), "rope_parameters": rope, "tie_word_embeddings": False},
        "initializer_range": 1.0,
        **ids,
    }  # fmt: skip
    width = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    talker = {
        **width, "vocab_size": 300, "intermediate_size": 16, "num_key_value_heads": 1, "head_dim": 8,
        "embedding_size": 16 * scale, "rope_parameters": rope, **ids,
        **{f"tts_{kind}_{end}_token_id": 1 for kind in ("text", "codec") for end in ("start", "end", "pad")},
        "tts_codec_mask_token_id": 1,
    }  # fmt: skip
    token2wav = {
        "dit_config": {
            **width, "ff_mult": 1, "emb_dim": 8, "head_dim": 8, "enc_emb_dim": 4, "enc_dim": 4, "mel_dim": 4,
            "enc_channels": [8, 8, 8], "enc_kernel_sizes": [3, 3, 1], "enc_dilations": [1, 1, 1],
            "enc_attention_channels": 4, "enc_res2net_scale": 2, "enc_se_channels": 4, "num_embeds": 9,
            "look_ahead_layers": [0], "look_backward_layers": [0],
        },
        "bigvgan_config": {
            "mel_dim": 4, "upsample_initial_channel": 8, "resblock_kernel_sizes": [3],
            "resblock_dilation_sizes": [[1, 1, 1]], "upsample_rates": [2], "upsample_kernel_sizes": [4],
        },
    }  # fmt: skip
    config = Qwen2_5OmniConfig(thinker_config=thinker, talker_config=talker, token2wav_config=token2wav)
    Qwen2_5OmniForConditionalGeneration(config).save_pretrained(folder)
    _save_qwen_processor(folder, tokenizer, "Qwen2_5OmniProcessor", chunk_s=300)


def _save_qwen_processor(folder: Path, tokenizer: Any, name: str, *, chunk_s: int) -> None:
    """Save what prepares the input in the files that both have: no class of transformers' need be made for them."""
    from transformers import WhisperFeatureExtractor

    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=8, chunk_length=chunk_s, return_attention_mask=True).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processor_class": name}))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": _QWEN_CHAT_TEMPLATE}))


def _audio_sizes(scale: int) -> dict[str, Any]:
    return {
        "num_mel_bins": 8, "num_hidden_layers": scale, "num_attention_heads": 2, "intermediate_size": 16 * scale,
        "hidden_size": 16 * scale, "max_source_positions": 1500,
    }  # fmt: skip


def _text_sizes(tokenizer: Any, scale: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": 16 * scale, "intermediate_size": 64 * scale if scale > 1 else 16,
        "num_hidden_layers": scale, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 4096, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None,
        # Random weights of the usual size say the same whatever they hear.
        "initializer_range": 1.0,
    }  # fmt: skip


def _qwen_tokenizer() -> Any:
    return _byte_tokenizer(additional_special_tokens=["<|im_start|>"], extra_special_tokens=_QWEN_TOKENS)


def _byte_tokenizer(**special: list[str] | Mapping[str, str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", **special
    )
