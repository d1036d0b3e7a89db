"""Asking a model many questions in batches that fit the memory.

Halving a batch that does not fit belongs here; what follows when even one clip does not fit is the caller's.
"""

from __future__ import annotations

import gc
import logging
import math
import sys
from collections.abc import Callable, Sequence

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import CaptioningModel, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.memory import is_out_of_memory, memory_advice
from flamingo_bark_assets.text import short_line

_log = logging.getLogger(__name__)


class OutOfMemory(ModelError):
    """Not even one clip fits into memory."""

    code = "FB604"
    remedy = "Do what the message says; the next candidate of the chain answers."


class InferenceFault(ModelError):
    """A model failed on one song, for another reason than memory."""

    code = "FB608"
    remedy = "The next candidate of the chain answers for that song; the log says where the model failed."


def infer_in_batches(
    model: CaptioningModel,
    queries: Sequence[Query],
    batch_size: int,
    *,
    on_reply: Callable[[int, Reply], None] | None = None,
) -> list[Reply]:
    """Answer queries; a batch that does not fit into memory is halved, and stays so.

    Clips go from the longest to the shortest: those of a batch are of like length, and what does not fit shows first.
    `batch_size` is at least 1; `on_reply` is told the index and reply of each query as soon as its batch is done.
    Replies come in the order of the queries.

    Raises:
        OutOfMemory: a batch of one does not fit; what came before was given to `on_reply`.
        InferenceFault: the model failed in another way.
        ModelError: what the model itself says of its failure.
        ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    waiting = sorted(range(len(queries)), key=lambda i: queries[i].clip.samples.size, reverse=True)
    replies: dict[int, Reply] = {}
    while waiting:
        batch = waiting[:batch_size]
        answered = _infer(model, [queries[i] for i in batch])
        if answered is None:
            _free_memory()
            if len(batch) == 1:
                raise OutOfMemory(f"{model.identity.model_id}: out of memory with one clip; {_advice(model.identity)}")
            batch_size = len(batch) // 2
            continue
        for i, reply in zip(batch, answered, strict=True):
            replies[i] = reply
            if on_reply is not None:
                on_reply(i, reply)
        waiting = waiting[len(batch) :]
    return [replies[i] for i in range(len(queries))]


def described(error: Exception) -> str:
    """Say in one line what failed, whatever a library raised."""
    return f"{type(error).__name__}: {short_line(str(error), 300)}"


def _advice(identity: ModelIdentity) -> str:
    dtype, _, quantisation = identity.dtype.partition("+")
    return memory_advice(identity.model_id, dtype, quantisation or "none", identity.device)


def _infer(model: CaptioningModel, queries: list[Query]) -> list[Reply] | None:
    """Return the replies, or None where memory ran out: with the exception go its frames and the tensors they hold."""
    try:
        replies = model.infer(queries)
        _refuse_not_finite(model.identity, replies)
        return replies
    except ModelError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            return None
        _log.warning("%s failed", model.identity.model_id, exc_info=error)
        raise InferenceFault(f"{model.identity.model_id}: {described(error)}") from error


def _refuse_not_finite(identity: ModelIdentity, replies: Sequence[Reply]) -> None:
    """Refuse what a model in this process says when its numbers have left the range of their type.

    It would go on with whatever token comes first. float16 ends at 65,504, which hidden states of a large model may
    pass.

    Raises:
        InferenceFault: says which type to choose.
    """
    if identity.device is None:  # a server, of which no probabilities are known
        return
    means = [reply.mean_log_probability for reply in replies if reply.token_count]
    if any(mean is None or not math.isfinite(mean) for mean in means):
        raise InferenceFault(
            f"{identity.model_id}: its numbers are not finite in {identity.dtype}; set dtype to float32"
            + (" or, where the device has it, to bfloat16" if "float16" in identity.dtype.split("+") else "")
        )


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()
