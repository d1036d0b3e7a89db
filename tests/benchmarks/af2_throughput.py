"""How many songs an hour Audio Flamingo 2 describes on this machine's device, many songs in one stream.

    python -m tests.benchmarks.af2_throughput [--size 1.5B] [--device cuda] [--dtype bf16] [--quantisation none]
        [--songs 8] [--rows 128]

Random weights at the real shape, each song as the product asks by default: five clips, three questions each, replies
at their limits, the queue kept full. Prints songs an hour, tokens a second, and which share of the device's memory
bandwidth, measured by copying, reading the weights once a step takes: near 1 the device can do no more with these rows.
Whoever has a GPU runs it there; no figure of one is recorded.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flamingo_bark_assets.inference.audio_flamingo_2 import generation
from flamingo_bark_assets.inference.audio_flamingo_2.decoder import Decoder
from flamingo_bark_assets.inference.audio_flamingo_2.encoding import encode_clips, pad_windows
from flamingo_bark_assets.inference.audio_flamingo_2.generation import Request, generate_all
from flamingo_bark_assets.inference.interface import Decoding
from tests.benchmarks.af2_scale import DTYPES, LANGUAGE_MODELS, ROWS, build, clip_of_noise

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

N_CLIPS = 5
LIMITS = (64, 64, 200)  # merged labels, caption, description
COPIED_BYTES = 1 << 28


def synchronise(device: str) -> None:
    """Wait until the device has done all that it was given."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()


def bandwidth(device: str) -> float:
    """Measure how many bytes a second the device reads and writes, by copying."""
    import torch

    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(5):
        synchronise(device)
        start = time.perf_counter()
        target.copy_(source)
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2 * COPIED_BYTES / best


class Songs:
    """Makes the questions of song after song, a song's sound encoded when its first question is taken."""

    def __init__(self, network: AudioFlamingo2Network, count: int) -> None:
        self._network = network
        self._waiting = iter(range(count))

    def intake(self, free: int) -> tuple[AudioContext, Sequence[Request]] | None:
        """Give whole songs that fit, at least one."""
        per_song = N_CLIPS * len(LIMITS)
        songs = list(itertools.islice(self._waiting, max(1, free // per_song)))
        if not songs:
            return None
        clips = [clip_of_noise(N_CLIPS * song + clip) for song in songs for clip in range(N_CLIPS)]
        padded, mask = pad_windows(encode_clips(self._network, clips))
        context = self._network.project_audio(padded.flatten(1, 2), mask)
        return context, list(self._requests(len(clips)))

    def _requests(self, n_clips: int) -> Iterator[Request]:
        for clip in range(n_clips):
            for number, limit in enumerate(LIMITS):
                yield Request((ROWS - 4, *range(100 + number, 110 + number), ROWS - 1), clip, limit)


def main() -> None:
    """Describe songs and print what it took."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=LANGUAGE_MODELS, default="1.5B")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--quantisation", choices=("none", "int8"), default="none")
    parser.add_argument("--songs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=128)
    options = parser.parse_args()
    # Random weights say the same over and over, and replies are to reach their limits.
    generation._LOOK_FOR_REPEATS_EVERY = 1 << 30
    network = build(options.size, DTYPES[options.dtype], options.device, is_int8=options.quantisation == "int8")
    steps = 0
    hidden = Decoder.hidden

    def counted(self: Decoder, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        return hidden(self, *arguments)  # type: ignore[arg-type]

    Decoder.hidden = counted  # type: ignore[assignment, method-assign]
    list(_decode(network, 1, options.rows))  # the first song pays for what later ones share
    steps = 0
    synchronise(options.device)
    cpu, start = time.process_time(), time.perf_counter()
    tokens = sum(_decode(network, options.songs, options.rows))
    synchronise(options.device)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    read = steps * sum(parameter.nbytes for parameter in network.language_model.parameters())
    print(f"{options.size} {options.dtype}, quantisation {options.quantisation}, {options.device}, {options.rows} rows")
    print(f"{3600 * options.songs / seconds:.0f} songs an hour, {tokens / seconds:.0f} tokens a second, {steps} steps")
    print(f"{cpu_s / options.songs:.1f} CPU-s a song")
    print(f"share of the memory bandwidth: {read / seconds / bandwidth(options.device):.2f}")


def _decode(network: AudioFlamingo2Network, count: int, n_rows: int) -> Iterator[int]:
    """Yield how many tokens each reply has."""
    songs = Songs(network, count)
    for _, reply in generate_all(network, songs.intake, Decoding(), pad_id=ROWS - 2, n_rows=n_rows):
        yield len(reply.tokens)


if __name__ == "__main__":
    main()
