"""What a user may set about separating songs that have no stems: whether, by which command, how long, how many at once.

The typed settings and the command templates that are shipped belong here; starting a separator stands in `separation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

INPUT, OUTPUT, MODEL = "{input}", "{output}", "{model}"
"""Places of a command: the sound file, the folder for the stems, the name of the model. Other braces are kept."""


@dataclass(frozen=True, slots=True)
class Template:
    """How a separator is called.

    Attributes:
        command: the program and its arguments, with places.
        model: the model that is used where the settings name none.
    """

    command: tuple[str, ...]
    model: str


TEMPLATES: Mapping[str, Template] = {
    # As demucs 4.1.0 reads them: https://github.com/adefossez/demucs
    "demucs": Template(("demucs", "-n", MODEL, "-o", OUTPUT, INPUT), "htdemucs"),
    # As audio-separator 0.47.1 reads them. By default it turns each stem down to a peak of 0.9 by itself, so that they
    # no longer add up to the mix.
    "audio-separator": Template(
        (
            "audio-separator", INPUT, "--output_dir", OUTPUT, "--output_format", "WAV", "--normalization", "1.0",
            "--model_filename", MODEL,
        ),
        "htdemucs_ft.yaml",
    ),
}  # fmt: skip

PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME",
    "HF_HUB_OFFLINE", "AUDIO_SEPARATOR_MODEL_DIR", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
    "no_proxy",
)  # fmt: skip


class SeparationSettings(BaseModel):
    """Whether songs without stems are separated, and by which program; it is never part of this package."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool = Field(False, description="Whether songs that have no stems of their own are separated.")
    separator: str = Field(
        "demucs", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}$",
        description="demucs or audio-separator, whose commands are known; any other name needs `command`.",
    )  # fmt: skip
    program: str | None = Field(
        None, min_length=1, description="Where the program of a known separator is, if not on PATH: an absolute path "
        "or one that begins with `~/`, such as ~/demucs-env/bin/demucs.",
    )  # fmt: skip
    command: tuple[str, ...] = Field(
        (), description="Program and arguments in place of the known ones, each an entry of its own, started without "
        "a shell. {input} becomes the sound file, {output} the folder for the stems, {model} the model.",
    )  # fmt: skip
    model: str | None = Field(
        None, min_length=1, max_length=200, description="Name of the model, as the separator knows it; default: "
        "htdemucs for demucs, htdemucs_ft.yaml for audio-separator.",
    )  # fmt: skip
    model_licence: str | None = Field(
        None, min_length=1, max_length=200, description="Licence of the model's weights as you know it. None: not "
        "stated, and no separated stem goes into an export with --commercial.",
    )  # fmt: skip
    time_limit_s: float = Field(
        3600.0, gt=0, le=604_800, description="Longest time for one song, seconds; then the separator is ended."
    )
    at_most: int = Field(1, ge=1, le=64, description="Separators that run at once on this machine, over all runs.")
    environment: tuple[str, ...] = Field(
        (), description="Further environment variables that the separator may see. It sees PATH, HOME, language, "
        "proxies, and those that say where models and GPUs are; nothing else of this process.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _can_be_called(self) -> Self:
        if not self.command and self.separator not in TEMPLATES:
            raise ValueError(f"separator {self.separator!r} is none of {', '.join(TEMPLATES)}; give its `command`")
        if self.command and self.program:
            raise ValueError("`program` is for a known separator; name it as the first entry of `command`")
        arguments = " ".join(self.command[1:])
        if self.command and not (INPUT in arguments and OUTPUT in arguments):
            raise ValueError("the arguments in `command` lack {input} or {output}, or both")
        if MODEL in arguments and self.model is None:
            raise ValueError("`command` has the place {model}; give `model`")
        if not _is_found_from_anywhere(self.template[0]):
            raise ValueError(
                f"the program {self.template[0]!r} is neither a name on PATH nor a path that begins with / or ~/"
            )
        return self

    @property
    def template(self) -> tuple[str, ...]:
        """Program and arguments, with places."""
        if self.command:
            return self.command
        program, *arguments = TEMPLATES[self.separator].command
        return (self.program or program, *arguments)

    @property
    def model_name(self) -> str | None:
        """The model that is used; None where the command has none."""
        if self.model is not None or self.command:
            return self.model
        return TEMPLATES[self.separator].model


def _is_found_from_anywhere(program: str) -> bool:
    """Tell whether a program is named so that the folder it is started in does not matter."""
    return bool(program) and ("/" not in program or program.startswith("~/") or Path(program).is_absolute())
