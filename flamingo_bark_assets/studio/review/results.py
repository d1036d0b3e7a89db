"""The stored results of one song as a page reads them: each as far as it can be read, else with the reason.

Reading belongs here; what a page shows of them stands in `song_data` and beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.inputs import CODE
from flamingo_bark_assets.provenance.state import Made, SongState, read_state
from flamingo_bark_assets.provenance.stored_files import known_damage
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.steps import STEP_OF_RECORD, STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore

NOT_MADE = "not made yet; run the song"
_KEPT_SONGS = 3

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class SongResults:
    """What is stored of one song.

    Attributes:
        results: the results that can be read, by their class.
        missing: why each other one cannot, by the name of its step.
        state: what they were made from.
    """

    results: Mapping[type[Record], Record]
    missing: Mapping[str, str]
    state: SongState

    def get(self, cls: type[R]) -> R | None:
        """Return a result; None where it cannot be read."""
        found = self.results.get(cls)
        return found if isinstance(found, cls) else None

    def why_missing(self, cls: type[Record]) -> str | None:
        """Say why a result tells nothing: it cannot be read, or nothing could be measured; None where it does."""
        found = self.results.get(cls)
        return self.missing.get(STEP_OF_RECORD[cls].name) if found is None else found.unusable

    def evidence(self) -> Evidence | None:
        """Return all measurements; None where one of them is missing or nothing can be told of the song."""
        raw, metadata, separated = self.get(RawSong), self.get(SongMetadata), self.get(SeparatedStems)
        stems, song = self.get(StemSet), self.get(SongFeatures)
        kinds = {kind: self.get(cls) for kind, cls in RESULT_CLASSES.items()}
        if raw is None or metadata is None or separated is None or stems is None or song is None:
            return None
        known = {kind: features for kind, features in kinds.items() if features is not None}
        evidence = Evidence(raw, metadata, separated, stems, song, known)
        return None if len(known) < len(kinds) or evidence.untellable else evidence


def read_results(paths: DataPaths, song_id: str) -> SongResults:
    """Read what is stored of a song; what was read last is kept as long as nothing of it is made again."""
    state = read_state(paths, song_id)
    made = tuple(sorted((name, each.at_s, each.digest) for name, each in state.made.items()))
    results, missing = _read(paths, song_id, made)
    return SongResults(results, missing, state)


@functools.lru_cache(maxsize=_KEPT_SONGS)
def _read(
    paths: DataPaths, song_id: str, made: tuple[tuple[str, float, str], ...]
) -> tuple[Mapping[type[Record], Record], Mapping[str, str]]:
    del made  # only tells what was read before from what is stored now
    state = read_state(paths, song_id)
    results: dict[type[Record], Record] = {}
    missing: dict[str, str] = {}
    for step in STEPS:
        problem = NOT_MADE if step.name not in state.made else known_damage(paths, song_id, state, step.name)
        if problem is None:
            try:
                version = _other_version(state.made[step.name], step.version)
                results[step.record] = FeatureStore(paths.features).read(step.record, song_id, outdated=version)
            except StorageError as error:
                problem = str(error)
        if problem is not None:
            missing[step.name] = problem
    return results, missing


def _other_version(made: Made, version: str) -> str | None:
    found = made.inputs.get(CODE)
    return found if found != version else None
