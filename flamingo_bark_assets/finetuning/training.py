"""Fine-tuning one stage of Bark under Hugging Face's `Trainer`: LoRA or all weights, early stop, samples on the way.

The course of a training belongs here; tensors stand in `stages`, speaking in `speaking`, the curve in `curve`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import FinetuningError
from flamingo_bark_assets.files.atomic import delete_tree, write_bytes
from flamingo_bark_assets.finetuning.curve import LossPoint, draw_curve
from flamingo_bark_assets.finetuning.models import STAGE_MODULES, Bark, with_lora
from flamingo_bark_assets.finetuning.rows import Row, read_rows, read_tokens
from flamingo_bark_assets.finetuning.stages import (
    Example,
    Stage,
    coarse_example,
    collate,
    semantic_example,
    stage_logits,
    stage_loss,
)

if TYPE_CHECKING:
    import torch

RUN_JSON = "run.json"
LOSS_JSON = "loss.json"
LOSS_PNG = "loss.png"
ADAPTER = "adapter"
WEIGHTS = "weights"
SAMPLES = "samples"
INSTALL = 'pip install "flamingo-bark-assets[train]"'


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOptions:
    """How a stage is trained.

    Attributes:
        stage: which.
        lora_rank: rank of the LoRA; None trains all weights of the stage.
        max_steps: most optimiser steps.
        batch_size: rows at once.
        gradient_accumulation: batches a step.
        learning_rate: None takes 1e-3 with LoRA and 1e-4 without, as were seen to work.
        eval_every: steps between looks at the held-out loss.
        patience: looks without a better held-out loss after which training stops; 0 never stops early.
        sample_every: looks between two spoken samples; 0 speaks none.
        sample_text: what the samples say; "" takes the first held-out row.
        sample_tokens: most semantic tokens of a sample: about 50 a second.
        bf16: compute in bfloat16.
        seed: of the order of rows and of LoRA's start.
        device: auto takes a GPU where there is one.
    """

    stage: Stage
    lora_rank: int | None = 16
    max_steps: int = 1000
    batch_size: int = 4
    gradient_accumulation: int = 1
    learning_rate: float | None = None
    eval_every: int = 50
    patience: int = 5
    sample_every: int = 2
    sample_text: str = ""
    sample_tokens: int = 256
    bf16: bool = False
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training did.

    Attributes:
        folder: where everything stands.
        stage: which stage.
        weights: the adapter or the weights of the stage.
        steps: optimiser steps, those of earlier runs of the folder included.
        rows: training rows, one a line of the list.
        held_out_rows: held-out rows.
        cut_tokens: tokens at the ends of rows that did not fit the model.
        trainable_parameters: number of weights that were trained.
        curve: the loss over the steps.
        best_held_out: lowest held-out loss; None without held-out rows.
        stopped_early: whether the held-out loss stopped it.
        samples: spoken samples, oldest first.
    """

    folder: Path
    stage: Stage
    weights: Path
    steps: int
    rows: int
    held_out_rows: int
    cut_tokens: int
    trainable_parameters: int
    curve: tuple[LossPoint, ...]
    best_held_out: float | None
    stopped_early: bool
    samples: tuple[Path, ...]


Told = Callable[[LossPoint], None]


def train(
    export: Path, bark: Bark, folder: Path, options: TrainingOptions, *, told: Told = lambda point: None
) -> TrainingReport:
    """Train a stage of Bark on an export of the target ``bark``.

    A folder that holds checkpoints of the same stage is continued. The held-out rows choose the weights that are kept.

    Args:
        export: the export; its tokens must be there.
        bark: the model; its stage is changed in place.
        folder: where checkpoints, adapter, samples and curve are written; made if it does not exist.
        options: how.
        told: told each point of the curve as it is measured.

    Raises:
        FinetuningError: rows, tokens or libraries are missing, or the folder is of another training.
    """
    _need_libraries(options)
    training, held_out = read_rows(export, options.stage)
    _claim_folder(folder, bark, options)
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainingArguments, set_seed

    set_seed(options.seed)
    dataset, held_out_dataset = (_Rows(rows, bark, options.stage) for rows in (training, held_out))
    model = _trainable(bark, options)
    has_held_out = len(held_out_dataset) > 0
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        max_steps=options.max_steps,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        gradient_accumulation_steps=options.gradient_accumulation,
        learning_rate=options.learning_rate or (1e-3 if options.lora_rank else 1e-4),
        lr_scheduler_type="cosine",
        warmup_steps=min(options.max_steps // 20, 100),
        eval_strategy="steps" if has_held_out else "no",
        eval_steps=options.eval_every,
        save_steps=options.eval_every,
        save_total_limit=2,
        logging_first_step=True,
        logging_steps=max(1, min(options.eval_every, options.max_steps // 20)),
        load_best_model_at_end=has_held_out,
        metric_for_best_model="eval_loss" if has_held_out else None,
        greater_is_better=False if has_held_out else None,
        bf16=options.bf16,
        use_cpu=options.device == "cpu",
        seed=options.seed,
        data_seed=options.seed,
        remove_unused_columns=False,
        label_names=["targets"],
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    recorder = _recorder(folder, bark, options, held_out or training, told)
    callbacks = [recorder]
    if has_held_out and options.patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=options.patience))
    trainer = _trainer_class(bark, options.stage)(
        model=model,
        args=arguments,
        train_dataset=dataset,
        eval_dataset=held_out_dataset if has_held_out else None,
        data_collator=lambda rows: collate(rows, options.stage, bark.ids),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # `told` is told
    checkpoint = _last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if has_held_out:
        trainer.evaluate()
    weights = _save(model, folder, options)
    curve = recorder.curve
    scores = [point.held_out for point in curve if point.held_out is not None]
    report = TrainingReport(
        folder=folder,
        stage=options.stage,
        weights=weights,
        steps=trainer.state.global_step,
        rows=len(training),
        held_out_rows=len(held_out),
        cut_tokens=dataset.cut_tokens,
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        curve=tuple(curve),
        best_held_out=min(scores, default=None),
        stopped_early=trainer.state.global_step < options.max_steps,
        samples=tuple(sorted((folder / SAMPLES).glob("*.wav"))),
    )
    _write_report(report, bark, options)
    return report


class _Rows:
    """Rows as examples, made when they are asked for; a torch map-style dataset."""

    def __init__(self, rows: Sequence[Row], bark: Bark, stage: Stage) -> None:
        self._rows = rows
        self._bark = bark
        self._stage = stage
        self._block_size = int(bark.stage(stage).config.block_size)
        self._cut: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        row = self._rows[index]
        tokens = read_tokens(row.tokens)
        if self._stage == "semantic":
            made = semantic_example(
                self._bark.text_ids(row.text), tokens.semantic, self._bark.ids, block_size=self._block_size
            )
        else:
            made = coarse_example(tokens.semantic, tokens.coarse, self._bark.ids, block_size=self._block_size)
        self._cut[index] = made.cut
        return made

    @property
    def cut_tokens(self) -> int:
        return sum(self._cut.values())


def _trainable(bark: Bark, options: TrainingOptions) -> Any:
    stage = bark.stage(options.stage)
    if options.lora_rank is None:
        for parameter in stage.parameters():
            parameter.requires_grad_(True)
        return stage
    return with_lora(stage, options.lora_rank)


def _trainer_class(bark: Bark, stage: Stage) -> Any:
    from transformers import Trainer

    class BarkTrainer(Trainer):  # type: ignore[misc]
        """`Trainer` with the loss of a stage, as Bark's own `labels` are not implemented."""

        def compute_loss(
            self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, **_: Any
        ) -> Any:
            logits = stage_logits(model, stage, bark.ids, inputs["prefix"], inputs["tokens"])
            loss = stage_loss(logits, inputs["targets"])
            return (loss, {"logits": logits}) if return_outputs else loss

        def prediction_step(
            self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
        ) -> tuple[Any, None, None]:
            import torch

            with torch.no_grad(), self.compute_loss_context_manager():
                loss = self.compute_loss(model, self._prepare_inputs(inputs))
            return loss.detach(), None, None

    return BarkTrainer


def _recorder(folder: Path, bark: Bark, options: TrainingOptions, rows: Sequence[Row], told: Told) -> Any:
    from transformers import TrainerCallback

    from flamingo_bark_assets.finetuning.speaking import speak, write_wav

    class Recorder(TrainerCallback):  # type: ignore[misc]
        """Keeps the curve on disk and speaks a sample now and then."""

        def __init__(self) -> None:
            self.curve = _read_curve(folder)
            self._looks = 0

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            logs = logs or {}
            if "loss" not in logs and "eval_loss" not in logs:
                return
            point = LossPoint(state.global_step, logs.get("loss"), logs.get("eval_loss"))
            self.curve = [*(p for p in self.curve if p.step <= point.step), point]
            told(point)
            write_bytes(folder / LOSS_JSON, json.dumps([dataclasses.asdict(p) for p in self.curve]).encode())
            draw_curve(self.curve, folder / LOSS_PNG, title=f"Bark {options.stage}")

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._looks += 1
            if not options.sample_every or (self._looks - 1) % options.sample_every:
                return
            text = options.sample_text or rows[0].text
            sound = speak(bark, text, max_tokens=options.sample_tokens, seed=options.seed)
            write_wav(folder / SAMPLES / f"step-{state.global_step:06d}.wav", sound)

    return Recorder()


def _read_curve(folder: Path) -> list[LossPoint]:
    try:
        return [LossPoint(**point) for point in json.loads((folder / LOSS_JSON).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _save(model: Any, folder: Path, options: TrainingOptions) -> Path:
    if options.lora_rank is not None:
        model.save_pretrained(folder / ADAPTER)
        return folder / ADAPTER
    from safetensors.torch import save_file

    place = folder / WEIGHTS
    place.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, place / f"{STAGE_MODULES[options.stage]}.safetensors")
    return place


def _last_checkpoint(folder: Path) -> Path | None:
    """Find the last checkpoint that is whole; one that a kill left half written is deleted."""
    found = [path for path in (folder / "checkpoints").glob("checkpoint-*") if path.name[11:].isdecimal()]
    for checkpoint in sorted(found, key=lambda path: int(path.name[11:]), reverse=True):
        try:  # the state is what the trainer writes last
            json.loads((checkpoint / "trainer_state.json").read_bytes())
            return checkpoint
        except (OSError, ValueError):
            delete_tree(checkpoint)
    return None


def _claim_folder(folder: Path, bark: Bark, options: TrainingOptions) -> None:
    """Write what the folder is of, or refuse to mix another training into it."""
    claim = {"stage": options.stage, "lora_rank": options.lora_rank, "model": bark.name, "revision": bark.revision}
    path = folder / RUN_JSON
    if path.exists():
        try:
            stored = json.loads(path.read_bytes())
            same = all(stored["training"][key] == value for key, value in claim.items())
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise FinetuningError(f"{folder}: holds another training; name another folder")
        return
    if folder.exists() and any(folder.iterdir()):
        raise FinetuningError(f"{folder}: holds files of something else; name an empty or a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps({"training": claim}, indent=1).encode())


def _write_report(report: TrainingReport, bark: Bark, options: TrainingOptions) -> None:
    values = {
        "training": {
            "stage": options.stage, "lora_rank": options.lora_rank, "model": bark.name, "revision": bark.revision,
        },
        "options": dataclasses.asdict(options),
        "steps": report.steps,
        "rows": report.rows,
        "held_out_rows": report.held_out_rows,
        "cut_tokens": report.cut_tokens,
        "trainable_parameters": report.trainable_parameters,
        "best_held_out": report.best_held_out,
        "stopped_early": report.stopped_early,
    }  # fmt: skip
    write_bytes(report.folder / RUN_JSON, json.dumps(values, indent=1).encode())


def _need_libraries(options: TrainingOptions) -> None:
    try:
        import accelerate  # noqa: F401
        import matplotlib  # noqa: F401

        if options.lora_rank is not None:
            import peft  # noqa: F401
    except ImportError as error:
        raise FinetuningError(f"training needs {error.name}: {INSTALL}") from error
