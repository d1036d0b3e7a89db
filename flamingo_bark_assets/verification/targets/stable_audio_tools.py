"""stable-audio-tools: folders of sound, their configs, and the module that gives each file its prompt.

What its loader reads belongs here; the module is read and never run.
"""

from __future__ import annotations

import ast
import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flamingo_bark_assets.verification.context import AUDIO_SUFFIXES, Check, base_of
from flamingo_bark_assets.verification.folder import MAX_JSON_BYTES
from flamingo_bark_assets.verification.places import NamedPlaces
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.texts import TextRules

PROMPTS = "prompts.json"
_CONFIGS: Mapping[str, str] = {
    "dataset_config.json": "train", "dataset_config_validation.json": "validation", "dataset_config_test.json": "test"
}  # fmt: skip
_TYPES = ("audio_dir", "pre_encoded", "s3", "wds")
_PROMPT = TextRules("prompt", max_tokens=128)
_SOUND = SoundRules(44_100, 2, min_s=5.0, short="the rest of the segment is filled up with silence")
_FUNCTION = "get_custom_metadata"


@dataclass(slots=True)
class _Prompts:
    """The prompts by file name, and where each stands."""

    texts: dict[str, object] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def check(check: Check) -> None:
    """Replay what the loader reads."""
    if not check.folder.exists("dataset_config.json"):
        check.add("missing_index", "dataset_config.json", None, "is not there; train.py has no --dataset-config")
    prompts = _read_prompts(check)
    folders: dict[str, str] = {}
    for config, split in _CONFIGS.items():
        if check.folder.exists(config):
            with check.findings.guarded(config):
                _check_config(check, config, split, folders)
    names: dict[str, str] = {}
    for folder, split in folders.items():
        count = 0
        for path in check.folder.files(folder, AUDIO_SUFFIXES):
            check.clips += 1
            count += 1
            with check.findings.guarded(path):
                _check_sound(check, path, split, prompts, names)
        if not count:
            check.add("empty_split", folder or ".", None, "holds no sound; the loader finds 0 files and says nothing")
    for name, row in ({} if prompts is None else prompts.rows).items():
        if prompts is not None and name not in prompts.used:
            check.add("unused", PROMPTS, row, f"there is no sound {name} for this prompt")
    check.unnamed_sounds("", "no config names its folder; it is never trained on")


def _read_prompts(check: Check) -> _Prompts | None:
    """Read the prompts; a name that stands twice counts once for the loader, with the second text."""
    if not check.folder.exists(PROMPTS):
        if check.provenance.exists:
            check.add("missing_file", PROMPTS, None, "does not exist; the metadata module stops")
        return None
    text = check.folder.text(PROMPTS, MAX_JSON_BYTES)
    if text is None:
        return None
    prompts = _Prompts()

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        for row, (name, value) in enumerate(found, start=1):
            if name in prompts.rows:
                check.add("duplicate_id", PROMPTS, row, f"{name} has a prompt at entry {prompts.rows[name]} too; the "
                          "second takes its place without a word")  # fmt: skip
            prompts.rows.setdefault(name, row)
            prompts.texts[name] = value
        return dict(found)

    try:
        values = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        check.add("syntax", PROMPTS, error.lineno, f"is not JSON: {error.msg}; the metadata module stops")
        return None
    except (ValueError, RecursionError) as error:
        check.add("syntax", PROMPTS, None, f"is no JSON that can be read: {error}")
        return None
    if not isinstance(values, dict):
        check.add("syntax", PROMPTS, None, "is no object of prompts by file name; the metadata module stops")
        return None
    return prompts


def _check_config(check: Check, config: str, split: str, folders: dict[str, str]) -> None:
    values = check.folder.json(config)
    if values is None:
        return
    if not isinstance(values, dict):
        check.add("syntax", config, None, "is no object; train.py stops")
        return
    if values.get("dataset_type") not in _TYPES:
        check.add("field_value", config, None, f"dataset_type is {values.get('dataset_type')!r}; train.py knows "
                  f"{', '.join(_TYPES)}")  # fmt: skip
    datasets = values.get("datasets")
    if not isinstance(datasets, list) or not datasets:
        check.add("missing_key", config, None, "there is no list 'datasets'; train.py stops")
        return
    if values.get("remove_silence"):
        check.add("field_value", config, None, "remove_silence is on; it takes the rests out and destroys timing")
    if values.get("drop_last") is True:
        check.add("field_value", config, None, "drop_last is on; fewer clips than one batch are no batch at all, "
                  "without a word")  # fmt: skip
    ids: set[object] = set()
    for row, entry in enumerate(datasets, start=1):
        with check.findings.guarded(config, row):
            if not isinstance(entry, dict):
                check.add("syntax", config, row, "the dataset is no object; train.py stops")
                continue
            if entry.get("id") in ids:
                check.add("duplicate_id", config, row, f"the id {entry.get('id')!r} stands twice")
            ids.add(str(entry.get("id")))
            _check_dataset(check, config, row, entry, split, folders)


def _check_dataset(
    check: Check, config: str, row: int, entry: Mapping[str, Any], split: str, folders: dict[str, str]
) -> None:
    for key in ("id", "path"):
        if not isinstance(entry.get(key), str):
            check.add("missing_key", config, row, f"{key!r} is {entry.get(key)!r}; train.py stops")
    places = NamedPlaces(check, config)
    for key in ("path", "custom_metadata_module"):
        if isinstance(entry.get(key), str) and not entry[key].startswith("/"):
            check.add("unsafe_path", config, row, f"{key} is {entry[key]!r}, which is looked for below the folder that "
                      "train.py is started in; there may be 0 files, without a word")  # fmt: skip
    path = entry.get("path")
    if isinstance(path, str):
        folder = places.folder(path, row, "the loader finds 0 files and says nothing")
        if folder is not None and folders.setdefault(folder, split) != split:
            check.add("leak", config, row, f"{folder} is the folder of {folders[folder]} too; held-out figures lie")
    module = entry.get("custom_metadata_module")
    if not isinstance(module, str):
        check.add("missing_key", config, row, "there is no custom_metadata_module; every clip trains without prompt")
        return
    local = places.local(module, row)
    places.close()
    if local is not None:
        _check_module(check, local)


def _check_module(check: Check, path: str) -> None:
    text = check.sidecar(path)
    if text is None:
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        check.add("syntax", path, getattr(error, "lineno", None), "is no Python; train.py stops")
        return
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == _FUNCTION]
    if not functions:
        check.add("missing_key", path, None, f"defines no {_FUNCTION}(info, audio); train.py stops")
        return
    arguments = functions[-1].args
    if len(arguments.args) != 2 or arguments.vararg:
        check.add("syntax", path, functions[-1].lineno, f"{_FUNCTION} does not take (info, audio)")
    strings = {node.value for node in ast.walk(functions[-1]) if isinstance(node, ast.Constant)}
    if not any(isinstance(node, ast.Return) and node.value for node in ast.walk(functions[-1])):
        check.add("missing_key", path, functions[-1].lineno, f"{_FUNCTION} returns nothing; clips train without prompt")
    elif "prompt" not in strings:
        check.add("missing_key", path, functions[-1].lineno, f"{_FUNCTION} returns no 'prompt'; clips train without it")


def _check_sound(check: Check, path: str, split: str, prompts: _Prompts | None, names: dict[str, str]) -> None:
    file_name = posixpath.basename(path)
    name = base_of(path)
    clip = check.clip(path)
    other = names.setdefault(file_name, path)
    if other != path:
        for one, another in ((path, other), (other, path)):
            check.add("duplicate_name", one, None, f"{another} has this name too; both get one prompt")
    check.splits.add(split, path, None, clip=clip, name=name, sound=path)
    check.sound(path, _SOUND)
    if prompts is None:
        return
    prompts.used.add(file_name)
    if file_name not in prompts.texts:
        check.add("missing_key", PROMPTS, None, f"{path} has no prompt; the loader takes another clip, or stops")
        return
    check.text(PROMPTS, prompts.rows[file_name], prompts.texts[file_name], _PROMPT, name=name, clip=clip)
