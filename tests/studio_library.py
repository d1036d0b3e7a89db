"""A published library of several songs at the cost of one: its results under other names, with what tests want of them.

Making the library belongs here; the studio over it stands in `studio`, what must hold in the tests.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.model import Claim, ClaimKind
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.splits.assignment import renew_splits, splits_path
from flamingo_bark_assets.splits.records import SPLITS_TABLE
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore, encode_record
from flamingo_bark_assets.storage.warehouse import publish
from flamingo_bark_assets.training.suitability import RuleResult, Verdict
from tests.songs import write_song

HOSTILE = '</script><img src=x onerror="document.title=1">\'"; DROP TABLE clips --'
SOURCE = "one"

R = TypeVar("R", bound=Record)


@dataclasses.dataclass(frozen=True)
class Library:
    """A library that a test may change."""

    paths: DataPaths
    finished: Path

    @property
    def store(self) -> FeatureStore:
        """Its results."""
        return FeatureStore(self.paths.features)

    def add(self, song_id: str, *, licence: str | None = "CC-BY-4.0", title: str | None = None, genre: str = "rock",
            artist: str | None = "Nobody") -> None:  # fmt: skip
        """Add a song with the results of the finished one."""
        source, store = FeatureStore(self.finished / "features"), self.store
        shutil.copytree(self.finished / "songs" / SOURCE, self.paths.songs / song_id)
        stored = source.versions(SOURCE)
        made = [
            source.read(record, SOURCE) for record in RECORDS if record.TABLE in stored
        ]  # some only some songs have
        store.write_all(song_id, {record.TABLE: encode_record(record) for record in made})
        self.change(
            SongMetadata, song_id,
            lambda song: dataclasses.replace(
                song, title=title or f"Song {song_id}", artist=artist, licence=licence, genre_tags=genre
            ),
        )  # fmt: skip
        text = f"Rock music for an evening by the sea, take {song_id}."
        self.change(TrainingClips, song_id, lambda clips: dataclasses.replace(clips, clips=tuple(
            dataclasses.replace(clip, licence=licence, text=text) for clip in clips.clips
        )))  # fmt: skip

    def change(self, record: type[R], song_id: str, changed: Callable[[R], R]) -> None:
        """Change a stored result."""
        self.store.write(changed(self.store.read(record, song_id)))

    def make_unfit(self, song_id: str, rule: str, reason: str) -> None:
        """Let a song fail a rule of the verdict."""
        failed = RuleResult(
            subject="song", rule=rule, value=1.0, threshold=2.0, unit="s", comparison=">=", passed=False, reason=reason
        )
        self.change(Verdict, song_id, lambda verdict: dataclasses.replace(
            verdict, suitable=False, reasons=reason,
            rules=(*(each for each in verdict.rules if (each.subject, each.rule) != ("song", rule)), failed),
        ))  # fmt: skip
        self.change(TrainingClips, song_id, lambda clips: TrainingClips.of_unusable(song_id, reason))

    def say(self, song_id: str, text: str, *claims: Claim, captioner: str = "af2") -> None:
        """Let a model say a caption of the mix that makes claims."""
        answer = Answer(
            part="mix", question="caption", text=text, source="model", captioner=captioner, is_fallback=False,
            model_id="some/model", raw_text=text,
        )  # fmt: skip
        self.change(Captions, song_id, lambda captions: dataclasses.replace(
            captions,
            answers=(answer, *(a for a in captions.answers if (a.part, a.question) != ("mix", "caption"))),
            claims=(*claims, *(c for c in captions.claims if (c.part, c.question) != ("mix", "caption"))),
        ))  # fmt: skip

    def publish(self) -> None:
        """Assign splits and publish."""
        settings = Settings()
        renew_splits(self.paths, settings)
        publish(
            self.store, list_song_ids(self.paths), self.paths.warehouse, RECORDS,
            {SPLITS_TABLE: splits_path(self.paths, by_artist=settings.splits.by_artist)},
        )  # fmt: skip


def disputed(
    text: str, said: str, kind: ClaimKind, claimed: str, measured: str, confidence: float | None, number: int = 0
) -> Claim:
    """A claim of a caption of the mix that the measurements contradict."""
    return Claim(
        part="mix", question="caption", claim=number, kind=kind, said=said, start_char=text.index(said),
        end_char=text.index(said) + len(said), claimed=claimed, measured=measured, measured_number=None, unit=None,
        verdict="conflict", note=None, method="made", confidence=confidence,
    )  # fmt: skip


@functools.cache
def finished_song(folder: Path) -> Path:
    """Make one song of 12 s without stems, once for all tests of a process; give back its data folder."""
    paths = DataPaths(folder / "finished-for-the-studio")
    write_song(paths.songs, SOURCE, duration_s=12.0, stems=False)
    run_all(SongWork(find_song(paths, SOURCE), paths, Settings(), MeasuredCaptioner()))
    return paths.root


def new_library(folder: Path) -> Library:
    """Begin an empty library, to which the finished song is added under other names."""
    paths = DataPaths(folder / "data")
    paths.songs.mkdir(parents=True)
    return Library(paths, finished_song(folder.parent))
