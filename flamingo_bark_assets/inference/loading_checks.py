"""What is checked of any model before it is loaded, and what is said where it cannot be.

Checks that hold for captioning models and CLAP alike belong here; those of one family stand beside its loader.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError, fetch_command, known_model
from flamingo_bark_assets.inference.fetching import is_offline
from flamingo_bark_assets.inference.memory import is_out_of_memory
from flamingo_bark_assets.inference.model_files import file_problem
from flamingo_bark_assets.inference_settings import Dtype, Quantisation
from flamingo_bark_assets.text import short_line

_log = logging.getLogger(__name__)

UNKNOWN_LICENCE = "not known; see where the files come from"

_MAX_REASON_CHARACTERS = 500


def refuse_download(
    known: KnownModel, *, offline: bool, allow_download: bool, when_online: str, when_allowed: str
) -> None:
    """Refuse to download a model that is not in the cache, unless the settings let it be downloaded.

    The environment may forbid the network as well; `when_online` and `when_allowed` say what to do.

    Raises:
        ModelError: it may not be downloaded.
    """
    if offline or is_offline():
        raise ModelError(f"{known.model_id}: not in the cache, and offline; {when_online}")
    if not allow_download:
        raise ModelError(f"{known.model_id}: not in the cache, and downloads are not allowed; {when_allowed}")


def choose_device(model_id: str, wanted: str, *, takes_mps: bool = False) -> str:
    """Choose cpu, cuda or mps by what is wanted, auto or one of them, and what there is.

    `takes_mps` says whether auto may be the GPU of a Mac; no model was ever run on one here.

    Raises:
        ModelError: a GPU is wanted and there is none.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(wanted, True):
        raise ModelError(f"{model_id}: device is {wanted} and there is none; set it to auto or cpu")
    if wanted != "auto":
        return wanted
    return "cuda" if there["cuda"] else "mps" if there["mps"] and takes_mps else "cpu"


def choose_dtype(wanted: Dtype, device: str) -> Dtype:
    """Choose the type of the weights: bfloat16 gives way to float16 where a device lacks it or only emulates it.

    NVIDIA's GPUs compute in it from compute capability 8.0 (Ampere) on: not Pascal, Volta, Turing (T4). Macs do from
    macOS 14 on.
    """
    import torch

    if wanted != "bfloat16" or device == "cpu":
        return wanted
    if device == "mps":
        return wanted if torch.backends.mps.is_macos_or_newer(14, 0) else "float16"
    return wanted if torch.cuda.get_device_capability() >= (8, 0) else "float16"


def choose_quantisation(model_id: str, wanted: Quantisation, dtype: Dtype, device: str) -> Quantisation:
    """Choose how weights are quantised: auto is int8 on a CPU for whose features it was measured to be the faster.

    Raises:
        ModelError: int8 is wanted elsewhere than on a CPU.
    """
    if wanted == "int8" and device != "cpu":
        raise ModelError(f"{model_id}: int8 runs on a CPU, not on {device}; set quantisation to auto")
    if wanted != "auto":
        return wanted
    if device != "cpu" or dtype != "bfloat16":
        return "none"
    from flamingo_bark_assets.inference.quantisation import feature_for_int8

    return "none" if feature_for_int8() is None else "int8"


def model_type_of(folder: Path) -> str | None:
    """Return the architecture that a folder's config.json names; None where there is none."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return str(config.get("model_type")) if isinstance(config, dict) else None


def refuse_damaged_files(folder: Path, model_id: str) -> None:
    """Refuse a folder with a file of weights that is cut off or a pointer, before a library says something else of it.

    Raises:
        ModelError: names the file and what to do.
    """
    if problem := file_problem(folder):
        known = known_model(model_id)
        anew = f"; `{fetch_command(known.model_id)}` checks and mends a download" if known is not None else ""
        raise ModelError(f"{model_id}: {problem}{anew}")


def refuse_incomplete(model_id: str, report: Mapping[str, Any], *, computed: tuple[str, ...] = ()) -> None:
    """Refuse a model of which transformers' loading report says that weights are missing or of another shape.

    transformers would go on with random numbers in their place. Names that end in `computed` follow from the
    configuration; weights that the model has no use for are left out, as some releases hold such.

    Raises:
        ModelError: weights are missing or mismatched; names one of them.
    """
    missing = sorted(key for key in report.get("missing_keys", ()) if not key.endswith(computed))
    mismatched = sorted(str(key if isinstance(key, str) else key[0]) for key in report.get("mismatched_keys", ()))
    if not missing and not mismatched:
        return
    counts = [(missing, "missing"), (mismatched, "of another shape than config.json says")]
    said = " and ".join(f"{len(names)} are {what} (for instance {names[0]})" for names, what in counts if names)
    raise ModelError(f"{model_id}: of its weights {said}; get the files anew")


def why_not_loaded(model_id: str, error: Exception, *, without_memory: str) -> str:
    """Say in one line why loading a model failed, whatever a damaged checkpoint made a library raise."""
    text = short_line(str(error), _MAX_REASON_CHARACTERS)
    if isinstance(error, ModelError):
        return text
    if isinstance(error, FlamingoBarkError):
        return f"{model_id}: {text}"
    if is_out_of_memory(error):
        return f"{model_id}: out of memory while loading; {without_memory}"
    _log.warning("%r cannot be loaded", model_id, exc_info=error)
    return f"{model_id}: cannot be loaded: {type(error).__name__}: {text}"
