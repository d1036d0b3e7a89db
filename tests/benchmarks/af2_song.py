"""What describing one song by Audio Flamingo 2 costs: the way before, and ours, in pairs.

    python -m tests.benchmarks.af2_song [--size 1.5B] [--quantisation none|int8] [--questions 25] [--tokens 64]
        [--rounds 3] [--memory]

Five clips of 30 s, the questions spread over them; random weights at the real shape, replies of a fixed length, so that
both do the same work. Before: questions in batches of four through transformers' `generate`, the keys and values of the
sound copied for each, transformers' own audio encoder, threads that wait as OpenMP lets them by itself. Each way has a
process of its own, and they take turns. CPU seconds, of which only ratios mean anything; the median of the pairs.
`--memory` instead loads our way as from disk and prints the most memory that a song took.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

LANGUAGE_MODELS = ("0.5B", "1.5B", "3B")
N_CLIPS = 5
BATCH_BEFORE = 4
WINDOWS_BEFORE = 16

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network
    from flamingo_bark_assets.inference.interface import Clip


def asked(questions: int, tokens: int) -> list[Any]:
    """Make questions of 8 to 14 tokens about the clips in order."""
    from flamingo_bark_assets.inference.audio_flamingo_2.generation import Request
    from tests.benchmarks.af2_scale import ROWS

    return [
        Request((ROWS - 4, *range(100 + i, 106 + i + i % 7), ROWS - 1), i * N_CLIPS // questions, tokens)
        for i in range(questions)
    ]


def project(network: AudioFlamingo2Network, clips: Sequence[Clip]) -> AudioContext:
    """Encode clips and project their keys and values."""
    import torch

    from flamingo_bark_assets.inference.audio_flamingo_2.encoding import encode_clips, pad_windows

    with torch.inference_mode():
        padded, mask = pad_windows(encode_clips(network, clips))
        return network.project_audio(padded.flatten(1, 2), mask)


def encode_before() -> None:
    """Let the sound be encoded by transformers' own pass, as it was."""
    from flamingo_bark_assets.inference.audio_flamingo_2 import audio_encoder, network

    def plainly(model: Any, log_mel: Any) -> Any:
        return model(input_features=log_mel[:, None]).last_hidden_state.flatten(2).transpose(1, 2)

    audio_encoder.encode = plainly
    network._WINDOWS_AT_ONCE = WINDOWS_BEFORE


def before(network: AudioFlamingo2Network, context: AudioContext, requests: Sequence[Any]) -> list[list[int]]:
    """Four questions at a time, through transformers."""
    from tests import af2_reference
    from tests.benchmarks.af2_scale import ROWS

    replies = []
    for start in range(0, len(requests), BATCH_BEFORE):
        batch = requests[start : start + BATCH_BEFORE]
        own, prompts = context.of_clips([one.clip for one in batch]), [one.tokens for one in batch]
        replies += af2_reference.greedy(network, own, prompts, batch[0].max_new_tokens, pad_id=ROWS - 2)
    return replies


def now(network: AudioFlamingo2Network, context: AudioContext, requests: Sequence[Any]) -> list[list[int]]:
    """All questions together."""
    from flamingo_bark_assets.inference.audio_flamingo_2.generation import generate_all
    from flamingo_bark_assets.inference.interface import Decoding
    from tests.benchmarks.af2_scale import ROWS

    waiting = [(context, requests)]
    replies = dict(
        generate_all(
            network, lambda _: waiting.pop() if waiting else None, Decoding(), pad_id=ROWS - 2, n_rows=len(requests)
        )
    )
    return [list(replies[i].tokens) for i in range(len(requests))]


def work(options: argparse.Namespace) -> None:
    """Answer each line of standard input with what a song took, as JSON; the first answer says that all is loaded."""
    import torch

    from flamingo_bark_assets.inference.audio_flamingo_2 import generation
    from tests.benchmarks.af2_scale import DTYPES, build, clip_of_noise

    torch.set_num_threads(options.threads)
    # Random weights say the same over and over, and both ways are to make as many tokens.
    generation._LOOK_FOR_REPEATS_EVERY = 1 << 30
    is_before = options.worker == "before"
    if is_before:
        encode_before()
    network = build(
        options.size, DTYPES[options.dtype], "cpu", is_int8=not is_before and options.quantisation == "int8"
    )
    clips = [clip_of_noise(seed) for seed in range(N_CLIPS)]
    project(network, clips[:1])
    print(json.dumps("loaded"), flush=True)
    for _ in sys.stdin:
        encoding_s, context = cpu_seconds(lambda: project(network, clips))
        requests = asked(options.questions, options.tokens)
        decoding_s, tokens = cpu_seconds(lambda: (before if is_before else now)(network, context, requests))  # noqa: B023
        print(json.dumps({"encoding_s": encoding_s, "decoding_s": decoding_s, "tokens": tokens}), flush=True)


def cpu_seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of this process that an action takes, and what it returns."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


class Worker:
    """A process that describes a song in one of the ways whenever it is asked to."""

    def __init__(self, way: str) -> None:
        environment = {**os.environ}
        for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
            environment.pop(name, None)
        # torch reads how to wait when it is imported: before the package for the way before, which said nothing of it.
        first = "import torch; " if way == "before" else ""
        program = f"{first}from tests.benchmarks import af2_song; af2_song.main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *sys.argv[1:], "--worker", way], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._answer()

    def song(self) -> dict[str, Any]:
        """Describe a song."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self._answer()
        return answer

    def end(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def equality(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> str:
    """Say how many replies are equal, and how many tokens are up to the first difference of each."""
    pairs = list(zip(ours, theirs, strict=True))
    alike = [next((i for i, (a, b) in enumerate(zip(*pair, strict=True)) if a != b), len(pair[0])) for pair in pairs]
    distinct = len({token for reply in theirs for token in reply})
    share = sum(alike) / sum(map(len, theirs))
    return f"equal replies {sum(a == b for a, b in pairs)} of {len(pairs)}, tokens {share:.3f} ({distinct} distinct)"


def compare(options: argparse.Namespace) -> None:
    """Let both ways describe a song in turn, and print the ratios."""
    print(f"{options.size} {options.dtype}, quantisation {options.quantisation}, {options.threads} threads", flush=True)
    ours, theirs = Worker("now"), Worker("before")
    whole, encoding = [], []
    for number in range(options.rounds):
        # In turn first: who comes second finds a machine that is warm.
        first, second = (ours.song(), theirs.song()) if number % 2 else (theirs.song(), ours.song())
        us, them = (first, second) if number % 2 else (second, first)
        totals = [one["encoding_s"] + one["decoding_s"] for one in (them, us)]
        whole.append(totals[0] / totals[1])
        encoding.append(them["encoding_s"] / us["encoding_s"])
        print(
            f"before {them['encoding_s']:.1f} + {them['decoding_s']:.1f} CPU-s, now {us['encoding_s']:.1f} + "
            f"{us['decoding_s']:.1f}: ratio {whole[-1]:.2f}, of encoding {encoding[-1]:.2f}; "
            + equality(us["tokens"], them["tokens"]),
            flush=True,
        )
    ours.end()
    theirs.end()
    print(f"ratio {statistics.median(whole):.2f}, of encoding {statistics.median(encoding):.2f}")


def measure_memory(options: argparse.Namespace) -> None:
    """Load a converted copy of random weights as a release is loaded, describe a song, print the most memory used.

    The copy is written by another process, as its random numbers would count.
    """
    import psutil

    from tests.benchmarks.af2_scale import clip_of_noise, load_copy

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "weights.safetensors")
        write = f"from tests.benchmarks.af2_scale import write_copy; write_copy({options.size!r}, {str(copy)!r})"
        subprocess.run([sys.executable, "-c", write], check=True)
        network = load_copy(options.size, copy, is_int8=options.quantisation == "int8")
        clips = [clip_of_noise(seed) for seed in range(N_CLIPS)]
        now(network, project(network, clips), asked(options.questions, options.tokens))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        used = psutil.Process().memory_full_info()
        own = (used.rss - used.shared) / 1e9
        print(f"{options.size} {options.quantisation}: peak {peak:.2f} GB; {own:.2f} at the end but for mapped files")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=LANGUAGE_MODELS, default="1.5B")
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--quantisation", choices=("none", "int8"), default="none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--worker", choices=("before", "now"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
    elif options.memory:
        measure_memory(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
