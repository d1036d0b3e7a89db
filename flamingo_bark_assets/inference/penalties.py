"""What is taken off the scores of tokens while a reply is decoded, for all families alike.

Making the processors belongs here; recording scores before them stands with each model.
"""

from __future__ import annotations

from typing import Any

from flamingo_bark_assets.inference.interface import Decoding


def penalties(decoding: Decoding) -> list[Any]:
    """Return transformers' processors for a decoding, to stand behind the one that records the model's own scores.

    Left to `generate`, which puts its own first, the recorded log-probability would be that after the penalty.
    """
    if decoding.repetition_penalty == 1.0:
        return []
    from transformers import RepetitionPenaltyLogitsProcessor

    return [RepetitionPenaltyLogitsProcessor(decoding.repetition_penalty)]
