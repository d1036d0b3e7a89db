"""Measurements of the bass stem.

What makes `bass_features` belongs here; how notes are found is in `analysis.bassline`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bassline.evidence import NoteEvidence, weigh_evidence
from flamingo_bark_assets.analysis.bassline.fundamental import fundamental_share
from flamingo_bark_assets.analysis.bassline.notes import Notes, find_notes
from flamingo_bark_assets.analysis.bassline.relations import relate
from flamingo_bark_assets.analysis.features.bass import BassFeatures, BassNote, BassPitch
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import BassActivity
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.pitch.tracking import METHOD as PITCH_METHOD
from flamingo_bark_assets.analysis.pitch.tracking import Manner, PitchTrack, track_view
from flamingo_bark_assets.analysis.resolution import CONFIDENCE, F0_HZ, TIME_S, rounded
from flamingo_bark_assets.analysis.stem import activity_rows, measure_stem
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.record import Measurement, rows_of

_RATE_HZ = 2756
_STRENGTH_RATE_HZ = 5512
FMIN_HZ = 28.0
FMAX_HZ = 400.0
# Two periods of the lowest notes; the thump of a slapped string lies below the partials and does not repeat.
PLAYER = Manner(taper=(0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25), octave_cost=0.08, flat_below_hz=200.0)

# Share of sounding frames whose pitch was right within 50 cents, in clean and in separated basses alike.
_RIGHT_BY_EVIDENCE = (
    (0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0),
    (0.0, 0.2, 0.35, 0.5, 0.6, 0.71, 0.83, 0.905, 0.955, 0.993, 1.0),
)

_NOTE_METHOD = "learned-note-evidence"
_STRENGTH_METHOD = "windowed-projection"
_LEGATO_PAUSE_S = 1.0
# Of a sound of hours every fifth frame is kept as a row: the rows would outweigh everything else in memory.
_LONG_STEP = 5
_LONG_S = 1800.0
# Least MIDI note of each register.
_REGISTERS = ((53, "high"), (41, "middle"), (33, "low"), (0, "sub"))


def analyse_bass(
    song_id: str,
    view: AudioView,
    *,
    energy_share: Measurement[float],
    song: SongFeatures | None = None,
    drums: DrumFeatures | None = None,
) -> BassFeatures:
    """Measure the bass stem; all is unknown, for the same reason, where it is silent or too short.

    `song` gives beats and chords, `drums` the kicks.
    """
    if view.unusable is not None:
        return BassFeatures.of_unusable(song_id, view.unusable)
    track = track_bass(view)
    evidence = weigh_evidence(view.onset_power, track)
    notes = find_notes(track, evidence)
    track = track.voiced_where(evidence.sounding >= 0.5)
    sure = float(notes.confidence.mean()) if notes.confidence.size else 0.0
    stem = measure_stem(
        song_id, view, energy_share=energy_share, song=song, onsets_s=notes.onset_s, onset_confidence=sure
    )
    relations = relate(notes, confidence=sure, kicks=_kicks(drums), chords=song.chords if song is not None else None)
    return BassFeatures(
        **vars(stem),
        **_pitch(track, evidence),
        **_notes(notes, sure),
        fundamental_strength=_fundamental_strength(view, track, evidence),
        kick_lock=relations.kick_lock,
        kick_support=relations.kick_support,
        root_share=relations.root_share,
        third_share=relations.third_share,
        fifth_share=relations.fifth_share,
        bass_notes=_note_rows(notes),
        bass_f0=_pitch_rows(track, evidence, step=_LONG_STEP if view.duration_s > _LONG_S else 1),
        bass_activity=activity_rows(view, BassActivity),
    )


def track_bass(view: AudioView) -> PitchTrack:
    """Return the pitch of a bass, from 28 to 400 Hz."""
    return track_view(view, _RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ, manner=PLAYER)


def _kicks(drums: DrumFeatures | None) -> list[tuple[float, float]] | None:
    if drums is None or drums.unusable is not None:
        return None
    return [(hit.time_s, hit.confidence) for hit in drums.drum_hits if hit.drum == "kick"]


def _pitch(track: PitchTrack, evidence: NoteEvidence) -> dict[str, Any]:
    voiced = track.voiced
    decided = float(np.maximum(evidence.sounding, 1.0 - evidence.sounding).mean())
    fraction = Measurement.of(float(voiced.mean()), method=_NOTE_METHOD, confidence=decided)
    names = ("f0_low_hz", "f0_median_hz", "f0_high_hz")
    if not voiced.any():
        unknown: Measurement[float] = Measurement.unknown("no pitch between 28 and 400 Hz", method=PITCH_METHOD)
        return {"voiced_fraction": fraction, **dict.fromkeys(names, unknown)}
    sure = float(_frame_confidence(track, evidence)[voiced].mean())
    values = np.percentile(track.f0_hz[voiced], [5, 50, 95])
    return {"voiced_fraction": fraction} | {
        name: Measurement.of(float(hz), method=PITCH_METHOD, confidence=sure)
        for name, hz in zip(names, values, strict=True)
    }


def _frame_confidence(track: PitchTrack, evidence: NoteEvidence) -> NDArray[np.float64]:
    """Return probability that a note of this pitch sounds, shape (n_frames,)."""
    return np.asarray(np.interp(evidence.sounding * (1.0 - track.aperiodicity), *_RIGHT_BY_EVIDENCE), np.float64)


def _notes(notes: Notes, sure: float) -> dict[str, Any]:
    count = int(notes.onset_s.size)
    known: dict[str, Any] = {"note_count": Measurement.of(count, method=_NOTE_METHOD, confidence=sure)}
    if count == 0:
        unknown: Measurement[Any] = Measurement.unknown("no note", method=_NOTE_METHOD)
        return known | dict.fromkeys(("sustain_s", "legato", "pitch_range_semitones", "register"), unknown)
    length_s, interval_s = notes.offset_s - notes.onset_s, np.diff(notes.onset_s)
    joined = interval_s <= _LEGATO_PAUSE_S
    midi = 69.0 + 12.0 * np.log2(notes.f0_hz / 440.0)
    low, median, high = np.percentile(midi, [5, 50, 95])
    word = next(name for least, name in _REGISTERS if round(float(median)) >= least)
    known |= {
        "sustain_s": Measurement.of(float(np.median(length_s)), method=_NOTE_METHOD, confidence=sure),
        "pitch_range_semitones": Measurement.of(float(high - low), method=_NOTE_METHOD, confidence=sure),
        "register": Measurement.of(word, method=_NOTE_METHOD, confidence=sure),
        "legato": Measurement.unknown("no note follows another within a second", method=_NOTE_METHOD),
    }
    if joined.any():
        ratio = float(np.median(np.minimum(length_s[:-1][joined] / interval_s[joined], 1.0)))
        known["legato"] = Measurement.of(ratio, method=_NOTE_METHOD, confidence=sure)
    return known


def _fundamental_strength(view: AudioView, track: PitchTrack, evidence: NoteEvidence) -> Measurement[float]:
    if not track.voiced.any():
        return Measurement.unknown("no pitch between 28 and 400 Hz", method=_STRENGTH_METHOD)
    share = fundamental_share(view, _STRENGTH_RATE_HZ, track)
    sure = float(_frame_confidence(track, evidence)[track.voiced].mean())
    return Measurement.of(share, method=_STRENGTH_METHOD, confidence=sure)


def _note_rows(notes: Notes) -> tuple[BassNote, ...]:
    return rows_of(
        BassNote,
        note=range(notes.midi.size),
        onset_s=notes.onset_s,
        offset_s=notes.offset_s,
        f0_hz=notes.f0_hz,
        midi=notes.midi,
        strength=notes.strength,
        confidence=notes.confidence,
    )


def _pitch_rows(track: PitchTrack, evidence: NoteEvidence, *, step: int) -> tuple[BassPitch, ...]:
    frames = np.flatnonzero((track.guess_hz > 0.0) & (track.voiced | (track.level_db >= SILENCE_DBFS)))
    frames = frames[frames % step == 0]
    return rows_of(
        BassPitch,
        frame=frames,
        time_s=rounded(track.times_s[frames], TIME_S),
        f0_hz=rounded(track.guess_hz[frames], F0_HZ),
        voiced=track.voiced[frames],
        confidence=rounded(_frame_confidence(track, evidence)[frames], CONFIDENCE),
    )
