"""Speaking a text with Bark, fine-tuned or not, in a voice or none.

Generating and writing the sound belong here; training does not.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FileFault, FinetuningError, LibraryError
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.files.opening import open_regular, read_text
from flamingo_bark_assets.finetuning.models import STAGE_MODULES, Bark, with_lora
from flamingo_bark_assets.finetuning.stages import STAGES, Stage

SAMPLE_RATE_HZ = 24_000
_VOICE_SHAPES = {"semantic_prompt": 1, "coarse_prompt": 2, "fine_prompt": 2}
_MAX_VOICE_BYTES = 1 << 26


def speak(
    bark: Bark, text: str, *, voice: dict[str, NDArray[np.int64]] | None = None, max_tokens: int = 768, seed: int = 0
) -> NDArray[np.float32]:
    """Render a text as speech with Bark.

    Args:
        bark: the model.
        text: cut at 256 tokens.
        voice: a voice prompt as `read_voice` gives it; None lets Bark choose.
        max_tokens: most semantic tokens: about 50 a second.
        seed: of the sampling; the same seed gives the same sound on the same machine.

    Returns:
        Mono sound at 24 kHz, float32, shape (n,), within -1 and 1.
    """
    import torch

    # A longer text is cut by the model: with a voice, transformers 5.23's processor takes no `truncation`.
    inputs = bark.processor(text, voice_preset=voice).to(bark.model.device)
    was_training = bark.model.training
    bark.model.eval()
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        with torch.no_grad():
            sound = bark.model.generate(**inputs, semantic_max_new_tokens=max_tokens, do_sample=True)
    finally:
        torch.set_rng_state(state)
        bark.model.train(was_training)
    samples = np.nan_to_num(np.asarray(sound.float().cpu().numpy(), np.float32).reshape(-1))
    return np.asarray(np.clip(samples, -1.0, 1.0), np.float32)


def write_wav(path: Path, samples: NDArray[np.float32]) -> None:
    """Write mono sound at 24 kHz as 16-bit WAV.

    Raises:
        WriteError: the disk refuses.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    write_bytes(path, buffer.getvalue())


def read_voice(path: Path) -> dict[str, NDArray[np.int64]]:
    """Read a voice prompt, as stock Bark takes it.

    Raises:
        FinetuningError: the file cannot be read, or is none; names the file.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_VOICE_BYTES:
                raise FinetuningError(f"{path}: far larger than a voice prompt")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                voice = {name: np.asarray(arrays[name]) for name in _VOICE_SHAPES}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, LibraryError, FileFault) as error:
        raise FinetuningError(f"{path}: is no voice prompt of Bark: {error}") from error
    for name, array in voice.items():
        if array.ndim != _VOICE_SHAPES[name] or array.dtype.kind != "i" or not array.size:
            raise FinetuningError(f"{path}: is no voice prompt of Bark: {name} is {array.dtype} of shape {array.shape}")
    return {name: array.astype(np.int64) for name, array in voice.items()}


def apply_trained(bark: Bark, folder: Path) -> Stage:
    """Put what a training has made into a Bark: its adapter, or the weights of its stage.

    Args:
        bark: the model that was trained; changed in place.
        folder: of the training.

    Returns:
        The stage that was trained.

    Raises:
        FinetuningError: the folder holds no training that fits this model.
    """
    from safetensors.torch import load_file

    trained = trained_model(folder)
    stage = trained.stage
    module = bark.stage(stage)
    try:
        if trained.lora_rank is not None:
            from peft import set_peft_model_state_dict

            # The adapter's own configuration is not read: what was trained is known, and the folder may be anyone's.
            adapted = with_lora(module, trained.lora_rank)
            read = set_peft_model_state_dict(adapted, load_file(folder / "adapter" / "adapter_model.safetensors"))
            # peft says nothing of weights that are missing: the stock model would speak in the place of the trained.
            if read.unexpected_keys or any("lora_" in key for key in read.missing_keys):
                raise ValueError("its adapter holds other weights than those of this stage and rank")
            setattr(bark.model, STAGE_MODULES[stage], adapted.merge_and_unload())
        else:
            module.load_state_dict(load_file(folder / "weights" / f"{STAGE_MODULES[stage]}.safetensors"))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FinetuningError(f"{folder}: does not fit {bark.name}: {first}") from error
    return stage


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a training began with.

    Attributes:
        stage: the stage that was trained.
        name: folder or id of the Bark.
        revision: commit on the hub; None for a folder.
        lora_rank: rank of its LoRA; None where all weights of the stage were trained.
    """

    stage: Stage
    name: str
    revision: str | None
    lora_rank: int | None


def trained_model(folder: Path) -> TrainedModel:
    """Read which Bark a training began with.

    Raises:
        FinetuningError: the folder is none that a training has written.
    """
    try:
        told = json.loads(read_text(folder / "run.json", max_bytes=1 << 20))["training"]
        stage, name, revision = told["stage"], str(told["model"]), told["revision"]
        rank = None if told["lora_rank"] is None else int(told["lora_rank"])
    except (FileFault, LibraryError, ValueError, KeyError, TypeError) as error:
        raise FinetuningError(f"{folder}: is no folder that `flamingo-bark train` has written") from error
    if stage not in STAGES:
        raise FinetuningError(f"{folder}: is of an unknown stage {stage!r}")
    return TrainedModel(stage, name, revision if revision is None else str(revision), rank)
