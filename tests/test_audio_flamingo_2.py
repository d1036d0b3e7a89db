"""Audio Flamingo 2: NVIDIA's golden vectors, and a tiny random release that is loaded as a real one is.

Truth is what NVIDIA's code computed (see ../shared), a computation by hand, or another implementation.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.inference.audio_flamingo_2 import checkpoint, frontend
from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import load_network, shapes_of
from flamingo_bark_assets.inference.audio_flamingo_2.configuration import CheckpointError, read_configuration
from flamingo_bark_assets.inference.audio_flamingo_2.generation import generate
from flamingo_bark_assets.inference.audio_flamingo_2.keys import canonical, is_unused, plan_keys
from flamingo_bark_assets.inference.audio_flamingo_2.model import AudioFlamingo2, load_audio_flamingo_2
from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, Decoding, Reply
from tests import af2_reference
from tests.benchmarks import af2_parity
from tests.captioning_models import queries
from tests.tiny_audio_flamingo_2 import (
    AUDIO_WIDTH,
    BASE_CONFIG,
    CROSS_INNER,
    END,
    LAYERS,
    ROWS,
    WIDTH,
    context_of,
    random_release,
    same,
    save_base,
    save_release,
    tone,
)

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioFlamingo2Network

SHARED = Path(os.environ.get("FLAMINGO_BARK_SHARED") or Path(__file__).parents[2] / "shared")
GOLDEN = SHARED / "audio-flamingo-2" / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the golden vectors are not in {GOLDEN}")

QUESTION = "Describe the music in a sentence."
SHORT = Decoding(max_new_tokens=6)
# hidden_size, intermediate_size, layers, heads, key-value heads: the published configs of Qwen2.5.
QWEN25 = {"0.5B": (896, 4864, 24, 14, 2), "1.5B": (1536, 8960, 28, 12, 2), "3B": (2048, 11008, 36, 16, 2)}


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_release()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Tensor]) -> Path:
    return save_release(tmp_path_factory.mktemp("release"), tensors)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def model(release: Path, base: Path) -> AudioFlamingo2:
    return load_audio_flamingo_2(release, base_lm_path=base, dtype="float32")


@pytest.fixture
def network(model: AudioFlamingo2) -> AudioFlamingo2Network:
    return model.network


# NVIDIA's own numbers


@needs_golden
def test_every_golden_vector_is_reproduced_within_its_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    assert af2_parity.main([str(GOLDEN)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok") for line in lines[:14])
    assert [line.partition("error of")[0].strip() for line in lines[14:]] == [
        "float32", "bfloat16", "float16", "float32 with int8", "bfloat16 with int8",
    ]  # fmt: skip


@needs_golden
def test_the_parity_script_exits_with_1_where_one_vector_misses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    for entry in GOLDEN.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "1_mel.safetensors").unlink()
    vectors = load_file(GOLDEN / "1_mel.safetensors")
    vectors["log_mel"][500, 20] += 0.01
    save_file(vectors, tmp_path / "1_mel.safetensors")
    assert af2_parity.main([str(tmp_path)]) == 1
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "MISS" in line] == ["1_mel/log_mel"]


@needs_golden
@pytest.mark.parametrize("size", QWEN25)
def test_the_key_plan_covers_a_release_of_real_size(size: str) -> None:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import build_on_meta

    listed = json.loads((GOLDEN / f"release_keys_{size}.json").read_text())
    released = {canonical(name): tuple(shape) for name, shape in listed.items()}
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    config = read_configuration(released, BASE_CONFIG | dict(zip(names, QWEN25[size], strict=True)))
    network = build_on_meta(config)
    plan = plan_keys(shapes_of(network), released, tied=True)
    statistics = json.loads((GOLDEN / "golden.json").read_text())["real_config"]["parameters"][size]
    used = {entry.source for entry in plan}
    for part, prefix in {"audio_transformer": "audio_transformer_clap.", "qwen2": "lang_encoder."}.items():
        ours = sum(
            math.prod(released[name])
            for name in used
            if name.startswith(prefix) and "cross_attn" not in name and "inv_freq" not in name
        )
        assert ours == statistics[part]
    assert {entry.target for entry in plan} == set(shapes_of(network))


@needs_golden
def test_the_number_of_windows_is_nvidias() -> None:
    front_end = json.loads((GOLDEN / "golden.json").read_text())["front_end"]
    for samples, count, padded in front_end["window_counts_[samples,windows,padded_length]"]:
        assert frontend.windows(np.ones(samples)).shape == (count, padded // count)


# Sound


def test_silence_stays_silence_and_is_answered(model: AudioFlamingo2) -> None:
    silence = Clip(np.zeros(16_000, np.float32), 16_000)
    assert not frontend.normalise(silence.samples).any()
    reply = model.infer(queries([silence], [QUESTION], SHORT))[0]
    assert reply.mean_log_probability is not None
    assert math.isfinite(reply.mean_log_probability)


def test_an_empty_clip_is_heard_as_silence(model: AudioFlamingo2) -> None:
    nothing, silence = (Clip(np.zeros(n, np.float32), 16_000) for n in (0, 100))
    assert same(model.infer(queries([nothing], [QUESTION], SHORT)), model.infer(queries([silence], [QUESTION], SHORT)))


def test_samples_that_are_not_finite_are_refused(model: AudioFlamingo2) -> None:
    with pytest.raises(ValueError, match="not finite"):
        model.infer(queries([Clip(np.full(100, np.nan, np.float32), 16_000)], [QUESTION], SHORT))


def test_the_peak_is_scaled_to_one() -> None:
    assert frontend.normalise(np.array([0.1, -0.4], np.float32)) == pytest.approx([0.25, -1.0])


def test_a_signal_that_is_never_negative_is_stretched_over_both_signs() -> None:
    assert frontend.normalise(np.array([0.0, 0.25, 0.5], np.float32)) == pytest.approx([-1.0, 0.0, 1.0])


def test_16_bit_codes_are_truncated_toward_zero() -> None:
    codes = frontend.int16_codes(np.array([0.99999, -0.99999, 1.5, -1.5, 0.9 / 32767]))
    assert codes.tolist() == [32766, -32766, 32767, -32767, 0]


@pytest.mark.usefixtures("peer")
def test_a_clip_of_another_rate_is_resampled_as_librosa_does() -> None:
    import librosa

    clip = tone(1.01, 440.0, 44_100)
    expected = librosa.resample(clip.samples, orig_sr=44_100, target_sr=16_000)
    assert np.abs(frontend.to_model_rate(clip.samples, 44_100) - expected).max() < 1e-6


@pytest.mark.usefixtures("peer")
def test_the_log_mel_of_a_sine_peaks_in_the_band_of_its_frequency() -> None:
    import librosa
    import torch

    sine = np.sin(2 * np.pi * 1000 * np.arange(160_000) / 16_000)
    log_mel = frontend.log_mel(torch.from_numpy(sine.astype(np.float32))[None], mel_bins=64)
    assert log_mel.shape == (1, 1001, 64)
    bands_hz = librosa.mel_frequencies(66, fmin=50, fmax=8000, htk=True)[1:-1]
    assert int(log_mel[0, 500].argmax()) == int(np.abs(bands_hz - 1000).argmin())


@pytest.mark.usefixtures("peer")
def test_the_log_mel_is_librosas() -> None:
    import librosa
    import torch

    noise = np.random.default_rng(3).uniform(-1, 1, 160_000).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=noise, sr=16_000, n_fft=1024, hop_length=160, pad_mode="reflect", n_mels=64, fmin=50, fmax=8000, htk=True,
        norm=None,
    )  # fmt: skip
    ours = frontend.log_mel(torch.from_numpy(noise)[None], mel_bins=64)[0].numpy()
    assert np.abs(ours - 10 * np.log10(power.T)).max() < 1e-3


# Layer norms: the golden vectors do not notice a wrong epsilon


def _layer_norm(x: NDArray[np.float64], weight: float, eps: float) -> NDArray[np.float64]:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(weight * centred / np.sqrt(x.var(axis=-1, keepdims=True) + eps))


def test_the_audio_transformer_norms_with_an_epsilon_of_1e_6(network: AudioFlamingo2Network) -> None:
    import torch

    transformer = copy.deepcopy(network.audio_transformer)
    for name, parameter in transformer.named_parameters():
        # Small outputs, so that the epsilon of the norm that follows decides; attention and feed-forward give zero.
        parameter.data.fill_(1e-3 if name.endswith("norm.weight") else 0.0)
    x = np.random.default_rng(1).normal(0, 1e-4, (1, 3, AUDIO_WIDTH))
    expected = x * math.sqrt(AUDIO_WIDTH)
    for _ in range(1 + 2 * 2):
        expected = _layer_norm(expected, 1e-3, 1e-6)
    ours = transformer(torch.from_numpy(x).float(), None).numpy()
    assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_cross_attention_norms_with_an_epsilon_of_1e_5_and_gates_with_tanh(network: AudioFlamingo2Network) -> None:
    import torch
    from scipy.special import erf, softmax

    from flamingo_bark_assets.inference.audio_flamingo_2.network import GatedCrossAttention

    block = copy.deepcopy(network.get_submodule("cross_attention.1"))
    assert isinstance(block, GatedCrossAttention)
    for name in ("attention_norm", "feed_forward_norm"):
        getattr(block, name).weight.data.fill_(3.0)
        getattr(block, name).bias.data.zero_()
    random = np.random.default_rng(2)
    hidden, audio = random.normal(0, 1e-3, (5, WIDTH)), random.normal(0, 1, (7, AUDIO_WIDTH))
    weight = {name: parameter.detach().double().numpy() for name, parameter in block.named_parameters()}

    query = _layer_norm(hidden, 3.0, 1e-5) @ weight["query.weight"].T
    keys, values = np.split(audio @ weight["key_value.weight"].T, 2, axis=1)
    heads = [slice(64 * i, 64 * i + 64) for i in range(CROSS_INNER // 64)]
    attended = [softmax(query[:, h] @ keys[:, h].T / 8, axis=1) @ values[:, h] for h in heads]
    hidden_2 = hidden + np.tanh(weight["attention_gate"]) * np.hstack(attended) @ weight["output.weight"].T
    expanded = _layer_norm(hidden_2, 3.0, 1e-5) @ weight["expand.weight"].T
    gelu = expanded * 0.5 * (1 + erf(expanded / math.sqrt(2)))
    expected = hidden_2 + np.tanh(weight["feed_forward_gate"]) * gelu @ weight["contract.weight"].T

    ours = block(torch.from_numpy(hidden).float()[None], *block.project(torch.from_numpy(audio).float()[None]), None)
    assert np.abs(ours[0].detach().numpy() - expected).max() < 1e-4


def test_the_audio_encoder_passes_what_transformers_clap_passes(network: AudioFlamingo2Network) -> None:
    import torch

    windows = np.concatenate([frontend.windows(tone(s, hz).samples.astype(float)) for s, hz in ((31, 300), (25, 90))])
    mel = frontend.log_mel(torch.from_numpy(windows), mel_bins=64)
    with torch.inference_mode():
        theirs = network.audio_encoder(input_features=mel[:, None]).last_hidden_state.flatten(2).transpose(1, 2)
        ours = network.encode_windows(mel)
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < 1e-4 * float(theirs.abs().max())


def test_the_audio_encoder_keeps_the_norms_of_transformers_clap(network: AudioFlamingo2Network) -> None:
    assert network.audio_encoder.config.layer_norm_eps == 1e-5
    assert not network.audio_encoder.config.enable_fusion


# Inference


def test_it_is_a_captioning_model_that_names_itself(model: AudioFlamingo2, release: Path) -> None:
    captioning: CaptioningModel = model
    assert (captioning.sample_rate_hz, captioning.max_clip_s) == (16_000, 120.0)
    identity = captioning.identity
    assert (identity.family, identity.dtype, identity.model_id) == ("audio-flamingo-2", "float32", str(release))
    assert "Noncommercial" in (identity.licence or "")
    assert len(identity.revision) == 64


def test_a_batch_answers_as_each_clip_alone(model: AudioFlamingo2, release: Path, base: Path) -> None:
    clips = [tone(4, 220), tone(23, 440), tone(11, 880), tone(4, 220)]
    prompts = ["Caption the input audio.", QUESTION, "Genre?", "What is the mood of this music?"]
    together = load_audio_flamingo_2(release, base_lm_path=base, dtype="float32").infer(queries(clips, prompts, SHORT))
    alone = [model.infer(queries([clip], [prompt], SHORT))[0] for clip, prompt in zip(clips, prompts, strict=True)]
    assert same(together, alone)


def test_the_answer_depends_on_the_sound(network: AudioFlamingo2Network) -> None:
    prompt = [ROWS - 4, 40, 41, ROWS - 1]
    first, second = generate(network, context_of(network, [tone(4, 220), tone(12, 1500)]), [prompt, prompt], SHORT,
                             pad_id=ROWS - 2)  # fmt: skip
    assert first.mean_log_probability != pytest.approx(second.mean_log_probability, abs=1e-4)


def test_a_clip_is_encoded_once_however_many_questions_are_asked(
    model: AudioFlamingo2, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = model.network.encode_windows

    def spy(log_mel: Tensor) -> Tensor:
        encoded.append(len(log_mel))
        return encode(log_mel)

    monkeypatch.setattr(model.network, "encode_windows", spy)
    clip = tone(3, 333)
    model.infer(queries([clip, clip], ["Genre?", "Mood?"], SHORT))
    model.infer(queries([clip], [QUESTION], SHORT))
    assert encoded == [1]


def test_keys_and_values_of_the_audio_are_projected_once_a_clip(model: AudioFlamingo2) -> None:
    calls: list[str] = []

    def count(name: str) -> Callable[..., None]:
        return lambda *_: calls.append(name)

    names = [str(layer) for layer in range(LAYERS)]
    layers = [model.network.get_submodule(f"cross_attention.{name}.key_value") for name in names]
    hooks = [layer.register_forward_hook(count(name)) for name, layer in zip(names, layers, strict=True)]
    model.infer(queries([tone(2, 500)], [QUESTION], SHORT))
    for hook in hooks:
        hook.remove()
    assert calls == names


def test_the_mean_log_probability_is_that_of_a_plain_forward_pass(network: AudioFlamingo2Network) -> None:
    import torch

    context = context_of(network, [tone(12, 300)])
    prompt = [ROWS - 4, 10, 20, 30, ROWS - 1]
    reply = generate(network, context, [prompt], SHORT, pad_id=ROWS - 2)[0]
    logits = af2_reference.logits(network, context, torch.tensor([[*prompt, *reply.tokens]]))[0]
    chosen = logits.log_softmax(-1)[len(prompt) - 1 : -1].gather(1, torch.tensor(reply.tokens)[:, None])
    assert reply.mean_log_probability == pytest.approx(float(chosen.mean()), abs=1e-5)
    assert reply.tokens == tuple(logits[len(prompt) - 1 : -1].argmax(-1).tolist())


def test_a_reply_that_reaches_the_end_token_stops_there(network: AudioFlamingo2Network) -> None:
    context = context_of(network, [tone(4, 220), tone(12, 1500)])
    prompts = [[ROWS - 4, 40, ROWS - 1], [ROWS - 4, 41, 42, ROWS - 1]]
    free = generate(network, context, prompts, SHORT, pad_id=ROWS - 2)
    assert all(reply.truncated and len(reply.tokens) == SHORT.max_new_tokens for reply in free)
    end = free[0].tokens[0]
    before = network.configuration
    ending = dataclasses.replace(before, language_model={**before.language_model, "eos_token_id": end})
    network.configuration = ending
    try:
        replies = generate(network, context, prompts, SHORT, pad_id=ROWS - 2)
    finally:
        network.configuration = before
    assert replies[0].tokens == (end,)
    assert not replies[0].truncated
    assert replies[1].tokens == free[1].tokens[: len(replies[1].tokens)]


def test_sampling_repeats_with_its_seed_and_leaves_the_global_generator_alone(model: AudioFlamingo2) -> None:
    import torch

    def ask(seed: int) -> list[Reply]:
        decoding = Decoding(max_new_tokens=12, do_sample=True, temperature=1.5, top_p=0.95, seed=seed)
        return model.infer(queries([tone(2, 500)], [QUESTION], decoding))

    state = torch.random.get_rng_state()
    assert same(ask(1), ask(1))
    assert not same(ask(1), ask(2))
    assert torch.equal(state, torch.random.get_rng_state())


def test_questions_are_asked_in_lower_case_between_the_audio_token_and_the_separator(
    model: AudioFlamingo2, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flamingo_bark_assets.inference.audio_flamingo_2 import decoder

    seen: list[Any] = []
    run = decoder.Decoder.hidden

    def spy(self: decoder.Decoder, first: int, ids: Tensor, *others: Any) -> Tensor:
        seen.append(ids.tolist())
        return run(self, first, ids, *others)

    monkeypatch.setattr(decoder.Decoder, "hidden", spy)
    model.infer(queries([tone(1, 500)] * 2, ["  Genre? ", "x" * 9000], SHORT))
    asked = seen[0]
    alphabet = model._tokenizer.get_vocab()
    assert asked[0][:8] == [ROWS - 4, *(alphabet[letter] for letter in "genre?"), ROWS - 1]
    assert set(asked[0][8:]) == {ROWS - 2}
    assert len(asked[1]) == 512
    assert asked[1][-1] == ROWS - 1


def test_a_prompt_cannot_smuggle_in_special_tokens(model: AudioFlamingo2) -> None:
    ids = model._prompt_ids("<sep><audio> <|endoftext|>")
    assert [i for i in ids if i >= END] == [ROWS - 4, ROWS - 1]


def test_no_queries_are_no_replies(model: AudioFlamingo2) -> None:
    assert model.infer([]) == []


def test_threads_that_share_a_model_get_their_own_answers(model: AudioFlamingo2) -> None:
    clips = [tone(2, hz) for hz in (200, 700, 1900)]
    alone = [model.infer(queries([clip], [QUESTION], SHORT))[0] for clip in clips]
    answers: dict[int, Reply] = {}
    threads = [
        threading.Thread(target=lambda i=i: answers.update({i: model.infer(queries([clips[i]], [QUESTION], SHORT))[0]}))
        for i in range(len(clips))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same([answers[i] for i in range(len(clips))], alone)


# Loading


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys; import flamingo_bark_assets.inference.audio_flamingo_2.model; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_bfloat16_loads_in_bfloat16_but_for_the_norm_over_decibels(release: Path, model: AudioFlamingo2) -> None:
    import torch

    network = load_network(release, dtype="bfloat16")
    kept = {name for name, parameter in network.named_parameters() if parameter.dtype != torch.bfloat16}
    assert kept == {f"audio_encoder.audio_encoder.batch_norm.{leaf}" for leaf in ("weight", "bias")}
    mel = frontend.log_mel(torch.from_numpy(frontend.windows(tone(3, 440).samples.astype(float))), mel_bins=64)
    with torch.inference_mode():
        ours, exact = (n.encode_windows(mel).float() for n in (network, model.network))
    assert float((ours - exact).abs().mean() / exact.abs().mean()) < 0.05


def test_the_converted_copy_gives_the_same_answers_and_the_release_is_not_read_again(
    release: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> list[Reply]:
        model = load_audio_flamingo_2(release, base_lm_path=base, dtype="bfloat16", cache_folder=tmp_path)
        return model.infer(queries([tone(3, 440)], [QUESTION], SHORT))

    first = load()
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]
    monkeypatch.setattr(checkpoint, "_released_tensors", None)
    assert load() == first


def test_a_changed_release_is_converted_anew(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    release = save_release(tmp_path / "release", tensors)
    cache = tmp_path / "cache"
    load_network(release, cache_folder=cache)
    os.utime(release / "safe_ckpt" / "model_chunk_1.safetensors", ns=(1, 1))
    load_network(release, cache_folder=cache)
    assert len(list(cache.iterdir())) == 2


def test_a_broken_converted_copy_is_made_again(release: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_network(release, cache_folder=tmp_path)
    (copy_path,) = tmp_path.iterdir()
    whole = copy_path.read_bytes()
    copy_path.write_bytes(whole[: len(whole) // 2])
    load_network(release, cache_folder=tmp_path)
    assert copy_path.read_bytes() == whole
    assert "broken" in caplog.text


def test_a_cache_folder_that_cannot_be_written_is_no_fault(release: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    network = load_network(release, cache_folder=tmp_path / "file")
    assert network.configuration.vocabulary_size == ROWS


def test_names_of_distributed_training_and_of_the_older_encoder_are_understood(
    tensors: dict[str, Tensor], release: Path, tmp_path: Path
) -> None:
    renamed = {
        "module." + name.replace("nvclap", "afclap").replace(".decoder_layer", "._fsdp_wrapped_module.decoder_layer"): t
        for name, t in tensors.items()
    }  # fmt: skip
    ours = load_network(save_release(tmp_path / "r", renamed), dtype="float32").state_dict()
    expected = load_network(release, dtype="float32").state_dict()
    assert all(np.array_equal(ours[name].numpy(), tensor.numpy()) for name, tensor in expected.items())


def test_the_output_embedding_wins_over_the_input_embedding_with_a_warning(
    tensors: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    head = tensors["lang_encoder.lm_head.weight"] + 1
    network = load_network(
        save_release(tmp_path / "r", tensors | {"lang_encoder.lm_head.weight": head}), dtype="float32"
    )
    assert torch.equal(network.language_model.model.embed_tokens.weight, head)
    assert network.language_model.lm_head.weight is network.language_model.model.embed_tokens.weight
    assert "differ" in caplog.text


def test_equal_embeddings_give_no_warning(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_network(release)
    assert not caplog.records


@pytest.mark.parametrize("left_out", ["lm_head", "model.embed_tokens"])
def test_one_of_the_two_embeddings_is_enough(tensors: dict[str, Tensor], tmp_path: Path, left_out: str) -> None:
    one = {name: tensor for name, tensor in tensors.items() if left_out not in name}
    assert load_network(save_release(tmp_path / "r", one)).configuration.vocabulary_size == ROWS


def _without(name: str) -> Callable[[dict[str, Tensor]], None]:
    def remove(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if key.endswith(name)]:
            del tensors[key]

    return remove


def _with_extra(tensors: dict[str, Tensor]) -> None:
    tensors["lang_encoder.model.surprise"] = tensors["lang_encoder.model.norm.weight"].clone()


def _misshapen(tensors: dict[str, Tensor]) -> None:
    name = "audio_transformer_clap.layer_stack.1.slf_attn.fc.weight"
    tensors[name] = tensors[name][:-1].clone()


def _of_integers(tensors: dict[str, Tensor]) -> None:
    tensors["clap.nvclap.norm.weight"] = tensors["clap.nvclap.norm.weight"].int()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("layers.1.blocks.0.attn.qkv.bias"), "missing: clap.nvclap.layers.1.blocks.0.attn.qkv.bias"),
        (_without("position_enc.inv_freq"), "no tensor audio_transformer_clap.position_enc.inv_freq"),
        (_without("2.gated_cross_attn_layer_sound.attn.to_kv.weight"), "missing: .*to_kv"),
        (_with_extra, "1 unknown: lang_encoder.model.surprise"),
        (_misshapen, r"of another shape: .*slf_attn.fc.weight \(63, 48\) instead of \(64, 48\)"),
        (_of_integers, "clap.nvclap.norm.weight holds torch.int32"),
    ],
)
def test_a_checkpoint_with_a_wrong_tensor_is_refused_by_name(
    tensors: dict[str, Tensor], tmp_path: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    changed = dict(tensors)
    change(changed)
    with pytest.raises(CheckpointError, match=message):
        load_network(save_release(tmp_path / "r", changed))


def test_a_base_model_of_another_size_is_refused(release: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(BASE_CONFIG | {"intermediate_size": 64}))
    with pytest.raises(CheckpointError, match="do not fit Audio Flamingo 2 with this base language model"):
        load_network(release, base_lm_path=tmp_path)


def test_a_missing_base_model_is_asked_for(release: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config.json is missing: .*Qwen2.5"):
        load_network(release, base_lm_path=tmp_path)


def test_the_old_revision_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clap_ckpt").mkdir()
    (tmp_path / "clap_ckpt" / "epoch_15.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="old revision"):
        load_network(tmp_path)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"metadata\.json is missing"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    "metadata",
    [
        "[]",
        "{",
        '{"../../etc/passwd": []}',
        '{"model_chunk_0": {"a": 1}}',
        '{"model_chunk_0": ["nothing"]}',
        "[" * 9999,
    ],
)
def test_hostile_metadata_is_refused(release: Path, tmp_path: Path, metadata: str) -> None:
    shutil.copytree(release, tmp_path / "r")
    (tmp_path / "r" / "safe_ckpt" / "metadata.json").write_text(metadata)
    with pytest.raises(CheckpointError):
        load_network(tmp_path / "r")


@pytest.mark.parametrize("content", [b"", b"\xff" * 8 + b"{}", None])
def test_a_broken_or_missing_shard_is_named(release: Path, tmp_path: Path, content: bytes | None) -> None:
    shutil.copytree(release, tmp_path / "r")
    shard = tmp_path / "r" / "safe_ckpt" / "model_chunk_1.safetensors"
    shard.unlink() if content is None else shard.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model_chunk_1\.safetensors"):
        load_network(tmp_path / "r")


def test_the_tokenizer_of_another_model_is_refused(release: Path, base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    tokenizer.add_tokens(["surprise"])
    with pytest.raises(CheckpointError, match="tokenizer of another base model"):
        load_audio_flamingo_2(release, base_lm_path=base, tokenizer=tokenizer)


def test_a_tokenizer_with_another_end_token_is_refused(release: Path, base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base), eos_token="a")
    with pytest.raises(CheckpointError, match="Instruct"):
        load_audio_flamingo_2(release, base_lm_path=base, tokenizer=tokenizer)


def test_a_missing_tokenizer_is_refused(release: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no tokenizer"):
        load_audio_flamingo_2(release)
    (tmp_path / "config.json").write_text(json.dumps(BASE_CONFIG))
    with pytest.raises(CheckpointError, match=r"tokenizer\.json .* is missing"):
        load_audio_flamingo_2(release, base_lm_path=tmp_path)


def test_buffers_of_the_release_that_are_computed_are_left_out() -> None:
    assert is_unused("clap.nvclap.layers.0.blocks.1.attn_mask")
    assert not is_unused("clap.nvclap.layers.0.blocks.1.attn.proj.weight")
