"""Asking a model many questions in batches that fit the memory.

Halving a batch that does not fit belongs here; what follows when even one clip does not fit is the caller's.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, Decoding, Reply

# How PyTorch says it: CUDA, its CPU allocator, and the allocator of MPS and XPU.
_OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class OutOfMemory(ModelError):
    """Not even one clip fits into memory."""

    code = "FB604"
    remedy = "Choose a smaller model, bfloat16, a quantisation, or another device."


def infer_in_batches(
    model: CaptioningModel,
    clips: Sequence[Clip],
    prompts: Sequence[str],
    decoding: Decoding,
    batch_size: int,
    *,
    on_reply: Callable[[int, Reply], None] | None = None,
) -> list[Reply]:
    """Ask prompt i about clip i; a batch that does not fit into memory is halved, and stays so.

    Clips go from the longest to the shortest: those of a batch are of like length, and what does not fit shows first.
    `batch_size` is at least 1; `on_reply` is told the index and reply of each clip as soon as its batch is done.
    Replies come in the order of the clips.

    Raises:
        OutOfMemory: a batch of one does not fit; what came before was given to `on_reply`.
        ValueError: `clips` and `prompts` differ in number, or `batch_size` is below 1.
    """
    if len(clips) != len(prompts):
        raise ValueError(f"{len(clips)} clips and {len(prompts)} prompts")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    waiting = sorted(range(len(clips)), key=lambda i: clips[i].samples.size, reverse=True)
    replies: dict[int, Reply] = {}
    while waiting:
        batch = waiting[:batch_size]
        answered = _infer(model, [clips[i] for i in batch], [prompts[i] for i in batch], decoding)
        if answered is None:
            _free_memory()
            if len(batch) == 1:
                raise OutOfMemory(
                    f"{model.identity.model_id}: out of memory with one clip; choose a smaller model or bfloat16"
                )
            batch_size = len(batch) // 2
            continue
        for i, reply in zip(batch, answered, strict=True):
            replies[i] = reply
            if on_reply is not None:
                on_reply(i, reply)
        waiting = waiting[len(batch) :]
    return [replies[i] for i in range(len(clips))]


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that memory ran out, on the CPU or on an accelerator."""
    if isinstance(error, MemoryError):
        return True
    # torch.OutOfMemoryError is a RuntimeError; it need not be imported to be known by its words.
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY_WORDS)


def _infer(model: CaptioningModel, clips: list[Clip], prompts: list[str], decoding: Decoding) -> list[Reply] | None:
    """Return the replies, or None where memory ran out: with the exception go its frames and the tensors they hold."""
    try:
        return model.infer(clips, prompts, decoding)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
