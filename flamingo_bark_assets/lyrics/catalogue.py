"""The models that transcribe sung words: what is published of each.

Facts belong here; loading and running them stand in `whisper`.
"""

from __future__ import annotations

from flamingo_bark_assets.inference.catalogue import KnownModel

# The hub also holds the weights for other frameworks, and once more in pickles.
_FILES = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.json", "merges.txt", "normalizer.json", "added_tokens.json",
    "special_tokens_map.json", "model.safetensors",
)  # fmt: skip


def _whisper(size: str, parameters: int, bytes_per_parameter: int, licence: str = "Apache-2.0") -> KnownModel:
    return KnownModel(
        model_id=f"openai/whisper-{size}",
        family=None,
        name=f"Whisper {size}",
        parameters=parameters,
        download_bytes=parameters * bytes_per_parameter,
        download_is_computed=True,
        licence=licence,
        non_commercial=False,
        sample_rate_hz=16_000,
        allow_patterns=_FILES,
    )


KNOWN_WHISPERS: tuple[KnownModel, ...] = (
    _whisper("tiny", 37_800_000, 4),
    _whisper("base", 72_600_000, 4),
    _whisper("small", 241_700_000, 4),
    _whisper("medium", 763_900_000, 4),
    _whisper("large-v3-turbo", 808_900_000, 2, "MIT"),
    _whisper("large-v3", 1_543_500_000, 2),
)
_BY_ID = {model.model_id.lower(): model for model in KNOWN_WHISPERS}


def known_whisper(model_id: str) -> KnownModel | None:
    """Return the known model of that id, in any case of letters; None where there is none."""
    return _BY_ID.get(model_id.lower())
