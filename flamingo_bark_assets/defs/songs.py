"""The one step that materialises the per-song assets, song by song, so that one bad song spoils no other.

The loop and its failures belong here; what each asset computes stands in `pipeline`, its events in `reporting`.
"""

import dataclasses
import functools
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from flamingo_bark_assets.defs.checks import CHECKS
from flamingo_bark_assets.defs.names import SECOND_OPINION_TAG, SONGS
from flamingo_bark_assets.defs.partitions import songs_partitions
from flamingo_bark_assets.defs.plan import Plan, parted, plan_of
from flamingo_bark_assets.defs.pools import CAPTIONING_POOL, SONGS_POOL, place_in
from flamingo_bark_assets.defs.reporting import (
    Event,
    EventPointer,
    Outcomes,
    as_events,
    as_output,
    check_evaluation,
    provenance_tags,
)
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.settings_sources import observe_settings
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.errors import UnreadableResult
from flamingo_bark_assets.steps import SECOND_OPINION, STEP_NAMED, STEPS, Step

if TYPE_CHECKING:
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.audio.signal import Sound
    from flamingo_bark_assets.defs.metadata import Metadata
    from flamingo_bark_assets.evidence import Evidence
    from flamingo_bark_assets.parts import Part
    from flamingo_bark_assets.pipeline import SongWork
    from flamingo_bark_assets.provenance.inputs import SettingsVersions
    from flamingo_bark_assets.provenance.ledger import Ledger
    from flamingo_bark_assets.record import Record

SONGS_A_RUN = 50  # a run costs 3 CPU-s before its first song; kill one and what it made stays made
DESCRIBED_A_RUN = 500  # a captioning model takes seconds to minutes to load

_Failures = dict[str, str]


@dg.multi_asset(
    name="song",
    specs=list(SONG_ASSETS.values()),
    check_specs=[check.spec for check in CHECKS],
    partitions_def=songs_partitions,
    backfill_policy=dg.BackfillPolicy.multi_run(SONGS_A_RUN),
    can_subset=True,
    # Without a limit of that name in Dagster it limits nothing.
    pool=SONGS_POOL,
)
def song(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Any]:
    """Materialise the selected assets for each song of the run.

    A fault of a song is data: its assets are materialised with nulls and the reason. An exception is a crash:
    that asset and what needs it stay unmaterialised for that song, every other song goes on, and the run fails
    at its end with the list. A song that another process works on waits until the others are done, and is not made
    twice. Checks that are chosen without their assets judge the stored results again.
    """
    run = _Run(context, platform)
    failed: dict[str, _Failures] = {}
    if run.steps:
        if not run.sets_inference:
            observe_settings(context.instance, run.settings)
        yield from run.make_songs(failed)
    if run.lone_checks:
        yield from run.judge_songs(failed)
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {len(run.song_ids)} songs failed: "
            + "; ".join(f"{song_id}: {_first(errors)}" for song_id, errors in list(failed.items())[:20]),
            metadata={"failed": dg.MetadataValue.json(failed)},
            allow_retries=False,
        )


@dataclass
class _Song:
    """One song while its assets are made: its work, its state, and what failed."""

    work: "SongWork"
    ledger: "Ledger"
    stored: frozenset[str]
    pointer: EventPointer
    outdated: set[str]
    failed: _Failures = field(default_factory=dict)
    unreported: "list[_Made]" = field(default_factory=list)


@dataclass(frozen=True)
class _Made:
    """A result that is to be stored and reported."""

    step: Step
    is_new: bool
    metadata: "Metadata"
    checks: Outcomes
    versions: Mapping[str, str]


class _Run:
    """One run over songs: what was asked for, and how it is made and reported."""

    def __init__(self, context: dg.AssetExecutionContext, platform: Platform) -> None:
        self.context = context
        self.platform = platform
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        self.steps: list[Step] = [step for step in STEPS if step.name in selected]
        self.checks = [check for check in CHECKS if check.spec.key in context.selected_asset_check_keys]
        self.lone_checks = [check for check in self.checks if check.asset not in selected]
        self.song_ids = self._song_ids()
        # Later steps of a run wait for outputs; an output marks every song of the run, and costs twice an event.
        self.by_output = len(self.song_ids) == 1 and len(context.job_def.nodes) > 1

    def _song_ids(self) -> Sequence[str]:
        if self.context.has_partition_key or self.context.has_partition_key_range:
            keys: Sequence[str] = self.context.partition_keys  # asked once: each time costs a query a song
            return keys
        if self.steps:
            raise dg.Failure("no song was chosen: run it for one partition or a range of them", allow_retries=False)
        songs: Sequence[str] = self.context.instance.get_dynamic_partitions(SONGS)
        return songs

    @cached_property
    def settings(self) -> "SettingsVersions":
        """The versions of the settings in force in this run when it began."""
        from flamingo_bark_assets.provenance.inputs import settings_versions

        versions = settings_versions(self.platform.settings, self.platform.paths)
        asks_all = self.context.run.tags.get(SECOND_OPINION_TAG) == "true"
        return dataclasses.replace(versions, second_opinion_share=1.0) if asks_all else versions

    @cached_property
    def sets_inference(self) -> bool:
        """Whether the run's own configuration says which captioning models run, which holds for this run only."""
        config: Any = self.context.run.run_config
        for name in ("resources", "platform", "config", "inference"):
            config = config.get(name) or {}
        return bool(config)

    @cached_property
    def plan(self) -> Plan:
        """How the run treats the steps it was asked for."""
        return plan_of(self.context.instance, self.context.run)

    def make_songs(self, failed: dict[str, _Failures]) -> Iterator[Event]:
        """Make the selected assets of each song; note failures."""
        before, rest = parted(self.steps)
        to_describe = [song_id for song_id in self.song_ids if rest and self._is_to_make(song_id, rest)]
        if to_describe and self.platform.has_captioning_model:
            # All is measured before a model is waited for, and the questions of all songs can be asked together.
            yield from self._make_all(before, failed)
            yield from self._describe_all([one for one in to_describe if one not in failed], rest[:1], failed)
            yield from self._make_all(rest[1:], failed)
        else:
            yield from self._make_all(self.steps, failed)
        self._clean_up()

    def _describe_all(
        self, to_describe: Sequence[str], steps: Sequence[Step], failed: dict[str, _Failures]
    ) -> Iterator[Event]:
        """Make the captions of all songs, while there is a place for a model: as many runs have one as there are GPUs.

        A model is loaded only where songs are to be described at all.
        """
        captioner, context = self.platform.captioner, self.context
        if not to_describe:
            yield from self._make_all(steps, failed)
            return
        with place_in(CAPTIONING_POOL, context.instance, context.run.run_id, "captions of songs", context.log.info):
            try:
                captioner.expect(len(to_describe), context.log.info)
                if len(to_describe) > 1 and captioner.answers_ahead:
                    captioner.answer_ahead(self._evidence_and_sound(to_describe))
                yield from self._make_all(steps, failed)
            finally:
                captioner.release()  # before the place goes to another run

    def _is_to_make(self, song_id: str, steps: Sequence[Step]) -> bool:
        """Whether the first of these steps is to be made of a song; one that cannot be opened tells when it is made."""
        if not self._folder(song_id).exists():
            return False
        try:
            left_alone, stored = self._skipped(self._opened(song_id)[1], steps)
        except Exception:  # its own reason is told with the song
            return False
        return steps[0].name not in left_alone | stored

    def _make_all(self, steps: Sequence[Step], failed: dict[str, _Failures]) -> Iterator[Event]:
        busy = []
        # A song that could not even be opened has failed with all that is left of it.
        for song_id in [one for one in self.song_ids if steps and "song" not in failed.get(one, {})]:
            held = yield from self._guarded(song_id, steps, failed, wait=False)
            if not held:
                busy.append(song_id)
        for song_id in busy:
            self.context.log.info(f"{song_id}: another run works on it; waiting for that")
            yield from self._guarded(song_id, steps, failed, wait=True)

    def _evidence_and_sound(self, song_ids: Sequence[str]) -> "Iterator[tuple[Evidence, Callable[[Part], Sound]]]":
        """Give the measurements and sound of each song, read when they are asked for.

        What is wrong with a song is told when it is described.
        """
        for song_id in song_ids:
            try:
                work = self._opened(song_id)[0]
                yield work.evidence(), work.audio
            except Exception as error:  # the same will stop this song alone
                self.context.log.warning(f"{song_id}: it is asked about later: {error}")

    def _clean_up(self) -> None:
        """Remove what was made of songs that were removed meanwhile."""
        from flamingo_bark_assets.library.orphans import remove_orphans

        if any(not self._folder(song_id).exists() for song_id in self.song_ids):
            cleanup = remove_orphans(self.platform.paths)
            self.context.log.info(f"songs that are gone, and what was made of them: {', '.join(cleanup.songs)}")

    def _folder(self, song_id: str) -> Path:
        return self.platform.paths.songs / song_id

    def _guarded(
        self, song_id: str, steps: Sequence[Step], failed: dict[str, _Failures], *, wait: bool
    ) -> Generator[Event, None, bool]:
        """Make one song under its lock, whatever may happen, and note failures; False where it is locked elsewhere."""
        from flamingo_bark_assets.provenance.state import song_lock

        failures: _Failures = {}
        try:
            with song_lock(self.platform.paths, song_id, wait=wait) as held:
                if held:
                    failures = yield from self._make(song_id, steps, failed.get(song_id, {}))
        except Exception as error:  # one song's folder or state must not stop the others
            held, failures = True, {"song": self._told(song_id, "song", error)}
        if failures:
            failed[song_id] = failures
        return held

    def _make(
        self, song_id: str, chosen: Sequence[Step], failures: Mapping[str, str]
    ) -> Generator[Event, None, _Failures]:
        """Make steps of one song of which some may have failed already; return all failures."""
        from flamingo_bark_assets.library.layout import may_be_mounted

        if not self._folder(song_id).exists():
            if not may_be_mounted(self.platform.paths):
                return {"song": f"{self.platform.paths.songs} holds no song at all; its disk may not be mounted"}
            yield from self._report_gone(song_id, chosen)
            return {}
        work, ledger = self._opened(song_id)
        left_alone, stored = self._skipped(ledger, chosen)
        steps = [step for step in chosen if step.name not in left_alone]
        if not steps:
            return dict(failures)
        self._warn_of_due_inputs(song_id, ledger, steps)
        outdated = set(ledger.due()) - {step.name for step in steps}
        state = _Song(work, ledger, stored, EventPointer(self.context.instance), outdated, dict(failures))
        ledger.begin([step.name for step in steps if step.name not in stored])
        work.save_together()
        try:
            for group in parted(steps):  # a model may take minutes, and its process may be killed
                for step in group:
                    self._make_step(state, step)
                yield from self._store_and_report(state)
        except BaseException:  # cancelled: what was reported stays made; what was not is due, or nobody would report it
            for made in state.unreported:
                ledger.lost(made.step.name)
            ledger.end(interrupted=True)
            raise
        if not ledger.end():
            self.context.log.warning(
                f"{song_id}: another run worked on it at the same time, and no lock kept them apart; it is made again"
            )
        return state.failed

    def _opened(self, song_id: str) -> "tuple[SongWork, Ledger]":
        """Open a song and what is known of its results."""
        from flamingo_bark_assets.library.fingerprint import folder_signature
        from flamingo_bark_assets.pipeline import CORRECTED_PARTS
        from flamingo_bark_assets.provenance.ledger import Ledger

        signature = folder_signature(self._folder(song_id))  # before any file is read: a later change is noticed
        work = self.platform.open_song(song_id)
        ledger = Ledger(
            self.platform.paths, work.files, signature, self.settings, self.context.run.run_id, hashed=work.sha256
        )
        work.versions, work.damage, work.tell = ledger.code_versions, ledger.damage, self.context.log.info
        work.holds_measured = lambda: ledger.holds_but_for("song_features", CORRECTED_PARTS)
        work.second_opinion_share = self.settings.second_opinion_share
        # What is asked for by hand is measured again.
        work.lacks_only_opinion = lambda: (
            self.plan.only_due and ledger.holds_but_for("song_features", (SECOND_OPINION,))
        )
        return work, ledger

    def _skipped(self, ledger: "Ledger", steps: Sequence[Step]) -> tuple[frozenset[str], frozenset[str]]:
        """Return the steps that are left alone, and those of which only the stored result is reported."""
        names = [step.name for step in steps]
        left_alone = self.plan.left_alone(ledger, names)
        stored = self.plan.stored_already(ledger, names)
        if self.by_output:  # what no output is reported of, Dagster skips with all that stands behind it
            return frozenset(), stored | (left_alone & ledger.made_before.keys())
        return left_alone, stored

    def _warn_of_due_inputs(self, song_id: str, ledger: "Ledger", steps: Sequence[Step]) -> None:
        """Say which inputs that are not made in this run are not up to date."""
        due, names = ledger.due(), {step.name for step in steps}
        for need in {need for step in steps for need in step.needs if need in due and need not in names}:
            self.context.log.warning(f"{song_id}: {need} is not up to date and is used all the same: {due[need]}")

    def _make_step(self, state: _Song, step: Step) -> None:
        """Make one step of one song, or note its failure in `state`."""
        from flamingo_bark_assets.defs.metadata import describe_result

        if any(need in state.failed for need in step.needs):
            state.failed[step.name] = "an asset that it needs failed"
            state.ledger.failed(step.name, state.failed[step.name])
            return
        try:
            result, is_new = self._result(state, step)
            metadata = describe_result(state.work, result)
            checks = [(check, check.evaluate(state.work)) for check in self.checks if check.asset == step.name]
            versions = {name: self._version(state, name) for name in (step.name, *step.needs)}
            if is_new and not state.outdated & set(step.needs):
                state.ledger.made(step.name, versions[step.name])
            elif is_new:
                state.outdated.add(step.name)  # made from what is not up to date, so it is due still
        except Exception as error:  # a crash of one song's asset is reported at the end of the run
            if isinstance(error, UnreadableResult):
                state.ledger.lost(error.step)
            self._failed(state, step, error)
            return
        state.unreported.append(_Made(step, is_new, metadata, checks, versions))

    def _failed(self, state: _Song, step: Step, error: Exception) -> None:
        state.failed[step.name] = self._told(state.work.song_id, step.name, error)
        state.ledger.failed(step.name, state.failed[step.name])

    def _store_and_report(self, state: _Song) -> Iterator[Event]:
        """Store what was made of a song in one step and report it, as outputs or as events."""
        try:
            state.work.save()
        except Exception as error:
            for made in state.unreported:
                state.ledger.lost(made.step.name)
                self._failed(state, made.step, error)
            state.unreported.clear()
        while state.unreported:
            made = state.unreported[0]
            tags = provenance_tags(state.pointer, made.step, made.versions, self.settings)
            if self.by_output:
                yield as_output(made.step, made.metadata, tags, made.checks)
                state.pointer.reported(made.step.name)
            else:
                instance, song_id = self.context.instance, state.work.song_id
                yield from as_events(instance, state.pointer, made.step, song_id, made.metadata, tags, made.checks)
            state.unreported.pop(0)

    def _result(self, state: _Song, step: Step) -> "tuple[Record, bool]":
        """Make the result of a step, or take the stored one where it is up to date; tell whether it is new."""
        from flamingo_bark_assets.pipeline import alike_for, run_step

        if step.name in state.stored or (self.plan.only_due and state.ledger.kept(step.name)):
            return state.work.result(step.record), False
        before = self._stored_before(state, step)
        result = run_step(step, state.work)
        if before is not None:
            state.ledger.alike(step.name, alike_for(before, result))
        return result, True

    def _stored_before(self, state: _Song, step: Step) -> "SongFeatures | None":
        """Return the stored measurements of the mix that are about to be made anew, where they can be compared."""
        from flamingo_bark_assets.analysis.features.song import SongFeatures
        from flamingo_bark_assets.errors import StorageError

        if step.record is not SongFeatures or not self.plan.only_due or not state.ledger.is_whole(step.name):
            return None
        try:
            return state.work.store.read(SongFeatures, state.work.song_id)
        except StorageError:
            return None

    def _version(self, state: _Song, name: str) -> str:
        """Return the version of a result that the ledger knows, or else of the stored one."""
        known = state.ledger.data_version(name)
        return known or state.work.data_version(state.work.result(STEP_NAMED[name].record))

    def _report_gone(self, song_id: str, steps: Sequence[Step]) -> Iterator[Event]:
        """Report a song whose folder was removed while it waited: nothing is made, and its run does not fail."""
        self.context.log.warning(f"{song_id}: its folder is gone; nothing is made of it")
        if self.by_output:
            return
        for step in steps:
            gone = {"unusable": "the song's folder is gone"}
            yield dg.AssetMaterialization(step.name, partition=song_id, metadata=gone)

    def judge_songs(self, failed: dict[str, _Failures]) -> Iterator[dg.AssetCheckEvaluation]:
        """Judge the stored results of each song again by the checks that were chosen without their assets."""
        from flamingo_bark_assets.errors import StorageError
        from flamingo_bark_assets.provenance.state import read_state
        from flamingo_bark_assets.provenance.stored_files import known_damage

        for song_id in self.song_ids:
            work = self.platform.open_song(song_id)
            state = read_state(self.platform.paths, song_id)
            work.damage = functools.partial(known_damage, self.platform.paths, song_id, state)
            for check in self.lone_checks:
                try:
                    outcome = check.evaluate(work)
                except StorageError as error:
                    self.context.log.warning(f"{song_id}: {check.name} is not evaluated: {error}")
                    continue
                except Exception as error:
                    failed.setdefault(song_id, {})[check.name] = self._told(song_id, check.name, error)
                    continue
                yield check_evaluation(self.context.instance, check, song_id, outcome)

    def _told(self, song_id: str, asset: str, error: Exception) -> str:
        self.context.log.error(f"{song_id}: {asset} failed\n{traceback.format_exc()}")
        return f"{type(error).__name__}: {error}"


def _first(errors: Mapping[str, str]) -> str:
    return next(f"{asset}: {error}" for asset, error in errors.items())
