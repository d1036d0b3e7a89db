"""Words are read from plain text or LRC, and shifted to the time of a clip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from flamingo_bark_assets.clips.lyrics import (
    MAX_LINES,
    Line,
    is_timed,
    joined_phrases,
    lines_within,
    plain_lyrics,
    read_lyrics,
    write_lrc,
)
from flamingo_bark_assets.lyrics.phrases import Span

LRC = """[ar:Nobody]
[00:10.00] first line
[Chorus]
[00:14.50] second line
[00:18.00]
[01:00.25] last line
"""


def test_lrc_is_read_with_times_and_without_tags() -> None:
    lines = read_lyrics(LRC, 70.0)
    assert lines == (
        Line("first line", 10.0, 14.5), Line("second line", 14.5, 18.0), Line("last line", 60.25, 70.0),
    )  # fmt: skip


def test_plain_lines_have_no_times_and_lose_their_section_tags() -> None:
    lines = read_lyrics("[Verse 1]\none\n\ntwo [x2]\n[Chorus]\n", 70.0)
    assert lines == (Line("one"), Line("two"))
    assert not is_timed(lines)


def test_a_line_ends_with_the_last_phrase_that_is_sung_before_the_next() -> None:
    sung = (Span(10.2, 11.5), Span(11.9, 13.0), Span(60.3, 63.0))
    first, second, last = read_lyrics(LRC, 70.0, sung)
    assert (first.end_s, second.end_s, last.end_s) == (13.0, 18.0, 63.0)


def test_the_phrases_of_a_given_line_are_one_and_those_of_no_line_or_of_half_a_song_are_not() -> None:
    sung = (Span(2.0, 4.0), Span(9.8, 11.5), Span(11.9, 13.0), Span(14.4, 15.0), Span(60.3, 63.0), Span(76.0, 79.0))
    joined = joined_phrases(sung, read_lyrics(LRC, 80.0, sung))
    assert joined == (Span(2.0, 4.0), Span(9.8, 13.0), Span(14.4, 15.0), Span(60.3, 63.0), Span(76.0, 79.0))
    assert joined_phrases(sung, read_lyrics("one\ntwo", 80.0, sung)) == sung


def test_a_line_that_returns_has_several_times_and_an_offset_moves_all() -> None:
    lines = read_lyrics("[offset:+500]\n[00:05.5][00:20.5]again\n", 30.0)
    assert [(line.text, line.start_s) for line in lines] == [("again", 5.0), ("again", 20.0)]


def test_times_of_words_are_left_out() -> None:
    assert read_lyrics("[00:01.00] <00:01.00> one <00:02.5> word", 9.0)[0].text == "one word"


def test_only_lines_that_lie_inside_a_clip_are_given_at_its_own_time() -> None:
    lines = read_lyrics(LRC, 70.0)
    assert lines_within(lines, 12.0, 20.0) == (Line("second line", 2.5, 6.0),)
    both = lines_within(lines, 9.5, 18.0)
    assert both == (Line("first line", 0.5, 5.0), Line("second line", 5.0, 8.5))
    assert lines_within(lines, 11.0, 14.0) == ()


def test_lines_are_written_as_lrc_and_read_back() -> None:
    lines = lines_within(read_lyrics(LRC, 70.0), 9.0, 70.0)
    assert write_lrc(lines) == "[00:01.00] first line\n[00:05.50] second line\n[00:51.25] last line"
    assert [line.text for line in read_lyrics(write_lrc(lines), 61.0)] == [line.text for line in lines]


def test_all_words_without_times() -> None:
    assert plain_lyrics(LRC) == "first line\nsecond line\nlast line"
    assert plain_lyrics("one\ntwo") == "one\ntwo"
    assert plain_lyrics("[Instrumental]\n") is None
    assert plain_lyrics(None) is None


@given(st.text(max_size=400))
@budget(max_examples=200, deadline=None)
def test_anything_gives_clean_lines(text: str) -> None:
    for line in read_lyrics(text, 60.0, (Span(1.0, 2.0),)):
        assert line.text == " ".join(line.text.split())
        assert not set(line.text) & set("|[]♪\n\r\x00")
        if line.start_s is not None and line.end_s is not None:
            assert 0.0 <= line.start_s <= line.end_s <= 60.0


def test_hostile_lyrics_are_read_in_bounded_time() -> None:
    for text in ("[00:01.00]" * 5000, "[" * 50_000, "<00:" * 12_000, "x\n" * 25_000, "[99:99.999] \u202e\x07|[♪"):
        assert len(read_lyrics(text, 60.0)) <= MAX_LINES
