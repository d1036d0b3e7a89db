"""Given words are read from plain text or LRC, with times of lines and words and with section tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.reading import MAX_LINES, GivenLyrics, Word, is_timed, read_lyrics

LRC = """[ar:Nobody]
[ti: Bridge of sighs]
[00:10.00] first line
[Chorus]
[00:14.50] second line
[00:18.00]
[01:00.25] last line
"""


def times(given: GivenLyrics) -> list[tuple[str, float | None, float | None]]:
    return [(line.text, line.start_s, line.end_s) for line in given.lines]


def test_lrc_is_read_with_times_and_its_tags_stand_in_no_line() -> None:
    assert times(read_lyrics(LRC, 70.0)) == [
        ("first line", 10.0, 14.5), ("second line", 14.5, 18.0), ("last line", 60.25, 70.0),
    ]  # fmt: skip


def test_section_tags_are_kept_beside_their_lines_whatever_they_are_called() -> None:
    text = "zero\n[Verse 1: somebody]\none\n[Pre-Chorus]\ntwo\n[Refrain]\nthree\n[Guitar Solo]\n[Chorus]\nfour"
    lines = read_lyrics(text, 70.0).lines
    assert [(line.text, line.tag) for line in lines] == [
        ("zero", None), ("one", "Verse"), ("two", None), ("three", "Chorus"), ("four", "Chorus"),
    ]  # fmt: skip
    assert len({line.stanza for line in lines}) == 5


def test_tags_that_tell_of_the_file_are_no_sections() -> None:
    assert {line.tag for line in read_lyrics(LRC, 70.0).lines} == {None, "Chorus"}
    assert read_lyrics(LRC, 70.0).lines[0].tag is None


def test_plain_lines_have_no_times_and_lose_their_section_tags() -> None:
    lines = read_lyrics("[Verse 1]\none\n\ntwo [x2]\n[Chorus]\n", 70.0).lines
    assert [line.text for line in lines] == ["one", "two"]
    assert not is_timed(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Verse]\none\ntwo\n[Chorus]\nthree", None),
        ("[Verse]\none\n[Chorus]\nthree\n[Verse]\ntwo\n[Chorus]", "[Chorus] stands there without its words"),
        ("[Chorus]\n[Verse]\ntwo", "[Chorus] stands there without its words"),
        ("one\ntwo (x3)", "marked as sung more than once"),
        ("one\n[Chorus]\ntwo\n[x2]", "sung again"),
        ("[Intro]\n[Verse]\none\n[Instrumental]\n[Verse]\ntwo", None),
        ("six by six\nan x marks it", None),
    ],
)
def test_repeats_that_are_not_written_out_are_noticed(text: str, told: str | None) -> None:
    reason = read_lyrics(text, 70.0).unwritten_repeats
    assert (reason is None) if told is None else (told in (reason or ""))


def test_a_line_ends_with_the_last_phrase_that_is_sung_before_the_next() -> None:
    sung = (Span(10.2, 11.5), Span(11.9, 13.0), Span(60.3, 63.0))
    assert [line.end_s for line in read_lyrics(LRC, 70.0, sung).lines] == [13.0, 18.0, 63.0]


@pytest.mark.parametrize(
    ("sung", "end_s"),
    [
        ((Span(10.0, 12.0), Span(13.0, 14.0), Span(18.0, 60.0)), 14.0),
        ((Span(10.0, 60.0),), 25.0),
        (None, 25.0),
    ],
    ids=["a pause", "sung on", "not known where"],
)
def test_the_last_line_does_not_reach_over_what_is_sung_behind_it(sung: tuple[Span, ...] | None, end_s: float) -> None:
    (line,) = read_lyrics("[00:10.00] the last that is written", 70.0, sung).lines
    assert line.end_s == end_s


def test_a_line_that_returns_has_several_times_and_an_offset_moves_all() -> None:
    lines = read_lyrics("[offset:+500]\n[00:05.5][00:20.5]again\n", 30.0).lines
    assert [(line.text, line.start_s) for line in lines] == [("again", 5.0), ("again", 20.0)]


def test_times_of_words_are_read_from_the_enhanced_form() -> None:
    text = "[00:01.00] <00:01.00> one <00:02.50> word <00:03.00>\n[00:04.00] plain"
    one, plain = read_lyrics(text, 9.0).lines
    assert (one.text, one.words) == ("one word", (Word("one", 1.0, 2.5), Word("word", 2.5, 3.0)))
    assert plain.words == ()


def test_times_of_words_that_go_back_or_lie_elsewhere_are_left_out() -> None:
    text = "[00:01.00] <00:02.00> one <00:01.00> word\n[00:04.00][00:08.00] <00:04.00> again <00:05.00> and again"
    back, first, second = read_lyrics(text, 9.0).lines
    assert (back.words, second.words) == ((), ())
    assert [word.text for word in first.words] == ["again", "and again"]


def test_an_offset_moves_words_with_their_lines() -> None:
    (line,) = read_lyrics("[offset:500]\n[00:01.00] <00:01.00> one <00:02.00> two", 9.0).lines
    assert [word.start_s for word in line.words] == [0.5, 1.5]


@given(st.text(max_size=400))
@budget(max_examples=200, deadline=None)
def test_anything_gives_clean_lines(text: str) -> None:
    for line in read_lyrics(text, 60.0, (Span(1.0, 2.0),)).lines:
        assert line.text == " ".join(line.text.split())
        assert not set(line.text) & set("|[]♪\n\r\x00")
        if line.start_s is not None and line.end_s is not None:
            assert 0.0 <= line.start_s <= line.end_s <= 60.0


def test_hostile_lyrics_are_read_in_bounded_time() -> None:
    for text in ("[00:01.00]" * 5000, "[" * 50_000, "<00:" * 12_000, "x\n" * 25_000, "[99:99.999] \u202e\x07|[♪",
                 "[Verse]\n" * 6000, "(x2" * 20_000):  # fmt: skip
        assert len(read_lyrics(text, 60.0).lines) <= MAX_LINES
