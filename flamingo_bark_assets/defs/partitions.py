"""The partitions definition: one partition a song.

Partitions belong here; which songs exist is the library's to say.
"""

from __future__ import annotations

import dagster as dg

SONGS = "songs"

songs_partitions = dg.DynamicPartitionsDefinition(name=SONGS)
