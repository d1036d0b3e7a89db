"""Which of the configured captioning models are on this machine, told cheaply and without loading any.

A state that can be compared belongs here; choosing and loading stand in `loading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.inference_settings import SERVER_PREFIX, InferenceSettings

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.catalogue import KnownModel


def available_models(settings: InferenceSettings) -> list[str]:
    """Name the state of each model of the chain, then of CLAP: the cached revision, a folder's state, or none.

    Weights are told apart by a digest of samples, as hashing gigabytes at each look would cost minutes. A server is not
    asked: texts do not become due because one was stopped, and a look waits for no network.
    """
    from flamingo_bark_assets.inference.catalogue import KNOWN_MODELS
    from flamingo_bark_assets.inference.clap import KNOWN_CLAPS

    candidates = [(candidate.model, candidate.revision) for candidate in settings.chain]
    known = (*KNOWN_MODELS, *KNOWN_CLAPS)
    return [model_state(model, revision, settings, known) for model, revision in [*candidates, (settings.clap, None)]]


def ready_models(settings: InferenceSettings) -> list[str]:
    """Name the captioning models of the chain that are on this machine, in their order; a server counts unasked."""
    states = [state.splitlines()[0] for state in available_models(settings)[:-1]]
    return [state for state in states if not state.endswith(": none")]


def model_state(model: str, revision: str | None, settings: InferenceSettings, known: Sequence[KnownModel]) -> str:
    """Name the state of one model: the cached revision of a known one, a folder's state, or none."""
    from flamingo_bark_assets.inference.fetching import cached
    from flamingo_bark_assets.inference.model_files import files_digest

    if model.startswith(SERVER_PREFIX):
        return model
    folder = Path(model).expanduser()
    if folder.is_dir():
        try:
            return f"{model}: {files_digest(folder)}"
        except OSError as error:
            return f"{model}: cannot be read: {error.strerror}"
    found = next((one for one in known if one.model_id.lower() == model.lower()), None)
    snapshot = cached(found, settings.cache_folder, revision=revision) if found is not None else None
    return f"{model}: {snapshot.revision if snapshot is not None else 'none'}"
