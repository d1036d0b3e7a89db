"""What cannot be sung words is dropped from a transcription and counted, by rule."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.transcript import (
    Rule,
    TranscribedSegment,
    TranscribedWord,
    drop_unsung,
)

SUNG = (Span(10.0, 14.0), Span(16.0, 20.0), Span(30.0, 60.0))


def segment(
    text: str, start_s: float, end_s: float, *, probability: float = 0.9, no_speech: float = 0.1, timed: bool = True
) -> TranscribedSegment:
    """Words spread evenly over a segment."""
    words = text.split()
    step = (end_s - start_s) / max(1, len(words))
    borders = [start_s + i * step if timed else None for i in range(len(words) + 1)]
    made = tuple(TranscribedWord(word, borders[i], borders[i + 1], probability) for i, word in enumerate(words))
    return TranscribedSegment(made, start_s, end_s, no_speech)


A_LINE = segment("down by the river we sang", 10.0, 14.0)

# Name; the transcription; what is kept of it; how many words each rule drops.
CASES: list[tuple[str, list[TranscribedSegment], list[str], dict[Rule, int]]] = [
    ("a sung line", [A_LINE], ["down by the river we sang"], {}),
    ("an unsure line", [segment("down by the reaver", 10.0, 14.0, probability=0.2)], ["down by the reaver"], {}),
    ("thanks for watching", [A_LINE, segment("Thanks for watching!", 16.0, 18.0)], [A_LINE.text], {"caption": 3}),
    ("thank you so much", [segment("Thank you so much for watching.", 16.0, 18.0)], [], {"caption": 6}),
    ("music", [segment("[Music]", 16.0, 18.0), segment("(upbeat music)", 30.0, 33.0)], [], {"caption": 3}),
    ("notes", [segment("♪ ♪♪", 16.0, 18.0), segment("*applause*", 30.0, 31.0)], [], {"caption": 3}),
    ("music without brackets", [segment("Music", 16.0, 18.0)], [], {"caption": 1}),
    ("a line about music", [segment("music was my first love", 16.0, 20.0)], ["music was my first love"], {}),
    ("notes around sung words", [segment("♪ down by the river ♪ we sang", 10.0, 14.0)],
     ["♪ down by the river ♪ we sang"], {}),
    ("subtitles", [segment("Subtitles by the Amara.org community", 16.0, 18.0)], [], {"caption": 5}),
    ("subtitles in German", [segment("Untertitelung des ZDF 2020", 16.0, 19.0)], [], {"caption": 4}),
    ("punctuation", [segment("... !", 16.0, 18.0)], [], {"caption": 2}),
    ("no speech", [segment("you you", 16.0, 18.0, probability=0.2, no_speech=0.9)], [], {"no_speech": 2}),
    ("no speech, but sure words", [segment("hold me now", 16.0, 18.0, no_speech=0.9)], ["hold me now"], {}),
    ("where nobody sings", [segment("so it goes", 22.0, 25.0)], [], {"no_voice": 3}),
    ("a line that runs into a pause", [segment("one two three four five six", 17.0, 26.0)], ["one two"],
     {"no_voice": 4}),
    ("where nobody sings, without times of words", [segment("so it goes", 22.0, 25.0, timed=False)], [],
     {"no_voice": 3}),
    ("a sung line without times of words", [segment("so it goes", 16.0, 20.0, timed=False)], ["so it goes"], {}),
    ("impossible pace", [segment("I said I said that I would go", 16.0, 16.4)], [], {"pace": 8}),
    ("words without length", [segment("a b c d e", 16.0, 16.0)], [], {"pace": 5}),
    ("a chorus sung four times", [segment("around the world", 30.0 + 2 * i, 32.0 + 2 * i) for i in range(4)],
     ["around the world"] * 4, {}),
    ("a loop over segments", [segment("I love you", 30.0 + i, 31.0 + i) for i in range(12)], ["I love you"],
     {"loop": 33}),
    ("a loop inside a segment", [segment("and " + "go on now " * 9 + "my friend", 30.0, 42.0)],
     ["and go on now my friend"], {"loop": 24}),
    ("la la la", [segment("la " * 12, 30.0, 36.0)], [" ".join(["la"] * 12)], {}),
    ("a hundred times la", [segment("la " * 100, 30.0, 60.0)], ["la"], {"loop": 99}),
    ("all at once", [segment("[Music]", 1.0, 2.0), A_LINE, segment("so it goes", 22.0, 25.0),
                     *[segment("I love you", 30.0 + i, 31.0 + i) for i in range(6)]],
     [A_LINE.text, "I love you"], {"caption": 1, "no_voice": 3, "loop": 15}),
    ("nothing", [], [], {}),
]  # fmt: skip


@pytest.mark.parametrize(("segments", "kept", "dropped"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_no_sung_word_is_dropped_and_counted(
    segments: list[TranscribedSegment], kept: list[str], dropped: dict[Rule, int]
) -> None:
    left = drop_unsung(segments, SUNG)
    counted: dict[Rule, int] = {}
    for group in left.dropped:
        counted[group.rule] = counted.get(group.rule, 0) + len(group.words)
        assert group.reason
    assert [each.text for each in left.segments] == kept
    assert counted == dropped
    assert left.dropped_words + sum(len(each.words) for each in left.segments) == sum(len(s.words) for s in segments)


def test_a_line_that_loses_words_ends_with_its_last_sung_one() -> None:
    (line,) = drop_unsung([segment("one two three four five six", 17.0, 26.0)], SUNG).segments
    assert (line.start_s, line.end_s) == (17.0, 20.0)


def test_a_long_loop_is_found_in_bounded_time() -> None:
    words = drop_unsung([segment("round and round we go " * 4000, 30.0, 9000.0)], (Span(0.0, 9000.0),))
    assert words.dropped_words == 5 * 3999
