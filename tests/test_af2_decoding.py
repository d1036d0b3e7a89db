"""Decoding many questions together: each reply is the one that transformers' own `generate` gives to it alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import load_network
from flamingo_bark_assets.inference.audio_flamingo_2.generation import Generated, Request, generate, generate_all
from flamingo_bark_assets.inference.audio_flamingo_2.model import AudioFlamingo2, load_audio_flamingo_2
from flamingo_bark_assets.inference.interface import Decoding, Query
from tests import af2_reference
from tests.captioning_models import queries
from tests.tiny_audio_flamingo_2 import ROWS, context_of, random_release, same, save_base, save_release, tone

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

PAD = ROWS - 2


def _multiplies_8_bits_exactly() -> bool:
    import torch

    return bool(torch.cpu.get_capabilities().get("avx512_vnni"))


exact_sums = pytest.mark.skipif(
    not _multiplies_8_bits_exactly(), reason="this processor lacks avx512_vnni: sums of 8-bit products saturate"
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_release(tmp_path_factory.mktemp("release"), random_release())


@pytest.fixture(scope="module")
def network(release: Path) -> AudioFlamingo2Network:
    return load_network(release, dtype="float32")


@pytest.fixture(scope="module")
def context(network: AudioFlamingo2Network) -> AudioContext:
    return context_of(network, [tone(4, 220), tone(23, 440), tone(11, 880)])


@pytest.fixture(scope="module")
def model(release: Path, tmp_path_factory: pytest.TempPathFactory) -> AudioFlamingo2:
    return load_audio_flamingo_2(release, base_lm_path=save_base(tmp_path_factory.mktemp("base")), dtype="float32")


def asked(count: int, limit: int = 9) -> list[Request]:
    """Ask prompts of 3 to 12 tokens about the three clips in turn, with limits of their own."""
    return [
        Request((ROWS - 4, *range(20 + i, 21 + i + i % 10), ROWS - 1), i // 2 % 3, limit - i % 4) for i in range(count)
    ]


def decoded(
    network: AudioFlamingo2Network, context: AudioContext, requests: list[Request], n_rows: int, decoding: Decoding
) -> list[Generated]:
    """Decode requests, at most so many at once; each intake holds the clips that its requests are about."""
    waiting = list(requests)

    def intake(free: int) -> tuple[AudioContext, list[Request]] | None:
        taken = [waiting.pop(0) for _ in range(min(free, len(waiting)))]
        clips = sorted({request.clip for request in taken})
        own = [dataclasses.replace(request, clip=clips.index(request.clip)) for request in taken]
        return (context.of_clips(clips), own) if taken else None

    replies = dict(generate_all(network, intake, decoding, pad_id=PAD, n_rows=n_rows))
    return [replies[i] for i in range(len(requests))]


def alone(network: AudioFlamingo2Network, context: AudioContext, request: Request) -> list[int]:
    """Ask transformers one question, without anything beside it."""
    own = context.of_clips([request.clip])
    return af2_reference.greedy(network, own, [request.tokens], request.max_new_tokens, pad_id=PAD)[0]


@pytest.mark.parametrize("n_rows", [1, 3, 4, 30])
def test_each_reply_is_that_of_transformers_to_the_question_alone(
    network: AudioFlamingo2Network, context: AudioContext, n_rows: int
) -> None:
    requests = asked(14)
    ours = decoded(network, context, requests, n_rows, Decoding())
    assert [list(one.tokens) for one in ours] == [alone(network, context, request) for request in requests]
    assert all(one.truncated for one in ours)


def test_rows_that_end_leave_the_others_as_they_are(network: AudioFlamingo2Network, context: AudioContext) -> None:
    requests = asked(12)
    free = decoded(network, context, requests, 5, Decoding())
    end = free[1].tokens[3]
    before = network.configuration
    network.configuration = dataclasses.replace(before, language_model={**before.language_model, "eos_token_id": end})
    try:
        ending = decoded(network, context, requests, 5, Decoding())
        expected = [alone(network, context, request) for request in requests]
    finally:
        network.configuration = before
    assert [list(one.tokens) for one in ending] == expected
    assert [one.truncated for one in ending] == [end not in tokens for tokens in expected]
    assert not ending[1].truncated


def test_the_next_question_is_asked_for_when_a_row_is_free(model: AudioFlamingo2) -> None:
    taken: list[int] = []

    def questions() -> Iterator[Query]:
        for i in range(5):
            taken.append(i)
            yield Query(tone(2, 300), f"question {i}", Decoding(max_new_tokens=3 + 2 * i))

    stream = model.stream(questions(), 2)
    assert next(stream)[0] == 0
    assert taken == [0, 1]
    assert [number for number, _ in stream] == [1, 2, 3, 4]


def test_replies_of_a_stream_are_those_of_a_batch(model: AudioFlamingo2) -> None:
    questions = [Query(tone(2 + i // 3 * 5, 300), f"what is {i}?", Decoding(max_new_tokens=4 + i)) for i in range(8)]
    streamed = dict(model.stream(questions, 3))
    assert same([streamed[i] for i in range(8)], model.infer(questions))


def test_a_sampled_reply_does_not_depend_on_what_is_decoded_beside_it(
    network: AudioFlamingo2Network, context: AudioContext
) -> None:
    sampled = Decoding(do_sample=True, temperature=1.3, top_p=0.9, top_k=40)
    requests = [dataclasses.replace(request, seed=i) for i, request in enumerate(asked(6))]
    together = decoded(network, context, requests, 4, sampled)
    each = [decoded(network, context, [request], 1, sampled)[0] for request in requests]
    assert [one.tokens for one in together] == [one.tokens for one in each]
    others = [dataclasses.replace(request, seed=i + 100) for i, request in enumerate(requests)]
    assert [one.tokens for one in decoded(network, context, others, 4, sampled)] != [one.tokens for one in together]


def test_sampled_tokens_follow_the_odds_of_the_model(network: AudioFlamingo2Network, context: AudioContext) -> None:
    import torch

    prompt = (ROWS - 4, 30, 31, ROWS - 1)
    requests = [Request(prompt, 0, 1, seed) for seed in range(400)]
    sampled = decoded(network, context, requests, 400, Decoding(do_sample=True, top_k=3))
    scores = af2_reference.logits(network, context.of_clips([0]), torch.tensor([prompt]))[0, -1]
    likeliest = scores.topk(3)
    shares = [sum(one.tokens[0] == token for one in sampled) / 400 for token in likeliest.indices.tolist()]
    assert sum(shares) == 1.0
    assert shares == pytest.approx(likeliest.values.softmax(0).tolist(), abs=0.08)  # over three standard errors


def test_a_penalty_for_repeats_is_transformers(network: AudioFlamingo2Network, context: AudioContext) -> None:
    import torch
    from transformers import GenerationConfig

    request = asked(1, limit=20)[0]
    own = context.of_clips([request.clip])
    config = GenerationConfig(
        max_new_tokens=request.max_new_tokens, do_sample=False, pad_token_id=PAD, eos_token_id=None,
        repetition_penalty=1.3,
    )  # fmt: skip
    with torch.inference_mode(), af2_reference.conditioned(network, own) as language_model:
        expected = language_model.generate(input_ids=torch.tensor([request.tokens]), generation_config=config)
    (ours,) = decoded(network, context, [request], 1, Decoding(repetition_penalty=1.3))
    assert list(ours.tokens) == expected[0, len(request.tokens) :].tolist()
    assert ours.tokens != decoded(network, context, [request], 1, Decoding())[0].tokens


def test_a_reply_that_says_the_same_over_and_over_is_stopped(
    network: AudioFlamingo2Network, context: AudioContext
) -> None:
    request = asked(1, limit=400)[0]
    (reply,) = decoded(network, context, [request], 1, Decoding())
    assert (reply.repeating, reply.truncated) == (True, False)
    whole = alone(network, context, request)
    assert list(reply.tokens) == whole[: len(reply.tokens)]
    # It ends in 24 tokens or more that are one phrase, four times or more.
    assert any(
        whole[len(reply.tokens) - n * max(4, -(-24 // n)) : len(reply.tokens)]
        == whole[len(reply.tokens) - n : len(reply.tokens)] * max(4, -(-24 // n))
        for n in range(1, 33)
    )


def test_where_a_loop_is_stopped_does_not_depend_on_when_others_began(
    network: AudioFlamingo2Network, context: AudioContext
) -> None:
    requests = [dataclasses.replace(request, max_new_tokens=300 if i % 2 else 3) for i, request in enumerate(asked(9))]
    together = decoded(network, context, requests, 2, Decoding())
    assert any(one.repeating for one in together)
    assert [one.tokens for one in together] == [
        decoded(network, context, [request], 1, Decoding())[0].tokens for request in requests
    ]


def test_a_prompt_without_tokens_is_refused(network: AudioFlamingo2Network, context: AudioContext) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        generate(network, context, [[1], [], [2]], Decoding(), pad_id=PAD)


# 8 bits


@pytest.fixture(scope="module")
def int8_model(release: Path, tmp_path_factory: pytest.TempPathFactory) -> AudioFlamingo2:
    base = save_base(tmp_path_factory.mktemp("base"))
    return load_audio_flamingo_2(release, base_lm_path=base, quantisation="int8")


@exact_sums
def test_a_layer_of_8_bits_is_within_half_a_step_of_each_weight_and_input() -> None:
    import torch
    from torch import nn

    from flamingo_bark_assets.inference.quantisation import Int8Linear, replace_linear

    torch.manual_seed(5)
    exact = nn.Linear(96, 40)
    x = torch.randn(3, 7, 96) * torch.logspace(-3, 3, 7)[:, None]
    model = nn.Sequential(nn.Linear(96, 40))
    replace_linear(model, lambda _: True)
    (layer,) = model
    assert isinstance(layer, Int8Linear)
    layer.take(exact.weight.detach())
    layer.bias = exact.bias
    with torch.inference_mode():
        error = (layer(x) - exact(x)).abs()
        half_steps = (torch.stack([exact.weight.abs().amax(1), exact.weight.abs().sum(1)]) / 127 / 2).unbind()
        largest, total = x.abs().amax(-1, keepdim=True), x.abs().sum(-1, keepdim=True)
        assert bool((error <= 1.02 * (half_steps[0] * total + half_steps[1] * largest)).all())
        assert bool((layer(torch.zeros(2, 96)) == exact.bias).all())


def test_a_layer_of_8_bits_gives_a_row_the_same_whatever_stands_beside_it() -> None:
    import torch

    from flamingo_bark_assets.inference.quantisation import Int8Linear

    torch.manual_seed(6)
    layer = Int8Linear(64, 32, bias=False)
    layer.take(torch.randn(32, 64))
    x = torch.randn(9, 64) * torch.logspace(-2, 2, 9)[:, None]
    with torch.inference_mode():
        assert torch.equal(layer(x), torch.cat([layer(row[None]) for row in x]))


def test_a_model_of_8_bits_says_so_and_keeps_no_other_weights_of_its_large_layers(int8_model: AudioFlamingo2) -> None:
    assert int8_model.identity.dtype == "bfloat16+int8"
    linear = [name for name, _ in int8_model.network.named_parameters() if "_proj.weight" in name or "query" in name]
    assert [name for name in linear if "audio" not in name] == []


def test_replies_in_8_bits_together_are_those_of_each_question_alone(release: Path, context: AudioContext) -> None:
    network = load_network(release, dtype="float32", is_int8=True)
    requests = asked(10)
    together = decoded(network, context, requests, 4, Decoding())
    each = [decoded(network, context, [request], 1, Decoding())[0] for request in requests]
    assert [one.tokens for one in together] == [one.tokens for one in each]


@exact_sums
def test_scores_in_8_bits_are_near_those_of_float32(
    network: AudioFlamingo2Network, int8_model: AudioFlamingo2, context: AudioContext
) -> None:
    import torch

    from tests.benchmarks.af2_parity import prompt_logits

    ids = torch.tensor([[ROWS - 4, *range(20, 30), ROWS - 1]])
    with torch.inference_mode():
        heard = context_of(int8_model.network, [tone(4, 220)])
        ours, exact = prompt_logits(int8_model.network, heard, ids), prompt_logits(network, context.of_clips([0]), ids)
    assert float((ours - exact).norm() / exact.norm()) < 0.05


def test_a_model_of_8_bits_is_the_same_from_the_release_and_from_its_converted_copy(
    release: Path, tmp_path: Path, int8_model: AudioFlamingo2
) -> None:
    base = save_base(tmp_path / "base")
    questions = queries([tone(3, 440)], ["genre?"], Decoding(max_new_tokens=9))
    cached = [
        load_audio_flamingo_2(release, base_lm_path=base, quantisation="int8", cache_folder=tmp_path).infer(questions)
        for _ in range(2)
    ]
    assert cached == [int8_model.infer(questions)] * 2


def test_what_memory_held_before_reaches_no_reply(network: AudioFlamingo2Network, context: AudioContext) -> None:
    import torch

    requests = asked(10)
    expected = decoded(network, context, requests, 4, Decoding())
    # Memory that is not written to then holds NaN.
    torch.use_deterministic_algorithms(True)
    try:
        poisoned = decoded(network, context, requests, 4, Decoding())
    finally:
        torch.use_deterministic_algorithms(False)
    assert [one.tokens for one in poisoned] == [one.tokens for one in expected]
