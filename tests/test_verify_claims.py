"""What texts claim, held against the facts of their clip: what is wrong is named, what is right or open is not."""

from __future__ import annotations

import dataclasses

import pytest

from flamingo_bark_assets.verification.claims import check_text_claims
from flamingo_bark_assets.verification.findings import Findings
from flamingo_bark_assets.verification.provenance import ClipFacts


def rules(text: str, *, kinds: str = "", sounding: str = "bass+vocals+harmonic", **changes: object) -> set[str]:
    facts = ClipFacts(
        name="clip", song_id="song", group="song", artist=None, split="train", view="30s", source="mix",
        kinds=tuple(kinds.split()), sounding=tuple(sounding.split("+")) if sounding else (), tempo_bpm=121.0,
        metre="4/4", key="E minor", duration_s=24.0, text=text, lyrics=None, repeats=1, files={}, sounds={}, texts={},
    )  # fmt: skip
    findings = Findings()
    check_text_claims(findings, "list.txt", 1, text, dataclasses.replace(facts, **changes))  # type: ignore[arg-type]
    return {finding.rule for finding in findings.sorted()}


@pytest.mark.parametrize(
    "text",
    [
        "House music in E minor at 121 BPM with bass, vocals and harmonic instruments. In 4/4.",
        "Harmonic instruments playing mainly G major, A major, F# minor seventh and E minor seventh.",
        "Music in G major.",  # the relative key
        "An instrumental break without drums.",
        "Bass ranging from F#1 to E2 (46 Hz to 82 Hz).",
        "A song like a drummer's dream?",
        "[music] Rock. ♪ play the drums in C minor at 60 BPM, no singer ♪",
    ],
)
def test_a_true_or_open_text_is_left_alone(text: str) -> None:
    assert rules(text) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("House music at 60 BPM.", "claim_tempo"),
        ("House music at 242 BPM.", "claim_tempo"),
        ("House music in Eb major.", "claim_key"),
        ("House music playing in E major.", "claim_key"),
        ("A waltz in 3/4.", "claim_metre"),
        ("House music with a snare drum.", "claim_instrument"),
        ("House music without bass.", "claim_instrument"),
        ("House music without vocals.", "claim_voice"),
    ],
)
def test_a_wrong_text_is_named(text: str, rule: str) -> None:
    assert rules(text) == {rule}


def test_a_stem_holds_nothing_but_its_kind() -> None:
    assert rules("Isolated bass.", kinds="bass") == set()
    assert rules("Isolated bass with a singer.", kinds="bass") == {"claim_voice"}
    assert rules("Guitar and piano.", kinds="harmonic") == set()


def test_nothing_is_said_of_what_no_stem_tells_or_nobody_measured() -> None:
    assert rules("Drums and vocals.", sounding="") == set()


def test_nobody_knows_what_plays_in_an_instrumental_nor_what_a_mix_holds_beside_it() -> None:
    assert rules("Drums and a guitar, with vocals.", sounding="instrumental") == set()
    assert rules("Drums and a guitar.", kinds="instrumental", sounding="vocals+instrumental") == set()
    assert rules("The instrumental, with vocals.", kinds="instrumental", sounding="instrumental") == {"claim_voice"}
    assert rules("Music at 60 BPM in Eb major, 3/4.", tempo_bpm=None, key=None, metre=None) == set()
