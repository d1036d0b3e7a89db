"""Memory and speed of Audio Flamingo 2 at a released size with random weights, against the plain way, in one run.

python -m tests.benchmarks.af2_scale --size 0.5B [--dtype bf16] [--device cpu] [--threads 2] [--tokens 8] [--batch 4]

The plain way projects the audio's keys and values again for every token, as NVIDIA's code does, and takes one clip at a
time. Nothing is downloaded: the sizes are those that ../shared/audio-flamingo-2 lists. Both ways take turns, and their
replies are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from flamingo_bark_assets.inference.audio_flamingo_2 import frontend
from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import (
    DType,
    _converted_tensors,
    _dtype_of,
    _write_copy,
    fill,
    shapes_of,
)
from flamingo_bark_assets.inference.audio_flamingo_2.configuration import (
    AudioEncoderSizes,
    AudioTransformerSizes,
    Configuration,
    CrossAttentionSizes,
)
from flamingo_bark_assets.inference.audio_flamingo_2.encoding import encode_clips, pad_windows
from flamingo_bark_assets.inference.audio_flamingo_2.generation import Generated, generate
from flamingo_bark_assets.inference.interface import Clip, Decoding

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioFlamingo2Network

# Of Qwen2.5: hidden_size, intermediate_size, layers, heads, key-value heads.
LANGUAGE_MODELS = {"0.5B": (896, 4864, 24, 14, 2), "1.5B": (1536, 8960, 28, 12, 2), "3B": (2048, 11008, 36, 16, 2)}
DTYPES: dict[str, DType] = {"bf16": "bfloat16", "fp32": "float32"}
ROWS = 151669
PROMPT = [ROWS - 4, 12, 1198, 279, 4627, 304, 264, 11652, 13, ROWS - 1]
CLIP_S = 30
ROUNDS = 3


def configuration(size: str) -> Configuration:
    """All dimensions of a released size; no token ends a reply, so that every reply has the same length."""
    width, feed_forward, layers, heads, key_value_heads = LANGUAGE_MODELS[size]
    return Configuration(
        audio_encoder=AudioEncoderSizes(64, 256, 4, 256, (2, 2, 12, 2), (4, 8, 16, 32), 8, 4.0),
        audio_transformer=AudioTransformerSizes(3, 2048, 8, 256, 128, 2048),
        cross_attention=CrossAttentionSizes(tuple(range(layers)), 8, 64, 4 * width),
        vocabulary_size=ROWS,
        language_model={
            "model_type": "qwen2",
            "hidden_size": width,
            "intermediate_size": feed_forward,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": key_value_heads,
            "rope_theta": 1000000.0,
            "tie_word_embeddings": True,
        },
    )


def build(size: str, dtype: DType, device: str, *, is_int8: bool = False) -> AudioFlamingo2Network:
    """Build a size with random weights."""
    from flamingo_bark_assets.inference.audio_flamingo_2.network import build_on_meta

    network = build_on_meta(configuration(size), is_int8=is_int8)
    fill(network, _random_tensors(shapes_of(network)), dtype=dtype, device=device)
    return network


def write_copy(size: str, path: str) -> None:
    """Write random weights of a size as a converted copy."""
    from flamingo_bark_assets.inference.audio_flamingo_2.network import build_on_meta

    shapes = shapes_of(build_on_meta(configuration(size)))
    tensors = ((name, tensor.to(_dtype_of(name, "bfloat16"))) for name, tensor in _random_tensors(shapes))
    _write_copy(Path(path), tensors, shapes, "bfloat16")


def load_copy(size: str, copy: Path, *, is_int8: bool) -> AudioFlamingo2Network:
    """Load what `write_copy` wrote, as a release's converted copy is loaded."""
    from flamingo_bark_assets.inference.audio_flamingo_2.network import build_on_meta

    network = build_on_meta(configuration(size), is_int8=is_int8)
    tensors = _converted_tensors(copy, shapes_of(network), "bfloat16", has_own_head=is_int8)
    fill(network, tensors, dtype="bfloat16", device="cpu", is_mapped=True)
    return network


def _random_tensors(shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    import torch

    # One block over and over: a billion random numbers would take longer than all that is measured. Its length is
    # prime, as with equal rows of the embedding many tokens would be equally likely.
    block = torch.randn(1_000_003, generator=torch.Generator().manual_seed(1)) * 0.03
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        values = block.repeat(-(-count // block.numel()))[:count].reshape(shape)
        is_scale = len(shape) == 1 and not name.endswith("bias")
        yield name, values.abs() + 0.5 if is_scale else values


@contextmanager
def projecting_every_token(network: AudioFlamingo2Network, audio: Tensor) -> Iterator[None]:
    """Project keys and values at every step, for comparison."""
    with ExitStack() as stack:
        for block in network.cross_attention.values():
            hook = block.register_forward_pre_hook(
                lambda block, arguments: (arguments[0], *block.project(audio), *arguments[3:])
            )
            stack.callback(hook.remove)
        yield


def plain(network: AudioFlamingo2Network, clips: Sequence[Clip], tokens: int) -> list[Generated]:
    """Clip by clip, with the audio projected for every token."""
    replies = []
    for clip in clips:
        audio, mask = _embeddings(network, [clip])
        with projecting_every_token(network, audio):
            replies += _generate(network, audio, mask, tokens)
    return replies


def ours(network: AudioFlamingo2Network, clips: Sequence[Clip], tokens: int) -> list[Generated]:
    """All clips at once."""
    return _generate(network, *_embeddings(network, clips), tokens)


def _embeddings(network: AudioFlamingo2Network, clips: Sequence[Clip]) -> tuple[Tensor, Tensor]:
    padded, mask = pad_windows(encode_clips(network, clips))
    return padded.flatten(1, 2), mask


def _generate(network: AudioFlamingo2Network, audio: Tensor, mask: Tensor, tokens: int) -> list[Generated]:
    context = network.project_audio(audio, mask)
    return generate(network, context, [PROMPT] * len(audio), Decoding(max_new_tokens=tokens), pad_id=ROWS - 2)


def _seconds(action: Callable[[], Any]) -> float:
    import torch

    start = time.perf_counter()
    action()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _gigabytes(device: str) -> float:
    import torch

    used = torch.cuda.memory_allocated() if device.startswith("cuda") else psutil.Process().memory_info().rss
    return used / 1e9


def clip_of_noise(seed: int) -> Clip:
    noise = np.random.default_rng(seed).normal(0, 0.1, CLIP_S * frontend.SAMPLE_RATE_HZ)
    return Clip(noise.astype(np.float32), frontend.SAMPLE_RATE_HZ)


def measure(network: AudioFlamingo2Network, tokens: int, batch: int) -> None:
    """Print what one clip and one batch cost, ours and the plain way in turn."""
    clips = [clip_of_noise(seed) for seed in range(batch)]
    audio, mask = _embeddings(network, clips[:1])

    def plain_tokens(count: int) -> None:
        with projecting_every_token(network, audio):
            _generate(network, audio, mask, count)

    def our_tokens(count: int) -> None:
        _generate(network, audio, mask, count)

    encoding = [_seconds(lambda: _embeddings(network, clips[:1])) for _ in range(ROUNDS)]
    our_steps: list[float] = []
    plain_steps: list[float] = []
    our_batches: list[float] = []
    plain_batches: list[float] = []
    for action in (our_tokens, plain_tokens):
        action(2)
    for _ in range(ROUNDS):
        for steps, action in ((our_steps, our_tokens), (plain_steps, plain_tokens)):
            first, all_of_them = _seconds(lambda: action(1)), _seconds(lambda: action(tokens))  # noqa: B023
            steps.append((all_of_them - first) / (tokens - 1))
    for _ in range(ROUNDS if batch > 1 else 0):
        our_batches.append(_seconds(lambda: ours(network, clips, tokens)))
        plain_batches.append(_seconds(lambda: plain(network, clips, tokens)))
    print(f"encoding a {CLIP_S} s clip: {statistics.median(encoding):.3f} s")
    _print_pair("a token of one clip", our_steps, plain_steps)
    if batch > 1:
        _print_pair(f"{batch} clips of {CLIP_S} s, {tokens} tokens each", our_batches, plain_batches)
        same = [
            a.tokens == b.tokens
            for a, b in zip(ours(network, clips, tokens), plain(network, clips, tokens), strict=True)
        ]
        print(f"equal replies: {sum(same)} of {batch}")


def _print_pair(what: str, our_s: list[float], plain_s: list[float]) -> None:
    ratios = [theirs / mine for mine, theirs in zip(our_s, plain_s, strict=True)]
    print(
        f"{what}: {statistics.median(our_s):.3f} s, the plain way {statistics.median(plain_s):.3f} s; "
        f"times faster, pair by pair: {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
    )


def main() -> None:
    """Build a size and measure it."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=LANGUAGE_MODELS, default="0.5B")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    before = _gigabytes(options.device)
    start = time.perf_counter()
    network = build(options.size, DTYPES[options.dtype], options.device)
    weights = sum(parameter.nbytes for parameter in network.parameters())
    count = sum(parameter.numel() for parameter in network.parameters())
    print(f"{options.size}, {options.dtype}, {options.device}, {options.threads} threads, torch {torch.__version__}")
    print(f"{count / 1e9:.2f} billion parameters, built in {time.perf_counter() - start:.1f} s")
    with torch.inference_mode():
        encode_clips(network, [clip_of_noise(99)])
        print(f"weights {weights / 1e9:.2f} GB; memory {_gigabytes(options.device) - before:.2f} GB after a first clip")
        measure(network, options.tokens, options.batch)
    print(f"memory {_gigabytes(options.device) - before:.2f} GB at the end")


if __name__ == "__main__":
    main()
