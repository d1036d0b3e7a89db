"""The registry: what is published of each model, and what it is asked."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from flamingo_bark_assets.exports.rights import why_not_commercial
from flamingo_bark_assets.inference.catalogue import (
    KNOWN_MODELS,
    QUESTION_ORDER,
    Family,
    KnownModel,
    default_prompt,
    known_model,
    prompt_for,
)
from flamingo_bark_assets.inference_settings import DEFAULT_MODEL_ID, InferenceSettings
from flamingo_bark_assets.parts import PARTS, QUESTIONS, STEM_KINDS

FAMILIES: tuple[Family, ...] = get_args(Family)
each_model = pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda m: m.model_id)


@pytest.mark.parametrize(
    ("model_id", "download_gb", "computed", "float32_gb", "bfloat16_gb"),
    [
        # shared/audio-flamingo-2/README.md, table of checkpoints
        ("nvidia/audio-flamingo-2-0.5B", 7.2, False, 4.3, 2.1),
        ("nvidia/audio-flamingo-2-1.5B", 18.8, True, 10.1, 5.1),
        ("nvidia/audio-flamingo-2", 37.0, True, 19.2, 9.6),
    ],
)
def test_sizes_of_audio_flamingo_2_are_the_published_ones(
    model_id: str, download_gb: float, computed: bool, float32_gb: float, bfloat16_gb: float
) -> None:
    model = known_model(model_id)
    assert model is not None
    assert model.download_bytes == pytest.approx(download_gb * 1e9)
    assert model.download_is_computed == computed
    assert model.memory_bytes("float32") / 1e9 == pytest.approx(float32_gb, abs=0.05)
    assert model.memory_bytes("bfloat16") / 1e9 == pytest.approx(bfloat16_gb, abs=0.05)


def test_nvidias_newer_models_take_16_5_gb_as_bfloat16() -> None:
    newer = [m for m in KNOWN_MODELS if m.family in {"audio-flamingo-3", "music-flamingo"}]
    assert len(newer) == 7
    assert all(m.memory_bytes("bfloat16") / 1e9 == pytest.approx(16.5, abs=0.05) for m in newer)


def test_quantisation_takes_less_memory() -> None:
    model = known_model("nvidia/music-flamingo-2601-hf")
    assert model is not None
    sizes = [model.memory_bytes("bfloat16", q) for q in ("none", "8bit", "4bit")]
    assert sizes == sorted(sizes, reverse=True)
    # Reported of these models in use; embeddings and the output layer stay at 16 bit.
    assert [size / 1e9 for size in sizes[1:]] == pytest.approx([9.4, 6.2], abs=0.15)


def test_the_default_is_the_1_5b_audio_flamingo_2() -> None:
    assert DEFAULT_MODEL_ID == "nvidia/audio-flamingo-2-1.5B"
    default = known_model(DEFAULT_MODEL_ID)
    assert default is not None
    assert default.base_lm == "Qwen/Qwen2.5-1.5B"


def test_a_model_is_found_whatever_the_case_of_its_letters() -> None:
    assert known_model("NVIDIA/audio-flamingo-2-1.5b") is known_model(DEFAULT_MODEL_ID)
    assert known_model("nvidia/audio-flamingo-9") is None


def test_ids_are_unique() -> None:
    assert len({m.model_id for m in KNOWN_MODELS}) == len(KNOWN_MODELS)


@each_model
def test_the_licence_says_that_a_model_is_non_commercial(model: KnownModel) -> None:
    assert model.non_commercial == bool(re.search("non-?commercial", model.licence, re.IGNORECASE))


@each_model
def test_texts_of_a_model_that_is_not_non_commercial_may_stand_in_a_commercial_export(model: KnownModel) -> None:
    assert (why_not_commercial(model.licence) is None) == (not model.non_commercial)


def test_all_but_three_models_are_non_commercial() -> None:
    assert {m.model_id for m in KNOWN_MODELS if not m.non_commercial} == {
        "Qwen/Qwen2-Audio-7B-Instruct", "Qwen/Qwen2.5-Omni-7B", "ACE-Step/acestep-captioner",
    }  # fmt: skip


@each_model
def test_the_hint_has_command_size_and_licence_in_one_line(model: KnownModel) -> None:
    hint = model.fetch_hint
    assert f"flamingo-bark models fetch {model.model_id}`" in hint
    assert f"{model.download_bytes / 1e9:.1f} GB" in hint
    assert ("computed" in hint) == model.download_is_computed
    assert model.licence in hint
    assert "\n" not in hint


def test_every_question_is_asked_once_and_the_genre_before_the_caption() -> None:
    assert sorted(QUESTION_ORDER) == sorted(QUESTIONS)
    assert QUESTION_ORDER.index("genre") < QUESTION_ORDER.index("caption")


# The mood is asked for alone: an answer to the known prompt says not which of its words are moods.
@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"mood"}))
def test_audio_flamingo_2_is_asked_about_the_mix_as_in_its_training(question: str) -> None:
    # shared/audio-flamingo-2/README.md, "Prompts known to be in distribution"
    in_distribution = {
        "caption the input audio.",
        "describe the music in a sentence.",
        "describe the music in a paragraph.",
        "what is the genre of this music?",
        "what is the instrument of this music?",
        "what are the genres, instruments, and mood/theme of the music?",
    }
    assert default_prompt("audio-flamingo-2", "mix", question) in in_distribution  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
def test_stems_are_asked_for_their_own_instruments(family: Family) -> None:
    questions = ("caption", "description", "instruments")
    asked = {default_prompt(family, part, question) for part in PARTS for question in questions}  # type: ignore[arg-type]
    assert len(asked) == len(PARTS) * len(questions)
    for kind in STEM_KINDS:
        noun = "accompaniment" if kind == "instrumental" else kind.rstrip("s")
        assert noun in default_prompt(family, kind, "caption").lower()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_prompt_holds_an_example_value_or_a_token(family: Family) -> None:
    for part in PARTS:
        for question in QUESTIONS:
            prompt = default_prompt(family, part, question)
            assert not re.search(r"\d|[<>]|such as|e\.g\.|for example|for instance|like ", prompt)
            assert prompt == prompt.strip()


@pytest.mark.parametrize(
    ("model_id", "family", "prompt"),
    [
        # The prompt guides of the models' own pages: "Music Captioning", and "Prompt Format".
        (
            "nvidia/audio-flamingo-next-captioner-hf",
            "music-flamingo",
            "Summarize the track with precision: mention its musical style, BPM, key, arrangement, production choices, "
            "and the emotions or story it conveys.",
        ),
        ("/models/acestep-captioner", "qwen2.5-omni", "*Task* Describe this audio in detail"),
    ],
)
def test_a_model_is_asked_for_a_description_as_its_makers_do(model_id: str, family: Family, prompt: str) -> None:
    assert prompt_for(InferenceSettings(), family, "mix", "description", model_id) == prompt
    other = prompt_for(InferenceSettings(), family, "mix", "description", f"{model_id}/another")
    assert other == default_prompt(family, "mix", "description") != prompt
