"""The Python API without Dagster."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flamingo_bark_assets.api import AnalysisService, AudioFlamingoService, ExportResult
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from tests.songs import write_song


def export(song: Path, output: Path, song_id: str | None = "song_001") -> ExportResult:
    return asyncio.run(
        AnalysisService().analyze_and_export_bark_dataset(
            audio_path=song / "song.wav", stems_dir=song / "stems", output_dir=output, audio_file_id=song_id
        )
    )


def test_a_song_is_exported_with_the_documented_files_and_shape(tmp_path: Path) -> None:
    result = export(write_song(tmp_path, "in"), tmp_path / "out")
    assert result.dataset_path == tmp_path / "out" / "bark_training_dataset_song_001.json"
    assert result.instructions_path.read_text().startswith("# Training instructions: song_001")
    dataset = json.loads(result.dataset_path.read_text())
    assert {"audio_file_id", "total_samples", "main_track_duration", "analysis_version"} <= set(
        dataset["dataset_metadata"]
    )
    assert dataset["dataset_metadata"]["total_samples"] == 5
    assert {"audio_description", "style_prompt", "technical_prompt", "training_suitability"} <= set(
        dataset["main_track"]
    )
    assert [stem["stem_type"] for stem in dataset["stems"]] == ["drums", "bass", "vocals", "harmonic"]
    assert {"onset_density", "rhythm_complexity"} <= set(dataset["stems"][0]["technical_features"])
    weights = {prompt["type"]: prompt["training_weight"] for prompt in dataset["training_prompts"]}
    assert weights == {"full_track": 1.0, "stem": 0.7, "multi_instrument": 0.85}


def test_the_output_folder_is_complete_and_its_checksums_hold(tmp_path: Path) -> None:
    result = export(write_song(tmp_path, "in"), tmp_path / "out")
    (entry,) = read_manifest(result.manifest_path)
    assert {file.part for file in entry.files} == {
        "mix", "drums", "bass", "vocals", "harmonic", "dataset", "instructions",
    }  # fmt: skip
    assert verify_manifest(result.manifest_path, tmp_path / "out") == []


def test_a_second_export_of_the_same_song_gives_the_same_bytes(tmp_path: Path) -> None:
    song = write_song(tmp_path, "in")
    first = export(song, tmp_path / "out").dataset_path.read_bytes()
    assert export(song, tmp_path / "out").dataset_path.read_bytes() == first


def test_a_broken_file_is_a_verdict_and_no_error(tmp_path: Path) -> None:
    song = write_song(tmp_path, "in")
    (song / "song.wav").write_text("not a sound")
    result = export(song, tmp_path / "out")
    assert not result.verdict.suitable
    assert "song.wav" in (result.verdict.reasons or "")
    assert result.dataset.training_prompts == []


def test_without_an_identifier_it_is_made_from_the_file_name(tmp_path: Path) -> None:
    song = write_song(tmp_path, "in")
    (song / "song.wav").rename(song / "Ünder the Bridge!.wav")
    service = AnalysisService()
    result = asyncio.run(
        service.analyze_and_export_bark_dataset(audio_path=song / "Ünder the Bridge!.wav", output_dir=tmp_path / "out")
    )
    assert result.song_id == "under-the-bridge"


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"missing\.wav"):
        asyncio.run(
            AnalysisService().analyze_and_export_bark_dataset(
                audio_path=tmp_path / "missing.wav", output_dir=tmp_path / "out", audio_file_id="x"
            )
        )


def test_the_flamingo_service_says_that_it_fell_back_and_describes_from_measurements(tmp_path: Path) -> None:
    song = write_song(tmp_path, "in")
    service = AudioFlamingoService()
    identity = asyncio.run(service.initialize_model())
    assert identity.is_fallback
    content = asyncio.run(service.analyze_audio_content(song / "song.wav", stems_dir=song / "stems"))
    assert content.captions.text("mix", "caption")
    assert content.captions.text("mix", "mood") is None


def test_the_api_does_not_import_dagster() -> None:
    code = "import sys, flamingo_bark_assets.api; print('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
