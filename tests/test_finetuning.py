"""Fine-tuning Bark: rows as its inference reads them, a loss that falls, weights that come back, and clear refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.errors import FinetuningError
from flamingo_bark_assets.finetuning.models import Bark, load_bark
from flamingo_bark_assets.finetuning.rows import read_rows, read_tokens
from flamingo_bark_assets.finetuning.speaking import apply_trained, read_voice, speak, trained_model
from flamingo_bark_assets.finetuning.stages import (
    IGNORED,
    BarkIds,
    coarse_example,
    collate,
    semantic_example,
    stage_logits,
    stage_loss,
)
from flamingo_bark_assets.finetuning.training import TrainingOptions, train
from tests.bark_models import save_bark, write_bark_export, write_voice
from tests.running import ROOT

IDS = BarkIds()
QUICK = TrainingOptions(
    stage="semantic", max_steps=2, batch_size=1, eval_every=1, sample_every=0, device="cpu", patience=0
)


@pytest.fixture(scope="module")
def bark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bark(tmp_path_factory.mktemp("bark") / "tiny")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bark_export(tmp_path_factory.mktemp("export") / "bark", rows=2, held_out=1)


@pytest.fixture
def bark(bark_folder: Path) -> Bark:
    return load_bark(str(bark_folder))


def test_a_semantic_row_is_the_text_then_the_tokens_then_one_end_token() -> None:
    made = semantic_example(np.array([5, 6]), np.array([7, 8, 9]), IDS, block_size=1024)
    assert made.prefix[:3].tolist() == [10_053, 10_054, IDS.text_pad] and len(made.prefix) == 256
    assert made.tokens.tolist() == [7, 8, 9] and made.targets.tolist() == [7, 8, 9, IDS.semantic_end]


def test_a_row_that_is_cut_learns_no_end() -> None:
    made = semantic_example(np.array([5]), np.arange(800), IDS, block_size=1024)
    assert (len(made.tokens), made.cut, made.targets[-1]) == (767, 33, IGNORED)


def test_coarse_tokens_stand_in_turn_with_an_offset_for_each_codebook() -> None:
    made = coarse_example(np.array([1, 2]), np.array([[3, 4], [5, 6]]), IDS, block_size=1024)
    assert made.targets.tolist() == [10_003, 11_029, 10_004, 11_030]
    assert made.tokens.tolist() == made.targets[:-1].tolist()
    assert made.prefix[:3].tolist() == [1, 2, IDS.coarse_pad]


def test_5_12_s_fill_the_coarse_model_exactly() -> None:
    made = coarse_example(np.zeros(255, np.int64), np.zeros((2, 384), np.int64), IDS, block_size=1024)
    assert (256 + 1 + len(made.tokens), len(made.targets), made.cut) == (1024, 768, 0)


def test_padding_of_a_batch_changes_no_loss(bark: Bark) -> None:
    import torch

    rows = [semantic_example(np.array([5]), np.arange(n), bark.ids, block_size=1024) for n in (3, 9)]
    alone = []
    for row in rows:
        batch = collate([row], "semantic", bark.ids)
        logits = stage_logits(bark.model.semantic.eval(), "semantic", bark.ids, batch["prefix"], batch["tokens"])
        alone.append(float(stage_loss(logits, batch["targets"]).detach()) * len(row.targets))
    both = collate(rows, "semantic", bark.ids)
    logits = stage_logits(bark.model.semantic.eval(), "semantic", bark.ids, both["prefix"], both["tokens"])
    together = stage_loss(logits, both["targets"])
    torch.testing.assert_close(
        float(together.detach()), sum(alone) / sum(len(row.targets) for row in rows), rtol=1e-5, atol=0
    )


def test_the_logits_are_those_of_barks_own_inference(bark: Bark) -> None:
    import torch
    from transformers.models.bark.generation_configuration_bark import BarkSemanticGenerationConfig

    text = np.array([5, 6, 7])
    stock = bark.model.semantic.eval().generate(
        torch.tensor([[5, 6, 7] + [0] * 253]),
        attention_mask=torch.tensor([[1] * 3 + [0] * 253]),
        semantic_generation_config=BarkSemanticGenerationConfig(
            do_sample=False,
            min_eos_p=None,
            text_pad_token=bark.ids.text_pad,
            semantic_infer_token=bark.ids.semantic_infer,
        ),
        max_new_tokens=6,
    )[0]
    made = semantic_example(text, stock.numpy().astype(np.int64), bark.ids, block_size=1024)
    batch = collate([made], "semantic", bark.ids)
    logits = stage_logits(bark.model.semantic, "semantic", bark.ids, batch["prefix"], batch["tokens"])
    assert logits[0, : len(stock), : bark.ids.semantic_vocabulary + 1].argmax(-1).tolist() == stock.tolist()


@pytest.mark.parametrize("rank", [4, None])
def test_what_was_trained_comes_back_with_the_same_logits(
    rank: int | None, bark_folder: Path, bark: Bark, export: Path, tmp_path: Path
) -> None:
    import torch

    report = train(export, bark, tmp_path / "run", replace(QUICK, lora_rank=rank))
    batch = collate([semantic_example(np.array([5]), np.arange(20), bark.ids, block_size=1024)], "semantic", bark.ids)
    with torch.no_grad():
        before = stage_logits(bark.model.semantic.eval(), "semantic", bark.ids, batch["prefix"], batch["tokens"])
        again, plain = load_bark(str(bark_folder)), load_bark(str(bark_folder))
        assert apply_trained(again, report.folder) == "semantic"
        after = stage_logits(again.model.semantic.eval(), "semantic", bark.ids, batch["prefix"], batch["tokens"])
        stock = stage_logits(plain.model.semantic.eval(), "semantic", bark.ids, batch["prefix"], batch["tokens"])
    torch.testing.assert_close(after, before, rtol=0, atol=0 if rank is None else 1e-5)
    assert not torch.equal(stock, after)


def test_a_training_that_was_killed_goes_on_where_it_stopped(bark_folder: Path, export: Path, tmp_path: Path) -> None:
    arguments = (
        f"--stage semantic --to {tmp_path / 'run'} --model {bark_folder} --steps 500 --batch-size 1 --eval-every 2 "
        "--sample-every 0 --patience 0 --device cpu --lora 4"
    )
    command = [sys.executable, "-c", "from flamingo_bark_assets.cli import main; main()", "train", "bark", str(export)]
    process = subprocess.Popen([*command, *arguments.split()], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("run/checkpoints/checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (tmp_path / "run/checkpoints/checkpoint-9999").mkdir()  # as a kill in the middle of saving leaves one
    (last, _) = sorted(int(path.name.partition("-")[2]) for path in tmp_path.glob("run/checkpoints/checkpoint-*"))[-2:]
    bark = load_bark(str(bark_folder))
    options = TrainingOptions(
        stage="semantic", lora_rank=4, max_steps=last + 2, batch_size=1, eval_every=2, sample_every=0, device="cpu",
        patience=0,
    )  # fmt: skip
    report = train(export, bark, tmp_path / "run", options)
    steps = [point.step for point in report.curve]
    assert report.steps == last + 2 and steps == sorted(steps) and min(steps) <= 2


def test_held_out_loss_that_rises_stops_the_training(bark: Bark, export: Path, tmp_path: Path) -> None:
    options = TrainingOptions(
        stage="semantic", lora_rank=None, max_steps=40, batch_size=1, eval_every=2, sample_every=0, device="cpu",
        patience=2, learning_rate=0.05,
    )  # fmt: skip
    report = train(export, bark, tmp_path / "run", options)
    assert report.stopped_early and report.steps < 40


def test_samples_are_spoken_on_the_way(bark: Bark, export: Path, tmp_path: Path) -> None:
    options = TrainingOptions(
        stage="semantic", max_steps=1, batch_size=1, eval_every=1, sample_every=1, sample_tokens=8, device="cpu"
    )
    report = train(export, bark, tmp_path / "run", options)
    assert [path.name for path in report.samples] == ["step-000001.wav"]


def test_a_trained_bark_speaks_in_a_voice(bark_folder: Path, bark: Bark, export: Path, tmp_path: Path) -> None:
    train(export, bark, tmp_path / "run", replace(QUICK, lora_rank=2))
    voice = write_voice(tmp_path / "voice.npz")
    arguments = ["sample", tmp_path / "run", "♪ rain ♪", "--to", tmp_path / "out.wav", "--voice", voice, "--tokens", 8]
    done = CliRunner().invoke(main, ["--data", str(tmp_path / "data"), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    import soundfile

    samples, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == 24_000 and len(samples) > 0 and np.isfinite(samples).all()
    assert trained_model(tmp_path / "run").name == str(bark_folder)


def test_an_adapter_of_other_weights_is_refused(bark: Bark, bark_folder: Path, export: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    report = train(export, bark, tmp_path / "run", replace(QUICK, lora_rank=4))
    adapter = report.folder / "adapter/adapter_model.safetensors"
    first, *others = sorted(load_file(adapter).items())
    for weights in (dict(others), dict([(f"x.{first[0]}", first[1]), *others])):
        save_file(weights, adapter)
        with pytest.raises(FinetuningError, match="holds other weights"):
            apply_trained(load_bark(str(bark_folder)), report.folder)


def test_the_same_seed_speaks_the_same(bark: Bark) -> None:
    one, other = (speak(bark, "rain", max_tokens=8, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_folder_of_another_training_is_not_mixed_up(bark: Bark, export: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text(json.dumps({"training": {"stage": "coarse"}}))
    with pytest.raises(FinetuningError, match="holds another training"):
        train(export, bark, tmp_path / "run", QUICK)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.doc").touch()
    with pytest.raises(FinetuningError, match="holds files of something else"):
        train(export, bark, tmp_path / "other", QUICK)


def test_rows_without_tokens_say_what_to_do(export: Path, tmp_path: Path) -> None:
    copy = write_bark_export(tmp_path / "bark", rows=2, held_out=1)
    next((copy / "tokens").glob("semantic_train*_00.npz")).unlink()
    with pytest.raises(FinetuningError, match=r"1 of 3 rows have no tokens.*export --to bark"):
        read_rows(copy, "semantic")
    with pytest.raises(FinetuningError, match=r"export --to bark OUT"):
        read_rows(tmp_path, "coarse")


@pytest.mark.parametrize("line", ["", "wavs/x.wav", "x.wav|text", "/etc/x.wav|text", "wavs/../x.wav|text"])
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(f"wavs/a.wav|fine\n{line}\nwavs/b.wav|fine\n")
    (tmp_path / "valid.txt").write_text("")
    with pytest.raises(FinetuningError, match=r"train.txt, line 2"):
        read_rows(tmp_path, "coarse")


def test_tokens_that_are_none_are_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "object.npz", semantic=np.array([{}]), coarse=np.zeros((2, 3), np.int64))
    np.savez(tmp_path / "shape.npz", semantic=np.zeros((2, 3), np.int64), coarse=np.zeros((2, 3), np.int64))
    np.savez(tmp_path / "float.npz", semantic=np.zeros(3), coarse=np.zeros((2, 3)))
    (tmp_path / "text.npz").write_text("no archive")
    for path in tmp_path.glob("*.npz"):
        with pytest.raises(FinetuningError, match=path.name):
            read_tokens(path)
        with pytest.raises(FinetuningError, match=path.name):
            read_voice(path)


def test_a_bark_that_is_not_there_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(FinetuningError, match="flamingo-bark models fetch suno/bark-small"):
        load_bark("suno/bark-small", cache_dir=tmp_path)
    with pytest.raises(FinetuningError, match="neither a folder nor a known Bark"):
        load_bark("nobody/bark", cache_dir=tmp_path)
    with pytest.raises(FinetuningError, match="cannot be loaded as a Bark"):
        load_bark(str(tmp_path))


JOB = """
import json, sys
import dagster as dg
from flamingo_bark_assets.definitions import defs

job, key = defs.resolve_job_def("train_bark"), dg.AssetKey("bark_semantic")
with dg.DagsterInstance.ephemeral() as instance:
    done = job.execute_in_process(instance=instance, run_config=json.loads(sys.argv[1]))
    looks = [record.asset_observation.metadata for record in instance.fetch_observations(key, limit=20).records]
    (made,) = instance.fetch_materializations(key, limit=2).records
metadata = {name: str(entry.value) for name, entry in made.asset_materialization.metadata.items()}
print(json.dumps({"success": done.success, "looks": sum("held_out_loss" in look for look in looks), **metadata}))
"""


@pytest.mark.dagster
def test_the_job_plots_the_loss_and_links_what_it_made(bark_folder: Path, tmp_path: Path) -> None:
    write_bark_export(tmp_path / "data/exports/bark", rows=1, held_out=1)
    config = {
        "stage": "semantic", "model": str(bark_folder), "steps": 2, "batch_size": 1, "eval_every": 1,
        "sample_tokens": 8,
    }  # fmt: skip
    # In a process of its own, as each run has one: torch, Dagster's logs and pytest's capture do not share a process.
    done = subprocess.run(
        [sys.executable, "-c", JOB, json.dumps({"ops": {"fine_tune_bark": {"config": config}}})],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FLAMINGO_BARK_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["success"] and told["looks"] >= 2
    assert "data:image/png;base64," in told["loss"]
    assert Path(told["weights"]).is_dir() and told["sample"].endswith(".wav")
