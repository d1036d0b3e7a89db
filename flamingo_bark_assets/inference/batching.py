"""Asking a model many questions in batches that fit the memory.

Halving a batch that does not fit belongs here; what follows when even one clip does not fit is the caller's.
"""

from __future__ import annotations

import gc
import itertools
import logging
import math
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import CaptioningModel, ModelIdentity, Query, Reply, StreamingModel
from flamingo_bark_assets.inference.memory import is_out_of_memory, memory_advice
from flamingo_bark_assets.inference_settings import ModelCandidate
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


# A step of Audio Flamingo 2 over 25 questions costs twice one over a single one, and those about one sound share it.
# Of the others the sound stands in the cache of each row: 30 s take 43 MB of it in an 8 B model.
STREAMED_BATCH_SIZE = 32
BATCH_SIZE = 4

OnReply = Callable[[int, Reply], None]


def infer_in_batches(
    model: CaptioningModel, queries: Sequence[Query], batch_size: int, *, on_reply: OnReply | None = None
) -> list[Reply]:
    """Answer queries; a batch that does not fit into memory is halved, and stays so.

    Clips go from the longest to the shortest: those of a batch are of like length, and what does not fit shows first.
    `batch_size` is at least 1; `on_reply` is told the index and reply of each query as soon as it is answered.
    Replies come in the order of the queries.

    Raises:
        OutOfMemory: a batch of one does not fit; what came before was given to `on_reply`.
        InferenceFault: the model failed in another way.
        ModelError: what the model itself says of its failure.
        ValueError: `batch_size` is below 1.
    """
    order = sorted(range(len(queries)), key=lambda i: queries[i].clip.samples.size, reverse=True)
    replies: dict[int, Reply] = {}

    def keep(number: int, reply: Reply) -> None:
        replies[order[number]] = reply
        if on_reply is not None:
            on_reply(order[number], reply)

    infer_as_they_come(model, (queries[i] for i in order), batch_size, on_reply=keep)
    return [replies[i] for i in range(len(queries))]


def infer_as_they_come(model: CaptioningModel, queries: Iterable[Query], batch_size: int, *, on_reply: OnReply) -> None:
    """Answer queries that are made only when there is room for them, so that there may be any number of them.

    `on_reply` is told number, counted from 0, and reply of each as soon as it is answered, in any order. All else is as
    of `infer_in_batches`; an error of ours that making a query raises is raised.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    waiting = _Waiting(queries)
    while waiting.has_more():
        if _fits(model, waiting, batch_size, on_reply):
            continue
        free_memory()
        if batch_size == 1 or len(waiting.taken) == 1:
            raise OutOfMemory(f"{model.identity.model_id}: out of memory with one clip; {_advice(model.identity)}")
        batch_size = max(1, min(batch_size, len(waiting.taken)) // 2)
        waiting.give_back()


class _Waiting:
    """Queries in order, those that were taken and not answered among them when they are given back."""

    def __init__(self, queries: Iterable[Query]) -> None:
        self._coming = enumerate(queries)
        self._back: list[tuple[int, Query]] = []
        self.taken: dict[int, Query] = {}

    def has_more(self) -> bool:
        """Tell whether there is another query; it is made if need be."""
        if not self._back:
            self._back = list(itertools.islice(self._coming, 1))
        return bool(self._back)

    def take(self) -> tuple[int, Query] | None:
        """Return the next query with its number; None where there is none."""
        if not self.has_more():
            return None
        number, query = self._back.pop(0)
        self.taken[number] = query
        return number, query

    def give_back(self) -> None:
        """Let what was taken and is not answered be taken again."""
        self._back = [*self.taken.items(), *self._back]
        self.taken = {}


def _fits(model: CaptioningModel, waiting: _Waiting, batch_size: int, on_reply: OnReply) -> bool:
    """Answer one batch or, of a model that streams, all; False where memory ran out.

    With the exception go its frames and the tensors that they hold.
    """
    numbers: list[int] = []

    def taken() -> Iterator[Query]:
        while (one := waiting.take()) is not None:
            numbers.append(one[0])
            yield one[1]

    try:
        if isinstance(model, StreamingModel):
            replies: Iterable[tuple[int, Reply]] = model.stream(taken(), batch_size)
        else:
            replies = enumerate(model.infer(list(itertools.islice(taken(), batch_size))))
        # Whoever keeps an error, as some handlers of the log do, would else keep a stream that has not ended, and its
        # model locked.
        with closing(replies) if isinstance(replies, Generator) else nullcontext():
            for place, reply in replies:
                _refuse_not_finite(model.identity, reply)
                del waiting.taken[numbers[place]]
                on_reply(numbers[place], reply)
    except FlamingoBarkError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            return False
        _log.warning("%s failed", model.identity.model_id, exc_info=error)
        raise InferenceFault(f"{model.identity.model_id}: {described(error)}") from error
    return True


def batch_size_of(candidate: ModelCandidate | None, model: CaptioningModel) -> int:
    """Return how many questions a model is asked at once: as set, else by what it can do."""
    wanted = candidate.batch_size if candidate is not None else None
    return wanted or (STREAMED_BATCH_SIZE if isinstance(model, StreamingModel) else BATCH_SIZE)


def described(error: Exception) -> str:
    """Say in one line what failed, whatever a library raised."""
    return f"{type(error).__name__}: {short_line(str(error), 300)}"


def _advice(identity: ModelIdentity) -> str:
    dtype, _, quantisation = identity.dtype.partition("+")
    return memory_advice(identity.model_id, dtype, quantisation or "none", identity.device)


def _refuse_not_finite(identity: ModelIdentity, reply: Reply) -> None:
    """Refuse what a model in this process says when its numbers have left the range of their type.

    It would go on with whatever token comes first. float16 ends at 65,504, which hidden states of a large model may
    pass.

    Raises:
        InferenceFault: says which type to choose.
    """
    # Of a server no device is known, and often no probability.
    if identity.device is None or not reply.token_count:
        return
    if reply.mean_log_probability is None or not math.isfinite(reply.mean_log_probability):
        raise InferenceFault(
            f"{identity.model_id}: its numbers are not finite in {identity.dtype}; set dtype to float32"
            + (" or, where the device has it, to bfloat16" if "float16" in identity.dtype.split("+") else "")
        )


def free_memory() -> None:
    """Give what nothing holds any more back to the GPU, for this process and for others."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()
