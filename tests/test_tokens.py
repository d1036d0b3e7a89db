"""Sound to tokens: the published quantizer, equal lengths, the cache, and what is said where weights are missing."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.fetching import FetchEvent, cached, fetch
from flamingo_bark_assets.inference_settings import ENCODEC_ID, HUBERT_ID, QUANTIZER_ID
from flamingo_bark_assets.tokens import tokenizer as tokenizer_module
from flamingo_bark_assets.tokens.acoustic import acoustic_frames, acoustic_tokens
from flamingo_bark_assets.tokens.cache import TokenCache, Tokens, sound_digest
from flamingo_bark_assets.tokens.catalogue import (
    KNOWN_TOKEN_MODELS,
    QUANTIZER_FILE,
    TokenModels,
    find_models,
    missing_models,
)
from flamingo_bark_assets.tokens.frames import semantic_frames
from flamingo_bark_assets.tokens.loading import LoadedModels, load_hubert, load_models
from flamingo_bark_assets.tokens.semantic import Quantizer, read_quantizer, semantic_tokens
from flamingo_bark_assets.tokens.tokenizer import Tokenizer, to_semantic_rate, tokenizer_for
from tests.hub import keep_off_the_network, serving
from tests.token_models import (
    HIDDEN,
    one_torch_thread,
    quantizer_state,
    save_encodec,
    save_hubert,
    save_quantizer,
    save_token_models,
)

Wave = NDArray[np.float32]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> TokenModels:
    return save_token_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def loaded(models: TokenModels) -> LoadedModels:
    return load_models(find_models(models), "cpu")


def noise(seconds: float, *, seed: int = 0, rate_hz: int = 24_000) -> Wave:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate_hz)).astype(np.float32)


def torch_save(state: object, path: Path) -> Path:
    import torch

    torch.save(state, path)
    return path


class ReferenceQuantizer:
    """The recurrence and the linear layers written out in numpy, gate by gate (order of torch: i, f, g, o)."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.weights = {key: value.numpy().astype(np.float64) for key, value in state.items()}

    def tokens(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        hidden = features
        for layer in (0, 1):
            hidden = self._lstm(hidden, layer)
        for name in ("intermediate", "fc"):
            if f"{name}.weight" in self.weights:
                hidden = hidden @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return np.asarray(hidden.argmax(axis=1))

    def _lstm(self, sequence: NDArray[np.float64], layer: int) -> NDArray[np.float64]:
        w = {name: self.weights[f"lstm.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        size = w["weight_hh"].shape[1]
        h, c, found = np.zeros(size), np.zeros(size), []
        for frame in sequence:
            gates = w["weight_ih"] @ frame + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]
            i, f, o = (1 / (1 + np.exp(-gates[k * size : (k + 1) * size])) for k in (0, 1, 3))
            c = f * c + i * np.tanh(gates[2 * size : 3 * size])
            h = o * np.tanh(c)
            found.append(h)
        return np.stack(found)


@pytest.mark.parametrize("version", [0, 1])
def test_the_quantizer_gives_what_its_recurrence_written_out_gives(version: int, tmp_path: Path) -> None:
    import torch

    quantizer = read_quantizer(save_quantizer(tmp_path / "q.pth", version))
    assert quantizer.version == version
    features = np.random.default_rng(1).normal(size=(40, HIDDEN))
    found = quantizer.tokens(torch.from_numpy(features.astype(np.float32))[None])[0].numpy()
    wanted = ReferenceQuantizer(quantizer_state(version)).tokens(features)
    assert len(set(wanted.tolist())) > 20
    assert (found == wanted).mean() >= 0.97  # two of ten thousand may be as good as equal in single precision


@pytest.mark.parametrize("version", [0, 1])
def test_the_published_shapes_are_read(version: int, tmp_path: Path) -> None:
    path = save_quantizer(tmp_path / "q.pth", version, inputs=768, hidden=1024, middle=4096)
    quantizer = read_quantizer(path)
    assert quantizer.input_size == 768
    assert [tuple(layer.weight.shape) for layer in quantizer.linear] == (
        [(4096, 1024), (10_000, 4096)] if version else [(10_000, 1024)]
    )


def test_the_info_record_of_newer_files_is_read_and_must_agree(tmp_path: Path) -> None:
    info = {"input_size": HIDDEN, "hidden_size": 32, "output_size": 10_000, "version": 1}
    assert read_quantizer(save_quantizer(tmp_path / "q.pth", 1, info=info)).version == 1
    wrong = save_quantizer(tmp_path / "wrong.pth", 1, info=info | {"version": 0})
    with pytest.raises(ModelError, match=r"wrong\.pth: its \.info record says other sizes"):
        read_quantizer(wrong)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    path = torch_save({"fc.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(ModelError, match=r"bomb\.pth: cannot be read as weights"):
        read_quantizer(path)
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_no_quantizer_are_refused_by_name(tmp_path: Path) -> None:
    import torch

    state = quantizer_state(0)
    faults = {
        "holds other weights": {key: value for key, value in state.items() if "bias_hh" not in key},
        "holds other weights ": state | {"extra": torch.zeros(1)},
        "holds other": [1, 2],
        "lstm.weight_ih_l1 has the shape": state | {"lstm.weight_ih_l1": torch.zeros(128, 31)},
        "no finite number": state | {"fc.weight": state["fc.weight"] * float("nan")},
        "10001 different tokens": quantizer_state(0, ids=10_001),
    }
    for words, wrong in faults.items():
        with pytest.raises(ModelError, match=words.strip()):
            read_quantizer(torch_save(wrong, tmp_path / "q.pth"))
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_quantizer(tmp_path / "text.pth")
    with pytest.raises(ModelError, match="does not exist"):
        read_quantizer(tmp_path / "none.pth")


def test_the_semantic_features_are_the_ninth_hidden_state_of_the_whole_model(tmp_path: Path) -> None:
    import torch
    from transformers import HubertModel

    folder = save_hubert(tmp_path / "hubert")
    wave = torch.from_numpy(noise(1.0, rate_hz=16_000))[None]
    with torch.inference_mode():
        whole = HubertModel.from_pretrained(folder).eval()(wave, output_hidden_states=True)
        cut = load_hubert(folder)(wave).last_hidden_state
    assert len(whole.hidden_states) == 12
    torch.testing.assert_close(cut, whole.hidden_states[9])


def test_a_batch_of_eight_equals_singles_exactly(loaded: LoadedModels) -> None:
    waves = np.stack([noise(2.0, seed=seed, rate_hz=16_000) for seed in range(8)])
    together = semantic_tokens(loaded.hubert, loaded.quantizer, waves)
    alone = [semantic_tokens(loaded.hubert, loaded.quantizer, wave[None])[0] for wave in waves]
    np.testing.assert_array_equal(together, np.stack(alone))
    assert together.dtype == np.int64
    assert len(np.unique(together)) > 50


def test_padding_with_zeros_would_change_every_frame(loaded: LoadedModels) -> None:
    """The reason for equal lengths: the first layer is normalised over time."""
    import torch

    wave = torch.from_numpy(noise(1.0, rate_hz=16_000))
    padded = torch.nn.functional.pad(wave, (0, 8000))
    with torch.inference_mode():
        alone = loaded.hubert(wave[None]).last_hidden_state[0]
        longer = loaded.hubert(padded[None]).last_hidden_state[0][: len(alone)]
    assert ((alone - longer).abs().amax(dim=1) > 1e-4).all()


def test_sounds_of_several_lengths_get_the_tokens_that_they_get_alone(models: TokenModels) -> None:
    waves = [noise(seconds, seed=i) for i, seconds in enumerate((1.5, 1.0, 1.5, 1.21, 1.0, 1.5))]
    tokenizer = Tokenizer(models, ("a",), batch_size=2)
    for found, wave in zip(tokenizer.tokens(waves), waves, strict=True):
        (alone,) = tokenizer.tokens([wave])
        np.testing.assert_array_equal(found.semantic, alone.semantic)
        np.testing.assert_array_equal(found.fine, alone.fine)


@pytest.mark.parametrize("samples", [24_000, 24_001, 122_880, 245_280, 230_400, 25_919])
def test_shapes_follow_from_the_length(models: TokenModels, samples: int) -> None:
    (tokens,) = Tokenizer(models, ("a",)).tokens([noise(samples / 24_000)])
    at_16k = to_semantic_rate(noise(samples / 24_000)).size
    assert at_16k == round(samples * 2 / 3)
    assert tokens.semantic.shape == ((at_16k - 400) // 320 + 1,)
    assert tokens.fine.shape == (8, -(-samples // 320))
    assert tokens.coarse.tobytes() == tokens.fine[:2].tobytes()
    assert tokens.semantic.dtype == tokens.fine.dtype == np.int64
    assert tokens.fine.min() >= 0
    assert tokens.fine.max() < 1024


def test_a_clip_of_the_coarse_view_fills_its_256_and_768_places() -> None:
    assert semantic_frames(81_920) == 255
    assert 2 * acoustic_frames(122_880) == 768


def test_acoustic_tokens_are_those_of_transformers(models: TokenModels) -> None:
    import torch
    from transformers import EncodecModel

    wave = noise(1.3)
    (tokens,) = Tokenizer(models, ("a",)).tokens([wave])
    model = EncodecModel.from_pretrained(models.encodec).eval()
    with torch.inference_mode():
        wanted = model.encode(torch.from_numpy(wave)[None, None], bandwidth=6.0).audio_codes[0, 0].numpy()
    np.testing.assert_array_equal(tokens.fine, wanted)
    assert len(np.unique(tokens.fine)) > 20


def test_an_encodec_without_trained_codebooks_gives_no_token(models: TokenModels, tmp_path: Path) -> None:
    empty = dataclasses.replace(models, encodec=str(save_encodec(tmp_path / "encodec", trained=False)))
    with pytest.raises(ModelError, match="a codebook is empty"):
        load_models(find_models(empty))


def test_folders_of_other_models_are_refused_by_name(models: TokenModels, tmp_path: Path) -> None:
    swapped = dataclasses.replace(models, hubert=models.encodec)
    with pytest.raises(ModelError, match=r"no config\.json of transformers' HubertModel"):
        load_models(find_models(swapped))
    shallow = dataclasses.replace(models, hubert=str(save_hubert(tmp_path / "shallow", layers=4)))
    with pytest.raises(ModelError, match="is no HuBERT-base"):
        load_models(find_models(shallow))
    other = dataclasses.replace(models, quantizer=str(save_quantizer(tmp_path / "q.pth", inputs=20)))
    with pytest.raises(ModelError, match=r"reads 20 features and .* gives 24"):
        load_models(find_models(other))


def test_weights_under_the_names_of_the_published_files_are_read(models: TokenModels, tmp_path: Path) -> None:
    """They are of 2021 and 2023: weight norm had other names, and HuBERT's are pickled."""
    import torch
    from safetensors.torch import load_file, save_file

    def published(folder: str) -> dict[str, Any]:
        name = "parametrizations.weight.original"
        weights = load_file(Path(folder) / "model.safetensors")
        return {key.replace(f"{name}0", "weight_g").replace(f"{name}1", "weight_v"): w for key, w in weights.items()}

    for source in (models.hubert, models.encodec):
        (tmp_path / Path(source).name).mkdir()
        shutil.copy(Path(source) / "config.json", tmp_path / Path(source).name)
    torch.save(published(models.hubert), tmp_path / "hubert" / "pytorch_model.bin")
    save_file(published(models.encodec), tmp_path / "encodec" / "model.safetensors", {"format": "pt"})
    old = dataclasses.replace(models, hubert=str(tmp_path / "hubert"), encodec=str(tmp_path / "encodec"))
    found, wanted = (Tokenizer(each, ("a",)).tokens([noise(1.0)])[0] for each in (old, models))
    np.testing.assert_array_equal(found.semantic, wanted.semantic)
    np.testing.assert_array_equal(found.fine, wanted.fine)


def test_weights_that_are_missing_are_never_made_up(models: TokenModels, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "hubert"
    shutil.copytree(models.hubert, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "layers.3" not in k}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="weights are missing, for instance"):
        load_models(find_models(dataclasses.replace(models, hubert=str(folder))))


# The cache


def test_what_is_cached_is_read_without_loading_a_model(
    models: TokenModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = dataclasses.replace(models, token_cache=tmp_path / "tokens")
    waves = [noise(1.0), noise(1.2, seed=1)]
    first = Tokenizer(kept, ("a", "b", "c")).tokens(waves)
    monkeypatch.setattr(tokenizer_module, "load_models", pytest.fail)
    again = Tokenizer(kept, ("a", "b", "c")).tokens(waves)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.semantic, other.semantic)
        np.testing.assert_array_equal(one.fine, other.fine)


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(
    models: TokenModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = dataclasses.replace(models, token_cache=tmp_path / "tokens")
    waves = [noise(1.0, seed=seed) for seed in range(5)]
    asked: list[int] = []
    real = semantic_tokens

    def counted(hubert: Any, quantizer: Quantizer, batch: Wave) -> NDArray[np.int64]:
        asked.append(len(batch))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(hubert, quantizer, batch)

    monkeypatch.setattr(tokenizer_module, "semantic_tokens", counted)
    with pytest.raises(KeyboardInterrupt):
        Tokenizer(kept, ("a",), batch_size=2).tokens(waves)
    Tokenizer(kept, ("a",), batch_size=2).tokens(waves)
    assert asked == [2, 2, 2, 1]


def test_equal_sounds_are_asked_once(models: TokenModels, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(model: Any, waves: Wave) -> NDArray[np.int64]:
        asked.append(len(waves))
        return acoustic_tokens(model, waves)

    monkeypatch.setattr(tokenizer_module, "acoustic_tokens", counted)
    one, two = Tokenizer(models, ("a",)).tokens([noise(1.0), noise(1.0)])
    assert asked == [1]
    assert one is two


def test_a_batch_that_does_not_fit_is_halved(models: TokenModels, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = semantic_tokens

    def small(hubert: Any, quantizer: Quantizer, batch: Wave) -> NDArray[np.int64]:
        asked.append(len(batch))
        if len(batch) > 2:
            raise RuntimeError("CUDA out of memory")
        return real(hubert, quantizer, batch)

    monkeypatch.setattr(tokenizer_module, "semantic_tokens", small)
    assert len(Tokenizer(models, ("a",)).tokens([noise(1.0, seed=seed) for seed in range(6)])) == 6
    assert asked[0] == 6
    assert asked == [6, 3, 1, 2, 3, 1, 2]


def test_another_sound_or_other_weights_are_another_key() -> None:
    wave = noise(0.1)
    keys = {
        sound_digest(wave, ("a", "b")), sound_digest(wave, ("a", "c")), sound_digest(wave, ("ab", "")),
        sound_digest(wave[:-1], ("a", "b")), sound_digest(-wave, ("a", "b")),
    }  # fmt: skip
    assert len(keys) == 5
    assert sound_digest(wave.copy(), ["a", "b"]) in keys


def damaged_files() -> dict[str, dict[str, NDArray[Any]]]:
    semantic, fine = np.zeros(49, np.int16), np.zeros((8, 75), np.int16)
    return {
        "an id too large": {"semantic": semantic + 10_000, "fine": fine},
        "an acoustic id too large": {"semantic": semantic, "fine": fine + 1024},
        "a negative id": {"semantic": semantic - 1, "fine": fine},
        "another length": {"semantic": semantic[:-1], "fine": fine},
        "another type": {"semantic": semantic.astype(np.float32), "fine": fine},
        "no fine": {"semantic": semantic},
    }


@pytest.mark.parametrize("arrays", damaged_files().values(), ids=damaged_files().keys())
def test_a_damaged_file_of_the_cache_counts_as_none(arrays: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    digest = "ab" * 32
    cache.put(digest, Tokens(np.zeros(49, np.int64), np.zeros((8, 75), np.int64)))
    lengths = {"n_samples_24k": 24_000, "n_samples_16k": 16_000}
    assert cache.get(digest, **lengths) is not None
    path = tmp_path / "ab" / f"{digest}.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    assert cache.get(digest, **lengths) is None
    path.write_bytes(b"PK\x03\x04 no archive")
    assert cache.get(digest, **lengths) is None


# Where the models come from


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return keep_off_the_network(monkeypatch)


def test_without_a_model_the_commands_that_fetch_them_are_said(tmp_path: Path) -> None:
    for models in (None, TokenModels(model_cache=tmp_path)):
        told = missing_models(models)
        assert [f"flamingo-bark models fetch {model}" in line for line, model in zip(told, MODEL_IDS, strict=True)]
        assert "GB; licence: Apache-2.0" in told[0]
    with pytest.raises(ModelError, match="not in the cache"):
        tokenizer_for(TokenModels(model_cache=tmp_path))


MODEL_IDS = (HUBERT_ID, QUANTIZER_ID, ENCODEC_ID)


def test_only_what_is_missing_is_said(models: TokenModels, tmp_path: Path) -> None:
    assert missing_models(models) == ()
    (told,) = missing_models(dataclasses.replace(models, hubert=HUBERT_ID, model_cache=tmp_path))
    assert "flamingo-bark models fetch facebook/hubert-base-ls960" in told
    (told,) = missing_models(dataclasses.replace(models, encodec=str(tmp_path / "gone")))
    assert "gone: is not there, and no known token model" in told


def test_what_is_fetched_is_found_and_told_apart_by_its_commit(
    models: TokenModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_off_the_network(monkeypatch)

    def files(folder: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    repositories = {
        HUBERT_ID: files(models.hubert) | {"tf_model.h5": b"not wanted"},
        QUANTIZER_ID: {QUANTIZER_FILE: Path(models.quantizer).read_bytes(), "other.pth": b"not wanted"},
        ENCODEC_ID: files(models.encodec),
    }
    cache = tmp_path / "hub"
    with serving(repositories) as hub:
        for known in KNOWN_TOKEN_MODELS:
            assert cached(known, cache) is None
            fetch(known, cache_dir=cache, acknowledge_licence=True, progress=ignore, endpoint=hub.endpoint)
    fetched = TokenModels(model_cache=cache)
    assert missing_models(fetched) == ()
    found = find_models(fetched)
    assert found.quantizer.name == QUANTIZER_FILE
    assert found.revisions() == tuple(folder.name for folder in (found.hubert, found.quantizer.parent, found.encodec))
    assert not (found.quantizer.parent / "other.pth").exists()
    (tokens,) = tokenizer_for(fetched).tokens([noise(1.0)])
    (wanted,) = Tokenizer(models, ("a",)).tokens([noise(1.0)])
    np.testing.assert_array_equal(tokens.semantic, wanted.semantic)


def ignore(event: FetchEvent) -> None:
    del event


def test_weights_in_a_folder_are_told_apart_by_their_contents(models: TokenModels, tmp_path: Path) -> None:
    copied = tmp_path / "copy.pth"
    shutil.copyfile(models.quantizer, copied)
    before = find_models(models).revisions()
    same = find_models(dataclasses.replace(models, quantizer=str(copied)))
    assert same.revisions() == before
    save_quantizer(copied, seed=1)
    assert same.revisions()[1] != before[1]


def test_a_folder_with_several_quantizers_asks_for_the_file(models: TokenModels, tmp_path: Path) -> None:
    for name in ("polish.pth", "german.pth"):
        save_quantizer(tmp_path / name)
    (told,) = missing_models(dataclasses.replace(models, quantizer=str(tmp_path)))
    assert "has 2 .pth files; name the quantizer's file itself" in told
    (tmp_path / "polish.pth").unlink()
    assert find_models(dataclasses.replace(models, quantizer=str(tmp_path))).quantizer.name == "german.pth"


def test_the_quantizer_is_the_archive_that_torch_writes(tmp_path: Path) -> None:
    """The layout that `.info` is looked up in: everything below one folder."""
    with zipfile.ZipFile(save_quantizer(tmp_path / "q.pth", 1, info={"version": 1})) as archive:
        assert all(name.count("/") >= 1 for name in archive.namelist())
        assert "q/.info" in archive.namelist()


@pytest.mark.parametrize("known", KNOWN_TOKEN_MODELS, ids=lambda known: known.model_id)
def test_sizes_of_the_downloads_fit_the_number_of_parameters(known: Any) -> None:
    assert known.download_bytes == pytest.approx(known.memory_bytes("float32"), rel=0.02)
