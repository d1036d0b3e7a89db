"""Writing the files of a song's dataset, and the manifest over all songs.

Order and places of the files belong here; their contents are made in `dataset`, `instructions` and `manifest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.audio.song_review import stored_reviews
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.files.atomic import write_bytes, write_text
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, list_song_ids
from flamingo_bark_assets.library.orphans import Cleanup, remove_orphans
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.training.dataset import build_dataset, dataset_file_name, render_dataset
from flamingo_bark_assets.training.instructions import instructions_file_name, write_instructions
from flamingo_bark_assets.training.manifest import (
    MANIFEST_FILE_NAME,
    ManifestEntry,
    entry_file_name,
    manifest_entry,
    read_entry,
    render_entry,
    verify_manifest,
    write_manifest,
)
from flamingo_bark_assets.training.suitability import Verdict


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """The files written for one song."""

    dataset: Path
    instructions: Path
    entry: Path


@dataclass(frozen=True, slots=True)
class PublishedManifest:
    """What the manifest holds.

    Attributes:
        path: the JSON lines.
        songs: number of suitable songs in it.
        unfit: number of songs whose verdict keeps them out.
        excluded: songs that a person keeps out, fit or not, with who did and why.
        left_out: songs without a readable entry, with the reason.
        problems: files of the manifest that are missing or changed.
        cleanup: what was removed first.
    """

    path: Path
    songs: int
    unfit: int
    excluded: tuple[str, ...]
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    cleanup: Cleanup


def dataset_files(paths: DataPaths, song_id: str) -> DatasetFiles:
    """Return where the files of a song's dataset stand."""
    return DatasetFiles(
        dataset=paths.datasets / dataset_file_name(song_id),
        instructions=paths.datasets / instructions_file_name(song_id),
        entry=paths.datasets / entry_file_name(song_id),
    )


def manifest_path(paths: DataPaths) -> Path:
    """Return where the manifest over all songs stands."""
    return paths.datasets / MANIFEST_FILE_NAME


def write_dataset_files(
    files: SongFiles,
    evidence: Evidence,
    lyrics: SongLyrics,
    captions: Captions,
    prompts: TrainingPrompts,
    verdict: Verdict,
    settings: Settings,
    paths: DataPaths,
) -> DatasetFiles:
    """Write dataset, instructions and, last, the manifest entry, which holds the checksums of the others.

    Raises:
        StorageError: a file cannot be read, or lies outside the data folder.
        WriteError: a file cannot be written.
    """
    written = dataset_files(paths, evidence.song_id)
    dataset = build_dataset(evidence, lyrics, captions, prompts, verdict, settings)
    write_bytes(written.dataset, render_dataset(dataset))
    write_text(written.instructions, write_instructions(evidence, lyrics, captions, prompts, verdict))
    entry = manifest_entry(evidence, captions, prompts, verdict, files=files, paths=paths)
    write_bytes(written.entry, render_entry(entry))
    return written


def publish_manifest(paths: DataPaths) -> PublishedManifest:
    """Write the manifest over all suitable songs of the library that nobody excludes, and check the files it names.

    What kills have left half done and what was made of songs that are gone is removed first. An entry that is
    missing or cannot be read leaves its song out and is named; it stops no other.

    Raises:
        WriteError: the manifest cannot be written; the old one stays.
    """
    cleanup = remove_orphans(paths)
    entries: list[ManifestEntry] = []
    excluded: list[str] = []
    left_out: list[str] = []
    tables = LibraryTables(FeatureStore(paths.features), paths.warehouse)
    for song_id, review in stored_reviews(tables, list_song_ids(paths)).items():
        if review.is_excluded:
            excluded.append(f"{song_id}: {review.exclusion}")
            continue
        try:
            entry = read_entry(dataset_files(paths, song_id).entry)
            entries.append(entry.model_copy(update={"repeats": review.repeats}))
        except StorageError as error:
            left_out.append(f"{song_id}: {error}")
    path = manifest_path(paths)
    write_manifest(entries, path)
    fit = sum(entry.suitable for entry in entries)
    problems = tuple(problem.message for problem in verify_manifest(path, paths.root))
    return PublishedManifest(path, fit, len(entries) - fit, tuple(excluded), tuple(left_out), problems, cleanup)
