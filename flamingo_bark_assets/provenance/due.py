"""Which results of which songs are due, and why: those whose inputs are not what they were made from.

The comparison of library, settings and stored states belongs here; running what is due does not.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.analysis.agreement.choosing import is_chosen
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.changes import Mark
from flamingo_bark_assets.library.fingerprint import (
    FileDigests,
    FilesStamp,
    same_sound_files,
    sha256_of,
    sound_digest,
)
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song, list_song_ids
from flamingo_bark_assets.library.looks import SONGS_A_TURN, LibraryLooks
from flamingo_bark_assets.provenance.inputs import CODE, SettingsVersions, outside_inputs
from flamingo_bark_assets.provenance.state import Attempt, Made, SongState, read_state, song_lock, write_state
from flamingo_bark_assets.provenance.stored_files import StoredSong
from flamingo_bark_assets.provenance.summaries import Summaries, Summary, versions_of
from flamingo_bark_assets.provenance.versions import Versions
from flamingo_bark_assets.provenance.wholeness import Wholeness
from flamingo_bark_assets.steps import SECOND_OPINION, SECOND_OPINION_VERSION, STEP_NAMED, STEPS, Step

NEVER_MADE = "never made"
LOST = "its stored result is lost"


@dataclass(frozen=True, slots=True)
class DueSong:
    """One song some of whose results are due.

    Attributes:
        song_id: the song.
        steps: the steps that are due, in their order, each with the reason.
        inputs: digest of files, settings and code: attempts are counted anew when it changes.
        changed_ns: when its files last changed, ns since the epoch.
        attempt: the last attempts to make what is due of the same inputs; None where there was none.
    """

    song_id: str
    steps: Mapping[str, str]
    inputs: str
    changed_ns: int
    attempt: Attempt | None


class DueSongs:
    """Finds what is due over and over again, and looks again only at what has changed since.

    What another process has found is taken over, so that the first look costs little too.

    Args:
        paths: the data folder.
        in_detail: ask all files of all songs at each look; whoever looks only once waits for no song's turn.
    """

    def __init__(self, paths: DataPaths, *, in_detail: bool = False) -> None:
        self._paths = paths
        self._in_detail = in_detail
        self._looks = LibraryLooks(paths)
        self._summaries = Summaries(paths)
        self._stored = Wholeness(paths)
        self._states: dict[str, tuple[Mark, SongState]] = {}
        self._present: dict[str, tuple[str, FileDigests]] = {}
        self._found: dict[str, tuple[tuple[object, ...], DueSong]] = {}
        self._turn = 0

    def find(self, settings: SettingsVersions, song_ids: list[str] | None = None) -> dict[str, DueSong]:
        """Find the songs of the library some of whose results are due; it is listed where `song_ids` is not given.

        Sound files are read only where their names, sizes or times differ from those that were measured. The due songs
        come by id, sorted.

        Raises:
            LibraryError: the folder of all songs cannot be read.
        """
        song_ids = list_song_ids(self._paths) if song_ids is None else song_ids
        stamps = self._looks.stamps(song_ids, in_detail=self._in_detail)
        summaries = self._summaries.current()
        version = settings_digest(settings)
        has_changed = self._stored.folders_changed()
        tokens = self._stored.tokens() if has_changed else {}
        turn = range(len(song_ids)) if has_changed else self._next_turn(len(song_ids))
        found: dict[str, DueSong] = {}
        for number, song_id in enumerate(song_ids):
            stamp, summary = stamps[song_id], summaries.get(song_id)
            fresh = summary if summary is not None and summary.fresh == f"{stamp.signature} {version}" else None
            if fresh is not None and number not in turn:
                continue
            token = tokens.get(song_id) if has_changed else self._stored.token(song_id)
            if fresh is not None and token == fresh.stored and self._stored.has_files(song_id, fresh.sizes):
                continue
            due = self._look(song_id, stamp, summary, settings, version, anew=number in turn, token=token)
            if due is not None:
                found[song_id] = due
        self._forget(found.keys())
        self._summaries.keep()
        return found

    def versions(self, song_ids: Iterable[str]) -> Versions:
        """Return what each publication would be made from, of each of the songs that has results."""
        return versions_of(song_ids, self._summaries)

    def _next_turn(self, count: int) -> range:
        turn = range(self._turn, self._turn + SONGS_A_TURN)
        self._turn = turn.stop if turn.stop < count else 0
        return turn

    def _forget(self, due: Collection[str]) -> None:
        """Forget what was known of songs that are not due any more."""
        for known in (self._states, self._present, self._found):
            for song_id in known.keys() - due:
                del known[song_id]

    def _look(
        self,
        song_id: str,
        stamp: FilesStamp,
        summary: Summary | None,
        settings: SettingsVersions,
        version: str,
        *,
        anew: bool,
        token: str | None,
    ) -> DueSong | None:
        key = (stamp, summary and summary.mark, version)
        known = self._found.get(song_id)
        if known is not None and known[0] == key and not anew:
            return known[1]
        state = self._state(song_id, summary)
        files = self._files(song_id, stamp, state)
        if summary is not None and files == state.files and stamp.signature != state.signature:
            state = read_state(self._paths, song_id)  # it was stored that its files are the same
        due = due_steps(StoredSong(self._paths, song_id, token), state, files, settings)
        if not due:
            self._summaries.note_fresh(song_id, f"{stamp.signature} {version}")
            return None
        inputs = inputs_digest(stamp.signature, settings)
        attempt = state.attempt if state.attempt and state.attempt.inputs == inputs else None
        found = DueSong(song_id, due, inputs, stamp.changed_ns, attempt)
        self._found[song_id] = (key, found)
        return found

    def _files(self, song_id: str, stamp: FilesStamp, state: SongState) -> FileDigests:
        """Digest a song's files, at most once as long as they do not change; not at all where it was never made."""
        if state.files is None:
            return _NEVER_READ
        known = self._present.get(song_id)
        if known is None or known[0] != stamp.signature:
            known = (stamp.signature, present_files(self._paths, song_id, stamp, state)[0])
            self._present[song_id] = known
        return known[1]

    def _state(self, song_id: str, summary: Summary | None) -> SongState:
        if summary is None:
            return _NO_STATE
        known = self._states.get(song_id)
        if known is None or known[0] != summary.mark:
            known = (summary.mark, read_state(self._paths, song_id))
            self._states[song_id] = known
        return known[1]


_NO_STATE = SongState()
_NEVER_READ = FileDigests("", "")


def present_files(
    paths: DataPaths,
    song_id: str,
    stamp: FilesStamp,
    state: SongState,
    *,
    hashed: Callable[[Path], str] = sha256_of,
) -> tuple[FileDigests, SongState]:
    """Digest the present contents of a song's files, reading no more of them than has to be.

    Where the contents are the stored ones (after a copy, a restore, a touch) the new signature is stored, so that they
    are read once and not at every look.
    """
    if state.files is not None and state.signature == stamp.signature:
        return state.files, state
    files = find_song(paths, song_id)
    present = FileDigests.of_files(files, _sound(files, stamp, state, hashed))
    if present == state.files:
        state = _renewed(paths, song_id, stamp.signature, state)
    return present, state


def _sound(files: SongFiles, stamp: FilesStamp, state: SongState, hashed: Callable[[Path], str]) -> str:
    if state.files is not None and same_sound_files(stamp.signature, state.signature):
        return state.files.sound
    try:
        return sound_digest(files, hashed=hashed)
    except LibraryError:
        return ""  # It went away meanwhile: other than what was measured; the run says what is wrong.


def _renewed(paths: DataPaths, song_id: str, signature: str, state: SongState) -> SongState:
    with song_lock(paths, song_id, wait=False) as held:
        # A run that holds the lock stores a signature of its own.
        if held and read_state(paths, song_id) == state:
            state = dataclasses.replace(state, signature=signature)
            write_state(paths, song_id, state)
    return state


def due_steps(stored: StoredSong, state: SongState, files: FileDigests, settings: SettingsVersions) -> dict[str, str]:
    """Find the steps of one song that are due.

    A step is due where it was never made, its stored result is lost, an input is another one than it was made from, or
    a step that it needs is due. Each step has its reason; they come in their order. A result that was never made makes
    no song due that has all others, where no song needs it and its files say nothing: so nothing of a library is due
    because a step is new.
    """
    due: dict[str, str] = {}
    for step in STEPS:
        if reason := _why_due(stored, step, state, files, settings, due):
            due[step.name] = reason
    is_said = any(files.of(part) for step in STEPS if step.name in due for part in step.files)
    if all(reason == NEVER_MADE and not STEP_NAMED[name].record.EVERY_SONG for name, reason in due.items()):
        return due if is_said else {}
    return due


def _why_due(
    stored: StoredSong,
    step: Step,
    state: SongState,
    files: FileDigests,
    settings: SettingsVersions,
    due: Mapping[str, str],
) -> str | None:
    made = state.made.get(step.name)
    if made is None:
        return NEVER_MADE
    present = step_inputs(step, stored.song_id, state, files, settings, before=made)
    changed = sorted(name for name in present.keys() | made.inputs.keys() if present.get(name) != made.inputs.get(name))
    if CODE in changed:
        return f"made by version {made.inputs.get(CODE)}, now {step.version}"
    if stored.lacks(step, made, state):
        return LOST
    if changed:
        return f"{', '.join(changed)} changed"
    upstream = [need for need in step.needs if need in due]
    return f"needs {', '.join(upstream)}" if upstream else None


def step_inputs(
    step: Step,
    song_id: str,
    state: SongState,
    files: FileDigests,
    settings: SettingsVersions,
    *,
    before: Made | None = None,
) -> dict[str, str]:
    """Return the version of each input of a step, by name; a step that was never made counts as "none".

    A result that is there already, `before`, keeps its second opinion where the song is not chosen any more.
    """
    results = {need: state.made[need].data_version if need in state.made else "none" for need in step.needs}
    return {**outside_inputs(step, files, settings), **_second_opinion(step, song_id, settings, before), **results}


def _second_opinion(step: Step, song_id: str, settings: SettingsVersions, before: Made | None) -> dict[str, str]:
    if not step.second_opinion:
        return {}
    if is_chosen(song_id, settings.second_opinion_share):
        return {SECOND_OPINION: SECOND_OPINION_VERSION}
    had = before.inputs.get(SECOND_OPINION) if before is not None else None
    return {SECOND_OPINION: had} if had is not None else {}


def inputs_digest(signature: str, settings: SettingsVersions) -> str:
    """Digest what attempts on a song are counted by: names, sizes and times of its files, settings and code."""
    return hashlib.sha256(f"[{json.dumps(signature)}, {_outside(settings)}]".encode()).hexdigest()[:16]


def settings_digest(settings: SettingsVersions) -> str:
    """Digest settings and code: with the same, and the same files, a song that was up to date still is."""
    steps = [(step.name, step.needs, step.files, step.record.EVERY_SONG) for step in STEPS]
    return hashlib.sha256(f"{json.dumps(steps)}{_outside(settings)}".encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def _outside(settings: SettingsVersions) -> str:
    versions = [outside_inputs(step, _NEVER_READ, settings) for step in STEPS]
    return json.dumps([versions, settings.second_opinion_share, SECOND_OPINION_VERSION], sort_keys=True)
