"""One song while a run works on it: what is due, what was made, and the state that is stored at the end.

The bookkeeping around the steps belongs here; the steps themselves stand in `pipeline`, their events in `defs`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from flamingo_bark_assets.library.fingerprint import FilesStamp, sha256_of
from flamingo_bark_assets.library.layout import DataPaths, SongFiles
from flamingo_bark_assets.provenance.due import due_steps, inputs_digest, present_files, step_inputs
from flamingo_bark_assets.provenance.inputs import CODE, SettingsVersions
from flamingo_bark_assets.provenance.state import Attempt, Made, read_state, write_state
from flamingo_bark_assets.provenance.stored_files import StoredSong, digest, size_bytes
from flamingo_bark_assets.steps import STEP_NAMED


class Ledger:
    """The state of one song during a run; the song's lock must be held as long as it is used.

    A kill at any moment leaves the steps that were to be made unmade in the stored state, so they are due again. The
    state is written twice a song, before the first step and after the last, and not at each step. `files` were found
    after the lock was taken, `signature` was taken before.
    """

    def __init__(
        self,
        paths: DataPaths,
        files: SongFiles,
        signature: str,
        settings: SettingsVersions,
        run_id: str,
        *,
        hashed: Callable[[Path], str] = sha256_of,
    ) -> None:
        self._paths = paths
        self._song_id = files.song_id
        self._settings = settings
        self._run_id = run_id
        self._signature = signature
        stored = read_state(paths, files.song_id)
        stamp = FilesStamp(self._signature, 0)
        self.files, self._state = present_files(paths, files.song_id, stamp, stored, hashed=hashed)
        self._before: Mapping[str, Made] = self._state.made
        self._stored = StoredSong(paths, files.song_id)  # as it was before this run
        self._errors: dict[str, str] = {}
        self._alike: dict[str, tuple[str, frozenset[str]]] = {}
        self._begun = self._state
        self._touched: frozenset[str] = frozenset()

    @property
    def made_before(self) -> Mapping[str, Made]:
        """What was stored before this run, by step."""
        return self._before

    @property
    def code_versions(self) -> dict[str, str]:
        """The code version that made each result that was stored before this run, by step."""
        return {name: made.inputs.get(CODE, "") for name, made in self._before.items()}

    def due(self) -> dict[str, str]:
        """Return the due steps, each with the reason."""
        now = StoredSong(self._paths, self._song_id)
        return due_steps(now, self._state, self.files, self._settings)

    def begin(self, steps: Collection[str]) -> None:
        """Store that steps are about to be made: until the end they count as never made.

        Raises:
            OSError: the state cannot be written.
        """
        inputs = inputs_digest(self._signature, self._settings)
        before = self._state.attempt
        # A run that measures all of its songs before it asks a model begins several times with each.
        is_new = before is None or before.run_id != self._run_id
        count = before.count + is_new if before is not None and before.inputs == inputs else 1
        self._state = dataclasses.replace(
            self._state,
            signature=self._signature,
            files=self.files,
            made=self._state.without(steps),
            attempt=Attempt(inputs, count, time.time(), self._run_id),
        )
        write_state(self._paths, self._song_id, self._state)
        self._begun, self._touched = self._state, frozenset(steps)

    def kept(self, step: str) -> bool:
        """Take over the stored result of a step that was to be made, where none of its inputs turned out to change."""
        spec, made = STEP_NAMED[step], self._before.get(step)
        if made is None or self._stored.lacks(spec, made, self._state):
            return False
        inputs = step_inputs(spec, self._song_id, self._state, self.files, self._settings, before=made)
        alike = {
            need: inputs[need]
            for need, (before, readers) in self._alike.items()
            if step in readers and made.inputs.get(need) == before
        }
        if inputs != {**made.inputs, **alike}:
            return False
        self._state = dataclasses.replace(
            self._state, made={**self._state.made, step: dataclasses.replace(made, inputs=inputs)}
        )
        return True

    def holds_but_for(self, step: str, parts: Collection[str]) -> bool:
        """Tell whether the result that is stored of a step is whole and was made from what is there now.

        Of the inputs that are named (parts of the files, a second opinion) it had none; whether there are now does not
        count.
        """
        spec, made = STEP_NAMED[step], self._before.get(step)
        if made is None or not self.is_whole(step):
            return False
        inputs = step_inputs(spec, self._song_id, self._state, self.files, self._settings, before=made)
        return made.inputs == {name: version for name, version in inputs.items() if name not in parts}

    def is_whole(self, step: str) -> bool:
        """Tell whether the result of a step that was stored before this run still is what was written."""
        made = self._before.get(step)
        return made is not None and self._stored.damage(STEP_NAMED[step], made) is None

    def alike(self, step: str, readers: Collection[str]) -> None:
        """Note that a new result of a step gives these readers what the one before gave them: they need not be made."""
        if step in self._before:
            self._alike[step] = (self._before[step].data_version, frozenset(readers))

    def made(self, step: str, data_version: str) -> None:
        """Note that a step's result is made, and stored before the state is.

        Raises:
            LibraryError: a file that was written beside it is lost.
        """
        spec = STEP_NAMED[step]
        size = size_bytes(self._paths, spec, self._song_id) or 0
        contents = digest(self._paths, spec, self._song_id)
        inputs = step_inputs(spec, self._song_id, self._state, self.files, self._settings)
        made = Made(inputs, data_version, time.time(), self._run_id, size, contents)
        self._state = dataclasses.replace(self._state, made={**self._state.made, step: made})

    def damage(self, step: str) -> str | None:
        """Say what is wrong with a stored result that is about to be read; None where nothing is known to be."""
        made = self._state.made.get(step)
        return self._stored.damage(STEP_NAMED[step], made) if made is not None else None

    def lost(self, step: str) -> None:
        """Note that the result of a step cannot be read, or was not stored, so that it is due."""
        self._state = dataclasses.replace(self._state, made=self._state.without([step]))

    def failed(self, step: str, error: str) -> None:
        """Note that a step could not be made."""
        self._errors[step] = error

    def end(self, *, interrupted: bool = False) -> bool:
        """Store what was made; where a step failed, also why; where the run was interrupted, that the attempt counts.

        Locks may not reach another machine. If somebody else has stored a state since this work began, files of both
        may stand side by side: what was made here counts as never made, whoever stores last, and is made again.

        Returns:
            Whether this was the only one at work on the song.

        Raises:
            OSError: the state cannot be written.
        """
        if (stored := read_state(self._paths, self._song_id)) != self._begun:
            # Without its attempt, by which the other knows its own beginning: it must not count what it made either.
            self._state = dataclasses.replace(stored, made=stored.without(self._touched), attempt=None)
            write_state(self._paths, self._song_id, self._state)
            return False
        attempt = self._state.attempt
        if self._errors and attempt is not None:
            error = "; ".join(f"{step}: {message}" for step, message in self._errors.items())
            attempt = dataclasses.replace(attempt, error=error)
        elif not interrupted:
            attempt = None
        token = StoredSong(self._paths, self._song_id).token_of(self._state)
        self._state = dataclasses.replace(self._state, attempt=attempt, stored=token)
        write_state(self._paths, self._song_id, self._state)
        return True

    def data_version(self, step: str) -> str | None:
        """Return the version of a stored result; None where there is none."""
        made = self._state.made.get(step)
        return made.data_version if made is not None else None
