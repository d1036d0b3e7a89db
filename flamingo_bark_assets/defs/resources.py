"""The platform resource: where the data is, the settings and the captioner, shared by all songs of a run.

Typed configuration for Dagster belongs here; thresholds and weights stand in `settings`. Whoever may launch a run may
set it, so nothing here says where files are written.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field, ValidationError

from flamingo_bark_assets.defs.lost_runs import hold_until_exit
from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.parts import ANY_PART
from flamingo_bark_assets.settings import Settings, data_folder, load_settings

if TYPE_CHECKING:
    from flamingo_bark_assets.captioning.interface import Captioner
    from flamingo_bark_assets.pipeline import SongWork


class Model(dg.Config):
    """One model of the chain; see `ModelChoice`."""

    model: str = Field(description="Id of a known model, or a folder of its files.")
    revision: str | None = Field(default=None, description="Branch, tag or commit.")
    dtype: str = Field(default="bfloat16", description="bfloat16 or float32.")
    device: str = Field(default="auto", description="auto, cpu or cuda.")
    quantisation: str = Field(default="none", description="none, 8bit or 4bit; transformers' models only.")
    base_lm: str | None = Field(default=None, description="Base language model, for a folder of Audio Flamingo 2.")
    batch_size: int = Field(default=4, description="Most clips at once; halved where memory runs out.")


class PromptText(dg.Config):
    """A prompt in place of the model family's own; see `PromptOverride`."""

    part: str = Field(description=f"{ANY_PART}.")
    question: str = Field(description="caption, description, genre, mood or instruments.")
    prompt: str = Field(description="What is asked.")


class Listening(dg.Config):
    """Who listens and how; what is left out stands in settings.toml under [listening]."""

    chain: list[Model] | None = Field(default=None, description="Tried in this order; then the measured captioner.")
    prompts: list[PromptText] | None = Field(default=None, description="Prompts in place of the family's own.")
    clap: str | None = Field(default=None, description="CLAP for the second opinion: id or folder.")
    max_new_tokens: int | None = Field(default=None, description="Most tokens of an answer.")
    do_sample: bool | None = Field(default=None, description="Sample, or take the likeliest token.")
    temperature: float | None = Field(default=None, description="Of sampling.")
    top_p: float | None = Field(default=None, description="Nucleus of sampling.")
    seed: int | None = Field(default=None, description="Of sampling.")
    offline: bool | None = Field(default=None, description="Never ask the network.")
    allow_download: bool | None = Field(default=None, description="Download what is not in the cache.")
    licence_acknowledged: bool | None = Field(default=None, description="The models' licences are agreed to.")

    def applied_to(self, settings: InferenceSettings) -> InferenceSettings:
        """The settings with what is set here in their place, validated again.

        Raises:
            ConfigurationError: a value is not allowed; names the key.
        """
        given = self.model_dump(exclude_none=True)
        try:
            return InferenceSettings.model_validate({**settings.model_dump(), **given})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"resource platform: listening.{where}: {first['msg']}") from error


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where songs and results are kept and who describes them."""

    listening: Listening = Field(default_factory=Listening, description="Who listens, and how.")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Show, before the first step of a run, that its process lives."""
        if context.run is not None and context.instance is not None and context.instance.is_persistent:
            hold_until_exit(context.instance, context.run.run_id)

    @property
    def paths(self) -> DataPaths:
        """The data folder that this process was started with, and the places in it; no run may name another."""
        return DataPaths(data_folder())

    @cached_property
    def settings(self) -> Settings:
        """The settings file's, with what this resource sets in its place; read once a run."""
        settings = load_settings(self.paths.settings)
        return settings.model_copy(update={"listening": self.listening.applied_to(settings.listening)})

    @cached_property
    def captioner(self) -> Captioner:
        """Who describes the songs, made once a run; a model is loaded when the first song asks."""
        from flamingo_bark_assets.captioning.listener import ListeningCaptioner

        return ListeningCaptioner(self.settings.listening, self.settings.prompts, self.paths.answers)

    def open_song(self, song_id: str) -> SongWork:
        """One song, ready for the steps."""
        from flamingo_bark_assets.library.layout import find_song
        from flamingo_bark_assets.pipeline import SongWork

        return SongWork(find_song(self.paths, song_id), self.paths, self.settings, self.captioner)
