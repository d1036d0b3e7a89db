"""Model folders that ask for code of their own to be run: they are refused before any library opens them.

Finding such a request belongs here; loading a model does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flamingo_bark_assets.inference.catalogue import ModelError

# Where transformers looks for the name of a Python file (custom models, processors, pipelines).
_KEYS = frozenset({"auto_map", "custom_pipelines"})
_GENERATION = Path("custom_generate", "generate.py")  # and a file that it runs without being named


def refuse_foreign_code(folder: Path, model_id: str) -> None:
    """Refuse a folder that asks for code of its own, whatever its files are.

    Raises:
        ModelError: a JSON file of the folder names code to run, or there is code for generation.
    """
    if (folder / _GENERATION).exists():
        raise _refusal(model_id, _GENERATION.as_posix())
    for path in sorted(folder.glob("*.json")):
        if _asks_for_code(path):
            raise _refusal(model_id, path.name)


def _refusal(model_id: str, file: str) -> ModelError:
    return ModelError(
        f"{model_id}: its {file} asks for code from the folder to be run, which is never done; use a model of "
        "transformers' own classes, for instance its -hf version"
    )


def _asks_for_code(path: Path) -> bool:
    try:
        return any(_KEYS & value.keys() for value in _objects(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError):
        return False  # no library reads it either


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object in a value."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending += value.values()
        elif isinstance(value, list):
            pending += value
