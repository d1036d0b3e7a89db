"""Words are transcribed through transformers' own Whisper classes: windows, times, probabilities, rules of loading."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.transcript import Transcript
from flamingo_bark_assets.lyrics.transcription import NotTranscribed, Transcriber
from flamingo_bark_assets.lyrics.whisper import SAMPLE_RATE_HZ, Whisper, load_whisper
from flamingo_bark_assets.lyrics.windows import PAD_S, cut_windows, plan_windows
from flamingo_bark_assets.settings import LyricsSettings
from tests.tiny_whisper import save_tiny_whisper

PHRASES = (Span(2.0, 5.0), Span(5.5, 8.0), Span(20.0, 23.0))
LENGTH_S = 30.0


def noise(
    length_s: float, rate_hz: int = SAMPLE_RATE_HZ, seed: int = 0
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.1 * np.random.default_rng(seed).normal(size=round(length_s * rate_hz))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def whisper(folder: Path) -> Whisper:
    return load_whisper(folder, model_id="tiny", dtype="float32", device="cpu")


def song() -> Signal:
    return Signal(noise(LENGTH_S, 44_100)[np.newaxis], 44_100)


def transcriber(model: str | None, tmp_path: Path | None = None, **inference: object) -> Transcriber:
    return Transcriber(LyricsSettings(model=model), InferenceSettings.model_validate(inference), tmp_path)


def transcribe(by: Transcriber, language: str | None = None) -> Transcript | NotTranscribed:
    return by.transcribe(song(), PHRASES, LENGTH_S, language)


def test_windows_hold_the_phrases_and_nothing_else() -> None:
    windows = plan_windows(PHRASES, LENGTH_S, longest_s=30.0)
    assert windows == (Span(2.0 - PAD_S, 8.0 + PAD_S), Span(20.0 - PAD_S, 23.0 + PAD_S))


def test_windows_are_never_longer_than_the_model_reads_and_never_overlap() -> None:
    long = (Span(0.1, 80.0), Span(80.2, 95.0), Span(95.1, 120.0))
    windows = plan_windows(long, 120.0, longest_s=30.0)
    assert all(window.duration_s <= 30.0 for window in windows)
    assert all(a.end_s <= b.start_s for a, b in pairwise(windows))
    assert (windows[0].start_s, windows[-1].end_s) == (0.0, 120.0)


def test_windows_are_cut_at_their_times_and_resampled() -> None:
    time_s = np.arange(round(20.0 * 44_100)) / 44_100
    ramp = Signal((time_s / 20.0).astype(np.float32)[np.newaxis], 44_100)
    first, second = cut_windows(ramp, (Span(2.0, 4.0), Span(15.0, 18.0)), SAMPLE_RATE_HZ)
    assert (first.size, second.size) == (2 * SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ)
    assert first[SAMPLE_RATE_HZ] == pytest.approx(3.0 / 20.0, abs=1e-3)
    assert second[SAMPLE_RATE_HZ] == pytest.approx(16.0 / 20.0, abs=1e-3)


def test_words_have_times_in_their_window_and_probabilities(whisper: Whisper) -> None:
    segments = whisper.transcribe(noise(6.0), start_s=50.0, language="en")
    words = [word for segment in segments for word in segment.words]
    assert words
    for word in words:
        assert word.start_s is not None and word.end_s is not None
        assert 50.0 <= word.start_s <= word.end_s <= 56.0
        assert 0.0 < word.probability <= 1.0
        assert word.text == word.text.strip() != ""
    for segment in segments:
        assert 50.0 <= segment.start_s <= segment.end_s <= 56.0
        assert 0.0 <= segment.no_speech_probability <= 1.0


def test_probabilities_are_those_of_the_models_own_generation(whisper: Whisper) -> None:
    """Another way to the same numbers: the scores that generate returns, where nothing is suppressed."""
    import torch

    model, processor = whisper._model, whisper._processor
    features = processor.feature_extractor(noise(6.0), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    with torch.inference_mode():
        made = model.generate(
            features.input_features, language="en", task="transcribe", return_timestamps=True,
            return_dict_in_generate=True, force_unique_generate_call=True, output_logits=True,
        )  # fmt: skip
    new = made["sequences"][0, -len(made["logits"]) :].tolist()
    logs = [float(step[0].float().log_softmax(-1)[token]) for token, step in zip(new, made["logits"], strict=True)]
    first_timestamp = model.generation_config.no_timestamps_token_id + 1
    letters = [value for token, value in zip(new, logs, strict=True) if token < 256 < first_timestamp]
    words = [word for segment in whisper.transcribe(noise(6.0), start_s=0.0, language="en") for word in segment.words]
    assert min(word.probability for word in words) >= min(np.exp(letters)) * 0.99
    assert max(word.probability for word in words) <= max(np.exp(letters)) * 1.01


def test_the_same_sound_gives_the_same_words(whisper: Whisper) -> None:
    once, again = (whisper.transcribe(noise(6.0), start_s=0.0, language="en") for _ in range(2))
    assert once == again


def test_a_model_without_alignment_heads_gives_times_of_segments_only(tmp_path: Path) -> None:
    save_tiny_whisper(tmp_path, word_times=False)
    model = load_whisper(tmp_path, model_id="tiny", dtype="float32", device="cpu")
    segments = model.transcribe(noise(6.0), start_s=50.0, language="en")
    assert segments
    assert {(word.start_s, word.end_s) for segment in segments for word in segment.words} == {(None, None)}
    assert all(50.0 <= segment.start_s <= segment.end_s <= 56.0 for segment in segments)


def test_voice_and_languages_are_told_with_probabilities(whisper: Whisper) -> None:
    voice = whisper.voice_in(noise(6.0))
    assert set(voice.languages) == {"en", "de", "fr"} == whisper.languages
    assert sum(voice.languages.values()) == pytest.approx(1.0)
    assert 0.0 <= voice.no_speech_probability <= 1.0


def test_a_song_is_transcribed_over_its_phrases_only(folder: Path) -> None:
    made = transcribe(transcriber(str(folder)))
    assert isinstance(made, Transcript)
    assert made.segments
    assert all(s.start_s >= 1.7 and (s.end_s <= 8.3 or 19.7 <= s.start_s <= s.end_s <= 23.3) for s in made.segments)
    assert (made.model_id, made.language in {"en", "de", "fr"}) == (str(folder), True)
    assert made.revision


def test_the_stated_language_is_used_where_the_model_knows_it(folder: Path) -> None:
    made = transcribe(transcriber(str(folder)), "fr")
    assert isinstance(made, Transcript) and made.language == "fr"
    other = transcribe(transcriber(str(folder)), "cy")
    assert isinstance(other, Transcript) and other.language in {"en", "de", "fr"}


def test_a_transcript_is_made_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = transcribe(transcriber(str(folder), tmp_path))
    monkeypatch.setattr(Whisper, "transcribe", lambda *_, **__: pytest.fail("it was transcribed again"))
    assert transcribe(transcriber(str(folder), tmp_path)) == first
    (kept,) = tmp_path.rglob("*.transcript.json")
    kept.write_text('{"version": 1, "key": 3}')
    monkeypatch.undo()
    assert transcribe(transcriber(str(folder), tmp_path)) == first


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (None, "no model is configured"),
        ("openai/whisper-small", "flamingo-bark models fetch openai/whisper-small"),
        ("openai/whisper-enormous", "openai/whisper-large-v3-turbo"),
        ("/no/such/folder", "there is no such folder"),
    ],
)
def test_what_cannot_be_had_is_a_reason_and_no_error(model: str | None, reason: str, tmp_path: Path) -> None:
    made = transcribe(transcriber(model, cache_folder=tmp_path))
    assert isinstance(made, NotTranscribed)
    assert reason in made.reason


def test_nothing_is_transcribed_where_nobody_sings(folder: Path) -> None:
    made = transcriber(str(folder)).transcribe(song(), (), LENGTH_S, None)
    assert made == NotTranscribed("nobody was measured to sing")


def test_a_folder_that_asks_for_code_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "evil.py").write_text("raise SystemExit")
    made = transcribe(transcriber(str(tmp_path / "model")))
    assert isinstance(made, NotTranscribed)
    assert "asks for code" in made.reason


@pytest.mark.parametrize("damage", ["weights", "tokenizer", "other", "timestamps", "part"])
def test_a_damaged_folder_is_a_reason_and_no_error(folder: Path, tmp_path: Path, damage: str) -> None:
    from safetensors.numpy import load_file, save_file

    broken = tmp_path / "model"
    shutil.copytree(folder, broken)
    if damage == "weights":
        (broken / "model.safetensors").write_bytes(b"\x00" * 64)
    elif damage == "tokenizer":
        (broken / "tokenizer.json").write_text("{")
    elif damage == "other":
        (broken / "config.json").write_text('{"model_type": "bert"}')
    elif damage == "part":
        weights = load_file(broken / "model.safetensors")
        del weights["model.decoder.layers.1.fc1.weight"]
        save_file(weights, broken / "model.safetensors", {"format": "pt"})
    else:
        values = json.loads((broken / "generation_config.json").read_text())
        del values["no_timestamps_token_id"]
        (broken / "generation_config.json").write_text(json.dumps(values))
    made = transcribe(transcriber(str(broken)))
    assert isinstance(made, NotTranscribed), damage
    assert str(broken) in made.reason


def test_a_folder_of_another_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bark"}')
    with pytest.raises(ModelError, match="names no Whisper"):
        load_whisper(tmp_path, model_id="x/y", dtype="float32", device="cpu")
