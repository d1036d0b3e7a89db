"""Everything a user may set, typed: thresholds, weights and budgets, read from `data/settings.toml`.

Defaults and their meaning belong here; the rules that use them do not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flamingo_bark_assets.custom_tag import TagPosition
from flamingo_bark_assets.errors import ConfigurationError, FileFault
from flamingo_bark_assets.files.opening import is_missing
from flamingo_bark_assets.files.toml import describe_error, read_toml, toml_key
from flamingo_bark_assets.inference_settings import ENCODEC_ID, HUBERT_ID, QUANTIZER_ID, Dtype, InferenceSettings
from flamingo_bark_assets.merging import Merge
from flamingo_bark_assets.separation_settings import SeparationSettings

ANALYSIS_VERSION = "2.7"
_MAX_PROBLEMS = 5
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _smallest_before_largest(self) -> Self:
        """Refuse a ``min_x`` above its ``max_x``: no song could ever pass both."""
        for low in type(self).model_fields:
            high = f"max_{low.removeprefix('min_')}"
            if not low.startswith("min_") or high not in type(self).model_fields:
                continue
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{self._told(low)} is more than {self._told(high)}")
        return self

    def _told(self, key: str) -> str:
        return f"{key} = {getattr(self, key):g}{'' if key in self.model_fields_set else ' (the default)'}"


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
    max_cut_tail_s: float = Field(
        1.0, ge=0, description="Most that may be cut off the end of a stem that is known to fit, seconds."
    )
    max_lag_s: float = Field(
        0.01,
        ge=0,
        description="Largest lag of a stem against the mix that is left once a delay was taken off, seconds.",
    )
    min_lag_confidence: float = Field(
        0.5, ge=0, le=1, description="Below it a lag is no evidence: quiet stems, drones, loops that fit at every bar.",
    )  # fmt: skip
    max_residual_db: float = Field(-10.0, description="Largest residual of mix minus stems, dB of the mix.")
    sure_residual_db: float = Field(
        -20.0, description="Residual up to which stems are those of the mix, whatever their length."
    )
    min_confidence: float = Field(0.2, ge=0, le=1, description="Smallest mean confidence of tempo and key.")
    max_stem_silent_fraction: float = Field(0.9, ge=0, le=1, description="Largest share of silent frames in a stem.")
    max_conflict_share: float = Field(
        0.25, ge=0, le=1, description="Largest share of a captioner's claims that may contradict the measurements."
    )
    allow_separated_stems: bool = Field(
        True, description="Whether stems that a separator made may be fit for training: some of the rest bleeds into "
        "each of them.",
    )  # fmt: skip
    min_matching_stems: float = Field(0.5, ge=0, le=1, description="Smallest share of stems that fit the mix in time.")


class FormWeights(_Frozen):
    """Shares of the forms of a prompt: by them clips choose theirs; a form of weight 0 is never chosen."""

    tags: float = Field(0.15, ge=0, description="A list of tags.")
    sentence: float = Field(0.25, ge=0, description="One sentence.")
    paragraph: float = Field(0.35, ge=0, description="A short paragraph.")
    description: float = Field(0.25, ge=0, description="All that fits the budget.")

    @model_validator(mode="after")
    def _one_is_chosen(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("every form has the weight 0; give at least one of them more")
        return self


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
        0.3, ge=0, le=1, description="Below it a measurement or an answer is not put into words."
    )
    min_tempo_confidence: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Below it no prompt or measured caption states a tempo or pace: of songs with known tempo (see "
        "docs/accuracy.md) those with 0.7 to 0.8 have the right one in 88 of 100, those with 0.5 to 0.7 in 71.",
    )
    min_key_confidence: float = Field(
        0.65,
        ge=0,
        le=1,
        description="Below it no prompt or measured caption states a key: of rendered songs as hard as records the "
        "ones above have a MIREX score of 0.8, those below 0.6 and less.",
    )
    min_metre_confidence: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Below it no prompt states a metre: of songs with known metre (see docs/accuracy.md) those above "
        "have the right one in 99 of 100, those with 0.5 to 0.7 in 75.",
    )
    form_weights: FormWeights = Field(
        default_factory=FormWeights, description="How often each form of a prompt is trained on."
    )
    custom_tag: str = Field(
        "", max_length=100, description="Custom tag put into every text of the library; song.toml may name another."
    )
    custom_tag_position: TagPosition = Field("prepend", description="prepend, append, or replace (the tag alone).")
    relative_words: bool = Field(
        False,
        description="Whether texts compare a song with the others here ('faster than most songs of this library'), "
        "by the quarters of all songs that are surely measured, of which there must be 20.",
    )


class ViewSettings(_Frozen):
    """One way to cut songs: how long its clips are, and of what."""

    name: str = Field("30s", pattern=r"^[a-z0-9]{1,20}$", description="Name of the view, in the names of its clips.")
    min_s: float = Field(24.0, gt=0, le=3600, description="Shortest clip, seconds.")
    max_s: float = Field(30.0, gt=0, le=3600, description="Longest clip, seconds; equal to `min_s` for exactly that.")
    sources: tuple[Literal["mix", "instrumental", "stems", "several"], ...] = Field(
        ("mix", "instrumental", "stems", "several"),
        description="mix, instrumental (all stems but the vocals), stems (each), several (each pair and triple).",
    )
    cuts_sung_lines: bool = Field(False, description="Whether a sung line may be cut: for clips that carry no text.")


class ClipSettings(_Frozen):
    """How songs are cut into training clips, and which clips are refused."""

    views: tuple[ViewSettings, ...] = Field(
        (
            ViewSettings(name="semantic", min_s=9.0, max_s=10.22, sources=("mix", "stems")),
            ViewSettings(name="coarse", min_s=5.12, max_s=5.12, sources=("mix", "stems"), cuts_sung_lines=True),
            ViewSettings(),
            ViewSettings(name="full", min_s=10.0, max_s=240.0, sources=("mix", "instrumental")),
        ),
        description="The ways to cut; the shipped exports ask for semantic, coarse, 30s and full.",
    )
    min_active_fraction: float = Field(0.5, ge=0, le=1, description="Smallest share of a clip in which it sounds.")
    min_peak_dbfs: float = Field(-60.0, le=0, description="Lowest peak of a clip, dBFS.")
    max_dc_offset: float = Field(0.01, ge=0, le=1, description="Largest mean of a channel of a clip, full scale 1.")
    max_clipped_fraction: float = Field(0.001, ge=0, le=1, description="Largest share of clipped samples in a clip.")
    min_beat_confidence: float = Field(
        0.3, ge=0, le=1, description="Below it the beats are unsure, and cuts follow sections or pauses."
    )

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [view.name for view in self.views]
        if len(set(names)) != len(names):
            raise ValueError("two views have one name")
        return self


class TokenSettings(_Frozen):
    """The models that make Bark's tokens; nothing of them is downloaded unasked."""

    hubert: str = Field(HUBERT_ID, min_length=1, description="HuBERT base: the known id, or a folder.")
    quantizer: str = Field(QUANTIZER_ID, min_length=1, description="Semantic quantizer: the known id, or a .pth file.")
    encodec: str = Field(ENCODEC_ID, min_length=1, description="EnCodec at 24 kHz: the known id, or a folder.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")


class ExportSettings(_Frozen):
    """What exports may hold."""

    commercial_licences: tuple[str, ...] = Field(
        (),
        description="Licences that allow commercial use besides the open ones that are known, as the songs state them.",
    )


class SplitSettings(_Frozen):
    """How songs are parted into training, validation and test; what is assigned already stays while these do."""

    seed: int = Field(0, ge=0, description="Another seed assigns all songs anew.")
    validation: float = Field(0.1, ge=0, le=1, description="Share of the groups of duplicates that is for validation.")
    test: float = Field(0.1, ge=0, le=1, description="Share of the groups of duplicates that is for testing.")
    by_artist: bool = Field(False, description="Whether all songs of an artist go together.")

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        if self.validation + self.test > 1:
            raise ValueError(f"{self._told('validation')} and {self._told('test')} are more than 1 together")
        return self


class SidecarSettings(_Frozen):
    """How the words of sidecars are merged with those of other sources; song.toml may say otherwise for its song."""

    merge: Merge = Field(
        "fill", description="fill: sidecars give what song.toml, the tags of the file and captioning models do not; "
        "captions, lyrics, all: their captions, lyrics or everything goes before tags and models. What song.toml says "
        "goes first in each.",
    )  # fmt: skip


class LyricsSettings(_Frozen):
    """Whether sung words that nobody gives are transcribed, and by which model; off unless a model is named."""

    model: str | None = Field(
        None, min_length=1, description="Whisper that transcribes the vocals stem of songs whose words are not given: "
        "a known id, such as openai/whisper-small, or a folder of its files. None: nothing is transcribed.",
    )  # fmt: skip
    revision: str | None = Field(None, min_length=1, description="Branch, tag or commit; default: the main branch.")
    dtype: Dtype = Field("float32", description="bfloat16 takes half the memory; on many CPUs it is slower.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")


class RunSettings(_Frozen):
    """How the sensors ask for runs."""

    max_attempts: int = Field(
        3, ge=1, le=100, description="Attempts on a song whose runs die or fail, until it is given up."
    )
    first_pause_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="Pause after the first attempt, seconds; each later one is four times longer.",
    )
    settle_s: float = Field(
        10.0, ge=0, le=86_400, description="A song is run once its files have not changed for so long, seconds: "
        "they may still be being copied.",
    )  # fmt: skip
    describing_gpus: int = Field(
        0, ge=0, le=16, description="GPUs that a run asks its cluster (Ray, Kubernetes) for which only describes songs "
        "that are measured; 0 lets it run on any node.",
    )  # fmt: skip


class TaggingSettings(_Frozen):
    """How much of a song the built-in tagger reads."""

    enabled: bool = Field(True, description="Whether the tagger runs; it needs no download.")
    windows: int = Field(10, ge=1, le=1000, description="Most windows of 3 s of the mix, spread over the song.")
    stem_windows: int = Field(4, ge=1, le=1000, description="The same of the vocals and of the harmonic stem, each.")


class AnalysisSettings(_Frozen):
    """What of the songs is measured a second time."""

    second_opinion_share: float = Field(
        0.05, ge=0, le=1, description="Share of the songs, chosen by a hash of their ids, whose mix is measured by "
        "librosa too: 0 none, 1 all. More of them makes only the newly chosen songs due, fewer none.",
    )  # fmt: skip


class StudioSettings(_Frozen):
    """What may be uploaded in the browser; files lie in `data/uploads` until they become songs."""

    max_file_bytes: int = Field(4 * 1024**3, ge=1, description="Largest file that is taken, bytes.")
    max_open_uploads: int = Field(200, ge=1, le=10_000, description="Most uploads that are begun and not whole.")
    max_open_bytes: int = Field(32 * 1024**3, ge=1, description="What these may hold together once whole, bytes.")
    min_free_bytes: int = Field(
        2 * 1024**3, ge=0, description="What uploads leave free on the disk of the data folder, bytes."
    )
    keep_hours: float = Field(
        24.0, gt=0, le=8760, description="How long files that became no song are kept after the last of them came."
    )


class Settings(_Frozen):
    """All settings; a missing table or key takes its default."""

    thresholds: Thresholds = Field(default_factory=Thresholds)
    prompts: PromptSettings = Field(default_factory=PromptSettings)
    inference: InferenceSettings = Field(default_factory=InferenceSettings)
    clips: ClipSettings = Field(default_factory=ClipSettings)
    exports: ExportSettings = Field(default_factory=ExportSettings)
    tokens: TokenSettings = Field(default_factory=TokenSettings)
    splits: SplitSettings = Field(default_factory=SplitSettings)
    runs: RunSettings = Field(default_factory=RunSettings)
    sidecars: SidecarSettings = Field(default_factory=SidecarSettings)
    tagging: TaggingSettings = Field(default_factory=TaggingSettings)
    lyrics: LyricsSettings = Field(default_factory=LyricsSettings)
    separation: SeparationSettings = Field(default_factory=SeparationSettings)
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings)
    studio: StudioSettings = Field(default_factory=StudioSettings)

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, values: Any) -> Any:
        """Take ``[listening]``, as earlier versions called it, for ``[inference]``."""
        if isinstance(values, dict) and "listening" in values:
            if "inference" in values:
                raise ValueError("[listening] is the former name of [inference]; put the keys of both into [inference]")
            return {"inference" if name == "listening" else name: value for name, value in values.items()}
        return values


def digest_of_settings(*values: object) -> str:
    """Digest settings that JSON can hold: 12 hexadecimal digits, by which results that depend on them are versioned."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def load_settings(path: Path) -> Settings:
    """Read a settings file, or give the defaults where there is none.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, holds an unknown key or a value that is not
            allowed; the message names the file and each key.
    """
    if is_missing(path):
        return Settings()
    try:
        values = read_toml(path)
    except FileFault as fault:
        raise ConfigurationError(f"{path}: {fault}") from fault
    if problems := list(_control_characters(values)):
        raise ConfigurationError(f"{path}: {_listed(problems)}")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [describe_error(each, Settings) for each in found[:_MAX_PROBLEMS]]
        raise ConfigurationError(f"{path}: {_listed(problems, len(found))}") from error


def _listed(problems: list[str], count: int = 0) -> str:
    more = max(count, len(problems)) - _MAX_PROBLEMS
    return "; ".join(problems[:_MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _control_characters(value: Any, key: str = "") -> Iterator[str]:
    """Say which texts hold what no path, name or prompt may hold; a NUL in a path fails far from here."""
    if isinstance(value, str) and (match := _CONTROL.search(value)):
        yield f"{key}: holds the control character U+{ord(match[0]):04X}"
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            yield from _control_characters(entry, f"{key}, entry {number}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _control_characters(inner, f"{key}.{toml_key(name)}".lstrip("."))


def data_folder(chosen: Path | None = None) -> Path:
    """Return the data folder: `chosen`, or else `FLAMINGO_BARK_DATA`, or else ``data`` in the current folder.

    Raises:
        ConfigurationError: something else than a folder stands there.
    """
    folder = chosen or Path(os.environ.get("FLAMINGO_BARK_DATA") or "data")
    try:
        folder = folder.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: Python 3.11's word for a loop of links.
        raise ConfigurationError(f"data folder {folder}: cannot be reached: {error}") from error
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigurationError(f"data folder {folder}: is not a folder; choose another with --data")
    return folder


def dagster_home() -> Path:
    """Return Dagster's own folder: `DAGSTER_HOME`, or else ``dagster_home`` in the current folder."""
    return Path(os.environ.get("DAGSTER_HOME") or "dagster_home").absolute()
