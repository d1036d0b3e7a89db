"""A library of any number of songs that the product itself has stored, in a small part of the time of measuring them.

Making it belongs here; what is measured of it stands in `growth`.

A few songs of full length are measured. Their results, each number a little another one, are stored under the ids of
all songs by the feature store, the dataset writer and the ledger of the product. The sound files are of a few bytes, so
that a library of a hundred thousand songs fits on a disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.fingerprint import folder_signature
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.provenance.ledger import Ledger
from flamingo_bark_assets.record import Measurement, Record, Row, columns_of, events_of, rows_of
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_OF_RECORD, STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.training.files import write_dataset_files
from flamingo_bark_assets.training.suitability import Verdict
from tests.songs import write_song

TEMPLATES = 6
SPREAD = 0.02
_SOUND_BYTES = 64
_STEMS = ("drums", "bass", "vocals", "other")
_FRAMES = 5000  # a table of more rows is one of frames, whose times are the same in all songs
_NUMBER = re.compile(r"\d+")
_SHORTEST_TEXT = 24  # shorter ones are words of a vocabulary
_MOST_DECIMALS = 6


def song_name(number: int) -> str:
    """Return the id of a song."""
    return f"song-{number:06}"


def measure_templates(folder: Path, seconds: float) -> None:
    """Measure the songs that all others are made from."""
    paths = DataPaths(folder)
    for seed in range(TEMPLATES):
        song_id = song_name(seed)
        write_song(paths.songs, song_id, duration_s=seconds, seed=seed)
        run_all(SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner()))


def make_songs(templates: Path, data: Path, numbers: Sequence[int], version: int = 0) -> None:
    """Store songs; another version of a song has other values."""
    os.fsync = lambda fd: None  # what is made here need not survive a failure of power
    source, paths = DataPaths(templates), DataPaths(data)
    templates_of = [_read_templates(source, seed) for seed in range(TEMPLATES)]
    for number in numbers:
        _make_song(paths, number, templates_of[number % TEMPLATES], np.random.default_rng((number, version)))


@dataclass(frozen=True)
class _Column:
    """One column of a long table of a template; its numbers, NaN where there is none, are varied."""

    values: list[Any]
    numbers: np.ndarray | None
    decimals: int


@dataclass(frozen=True)
class _Template:
    """One result of a measured song."""

    record: Record
    tables: dict[str, tuple[type[Row], dict[str, _Column]]]


def _read_templates(paths: DataPaths, seed: int) -> list[_Template]:
    store = FeatureStore(paths.features)
    return [_template(store.read(step.record, song_name(seed))) for step in STEPS]


def _template(record: Record) -> _Template:
    tables = {}
    for name, row_class in events_of(type(record)).items():
        rows: tuple[Row, ...] = getattr(record, name)
        columns = {}
        for spec in columns_of(row_class):
            values = [getattr(row, spec.name) for row in rows]
            is_grid = spec.name.endswith("_s") and len(rows) > _FRAMES
            varies = spec.type is float and spec.name not in row_class.KEY and not is_grid and any(values)
            numbers = np.array([np.nan if value is None else value for value in values], float) if varies else None
            columns[spec.name] = _Column(values, numbers, _decimals(numbers))
        tables[name] = (row_class, columns)
    return _Template(record, tables)


def _decimals(numbers: np.ndarray | None) -> int:
    """Return to how many decimals numbers were rounded."""
    if numbers is None:
        return _MOST_DECIMALS
    known = numbers[np.isfinite(numbers)]
    fit = (digits for digits in range(_MOST_DECIMALS) if np.array_equal(np.round(known, digits), known))
    return next(fit, _MOST_DECIMALS)


def _varied(template: _Template, song_id: str, rng: np.random.Generator) -> Record:
    """Return a result whose numbers differ by a few hundredths, each column by its own share, and are as precise.

    So a song is as hard to compress as the measured one, and no song repeats what stands in another.
    """
    record = template.record
    changes: dict[str, Any] = {"song_id": song_id}
    for spec in columns_of(type(record)):
        value = getattr(record, spec.name)
        if isinstance(value, Measurement) and isinstance(value.value, float):
            changes[spec.name] = dataclasses.replace(value, value=value.value * rng.uniform(1 - SPREAD, 1.0))
        elif isinstance(value, str) and spec.name not in {"song_id", "unusable"}:
            changes[spec.name] = _reworded(value, rng)
    for name, (row_class, columns) in template.tables.items():
        stretch = rng.uniform(1 - SPREAD, 1.0)
        varied = {each: _varied_column(column, each, stretch, rng) for each, column in columns.items()}
        changes[name] = rows_of(row_class, **varied)
    return dataclasses.replace(record, **changes)


def _varied_column(column: _Column, name: str, stretch: float, rng: np.random.Generator) -> list[Any]:
    if column.numbers is None:
        return [_reworded(value, rng) if isinstance(value, str) else value for value in column.values]
    share = stretch if name.endswith("_s") else rng.uniform(1 - SPREAD, 1.0)
    varied: list[Any] = np.round(column.numbers * share, column.decimals).tolist()
    return [None if value is None else new for value, new in zip(column.values, varied, strict=True)]


def _reworded(text: str, rng: np.random.Generator) -> str:
    """Put other numbers of as many digits into a sentence."""
    if len(text) < _SHORTEST_TEXT:
        return text
    return _NUMBER.sub(lambda m: m[0][:1] + "".join(str(d) for d in rng.integers(0, 10, len(m[0]) - 1)), text)


def _make_song(paths: DataPaths, number: int, templates: Sequence[_Template], rng: np.random.Generator) -> None:
    song_id = song_name(number)
    sums = _write_sound(paths, song_id, rng)
    settings = Settings()
    signature = folder_signature(paths.songs / song_id)
    work = SongWork(find_song(paths, song_id), paths, settings, MeasuredCaptioner())
    versions = settings_versions(settings, paths)
    ledger = Ledger(paths, work.files, signature, versions, "growth", hashed=work.sha256)
    ledger.begin([step.name for step in STEPS])
    records = [_known(_varied(template, song_id, rng), number, sums, work) for template in templates]
    work.save_together()
    for record in records:
        work.keep(record)
    work.save()
    _write_dataset(work, records, settings)
    for record in records:
        ledger.made(STEP_OF_RECORD[type(record)].name, work.data_version(record))
    ledger.end()


def _write_sound(paths: DataPaths, song_id: str, rng: np.random.Generator) -> dict[str, str]:
    """Write a song's files, of a few bytes each; return the SHA-256 of each by its name."""
    folder = paths.songs / song_id
    (folder / "stems").mkdir(parents=True, exist_ok=True)
    sums = {}
    for path in (folder / "song.wav", *(folder / "stems" / f"{stem}.wav" for stem in _STEMS)):
        sound = rng.bytes(_SOUND_BYTES)
        path.write_bytes(sound)
        sums[path.name] = hashlib.sha256(sound).hexdigest()
    number = song_id.rpartition("-")[2]
    said = f'title = "Title {number}"\nartist = "Artist {number[:-1]}"\nlicence = "CC0-1.0"\n'
    (folder / "song.toml").write_text(said)
    return sums


def _known(record: Record, number: int, sums: dict[str, str], work: SongWork) -> Record:
    """Put into a result what follows from the song's own files."""
    if isinstance(record, RawSong):
        return dataclasses.replace(
            record, fingerprint=work.fingerprint, file_name="song.wav", size_bytes=_SOUND_BYTES,
            content_sha256=sums["song.wav"],
        )  # fmt: skip
    if isinstance(record, StemSet):
        stems = tuple(dataclasses.replace(stem, content_sha256=sums[stem.file_name]) for stem in record.stems)
        return dataclasses.replace(record, stems=stems)
    if isinstance(record, SongMetadata):
        return dataclasses.replace(
            record, title=f"Title {number:06}", artist=f"Artist {number // 10:05}", licence="CC0-1.0"
        )
    if isinstance(record, Verdict):
        return dataclasses.replace(record, suitable=True, reasons="")
    return record


def _write_dataset(work: SongWork, records: Sequence[Record], settings: Settings) -> None:
    by_class = {type(record): record for record in records}
    evidence: Evidence = work.evidence()

    def one(cls: type) -> Any:
        return by_class[cls]

    write_dataset_files(
        work.files, evidence, one(SongLyrics), one(Captions), one(TrainingPrompts), one(Verdict), settings, work.paths
    )


def files_under(folder: Path) -> Iterator[os.stat_result]:
    """Give the status of every file in a folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(parent, name))  # noqa: PTH118
