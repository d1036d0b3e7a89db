"""A whole Bark with its text tokenizer, from a folder or from the cache of the hub.

Loading belongs here; downloading stands in `inference.fetching`, and nothing is downloaded unasked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FinetuningError
from flamingo_bark_assets.finetuning.stages import BarkIds, Stage
from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError, fetch_command
from flamingo_bark_assets.inference.fetching import cached
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference_settings import DEFAULT_BARK_ID

STAGE_MODULES: dict[Stage, str] = {"semantic": "semantic", "coarse": "coarse_acoustics"}
# The projections of a Bark block, where LoRA is known to work.
LORA_MODULES = ("att_proj", "out_proj", "in_proj")
_FILES = (
    "config.json", "generation_config.json", "pytorch_model.bin", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "speaker_embeddings_path.json",
)  # fmt: skip


def _suno(model_id: str, name: str, parameters: int) -> KnownModel:
    return KnownModel(
        model_id=model_id,
        family=None,
        name=name,
        parameters=parameters,
        download_bytes=parameters * 4,
        download_is_computed=True,
        licence="MIT",
        non_commercial=False,
        sample_rate_hz=24_000,
        allow_patterns=_FILES,
    )


# Parameters: the three stages, and 23 M of EnCodec.
KNOWN_BARKS: tuple[KnownModel, ...] = (
    _suno(DEFAULT_BARK_ID, "Bark, small", 193_000_000 + 104_000_000 + 92_000_000 + 23_000_000),
    _suno("suno/bark", "Bark, large", 446_000_000 + 328_000_000 + 312_000_000 + 23_000_000),
)


def with_lora(stage: Any, rank: int) -> Any:
    """Put LoRA of a rank beside the projections of a stage, which is changed in place; gives the model of peft."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(LORA_MODULES))
    return get_peft_model(stage, config)


@dataclass(frozen=True, slots=True)
class Bark:
    """A loaded Bark.

    Attributes:
        model: `transformers.BarkModel`, on the CPU in float32 unless told otherwise.
        processor: `transformers.BarkProcessor` with its tokenizer.
        ids: its token ids.
        name: folder or id that it came from.
        revision: commit on the hub; None for a folder.
    """

    model: Any
    processor: Any
    ids: BarkIds
    name: str
    revision: str | None

    def stage(self, stage: Stage) -> Any:
        """Return the module of a stage."""
        return getattr(self.model, STAGE_MODULES[stage])

    def text_ids(self, text: str) -> NDArray[np.int64]:
        """Return the ids of a text as Bark reads it, without special tokens, shape (n,)."""
        ids = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return np.asarray(ids, np.int64)


def load_bark(name: str, *, revision: str | None = None, cache_dir: Path | None = None) -> Bark:
    """Load a Bark.

    Args:
        name: a folder as `save_pretrained` writes it, or the id of a known model that was fetched.
        revision: branch, tag or commit of an id.
        cache_dir: folder of the cache; None is huggingface_hub's own.

    Raises:
        FinetuningError: it is not there, or cannot be loaded; says what to do.
    """
    folder, commit = _find(name, revision, cache_dir)
    try:
        refuse_foreign_code(folder, name)
    except ModelError as error:
        raise FinetuningError(str(error)) from error
    from transformers import BarkModel, BarkProcessor
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = BarkModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        processor = BarkProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FinetuningError(f"{name}: cannot be loaded as a Bark: {first}") from error
    if getattr(processor, "tokenizer", None) is None:
        raise FinetuningError(f"{name}: has no text tokenizer beside its weights")
    return Bark(model, processor, BarkIds.of(model.generation_config), name, commit)


def _find(name: str, revision: str | None, cache_dir: Path | None) -> tuple[Path, str | None]:
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve(), None
    known = {model.model_id.lower(): model for model in KNOWN_BARKS}.get(name.lower())
    if known is None:
        ids = ", ".join(model.model_id for model in KNOWN_BARKS)
        raise FinetuningError(f"{name}: neither a folder nor a known Bark; there are {ids}")
    snapshot = cached(known, cache_dir, revision=revision)
    if snapshot is None:
        raise FinetuningError(
            f"{name}: is not on this machine; `{fetch_command(known.model_id)}` downloads {known.size_text}; "
            f"licence: {known.licence}"
        )
    return snapshot.path, snapshot.revision
