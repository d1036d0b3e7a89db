"""Which captioning model runs: a typed chain of candidates, of which the first that can be had is loaded.

Why a candidate was skipped is recorded here; nothing here raises because a model cannot be had.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.inference.catalogue import (
    WORKING_MEMORY_BYTES,
    KnownModel,
    ModelError,
    fetch_command,
    known_model,
    weights_bytes,
)
from flamingo_bark_assets.inference.fetching import (
    FetchEvent,
    Snapshot,
    cached,
    default_cache_folder,
    fetch,
)
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.interface import CaptioningModel
from flamingo_bark_assets.inference.loading_checks import (
    UNKNOWN_LICENCE,
    choose_device,
    choose_dtype,
    choose_quantisation,
    refuse_damaged_files,
    refuse_download,
    why_not_loaded,
)
from flamingo_bark_assets.inference.memory import memory_advice
from flamingo_bark_assets.inference.transformers_families import architecture_of, family_of
from flamingo_bark_assets.inference.transformers_models import load_transformers_model, quantisation_problem
from flamingo_bark_assets.inference_settings import SERVER_PREFIX, InferenceSettings, ModelCandidate
from flamingo_bark_assets.text import short_line

_log = logging.getLogger(__name__)

CONVERTED_FOLDER = "flamingo-bark-converted"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A candidate that is skipped.

    Attributes:
        candidate: which one.
        reason: why, in one line that says what to do.
        sound_sent_to: where sound may have been sent before it was given up; None where it stayed in this process.
    """

    candidate: ModelCandidate
    reason: str
    sound_sent_to: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of walking the chain.

    Attributes:
        model: the model that runs; None where no candidate can be had.
        candidate: the candidate that it is.
        skipped: every candidate before it, in order.
    """

    model: CaptioningModel | None
    candidate: ModelCandidate | None
    skipped: tuple[Skipped, ...]

    def failed(self, reason: str) -> tuple[Skipped, ...]:
        """Return what has been skipped when this model fails later, for instance because memory runs out.

        To go on: keep this, drop every reference to the model, and give it to `load_first`.
        """
        if self.candidate is None:
            return self.skipped
        sent_to = self.model.identity.sound_sent_to if self.model is not None else None
        return (*self.skipped, Skipped(self.candidate, reason, sent_to))

    @property
    def advice(self) -> str | None:
        """One line on why no captioning model runs and what to do; None where one does."""
        if self.model is not None:
            return None
        if not self.skipped:
            return "no captioning model runs: the chain of models is empty"
        first = self.skipped[0]
        others = f" ({len(self.skipped) - 1} more were skipped)" if len(self.skipped) > 1 else ""
        return f"no captioning model runs: {first.reason}{others}"


Progress = Callable[[FetchEvent], None]


def load_first(
    settings: InferenceSettings,
    *,
    skipped: tuple[Skipped, ...] = (),
    progress: Progress | None = None,
) -> Loaded:
    """Load the first model of the chain that can be had.

    `skipped` holds a reason for each candidate from the chain's beginning that has been passed over before. Without
    `progress` the log is told how far a download is.
    """
    for candidate in settings.chain[len(skipped) :]:
        try:
            return Loaded(_load(candidate, settings, progress), candidate, skipped)
        except Exception as error:  # the song is described all the same
            reason = why_not_loaded(candidate.model, error, without_memory=_memory_advice(candidate, None))
        _log.info("skipped: %s", reason)
        skipped = (*skipped, Skipped(candidate, reason))
    return Loaded(None, None, skipped)


def _load(candidate: ModelCandidate, settings: InferenceSettings, progress: Progress | None) -> CaptioningModel:
    if candidate.model.startswith(SERVER_PREFIX):
        return _load_server_model(candidate, settings)
    known = known_model(candidate.model)
    folder = local_folder(candidate.model)
    if folder is not None:
        device = choose_device(candidate.model, candidate.device, takes_mps=True)
        candidate = _with_quantisation(candidate, device)
        check_memory(candidate, device, weights_bytes_of(folder, candidate))
        base_lm = candidate.base_lm or (folder / "base_lm" if (folder / "base_lm").is_dir() else None)
        return _load_snapshot(candidate, device, Snapshot(folder, "", base_lm), settings)
    if known is None:
        raise ModelError(
            f"{candidate.model}: neither a folder nor a known model; `flamingo-bark models` lists those that are known"
        )
    # First what costs nothing to know: a run without a model must not wait for torch. Then, before gigabytes are
    # downloaded, all else that can be known to fail.
    snapshot = cached(known, settings.cache_folder, revision=candidate.revision)
    if snapshot is None:
        refuse_unasked_download(known, settings)
    is_af2 = known.family == "audio-flamingo-2"
    if is_af2:
        _refuse_options(candidate)
    elif problem := quantisation_problem(candidate.quantisation):
        raise ModelError(f"{candidate.model}: {problem}")
    device = choose_device(candidate.model, candidate.device, takes_mps=True)
    candidate = _with_quantisation(candidate, device)
    check_memory(candidate, device, known.memory_bytes(candidate.dtype, candidate.quantisation))
    if snapshot is None:
        snapshot = fetch_allowed(known, candidate, settings, progress)
    return _load_snapshot(candidate, device, snapshot, settings, known.licence)


def _with_quantisation(candidate: ModelCandidate, device: str) -> ModelCandidate:
    chosen = choose_quantisation(candidate.model, candidate.quantisation, candidate.dtype, device)
    return candidate.model_copy(update={"quantisation": chosen})


def _load_server_model(candidate: ModelCandidate, settings: InferenceSettings) -> CaptioningModel:
    from flamingo_bark_assets.inference.server_model import load_server_model

    server = settings.server(candidate.model)
    if server is None:
        raise ModelError(f"{candidate.model}: [[inference.servers]] in the settings has no such name")
    return load_server_model(server, settings)


def refuse_unasked_download(known: KnownModel, settings: InferenceSettings) -> None:
    """Refuse a download that the settings do not allow, or whose licence they do not acknowledge.

    Raises:
        ModelError: it may not be downloaded; says which command does it.
    """
    refuse_download(
        known,
        offline=settings.offline,
        allow_download=settings.allow_download,
        when_online=f"with a network, {known.fetch_hint}",
        when_allowed=known.fetch_hint,
    )
    if not settings.licence_acknowledged:
        raise ModelError(f"{known.model_id}: its licence is not acknowledged; {known.fetch_hint}")


def fetch_allowed(
    known: KnownModel, candidate: ModelCandidate, settings: InferenceSettings, progress: Progress | None = None
) -> Snapshot:
    """Download a model that the settings allow to download; without `progress` the log is told how far it is.

    Raises:
        ModelError: it cannot be downloaded; says which command does it later.
    """
    try:
        return fetch(
            known,
            cache_dir=settings.cache_folder,
            acknowledge_licence=settings.licence_acknowledged,
            progress=progress or _log_progress,
            revision=candidate.revision,
        )
    except ModelError as error:
        raise ModelError(f"{short_line(str(error), 500)}; later: `{fetch_command(known.model_id)}`") from error


def _load_snapshot(
    candidate: ModelCandidate,
    device: str,
    snapshot: Snapshot,
    settings: InferenceSettings,
    licence: str = UNKNOWN_LICENCE,
) -> CaptioningModel:
    """Load what lies in a folder by the architecture that its files show."""
    for folder in (snapshot.path, snapshot.base_lm):
        if folder is not None:
            refuse_foreign_code(folder, candidate.model)
            refuse_damaged_files(folder, candidate.model)
    # clap_ckpt alone is an old revision of Audio Flamingo 2, which its own loader refuses by name.
    if any((snapshot.path / folder).is_dir() for folder in ("safe_ckpt", "clap_ckpt")):
        return _load_audio_flamingo_2(candidate, device, snapshot, settings)
    if family_of(snapshot.path) is None:
        raise ModelError(
            f"{candidate.model}: unknown architecture: {snapshot.path} has neither safe_ckpt (Audio Flamingo 2) nor a "
            "config.json of Audio Flamingo 3, Music Flamingo, Qwen2-Audio or Qwen2.5-Omni"
        )
    return load_transformers_model(
        snapshot.path,
        model_id=candidate.model,
        licence=licence,
        dtype=choose_dtype(candidate.dtype, device),
        device=device,
        quantisation=candidate.quantisation,
    )


def _load_audio_flamingo_2(
    candidate: ModelCandidate, device: str, snapshot: Snapshot, settings: InferenceSettings
) -> CaptioningModel:
    from flamingo_bark_assets.inference.audio_flamingo_2.model import load_audio_flamingo_2

    _refuse_options(candidate)
    return load_audio_flamingo_2(
        snapshot.path,
        base_lm_path=snapshot.base_lm,
        dtype=choose_dtype(candidate.dtype, device),
        device=device,
        cache_folder=(settings.cache_folder or default_cache_folder()) / CONVERTED_FOLDER,
        model_id=candidate.model,
        revision=snapshot.revision or None,
        quantisation="int8" if candidate.quantisation == "int8" else "none",
    )


def _refuse_options(candidate: ModelCandidate) -> None:
    if candidate.quantisation in {"8bit", "4bit"}:
        raise ModelError(f"{candidate.model}: {candidate.quantisation} is not offered for Audio Flamingo 2; use auto")


def local_folder(model: str) -> Path | None:
    """Return the folder that a candidate names; None where it names a model of the hub.

    Raises:
        ModelError: it names a folder that is not there.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    # Ids have one slash and begin with a letter or digit.
    if model.startswith((".", "~", "/", os.sep)) or model.count("/") > 1:
        raise ModelError(f"{model}: there is no such folder")
    return None


def weights_bytes_of(folder: Path, candidate: ModelCandidate) -> int:
    """Compute the memory of a folder's weights from the headers of its safetensors.

    Unreadable ones count nothing, nor do weights that are not loaded.
    """
    from math import prod

    from safetensors import SafetensorError, safe_open

    numbers = kept = 0
    architecture = architecture_of(folder)
    unread = architecture.unread if architecture is not None else ()
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, framework="np") as tensors:
                for name in tensors.keys():  # noqa: SIM118 it is no dict
                    if any(part in name for part in unread):
                        continue
                    shape = tensors.get_slice(name).get_shape()
                    numbers += prod(shape)
                    kept += 0 if _is_quantised(name, shape) else prod(shape)
        except (OSError, SafetensorError):
            continue
    return weights_bytes(numbers, kept, candidate.dtype, candidate.quantisation)


def _is_quantised(name: str, shape: Sequence[int]) -> bool:
    """Return whether bitsandbytes makes a tensor smaller: linear layers, but for the output layer."""
    return len(shape) == 2 and "embed" not in name and "lm_head" not in name


def check_memory(candidate: ModelCandidate, device: str, weights_bytes: int) -> None:
    """Refuse what would not fit, before anything is downloaded or the system ends the process.

    Raises:
        ModelError: less memory is free than the weights and the work on them take.
    """
    free = _free_bytes(device)
    if weights_bytes and free < weights_bytes + WORKING_MEMORY_BYTES:
        raise ModelError(
            f"{candidate.model}: needs about {(weights_bytes + WORKING_MEMORY_BYTES) / 1e9:.1f} GB of memory as "
            f"{_kind(candidate)} and {free / 1e9:.1f} GB are free on {device}; {_memory_advice(candidate, device)}"
        )


def _kind(candidate: ModelCandidate) -> str:
    return candidate.dtype if candidate.quantisation in {"none", "auto"} else candidate.quantisation


def _memory_advice(candidate: ModelCandidate, device: str | None) -> str:
    return memory_advice(candidate.model, candidate.dtype, candidate.quantisation, device or candidate.device)


def _free_bytes(device: str) -> int:
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    return int(psutil.virtual_memory().available)


def _log_progress(event: FetchEvent) -> None:
    if event.stage in {"licence", "done"}:
        _log.info("%s: %s", event.stage, event.text)
