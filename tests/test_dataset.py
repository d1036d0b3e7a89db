"""The per-song dataset JSON: the user's keys, what stands in them, and bytes that stay the same.

The file's contents are specified here; the schema itself is generated from the models.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from flamingo_bark_assets.audio.recording import Stem
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.settings import Settings, Thresholds, digest_of_settings
from flamingo_bark_assets.training.dataset import (
    SCHEMA_PATH,
    build_dataset,
    dataset_file_name,
    json_schema,
    render_dataset,
)
from flamingo_bark_assets.training.dataset_models import BarkDataset
from flamingo_bark_assets.training.rendering import json_bytes
from flamingo_bark_assets.training.suitability import judge
from tests.evidence import (
    lyrics_of,
    make_evidence,
    make_stem,
    measured,
    unknown,
    unusable_song,
    with_separated_stems,
    with_silent_stem,
    without_stems,
)


@pytest.fixture
def validate() -> Callable[[Any, dict[str, Any]], None]:
    """Check a value against a schema, by another implementation than the models themselves."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, one of the dev dependencies")

    def check(value: Any, schema: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator.check_schema(schema)
        errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]
        assert errors == []

    return check


def make_captions(song_id: str = "song", **changes: Any) -> Captions:
    answer: dict[str, Any] = {
        "source": "measured", "captioner": "measured", "is_fallback": True, "revision": "rules-1",
    }  # fmt: skip
    answers = tuple(
        Answer(part=part, question=question, text=f"{question} of {part}", **answer)
        for part in ("mix", "drums", "bass", "vocals", "harmonic")
        for question in ("caption", "description")
    )
    values = {"captioner": "measured", "is_fallback": True, "answers": answers}
    return Captions(song_id=song_id, **{**values, **changes})


def make_prompt(name: str, type_: str, parts: str, weight: float = 1.0, **changes: Any) -> Prompt:
    values: dict[str, Any] = {
        "audio_description": f"A description of {parts}.", "style_prompt": f"Style of {parts}",
        "technical_prompt": f"Technique of {parts}", "combined_prompt": f"Text of {parts}",
        "captioner": "measured", "is_fallback": True, "form": "sentence", "form_weight": 1.0, "seed": "0" * 16,
        "custom_tag": None, "held_tag": False,
    }  # fmt: skip
    return Prompt(prompt=name, type=type_, parts=parts, training_weight=weight, **{**values, **changes})


def make_prompts(song_id: str = "song", **changes: Any) -> TrainingPrompts:
    prompts = (
        make_prompt("full_track", "full_track", "mix", **changes),
        make_prompt("stem:drums", "stem", "drums", 0.7),
        make_prompt("stem:vocals", "stem", "vocals", 0.7),
        make_prompt("multi_instrument:drums+vocals", "multi_instrument", "drums+vocals", 0.85),
    )
    return TrainingPrompts(song_id=song_id, prompts=prompts)


def unknown_stem(fault: str) -> Stem:
    """Make a file of the stems folder whose name says no kind."""
    return dataclasses.replace(make_stem("bass", name="fx", file_name="fx.wav", fault=fault), kind=None)


def dataset_of(
    evidence: Evidence, captions: Captions | None = None, prompts: TrainingPrompts | None = None
) -> BarkDataset:
    return build_dataset(
        evidence,
        lyrics_of(evidence),
        captions or make_captions(),
        prompts or make_prompts(),
        judge(evidence, Thresholds()),
        Settings(),
    )


def json_of(evidence: Evidence, **more: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render_dataset(dataset_of(evidence, **more)))
    return loaded


def test_every_key_of_the_users_shape_is_there() -> None:
    written = json_of(make_evidence("song_001"))
    assert written["dataset_metadata"].keys() >= {
        "audio_file_id", "total_samples", "main_track_duration", "analysis_version",
    }  # fmt: skip
    assert written["main_track"].keys() >= {
        "audio_description", "style_prompt", "technical_prompt", "training_suitability",
    }  # fmt: skip
    assert [s["stem_type"] for s in written["stems"]] == ["drums", "bass", "vocals", "harmonic"]
    assert written["stems"][0].keys() >= {"stem_type", "audio_description", "technical_features"}
    assert written["stems"][0]["technical_features"].keys() >= {"onset_density", "rhythm_complexity"}
    assert written["training_prompts"][0].keys() >= {"type", "combined_prompt", "training_weight"}
    assert list(written) == ["dataset_metadata", "main_track", "stems", "training_prompts"]


def test_the_metadata_tells_song_length_and_maker() -> None:
    metadata = json_of(make_evidence("song_001"))["dataset_metadata"]
    assert metadata["audio_file_id"] == "song_001"
    assert metadata["main_track_duration"] == 180.5
    assert metadata["settings_digest"] == digest_of_settings(Settings().thresholds.model_dump(mode="json"))
    assert metadata["captioner"] == {
        "name": "measured", "model_id": None, "revision": "rules-1", "licence": None, "is_fallback": True,
    }  # fmt: skip
    assert metadata["sources"][0] == {"part": "mix", "path": "song.wav", "origin": "given", "sha256": "a" * 64}
    assert metadata["sources"][4] == {
        "part": "harmonic", "path": "stems/other.wav", "origin": "given", "sha256": "b" * 64,
    }  # fmt: skip
    assert metadata["separation"] is None


def test_separated_stems_are_named_so_with_what_made_them() -> None:
    written = json_of(with_separated_stems("song_001"))
    assert written["dataset_metadata"]["separation"] == {
        "separator": "demucs", "command": '["demucs", "{input}", "{output}"]', "version": None, "model": "htdemucs",
        "model_licence": "MIT", "input_sha256": "a" * 64,
    }  # fmt: skip
    assert [source["origin"] for source in written["dataset_metadata"]["sources"]] == ["given", *4 * ["separated"]]
    assert {stem["origin"] for stem in written["stems"]} == {"separated"}
    assert written["stems"][2]["files"][0]["path"] == "separated/song_001/vocals.wav"


@pytest.mark.parametrize(
    ("evidence", "total"),
    [(make_evidence(), 5), (with_silent_stem("vocals"), 4), (without_stems(), 1), (unusable_song(), 0)],
    ids=["four stems", "one of them silent", "no stems", "unreadable"],
)
def test_total_samples_counts_the_track_and_its_audible_stems(evidence: Evidence, total: int) -> None:
    assert json_of(evidence)["dataset_metadata"]["total_samples"] == total


def test_a_measurement_keeps_unit_method_and_confidence() -> None:
    track = json_of(make_evidence(song={"tempo_bpm": measured(121.0, 0.75)}))["main_track"]
    assert track["measurements"]["tempo_bpm"] == {
        "value": 121.0, "unit": "BPM", "confidence": 0.75, "method": "by-hand", "reason": None,
    }  # fmt: skip


def test_an_unknown_measurement_is_null_with_its_reason() -> None:
    written = json_of(make_evidence(drums={"rhythm_complexity": unknown("two onsets")}))
    drums = written["stems"][0]
    assert drums["technical_features"]["rhythm_complexity"] is None
    assert drums["measurements"]["rhythm_complexity"]["reason"] == "two onsets"


def test_truth_values_and_whole_numbers_keep_their_type() -> None:
    drums, bass = json_of(make_evidence())["stems"][:2]
    assert drums["technical_features"]["kick_present"] is True
    assert isinstance(bass["technical_features"]["note_count"], int)


def test_no_measurement_of_the_mix_hides_another_of_the_same_name() -> None:
    evidence = make_evidence()
    records = (evidence.raw_song, evidence.song, evidence.stems)
    count = sum(1 for record in records for _ in record.measurements())
    assert len(json_of(evidence)["main_track"]["measurements"]) == count


def test_the_description_is_the_prompts_which_conflicting_claims_have_left() -> None:
    written = json_of(make_evidence(), prompts=make_prompts(audio_description=None))
    assert written["main_track"]["audio_description"] is None
    assert written["stems"][0]["audio_description"] == "A description of drums."


def test_a_stem_without_a_prompt_takes_the_captioners_description() -> None:
    assert json_of(make_evidence())["stems"][1]["audio_description"] == "description of bass"


def test_a_prompt_is_suitable_only_with_the_song_and_all_its_parts() -> None:
    evidence = with_silent_stem("vocals")
    assert {p["name"]: p["suitable"] for p in json_of(evidence)["training_prompts"]} == {
        "full_track": True, "stem:drums": True, "stem:vocals": False, "multi_instrument:drums+vocals": False,
    }  # fmt: skip
    clipped = make_evidence(raw_song={"clipped_fraction": 0.5})
    assert not any(p["suitable"] for p in json_of(clipped)["training_prompts"])


def test_the_judgement_is_told_with_its_reasons() -> None:
    track = json_of(make_evidence(raw_song={"clipped_fraction": 0.5}))["main_track"]
    assert track["training_suitability"] is False
    assert track["suitability"]["reasons"] == [
        "50 % of the samples are clipped; at most 0.1 % is allowed",
    ]
    (failed,) = [r for r in track["suitability"]["rules"] if not r["passed"]]
    assert (failed["rule"], failed["value"], failed["threshold"]) == ("clipping", 0.5, 0.001)


def test_an_unreadable_song_gives_nulls_with_the_reason() -> None:
    evidence = unusable_song(reason="song.wav: broken")
    captions = Captions.of_unusable("song", "song.wav: broken")
    prompts = TrainingPrompts.of_unusable("song", "song.wav: broken")
    written = json_of(evidence, captions=captions, prompts=prompts)
    assert written["main_track"]["training_suitability"] is False
    assert written["main_track"]["style_prompt"] is None
    assert written["main_track"]["suitability"]["reasons"] == ["song.wav: broken"]
    assert written["main_track"]["measurements"]["tempo_bpm"]["reason"] == "song.wav: broken"
    assert written["training_prompts"] == []


def test_numbers_are_rounded_to_six_significant_digits() -> None:
    track = json_of(make_evidence(song={"tempo_bpm": 121.23456789, "spectral_flatness": 0.00001234567}))
    measurements = track["main_track"]["measurements"]
    assert measurements["tempo_bpm"]["value"] == 121.235
    assert measurements["spectral_flatness"]["value"] == 1.23457e-05


def test_the_same_results_give_the_same_bytes() -> None:
    assert render_dataset(dataset_of(make_evidence())) == render_dataset(dataset_of(make_evidence()))


def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "import sys, tests.test_dataset as t; "
        "sys.stdout.buffer.write(t.render_dataset(t.dataset_of(t.make_evidence())))"
    )
    root = SCHEMA_PATH.parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_the_file_is_readable_utf8_with_a_final_newline() -> None:
    written = render_dataset(dataset_of(make_evidence(metadata={"title": "Für Élise ♪"})))
    assert "Für Élise ♪".encode() in written
    assert written.endswith(b"}\n")
    assert b"\n  " in written


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    written = json_of(make_evidence(metadata={"title": "bad \ud800 name", "artist": "\ud83d\ude00"}))
    assert written["dataset_metadata"]["title"] == "bad � name"
    assert written["dataset_metadata"]["artist"] == "\U0001f600"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_written_as_null(value: float) -> None:
    evidence = make_evidence(stems={"stems": (make_stem("drums", rms_dbfs=value),)})
    assert json_of(evidence)["stems"][0]["files"][0]["rms_dbfs"] is None


def test_what_a_stem_file_still_has_and_every_use_takes_off_is_said_beside_it() -> None:
    found = {"delay_samples": 1105, "gain_db": None, "inverted": True, "offsets": "0.02 0.02"}
    stem = make_stem("drums", **found, corrected="25.06 ms (1105 samples) late, taken off")
    file = json_of(make_evidence(stems={"stems": (stem,)}))["stems"][0]["files"][0]
    assert {name: file[name] for name in found} == found
    assert file["corrected"] == "25.06 ms (1105 samples) late, taken off"


def test_an_unknown_key_is_refused() -> None:
    written = json_of(make_evidence())
    with pytest.raises(ValidationError):
        BarkDataset.model_validate({**written, "surprise": 1})


def test_what_was_written_reads_back_as_the_same_dataset() -> None:
    dataset = dataset_of(make_evidence())
    assert BarkDataset.model_validate_json(render_dataset(dataset)) == dataset


@pytest.mark.parametrize(
    "make",
    [
        make_evidence,
        without_stems,
        unusable_song,
        lambda: with_silent_stem("vocals"),
        lambda: make_evidence(metadata={"title": None}, raw_song={"declared_duration_s": None}, song={"key": None}),
        lambda: make_evidence(stems={"stems": (unknown_stem("fx.wav: no kind"),)}),
    ],
    ids=["complete", "no stems", "unreadable", "silent stem", "unknown values", "unknown stem"],
)
def test_what_is_written_validates_against_the_committed_schema(
    make: Callable[[], Evidence], validate: Callable[[Any, dict[str, Any]], None]
) -> None:
    validate(json_of(make()), json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


def test_the_schema_refuses_a_file_without_one_of_the_users_keys(
    validate: Callable[[Any, dict[str, Any]], None],
) -> None:
    written = json_of(make_evidence())
    del written["training_prompts"][0]["training_weight"]
    with pytest.raises(AssertionError, match="'training_weight' is a required property"):
        validate(written, json_schema())


def test_the_committed_schema_is_the_generated_one() -> None:
    assert SCHEMA_PATH.read_bytes() == json_bytes(json_schema(), indent=2), (
        "run python -m flamingo_bark_assets.training.dataset"
    )


def test_the_file_is_named_for_its_song() -> None:
    assert dataset_file_name("song_001") == "bark_training_dataset_song_001.json"
