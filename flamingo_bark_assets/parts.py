"""The parts of a song: the mix and the kinds of stem, and what is asked about each of them.

The names belong here, from which all else derives; how a file's name says its kind stands in `library.stem_kinds`.
"""

from __future__ import annotations

from typing import Literal, get_args

StemKind = Literal["drums", "bass", "vocals", "harmonic"]
Part = Literal["mix", "drums", "bass", "vocals", "harmonic"]
STEM_KINDS: tuple[StemKind, ...] = get_args(StemKind)
PARTS: tuple[Part, ...] = get_args(Part)

Question = Literal["caption", "description", "genre", "mood", "instruments"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
