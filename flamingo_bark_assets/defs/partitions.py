"""The partitions definition: one partition a song.

Partitions belong here; which songs exist is the library's to say.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.defs.names import SONGS

songs_partitions = dg.DynamicPartitionsDefinition(name=SONGS)
