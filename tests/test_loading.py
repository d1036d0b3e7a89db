"""The chain of models: the first that can be had is loaded, every other is skipped with its reason."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from flamingo_bark_assets.inference import loading, quantisation
from flamingo_bark_assets.inference.catalogue import (
    KNOWN_MODELS,
    Family,
    ModelError,
    PromptKind,
    default_prompt,
    prompt_for,
)
from flamingo_bark_assets.inference.decoding_defaults import decoding_of, with_more_room
from flamingo_bark_assets.inference.fetching import FetchEvent
from flamingo_bark_assets.inference.interface import Clip, Decoding
from flamingo_bark_assets.inference.loading import Loaded, Skipped, load_first
from flamingo_bark_assets.inference.loading_checks import choose_device, choose_dtype, choose_quantisation
from flamingo_bark_assets.inference_settings import (
    DEFAULT_MODEL_ID,
    Dtype,
    InferenceSettings,
    ModelCandidate,
    PromptOverride,
)
from tests.captioning_models import queries
from tests.hub import FakeHub, closed_port, keep_off_the_network, serving
from tests.tiny_models import COMMIT, TinyFamily, save_in_hub_cache, save_tiny_model

MUSIC_FLAMINGO = "nvidia/music-flamingo-2601-hf"
AUDIO_FLAMINGO_3 = "nvidia/audio-flamingo-3-hf"


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that was tried; there is memory for any model."""
    monkeypatch.setattr(loading, "_free_bytes", lambda device: 10**12)
    return keep_off_the_network(monkeypatch)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model", "audio-flamingo-3")


def candidate(model: str | Path, **options: Any) -> ModelCandidate:
    return ModelCandidate(model=str(model), dtype="float32", device="cpu", **options)


def settings(cache: Path, *chain: ModelCandidate, **options: Any) -> InferenceSettings:
    return InferenceSettings(chain=chain, cache_folder=cache, **options)


def reason(loaded: Loaded, index: int = 0) -> str:
    text = loaded.skipped[index].reason
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("repo_id", "family", "licence"),
    [
        (MUSIC_FLAMINGO, "music-flamingo", "non-commercial"),
        (AUDIO_FLAMINGO_3, "audio-flamingo-3", "non-commercial"),
        ("Qwen/Qwen2-Audio-7B-Instruct", "qwen2-audio", "Apache"),
        ("Qwen/Qwen2.5-Omni-3B", "qwen2.5-omni", "Qwen Research"),
        ("ACE-Step/acestep-captioner", "qwen2.5-omni", "MIT"),
    ],
)
def test_a_model_of_the_cache_is_loaded_by_its_id_and_answers(
    tmp_path: Path, tried: list[Any], repo_id: str, family: TinyFamily, licence: str
) -> None:
    save_in_hub_cache(tmp_path, repo_id, family)
    loaded = load_first(settings(tmp_path, candidate(repo_id)))
    assert loaded.model is not None
    identity = loaded.model.identity
    assert (identity.model_id, identity.family, identity.revision) == (repo_id, family, COMMIT)
    assert licence in (identity.licence or "")
    clip = Clip(np.zeros(16_000, np.float32), 16_000)
    assert loaded.model.infer(queries([clip], ["what?"], Decoding(max_new_tokens=2)))[0].token_count >= 1
    assert tried == []


@pytest.mark.parametrize("family", ["audio-flamingo-3", "qwen2-audio", "qwen2.5-omni"])
def test_a_folder_is_loaded_by_its_path(tmp_path: Path, tried: list[Any], family: TinyFamily) -> None:
    folder = save_tiny_model(tmp_path / "model", family)
    loaded = load_first(settings(tmp_path, candidate(folder)))
    assert loaded.model is not None
    assert (loaded.model.identity.model_id, loaded.model.identity.family) == (str(folder), family)
    assert loaded.model.identity.revision.startswith("sha256:")
    assert tried == []


def test_by_default_nothing_is_asked_of_the_network_and_the_command_is_told(tmp_path: Path, tried: list[Any]) -> None:
    loaded = load_first(InferenceSettings(cache_folder=tmp_path))
    assert loaded.model is None
    assert f"flamingo-bark models fetch {DEFAULT_MODEL_ID}" in reason(loaded)
    assert "18.8 GB" in reason(loaded)
    assert "Noncommercial" in reason(loaded)
    assert loaded.advice == f"no captioning model runs: {reason(loaded)}"
    assert tried == []


def test_the_first_choice_that_can_be_had_is_taken_and_the_others_have_reasons(tmp_path: Path, tiny: Path) -> None:
    chain = (candidate(MUSIC_FLAMINGO), candidate(tiny), candidate(DEFAULT_MODEL_ID))
    loaded = load_first(settings(tmp_path, *chain))
    assert loaded.model is not None
    assert loaded.candidate == chain[1]
    assert [s.candidate for s in loaded.skipped] == [chain[0]]
    assert loaded.advice is None


def test_after_a_failure_the_chain_goes_on_behind_it(tmp_path: Path, tiny: Path) -> None:
    chain = (candidate(MUSIC_FLAMINGO), candidate(tiny), candidate(tiny, batch_size=1))
    configured = settings(tmp_path, *chain)
    first = load_first(configured)
    second = load_first(configured, skipped=first.failed("out of memory with one clip"))
    assert second.candidate == chain[2]
    assert [s.candidate for s in second.skipped] == list(chain[:2])
    assert second.skipped[1].reason == "out of memory with one clip"
    third = load_first(configured, skipped=second.failed("again"))
    assert third == Loaded(None, None, (*second.skipped, Skipped(chain[2], "again")))


def test_an_unreachable_hub_ends_in_no_model_and_one_clear_line(
    tmp_path: Path, tried: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed_port())
    configured = settings(tmp_path, candidate(DEFAULT_MODEL_ID), allow_download=True, licence_acknowledged=True)
    loaded = load_first(configured)
    assert loaded.model is None
    assert "cannot be reached" in reason(loaded)
    assert f"flamingo-bark models fetch {DEFAULT_MODEL_ID}" in reason(loaded)
    assert len(tried) == 1  # one try and no second: that is what makes it a matter of seconds


def test_a_model_is_downloaded_where_that_is_allowed_and_its_licence_acknowledged(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[FetchEvent] = []
    with serving({AUDIO_FLAMINGO_3: contents(tiny)}) as hub:
        point_to(hub, monkeypatch)
        configured = settings(tmp_path, candidate(AUDIO_FLAMINGO_3), allow_download=True, licence_acknowledged=True)
        loaded = load_first(configured, progress=events.append)
    assert loaded.skipped == ()
    assert loaded.model is not None
    assert loaded.model.identity.revision == hub.commit(AUDIO_FLAMINGO_3)
    assert events[0].stage == "licence"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "downloads are not allowed"),
        ({"allow_download": True}, "licence is not acknowledged"),
        ({"allow_download": True, "licence_acknowledged": True, "offline": True}, "offline"),
    ],
)
def test_what_is_not_allowed_is_not_downloaded(
    tmp_path: Path, tried: list[Any], options: dict[str, bool], words: str
) -> None:
    loaded = load_first(settings(tmp_path, candidate(MUSIC_FLAMINGO), **options))
    assert words in reason(loaded)
    assert tried == []


def test_the_environment_can_forbid_the_network(
    tmp_path: Path, tried: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    configured = settings(tmp_path, candidate(MUSIC_FLAMINGO), allow_download=True, licence_acknowledged=True)
    assert "not in the cache, and offline" in reason(load_first(configured))
    assert tried == []


def test_a_model_that_does_not_fit_is_skipped_before_it_is_downloaded_or_loaded(
    tmp_path: Path, tried: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_free_bytes", lambda device: 17 * 10**9)
    save_in_hub_cache(tmp_path, MUSIC_FLAMINGO, "music-flamingo")
    chain = (
        candidate(MUSIC_FLAMINGO),
        candidate(AUDIO_FLAMINGO_3),
        ModelCandidate(model=MUSIC_FLAMINGO, device="cpu", dtype="bfloat16", quantisation="none"),
    )
    loaded = load_first(settings(tmp_path, *chain, allow_download=True, licence_acknowledged=True))
    assert "34.1 GB of memory as float32 and 17.0 GB are free" in reason(loaded)
    assert "GB of memory" in reason(loaded, 1)
    assert "17.5 GB of memory as bfloat16" in reason(loaded, 2)
    assert tried == []


def test_a_folder_that_does_not_fit_is_told_by_its_weights(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_free_bytes", lambda device: 1_000_000_000)
    assert "GB of memory" in reason(load_first(settings(tmp_path, candidate(tiny))))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_runs_out_while_loading_is_a_reason(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("flamingo_bark_assets.inference.loading.load_transformers_model", fail)
    assert "out of memory while loading" in reason(load_first(settings(tmp_path, candidate(tiny))))


def test_a_damaged_model_is_a_reason(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", "music-flamingo")
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    assert "model.safetensors is cut off or damaged" in reason(load_first(settings(tmp_path, candidate(folder))))


def test_a_cut_file_of_weights_and_a_pointer_of_git_lfs_are_named(tmp_path: Path, tiny: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    cut = reason(load_first(settings(tmp_path, candidate(folder))))
    assert f"model.safetensors is cut off or damaged: it has {len(whole) - 100} bytes of {len(whole)}" in cut
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    assert "model.safetensors is a pointer of Git LFS" in reason(load_first(settings(tmp_path, candidate(folder))))


def test_a_model_without_its_chat_template_is_skipped_with_the_remedy(tmp_path: Path, tiny: Path) -> None:
    folder = save_in_hub_cache(tmp_path, MUSIC_FLAMINGO, "music-flamingo")
    local = Path(shutil.copytree(tiny, tmp_path / "local"))
    for path in [*folder.glob("chat_template*"), *local.glob("chat_template*")]:
        path.unlink()
    loaded = load_first(settings(tmp_path, candidate(MUSIC_FLAMINGO), candidate(local)))
    assert f"no chat template, so nothing can be asked; `flamingo-bark models fetch {MUSIC_FLAMINGO}`" in reason(loaded)
    assert "put the chat_template.jinja of the model's repository into its folder" in reason(loaded, 1)


def test_in_4_bit_the_embeddings_of_a_folder_keep_their_size(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = {"model.embed_tokens.weight": (100, 64), "lm_head.weight": (100, 64), "mlp.weight": (64, 64), "n": (64,)}
    save_file({name: np.zeros(shape, np.float16) for name, shape in tensors.items()}, tmp_path / "w.safetensors")
    small = ModelCandidate(model=str(tmp_path), quantisation="4bit")
    assert loading.weights_bytes_of(tmp_path, small) == 2 * (2 * 6400 + 64) + 4096 * 0.5625


def test_a_folder_of_an_unknown_architecture_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert "unknown architecture" in reason(load_first(settings(tmp_path, candidate(tmp_path))))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nvidia/audio-flamingo-9", "neither a folder nor a known model"),
        ("/no/such/folder", "no such folder"),
        ("./models/mine", "no such folder"),
        ("../../etc", "neither|no such folder|unknown architecture"),
        ("a\nb", "neither a folder nor a known model"),
        ("a\x00b", "a"),
    ],
)
def test_a_name_that_is_no_model_is_a_reason(tmp_path: Path, tried: list[Any], model: str, words: str) -> None:
    loaded = load_first(settings(tmp_path, candidate(model)))
    assert loaded.model is None
    assert any(word in reason(loaded) for word in words.split("|"))
    assert tried == []


def test_a_missing_gpu_is_a_reason(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    loaded = load_first(settings(tmp_path, ModelCandidate(model=str(tiny), device="cuda")))
    assert "device is cuda" in reason(loaded)


def test_the_type_of_the_weights_is_one_that_the_device_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for capability, dtype in (((6, 1), "float16"), ((7, 5), "float16"), ((8, 0), "bfloat16")):
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda found=capability: found)
        assert choose_dtype("bfloat16", "cuda") == dtype
        assert choose_dtype("float32", "cuda") == "float32"
    monkeypatch.setattr("torch.backends.mps.is_macos_or_newer", lambda *_: False)
    assert choose_dtype("bfloat16", "mps") == "float16"
    assert choose_dtype("bfloat16", "cpu") == "bfloat16"


def test_the_gpu_of_a_mac_is_taken_where_the_model_can_run_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert choose_device("m", "auto", takes_mps=True) == "mps"
    assert choose_device("m", "auto") == "cpu"
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ModelError, match="device is mps and there is none"):
        choose_device("m", "mps")


def test_audio_flamingo_2_runs_on_the_gpu_of_a_mac_in_the_type_that_it_computes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def load(path: Path, **options: Any) -> None:
        asked.update(options)

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.backends.mps.is_macos_or_newer", lambda *_: False)
    monkeypatch.setattr("flamingo_bark_assets.inference.audio_flamingo_2.model.load_audio_flamingo_2", load)
    (tmp_path / "safe_ckpt").mkdir()
    load_first(settings(tmp_path, ModelCandidate(model=str(tmp_path))))
    assert (asked["device"], asked["dtype"]) == ("mps", "float16")


def test_a_model_in_float16_answers_and_says_so(tmp_path: Path, tiny: Path) -> None:
    half = ModelCandidate(model=str(tiny), dtype="float16", device="cpu")
    loaded = load_first(settings(tmp_path, half))
    assert loaded.model is not None
    assert (loaded.model.identity.dtype, loaded.model.identity.device) == ("float16", "cpu")
    clip = Clip(np.full(16_000, 0.1, np.float32), 16_000)
    assert loaded.model.infer(queries([clip], ["what?"], Decoding(max_new_tokens=2)))[0].token_count >= 1


def test_quantisation_is_not_offered_for_audio_flamingo_2(tmp_path: Path) -> None:
    (tmp_path / "safe_ckpt").mkdir()
    loaded = load_first(settings(tmp_path, candidate(tmp_path, quantisation="4bit")))
    assert "not offered" in reason(loaded)


@pytest.mark.parametrize(("feature", "dtype", "chosen"), [
    ("avx512_vnni", "bfloat16", "int8"), (None, "bfloat16", "none"), ("avx512_vnni", "float32", "none"),
])  # fmt: skip
def test_auto_takes_8_bits_where_a_processor_was_measured_to_gain_by_them(
    monkeypatch: pytest.MonkeyPatch, feature: str | None, dtype: Dtype, chosen: str
) -> None:
    monkeypatch.setattr(quantisation, "feature_for_int8", lambda: feature)
    assert choose_quantisation("m", "auto", dtype, "cpu") == chosen
    assert choose_quantisation("m", "auto", dtype, "cuda") == "none"
    assert choose_quantisation("m", "int8", dtype, "cpu") == "int8"
    with pytest.raises(ModelError, match="runs on a CPU"):
        choose_quantisation("m", "int8", dtype, "cuda")


@pytest.mark.parametrize(
    ("model", "words"), [(DEFAULT_MODEL_ID, "not offered"), (MUSIC_FLAMINGO, "needs bitsandbytes")]
)
def test_quantisation_that_cannot_be_had_is_told_before_a_download(
    tmp_path: Path, tried: list[Any], monkeypatch: pytest.MonkeyPatch, model: str, words: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    configured = settings(
        tmp_path, candidate(model, quantisation="8bit"), allow_download=True, licence_acknowledged=True
    )
    assert words in reason(load_first(configured))
    assert tried == []


def test_audio_flamingo_2_is_downloaded_with_its_tokenizer_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tiny_audio_flamingo_2 import random_release, save_base, save_release

    release, base = save_release(tmp_path / "af2", random_release()), save_base(tmp_path / "base")
    repositories = {
        "nvidia/audio-flamingo-2-0.5B": contents(release),
        "Qwen/Qwen2.5-0.5B": contents(base) | {"model.safetensors": b"not wanted"},
    }
    configured = settings(
        tmp_path / "cache", candidate("nvidia/audio-flamingo-2-0.5B"), allow_download=True, licence_acknowledged=True
    )
    with serving(repositories) as hub:
        point_to(hub, monkeypatch)
        loaded = load_first(configured)
        hub.requests.clear()
        again = load_first(configured)
    assert hub.requests == []
    for found in (loaded, again):
        assert found.skipped == ()
        assert found.model is not None
        assert found.model.identity.family == "audio-flamingo-2"
        assert found.model.identity.revision == hub.commit("nvidia/audio-flamingo-2-0.5B")
        clip = Clip(np.zeros(16_000, np.float32), 16_000)
        assert found.model.infer(queries([clip], ["what?"], Decoding(max_new_tokens=2)))[0].token_count >= 1


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def point_to(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does before Python starts."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )


def test_reading_the_settings_loads_no_heavy_package() -> None:
    program = (
        "import sys, flamingo_bark_assets.inference.loading\n"
        "print(*{'torch', 'transformers', 'huggingface_hub', 'tokenizers'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []


def test_without_a_model_no_run_waits_for_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from flamingo_bark_assets.inference.loading import InferenceSettings, load_first\n"
        "assert load_first(InferenceSettings(cache_folder=Path(sys.argv[1]))).model is None\n"
        "print(*{'torch', 'transformers'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == []


def test_a_broken_folder_of_audio_flamingo_2_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "safe_ckpt").mkdir()
    loaded = load_first(settings(tmp_path, candidate(tmp_path)))
    assert str(tmp_path) in reason(loaded)


def test_an_empty_chain_is_no_model(tmp_path: Path) -> None:
    loaded = load_first(settings(tmp_path))
    assert loaded == Loaded(None, None, ())
    assert loaded.advice is not None


def test_decoding_is_greedy_by_default() -> None:
    for known in KNOWN_MODELS:
        assert not decoding_of(InferenceSettings(), known.family or "server", known.model_id, "caption").do_sample


def test_what_the_settings_leave_open_is_decoded_as_the_makers_of_the_family_do() -> None:
    def found(family: Family, model_id: str, **options: Any) -> tuple[int, float]:
        decoding = decoding_of(InferenceSettings(**options), family, model_id, "description")
        return decoding.max_new_tokens, decoding.repetition_penalty

    assert found("audio-flamingo-2", DEFAULT_MODEL_ID) == (200, 1.0)
    assert found("audio-flamingo-3", "nvidia/audio-flamingo-3-hf") == (500, 1.0)
    assert found("music-flamingo", "nvidia/audio-flamingo-next-hf") == (1024, 1.2)
    assert found("music-flamingo", "/models/audio-flamingo-next-think-hf") == (2048, 1.2)
    assert found("music-flamingo", "nvidia/audio-flamingo-next-hf", max_new_tokens=9, repetition_penalty=1) == (9, 1.0)


@pytest.mark.parametrize("kind", ["genre", "labels", "caption", "description", "facts"])
@pytest.mark.parametrize("family", ["music-flamingo", "audio-flamingo-3"])
def test_a_model_that_thinks_has_room_for_it_in_every_answer_and_no_more(family: Family, kind: PromptKind) -> None:
    model_id = "nvidia/music-flamingo-think-2601-hf"
    decoding = decoding_of(InferenceSettings(), family, model_id, kind)
    assert decoding.max_new_tokens == 2048
    assert with_more_room(InferenceSettings(), family, model_id, decoding) is None


def test_what_a_model_is_is_told_by_its_own_folder_and_not_by_those_above() -> None:
    for folder in ("audio-flamingo-next-hf", "music-flamingo-think"):
        decoding = decoding_of(InferenceSettings(), "music-flamingo", f"/models/{folder}/music-flamingo-hf", "caption")
        assert (decoding.max_new_tokens, decoding.repetition_penalty) == (128, 1.0)


def test_a_description_of_450_words_fits_music_flamingos_limit() -> None:
    decoding = decoding_of(InferenceSettings(), "music-flamingo", "nvidia/music-flamingo-2601-hf", "description")
    assert decoding.max_new_tokens > 450 * 4 / 3  # of English a token is three quarters of a word


def test_each_question_has_a_limit_of_its_own() -> None:
    kinds: tuple[PromptKind, ...] = ("genre", "labels", "caption", "description")
    limits = [decoding_of(InferenceSettings(), "audio-flamingo-2", DEFAULT_MODEL_ID, k).max_new_tokens for k in kinds]
    assert limits == [48, 96, 64, 200]


def test_a_cut_off_reply_gets_twice_the_room_up_to_the_familys_longest() -> None:
    settings = InferenceSettings()
    more = with_more_room(settings, "audio-flamingo-2", DEFAULT_MODEL_ID, Decoding(max_new_tokens=200))
    assert more == Decoding(max_new_tokens=400)
    assert with_more_room(settings, "audio-flamingo-2", DEFAULT_MODEL_ID, Decoding(max_new_tokens=400)) is None


def test_a_limit_of_the_users_is_not_exceeded() -> None:
    settings = InferenceSettings(max_new_tokens=64)
    assert with_more_room(settings, "audio-flamingo-2", DEFAULT_MODEL_ID, Decoding(max_new_tokens=64)) is None


def test_a_prompt_can_be_overridden_for_one_part_and_question() -> None:
    configured = InferenceSettings(
        prompts=(PromptOverride(part="bass", question="caption", prompt="How is the bass?"),)
    )
    assert prompt_for(configured, "audio-flamingo-2", "bass", "caption") == "How is the bass?"
    assert prompt_for(configured, "audio-flamingo-2", "mix", "caption") == default_prompt(
        "audio-flamingo-2", "mix", "caption"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"chain": [{"model": ""}]},
        {"chain": [{"dtype": "int8"}]},
        {"chain": [{"batch_size": 0}]},
        {"temperature": 0},
        {"temperature": float("nan")},
        {"top_p": 1.5},
        {"max_new_tokens": 0},
        {"unknown": 1},
    ],
)
def test_a_wrong_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InferenceSettings.model_validate(values)
