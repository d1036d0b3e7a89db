"""Batches that fit the memory: halved where they do not, and every reply with its own clip."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flamingo_bark_assets.inference.batching import OutOfMemory, infer_in_batches, is_out_of_memory
from flamingo_bark_assets.inference.interface import Decoding, Reply
from tests.captioning_models import ParrotModel, clip

GREEDY = Decoding()


def cuda_out_of_memory() -> BaseException:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def cpu_out_of_memory() -> BaseException:
    return RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")


OUT_OF_MEMORY = pytest.mark.parametrize("error", [cuda_out_of_memory, cpu_out_of_memory, MemoryError])


def test_replies_come_in_the_order_of_the_clips_whatever_their_lengths() -> None:
    clips = [clip(value, n_samples=10 + (value * 7) % 5) for value in range(9)]
    replies = infer_in_batches(ParrotModel(), clips, [f"p{i}" for i in range(9)], GREEDY, 2)
    assert [reply.text for reply in replies] == [f"p{i} {i}" for i in range(9)]


def test_no_batch_is_larger_than_asked() -> None:
    model = ParrotModel()
    infer_in_batches(model, [clip(0)] * 10, ["p"] * 10, GREEDY, 4)
    assert model.batches == [4, 4, 2]


@OUT_OF_MEMORY
def test_a_batch_that_does_not_fit_is_halved_and_stays_so(error: Callable[[], BaseException]) -> None:
    model = ParrotModel(capacity=3, error=error)
    replies = infer_in_batches(model, [clip(i) for i in range(5)], ["p"] * 5, GREEDY, 8)
    assert [reply.text for reply in replies] == [f"p {i}" for i in range(5)]
    assert model.batches == [5, 2, 2, 1]


@OUT_OF_MEMORY
def test_one_clip_that_does_not_fit_is_out_of_memory(error: Callable[[], BaseException]) -> None:
    with pytest.raises(OutOfMemory, match="tiny"):
        infer_in_batches(ParrotModel(capacity=0, error=error), [clip(0)] * 3, ["p"] * 3, GREEDY, 2)


def test_another_error_is_passed_on() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        infer_in_batches(ParrotModel(0, lambda: RuntimeError("shapes differ")), [clip(0)], ["p"], GREEDY, 2)


def test_replies_are_told_before_a_later_batch_fails() -> None:
    class OneThenNone(ParrotModel):
        def infer(self, *args: object) -> list[Reply]:
            if self.batches:
                raise MemoryError
            return super().infer(*args)  # type: ignore[arg-type]

    told: list[int] = []
    with pytest.raises(OutOfMemory):
        infer_in_batches(
            OneThenNone(), [clip(0, 5), clip(1, 9)], ["p", "p"], GREEDY, 1, on_reply=lambda i, _: told.append(i)
        )
    assert told == [1]


def test_no_clips_are_no_replies() -> None:
    assert infer_in_batches(ParrotModel(), [], [], GREEDY, 2) == []


@pytest.mark.parametrize(("prompts", "batch_size"), [(["a", "b"], 1), (["a"], 0)])
def test_wrong_numbers_are_refused(prompts: list[str], batch_size: int) -> None:
    with pytest.raises(ValueError, match=r"batch_size|prompts"):
        infer_in_batches(ParrotModel(), [clip(0)], prompts, GREEDY, batch_size)


def test_pytorchs_own_error_for_too_much_memory_is_known() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
