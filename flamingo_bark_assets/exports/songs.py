"""The songs of an export, read one at a time from the feature store: which go in, and what renders their clips.

Choosing and loading belong here; what is written of them does not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.audio.song_review import ACCEPTED, read_review
from flamingo_bark_assets.captioning.edits import HUMAN
from flamingo_bark_assets.clips.records import Clip, TrainingClips
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.custom_tag import custom_tag_of
from flamingo_bark_assets.errors import ClipRefused, ExportError, LibraryError, StorageError
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Note, Renderer, Target
from flamingo_bark_assets.exports.rights import normal_licence, why_not_commercial
from flamingo_bark_assets.exports.run import SongHead
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.provenance.due import DueSongs
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.separation.kept import separated_names, with_separated
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.splits.assignment import read_splits, renew_splits
from flamingo_bark_assets.splits.records import SongSplit
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.tokens.catalogue import configured_models

MEASURED = "measured"
"""Who wrote a text in which no captioning model has a word."""


def chosen_options(
    paths: DataPaths,
    settings: Settings,
    folder: Path,
    *,
    view: str | None,
    commercial: bool,
    accepted_only: bool,
    by_artist: bool,
    custom_tag: str,
) -> ExportOptions:
    """Return what the user chose for an export into `folder`, completed from the settings.

    A custom tag of its own goes before each text; without one, that of the settings goes where they say.
    """
    prompts = settings.prompts
    return ExportOptions(
        commercial=commercial, view=view, by_artist=by_artist, custom_tag=custom_tag or prompts.custom_tag,
        folder=str(folder.absolute()), tokens=configured_models(settings, paths),
        tag_position="prepend" if custom_tag else prompts.custom_tag_position, accepted_only=accepted_only,
    )  # fmt: skip


class StoredSongs:
    """A `SongSource` over the library.

    Args:
        paths: the data folder.
        settings: what the user set.
        target: whose views are asked for.
        options: what the user chose.

    Raises:
        ExportError: the settings have no view of a name that is asked for.
    """

    def __init__(self, paths: DataPaths, settings: Settings, target: Target, options: ExportOptions) -> None:
        self._paths = paths
        self._settings = settings
        self._options = options
        self._target = target
        self._store = FeatureStore(paths.features)
        self._views = frozenset(views_of(target, options, settings))
        self._refused: list[Note] = []
        self._also_allowed = frozenset(map(normal_licence, settings.exports.commercial_licences))

    def settle_splits(self) -> None:
        """Store the splits of songs that have none yet, so that later songs move nobody.

        Raises:
            StorageError: the stored assignments cannot be read.
            WriteError: they cannot be written.
        """
        renew_splits(self._paths, self._settings)

    @cached_property
    def _splits(self) -> Mapping[str, SongSplit]:
        return read_splits(self._paths, self._settings, by_artist=self._options.by_artist)

    @cached_property
    def _heads(self) -> tuple[SongHead, ...]:
        self._refused = [
            Note(song_id, "", "due", f"{song_id}: what is stored of it is due: {', '.join(due.steps)}; run it first")
            for song_id, due in DueSongs(self._paths, in_detail=True)
            .find(settings_versions(self._settings, self._paths))
            .items()
        ]
        heads = []
        for song_id in list_song_ids(self._paths):
            try:
                heads.append(self._head(song_id))
            except ClipRefused as refusal:
                self._refused.append(Note(song_id, "", refusal.rule, f"{song_id}: left out: {refusal}"))
            except (StorageError, LibraryError) as error:
                self._refused.append(Note(song_id, "", "left_out", f"{song_id}: left out: {error}"))
        return tuple(heads)

    def heads(self) -> Sequence[SongHead]:
        """Return the songs that go in: fit, not excluded, with clips of the views, allowed by their licence."""
        return self._heads

    def refused(self) -> Sequence[Note]:
        """Return a note for each song that stays out or is due, and for each clip that a song goes in without."""
        _ = self._heads
        return tuple(self._refused)

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """Load one song.

        Raises:
            StorageError: what is stored of it cannot be read.
            ClipRefused: it may not go in.
        """
        song = self._song(song_id)
        stems = self._store.read(StemSet, song_id)
        files = with_separated(find_song(self._paths, song_id), self._paths, separated_names(stems))
        return song, SongRenderer(files, stems, self._settings.clips)

    def _head(self, song_id: str) -> SongHead:
        # As song.toml says now, and not when the song was run last: what a person has excluded goes nowhere.
        review = read_review(find_song(self._paths, song_id))
        if review.is_excluded:
            raise ClipRefused("excluded", review.exclusion)
        if self._options.accepted_only and review.state != ACCEPTED:
            raise ClipRefused("unreviewed", "nobody has accepted it, and only accepted songs are asked for")
        song = self._song(song_id)
        self._refused += self._unsold(song_id)
        if review.repeats > 1 and not self._target.REPEATS_SONGS:
            told = f"{song_id}: it shall be met {review.repeats} times, which this layout cannot say"
            self._refused.append(Note(song_id, "", "repeats_untold", told))
        return SongHead(song_id, song.split, song.digest, review.repeats)

    def _unsold(self, song_id: str) -> list[Note]:
        """Give a note for each clip of a song that goes in without it, as the licence of its separator's model says."""
        if not self._options.commercial:
            return []
        clips = self._store.read(TrainingClips, song_id).clips
        left_out = [clip for clip in clips if clip.view in self._views and not self._may_be_sold(clip)]
        return [
            Note(
                song_id, clip.clip, "separator_licence",
                f"{song_id}, {clip.clip}: left out: a model separated its stems: "
                f"{why_not_commercial(clip.separator_licence, self._also_allowed)}",
            )
            for clip in left_out
        ]  # fmt: skip

    def _song(self, song_id: str) -> ExportSong:
        made = self._store.read(TrainingClips, song_id)
        metadata = self._store.read(SongMetadata, song_id)
        raw = self._store.read(RawSong, song_id)
        lyrics = self._store.read(SongLyrics, song_id)
        if made.unusable is not None:
            raise ClipRefused("unfit", made.unusable)
        split = self._splits.get(song_id)
        if split is None:
            raise ClipRefused("no_split", "it has no split yet; run it first")
        if self._options.commercial and (why := why_not_commercial(metadata.licence, self._also_allowed)):
            raise ClipRefused("licence", why)
        clips = tuple(
            self._allowed(clip) for clip in made.clips if clip.view in self._views and self._may_be_sold(clip)
        )
        if not clips:
            raise ClipRefused("no_clips", f"it has no clip of the views {', '.join(sorted(self._views))}")
        song = ExportSong(
            song_id=song_id,
            title=metadata.title,
            artist=metadata.artist,
            genres=tuple(metadata.genre_tags.split("; ")) if metadata.genre_tags else (),
            licence=metadata.licence,
            attribution=metadata.attribution,
            duration_s=raw.duration_s.value or 0.0,
            split=split.split,
            group=split.group,
            clips=clips,
            digest="",
            lyrics="\n".join(line.text for line in lyrics.sure_lines) or None,
            custom_tag=custom_tag_of(metadata.custom_tag, metadata.custom_tag_position, "", self._options.tag_position),
        )
        return dataclasses.replace(song, digest=_digest(song))

    def _may_be_sold(self, clip: Clip) -> bool:
        """Tell whether the licence of the model that separated a clip allows what is asked for, where one did."""
        if not self._options.commercial or clip.separator is None:
            return True
        return why_not_commercial(clip.separator_licence, self._also_allowed) is None

    def _allowed(self, clip: Clip) -> Clip:
        """Return a clip with measured words only, where the captioning model's licence does not allow its own.

        The licence of a server's model may not be stated; then nothing says that it allows it.
        """
        if not self._options.commercial:
            return clip
        if clip.captioner_licence is None and {MEASURED, HUMAN}.issuperset(clip.captioner.split(", ")):
            return clip
        if why_not_commercial(clip.captioner_licence, self._also_allowed) is None:
            return clip
        return dataclasses.replace(
            clip, text=clip.measured_text, captioner=MEASURED, captioner_licence=None, is_fallback=True
        )


def views_of(target: Target, options: ExportOptions, settings: Settings) -> tuple[str, ...]:
    """Return the views of clips that an export takes.

    Raises:
        ExportError: the settings have no view of such a name, or the layout takes none but its own.
    """
    if options.view and not target.TAKES_VIEW:
        raise ExportError(f"{target.NAME} takes clips of {' and '.join(target.VIEWS)} only; leave --view away")
    views = (options.view, *target.VIEWS[1:]) if options.view else target.VIEWS
    known = [view.name for view in settings.clips.views]
    if unknown := [view for view in views if view not in known]:
        raise ExportError(
            f"no view is named {', '.join(unknown)}; there are {', '.join(known)}, and `[[clips.views]]` in "
            "settings.toml adds one"
        )
    return views


def _digest(song: ExportSong) -> str:
    values = dataclasses.asdict(song)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
