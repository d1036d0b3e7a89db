"""The per-song dataset JSON: how it is filled from results, its bytes and its JSON schema.

Filling and writing out belong here; the models stand in `dataset_models`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from flamingo_bark_assets.audio.recording import Stem
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.parts import STEM_KINDS, Part, StemKind
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import ANALYSIS_VERSION, Settings, digest_of_settings
from flamingo_bark_assets.training.dataset_models import (
    SCHEMA_VERSION,
    AnswerEntry,
    BarkDataset,
    CaptionerEntry,
    DatasetMetadata,
    LyricsLineEntry,
    MainTrack,
    MeasurementEntry,
    PromptEntry,
    RuleEntry,
    Scalar,
    SeparationEntry,
    SourceFile,
    StemEntry,
    StemFileEntry,
    Suitability,
)
from flamingo_bark_assets.training.rendering import json_bytes
from flamingo_bark_assets.training.suitability import SONG, Verdict

E = TypeVar("E", bound=BaseModel)

SCHEMA_PATH = Path(__file__).with_name("bark_dataset.schema.json")


def dataset_file_name(song_id: str) -> str:
    """Name the dataset file of a song."""
    return f"bark_training_dataset_{song_id}.json"


def build_dataset(
    evidence: Evidence,
    lyrics: SongLyrics,
    captions: Captions,
    prompts: TrainingPrompts,
    verdict: Verdict,
    settings: Settings,
) -> BarkDataset:
    """Put the results of one song together; of one that cannot be read, null and the reason stand for values."""
    return BarkDataset(
        dataset_metadata=_metadata(evidence, captions, settings),
        main_track=_main_track(evidence, lyrics, captions, prompts, verdict),
        stems=[
            _stem_entry(kind, evidence, captions, prompts, verdict) for kind in STEM_KINDS if _files_of(evidence, kind)
        ],
        training_prompts=[_prompt_entry(prompt, verdict) for prompt in prompts.prompts],
    )


def render_dataset(dataset: BarkDataset) -> bytes:
    """Write a dataset as UTF-8 JSON, indented, in a fixed order of keys; equal datasets give equal bytes."""
    return json_bytes(dataset.model_dump(mode="python"), indent=2)


def json_schema() -> dict[str, Any]:
    """Give the JSON schema (draft 2020-12) of the file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **BarkDataset.model_json_schema(mode="serialization"),
    }


def stem_path(stem: Stem, song_id: str) -> str:
    """Name a stem file by its path in the song's folder, a separated one by that in the data folder."""
    return f"separated/{song_id}/{stem.file_name}" if stem.origin == "separated" else f"stems/{stem.file_name}"


def suitable_prompt(prompt: Prompt, verdict: Verdict) -> bool:
    """Tell whether the song and all the parts of a prompt are fit for training."""
    fit = {"mix", *verdict.suitable_kinds}
    return verdict.suitable and fit.issuperset(prompt.parts.split("+"))


def _metadata(evidence: Evidence, captions: Captions, settings: Settings) -> DatasetMetadata:
    raw = evidence.raw_song
    return DatasetMetadata(
        audio_file_id=evidence.song_id,
        total_samples=0 if raw.unusable is not None else 1 + len(evidence.audible_kinds),
        main_track_duration=raw.duration_s.value,
        analysis_version=ANALYSIS_VERSION,
        schema_version=SCHEMA_VERSION,
        title=evidence.metadata.title,
        artist=evidence.metadata.artist,
        licence=evidence.metadata.licence,
        attribution=evidence.metadata.attribution,
        captioner=_captioner(captions),
        settings_digest=digest_of_settings(settings.thresholds.model_dump(mode="json")),
        fingerprint=raw.fingerprint,
        sources=_sources(evidence),
        separation=_separation(evidence),
    )


def _captioner(captions: Captions) -> CaptionerEntry:
    own = next((a for a in captions.answers if a.captioner == captions.captioner and a.revision), None)
    return CaptionerEntry(
        name=captions.captioner,
        model_id=captions.model_id,
        revision=own.revision if own else None,
        licence=own.licence if own else None,
        is_fallback=captions.is_fallback,
    )


def _sources(evidence: Evidence) -> list[SourceFile]:
    raw = evidence.raw_song
    mix = [("mix", raw.file_name, "given", raw.content_sha256)] if raw.file_name else []
    stems = [(s.kind, stem_path(s, evidence.song_id), s.origin, s.content_sha256) for s in evidence.stems.stems]
    return [
        SourceFile.model_validate({"part": part, "path": path, "origin": origin, "sha256": sha256})
        for part, path, origin, sha256 in (*mix, *stems)
    ]


def _separation(evidence: Evidence) -> SeparationEntry | None:
    if evidence.separated.outcome != "separated":
        return None
    return _entry(SeparationEntry, evidence.separated)


def _main_track(
    evidence: Evidence, lyrics: SongLyrics, captions: Captions, prompts: TrainingPrompts, verdict: Verdict
) -> MainTrack:
    full = _prompt_of(prompts, "full_track")
    return MainTrack(
        audio_description=_description("mix", full, captions),
        style_prompt=full.style_prompt if full else None,
        technical_prompt=full.technical_prompt if full else None,
        training_suitability=verdict.suitable,
        suitability=_suitability(verdict, SONG),
        lyrics=lyrics.text,
        lyrics_source=lyrics.source,
        lyrics_times=lyrics.times,
        lyrics_language=lyrics.language.value,
        lyrics_reason=lyrics.missing_reason or lyrics.unusable,
        lyrics_lines=[_entry(LyricsLineEntry, line) for line in lyrics.lyrics_lines],
        genre_tags=evidence.metadata.genre_tags,
        measurements=_measurements((evidence.raw_song, evidence.song, evidence.stems)),
        answers=_answers(captions, "mix"),
    )


def _stem_entry(
    kind: StemKind, evidence: Evidence, captions: Captions, prompts: TrainingPrompts, verdict: Verdict
) -> StemEntry:
    own = _prompt_of(prompts, f"stem:{kind}")
    features = evidence.of_stem(kind)
    return StemEntry(
        stem_type=kind,
        audio_description=_description(kind, own, captions),
        technical_features=_technical_features(features),
        origin="separated" if kind in evidence.separated_kinds else "given",
        training_suitability=kind in verdict.suitable_kinds,
        audible=kind in evidence.sounding_kinds,
        suitability=_suitability(verdict, kind),
        measurements=_measurements((features,)),
        answers=_answers(captions, kind),
        files=[_stem_file(stem, evidence.song_id) for stem in _files_of(evidence, kind)],
    )


def _prompt_of(prompts: TrainingPrompts, name: str) -> Prompt | None:
    """Find the prompt of a level, as one sentence where it has that form."""
    found = [prompt for prompt in prompts.prompts if prompt.prompt == name]
    return next((prompt for prompt in found if prompt.form == "sentence"), found[0] if found else None)


def _description(part: Part, prompt: Prompt | None, captions: Captions) -> str | None:
    """Take the description from the prompt, where it is free of claims that the measurements contradict."""
    return prompt.audio_description if prompt else captions.text(part, "description")


def _technical_features(features: Record) -> dict[str, Scalar]:
    """Name the values as the measurements do, but for `onset_density`, whose name the users know."""
    return {
        "onset_density" if spec.name == "onset_density_hz" else spec.name: measurement.value
        for spec, measurement in features.measurements()
    }


def _measurements(records: Iterable[Record]) -> dict[str, MeasurementEntry]:
    return {
        spec.name: _entry(MeasurementEntry, measurement, unit=spec.unit)
        for record in records
        for spec, measurement in record.measurements()
    }


def _suitability(verdict: Verdict, subject: str) -> Suitability:
    return Suitability(
        reasons=[rule.reason or rule.rule for rule in verdict.failed(subject)],
        rules=[_entry(RuleEntry, rule) for rule in verdict.rules if rule.subject == subject],
    )


def _answers(captions: Captions, part: Part) -> list[AnswerEntry]:
    return [_entry(AnswerEntry, answer) for answer in captions.answers if answer.part == part]


def _stem_file(stem: Stem, song_id: str) -> StemFileEntry:
    return _entry(StemFileEntry, stem, path=stem_path(stem, song_id), sha256=stem.content_sha256)


def _prompt_entry(prompt: Prompt, verdict: Verdict) -> PromptEntry:
    parts, suitable = prompt.parts.split("+"), suitable_prompt(prompt, verdict)
    return _entry(PromptEntry, prompt, name=prompt.prompt, parts=parts, suitable=suitable)


def _entry(model: type[E], source: object, **own: Any) -> E:
    """Fill a part of the file with `own`, and all else by its name from what was stored."""
    same = {name: getattr(source, name) for name in model.model_fields if name not in own}
    return model.model_validate({**same, **own})


def _files_of(evidence: Evidence, kind: StemKind) -> list[Stem]:
    return [stem for stem in evidence.stems.stems if stem.kind == kind]


def main() -> None:
    """Rewrite the schema file beside this module."""
    write_bytes(SCHEMA_PATH, json_bytes(json_schema(), indent=2))


if __name__ == "__main__":
    main()
