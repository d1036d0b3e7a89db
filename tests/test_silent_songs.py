"""Songs that hold next to nothing: all their tables are published, with the reason, and no stem of theirs is fit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.warehouse import publish, query
from flamingo_bark_assets.training.suitability import Verdict
from tests.signals import silence, write_audio
from tests.songs import RATE_HZ, tiny_stems, write_song


def run(paths: DataPaths, song_id: str) -> SongWork:
    work = SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner())
    run_all(work)
    return work


def silent_mix(song: Path) -> None:
    write_audio(song / "song.wav", silence(8.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def silent_mix_with_silent_stems(song: Path) -> None:
    silent_mix(song)
    for name in ("drums", "bass"):
        write_audio(song / "stems" / f"{name}.wav", silence(8.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def silent_mix_with_sounding_stems(song: Path) -> None:
    silent_mix(song)
    for name, samples in tiny_stems(8.0).items():
        write_audio(song / "stems" / f"{name}.wav", samples, rate_hz=RATE_HZ)


def third_of_a_second(song: Path) -> None:
    write_song(song.parent, song.name, duration_s=0.3, stems=False)


def third_of_a_second_with_stems(song: Path) -> None:
    write_song(song.parent, song.name, duration_s=0.3)


def two_seconds_with_stems(song: Path) -> None:
    write_song(song.parent, song.name, duration_s=2.0)


@pytest.mark.parametrize(
    "make",
    [
        silent_mix,
        silent_mix_with_silent_stems,
        silent_mix_with_sounding_stems,
        third_of_a_second,
        third_of_a_second_with_stems,
        two_seconds_with_stems,
    ],
)
def test_every_row_of_it_is_in_the_warehouse_and_no_stem_is_fit(data: DataPaths, make: object) -> None:
    assert callable(make)
    make(data.songs / "song")
    work = run(data, "song")
    published = publish(work.store, ["song"], data.warehouse, RECORDS)
    assert published.left_out == ()
    rows = query(data.warehouse, "SELECT suitable, suitable_stems, reasons FROM suitability").rows
    assert rows[0][:2] == (False, "")
    assert rows[0][2]
    failed = query(data.warehouse, "SELECT rule FROM suitability_rules WHERE subject = 'song' AND NOT passed").rows
    assert {"silence", "min_duration"} & {rule for (rule,) in failed}
    assert published.rows["suitability_rules"] == len(work.result(Verdict).rules)


def test_stem_files_whose_names_cannot_be_told_apart_are_all_in_the_warehouse(data: DataPaths) -> None:
    song = write_song(data.songs, "song")
    for name in (b"\xff.wav", b"\xfe.wav"):
        Path(os.fsdecode(os.fsencode(song / "stems") + b"/" + name)).write_bytes(b"x")
    published = publish(run(data, "song").store, ["song"], data.warehouse, RECORDS)
    assert published.left_out == ()
    assert published.rows["stems"] == 6
