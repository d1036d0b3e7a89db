"""A library of the demo song and a made one that is held out, exported for Bark with tokens of tiny random models.

Making that export and the options under which a tiny Bark learns it belong here; tests and benchmarks judge.
"""

from __future__ import annotations

from pathlib import Path

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.songs import StoredSongs
from flamingo_bark_assets.finetuning.models import load_bark
from flamingo_bark_assets.finetuning.stages import Stage
from flamingo_bark_assets.finetuning.training import TrainingOptions, TrainingReport, train
from flamingo_bark_assets.library.importing import add_song
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings, SplitSettings, load_settings
from flamingo_bark_assets.splits.assignment import read_splits
from flamingo_bark_assets.tokens.catalogue import configured_models
from tests.bark_models import save_bark
from tests.running import ROOT
from tests.songs import write_song
from tests.token_models import one_torch_thread, save_token_models

STEPS: dict[Stage, int] = {"semantic": 240, "coarse": 60}
"""Optimiser steps after which the tiny Bark knows the export nearly by heart."""
DEMO = ROOT / "data/demo"
HELD_OUT = "held-out"


def export_demo(root: Path) -> Path:
    """Write the export below a folder; give back its own."""
    paths = DataPaths(root / "data")
    add_song(paths, DEMO / "song.mp3", stems_dir=DEMO / "stems", song_id="demo")
    write_song(paths.songs, HELD_OUT, duration_s=24.0, stems=False)
    for song_id in ("demo", HELD_OUT):
        run_all(SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner()))
    models = save_token_models(root / "models")
    paths.settings.write_text(
        f'[splits]\nseed = {_seed(paths)}\nvalidation = 0.5\ntest = 0\n[tokens]\nhubert = "{models.hubert}"\n'
        f'quantizer = "{models.quantizer}"\nencodec = "{models.encodec}"\ndevice = "cpu"\n'
    )
    settings = load_settings(paths.settings)
    options = ExportOptions(folder=str(root / "out"), tokens=configured_models(settings, paths))
    songs = StoredSongs(paths, settings, TARGETS["bark"], options)
    songs.settle_splits()
    with one_torch_thread():
        export(TARGETS["bark"], songs, root / "out", options)
    return root / "out"


def _seed(paths: DataPaths) -> int:
    """Find a seed that holds the made song out and not the demo song."""
    for seed in range(100):
        settings = Settings(splits=SplitSettings(seed=seed, validation=0.5, test=0.0))
        splits = {song_id: each.split for song_id, each in read_splits(paths, settings, by_artist=False).items()}
        if splits == {"demo": "train", HELD_OUT: "validation"}:
            return seed
    raise AssertionError("no seed parts the songs so")


def train_tiny(exported: Path, stage: Stage, folder: Path, *, steps: int) -> TrainingReport:
    """Train all weights of a stage of a tiny random Bark on an export, one row a step, on one thread."""
    bark = load_bark(str(save_bark(folder / "bark", hidden=64, layers=1)))
    options = TrainingOptions(
        stage=stage, lora_rank=None, max_steps=steps, batch_size=1, learning_rate=0.01, eval_every=steps,
        sample_every=0, device="cpu",
    )  # fmt: skip
    with one_torch_thread():
        return train(exported, bark, folder / "run", options)
