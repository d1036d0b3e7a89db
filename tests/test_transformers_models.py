"""Models of transformers' classes: loaded from a folder, asked in batches, and scored, against transformers itself."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import Clip, Decoding, Query
from flamingo_bark_assets.inference.transformers_families import family_of
from flamingo_bark_assets.inference.transformers_models import TransformersModel, load_transformers_model
from tests.captioning_models import queries
from tests.hub import keep_off_the_network
from tests.plain_transformers import plain_way
from tests.tiny_models import COMMIT, TinyFamily, save_in_hub_cache, save_tiny_model

RATE_HZ = 16_000
FAMILIES: tuple[TinyFamily, ...] = ("audio-flamingo-3", "music-flamingo", "qwen2-audio", "qwen2.5-omni")
GREEDY = Decoding(max_new_tokens=8)
# How replies are decoded is the same code for all.
of_two_families = pytest.mark.parametrize("family", ["music-flamingo", "qwen2.5-omni"], indirect=True, scope="module")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return keep_off_the_network(monkeypatch)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {family: save_tiny_model(root / family, family) for family in FAMILIES}


def load(folder: Path, **options: Any) -> TransformersModel:
    return load_transformers_model(folder, model_id="tiny", licence="none", **({"dtype": "float32"} | options))


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> TinyFamily:
    found: TinyFamily = request.param
    return found


@pytest.fixture(scope="module")
def model(folders: dict[str, Path], family: TinyFamily) -> TransformersModel:
    return load(folders[family])


def clip(seconds: float, seed: int = 0) -> Clip:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) * 0.1
    return Clip(noise.astype(np.float32), RATE_HZ)


def test_it_says_and_scores_what_transformers_does_the_plain_way(
    folders: dict[str, Path], family: TinyFamily, model: TransformersModel
) -> None:
    query = Query(clip(3), "What is the genre of this music?", GREEDY)
    (reply,) = model.infer([query])
    text, mean = plain_way(folders[family], family, query)
    assert reply.text == text
    assert reply.mean_log_probability == pytest.approx(mean, abs=1e-4)


def test_a_batch_says_what_each_clip_says_alone(model: TransformersModel) -> None:
    clips = [clip(2, 1), clip(33, 2), clip(0.5, 3)]
    prompts = ["one", "a longer question", "three"]
    together = model.infer(queries(clips, prompts, GREEDY))
    alone = [model.infer(queries([c], [p], GREEDY))[0] for c, p in zip(clips, prompts, strict=True)]
    assert [r.text for r in together] == [r.text for r in alone]
    for a, b in zip(together, alone, strict=True):
        assert a.mean_log_probability == pytest.approx(b.mean_log_probability, abs=1e-3)


def test_the_answer_depends_on_the_sound_and_on_the_prompt(model: TransformersModel) -> None:
    scores = [
        model.infer(queries([sound], [prompt], GREEDY))[0].mean_log_probability
        for sound, prompt in ((clip(2, 1), "one"), (clip(2, 2), "one"), (clip(2, 1), "two"))
    ]
    assert len(set(scores)) == 3


@of_two_families
def test_an_answer_as_long_as_allowed_is_truncated(model: TransformersModel) -> None:
    (reply,) = model.infer(queries([clip(1)], ["?"], Decoding(max_new_tokens=3)))
    assert (reply.token_count, reply.truncated) == (3, True)


@of_two_families
def test_an_answer_ends_with_its_end_token(folders: dict[str, Path], family: TinyFamily) -> None:
    model = load(folders[family])
    tokens = plain_tokens(model, clip(1), "?", 6)
    # What it says third anyway is now the end of a text.
    end = tokens[2]
    model._model.generation_config.eos_token_id = [end]
    first = tokens.index(end) + 1
    for most in (6, first):
        (reply,) = model.infer(queries([clip(1)], ["?"], Decoding(max_new_tokens=most)))
        assert (reply.token_count, reply.truncated) == (first, False)


def plain_tokens(model: TransformersModel, sound: Clip, prompt: str, count: int) -> list[int]:
    inputs = model._inputs(queries([sound], [prompt], GREEDY))
    sequence = model._model.generate(**inputs, max_new_tokens=count, do_sample=False)
    found: list[int] = sequence[0, inputs["input_ids"].shape[1] :].tolist()
    return found


@of_two_families
def test_after_its_end_a_short_answer_of_a_batch_is_not_counted_or_scored(
    folders: dict[str, Path], family: TinyFamily
) -> None:
    model = load(folders[family])
    asked = [(clip(1, seed), "?" * seed) for seed in range(1, 9)]
    tokens = [plain_tokens(model, sound, prompt, 6) for sound, prompt in asked]
    # A token that one of them says before its end and another never.
    short, long, end = next(
        (i, j, token)
        for i, said in enumerate(tokens)
        for token in said[:-1]
        for j, other in enumerate(tokens)
        if token not in other
    )
    model._model.generation_config.eos_token_id = [end]
    decoding = Decoding(max_new_tokens=6)
    (first, ask_first), (second, ask_second) = asked[short], asked[long]
    together = model.infer(queries([first, second], [ask_first, ask_second], decoding))
    alone = model.infer(queries([first], [ask_first], decoding))[0]
    assert together[0].token_count == alone.token_count == tokens[short].index(end) + 1
    assert (together[1].token_count, together[1].truncated) == (6, True)
    assert together[0].mean_log_probability == pytest.approx(alone.mean_log_probability, abs=1e-3)
    assert together[0].text == alone.text


def test_bfloat16_is_close_to_float32(folders: dict[str, Path], family: TinyFamily, model: TransformersModel) -> None:
    half = load(folders[family], dtype="bfloat16")
    one = Decoding(max_new_tokens=1)
    (a,), (b,) = half.infer(queries([clip(2)], ["?"], one)), model.infer(queries([clip(2)], ["?"], one))
    assert half.identity.dtype == "bfloat16"
    assert a.mean_log_probability == pytest.approx(b.mean_log_probability, abs=0.3)


@of_two_families
def test_the_same_seed_samples_the_same_and_another_another(model: TransformersModel) -> None:
    sampled = Decoding(max_new_tokens=12, do_sample=True, temperature=2.0, seed=1)
    first = model.infer(queries([clip(1)], ["?"], sampled))
    assert model.infer(queries([clip(1)], ["?"], sampled)) == first
    assert model.infer(queries([clip(1)], ["?"], dataclasses.replace(sampled, seed=2))) != first


@of_two_families
def test_sampling_leaves_the_random_numbers_of_others_alone(model: TransformersModel) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model.infer(queries([clip(1)], ["?"], Decoding(max_new_tokens=3, do_sample=True, seed=9)))
    assert torch.equal(torch.rand(3), expected)


@of_two_families
def test_the_log_probability_is_the_models_own_before_temperature(model: TransformersModel) -> None:
    # At a temperature near zero sampling is greedy; its own log-probability would be near zero.
    cold = Decoding(max_new_tokens=8, do_sample=True, temperature=1e-4)
    (greedy,), (sampled,) = model.infer(queries([clip(2)], ["?"], GREEDY)), model.infer(queries([clip(2)], ["?"], cold))
    assert sampled.text == greedy.text
    assert sampled.mean_log_probability == pytest.approx(greedy.mean_log_probability, abs=1e-3)
    assert greedy.mean_log_probability is not None
    assert greedy.mean_log_probability < -0.01


@of_two_families
def test_a_repetition_penalty_changes_what_is_said_and_not_what_it_is_scored_by(
    model: TransformersModel, folders: dict[str, Path], family: TinyFamily
) -> None:
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    penalised = Decoding(max_new_tokens=12, repetition_penalty=1.5)
    (reply,) = model.infer(queries([clip(1)], ["?"], penalised))
    inputs = model._inputs(queries([clip(1)], ["?"], GREEDY))
    start = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        plain = model._model.generate(
            **inputs, max_new_tokens=12, do_sample=False, logits_processor=[RepetitionPenaltyLogitsProcessor(1.5)]
        )
        inputs["input_ids"], inputs["attention_mask"] = plain, torch.ones_like(plain)
        scores = model._model(**inputs).logits.log_softmax(-1)[0, start - 1 : -1]
    chosen = plain[0, start:]
    assert reply.text == model._processor.tokenizer.decode(chosen, skip_special_tokens=True)
    assert reply.mean_log_probability == pytest.approx(float(scores.gather(1, chosen[:, None]).mean()), abs=1e-3)
    assert reply != model.infer(queries([clip(1)], ["?"], Decoding(max_new_tokens=12)))[0]


@of_two_families
def test_of_one_likeliest_token_sampling_is_greedy(model: TransformersModel) -> None:
    sampled = Decoding(max_new_tokens=8, do_sample=True, temperature=5.0, top_k=1)
    assert (
        model.infer(queries([clip(1)], ["?"], sampled))[0].text
        == model.infer(queries([clip(1)], ["?"], GREEDY))[0].text
    )


def test_silence_gives_finite_numbers(model: TransformersModel) -> None:
    (reply,) = model.infer(queries([Clip(np.zeros(RATE_HZ, np.float32), RATE_HZ)], ["?"], GREEDY))
    assert reply.mean_log_probability is not None
    assert math.isfinite(reply.mean_log_probability)


@of_two_families
def test_a_sampled_reply_does_not_depend_on_what_is_asked_beside_it(model: TransformersModel) -> None:
    asked = [
        Query(clip(1 + i), "?" * (1 + i), Decoding(max_new_tokens=9, do_sample=True, temperature=1.5, seed=7))
        for i in range(3)
    ]
    together, alone = model.infer(asked), [model.infer([one])[0] for one in asked]
    assert [reply.text for reply in together] == [reply.text for reply in alone]


def test_each_query_ends_at_its_own_limit(model: TransformersModel) -> None:
    long, short = Decoding(max_new_tokens=9), Decoding(max_new_tokens=2)
    asked = [Query(clip(1), "?", long), Query(clip(1), "what is it?", short)]
    together, alone = model.infer(asked), [model.infer([one])[0] for one in asked]
    assert [(r.text, r.token_count, r.truncated) for r in together] == [
        (r.text, r.token_count, r.truncated) for r in alone
    ]
    assert together[1].token_count <= 2


def test_queries_that_are_decoded_differently_are_no_batch(model: TransformersModel) -> None:
    sampled = Decoding(max_new_tokens=9, do_sample=True)
    with pytest.raises(ValueError, match="in one way, not in 2"):
        model.infer([Query(clip(1), "?", sampled), Query(clip(1), "?", GREEDY)])


@of_two_families
def test_no_clips_are_no_replies(model: TransformersModel) -> None:
    assert model.infer([]) == []


@pytest.mark.parametrize(
    ("sound", "prompt", "problem"),
    [
        (Clip(np.zeros(44_100, np.float32), 44_100), "?", "44100 Hz"),
        (Clip(np.zeros(0, np.float32), RATE_HZ), "?", "no sample"),
        (Clip(np.zeros(RATE_HZ, np.float32), RATE_HZ), "what is <sound> or <|AUDIO|>?", "stands for the sound"),
    ],
)
def test_what_it_cannot_hear_is_refused(model: TransformersModel, sound: Clip, prompt: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        model.infer(queries([sound], [prompt], GREEDY))


def test_rate_and_longest_clip_are_the_processors(model: TransformersModel, family: TinyFamily) -> None:
    assert model.sample_rate_hz == 16_000
    longest = {"audio-flamingo-3": 600.0, "music-flamingo": 1200.0, "qwen2-audio": 30.0, "qwen2.5-omni": 300.0}
    assert model.max_clip_s == longest[family]


def test_the_family_is_read_from_the_config(folders: dict[str, Path], family: TinyFamily) -> None:
    assert family_of(folders[family]) == family
    assert load(folders[family]).identity.family == family


def test_the_revision_of_a_hub_snapshot_is_its_commit(tmp_path: Path) -> None:
    folder = save_in_hub_cache(tmp_path, "nvidia/music-flamingo-2601-hf", "music-flamingo")
    assert load(folder).identity.revision == COMMIT


def test_the_revision_of_another_folder_is_a_digest_of_its_files(tmp_path: Path) -> None:
    revisions = [
        load(save_tiny_model(tmp_path / str(i), "audio-flamingo-3", seed=seed)).identity.revision
        for i, seed in enumerate((0, 0, 1))
    ]
    assert revisions[0] == revisions[1] != revisions[2]


@pytest.mark.parametrize(
    "lost", [r"multi_modal_projector|audio_tower\.proj", r"audio_tower\.layers\.0", "embed_tokens"]
)
def test_missing_weights_are_not_made_up(tmp_path: Path, family: TinyFamily, lost: str) -> None:
    folder = save_tiny_model(tmp_path / "m", family)
    change_weights(folder, lambda weights: {k: v for k, v in weights.items() if not re.search(lost, k)})
    with pytest.raises(ModelError, match=r"of its weights \d+ are missing \(for instance .*get the files anew"):
        load(folder)


def test_weights_of_another_shape_are_refused_by_name(tmp_path: Path, family: TinyFamily) -> None:
    folder = save_tiny_model(tmp_path / "m", family)

    def halved(weights: dict[str, Any]) -> dict[str, Any]:
        return {k: v[: len(v) // 2].clone() if "audio_tower.conv2.weight" in k else v for k, v in weights.items()}

    change_weights(folder, halved)
    with pytest.raises(ModelError, match=r"1 are of another shape.*conv2"):
        load(folder)


def test_weights_that_nothing_reads_are_left_out(tmp_path: Path, family: TinyFamily) -> None:
    import torch

    folder = save_tiny_model(tmp_path / "m", family)
    change_weights(folder, lambda weights: weights | {"avg_embed_norm": torch.ones(1)})
    assert load(folder).identity.family == family


def change_weights(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def test_other_files_under_the_same_commit_have_another_digest(tmp_path: Path) -> None:
    folder = save_in_hub_cache(tmp_path, "someone/tiny", "audio-flamingo-3")
    before = load(folder).identity
    change_weights(folder, lambda weights: {k: v * 1.5 for k, v in weights.items()})
    after = load(folder).identity
    assert before.revision == after.revision
    assert before.files != after.files


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"model_type": "llama"}', "\x00", "[" * 100_000])
def test_a_folder_of_another_architecture_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError, match="architecture"):
        load(tmp_path)


def test_quantisation_without_its_package_is_a_clear_error(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="bitsandbytes"):
        load(folders["audio-flamingo-3"], quantisation="8bit")


def test_a_model_that_comes_with_code_is_refused_and_the_code_not_run(folders: dict[str, Path], tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(folders["audio-flamingo-3"], tmp_path / "hostile"))
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSeq2SeqLM": "evil.Evil", "AutoConfig": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="asks for code"):
        load(folder)
    assert not (tmp_path / "ran").exists()
