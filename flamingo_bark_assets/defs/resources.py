"""The platform resource: where the data is, the settings and the captioner, shared by all songs of a run.

Typed configuration for Dagster belongs here; thresholds and weights stand in `settings`. Whoever may launch a run may
set it, so nothing here says where files are written.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import dagster as dg
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from flamingo_bark_assets.defs.lost_runs import hold_until_exit
from flamingo_bark_assets.defs.shared_folder import check_node
from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import Settings, data_folder, load_settings

if TYPE_CHECKING:
    from flamingo_bark_assets.captioning.interface import Captioner
    from flamingo_bark_assets.lyrics.transcription import Transcriber
    from flamingo_bark_assets.pipeline import SongWork


# A run may not say where files are written, have files of the user's read as lists of terms, or say where sound and an
# API key are sent.
_NOT_FOR_RUNS = frozenset({"cache_folder", "vocabularies", "servers", "allow_hosts"})


class _InferenceConfig(dg.Config):
    """What a run sets about inference; what is left out stands in settings.toml under [inference]."""

    def applied_to(self, settings: InferenceSettings) -> InferenceSettings:
        """Return the settings with what is set here in their place, validated again.

        Raises:
            ConfigurationError: a value is not allowed; names the key.
        """
        given = self.model_dump(exclude_none=True)
        try:
            return InferenceSettings.model_validate({**settings.model_dump(), **given})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"resource platform: inference.{where}: {first['msg']}") from error


def _config_of(model: type[BaseModel]) -> type[dg.Config]:
    """Derive Dagster's config of a settings model: the same fields, descriptions and defaults, validated later."""
    fields: dict[str, Any] = {
        name: (_config_type(info.annotation), Field(info.get_default(), description=_described(info)))
        for name, info in model.model_fields.items()
    }
    return create_model(model.__name__, __base__=dg.Config, __module__=__name__, **fields)


def _described(info: FieldInfo) -> str:
    allowed = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    return f"{info.description} One of {', '.join(allowed)}." if allowed else f"{info.description}"


def _config_type(annotation: Any) -> Any:
    """Translate the type of a setting to one that Dagster's config knows."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal or annotation is Path:
        return str
    if origin is tuple:
        return list[_config_type(arguments[0])]  # type: ignore[misc]
    if origin is UnionType:
        return _config_type(arguments[0]) | None
    return _config_of(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else annotation


_SET_BY_RUNS: dict[str, Any] = {
    name: (_config_type(info.annotation) | None, Field(None, description=_described(info)))
    for name, info in InferenceSettings.model_fields.items()
    if name not in _NOT_FOR_RUNS
}
InferenceConfig: Any = create_model("InferenceConfig", __base__=_InferenceConfig, __module__=__name__, **_SET_BY_RUNS)


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where songs and results are kept and who describes them."""

    inference: InferenceConfig = Field(
        default_factory=InferenceConfig, description="Which captioning models run, and how."
    )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Show, before the first step of a run, that its process lives, and look whether it has the right data folder.

        Raises:
            SharedFolderError: it runs on a machine of a cluster that has another one.
        """
        if context.run is not None and context.instance is not None and context.instance.is_persistent:
            hold_until_exit(context.instance, context.run.run_id)
            check_node(context.instance, self.paths)

    @property
    def paths(self) -> DataPaths:
        """The data folder that this process was started with, and the places in it; no run may name another."""
        return DataPaths(data_folder())

    @cached_property
    def settings(self) -> Settings:
        """The settings file's, with what this resource sets in its place; read once a run."""
        settings = load_settings(self.paths.settings)
        return settings.model_copy(update={"inference": self.inference.applied_to(settings.inference)})

    @cached_property
    def has_captioning_model(self) -> bool:
        """Whether a model may write captions: one of the chain is on this machine, a server's, or may be fetched."""
        from flamingo_bark_assets.inference.availability import ready_models

        inference = self.settings.inference
        return inference.allow_download or bool(ready_models(inference))

    @cached_property
    def captioner(self) -> Captioner:
        """Who describes the songs, made once a run; a model is loaded when the first song asks."""
        from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner

        return ModelCaptioner(self.settings.inference, self.settings.prompts, self.paths.answers, self.settings.tagging)

    @cached_property
    def transcriber(self) -> Transcriber:
        """Who transcribes sung words, made once a run; a model is loaded when the first song asks."""
        from flamingo_bark_assets.lyrics.transcription import Transcriber

        return Transcriber(self.settings.lyrics, self.settings.inference, self.paths.answers)

    def open_song(self, song_id: str) -> SongWork:
        """Return one song, ready for the steps."""
        from flamingo_bark_assets.library.layout import find_song
        from flamingo_bark_assets.pipeline import SongWork

        return SongWork(find_song(self.paths, song_id), self.paths, self.settings, self.captioner, self.transcriber)
