"""How fast a song is described: our way against calling transformers the plain way.

    python -m tests.benchmarks.inference [--model FOLDER] [--device cpu|cuda] [--songs 4]

Without a model folder a random one of Music Flamingo's class is made (`--scale` widens and deepens it), so that only
ratios mean anything. The plain way asks one question about one clip at a time through processor and
`generate` of a second copy. Both answer the same questions about the same clips, greedily; their texts are compared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, Decoding
from flamingo_bark_assets.inference.loading import load_first
from flamingo_bark_assets.inference.reply_cache import AnswerCache
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.parts import PARTS, QUESTIONS
from tests.captioning_models import queries
from tests.signals import music
from tests.tiny_models import save_tiny_model

RATE_HZ = 16_000


def main() -> None:
    """Ask both ways in turn and print songs a minute, tokens a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="float32")
    parser.add_argument("--scale", type=int, default=16, help="width and depth of the random model")
    parser.add_argument("--songs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--batch", type=int, default=25)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.model or save_tiny_model(Path(folder, "model"), "music-flamingo", scale=arguments.scale)
        candidate = ModelCandidate(model=str(path), dtype=arguments.dtype, device=arguments.device)
        loaded = load_first(InferenceSettings(chain=(candidate,)))
        if loaded.model is None:
            raise SystemExit(loaded.advice)
        plain = _plain_model(path, arguments)
        _compare(loaded.model, plain, AnswerCache(Path(folder, "answers")), arguments)


def _compare(
    model: CaptioningModel, plain_model: tuple[Any, Any], cache: AnswerCache, arguments: argparse.Namespace
) -> None:
    decoding = Decoding(max_new_tokens=arguments.tokens)
    prompts = [f"{question} of this music?" for _ in PARTS for question in QUESTIONS]
    _ask_plainly(plain_model, _clips(9, 1.0), prompts[:1], 2)  # the first call pays for what later ones share
    ours_s = plain_s = 0.0
    tokens = equal = 0
    for song in range(arguments.songs):
        clips = _clips(song, arguments.seconds)
        start = time.perf_counter()
        ours = cache.ask(model, queries(clips, prompts, decoding), batch_size=arguments.batch)
        ours_s += time.perf_counter() - start
        start = time.perf_counter()
        plain = _ask_plainly(plain_model, clips, prompts, arguments.tokens)
        plain_s += time.perf_counter() - start
        tokens += sum(reply.token_count for reply in ours)
        equal += sum(reply.text == text for reply, text in zip(ours, plain, strict=True))
    again = time.perf_counter()
    cache.ask(model, queries(_clips(0, arguments.seconds), prompts, decoding), batch_size=arguments.batch)
    again_s = time.perf_counter() - again
    print(f"{model.identity.model_id} on {arguments.device}, {len(prompts)} questions a song")
    print(f"{'':14} {'songs/min':>10} {'tokens/s':>10}")
    for name, seconds in (("ours", ours_s), ("the plain way", plain_s)):
        print(f"{name:14} {60 * arguments.songs / seconds:10.1f} {tokens / seconds:10.1f}")
    print(f"ratio {plain_s / ours_s:.2f}, equal answers {equal} of {arguments.songs * len(prompts)}")
    print(f"asked again: {again_s / (ours_s / arguments.songs):.3f} of the first time")


def _clips(song: int, seconds: float) -> list[Clip]:
    parts = [Clip(music(seconds, rate_hz=RATE_HZ, seed=10 * song + part), RATE_HZ) for part in range(len(PARTS))]
    return [clip for clip in parts for _ in QUESTIONS]


def _plain_model(folder: Path, arguments: argparse.Namespace) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoProcessor

    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=getattr(torch, arguments.dtype), local_files_only=True)
    return model.to(arguments.device).eval(), AutoProcessor.from_pretrained(folder, local_files_only=True)


def _ask_plainly(plain: tuple[Any, Any], clips: list[Clip], prompts: list[str], max_new_tokens: int) -> list[str]:
    """One question about one clip at a time, as the model's card shows it."""
    import torch

    model, processor = plain
    replies = []
    for clip, prompt in zip(clips, prompts, strict=False):
        content = [{"type": "text", "text": prompt}, {"type": "audio", "audio": clip.samples}]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=True, add_generation_prompt=True, return_dict=True
        ).to(model.device)
        inputs["input_features"] = inputs["input_features"].to(model.dtype)
        with torch.inference_mode():
            tokens = model.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)
        said = tokens[0, inputs["input_ids"].shape[1] :]
        replies.append(processor.tokenizer.decode(said, skip_special_tokens=True))
    return replies


if __name__ == "__main__":
    main()
