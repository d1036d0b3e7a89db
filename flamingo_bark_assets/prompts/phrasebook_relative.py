"""What may be said of a mix against the other songs of the library; every wording names the library.

Words belong here, of which the claim checker reads none as a claim; which of them hold is decided in `relative`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flamingo_bark_assets.prompts.grammar import Wording

RELATIVE: Mapping[tuple[str, str], Wording] = {
    ("tempo here", "above"): Wording(
        clauses=(
            "it is faster than most {songs here|songs of this library}",
            "it {moves|runs} faster than most songs {here|of this library}",
        ),
        nouns=("a faster pace than most songs {here|of this library}",),
        tags=("faster than most songs here", "faster than most of this library"),
    ),
    ("tempo here", "below"): Wording(
        clauses=(
            "it is slower than most {songs here|songs of this library}",
            "it {moves|runs} slower than most songs {here|of this library}",
        ),
        nouns=("a slower pace than most songs {here|of this library}",),
        tags=("slower than most songs here", "slower than most of this library"),
    ),
    ("dynamics here", "above"): Wording(
        clauses=(
            "the level {moves|varies} more than in most songs {here|of this library}",
            "the dynamics reach further than in most songs {here|of this library}",
        ),
        nouns=("wider dynamics than most songs {here|of this library}",),
        tags=("wider dynamics than most songs here", "wider dynamics than most of this library"),
    ),
    ("dynamics here", "below"): Wording(
        clauses=(
            "the level {moves|varies} less than in most songs {here|of this library}",
            "the dynamics {stay|are} more even than in most songs {here|of this library}",
        ),
        nouns=("more even dynamics than most songs {here|of this library}",),
        tags=("more even dynamics than most songs here", "more even dynamics than most of this library"),
    ),
    ("brightness here", "above"): Wording(
        clauses=(
            "the {tone|sound|timbre} is brighter than in most songs {here|of this library}",
            "it sounds brighter than most songs {here|of this library}",
        ),
        nouns=("a brighter {tone|sound|timbre} than most songs {here|of this library}",),
        tags=("brighter than most songs here", "brighter than most of this library"),
    ),
    ("brightness here", "below"): Wording(
        clauses=(
            "the {tone|sound|timbre} is darker than in most songs {here|of this library}",
            "it sounds darker than most songs {here|of this library}",
        ),
        nouns=("a darker {tone|sound|timbre} than most songs {here|of this library}",),
        tags=("darker than most songs here", "darker than most of this library"),
    ),
    ("density here", "above"): Wording(
        clauses=(
            "it is busier than most songs {here|of this library}",
            "notes {follow|come} closer together than in most songs {here|of this library}",
        ),
        nouns=("a busier texture than most songs {here|of this library}",),
        tags=("busier than most songs here", "busier than most of this library"),
    ),
    ("density here", "below"): Wording(
        clauses=(
            "it is sparser than most songs {here|of this library}",
            "notes {follow|come} further apart than in most songs {here|of this library}",
        ),
        nouns=("a sparser texture than most songs {here|of this library}",),
        tags=("sparser than most songs here", "sparser than most of this library"),
    ),
}  # fmt: skip
