"""The walk-throughs of CONTRIBUTING.md: each is applied to a copy of the package, and what it promises comes out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# With the number of files that each touches.
WALKS = {
    "A new measurement": 2, "A new check": 3, "A new file of the dataset": 3, "A new export": 3,
    "A new kind of stem": 3,
}  # fmt: skip


def blocks(title: str) -> dict[str, str]:
    """Give the blocks of a walk-through by the file that each changes."""
    section = re.split(r"^###? ", TEXT.split(f"\n### {title}\n")[1], flags=re.MULTILINE)[0]
    found = re.findall(r"^```(?:diff\n|python\n# )(\S+)\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)
    return dict(found)


def copy(folder: Path) -> Path:
    """Copy the package and what makes the reference pages."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "flamingo_bark_assets", folder / "flamingo_bark_assets", ignore=ignored)
    (folder / "tests").mkdir()
    for name in ("__init__.py", "reference.py", "evidence.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to which every walk-through was applied, with the pages made from it."""
    folder = copy(tmp_path_factory.mktemp("walked"))
    for title in WALKS:
        apply(folder, title)
    done = python(folder, "-m", "tests.reference")
    assert done.returncode == 0, done.stderr
    return folder


def apply(folder: Path, title: str, *, only: str = "", but: str = "nothing") -> None:
    """Apply the blocks of a walk-through whose file ends with `only` and not with `but`."""
    for name, block in blocks(title).items():
        path = folder / name
        if name.endswith(but) or not name.endswith(only):
            continue
        if not path.exists():
            path.write_text(block, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for hunk in block.split("@@\n"):
            lines = [(line[:1], line[1:] + "\n") for line in hunk.splitlines()]
            before = "".join(line for sign, line in lines if sign != "+")
            assert text.count(before) == 1, f"{name} has not one place for:\n{hunk}"
            text = text.replace(before, "".join(line for sign, line in lines if sign != "-"))
        path.write_text(text, encoding="utf-8")


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def run(folder: Path, code: str) -> str:
    done = python(folder, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def page(folder: Path, name: str) -> str:
    return (folder / "docs" / "reference" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("title", "files"), WALKS.items())
def test_a_walk_through_touches_so_many_files(title: str, files: int) -> None:
    assert len(blocks(title)) == files


def test_a_measurement_comes_out_as_a_column(walked: Path) -> None:
    measured = run(
        walked,
        "import types, numpy as np\n"
        "from flamingo_bark_assets.analysis.dynamics import rms_level\n"
        "from flamingo_bark_assets.analysis.features.song import SongFeatures\n"
        "from flamingo_bark_assets.storage.tables import wide_table\n"
        "assert 'rms_dbfs DOUBLE' in wide_table(SongFeatures).ddl\n"
        "print(rms_level(types.SimpleNamespace(power=np.array([0.01, 0.001]))).value)",
    )
    assert float(measured) == pytest.approx(-20.0)
    assert "| `rms_dbfs` | DOUBLE, measured | dBFS | RMS level of the loudest channel. |" in page(walked, "tables.md")


def test_a_check_stands_on_the_pages_with_its_rule_and_limit(walked: Path) -> None:
    checks = page(walked, "checks.md")
    assert "| `song_features` | `master_has_headroom` | WARN |" in checks
    assert "| song | `true_peak` | The master does not clip when it is converted. | <= 3 dBTP |" in checks
    assert "| `max_true_peak_dbtp` | `3.0` | number |" in page(walked, "settings.md")


def test_a_file_of_the_dataset_has_a_place_and_contents_and_goes_with_its_song(walked: Path) -> None:
    shown = run(
        walked,
        "import types\n"
        "from pathlib import Path\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "from flamingo_bark_assets.library.orphans import DATASET_FILE_NAMES\n"
        "from flamingo_bark_assets.training.chord_labels import write_chord_labels\n"
        "from flamingo_bark_assets.training.files import dataset_files\n"
        "name = dataset_files(DataPaths(Path('data')), 'one').chords.name\n"
        "assert name in {each.format(song_id='one') for each in DATASET_FILE_NAMES}\n"
        "chord = types.SimpleNamespace(start_s=0.0, end_s=2.0, label='C:maj')\n"
        "print(name, repr(write_chord_labels(types.SimpleNamespace(chords=(chord,)))))",
    )
    assert shown.split(" ", 1) == ["chords_one.lab", "'0.000\\t2.000\\tC:maj\\n'\n"]


def test_an_export_is_written_and_verified(walked: Path) -> None:
    shutil.copy(ROOT / "tests/export_songs.py", walked / "tests")
    shutil.copy(ROOT / "tests/signals.py", walked / "tests")
    shown = run(
        walked,
        "from pathlib import Path\n"
        "from flamingo_bark_assets.exports.interface import ExportOptions\n"
        "from flamingo_bark_assets.exports.registry import TARGETS\n"
        "from flamingo_bark_assets.exports.run import export\n"
        "from flamingo_bark_assets.verification.run import verify_export\n"
        "from tests.export_songs import made_source\n"
        "out = Path('made')\n"
        "export(TARGETS['csv-captions'], made_source(2, clips=1, views=('30s',)), out, ExportOptions())\n"
        "clean = verify_export(out)\n"
        "next(out.glob('train/*.wav')).unlink()\n"
        "print(clean.clips, clean.findings, sorted({found.rule for found in verify_export(out).findings}))\n",
    )
    assert shown.startswith("2 () [") and "missing_file" in shown


def test_a_kind_of_stem_is_found_by_its_name_and_has_a_step_tables_and_edits(walked: Path) -> None:
    shown = run(
        walked,
        "from flamingo_bark_assets.library.song_toml import Edits\n"
        "from flamingo_bark_assets.library.stem_kinds import kinds_in\n"
        "from flamingo_bark_assets.steps import RECORDS, STEP_NAMED\n"
        "from flamingo_bark_assets.storage.tables import all_tables\n"
        "tables = [table.name for table in all_tables(RECORDS) if table.name.startswith('organ')]\n"
        "Edits.model_validate({'organ': {'caption': 'A pipe organ.'}})\n"
        "print(kinds_in('My Song - Organ'), tables, 'organ_features' in STEP_NAMED['flamingo_captions'].needs)",
    )
    assert shown == "('organ',) ['organ_features', 'organ_chords', 'organ_activity'] True\n"
    assert "organ_features" in page(walked, "tables.md")


# What names the rest where one place is forgotten


def test_mypy_names_a_declaration_and_a_place_that_were_forgotten(tmp_path: Path) -> None:
    apply(copy(tmp_path), "A new measurement", but="features/dynamics.py")
    apply(tmp_path, "A new file of the dataset")
    remove(tmp_path / "flamingo_bark_assets/training/files.py", r"        chords=paths.*\n")
    files = [*blocks("A new measurement"), "flamingo_bark_assets/training/files.py"]
    # Without the imports of these files, which take mypy a minute.
    shown = python(tmp_path, "-m", "mypy", "--follow-imports=skip", "--no-incremental", *files).stdout
    assert 'Unexpected keyword argument "rms_dbfs" for "DynamicsFeatures"' in shown
    assert 'Missing positional argument "chords" in call to "DatasetFiles"' in shown


def test_measuring_names_a_value_that_was_forgotten(tmp_path: Path) -> None:
    apply(copy(tmp_path), "A new measurement", but="analysis/dynamics.py")
    shown = python(
        tmp_path, "-c",
        "from unittest.mock import MagicMock, patch\n"
        "from flamingo_bark_assets.analysis import dynamics\n"
        "measures = ('integrated_loudness', 'loudest_momentary', 'loudest_short_term', 'loudness_range',\n"
        "    'dynamic_range', 'true_peak', 'crest_factor', '_peak_to_loudness')\n"
        "with patch.multiple(dynamics, **{name: MagicMock() for name in measures}):\n"
        "    dynamics.measure_dynamics(MagicMock())",
    ).stderr  # fmt: skip
    assert "missing 1 required keyword-only argument: 'rms_dbfs'" in shown


def test_a_limit_and_a_meaning_that_were_forgotten_are_named(tmp_path: Path) -> None:
    apply(copy(tmp_path), "A new check", but="settings.py")
    judged = (
        "from flamingo_bark_assets.training.suitability import Thresholds, headroom_rules\n"
        "headroom_rules(None, Thresholds())"
    )
    assert "no attribute 'max_true_peak_dbtp'" in python(tmp_path, "-c", judged).stderr
    apply(tmp_path, "A new check", only="settings.py")
    remove(tmp_path / "flamingo_bark_assets/training/suitability.py", r'    "true_peak": ".*\n')
    assert "KeyError: 'true_peak'" in python(tmp_path, "-m", "tests.reference").stderr


def remove(path: Path, pattern: str) -> None:
    text, count = re.subn(pattern, "", path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")
