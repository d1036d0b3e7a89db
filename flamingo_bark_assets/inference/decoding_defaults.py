"""How each family is decoded where the settings leave it open: as its makers do, or by own choice.

The defaults by question, each with its source, and how settings change them belong here; decoding itself stands with
each model. What has no source named is own choice.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from flamingo_bark_assets.inference.catalogue import Family, PromptKind, short_name
from flamingo_bark_assets.inference.interface import Decoding
from flamingo_bark_assets.inference_settings import InferenceSettings


@dataclass(frozen=True, slots=True)
class _Limits:
    """Most tokens of a reply, by what is asked; every default is own choice.

    Attributes:
        label: of a question for genre, mood or instruments.
        labels: of the one that asks for all three.
        caption: of one sentence.
        description: of a paragraph, or what the family makes of it.
        facts: of the structured question.
        longest: of a question that is asked again because its reply was cut off.
        repetition_penalty: divides the odds of what was said; 1.0 does nothing.
    """

    label: int = 64
    labels: int = 128
    caption: int = 128
    description: int = 400
    facts: int = 512
    longest: int = 800
    repetition_penalty: float = 1.0

    def of(self, kind: PromptKind) -> int:
        match kind:
            case "genre" | "mood" | "instruments":
                return self.label
            case "labels":
                return self.labels
            case "caption":
                return self.caption
            case "description":
                return self.description
            case "facts":
                return self.facts


_OF_FAMILY: dict[Family, _Limits] = {
    # NVIDIA's benchmarks of Audio Flamingo 2 are greedy; its demo, of 256 new tokens, samples (top_k 30, top_p .95).
    # Own choice by question: a caption has some 30 words, a token costs, and what is cut off is asked again.
    "audio-flamingo-2": _Limits(label=48, labels=96, caption=64, description=200, longest=400),
    # Of a description: the example on transformers' page of Audio Flamingo 3.
    "audio-flamingo-3": _Limits(description=500, longest=1000),
    # Its makers' descriptions run to some 450 words, 600 to 700 tokens: the 500 of transformers' example cut them off.
    "music-flamingo": _Limits(description=1024, longest=2048),
    # Of a description: the examples on transformers' page and its makers' (`max_length` 256).
    "qwen2-audio": _Limits(description=256, longest=512),
    # Of a description: what transformers' class of Qwen2.5-Omni gives; ACE-Step's captioner is used as that is.
    "qwen2.5-omni": _Limits(description=1024, longest=2048),
    # Own choice: nobody knows which model a server has.
    "server": _Limits(label=160, caption=160),
}
_OTHERS = _Limits()
# Published for Audio Flamingo Next: a repetition penalty of 1.2, and 1,024 (its Captioner: 2,048) new tokens.
_NEXT = _Limits(description=1024, longest=2048, repetition_penalty=1.2)
_NEXT_NAME = "audio-flamingo-next"
# Thinking comes before the answer and takes of the same tokens: the upper end of what is published.
_THINKING_TOKENS = 2048
_THINKING_NAME = "-think"


def decoding_of(settings: InferenceSettings, family: Family, model_id: str, kind: PromptKind) -> Decoding:
    """Return how a reply is decoded: by the settings and, what they leave open, by the defaults of the family."""
    limits = _limits_of(family, model_id)
    thinking = _THINKING_TOKENS if _thinks(family, model_id) else 0
    return Decoding(
        max_new_tokens=settings.max_new_tokens or max(limits.of(kind), thinking),
        do_sample=settings.do_sample,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        repetition_penalty=settings.repetition_penalty or limits.repetition_penalty,
        seed=settings.seed,
    )


def with_more_room(settings: InferenceSettings, family: Family, model_id: str, decoding: Decoding) -> Decoding | None:
    """Return the same decoding with twice as many tokens, up to the family's longest reply.

    None where the settings limit every answer, or where it has as many already.
    """
    more = min(2 * decoding.max_new_tokens, _limits_of(family, model_id).longest)
    if settings.max_new_tokens is not None or more <= decoding.max_new_tokens:
        return None
    return dataclasses.replace(decoding, max_new_tokens=more)


def _limits_of(family: Family, model_id: str) -> _Limits:
    """Return the limits of a model; of a local folder the name tells which of a family it is."""
    is_next = family == "music-flamingo" and _NEXT_NAME in short_name(model_id)
    return _NEXT if is_next else _OF_FAMILY.get(family, _OTHERS)


def _thinks(family: Family, model_id: str) -> bool:
    return family != "server" and _THINKING_NAME in short_name(model_id)
