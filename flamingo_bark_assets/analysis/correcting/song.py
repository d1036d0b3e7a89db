"""The measurements of the mix as a person corrects them: what they say, and what follows from it.

Putting corrections in the place of measured values belongs here; where beats go stands in `grid`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.correcting.grid import BeatGrid, at_downbeat, at_tempo, grid_of, in_metre
from flamingo_bark_assets.analysis.features.correction import HUMAN, HUMAN_GRID, Correction
from flamingo_bark_assets.analysis.features.rhythm import Beat, TempoSegment
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.structure import SECTION_NAMES, Section
from flamingo_bark_assets.analysis.features.tonality import KeySegment
from flamingo_bark_assets.analysis.structure.letters import letter
from flamingo_bark_assets.analysis.tonality.spelling import spelled_chords
from flamingo_bark_assets.library.judgements import Corrections, SectionCorrection
from flamingo_bark_assets.record import Measurement

_NO_BEATS = "no beats are known; give a tempo as well"
_OTHER_BEATS = "measured at beats which were corrected by hand since"
_STEP_S = 2.0


def correct_song(measured: SongFeatures, corrections: Corrections, duration_s: float) -> SongFeatures:
    """Put what a person says in the place of what was measured.

    A corrected value has method ``human`` and confidence 1; what follows from corrected beats has ``human-grid``. What
    was measured at beats that are no more is unknown. The rows of `corrections` keep what was measured.

    Args:
        measured: the measurements, none of them corrected.
        corrections: what the person says.
        duration_s: length of the mix.

    Returns:
        The same measurements where nothing is corrected, or where nothing could be measured.
    """
    if measured.unusable is not None or not corrections.of_measurements:
        return measured
    rows: list[Correction] = []
    song = measured
    if corrections.of_beats:
        song = _with_beats(song, corrections, duration_s, rows)
    if corrections.key is not None:
        song = _with_key(song, corrections.key, duration_s, rows)
    if corrections.sections:
        song = _with_sections(song, corrections.sections, duration_s, rows)
    return dataclasses.replace(song, corrections=tuple(rows))


def _human(value: Any) -> Measurement[Any]:
    return Measurement.of(value, method=HUMAN, confidence=1.0)


def _row(
    field: str, before: Measurement[Any], corrected: str, note: str | None, *, is_applied: bool = True
) -> Correction:
    value = before.value
    return Correction(
        field=field,
        measured=f"{value:.6g}" if isinstance(value, float) else value,
        measured_method=before.method,
        measured_confidence=before.confidence,
        corrected=corrected,
        is_applied=is_applied,
        note=note,
    )


def _with_beats(
    song: SongFeatures, corrections: Corrections, duration_s: float, rows: list[Correction]
) -> SongFeatures:
    grid = grid_of(
        np.array([beat.time_s for beat in song.beats], np.float64),
        np.array([beat.position for beat in song.beats], np.int64),
        song.metre.value,
    )
    first = corrections.first_downbeat_s
    changed: dict[str, Any] = {}
    if corrections.tempo_bpm is not None:
        span_s = (song.sections[0].start_s, song.sections[-1].end_s) if song.sections else (0.0, duration_s)
        grid = at_tempo(grid, song.tempo_bpm.value, corrections.tempo_bpm, first, span_s)
        changed |= {
            "tempo_bpm": _human(corrections.tempo_bpm),
            "rhythmic": _human(True),
            "tempo_segments": _segments_at(song, corrections.tempo_bpm, span_s, is_steady=grid.is_steady),
        }
        assumed = "" if song.beats_per_bar.value or corrections.metre else "; bars of four beats are assumed"
        rows.append(_row("tempo_bpm", song.tempo_bpm, f"{corrections.tempo_bpm:.6g}", grid.note + assumed))
    if corrections.metre is not None:
        grid = in_metre(grid, corrections.metre)
        segments: tuple[TempoSegment, ...] = changed.get("tempo_segments", song.tempo_segments)
        changed |= {
            "metre": _human(corrections.metre),
            "beats_per_bar": _human(grid.beats_per_bar),
            "tempo_segments": tuple(dataclasses.replace(one, metre=corrections.metre) for one in segments),
        }
        rows.append(_row("metre", song.metre, corrections.metre, grid.note if grid.times_s.size else _NO_BEATS))
    if first is not None:
        has_beats = grid.times_s.size > 1
        grid = at_downbeat(grid, first)
        note = grid.note if has_beats else _NO_BEATS
        rows.append(_row("first_downbeat_s", _first_downbeat(song), f"{first:.6g}", note, is_applied=has_beats))
    return _on_grid(dataclasses.replace(song, **changed), grid)


def _segments_at(
    song: SongFeatures, tempo_bpm: float, span_s: tuple[float, float], *, is_steady: bool
) -> tuple[TempoSegment, ...]:
    """Return the segments for another tempo: one where its beats are steady, else all measured ones scaled by it."""
    if is_steady or song.tempo_bpm.value is None or len(song.tempo_segments) < 2:
        only = TempoSegment(
            segment=0, start_s=span_s[0], end_s=span_s[1], tempo_bpm=tempo_bpm, metre=song.metre.value, confidence=1.0
        )
        return (only,)
    factor = tempo_bpm / song.tempo_bpm.value
    return tuple(
        dataclasses.replace(segment, tempo_bpm=segment.tempo_bpm * factor, confidence=1.0)
        for segment in song.tempo_segments
    )


def _first_downbeat(song: SongFeatures) -> Measurement[float]:
    if song.first_downbeat_s.value is not None:
        return song.first_downbeat_s
    return Measurement.unknown("no bars are known", method=song.metre.method)


def _on_grid(song: SongFeatures, grid: BeatGrid) -> SongFeatures:
    """Say what follows from corrected beats and bars."""
    if grid.times_s.size < 2:
        return song
    beats = tuple(
        Beat(beat=number, time_s=float(time_s), position=int(position))
        for number, (time_s, position) in enumerate(zip(grid.times_s, grid.positions, strict=True))
    )
    sure = song.tempo_bpm.confidence if grid.is_laid else song.beat_count.confidence
    downbeats_s = grid.downbeats_s
    first = Measurement.of(float(downbeats_s[0]), method=HUMAN_GRID, confidence=sure) if downbeats_s.size else None
    changed: dict[str, Any] = {"beats": beats} | ({} if first is None else {"first_downbeat_s": first})
    if grid.is_laid:
        intervals = np.diff(grid.times_s)
        spread = float(np.subtract(*np.percentile(intervals, [75, 25])) / np.median(intervals))
        changed |= {
            "tempo_stability": Measurement.of(max(0.0, 1.0 - spread), method=HUMAN_GRID, confidence=sure),
            "beat_count": Measurement.of(len(beats), method=HUMAN_GRID, confidence=sure),
            "swing_ratio": Measurement.unknown(_OTHER_BEATS, method=HUMAN_GRID),
            "on_beat_ratio": Measurement.unknown(_OTHER_BEATS, method=HUMAN_GRID),
        }
    song = dataclasses.replace(song, **changed)
    if not song.sections:
        return song
    counted = tuple(
        dataclasses.replace(section, bars=_bars(song, section.start_s, section.end_s)) for section in song.sections
    )
    return dataclasses.replace(song, sections=counted, section_bars=_median_bars(counted, song.section_bars.confidence))


def _with_key(song: SongFeatures, key: str, duration_s: float, rows: list[Correction]) -> SongFeatures:
    rows.append(_row("key", song.key, key, None))
    segments = (KeySegment(segment=0, start_s=0.0, end_s=duration_s, key=key, confidence=1.0),)
    return dataclasses.replace(
        song,
        key=_human(key),
        mode_name=_human(key.partition(" ")[2]),
        tonal=_human(True),
        key_change_count=_human(0),
        key_segments=segments,
        chords=spelled_chords(song.chords, segments),
    )


def _with_sections(
    song: SongFeatures, said: Sequence[SectionCorrection], duration_s: float, rows: list[Correction]
) -> SongFeatures:
    form = song.form
    before = Measurement(_in_words(song.sections), form.method, form.confidence) if song.sections else form
    corrected = "; ".join(f"{section.start_s:g} {section.label}" for section in said)
    end_s = min(duration_s, song.sections[-1].end_s) if song.sections else 0.0
    used = [section for section in said if section.start_s < end_s]
    if not used:
        why = "all begin after the end of the song" if song.sections else "the song is too short for sections"
        rows.append(_row("sections", before, corrected, why, is_applied=False))
        return song
    left_out = len(said) - len(used)
    note = f"{left_out} begin after the end of the song and are left out" if left_out else None
    rows.append(_row("sections", before, corrected, note))
    edges = [*(section.start_s for section in used), end_s]
    sections = tuple(
        _section(song, number, start_s, until_s, used[number].label)
        for number, (start_s, until_s) in enumerate(pairwise(edges))
    )
    names = [section.label for section in sections]
    order = {name: letter(number) for number, name in enumerate(dict.fromkeys(names))}
    lengths = np.array([section.end_s - section.start_s for section in sections])
    again = np.array([names.count(name) > 1 for name in names])
    return dataclasses.replace(
        song,
        sections=sections,
        section_count=_human(len(sections)),
        form=_human("".join(order[name] for name in names)),
        section_bars=_median_bars(sections, 1.0),
        repetition=_human(float(lengths[again].sum() / lengths.sum())),
    )


def _in_words(sections: Sequence[Section]) -> str:
    return "; ".join(f"{section.start_s:.6g} {section.label}" for section in sections)


def _section(song: SongFeatures, number: int, start_s: float, end_s: float, label: str) -> Section:
    """Return a section; its levels are those of the measured sections that it overlaps, by the time they share."""
    shared = np.array([max(0.0, min(end_s, s.end_s) - max(start_s, s.start_s)) for s in song.sections])
    if not shared.any():
        nearest = int(np.argmin([abs(s.start_s - start_s) for s in song.sections]))
        shared[nearest] = 1.0
    levels = np.array([section.level_db for section in song.sections])
    deviations = np.array([section.deviation_db for section in song.sections])
    power = float(np.average(10.0 ** (levels / 10.0), weights=shared))
    # A person's "Verse 2" is a verse.
    name = next((name for name in SECTION_NAMES if name == label.lower().rstrip(" 0123456789")), None)
    return Section(
        section=number,
        start_s=start_s,
        end_s=end_s,
        label=label,
        name=name,
        name_confidence=1.0 if name else 0.0,
        bars=_bars(song, start_s, end_s),
        start_confidence=1.0,
        level_db=float(10.0 * np.log10(power)),
        deviation_db=float(np.average(deviations, weights=shared)),
    )


def _bars(song: SongFeatures, start_s: float, end_s: float) -> int:
    """Count the bars that begin in a stretch, at least one; without bars the steps of 2 s."""
    downbeats = [beat.time_s for beat in song.beats if beat.position == 1]
    if not downbeats:
        return max(1, round((end_s - start_s) / _STEP_S))
    # A border lies on its downbeat, give or take what a person's hand or a rounded number is off.
    beat_s = float(np.median(np.diff([beat.time_s for beat in song.beats])))
    return max(1, sum(start_s - beat_s / 2 <= time_s < end_s - beat_s / 2 for time_s in downbeats))


def _median_bars(sections: Sequence[Section], confidence: float | None) -> Measurement[float]:
    bars = float(np.median([section.bars for section in sections]))
    return Measurement.of(bars, method=HUMAN_GRID, confidence=confidence)
