"""The models of the per-song dataset JSON, from which its schema is generated.

The shape of the file belongs here; filling it from results does not.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from flamingo_bark_assets.parts import ANY_KIND, Part, StemKind, StemOrigin
from flamingo_bark_assets.training.rendering import plain

SCHEMA_VERSION = "1.3"

Scalar = float | int | bool | str | None

_PATH = "Path in the song's folder, of a separated stem in the data folder, POSIX."


class _Model(BaseModel):
    """Base of all parts of the file: no unknown key, no infinite number, every value fit for JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return plain(value)


class CaptionerEntry(_Model):
    """Who wrote the descriptions."""

    name: str | None = Field(description="Short name of the captioner; null where nothing was described.")
    model_id: str | None = Field(description="The model; null for the measured captioner.")
    revision: str | None = Field(description="Revision of the model or of the rules.")
    licence: str | None = Field(description="Licence of the model's weights.")
    is_fallback: bool | None = Field(description="Whether it ran because no model could be had.")


class SourceFile(_Model):
    """One sound file that the dataset was made from."""

    part: Part | None = Field(description="What it holds; null for a stem whose name says no kind.")
    path: str = Field(description=_PATH)
    origin: StemOrigin = Field(description="given, or separated from the mix.")
    sha256: str | None = Field(description="SHA-256, hexadecimal; null where the file could not be read.")


class SeparationEntry(_Model):
    """What made the stems of a song that has none of its own."""

    separator: str | None = Field(description="Name of the separator.")
    command: str | None = Field(description="Program and arguments as JSON, with their places.")
    version: str | None = Field(description="What the program says of itself; null where it does not.")
    model: str | None = Field(description="Name of the model.")
    model_licence: str | None = Field(description="Licence of the model's weights, as the user names it.")
    input_sha256: str | None = Field(description="SHA-256 of the mix that was separated, hexadecimal.")


class DatasetMetadata(_Model):
    """What the file is about and how it was made."""

    audio_file_id: str = Field(description="The song's identifier.")
    total_samples: int = Field(
        ge=0,
        description="Sounds to train on: 1 for the full track and 1 for each audible kind of stem; "
        "0 where the song cannot be read.",
    )
    main_track_duration: float | None = Field(description="Decoded length of the mix in seconds.")
    analysis_version: str = Field(description="Version of the measurements.")
    schema_version: str = Field(description="Version of this file's shape.")
    title: str | None = Field(description="Title.")
    artist: str | None = Field(description="Artist.")
    licence: str | None = Field(description="Licence of the recording, as its owner states it.")
    attribution: str | None = Field(description="Credit line.")
    captioner: CaptionerEntry = Field(description="Who wrote the descriptions.")
    settings_digest: str = Field(description="Short hash of the thresholds that the verdict was given by.")
    fingerprint: str = Field(description="Digest of all files of the song.")
    sources: list[SourceFile] = Field(description="The files that the dataset was made from.")
    separation: SeparationEntry | None = Field(
        description="What separated the stems from the mix; null where they are given, or there are none."
    )


class MeasurementEntry(_Model):
    """One measured value, or why there is none."""

    value: Scalar = Field(description="The value; null where unknown.")
    unit: str = Field(description="Its unit; empty where it has none.")
    confidence: float | None = Field(
        description="0 to 1, 1 for what is computed as it is defined; null where it was never held against the truth."
    )
    method: str = Field(description="Name of the procedure.")
    reason: str | None = Field(description="Why there is no value.")


class RuleEntry(_Model):
    """One rule of the judgement."""

    rule: str = Field(description="Name of the rule.")
    value: float | None = Field(description="The measured value; null where unknown.")
    comparison: str = Field(description="How the value must stand to the threshold: >= or <=.")
    threshold: float = Field(description="The limit.")
    unit: str = Field(description="Unit of value and threshold.")
    passed: bool = Field(description="Whether the rule holds.")
    reason: str | None = Field(description="What is wrong, in words.")


class Suitability(_Model):
    """The judgement with its reasons."""

    reasons: list[str] = Field(description="What is wrong; empty where every rule holds.")
    rules: list[RuleEntry] = Field(description="Every rule that was applied.")


class AnswerEntry(_Model):
    """One answer of a captioner."""

    question: str = Field(description="caption, description, genre, mood or instruments.")
    text: str | None = Field(description="The answer; null where there is none.")
    source: str = Field(description="model, tagged, measured, file_tags, human or none.")
    captioner: str = Field(description="Name of the captioner.")
    is_fallback: bool = Field(description="Whether it ran because no model could be had.")
    model_id: str | None = Field(description="The model that answered.")
    revision: str | None = Field(description="Revision of the model or of the rules.")
    licence: str | None = Field(description="Licence of the model's weights.")
    prompt: str | None = Field(description="The question as the model read it.")
    decoding: str | None = Field(description="Decoding settings, JSON.")
    raw_text: str | None = Field(description="The answer before any change.")
    confidence: float | None = Field(description="0 to 1; null where the captioner gives none.")
    reason: str | None = Field(description="Why there is no text.")


class LyricsLineEntry(_Model):
    """One sung line."""

    text: str = Field(description="The line.")
    start_s: float | None = Field(description="Start, s; null where nobody knows.")
    end_s: float | None = Field(description="End, s; null where nobody knows.")
    times: str = Field(description="How the times are known: given, transcribed, estimated, none.")
    confidence: float | None = Field(
        description="Probability of transcribed words, or rank of an estimate, not calibrated; null for given times."
    )
    for_clips: bool = Field(description="Whether its times are sure enough for a clip to carry its words.")
    section_tag: str | None = Field(description="Verse, Chorus ...; null where unknown.")
    section_source: str | None = Field(description="given, or proposed from measurements.")
    section_confidence: float | None = Field(description="1 where the tag is given, else a rank, not calibrated.")


class MainTrack(_Model):
    """The full mix."""

    audio_description: str | None = Field(description="The captioner's description.")
    style_prompt: str | None = Field(description="Genre, mood, pace, key, tempo and instruments in one sentence.")
    technical_prompt: str | None = Field(description="How the recording sounds, technically.")
    training_suitability: bool = Field(description="Whether the song is fit for training.")
    suitability: Suitability = Field(description="The judgement of the song.")
    lyrics: str | None = Field(description="Words that are sung, one line a line, without times and tags.")
    lyrics_source: str | None = Field(description="Source: song.toml, file_tags, sidecar and its name, or model id.")
    lyrics_times: str = Field(description="How it is known when they are sung: given, transcribed, estimated, none.")
    lyrics_language: str | None = Field(description="Their language, ISO 639-1; null where it is not known.")
    lyrics_reason: str | None = Field(description="Why there are none.")
    lyrics_lines: list[LyricsLineEntry] = Field(description="Each line with its times.")
    genre_tags: str | None = Field(description="Genre tags, as the file or its owner gives them.")
    measurements: dict[str, MeasurementEntry] = Field(description="All measurements of the mix by name.")
    answers: list[AnswerEntry] = Field(description="All answers about the mix.")


class StemFileEntry(_Model):
    """One file of a stem."""

    name: str = Field(description="Stem name, from its file name.")
    path: str = Field(description=_PATH)
    origin: StemOrigin = Field(description="given, or separated from the mix.")
    sha256: str | None = Field(description="SHA-256 of the file, hexadecimal.")
    fault: str | None = Field(description="Why this file cannot be used.")
    audible: bool = Field(description="Whether it holds sound.")
    duration_s: float | None = Field(description="Decoded length, s.")
    sample_rate_hz: int | None = Field(description="Sample rate, Hz.")
    channels: int | None = Field(description="Number of channels.")
    rms_dbfs: float | None = Field(description="Level over the whole file, dBFS.")
    silent_fraction: float | None = Field(description="Share of silent frames.")
    clipped_fraction: float | None = Field(description="Share of clipped samples.")
    length_difference_s: float | None = Field(description="Stem length minus mix length, s.")
    lag_s: float | None = Field(description="Delay against the mix, s.")
    lag_confidence: float | None = Field(description="How far the peak of that delay stands out, 0 to 1.")
    corrected: str | None = Field(
        description="What the file itself still has, and all that was measured and cut is without, in words: a delay, "
        "a level, inverted polarity, an offset; null for nothing."
    )
    delay_samples: int | None = Field(description="Samples by which it is late; negative: early; null: none.")
    gain_db: float | None = Field(description="Gain that brings it to its level in the mix, dB; null: none.")
    inverted: bool | None = Field(description="Whether it is in inverted polarity; null: it is not.")
    offsets: str | None = Field(description="Mean of each channel, full scale 1, parted by spaces; null: none.")


class StemEntry(_Model):
    """One kind of stem, with all files of that kind."""

    stem_type: StemKind = Field(description=f"{ANY_KIND}.")
    audio_description: str | None = Field(description="The captioner's description.")
    technical_features: dict[str, Scalar] = Field(
        description="Measured values by name, null where unknown; onset_density is in onsets a second, "
        "every other unit stands in the name or in `measurements`."
    )
    origin: StemOrigin = Field(description="separated where a separator made one of its files; else given.")
    training_suitability: bool = Field(description="Whether this stem is fit for training.")
    audible: bool = Field(description="Whether it holds sound.")
    suitability: Suitability = Field(description="The judgement of the stem.")
    measurements: dict[str, MeasurementEntry] = Field(description="The same with unit, method and reason.")
    answers: list[AnswerEntry] = Field(description="All answers about the stem.")
    files: list[StemFileEntry] = Field(description="The files of that kind.")


class PromptEntry(_Model):
    """One prompt to train on."""

    type: Literal["full_track", "stem", "multi_instrument"] = Field(description="Level of the prompt.")
    combined_prompt: str = Field(description="The text to train on.")
    training_weight: float = Field(gt=0, description="Relative weight.")
    name: str = Field(description="full_track, stem:<kind> or multi_instrument:<kind>+<kind>.")
    form: Literal["tags", "sentence", "paragraph", "description"] = Field(description="Form of the text.")
    form_weight: float = Field(ge=0, le=1, description="Share of the prompt's weight that this form has.")
    seed: str = Field(description="Digest of song, prompt and form, by which its words were chosen.")
    parts: list[Part] = Field(description="The parts it describes.")
    audio_description: str | None = Field(description="The captioner's description; of measurements the longest form.")
    style_prompt: str = Field(description="How the text begins: genre, mood, pace, key, tempo and instruments.")
    technical_prompt: str = Field(description="How the recording sounds, technically.")
    custom_tag: str | None = Field(description="The custom tag in the text; null for none.")
    captioner: str = Field(description="Who wrote the description.")
    is_fallback: bool = Field(description="Whether that captioner ran because no model could be had.")
    suitable: bool = Field(description="Whether the song and all the parts are fit for training.")


class BarkDataset(_Model):
    """The training dataset of one song."""

    dataset_metadata: DatasetMetadata
    main_track: MainTrack
    stems: list[StemEntry] = Field(description="One entry a kind of which there is a file, audible or not.")
    training_prompts: list[PromptEntry]
