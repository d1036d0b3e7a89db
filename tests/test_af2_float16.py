"""Audio Flamingo 2 in float16, for GPUs that lack bfloat16, and without float64, which a Mac's GPU lacks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flamingo_bark_assets.inference import sampling
from flamingo_bark_assets.inference.audio_flamingo_2 import checkpoint, generation
from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import load_network
from flamingo_bark_assets.inference.audio_flamingo_2.model import AudioFlamingo2, load_audio_flamingo_2
from flamingo_bark_assets.inference.interface import Decoding
from tests.benchmarks.af2_parity import prompt_logits
from tests.captioning_models import queries
from tests.tiny_audio_flamingo_2 import ROWS, context_of, random_release, save_base, save_release, tone

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioFlamingo2Network

SHARED = Path(os.environ.get("FLAMINGO_BARK_SHARED") or Path(__file__).parents[2] / "shared")
GOLDEN = SHARED / "audio-flamingo-2" / "golden"
# Of scores up to 3.9, in a type of eleven bits; bfloat16, of eight, errs by .2.
GOLDEN_LOGITS = 0.05
GREEDY = Decoding(max_new_tokens=6)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_release(tmp_path_factory.mktemp("release"), random_release())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def exact(release: Path) -> AudioFlamingo2Network:
    return load_network(release, dtype="float32")


@pytest.fixture(scope="module")
def half(release: Path) -> AudioFlamingo2Network:
    return load_network(release, dtype="float16")


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the golden vectors are not in {GOLDEN}")
def test_float16_is_near_what_nvidias_code_computed() -> None:
    import torch
    from safetensors.torch import load_file

    golden = load_file(GOLDEN / "3_fusion_lm.safetensors")
    network = load_network(GOLDEN / "af2_tiny", dtype="float16")
    with torch.inference_mode():
        related = network.relate_windows(golden["audio_embeds"], golden["audio_window_mask"])
        context = network.project_audio(related, golden["audio_window_mask"])
        logits = prompt_logits(network, context, golden["input_ids"])
    heard = golden["attention_mask"].bool()
    assert float((logits[heard] - golden["logits"][heard]).abs().max()) < GOLDEN_LOGITS


def test_float16_is_float16_but_for_the_norm_over_decibels(
    half: AudioFlamingo2Network, exact: AudioFlamingo2Network
) -> None:
    import torch

    kept = {name for name, parameter in half.named_parameters() if parameter.dtype != torch.float16}
    assert kept == {f"audio_encoder.audio_encoder.batch_norm.{leaf}" for leaf in ("weight", "bias")}
    ids = torch.tensor([[ROWS - 4, 40, 41, 42, ROWS - 1]])
    with torch.inference_mode():
        ours, theirs = (prompt_logits(network, context_of(network, [tone(11, 440)]), ids) for network in (half, exact))
    # Scores of some 6 to 10 in size.
    assert float((ours - theirs).abs().mean() / theirs.abs().mean()) < 0.02


def test_the_converted_copy_in_float16_stands_beside_that_in_bfloat16(
    release: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(dtype: Any) -> AudioFlamingo2:
        return load_audio_flamingo_2(release, base_lm_path=base, dtype=dtype, cache_folder=tmp_path)

    asked = queries([tone(3, 440)], ["what?"], GREEDY)
    first = {dtype: load(dtype).infer(asked) for dtype in ("float16", "bfloat16")}
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(checkpoint, "_released_tensors", None)
    again = load("float16")
    assert again.identity.dtype == "float16"
    assert again.infer(asked) == first["float16"]


@pytest.mark.parametrize("decoding", [GREEDY, Decoding(max_new_tokens=6, do_sample=True, top_k=5, top_p=0.9)])
def test_where_the_device_has_no_float64_none_is_needed_to_load_and_to_answer(
    release: Path, base: Path, monkeypatch: pytest.MonkeyPatch, decoding: Decoding
) -> None:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    seen: set[str] = set()

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            for value in tree_leaves(out):
                if isinstance(value, torch.Tensor) and value.dtype in {torch.float64, torch.complex128}:
                    seen.add(str(func))
            return out

    # What is chosen for a Mac's GPU, on the CPU.
    assert [sampling.widest_type(torch.device(kind)) for kind in ("mps", "cuda")] == [torch.float32, torch.float64]
    for module in (sampling, generation):
        monkeypatch.setattr(module, "widest_type", lambda _: torch.float32)
    with Watch():  # type: ignore[no-untyped-call]
        model = load_audio_flamingo_2(release, base_lm_path=base, dtype="float16")
        replies = model.infer(queries([tone(13, 440), tone(3, 220)], ["what is it?", "what?"], decoding))
    assert seen == set()
    assert all(reply.mean_log_probability is not None for reply in replies)
