"""The code location: assets, checks, jobs, sensors and resources, put together.

Only the putting together belongs here; every part stands in `defs`.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.defs.datasets import feature_warehouse, no_leak, training_manifest, training_splits
from flamingo_bark_assets.defs.exports import exports
from flamingo_bark_assets.defs.finetuning import train_bark
from flamingo_bark_assets.defs.jobs import all_songs, one_song, publish
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.sensors import publication, song_library
from flamingo_bark_assets.defs.settings_sources import settings_sources
from flamingo_bark_assets.defs.songs import song

defs = dg.Definitions(
    assets=[settings_sources, song, training_manifest, training_splits, feature_warehouse, *exports],
    asset_checks=[no_leak],
    jobs=[one_song, all_songs, publish, train_bark],
    sensors=[song_library, publication],
    resources={"platform": Platform()},
    executor=dg.in_process_executor,
)
