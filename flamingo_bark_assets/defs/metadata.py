"""What the UI shows of a result: words to read, pictures, numbers with their units, scalars to plot, files to find.

Metadata of materialisations belongs here; the values come from the records.

The UI keeps the order, shows text and tables as they are, and markdown and JSON only below 1000 characters: what is
longer hides behind a click. So what a person looks for comes first, and as text or as a small picture.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.audio.song_review import SongReview
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.record import ColumnSpec, Record, events_of
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.training.rendering import number, with_unit
from flamingo_bark_assets.training.suitability import Verdict

if TYPE_CHECKING:
    from flamingo_bark_assets.pipeline import SongWork

Metadata = Mapping[str, Any]

_DIGITS = 4
_MOST_SHOWN_AT_ONCE = 999
"""Characters of markdown that the UI shows without a click."""


def describe_result(work: SongWork, result: Record) -> Metadata:
    """Give the metadata of one materialisation.

    Words and pictures come first, then the measurements as one table with units, then numbers as floats under their
    column names, so that the UI plots them over songs; unknown values stand together with their reasons; nothing is
    invented for them.
    """
    event_rows: int = sum(len(getattr(result, name)) for name in events_of(type(result)))
    metadata: dict[str, Any] = {}
    if isinstance(result, RawSong):
        metadata |= _waveform(work)
    if isinstance(result, Captions):
        metadata |= _captions_to_read(result)
    if isinstance(result, TrainingPrompts):
        metadata |= _prompts_to_read(result)
    metadata |= {"dagster/row_count": 1 + event_rows, "unusable": result.unusable or "no"}
    if isinstance(result, SongFeatures) and result.unusable is None:
        metadata |= _spectral_pictures(work) | _corrected(result)
    metadata |= _measured(result)
    metadata |= _scalars(result)
    if isinstance(result, SongMetadata):
        metadata |= _said(result)
    if isinstance(result, SongReview):
        metadata |= _reviewed(result)
    if isinstance(result, SeparatedStems):
        metadata |= _separated(result)
    if isinstance(result, Captions):
        metadata |= _captions(result)
    if isinstance(result, TrainingPrompts):
        metadata |= _prompts(work, result)
    if isinstance(result, Verdict):
        metadata |= _dataset(work, result)
    if isinstance(result, TrainingClips):
        metadata |= _clips(result)
    return metadata


def _scalars(result: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for spec, measurement in result.measurements():
        value = measurement.value
        if value is None:
            unknown[spec.name] = measurement.reason or ""
        elif isinstance(value, bool):
            shown[spec.name] = dg.MetadataValue.bool(value)
        else:
            shown[spec.name] = value if isinstance(value, str) else float(number(value, digits=_DIGITS))
    if unknown and result.unusable is None:
        shown["unknown"] = dg.MetadataValue.json(unknown)
    return shown


def _measured(result: Record) -> dict[str, Any]:
    """Give all known measurements as one table, numbers rounded and with their units."""
    rows = [
        dg.TableRecord({"name": spec.name, "value": _shown(spec, m.value), "confidence": _confidence(m.confidence)})
        for spec, m in result.measurements()
        if m.value is not None
    ]
    return {"measured": dg.MetadataValue.table(rows, schema=_MEASURED_SCHEMA)} if rows else {}


def _shown(spec: ColumnSpec, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else with_unit(value, spec.unit, digits=_DIGITS)


def _confidence(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.2f}"


_MEASURED_SCHEMA = dg.TableSchema(
    columns=[dg.TableColumn("name"), dg.TableColumn("value"), dg.TableColumn("confidence")]
)


def _waveform(work: SongWork) -> dict[str, Any]:
    from flamingo_bark_assets.audio.picture import waveform_pngs
    from flamingo_bark_assets.errors import AudioFault

    if isinstance(work.mix, AudioFault):
        return {}
    text = f"waveform of {work.song_id}"
    around = len(_picture(text, b"").md_str or "")
    large, small = waveform_pngs(work.mix.signal, most_bytes=(_MOST_SHOWN_AT_ONCE - around) // 4 * 3)
    at_once = {"waveform": _picture(text, small)} if small else {}
    return {**at_once, "waveform_large": _picture(f"large {text}", large)}


def _spectral_pictures(work: SongWork) -> dict[str, Any]:
    from flamingo_bark_assets.audio.spectral_pictures import spectral_pngs

    pngs = spectral_pngs(work.audio("mix"), work.take_mono())
    return {name: _picture(f"{name} of {work.song_id}", png) for name, png in pngs.items()}


def _picture(text: str, png: bytes) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{text}](data:image/png;base64,{base64.b64encode(png).decode()})")


def _said(said: SongMetadata) -> dict[str, Any]:
    names = (
        "title", "artist", "genre_tags", "tags_source", "licence", "attribution", "lyrics_source", "given_caption",
        "given_caption_source", "warnings", "sidecar_warnings",
    )  # fmt: skip
    return {name: text for name in names if (text := getattr(said, name))}


def _reviewed(result: SongReview) -> dict[str, Any]:
    told = {name: text for name in ("reviewed_by", "reviewed_at", "reason") if (text := getattr(result, name))}
    return {"state": result.state, "repeats": float(result.repeats), **told}


def _corrected(result: SongFeatures) -> dict[str, Any]:
    """Tell what a person has corrected, and what was measured in its place."""
    rows = {
        row.field: {"corrected": row.corrected, "measured": row.measured, "applied": row.is_applied, "note": row.note}
        for row in result.corrections
    }
    return {"corrected_by_hand": dg.MetadataValue.json(rows)} if rows else {}


def _separated(result: SeparatedStems) -> dict[str, Any]:
    names = ("outcome", "reason", "separator", "command", "version", "model", "model_licence", "input_sha256")
    files = {file.file_name: file.content_sha256 for file in result.separated_files}
    told = {name: text for name in names if (text := getattr(result, name))}
    return {**told, "files": dg.MetadataValue.json(files)} if files else told


def _captions_to_read(captions: Captions) -> dict[str, Any]:
    """Give the captions as text, that of the mix first."""
    answers = sorted(captions.answers, key=lambda answer: answer.part != "mix")
    return {
        question if answer.part == "mix" else f"{question} of {answer.part}": answer.text
        for question in ("caption", "description")
        for answer in answers
        if answer.question == question and answer.text and (question == "caption" or answer.part == "mix")
    }


def _prompts_to_read(prompts: TrainingPrompts) -> dict[str, Any]:
    """Give each prompt as text in the form that is read best."""
    return {f"prompt {p.prompt}": p.combined_prompt for p in prompts.prompts if p.form == "sentence"}


def _captions(captions: Captions) -> dict[str, Any]:
    by_part: dict[str, dict[str, Any]] = {}
    for answer in captions.answers:
        by_part.setdefault(answer.part, {})[answer.question] = answer.text or f"unknown: {answer.reason}"
    return {
        "captioner": captions.captioner or "none",
        "is_fallback": dg.MetadataValue.bool(bool(captions.is_fallback)),
        "answers": dg.MetadataValue.json(by_part),
        "claims": float(len(captions.claims)),
        "conflicts": float(sum(claim.verdict == "conflict" for claim in captions.claims)),
        **_given(captions),
        "tagger": captions.tagger or f"none: {captions.tagger_reason}",
        "tagged": dg.MetadataValue.json({a.question: a.confidence for a in captions.answers if a.source == "tagged"}),
        "second_opinion": captions.second_opinion or f"none: {captions.second_opinion_reason}",
        "skipped": dg.MetadataValue.json({c.captioner: c.reason for c in captions.candidates if c.reason}),
        "sound_sent_to": ", ".join(c.sound_sent_to for c in captions.candidates if c.sound_sent_to) or "nowhere",
    }


def _given(captions: Captions) -> dict[str, Any]:
    claims = captions.given_claims
    conflicts = [f"{c.file}: {c.field}: {c.said} (measured: {c.measured})" for c in claims if c.verdict == "conflict"]
    if not claims:
        return {}
    return {"given_claims": float(len(claims)), "given_conflicts": dg.MetadataValue.json(conflicts)}


def _prompts(work: SongWork, prompts: TrainingPrompts) -> dict[str, Any]:
    from flamingo_bark_assets.prompts.edits import unused_prompt_edits
    from flamingo_bark_assets.text import non_space_length

    budget = work.settings.prompts.max_non_space_characters
    lines = [
        f"- **{p.prompt}**, {p.form} (weight {p.training_weight:g} x {p.form_weight:g}): {p.combined_prompt}"
        for p in prompts.prompts
    ]
    warnings = {
        "edits_for_no_prompt": list(unused_prompt_edits(prompts, work.files.info.edits)),
        "longer_than_the_budget": sorted(
            {p.prompt for p in prompts.prompts if non_space_length(p.combined_prompt) > budget}
        ),
    }
    return {
        "prompts": dg.MetadataValue.md("\n".join(lines) or "none"),
        "prompt_count": float(len(lines)),
        **{name: dg.MetadataValue.json(found) for name, found in warnings.items() if found},
    }


def _dataset(work: SongWork, verdict: Verdict) -> dict[str, Any]:
    from flamingo_bark_assets.training.files import dataset_files

    files = dataset_files(work.paths, work.song_id)
    return {
        "suitable": dg.MetadataValue.bool(verdict.suitable),
        "reasons": verdict.reasons or "none",
        "suitable_stems": verdict.suitable_stems or "none",
        **({"advice": verdict.advice} if verdict.advice else {}),
        "dataset": dg.MetadataValue.path(files.dataset),
        "instructions": dg.MetadataValue.path(files.instructions),
    }


def _clips(result: TrainingClips) -> dict[str, Any]:
    views = Counter(clip.view for clip in result.clips)
    rules = Counter(clip.rule for clip in result.rejected_clips)
    return {
        "cut_by": result.cut_by or "nothing",
        **({"cut_reason": result.cut_reason} if result.cut_reason else {}),
        "clips": float(len(result.clips)),
        "clip_minutes": round(sum(clip.duration_s for clip in result.clips) / 60.0, 3),
        "rejected": float(len(result.rejected_clips)),
        "clips_by_view": dg.MetadataValue.json(dict(views)),
        "rejected_by_rule": dg.MetadataValue.json(dict(rules)),
    }
