"""The sensors: songs that come, change and go, and publication when songs were made.

When something runs belongs here; what is due is decided by `provenance`, what runs stands in `jobs`.
"""

import dataclasses
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from flamingo_bark_assets.defs.checks import CHECKS
from flamingo_bark_assets.defs.jobs import all_songs, publish
from flamingo_bark_assets.defs.lost_runs import fail_lost_runs
from flamingo_bark_assets.defs.names import DESCRIBES_TAG, ONLY_DUE_TAG, SONGS
from flamingo_bark_assets.defs.partitions import songs_partitions
from flamingo_bark_assets.defs.plan import REPORT_TAG, parted
from flamingo_bark_assets.defs.pools import CAPTIONING_POOL, limit_of, set_limits
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.run_tags import gpu_tags
from flamingo_bark_assets.defs.settings_sources import observe_settings
from flamingo_bark_assets.defs.shared_folder import note_folder
from flamingo_bark_assets.defs.songs import DESCRIBED_A_RUN, SONGS_A_RUN
from flamingo_bark_assets.defs.under_way import UnderWay, under_way
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids, may_be_mounted, survey
from flamingo_bark_assets.steps import STEP_NAMED, STEPS

if TYPE_CHECKING:
    from flamingo_bark_assets.provenance.due import DueSong, DueSongs
    from flamingo_bark_assets.provenance.requests import Decision
    from flamingo_bark_assets.settings import RunSettings

_VERDICT = "bark_dataset"
_MOST_SHOWN = 10


@dg.sensor(
    jobs=[all_songs],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for each new song folder, asks for runs of what is due of any song (its files, a "
    "setting or the version of the code changed, or a run died), and removes the partitions of songs that are gone. "
    "Songs that are queued or under way are left alone; a song whose runs keep dying is given up, with the reason.",
)
def song_library(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
    """Compare the song folders with the partitions and with what was made."""
    from flamingo_bark_assets.provenance.inputs import settings_versions
    from flamingo_bark_assets.provenance.requests import decide, read_asked, write_asked

    try:
        versions = settings_versions(platform.settings, platform.paths)
        library, unlisted = survey(platform.paths)
        with _looking:
            due = _due_songs(platform.paths).find(versions, library)
        note_folder(context.instance, platform.paths)
    except FlamingoBarkError as error:
        return dg.SkipReason(str(error))
    fail_lost_runs(context.instance)  # their songs are asked for again
    observe_settings(context.instance, versions)
    known = list(context.instance.get_dynamic_partitions(SONGS))
    busy = _under_way(context, known)
    gone = _gone(platform.paths, known, library, busy)
    new = sorted(set(library) - set(known))
    asked = read_asked(platform.paths)
    held_back: frozenset[str] = frozenset()
    to_describe: dict[str, str] | None = None
    if platform.has_captioning_model:
        due, held_back = _measured_first(context.instance, due)
        to_describe = {DESCRIBES_TAG: "true", **gpu_tags(platform.settings.runs.describing_gpus)}
    decision = decide(due, busy.songs, asked, platform.settings.runs, time.time(), held_back=held_back)
    order = [song_id for song_id in known if song_id not in gone] + new
    requests = list(_requests(order, due, decision, to_describe))
    if decision.asked != asked:
        try:
            write_asked(platform.paths, decision.asked)
        except FlamingoBarkError as error:  # what is not remembered would be asked for at every tick
            return dg.SkipReason(str(error))
    if not requests and not busy.songs:
        requests = list(_reports(context.instance, order, set(library) - due.keys(), platform.settings.runs))
    _tell(context, decision, unlisted)
    if not (requests or new or gone):
        return dg.SkipReason(_told(len(library), busy, decision, unlisted))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[
            *([songs_partitions.build_add_request(new)] if new else []),
            *([songs_partitions.build_delete_request(gone)] if gone else []),
        ],
    )


@dg.sensor(
    name="publication",
    jobs=[publish],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Publishes the manifest, the splits and the warehouse when songs were made, changed or removed and "
    "none is under way. A publication that dies is asked for again.",
)
def publication(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
    """Compare what was published with the stored results."""
    from flamingo_bark_assets.provenance.publication import due_publications, retry_publication

    try:
        with _looking:
            versions = _due_songs(platform.paths).versions(list_song_ids(platform.paths))
    except FlamingoBarkError as error:
        return dg.SkipReason(str(error))
    due = due_publications(platform.paths, versions, platform.settings.splits)
    if not due:
        return dg.SkipReason("all that was made is published")
    set_limits(context.instance)
    busy = _under_way(context, context.instance.get_dynamic_partitions(SONGS))
    if busy.songs or busy.publishing:
        return dg.SkipReason(f"{len(busy.songs)} songs are under way" if busy.songs else "a publication is under way")
    try:
        reason = retry_publication(platform.paths, due, platform.settings.runs, time.time())
    except FlamingoBarkError as error:
        reason = str(error)
    if reason:
        return dg.SkipReason(reason)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"publish:{time.time_ns()}",
                job_name=publish.name,
                asset_selection=[dg.AssetKey(name) for name in sorted(due)],
            )
        ]
    )


_seen: dict[Path, "DueSongs"] = {}
# An evaluation for which the daemon waits no longer, or one that somebody tries out in the UI, goes on beside others.
_looking = threading.Lock()


def _due_songs(paths: DataPaths) -> "DueSongs":
    """Return what was seen at earlier ticks in this process: only what has changed is looked at again."""
    from flamingo_bark_assets.provenance.due import DueSongs

    return _seen.setdefault(paths.root, DueSongs(paths))


def _under_way(context: dg.SensorEvaluationContext, order: Sequence[str]) -> UnderWay:
    assert context.repository_def is not None  # it is where the daemon evaluates a sensor
    return under_way(context.instance, context.repository_def.asset_graph, order)


def _gone(paths: DataPaths, known: Sequence[str], library: Sequence[str], busy: UnderWay) -> list[str]:
    """Return the songs whose partitions go; one that is under way keeps its own until the end of its run.

    Where there is no song at all, and no sign that songs were ever added or removed there, the disk of the library may
    not be mounted: nothing goes then.
    """
    if not library and not may_be_mounted(paths):
        return []
    return sorted(set(known) - set(library) - busy.songs)


def contiguous(order: Sequence[str], due: Set[str], *, at_most: int) -> Iterator[list[str]]:
    """Group due songs that stand side by side in the order of the partitions, as only those can share a run."""
    positions = [index for index, song_id in enumerate(order) if song_id in due]
    group: list[str] = []
    for position, following in pairwise([*positions, -1]):
        group.append(order[position])
        if following != position + 1 or len(group) == at_most:
            yield group
            group = []


def _measured_first(
    instance: dg.DagsterInstance, due: Mapping[str, "DueSong"]
) -> tuple[dict[str, "DueSong"], frozenset[str]]:
    """Leave captions and what follows them to runs of their own, so that measuring waits for no model.

    Return what is due now, and the songs that are held back: as long as a run has each place of the captioning pool,
    no other is asked for, so that the next one loads the model once for all songs that were measured meanwhile.
    """
    under_way = instance.get_runs_count(
        dg.RunsFilter(tags={DESCRIBES_TAG: "true"}, statuses=list(NOT_FINISHED_STATUSES))
    )
    is_free = under_way < limit_of(CAPTIONING_POOL, instance)
    now: dict[str, DueSong] = {}
    described = set()
    for song_id, song in due.items():
        measured, _ = parted([step for step in STEPS if step.name in song.steps])
        if measured:
            steps = {step.name: song.steps[step.name] for step in measured}
            now[song_id] = dataclasses.replace(song, steps=steps, inputs=f"{song.inputs} measured")
        else:
            now[song_id] = song
            described.add(song_id)
    return now, frozenset() if is_free else frozenset(described)


def _requests(
    order: Sequence[str], due: Mapping[str, "DueSong"], decision: "Decision", to_describe: Mapping[str, str] | None
) -> Iterator[dg.RunRequest]:
    """Ask for runs of the songs side by side that need the same steps, and for those that go alone.

    `to_describe`: tags of runs that only describe, and load a model for it; None where there is no model.
    """
    for group in contiguous(order, decision.together, at_most=SONGS_A_RUN if to_describe is None else DESCRIBED_A_RUN):
        for steps, songs in groupby(group, key=lambda song_id: tuple(due[song_id].steps)):
            same = list(songs)
            tags = to_describe if _describes(steps) else None
            at_most = SONGS_A_RUN if tags is None else DESCRIBED_A_RUN
            for first in range(0, len(same), at_most):
                yield _request(same[first : first + at_most], steps, tags)
    for song_id in sorted(decision.alone):
        steps = tuple(due[song_id].steps)
        yield _request([song_id], steps, to_describe if _describes(steps) else None)


def _reports(
    instance: dg.DagsterInstance, order: Sequence[str], fresh: Set[str], policy: "RunSettings"
) -> Iterator[dg.RunRequest]:
    """Ask for reports of songs that are up to date and of which this Dagster home has no record.

    From the start of a process a home is looked at, when nothing else is to be done, until it has them all or the
    attempts on the others are used up.
    """
    asked = _reports_asked.setdefault(instance.root_directory, Counter())
    if asked is None:
        return
    known = set(fresh)
    for step in STEPS:
        known &= instance.get_materialized_partitions(dg.AssetKey(step.name))
    unknown = {song_id for song_id in fresh - known if asked[song_id] < policy.max_attempts}
    if not unknown:
        _reports_asked[instance.root_directory] = None
    asked.update(unknown)
    for group in contiguous(order, unknown, at_most=SONGS_A_RUN):
        yield _request(group, [step.name for step in STEPS], {REPORT_TAG: "true"})


_reports_asked: dict[str, Counter[str] | None] = {}
"""How often a report of each song was asked for, by home; None for a home that has them all."""


def _request(songs: Sequence[str], steps: Sequence[str], more: Mapping[str, str] | None = None) -> dg.RunRequest:
    everything = len(steps) == len(STEPS)
    # Every check judges by the limits of the verdict: with it, all are judged, whatever made it due.
    wanted = [check.spec.key for check in CHECKS if check.asset in steps or _VERDICT in steps]
    digest = hashlib.sha256("\n".join(songs).encode()).hexdigest()[:16]
    tags = {ONLY_DUE_TAG: "true", **(more or {})}
    if len(songs) > 1:
        tags |= {ASSET_PARTITION_RANGE_START_TAG: songs[0], ASSET_PARTITION_RANGE_END_TAG: songs[-1]}
    return dg.RunRequest(
        # Unlike any before: a run that was asked for and died must not swallow the next one.
        run_key=f"{songs[0]}..{songs[-1]}:{digest}:{time.time_ns()}",
        job_name=all_songs.name,
        asset_selection=None if everything else [dg.AssetKey(step) for step in steps],
        asset_check_keys=None if everything else wanted,
        partition_key=songs[0] if len(songs) == 1 else None,
        tags=tags,
    )


def _describes(steps: Sequence[str]) -> bool:
    """Return whether a run of these steps only describes songs that are measured already."""
    return bool(steps) and not parted([STEP_NAMED[step] for step in steps])[0]


def _tell(context: dg.SensorEvaluationContext, decision: "Decision", unlisted: list[str]) -> None:
    for problem in unlisted[:_MOST_SHOWN]:
        context.log.warning(f"not a song: {problem}")
    if len(unlisted) > _MOST_SHOWN:
        context.log.warning(
            f"not songs either: {len(unlisted) - _MOST_SHOWN} more; `flamingo-bark list` names them all"
        )
    for song_id, reason in list(decision.given_up.items())[:_MOST_SHOWN]:
        context.log.warning(f"{song_id}: {reason}")


def _told(songs: int, busy: UnderWay, decision: "Decision", unlisted: list[str]) -> str:
    told = [f"{songs} songs, nothing to ask for"]
    if unlisted:
        more = ["..."] if len(unlisted) > _MOST_SHOWN else []
        told.append(f"{len(unlisted)} ignored as no songs ({'; '.join([*unlisted[:_MOST_SHOWN], *more])})")
    if busy.songs:
        told.append(f"{len(busy.songs)} under way")
    for what, reasons in (("later", decision.later), ("not any more", decision.given_up)):
        shown = [f"{song_id}: {reason}" for song_id, reason in list(reasons.items())[:_MOST_SHOWN]]
        if shown:
            told.append(f"{len(reasons)} {what} ({'; '.join(shown)})")
    return "; ".join(told)
