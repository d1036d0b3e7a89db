"""The facts that stand beside a sound in tables and JSON: texts, lyrics, tempo, key, metre, and where it comes from.

Fields that several layouts have belong here; vocabulary that only one trainer has stands with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from flamingo_bark_assets.clips.records import INSTRUMENTAL, MIX
from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.verification.claims import check_key_field, check_metre_claim, check_tempo_field
from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.texts import TextRules, check_text
from flamingo_bark_assets.verification.vocabulary import check_bpm, check_key

TEXT_FIELDS = ("text", "caption", "prompt", "description")
_METRE = re.compile(r"\d{1,2}/(?:2|4|8|16)")
_SOUNDS = tuple(dict.fromkeys((INSTRUMENTAL, *STEM_KINDS)))
_SAME = {"song_id": "song_id", "duplicate_group": "group", "group": "group", "artist": "artist", "split": "split"}
_NUMBERS = frozenset({"start_s", "end_s", "duration_s", "rms_dbfs", "peak_dbfs", "gain_db", "position"})


def check_fields(
    check: Check, file: str, row: int | None, values: Mapping[str, object], name: str, clip: ClipFacts | None
) -> None:
    """Check the fields of one clip that are known by their names; others are passed over.

    Args:
        check: the verification.
        file: where they stand.
        row: the row.
        values: the fields.
        name: base name of the clip.
        clip: what the papers say of it; where they say nothing, the fields themselves stand for them.
    """
    clip = clip or facts_of_fields(values, name)
    _check_texts(check, file, row, values, name, clip)
    _check_lyrics(check, file, row, values, name, clip)
    _check_music(check, file, row, values, clip)
    for field, attribute in _SAME.items():
        if clip is not None and field in values and values[field] != getattr(clip, attribute):
            check.add("field_value", file, row, f"{name}: {field} is {values[field]!r}; the clip's is "
                      f"{getattr(clip, attribute)!r}")  # fmt: skip
    for field, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            check.add("field_value", file, row, f"{name}: {field} is {value}; a loss that uses it becomes NaN")
        if field in _NUMBERS and value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            check.add("field_type", file, row, f"{name}: {field} is {value!r} and no number")
    weight = values.get("weight")
    if weight is not None and not (isinstance(weight, int | float) and weight > 0):
        check.add("field_value", file, row, f"{name}: the weight {weight!r} is no positive number")


def _check_texts(
    check: Check, file: str, row: int | None, values: Mapping[str, object], name: str, clip: ClipFacts | None
) -> None:
    told = [field for field in TEXT_FIELDS if field in values]
    if not told:
        check.add("missing_key", file, row, f"{name}: there is none of {', '.join(TEXT_FIELDS)}; the clip has no text")
    for field in told:
        check.text(file, row, values[field], TextRules(field), name=name, clip=clip)
    for sound in _SOUNDS:
        text = values.get(f"{sound}_text")
        if text is None:
            continue
        of_stem = None if clip is None else _of_sound(clip, sound)
        check.text(file, row, text, TextRules(f"{sound}_text"), name=name, clip=of_stem, is_whole=bool(of_stem and
                   of_stem.text))  # fmt: skip


def _of_sound(clip: ClipFacts, sound: str) -> ClipFacts:
    """Return the facts of another sound of the same seconds: of a stem, or of all but the vocals."""
    kinds = tuple(kind for kind in STEM_KINDS if kind != "vocals") if sound == INSTRUMENTAL else (sound,)
    return replace(clip, kinds=kinds, source=sound, text=clip.texts.get(sound, ""))


def _check_lyrics(
    check: Check, file: str, row: int | None, values: Mapping[str, object], name: str, clip: ClipFacts | None
) -> None:
    if "lyrics" not in values:
        return
    lyrics = values["lyrics"]
    if lyrics is not None:
        check_text(check.findings, file, row, lyrics, TextRules("lyrics", lines=True), clip=name)
    if clip is not None and check.provenance.exists and (lyrics or None) != (clip.lyrics or None):
        check.add("text_changed", file, row, f"{name}: the lyrics are not those that were exported for it")


def _check_music(
    check: Check, file: str, row: int | None, values: Mapping[str, object], clip: ClipFacts | None
) -> None:
    for field in ("bpm", "tempo", "tempo_bpm"):
        bpm = check_bpm(check.findings, file, row, values.get(field), field, whole=False)
        if isinstance(values.get(field), str):
            check.add("field_type", file, row, f"{field} is the text {values[field]!r} and no number")
        if bpm is not None and clip is not None:
            check_tempo_field(check.findings, file, row, bpm, clip)
    key = check_key(check.findings, file, row, values.get("key"), "key")
    if key is not None and clip is not None:
        check_key_field(check.findings, file, row, key, clip)
    metre = values.get("metre")
    if metre is not None and not (isinstance(metre, str) and _METRE.fullmatch(metre)):
        check.add("metre_spelling", file, row, f"metre: {metre!r} is not written as 4/4")
    elif isinstance(metre, str) and clip is not None:
        check_metre_claim(check.findings, file, row, metre, clip)


def facts_of_fields(values: Mapping[str, object], name: str) -> ClipFacts | None:
    """Take the fields of a clip for what is known of it, where it has no papers; None where they name no song."""

    def text(field: str) -> str | None:
        value = values.get(field)
        return value if isinstance(value, str) and value else None

    def number(field: str) -> float | None:
        value = values.get(field)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and value > 0 else None  # type: ignore[arg-type, operator]

    song = text("song_id")
    if song is None:
        return None
    told = next((text(field) for field in TEXT_FIELDS if field in values), None)
    return ClipFacts(
        name=name, song_id=song, group=text("duplicate_group") or text("group") or song, artist=text("artist"),
        split=text("split") or "", view=text("view") or "", source=text("source") or MIX, kinds=(),
        sounding=tuple((text("sounding") or "").split("+")) if text("sounding") else (), tempo_bpm=number("bpm"),
        metre=text("metre"), key=text("key"), duration_s=number("duration_s") or 0.0, text=told or "",
        lyrics=text("lyrics"), repeats=1, files={}, sounds={}, texts={},
    )  # fmt: skip
