"""The forms of the prompts: what each tells, that it is true, short enough and different from its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.analysis.features.drums import DrumPattern
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.song_toml import Edits
from flamingo_bark_assets.parts import KINDS, STEM_KINDS
from flamingo_bark_assets.prompts.edits import apply_prompt_edits
from flamingo_bark_assets.prompts.forms import FORMS
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts, build_prompts, form_weights, put_tag, tag_of
from flamingo_bark_assets.settings import FormWeights, PromptSettings
from flamingo_bark_assets.text import non_space_length
from flamingo_bark_assets.training.suitability import tag_rules
from tests.benchmarks.texts import mask, overlap
from tests.evidence import make_evidence, measured, row, without_stems

FIGURES = re.compile(r"\d\.\d|\bLUFS\b|\bHz\b|\bdB\w*\b|\d\s?%")


def prompts_of(evidence: Evidence, captions: Captions | None = None, **changes: Any) -> TrainingPrompts:
    chosen = PromptSettings(**changes)
    return build_prompts(evidence, captions or MeasuredCaptioner(chosen).describe(evidence, silent), chosen)


def silent(part: str) -> Any:
    raise AssertionError(part)


def texts(result: TrainingPrompts, name: str = "full_track") -> dict[str, str]:
    return {p.form: p.combined_prompt for p in result.prompts if p.prompt == name}


def answered(source: str, song_id: str = "song", **labels: str) -> Captions:
    """Answers about the mix by question."""
    answers = tuple(
        Answer(part="mix", question=question, text=text, source=source, captioner=source, is_fallback=False)
        for question, text in labels.items()
    )
    return Captions(song_id=song_id, captioner=source, is_fallback=False, answers=answers)


def conflicts(prompt: Prompt, evidence: Evidence) -> Iterator[str]:
    part: Any = prompt.parts if prompt.type == "stem" else "mix"
    for claim in check_claims(part, "caption", prompt.combined_prompt, evidence, PromptSettings().min_claim_confidence):
        if claim.verdict == "conflict":
            yield f"{claim.said} ({claim.measured}): {prompt.combined_prompt}"


def test_each_prompt_stands_in_every_form_with_a_seed_of_its_own() -> None:
    result = prompts_of(make_evidence())
    rows = [(p.prompt, p.form) for p in result.prompts]
    assert len(set(rows)) == len(rows) == 15 * 4
    assert len({p.seed for p in result.prompts}) == len(rows)


def test_the_same_song_gives_the_same_bytes_and_its_neighbour_others() -> None:
    one, again, other = (prompts_of(make_evidence(name)) for name in ("song-1", "song-1", "song-2"))
    assert one == again
    for form in FORMS:
        assert texts(one)[form] != texts(other)[form]


def test_forty_songs_of_one_sound_are_told_in_forty_ways() -> None:
    written = [texts(prompts_of(make_evidence(f"song-{i}"))) for i in range(40)]
    captions = MeasuredCaptioner().describe(make_evidence(), silent)
    for form in FORMS:
        masked = [mask(told[form], captions) for told in written]
        assert len(set(masked)) == 40
        assert overlap(masked) < 0.2  # They have every fact in common: real songs have less.


@pytest.mark.parametrize("form", FORMS)
def test_no_text_to_train_on_holds_a_figure_that_nobody_would_say(form: str) -> None:
    for p in prompts_of(make_evidence()).prompts:
        if p.form == form:
            assert not FIGURES.search(p.combined_prompt + p.style_prompt)
    assert FIGURES.search(prompts_of(make_evidence()).prompts[0].technical_prompt)


def test_nothing_is_said_twice() -> None:
    for i in range(20):
        for p in prompts_of(make_evidence(f"song-{i}")).prompts:
            claims = [
                (c.kind, c.value) for c in find_claims(p.combined_prompt) if c.kind not in {"instrument", "vocals"}
            ]
            assert len(claims) == len(set(claims)), p.combined_prompt
            assert len(re.findall(r"121 BPM|E minor(?! )", p.combined_prompt)) <= 3


def test_a_prompt_of_several_parts_tells_of_each_of_them() -> None:
    for i in range(12):
        for p in prompts_of(make_evidence(f"song-{i}")).prompts:
            if p.type != "multi_instrument" or p.form == "sentence":
                continue
            behind = p.combined_prompt.split(". ", 1)[1] if p.form != "tags" else p.combined_prompt
            for kind in p.parts.split("+"):
                names = {"harmonic": "instruments"}.get(kind, kind)
                pieces = "|kick|snare|hi-hat" if kind == "drums" else ""
                assert re.search(rf"\b{names}\b{pieces}", behind, re.IGNORECASE), p.combined_prompt


@pytest.mark.parametrize("budget", [60, 100, 180, 256, 400])
def test_every_form_keeps_to_the_budget(budget: int) -> None:
    for p in prompts_of(make_evidence(), max_non_space_characters=budget).prompts:
        assert 0 < non_space_length(p.combined_prompt) <= budget
        assert p.combined_prompt[0].isupper() or p.form == "tags"


@pytest.mark.parametrize(
    ("song", "absent"),
    [
        ({"tempo_bpm": measured(121.0, 0.65)}, r"BPM|\bfast|tempo\b|brisk|quick"),
        ({"key": measured("E minor", 0.5)}, r"E minor(?! |,)"),
        ({"metre": measured("3/4", 0.7)}, r"3/4"),
        ({"mode_name": measured("dorian", 0.6)}, r"Dorian"),
    ],
)  # fmt: skip
def test_what_is_less_sure_than_its_calibrated_limit_is_left_out(song: dict[str, Any], absent: str) -> None:
    for i in range(20):
        for text in texts(prompts_of(make_evidence(f"song-{i}", kinds=(), song=song))).values():
            assert not re.search(absent, text), text


def test_a_sure_mode_takes_the_place_of_the_plain_key() -> None:
    song = {"mode_name": measured("dorian", 0.9), "metre": measured("6/8", 0.9)}
    told = [texts(prompts_of(make_evidence(f"song-{i}", kinds=(), song=song))) for i in range(20)]
    assert all("E Dorian" in text and "E minor" not in text for one in told for text in one.values())
    assert any("6/8" in one["description"] for one in told)


def test_genre_mood_and_instruments_of_any_source_are_used_unless_a_stem_contradicts_them() -> None:
    evidence = make_evidence(silent=("vocals",))
    captions = answered("tagged", genre="Trip Hop", mood="dreamy", instruments="synth, female vocals, drums")
    for text in texts(prompts_of(evidence, captions)).values():
        assert "trip hop" in text
        assert "dreamy" in text
        assert "synth" in text
        assert "vocals" not in text
        assert "harmonic instruments" not in text


def test_a_mood_that_the_measurements_contradict_is_not_used() -> None:
    captions = answered("tagged", genre="rock", mood="slow, dreamy")
    for text in texts(prompts_of(without_stems(), captions)).values():
        assert "slow" not in text


def test_what_a_model_wrote_goes_before_made_sentences_and_is_not_said_again() -> None:
    captions = answered("model", caption="Dreamy pads float over a driving groove in E minor.", genre="ambient")
    told = texts(prompts_of(without_stems(), captions))
    for form in ("sentence", "paragraph", "description"):
        assert "Dreamy pads float over a driving groove in E minor." in told[form]
        assert told[form].count("E minor") == 1
    assert "ambient" in told["paragraph"]
    assert "Dreamy" not in told["tags"]


def test_hand_edits_win_over_every_form_or_over_one() -> None:
    result = prompts_of(make_evidence())
    edits = Edits(prompts={"full_track": "All mine.", "full_track/tags": "mine, all"})
    edited = apply_prompt_edits(result, edits)
    assert texts(edited) == {**dict.fromkeys(FORMS, "All mine."), "tags": "mine, all"}
    assert texts(edited, "stem:bass") == texts(result, "stem:bass")


def test_form_weights_are_shares() -> None:
    chosen = PromptSettings(form_weights=FormWeights(tags=0, sentence=1, paragraph=2, description=1))
    assert form_weights(chosen) == {"tags": 0.0, "sentence": 0.25, "paragraph": 0.5, "description": 0.25}
    with pytest.raises(ValueError, match="every form has the weight 0"):
        FormWeights(tags=0, sentence=0, paragraph=0, description=0)


@pytest.mark.parametrize(
    ("position", "shape"),
    [("prepend", r"zxcv, .+"), ("append", r".+[,.] zxcv"), ("replace", r"zxcv")],
)
def test_the_custom_tag_stands_where_it_is_asked_for_within_the_budget(position: Any, shape: str) -> None:
    chosen = PromptSettings(custom_tag="zxcv", custom_tag_position=position)
    evidence = make_evidence()
    made = build_prompts(evidence, MeasuredCaptioner().describe(evidence, silent), chosen)
    for p in put_tag(made, tag_of(evidence, chosen)).prompts:
        assert re.fullmatch(shape, p.combined_prompt)
        assert non_space_length(p.combined_prompt) <= chosen.max_non_space_characters
        assert (p.custom_tag, p.held_tag) == ("zxcv", False)


def test_the_tag_of_a_song_goes_before_that_of_the_library() -> None:
    own = make_evidence(metadata={"custom_tag": "mine", "custom_tag_position": "append"})
    tag = tag_of(own, PromptSettings(custom_tag="ours"))
    assert tag is not None
    assert (tag.word, tag.position) == ("mine", "append")
    assert tag_of(make_evidence(), PromptSettings()) is None


def test_the_check_names_texts_that_hold_the_tag_by_themselves_or_lack_it() -> None:
    chosen = PromptSettings(custom_tag="drums")
    evidence = make_evidence()
    made = put_tag(
        build_prompts(evidence, MeasuredCaptioner().describe(evidence, silent), chosen), tag_of(evidence, chosen)
    )
    lacking, held = tag_rules(made)
    assert (lacking.passed, held.passed) == (True, False)
    assert "hold the custom tag drums by themselves" in (held.reason or "")
    broken = replace(made, prompts=(replace(made.prompts[0], combined_prompt="nothing"), *made.prompts[1:]))
    assert tag_rules(broken)[0].value == 1.0
    assert tag_rules(prompts_of(evidence)) == ()


# Truth over made evidence


def values(**ranges: tuple[float, float]) -> Any:
    return st.fixed_dictionaries({name: st.floats(low, high) | st.none() for name, (low, high) in ranges.items()})


SONGS = values(
    tempo_bpm=(40, 200), tempo_stability=(0.5, 1), loudness_integrated_lufs=(-40, -5), dynamic_range_db=(1, 25),
    spectral_centroid_hz=(500, 8000), onset_density_hz=(0.2, 10), energy=(0, 1), stereo_width=(0, 0.6),
    sub_energy_share=(0, 0.5), bass_energy_share=(0, 0.5), low_mid_energy_share=(0, 0.5), mid_energy_share=(0, 0.5),
    chord_change_rate_hz=(0, 2), swing_ratio=(0.5, 0.7),
)  # fmt: skip
DRUMS = values(
    onset_density_hz=(0, 9), active_fraction=(0.02, 1), kick_snare_syncopation=(0, 8), pattern_repetition=(0, 1),
    timing_spread_ms=(0, 30), ghost_note_share=(0, 1),
)  # fmt: skip
PRESENT = st.fixed_dictionaries({f"{d}_present": st.booleans() | st.none() for d in ("kick", "snare", "hihat", "tom")})
BASS = values(
    onset_density_hz=(0, 9), active_fraction=(0.02, 1), sustain_s=(0.05, 2), legato=(0, 1), kick_lock=(0, 1),
    root_share=(0, 1),
)  # fmt: skip
PATTERNS = tuple(
    row(DrumPattern, drum=drum, steps=16, pattern=pattern, bar_share=0.9)
    for drum, pattern in (("kick", "x...x...x...x..."), ("snare", "....x.......x..."), ("hihat", "x.x.x.x.x.x.x.x."))
)


@settings(max_examples=40, deadline=None)
@given(
    name=st.integers(0, 10**6), song=SONGS, drums=DRUMS, present=PRESENT, bass=BASS,
    kinds=st.sets(st.sampled_from(STEM_KINDS)), silenced=st.sets(st.sampled_from(STEM_KINDS), max_size=2),
    key=st.sampled_from(["A minor", "A major", "F# minor", "A# major", "C major"]) | st.none(),
    mode=st.sampled_from(["dorian", "mixolydian", "minor"]) | st.none(),
    metre=st.sampled_from(["4/4", "3/4", "6/8"]) | st.none(), mono=st.booleans(),
)  # fmt: skip
def test_no_text_of_any_measurements_contradicts_them(
    name: int, song: dict[str, Any], drums: dict[str, Any], present: dict[str, Any], bass: dict[str, Any],
    kinds: set[Any], silenced: set[Any], key: str | None, mode: str | None, metre: str | None, mono: bool,
) -> None:  # fmt: skip
    there = {kind: values for kind, values in (("drums", {**drums, **present, "drum_patterns": PATTERNS}),
                                               ("bass", bass)) if kind in kinds - silenced}  # fmt: skip
    evidence = make_evidence(
        f"song-{name}", kinds=kinds, silent=silenced & kinds,
        song={**song, "key": key, "mode_name": mode, "metre": metre}, raw_song={"is_mono": mono}, **there,
    )  # fmt: skip
    for p in prompts_of(evidence).prompts:
        assert not list(conflicts(p, evidence))
        assert non_space_length(p.combined_prompt) <= PromptSettings().max_non_space_characters
        assert "<" not in p.combined_prompt
        assert "\x1f" not in p.combined_prompt


def test_subjects_agree_with_their_verbs() -> None:
    for kind in KINDS:
        evidence = make_evidence(kinds=(kind,))
        for p in prompts_of(evidence).prompts:
            subject = KINDS[kind].subject
            wrong = r"(plays|sounds|uses|is)\b" if KINDS[kind].plural else r"(play|sound|use|are)\b"
            assert not re.search(rf"(?:^|[.;] |and |while |whereas )(?i:{subject}) {wrong}", p.combined_prompt), (
                p.combined_prompt
            )
