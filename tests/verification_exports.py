"""Small clean exports of every layout, for planting faults into: made once, and linked for each fault.

Making, copying and editing belong here; which faults there are stands in `verification_faults`.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.targets.bark import Bark
from flamingo_bark_assets.exports.targets.bark_voice_prompts import BarkVoicePrompts
from tests.export_songs import SPLIT_OF, MadeSource, made_clip, made_song
from tests.token_models import one_torch_thread, save_token_models

ALL_TARGETS = {**TARGETS, **{target.NAME: target for target in (Bark(), BarkVoicePrompts())}}
SONGS = 5
KEYS = ("F# minor", "C major", "Bb major", "E minor", "G major")
TEMPOS = (100.0, 118.0, 92.0, 131.0, 76.0)
SOURCES = {
    "semantic": ("mix", "vocals"), "coarse": ("mix", "vocals"), "30s": ("mix", "drums", "vocals"),
    "full": ("mix", "instrumental"),
}  # fmt: skip
LENGTHS = {"semantic": 9.6, "coarse": 5.12, "30s": 24.0, "full": 12.0}
SILENT_DRUMS = "bass+vocals+harmonic"
"""What sounds in the mix of the first song: no drums."""


def _clip(song: int, view: str, source: str, number: int) -> Clip:
    song_id, length = f"song-{song:02d}", LENGTHS[view]
    sounding = source if source in {"drums", "vocals"} else "drums+bass+harmonic" if source == "instrumental" else None
    told = f"{source} of {song_id}"
    clip = made_clip(
        song_id, view, source, number, start_s=number * length, end_s=(number + 1) * length, key=KEYS[song],
        tempo_bpm=TEMPOS[song], sounding=sounding or (SILENT_DRUMS if song == 0 else "drums+bass+vocals+harmonic"),
        text=f"Rock music in {KEYS[song]} at {TEMPOS[song]:g} BPM, part {number}, {told}.",
    )  # fmt: skip
    return dataclasses.replace(clip, measured_text=f"Music, {told}.")


def songs() -> MadeSource:
    """Five songs, three of them for training, each with a few short clips of every view."""
    made: list[ExportSong] = []
    for song in range(SONGS):
        clips = tuple(
            _clip(song, view, source, number)
            for view, sources in SOURCES.items()
            for source in sources
            for number in range(2 if view == "semantic" else 1)
        )
        made.append(dataclasses.replace(made_song(f"song-{song:02d}", SPLIT_OF[song], views=()), clips=clips))
    return MadeSource(made)


def make(target: str, out: Path) -> Path:
    """Export the songs as one layout."""
    tokens = None
    if target.startswith("bark"):
        models = out.parent / "token-models"
        tokens = save_token_models(models, token_cache=models / "cache")
    with one_torch_thread():
        export(ALL_TARGETS[target], songs(), out, ExportOptions(folder=str(out), tokens=tokens))
    return out


def linked_copy(source: Path, place: Path) -> Path:
    """Copy a folder by links: whoever edits a file must write a new one."""
    shutil.copytree(source, place, copy_function=os.link)
    return place


def write(path: Path, content: bytes) -> None:
    """Put a new file in the place of a linked one."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def edit_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file; what `change` returns takes its place, unless it is None."""
    values = json.loads(path.read_text())
    changed = change(values)
    write(path, json.dumps(values if changed is None else changed, ensure_ascii=False).encode())


def edit_lines(path: Path, change: Callable[[list[str]], Any]) -> None:
    """Change the lines of a text file in place."""
    lines = path.read_text().split("\n")
    change(lines)
    write(path, "\n".join(lines).encode())


def edit_row(path: Path, row: int, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change one JSON line, counted from 1."""

    def edit(lines: list[str]) -> None:
        values = json.loads(lines[row - 1])
        change(values)
        lines[row - 1] = json.dumps(values)

    edit_lines(path, edit)


def edit_sound(
    path: Path, change: Callable[[NDArray[np.float64]], NDArray[Any]], *, rate: int | None = None,
    subtype: str | None = None,
) -> None:  # fmt: skip
    """Change the samples of a sound file, shape (n_samples, n_channels)."""
    write(path, changed_sound(path.read_bytes(), change, rate=rate, subtype=subtype))


def changed_sound(
    content: bytes, change: Callable[[NDArray[np.float64]], NDArray[Any]], *, rate: int | None = None,
    subtype: str | None = None,
) -> bytes:  # fmt: skip
    """Return a sound file with changed samples."""
    with soundfile.SoundFile(io.BytesIO(content)) as sound:
        samples, own_rate, form = sound.read(always_2d=True), sound.samplerate, sound.format
    buffer = io.BytesIO()
    soundfile.write(buffer, change(samples), rate or own_rate, format=form, subtype=subtype or "PCM_16")
    return buffer.getvalue()


def edit_table(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a Parquet table."""
    frame = change(pl.read_parquet(path))
    path.unlink()
    frame.write_parquet(path)


def edit_cell(path: Path, row: int, column: str, value: object) -> None:
    """Change one cell of a Parquet table, rows from 1."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        values = frame[column].to_list()
        values[row - 1] = value
        return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column], strict=False))

    edit_table(path, change)


def edit_arrays(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the arrays of an NPZ file in place."""
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write(path, buffer.getvalue())


Member = tuple[str, bytes]


def edit_shard(path: Path, change: Callable[[list[Member]], Iterable[Member]]) -> None:
    """Change the members of a tar shard."""
    with tarfile.open(path) as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]
    changed = change(members)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in changed:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    write(path, buffer.getvalue())
