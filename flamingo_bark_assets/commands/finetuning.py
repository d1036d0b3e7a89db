"""`flamingo-bark train` and `sample`: a Bark that learns from an export, and speaks.

Asking and telling belong here; training and speaking stand in `finetuning`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.paths import OUTPUT_FILE, PATH
from flamingo_bark_assets.inference_settings import DEFAULT_BARK_ID
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.finetuning.curve import LossPoint


@click.group()
def train() -> None:
    """Fine-tune a model on an export."""


@train.command("bark")
@click.argument("export_folder", metavar="OUT", type=PATH)
@click.option("--stage", type=click.Choice(["coarse", "semantic"]), default="coarse", show_default=True, help="Stage.")
@click.option("--to", "folder", type=PATH, help="Folder of the training; default: OUT-STAGE beside the export.")
@click.option("--model", default=DEFAULT_BARK_ID, show_default=True, help="Known Bark, or folder of one.")
@click.option("--revision", help="Branch, tag or commit of the model.")
@click.option("--lora", "rank", default=16, show_default=True, type=click.IntRange(0, 512), help="Rank; 0: no LoRA.")
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(1), help="Most optimiser steps.")
@click.option("--batch-size", default=4, show_default=True, type=click.IntRange(1), help="Rows at once.")
@click.option("--accumulate", default=1, show_default=True, type=click.IntRange(1), help="Batches a step.")
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), help="Default: 1e-3 LoRA, 1e-4 without.")
@click.option("--eval-every", default=50, show_default=True, type=click.IntRange(1), help="Steps a held-out look.")
@click.option("--patience", default=5, show_default=True, type=click.IntRange(0), help="Looks without gain; 0: no end.")
@click.option("--sample-text", default="", help="What the samples say; default: the first held-out row.")
@click.option("--sample-every", default=2, show_default=True, type=click.IntRange(0), help="Looks a sample; 0: none.")
@click.option("--sample-tokens", default=256, show_default=True, type=click.IntRange(1, 768), help="About 50 a second.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16.")
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto", show_default=True, help="auto: a GPU.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the order of rows and LoRA.")
@click.pass_obj
def train_bark(
    paths: DataPaths,
    export_folder: Path,
    stage: str,
    folder: Path | None,
    model: str,
    revision: str | None,
    rank: int,
    steps: int,
    batch_size: int,
    accumulate: int,
    learning_rate: float | None,
    eval_every: int,
    patience: int,
    sample_text: str,
    sample_every: int,
    sample_tokens: int,
    bf16: bool,
    device: str,
    seed: int,
) -> None:
    """Fine-tune a stage of Bark on the export OUT of the layout `bark`; a folder with checkpoints is continued."""
    from flamingo_bark_assets.finetuning.models import load_bark
    from flamingo_bark_assets.finetuning.stages import Stage
    from flamingo_bark_assets.finetuning.training import TrainingOptions
    from flamingo_bark_assets.finetuning.training import train as run_training

    chosen: Stage = "coarse" if stage == "coarse" else "semantic"
    options = TrainingOptions(
        stage=chosen, lora_rank=rank or None, max_steps=steps, batch_size=batch_size,
        gradient_accumulation=accumulate, learning_rate=learning_rate, eval_every=eval_every, patience=patience,
        sample_text=sample_text, sample_every=sample_every, sample_tokens=sample_tokens, bf16=bf16, device=device,
        seed=seed,
    )  # fmt: skip
    export_folder = export_folder.absolute()
    place = (folder or export_folder.with_name(f"{export_folder.name}-{stage}")).absolute()
    with console.busy("loading Bark"):
        bark = load_bark(model, revision=revision, cache_dir=load_settings(paths.settings).inference.cache_folder)
    report = run_training(export_folder, bark, place, options, told=_tell)
    held_out = "no held-out rows" if report.best_held_out is None else f"best held-out loss {report.best_held_out:.3f}"
    early = ", stopped early" if report.stopped_early else ""
    console.say("{} steps on {} rows{}; {}", report.steps, report.rows, early, held_out)
    if report.cut_tokens:
        console.say("{} tokens at the ends of rows did not fit the model and were left out", report.cut_tokens)
    console.say("[bold]trained:[/bold] {}", report.weights)
    console.say("curve: {}, samples: {}", place / "loss.png", place / "samples")
    console.note('speak with it:   flamingo-bark sample {} "♪ words ♪" --to out.wav', place)


@click.command()
@click.argument("folder", type=PATH)
@click.argument("text")
@click.option("--to", "out", type=OUTPUT_FILE, required=True, help="The WAV file.")
@click.option("--voice", type=PATH, help="Voice prompt (.npz), as the layout bark-voice-prompts has them.")
@click.option("--model", help="Known Bark or folder of one; default: the one that was trained.")
@click.option("--tokens", default=512, show_default=True, type=click.IntRange(1, 768), help="Most; about 50 a second.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the sampling.")
@click.pass_obj
def sample(
    paths: DataPaths, folder: Path, text: str, out: Path, voice: Path | None, model: str | None, tokens: int, seed: int
) -> None:
    """Speak TEXT with the Bark that the training in FOLDER has made."""
    from flamingo_bark_assets.finetuning.models import load_bark
    from flamingo_bark_assets.finetuning.speaking import apply_trained, read_voice, speak, trained_model, write_wav

    trained = trained_model(folder)
    spoken_in = read_voice(voice) if voice is not None else None
    with console.busy("loading Bark"):
        cache = load_settings(paths.settings).inference.cache_folder
        bark = load_bark(model or trained.name, revision=None if model else trained.revision, cache_dir=cache)
        apply_trained(bark, folder)
    sound = speak(bark, text, voice=spoken_in, max_tokens=tokens, seed=seed)
    write_wav(out, sound)
    console.say("{}: {} s", out, f"{len(sound) / 24_000:.1f}")


def _tell(point: LossPoint) -> None:
    values = (("loss", point.training), ("held out", point.held_out))
    told = ", ".join(f"{name} {value:.4f}" for name, value in values if value is not None)
    console.note("step {}: {}", point.step, told)
