"""Voice prompts: good phrases of each singer, trimmed to the voice, that stock Bark's processor and models take."""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.run import ExportReport, export, plan
from flamingo_bark_assets.exports.targets.bark_voice_prompts import BarkVoicePrompts
from flamingo_bark_assets.tokens.catalogue import TokenModels
from tests.export_songs import MadeRenderer, MadeSource, made_clip, made_song
from tests.signals import noise
from tests.token_models import one_torch_thread, save_bark, save_token_models


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> TokenModels:
    folder = tmp_path_factory.mktemp("models")
    return save_token_models(folder, token_cache=folder / "tokens")


def phrase(number: int, **changes: Any) -> Clip:
    return made_clip("song", "semantic", "vocals", number, **changes)


def source_of(*clips: Clip) -> MadeSource:
    song = made_song("song", "train", views=("semantic",))
    return MadeSource([dataclasses.replace(song, clips=clips, digest=repr(clips))])


def prompts(source: MadeSource, out: Path, tokens: TokenModels | None = None) -> ExportReport:
    return export(BarkVoicePrompts(), source, out, ExportOptions(folder=str(out), tokens=tokens))


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "voice_prompts.jsonl").read_text().splitlines()]


def numbers(folder: Path) -> list[int]:
    return [int(row["name"].rpartition("_")[2]) for row in rows(folder)]


@pytest.fixture(scope="module")
def exported(models: TokenModels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "prompts"
    prompts(source_of(*(phrase(i, end_cut="pause") for i in range(3))), out, models)
    return out


def test_a_prompt_holds_the_three_arrays_of_one_length_in_time(exported: Path) -> None:
    assert len(rows(exported)) == 3
    for row in rows(exported):
        with np.load(exported / row["prompt"]) as arrays:
            semantic, coarse, fine = (arrays[f"{name}_prompt"] for name in ("semantic", "coarse", "fine"))
        samples = soundfile.info(exported / row["wav"]).frames
        frames = -(-samples // 320)
        assert semantic.shape == ((samples * 2 // 3 - 400) // 320 + 1,)
        assert (coarse.shape, fine.shape) == ((2, frames), (8, frames))
        assert semantic.dtype == coarse.dtype == fine.dtype == np.int64
        assert round(frames / len(semantic), 1) == 1.5
        assert samples >= 24_000
        assert semantic.max() < 10_000
        assert fine.max() < 1024
        np.testing.assert_array_equal(coarse, fine[:2])


def test_stock_bark_speaks_with_a_prompt_by_the_command_that_is_printed(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_bark(tmp_path / "bark")
    command = BarkVoicePrompts().command(exported)
    assert command == f"python {exported}/speak.py '♪ la la la ♪'"
    out = tmp_path / "spoken.wav"
    monkeypatch.setattr(sys, "argv", ["speak.py", "♪ la la la ♪", "--model", str(model), "--out", str(out)])
    runpy.run_path(str(exported / "speak.py"), run_name="__main__")
    sound, rate_hz = soundfile.read(out)
    assert rate_hz == 24_000
    assert sound.size >= 4000
    assert np.isfinite(sound).all()


def test_the_prompt_reaches_the_model(exported: Path, tmp_path: Path) -> None:
    from transformers import BarkProcessor

    folder = save_bark(tmp_path / "bark")
    path = exported / rows(exported)[0]["prompt"]
    inputs = BarkProcessor.from_pretrained(folder)("la", voice_preset=str(path))
    with np.load(path) as arrays:
        for name in arrays:
            np.testing.assert_array_equal(inputs["history_prompt"][name].numpy(), arrays[name])


def test_phrases_that_end_in_a_rest_and_are_full_come_first(tmp_path: Path) -> None:
    clips = [
        phrase(0, end_cut="beat"), phrase(1, end_cut="pause", active_fraction=0.9), phrase(2, end_cut="downbeat"),
        phrase(3, end_cut="section", active_fraction=0.95), phrase(4, end_cut="pause", active_fraction=0.3),
        phrase(5, end_cut="song"), phrase(6, end_cut="downbeat", active_fraction=0.7), phrase(7, end_cut="beat"),
    ]  # fmt: skip
    prompts(source_of(*clips), tmp_path / "out")
    assert numbers(tmp_path / "out") == [0, 1, 2, 3, 5]


def test_only_the_voice_is_a_prompt(tmp_path: Path) -> None:
    song = made_song("song", "train", clips=4, views=("semantic",))
    prompts(MadeSource([song]), tmp_path / "out")
    assert {row["name"].rpartition("_")[0] for row in rows(tmp_path / "out")} == {"song__semantic_vocals"}
    assert {row["singer"] for row in rows(tmp_path / "out")} == {"Nobody"}


def test_a_singer_with_too_few_phrases_is_named(tmp_path: Path) -> None:
    prompts(source_of(phrase(0), phrase(1, active_fraction=0.2)), tmp_path / "out")
    (note,) = (tmp_path / "out" / "provenance" / "notes.jsonl").read_text().splitlines()
    assert json.loads(note) == [
        "song", "", "too_few_phrases", "1 good phrase of the voice found; 3 are wanted of a singer",
    ]  # fmt: skip


def test_a_custom_tag_is_left_out_and_noted_once(tmp_path: Path) -> None:
    options = ExportOptions(folder=str(tmp_path / "out"), custom_tag="zxcv")
    export(BarkVoicePrompts(), source_of(*(phrase(i, lyrics=None) for i in range(3))), tmp_path / "out", options)
    notes = (tmp_path / "out" / "provenance" / "notes.jsonl").read_text().splitlines()
    assert [json.loads(note) for note in notes] == [
        ["song", "", "custom_tag_left_out", "the custom tag 'zxcv' is left out: nothing is trained from voice prompts"]
    ]
    assert not any("zxcv" in row["text"] for row in rows(tmp_path / "out"))


class Singing(MadeRenderer):
    """A voice that sounds between two times of the clip only."""

    def __init__(self, start_s: float, end_s: float) -> None:
        super().__init__("song")
        self.span_s = (start_s, end_s)

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        samples: NDArray[np.float32] = np.zeros((1, round(clip.duration_s * sample_rate_hz)), np.float32)
        start, end = (round(time_s * sample_rate_hz) for time_s in self.span_s)
        samples[0, start:end] = noise((end - start) / sample_rate_hz, rate_hz=sample_rate_hz)
        return ClipSound(samples, sample_rate_hz, 0.0)


def test_silence_around_a_phrase_is_cut_off_and_its_times_are_told(tmp_path: Path) -> None:
    source = source_of(phrase(0, start_s=20.0, end_s=29.6))
    source.renderers["song"] = Singing(1.0, 6.0)
    prompts(source, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    sound, _ = soundfile.read(tmp_path / "out" / row["wav"])
    assert sound.size / 24_000 == pytest.approx(5.2, abs=0.05)
    assert sound.size % 480 == 0
    told = json.loads((tmp_path / "out" / "provenance" / "clips.jsonl").read_text())["clip"]
    assert told["start_s"] == pytest.approx(20.96, abs=0.021)
    assert told["end_s"] - told["start_s"] == pytest.approx(sound.size / 24_000)


def test_what_is_too_short_without_its_silence_is_no_prompt(tmp_path: Path) -> None:
    source = source_of(phrase(0))
    source.renderers["song"] = Singing(1.0, 3.0)
    with pytest.raises(ExportError, match="no clip can be exported"):
        prompts(source, tmp_path / "out")


def test_without_weights_the_excerpts_are_written_and_the_commands_are_said(tmp_path: Path) -> None:
    report = prompts(source_of(*(phrase(i) for i in range(3))), tmp_path / "out")
    assert len(report.missing) == 3
    assert [row["prompt"] for row in rows(tmp_path / "out")] == [None] * 3
    assert not (tmp_path / "out" / "prompts").exists()
    assert len(list((tmp_path / "out" / "wavs").iterdir())) == 3
    assert "There are no prompts yet" in (tmp_path / "out" / "README.md").read_text()


def test_nobody_is_told_to_speak_with_voices_that_are_not_there(tmp_path: Path) -> None:
    without_models = prompts(source_of(phrase(0)), tmp_path / "out")
    planned = plan(BarkVoicePrompts(), source_of(), tmp_path / "none", ExportOptions())

    assert without_models.use == "speak with one of the voices, once what is missing is there and it is exported again"
    assert (planned.use, planned.command) == ("you cannot speak with one of the voices yet: it holds no clip", "")
