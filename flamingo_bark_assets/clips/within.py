"""What was measured inside a part of a song: which stems sound, its tempo, key, chords, hits and pitch.

Restricting measurements belongs here; words about them stand in `texts`. What was measured over the whole song only
(loudness, timbre, technical quality) is unknown inside, with the reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.rhythm import TempoSegment
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.kinds import StemResult, activity_of
from flamingo_bark_assets.clips.playing import (
    METHOD as _METHOD,
)
from flamingo_bark_assets.clips.playing import (
    bass_register,
    chord_rate,
    note_length,
    notes_inside,
    patterns_inside,
    rate_inside,
    vocal_register,
)
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.metres import METRES
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, StemKind
from flamingo_bark_assets.record import Measurement, Record
from flamingo_bark_assets.settings import PromptSettings

MIN_SOUNDING = 0.05
"""Share of a part in which a stem must sound to be named: less may be what is left of its neighbours, or a tail."""
WHOLE_SONG = "measured over the whole song only"

_MIN_BEATS = 5
_MAX_SPREAD = 0.3
_MIN_VOICED = 20  # frames of 10 ms
_EDGE_S = 0.05
_MAIN_CHORDS = 4
_DRUMS = ("kick", "snare", "hihat", "tom", "cymbal")
_NO_CHORD = "N"

Floats = NDArray[np.float64]
R = TypeVar("R", bound=Record)
Told = TypeVar("Told", float, str)


@dataclass(frozen=True, slots=True)
class Inside:
    """What was measured inside one part of a song.

    Attributes:
        start_s: start of the part.
        end_s: its end.
        evidence: the measurements that hold inside; all others are unknown.
        sounding: kinds of stem that sound inside.
        active: share of the part in which each usable kind of stem sounds.
        tempo_bpm: of the beats inside; None where they are too few, not regular, or less sure than a prompt tells.
        metre: where one metre holds throughout, as sure as a prompt tells.
        key: the same of the key.
        chords: labels of the chords that sound inside, in order, without repetitions.
        hits: number of drum hits; None where the drums were not measured.
        f0_low_hz: 5th percentile of the voice's pitch; None where it has none.
        f0_high_hz: 95th percentile.
    """

    start_s: float
    end_s: float
    evidence: Evidence
    sounding: tuple[StemKind, ...]
    active: dict[StemKind, float]
    tempo_bpm: float | None
    metre: str | None
    key: str | None
    chords: tuple[str, ...]
    hits: int | None
    f0_low_hz: float | None
    f0_high_hz: float | None

    def active_fraction(self, kinds: Iterable[StemKind]) -> float:
        """Return the share of the part in which the most active of some kinds sounds."""
        return max((self.active.get(kind, 0.0) for kind in kinds), default=0.0)


class SongInside:
    """The measurements of a song, laid out so that those of any part of it are found quickly.

    Args:
        evidence: all measurements of the song.
        settings: the least confidences of what is told.
    """

    def __init__(self, evidence: Evidence, settings: PromptSettings) -> None:
        self._evidence = evidence
        self._settings = settings
        song = evidence.song
        self._beats = np.array([beat.time_s for beat in song.beats])
        self._activity = {kind: _activity(evidence.of_stem(kind)) for kind in evidence.audible_kinds}
        self._hits = {
            name: np.array([hit.time_s for hit in evidence.drums.drum_hits if hit.drum == name]) for name in _DRUMS
        }
        self._onsets = np.array([onset.time_s for onset in evidence.drums.drum_onsets])
        self._notes = np.array([note.onset_s for note in evidence.bass.bass_notes])
        self._voice = _pitch(evidence.vocals.vocal_f0)
        self._bass = _pitch(evidence.bass.bass_f0)
        self._blank_song = dataclasses.replace(
            _blank(song), beats_per_bar=song.beats_per_bar, rhythmic=song.rhythmic, tempo_segments=()
        )
        self._blank_stems = {kind: _blank(evidence.of_stem(kind)) for kind in STEM_KINDS}
        self._blank_raw = _blank(evidence.raw_song)

    def at(self, start_s: float, end_s: float) -> Inside:
        """Return what holds between two times."""
        active = {kind: _share(spans, start_s, end_s) for kind, spans in self._activity.items()}
        sounding = tuple(kind for kind, share in active.items() if share >= MIN_SOUNDING)
        segments = [s for s in self._evidence.song.tempo_segments if _lies_across(s, start_s, end_s)]
        metre = self._metre(segments)
        tempo = self._tempo(start_s, end_s, segments, metre)
        key = self._key(start_s, end_s, sounding)
        hits = self._hit_counts(start_s, end_s)
        voice = self._range(self._voice, start_s, end_s, evidence_of=self._evidence.vocals.f0_low_hz)
        song = self._evidence.song
        within = _overlapping(song.chords, start_s, end_s)
        chords = _labels(within)
        stems = {kind: self._stem(kind, start_s, end_s, hits, active.get(kind, 0.0)) for kind in STEM_KINDS}
        return Inside(
            start_s=start_s,
            end_s=end_s,
            evidence=Evidence(
                raw_song=self._blank_raw,
                metadata=self._evidence.metadata,
                separated=self._evidence.separated,
                stems=dataclasses.replace(
                    self._evidence.stems,
                    stems=tuple(
                        dataclasses.replace(stem, audible=stem.audible and stem.kind in sounding)
                        for stem in self._evidence.stems.stems
                    ),
                ),
                song=dataclasses.replace(
                    self._blank_song,
                    tempo_bpm=tempo,
                    metre=metre,
                    key=key,
                    chords=tuple(within),
                    chord_change_rate_hz=chord_rate(within, start_s, end_s, song.chord_change_rate_hz),
                ),
                stem_features=stems,
            ),
            sounding=sounding,
            active=active,
            tempo_bpm=_told(tempo, self._settings.min_tempo_confidence),
            metre=_told(metre, self._settings.min_metre_confidence),
            key=_told(key, self._settings.min_key_confidence),
            chords=chords,
            hits=sum(hits.values()) if hits is not None else None,
            f0_low_hz=voice[0].value,
            f0_high_hz=voice[1].value,
        )

    def _metre(self, segments: Sequence[TempoSegment]) -> Measurement[str]:
        whole = self._evidence.song.metre
        metres = {segment.metre for segment in segments}
        if whole.value is None or metres <= {whole.value}:
            return whole
        metre = metres.pop()
        if metres or metre is None:
            return Measurement.unknown("no one metre holds throughout", method=_METHOD)
        return Measurement.of(metre, method=_METHOD, confidence=whole.confidence)

    def _tempo(
        self, start_s: float, end_s: float, segments: Sequence[TempoSegment], metre: Measurement[str]
    ) -> Measurement[float]:
        whole = self._evidence.song.tempo_bpm
        if whole.value is None:
            return whole
        if len(segments) > 1:
            return Measurement.unknown("the tempo changes inside", method=_METHOD)
        if segments:
            whole = dataclasses.replace(whole, confidence=segments[0].confidence)
        if not Speaker(self._settings.min_claim_confidence).trusts(whole):
            return Measurement.unknown("the beats are unsure", method=_METHOD)
        inside = self._beats[np.searchsorted(self._beats, start_s) : np.searchsorted(self._beats, end_s)]
        if inside.size < _MIN_BEATS:
            return Measurement.unknown(f"{inside.size} beats inside", method=_METHOD)
        intervals = np.diff(inside)
        middle = float(np.median(intervals))
        if float(np.ptp(intervals)) > _MAX_SPREAD * middle:
            return Measurement.unknown("the tempo changes inside", method=_METHOD)
        mean_s = float(inside[-1] - inside[0]) / (inside.size - 1)
        quarters = METRES[metre.value].quarters_per_beat if metre.value in METRES else 1.0
        return Measurement.of(60.0 / mean_s * quarters, method=_METHOD, confidence=whole.confidence)

    def _key(self, start_s: float, end_s: float, sounding: Sequence[StemKind]) -> Measurement[str]:
        song = self._evidence.song
        if song.key.value is None:
            return song.key
        if sounding and all(KINDS[kind].harmony == "none" for kind in sounding):
            return Measurement.unknown("nothing with a key sounds inside", method=_METHOD)
        for segment in song.key_segments:
            if segment.start_s <= start_s + _EDGE_S and end_s - _EDGE_S <= segment.end_s:
                if segment.key == song.key.value:
                    return song.key
                return Measurement.of(segment.key, method=_METHOD, confidence=segment.confidence)
        return Measurement.unknown("no one key holds throughout", method=_METHOD)

    def _hit_counts(self, start_s: float, end_s: float) -> dict[str, int] | None:
        if self._evidence.drums.unusable is not None:
            return None
        return {
            name: int(np.searchsorted(times, end_s) - np.searchsorted(times, start_s))
            for name, times in self._hits.items()
        }

    def _range(
        self, pitch: tuple[Floats, Floats], start_s: float, end_s: float, *, evidence_of: Measurement[float]
    ) -> tuple[Measurement[float], Measurement[float]]:
        times, f0 = pitch
        inside = f0[np.searchsorted(times, start_s) : np.searchsorted(times, end_s)]
        if evidence_of.value is None or inside.size < _MIN_VOICED:
            unknown: Measurement[float] = Measurement.unknown("too little with a pitch inside", method=_METHOD)
            return unknown, unknown
        low, high = np.percentile(inside, [5, 95])
        confidence = evidence_of.confidence
        return (
            Measurement.of(float(low), method=_METHOD, confidence=confidence),
            Measurement.of(float(high), method=_METHOD, confidence=confidence),
        )

    def _stem(
        self, kind: StemKind, start_s: float, end_s: float, hits: dict[str, int] | None, share: float
    ) -> StemResult:
        blank = self._blank_stems[kind]
        if blank.unusable is not None:
            return blank
        match blank:
            case DrumFeatures():
                drums, counts = self._evidence.drums, hits or {}
                return dataclasses.replace(
                    blank,
                    kick_present=_present(drums.kick_present, counts["kick"]),
                    snare_present=_present(drums.snare_present, counts["snare"]),
                    hihat_present=_present(drums.hihat_present, counts["hihat"]),
                    tom_present=_present(drums.tom_present, counts["tom"]),
                    cymbal_present=_present(drums.cymbal_present, counts["cymbal"]),
                    active_fraction=_active(share),
                    onset_density_hz=rate_inside(self._onsets, start_s, end_s, share, drums.onset_density_hz),
                    drum_patterns=patterns_inside(drums.drum_bars, start_s, end_s),
                )
            case BassFeatures():
                low, high = self._range(self._bass, start_s, end_s, evidence_of=self._evidence.bass.f0_low_hz)
                whole = self._evidence.bass
                notes = notes_inside(whole.bass_notes, start_s, end_s)
                return dataclasses.replace(
                    blank,
                    f0_low_hz=low,
                    f0_high_hz=high,
                    register=bass_register(notes, whole.register),
                    sustain_s=note_length(notes, whole.sustain_s),
                    active_fraction=_active(share),
                    onset_density_hz=rate_inside(self._notes, start_s, end_s, share, whole.onset_density_hz),
                )
            case VocalFeatures():
                low, high = self._range(self._voice, start_s, end_s, evidence_of=self._evidence.vocals.f0_low_hz)
                times, f0 = self._voice
                sung = f0[np.searchsorted(times, start_s) : np.searchsorted(times, end_s)]
                return dataclasses.replace(
                    blank,
                    f0_low_hz=low,
                    f0_high_hz=high,
                    register=vocal_register(sung, _MIN_VOICED, self._evidence.vocals.register),
                    active_fraction=_active(share),
                )
            case ChordalFeatures():
                main = _main_chords(_overlapping(blank.chords, start_s, end_s), start_s, end_s)
                return dataclasses.replace(blank, main_chords=main, active_fraction=_active(share))


def _lies_across(segment: TempoSegment, start_s: float, end_s: float) -> bool:
    """Return whether more than a beat or so of a segment lies inside."""
    return min(segment.end_s, end_s) - max(segment.start_s, start_s) > min(1.0, (end_s - start_s) / 2)


def _told(measurement: Measurement[Told], least: float) -> Told | None:
    """Return a value that is sure enough to stand in a text or a field of its own."""
    return measurement.value if Speaker(least).trusts(measurement) else None


def _blank(record: R) -> R:
    """Return a record in which nothing is known of a part of the song; its events stay."""
    unknown: dict[str, Any] = {
        spec.name: measurement
        if measurement.value is None
        else Measurement.unknown(WHOLE_SONG, method=measurement.method)
        for spec, measurement in record.measurements()
    }
    return dataclasses.replace(record, **unknown)


def _activity(features: StemResult) -> tuple[Span, ...]:
    return tuple(Span(row.start_s, row.end_s) for row in activity_of(features))


def _share(spans: Sequence[Span], start_s: float, end_s: float) -> float:
    return min(1.0, sum(span.overlap_s(start_s, end_s) for span in spans) / max(end_s - start_s, 1e-9))


def _pitch(rows: Sequence[Any]) -> tuple[Floats, Floats]:
    """Return times and pitches of the frames that have one, shape (n_voiced,) each."""
    voiced = [row for row in rows if row.voiced]
    return np.array([row.time_s for row in voiced]), np.array([row.f0_hz for row in voiced])


def _active(share: float) -> Measurement[float]:
    return Measurement.exact(share, method=_METHOD)


def _present(whole: Measurement[bool], hits: int) -> Measurement[bool]:
    """Return whether a drum that is played in the song is played inside."""
    if whole.value is not True:
        return whole
    return Measurement.of(hits > 0, method=_METHOD, confidence=whole.confidence)


AnyChord = TypeVar("AnyChord", bound=Chord)


def _overlapping(chords: Sequence[AnyChord], start_s: float, end_s: float) -> list[AnyChord]:
    """Return the chords of which more than a hair sounds inside."""
    return [chord for chord in chords if min(chord.end_s, end_s) - max(chord.start_s, start_s) > _EDGE_S]


def _labels(chords: Sequence[Chord]) -> tuple[str, ...]:
    labels: list[str] = []
    for chord in chords:
        if chord.label != _NO_CHORD and labels[-1:] != [chord.label]:
            labels.append(chord.label)
    return tuple(labels)


def stem_chords(evidence: Evidence, kind: StemKind, start_s: float, end_s: float) -> tuple[str, ...]:
    """Return the labels of the chords that a stem alone plays inside; none where it plays no chords."""
    features = evidence.of_stem(kind)
    return _labels(_overlapping(features.chords, start_s, end_s)) if isinstance(features, ChordalFeatures) else ()


def _main_chords(chords: Sequence[Chord], start_s: float, end_s: float) -> Measurement[str]:
    """Return the chords that sound longest inside; as sure as they are on average."""
    sounding: dict[str, float] = {}
    for chord in chords:
        if chord.label != _NO_CHORD:
            inside_s = min(chord.end_s, end_s) - max(chord.start_s, start_s)
            sounding[chord.label] = sounding.get(chord.label, 0.0) + inside_s
    if not sounding:
        return Measurement.unknown("no chord is heard inside", method=_METHOD)
    longest = sorted(sounding, key=lambda label: -sounding[label])[:_MAIN_CHORDS]
    named = [chord.confidence for chord in chords if chord.label != _NO_CHORD]
    return Measurement.of(" ".join(longest), method=_METHOD, confidence=sum(named) / len(named))
