"""Lines without times are shared out over measured phrases: in order, never crossing, refused where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from flamingo_bark_assets.lyrics.phrases import Span, sung_phrases
from flamingo_bark_assets.lyrics.sharing import share_out, syllables_in
from tests.evidence import make_evidence, unknown

LINE = "twinkle twinkle little star"
SECOND = "how I wonder what you are"


def phrases(count: int, length_s: float = 2.0) -> list[Span]:
    return [Span(3.0 * i, 3.0 * i + length_s) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        (LINE, 7),
        (SECOND, 7),
        ("Dornröschen war ein schönes Kind", 8),
        ("さくらさくら", 6),
        ("катюша", 3),
        ("hm", 1),
        ("…", 1),
    ],
)
def test_syllables_are_runs_of_vowels_or_single_characters(text: str, syllables: int) -> None:
    assert abs(syllables_in(text) - syllables) <= 1


def test_as_many_lines_as_phrases_of_fitting_length_is_clear() -> None:
    shared = share_out([LINE, SECOND, LINE], phrases(3))
    assert (shared.spans, shared.is_clear) == (tuple(phrases(3)), True)
    assert 0.3 < shared.confidence <= 0.6


def test_a_line_may_have_two_phrases_and_a_long_one_two_lines_and_neither_is_clear() -> None:
    sung = [Span(0, 1), Span(1.3, 2.3), Span(4, 6), Span(8, 12)]
    shared = share_out([LINE, SECOND, LINE, SECOND], sung)
    assert shared.spans[:2] == (Span(0, 2.3), Span(4, 6))
    assert shared.spans[2].start_s == 8 and shared.spans[3].end_s == 12
    assert shared.spans[2].end_s == shared.spans[3].start_s == pytest.approx(10.0, abs=0.5)
    assert not shared.is_clear
    assert shared.confidence <= 0.3


def test_equal_counts_by_chance_are_not_clear_where_lengths_do_not_fit() -> None:
    shared = share_out([LINE, SECOND, LINE], [Span(0, 2), Span(3, 3.4), Span(5, 9)])
    assert not shared.is_clear


@pytest.mark.parametrize(
    ("lines", "sung", "reason"),
    [
        ([LINE] * 60, phrases(6), "60 lines cannot be sung in 6 phrases"),
        ([LINE] * 6, phrases(6, 0.2), "is plausible"),
        (["oh"] * 3, phrases(30, 2.9), "is plausible"),
        ([LINE], [], "nobody was measured to sing"),
        ([], phrases(2), "no lines"),
    ],
)
def test_what_cannot_be_sung_is_refused(lines: list[str], sung: list[Span], reason: str) -> None:
    shared = share_out(lines, sung)
    assert shared.spans == ()
    assert reason in (shared.reason or "")


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=30),
    st.lists(st.tuples(st.floats(0.2, 6.0), st.floats(0.05, 4.0)), min_size=1, max_size=30),
)
@budget(max_examples=150, deadline=None)
def test_lines_never_cross_and_lie_within_the_phrases(counts: list[int], lengths: list[tuple[float, float]]) -> None:
    sung, at = [], 0.0
    for length, gap in lengths:
        sung.append(Span(at, at + length))
        at += length + gap
    shared = share_out(["la" + " la" * (count - 1) for count in counts], sung)
    assert len(shared.spans) in {0, len(counts)}
    for before, after in zip(shared.spans, shared.spans[1:], strict=False):
        assert before.end_s <= after.start_s + 1e-9
    for span in shared.spans:
        assert span.start_s < span.end_s
        assert any(phrase.start_s - 1e-9 <= span.start_s <= phrase.end_s + 1e-9 for phrase in sung)


def test_lines_of_random_length_are_found_again_when_some_phrases_break() -> None:
    """Truth from synthesis: lines of known syllables, some with a breath inside, and two phrases of no line."""
    rng = np.random.default_rng(1)
    right = total = 0
    for _ in range(20):
        counts = rng.integers(4, 14, 16)
        sung, truth, at = [], [], 0.0
        for number, count in enumerate(counts):
            length = 0.25 * count * rng.uniform(0.85, 1.15)
            truth.append(at)
            if rng.uniform() < 0.25:
                sung += [Span(at, at + 0.55 * length), Span(at + 0.55 * length + 0.3, at + length + 0.3)]
            else:
                sung.append(Span(at, at + length))
            at = sung[-1].end_s + rng.uniform(0.5, 2.0)
            if number in {4, 9}:
                sung.append(Span(at, at + 0.5))
                at += 3.0
        shared = share_out(["la " * count for count in counts], sung)
        assert not shared.is_clear
        right += sum(abs(span.start_s - start) < 0.3 for span, start in zip(shared.spans, truth, strict=True))
        total += len(truth)
    assert right / total > 0.9


def a_song(rng: np.random.Generator) -> tuple[list[str], list[Span]]:
    """As many lines as phrases, lengths as of sung lines."""
    counts = rng.integers(5, 11, int(rng.integers(10, 30)))
    sung, at = [], 0.0
    for count in counts:
        sung.append(Span(at, at + 0.25 * count * rng.lognormal(0.0, 0.15)))
        at = sung[-1].end_s + rng.uniform(0.5, 1.5)
    return ["la " * count for count in counts], sung


def with_a_breath_and_a_phrase_missed(rng: np.random.Generator, sung: list[Span]) -> list[Span]:
    """Part one phrase in two and drop another: the counts are equal by chance, and lines between are one too far."""
    cut, gone = rng.choice(len(sung), 2, replace=False)
    phrase, middle_s = sung[cut], sung[cut].start_s + rng.uniform(0.35, 0.65) * sung[cut].duration_s
    parted = [Span(phrase.start_s, middle_s), Span(middle_s + 0.3, phrase.end_s + 0.3)]
    return [part for i, each in enumerate(sung) if i != gone for part in (parted if i == cut else [each])]


def test_equal_counts_are_mostly_clear_where_they_are_right_and_hardly_ever_where_they_are_chance() -> None:
    rng = np.random.default_rng(3)
    right = chance = 0
    for _ in range(100):
        lines, sung = a_song(rng)
        right += share_out(lines, sung).is_clear
        chance += share_out(lines, with_a_breath_and_a_phrase_missed(rng, sung)).is_clear
    assert right >= 90
    assert chance <= 12


def test_long_songs_are_aligned_in_bounded_time() -> None:
    assert len(share_out([LINE] * 500, phrases(700)).spans) == 500


def test_a_vocals_stem_without_a_voice_does_not_say_that_nobody_sings() -> None:
    sung, guitar = (
        make_evidence(),
        make_evidence(
            vocals={"voice_probability": 0.01, "f0_median_hz": unknown("no voice: a guitar"), "vocal_phrases": ()}
        ),
    )
    assert sung_phrases(sung.stems, sung.vocals) is not None
    assert sung_phrases(guitar.stems, guitar.vocals) is None
