"""What differs between the families that run through transformers' own classes: classes, files, how sound is given.

Facts of an architecture belong here, each read from its makers' published files; loading a folder and asking stand in
`transformers_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.inference.catalogue import Family
from flamingo_bark_assets.inference.loading_checks import model_type_of

_FEWEST_SAMPLES = 1600


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture of transformers that hears sound and answers in text.

    Attributes:
        family: which prompts and decoding it gets.
        model: name of its class in transformers.
        processor: name of the class that prepares its input.
        sound_first: whether its makers put the sound before the question.
        joins_clips: whether its audio encoder takes the clips of a batch joined in time, without their padding.
        unread: parts of the names of weights that are never loaded, as they speak or look at pictures.
    """

    family: Family
    model: str
    processor: str = "AutoProcessor"
    sound_first: bool = False
    joins_clips: bool = False
    unread: tuple[str, ...] = ()


# The class of Qwen2.5-Omni's processor cannot be made without torchvision, for its pictures; Qwen2-Audio's does the
# same to sound and text.
_OMNI = Architecture(
    "qwen2.5-omni",
    "Qwen2_5OmniThinkerForConditionalGeneration",
    processor="Qwen2AudioProcessor",
    joins_clips=True,
    unread=("talker.", "token2wav.", "visual.blocks."),
)
ARCHITECTURES: Mapping[str, Architecture] = {
    "audioflamingo3": Architecture("audio-flamingo-3", "AudioFlamingo3ForConditionalGeneration"),
    # Audio Flamingo Next is of Music Flamingo's class.
    "musicflamingo": Architecture("music-flamingo", "MusicFlamingoForConditionalGeneration"),
    "qwen2_audio": Architecture(
        "qwen2-audio", "Qwen2AudioForConditionalGeneration", processor="Qwen2AudioProcessor", sound_first=True
    ),
    "qwen2_5_omni": _OMNI,
    "qwen2_5_omni_thinker": _OMNI,
}


def architecture_of(folder: Path) -> Architecture | None:
    """Return the architecture that a folder's config.json names; None where there is none that is known."""
    return ARCHITECTURES.get(model_type_of(folder) or "")


def family_of(folder: Path) -> Family | None:
    """Return the family that a folder's config.json names; None where there is none that is known."""
    found = architecture_of(folder)
    return found.family if found is not None else None


def load_processor(folder: Path, architecture: Architecture) -> Any:
    """Load what prepares the input; its `chat_template` is None where nothing can be asked.

    Of Qwen2-Audio the template is part of transformers' class: its repository had none at first.
    """
    import transformers

    processor_class = getattr(transformers, architecture.processor)
    processor = processor_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # Replies begin where the prompts of a batch end.
    processor.tokenizer.padding_side = "left"
    if architecture.family == "qwen2.5-omni" and not _has_template(processor_class, folder):
        processor.chat_template = None  # else it would be Qwen2-Audio's
    return processor


def _has_template(processor_class: Any, folder: Path) -> bool:
    return "chat_template" in processor_class.get_processor_dict(folder, local_files_only=True)[0]


def config_options(folder: Path, architecture: Architecture) -> dict[str, Any]:
    """Return the configuration that a model is loaded with, where that is not its own.

    Of Qwen2.5-Omni only what hears and answers is built; the layers of its encoder of pictures are none.
    """
    if architecture.family != "qwen2.5-omni":
        return {}
    from transformers import Qwen2_5OmniThinkerConfig

    config = Qwen2_5OmniThinkerConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config.vision_config.depth = 0
    return {"config": config}


def max_clip_s(processor: Any) -> float:
    """Return the longest clip that a processor does not cut."""
    windows = getattr(processor, "max_audio_len", None)
    return float(processor.feature_extractor.chunk_length if windows is None else windows)


def with_enough_sound(samples: FloatArray, architecture: Architecture) -> FloatArray:
    """Pad less than a tenth of a second with zeros: it would leave Qwen's encoders with one token of sound or none."""
    if architecture.processor == "AutoProcessor":
        return samples
    return np.pad(samples, (0, max(0, _FEWEST_SAMPLES - samples.size)))


def processor_options(processor: Any, architecture: Architecture, n_samples: int) -> dict[str, Any]:
    """Return how a processor of `architecture` prepares a batch, the longest clip of which has `n_samples`."""
    if architecture.processor == "AutoProcessor":
        return {}
    options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
    if architecture.joins_clips:
        # To 300 s it would be padded else, which takes most of a second a question. With one window of the transform
        # more than the sound its last frames are the same.
        features = processor.feature_extractor
        hops = -(-(n_samples + features.n_fft) // features.hop_length)
        options["audio_kwargs"] = {"max_length": min(hops * features.hop_length, features.n_samples)}
    return options
