"""The Python API without Dagster: a song and its stems in, its dataset files out.

The two async services and their results belong here; the work is done by `pipeline`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from flamingo_bark_assets.captioning.interface import Captioner, Captions, Identity
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.files.atomic import (
    delete_tree,
    remove_leftovers,
    sync_folder,
    temporary_path,
    write_bytes,
)
from flamingo_bark_assets.files.exchange import exchange_folders
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.importing import add_song
from flamingo_bark_assets.library.known_mixes import refuse_duplicate
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.library.sound_names import has_audio_suffix
from flamingo_bark_assets.lyrics.transcription import Transcriber
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.training.dataset_models import BarkDataset
from flamingo_bark_assets.training.files import dataset_files
from flamingo_bark_assets.training.publishing import publish_manifest
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
        self.transcriber = Transcriber(self.settings.lyrics, self.settings.inference, self.answers_folder)
        self._captioner: Captioner | None = None

    async def initialize_model(self) -> Identity:
        """Make the captioner ready and say who it is; `is_fallback` is true where no captioning model runs."""
        if self._captioner is None:
            settings = self.settings
            self._captioner = ModelCaptioner(
                settings.inference, settings.prompts, self.answers_folder, settings.tagging
            )
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

        `stems_dir` is a folder with the stem files, if there are any.

        Raises:
            LibraryError: a file is missing. One that cannot be decoded is no error: its records say so.
        """
        await self.initialize_model()
        with tempfile.TemporaryDirectory() as folder:
            song = _Song(audio_path, stems_dir, _song_id(audio_path), SongInfo())
            work = await asyncio.to_thread(_run, song, DataPaths(Path(folder)), self.settings, self)
            return ContentAnalysis(work.evidence(), work.result(Captions))


@dataclass(frozen=True, slots=True)
class _Song:
    """What is to be analysed."""

    audio_path: Path
    stems_dir: Path | None
    song_id: str
    info: SongInfo


class AnalysisService:
    """The whole way from files to a dataset, outside Dagster."""

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
        found in `output_dir`. All that belongs to a song stands in its folder ``songs/<id>`` below it: the sound files,
        hard-linked or copied, so that the folder can be moved as a whole, the tables of measurements in
        ``features``, and the three files, to which the names in `output_dir` are symbolic links (copies where
        there can be none).

        A second call for the same identifier replaces the first, as a whole: the new result is made beside the old
        one, and the two change places in one step when it is complete. An error or a kill before that leaves the old
        one as it was; the manifest over all songs follows.

        Args:
            audio_path: the full mix.
            stems_dir: folder with the stem files; None where there are none.
            output_dir: where to write; made if it does not exist.
            audio_file_id: identifier, a slug; default: made from the file name.
            info: title, artist, licence and so on; default: from the file's own tags.

        Raises:
            LibraryError: the identifier is not a slug, a file is missing, or another song of the folder has the same
                mix. A file that cannot be decoded is no error: its verdict says so.
        """
        await self.flamingo.initialize_model()
        song = _Song(audio_path, stems_dir, audio_file_id or _song_id(audio_path), info or SongInfo())
        return await asyncio.to_thread(self._export, song, DataPaths(output_dir, datasets_folder="."))

    def _export(self, song: _Song, paths: DataPaths) -> ExportResult:
        refuse_duplicate(paths, song.audio_path, set(list_song_ids(paths)) - {song.song_id})
        with _beside(paths) as staging:
            work = _run(song, staging, self.settings, self.flamingo)
            with FileLock(paths.root / ".export.lock"):
                _put_in_place(song.song_id, staging, paths)
                manifest = publish_manifest(paths)
        files = dataset_files(paths, song.song_id)
        return ExportResult(
            song_id=song.song_id,
            dataset=BarkDataset.model_validate_json(files.dataset.read_bytes()),
            dataset_path=files.dataset,
            instructions_path=files.instructions,
            manifest_entry_path=files.entry,
            manifest_path=manifest.path,
            verdict=work.result(Verdict),
            captioner=self.flamingo.captioner.identity,
        )


def _song_id(audio_path: Path) -> str:
    return make_song_id(audio_path.stem, fallback=f"song-{sha256_of(audio_path)[:8]}")


def _run(song: _Song, paths: DataPaths, settings: Settings, flamingo: AudioFlamingoService) -> SongWork:
    """Store the song in an empty data folder and run every step for it."""
    stems_dir = song.stems_dir if song.stems_dir and _holds_stems(song.stems_dir) else None
    files = add_song(paths, song.audio_path, stems_dir=stems_dir, song_id=song.song_id, info=song.info, link=True)
    work = SongWork(files, paths, settings, flamingo.captioner, flamingo.transcriber)
    run_all(work)
    return work


def _holds_stems(folder: Path) -> bool:
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder of stems")
    try:
        return any(has_audio_suffix(path.name) for path in folder.iterdir())
    except OSError as error:
        raise LibraryError(f"{folder}: the folder of stems cannot be read: {error.strerror}") from error


@contextmanager
def _beside(paths: DataPaths) -> Iterator[DataPaths]:
    """Give a data folder of the same kind that is hidden in this one and deleted at the end."""
    remove_leftovers(paths.root, recursive=False)
    staging = temporary_path(paths.root)
    try:
        yield DataPaths(staging, paths.datasets_folder)
    finally:
        delete_tree(staging)


def _put_in_place(song_id: str, staging: DataPaths, paths: DataPaths) -> None:
    """Replace the earlier song, if there is one, with the complete one in `staging`, in one step."""
    new, current = staging.songs / song_id, paths.songs / song_id
    for made in [path for path in staging.root.iterdir() if path != staging.songs and not path.name.startswith(".")]:
        made.rename(new / made.name)
    sync_folder(new)
    paths.songs.mkdir(parents=True, exist_ok=True)
    files: tuple[Path, ...] = dataclasses.astuple(dataset_files(paths, song_id))
    links = [file for file in files if _link(file, current / file.name)]
    if current.is_dir():
        exchange_folders(new, current)
    else:
        new.rename(current)
    sync_folder(paths.songs)
    for file in files:
        if file not in links:
            write_bytes(file, (current / file.name).read_bytes())


def _link(link: Path, target: Path) -> bool:
    """Make `link` a relative link to `target`, which need not exist; False where the file system has no links.

    A file of that name, which an earlier version has written, is first put at `target`, so that its contents stay.
    """
    relative = target.relative_to(link.parent)
    if link.is_symlink() and link.readlink() == relative:
        return True
    if link.is_file() and target.parent.is_dir() and not target.exists():
        write_bytes(target, link.read_bytes())
    temporary = temporary_path(link.parent)
    try:
        temporary.symlink_to(relative)
    except OSError:
        return False
    temporary.replace(link)
    return True


analysis_service = AnalysisService()
