"""A model folder never runs code: one that asks for it is refused in one line, and nobody is asked at the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from tests.test_clap import save_tiny_clap
from tests.tiny_models import save_tiny_model

MODULE = "evil.py"
# What a child prints for each folder: why its model is not loaded.
CHILD = """
import sys
from flamingo_bark_assets.inference.clap import ClapUnavailable, load_clap
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.inference.loading import load_first

for folder in sys.argv[1:]:
    if folder.endswith("clap"):
        found = load_clap(folder, device="cpu")
        print(found.reason if isinstance(found, ClapUnavailable) else "loaded")
    else:
        chain = (ModelCandidate(model=folder, dtype="float32", device="cpu"),)
        loaded = load_first(InferenceSettings(chain=chain))
        print(loaded.skipped[0].reason if loaded.model is None else "loaded")
"""


def ask_for_code(folder: Path, file: str, changes: dict[str, Any], marker: Path) -> None:
    """Let a JSON file of the folder name a class whose module leaves a mark when it is imported."""
    path = folder / file
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **changes}))
    (folder / MODULE).write_text(f"import pathlib\npathlib.Path({str(marker)!r}).touch()\nclass Evil:\n    pass\n")


def test_folders_that_ask_for_code_are_refused_whatever_is_typed_at_the_terminal(tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    processor = {"processor_class": "Evil", "auto_map": {"AutoProcessor": "evil.Evil"}}
    tokenizer = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": [None, "evil.Evil"]}}
    folders = [save_tiny_model(tmp_path / name, "audio-flamingo-3") for name in ("processor", "config")]
    folders.append(save_tiny_clap(tmp_path / "clap"))
    ask_for_code(folders[0], "processor_config.json", processor, marker)
    ask_for_code(folders[1], "config.json", {"auto_map": {"AutoModelForSeq2SeqLM": "evil.Evil"}}, marker)
    ask_for_code(folders[2], "tokenizer_config.json", tokenizer, marker)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, folders)],
        input="y\n" * 10,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        check=True,
    )
    assert not marker.exists()
    lines = done.stdout.splitlines()
    assert len(lines) == len(folders), done.stdout
    for line, file in zip(lines, ("processor_config.json", "config.json", "tokenizer_config.json"), strict=True):
        assert f"its {file} asks for code from the folder to be run" in line


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("processor_config.json", '{"feature_extractor": {"auto_map": {}}}'),
        ("tokenizer_config.json", '{"auto\\u005fmap": {}}'),
        ("config.json", '{"custom_pipelines": {}}'),
        ("custom_generate/generate.py", ""),
    ],
)
def test_every_way_to_ask_for_code_is_seen(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content)
    with pytest.raises(ModelError, match=f"its {file} asks for code"):
        refuse_foreign_code(tmp_path, "model")


def test_a_folder_that_asks_for_none_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clap", "note": "auto_map"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "convert.py").write_text("raise SystemExit")
    refuse_foreign_code(tmp_path, "model")


def test_every_loader_forbids_remote_code() -> None:
    package = Path(sys.modules["flamingo_bark_assets"].__file__ or "").parent
    calls = [
        text.split("from_pretrained(")[i].split("\n\n")[0]
        for text in (path.read_text() for path in package.rglob("*.py"))
        for i in range(1, text.count("from_pretrained(") + 1)
    ]
    assert calls
    assert all("trust_remote_code=False" in call for call in calls)
