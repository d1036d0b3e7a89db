"""Section tags are proposed from measured sections, repeated lines and where somebody sings."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.reading import SECTION_TAGS
from flamingo_bark_assets.lyrics.records import SURE_TAG
from flamingo_bark_assets.lyrics.section_tags import SungLine, tag_sections
from tests.evidence import row

CHORUS = ("and we all come home", "home to the river")


def sections(form: str, length_s: float = 20.0, loud: str = "") -> list[Section]:
    return [
        row(Section, section=i, start_s=i * length_s, end_s=(i + 1) * length_s, label=label,
            level_db=3.0 if label in loud else 0.0)
        for i, label in enumerate(form)
    ]  # fmt: skip


def sung_in(numbers: str, length_s: float = 20.0) -> list[Span]:
    return [Span(length_s * int(i) + 2.0, length_s * int(i) + length_s - 2.0) for i in numbers]


def lines(**texts: tuple[str, ...]) -> list[SungLine]:
    """Lines by the number of their section, each 4 s after the one before."""
    return [
        SungLine(text, 20.0 * int(key[1:]) + 2.0 + 4.0 * i) for key, own in texts.items() for i, text in enumerate(own)
    ]


def test_a_song_of_verses_and_choruses_is_told_with_its_ends() -> None:
    words = lines(s1=("early one morning", "I went out walking"), s2=CHORUS, s3=("late in the evening", "I came back"),
                  s4=CHORUS)  # fmt: skip
    tags = tag_sections(sections("ABCBCDE"), sung_in("1234"), words)
    assert [tag.tag for tag in tags] == ["Intro", "Verse", "Chorus", "Verse", "Chorus", "Outro", "Outro"]
    assert all((tag.confidence or 0.0) >= SURE_TAG and tag.source == "proposed" for tag in tags)


def test_a_pause_of_the_voice_is_instrumental_and_a_late_section_of_its_own_a_bridge() -> None:
    words = lines(
        s0=("one fine day",), s1=CHORUS, s2=("two fine days",), s3=CHORUS, s5=("all I ever wanted",), s6=CHORUS
    )
    tags = tag_sections(sections("ABABCDB"), sung_in("012356"), words)
    assert [tag.tag for tag in tags] == ["Verse", "Chorus", "Verse", "Chorus", "Instrumental", "Bridge", "Chorus"]
    bridge = tags[5].confidence
    assert bridge is not None and bridge < SURE_TAG


def test_without_words_levels_give_a_guess_that_is_never_sure() -> None:
    tags = tag_sections(sections("ABABC", loud="B"), sung_in("01234"), ())
    assert [tag.tag for tag in tags] == ["Verse", "Chorus", "Verse", "Chorus", None]
    assert max(tag.confidence or 0.0 for tag in tags) < SURE_TAG


def test_nothing_is_proposed_where_nobody_knows_where_the_voice_sings() -> None:
    tags = tag_sections(sections("ABAB"), None, ())
    assert {tag.tag for tag in tags} == {None}
    assert all("nobody knows" in tag.reason for tag in tags)


def test_a_song_without_a_voice_is_instrumental_throughout() -> None:
    assert {tag.tag for tag in tag_sections(sections("ABA"), (), ())} == {"Instrumental"}


def test_given_tags_go_before_proposals() -> None:
    given = [SungLine("early one morning", 3.0, "Bridge"), *lines(s1=CHORUS, s2=CHORUS)]
    first, *rest = tag_sections(sections("ABB"), sung_in("012"), given)
    assert (first.tag, first.source, first.confidence) == ("Bridge", "given", 1.0)
    assert {tag.source for tag in rest} == {"proposed"}


def test_sections_that_are_cut_too_finely_make_no_sure_tag_of_the_words() -> None:
    words = [SungLine(text, 4.0 * i + 0.6) for i, text in enumerate(["a b", "c d", "a b", "e f", "a b", "g h"])]
    tags = tag_sections(sections("ABABAB", length_s=4.0), sung_in("012345", 4.0), words)
    assert max(tag.confidence or 0.0 for tag in tags) < SURE_TAG


@pytest.mark.parametrize("form", ["", "A", "AAAA"])
def test_any_form_gives_a_row_a_section(form: str) -> None:
    tags = tag_sections(sections(form), sung_in("0") if form else (), ())
    assert len(tags) == len(form)
    assert {tag.tag for tag in tags} <= {*SECTION_TAGS, None}
