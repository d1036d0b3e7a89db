"""How far our Audio Flamingo 2 is from the golden vectors that NVIDIA's code gave: the largest error of each.

python -m tests.benchmarks.af2_parity DIR

DIR is any folder in the layout of ../shared/audio-flamingo-2/golden: a checkpoint folder, four files of vectors, wav.
All dimensions are read from the checkpoint and its config. Exits 1 where an error is above its tolerance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flamingo_bark_assets.inference.audio_flamingo_2 import frontend
from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import DType, load_network
from flamingo_bark_assets.inference.audio_flamingo_2.encoding import pad_windows
from flamingo_bark_assets.inference.audio_flamingo_2.generation import generate
from flamingo_bark_assets.inference.interface import Decoding
from tests.signals import decode_signal

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

EXACT = 0.0
MEL_DB = 1e-3
RESAMPLER = 1e-5
NETWORK = 1e-4


@dataclass(frozen=True, slots=True)
class Comparison:
    """One vector: the largest absolute error, or the number of wrong integers, against what is allowed."""

    name: str
    error: float
    tolerance: float

    @property
    def passes(self) -> bool:
        """Whether the error is small enough; an error that is not a number is not."""
        return self.error <= self.tolerance


def compare(folder: Path) -> list[Comparison]:
    """Compare every vector of a golden folder."""
    import torch

    with torch.inference_mode():
        network = load_network(_checkpoint(folder), dtype="float32")
        return [
            *_mel(network, _vectors(folder, "1_mel")),
            *_audio_encoder(network, _vectors(folder, "2_htsat")),
            *_language(network, "3_fusion_lm", _vectors(folder, "3_fusion_lm")),
            *_end_to_end(network, folder, _vectors(folder, "4_end_to_end")),
        ]


def in_smaller_types(folder: Path) -> Iterator[str]:
    """Say how far other types of weights are from the golden vectors, which float32 gave; nothing is tolerated here."""
    import torch

    golden = _vectors(folder, "3_fusion_lm")
    kinds: tuple[tuple[str, DType, bool], ...] = (
        ("float32", "float32", False), ("bfloat16", "bfloat16", False), ("float16", "float16", False),
        ("float32 with int8", "float32", True), ("bfloat16 with int8", "bfloat16", True),
    )  # fmt: skip
    heard = golden["attention_mask"].bool()
    for name, dtype, is_int8 in kinds:
        with torch.inference_mode():
            network = load_network(_checkpoint(folder), dtype=dtype, is_int8=is_int8)
            embeddings = golden["audio_embeds"].to(network.dtype)
            related = network.relate_windows(embeddings, golden["audio_window_mask"])
            context = network.project_audio(related, golden["audio_window_mask"])
            logits = prompt_logits(network, context, golden["input_ids"])[heard]
            tokens = [_greedy(network, golden, row) for row in range(len(golden["greedy_tokens"]))]
        error, scale = (logits - golden["logits"][heard]).norm(), golden["logits"][heard].norm()
        pairs = list(zip(tokens, golden["greedy_tokens"].tolist(), strict=True))
        wrong, count = sum(_wrong_tokens(*pair) for pair in pairs), sum(len(ours) for ours, _ in pairs)
        yield (
            f"{name:18} error of the scores {float(error / scale):.5f} of their size, "
            f"equal greedy tokens {1 - wrong / count:.3f} of {count}"
        )


def _mel(network: AudioFlamingo2Network, golden: Mapping[str, Tensor]) -> Iterator[Comparison]:
    import torch

    wave = frontend.normalise(golden["waveform_int16"].numpy().astype(np.float32) / np.float32(32768))
    codes = frontend.int16_codes(wave)
    yield _integers("1_mel/codes_after_first_trip", torch.from_numpy(codes), golden["codes_after_first_trip"])
    windows = torch.from_numpy(frontend.windows(wave))
    log_mel = frontend.log_mel(windows, mel_bins=network.mel_bins)[0]
    yield _floats("1_mel/log_mel", log_mel, golden["log_mel"], MEL_DB)


def _audio_encoder(network: AudioFlamingo2Network, golden: Mapping[str, Tensor]) -> Iterator[Comparison]:
    seen: dict[str, Tensor] = {}
    patching = network.audio_encoder.audio_encoder.patch_embed
    hook = patching.register_forward_hook(lambda _, inputs, output: seen.update(image=inputs[0], patches=output))
    dense = network.encode_windows(golden["log_mel"])
    hook.remove()
    patches = golden["patch_embed_first_64"]
    yield _floats("2_htsat/image_item0", seen["image"][:1], golden["image_item0"], NETWORK)
    yield _floats("2_htsat/patch_embed_first_64", seen["patches"][:, : patches.shape[1]], patches, NETWORK)
    yield _floats("2_htsat/dense", dense, golden["dense"], NETWORK)


def _language(network: AudioFlamingo2Network, name: str, golden: Mapping[str, Tensor]) -> Iterator[Comparison]:
    """Everything from the embeddings on, in one batch for the logits and clip by clip for the tokens."""
    related = network.relate_windows(golden["audio_embeds"], golden["audio_window_mask"])
    if "audio_transformer_out" in golden:
        mask = golden["audio_window_mask"].bool().repeat_interleave(golden["audio_embeds"].shape[2], dim=1)
        yield _floats(f"{name}/audio_transformer_out", related[mask], golden["audio_transformer_out"][mask], NETWORK)
    context = network.project_audio(related, golden["audio_window_mask"])
    attention = golden["attention_mask"]
    logits = prompt_logits(network, context, golden["input_ids"])
    heard = attention.bool()
    yield _floats(f"{name}/logits", logits[heard], golden["logits"][heard], NETWORK)
    tokens = [_greedy(network, golden, row) for row in range(len(golden["greedy_tokens"]))]
    wrong = sum(_wrong_tokens(ours, row) for ours, row in zip(tokens, golden["greedy_tokens"].tolist(), strict=True))
    yield Comparison(f"{name}/greedy_tokens", float(wrong), EXACT)


def prompt_logits(network: AudioFlamingo2Network, context: AudioContext, ids: Tensor) -> Tensor:
    """Compute our scores after each token, shape (n_rows, n_tokens, vocabulary); padding stands behind a row."""
    import torch

    from flamingo_bark_assets.inference.audio_flamingo_2.decoder import Decoder

    decoder = Decoder(network, len(ids))
    decoder.reserve(ids.shape[1])
    positions = torch.arange(ids.shape[1]).expand(len(ids), -1)
    return decoder.logits(0, ids, positions, ids.shape[1] - 1, decoder.listen(context, range(len(ids))))


def _greedy(network: AudioFlamingo2Network, golden: Mapping[str, Tensor], row: int) -> tuple[int, ...]:
    """Tokens of one clip alone, with its own windows only."""
    own = golden["audio_window_mask"][row].bool()
    embeddings = golden["audio_embeds"][row, own][None]
    related = network.relate_windows(embeddings, own[own][None])
    context: AudioContext = network.project_audio(related, own[own][None])
    prompt = golden["input_ids"][row, : int(golden["greedy_prompt_lengths"][row])].tolist()
    decoding = Decoding(max_new_tokens=golden["greedy_tokens"].shape[1])
    return generate(network, context, [prompt], decoding, pad_id=network.configuration.vocabulary_size - 2)[0].tokens


def _end_to_end(network: AudioFlamingo2Network, folder: Path, golden: Mapping[str, Tensor]) -> Iterator[Comparison]:
    import torch

    first, second, resampled = (_wave(folder, letter) for letter in "abc")
    yield _floats(
        "4_end_to_end/read_audio_c_first_channel_16k",
        torch.from_numpy(resampled).float(),
        golden["read_audio_c_first_channel_16k"],
        RESAMPLER,
    )
    waveforms = [torch.from_numpy(frontend.windows(samples)) for samples in (first, second)]
    codes = (waveforms[0][2].double() * 32767).round().short()
    # Counted from 0, so it is the third.
    yield _integers("4_end_to_end/window_2_of_a_int16", codes, golden["window_2_of_a_int16"])
    clips = [network.encode_windows(frontend.log_mel(w, mel_bins=network.mel_bins)) for w in waveforms]
    embeddings, window_mask = pad_windows(clips)
    expected = golden["audio_embeds"]
    yield _floats("4_end_to_end/audio_embeds", embeddings[window_mask], expected[window_mask], NETWORK)
    silence = network.encode_windows(
        frontend.log_mel(torch.zeros(1, frontend.WINDOW_SAMPLES), mel_bins=network.mel_bins)
    )
    padding = expected[~window_mask]
    yield _floats("4_end_to_end/audio_embeds of padding", silence.expand_as(padding), padding, NETWORK)
    heard = {**golden, "audio_embeds": embeddings, "audio_window_mask": window_mask}
    yield from _language(network, "4_end_to_end", heard)


def _checkpoint(folder: Path) -> Path:
    found = sorted(folder.glob("*/safe_ckpt/metadata.json"))
    if len(found) != 1:
        raise SystemExit(f"{folder}: holds {len(found)} folders with safe_ckpt/metadata.json, not one")
    return found[0].parent.parent


def _vectors(folder: Path, name: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / f"{name}.safetensors"))


def _wave(folder: Path, letter: str) -> Any:
    (path,) = (folder / "wav").glob(f"{letter}_*.wav")
    sound = decode_signal(path, max_duration_s=600.0)
    # As NVIDIA's code reads a wav: first channel, 120 s at most, 16 kHz, peak-normalised.
    first = sound.samples[0, : int(frontend.MAX_CLIP_S * sound.sample_rate_hz)]
    return frontend.normalise(frontend.to_model_rate(first, sound.sample_rate_hz))


def _floats(name: str, ours: Tensor, golden: Tensor, tolerance: float) -> Comparison:
    if ours.shape != golden.shape:
        return Comparison(f"{name} (shape {tuple(ours.shape)}, not {tuple(golden.shape)})", float("inf"), tolerance)
    error = (ours.double() - golden.double()).abs()
    return Comparison(name, float(error.max()) if error.numel() else 0.0, tolerance)


def _integers(name: str, ours: Tensor, golden: Tensor) -> Comparison:
    same = ours.shape == golden.shape
    return Comparison(name, float((ours != golden).sum()) if same else float("inf"), EXACT)


def _wrong_tokens(ours: tuple[int, ...], golden: list[int]) -> int:
    """Differences; what follows our end token is padding."""
    return sum(mine != theirs for mine, theirs in zip(ours, golden, strict=False)) + (not ours)


def main(arguments: list[str]) -> int:
    """Print a line a vector; give 1 where one misses."""
    import torch

    if len(arguments) != 1:
        print(__doc__)
        return 2
    torch.set_num_threads(1)
    comparisons = compare(Path(arguments[0]))
    for one in comparisons:
        print(f"{'ok  ' if one.passes else 'MISS'} {one.error:10.3g} of {one.tolerance:7.1g}  {one.name}")
    for line in in_smaller_types(Path(arguments[0])):
        print(line)
    return 0 if all(one.passes for one in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
