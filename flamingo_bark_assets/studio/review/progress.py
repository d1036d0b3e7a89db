"""How far a song is: what of it is due, being made or failed, and which song a person looks at next.

Looking at one song cheaply, again and again, belongs here; what is due of a whole library stands in `provenance.due`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.fingerprint import FilesStamp, stat_signature
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song, list_song_ids
from flamingo_bark_assets.provenance.due import NEVER_MADE, due_steps, present_files
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.provenance.state import SongState, read_state, state_path
from flamingo_bark_assets.provenance.stored_files import StoredSong
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.studio.review.words import SongWords, read_words

REVIEWED = frozenset({"accepted", "excluded"})


def tell_progress(paths: DataPaths, files: SongFiles, settings: Settings) -> dict[str, Any]:
    """Return what of a song is due and why, how its last attempt went, and a version that changes with any of it."""
    state = read_state(paths, files.song_id)
    signature = stat_signature(files)
    attempt = state.attempt
    return {
        "version": _version(paths, files.song_id, signature),
        "due": [{"step": step, "reason": reason} for step, reason in _due(paths, files, settings, state, signature)],
        "attempt": None if attempt is None else {
            "count": attempt.count, "at": _time(attempt.at_s), "run_id": attempt.run_id, "error": attempt.error
        },
        "made_at": _time(max(made.at_s for made in state.made.values())) if state.made else None,
    }  # fmt: skip


def _due(
    paths: DataPaths, files: SongFiles, settings: Settings, state: SongState, signature: str
) -> list[tuple[str, str]]:
    if state.files is None:
        return [(step.name, NEVER_MADE) for step in STEPS]
    present, state = present_files(paths, files.song_id, FilesStamp(signature, 0), state)
    due = due_steps(StoredSong(paths, files.song_id), state, present, settings_versions(settings, paths))
    return list(due.items())


def _version(paths: DataPaths, song_id: str, signature: str) -> str:
    try:
        status = os.stat(state_path(paths, song_id))  # noqa: PTH116 - asked every few seconds
        state = f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
    except OSError:
        state = ""
    return hashlib.sha256(f"{signature} {state}".encode()).hexdigest()[:16]


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Review:
    """What a person decided about a song; all None where nobody has."""

    state: str | None = None
    by: str | None = None
    at: str | None = None
    reason: str | None = None


def review_of(words: SongWords) -> Review:
    """Return what song.toml says of a review; a state that is none counts as nothing said."""
    said = words.at(("review",))
    if not isinstance(said, dict) or said.get("state") not in REVIEWED:
        return Review()
    told = {key: str(said[key]) for key in ("by", "at", "reason") if said.get(key) is not None}
    return Review(state=str(said["state"]), **told)


class ReviewOrder:
    """Finds the song before or behind another one, in the library's order; each song.toml is read once."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._known: dict[str, tuple[tuple[int, int, int] | None, str | None]] = {}

    def neighbours(self, song_id: str) -> tuple[str | None, str | None]:
        """Return the songs before and behind a song."""
        ids = list_song_ids(self._paths)
        before = [each for each in ids if each < song_id]
        behind = [each for each in ids if each > song_id]
        return (before[-1] if before else None, behind[0] if behind else None)

    def next(self, after: str | None, state: str | None = "unreviewed") -> str | None:
        """Return the next song in a state, from the beginning again behind the last; None where there is no other.

        Args:
            after: the song to begin behind; None for the first.
            state: unreviewed, accepted or excluded; None for any.
        """
        ids = list_song_ids(self._paths)
        behind = [each for each in ids if after is None or each > after]
        ordered = [*behind, *(each for each in ids if each not in set(behind) and each != after)]
        return next((each for each in ordered if state is None or self.state(each) == state), None)

    def state(self, song_id: str) -> str:
        """Return unreviewed, accepted or excluded."""
        stamp = _stamp(self._paths.songs / song_id / "song.toml")
        known = self._known.get(song_id)
        if known is None or known[0] != stamp:
            state = None
            if stamp is not None:
                try:
                    state = review_of(read_words(find_song(self._paths, song_id))).state
                except LibraryError:
                    state = None
            known = self._known[song_id] = (stamp, state)
        return known[1] or "unreviewed"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
