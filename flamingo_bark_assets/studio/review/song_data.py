"""All that is known of one song as its page shows it: plain values, each unknown one with the reason.

Putting the parts together belongs here; each part is made in a module of its own.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.journal import recent_steps
from flamingo_bark_assets.library.judgements import place_text
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.review.fields import SongFields
from flamingo_bark_assets.studio.review.lyrics_rows import tell_lyrics
from flamingo_bark_assets.studio.review.progress import review_of, tell_progress
from flamingo_bark_assets.studio.review.results import NOT_MADE, SongResults, read_results
from flamingo_bark_assets.studio.review.texts import SongTexts
from flamingo_bark_assets.studio.review.words import SongWords, read_words
from flamingo_bark_assets.training.files import dataset_files
from flamingo_bark_assets.training.rendering import plain
from flamingo_bark_assets.training.suitability import RULES, YES_OR_NO, Verdict

DOWNLOADS = {"dataset": "dataset JSON", "instructions": "training instructions", "entry": "manifest entry"}
"""The files of a song that the page gives out, with what they are called."""
_MOST_STEPS = 50


def song_data(studio: Studio, files: SongFiles) -> dict[str, Any]:
    """Return all that is known of a song, fit for JSON.

    Raises:
        ConfigurationError: the settings file is wrong.
    """
    settings = studio.settings()
    # What is due is looked at first: a result that is made meanwhile changes the version, and the page asks again.
    progress = tell_progress(studio.paths, files, settings)
    results = read_results(studio.paths, files.song_id)
    words = read_words(files)
    texts = SongTexts(results, words, settings.prompts.min_claim_confidence)
    fields = SongFields(results, words)
    given = fields.given()
    data = {
        "song_id": files.song_id,
        "title": next(field["value"] for field in given if field["name"] == "title"),
        "you": studio.by,
        "progress": progress,
        "fault": files.fault,
        "song_toml": {"fault": words.fault, "warnings": list(files.info_warnings)},
        "unusable": _unusable(results),
        "missing": dict(results.missing),
        "review": {**words.told(("review",)), **dataclasses.asdict(review_of(words))},
        "locked": words.at(("locked",)),
        "captioner": _captioner(results),
        "answers": texts.answers(),
        "prompts": texts.prompts(),
        "why_no_texts": results.why_missing(Captions),
        "why_no_prompts": results.why_missing(TrainingPrompts),
        "given": given,
        "measured": fields.measured(),
        "measurements": fields.measurements(),
        "sections": _sections(results, words),
        "lyrics": tell_lyrics(results, words),
        "verdict": _verdict(results),
        "stems": _stems(results),
        "given_claims": _given_claims(results),
        "downloads": _downloads(studio, files.song_id),
        "history": _history(studio, files.song_id),
    }
    told: dict[str, Any] = plain(data)
    return told


def _unusable(results: SongResults) -> str | None:
    classes = (RawSong, SongFeatures, SongMetadata)
    return next((found.unusable for cls in classes if (found := results.get(cls)) and found.unusable), None)


def _captioner(results: SongResults) -> dict[str, Any] | None:
    captions = results.get(Captions)
    if captions is None:
        return None
    skipped = [{"captioner": each.captioner, "reason": each.reason} for each in captions.candidates if each.reason]
    return {
        "name": captions.captioner, "model_id": captions.model_id, "is_fallback": captions.is_fallback,
        "tagger": captions.tagger, "tagger_reason": captions.tagger_reason, "skipped": skipped,
    }  # fmt: skip


def _sections(results: SongResults, words: SongWords) -> dict[str, Any]:
    song, lyrics = results.get(SongFeatures), results.get(SongLyrics)
    row = next((each for each in song.corrections if each.field == "sections"), None) if song else None
    tags = {each.section: each.tag for each in lyrics.lyrics_sections} if lyrics else {}
    return {
        **words.told(("corrections", "sections")),
        "rows": [
            {
                "start_s": each.start_s, "end_s": each.end_s, "label": each.label, "name": each.name,
                "name_confidence": each.name_confidence, "bars": each.bars,
                "confidence": each.start_confidence, "level_db": each.level_db, "tag": tags.get(each.section),
            }
            for each in (song.sections if song else ())
        ],
        "measured": row.measured if row else None,
        "reason": None if song and song.sections else results.why_missing(SongFeatures) or "no sections were found",
    }  # fmt: skip


def _verdict(results: SongResults) -> dict[str, Any]:
    verdict = results.get(Verdict)
    if verdict is None:
        return {"suitable": None, "reason": results.why_missing(Verdict) or NOT_MADE, "rules": []}
    return {
        "suitable": verdict.suitable, "reason": verdict.reasons, "advice": verdict.advice,
        "suitable_stems": verdict.suitable_stems,
        "rules": [
            {
                "subject": rule.subject, "rule": rule.rule, "demands": RULES.get(rule.rule), "value": rule.value,
                "threshold": rule.threshold, "unit": rule.unit, "comparison": rule.comparison, "passed": rule.passed,
                "reason": rule.reason, "is_yes_or_no": rule.rule in YES_OR_NO,
            }
            for rule in verdict.rules
        ],
    }  # fmt: skip


def _stems(results: SongResults) -> dict[str, Any]:
    stems = results.get(StemSet)
    return {
        "reason": None if stems and stems.stems else results.why_missing(StemSet) or "the song has no stems",
        "cause": stems.cause if stems else None,
        "rows": [
            {
                "name": each.name, "file": each.file_name, "kind": each.kind, "origin": each.origin,
                "audible": each.audible, "rms_dbfs": each.rms_dbfs, "corrected": each.corrected,
                "why_not": each.fault or each.rejected or each.misnamed or each.bleed or each.doubt,
            }
            for each in (stems.stems if stems else ())
        ],
    }  # fmt: skip


def _given_claims(results: SongResults) -> list[dict[str, Any]]:
    captions = results.get(Captions)
    return [
        {
            "file": each.file, "field": each.field, "said": each.said, "claimed": each.claimed,
            "verdict": each.verdict, "measured": each.measured, "unit": each.unit, "note": each.note,
            "confidence": each.confidence,
        }
        for each in (captions.given_claims if captions else ())
    ]  # fmt: skip


def _downloads(studio: Studio, song_id: str) -> list[dict[str, Any]]:
    found = []
    for name, path in dataclasses.asdict(dataset_files(studio.paths, song_id)).items():
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - a link to nowhere is no download
        except OSError:
            size = None
        found.append(
            {
                "name": name, "says": DOWNLOADS[name], "file": path.name, "size_bytes": size,
                "url": f"/songs/{song_id}/files/{name}", "reason": NOT_MADE if size is None else None,
            }
        )  # fmt: skip
    return found


def _history(studio: Studio, song_id: str) -> dict[str, Any]:
    try:
        steps = recent_steps(studio.paths, song_id=song_id, limit=_MOST_STEPS)
    except LibraryError as error:
        return {"reason": str(error), "steps": []}
    return {
        "reason": None if steps else "nothing was changed in the studio yet",
        "steps": [
            {
                "at": step.at, "by": step.by, "label": step.label, "kind": step.kind,
                "changes": [
                    {"place": place_text(each.place), "before": each.before, "after": each.after}
                    for each in step.changes
                ],
            }
            for step in steps
        ],
    }  # fmt: skip
