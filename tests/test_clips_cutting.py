"""Songs are cut on their grid: downbeats, sections and phrases, never inside a sung line, mostly filled."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.vocals import VocalPhrase
from flamingo_bark_assets.clips.cutting import LEAD_S, MIN_REMAINDER_S, SHIFT_S, Fault, Piece, cut
from flamingo_bark_assets.clips.grid import Grid, grid_of
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.settings import ClipSettings, ViewSettings
from tests.evidence import make_evidence, make_stem, measured, row, unknown

VIEWS = {view.name: view for view in ClipSettings().views}
SEMANTIC, COARSE, HALF_MINUTE, FULL = (VIEWS[name] for name in ("semantic", "coarse", "30s", "full"))


def regular(
    duration_s: float = 120.0,
    *,
    bpm: float = 120.0,
    beats_per_bar: int = 4,
    first_s: float = 0.5,
    section_bars: int = 8,
    sung: tuple[Span, ...] | None = (),
    quiet: tuple[Span, ...] = (),
) -> Grid:
    """The grid of a metronome."""
    count = int((duration_s - first_s) * bpm / 60.0)
    beats = tuple(first_s + i * 60.0 / bpm for i in range(count))
    borders = beats[:: beats_per_bar * section_bars]
    return Grid(
        duration_s, "downbeats", None, beats, tuple(1 + i % beats_per_bar for i in range(count)), borders, sung, quiet
    )


def kept(pieces: tuple[Piece, ...]) -> list[Piece]:
    return [piece for piece in pieces if piece.fault is None]


def distance(times: tuple[float, ...], time_s: float) -> float:
    return min(abs(time_s - time) for time in times)


def covered(pieces: list[Piece]) -> float:
    return sum(piece.length_s for piece in pieces)


@pytest.mark.parametrize("view", [SEMANTIC, COARSE, HALF_MINUTE], ids=lambda view: view.name)
@pytest.mark.parametrize("bpm", [60.0, 93.0, 120.0, 174.0])
def test_every_start_is_a_hair_before_a_downbeat(view: ViewSettings, bpm: float) -> None:
    grid = regular(bpm=bpm)
    pieces = kept(cut(grid, view))
    assert pieces
    for piece in pieces:
        late_s = min((piece.start_s - time for time in grid.downbeats_s), key=abs)
        assert -0.03 < late_s < 0.0


def test_ends_lie_on_downbeats_where_the_length_allows_and_else_on_beats() -> None:
    fitting, not_fitting = regular(bpm=100.0), regular(bpm=90.0)  # bars of 2.4 s, four to a clip, and of 2.67 s
    assert {piece.end_cut for piece in kept(cut(fitting, SEMANTIC))} <= {"downbeat", "section"}
    assert "beat" in {piece.end_cut for piece in kept(cut(not_fitting, SEMANTIC))}
    for piece in kept(cut(not_fitting, SEMANTIC)):
        assert distance((*not_fitting.beats_s, not_fitting.duration_s), piece.end_s) <= LEAD_S + 1e-9


def test_borders_of_sections_are_preferred_to_other_downbeats() -> None:
    grid = regular(bpm=120.0, section_bars=15)  # sections of 30 s, and clips of 24 to 30 s
    pieces = kept(cut(grid, HALF_MINUTE))
    assert [piece.start_cut for piece in pieces] == ["section"] * 4
    assert all(distance(grid.borders_s, piece.start_s) <= LEAD_S + 1e-9 for piece in pieces)


def test_phrases_of_four_bars_are_preferred_where_sections_tell_nothing() -> None:
    grid = dataclasses.replace(regular(bpm=100.0), borders_s=())  # four bars of 2.4 s fill a semantic clip
    assert [round((p.start_s - 0.49) / 9.6, 6) for p in kept(cut(grid, SEMANTIC))] == pytest.approx(range(12), abs=1e-3)


def test_an_exact_view_gives_exact_lengths() -> None:
    pieces = kept(cut(regular(), COARSE))
    assert len(pieces) > 15
    assert {round(piece.length_s, 9) for piece in pieces} == {5.12}
    assert {piece.end_cut for piece in pieces} == {"length"}


def test_the_whole_song_is_one_clip_and_a_long_one_ends_with_a_section() -> None:
    (whole,) = cut(regular(200.0), FULL)
    assert (whole.start_s, whole.end_s, whole.start_cut, whole.end_cut) == (0.0, 200.0, "song", "song")
    grid = regular(500.0)
    (part,) = cut(grid, FULL)
    assert part.start_s == 0.0
    assert part.end_cut == "section"
    assert 224.0 < part.end_s <= 240.0
    assert distance(grid.borders_s, part.end_s) <= LEAD_S + 1e-9


def test_a_song_that_is_too_short_is_left_out_with_the_limit() -> None:
    (piece,) = cut(regular(8.0), FULL)
    assert piece.fault is not None
    assert (piece.fault.rule, piece.fault.value, piece.fault.threshold) == ("too_short", 8.0, 10.0)


def test_a_line_that_leaves_no_place_is_told_and_not_cut() -> None:
    grid = regular(60.0, sung=(Span(4.0, 40.0),))
    pieces = cut(grid, SEMANTIC)
    faults = [piece.fault for piece in pieces if piece.start_s < 40.0]
    assert Fault("sung_line", "it can only be cut through a sung line") in faults
    assert None not in faults
    assert all(piece.start_s > 40.0 for piece in kept(pieces))
    assert kept(pieces)


def test_the_view_without_text_may_cut_lines() -> None:
    grid = regular(60.0, sung=(Span(4.0, 40.0),))
    assert cut(grid, COARSE) == cut(dataclasses.replace(grid, sung=()), COARSE)


def test_a_line_that_begins_on_the_downbeat_stays_whole() -> None:
    grid = regular(60.0, bpm=100.0, sung=tuple(Span(t - 0.015, t + 7.0) for t in (10.1, 19.7, 29.3)))
    starts = [piece.start_s for piece in kept(cut(grid, SEMANTIC))]
    for line in grid.sung or ():
        assert any(line.start_s - 0.03 < start < line.start_s for start in starts)


def test_nothing_begins_in_silence() -> None:
    grid = regular(60.0, quiet=(Span(0.0, 12.0),))
    assert all(piece.start_s > 11.9 for view in (SEMANTIC, COARSE) for piece in kept(cut(grid, view)))


def test_remainders_of_five_seconds_are_told_and_shorter_ones_dropped() -> None:
    long, short = cut(regular(58.0, bpm=120.0), HALF_MINUTE), cut(regular(34.0), HALF_MINUTE)
    assert [piece.fault.rule for piece in long if piece.fault] == []
    (remainder,) = [piece.fault for piece in cut(regular(38.9), HALF_MINUTE) if piece.fault]
    assert remainder.rule == "too_short"
    assert remainder.value is not None
    assert remainder.value >= MIN_REMAINDER_S
    assert [piece for piece in short if piece.fault] == []


@given(
    bpm=st.floats(45.0, 200.0),
    beats_per_bar=st.sampled_from([2, 3, 4]),
    duration_s=st.floats(3.0, 200.0),
    lines=st.lists(st.tuples(st.floats(0.2, 6.0), st.floats(0.1, 12.0)), max_size=20),
    view=st.sampled_from([SEMANTIC, COARSE, HALF_MINUTE, ViewSettings(name="x", min_s=3.0, max_s=8.0)]),
)
@budget(max_examples=60, deadline=None)
def test_any_song_is_cut_within_the_rules(
    bpm: float, beats_per_bar: int, duration_s: float, lines: list[tuple[float, float]], view: ViewSettings
) -> None:
    sung: list[Span] = []
    for gap_s, length_s in lines:
        start_s = (sung[-1].end_s if sung else 0.0) + gap_s
        sung.append(Span(start_s, start_s + length_s))
    grid = regular(duration_s, bpm=bpm, beats_per_bar=beats_per_bar, sung=tuple(sung))
    pieces = cut(grid, view)
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    ordered = kept(pieces)
    for before, after in pairwise(ordered):
        assert before.end_s <= after.start_s + 1e-9
    for piece in ordered:
        assert 0.0 <= piece.start_s < piece.end_s <= duration_s + 1e-9
        assert max(view.min_s, 0.8 * view.max_s) - 1e-6 <= piece.length_s <= view.max_s + 1e-6
        assert distance(grid.downbeats_s, piece.start_s) <= 0.03
        if not view.cuts_sung_lines:
            # even after both are moved to the front to where the sound crosses zero
            for place_s in (piece.start_s, piece.start_s - SHIFT_S, piece.end_s, piece.end_s - 2 * SHIFT_S):
                assert not any(line.start_s < place_s < line.end_s for line in sung)


@given(duration_s=st.floats(20.0, 120.0), borders=st.lists(st.floats(1.0, 119.0), max_size=6))
@budget(max_examples=30, deadline=None)
def test_songs_without_sure_beats_are_cut_within_the_lengths(duration_s: float, borders: list[float]) -> None:
    inner = tuple(sorted(time for time in borders if time < duration_s))
    grid = Grid(duration_s, "sections" if inner else "regular", "no pulse", borders_s=inner)
    pieces = kept(cut(grid, SEMANTIC))
    assert covered(pieces) >= 0.5 * duration_s - SEMANTIC.max_s
    assert all(9.0 <= piece.length_s <= 10.22 + 1e-9 for piece in pieces)


def test_sections_are_followed_where_beats_are_unsure() -> None:
    grid = Grid(60.0, "sections", "no pulse", borders_s=(9.7, 30.3, 40.0))
    pieces = kept(cut(grid, SEMANTIC))
    assert {9.7, 30.3, 40.0} <= {piece.start_s for piece in pieces}


def test_pauses_are_followed_where_there_are_no_sections() -> None:
    grid = Grid(40.0, "pauses", "no pulse", quiet=(Span(9.5, 10.0), Span(19.6, 20.0)))
    pieces = kept(cut(grid, SEMANTIC))
    assert [piece.start_cut for piece in pieces][1:3] == ["pause", "pause"]


# Reading the grid


def test_the_grid_follows_the_beats_of_the_song() -> None:
    beats = tuple(row(Beat, beat=i, time_s=0.25 + 0.5 * i, position=1 + i % 4) for i in range(80))
    sections = tuple(row(Section, section=i, start_s=8.25 * i, end_s=8.25 * (i + 1)) for i in range(4))
    evidence = make_evidence(song={"beats": beats, "sections": sections})
    grid = grid_of(evidence, 40.0, (), 0.3)
    assert (grid.by, grid.reason) == ("downbeats", None)
    assert grid.downbeats_s[:3] == (0.25, 2.25, 4.25)
    assert grid.borders_s == (8.25, 16.5, 24.75, 33.0)


def test_unsure_beats_are_not_followed_and_the_grid_says_why() -> None:
    sections = tuple(row(Section, section=i, start_s=8.0 * i, end_s=8.0 * (i + 1)) for i in range(4))
    unsure = make_evidence(song={"tempo_bpm": measured(120.0, 0.1), "sections": sections})
    grid = grid_of(unsure, 40.0, (), 0.3)
    assert grid.by == "sections"
    assert grid.reason == "the beats are known with a confidence of 0.10; at least 0.3 is needed"
    assert grid.beats_s == ()
    free = make_evidence(song={"tempo_bpm": unknown("no pulse")})
    assert (grid_of(free, 40.0, (), 0.3).by, grid_of(free, 40.0, (), 0.3).reason) == ("regular", "no pulse")
    assert grid_of(free, 40.0, (Span(3.0, 4.0),), 0.3).by == "pauses"


def test_lines_are_the_sure_phrases_none_of_a_silent_stem_and_unknown_without_one() -> None:
    phrases = (
        row(VocalPhrase, phrase=0, start_s=1.0, end_s=2.0, confidence=0.9),
        row(VocalPhrase, phrase=1, start_s=3.0, end_s=4.0, confidence=0.2),
    )
    assert grid_of(make_evidence(vocals={"vocal_phrases": phrases}), 9.0, (), 0.3).sung == (Span(1.0, 2.0),)
    assert grid_of(make_evidence(silent=("vocals",)), 9.0, (), 0.3).sung == ()
    assert grid_of(make_evidence(kinds=("drums",)), 9.0, (), 0.3).sung is None
    rejected = make_evidence(stems={"stems": (make_stem("vocals", rejected="of another song"),)})
    assert grid_of(rejected, 9.0, (), 0.3).sung is None
