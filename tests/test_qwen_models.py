"""Qwen2-Audio and Qwen2.5-Omni: what is loaded of them, how they are asked, and their sizes in the catalogue."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.inference.catalogue import ModelError, known_model
from flamingo_bark_assets.inference.interface import Clip, Decoding, Query
from flamingo_bark_assets.inference.loading import weights_bytes_of
from flamingo_bark_assets.inference.transformers_models import TransformersModel, load_transformers_model
from flamingo_bark_assets.inference_settings import ModelCandidate, Quantisation
from tests.tiny_models import TinyFamily, save_tiny_model

SHORT = Decoding(max_new_tokens=2)
_BOTH: tuple[Quantisation, ...] = ("none", "int8")


def load(folder: Path) -> TransformersModel:
    return load_transformers_model(folder, model_id="tiny", licence="none", dtype="float32")


def noise(seconds: float, seed: int = 0) -> Clip:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * 16_000)) * 0.1
    return Clip(samples.astype(np.float32), 16_000)


@pytest.fixture(scope="module")
def omni_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("omni") / "m", "qwen2.5-omni")


@pytest.fixture(scope="module")
def omni(omni_folder: Path) -> TransformersModel:
    return load(omni_folder)


@pytest.fixture(scope="module")
def qwen2_audio(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_tiny_model(tmp_path_factory.mktemp("qwen2-audio") / "m", "qwen2-audio"))


def test_of_an_omni_model_neither_speech_nor_pictures_are_loaded(omni_folder: Path, omni: TransformersModel) -> None:
    names = [name for name, _ in omni._model.named_parameters()]
    assert not any(part in name for name in names for part in ("talker", "token2wav", "visual.blocks"))
    assert any("audio_tower" in name for name in names)


def test_the_memory_of_an_omni_folder_is_that_of_what_is_loaded(omni_folder: Path, omni: TransformersModel) -> None:
    loaded = sum(parameter.numel() for parameter in omni._model.parameters())
    assert weights_bytes_of(omni_folder, ModelCandidate(model="m", dtype="float32")) == 4 * loaded


def test_what_is_left_out_is_not_told_of(omni_folder: Path) -> None:
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.addHandler(handler)
    try:
        load(omni_folder)
    finally:
        logger.removeHandler(handler)
    assert told.getvalue() == ""
    assert logger.level == level


def test_qwen2_audio_is_given_the_sound_first_and_omni_the_question(
    qwen2_audio: TransformersModel, omni: TransformersModel
) -> None:
    query = Query(noise(0.1), "what?", SHORT)
    asked = {
        model.identity.family: model._processor.tokenizer.decode(model._inputs([query])["input_ids"][0])
        for model in (qwen2_audio, omni)
    }
    assert asked["qwen2-audio"].index("<|AUDIO|>") < asked["qwen2-audio"].index("what?")
    assert asked["qwen2.5-omni"].index("what?") < asked["qwen2.5-omni"].index("<|AUDIO|>")


def test_the_sound_of_omni_is_not_padded_to_five_minutes_and_is_the_same(omni: TransformersModel) -> None:
    import torch

    short, long = noise(0.7), noise(2.003, 1)
    inputs = omni._inputs([Query(short, "?", SHORT), Query(long, "?", SHORT)])
    assert inputs["input_features"].shape[-1] < 300
    for row, clip in enumerate((short, long)):
        padded = omni._processor.feature_extractor(
            clip.samples, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True
        )
        frames = int(padded["attention_mask"].sum())
        assert padded["input_features"].shape[-1] == 30_000
        assert int(inputs["feature_attention_mask"][row].sum()) == frames
        assert torch.equal(inputs["input_features"][row, :, :frames], padded["input_features"][0, :, :frames])


@pytest.mark.parametrize("n_samples", [1, 700])
def test_a_sound_too_short_for_a_token_is_heard_with_silence_behind_it(
    qwen2_audio: TransformersModel, omni: TransformersModel, n_samples: int
) -> None:
    clip = Clip(np.full(n_samples, 0.1, np.float32), 16_000)
    padded = Clip(np.pad(clip.samples, (0, 1600 - n_samples)), 16_000)
    for model in (qwen2_audio, omni):
        short, long = model.infer([Query(one, "what?", SHORT) for one in (clip, padded)])
        assert (short.text, short.token_count) == (long.text, long.token_count)
        assert short.mean_log_probability == pytest.approx(long.mean_log_probability, abs=1e-4)


@pytest.mark.parametrize("family", ["qwen2-audio", "qwen2.5-omni"])
def test_a_clip_that_is_asked_about_again_is_not_encoded_again(tmp_path: Path, family: TinyFamily) -> None:
    model = load(save_tiny_model(tmp_path / "m", family))
    rows: list[int] = []
    tower = next(module for name, module in model._model.named_modules() if name.endswith("audio_tower"))
    tower.conv2.register_forward_hook(lambda _, inputs, output: rows.append(len(output)))
    first, second = noise(1.5), noise(1.9, 1)
    asked = [Query(clip, prompt, SHORT) for clip in (first, second) for prompt in ("one", "two", "three")]
    together = model.infer(asked)
    assert rows == [2]
    assert [model.infer([query])[0].text for query in asked] == [reply.text for reply in together]


def test_without_a_template_of_its_own_omni_cannot_be_asked_and_qwen2_audio_as_its_class_does(tmp_path: Path) -> None:
    folders: dict[str, Path] = {}
    for family in ("qwen2-audio", "qwen2.5-omni"):
        folders[family] = save_tiny_model(tmp_path / family, family)
        (folders[family] / "chat_template.json").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        load(folders["qwen2.5-omni"])
    model = load(folders["qwen2-audio"])
    text = model._processor.tokenizer.decode(model._inputs([Query(noise(0.1), "what?", SHORT)])["input_ids"][0])
    assert "Audio 1: <|audio_bos|>" in text


def test_a_thinker_that_was_saved_alone_is_loaded_too(tmp_path: Path, omni: TransformersModel) -> None:
    folder = save_tiny_model(tmp_path / "m", "qwen2.5-omni")
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    thinker = {name.removeprefix("thinker."): value for name, value in weights.items() if name.startswith("thinker.")}
    save_file(thinker, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())["thinker_config"]
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "qwen2_5_omni_thinker"}))
    query = Query(noise(1), "what?", Decoding(max_new_tokens=6))
    assert load(folder).infer([query]) == omni.infer([query])


def _text(**sizes: int) -> dict[str, Any]:
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1_000_000.0}
    return {**sizes, "rope_parameters": rope, "tie_word_embeddings": False}


# Sizes of the published config.json files; the classes' defaults are the audio encoder's.
PUBLISHED = {
    "Qwen/Qwen2.5-Omni-7B": _text(
        hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4,
        vocab_size=152_064,
    ),
    "Qwen/Qwen2.5-Omni-3B": _text(
        hidden_size=2048, intermediate_size=11008, num_hidden_layers=36, num_attention_heads=16, num_key_value_heads=2,
        vocab_size=151_936,
    ),
    "Qwen/Qwen2-Audio-7B-Instruct": {"model_type": "qwen2", "intermediate_size": 11008, "vocab_size": 156_032},
}  # fmt: skip


@pytest.mark.parametrize("model_id", PUBLISHED)
def test_the_size_in_the_catalogue_is_that_of_the_class_at_the_published_sizes(model_id: str) -> None:
    import torch
    import transformers

    known, text = known_model(model_id), PUBLISHED[model_id]
    assert known is not None
    with torch.device("meta"):
        if known.family == "qwen2-audio":
            model: Any = transformers.Qwen2AudioForConditionalGeneration(
                transformers.Qwen2AudioConfig(audio_config={"model_type": "qwen2_audio_encoder"}, text_config=text)
            )
        else:
            width = text["hidden_size"]
            model = transformers.Qwen2_5OmniThinkerForConditionalGeneration(
                transformers.Qwen2_5OmniThinkerConfig(
                    text_config=text,
                    audio_config={"output_dim": width},
                    vision_config={"depth": 0, "hidden_size": 1280, "out_hidden_size": width},
                )
            )
    total = sum(parameter.numel() for parameter in model.parameters())
    kept = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.dim() != 2 or "embed" in name or "lm_head" in name
    )
    assert known.parameters == pytest.approx(total, rel=1e-3)
    assert known.unquantised == pytest.approx(kept, rel=5e-3)


@pytest.mark.parametrize("family", ["qwen2-audio", "qwen2.5-omni"])
def test_with_layers_of_8_bits_it_answers_near_what_it_answers_without(tmp_path: Path, family: TinyFamily) -> None:
    folder = save_tiny_model(tmp_path / "m", family)
    exact, small = (
        load_transformers_model(folder, model_id="tiny", licence="none", dtype="float32", quantisation=quantisation)
        for quantisation in _BOTH
    )
    query = Query(noise(1.5), "what?", Decoding(max_new_tokens=1))
    (a,), (b,) = exact.infer([query]), small.infer([query])
    assert small.identity.dtype == "float32+int8"
    assert a.mean_log_probability == pytest.approx(b.mean_log_probability, abs=0.3)


@pytest.mark.parametrize("family", ["qwen2-audio", "qwen2.5-omni"])
def test_in_8_bits_are_the_layers_of_the_language_model_and_none_of_the_audio_encoder(
    tmp_path: Path, family: TinyFamily
) -> None:
    from torch import nn

    from flamingo_bark_assets.inference.quantisation import Int8Linear

    folder = save_tiny_model(tmp_path / "m", family)
    model = load_transformers_model(folder, model_id="tiny", licence="none", dtype="float32", quantisation="int8")
    of_audio: set[type] = set()
    of_text: set[type] = set()
    for name, module in model._model.named_modules():
        if isinstance(module, (nn.Linear, Int8Linear)):
            is_audio = "audio_tower" in name or "multi_modal_projector" in name
            (of_audio if is_audio else of_text).add(type(module))
            if ".layers." in name and not is_audio:
                assert isinstance(module, Int8Linear), name
    assert of_audio == {nn.Linear}
    assert Int8Linear in of_text
