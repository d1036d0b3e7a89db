"""The table of targets: what ``--to`` takes, and one asset each.

Only the table belongs here; a target stands in its module of `targets`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flamingo_bark_assets.exports.interface import Target
from flamingo_bark_assets.exports.targets.ace_step import AceStep
from flamingo_bark_assets.exports.targets.audiocraft import AudioCraft
from flamingo_bark_assets.exports.targets.bark import Bark
from flamingo_bark_assets.exports.targets.bark_voice_prompts import BarkVoicePrompts
from flamingo_bark_assets.exports.targets.huggingface import HuggingFace
from flamingo_bark_assets.exports.targets.stable_audio_tools import StableAudioTools
from flamingo_bark_assets.exports.targets.webdataset import WebDataset

_TARGETS: tuple[Target, ...] = (
    AceStep(), HuggingFace(), StableAudioTools(), AudioCraft(), WebDataset(), Bark(), BarkVoicePrompts(),
)  # fmt: skip
TARGETS: Mapping[str, Target] = {target.NAME: target for target in _TARGETS}
"""Every target by its name, in the order of use today."""
