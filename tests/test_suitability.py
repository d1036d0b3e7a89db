"""How a song and its stems are judged: each rule at its limit, and what a bad stem does to its song.

The judgement is specified here; the measurements that it reads are made by hand.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import WHOLE_KINDS, StemKind
from flamingo_bark_assets.settings import Thresholds
from flamingo_bark_assets.training.suitability import RuleResult, Verdict, judge
from tests.evidence import (
    make_evidence,
    make_stem,
    measured,
    unknown,
    unusable_song,
    with_separated_stems,
    with_silent_stem,
    without_stems,
)

LIMITS = Thresholds()
SO_SO = {"residual_db": -14.0, "fitted_residual_db": -14.5}
"""Residuals that are allowed, and too large to vouch for a stem of another length."""


def verdict_of(evidence: Evidence, **limits: Any) -> Verdict:
    return judge(evidence, Thresholds(**limits))


def rule(verdict: Verdict, subject: str, name: str) -> RuleResult:
    (found,) = [r for r in verdict.rules if (r.subject, r.rule) == (subject, name)]
    return found


def names(verdict: Verdict, subject: str) -> set[str]:
    return {r.rule for r in verdict.rules if r.subject == subject}


def with_stems(*stems: Any, **values: Any) -> Evidence:
    return make_evidence(stems={"stems": stems, **values})


def test_a_good_song_with_four_good_stems_is_suitable() -> None:
    verdict = verdict_of(make_evidence())
    assert verdict.suitable
    assert verdict.reasons is None
    assert verdict.suitable_kinds == WHOLE_KINDS
    assert all(r.passed and r.reason is None for r in verdict.rules)


def test_a_song_without_stems_is_fit_and_the_verdict_says_what_would_make_more_of_it() -> None:
    verdict = judge(make_evidence(kinds=()), Thresholds())
    assert verdict.suitable
    assert str(verdict.advice).startswith("it has no stems, so only the full track is described and trained on; put ")
    assert judge(make_evidence(), Thresholds()).advice is None


def test_every_rule_of_song_and_stem_is_reported() -> None:
    verdict = verdict_of(make_evidence())
    assert names(verdict, "song") == {
        "readable", "min_duration", "max_duration", "not_truncated", "sample_rate", "bandwidth", "clipping",
        "silence", "noise_floor", "measurable", "dynamic_range", "analysis_confidence", "stems_in_time", "residual",
    }  # fmt: skip
    assert names(verdict, "drums") == {
        "readable", "belongs", "as_named", "undoubted", "audible", "silence", "clipping", "length_difference", "lag",
    }  # fmt: skip


def test_no_two_rows_have_the_same_key() -> None:
    verdict = verdict_of(with_stems(make_stem("drums"), make_stem("drums", file_name="kit.wav")))
    keys = [(r.subject, r.rule) for r in verdict.rules]
    assert len(keys) == len(set(keys))


def test_an_unreadable_song_has_one_failed_rule_with_the_reason() -> None:
    verdict = verdict_of(unusable_song(reason="song.wav: not a sound file"))
    assert not verdict.suitable
    assert verdict.suitable_stems == ""
    assert verdict.reasons == "song.wav: not a sound file"
    assert [(r.rule, r.value, r.passed, r.reason) for r in verdict.rules] == [
        ("readable", 0.0, False, "song.wav: not a sound file")
    ]


@pytest.mark.parametrize(
    ("record", "field", "name", "limit", "worse"),
    [
        ("raw_song", "duration_s", "min_duration", LIMITS.min_duration_s, -0.01),
        ("raw_song", "duration_s", "max_duration", LIMITS.max_duration_s, 0.1),
        ("raw_song", "sample_rate_hz", "sample_rate", int(LIMITS.min_sample_rate_hz), -1),
        ("raw_song", "bandwidth_hz", "bandwidth", LIMITS.min_bandwidth_hz, -1.0),
        ("raw_song", "clipped_fraction", "clipping", LIMITS.max_clipped_fraction, 0.0001),
        ("raw_song", "silent_fraction", "silence", LIMITS.max_silent_fraction, 0.01),
        ("raw_song", "noise_floor_dbfs", "noise_floor", LIMITS.max_noise_floor_dbfs, 0.1),
        ("song", "dynamic_range_db", "dynamic_range", LIMITS.min_dynamic_range_db, -0.1),
    ],
)
def test_a_rule_holds_at_its_limit_and_fails_just_beyond(
    record: str, field: str, name: str, limit: float, worse: float
) -> None:
    overrides: dict[str, Any] = {"raw_song": {"declared_duration_s": None}}
    at_limit = {**overrides, record: {**overrides.get(record, {}), field: limit}}
    beyond = {**overrides, record: {**overrides.get(record, {}), field: limit + worse}}
    assert rule(verdict_of(make_evidence(**at_limit)), "song", name).passed
    failed = verdict_of(make_evidence(**beyond))
    assert not rule(failed, "song", name).passed
    assert not failed.suitable
    assert failed.reasons == rule(failed, "song", name).reason


def test_a_reason_names_the_value_and_the_limit_in_words() -> None:
    verdict = verdict_of(make_evidence(raw_song={"clipped_fraction": 0.023}))
    assert verdict.reasons == "2.3 % of the samples are clipped; at most 0.1 % is allowed"


def test_a_reason_never_shows_a_value_that_reads_like_the_limit() -> None:
    verdict = verdict_of(make_evidence(raw_song={"clipped_fraction": 0.00100004}))
    assert verdict.reasons == "0.100004 % of the samples are clipped; at most 0.1 % is allowed"


def test_the_reasons_of_several_failed_rules_are_joined() -> None:
    verdict = verdict_of(make_evidence(raw_song={"bandwidth_hz": 4000.0, "sample_rate_hz": 8000}))
    assert verdict.reasons == (
        "the sample rate is 8000 Hz; at least 22050 Hz is needed; "
        "the sound ends at 4000 Hz; it must reach at least 7000 Hz"
    )


def test_an_unknown_value_fails_with_the_measurements_own_reason() -> None:
    verdict = verdict_of(make_evidence(raw_song={"bandwidth_hz": unknown("too short for a spectrum")}))
    result = rule(verdict, "song", "bandwidth")
    assert (result.value, result.passed) == (None, False)
    assert result.reason == "bandwidth is unknown: too short for a spectrum"


def test_the_user_sets_the_limits() -> None:
    evidence = make_evidence(raw_song={"clipped_fraction": 0.02})
    assert not verdict_of(evidence).suitable
    assert verdict_of(evidence, max_clipped_fraction=0.05).suitable


def test_a_file_that_ends_before_its_declared_length_is_truncated() -> None:
    verdict = verdict_of(make_evidence(raw_song={"duration_s": 90.0, "declared_duration_s": 180.0}))
    assert verdict.reasons == ("the file ends 90 s before the length its header declares; at most 0.5 s may be missing")


def test_a_file_longer_than_declared_is_not_truncated() -> None:
    verdict = verdict_of(make_evidence(raw_song={"duration_s": 181.0, "declared_duration_s": 180.0}))
    assert verdict.suitable


def test_without_a_declared_length_truncation_is_not_judged() -> None:
    verdict = verdict_of(make_evidence(raw_song={"declared_duration_s": None}))
    assert "not_truncated" not in names(verdict, "song")
    assert verdict.suitable


def test_a_file_that_is_cut_off_without_a_declared_length_is_truncated() -> None:
    cut = {"declared_duration_s": None, "truncated": "its last page is cut"}
    verdict = verdict_of(make_evidence(raw_song=cut))
    assert not verdict.suitable
    result = rule(verdict, "song", "not_truncated")
    assert (result.value, result.passed) == (None, False)
    assert (verdict.reasons or "").startswith("the file is truncated: its last page is cut; get the whole file")


def test_a_cut_of_a_known_length_is_judged_by_that_length() -> None:
    cut = {"duration_s": 180.4, "declared_duration_s": 180.5, "truncated": "its last frame is cut"}
    assert verdict_of(make_evidence(raw_song=cut)).suitable


def test_a_drone_without_tempo_is_judged_by_its_key_alone() -> None:
    verdict = verdict_of(make_evidence(song={"tempo_bpm": unknown("no onsets"), "key": measured("E minor", 0.8)}))
    assert rule(verdict, "song", "analysis_confidence").value == pytest.approx(0.8)
    assert verdict.suitable


def test_the_confidence_of_tempo_and_key_is_averaged() -> None:
    evidence = make_evidence(song={"tempo_bpm": measured(120.0, 0.1), "key": measured("E minor", 0.2)})
    result = rule(verdict_of(evidence), "song", "analysis_confidence")
    assert result.value == pytest.approx(0.15)
    assert not result.passed


def test_a_song_of_which_neither_tempo_nor_key_is_known_fails_with_both_reasons() -> None:
    evidence = make_evidence(song={"tempo_bpm": unknown("no onsets"), "key": unknown("no pitch")})
    reason = verdict_of(evidence).reasons
    assert reason == "analysis confidence is unknown: tempo: no onsets; key: no pitch"


def test_a_song_without_stems_is_judged_by_its_mix_alone() -> None:
    verdict = verdict_of(without_stems())
    assert verdict.suitable
    assert verdict.suitable_stems == ""
    assert {r.subject for r in verdict.rules} == {"song"}
    assert not names(verdict, "song") & {"stems_in_time", "residual"}


def test_a_silent_stem_is_unfit_and_leaves_the_song_fit() -> None:
    verdict = verdict_of(with_silent_stem("vocals"))
    assert verdict.suitable
    assert verdict.suitable_kinds == ("drums", "bass", "harmonic")
    assert rule(verdict, "vocals", "audible").reason == "no vocals file holds a second of sound above -60 dBFS"


def test_a_stem_that_cannot_be_read_fails_with_its_fault_and_leaves_the_song_fit() -> None:
    broken = make_stem("bass", fault="bass.wav: no sound in it", audible=False, length_difference_s=None)
    verdict = verdict_of(with_stems(make_stem("drums"), broken))
    assert verdict.suitable
    assert verdict.suitable_kinds == ("drums",)
    assert [(r.rule, r.reason) for r in verdict.failed("bass")] == [("readable", "bass.wav: no sound in it")]


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"clipped_fraction": 0.02}, "clipping", "2 % of bass.wav is clipped; at most 0.1 % is allowed"),
        ({"silent_fraction": 0.97}, "silence", "97 % of the bass is silent; at most 90 % is allowed"),
        (
            {"length_difference_s": -0.4},
            "length_difference",
            "bass.wav is 0.4 s shorter than the mix; at most 0.1 s is allowed",
        ),
        (
            {"length_difference_s": 0.4},
            "length_difference",
            "bass.wav is 0.4 s longer than the mix; at most 0.1 s is allowed",
        ),
        ({"lag_s": 0.05}, "lag", "bass.wav is 0.05 s behind the mix; at most 0.01 s is allowed"),
        ({"lag_s": -0.05}, "lag", "bass.wav is 0.05 s ahead of the mix; at most 0.01 s is allowed"),
    ],
)
def test_a_bad_stem_says_what_is_wrong_and_leaves_the_song_fit(changes: dict[str, Any], name: str, reason: str) -> None:
    others = [make_stem(kind) for kind in WHOLE_KINDS if kind != "bass"]
    verdict = verdict_of(with_stems(*others, make_stem("bass", **changes), **SO_SO))
    assert [(r.rule, r.reason) for r in verdict.failed("bass")] == [(name, reason)]
    assert verdict.suitable
    assert "bass" not in verdict.suitable_kinds


def test_a_stem_value_that_is_not_known_fails() -> None:
    verdict = verdict_of(with_stems(make_stem("bass", clipped_fraction=None)))
    assert not rule(verdict, "bass", "clipping").passed


def test_a_stem_value_that_is_not_finite_counts_as_unknown() -> None:
    verdict = verdict_of(with_stems(make_stem("bass", clipped_fraction=math.nan, length_difference_s=math.inf)))
    for name in ("clipping", "length_difference"):
        assert rule(verdict, "bass", name).value is None
        assert not rule(verdict, "bass", name).passed


@pytest.mark.parametrize(
    ("difference_s", "residual_db", "to_the_end_db", "fits"),
    [
        (0.55, -54.0, -54.0, True),
        (60.0, -54.0, -54.0, True),
        (-0.55, -54.0, -17.0, True),
        (-8.0, -54.0, -17.0, False),
        (-8.0, -54.0, -40.0, True),
        (0.55, -14.0, -14.0, False),
    ],
    ids=["padded", "padded by far", "cut", "half cut", "silent to the end", "not explained"],
)
def test_the_residual_and_not_the_length_shows_that_a_stem_fits(
    difference_s: float, residual_db: float, to_the_end_db: float, fits: bool
) -> None:
    stems = [make_stem(kind, length_difference_s=difference_s) for kind in WHOLE_KINDS]
    verdict = verdict_of(with_stems(*stems, residual_db=residual_db, fitted_residual_db=to_the_end_db))
    assert verdict.suitable == fits
    assert verdict.suitable_kinds == (WHOLE_KINDS if fits else ())


def test_where_a_stem_is_found_shows_that_it_fits_whatever_its_tail() -> None:
    vocals = make_stem("vocals", length_difference_s=0.4, mix_match=20.0)
    assert verdict_of(with_stems(vocals, **SO_SO)).suitable_kinds == ("vocals",)


def test_a_delay_that_is_taken_off_is_no_lag() -> None:
    late = [make_stem(kind, lag_s=1105 / 44_100, delay_samples=1105) for kind in WHOLE_KINDS]
    assert verdict_of(with_stems(*late)).suitable_kinds == WHOLE_KINDS


@pytest.mark.parametrize(("found", "name"), [("bleed", "audible"), ("misnamed", "as_named"), ("doubt", "undoubted")])
def test_what_is_found_of_a_stem_makes_it_unfit_and_is_the_reason(found: str, name: str) -> None:
    others = [make_stem(kind) for kind in WHOLE_KINDS if kind != "vocals"]
    vocals = make_stem("vocals", audible=found != "bleed", **{found: "it is {so}"})
    verdict = verdict_of(with_stems(*others, vocals))
    assert verdict.suitable
    assert verdict.suitable_kinds == ("drums", "bass", "harmonic")
    ((rule_name, reason),) = [(r.rule, r.reason) for r in verdict.failed("vocals")]
    assert rule_name == name
    assert "it is {so}" in str(reason)


@pytest.mark.parametrize(
    ("kind", "heard", "reason"),
    [
        (
            "drums", {"drum_kit_probability": 0.01, "kick_present": unknown("no drum kit: held notes")},
            "the drums stem holds no drum kit: held notes",
        ),
        (
            "vocals", {"voice_probability": 0.1, "f0_median_hz": unknown("no voice: an instrument")},
            "the vocals stem holds no voice: an instrument",
        ),
    ],
)  # fmt: skip
def test_a_stem_that_holds_something_else_by_its_sound_is_unfit_and_told_nowhere(
    kind: StemKind, heard: dict[str, Any], reason: str
) -> None:
    overrides: dict[str, Any] = {kind: heard}
    evidence = make_evidence(**overrides)
    assert evidence.sounding_kinds == WHOLE_KINDS
    assert evidence.audible_kinds == tuple(one for one in WHOLE_KINDS if one != kind)
    verdict = verdict_of(evidence)
    assert verdict.suitable
    assert verdict.suitable_kinds == evidence.audible_kinds
    (failed,) = verdict.failed(kind)
    assert (failed.rule, failed.reason) == ("as_named", reason)


def test_a_stem_that_may_be_of_its_kind_is_taken_at_its_name() -> None:
    evidence = make_evidence(drums={"drum_kit_probability": 0.06}, vocals={"voice_probability": None})
    assert verdict_of(evidence).suitable_kinds == evidence.audible_kinds == WHOLE_KINDS


def test_the_cause_of_a_residual_is_its_reason() -> None:
    verdict = verdict_of(make_evidence(stems={"residual_db": -3.0, "cause": "drums.wav was left out"}))
    assert (
        verdict.reasons == "mix minus stems leaves -3 dB of the mix; at most -10 dB is allowed, drums.wav was left out"
    )


def test_an_unsure_lag_is_no_evidence() -> None:
    unsure = [make_stem(kind, lag_s=0.5, lag_confidence=0.1) for kind in WHOLE_KINDS]
    verdict = verdict_of(with_stems(*unsure))
    assert verdict.suitable
    assert verdict.suitable_kinds == WHOLE_KINDS
    assert "lag" not in names(verdict, "bass")


def test_the_worst_file_of_a_kind_counts() -> None:
    guitar = make_stem("harmonic", file_name="guitar.wav", lag_s=0.0)
    piano = make_stem("harmonic", file_name="piano.wav", lag_s=-0.3)
    verdict = verdict_of(with_stems(guitar, piano))
    assert rule(verdict, "harmonic", "lag").value == pytest.approx(0.3)
    assert "piano.wav" in str(rule(verdict, "harmonic", "lag").reason)


def test_an_unknown_value_is_worse_than_any_other_of_its_kind() -> None:
    guitar = make_stem("harmonic", file_name="guitar.wav", clipped_fraction=0.0)
    piano = make_stem("harmonic", file_name="piano.wav", clipped_fraction=None)
    verdict = verdict_of(with_stems(guitar, piano))
    assert rule(verdict, "harmonic", "clipping").reason == ("clipping is unknown: it was not measured of piano.wav")


def test_a_silent_file_beside_a_sounding_one_of_its_kind_does_no_harm() -> None:
    guitar = make_stem("harmonic", file_name="guitar.wav")
    piano = make_stem("harmonic", file_name="piano.wav", audible=False, silent_fraction=1.0, lag_s=None)
    assert verdict_of(with_stems(guitar, piano)).suitable_kinds == ("harmonic",)


def test_most_stems_out_of_time_make_the_mix_suspect() -> None:
    late = [make_stem(kind, lag_s=0.5) for kind in ("drums", "bass", "vocals")]
    verdict = verdict_of(with_stems(*late, make_stem("harmonic")))
    assert not verdict.suitable
    assert verdict.reasons == "25 % of the stems match the mix in length and position; at least 50 % must"
    assert verdict.suitable_kinds == ("harmonic",)


def test_silent_stems_do_not_vouch_for_the_mix() -> None:
    silent = [make_stem(k, audible=False, silent_fraction=1.0, lag_s=None) for k in ("drums", "bass", "vocals")]
    verdict = verdict_of(with_stems(*silent, make_stem("harmonic", length_difference_s=60.0), **SO_SO))
    assert rule(verdict, "song", "stems_in_time").value == 0.0


def test_stems_of_another_song_are_found_by_the_residual() -> None:
    verdict = verdict_of(make_evidence(stems={"residual_db": -0.2}))
    assert not verdict.suitable
    assert verdict.reasons == (
        "mix minus stems leaves -0.2 dB of the mix; at most -10 dB is allowed, "
        "so these may not be the stems of this song"
    )


@pytest.mark.parametrize(
    "evidence",
    [
        make_evidence(kinds=("drums", "bass"), stems={"residual_db": -2.0}),
        with_stems(
            *(make_stem(kind) for kind in WHOLE_KINDS if kind != "bass"),
            make_stem("bass", fault="bass.wav: broken", audible=False),
            residual_db=-2.0,
        ),
        with_stems(
            *(make_stem(kind) for kind in WHOLE_KINDS if kind != "bass"),
            make_stem("bass", lag_s=0.05),
            residual_db=-2.0,
        ),
    ],
    ids=["a kind is missing", "a file is broken", "a stem is late"],
)
def test_the_residual_says_nothing_where_stems_cannot_add_up_to_the_mix(evidence: Evidence) -> None:
    verdict = verdict_of(evidence)
    assert "residual" not in names(verdict, "song")
    assert verdict.suitable


def rejected_stem(kind: Any, **changes: Any) -> Any:
    return make_stem(kind, rejected=f"{kind}.wav does not belong to the mix", mix_match=4.0, **changes)


def test_a_rejected_stem_is_unfit_says_why_and_leaves_the_song_fit() -> None:
    others = [make_stem(kind) for kind in WHOLE_KINDS if kind != "drums"]
    verdict = verdict_of(with_stems(rejected_stem("drums", clipped_fraction=0.5), *others, residual_db=-2.0))
    assert verdict.suitable
    assert "drums" not in verdict.suitable_kinds
    assert [(r.rule, r.reason) for r in verdict.failed("drums")] == [
        ("belongs", "drums.wav does not belong to the mix")
    ]
    assert "residual" not in names(verdict, "song")


def test_a_kind_with_one_rejected_file_is_unfit_whatever_its_other_files_are() -> None:
    good = make_stem("harmonic", file_name="guitar.wav")
    verdict = verdict_of(with_stems(good, rejected_stem("harmonic", file_name="piano.wav")))
    assert verdict.suitable_kinds == ()
    assert rule(verdict, "harmonic", "audible").passed


def test_stems_that_are_mostly_rejected_make_the_mix_suspect() -> None:
    verdict = verdict_of(with_stems(*(rejected_stem(kind) for kind in WHOLE_KINDS)))
    assert rule(verdict, "song", "stems_in_time").value == 0.0
    assert not verdict.suitable


def test_the_stems_of_a_song_that_is_too_short_are_unfit() -> None:
    verdict = verdict_of(make_evidence(raw_song={"duration_s": 1.5, "declared_duration_s": None}))
    assert verdict.suitable_kinds == ()
    assert "1.5 s" in str(rule(verdict, "drums", "mix_usable").reason)


def test_a_verdict_with_one_rule_twice_cannot_be_made() -> None:
    verdict = verdict_of(make_evidence())
    with pytest.raises(ValueError, match="twice"):
        dataclasses.replace(verdict, rules=verdict.rules + verdict.rules[:1])


def test_braces_in_a_file_name_are_no_place_in_a_sentence() -> None:
    verdict = verdict_of(with_stems(make_stem("bass", file_name="{value.__class__}.wav", lag_s=1.0)))
    assert str(rule(verdict, "bass", "lag").reason).startswith("{value.__class__}.wav is 1 s behind")


def test_separated_stems_that_hold_every_rule_are_fit_and_are_judged_by_two_rules_of_their_own() -> None:
    verdict = verdict_of(with_separated_stems())
    assert verdict.suitable_kinds == WHOLE_KINDS
    assert names(verdict, "drums") - names(verdict_of(make_evidence()), "drums") == {"allowed_origin", "separation"}


def test_separated_stems_are_not_counted_as_given_for_the_song() -> None:
    assert not names(verdict_of(with_separated_stems()), "song") & {"stems_in_time", "residual"}


def test_a_separator_that_leaves_much_of_the_mix_costs_its_stems_their_place_and_not_the_song() -> None:
    good = with_separated_stems()
    stems = dataclasses.replace(good.stems, residual_db=measured(-4.0))
    verdict = verdict_of(dataclasses.replace(good, stems=stems))
    assert (verdict.suitable, verdict.suitable_kinds) == (True, ())
    assert "the separator left out or changed much" in str(rule(verdict, "drums", "separation").reason)


def test_late_separated_stems_cost_the_song_nothing() -> None:
    late = tuple(dataclasses.replace(stem, lag_s=0.5) for stem in with_separated_stems().stems.stems)
    verdict = verdict_of(with_separated_stems(stems={"stems": late}))
    assert (verdict.suitable, verdict.suitable_kinds) == (True, ())


def test_separated_stems_may_be_kept_out_altogether() -> None:
    verdict = verdict_of(with_separated_stems(), allow_separated_stems=False)
    assert (verdict.suitable, verdict.suitable_kinds) == (True, ())
    assert "some of the rest bleeds into it" in str(rule(verdict, "vocals", "allowed_origin").reason)
    assert verdict_of(make_evidence(), allow_separated_stems=False).suitable_kinds == WHOLE_KINDS
