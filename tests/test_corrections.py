"""Measurements that a person corrects: what follows from each correction, and that nothing else changes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.analysis.correcting.song import correct_song
from flamingo_bark_assets.analysis.features.rhythm import Beat, TempoSegment
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import KEPT
from flamingo_bark_assets.claims.rewriting import rewrite
from flamingo_bark_assets.library.judgements import Corrections, claim_name
from flamingo_bark_assets.pipeline import alike_for
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.steps import STEM_STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore, encode_record
from flamingo_bark_assets.storage.set_aside import SetAside
from tests.evidence import make_evidence, row

BEAT_S = 0.5
DURATION_S = 32.5


def measured(*, bpm: float = 120.0, first: int = 1, tempo: bool = True) -> SongFeatures:
    """A song of 64 beats at 120 BPM in 4/4 whose bars begin at its second beat, in two sections of eight bars."""
    beats = tuple(
        Beat(beat=k, time_s=0.1 + k * BEAT_S, position=(k - first) % 4 + 1) for k in range(64 if tempo else 0)
    )
    sections = (
        row(Section, section=0, start_s=0.1, end_s=16.6, label="A", bars=8, level_db=0.0, deviation_db=1.0),
        row(Section, section=1, start_s=16.6, end_s=32.0, label="B", bars=8, level_db=-10.0, deviation_db=3.0),
    )
    known: dict[str, Any] = {
        "tempo_bpm": Measurement.of(bpm, method="tracked", confidence=0.9),
        "metre": Measurement.of("4/4", method="accents", confidence=0.8),
        "beats_per_bar": Measurement.of(4, method="accents", confidence=0.8),
        "first_downbeat_s": Measurement.of(0.6, method="accents", confidence=0.7),
    }
    unknown = {name: Measurement.unknown("no pulse", method="tracked") for name in known}
    song = make_evidence().song
    return dataclasses.replace(song, beats=beats, sections=sections, corrections=(), **(known if tempo else unknown))


def corrected(song: SongFeatures | None = None, **said: Any) -> SongFeatures:
    return correct_song(song or measured(), Corrections.model_validate(said), DURATION_S)


def times(song: SongFeatures) -> list[float]:
    return [round(beat.time_s, 6) for beat in song.beats]


def downbeats(song: SongFeatures) -> list[float]:
    return [round(beat.time_s, 6) for beat in song.beats if beat.position == 1]


def test_half_the_tempo_leaves_out_every_second_beat_and_keeps_the_downbeats() -> None:
    song = corrected(tempo_bpm=60)
    assert times(song) == times(measured())[1::2]
    assert downbeats(song) == downbeats(measured())[::2]
    assert (song.tempo_bpm.value, song.tempo_bpm.method, song.tempo_bpm.confidence) == (60.0, "human", 1.0)
    assert song.beat_count.value == 32
    assert [section.bars for section in song.sections] == [4, 4]


def test_twice_the_tempo_puts_a_beat_in_the_middle_of_each_two() -> None:
    song = corrected(tempo_bpm=240)
    assert times(song)[::2] == times(measured())
    assert np.allclose(np.diff(times(song)), BEAT_S / 2)
    assert set(downbeats(measured())) <= set(downbeats(song))


def test_another_tempo_lays_a_steady_grid_through_the_first_downbeat() -> None:
    song = corrected(tempo_bpm=90, first_downbeat_s=2.0)
    assert np.allclose(np.diff(times(song)), 60 / 90)
    assert 2.0 in downbeats(song)
    assert times(song)[0] >= 0.0
    assert abs(times(song)[-1] - times(measured())[-1]) < 60 / 90
    assert song.swing_ratio.value is None
    assert "corrected by hand" in (song.swing_ratio.reason or "")


def test_a_tempo_that_is_only_rounded_moves_no_beat() -> None:
    song = corrected(measured(bpm=119.7), tempo_bpm=120)
    assert song.beats == measured().beats
    assert song.tempo_bpm.value == 120.0


def test_a_tempo_gives_beats_to_a_song_in_which_none_were_found() -> None:
    song = corrected(measured(tempo=False), tempo_bpm=100)
    assert np.allclose(np.diff(times(song)), 0.6)
    assert (times(song)[0], song.rhythmic.value) == (0.1, True)
    assert song.metre.value is None
    assert "bars of four beats are assumed" in (song.corrections[0].note or "")


def test_a_first_downbeat_counts_the_bars_from_the_nearest_beat() -> None:
    song = corrected(first_downbeat_s=1.15)
    assert times(song) == times(measured())
    assert downbeats(song)[0] == 1.1
    assert np.allclose(np.diff(downbeats(song)), 2.0)
    assert song.corrections[0].measured == "0.6"


def test_a_first_downbeat_between_the_beats_moves_them_onto_it() -> None:
    song = corrected(first_downbeat_s=1.35)
    assert 1.35 in downbeats(song)
    assert np.allclose(np.diff(times(song)), BEAT_S)


def test_a_metre_numbers_the_beats_anew_from_the_same_downbeat() -> None:
    song = corrected(metre="3/4")
    assert times(song) == times(measured())
    assert downbeats(song)[0] == downbeats(measured())[0]
    assert np.allclose(np.diff(downbeats(song)), 3 * BEAT_S)
    assert (song.metre.value, song.beats_per_bar.value, song.metre.method) == ("3/4", 3, "human")
    assert song.swing_ratio == measured().swing_ratio


def test_a_metre_of_eighths_makes_two_beats_of_each_quarter_and_back() -> None:
    song = corrected(metre="7/8")
    assert np.allclose(np.diff(times(song)), BEAT_S / 2)
    assert np.allclose(np.diff(downbeats(song)), 7 * BEAT_S / 2)
    assert downbeats(song)[0] == downbeats(measured())[0]
    assert song.tempo_bpm == measured().tempo_bpm
    assert times(corrected(song, metre="4/4"))[1:] == times(measured())[1:]
    steady = corrected(tempo_bpm=90, metre="7/8")
    assert np.allclose(np.diff(times(steady)), 60 / 90 / 2)


SEGMENTS = (
    row(TempoSegment, segment=0, start_s=0.1, end_s=20.0, tempo_bpm=120.0, metre="4/4", confidence=0.8),
    row(TempoSegment, segment=1, start_s=20.0, end_s=32.0, tempo_bpm=90.0, metre="4/4", confidence=0.8),
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"metre": "3/4"}, [(120.0, "3/4"), (90.0, "3/4")]),
        ({"tempo_bpm": 60}, [(60.0, "4/4"), (45.0, "4/4")]),
        ({"tempo_bpm": 100, "metre": "3/4"}, [(100.0, "3/4")]),
    ],
)
def test_the_segments_of_a_tempo_that_changes_follow_what_is_corrected(
    said: dict[str, Any], expected: list[tuple[float, str]]
) -> None:
    song = corrected(dataclasses.replace(measured(), tempo_segments=SEGMENTS), **said)
    assert [(each.tempo_bpm, each.metre) for each in song.tempo_segments] == expected


def test_drums_are_measured_again_where_bars_are_less_sure_and_no_other_stem_is() -> None:
    song = measured()
    unsure = dataclasses.replace(song, first_downbeat_s=Measurement.of(0.6, method="accents", confidence=0.2))
    assert alike_for(song, unsure) == frozenset(STEM_STEPS.values()) - {"drum_features"}


def test_a_metre_alone_says_what_it_can_where_there_are_no_beats() -> None:
    song = corrected(measured(tempo=False), metre="3/4", first_downbeat_s=1.0)
    assert (song.metre.value, song.beats) == ("3/4", ())
    assert [(each.field, each.is_applied) for each in song.corrections] == [
        ("metre", True), ("first_downbeat_s", False),
    ]  # fmt: skip


def test_a_corrected_key_spells_the_chords_anew() -> None:
    chords = tuple(
        row(Chord, chord=k, start_s=4.0 * k, end_s=4.0 * k + 4.0, label=label, confidence=0.9)
        for k, label in enumerate(("G#:min", "F#:maj", "N", "D#:min7"))
    )
    song = dataclasses.replace(measured(), chords=chords)
    assert [c.label for c in corrected(song, key="D# minor").chords] == ["Ab:min", "Gb:maj", "N", "Eb:min7"]
    assert [c.label for c in corrected(song, key="E major").chords] == ["G#:min", "F#:maj", "N", "D#:min7"]


@pytest.mark.parametrize("key", ["Eb major", "D# major", "E♭ major"])
def test_either_spelling_of_a_key_corrects_it(key: str) -> None:
    assert corrected(key=key).key.value == "Eb major"


def test_a_key_is_that_of_the_whole_song_and_the_candidates_stay() -> None:
    song = corrected(key="A# minor")
    assert (song.key.value, song.key.method, song.key.confidence) == ("Bb minor", "human", 1.0)
    assert song.mode_name.value == "minor"
    assert [(s.start_s, s.end_s, s.key) for s in song.key_segments] == [(0.0, DURATION_S, "Bb minor")]
    assert song.key_candidates == measured().key_candidates
    assert song.corrections[0].measured == measured().key.value
    assert song.beats == measured().beats


def test_sections_take_borders_and_names_and_their_levels_from_what_they_overlap() -> None:
    said = [{"start_s": s, "label": name} for s, name in ((0.1, "verse"), (8.6, "chorus"), (24.6, "verse"), (40, "x"))]
    song = corrected(sections=said)
    assert [(s.start_s, s.end_s, s.label, s.bars) for s in song.sections] == [
        (0.1, 8.6, "verse", 4), (8.6, 24.6, "chorus", 8), (24.6, 32.0, "verse", 4),
    ]  # fmt: skip
    assert (song.form.value, song.section_count.value, song.section_bars.value) == ("ABA", 3, 4.0)
    assert song.sections[0].level_db == pytest.approx(0.0)
    assert song.sections[1].level_db == pytest.approx(10 * np.log10((1.0 + 0.1) / 2), abs=0.05)
    assert "1 begin after the end" in (song.corrections[0].note or "")


def test_nothing_that_is_not_said_changes() -> None:
    song, before = corrected(tempo_bpm=60), measured()
    touched = {
        "tempo_bpm", "tempo_segments", "first_downbeat_s", "rhythmic", "beats", "tempo_stability", "beat_count",
        "swing_ratio", "on_beat_ratio", "sections", "section_bars", "corrections",
    }  # fmt: skip
    assert {name for name in vars(before) if getattr(song, name) != getattr(before, name)} <= touched


def test_without_a_correction_record_digest_and_files_are_those_of_before(tmp_path: Path) -> None:
    song = measured()
    assert corrected() == song
    assert encode_record(corrected(key="C major")).version != encode_record(song).version
    store = FeatureStore(tmp_path)
    store.write(song)
    plain = store.path(song.song_id).read_bytes()
    assert not any("corrections" in str(path) for path in plain)
    store.write(corrected(key="C major"))
    assert store.read(SongFeatures, song.song_id).corrections[0].corrected == "C major"
    store.write(song)
    assert store.path(song.song_id).read_bytes() == plain
    assert store.read(SongFeatures, song.song_id) == song


def test_what_is_set_aside_holds_for_the_same_inputs_and_undamaged_only(tmp_path: Path) -> None:
    aside, song = SetAside(tmp_path), measured()
    assert aside.read(SongFeatures, song.song_id, "inputs") is None
    aside.write(song, "inputs")
    assert aside.read(SongFeatures, song.song_id, "inputs") == song
    assert aside.read(SongFeatures, song.song_id, "other inputs") is None
    (file,) = tmp_path.glob("measured/songs/*.results")
    file.write_bytes(file.read_bytes()[:-1])
    assert aside.read(SongFeatures, song.song_id, "inputs") is None


TEXT = "A calm song at 80 BPM with a steady beat."


def checked(decisions: dict[str, Any]) -> tuple[str, list[tuple[str, str | None]]]:
    """What becomes of a caption whose tempo is wrong, and the verdict and note on its tempo."""
    evidence = dataclasses.replace(make_evidence(), claim_decisions=decisions)
    claims = check_claims("mix", "caption", TEXT, evidence, 0.5)
    return rewrite(TEXT, claims), [(claim.verdict, claim.note) for claim in claims if claim.kind == "tempo"]


def test_a_claim_that_is_kept_by_hand_stays_and_says_so() -> None:
    assert checked({})[1] == [("conflict", None)]
    assert "80 BPM" not in checked({})[0]
    text, verdicts = checked({claim_name("mix", "caption", "tempo", "80"): "keep"})
    assert "80 BPM" in text
    assert verdicts == [(KEPT, "kept by hand")]


def test_a_claim_that_is_dropped_by_hand_goes_as_a_conflict_does() -> None:
    right = TEXT.replace("80", "121")
    evidence = make_evidence()
    assert [c.verdict for c in check_claims("mix", "caption", right, evidence, 0.5) if c.kind == "steadiness"] == [
        "agree"
    ]
    dropped = dataclasses.replace(
        evidence, claim_decisions={claim_name("mix", "caption", "steadiness", "steady"): "drop"}
    )
    claims = check_claims("mix", "caption", right, dropped, 0.5)
    assert [(c.verdict, c.note) for c in claims if c.kind == "steadiness"] == [("conflict", "dropped by hand")]
    assert "steady" not in rewrite(right, claims)


def test_a_decision_on_another_part_or_question_decides_nothing() -> None:
    assert checked({claim_name("drums", "caption", "tempo", "80"): "keep"})[1] == [("conflict", None)]
    assert checked({claim_name("mix", "description", "tempo", "80"): "keep"})[1] == [("conflict", None)]
