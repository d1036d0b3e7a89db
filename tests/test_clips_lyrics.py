"""Lines are chosen for a clip by their times, written at its own time, and put under section tags that are sure."""

from __future__ import annotations

from typing import Any

from flamingo_bark_assets.clips.lyrics import (
    given_lines,
    joined_phrases,
    lies_within,
    timed_lines,
    with_section_tags,
    write_lrc,
)
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.reading import read_lyrics
from flamingo_bark_assets.lyrics.records import LyricsLine, LyricsSection
from tests.evidence import row


def line(text: str, start_s: float | None, end_s: float | None, **values: Any) -> LyricsLine:
    return row(LyricsLine, **{"text": text, "start_s": start_s, "end_s": end_s, "for_clips": True, **values})


LINES = (line("first line", 10.0, 14.5), line("second line", 14.5, 18.0), line("last line", 60.25, 63.0))


def under(tag: str | None, stanza: int, confidence: float | None = 0.9) -> dict[str, Any]:
    return {"section_tag": tag, "stanza": stanza, "section_confidence": confidence}


def section(tag: str, start_s: float, end_s: float, confidence: float = 0.8) -> LyricsSection:
    return row(LyricsSection, tag=tag, start_s=start_s, end_s=end_s, confidence=confidence)


def test_only_lines_that_lie_wholly_inside_are_a_clips() -> None:
    def inside(start_s: float, end_s: float) -> list[str]:
        return [each.text for each in LINES if lies_within(each, start_s, end_s)]

    assert inside(12.0, 20.0) == ["second line"]
    assert inside(9.5, 18.0) == ["first line", "second line"]
    assert inside(11.0, 14.0) == []


def test_a_line_whose_times_are_not_sure_is_in_no_clip() -> None:
    unsure = line("unsure", 10.0, 14.5, for_clips=False)
    assert not lies_within(unsure, 0.0, 60.0)
    assert timed_lines((unsure, line("unknown", None, None))) == ()


def test_the_phrases_of_a_line_are_one_and_those_of_no_line_or_of_half_a_song_are_not() -> None:
    sung = (Span(2.0, 4.0), Span(9.8, 11.5), Span(11.9, 13.0), Span(14.4, 15.0), Span(60.3, 63.0), Span(76.0, 79.0))
    lines = (line("first", 10.0, 13.0), line("second", 14.5, 18.0), line("last", 60.25, 79.0))
    joined = joined_phrases(sung, timed_lines(lines))
    assert joined == (Span(2.0, 4.0), Span(9.8, 13.0), Span(14.4, 15.0), Span(60.3, 63.0), Span(76.0, 79.0))
    assert joined_phrases(sung, ()) == sung


def test_given_times_alone_say_where_lines_are_sung() -> None:
    assert given_lines(()) is None
    assert given_lines(timed_lines((line("one", 5.0, 60.0), line("two", 60.0, 64.0)))) == (
        Span(5.0, 20.0), Span(60.0, 63.75),
    )  # fmt: skip


def test_lines_are_written_as_lrc_at_the_clips_time_and_read_back() -> None:
    written = write_lrc(LINES, 9.0)
    assert written == "[00:01.00] first line\n[00:05.50] second line\n[00:51.25] last line"
    assert [each.text for each in read_lyrics(written, 61.0).lines] == [each.text for each in LINES]
    assert write_lrc((*LINES, line("when?", None, None)), 9.0) is None


def test_section_tags_stand_above_their_lines() -> None:
    lines = (
        line("one", 10.0, 12.0, **under("Verse", 1)), line("two", 12.0, 14.0, **under("Verse", 1)),
        line("three", 14.0, 16.0, **under("Chorus", 2)), line("four", 16.0, 18.0, **under("Verse", 3)),
    )  # fmt: skip
    assert with_section_tags(lines, (), 0.0, 60.0) == "[Verse]\none\ntwo\n[Chorus]\nthree\n[Verse]\nfour"


def test_sections_without_a_voice_are_named_where_they_lie() -> None:
    lines = (line("one", 10.0, 12.0, **under("Verse", 1)), line("two", 30.0, 32.0, **under("Verse", 1)))
    sections = (section("Intro", 0.0, 9.5), section("Verse", 9.5, 14.0), section("Instrumental", 14.0, 29.0),
                section("Verse", 29.0, 40.0), section("Outro", 40.0, 60.0))  # fmt: skip
    whole = "[Intro]\n[Verse]\none\n[Instrumental]\n[Verse]\ntwo\n[Outro]"
    assert with_section_tags(lines, sections, 0.0, 60.0) == whole
    assert with_section_tags(lines[:1], sections, 8.0, 13.0) == "[Verse]\none"


def test_no_line_is_put_under_a_tag_that_is_not_sure() -> None:
    sure, unsure = line("one", 10.0, 12.0, **under("Verse", 1)), line("two", 12.0, 14.0, **under("Chorus", 2, 0.5))
    untagged = line("two", 12.0, 14.0, **under(None, 0, None))
    assert with_section_tags((sure, unsure), (), 0.0, 60.0) is None
    assert with_section_tags((untagged, sure), (), 0.0, 60.0) is None
    assert with_section_tags((unsure,), (section("Intro", 0.0, 9.0),), 0.0, 60.0) is None
    assert with_section_tags((), (), 0.0, 60.0) is None
