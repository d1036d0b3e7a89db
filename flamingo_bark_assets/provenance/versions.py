"""What of each song the manifest, the splits and the warehouse are made from, as short digests.

Digests of data versions belong here; what was published from which stands in `publication`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from flamingo_bark_assets.settings import SplitSettings, digest_of_settings

MANIFEST = "training_manifest"
SPLITS = "training_splits"
WAREHOUSE = "feature_warehouse"
STEPS_OF: dict[str, frozenset[str] | None] = {
    MANIFEST: frozenset({"bark_dataset", "song_review"}),
    SPLITS: frozenset({"raw_song", "stems", "song_metadata", "song_review"}),
    WAREHOUSE: None,
}
"""The steps whose results each publication is made from; None for all."""

Versions = Mapping[str, tuple[str, ...]]
"""Of each song what each publication is made from, in the order of `STEPS_OF`; see `song_versions`."""


def song_versions(made: Mapping[str, str]) -> tuple[str, ...]:
    """Digest the data versions of a song's results, by step, for each publication; "" where it has none that count."""
    return tuple(
        _digest(sorted((step, version) for step, version in made.items() if steps is None or step in steps))
        for steps in STEPS_OF.values()
    )


def version_of(publication: str, versions: tuple[str, ...]) -> str:
    """Return what one publication is made from, of a song's `song_versions`."""
    return versions[list(STEPS_OF).index(publication)]


def publication_inputs(versions: Versions, splits: SplitSettings) -> dict[str, str]:
    """Digest what each publication would be made from, by the publication's name."""
    settings = digest_of_settings(splits.model_dump())
    return {
        name: _digest(sorted((song_id, each[place]) for song_id, each in versions.items() if each[place]))
        + (settings if name != MANIFEST else "")
        for place, name in enumerate(STEPS_OF)
    }


def _digest(versions: Sequence[tuple[str, str]]) -> str:
    if not versions:
        return ""
    lines = "\n".join(f"{name} {version}" for name, version in versions)
    return hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()
