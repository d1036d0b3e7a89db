"""What describing one song by Audio Flamingo 2 costs: the way before, and ours, in pairs.

    python -m tests.benchmarks.af2_song [--size 1.5B] [--questions 25] [--tokens 64] [--rounds 3]

Five clips of 30 s, the questions spread over them; random weights at the real shape, replies of a fixed length, so that
both do the same work. Before: questions in batches of four through transformers' `generate`, the keys and values of
the sound copied for each. CPU seconds of this process, of which only ratios mean anything; the median of the pairs.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.inference.audio_flamingo_2 import generation
from flamingo_bark_assets.inference.audio_flamingo_2.encoding import encode_clips, pad_windows
from flamingo_bark_assets.inference.audio_flamingo_2.generation import Request, generate_all
from flamingo_bark_assets.inference.interface import Clip, Decoding
from tests import af2_reference
from tests.benchmarks.af2_scale import DTYPES, LANGUAGE_MODELS, ROWS, build, clip_of_noise

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

N_CLIPS = 5
BATCH_BEFORE = 4


def prompts(count: int) -> list[tuple[int, ...]]:
    """Make prompts of 8 to 14 tokens."""
    return [(ROWS - 4, *range(100 + i, 106 + i + i % 7), ROWS - 1) for i in range(count)]


def project(network: AudioFlamingo2Network, clips: Sequence[Clip]) -> AudioContext:
    """Encode clips and project their keys and values."""
    import torch

    with torch.inference_mode():
        padded, mask = pad_windows(encode_clips(network, clips))
        return network.project_audio(padded.flatten(1, 2), mask)


def before(network: AudioFlamingo2Network, context: AudioContext, asked: Sequence[Any], tokens: int) -> list[list[int]]:
    """Four questions at a time, through transformers."""
    replies = []
    for start in range(0, len(asked), BATCH_BEFORE):
        batch = asked[start : start + BATCH_BEFORE]
        own = context.of_clips([request.clip for request in batch])
        replies += af2_reference.greedy(network, own, [r.tokens for r in batch], tokens, pad_id=ROWS - 2)
    return replies


def now(network: AudioFlamingo2Network, context: AudioContext, asked: Sequence[Any], tokens: int) -> list[list[int]]:
    """All questions together."""
    waiting = [(context, asked)]
    replies = dict(
        generate_all(
            network,
            lambda _: waiting.pop() if waiting else None,
            Decoding(max_new_tokens=tokens),
            pad_id=ROWS - 2,
            n_rows=len(asked),
        )
    )
    return [list(replies[i].tokens) for i in range(len(asked))]


def equality(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> str:
    """Say how many replies are equal, and how many tokens are up to the first difference of each."""
    pairs = list(zip(ours, theirs, strict=True))
    alike = [next((i for i, (a, b) in enumerate(zip(*pair, strict=True)) if a != b), len(pair[0])) for pair in pairs]
    distinct = len({token for reply in theirs for token in reply})
    share = sum(alike) / sum(map(len, theirs))
    return f"equal replies {sum(a == b for a, b in pairs)} of {len(pairs)}, tokens {share:.3f} ({distinct} distinct)"


def cpu_seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of this process that an action takes, and what it returns."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def main() -> None:
    """Measure both ways in turn."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=LANGUAGE_MODELS, default="1.5B")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--quantisation", choices=("none", "int8"), default="none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # Random weights say the same over and over, and both ways are to make as many tokens.
    generation._LOOK_FOR_REPEATS_EVERY = 1 << 30
    plain = build(options.size, DTYPES[options.dtype], "cpu")
    ours = plain if options.quantisation == "none" else build(options.size, DTYPES[options.dtype], "cpu", is_int8=True)
    clips = [clip_of_noise(seed) for seed in range(N_CLIPS)]
    asked = [
        Request(tokens, i * N_CLIPS // options.questions, options.tokens)
        for i, tokens in enumerate(prompts(options.questions))
    ]
    print(f"{options.size} {options.dtype}, quantisation {options.quantisation}, {options.threads} threads")
    project(ours, clips[:1])
    pairs = []
    for _ in range(options.rounds):
        encoding_s, context = cpu_seconds(lambda: project(ours, clips))
        now_s, ours_said = cpu_seconds(lambda: now(ours, context, asked, options.tokens))  # noqa: B023
        encoding_before_s, plain_context = cpu_seconds(lambda: project(plain, clips))
        before_s, plain_said = cpu_seconds(lambda: before(plain, plain_context, asked, options.tokens))  # noqa: B023
        print(f"now {encoding_s:.1f} + {now_s:.1f}, before {encoding_before_s:.1f} + {before_s:.1f} CPU-s", flush=True)
        pairs.append((encoding_before_s + before_s) / (encoding_s + now_s))
        print(
            f"ratio {pairs[-1]:.2f}; {equality(ours_said, plain_said)}",
            flush=True,
        )
    print(f"ratio {statistics.median(pairs):.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
