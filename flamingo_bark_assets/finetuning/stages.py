"""The two stages of Bark that are worth training, as its inference reads them: inputs, targets and loss.

Turning tokens into tensors belongs here; reading files, optimising and speaking do not.

Layouts after the inference of transformers' Bark (`BarkSemanticModel.generate`, `BarkCoarseModel.generate`), as its own
`labels` are not implemented: text and history embeddings are summed over 256 places, a marker follows, then the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Stage = Literal["semantic", "coarse"]
STAGES: tuple[Stage, ...] = get_args(Stage)

IGNORED = -100
"""Target of a place that has no part in the loss."""
PREFIX_LENGTH = 256
"""Places for the text (semantic) or for the semantic tokens (coarse)."""
COARSE_CODEBOOKS = 2


@dataclass(frozen=True, slots=True)
class BarkIds:
    """Token ids of one Bark model, from its generation config.

    Attributes:
        semantic_vocabulary: number of semantic tokens; also the offset of coarse ones.
        semantic_end: end of the semantic tokens, and the padding of their history.
        text_offset: added to the ids of the text tokenizer.
        text_pad: padding of the text.
        semantic_infer: marker before the semantic tokens.
        coarse_pad: padding of the semantic tokens before the coarse ones.
        coarse_infer: marker before the coarse tokens.
        codebook_size: entries of one codebook.
    """

    semantic_vocabulary: int = 10_000
    semantic_end: int = 10_000
    text_offset: int = 10_048
    text_pad: int = 129_595
    semantic_infer: int = 129_599
    coarse_pad: int = 12_048
    coarse_infer: int = 12_050
    codebook_size: int = 1024

    @classmethod
    def of(cls, generation_config: Any) -> BarkIds:
        """Read the ids of a `BarkGenerationConfig`."""
        semantic, coarse = generation_config.semantic_config, generation_config.coarse_acoustics_config
        return cls(
            semantic_vocabulary=semantic["semantic_vocab_size"],
            semantic_end=semantic["semantic_pad_token"],
            text_offset=semantic["text_encoding_offset"],
            text_pad=semantic["text_pad_token"],
            semantic_infer=semantic["semantic_infer_token"],
            coarse_pad=coarse["coarse_semantic_pad_token"],
            coarse_infer=coarse["coarse_infer_token"],
            codebook_size=generation_config.codebook_size,
        )


@dataclass(frozen=True, slots=True)
class Example:
    """One row of training.

    Attributes:
        prefix: int64, shape (256,): text ids with offset and padding, or semantic ids with padding.
        tokens: int64, shape (n,): what follows the marker, without the last target.
        targets: int64, shape (n + 1,): the target at the marker and at each of `tokens`.
        cut: number of tokens at the end that did not fit the model.
    """

    prefix: NDArray[np.int64]
    tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    cut: int = 0


def semantic_example(
    text_ids: NDArray[np.int64], semantic: NDArray[np.int64], ids: BarkIds, *, block_size: int
) -> Example:
    """Make a row of the semantic stage: the text, then the semantic tokens and one end token.

    Args:
        text_ids: of Bark's text tokenizer, without special tokens; cut at 256.
        semantic: shape (S,), ids below `semantic_vocabulary`.
        ids: of the model.
        block_size: most positions of the model; 257 are the text and the marker.
    """
    prefix = _padded(text_ids + ids.text_offset, ids.text_pad)
    room = block_size - PREFIX_LENGTH - 1
    whole = semantic[:room]
    # A row that was cut must not learn to end there.
    end = [] if len(semantic) > room else [ids.semantic_end]
    targets = np.concatenate([whole, np.array(end or [IGNORED], np.int64)])
    return Example(prefix, whole, targets, len(semantic) - len(whole))


def coarse_example(semantic: NDArray[np.int64], coarse: NDArray[np.int64], ids: BarkIds, *, block_size: int) -> Example:
    """Make a row of the coarse stage: the semantic tokens, then both codebooks in turn.

    Args:
        semantic: shape (S,).
        coarse: shape (2, T), ids below `codebook_size`.
        ids: of the model.
        block_size: most positions of the model; 257 are the semantic tokens and the marker.
    """
    prefix = _padded(semantic, ids.coarse_pad)
    flat = flatten_coarse(coarse, ids)
    room = block_size - PREFIX_LENGTH  # the last target needs no place of its own
    room -= room % COARSE_CODEBOOKS
    targets = flat[:room]
    return Example(prefix, targets[:-1], targets, len(flat) - len(targets))


def flatten_coarse(coarse: NDArray[np.int64], ids: BarkIds) -> NDArray[np.int64]:
    """Return the codebooks in turn, frame by frame, each with its own offset: shape (2 * T,)."""
    offsets = ids.semantic_vocabulary + ids.codebook_size * np.arange(len(coarse), dtype=np.int64)
    return np.asarray((coarse + offsets[:, None]).T.reshape(-1), np.int64)


def collate(examples: list[Example], stage: Stage, ids: BarkIds) -> dict[str, torch.Tensor]:
    """Stack rows; those that end early get padding without a target.

    Returns:
        ``prefix`` (B, 256), ``tokens`` (B, n) and ``targets`` (B, n + 1), int64.
    """
    import torch

    longest = max(len(example.tokens) for example in examples)
    filler = ids.semantic_end if stage == "semantic" else ids.coarse_pad
    tokens = np.full((len(examples), longest), filler, np.int64)
    targets = np.full((len(examples), longest + 1), IGNORED, np.int64)
    for row, example in enumerate(examples):
        tokens[row, : len(example.tokens)] = example.tokens
        targets[row, : len(example.targets)] = example.targets
    prefix = np.stack([example.prefix for example in examples])
    return {name: torch.from_numpy(a) for name, a in (("prefix", prefix), ("tokens", tokens), ("targets", targets))}


def stage_logits(model: Any, stage: Stage, ids: BarkIds, prefix: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Run a stage as Bark's inference does.

    Args:
        model: `BarkSemanticModel` or `BarkCoarseModel`, or the same with LoRA.
        stage: which.
        ids: of the model.
        prefix: (B, 256) as `collate` gives it.
        tokens: (B, n).

    Returns:
        Logits at the marker and at each of `tokens`, shape (B, n + 1, vocabulary).
    """
    import torch

    embed = model.get_input_embeddings()
    infer = torch.full_like(prefix[:, :1], ids.semantic_infer if stage == "semantic" else ids.coarse_infer)
    before = embed(prefix)
    if stage == "semantic":  # no history
        before = before + embed(torch.full_like(prefix, ids.semantic_end))
    embedded = torch.cat([before, embed(torch.cat([infer, tokens], dim=1))], dim=1)
    logits: torch.Tensor = model(inputs_embeds=embedded, use_cache=False).logits
    return logits[:, PREFIX_LENGTH:]


def stage_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy over the places that have a target; nats."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)


def _padded(ids: NDArray[np.int64], filler: int) -> NDArray[np.int64]:
    padded = np.full(PREFIX_LENGTH, filler, np.int64)
    padded[: len(ids[:PREFIX_LENGTH])] = ids[:PREFIX_LENGTH]
    return padded
