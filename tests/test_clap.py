"""CLAP: loaded as a released checkpoint is, compared with transformers itself, and honest where it cannot be had."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.inference.batching import OutOfMemory
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.clap import KNOWN_CLAPS, ClapUnavailable, LoadedClap, load_clap
from flamingo_bark_assets.inference.interface import Clip
from flamingo_bark_assets.inference.vocabulary import Vocabulary
from tests.hub import keep_off_the_network
from tests.tiny_models import COMMIT

RATE_HZ = 48_000
DEFAULT = "laion/clap-htsat-unfused"
GENRES = Vocabulary("genre", ("ambient", "jazz", "rock", "techno"), "This audio is a {} song.")
TEXT = "a slow piano piece"


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return keep_off_the_network(monkeypatch)


def save_tiny_clap(folder: Path, *, fusion: bool = False, pickled: bool = False) -> Path:
    """Save a random ClapModel that hears windows of 1 s, with its processor, as the hub has them."""
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor

    tokenizer = byte_tokenizer()
    text_config = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 130, "pad_token_id": tokenizer.pad_token_id,
        # Random weights of the usual size say the same whatever they read.
        "initializer_factor": 20.0,
    }  # fmt: skip
    audio_config = {
        "spec_size": 128, "num_mel_bins": 64, "patch_embeds_hidden_size": 8, "depths": [1, 1],
        "num_attention_heads": [2, 2], "num_hidden_layers": 2, "hidden_size": 16, "window_size": 4,
        "enable_fusion": fusion, "fusion_type": "aff_2d" if fusion else None, "initializer_factor": 20.0,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ClapModel(ClapConfig(text_config=text_config, audio_config=audio_config, projection_dim=12))
    model.save_pretrained(folder)
    if pickled:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    extractor = ClapFeatureExtractor(max_length_s=1, truncation="fusion" if fusion else "rand_trunc")
    ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder


def byte_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = ["<s>", "<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>")


def save_in_hub_cache(cache: Path, repo_id: str) -> Path:
    storage = cache / f"models--{repo_id.replace('/', '--')}"
    (storage / "refs").mkdir(parents=True)
    (storage / "refs" / "main").write_text(COMMIT)
    return save_tiny_clap(storage / "snapshots" / COMMIT, pickled=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("tiny") / "clap")


@pytest.fixture(scope="module")
def fused_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("tiny") / "fused", fusion=True)


def loaded(folder: Path, **options: Any) -> LoadedClap:
    found = load_clap(folder, device="cpu", **options)
    assert isinstance(found, LoadedClap), found
    return found


@pytest.fixture
def clap(folder: Path) -> LoadedClap:
    return loaded(folder)


def clip(seconds: float, pitch_hz: float = 440.0, *, rate_hz: int = RATE_HZ) -> Clip:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(round(pitch_hz)).standard_normal(time_s.size)
    return Clip((0.3 * np.sin(2 * np.pi * pitch_hz * time_s) + 0.02 * noise).astype(np.float32), rate_hz)


def plain_way(folder: Path, clips: list[Clip], texts: list[str]) -> tuple[Any, float]:
    """What transformers' documentation does: logits, shape (n_clips, n_texts), and the scale in them."""
    import torch
    from transformers import ClapModel, ClapProcessor

    model = ClapModel.from_pretrained(folder).eval()
    processor = ClapProcessor.from_pretrained(folder)
    sounds = [c.samples for c in clips]
    inputs = processor(text=texts, audio=sounds, sampling_rate=RATE_HZ, return_tensors="pt", padding=True)
    with torch.inference_mode():
        logits = model(**inputs).logits_per_audio
    return logits, float(model.logit_scale_a.detach().exp())


def test_a_similarity_is_the_cosine_of_transformers_forward_pass(clap: LoadedClap, folder: Path) -> None:
    logits, scale = plain_way(folder, [clip(1)], [TEXT])
    assert clap.similarity(clip(1), TEXT) == pytest.approx(float(logits[0, 0]) / scale, abs=1e-5)


def test_probabilities_are_the_softmax_of_transformers_logits(clap: LoadedClap, folder: Path) -> None:
    logits, _ = plain_way(folder, [clip(1)], list(GENRES.sentences))
    expected = dict(zip(GENRES.labels, logits.softmax(-1)[0].tolist(), strict=True))
    assert {row.label: row.probability for row in clap.label(clip(1), GENRES)} == pytest.approx(expected, abs=1e-5)


def test_different_sounds_and_texts_get_different_similarities(clap: LoadedClap) -> None:
    same = clap.similarity(clip(1), TEXT)
    assert clap.similarity(clip(1, 3000.0), TEXT) != pytest.approx(same, abs=1e-4)
    assert clap.similarity(clip(1), "loud drums") != pytest.approx(same, abs=1e-4)


def test_equal_embeddings_have_a_similarity_of_1_and_opposite_ones_of_minus_1(
    clap: LoadedClap, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    direction = torch.nn.functional.normalize(torch.arange(1.0, 13.0), dim=0)
    monkeypatch.setattr(clap, "_embed_sound", lambda windows: direction.repeat(len(windows), 1))
    monkeypatch.setattr(clap, "_embed_texts", lambda texts: direction.repeat(len(texts), 1))
    assert clap.similarity(clip(2), TEXT) == pytest.approx(1.0, abs=1e-6)
    monkeypatch.setattr(clap, "_embed_texts", lambda texts: -direction.repeat(len(texts), 1))
    assert clap.similarity(clip(2), TEXT) == pytest.approx(-1.0, abs=1e-6)


def test_the_probabilities_of_a_vocabulary_sum_to_1_and_ranks_follow_them(clap: LoadedClap) -> None:
    rows = clap.label([clip(3), clip(1, 900.0)], GENRES)
    probabilities = [row.probability or math.nan for row in rows]
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-9)
    assert probabilities == sorted(probabilities, reverse=True)
    assert [row.rank for row in rows] == [1, 2, 3, 4]
    assert {row.label for row in rows} == set(GENRES.labels)


def test_the_first_k_are_the_first_of_all(clap: LoadedClap) -> None:
    assert clap.label(clip(1), GENRES, top_k=2) == clap.label(clip(1), GENRES)[:2]


def test_a_row_says_who_what_and_which_model(clap: LoadedClap, folder: Path) -> None:
    row = clap.label(clip(1), GENRES, part="drums", top_k=1)[0]
    assert (row.part, row.vocabulary, row.source, row.model_id) == ("drums", "genre", "clap", str(folder))
    assert row.revision is not None
    assert row.revision.startswith("sha256:")


def test_a_long_clip_is_the_mean_of_its_windows(clap: LoadedClap) -> None:
    long = clip(3)
    seconds = [Clip(long.samples[i * RATE_HZ : (i + 1) * RATE_HZ], RATE_HZ) for i in range(3)]
    alone = [clap.similarity(second, TEXT) or math.nan for second in seconds]
    assert clap.similarity(long, TEXT) == pytest.approx(sum(alone) / 3, abs=1e-5)
    each = [{row.label: row.probability or 0.0 for row in clap.label(second, GENRES)} for second in seconds]
    mean = {label: sum(rows[label] for rows in each) / 3 for label in GENRES.labels}
    assert {row.label: row.probability for row in clap.label(long, GENRES)} == pytest.approx(mean, abs=1e-5)


def test_the_end_of_a_clip_is_heard_in_a_full_window(clap: LoadedClap) -> None:
    sound = clip(1.25)
    ends = [Clip(sound.samples[:RATE_HZ], RATE_HZ), Clip(sound.samples[-RATE_HZ:], RATE_HZ)]
    assert clap.similarity(sound, TEXT) == pytest.approx(clap.similarity(ends, TEXT), abs=1e-5)


def test_a_batch_gives_what_each_clip_gives_alone(folder: Path) -> None:
    clips = [clip(1, pitch) for pitch in (110.0, 440.0, 1760.0)]
    together = loaded(folder).similarity(clips, TEXT)
    alone = [loaded(folder).similarity(c, TEXT) or math.nan for c in clips]
    assert together == pytest.approx(sum(alone) / 3, abs=1e-5)


@pytest.mark.parametrize("kind", ["folder", "fused_folder"])
def test_the_same_clips_give_the_same_whatever_is_drawn_at_random(kind: str, request: pytest.FixtureRequest) -> None:
    results = []
    for seed in range(3):
        clap = loaded(request.getfixturevalue(kind))
        np.random.seed(seed)  # transformers' extractor draws from it
        rows = clap.label([clip(2.5), clip(0.4, 90.0)], GENRES)
        results.append({row.label: row.probability for row in rows})
    assert results[1] == pytest.approx(results[0], abs=1e-6)
    assert results[2] == pytest.approx(results[0], abs=1e-6)


def test_the_same_clip_twice_gives_the_same_rows(clap: LoadedClap) -> None:
    assert clap.label(clip(2.5), GENRES) == clap.label(clip(2.5), GENRES)


def test_fusion_hears_each_clip_of_a_batch_as_alone(fused_folder: Path) -> None:
    clips = [clip(1, 110.0), clip(1, 1760.0)]
    together = loaded(fused_folder).similarity(clips, TEXT)
    alone = [loaded(fused_folder).similarity(c, TEXT) or math.nan for c in clips]
    assert together == pytest.approx(sum(alone) / 2, abs=1e-5)


def test_other_rates_are_resampled(clap: LoadedClap) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    same = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    resampled = clap.similarity(Clip(tone.astype(np.float32), 44_100), TEXT)
    wrong = clap.similarity(Clip(tone.astype(np.float32), 48_000), TEXT)
    expected = clap.similarity(Clip(same.astype(np.float32), 48_000), TEXT)
    assert resampled == pytest.approx(expected, abs=0.2 * abs((wrong or 0.0) - (expected or 0.0)))


def test_a_vocabulary_is_read_once_and_a_clip_heard_once(clap: LoadedClap, monkeypatch: pytest.MonkeyPatch) -> None:
    clap.label(clip(1), GENRES)

    def again(_: Any) -> Any:
        raise AssertionError("embedded again")

    monkeypatch.setattr(clap, "_embed_sound", again)
    monkeypatch.setattr(clap, "_embed_texts", again)
    assert len(clap.label(clip(1), GENRES)) == 4


def test_more_clips_than_are_kept_are_all_heard(clap: LoadedClap, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [clip(1, pitch) for pitch in (110.0, 440.0, 1760.0)]
    expected = clap.similarity(clips, TEXT)
    monkeypatch.setattr("flamingo_bark_assets.inference.clap.KEPT_CLIPS", 1)
    assert clap.similarity(clips, TEXT) == pytest.approx(expected, abs=1e-6)
    assert clap.similarity(clips, TEXT) == pytest.approx(expected, abs=1e-6)


def test_silence_has_no_label_and_no_similarity(clap: LoadedClap) -> None:
    silence = Clip(np.zeros(RATE_HZ, np.float32), RATE_HZ)
    assert clap.label(silence, GENRES) == ()
    assert clap.similarity(silence, TEXT) is None
    assert clap.similarity([clip(1), silence], TEXT) == clap.similarity(clip(1), TEXT)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\u200b", "\ud800"])
def test_an_empty_text_has_no_similarity(clap: LoadedClap, text: str) -> None:
    assert clap.similarity(clip(1), text) is None


@pytest.mark.parametrize("text", ["word " * 10_000, "<pad>" * 200, "\ud800a\udfff b", "演歌 🎵 \x07", "<s></s>"])
def test_any_text_gets_a_finite_similarity(clap: LoadedClap, text: str) -> None:
    found = clap.similarity(clip(1), text)
    assert found is not None
    assert -1 <= found <= 1


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0, np.float32), np.full(100, np.nan, np.float32), np.zeros((2, 100), np.float32)],
    ids=["empty", "nan", "stereo"],
)
def test_a_clip_that_is_no_sound_is_refused(clap: LoadedClap, samples: Any) -> None:
    with pytest.raises(ValueError, match="a clip"):
        clap.similarity(Clip(samples, RATE_HZ), TEXT)


def test_no_rank_below_1_can_be_asked_for(clap: LoadedClap) -> None:
    with pytest.raises(ValueError, match="top_k"):
        clap.label(clip(1), GENRES, top_k=0)


def test_a_batch_that_does_not_fit_is_halved(clap: LoadedClap, monkeypatch: pytest.MonkeyPatch) -> None:
    embed, sizes = clap._embed_sound, list[int]()

    def small(windows: Any) -> Any:
        sizes.append(len(windows))
        if len(windows) > 2:
            raise RuntimeError("CUDA out of memory")
        return embed(windows)

    monkeypatch.setattr(clap, "_embed_sound", small)
    assert clap.similarity(clip(6), TEXT) is not None
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]


def test_one_window_that_does_not_fit_is_out_of_memory(clap: LoadedClap, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(clap, "_embed_sound", never)
    with pytest.raises(OutOfMemory, match="out of memory"):
        clap.similarity(clip(1), TEXT)


def test_numbers_that_are_not_finite_leave_no_function(clap: LoadedClap, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(clap, "_embed_texts", lambda texts: torch.full((len(texts), 12), torch.nan))
    with pytest.raises(ModelError, match="not finite"):
        clap.label(clip(1), GENRES)


def test_bfloat16_is_close_to_float32(clap: LoadedClap, folder: Path) -> None:
    half = loaded(folder, dtype="bfloat16")
    assert half.identity.dtype == "bfloat16"
    assert half.similarity(clip(1), TEXT) == pytest.approx(clap.similarity(clip(1), TEXT), abs=0.05)


def test_a_model_of_the_cache_is_loaded_by_its_id(tmp_path: Path, tried: list[Any]) -> None:
    save_in_hub_cache(tmp_path, DEFAULT)
    clap = load_clap(DEFAULT, cache_dir=tmp_path, device="cpu")
    assert isinstance(clap, LoadedClap)
    assert (clap.identity.model_id, clap.identity.revision, clap.identity.licence) == (DEFAULT, COMMIT, "Apache-2.0")
    assert len(clap.label(clip(1), GENRES)) == 4
    assert tried == []


def test_pickled_and_safe_weights_give_the_same(tmp_path: Path, clap: LoadedClap) -> None:
    pickled = loaded(save_tiny_clap(tmp_path / "clap", pickled=True))
    assert pickled.similarity(clip(1), TEXT) == pytest.approx(clap.similarity(clip(1), TEXT), abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"offline": True}, {"offline": True, "allow_download": True}])
def test_a_model_that_is_not_cached_gives_a_reason_without_the_network(
    tmp_path: Path, tried: list[Any], options: dict[str, Any]
) -> None:
    found = load_clap(cache_dir=tmp_path, **options)
    assert isinstance(found, ClapUnavailable)
    assert found.model_id == DEFAULT
    assert "not in the cache" in found.reason
    assert "0.6 GB" in found.reason
    assert "Apache-2.0" in found.reason
    assert "\n" not in found.reason
    assert tried == []


def test_offline_by_environment_is_heeded(tmp_path: Path, tried: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = load_clap(cache_dir=tmp_path, allow_download=True)
    assert isinstance(found, ClapUnavailable)
    assert "offline" in found.reason
    assert tried == []


def test_an_unreachable_hub_gives_a_reason(tmp_path: Path, tried: list[Any]) -> None:
    found = load_clap(cache_dir=tmp_path, allow_download=True)
    assert isinstance(found, ClapUnavailable)
    assert "cannot be reached" in found.reason
    assert tried


@pytest.mark.parametrize("name", ["someone/else", "/no/such/folder", "", "a\x00b", "~nobody-here/x", "x" * 5000])
def test_a_name_that_is_no_model_gives_a_reason(tmp_path: Path, name: str, tried: list[Any]) -> None:
    found = load_clap(name, cache_dir=tmp_path, allow_download=True)
    assert isinstance(found, ClapUnavailable)
    assert len(found.reason) <= 500
    assert tried == []


def test_a_folder_of_another_model_gives_a_reason(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    found = load_clap(tmp_path)
    assert isinstance(found, ClapUnavailable)
    assert "no CLAP" in found.reason


@pytest.mark.parametrize("damage", ["weights", "tokenizer.json", "config.json", "all weights"])
def test_a_damaged_folder_gives_a_reason(tmp_path: Path, damage: str) -> None:
    folder = save_tiny_clap(tmp_path / "clap")
    if damage == "all weights":
        (folder / "model.safetensors").unlink()
    else:
        name = "model.safetensors" if damage == "weights" else damage
        (folder / name).write_bytes((folder / name).read_bytes()[:50])
    assert isinstance(load_clap(folder, device="cpu"), ClapUnavailable)


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_tiny_clap(tmp_path / "clap")
    weights = load_file(folder / "model.safetensors")
    del weights["audio_projection.linear1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    found = load_clap(folder, device="cpu")
    assert isinstance(found, ClapUnavailable)
    assert "audio_projection.linear1.weight" in found.reason


@pytest.mark.parametrize("tower", ["text", "audio"])
def test_a_tower_that_gives_everything_one_direction_is_refused(tmp_path: Path, tower: str) -> None:
    found = load_clap(collapsed(save_tiny_clap(tmp_path / "clap"), tower), device="cpu")
    assert isinstance(found, ClapUnavailable)
    what = "sound" if tower == "audio" else "text"
    assert f"tells no {what} from another" in found.reason
    assert "mean cosine of 1.0000, at most 0.9" in found.reason
    assert "set `clap` to laion/clap-htsat-unfused" in found.reason


def collapsed(folder: Path, tower: str) -> Path:
    """Let a tower give all it is given one direction, as larger_clap_music's text tower is reported to."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights[f"{tower}_projection.linear2.weight"] *= 1e-4
    weights[f"{tower}_projection.linear2.bias"] = weights[f"{tower}_projection.linear2.bias"].new_tensor(range(1, 13))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_buffers_that_older_files_lack_are_computed(tmp_path: Path, clap: LoadedClap) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_tiny_clap(tmp_path / "clap")
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if not key.endswith(("position_index", "batches_tracked"))}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert loaded(folder).similarity(clip(1), TEXT) == pytest.approx(clap.similarity(clip(1), TEXT), abs=1e-6)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    import pickle

    folder = save_tiny_clap(tmp_path / "clap", pickled=True)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Trap(tmp_path / "sprung"), protocol=2))
    assert isinstance(load_clap(folder, device="cpu"), ClapUnavailable)
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_the_sizes_of_the_known_models_fit_their_number_of_parameters() -> None:
    for known in KNOWN_CLAPS:
        assert known.memory_bytes("float32") == pytest.approx(known.download_bytes, rel=0.02)
