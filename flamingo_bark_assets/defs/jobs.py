"""Jobs: one song through everything, all songs, and publication.

Selections of assets to run together belong here; when they run is for the sensors to say.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.defs.specs import SONG_ASSETS

SONGS = dg.AssetSelection.assets(*SONG_ASSETS)
PUBLISHED = dg.AssetSelection.assets("training_manifest", "training_splits", "feature_warehouse")

one_song = dg.define_asset_job(
    "one_song",
    selection=SONGS | PUBLISHED,
    description="One song through every asset, manifest, splits and warehouse included.",
)
all_songs = dg.define_asset_job(
    "all_songs",
    selection=SONGS,
    description="The per-song assets, for a backfill over many songs; publication follows by itself. For every song: "
    "*Materialize all…*, *All* over the list of partitions, *Launch backfill*; *Failed and missing* in place of *All* "
    "repairs what is not made.",
)
publish = dg.define_asset_job(
    "publish", selection=PUBLISHED, description="The training manifest, the splits and the DuckDB warehouse."
)
