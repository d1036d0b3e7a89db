"""How each family is decoded where the settings leave it open: as its makers do, with the source of each number.

The defaults and how settings change them belong here; decoding itself stands with each model.
"""

from __future__ import annotations

from flamingo_bark_assets.inference.catalogue import Family
from flamingo_bark_assets.inference.interface import Decoding
from flamingo_bark_assets.inference_settings import InferenceSettings

_OF_FAMILY: dict[Family, Decoding] = {
    # NVIDIA's benchmarks of Audio Flamingo 2 are greedy; its demo, of 256 new tokens, samples (top_k 30, top_p .95).
    "audio-flamingo-2": Decoding(max_new_tokens=256),
    # The example on transformers' page of Audio Flamingo 3.
    "audio-flamingo-3": Decoding(max_new_tokens=500),
    # The examples on transformers' page of Music Flamingo.
    "music-flamingo": Decoding(max_new_tokens=500),
    # The examples on transformers' page and its makers': `max_length` 256.
    "qwen2-audio": Decoding(max_new_tokens=256),
    # What transformers' class of Qwen2.5-Omni gives its answers; ACE-Step's captioner is used as that is.
    "qwen2.5-omni": Decoding(max_new_tokens=1024),
    # Own choice: nobody knows which model a server has.
    "server": Decoding(max_new_tokens=160),
}
# Published for Audio Flamingo Next: a repetition penalty of 1.2, and 1,024 to 2,048 new tokens.
_NEXT = Decoding(max_new_tokens=1024, repetition_penalty=1.2)
_NEXT_NAME = "audio-flamingo-next"
# Thinking comes before the answer and takes of the same tokens: the upper end of what is published.
_THINKING_TOKENS = 2048
_THINKING_NAME = "-think"


def default_decoding(family: Family, model_id: str) -> Decoding:
    """Return how a model is decoded by default; of a local folder the name tells which of a family it is."""
    name = model_id.lower()
    found = _NEXT if family == "music-flamingo" and _NEXT_NAME in name else _OF_FAMILY[family]
    if _THINKING_NAME in name and family != "server":
        return Decoding(max_new_tokens=_THINKING_TOKENS, repetition_penalty=found.repetition_penalty)
    return found


def decoding_of(settings: InferenceSettings, family: Family, model_id: str) -> Decoding:
    """Return how a model's replies are decoded: by the settings and, what they leave open, by its family's defaults."""
    default = default_decoding(family, model_id)
    return Decoding(
        max_new_tokens=settings.max_new_tokens or default.max_new_tokens,
        do_sample=settings.do_sample,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        repetition_penalty=settings.repetition_penalty or default.repetition_penalty,
        seed=settings.seed,
    )
