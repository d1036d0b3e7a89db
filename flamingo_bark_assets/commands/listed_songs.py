"""What `flamingo-bark list` tells of songs, kept so that only songs that have changed are read.

Finding it out belongs here; which songs are shown, and how, stands in `listing`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.commands.words import sidecar_problems
from flamingo_bark_assets.files.kept_rows import is_worth_writing, read_rows, write_rows
from flamingo_bark_assets.library.fingerprint import FilesStamp
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.looks import SONGS_A_TURN, LibraryLooks
from flamingo_bark_assets.provenance.state import Attempt, SongState
from flamingo_bark_assets.settings import Settings

_VERSION = "list 1"


@dataclass(frozen=True, slots=True)
class ListedSong:
    """What is known of one song.

    Attributes:
        song_id: identifier.
        title: None where it is not known.
        artist: None where it is not known.
        stems: kinds of its stems; who made them where they were separated; "none".
        has_stems: whether there is any.
        fit: the verdict; None where there is none, or none that can be read.
        review: unreviewed, accepted or excluded.
        decision: the review in words: of an exclusion by whom and why.
        state: the verdict in words, or why there is none, and what is wrong with song.toml.
        advice: what would make more of it; None where nothing is known.
        warnings: what is left out, one sentence each.
        attempt: the last attempt to run it that did not end well, as its fields; None where there was none.
    """

    song_id: str
    title: str | None
    artist: str | None
    stems: str
    has_stems: bool
    fit: bool | None
    review: str
    decision: str
    state: str
    advice: str | None
    warnings: Sequence[str]
    attempt: Mapping[str, Any] | None


class ListedSongs:
    """What is told of the songs of a library, brought up to date where it is asked for.

    Args:
        paths: the data folder.
        library: all songs of the library; of others nothing is kept.
    """

    def __init__(self, paths: DataPaths, library: Sequence[str]) -> None:
        from flamingo_bark_assets.provenance.summaries import Summaries
        from flamingo_bark_assets.storage.feature_store import FeatureStore

        self._paths = paths
        self._path = paths.root / "state" / "list.json"
        rows = read_rows(self._path, _VERSION)
        self._rows = {song_id: rows[song_id] for song_id in library if song_id in rows}
        self._looks = LibraryLooks(paths)
        summaries = Summaries(paths)
        self._summaries = summaries.current()
        summaries.keep()
        self._tokens = FeatureStore(paths.features).tokens()

    def changed(self, song_ids: Sequence[str]) -> int:
        """Count the songs that have to be read, as they have changed since they were told of."""
        stamps = self._looks.stamps_of(song_ids, in_detail=False)
        return sum(not self._is_known(song_id, stamp) for song_id, stamp in stamps.items())

    def of(self, song_ids: Sequence[str]) -> list[ListedSong]:
        """Return what is told of songs."""
        stamps = self._looks.stamps_of(song_ids, in_detail=len(song_ids) <= SONGS_A_TURN)
        changed = 0
        for song_id, stamp in stamps.items():
            if not self._is_known(song_id, stamp):
                changed += 1
                told = dataclasses.astuple(_listed(self._paths, song_id))
                self._rows[song_id] = [self._key(song_id, stamp), *told]
        if is_worth_writing(len(self._rows), changed):
            write_rows(self._path, _VERSION, self._rows)
        return [ListedSong(*self._rows[song_id][1:]) for song_id in song_ids]

    def _is_known(self, song_id: str, stamp: FilesStamp) -> bool:
        row = self._rows.get(song_id)
        return row is not None and row[0] == self._key(song_id, stamp)

    def _key(self, song_id: str, stamp: FilesStamp) -> str:
        summary = self._summaries.get(song_id)
        return f"{stamp.signature} {summary.mark if summary else ''} {self._tokens.get(song_id)}"

    def given_up(self, songs: Iterable[ListedSong], settings: Settings) -> dict[str, str]:
        """Say of each of the songs that no run is asked for any more, and why."""
        from flamingo_bark_assets.provenance.due import inputs_digest
        from flamingo_bark_assets.provenance.inputs import settings_versions
        from flamingo_bark_assets.provenance.requests import given_up_because, read_asked

        asked, versions = read_asked(self._paths), settings_versions(settings, self._paths)
        found = {}
        for song in songs:
            request = asked.get(song.song_id)
            if song.attempt is None and request is None:
                continue
            (stamp,) = self._looks.stamps_of([song.song_id], in_detail=True).values()
            inputs = inputs_digest(stamp.signature, versions)
            attempt = Attempt(**song.attempt) if song.attempt else None
            reason = given_up_because(
                attempt if attempt and attempt.inputs == inputs else None,
                request if request and request.inputs == inputs else None,
                settings.runs,
            )
            if reason:
                found[song.song_id] = reason
        return found


def _listed(paths: DataPaths, song_id: str) -> ListedSong:
    """Read what is told of a song; one whose results turn out to be damaged is due from then on."""
    from flamingo_bark_assets.audio.song_metadata import SongMetadata
    from flamingo_bark_assets.audio.song_review import read_review
    from flamingo_bark_assets.errors import StorageError, WriteError
    from flamingo_bark_assets.provenance.state import read_state
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.provenance.wholeness import note_damaged
    from flamingo_bark_assets.training.suitability import Verdict

    files, stored = find_song(paths, song_id), read_state(paths, song_id)
    fit: bool | None = None
    advice: str | None = None
    try:
        said = read_stored(paths, song_id, stored, SongMetadata)
        verdict = read_stored(paths, song_id, stored, Verdict)
        title, artist, fit, advice = said.title, said.artist, verdict.suitable, verdict.advice
        state = "fit" if fit else f"unfit: {verdict.reasons}"
    except StorageError as error:
        is_unreadable = error.__cause__ is not None  # else there is none
        told = str(error) if is_unreadable or "bark_dataset" in stored.made else "not run yet"
        if stored.made:
            with suppress(WriteError):
                note_damaged(paths, [song_id])
        title, artist, state = files.info.title, files.info.artist, files.fault or told
    review = read_review(files)
    given = ", ".join("?" if stem.fault else str(stem.kind) for stem in files.stems)
    stems = given or _separated_kinds(paths, song_id, stored)
    stem_faults = (f"song '{song_id}': {stem.fault}" for stem in files.stems if stem.fault)
    return ListedSong(
        song_id,
        title,
        artist,
        stems or "none",
        bool(stems),
        fit,
        "excluded" if review.is_excluded else review.state,
        review.exclusion if review.is_excluded else review.state,
        "; ".join(part for part in (state, files.info_fault) if part),
        advice,
        (*files.info_warnings, *sidecar_problems(files), *stem_faults),
        dataclasses.asdict(stored.attempt) if stored.attempt else None,
    )


def _separated_kinds(paths: DataPaths, song_id: str, state: SongState) -> str:
    """Name the stems that a separator made of a song; empty where there are none."""
    from flamingo_bark_assets.errors import StorageError
    from flamingo_bark_assets.provenance.stored_files import read_stored
    from flamingo_bark_assets.separation.records import SeparatedStems

    try:
        made = read_stored(paths, song_id, state, SeparatedStems).separated_files
    except StorageError:
        made = ()
    return f"separated: {', '.join(file.kind or '?' for file in made)}" if made else ""
