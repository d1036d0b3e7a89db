"""Which results of which songs are due, and why: those whose inputs are not what they were made from.

The comparison of library, settings and stored states belongs here; running what is due does not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.fingerprint import (
    FileDigests,
    FilesStamp,
    library_stamps,
    same_sound_files,
    sha256_of,
    sound_digest,
)
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song
from flamingo_bark_assets.provenance.inputs import CODE, SettingsVersions, outside_inputs
from flamingo_bark_assets.provenance.state import (
    Attempt,
    SongState,
    read_state,
    song_lock,
    state_path,
    write_state,
)
from flamingo_bark_assets.provenance.stored_files import StoredSong
from flamingo_bark_assets.steps import STEP_NAMED, STEPS, Step
from flamingo_bark_assets.storage.feature_store import FeatureStore

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
    """Finds what is due over and over again, and looks again only at what has changed since."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._states: dict[str, tuple[tuple[int, int, int], SongState]] = {}
        self._fresh: dict[str, tuple[str, SongState, SettingsVersions]] = {}
        self._present: dict[str, tuple[str, FileDigests]] = {}

    def find(self, settings: SettingsVersions) -> dict[str, DueSong]:
        """Find the songs of the library some of whose results are due.

        Sound files are read only where their names, sizes or times differ from those that were measured. The due songs
        come by id, sorted.

        Raises:
            LibraryError: the folder of all songs cannot be read.
        """
        stamps = library_stamps(self._paths)
        for known in (self._fresh, self._states, self._present):
            for song_id in known.keys() - stamps.keys():
                del known[song_id]
        tokens = FeatureStore(self._paths.features).tokens()
        found = {
            song_id: self._look(StoredSong(self._paths, song_id, tokens.get(song_id)), song_id, stamp, settings)
            for song_id, stamp in stamps.items()
        }
        return {song_id: due for song_id, due in found.items() if due is not None}

    def made_versions(self, song_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the data version of each stored result of the songs, by song and step."""
        states = {song_id: self._state(song_id) for song_id in song_ids}
        return {
            song_id: {step: made.data_version for step, made in state.made.items()} for song_id, state in states.items()
        }

    def _look(self, stored: StoredSong, song_id: str, stamp: FilesStamp, settings: SettingsVersions) -> DueSong | None:
        state = self._state(song_id)
        fresh = self._fresh.get(song_id)
        is_known = fresh is not None and fresh[0] == stamp.signature and fresh[1] is state and fresh[2] == settings
        made = ((s, state.made[s.name]) for s in STEPS if s.name in state.made)
        if is_known and not any(stored.lacks(s, one, state) for s, one in made):
            return None
        files = self._files(song_id, stamp, state)
        state = self._state(song_id)
        due = due_steps(stored, state, files, settings)
        if not due:
            self._fresh[song_id] = (stamp.signature, state, settings)
            return None
        inputs = inputs_digest(stamp.signature, settings)
        attempt = state.attempt if state.attempt and state.attempt.inputs == inputs else None
        return DueSong(song_id, due, inputs, stamp.changed_ns, attempt)

    def _files(self, song_id: str, stamp: FilesStamp, state: SongState) -> FileDigests:
        """Digest a song's files, at most once as long as they do not change; not at all where it was never made."""
        if state.files is None:
            return _NEVER_READ
        known = self._present.get(song_id)
        if known is None or known[0] != stamp.signature:
            known = (stamp.signature, present_files(self._paths, song_id, stamp, state)[0])
            self._present[song_id] = known
        return known[1]

    def _state(self, song_id: str) -> SongState:
        path = state_path(self._paths, song_id)
        try:
            status = os.stat(path)  # noqa: PTH116 - ten thousand songs at each look
        except OSError:
            self._states.pop(song_id, None)
            return _NO_STATE
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._states.get(song_id)
        if known is not None and known[0] == stamp:
            return known[1]
        state = read_state(self._paths, song_id)
        self._states[song_id] = (stamp, state)
        return state


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
    present = step_inputs(step, state, files, settings)
    changed = sorted(name for name in present.keys() | made.inputs.keys() if present.get(name) != made.inputs.get(name))
    if CODE in changed:
        return f"made by version {made.inputs.get(CODE)}, now {step.version}"
    if stored.lacks(step, made, state):
        return LOST
    if changed:
        return f"{', '.join(changed)} changed"
    upstream = [need for need in step.needs if need in due]
    return f"needs {', '.join(upstream)}" if upstream else None


def step_inputs(step: Step, state: SongState, files: FileDigests, settings: SettingsVersions) -> dict[str, str]:
    """Return the version of each input of a step, by name; a step that was never made counts as "none"."""
    results = {need: state.made[need].data_version if need in state.made else "none" for need in step.needs}
    return {**outside_inputs(step, files, settings), **results}


def inputs_digest(signature: str, settings: SettingsVersions) -> str:
    """Digest what attempts on a song are counted by: names, sizes and times of its files, settings and code."""
    versions = [outside_inputs(step, _NEVER_READ, settings) for step in STEPS]
    return hashlib.sha256(json.dumps([signature, versions], sort_keys=True).encode()).hexdigest()[:16]
