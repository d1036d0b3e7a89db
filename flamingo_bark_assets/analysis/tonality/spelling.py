"""Chords spelled in the keys in which they stand: Ab:maj in E flat major, G#:min in E major.

Which key holds where a chord sounds belongs here; how a key spells a chord stands in `note_names`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from flamingo_bark_assets.analysis.features.tonality import Chord, KeySegment
from flamingo_bark_assets.note_names import chord_in_key

C = TypeVar("C", bound=Chord)


def spelled_chords(chords: Sequence[C], segments: Sequence[KeySegment]) -> tuple[C, ...]:
    """Return the same chords, spelled in the keys of `segments`; without these as keys of their own."""
    return tuple(
        dataclasses.replace(
            chord, label=chord_in_key(chord.label, _key_at(segments, 0.5 * (chord.start_s + chord.end_s)))
        )
        for chord in chords
    )


def _key_at(segments: Sequence[KeySegment], time_s: float) -> str | None:
    """Return the key of the segment that holds at a time; the last one's after the end, None without any."""
    holding = (segment.key for segment in segments if time_s < segment.end_s)
    return next(holding, segments[-1].key if segments else None)
