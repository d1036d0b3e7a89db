"""The assets over all songs: the training manifest, the splits and the DuckDB warehouse.

Publication belongs here; what is published was made song by song.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from flamingo_bark_assets.defs.pools import PUBLICATION_POOL
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.specs import OWNER, SONG_ASSETS, column_schema
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.splits.records import SPLITS_TABLE

if TYPE_CHECKING:
    from flamingo_bark_assets.library.orphans import Cleanup


@dg.asset(
    deps=["bark_dataset", "song_review"],
    group_name="datasets",
    pool=PUBLICATION_POOL,
    kinds={"python", "json"},
    owners=[OWNER],
    check_specs=[
        dg.AssetCheckSpec(
            "files_match_checksums",
            asset="training_manifest",
            description="Every file that the manifest names exists and is as it was when its SHA-256 was taken: one "
            "whose size or times have changed since is read. `flamingo-bark verify` reads all.",
        )
    ],
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn("song_id", "string"),
                dg.TableColumn("files", "list", description="Path, SHA-256 and size of each file."),
            ]
        )
    },
)
def training_manifest(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Publish JSON lines over all suitable songs, with the SHA-256 of every file that it names.

    A song that a person excludes, or whose dataset is missing, unfit or unreadable, is left out and stops nothing.
    """
    from flamingo_bark_assets.provenance.publication import note_published
    from flamingo_bark_assets.provenance.summaries import stored_summaries
    from flamingo_bark_assets.provenance.versions import MANIFEST, publication_inputs, version_of
    from flamingo_bark_assets.training.publishing import KnownSong, publish_manifest

    with told_in_one_line():
        songs = stored_summaries(platform.paths)
        versions = {song_id: summary.versions for song_id, summary in songs.items()}
        inputs = publication_inputs(versions, platform.settings.splits)[MANIFEST]
        known = {
            song_id: KnownSong(version_of(MANIFEST, summary.versions), summary.signature)
            for song_id, summary in songs.items()
        }
        published = publish_manifest(platform.paths, known)
        note_published(platform.paths, MANIFEST, inputs)
    _warn(context, published.cleanup, published.left_out)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": published.songs,
            "unfit_songs": published.unfit,
            "excluded": dg.MetadataValue.json(list(published.excluded)),
            "left_out": dg.MetadataValue.json(list(published.left_out)),
            "cleaned_up": dg.MetadataValue.json(dataclasses.asdict(published.cleanup)),
            "path": dg.MetadataValue.path(published.path),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="files_match_checksums",
                passed=not published.problems,
                description="; ".join(published.problems[:20]) or "all files match",
                metadata={"problems": dg.MetadataValue.json(list(published.problems))},
            )
        ],
    )


@dg.asset(
    deps=["raw_song", "stems", "song_metadata", "song_review"],
    group_name="datasets",
    pool=PUBLICATION_POOL,
    kinds={"python", "parquet"},
    owners=[OWNER],
    metadata={"dagster/column_schema": column_schema(SPLITS_TABLE), "dagster/table_name": SPLITS_TABLE.name},
)
def training_splits(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Assign every song to training, validation or test: duplicates, found by file and by sound, go together.

    What was assigned stays; new songs are assigned by the hash of their group. Excluded songs are in no split.
    """
    from flamingo_bark_assets.library.fingerprint import sha256_of
    from flamingo_bark_assets.provenance.publication import note_published
    from flamingo_bark_assets.provenance.summaries import stored_versions
    from flamingo_bark_assets.provenance.versions import SPLITS, publication_inputs
    from flamingo_bark_assets.splits.assignment import renew_splits

    settings = platform.settings
    with told_in_one_line():
        inputs = publication_inputs(stored_versions(platform.paths), settings.splits)[SPLITS]
        renewed = renew_splits(platform.paths, settings)
        note_published(platform.paths, SPLITS, inputs)
        # Of the contents: two publications at once that assign the same do not make each other's warehouse stale.
        version = sha256_of(renewed.path)
    _warn(context, None, (*renewed.left_out, *renewed.moved))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version[:16]),
        metadata={
            "dagster/row_count": sum(renewed.songs.values()),
            **{f"{split}_songs": count for split, count in renewed.songs.items()},
            "duplicates": renewed.duplicates,
            "moved": dg.MetadataValue.json(list(renewed.moved)),
            "left_out": dg.MetadataValue.json(list(renewed.left_out)),
            "path": dg.MetadataValue.path(renewed.path),
        },
    )


@dg.asset_check(
    asset="training_splits",
    description="No two songs that are duplicates of one another, or of one artist where artists are kept together, "
    "are stored in different splits.",
)
def no_leak(platform: Platform) -> dg.AssetCheckResult:
    """Judge the assignments as they are stored, whoever has written them."""
    from flamingo_bark_assets.splits.assignment import stored_leaks

    with told_in_one_line():
        leaks = stored_leaks(platform.paths, platform.settings)
    return dg.AssetCheckResult(
        passed=not leaks,
        description="; ".join(leaks[:20]) or "no two songs that belong together are parted",
        metadata={"leaks": dg.MetadataValue.json(list(leaks))},
    )


@dg.asset(
    deps=[*SONG_ASSETS, "training_splits"],
    group_name="datasets",
    pool=PUBLICATION_POOL,
    kinds={"python", "duckdb"},
    owners=[OWNER],
    check_specs=[
        dg.AssetCheckSpec(
            "holds_every_song",
            asset="feature_warehouse",
            description="Every song of the library has its rows in the warehouse, every file could be read, and "
            "nothing else lies among the songs.",
        )
    ],
)
def feature_warehouse(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Publish the DuckDB file with every table of every song in the library, replaced as a whole.

    The edges by which texts may compare songs with each other are renewed where the library has moved away from them.
    """
    from flamingo_bark_assets.library.layout import find_unlisted, list_song_ids
    from flamingo_bark_assets.library.orphans import remove_orphans
    from flamingo_bark_assets.prompts.library_scale import renew_scale
    from flamingo_bark_assets.provenance.publication import note_published
    from flamingo_bark_assets.provenance.state import song_lock
    from flamingo_bark_assets.provenance.summaries import stored_versions
    from flamingo_bark_assets.provenance.versions import WAREHOUSE, publication_inputs
    from flamingo_bark_assets.provenance.wholeness import note_damaged
    from flamingo_bark_assets.splits.assignment import splits_path
    from flamingo_bark_assets.steps import RECORDS
    from flamingo_bark_assets.storage.feature_store import FeatureStore
    from flamingo_bark_assets.storage.warehouse import publish

    paths = platform.paths
    with told_in_one_line():
        cleanup = remove_orphans(paths)
        splits = platform.settings.splits
        inputs = publication_inputs(stored_versions(paths), splits)[WAREHOUSE]
        over_all = {SPLITS_TABLE: splits_path(paths, by_artist=splits.by_artist)}
        store = FeatureStore(paths.features)
        packed = store.pack(functools.partial(song_lock, paths, wait=False))
        published = publish(store, list_song_ids(paths), paths.warehouse, RECORDS, over_all)
        note_damaged(paths, published.unread)
        scale_is_new = renew_scale(paths, platform.settings.prompts)
        note_published(paths, WAREHOUSE, inputs)
    if scale_is_new and platform.settings.prompts.relative_words:
        context.log.info("the songs of the library are spread otherwise now: texts that compare songs are due")
    unlisted = [f"not a song: {problem}" for problem in find_unlisted(paths)]
    lost = (*published.left_out, *published.without_row)
    problems = (*lost, *unlisted)
    _warn(context, cleanup, problems)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(published.rows.values()),
            "songs": published.songs,
            "replaced": published.replaced,
            "packed": packed,
            "rows": dg.MetadataValue.json(published.rows),
            "cleaned_up": dg.MetadataValue.json(dataclasses.asdict(cleanup)),
            "path": dg.MetadataValue.path(published.path),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="holds_every_song",
                passed=not problems,
                severity=dg.AssetCheckSeverity.ERROR if lost else dg.AssetCheckSeverity.WARN,
                description="; ".join(problems[:20]) or "every song has its rows",
                metadata={
                    "not_songs": dg.MetadataValue.json(unlisted),
                    "left_out": dg.MetadataValue.json(list(published.left_out)),
                    "without_row": dg.MetadataValue.json(list(published.without_row)),
                },
            )
        ],
    )


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Let Dagster show the message of our own errors, such as a full disk, instead of a traceback of its own."""
    try:
        yield
    except FlamingoBarkError as error:
        raise dg.Failure(str(error)) from error


def _warn(context: dg.AssetExecutionContext, cleanup: "Cleanup | None", problems: Sequence[str]) -> None:
    for problem in (*([cleanup.problem] if cleanup and cleanup.problem else []), *problems):
        context.log.warning(problem)
