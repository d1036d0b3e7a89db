"""A Bark of random weights with its own classes and a small text tokenizer, saved as the released ones are.

Making models belongs here; the hub's own weights cannot be had in tests.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = ("music", "line", "of", "song", "love", "rain", "drums", "bass", "the", "night", "♪", "[", "]")


# The released model reads 119,547 text tokens, whose embeddings take most of the time of a training step here.
_TEXT_TOKENS = 128


def save_bark(folder: Path, *, hidden: int = 48, layers: int = 2, seed: int = 0) -> Path:
    """Save a Bark whose vocabularies of sound are the released one's, and whose text tokens and layers are few.

    Embeddings are as far apart as trained ones, so that training need not part them first.
    """
    import torch
    from transformers import (
        BarkCoarseConfig,
        BarkConfig,
        BarkFineConfig,
        BarkModel,
        BarkProcessor,
        BarkSemanticConfig,
        BertTokenizer,
        EncodecConfig,
    )
    from transformers.models.bark.generation_configuration_bark import (
        BarkCoarseGenerationConfig,
        BarkFineGenerationConfig,
        BarkGenerationConfig,
        BarkSemanticGenerationConfig,
    )

    torch.manual_seed(seed)
    small = {"hidden_size": hidden, "num_layers": layers, "num_heads": 2, "dropout": 0.0}
    codec = EncodecConfig(
        hidden_size=16, num_filters=4, codebook_dim=16, num_lstm_layers=1, target_bandwidths=[1.5, 3.0, 6.0]
    )
    model = BarkModel(
        BarkConfig(
            semantic_config=BarkSemanticConfig(
                input_vocab_size=10_048 + _TEXT_TOKENS, output_vocab_size=10_048, **small
            ).to_dict(),
            coarse_acoustics_config=BarkCoarseConfig(
                input_vocab_size=12_096, output_vocab_size=12_096, **small
            ).to_dict(),
            fine_acoustics_config=BarkFineConfig(input_vocab_size=1056, output_vocab_size=1056, **small).to_dict(),
            codec_config=codec.to_dict(),
        )
    )
    with torch.no_grad():
        for layer in model.codec_model.quantizer.layers:
            layer.codebook.embed.normal_()
        for stage in (model.semantic, model.coarse_acoustics):
            stage.get_input_embeddings().weight.normal_()
    model.save_pretrained(folder)
    generation = BarkGenerationConfig.from_sub_model_configs(
        BarkSemanticGenerationConfig(
            text_pad_token=10_048 + _TEXT_TOKENS - 2, semantic_infer_token=10_048 + _TEXT_TOKENS - 1
        ),
        BarkCoarseGenerationConfig(),
        BarkFineGenerationConfig(),
    )
    # As on the hub; its own `save_pretrained` fails in transformers 5.23.
    (folder / "generation_config.json").write_text(json.dumps(generation.to_dict(), default=str))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz0123456789.,-'"]
    vocabulary += [f"##{character}" for character in "abcdefghijklmnopqrstuvwxyz0123456789"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True)
    BarkProcessor(tokenizer).save_pretrained(folder)
    return folder


def write_bark_export(folder: Path, *, rows: int = 8, held_out: int = 2, seed: int = 0) -> Path:
    """Write lists and tokens as the target ``bark`` does, the sound files aside, which no trainer opens.

    The tokens repeat themselves, as those of a held note do, so that a small model learns them in few steps.
    """
    random = np.random.default_rng(seed)
    (folder / "tokens").mkdir(parents=True)
    for stage, (train, valid), frames in (
        ("semantic", ("train_valid.txt", "valid_valid.txt"), 480),
        ("coarse", ("train.txt", "valid.txt"), 384),
    ):
        for name, count in ((train, rows), (valid, held_out)):
            lines = []
            for row in range(count):
                base = f"{stage}_{name.partition('.')[0]}_{row:02d}"
                semantic = frames * 2 // 3 - 1
                np.savez(
                    folder / "tokens" / f"{base}.npz",
                    semantic=np.resize(random.integers(0, 10_000, 4), semantic),
                    coarse=np.resize(random.integers(0, 1024, (2, 1)), (2, frames)),
                    fine=np.resize(random.integers(0, 1024, (8, 1)), (8, frames)),
                )
                lines.append(f"wavs/{base}.wav|♪ line {row} of the song ♪\n")
            (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


def write_voice(path: Path, *, frames: int = 300, seed: int = 0) -> Path:
    """Write a voice prompt as stock Bark takes it."""
    random = np.random.default_rng(seed)
    np.savez(
        path,
        semantic_prompt=random.integers(0, 10_000, frames * 2 // 3),
        coarse_prompt=random.integers(0, 1024, (2, frames)),
        fine_prompt=random.integers(0, 1024, (8, frames)),
    )
    return path


def config_of(folder: Path) -> dict[str, object]:
    """Read the config of a saved model."""
    config: dict[str, object] = json.loads((folder / "config.json").read_text())
    return config
