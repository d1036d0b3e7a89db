"""Tiny random models of transformers' Audio Flamingo 3 and Music Flamingo classes, with a tokenizer made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

TinyFamily = Literal["audio-flamingo-3", "music-flamingo"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'audio' %}<sound>{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_tiny_model(folder: Path, family: TinyFamily, *, seed: int = 0, scale: int = 1) -> Path:
    """Save model, processor and tokenizer as a repository on the hub has them; gives the folder.

    `scale` widens all layers and multiplies their number, for measuring speed.
    """
    import torch
    from transformers import (
        AudioFlamingo3Config,
        AudioFlamingo3ForConditionalGeneration,
        AudioFlamingo3Processor,
        MusicFlamingoConfig,
        MusicFlamingoForConditionalGeneration,
        MusicFlamingoProcessor,
        WhisperFeatureExtractor,
    )

    tokenizer = _byte_tokenizer()
    sizes: dict[str, Any] = {
        "audio_config": {
            "model_type": "audioflamingo3_encoder", "num_mel_bins": 8, "num_hidden_layers": scale,
            "num_attention_heads": 2, "intermediate_size": 16 * scale, "hidden_size": 16 * scale,
            "max_source_positions": 1500,
        },
        "text_config": {
            "model_type": "qwen2", "vocab_size": len(tokenizer), "hidden_size": 16 * scale,
            "intermediate_size": 64 * scale if scale > 1 else 16,
            "num_hidden_layers": scale, "num_attention_heads": 2, "num_key_value_heads": 1,
            "max_position_embeddings": 4096, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None,
            # Random weights of the usual size say the same whatever they hear.
            "initializer_range": 1.0,
        },
        "audio_token_id": tokenizer.convert_tokens_to_ids("<sound>"),
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if family == "audio-flamingo-3":
            model = AudioFlamingo3ForConditionalGeneration(AudioFlamingo3Config(**sizes))
            processor_class = AudioFlamingo3Processor
        else:
            ends = {
                f"audio_{end}_token_id": tokenizer.convert_tokens_to_ids(f"<|sound_{end}|>") for end in ("bos", "eos")
            }
            model = MusicFlamingoForConditionalGeneration(MusicFlamingoConfig(**sizes, **ends))
            processor_class = MusicFlamingoProcessor
    model.save_pretrained(folder)
    features = WhisperFeatureExtractor(feature_size=8, chunk_length=30)
    processor_class(features, tokenizer, chat_template=_CHAT_TEMPLATE).save_pretrained(folder)
    return folder


def save_in_hub_cache(cache: Path, repo_id: str, family: TinyFamily) -> Path:
    """Save a tiny model as huggingface_hub keeps a downloaded one; gives the folder of the snapshot."""
    storage = cache / f"models--{repo_id.replace('/', '--')}"
    (storage / "refs").mkdir(parents=True)
    (storage / "refs" / "main").write_text(COMMIT)
    return save_tiny_model(storage / "snapshots" / COMMIT, family)


def _byte_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<sound>", "<|sound_bos|>", "<|sound_eos|>"],
    )
