"""The fields of a song for its page: what is known of it, from where, how surely, and what a person put in its place.

Origins of fields belong here; texts with claims stand in `texts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.library.judgements import Metre, Place
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.note_names import KEYS, key_name
from flamingo_bark_assets.parts import QUESTIONS
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.studio.review.results import SongResults
from flamingo_bark_assets.studio.review.words import SongWords

METRES: tuple[str, ...] = get_args(Metre)
HUMAN = "human"
_GIVEN = {
    "title": "neither song.toml, the tags of the file nor a sidecar gives one",
    "artist": "neither song.toml, the tags of the file nor a sidecar gives one",
    "genres": "neither song.toml, the tags of the file nor a sidecar gives one",
    "licence": "nobody states one, and none is assumed",
    "attribution": "song.toml gives no credit line",
    "custom_tag": "the song has none of its own; that of the settings holds, if there is one",
}
_LABELS = {
    "title": "Title", "artist": "Artist", "genres": "Genre tags", "licence": "Licence", "attribution": "Attribution",
    "custom_tag": "Custom tag", "genre": "Genre", "mood": "Mood", "instruments": "Instruments",
}  # fmt: skip
_OF_SONG = {"tempo_bpm": "Tempo", "key": "Key", "metre": "Metre", "form": "Form"}
_ALSO = {
    "loudness_integrated_lufs": "Loudness", "swing_ratio": "Swing", "energy": "Energy", "danceability": "Danceability",
    "dynamic_range_db": "Dynamic range",
}  # fmt: skip


class SongFields:
    """Tells the fields of one song."""

    def __init__(self, results: SongResults, words: SongWords) -> None:
        self._results = results
        self._words = words

    def given(self) -> list[dict[str, Any]]:
        """Return what somebody says of the song: its owner, the tags of its file, a sidecar, a model."""
        return [*self._given(), *self._answered(), self._language(), self._repeats()]

    def measured(self) -> list[dict[str, Any]]:
        """Return what was measured first of all, as a person may have corrected it."""
        return list(self._measured())

    def measurements(self) -> list[dict[str, Any]]:
        """Return every measurement of the song and its stems."""
        return [
            {
                "record": step.record.TABLE, "name": spec.name, "doc": spec.doc, "unit": spec.unit,
                "value": measured.value, "confidence": measured.confidence, "method": measured.method,
                "reason": measured.reason,
            }
            for step in STEPS
            if (record := self._results.get(step.record)) is not None and record.unusable is None
            for spec, measured in record.measurements()
        ]  # fmt: skip

    def _given(self) -> Iterator[dict[str, Any]]:
        metadata = self._results.get(SongMetadata)
        stored = {
            "title": metadata.title, "artist": metadata.artist, "licence": metadata.licence,
            "attribution": metadata.attribution, "custom_tag": metadata.custom_tag,
            "genres": (metadata.genre_tags or "").split("; ") if metadata.genre_tags else None,
        } if metadata else {}  # fmt: skip
        for name in ("title", "artist", "genres", "licence", "attribution", "custom_tag"):
            own = self._words.at((name,))
            value = own if own is not None else None if self._is_taken_back(name) else stored.get(name)
            origin, detail = (HUMAN, "song.toml") if own is not None else self._source(name, value)
            reason = self._results.missing.get("song_metadata") or _GIVEN[name]
            yield self._field(
                name, _LABELS[name], (name,), value, origin, detail=detail, reason=reason,
                kind="list" if name == "genres" else "text", others=self._others(name, value),
            )  # fmt: skip

    def _is_taken_back(self, name: str) -> bool:
        """Tell whether the stored value is song.toml's of before: it says nothing any more, and nothing is made yet."""
        metadata = self._results.get(SongMetadata)
        if metadata is None:
            return True
        if name == "attribution":
            return True
        if name == "licence":
            return not any(row.field == "licence" and row.role == "used" for row in metadata.sidecar_fields)
        sources = {"genres": metadata.genre_source, "custom_tag": metadata.custom_tag_source}
        return sources.get(name, metadata.tags_source) == "song.toml"

    def _source(self, name: str, value: Any) -> tuple[str, str | None]:
        """Return the origin of what song.toml does not say, and who says it."""
        metadata = self._results.get(SongMetadata)
        if value is None or metadata is None:
            return "unknown", None
        field = "genre" if name == "genres" else name
        used = next((each for each in metadata.sidecar_fields if each.field == field and each.role == "used"), None)
        if used is not None and used.file != "file_tags":
            return "sidecar", used.file
        return "tag", "tags of the file"

    def _others(self, name: str, value: Any) -> list[dict[str, str]]:
        """Return what other sources say of a field that goes by another one."""
        metadata = self._results.get(SongMetadata)
        field = "genre" if name == "genres" else name
        rows = metadata.sidecar_fields if metadata else ()
        return [
            {"source": row.file, "text": row.text}
            for row in rows
            if row.field == field and row.role in {"used", "passed_over"} and row.text != value
        ]

    def _answered(self) -> Iterator[dict[str, Any]]:
        captions = self._results.get(Captions)
        answers = {a.question: a for a in captions.answers if a.part == "mix"} if captions else {}
        for question in ("genre", "mood", "instruments"):
            assert question in QUESTIONS
            place = ("edits", "mix", question)
            own = self._words.at(place)
            answer = answers.get(question)
            known = answer is not None and (own is None or answer.text == own)
            origin, detail = (HUMAN, "song.toml") if own is not None else _origin(answer)
            is_old = own is None and answer is not None and answer.captioner == HUMAN
            yield self._field(
                question, _LABELS[question], place, own if own is not None or is_old or not answer else answer.text,
                "unknown" if is_old else origin, detail=None if is_old else detail,
                confidence=answer.confidence if known and answer else None,
                reason=self._why_unanswered(answer, is_old=is_old),
            )  # fmt: skip

    def _why_unanswered(self, answer: Answer | None, *, is_old: bool) -> str:
        if is_old:
            return "your words were taken out; the song has not been described anew yet"
        if answer is not None and answer.reason:
            return answer.reason
        return self._results.why_missing(Captions) or "no captioner was asked"

    def _language(self) -> dict[str, Any]:
        lyrics, metadata = self._results.get(SongLyrics), self._results.get(SongMetadata)
        own = self._words.at(("language",))
        told = lyrics.language if lyrics else None
        value = own if own is not None else told.value if told else None
        is_tag = own is None and metadata is not None and metadata.language is not None and metadata.language == value
        origin = HUMAN if own is not None else "tag" if is_tag else "measured" if value is not None else "unknown"
        reason = (told.reason if told else None) or self._results.why_missing(SongLyrics) or "there are no words"
        return self._field(
            "language", "Language of the words", ("language",), value, origin,
            method=told.method if told and own is None else None,
            confidence=told.confidence if told and own is None else None, reason=reason, hint="two letters, such as en",
        )  # fmt: skip

    def _repeats(self) -> dict[str, Any]:
        own = self._words.at(("repeats",))
        default = SongInfo.model_fields["repeats"].default
        origin = HUMAN if own is not None else "default"
        return self._field(
            "repeats", "Repeats in exports", ("repeats",), own if own is not None else default, origin, kind="whole"
        )

    def _measured(self) -> Iterator[dict[str, Any]]:
        raw, song = self._results.get(RawSong), self._results.get(SongFeatures)
        yield self._measurement("duration_s", "Length", raw.duration_s if raw else None, RawSong, "s")
        units = {spec.name: spec.unit for spec, _ in song.measurements()} if song else {}
        for name, label in _OF_SONG.items():
            found = getattr(song, name) if song else None
            yield self._measurement(name, label, found, SongFeatures, units.get(name) or None)
        yield self._first_downbeat(song)
        for name, label in _ALSO.items():
            if song is not None and hasattr(song, name):
                yield self._measurement(name, label, getattr(song, name), SongFeatures, units.get(name) or None)

    def _measurement(
        self, name: str, label: str, found: Measurement[Any] | None, cls: type, unit: str | None
    ) -> dict[str, Any]:
        why = self._results.why_missing(cls) or "not measured"
        measured = found or Measurement.unknown(why, method="none")
        place: Place | None = ("corrections", name) if name in {"tempo_bpm", "key", "metre"} else None
        return self._corrected(name, label, place, measured, unit)

    def _first_downbeat(self, song: SongFeatures | None) -> dict[str, Any]:
        first = next((beat.time_s for beat in song.beats if beat.position == 1), None) if song else None
        why = self._results.why_missing(SongFeatures) or "no bars were found"
        measured: Measurement[float] = Measurement(first, "beats", None, None if first is not None else why)
        return self._corrected("first_downbeat_s", "First downbeat", ("corrections", "first_downbeat_s"), measured, "s")

    def _corrected(
        self, name: str, label: str, place: Place | None, found: Measurement[Any], unit: str | None
    ) -> dict[str, Any]:
        own = self._words.at(place) if place else None
        before = self._before_correction(name)
        is_corrected = own is not None
        stored: dict[str, Any] = {
            "value": found.value, "method": found.method, "confidence": found.confidence, "reason": found.reason
        }  # fmt: skip
        measured = before or stored
        # A stored correction that song.toml has no more is not what was measured.
        shown = measured if place and not is_corrected else stored
        origin = HUMAN if is_corrected else "measured" if shown["value"] is not None else "unknown"
        kind = {"key": "key", "metre": "metre"}.get(name, "number")
        value = own if is_corrected else shown["value"]
        if kind == "key" and isinstance(value, str):
            value = key_name(value) or value  # song.toml may have either spelling.
        return {
            **self._field(
                name, label, place, value, origin, unit=unit, kind=kind,
                method=None if is_corrected else shown["method"],
                confidence=None if is_corrected else shown["confidence"], reason=shown["reason"],
                choices=KEYS if kind == "key" else METRES if kind == "metre" else (),
            ),
            "measured": measured if is_corrected else None,
        }  # fmt: skip

    def _before_correction(self, name: str) -> dict[str, Any] | None:
        """Return what was measured where a correction stands in its place in the stored result."""
        song = self._results.get(SongFeatures)
        for row in song.corrections if song else ():
            if row.field == name:
                value: Any = row.measured
                if name in {"tempo_bpm", "first_downbeat_s"} and value is not None:
                    value = _number(value)
                return {
                    "value": value, "method": row.measured_method, "confidence": row.measured_confidence,
                    "reason": None if value is not None else "nothing was measured",
                }  # fmt: skip
        return None

    def _field(
        self,
        name: str,
        label: str,
        place: Place | None,
        value: Any,
        origin: str,
        *,
        detail: str | None = None,
        confidence: float | None = None,
        method: str | None = None,
        reason: str | None = None,
        unit: str | None = None,
        kind: str = "text",
        choices: Sequence[str] = (),
        others: Sequence[dict[str, str]] = (),
        hint: str | None = None,
    ) -> dict[str, Any]:
        editing = self._words.told(place) if place else {"place": None, "toml": None, "locked": False}
        return {
            "name": name, "label": label, **editing, "value": value, "origin": origin, "detail": detail,
            "confidence": confidence, "method": method, "reason": reason if value is None else None, "unit": unit,
            "kind": kind, "choices": list(choices), "others": list(others), "hint": hint, "measured": None,
        }  # fmt: skip


def _origin(answer: Answer | None) -> tuple[str, str | None]:
    """Return the origin of an answer, and who gave it."""
    if answer is None or answer.text is None:
        return "unknown", None
    match answer.source:
        case "model":
            return "model", answer.model_id or answer.captioner
        case "tagged":
            return "model", "the built-in tagger"
        case "file_tags":
            return "tag", "genre tags"
        case "human":
            return (HUMAN, "song.toml") if answer.captioner == HUMAN else ("sidecar", answer.captioner)
        case _:
            return "measured", answer.captioner


def _number(text: str) -> float | str:
    """Return the number that a text begins with; the text where it begins with none."""
    try:
        return float(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return text
