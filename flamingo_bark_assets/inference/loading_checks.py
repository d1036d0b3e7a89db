"""What is checked of any model before it is loaded, and what is said where it cannot be.

Checks that hold for captioning models and CLAP alike belong here; those of one family stand beside its loader.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.inference.batching import is_out_of_memory
from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError
from flamingo_bark_assets.inference.fetching import is_offline
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


def choose_device(model_id: str, wanted: str) -> str:
    """Choose cpu or cuda by what is wanted, auto, cpu or cuda, and what there is.

    Raises:
        ModelError: cuda is wanted and there is none.
    """
    import torch

    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ModelError(f"{model_id}: device is cuda and there is none; set it to auto or cpu")
    return "cuda" if has_cuda and wanted != "cpu" else "cpu"


def model_type_of(folder: Path) -> str | None:
    """Return the architecture that a folder's config.json names; None where there is none."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return str(config.get("model_type")) if isinstance(config, dict) else None


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
