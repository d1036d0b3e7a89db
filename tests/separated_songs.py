"""Settings that name the stand-in separator, and what is seen of its calls and its processes.

The stand-in itself stands in `separator`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from flamingo_bark_assets.separation_settings import SeparationSettings
from tests import separator

MODEL = "bands"


def stand_in(folder: Path) -> Path:
    """Put the stand-in into a folder, with a file that counts its calls; give back its path."""
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(shutil.copy(separator.__file__, folder / "separator.py"))
    (folder / "calls").touch()
    return script


def calls(script: Path) -> int:
    """Count how many songs the stand-in was asked for."""
    return len(script.with_name("calls").read_text().splitlines())


def still_run(script: Path) -> list[str]:
    """Command lines of all processes that the stand-in is, or has started, whoever is their parent now."""
    folder = str(script.parent)
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        is_child = (process.info["cwd"] or "").startswith(str(script.parent.parent))
        if process.info["status"] != psutil.STATUS_ZOMBIE and (folder in words or is_child):
            found.append(words)
    return found


def command(script: Path, behaviour: str = "fine", layout: str = "demucs") -> list[str]:
    """Write the command of the settings."""
    return [sys.executable, str(script), layout, behaviour, "{input}", "{output}", "{model}"]


def settings(script: Path, behaviour: str = "fine", layout: str = "demucs", **changes: Any) -> SeparationSettings:
    """Make settings that ask the stand-in."""
    values: dict[str, Any] = {
        "enabled": True, "separator": "stand-in", "command": command(script, behaviour, layout), "model": MODEL,
        "model_licence": "CC0-1.0",
    }  # fmt: skip
    return SeparationSettings.model_validate({**values, **changes})


def settings_toml(script: Path, behaviour: str = "fine", **changes: Any) -> str:
    """Write the same as a settings file."""
    shown = {"enabled": "true", "separator": '"stand-in"', "model": f'"{MODEL}"', "model_licence": '"CC0-1.0"'}
    shown |= {"command": str(command(script, behaviour)), **{name: str(value) for name, value in changes.items()}}
    return "[separation]\n" + "".join(f"{name} = {value}\n" for name, value in shown.items())
