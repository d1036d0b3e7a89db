"""Replies that should be one JSON object: what is read of them, however broken they are."""

from __future__ import annotations

import json

import pytest

from flamingo_bark_assets.captioning.structured import FactKey, read_facts
from flamingo_bark_assets.inference.catalogue import merged_prompt

VALUES: dict[FactKey, tuple[str, ...]] = {
    "genre": ("rock", "indie pop"),
    "mood": ("happy", "warm"),
    "instruments": ("guitar", "drums"),
    "tempo_bpm": ("120",),
    "key": ("F# minor",),
    "summary": ("A happy song, it's nice.",),
}
WHOLE = json.dumps(
    {
        "genre": ["rock", "indie pop"], "mood": ["happy", "warm"], "instruments": ["guitar", "drums"],
        "tempo_bpm": 120, "key": "F# minor", "summary": "A happy song, it's nice.",
    }
)  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        WHOLE,
        f"Sure! Here is the object:\n```json\n{WHOLE}\n```\nI hope that helps.",
        f"<think>Key: it may be E major?</think>{WHOLE}",
        json.dumps(json.loads(WHOLE), indent=4),
        WHOLE.replace('"', "'"),
        WHOLE.removesuffix("}"),
        WHOLE.removeprefix("{"),
        WHOLE.replace("]", ""),
        WHOLE.replace("[", "").replace("]", ""),
        WHOLE.replace("]", ",]").replace("}", ",}"),
        WHOLE.replace('", "', '" "'),
        "[" * 50 + WHOLE + "}" * 50,
        json.dumps({"result": json.loads(WHOLE)}),
        WHOLE + WHOLE.replace("rock", "jazz").replace("120", "90"),
        "genre: rock, indie pop\nmood: happy, warm\ninstruments: guitar, drums\ntempo_bpm: 120\nkey: F# minor\n"
        "summary: 'A happy song, it's nice.'",
    ],
    ids=[
        "whole", "text around it", "thought before it", "indented", "single quotes", "no last bracket",
        "no first bracket", "lists that do not end", "no lists", "trailing commas", "missing commas",
        "too many brackets", "nested", "said twice", "no JSON at all",
    ],
)  # fmt: skip
def test_a_reply_is_read_however_it_is_broken(reply: str) -> None:
    assert read_facts(reply).values == VALUES


@pytest.mark.parametrize("end", range(1, len(WHOLE)))
def test_what_is_read_of_a_reply_that_was_cut_off_is_a_part_of_what_the_whole_says(end: int) -> None:
    facts = read_facts(WHOLE[:end], truncated=True)
    for key in VALUES:
        whole = read_facts(WHOLE).text(key)
        assert whole.startswith(facts.text(key).rstrip("\\"))
        if key != "summary":  # of which the last whole sentence is kept
            assert facts.text(key) in {"", *(", ".join(VALUES[key][:n]) for n in range(1, 3))}


def test_a_list_that_is_nested_in_a_value_belongs_to_it() -> None:
    facts = read_facts('{"genre": {"primary": "rock", "other": ["blues"]}, "mood": "calm"}')
    assert (facts.text("genre"), facts.text("mood")) == ("rock, blues", "calm")


def test_of_a_key_that_stands_there_twice_the_first_with_a_value_counts() -> None:
    assert read_facts('{"genre": [], "genre": ["rock"], "genre": ["jazz"]}').text("genre") == "rock"


def test_forgotten_quotes_do_not_take_the_next_key_along() -> None:
    assert read_facts('{"key": "A minor, "mood": "happy"}').text("mood") == "happy"


def test_quotes_within_a_text_need_not_be_escaped() -> None:
    assert read_facts('{"summary": "A "wall of sound" with drums.", "key": "C major"}').text("summary") == (
        'A "wall of sound" with drums.'
    )


@pytest.mark.parametrize(
    ("tempo", "key", "claim"),
    [
        ("120", '"F# minor"', "120 BPM, in F# minor."),
        ('"around 98.5 BPM"', '"Key of E-flat major"', "98.5 BPM, in Eb major."),
        ('"slow"', '"Am"', "in A minor."),
        ("null", '"unknown"', None),
        ("5", '"a mix of keys"', None),
    ],
)
def test_tempo_and_key_become_a_claim_where_they_can_be_read(tempo: str, key: str, claim: str | None) -> None:
    assert read_facts(f'{{"tempo_bpm": {tempo}, "key": {key}}}').claim == claim


@pytest.mark.parametrize("reply", ["", "This is a rock song in E minor.", "null", "[[[[", "I cannot do that.", "{}"])
def test_prose_holds_no_values(reply: str) -> None:
    assert read_facts(reply).values == {}


@pytest.mark.parametrize(
    "pattern", ["[", '"', "'", '{"genre":', "\\", '"a', "'a ", "a ", "“", "a:b ", '"\n', '"x" y', '"genre": "', "]{,:"]
)
def test_of_40000_characters_no_more_is_made_than_they_hold(pattern: str) -> None:
    reply = (pattern * 40_000)[:40_000]
    facts = read_facts(reply + WHOLE)
    assert sum(len(text) for texts in facts.values.values() for text in texts) <= len(reply)


@pytest.mark.parametrize("value", ["null", '"null"', "None", '"unknown"', '"N/A"', "[]", '""', "true"])
def test_a_value_that_says_that_there_is_none_is_none(value: str) -> None:
    facts = read_facts(f'{{"genre": "rock", "summary": {value}, "key": {value}, "mood": [{value}]}}')
    assert facts.values == {"genre": ("rock",)}
    assert facts.claim is None


def test_words_of_the_question_are_no_answer() -> None:
    prompt = merged_prompt("music-flamingo")
    assert prompt is not None
    copied = '{"genre": "list of genre names", "instruments": ["list of the instruments that are played", "piano"]}'
    assert read_facts(copied, prompt=prompt[1]).values == {"instruments": ("piano",)}
