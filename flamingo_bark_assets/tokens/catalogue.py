"""The models that turn sound into Bark's tokens: what is published of each, and where its files lie.

Facts and finding belong here; loading and running them stand in `loading`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError
from flamingo_bark_assets.inference.fetching import cached, revision_of
from flamingo_bark_assets.inference_settings import ENCODEC_ID, HUBERT_ID, QUANTIZER_ID
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import Settings

QUANTIZER_FILE = "quantifier_hubert_base_ls960_14.pth"

KNOWN_TOKEN_MODELS: tuple[KnownModel, ...] = (
    KnownModel(
        model_id=HUBERT_ID,
        family=None,
        name="HuBERT base, LibriSpeech 960 h",
        parameters=94_400_000,
        download_bytes=378_000_000,
        download_is_computed=False,
        licence="Apache-2.0",
        non_commercial=False,
        sample_rate_hz=16_000,
        allow_patterns=("config.json", "preprocessor_config.json", "pytorch_model.bin", "model.safetensors"),
    ),
    KnownModel(
        model_id=QUANTIZER_ID,
        family=None,
        name="semantic quantizer for Bark, English, 14 epochs",
        parameters=26_000_000,
        download_bytes=104_000_000,
        download_is_computed=False,
        licence="MIT",
        non_commercial=False,
        sample_rate_hz=16_000,
        allow_patterns=(QUANTIZER_FILE,),
    ),
    KnownModel(
        model_id=ENCODEC_ID,
        family=None,
        name="EnCodec, 24 kHz",
        parameters=23_300_000,
        download_bytes=93_000_000,
        download_is_computed=False,
        licence="none is stated on the model's page; the code of facebookresearch/encodec is MIT",
        non_commercial=False,
        sample_rate_hz=24_000,
        allow_patterns=("config.json", "preprocessor_config.json", "model.safetensors"),
    ),
)
_BY_ID = {model.model_id.lower(): model for model in KNOWN_TOKEN_MODELS}


@dataclass(frozen=True, slots=True)
class TokenModels:
    """Where the models lie and how they run; nothing of it is ever downloaded, `flamingo-bark models fetch` does that.

    Attributes:
        hubert: a folder of transformers' `HubertModel`, or the id of the known one.
        quantizer: a file of the published layout, a folder with one such file, or the id of the known one.
        encodec: a folder of transformers' `EncodecModel`, or the id of the known one.
        device: auto takes a GPU where there is one.
        model_cache: where models are kept; None is huggingface_hub's own cache.
        token_cache: where tokens are kept; None keeps none.
    """

    hubert: str = HUBERT_ID
    quantizer: str = QUANTIZER_ID
    encodec: str = ENCODEC_ID
    device: Literal["auto", "cpu", "cuda"] = "auto"
    model_cache: Path | None = None
    token_cache: Path | None = None


def configured_models(settings: Settings, paths: DataPaths) -> TokenModels:
    """Return the models that the settings name; tokens are kept in the data folder."""
    tokens = settings.tokens
    return TokenModels(
        tokens.hubert, tokens.quantizer, tokens.encodec, tokens.device, settings.inference.cache_folder, paths.tokens
    )


@dataclass(frozen=True, slots=True)
class TokenFiles:
    """Where the files of all three models lie.

    Attributes:
        hubert: folder.
        quantizer: file.
        encodec: folder.
    """

    hubert: Path
    quantizer: Path
    encodec: Path

    def revisions(self) -> tuple[str, str, str]:
        """Name the weights: the commit in the hub's cache, else a digest of the contents, read once a process."""
        return _revision(self.hubert), _revision(self.quantizer), _revision(self.encodec)


def missing_models(models: TokenModels | None) -> tuple[str, ...]:
    """Say of each model that is not on this machine what gets it; empty where all are there. No torch is imported.

    Args:
        models: where they are looked for; None where none is configured.
    """
    if models is None:
        return tuple(f"tokens: {known.name}: {known.fetch_hint}" for known in KNOWN_TOKEN_MODELS)
    found = (_hubert(models), _quantizer(models), _encodec(models))
    return tuple(f"tokens: {each}" for each in found if isinstance(each, ModelError))


def find_models(models: TokenModels) -> TokenFiles:
    """Find all three models on this machine.

    Raises:
        ModelError: one is missing; the message is the first of `missing_models`.
    """
    hubert, quantizer, encodec = _hubert(models), _quantizer(models), _encodec(models)
    if isinstance(hubert, ModelError):
        raise hubert
    if isinstance(quantizer, ModelError):
        raise quantizer
    if isinstance(encodec, ModelError):
        raise encodec
    return TokenFiles(hubert, quantizer, encodec)


def _hubert(models: TokenModels) -> Path | ModelError:
    return _folder(models.hubert, models.model_cache)


def _encodec(models: TokenModels) -> Path | ModelError:
    return _folder(models.encodec, models.model_cache)


def _quantizer(models: TokenModels) -> Path | ModelError:
    path = Path(models.quantizer).expanduser()
    if path.is_file():
        return path.resolve()
    folder = _folder(models.quantizer, models.model_cache)
    if isinstance(folder, ModelError):
        return folder
    if (folder / QUANTIZER_FILE).is_file():
        return folder / QUANTIZER_FILE
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        return ModelError(f"{models.quantizer}: has {len(files)} .pth files; name the quantizer's file itself")
    return files[0]


def _folder(model: str, cache: Path | None) -> Path | ModelError:
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    known = _BY_ID.get(model.lower())
    if known is None:
        ids = ", ".join(each.model_id for each in KNOWN_TOKEN_MODELS)
        return ModelError(f"{model}: is not there, and no known token model; there are {ids}")
    snapshot = cached(known, cache)
    return ModelError(f"{model}: not in the cache; {known.fetch_hint}") if snapshot is None else snapshot.path


def _revision(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    if folder.parent.name == "snapshots":
        return revision_of(folder)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return _digest(path, tuple((str(each), (state := each.stat()).st_size, state.st_mtime_ns) for each in files))


@functools.lru_cache(maxsize=16)
def _digest(path: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    """Digest the contents; `state` is what tells that they have changed since."""
    import hashlib

    del state
    if path.is_dir():
        return revision_of(path)
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:40]}"
