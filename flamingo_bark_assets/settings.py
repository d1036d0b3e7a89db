"""Everything a user may set, typed: thresholds, weights and budgets, read from `data/settings.toml`.

Defaults and their meaning belong here; the rules that use them do not.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flamingo_bark_assets.captioning.listening_settings import ListeningSettings
from flamingo_bark_assets.errors import ConfigurationError

ANALYSIS_VERSION = "2.0"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Thresholds(_Frozen):
    """Limits of the suitability rules; see README, "Judgement"."""

    min_duration_s: float = Field(5.0, gt=0, description="Shortest song, seconds.")
    max_duration_s: float = Field(1800.0, gt=0, description="Longest song that is decoded at all, seconds.")
    min_sample_rate_hz: float = Field(22050.0, gt=0, description="Lowest sample rate of the mix, Hz.")
    min_bandwidth_hz: float = Field(7000.0, gt=0, description="Lowest bandwidth of the mix, Hz.")
    max_clipped_fraction: float = Field(0.001, ge=0, le=1, description="Largest share of clipped samples.")
    max_silent_fraction: float = Field(0.5, ge=0, le=1, description="Largest share of silent frames in the mix.")
    max_noise_floor_dbfs: float = Field(-30.0, le=0, description="Highest noise floor, dBFS.")
    min_dynamic_range_db: float = Field(1.5, ge=0, description="Smallest dynamic range, dB.")
    max_truncated_s: float = Field(
        0.5, ge=0, description="Most that the decoded length may fall short of the header's."
    )
    max_length_difference_s: float = Field(0.1, ge=0, description="Largest difference of stem and mix length, seconds.")
    max_lag_s: float = Field(0.01, ge=0, description="Largest lag of a stem against the mix, seconds.")
    min_lag_confidence: float = Field(
        0.5, ge=0, le=1, description="Below it a lag is no evidence: quiet stems, drones, loops that fit at every bar.",
    )  # fmt: skip
    max_residual_db: float = Field(-10.0, description="Largest residual of mix minus stems, dB of the mix.")
    min_confidence: float = Field(0.2, ge=0, le=1, description="Smallest mean confidence of tempo and key.")
    max_stem_silent_fraction: float = Field(0.9, ge=0, le=1, description="Largest share of silent frames in a stem.")
    max_conflict_share: float = Field(
        0.25, ge=0, le=1, description="Largest share of a captioner's claims that may contradict the measurements."
    )
    min_matching_stems: float = Field(0.5, ge=0, le=1, description="Smallest share of stems that fit the mix in time.")


class PromptSettings(_Frozen):
    """Weights and budgets of the prompts."""

    full_track_weight: float = Field(1.0, gt=0, description="Training weight of the full-track prompt.")
    stem_weight: float = Field(0.7, gt=0, description="Training weight of a stem prompt.")
    multi_instrument_weight: float = Field(0.85, gt=0, description="Training weight of a prompt for several stems.")
    max_non_space_characters: int = Field(
        256, ge=32, description="Budget of a combined prompt: Bark cuts its text at 256 tokens, and a WordPiece "
        "tokenizer never gives more tokens than non-space characters.",
    )  # fmt: skip
    min_claim_confidence: float = Field(
        0.3, ge=0, le=1, description="Below it a measured key or tempo is not put into words."
    )


class Settings(_Frozen):
    """All settings; a missing table or key takes its default."""

    thresholds: Thresholds = Field(default_factory=Thresholds)
    prompts: PromptSettings = Field(default_factory=PromptSettings)
    listening: ListeningSettings = Field(default_factory=ListeningSettings)

    @property
    def digest(self) -> str:
        """Short hash of all values: results that depend on settings are versioned by it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def load_settings(path: Path) -> Settings:
    """Read a settings file, or give the defaults where there is none.

    Raises:
        ConfigurationError: the file is not TOML or a value is not allowed; the message names file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    try:
        return Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {where}: {first['msg']}") from error


def data_folder() -> Path:
    """The data folder: `FLAMINGO_BARK_DATA`, or else ``data`` in the current folder."""
    return Path(os.environ.get("FLAMINGO_BARK_DATA") or "data").resolve()


def dagster_home() -> Path:
    """Dagster's own folder: `DAGSTER_HOME`, or else ``dagster_home`` in the current folder."""
    return Path(os.environ.get("DAGSTER_HOME") or "dagster_home").absolute()
