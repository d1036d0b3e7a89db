"""A tiny random Whisper of transformers' own classes, saved as the released ones are, with a tokenizer made here."""

from __future__ import annotations

from pathlib import Path

LANGUAGES = ("en", "de", "fr")
TIMESTAMPS = 1501


def save_tiny_whisper(folder: Path, *, seed: int = 0, word_times: bool = True, most_tokens: int = 40) -> Path:
    """Save model, processor and tokenizer; gives the folder.

    Its tokens are single bytes and what it says is noise, the same for the same sound. Without `word_times` its
    generation config names no alignment heads, as those of models that were trained further often do not.
    """
    import torch
    from tokenizers import pre_tokenizers
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = WhisperTokenizer(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[])
    named = [f"<|{language}|>" for language in LANGUAGES]
    special = ["<|startoftranscript|>", *named, "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>",
               "<|nospeech|>", "<|notimestamps|>"]  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens([f"<|{0.02 * i:.2f}|>" for i in range(TIMESTAMPS)])
    numbers = dict(zip(special, tokenizer.convert_tokens_to_ids(special), strict=True))
    start, end = numbers["<|startoftranscript|>"], tokenizer.eos_token_id
    ends = {"decoder_start_token_id": start, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, d_model=32, max_target_positions=64,
        begin_suppress_tokens=None, init_std=1.0, **ends,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WhisperForConditionalGeneration(config)
    values = {
        "is_multilingual": True, "lang_to_id": {name: numbers[name] for name in named},
        "task_to_id": {task: numbers[f"<|{task}|>"] for task in ("translate", "transcribe")},
        "no_timestamps_token_id": numbers["<|notimestamps|>"], "prev_sot_token_id": numbers["<|startofprev|>"],
        "max_initial_timestamp_index": 50, "max_length": most_tokens,
    }  # fmt: skip
    if word_times:
        values["alignment_heads"] = [[1, 0], [1, 1]]
    model.generation_config = GenerationConfig(**values, **ends)
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder
