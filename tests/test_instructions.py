"""The instructions of one song: verdict first, what to use, what to beware of, and no text that breaks it.

What the markdown must say is specified here; its exact wording is not.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Thresholds
from flamingo_bark_assets.training.instructions import instructions_file_name, write_instructions
from flamingo_bark_assets.training.rendering import markdown, repeats
from flamingo_bark_assets.training.suitability import judge
from tests.evidence import lyrics_of, make_evidence, make_stem, unusable_song, with_silent_stem, without_stems
from tests.test_dataset import make_captions, make_prompt, make_prompts, unknown_stem

SECTIONS = [
    "Verdict", "What to use", "Warnings", "What Bark expects", "Licence and credit", "Lyrics", "Next steps",
]  # fmt: skip
HOSTILE = "a | b\n# Owned\n<script>alert(1)</script> [x](http://e.org) `c` **d** _e_ ~~f~~ \\ &amp; \u202eevil\x00"


def written(evidence: Evidence, **changes: Any) -> str:
    captions = changes.get("captions", make_captions())
    prompts = changes.get("prompts", make_prompts())
    return write_instructions(evidence, lyrics_of(evidence), captions, prompts, judge(evidence, Thresholds()))


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, flags=re.MULTILINE)


def table_rows(text: str) -> list[list[str]]:
    """Split the table rows at the bars that are not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_verdict_stands_first_and_all_sections_follow() -> None:
    text = written(make_evidence("song_001"))
    assert text.startswith("# Training instructions: song_001\n")
    assert headings(text) == SECTIONS
    assert "**Fit for training.**" in section(text, "Verdict")
    assert text.endswith("\n")


def test_a_failed_rule_is_told_with_value_limit_and_by_how_much() -> None:
    verdict = section(written(make_evidence(raw_song={"bandwidth_hz": 4000.0})), "Verdict")
    assert "**Not fit for training.**" in verdict
    (row,) = [row for row in table_rows(verdict) if row[1] == "bandwidth"]
    assert row[:5] == ["song", "bandwidth", "4000 Hz", "at least 7000 Hz", "3000 Hz"]
    assert row[5] == "the sound ends at 4000 Hz; it must reach at least 7000 Hz"


def test_the_prompts_stand_in_a_table_with_their_weights_as_lines() -> None:
    rows = {row[0]: row for row in table_rows(section(written(make_evidence()), "What to use"))}
    assert rows["full_track"][1:] == ["sentence", "1", "20", "yes", "Text of mix"]
    assert rows["stem:drums"][1:] == ["sentence", "0.7", "14", "yes", "Text of drums"]
    assert rows["multi_instrument:drums+vocals"][2:5] == ["0.85", "17", "yes"]


def test_a_prompt_with_an_unfit_part_is_not_to_be_used() -> None:
    rows = {row[0]: row for row in table_rows(section(written(with_silent_stem("vocals")), "What to use"))}
    assert rows["stem:vocals"][3:5] == ["–", "no"]
    assert rows["stem:drums"][3:5] == ["7", "yes"]
    assert rows["full_track"][3] == "10"


def test_the_files_are_listed_with_their_use() -> None:
    use = section(written(with_silent_stem("bass")), "What to use")
    assert ["mix", "song.wav", "yes"] in table_rows(use)
    assert ["bass", "stems/bass.wav", "no"] in table_rows(use)
    assert ["vocals", "stems/vocals.wav", "yes"] in table_rows(use)


def test_nothing_of_an_unfit_song_is_to_be_used() -> None:
    use = section(written(make_evidence(raw_song={"clipped_fraction": 0.5})), "What to use")
    assert "yes" not in {cell for row in table_rows(use) for cell in row}


def test_a_fallback_captioner_is_named() -> None:
    warnings = section(written(make_evidence()), "Warnings")
    assert "The captioner is a fallback: **measured**" in warnings


def test_a_captioner_that_is_a_model_is_named_and_is_no_fallback() -> None:
    captions = make_captions(captioner="af2", is_fallback=False, model_id="nvidia/audio-flamingo-2")
    warnings = section(written(make_evidence(), captions=captions), "Warnings")
    assert "**af2** (nvidia/audio-flamingo-2)" in warnings
    assert "fallback" not in warnings


def test_missing_silent_and_unfit_stems_are_warned_of() -> None:
    evidence = make_evidence(
        stems={
            "stems": (
                make_stem("drums"),
                make_stem("bass", audible=False, silent_fraction=1.0),
                make_stem("vocals", lag_s=0.5),
                unknown_stem("fx.wav: no known kind"),
            )
        }
    )
    warnings = section(written(evidence), "Warnings")
    assert "Missing stems: harmonic." in warnings
    assert "Silent stems: bass." in warnings
    assert "Stems unfit for training: vocals." in warnings
    assert "fx.wav: no known kind" in warnings


def test_a_song_without_faults_warns_of_no_stem() -> None:
    warnings = section(written(make_evidence()), "Warnings")
    assert not re.search("Missing|Silent|unfit", warnings)


def test_instruments_outside_barks_domain_are_named() -> None:
    assert "drums, bass, harmonic and the mix" in section(written(make_evidence()), "Warnings")


@pytest.mark.parametrize(
    "fact",
    [
        "transcript, not a caption",
        "♪",
        "trained on speech",
        "No Bark loader reads a weight",
        "10.22 s",
        "5.12 s",
    ],
)
def test_barks_own_facts_stand_in_every_instructions(fact: str) -> None:
    for evidence in (make_evidence(), without_stems(), unusable_song()):
        assert fact in section(written(evidence), "What Bark expects")


def test_licence_and_credit_are_told() -> None:
    legal = section(written(make_evidence()), "Licence and credit")
    assert "CC-BY-4.0" in legal
    assert "Title by Artist" in legal


def test_a_licence_that_is_not_stated_is_not_invented() -> None:
    legal = section(written(make_evidence(metadata={"licence": None, "attribution": None})), "Licence and credit")
    assert "not stated" in legal
    assert "none given" in legal


@pytest.mark.parametrize(
    ("lyrics", "kinds", "words"),
    [
        ("La la la", ("vocals",), "Given"),
        (None, ("vocals",), "None given, though there is a vocals stem"),
        (None, ("drums",), "None given."),
    ],
)
def test_lyrics_present_or_absent_are_told(lyrics: str | None, kinds: tuple[Any, ...], words: str) -> None:
    evidence = make_evidence(kinds=kinds, metadata={"lyrics": lyrics})
    assert words in section(written(evidence), "Lyrics")


def test_a_song_that_cannot_be_read_says_why_and_what_to_do() -> None:
    reason = "song.wav: not a sound file"
    text = write_instructions(
        unusable_song(reason=reason),
        lyrics_of(unusable_song(reason=reason)),
        Captions.of_unusable("song", reason),
        TrainingPrompts.of_unusable("song", reason),
        judge(unusable_song(reason=reason), Thresholds()),
    )
    assert reason in section(text, "Verdict")
    assert "Missing stems" not in text
    assert "Replace the song file" in section(text, "Next steps")


def test_hostile_text_breaks_neither_headings_nor_tables() -> None:
    evidence = make_evidence(
        raw_song={"file_name": HOSTILE},
        metadata=dict.fromkeys(("title", "artist", "licence", "attribution"), HOSTILE),
        stems={"stems": (make_stem("drums", file_name=HOSTILE, lag_s=1.0),)},
    )  # fmt: skip
    prompt = make_prompt("full_track", "full_track", "mix", combined_prompt=HOSTILE)
    prompts = TrainingPrompts(song_id="song", prompts=(prompt,))
    captions = make_captions(captioner=HOSTILE, model_id=HOSTILE, is_fallback=False)
    text = written(evidence, prompts=prompts, captions=captions)
    assert headings(text) == SECTIONS
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1
    assert "<script" not in text
    assert not re.search("[\x00\u202e]", text)
    assert {len(row) for row in table_rows(section(text, "What to use"))} == {3, 6}
    assert {len(row) for row in table_rows(section(text, "Verdict"))} == {6}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("**bold** `code`", r"\*\*bold\*\* \`code\`"),
        ("[text](url)", r"\[text\](url)"),
        ("_a_ song_001 __b", r"\_a\_ song_001 \_\_b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("a\r\n\tb\u2028c", "a b c"),
        ("\u202eabc\ud800", "abc �".replace(" ", "")),
    ],
)
def test_markdown_reads_as_the_words_it_is(text: str, escaped: str) -> None:
    assert markdown(text) == escaped


def test_the_text_can_be_stored_as_utf8() -> None:
    assert written(make_evidence(metadata={"title": "\ud800"})).encode("utf-8")


@pytest.mark.parametrize(
    ("weights", "lines"),
    [
        ((1.0, 0.7), (10, 7)),
        ((1.0, 0.85, 0.7), (20, 17, 14)),
        ((0.7, 0.7), (1, 1)),
        ((2.0, 1.0), (2, 1)),
        ((1.0, 0.0001), (40, 1)),
        ((), ()),
    ],
)
def test_weights_become_the_smallest_numbers_of_lines(weights: tuple[float, ...], lines: tuple[int, ...]) -> None:
    assert repeats(weights) == lines


def test_the_file_is_named_for_its_song() -> None:
    assert instructions_file_name("song_001") == "training_instructions_song_001.md"
