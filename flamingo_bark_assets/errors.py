"""The error hierarchy: what a person may be told, always with the song, the file and the next step.

A fault of the outside world belongs here, with a code that never changes and the next step; a programming error stays
an ordinary exception.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

# What to do about the faults of a disk, which hit any file.
_ADVICE = {
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some space and run it again",
    errno.EROFS: "choose a place that can be written",
}


class FlamingoBarkError(Exception):
    """Base of every error that this package raises on purpose.

    Class attributes:
        code: stands at the end of the command line's message and in the reference; one that was given is never
            changed and never given again.
        remedy: what to do about any error of the class, as the reference tells it.
    """

    code: ClassVar[str] = "FB000"
    remedy: ClassVar[str] = "Do what the message says; it names what it is about."


class ConfigurationError(FlamingoBarkError):
    """A setting, an environment variable or a settings file is wrong."""

    code = "FB101"
    remedy = "Correct the key that the message names; settings.md lists all of them with their ranges."


class LibraryError(FlamingoBarkError):
    """The song library cannot do what was asked (bad identifier, duplicate, missing song)."""

    code = "FB201"
    remedy = "`flamingo-bark list` shows the songs and what is wrong with them; correct the argument, or add the song."


class StorageError(FlamingoBarkError):
    """A stored table is missing or does not have the expected shape."""

    code = "FB301"
    remedy = "Run the song again: `flamingo-bark run SONG`, which also publishes anew."


class UnreadableResult(StorageError):
    """The stored result of a step cannot be read: missing, damaged, or of another shape.

    Attributes:
        step: the step that made it and has to make it again.
    """

    code = "FB302"
    remedy = "Run the song again: `flamingo-bark run SONG`."

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


class WriteError(StorageError, OSError):
    """A file cannot be written: the disk is full or fails, or this user may not write there.

    It is an `OSError` too, so that whoever can do without the file need not know of this class.

    Args:
        message: one line with the file, the reason and the next step.
        code: the system's `errno`; None where it is not known.
        reason: the system's words for it.
    """

    code = "FB303"
    remedy = "Free some space, or let this user write there, and run it again; nothing is left half written."

    def __init__(self, message: str, code: int | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.errno, self.strerror = code, reason

    def __str__(self) -> str:
        return str(self.args[0])


class FileFault(FlamingoBarkError):
    """A file of the user's cannot be used; the message is a clause, before which the caller puts the file's name."""

    code = "FB401"
    remedy = "Give a regular file that this user may read."


class HomeError(FlamingoBarkError):
    """DAGSTER_HOME cannot be used: read-only, full, damaged, or busy."""

    code = "FB501"
    remedy = "Let this user write there, free some space, or set DAGSTER_HOME to another folder."


class ServingError(FlamingoBarkError):
    """The platform cannot be served: its address is taken, or one of its processes ended."""

    code = "FB502"
    remedy = "Choose another --port, or stop what listens there; where a process ended, what it printed says why."


class SharedFolderError(FlamingoBarkError):
    """A machine of a cluster has another data folder than the others, or cannot work in it."""

    code = "FB509"
    remedy = "Mount one shared folder at the same path on every node, writable for this user; docs/many-machines.md."


class AudioFault(FlamingoBarkError):
    """A sound file that cannot be used: a property of the file, not a crash of the platform.

    Attributes:
        path: the file.
        problem: what is wrong, in one clause without a full stop.
        advice: what the user can do about it, in one clause; may be empty.
    """

    code = "FB402"
    remedy = "Convert or export it again, for instance as WAV or FLAC."

    def __init__(self, path: Path, problem: str, advice: str = "") -> None:
        self.path = path
        self.problem = problem
        self.advice = advice
        super().__init__(f"{path.name}: {problem}" + (f"; {advice}" if advice else ""))


class SeparationError(FlamingoBarkError):
    """A separator did not make the stems of a song; the message holds the last lines that it wrote.

    It is that song's fault only: the song goes on without stems, and its row in `separated_stems` says why.
    """

    code = "FB404"
    remedy = (
        "Read the last lines of the separator's output in the message, correct [separation] in settings.toml or the "
        "separator's own environment, and run the song again: `flamingo-bark run SONG`."
    )


def describe_os_error(error: OSError) -> str:
    """Say in one line what the system refused: the file, the system's own words and, for a full disk, what to do."""
    what = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        what = f"{os.fsdecode(error.filename)}: {what}"
    advice = _ADVICE.get(error.errno or 0)
    return f"{what}; {advice}" if advice else what


class ExportError(FlamingoBarkError):
    """An export cannot be made as it was asked for."""

    code = "FB701"
    remedy = "The message says what stands in the way; `--dry-run` shows what would be written."


class ClipRefused(FlamingoBarkError):
    """The sound of a clip cannot be trained on; the clip is left out of the export and named.

    Args:
        rule: short name of what is wrong.
        reason: a sentence.
    """

    code = "FB702"
    remedy = "Nothing need be done: the clip is left out, and `provenance/notes.jsonl` of the export says why."

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


class FinetuningError(FlamingoBarkError):
    """Bark cannot be fine-tuned, or spoken with, as it was asked for."""

    code = "FB801"
    remedy = (
        "The message says what is missing and the command that gets it; `flamingo-bark verify OUT` checks the data."
    )
