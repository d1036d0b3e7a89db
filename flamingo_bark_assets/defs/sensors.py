"""The sensors: songs that come, change and go, and publication when songs were made.

When something runs belongs here; what runs stands in `jobs`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import pairwise
from pathlib import Path

import dagster as dg

from flamingo_bark_assets.defs.jobs import PUBLISHED, all_songs, publish
from flamingo_bark_assets.defs.partitions import SONGS, songs_partitions
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.songs import SONGS_A_RUN
from flamingo_bark_assets.library.layout import DataPaths

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# What hand edits can change; the checks of these assets run with them.
WORDS = tuple(dg.AssetKey(name) for name in ("flamingo_captions", "training_prompts", "bark_dataset"))


@dg.sensor(
    jobs=[all_songs, publish],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for each new song folder and runs it, runs songs again whose files changed "
    "(only captions and what follows them where nothing but a hand edit changed), and removes the partitions of "
    "songs that are gone.",
)
def song_library(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
    """Compare the song folders with the partitions and with what was measured."""
    from flamingo_bark_assets.library.fingerprint import stat_signatures
    from flamingo_bark_assets.storage.stale import stale_songs

    signatures = stat_signatures(platform.paths)
    digest = _digest(signatures)
    if context.cursor == digest:
        return dg.SkipReason(f"{len(signatures)} songs, no change")
    known = list(context.instance.get_dynamic_partitions(SONGS))
    new = sorted(signatures.keys() - set(known))
    gone = sorted(set(known) - signatures.keys())
    order = [song_id for song_id in known if song_id in signatures] + new
    due = stale_songs(platform.paths, signatures)
    versions = _versions(platform.paths, signatures, due.everything | due.words)
    requests = [
        *(_run(songs, versions) for songs in contiguous(order, due.everything, at_most=SONGS_A_RUN)),
        *(_run(songs, versions, only=WORDS) for songs in contiguous(order, due.words, at_most=SONGS_A_RUN)),
    ]
    if gone:
        requests.append(dg.RunRequest(run_key=f"without:{_digest(signatures)}", job_name=publish.name))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[
            *([songs_partitions.build_add_request(new)] if new else []),
            *([songs_partitions.build_delete_request(gone)] if gone else []),
        ],
        cursor=digest,
    )


publication = dg.AutomationConditionSensorDefinition(
    "publication",
    target=PUBLISHED,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Publishes the manifest and the warehouse when songs were made and none is under way.",
)


def contiguous(order: Sequence[str], due: Set[str], *, at_most: int) -> Iterator[list[str]]:
    """Group due songs that stand side by side in the order of the partitions, as only those can share a run.

    Args:
        order: all partitions in their order of insertion.
        due: the songs to run.
        at_most: most songs of a group.
    """
    positions = [index for index, song_id in enumerate(order) if song_id in due]
    group: list[str] = []
    for position, following in pairwise([*positions, -1]):
        group.append(order[position])
        if following != position + 1 or len(group) == at_most:
            yield group
            group = []


def _versions(paths: DataPaths, signatures: Mapping[str, str], due: Set[str]) -> dict[str, str]:
    """What a run of each due song is told apart by: the state of its files and when it was last made.

    Signatures alone do not: a song.toml that comes and goes again leaves the one of before, which has had its run.
    """
    from flamingo_bark_assets.storage.truth import Truth
    from flamingo_bark_assets.training.suitability import Verdict

    truth = Truth(paths.features)
    return {song_id: f"{signatures[song_id]} {_changed_ns(truth.path(Verdict.TABLE, song_id))}" for song_id in due}


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _run(
    songs: Sequence[str], versions: Mapping[str, str], *, only: Sequence[dg.AssetKey] | None = None
) -> dg.RunRequest:
    what = "words:" if only else ""
    return dg.RunRequest(
        run_key=f"{what}{songs[0]}..{songs[-1]}:{_digest({song_id: versions[song_id] for song_id in songs})}",
        job_name=all_songs.name,
        asset_selection=only,
        partition_key=songs[0] if len(songs) == 1 else None,
        tags={RANGE_START: songs[0], RANGE_END: songs[-1]} if len(songs) > 1 else None,
    )


def _digest(versions: Mapping[str, str]) -> str:
    text = "\n".join(f"{song_id} {version}" for song_id, version in sorted(versions.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
