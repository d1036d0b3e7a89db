"""The platform resource: where the data is, the settings and the captioner, shared by all songs of a run.

Typed configuration for Dagster belongs here; thresholds and weights stand in `settings`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import Settings, data_folder, load_settings

if TYPE_CHECKING:
    from flamingo_bark_assets.captioning.interface import Captioner
    from flamingo_bark_assets.pipeline import SongWork


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where songs and results are kept and who describes them."""

    data_dir: str = Field(default="", description="The data folder; empty means FLAMINGO_BARK_DATA or ./data.")

    @property
    def paths(self) -> DataPaths:
        """The data folder and the places in it."""
        return DataPaths(Path(self.data_dir).resolve() if self.data_dir else data_folder())

    @cached_property
    def settings(self) -> Settings:
        """Thresholds, weights and budgets, read once a run."""
        return load_settings(self.paths.settings)

    @cached_property
    def captioner(self) -> Captioner:
        """Who describes the songs, made once a run."""
        from flamingo_bark_assets.captioning.measured import MeasuredCaptioner

        return MeasuredCaptioner(self.settings.prompts)

    def open_song(self, song_id: str) -> SongWork:
        """One song, ready for the steps."""
        from flamingo_bark_assets.library.layout import find_song
        from flamingo_bark_assets.pipeline import SongWork

        return SongWork(find_song(self.paths, song_id), self.paths, self.settings, self.captioner)
