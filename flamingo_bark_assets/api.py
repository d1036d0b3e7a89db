"""The Python API without Dagster: a song and its stems in, its dataset files out.

The two async services and their results belong here; the work is done by `pipeline`.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.captioning.interface import Captioner, Captions, Evidence, Identity
from flamingo_bark_assets.captioning.listener import ListeningCaptioner
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.importing import add_song, remove_song
from flamingo_bark_assets.library.layout import (
    DataPaths,
    SongFiles,
    find_song,
    has_audio_suffix,
    list_song_ids,
)
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.training.dataset_models import BarkDataset
from flamingo_bark_assets.training.files import dataset_files, publish_manifest
from flamingo_bark_assets.training.suitability import Verdict


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What `analyze_and_export_bark_dataset` made.

    Attributes:
        song_id: identifier of the song.
        dataset: the dataset as it stands in `dataset_path`.
        dataset_path: ``bark_training_dataset_<id>.json``.
        instructions_path: ``training_instructions_<id>.md``.
        manifest_entry_path: ``manifest_entry_<id>.json``.
        manifest_path: ``training_manifest.jsonl`` over all suitable songs of the output folder.
        verdict: whether the song and its stems are fit for training, with every rule.
        captioner: who described the song.
    """

    song_id: str
    dataset: BarkDataset
    dataset_path: Path
    instructions_path: Path
    manifest_entry_path: Path
    manifest_path: Path
    verdict: Verdict
    captioner: Identity


@dataclass(frozen=True, slots=True)
class ContentAnalysis:
    """What `analyze_audio_content` found: the measurements and the words about them."""

    evidence: Evidence
    captions: Captions


class AudioFlamingoService:
    """Describes a song: by a model where one can be had, else from measurements, and then says so.

    Args:
        settings: the chain of models and how they are asked.
        answers_folder: where answers are kept, so that nothing is asked twice; default: in the user's cache.
    """

    def __init__(self, settings: Settings | None = None, answers_folder: Path | None = None) -> None:
        self.settings = settings or Settings()
        self.answers_folder = answers_folder or Path.home() / ".cache" / "flamingo-bark" / "answers"
        self._captioner: Captioner | None = None

    async def initialize_model(self) -> Identity:
        """Make the captioner ready and say who it is; `is_fallback` is true where no model listens."""
        if self._captioner is None:
            self._captioner = ListeningCaptioner(self.settings.listening, self.settings.prompts, self.answers_folder)
        return await asyncio.to_thread(lambda: self.captioner.identity)

    @property
    def captioner(self) -> Captioner:
        """The captioner that `initialize_model` made.

        Raises:
            RuntimeError: it was not called yet.
        """
        if self._captioner is None:
            raise RuntimeError("call initialize_model() first")
        return self._captioner

    async def analyze_audio_content(self, audio_path: Path, *, stems_dir: Path | None = None) -> ContentAnalysis:
        """Measure and describe a song, and keep no file.

        Args:
            audio_path: the full mix.
            stems_dir: folder with the stem files; None where there are none.

        Raises:
            LibraryError: a file is missing. One that cannot be decoded is no error: its records say so.
        """
        with tempfile.TemporaryDirectory() as folder:
            service = AnalysisService(self.settings, self)
            work = await service.analyze(audio_path=audio_path, stems_dir=stems_dir, output_dir=Path(folder))
            return ContentAnalysis(work.evidence(), work.result(Captions))


class AnalysisService:
    """The whole way from files to a dataset, outside Dagster.

    Args:
        settings: thresholds, weights and budgets.
        flamingo: who describes the songs; made on first use.
    """

    def __init__(self, settings: Settings | None = None, flamingo: AudioFlamingoService | None = None) -> None:
        self.settings = settings or Settings()
        self.flamingo = flamingo or AudioFlamingoService(self.settings)

    async def analyze_and_export_bark_dataset(
        self,
        *,
        audio_path: Path,
        stems_dir: Path | None = None,
        output_dir: Path,
        audio_file_id: str | None = None,
        info: SongInfo | None = None,
    ) -> ExportResult:
        """Analyse a song with its stems and export its Bark training data.

        The dataset JSON, the instructions, the manifest entry and the manifest over all songs of the folder are
        written to `output_dir`; the sound files that the manifest names are hard-linked or copied below it, so
        that the folder can be moved as a whole. A second call for the same identifier replaces the first.

        Args:
            audio_path: the full mix.
            stems_dir: folder with the stem files; None where there are none.
            output_dir: where to write; made if it does not exist.
            audio_file_id: identifier, a slug; default: made from the file name.
            info: title, artist, licence and so on; default: from the file's own tags.

        Raises:
            LibraryError: the identifier is not a slug or a file is missing. A file that cannot be decoded is no
                error: its verdict says so.
        """
        work = await self.analyze(
            audio_path=audio_path,
            stems_dir=stems_dir,
            output_dir=output_dir,
            audio_file_id=audio_file_id,
            info=info,
        )
        files = dataset_files(work.paths, work.song_id)
        manifest = publish_manifest(work.paths)
        return ExportResult(
            song_id=work.song_id,
            dataset=BarkDataset.model_validate_json(files.dataset.read_bytes()),
            dataset_path=files.dataset,
            instructions_path=files.instructions,
            manifest_entry_path=files.entry,
            manifest_path=manifest.path,
            verdict=work.result(Verdict),
            captioner=self.flamingo.captioner.identity,
        )

    async def analyze(
        self,
        *,
        audio_path: Path,
        stems_dir: Path | None,
        output_dir: Path,
        audio_file_id: str | None = None,
        info: SongInfo | None = None,
    ) -> SongWork:
        """Run every step for one song in a worker thread and give its results."""
        await self.flamingo.initialize_model()
        return await asyncio.to_thread(
            self._analyze, audio_path, stems_dir, output_dir, audio_file_id, info or SongInfo()
        )

    def _analyze(
        self, audio_path: Path, stems_dir: Path | None, output_dir: Path, song_id: str | None, info: SongInfo
    ) -> SongWork:
        paths = DataPaths(output_dir, datasets_folder=".")
        files = _registered(paths, audio_path, stems_dir, song_id, info)
        work = SongWork(files, paths, self.settings, self.flamingo.captioner)
        run_all(work)
        return work


def _registered(
    paths: DataPaths, audio_path: Path, stems_dir: Path | None, song_id: str | None, info: SongInfo
) -> SongFiles:
    """The song below the output folder; an earlier one of the same identifier is replaced."""
    chosen = song_id or make_song_id(audio_path.stem, fallback=f"song-{sha256_of(audio_path)[:8]}")
    if chosen in list_song_ids(paths):
        remove_song(paths, chosen)
    if stems_dir is not None and not stems_dir.is_dir():
        raise LibraryError(f"{stems_dir}: no such folder of stems")
    has_stems = stems_dir is not None and any(has_audio_suffix(path.name) for path in stems_dir.iterdir())
    add_song(paths, audio_path, stems_dir=stems_dir if has_stems else None, song_id=chosen, info=info, link=True)
    return find_song(paths, chosen)


analysis_service = AnalysisService()
