"""The error hierarchy: what a person may be told, always with the song, the file and the next step.

A fault of the outside world belongs here; a programming error stays an ordinary exception.
"""

from __future__ import annotations

from pathlib import Path


class FlamingoBarkError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(FlamingoBarkError):
    """A setting, an environment variable or a settings file is wrong."""


class LibraryError(FlamingoBarkError):
    """The song library cannot do what was asked (bad identifier, duplicate, missing song)."""


class StorageError(FlamingoBarkError):
    """A stored table is missing or does not have the expected shape."""


class HomeError(FlamingoBarkError):
    """DAGSTER_HOME cannot be used: read-only, full, damaged, or busy."""


class ServingError(FlamingoBarkError):
    """The platform cannot be served: its address is taken, or one of its processes ended."""


class AudioFault(FlamingoBarkError):
    """A sound file that cannot be used: a property of the file, not a crash of the platform.

    Attributes:
        path: the file.
        problem: what is wrong, in one clause without a full stop.
        advice: what the user can do about it, in one clause; may be empty.
    """

    def __init__(self, path: Path, problem: str, advice: str = "") -> None:
        self.path = path
        self.problem = problem
        self.advice = advice
        super().__init__(f"{path.name}: {problem}" + (f"; {advice}" if advice else ""))
