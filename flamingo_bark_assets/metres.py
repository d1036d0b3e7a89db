"""Time signatures: how many beats a bar has, and into how many parts a beat falls.

Facts about notation belong here, and no numerical package; finding the metre of a song is in `analysis.rhythm`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metre:
    """One time signature.

    Attributes:
        name: as it is written.
        beats_per_bar: beats a bar: dotted quarters where a beat has three parts, eighths in 5/8 and 7/8.
        parts: equal parts of a beat, 2 or 3.
        quarters_per_beat: quarters of a beat in tempo: 0.5 where beats are eighths; a dotted quarter counts as one.
    """

    name: str
    beats_per_bar: int
    parts: int = 2
    quarters_per_beat: float = 1.0

    @property
    def is_compound(self) -> bool:
        """Whether each beat has three parts."""
        return self.parts == 3


METRES = {
    metre.name: metre
    for metre in (
        Metre("2/4", 2),
        Metre("3/4", 3),
        Metre("4/4", 4),
        Metre("5/4", 5),
        Metre("7/4", 7),
        Metre("5/8", 5, quarters_per_beat=0.5),
        Metre("7/8", 7, quarters_per_beat=0.5),
        Metre("6/8", 2, 3),
        Metre("9/8", 3, 3),
        Metre("12/8", 4, 3),
    )
}
"""Every metre that a song may have, by its name."""


def is_compound(name: str | None) -> bool:
    """Return whether each beat of a metre has three parts; False where it is unknown."""
    return name in METRES and METRES[name].is_compound
