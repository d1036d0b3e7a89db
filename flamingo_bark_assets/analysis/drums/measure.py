"""Measurements of the drums stem.

What makes `drum_features` belongs here; tempo and beats of the song do not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.drums.classes import (
    DRUMS,
    METHOD,
    Hits,
    choose_hits,
    choose_strokes,
    presence,
    probabilities,
)
from flamingo_bark_assets.analysis.drums.kit import kit_probability
from flamingo_bark_assets.analysis.drums.onsets import find_onsets
from flamingo_bark_assets.analysis.drums.patterns import (
    GHOST_STRENGTH,
    Grid,
    Steps,
    Swing,
    bar_rows,
    bar_table,
    grid_of,
    measure_swing,
    pattern_of,
    steps_of,
)
from flamingo_bark_assets.analysis.features.drums import (
    LEAST_KIT_PROBABILITY,
    DrumBar,
    DrumFeatures,
    DrumHit,
    DrumOnset,
    DrumPattern,
)
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import DrumActivity
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.rhythm.stems import syncopation_of_steps
from flamingo_bark_assets.analysis.stem import activity_rows, measure_stem, of_something_else
from flamingo_bark_assets.metres import is_compound
from flamingo_bark_assets.record import Measurement

GRID_METHOD = "beat-grid"
SWING_METHOD = "off-beat-mixture"
SYNCOPATION_METHOD = "longuet-higgins-lee-1984"
# Strokes on several drums within this time are one onset of the rhythm.
TOGETHER_S = 0.025
MIN_SNARE_HITS = 8
MIN_BARS = 2

Placed = dict[str, tuple[Steps, Steps]]


def analyse_drums(
    song_id: str, view: AudioView, *, energy_share: Measurement[float], song: SongFeatures | None
) -> DrumFeatures:
    """Measure the drums stem; all is unknown, for the same reason, where it is silent or too short.

    What needs bars is unknown where `song` has none, and what only drums have where no kit is heard.
    """
    if view.unusable is not None:
        return DrumFeatures.of_unusable(song_id, view.unusable)
    onsets = find_onsets(view)
    probability = probabilities(view, onsets)
    hits = choose_hits(onsets, probability)
    strokes_s, certainty = choose_strokes(onsets, probability)
    kit = kit_probability(view, probability, hits, strokes_s, certainty)
    if kit.value is not None and kit.value < LEAST_KIT_PROBABILITY:
        return _without_kit(song_id, view, kit, energy_share=energy_share, song=song)
    there = {drum: presence(hits[drum], drum) for drum in DRUMS}
    played = {drum: hits[drum] for drum in DRUMS if there[drum].value}
    density = {drum: _density(hits[drum], there[drum], view.duration_s) for drum in DRUMS}
    grid = _grid(song)
    swing = measure_swing(grid, _joint_times(played)) if grid is not None else None
    placed, spread = _placed(grid, swing, played, song)
    struck = float(certainty.mean()) if certainty.size else 0.0
    common = measure_stem(
        song_id, view, energy_share=energy_share, song=song, onsets_s=strokes_s, onset_confidence=struck
    )
    return DrumFeatures(
        **vars(common),
        drum_kit_probability=kit,
        kick_present=there["kick"],
        snare_present=there["snare"],
        hihat_present=there["hihat"],
        tom_present=there["tom"],
        cymbal_present=there["cymbal"],
        kick_density_hz=density["kick"],
        snare_density_hz=density["snare"],
        hihat_density_hz=density["hihat"],
        tom_density_hz=density["tom"],
        cymbal_density_hz=density["cymbal"],
        ghost_note_share=_ghosts(hits["snare"], there["snare"]),
        swing_ratio=_swing(grid, swing, "ratio"),
        swing_subdivision=_swing(grid, swing, "subdivision"),
        kick_snare_syncopation=_syncopation(grid, placed, played, song),
        pattern_repetition=_repetition(grid, placed, played, song),
        timing_spread_ms=spread,
        drum_onsets=tuple(
            DrumOnset(onset=number, time_s=time, confidence=p)
            for number, (time, p) in enumerate(zip(strokes_s.tolist(), certainty.tolist(), strict=True))
        ),
        drum_hits=_hit_rows(played, placed),
        drum_patterns=_patterns(grid, placed),
        drum_bars=_bars(grid, placed, played),
        drum_activity=activity_rows(view, DrumActivity),
    )


def _without_kit(
    song_id: str,
    view: AudioView,
    kit: Measurement[float],
    *,
    energy_share: Measurement[float],
    song: SongFeatures | None,
) -> DrumFeatures:
    """Give what any stem has; what only drums have is unknown."""
    reason = (
        "no drum kit: it sounds like a voice or a pitched instrument, held and not struck "
        f"(probability of a kit {kit.value or 0.0:.2f})"
    )
    common = measure_stem(song_id, view, energy_share=energy_share, song=song)
    activity = activity_rows(view, DrumActivity)
    return of_something_else(DrumFeatures, reason, common, drum_kit_probability=kit, drum_activity=activity)


def _grid(song: SongFeatures | None) -> Grid | None:
    if song is None or len(song.beats) < 4:
        return None
    times = np.array([beat.time_s for beat in song.beats])
    positions = np.array([beat.position for beat in song.beats], np.int64)
    return grid_of(times, positions, compound=is_compound(song.metre.value))


def _joint_times(hits: dict[str, Hits]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return times at which anything is struck, strokes within `TOGETHER_S` as one."""
    times = np.sort(np.concatenate([h.times_s for h in hits.values()])) if hits else np.zeros(0)
    return times[np.diff(times, prepend=-np.inf) > TOGETHER_S]


def _sure(played: dict[str, Hits], drums: Collection[str], against: Measurement[Any]) -> float | None:
    """Return how sure it is what some drums play against beats or bars: their hits and these must be right."""
    probability = np.concatenate([hits.probability for drum, hits in played.items() if drum in drums])
    return None if against.confidence is None else against.confidence * float(probability.mean())


def _placed(
    grid: Grid | None, swing: Swing | None, played: dict[str, Hits], song: SongFeatures | None
) -> tuple[Placed, Measurement[float]]:
    """Return bar and step of each hit, and how far hits lie from their steps."""
    if grid is None or song is None:
        return {}, Measurement.unknown("no bars are known", method=GRID_METHOD)
    placed, distances = {}, [np.zeros(0)]
    for drum, hits in played.items():
        bars, steps, distance = steps_of(grid, hits.times_s, swing)
        placed[drum] = (bars, steps)
        distances.append(np.abs(distance[bars >= 0]))
    every = np.concatenate(distances)
    if every.size == 0:
        return placed, Measurement.unknown("no hit within the bars", method=GRID_METHOD)
    sure = _sure(played, placed, song.beat_count)
    return placed, Measurement.of(1e3 * float(np.median(every)), method=GRID_METHOD, confidence=sure)


def _density(hits: Hits, there: Measurement[bool], duration_s: float) -> Measurement[float]:
    count = hits.times_s.size if there.value else 0
    return Measurement.of(count / duration_s, method=METHOD, confidence=there.confidence)


def _ghosts(snare: Hits, there: Measurement[bool]) -> Measurement[float]:
    if not there.value or snare.times_s.size < MIN_SNARE_HITS:
        return Measurement.unknown(f"fewer than {MIN_SNARE_HITS} snare hits", method=METHOD)
    # Doubtful hits are soft as a rule: they count by their probability.
    share = float(np.average(snare.strength < GHOST_STRENGTH, weights=snare.probability**2))
    return Measurement.of(share, method=METHOD, confidence=float(snare.probability.mean()))


def _swing(grid: Grid | None, swing: Swing | None, what: str) -> Measurement[Any]:
    if grid is None:
        return Measurement.unknown("no beats are known", method=SWING_METHOD)
    if swing is None:
        reason = "the beat is divided in three" if grid.steps_per_beat == 6 else "too few hits off the beat"
        return Measurement.unknown(reason, method=SWING_METHOD)
    return Measurement.of(getattr(swing, what), method=SWING_METHOD, confidence=swing.certainty)


def _joint(grid: Grid, placed: Placed, drums: tuple[str, ...]) -> dict[int, np.ndarray[Any, np.dtype[np.bool_]]]:
    chosen = [placed[drum] for drum in drums if drum in placed]
    if not chosen:
        return {}
    return bar_table(np.concatenate([b for b, _ in chosen]), np.concatenate([s for _, s in chosen]), grid.steps)


def _syncopation(
    grid: Grid | None, placed: Placed, played: dict[str, Hits], song: SongFeatures | None
) -> Measurement[float]:
    if grid is None or song is None:
        return Measurement.unknown("no bars are known", method=SYNCOPATION_METHOD)
    drums = ("kick", "snare", "tom")
    table = _joint(grid, placed, drums)
    if len(table) < MIN_BARS:
        return Measurement.unknown(f"fewer than {MIN_BARS} bars with kick, snare or toms", method=SYNCOPATION_METHOD)
    notes = np.concatenate([bar * grid.steps + np.flatnonzero(row) for bar, row in sorted(table.items())])
    value = syncopation_of_steps(notes, grid.weights) / len(table)
    sure = _sure(played, drums, song.first_downbeat_s)
    return Measurement.of(value, method=SYNCOPATION_METHOD, confidence=sure)


def _repetition(
    grid: Grid | None, placed: Placed, played: dict[str, Hits], song: SongFeatures | None
) -> Measurement[float]:
    """Return share of the most common pair of kick and snare bars, which are of the right length where the metre is."""
    if grid is None or song is None:
        return Measurement.unknown("no bars are known", method=GRID_METHOD)
    kick, snare = (_joint(grid, placed, (drum,)) for drum in ("kick", "snare"))
    bars = sorted({*kick, *snare})
    if len(bars) < MIN_BARS:
        return Measurement.unknown(f"fewer than {MIN_BARS} bars with kick or snare", method=GRID_METHOD)
    empty = np.zeros(grid.steps, bool)
    pairs = [kick.get(bar, empty).tobytes() + snare.get(bar, empty).tobytes() for bar in bars]
    share = max(map(pairs.count, set(pairs))) / len(pairs)
    return Measurement.of(share, method=GRID_METHOD, confidence=_sure(played, ("kick", "snare"), song.metre))


def _hit_rows(played: dict[str, Hits], placed: Placed) -> tuple[DrumHit, ...]:
    """Return all hits in order of time and drum."""
    rows: list[tuple[float, str, float, float, int | None, int | None]] = []
    for drum, hits in played.items():
        bars, steps = (a.tolist() for a in placed[drum]) if drum in placed else ([-1] * hits.times_s.size,) * 2
        rows += [
            (time, drum, strength, p, bar if bar >= 0 else None, step if bar >= 0 else None)
            for time, strength, p, bar, step in zip(
                hits.times_s.tolist(), hits.strength.tolist(), hits.probability.tolist(), bars, steps, strict=True
            )
        ]
    return tuple(
        DrumHit(hit=number, time_s=time, drum=drum, strength=strength, confidence=p, bar=bar, step=step)
        for number, (time, drum, strength, p, bar, step) in enumerate(sorted(rows, key=lambda row: row[:2]))
    )


def _patterns(grid: Grid | None, placed: Placed) -> tuple[DrumPattern, ...]:
    if grid is None:
        return ()
    tables = {drum: bar_table(bars, steps, grid.steps) for drum, (bars, steps) in placed.items()}
    return tuple(pattern_of(drum, grid, table) for drum, table in tables.items() if table)


def _bars(grid: Grid | None, placed: Placed, played: dict[str, Hits]) -> tuple[DrumBar, ...]:
    if grid is None:
        return ()
    rows = [row for drum, (bars, steps) in placed.items() for row in bar_rows(drum, grid, bars, steps, played[drum])]
    return tuple(sorted(rows, key=lambda row: (row.bar, DRUMS.index(row.drum))))
