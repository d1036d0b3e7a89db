"""The words of the prompts: every production claims what its fact says, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product

import pytest

from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, SUM_KINDS, StemKind
from flamingo_bark_assets.prompts.details import HAVING, JOINING, closed, joined
from flamingo_bark_assets.prompts.facts import OTHERS, stem_slots
from flamingo_bark_assets.prompts.grammar import Choices, Wording, expand, expand_all, filled, unlike, with_article
from flamingo_bark_assets.prompts.opening import Subject, openings
from flamingo_bark_assets.prompts.phrasebook_mix import ADDING, AT_TEMPO, IN_KEY, MIX, NOUNS, OPENINGS, PLAYED, PLAYING
from flamingo_bark_assets.prompts.phrasebook_stems import (
    BY_NAME,
    ISOLATED,
    OF,
    SEPARATED,
    SEPARATED_BY_NAME,
    STEMS,
    TAKEN,
)

Claims = frozenset[tuple[str, str, bool]]

MIX_SLOTS = {"bpm": "128", "key": "E minor", "metre": "3/4"}
STEM_SLOTS = {"pieces": "kick, snare and hi-hat", "chords": "E minor, C major and G major seventh"}
OF_MIX: Mapping[tuple[str, str], frozenset[tuple[str, str]]] = {
    ("pace", "very slow"): frozenset({("pace", "slow")}),
    ("pace", "slow"): frozenset({("pace", "slow")}),
    ("pace", "moderate"): frozenset({("pace", "moderate")}),
    ("pace", "fast"): frozenset({("pace", "fast")}),
    ("pace", "very fast"): frozenset({("pace", "fast")}),
    ("tempo", "known"): frozenset({("tempo", "128")}),
    ("key", "known"): frozenset({("key", "E minor")}),
    ("metre", "known"): frozenset({("metre", "3/4")}),
    ("swing", "swung"): frozenset({("swing", "swung")}),
    ("swing", "straight"): frozenset({("swing", "straight")}),
    ("steadiness", "steady"): frozenset({("steadiness", "steady")}),
    ("steadiness", "free"): frozenset({("steadiness", "free")}),
    ("loudness", "quiet"): frozenset({("loudness", "quiet")}),
    ("loudness", "moderately loud"): frozenset({("loudness", "loud")}),
    ("loudness", "loud"): frozenset({("loudness", "loud")}),
    ("loudness", "very loud"): frozenset({("loudness", "loud")}),
    ("dynamics", "narrow"): frozenset({("dynamics", "compressed")}),
    ("dynamics", "wide"): frozenset({("dynamics", "dynamic")}),
    ("brightness", "dark"): frozenset({("brightness", "dark")}),
    ("brightness", "bright"): frozenset({("brightness", "bright")}),
    ("stereo", "mono"): frozenset({("stereo", "mono")}),
    ("stereo", "narrow"): frozenset({("stereo", "narrow"), ("stereo", "stereo")}),
    ("stereo", "medium"): frozenset({("stereo", "stereo")}),
    ("stereo", "wide"): frozenset({("stereo", "wide"), ("stereo", "stereo")}),
}
"""What the checker may read in a text about a fact of the mix; of all others nothing."""
OF_STEM: Mapping[tuple[str, str], frozenset[tuple[str, str]]] = {
    ("drum kit", "known"): frozenset({("instrument", "kick"), ("instrument", "snare"), ("instrument", "hi-hat")}),
    ("kick", "four on the floor"): frozenset({("instrument", "kick"), ("kick_pattern", "four on the floor")}),
    ("snare", "backbeat"): frozenset({("instrument", "snare")}),
    ("hi-hat", "eighths"): frozenset({("instrument", "hi-hat")}),
    ("hi-hat", "sixteenths"): frozenset({("instrument", "hi-hat")}),
    ("hi-hat", "off-beats"): frozenset({("instrument", "hi-hat")}),
    ("drum syncopation", "syncopated"): frozenset({("syncopation", "syncopated")}),
    ("vocal register", "low"): frozenset({("register", "low")}),
    ("vocal register", "middle"): frozenset({("register", "middle")}),
    ("vocal register", "high"): frozenset({("register", "high")}),
    ("vocal register", "very high"): frozenset({("register", "high")}),
    ("vocal range", "narrow"): frozenset({("range", "narrow")}),
    ("vocal range", "wide"): frozenset({("range", "wide")}),
    ("main chords", "known"): frozenset(("chord", name) for name in ("E minor", "C major", "G major")),
    ("ghost notes", "many"): frozenset({("instrument", "snare")}),
    ("bass and kick", "locked"): frozenset({("instrument", "kick")}),
}
"""The same of a stem, beside its own name."""
NAMES: Mapping[StemKind, frozenset[tuple[str, str]]] = {
    "drums": frozenset({("instrument", "drums")}),
    "bass": frozenset({("instrument", "bass")}),
    "vocals": frozenset({("vocals", "vocals")}),
    "guitar": frozenset({("instrument", "guitar")}),
    "piano": frozenset({("instrument", "piano")}),
    "harmonic": frozenset(),
    "instrumental": frozenset(),
}
KINDS_OF_TOPIC: Mapping[str, tuple[StemKind, ...]] = {
    "presence": STEM_KINDS,
    "density": tuple(kind for kind in STEM_KINDS if kind not in SUM_KINDS),
    "tone": ("vocals", "guitar", "piano", "harmonic", "instrumental"),
    **dict.fromkeys(
        ("bass register", "bass notes", "bass articulation", "bass and kick", "bass and chords"), ("bass",)
    ),
    **dict.fromkeys(("vocal register", "vocal range"), ("vocals",)),
    "sustain": ("guitar", "piano", "harmonic"),
    **dict.fromkeys(("stem harmony", "main chords", "sevenths"), ("guitar", "piano", "harmonic", "instrumental")),
}  # fmt: skip
"""Whose topics they are; all others are of drums."""


def found(text: str) -> frozenset[tuple[str, str]]:
    """What the checker reads; a denial is never meant."""
    claims = find_claims(text)
    assert not [claim for claim in claims if claim.negated], text
    return frozenset((claim.kind, claim.value) for claim in claims)


def templates(wording: Wording) -> list[str]:
    return expand_all([*wording.clauses, *(f"it has {noun}" for noun in wording.nouns), *wording.tags])


def of_stems() -> Iterator[tuple[tuple[str, str], StemKind]]:
    for key in STEMS:
        for kind in KINDS_OF_TOPIC.get(key[0], ("drums",)):
            yield key, kind


@pytest.mark.parametrize("key", MIX, ids="/".join)
def test_every_wording_of_a_mix_claims_its_fact_alone(key: tuple[str, str]) -> None:
    for text in templates(MIX[key]):
        assert found(closed(filled(text, MIX_SLOTS))) <= OF_MIX.get(key, frozenset()), text
    for adjective, noun in product(expand_all(MIX[key].adjectives), NOUNS):
        text = f"{with_article(adjective)} {noun}"
        assert found(text) <= OF_MIX.get(key, frozenset()), text


@pytest.mark.parametrize(("key", "kind"), list(of_stems()), ids=str)
def test_every_wording_of_a_stem_claims_its_fact_alone(key: tuple[str, str], kind: StemKind) -> None:
    slots = {**stem_slots(kind), **STEM_SLOTS}
    for text in templates(STEMS[key]):
        told = closed(filled(text, slots))
        assert found(told) <= OF_STEM.get(key, frozenset()) | NAMES[kind], told


@pytest.mark.parametrize("last", ["kick", "snare", "hi-hat", "toms"])
def test_drums_that_are_listed_claim_the_same_whichever_is_last(last: str) -> None:
    slots = {**stem_slots("drums"), "pieces": f"hi-hat and {last}"}
    for text in expand_all(STEMS["drum kit", "known"].clauses):
        claimed = found(closed(filled(text, slots)))
        assert {kind for kind, _ in claimed} == {"instrument"}, filled(text, slots)


def test_how_high_a_bass_lies_is_not_claimed_of_the_voice_behind_it() -> None:
    for key, wording in STEMS.items():
        if key[0] == "bass register":
            for text in expand_all(wording.tags):
                told = f"{filled(text, stem_slots('bass'))}, vocals most of the time"
                assert found(told) == NAMES["bass"] | NAMES["vocals"], told


def test_the_rest_is_called_so_beside_others() -> None:
    for key, kind in of_stems():
        if kind == "harmonic":
            for text in expand_all(STEMS[key].clauses):
                told = closed(filled(text, {**stem_slots(kind), **STEM_SLOTS, "the": OTHERS}))
                assert found(told) <= OF_STEM.get(key, frozenset()), told


@pytest.mark.parametrize(
    ("said", "template", "kept"),
    [
        ("a slow-paced piece", "paced at <bpm> BPM", False), ("a slow piece", "paced at <bpm> BPM", True),
        ("a mid-tempo piece", "with a tempo of <bpm> BPM", False), ("an isolated take of bass", "taken from it", False),
        ("a piece with strings", "with <key> as its key", True),
    ],
)  # fmt: skip
def test_an_opening_repeats_no_word(said: str, template: str, kept: bool) -> None:
    assert (template in unlike([template, "at <bpm> BPM"], said)) is kept
    assert unlike(["with a tempo of <bpm> BPM"], "a mid-tempo piece") == ["with a tempo of <bpm> BPM"]


@pytest.mark.parametrize(
    ("one", "other", "second"),
    [
        ("notes of the bass are few", "notes of the bass are long", "they are long"),
        ("the bass plays deep", "the bass uses few notes", "it uses few notes"),
        (f"{OTHERS} run throughout", f"{OTHERS} are mellow", "they are mellow"),
        ("the bass plays deep", "notes of the bass are few", "notes of the bass are few"),
    ],
)  # fmt: skip
def test_a_subject_that_two_clauses_have_is_a_pronoun_in_the_second(one: str, other: str, second: str) -> None:
    assert joined(one, other, Choices("a"), "x").endswith(second)


def test_one_instrument_is_joined_with_nothing() -> None:
    alone, both = (Subject({}, genres=("metal",), instruments=names) for names in (("drums",), ("drums", "synth")))
    joining = re.compile("combines|joins|brings together|come together|meet in")
    told = [next(openings(alone, Choices(str(i)), details=0)).text for i in range(200)]
    assert not [text for text in told if joining.search(text)]
    assert any(joining.search(next(openings(both, Choices(str(i)), details=0)).text) for i in range(200))


def test_key_and_tempo_are_read_in_every_way_in_which_an_opening_tells_them() -> None:
    for noun, tempo, key, order in product(NOUNS, expand_all(AT_TEMPO), expand_all(IN_KEY), (0, 1)):
        phrases = [tempo, key] if order else [key, tempo]
        text = filled(f"a {noun} {phrases[0]}, {phrases[1]}", MIX_SLOTS)
        assert found(text) == {("tempo", "128"), ("key", "E minor")}, text


def test_openings_claim_what_plays_and_nothing_else() -> None:
    names = "drums, bass and vocals"
    expected = {("instrument", "drums"), ("instrument", "bass"), ("vocals", "vocals")}
    for prefix, played, noun in product(OPENINGS, expand_all(PLAYED), NOUNS):
        text = f"{prefix}a {noun} {filled(played, {'instruments': names})}"
        assert found(text) == expected, text
    for verb, noun in product(expand_all(PLAYING), NOUNS):
        assert found(f"{names} {verb} a {noun}") == expected
    for isolated, taken, noun in product(expand_all((*ISOLATED, *SEPARATED)), TAKEN, NOUNS):
        text = filled(f"{isolated} {taken}", {"kinds": names, "their": "their", "whole": f"a {noun}"})
        assert found(text) == expected, text


def test_an_opening_that_names_an_instrumental_denies_the_voice_at_most() -> None:
    named = expand_all((*BY_NAME, *SEPARATED_BY_NAME))
    for alone, taken, noun in product(named, OF, NOUNS):
        text = filled(f"{alone} {taken}", {"alone": "instrumental", "whole": f"a {noun}"})
        assert {(claim.kind, claim.negated) for claim in find_claims(text)} <= {("vocals", True)}, text


def test_noun_phrases_claim_the_same_behind_a_track() -> None:
    for key, wording in MIX.items():
        for text, adding, noun in product(expand_all(wording.nouns), ADDING[:-1], NOUNS):
            told = filled(f"a {noun} {adding}", {"detail": filled(text, MIX_SLOTS)})
            assert found(told) <= OF_MIX.get(key, frozenset()), told


def one_of_each() -> list[tuple[str, frozenset[tuple[str, str]]]]:
    """One text of every template, with what it may claim; for stems of every kind that it may be about."""
    rows = [
        (filled(expand(text)[0], MIX_SLOTS), OF_MIX.get(key, frozenset()))
        for key, wording in MIX.items()
        for text in wording.clauses
    ]
    for key, kind in of_stems():
        slots = {**stem_slots(kind), **STEM_SLOTS}
        for text in STEMS[key].clauses:
            rows.append((filled(expand(text)[-1], slots), OF_STEM.get(key, frozenset()) | NAMES[kind]))
    return rows


def test_two_clauses_in_one_sentence_claim_no_more_than_each() -> None:
    rows = one_of_each()
    choices = Choices("pairs")
    for number, (one, its) in enumerate(rows):
        for other, others in choices.shuffled(rows, str(number))[:15]:
            text = closed(choices.one(JOINING, one + other).format(one, other))
            assert found(text) <= its | others, text


def test_two_noun_phrases_in_one_sentence_claim_no_more_than_each() -> None:
    rows = [
        (filled(expand(text)[0], MIX_SLOTS), OF_MIX.get(key, frozenset()))
        for key, wording in MIX.items()
        for text in wording.nouns
    ]
    choices = Choices("pairs")
    for number, (one, its) in enumerate(rows):
        for other, others in choices.shuffled(rows, str(number))[:15]:
            text = closed(choices.one(HAVING, one + other).format(one, other))
            assert found(text) <= its | others, text


def test_synonyms_of_one_value_are_all_different() -> None:
    for wording in (*MIX.values(), *STEMS.values()):
        for texts in (wording.clauses, wording.nouns, wording.adjectives, wording.tags):
            expanded = expand_all(texts)
            assert len(set(expanded)) == len(expanded)


def test_choices_are_the_same_everywhere() -> None:
    """The figures were computed by sha256sum: the first 8 bytes of the digest of seed, record separator and name."""
    assert Choices("song", "full_track", "tags", "").digest == Choices("song", "full_track", "tags", "").digest
    assert Choices("a", "b").digest != Choices("ab", "").digest
    assert Choices("a").one(range(1000), "x") == int("c01e882b80a00fd4", 16) % 1000


def test_a_weight_of_nothing_is_never_chosen() -> None:
    chosen = {Choices(str(i)).weighted({"a": 0.0, "b": 1.0, "c": 3.0}, "x") for i in range(200)}
    counts = [Choices(str(i)).weighted({"a": 0.0, "b": 1.0, "c": 3.0}, "x") for i in range(2000)].count("b")
    assert chosen == {"b", "c"}
    assert 400 < counts < 600


@pytest.mark.parametrize(
    ("text", "expected"),
    [("up-tempo", "an up-tempo"), ("R&B track", "an R&B track"), ("Rock", "a Rock"), ("house", "a house"),
     ("electronic", "an electronic"), ("Eurodance", "a Eurodance"), ("8-bit", "an 8-bit"), ("uptempo", "an uptempo")],
)  # fmt: skip
def test_articles(text: str, expected: str) -> None:
    assert with_article(text) == expected


def test_the_article_follows_the_alternative_that_is_chosen() -> None:
    assert [filled(text, {}) for text in expand("a {steady|even|uniform} beat")] == [
        "a steady beat", "an even beat", "a uniform beat",
    ]  # fmt: skip


def test_every_kind_of_stem_has_the_slots_of_its_wordings() -> None:
    for key, kind in of_stems():
        slots = {**stem_slots(kind), **STEM_SLOTS}
        for text in templates(STEMS[key]):
            assert "<" not in filled(text, slots)
    assert set(NAMES) == set(KINDS)
