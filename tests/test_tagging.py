"""The built-in tagger: its networks against the original, its windows, what is told of its tags, and the chain."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.captioning import model_captioner, tagged
from flamingo_bark_assets.captioning.confidence import weigh
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.captioning.tagged import SWITCHED_OFF, TaggedCaptioner
from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.loading import Loaded
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.kernels import librosa_module
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.settings import PromptSettings, Settings, TaggingSettings
from flamingo_bark_assets.tagging import network
from flamingo_bark_assets.tagging.checkpoint import read_checkpoint
from flamingo_bark_assets.tagging.conversion import convert_wheel
from flamingo_bark_assets.tagging.mel import BANDS, FRAMES, WINDOW, WINDOW_S, log_mel, log_mel_windows
from flamingo_bark_assets.tagging.network import NETWORKS, Network, NetworkName
from flamingo_bark_assets.tagging.tagger import Tag, Tagger
from flamingo_bark_assets.tagging.vocabulary import TAGS, TERMS
from tests.evidence import make_evidence, unusable_song, with_silent_stem, without_stems
from tests.signals import as_signal, join, noise, silence

REFERENCE: dict[NetworkName, dict[str, list[float]]] = json.loads(
    (Path(__file__).parent / "musicnn_outputs.json").read_text()
)
"""What the published networks give for `windows`: musicnn/models.py and the checkpoints of the wheel, run by TensorFlow
2.21 with tf_keras on librosa's melspectrogram (center=False) in float32."""
RATE = 16_000


def windows() -> dict[str, FloatArray]:
    """One window of each kind of sound, 16 kHz."""
    t = np.arange(WINDOW) / RATE
    hiss = np.random.default_rng(5).standard_normal(WINDOW)
    beat = np.exp(-((t % 0.5) / 0.03))
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in (261.63, 329.63, 392.0))
    sounds = {
        "chord": 0.1 * chord,
        "noise beat": 0.3 * hiss * beat,
        "bass and beat": 0.2 * np.sign(np.sin(2 * np.pi * 55 * t)) + 0.2 * hiss * beat,
        "vibrato": 0.3 * np.sin(2 * np.pi * 440 * t + 6 * np.sin(2 * np.pi * 6 * t)),
        "loud": 0.9 * np.clip(3 * chord / 3, -1, 1),
        "silence": np.zeros(WINDOW),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def heard(label: str, score: float) -> Tag:
    return Tag(next(term for term in TERMS if term.label == label), score, 10)


def hearing(monkeypatch: pytest.MonkeyPatch, tags: Mapping[Part, tuple[Tag, ...]]) -> None:
    """Let the tagger hear the given tags in each part."""

    def hear(self: TaggedCaptioner, part: Part, audio: object) -> tuple[Tag, ...]:
        return tags.get(part, ())

    monkeypatch.setattr(TaggedCaptioner, "_tags", hear)


def sound(part: Part) -> Signal:
    return as_signal(noise(4.0, rate_hz=22050), rate_hz=22050)


def captions_of(evidence: Evidence, **settings: object) -> Captions:
    tagging = TaggingSettings.model_validate(settings)
    measured = MeasuredCaptioner().describe(evidence, sound)
    return TaggedCaptioner(tagging, PromptSettings()).on(measured, evidence, sound)


def answer(captions: Captions, part: str, question: str) -> Answer:
    return next(a for a in captions.answers if (a.part, a.question) == (part, question))


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_gives_what_the_original_gives(name: NetworkName) -> None:
    ours = Network.load(name).tag(np.stack([log_mel(samples) for samples in windows().values()]))
    original = np.array([REFERENCE[name][kind] for kind in windows()])
    assert ours.shape == original.shape
    assert np.abs(ours - original).max() < 0.005  # kernels are shipped as float16


def test_the_mel_is_librosas(peer: None) -> None:
    melspectrogram = librosa_module("librosa").feature.melspectrogram
    for samples in windows().values():
        power = melspectrogram(y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=BANDS, center=False).T
        assert np.allclose(log_mel(samples), np.log10(10_000 * power + 1), atol=1e-5)


def test_a_window_has_the_frames_that_the_networks_were_trained_on() -> None:
    assert log_mel(np.zeros(WINDOW, np.float32)).shape == (FRAMES, BANDS) == (187, 96)


def test_windows_are_spread_over_the_song_and_leave_out_what_is_silent() -> None:
    rate = RATE
    loud, quiet = noise(WINDOW_S, rate_hz=rate), silence(WINDOW_S, rate_hz=rate)
    song = as_signal(join(loud, quiet, 0.1 * loud, quiet, 0.3 * loud), rate_hz=rate)
    levels = log_mel_windows(song, 12).mean(axis=(1, 2))
    assert len(levels) == 3
    assert levels[0] > levels[2] > levels[1]
    assert np.allclose(log_mel_windows(song, 2).mean(axis=(1, 2)), levels[[0, 2]])


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_any_rate_and_number_of_channels_is_heard(rate: int) -> None:
    samples = np.random.default_rng(1).standard_normal((2, 7 * rate)).astype(np.float32) * 0.1
    found = log_mel_windows(Signal(samples, rate), 12)
    assert found.shape == (2, FRAMES, BANDS)
    assert np.isfinite(found).all()


def test_a_sound_shorter_than_a_window_is_repeated_and_one_below_a_second_is_not_heard() -> None:
    assert log_mel_windows(as_signal(noise(1.5, rate_hz=RATE), rate_hz=RATE), 12).shape == (1, FRAMES, BANDS)
    assert len(log_mel_windows(as_signal(noise(0.9, rate_hz=RATE), rate_hz=RATE), 12)) == 0
    assert len(log_mel_windows(Signal(np.zeros((1, 0), np.float32), RATE), 12)) == 0


def test_digital_full_scale_gives_finite_probabilities() -> None:
    square = np.where(np.arange(WINDOW) % 200 < 100, 1.0, -1.0).astype(np.float32)
    for name in NETWORKS:
        assert np.isfinite(Network.load(name).tag(log_mel(square)[None])).all()


def test_every_term_has_tags_of_its_network_and_no_label_is_told_twice() -> None:
    assert all(tag in TAGS[term.network] for term in TERMS for tag in term.tags)
    assert all(len(TAGS[name]) == len(set(TAGS[name])) == 50 for name in NETWORKS)
    assert len({(term.kind, term.label) for term in TERMS}) == len(TERMS)


def test_probabilities_rise_with_the_score_and_are_at_least_one_half_where_a_term_is_told() -> None:
    for term in TERMS:
        grid = [term.probability(score) for score in (0.0, 0.01, 0.2, 0.5, 0.9, 1.0)]
        assert grid == sorted(grid)
        assert 0.0 < grid[0] < grid[-1] < 1.0
        assert term.probability(term.threshold) >= 0.5, term.label


def test_the_tagger_runs_the_networks_over_a_sound(networks_run: None) -> None:
    tags = Tagger().tag(as_signal(noise(7.0, rate_hz=RATE), rate_hz=RATE), ("genre", "instrument"), 2)
    assert {tag.term.kind for tag in tags} == {"genre", "instrument"}
    assert {tag.windows for tag in tags} == {2}
    assert [t.probability for t in tags if t.term.kind == "genre"] == sorted(
        (t.probability for t in tags if t.term.kind == "genre"), reverse=True
    )


def test_sure_tags_answer_and_name_their_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"mix": (heard("jazz", 0.5), heard("rock", 0.1), heard("mellow", 0.4), heard("piano", 0.4))})
    captions = captions_of(make_evidence(metadata={"genre_tags": None}))
    genre = answer(captions, "mix", "genre")
    assert (genre.text, genre.source, genre.captioner, genre.is_fallback) == ("jazz", "tagged", "tagged", False)
    assert (genre.model_id, genre.licence, genre.confidence) == (
        "musicnn/MSD_musicnn", "ISC", heard("jazz", 0.5).probability,
    )  # fmt: skip
    assert answer(captions, "mix", "mood").text == "mellow"
    assert answer(captions, "mix", "instruments").model_id == "musicnn/MTT_musicnn"


def test_the_captions_as_a_whole_still_say_that_no_captioning_model_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"mix": (heard("jazz", 0.5),)})
    captions = captions_of(make_evidence(metadata={"genre_tags": None}))
    assert (captions.captioner, captions.is_fallback, captions.model_id) == ("measured", True, None)
    assert (captions.tagger or "").startswith("musicnn/MSD_musicnn, musicnn/MTT_musicnn@")
    assert answer(captions, "mix", "caption").captioner == "measured"


def test_a_term_below_its_own_threshold_is_a_label_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rock = next(term for term in TERMS if term.label == "rock")
    hearing(monkeypatch, {"mix": (heard("rock", rock.threshold - 0.01), heard("sad", 0.2))})
    captions = captions_of(make_evidence(metadata={"genre_tags": None}))
    assert answer(captions, "mix", "genre").text is None
    assert "the tagger is sure of none (likeliest: rock" in (answer(captions, "mix", "genre").reason or "")
    assert answer(captions, "mix", "mood").text is None
    (label,) = [row for row in captions.labels if row.label == "rock"]
    assert (label.source, label.part, label.vocabulary, label.windows) == ("tagged", "mix", "genre", 10)
    assert (label.probability, label.threshold, label.is_calibrated) == (
        heard("rock", rock.threshold - 0.01).probability, rock.threshold, True,
    )  # fmt: skip


def test_a_genre_of_the_files_tags_goes_first_and_shows_how_far_the_tagger_agrees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hearing(monkeypatch, {"mix": (heard("jazz", 0.5), heard("house", 0.1))})
    genre = answer(captions_of(make_evidence(metadata={"genre_tags": "House"})), "mix", "genre")
    assert (genre.text, genre.source, genre.confidence) == ("House", "file_tags", None)
    assert genre.tag_agreement == heard("house", 0.1).probability


def test_a_tag_that_a_silent_stem_contradicts_answers_nothing_and_stays_among_the_claims(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hearing(monkeypatch, {"mix": (heard("drums", 0.6), heard("synth", 0.6))})
    captions = captions_of(with_silent_stem("drums"))
    assert answer(captions, "mix", "instruments").text == "synth"
    assert answer(captions, "mix", "instruments").raw_text == "drums, synth"
    assert [claim.claimed for claim in captions.claims if claim.verdict == "conflict"] == ["drums"]


def test_a_voice_that_a_silent_vocals_stem_contradicts_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"mix": (heard("female vocals", 0.6),)})
    said = answer(captions_of(with_silent_stem("vocals")), "mix", "instruments")
    assert said.source == "measured"
    assert "female" not in (said.text or "")


def test_voice_is_told_of_the_vocals_and_instruments_of_the_harmonic_stem(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"vocals": (heard("male vocals", 0.5),), "harmonic": (heard("strings", 0.6),)})
    captions = captions_of(make_evidence())
    assert answer(captions, "vocals", "instruments").text == "male vocals"
    assert answer(captions, "harmonic", "instruments").text == "strings"
    assert answer(captions, "drums", "instruments").source == "measured"


def test_switched_off_the_measured_answers_stay_with_the_reason() -> None:
    evidence = make_evidence()
    captions = captions_of(evidence, enabled=False)
    assert captions.answers == MeasuredCaptioner().describe(evidence, sound).answers
    assert (captions.tagger, captions.tagger_reason, captions.labels) == (None, SWITCHED_OFF, ())


def test_damaged_weights_leave_the_song_described_and_the_reason_on_record(
    networks_run: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NETWORKS:
        (tmp_path / f"musicnn_{name}.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr(network, "_WEIGHTS", tmp_path)
    captions = captions_of(without_stems())
    assert "musicnn_msd.safetensors: cannot be read" in (captions.tagger_reason or "")
    assert answer(captions, "mix", "caption").source == "measured"


def test_a_silent_song_has_no_tags(networks_run: None) -> None:
    evidence = without_stems()
    measured = MeasuredCaptioner().describe(evidence, sound)
    quiet = as_signal(silence(8.0, rate_hz=RATE), rate_hz=RATE)
    captions = TaggedCaptioner(TaggingSettings(), PromptSettings()).on(measured, evidence, lambda part: quiet)
    assert captions.answers == measured.answers
    assert captions.labels == ()


def test_the_chain_tells_that_the_tagger_stood_between_model_and_measurements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_captioner, "load_first", lambda settings, *, skipped: Loaded(None, None, skipped))
    hearing(monkeypatch, {"mix": (heard("jazz", 0.5),)})
    captioner = ModelCaptioner(InferenceSettings(cache_folder=tmp_path), PromptSettings(), tmp_path / "answers")
    captions = captioner.describe(make_evidence(metadata={"genre_tags": None}), sound)
    assert [(c.candidate, c.captioner, c.outcome) for c in captions.candidates] == [
        (0, "tagged", "answered"), (1, "measured", "answered"),
    ]  # fmt: skip
    assert answer(captions, "mix", "genre").source == "tagged"
    assert captioner.describe(unusable_song(), sound).labels == ()


def test_a_models_answers_stay_and_show_how_far_the_tagger_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"mix": (heard("jazz", 0.5), heard("rock", 0.4))})
    by_model = Answer(
        part="mix", question="genre", text="smooth, rock", source="model", captioner="music-flamingo",
        is_fallback=False, model_id="m", confidence=0.9,
    )  # fmt: skip
    captions = Captions(song_id="song", captioner="music-flamingo", is_fallback=False, answers=(by_model,))
    tagger = TaggedCaptioner(TaggingSettings(), PromptSettings())
    (told,) = tagger.on(captions, make_evidence(), sound).answers
    assert told == replace(by_model, tag_agreement=heard("rock", 0.4).probability)


def weighed(genre_tags: str | None = None, **values: object) -> float | None:
    given = Answer(
        part="mix", question="genre", text="rock", source="model", captioner="m", is_fallback=False,
        **values,  # type: ignore[arg-type]
    )  # fmt: skip
    evidence = make_evidence(metadata={"genre_tags": genre_tags})
    (found,) = weigh(Captions(song_id="song", answers=(given,)), evidence).answers
    return found.confidence


def test_the_confidence_is_the_geometric_mean_of_all_who_say_something() -> None:
    assert weighed(confidence=0.5) == 0.5
    assert weighed(confidence=0.5, tag_agreement=0.8) == pytest.approx(math.sqrt(0.4))
    assert weighed(confidence=0.5, tag_agreement=0.8, label_agreement=0.1) == pytest.approx(0.04 ** (1 / 3))


def test_a_tag_of_the_file_that_names_the_same_genre_raises_the_confidence_and_another_leaves_it() -> None:
    assert weighed("Rock music", confidence=0.25) == pytest.approx(0.5)
    assert weighed("Polka", confidence=0.25) == 0.25


def test_an_answer_without_a_confidence_gets_none_from_others() -> None:
    assert weighed("Rock", confidence=None, tag_agreement=0.9) is None


def test_loading_the_code_location_imports_no_torch() -> None:
    code = "import sys; import flamingo_bark_assets.definitions; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_the_setting_is_read_from_the_settings_file() -> None:
    given = Settings.model_validate({"tagging": {"enabled": False, "windows": 3}})
    assert (given.tagging.enabled, given.tagging.windows, given.tagging.stem_windows) == (False, 3, 4)


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | (128 if rest else 0)]) + (_varint(rest) if rest else b"")


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _block(entries: Mapping[bytes, bytes]) -> bytes:
    rows = b"".join(b"\0" + _varint(len(k)) + _varint(len(v)) + k + v for k, v in entries.items())
    return rows + struct.pack("<II", 0, 1)


def _checkpoint(names: Mapping[str, FloatArray]) -> tuple[bytes, bytes]:
    """Write a checkpoint as TensorFlow does: one block of entries, one of blocks, a footer."""
    entries, data = {b"": b""}, b""
    for name, values in names.items():
        shape = b"".join(_field(2, _field(1, size)) for size in values.shape)
        entries[name.encode()] = (
            _field(1, 1) + _field(2, shape) + _field(4, len(data)) + _field(5, values.nbytes) + b"\x35\0\0\0\0"
        )
        data += values.tobytes()
    block = _block(entries)
    blocks = _block({b"z": _varint(0) + _varint(len(block))})
    start = len(block) + 5
    handles = _varint(0) + _varint(0) + _varint(start) + _varint(len(blocks))
    footer = handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return block + bytes(5) + blocks + bytes(5) + footer, data


def test_a_checkpoint_is_read_without_tensorflow() -> None:
    values = {"a/kernel": np.arange(6, dtype="<f4").reshape(2, 3), "b/bias": np.ones(4, "<f4")}
    read = read_checkpoint(*_checkpoint(values))
    assert {name: found.tolist() for name, found in read.items()} == {n: v.tolist() for n, v in values.items()}


def test_a_damaged_checkpoint_is_refused() -> None:
    index, data = _checkpoint({"a": np.ones(4, "<f4")})
    for damaged in (b"", index[:-1], index[20:], b"\xff" * len(index)):
        with pytest.raises(FileFault, match="no checkpoint that can be read"):
            read_checkpoint(damaged, data)
    with pytest.raises(FileFault, match="outside the one shard"):
        read_checkpoint(index, data[:-4])


def test_only_the_published_wheel_is_converted(tmp_path: Path) -> None:
    wheel = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    with pytest.raises(FileFault, match="is not the wheel of musicnn"):
        convert_wheel(wheel, tmp_path)


def test_the_answered_kinds_are_told_of_the_parts_that_are_heard() -> None:
    told = {kind for kinds in tagged._KINDS_OF.values() for kind in kinds}
    assert told == {term.kind for term in TERMS}
