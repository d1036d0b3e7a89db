"""The Python API without Dagster."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flamingo_bark_assets import api
from flamingo_bark_assets.api import AnalysisService, AudioFlamingoService, ExportResult
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from flamingo_bark_assets.training.suitability import Verdict
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


# A second export of the same song


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs, ``old`` and ``new``, and in ``before`` and ``after`` the export of each, as song ``x``."""
    folder = tmp_path_factory.mktemp("songs")
    for number, name in enumerate(("old", "new")):
        write_song(folder, name, duration_s=5.5, seed=number)
    export(folder / "old", folder / "before", "x")
    export(folder / "new", folder / "after", "x")
    return folder


@pytest.fixture
def output(songs: Path, tmp_path: Path) -> Path:
    """A folder that holds the export of the old song."""
    return Path(shutil.copytree(songs / "before", tmp_path / "out", symlinks=True))


def contents(output: Path, *, manifest: bool = True, tables: bool = True) -> dict[str, str]:
    """SHA-256 of each file that is not hidden, by its path."""
    found = {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in output.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(output).parts)
    }
    return {
        name: digest
        for name, digest in found.items()
        if (manifest or name != "training_manifest.jsonl") and (tables or "/features/" not in name)
    }


def spoil_stems_folder(song: Path) -> tuple[Path, Path]:
    return song / "song.wav", song / "stmes"


def spoil_stem(song: Path) -> tuple[Path, Path]:
    (song / "stems" / "drums.wav").unlink()
    (song / "stems" / "drums.wav").symlink_to("/etc/hostname")
    return song / "song.wav", song / "stems"


def spoil_mix(song: Path) -> tuple[Path, Path]:
    return song / "snog.wav", song / "stems"


def spoil_format(song: Path) -> tuple[Path, Path]:
    (song / "song.wav").rename(song / "song.txt")
    return song / "song.txt", song / "stems"


@pytest.mark.parametrize("spoil", [spoil_stems_folder, spoil_stem, spoil_mix, spoil_format])
def test_a_wrong_input_leaves_the_earlier_result_whole(
    songs: Path, output: Path, tmp_path: Path, spoil: Callable[[Path], tuple[Path, Path]]
) -> None:
    song = Path(shutil.copytree(songs / "new", tmp_path / "new"))
    before = contents(output)
    mix, stems = spoil(song)
    with pytest.raises(LibraryError):
        asyncio.run(
            AnalysisService().analyze_and_export_bark_dataset(
                audio_path=mix, stems_dir=stems, output_dir=output, audio_file_id="x"
            )
        )
    assert contents(output) == before
    assert list(output.glob(".tmp-*")) == []


def test_a_failure_on_the_way_leaves_the_earlier_result_whole(
    songs: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: SongWork) -> None:
        work.keep(Verdict(song_id="x", suitable=False, suitable_stems=""))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(api, "run_all", fail)
    before = contents(output)
    with pytest.raises(OSError, match="No space left"):
        export(songs / "new", output, "x")
    assert contents(output) == before
    assert list(output.glob(".tmp-*")) == []


# Whether the new result is there when the export is killed, by moment, in the order in which they come.
MOMENTS = {
    "bark_training_dataset_x.json": False,
    "manifest_entry_x.json": False,
    "songs/x.results": False,
    "before exchange": False,
    "after exchange": True,
    "training_manifest.jsonl": True,
}


def kill_at(moments: Sequence[str], song: Path, output: Path, left: Path) -> dict[str, Path]:
    """Export in a process of its own, kill it at the last of some moments, and give what was on disk at each.

    What a kill leaves is what is on disk at that moment, so that one export stands for a kill at each.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.halting_export", str(song), str(output), *moments], stderr=subprocess.DEVNULL
    )
    flag = output.with_suffix(".halted")
    found = {}
    try:
        for number, moment in enumerate(moments):
            deadline = time.monotonic() + 120
            while not flag.exists():
                assert process.poll() is None, "the export ended before it came to the moment"
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL if moment == moments[-1] else signal.SIGSTOP)
            found[moment] = Path(shutil.copytree(output, left / str(number), symlinks=True))
            flag.unlink()
            process.send_signal(signal.SIGCONT)
    finally:
        process.kill()
        process.wait()
    return found


@pytest.fixture(scope="module")
def killed(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Export the new song over the old; give what the output holds by the moment of a kill."""
    folder = tmp_path_factory.mktemp("killed")
    output = Path(shutil.copytree(songs / "before", folder / "out", symlinks=True))
    return kill_at([*MOMENTS], songs / "new", output, folder / "left")


@pytest.mark.parametrize(("moment", "is_new"), MOMENTS.items())
def test_a_kill_leaves_the_whole_earlier_result_or_the_whole_new_one(
    songs: Path, killed: dict[str, Path], tmp_path: Path, moment: str, is_new: bool
) -> None:
    output = Path(shutil.copytree(killed[moment], tmp_path / "out", symlinks=True))
    expected = songs / ("after" if is_new else "before")
    assert contents(output, manifest=False, tables=False) == contents(expected, manifest=False, tables=False)
    if not is_new:
        assert contents(output) == contents(expected)
        assert verify_manifest(output / "training_manifest.jsonl", output) == []
    result = export(songs / "new", output, "x")
    assert contents(output, tables=False) == contents(songs / "after", tables=False)
    assert verify_manifest(result.manifest_path, output) == []
    assert list(output.rglob(".tmp-*")) == []


def test_an_export_of_an_earlier_layout_is_replaced_as_a_whole(songs: Path, output: Path, tmp_path: Path) -> None:
    for link in [path for path in output.iterdir() if path.is_symlink()]:
        target = link.resolve()
        link.unlink()
        target.rename(link)
    before = contents(output)
    kill_at(["before exchange"], songs / "new", output, tmp_path / "left")
    now = contents(output)
    assert {name: now[name] for name in before} == before
    export(songs / "new", output, "x")
    assert contents(output, tables=False) == contents(songs / "after", tables=False)


def test_a_song_can_be_exported_again_from_the_export_itself(songs: Path, output: Path) -> None:
    before = contents(output, tables=False)
    export(output / "songs" / "x", output, "x")
    assert contents(output, tables=False) == before


def test_the_export_can_be_moved_and_its_files_are_links_or_sound_of_its_own(
    songs: Path, output: Path, tmp_path: Path
) -> None:
    output.rename(tmp_path / "moved")
    assert verify_manifest(tmp_path / "moved" / "training_manifest.jsonl", tmp_path / "moved") == []
    for name in ("bark_training_dataset_x.json", "training_instructions_x.md", "manifest_entry_x.json"):
        assert (tmp_path / "moved" / name).read_bytes() == (tmp_path / "moved" / "songs" / "x" / name).read_bytes()


def test_the_same_mix_under_another_name_is_refused(songs: Path, output: Path) -> None:
    before = contents(output)
    with pytest.raises(LibraryError, match="'x' has the same mix"):
        export(songs / "old", output, "y")
    assert contents(output) == before


def test_two_songs_stand_side_by_side_in_the_manifest(songs: Path, output: Path) -> None:
    result = export(songs / "new", output, "y")
    assert [entry.song_id for entry in read_manifest(result.manifest_path)] == ["x", "y"]
    assert verify_manifest(result.manifest_path, output) == []
