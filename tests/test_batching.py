"""Batches that fit the memory: halved where they do not, and every reply with its own clip."""

from __future__ import annotations

import dataclasses
import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from flamingo_bark_assets.errors import WriteError
from flamingo_bark_assets.inference.batching import InferenceFault, OutOfMemory, infer_as_they_come, infer_in_batches
from flamingo_bark_assets.inference.catalogue import KNOWN_MODELS, KnownModel
from flamingo_bark_assets.inference.interface import Decoding, Query, Reply
from flamingo_bark_assets.inference.memory import is_out_of_memory, memory_advice
from tests.captioning_models import IDENTITY, ParrotModel, clip, queries

GREEDY = Decoding()


def cuda_out_of_memory() -> BaseException:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def cpu_out_of_memory() -> BaseException:
    return RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")


OUT_OF_MEMORY = pytest.mark.parametrize("error", [cuda_out_of_memory, cpu_out_of_memory, MemoryError])


def test_replies_come_in_the_order_of_the_clips_whatever_their_lengths() -> None:
    clips = [clip(value, n_samples=10 + (value * 7) % 5) for value in range(9)]
    replies = infer_in_batches(ParrotModel(), queries(clips, [f"p{i}" for i in range(9)], GREEDY), 2)
    assert [reply.text for reply in replies] == [f"p{i} {i}" for i in range(9)]


def test_no_batch_is_larger_than_asked() -> None:
    model = ParrotModel()
    infer_in_batches(model, queries([clip(0)] * 10, ["p"] * 10, GREEDY), 4)
    assert model.batches == [4, 4, 2]


@OUT_OF_MEMORY
def test_a_batch_that_does_not_fit_is_halved_and_stays_so(error: Callable[[], BaseException]) -> None:
    model = ParrotModel(capacity=3, error=error)
    replies = infer_in_batches(model, queries([clip(i) for i in range(5)], ["p"] * 5, GREEDY), 8)
    assert [reply.text for reply in replies] == [f"p {i}" for i in range(5)]
    assert model.batches == [5, 2, 2, 1]


@OUT_OF_MEMORY
def test_one_clip_that_does_not_fit_is_out_of_memory(error: Callable[[], BaseException]) -> None:
    with pytest.raises(OutOfMemory, match="tiny"):
        infer_in_batches(ParrotModel(capacity=0, error=error), queries([clip(0)] * 3, ["p"] * 3, GREEDY), 2)


# As users of the libraries report them.
SAID = [
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("hipErrorOutOfMemory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, max allowed: 18.1 GB)"),
    RuntimeError("Invalid buffer size: 24.00 GiB"),
    RuntimeError("Failed to allocate private MTLBuffer for size 99"),
    RuntimeError("command buffer exited with error: Insufficient Memory (00000008:kIOGPUCommandBufferCallback)"),
    RuntimeError("UR error: UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"),
    RuntimeError("unable to mmap 5368709120 bytes from file </m.safetensors>: Cannot allocate memory (12)"),
    OSError(12, "ENOMEM in the words of another language"),
    OSError("The paging file is too small for this operation to complete. (os error 1455)"),
    Exception("SafetensorError: Cannot allocate memory (os error 12)"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("bad allocation"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate 9"),
    MemoryError("Unable to allocate 9.3 GiB for an array"),
]
NOT_SAID = [
    RuntimeError("shapes differ"), OSError(2, "No such file"), ValueError("a clip holds no sample"),
    RuntimeError("CUDA error: device-side assert triggered"), OSError("the weights are at os error 1200"),
    KeyError("memory"), RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
]  # fmt: skip


@pytest.mark.parametrize("error", SAID, ids=str)
def test_memory_that_runs_out_halves_the_batch_whatever_its_name(error: Exception) -> None:
    def made() -> BaseException:
        return error

    model = ParrotModel(capacity=1, error=made)
    assert len(infer_in_batches(model, queries([clip(i) for i in range(3)], ["p"] * 3, GREEDY), 4)) == 3
    assert model.batches == [3, 1, 1, 1]


def test_memory_that_ran_out_below_another_error_counts_too() -> None:
    error = RuntimeError("the weights cannot be read")
    error.__cause__ = MemoryError()
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", NOT_SAID, ids=str)
def test_another_error_is_a_fault_of_the_model_and_keeps_its_words(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(InferenceFault, match=f"tiny: {type(error).__name__}"):
        infer_in_batches(ParrotModel(0, lambda: error), queries([clip(0)], ["p"], GREEDY), 2)


@pytest.mark.parametrize("known", KNOWN_MODELS, ids=lambda known: known.model_id)
def test_the_advice_holds_nothing_that_is_configured_already(known: KnownModel) -> None:
    said = memory_advice(known.model_id, "bfloat16", "4bit", "cpu")
    assert "bfloat16" not in said
    assert "4bit" not in said
    assert "device" not in said
    assert known.model_id not in said.split()
    assert ("quantisation" in memory_advice(known.model_id, "float32", "none", "cuda")) == (
        known.family != "audio-flamingo-2"
    )


def test_replies_are_told_before_a_later_batch_fails() -> None:
    class OneThenNone(ParrotModel):
        def infer(self, queries: Sequence[Query]) -> list[Reply]:
            if self.batches:
                raise MemoryError
            return super().infer(queries)

    told: list[int] = []
    with pytest.raises(OutOfMemory):
        infer_in_batches(
            OneThenNone(),
            queries([clip(0, 5), clip(1, 9)], ["p", "p"], GREEDY),
            1,
            on_reply=lambda i, _: told.append(i),
        )
    assert told == [1]


def test_no_clips_are_no_replies() -> None:
    assert infer_in_batches(ParrotModel(), [], 2) == []


class Streaming(ParrotModel):
    """Takes in as many queries as there is room for, whenever its rows are free."""

    def stream(self, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
        numbered = enumerate(queries)
        while batch := list(itertools.islice(numbered, n_rows)):
            yield from zip([n for n, _ in batch], self.infer([query for _, query in batch]), strict=True)


def test_a_model_that_streams_is_given_queries_when_there_is_room_for_them() -> None:
    made: list[int] = []
    told: list[int] = []

    def questions() -> Iterator[Query]:
        for i in range(7):
            assert len(made) - len(told) < 3
            made.append(i)
            yield Query(clip(i), "p", GREEDY)

    infer_as_they_come(Streaming(), questions(), 3, on_reply=lambda number, _: told.append(number))
    assert told == made == list(range(7))


def test_rows_that_do_not_fit_are_halved_and_what_is_answered_is_not_asked_again() -> None:
    model = Streaming(capacity=2)
    asked = queries([clip(i) for i in range(7)], ["p"] * 7, GREEDY)
    assert [reply.text for reply in infer_in_batches(model, asked, 6)] == [f"p {i}" for i in range(7)]
    assert model.batches == [6, 3, 1, 1, 1, 1, 1, 1, 1]
    assert len(model.asked) == 7


def test_a_stream_whose_reply_is_refused_is_closed_though_the_error_is_kept() -> None:
    lock = threading.Lock()

    class Locked(Streaming):
        def stream(self, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
            with lock:
                yield from super().stream(queries, n_rows)

    def full_disk(_: int, __: Reply) -> None:
        raise WriteError("answers: no space left on the device")

    with pytest.raises(WriteError) as kept:
        infer_as_they_come(Locked(), queries([clip(0), clip(1)], ["p"] * 2, GREEDY), 2, on_reply=full_disk)
    assert kept.value.__traceback__ is not None
    assert not lock.locked()


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        infer_in_batches(ParrotModel(), queries([clip(0)], ["a"], GREEDY), 0)


def test_pytorchs_own_error_for_too_much_memory_is_known() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("mean", [None, math.nan, -math.inf])
def test_a_reply_whose_numbers_are_not_finite_is_a_fault_that_names_the_type(mean: float | None) -> None:
    class Overflowing(ParrotModel):
        def infer(self, queries: Sequence[Query]) -> list[Reply]:
            return [dataclasses.replace(reply, mean_log_probability=mean) for reply in super().infer(queries)]

    here = dataclasses.replace(IDENTITY, dtype="float16", device="cuda")
    asked = queries([clip(0)], ["p"], GREEDY)
    with pytest.raises(InferenceFault, match=r"not finite in float16; set dtype to float32 or, where .* to bfloat16"):
        infer_in_batches(Overflowing(identity=here), asked, 1)
    # A server gives no probabilities.
    assert len(infer_in_batches(Overflowing(identity=dataclasses.replace(here, device=None)), asked, 1)) == 1
