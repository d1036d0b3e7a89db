"""Where a song stands among all songs of the library: the edges of the bins behind words such as "faster than most".

Computing the edges, keeping them steady and storing them belongs here; the words stand in `phrasebook_relative`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import write_text
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.storage.tables import MEASUREMENTS, MeasurementRow, long_table

Side = Literal["above", "below"]

MIN_SONGS = 20
"""Fewest songs of which something is surely measured, before any of them is compared with the others: own choice."""
LOWER, UPPER = 0.25, 0.75
"""Quantiles of the edges: what lies outside of them is told to be less or more than most."""
MAX_DRIFT = 0.05
"""Largest share of the songs by which an edge may be off its quantile before all are computed anew.

So a new song seldom changes the texts of others, and "than most" is always than at least 70 of 100 songs.
"""
TOPICS: Mapping[str, tuple[str, str]] = {
    "tempo": ("tempo_bpm", "BPM"),
    "dynamics": ("dynamic_range_db", "dB"),
    "brightness": ("spectral_centroid_hz", "Hz"),
    "density": ("onset_density_hz", "onsets/s"),
}
"""What is compared: the measurement of the mix, and the unit of its edges."""

_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of one topic.

    Attributes:
        low: `LOWER` of the songs lie at or below it.
        high: `UPPER` of the songs lie at or below it.
        songs: how many songs it was computed from.
    """

    low: float
    high: float
    songs: int

    def side(self, value: float) -> Side | None:
        """Return on which side of most songs a value lies; None where it lies among them."""
        return "above" if value > self.high else "below" if value < self.low else None


LibraryScale = Mapping[str, Edges]
"""The edges by topic; a topic that too few songs tell is missing."""


def bin_name(topic: str, edges: Edges, side: Side) -> str:
    """Name a bin by what is measured, its edge and the songs behind it."""
    unit = TOPICS[topic][1]
    edge, quarter = (edges.high, "upper") if side == "above" else (edges.low, "lower")
    return f"{topic} {side} {edge:.4g} {unit}, the {quarter} quarter of {edges.songs} songs"


def renewed(before: LibraryScale, values: Mapping[str, Sequence[float]]) -> LibraryScale:
    """Return the edges that hold for the library as it is: those from before as long as none of them has moved.

    Args:
        before: the stored edges.
        values: what is surely measured of the songs, by topic.
    """
    told = {topic: found for topic, found in values.items() if len(found) >= MIN_SONGS}
    if before.keys() == told.keys() and not any(_has_moved(before[topic], found) for topic, found in told.items()):
        return before
    return {topic: Edges(_quantile(found, LOWER), _quantile(found, UPPER), len(found)) for topic, found in told.items()}


def renew_scale(paths: DataPaths, settings: PromptSettings) -> bool:
    """Renew the stored edges where the library has moved away from them; return whether they are others now.

    Raises:
        LibraryError: the folder of all songs cannot be read.
        WriteError: the file cannot be written.
    """
    before = read_scale(paths)
    now = renewed(before, _surely_measured(paths, settings))
    if now == before:
        return False
    values = {topic: asdict(edges) for topic, edges in sorted(now.items())}
    write_text(_path(paths), f"{json.dumps(values, indent=2)}\n")
    return True


def read_scale(paths: DataPaths) -> LibraryScale:
    """Read the stored edges; none where there are none, or where their file is damaged."""
    try:
        values = json.loads(read_text(_path(paths), max_bytes=_MAX_BYTES))
        edges = {topic: _edges(values[topic]) for topic in TOPICS if topic in values}
    except (FileFault, OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return edges


def scale_digest(paths: DataPaths) -> str:
    """Digest the stored edges, on which every text with relative words depends."""
    values = {topic: asdict(edges) for topic, edges in read_scale(paths).items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _edges(values: Mapping[str, Any]) -> Edges:
    edges = Edges(float(values["low"]), float(values["high"]), int(values["songs"]))
    if not (math.isfinite(edges.low) and math.isfinite(edges.high) and edges.low <= edges.high):
        raise ValueError("no edges")
    return edges


def _has_moved(edges: Edges, values: Sequence[float]) -> bool:
    return _is_off(edges.low, LOWER, values) or _is_off(edges.high, UPPER, values)


def _is_off(edge: float, quantile: float, values: Sequence[float]) -> bool:
    """Tell whether an edge is further than `MAX_DRIFT` from its quantile, whichever of equal values it stands for."""
    below = sum(value < edge for value in values) / len(values)
    up_to = sum(value <= edge for value in values) / len(values)
    return below > quantile + MAX_DRIFT or up_to < quantile - MAX_DRIFT


def _quantile(values: Sequence[float], quantile: float) -> float:
    """Return the smallest value that a share of the values does not exceed (the inverse of their distribution)."""
    return sorted(values)[math.ceil(quantile * len(values)) - 1]


def _surely_measured(paths: DataPaths, settings: PromptSettings) -> dict[str, list[float]]:
    import polars as pl

    columns = [spec for spec in long_table(MeasurementRow).columns if spec.name in {"name", "value", "confidence"}]
    tables = LibraryTables(FeatureStore(paths.features), paths.warehouse)
    rows, _ = tables.read_columns(MEASUREMENTS, list_song_ids(paths), columns, result=SongFeatures.TABLE)
    found: dict[str, list[float]] = {}
    for topic, (column, _) in TOPICS.items():
        least = least_confidence(topic, settings)
        of_topic = rows.filter(
            (pl.col("name") == column) & pl.col("value").is_finite() & (pl.col("confidence") >= least)
        )
        found[topic] = of_topic["value"].to_list()
    return found


def least_confidence(topic: str, settings: PromptSettings) -> float:
    """Return from which confidence on a measurement is compared: that from which it is told at all."""
    return settings.min_tempo_confidence if topic == "tempo" else settings.min_claim_confidence


def _path(paths: DataPaths) -> Path:
    return paths.root / "state" / "library_scale.json"
