"""Tiny random models of the classes that make Bark's tokens, saved as the published ones are."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flamingo_bark_assets.tokens.catalogue import TokenModels

HIDDEN = 24


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread: for models so small more threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def save_hubert(folder: Path, *, layers: int = 11, seed: int = 0) -> Path:
    """Save a HuBERT-base of few channels: the strides and the group norm of the real one."""
    import torch
    from transformers import HubertConfig, HubertModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        HubertModel(
            HubertConfig(
                hidden_size=HIDDEN, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32,
                conv_dim=(8,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
            )
        ).save_pretrained(folder)  # fmt: skip
    return folder


def save_encodec(folder: Path, *, seed: int = 0, trained: bool = True) -> Path:
    """Save an EnCodec of few channels; `trained` fills its codebooks, which are zero at first."""
    import torch
    from transformers import EncodecConfig, EncodecModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = EncodecModel(EncodecConfig(num_filters=2, hidden_size=8, codebook_dim=8, num_lstm_layers=1))
        with torch.no_grad():
            of_noise = model.encoder(torch.randn(1, 1, 24_000) * 0.1)
        for number, layer in enumerate(model.quantizer.layers if trained else ()):
            # Around what the encoder gives, or all sound would have one token.
            centre = of_noise.mean(dim=-1) if number == 0 else 0.0
            layer.codebook.embed.normal_().mul_(of_noise.std(dim=-1)).add_(centre)
        model.save_pretrained(folder)
    return folder


def quantizer_state(
    version: int, *, inputs: int = HIDDEN, hidden: int = 32, middle: int = 48, ids: int = 10_000, seed: int = 0
) -> dict[str, Any]:
    """The state dict of a quantizer under its published names."""
    import torch

    layers: dict[str, Any] = {"lstm": torch.nn.LSTM(inputs, hidden, 2, batch_first=True)}
    if version:
        layers["intermediate"] = torch.nn.Linear(hidden, middle)
    layers["fc"] = torch.nn.Linear(middle if version else hidden, ids)
    noise = torch.Generator().manual_seed(seed)
    return {
        key: torch.empty_like(value).normal_(0, 0.05 if "bias" in key else 0.4, generator=noise)
        for key, value in torch.nn.ModuleDict(layers).state_dict().items()
    }


def save_quantizer(path: Path, version: int = 0, *, info: dict[str, Any] | None = None, **sizes: int) -> Path:
    """Save a quantizer; with `info` as newer files carry it."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(quantizer_state(version, **sizes), path)
    if info is not None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(f"{path.stem}/.info", json.dumps(info))
    return path


def save_token_models(folder: Path, *, version: int = 0, token_cache: Path | None = None) -> TokenModels:
    """Save all three."""
    return TokenModels(
        hubert=str(save_hubert(folder / "hubert")),
        quantizer=str(save_quantizer(folder / "quantizer.pth", version)),
        encodec=str(save_encodec(folder / "encodec")),
        device="cpu",
        token_cache=token_cache,
    )


def save_bark(folder: Path, *, semantic_tokens: int = 24) -> Path:
    """Save a Bark of few channels with the real vocabularies, and a processor with a tokenizer of a few words."""
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
        GenerationConfig,
    )
    from transformers.models.bark.generation_configuration_bark import (
        BarkCoarseGenerationConfig,
        BarkFineGenerationConfig,
        BarkGenerationConfig,
        BarkSemanticGenerationConfig,
    )

    sizes: dict[str, Any] = {"num_layers": 1, "num_heads": 2, "hidden_size": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BarkModel(
            BarkConfig(
                semantic_config=BarkSemanticConfig(**sizes, input_vocab_size=129_600).to_dict(),
                coarse_acoustics_config=BarkCoarseConfig(
                    **sizes, input_vocab_size=12_096, output_vocab_size=12_096
                ).to_dict(),
                fine_acoustics_config=BarkFineConfig(
                    **sizes, input_vocab_size=1056, output_vocab_size=1056, n_codes_total=8, n_codes_given=1
                ).to_dict(),
                codec_config=EncodecConfig(num_filters=2, hidden_size=8, codebook_dim=8).to_dict(),
            )
        )
    model.generation_config = GenerationConfig()  # its own cannot be saved by transformers 5.23
    model.save_pretrained(folder)
    generation = BarkGenerationConfig.from_sub_model_configs(
        BarkSemanticGenerationConfig(max_new_tokens=semantic_tokens), BarkCoarseGenerationConfig(),
        BarkFineGenerationConfig(),
    )  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(generation.to_dict()), encoding="utf-8")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "la", "music", "♪"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    BarkProcessor(BertTokenizer(str(folder / "vocab.txt"))).save_pretrained(folder)
    return folder
