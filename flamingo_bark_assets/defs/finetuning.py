"""The job that fine-tunes Bark on its export: the loss is plotted over the run, samples are linked.

Only what Dagster adds belongs here; training stands in `finetuning`.
"""

import base64
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from flamingo_bark_assets.defs.datasets import told_in_one_line
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.inference_settings import DEFAULT_BARK_ID

if TYPE_CHECKING:
    from flamingo_bark_assets.finetuning.curve import LossPoint
    from flamingo_bark_assets.finetuning.training import TrainingReport


class BarkTrainingConfig(dg.Config):
    """How a stage of Bark is trained on ``exports/bark`` of the data folder."""

    stage: str = Field("coarse", description="coarse or semantic.")
    model: str = Field(DEFAULT_BARK_ID, description="A known Bark that was fetched, or a folder of one.")
    lora_rank: int = Field(16, ge=0, description="Rank of the LoRA; 0 trains all weights.")
    steps: int = Field(1000, ge=1, description="Most optimiser steps.")
    batch_size: int = Field(4, ge=1, description="Rows at once.")
    accumulate: int = Field(1, ge=1, description="Batches a step.")
    learning_rate: float = Field(0.0, ge=0, description="0 takes 1e-3 with LoRA and 1e-4 without.")
    eval_every: int = Field(50, ge=1, description="Steps between two looks at the held-out loss.")
    patience: int = Field(5, ge=0, description="Looks without gain until it stops; 0: never.")
    sample_every: int = Field(2, ge=0, description="Looks between two samples; 0 speaks none.")
    sample_tokens: int = Field(256, ge=1, le=768, description="Most semantic tokens of a sample: about 50 a second.")
    bf16: bool = Field(False, description="Compute in bfloat16.")
    seed: int = Field(0, ge=0, description="Of the order of rows and of the LoRA's start.")


@dg.op(description="Fine-tunes one stage of Bark; each look at the loss is an observation of the asset bark_<stage>.")
def fine_tune_bark(context: dg.OpExecutionContext, platform: Platform, config: BarkTrainingConfig) -> None:
    """Fine-tune Bark; a run that is executed again goes on from the last checkpoint of the first one."""
    from flamingo_bark_assets.errors import FinetuningError
    from flamingo_bark_assets.finetuning.models import load_bark
    from flamingo_bark_assets.finetuning.stages import STAGES
    from flamingo_bark_assets.finetuning.training import TrainingOptions, train

    key = dg.AssetKey(f"bark_{config.stage}")

    def told(point: "LossPoint") -> None:
        values = {"step": point.step, "training_loss": point.training, "held_out_loss": point.held_out}
        metadata = {name: value for name, value in values.items() if value is not None}
        context.log_event(dg.AssetObservation(key, metadata=metadata))

    with told_in_one_line():
        stage = next((stage for stage in STAGES if stage == config.stage), None)
        if stage is None:
            raise FinetuningError(f"stage {config.stage!r}: is none of {', '.join(STAGES)}")
        options = TrainingOptions(
            stage=stage, lora_rank=config.lora_rank or None, max_steps=config.steps, batch_size=config.batch_size,
            gradient_accumulation=config.accumulate, learning_rate=config.learning_rate or None,
            eval_every=config.eval_every, patience=config.patience, sample_every=config.sample_every,
            sample_tokens=config.sample_tokens, bf16=config.bf16, seed=config.seed,
        )  # fmt: skip
        bark = load_bark(config.model, cache_dir=platform.settings.inference.cache_folder)
        folder = platform.paths.root / "trained" / f"{key.path[-1]}-{(context.run.root_run_id or context.run_id)[:8]}"
        report = train(platform.paths.exports / "bark", bark, folder, options, told=told)
    context.log_event(dg.AssetMaterialization(key, metadata=_metadata(report)))


def _metadata(report: "TrainingReport") -> dict[str, dg.MetadataValue]:
    picture = base64.b64encode((report.folder / "loss.png").read_bytes()).decode()
    metadata: dict[str, dg.MetadataValue] = {
        "path": dg.MetadataValue.path(report.folder),
        "weights": dg.MetadataValue.path(report.weights),
        "steps": dg.MetadataValue.int(report.steps),
        "rows": dg.MetadataValue.int(report.rows),
        "held_out_rows": dg.MetadataValue.int(report.held_out_rows),
        "loss": dg.MetadataValue.md(f"![loss over the steps](data:image/png;base64,{picture})"),
    }
    if report.best_held_out is not None:
        metadata["held_out_loss"] = dg.MetadataValue.float(report.best_held_out)
    if report.samples:
        metadata["sample"] = dg.MetadataValue.url(report.samples[-1].as_uri())
    return metadata


@dg.job(
    description="Fine-tune a stage of Bark on the export `export_bark`; set stage, model and steps in the launchpad."
)
def train_bark() -> None:
    """Run the one step."""
    fine_tune_bark()
