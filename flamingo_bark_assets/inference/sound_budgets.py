"""How much of a song each family is given: of the mix, of a stem, in segments and windows of what length.

The budgets and how settings change them belong here, with the reason of each; choosing segments stands in `excerpts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flamingo_bark_assets.inference.catalogue import Family
from flamingo_bark_assets.inference.interface import CaptioningModel
from flamingo_bark_assets.inference_settings import InferenceSettings


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a sound a model is given.

    Attributes:
        clip_s: most seconds in all.
        segment_s: length of each of several segments, where that is less than the sound.
    """

    clip_s: float
    segment_s: float


@dataclass(frozen=True, slots=True)
class _Budgets:
    """Of one family, on one kind of processor."""

    mix: Budget
    stem: Budget


_WHOLE = math.inf
"""As much as the model takes; `CaptioningModel.max_clip_s` is the limit."""

# Two cores take 1.3 to 2 s for a window of 10 s (measured with the 1.5B model): 6 of the mix and 2 of each of four
# stems make 14. Segments are whole windows, as a window with a join in it is like nothing that the model was trained
# on. That 60 s in three places tell more than 30 s in one is an assumption.
_AF2_ON_CPU = _Budgets(mix=Budget(60.0, 20.0), stem=Budget(20.0, 10.0))
_AF2 = _Budgets(mix=Budget(_WHOLE, 30.0), stem=Budget(30.0, 10.0))
# Windows of 30 s of 750 tokens each, which the 8 B model reads as text: minutes on a CPU, a second on a GPU.
_EIGHT_B_ON_CPU = _Budgets(mix=Budget(60.0, 30.0), stem=Budget(30.0, 30.0))
_AF3 = _Budgets(mix=Budget(_WHOLE, 120.0), stem=Budget(60.0, 30.0))
# Made for whole songs; only what is longer than 20 or 30 minutes is given in segments.
_MUSIC_FLAMINGO = _Budgets(mix=Budget(_WHOLE, 300.0), stem=Budget(60.0, 30.0))
# Own choice: what most models take at once, and all that Qwen2-Audio does.
_OTHERS = _Budgets(mix=Budget(30.0, 30.0), stem=Budget(30.0, 30.0))
_ON_CPU: dict[Family, _Budgets] = {
    "audio-flamingo-2": _AF2_ON_CPU,
    "audio-flamingo-3": _EIGHT_B_ON_CPU,
    "music-flamingo": _EIGHT_B_ON_CPU,
    "qwen2-audio": _OTHERS,
    "qwen2.5-omni": _EIGHT_B_ON_CPU,
}
_ELSEWHERE: dict[Family, _Budgets] = {
    "audio-flamingo-2": _AF2,
    "audio-flamingo-3": _AF3,
    "music-flamingo": _MUSIC_FLAMINGO,
    "qwen2-audio": _OTHERS,
    # Its processor takes 300 s; of its makers nothing is known of what length of music it was trained on.
    "qwen2.5-omni": _AF3,
}

# What an encoder takes at once, and pads to: Audio Flamingo 2's, and the one that the others have of Whisper.
_WINDOW_S: dict[Family, float] = {
    "audio-flamingo-2": 10.0,
    "audio-flamingo-3": 30.0,
    "music-flamingo": 30.0,
    "qwen2-audio": 30.0,
    # Not padded to a length: any that is long beside its blocks of 2 s tells how fast it is.
    "qwen2.5-omni": 10.0,
}
_OTHER_WINDOW_S = 30.0


def window_of(model: CaptioningModel) -> float:
    """Return the seconds of sound that a model's family encodes at once; a shorter clip costs as much."""
    family: Family = model.identity.family  # type: ignore[assignment]
    return _WINDOW_S.get(family, _OTHER_WINDOW_S)


def budget_of(settings: InferenceSettings, model: CaptioningModel, *, is_stem: bool) -> Budget:
    """Return how much of a mix or stem a model is given: by the settings, else its family's; never more than it takes.

    On a CPU it is less than elsewhere, as sound is what costs most there.
    """
    identity = model.identity
    table = _ON_CPU if identity.device == "cpu" else _ELSEWHERE
    family: Family = identity.family  # type: ignore[assignment]
    budgets = table.get(family, _OTHERS)
    default = budgets.stem if is_stem else budgets.mix
    clip_s = (settings.stem_clip_s if is_stem else settings.mix_clip_s) or default.clip_s
    segment_s = (settings.stem_segment_s if is_stem else settings.mix_segment_s) or default.segment_s
    clip_s = min(clip_s, model.max_clip_s)
    return Budget(clip_s, min(segment_s, clip_s))
