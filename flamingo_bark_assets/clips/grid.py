"""Where a song may be cut: its beats and bars, the borders of its sections, its sung lines and its pauses.

The value and how it is read from the measurements belong here; choosing among the places stands in `cutting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.lyrics.phrases import Span, sung_phrases

CutBy = Literal["downbeats", "sections", "pauses", "regular"]

_MIN_DOWNBEATS = 3


@dataclass(frozen=True, slots=True)
class Grid:
    """The places at which a song may be cut, and those at which it must not be.

    Attributes:
        duration_s: length of the song.
        by: what cuts follow.
        reason: why they do not follow downbeats; None where they do.
        beats_s: times of the beats, ascending; empty where they are unsure.
        positions: place of each beat in its bar, from 1.
        borders_s: where sections begin or end, ascending.
        sung: the sung lines in order; None where nobody knows where the voice sings.
        quiet: stretches in which nothing is audible, in order.
    """

    duration_s: float
    by: CutBy
    reason: str | None = None
    beats_s: tuple[float, ...] = ()
    positions: tuple[int, ...] = ()
    borders_s: tuple[float, ...] = ()
    sung: tuple[Span, ...] | None = ()
    quiet: tuple[Span, ...] = ()

    @property
    def downbeats_s(self) -> tuple[float, ...]:
        """Times of the first beats of the bars."""
        return tuple(time for time, position in zip(self.beats_s, self.positions, strict=True) if position == 1)


def grid_of(
    evidence: Evidence,
    duration_s: float,
    quiet: Sequence[Span],
    min_beat_confidence: float,
    onset_s: Callable[[float], float] = float,
) -> Grid:
    """Read the grid of a song from its measurements.

    Args:
        evidence: all measurements of a song whose mix was measured.
        duration_s: length of the mix.
        quiet: stretches of the mix in which nothing is audible.
        min_beat_confidence: beats whose tempo is less sure are not followed.
        onset_s: gives where the sound of a sung line begins, whose phrase (known by its pitch) begins at some time.
    """
    song = evidence.song
    reason = _why_no_beats(evidence, min_beat_confidence)
    sung = sung_phrases(evidence.stems, evidence.vocals)
    borders = sorted({time for section in song.sections for time in (section.start_s, section.end_s)})
    inner = [time for time in borders if 0.0 < time < duration_s]
    by: CutBy = "downbeats" if reason is None else "sections" if len(inner) > 1 else "pauses" if quiet else "regular"
    beats = [beat for beat in song.beats if 0.0 <= beat.time_s < duration_s] if reason is None else []
    return Grid(
        duration_s=duration_s,
        by=by,
        reason=reason,
        beats_s=tuple(beat.time_s for beat in beats),
        positions=tuple(beat.position for beat in beats),
        borders_s=tuple(inner),
        sung=None if sung is None else tuple(Span(onset_s(line.start_s), line.end_s) for line in sung),
        quiet=tuple(quiet),
    )


def _why_no_beats(evidence: Evidence, min_confidence: float) -> str | None:
    """Say why beats cannot be followed; None where they can."""
    tempo = evidence.song.tempo_bpm
    if tempo.value is None:
        return tempo.reason
    if not Speaker(min_confidence).trusts(tempo):
        known = "no confidence" if tempo.confidence is None else f"a confidence of {tempo.confidence:.2f}"
        return f"the beats are known with {known}; at least {min_confidence:g} is needed"
    downbeats = [beat.time_s for beat in evidence.song.beats if beat.position == 1]
    if len(downbeats) < _MIN_DOWNBEATS:
        return f"there are {len(downbeats)} downbeats; at least {_MIN_DOWNBEATS} are needed"
    return None


def gaps_between(lines: Sequence[Span], duration_s: float) -> list[Span]:
    """Return what lies between lines, before the first and after the last."""
    edges = [Span(0.0, 0.0), *lines, Span(duration_s, duration_s)]
    gaps = (Span(before.end_s, after.start_s) for before, after in pairwise(edges))
    return [gap for gap in gaps if gap.end_s > gap.start_s]
