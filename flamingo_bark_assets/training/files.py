"""Writing the files of a song's dataset, and where they and the manifest over all songs stand.

Order and places of the files belong here; their contents are made in `dataset`, `instructions` and `manifest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.files.atomic import write_bytes, write_text
from flamingo_bark_assets.library.layout import DataPaths, SongFiles
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.training.dataset import build_dataset, dataset_file_name, render_dataset
from flamingo_bark_assets.training.instructions import instructions_file_name, write_instructions
from flamingo_bark_assets.training.manifest import MANIFEST_FILE_NAME, entry_file_name, manifest_entry, render_entry
from flamingo_bark_assets.training.suitability import Verdict


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """The files written for one song."""

    dataset: Path
    instructions: Path
    entry: Path


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
