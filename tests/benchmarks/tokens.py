"""How fast sound becomes tokens on one core, at the real sizes with random weights: CPU seconds per second of sound.

python -m tests.benchmarks.tokens [--clips 8] [--batch 8]
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np

from flamingo_bark_assets.tokens.acoustic import acoustic_tokens
from flamingo_bark_assets.tokens.semantic import HUBERT_LAYER, Quantizer, semantic_tokens
from flamingo_bark_assets.tokens.tokenizer import to_semantic_rate

CLIP_S = 10.0


def main() -> None:
    """Time each model and all together, and print how many times real time that is."""
    import torch
    from transformers import EncodecConfig, EncodecModel, HubertConfig, HubertModel

    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hubert = HubertModel(HubertConfig()).eval()
    hubert.encoder.layers = hubert.encoder.layers[:HUBERT_LAYER]
    encodec = EncodecModel(EncodecConfig()).eval()
    for layer in encodec.quantizer.layers:
        layer.codebook.embed.normal_()
    quantizer = Quantizer(0, torch.nn.LSTM(768, 1024, 2, batch_first=True), (torch.nn.Linear(1024, 10_000),))
    noise = np.random.default_rng(0)
    waves = noise.normal(0, 0.1, (arguments.clips, round(CLIP_S * 24_000))).astype(np.float32)
    seconds = {
        "resampling": _timed(lambda: [to_semantic_rate(wave) for wave in waves]),
        "HuBERT and quantizer": 0.0,
        "EnCodec": 0.0,
    }
    spoken = np.stack([to_semantic_rate(wave) for wave in waves])
    for start in range(0, len(waves), arguments.batch):
        of = slice(start, start + arguments.batch)
        seconds["HuBERT and quantizer"] += _timed(functools.partial(semantic_tokens, hubert, quantizer, spoken[of]))
        seconds["EnCodec"] += _timed(functools.partial(acoustic_tokens, encodec, waves[of]))
    sound_s = len(waves) * CLIP_S
    for name, spent in seconds.items():
        print(f"{name}: {spent / sound_s:.3f} CPU-s per second of sound")
    print(f"together: {sound_s / sum(seconds.values()):.1f} times real time on one core, batches of {arguments.batch}")


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
