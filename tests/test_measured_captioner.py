"""The measured captioner: what it says from which measurement, and that it says nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.analysis.features.rhythm import TempoSegment
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning.interface import Answer, Captioner, Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.descriptions import wording
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.note_names import key_name
from flamingo_bark_assets.parts import QUESTIONS, Part
from flamingo_bark_assets.prompts.levels import build_prompts
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import PromptSettings
from tests.evidence import make_evidence, measured, row, unknown, unusable_song, with_silent_stem, without_stems

FILE_IDENTITY = {"raw_song": {"fingerprint": "0" * 64}}
FIGURE = re.compile(r"(?<![\w.#])-?\d+(?:\.\d+)?(?: kHz)?")


def deaf(part: Part) -> Signal:
    raise AssertionError(f"the measured captioner listened to {part}")


def describe(evidence: Evidence, **prompt_settings: Any) -> Captions:
    captioner: Captioner = MeasuredCaptioner(PromptSettings(**prompt_settings))
    return captioner.describe(evidence, deaf)


def answer(captions: Captions, part: str, question: str) -> Answer:
    return next(a for a in captions.answers if (a.part, a.question) == (part, question))


def caption(evidence: Evidence, part: Part = "mix") -> str:
    return describe(evidence).text(part, "caption") or ""


def description(evidence: Evidence, part: Part = "mix") -> str:
    return describe(evidence).text(part, "description") or ""


def test_it_names_itself_as_a_fallback_without_a_model() -> None:
    identity = MeasuredCaptioner().identity
    assert (identity.name, identity.model_id, identity.revision, identity.licence, identity.is_fallback) == (
        "measured", None, "1", None, True,
    )  # fmt: skip


def test_every_answer_and_the_record_name_the_captioner() -> None:
    captions = describe(make_evidence())
    assert (captions.captioner, captions.is_fallback, captions.model_id) == ("measured", True, None)
    assert {(a.captioner, a.is_fallback, a.model_id, a.revision) for a in captions.answers} == {
        ("measured", True, None, "1")
    }


def test_the_mix_and_each_audible_stem_get_all_five_questions() -> None:
    captions = describe(make_evidence(kinds=("drums", "vocals")))
    asked = [(a.part, a.question) for a in captions.answers]
    assert asked == [(part, question) for part in ("mix", "drums", "vocals") for question in QUESTIONS]


def test_a_silent_stem_gets_no_answers() -> None:
    captions = describe(with_silent_stem("bass"))
    assert {a.part for a in captions.answers} == {"mix", "drums", "vocals", "harmonic"}
    assert "bass" not in (captions.text("mix", "instruments") or "")


def test_a_faulty_stem_gets_no_answers() -> None:
    evidence = make_evidence()
    stems = tuple(replace(s, fault="cannot be decoded") if s.kind == "drums" else s for s in evidence.stems.stems)
    captions = describe(make_evidence(stems={"stems": stems}))
    assert "drums" not in {a.part for a in captions.answers}


def test_an_unusable_song_gives_its_reason_and_no_answers() -> None:
    captions = describe(unusable_song(reason="song.wav: is silent"))
    assert (captions.unusable, captions.answers, captions.captioner) == (
        "song.wav: is silent",
        (),
        "measured",
    )


@pytest.mark.parametrize("record", ["raw_song", "song"])
def test_a_song_whose_file_or_music_could_not_be_measured_is_unusable(record: str) -> None:
    whole = make_evidence()
    faulty = type(getattr(whole, record)).of_unusable("song", "too short", **FILE_IDENTITY.get(record, {}))
    assert describe(make_evidence(**{record: faulty})).unusable == "too short"


def test_an_answer_has_either_a_text_or_a_reason() -> None:
    evidence = without_stems(metadata={"genre_tags": None})
    for each in (*describe(evidence).answers, *describe(make_evidence()).answers):
        assert (each.text is None) == (each.reason is not None)
        assert (each.source == "none") == (each.text is None)


def test_the_mix_is_told_in_good_english() -> None:
    assert caption(make_evidence()) == (
        "Fast music in E minor at 121 BPM with drums, bass, vocals and harmonic instruments. "
        "It is moderately loud, with a moderate dynamic range, a balanced tone and a steady beat."
    )


def test_the_description_of_the_mix_gives_the_figures() -> None:
    evidence = make_evidence(kinds=("drums",), song={"spectral_centroid_hz": 2180.0})
    assert description(evidence) == (
        "Fast music in E minor at 121 BPM with drums. "
        "The beat is steady and about 4.1 sounds begin per second. "
        "The integrated loudness is -14.2 LUFS and the dynamic range is moderate (9.5 dB). "
        "The tone is balanced (spectral centroid 2.2 kHz), the bandwidth is full (up to 20 kHz) and the "
        "recording is in stereo."
    )


@pytest.mark.parametrize(
    ("song", "expected"),
    [
        ({"key": None}, "Fast music at 121 BPM with drums."),
        ({"tempo_bpm": None}, "Music in E minor with drums."),
        ({"key": None, "tempo_bpm": None}, "Music with drums."),
        ({"tempo_bpm": 60.4}, "Slow music in E minor at 60 BPM with drums."),
        ({"tempo_bpm": 100.0}, "Moderate music in E minor at 100 BPM with drums."),
        ({"key": "H minor"}, "Fast music at 121 BPM with drums."),
    ],
)
def test_what_is_unknown_or_absurd_is_left_out_of_the_sentence(song: dict[str, Any], expected: str) -> None:
    assert caption(make_evidence(kinds=("drums",), song=song)).startswith(expected)


def test_a_tempo_that_changes_is_told_and_judged_as_none() -> None:
    segments = tuple(row(TempoSegment, segment=i, tempo_bpm=bpm, metre="4/4") for i, bpm in enumerate((121.0, 90.0)))
    evidence = make_evidence(kinds=("drums",), song={"tempo_segments": segments})
    assert caption(evidence).startswith("Music in E minor with drums.")
    assert not re.search(r"BPM", " ".join(p.combined_prompt for p in build_prompts(
        evidence, describe(evidence), PromptSettings()).prompts))  # fmt: skip
    (claim,) = check_claims("mix", "caption", "It is at 90 BPM.", evidence, 0.3)
    assert (claim.verdict, claim.note) == ("unverifiable", "it changes: 121, 90 BPM")


def test_what_is_less_sure_than_the_setting_is_left_out() -> None:
    evidence = make_evidence(song={"dynamic_range_db": measured(5.0, 0.31)})
    assert "narrow dynamic range" in caption(evidence)
    assert "dynamic range" not in (describe(evidence, min_claim_confidence=0.32).text("mix", "caption") or "")


def test_captions_state_tempo_pace_and_key_from_where_prompts_do() -> None:
    limits = PromptSettings()
    for below, told in ((0.01, False), (0.0, True)):
        song = {
            "key": measured("E minor", limits.min_key_confidence - below),
            "tempo_bpm": measured(121.0, limits.min_tempo_confidence - below),
        }
        assert caption(make_evidence(kinds=("drums",), song=song)).startswith(
            "Fast music in E minor at 121 BPM with drums." if told else "Music with drums."
        )


def test_nothing_measured_surely_gives_no_caption_but_a_reason() -> None:
    unsure = dict.fromkeys(
        ("tempo_bpm", "key", "loudness_integrated_lufs", "dynamic_range_db", "spectral_centroid_hz",
         "tempo_stability"), unknown(),
    )  # fmt: skip
    found = answer(describe(without_stems(song=unsure)), "mix", "caption")
    assert (found.text, found.reason) == (None, "nothing was measured with enough confidence")


def test_what_was_never_held_against_the_truth_is_told_nowhere_and_judges_no_claim() -> None:
    known = make_evidence()
    records: dict[str, Record] = {"raw_song": known.raw_song, "song": known.song, **dict(known.stem_features.items())}
    uncalibrated: dict[str, Any] = {
        name: {
            spec.name: replace(found, confidence=None)
            for spec, found in record.measurements()
            if found.value is not None
        }
        for name, record in records.items()
    }
    evidence = make_evidence(**uncalibrated)
    captions = describe(evidence)
    assert caption(evidence) == "Music with drums, bass, vocals and harmonic instruments."
    for prompt in build_prompts(evidence, captions, PromptSettings()).prompts:
        assert not re.search(r"\d|bright|dark|loud|quiet|minor|major|busy|steady", prompt.combined_prompt), prompt
    text = "A fast, loud, bright and wide song in E minor at 121 BPM."
    claims = check_claims("mix", "caption", text, evidence, 0.0)
    assert len(claims) >= 4
    assert {claim.verdict for claim in claims} == {"unverifiable"}


def test_the_confidence_of_an_answer_is_the_least_of_what_it_says() -> None:
    evidence = make_evidence(song={"dynamic_range_db": measured(5.0, 0.4)})
    assert answer(describe(evidence), "mix", "caption").confidence == 0.4
    assert answer(describe(evidence), "drums", "caption").confidence == 0.9


def test_a_measurement_that_is_not_told_does_not_lower_the_confidence() -> None:
    evidence = make_evidence(song={"key": measured("E minor", 0.1)})
    assert answer(describe(evidence), "mix", "caption").confidence == 0.9


def test_instruments_of_the_mix_are_the_audible_stems() -> None:
    found = answer(describe(make_evidence()), "mix", "instruments")
    assert (found.text, found.source) == ("drums, bass, vocals, harmonic instruments", "measured")


def test_without_stems_the_instruments_are_not_known() -> None:
    found = answer(describe(without_stems()), "mix", "instruments")
    assert (found.text, found.reason) == (None, "no stem with sound, and no captioning model ran")


def test_the_genre_is_the_tag_and_says_so() -> None:
    found = answer(describe(make_evidence(metadata={"genre_tags": "Electronic; Ambient"})), "mix", "genre")
    assert (found.text, found.source, found.raw_text, found.confidence) == (
        "Electronic, Ambient", "file_tags", "Electronic; Ambient", None,
    )  # fmt: skip


@pytest.mark.parametrize("tags", [None, "", "  ", "Unknown", "(17)", "|\x00|", "x" * 500])
def test_without_a_readable_tag_there_is_no_genre_but_a_reason(tags: str | None) -> None:
    found = answer(describe(make_evidence(metadata={"genre_tags": tags})), "mix", "genre")
    assert found.text is None
    assert found.reason is not None
    assert "no captioning model ran" in found.reason


def test_a_stem_does_not_take_the_genre_of_the_song() -> None:
    assert answer(describe(make_evidence()), "drums", "genre").text is None


def test_mood_is_never_answered() -> None:
    moods = [a for a in describe(make_evidence()).answers if a.question == "mood"]
    assert len(moods) == 5
    assert {(a.text, a.reason) for a in moods} == {(None, "mood is not measured, and no captioning model ran")}


def test_drums_are_told_with_which_drums_and_how_often() -> None:
    assert caption(make_evidence(), "drums") == (
        "Drums with kick, snare and hi-hat, at about 4 hits per second. "
        "The drums are heard throughout the song, with a bright tone."
    )


def test_a_drum_that_is_not_heard_is_not_named_and_its_absence_is_described() -> None:
    evidence = make_evidence(drums={"snare_present": False, "hihat_present": None})
    assert caption(evidence, "drums").startswith("Drums with kick, at about")
    assert "no clear sign of a snare." in description(evidence, "drums")
    assert "hi-hat" not in description(evidence, "drums")
    assert describe(evidence).text("drums", "instruments") == "drums (kick)"


def test_one_hit_is_singular() -> None:
    evidence = make_evidence(drums={"onset_density_hz": 0.98})
    assert "at about 1 hit per second" in caption(evidence, "drums")


def test_bass_is_told_with_its_range_as_notes() -> None:
    assert "ranging from E1 to G2, with medium-length notes of about 0.45 s" in caption(make_evidence(), "bass")


def test_a_range_within_one_note_is_told_as_that_note() -> None:
    evidence = make_evidence(bass={"f0_low_hz": 41.0, "f0_high_hz": 41.5})
    assert "Bass around E1" in caption(evidence, "bass")


@pytest.mark.parametrize(
    ("vibrato", "expected"),
    [(True, ", with vibrato."), (False, ", without clear vibrato."), (None, "ranging from G3 to G4. ")],
)
def test_vibrato_is_told_where_it_was_measured(vibrato: bool | None, expected: str) -> None:
    assert expected in caption(make_evidence(vocals={"vibrato_present": vibrato}), "vocals")


def test_no_figures_are_given_for_a_vibrato_that_is_not_there() -> None:
    assert "vibrato has" not in description(make_evidence(vocals={"vibrato_present": False}), "vocals")
    assert "rate of 5.6 Hz" in description(make_evidence(), "vocals")


def test_the_voice_is_never_given_a_gender() -> None:
    for low, high in ((80.0, 200.0), (250.0, 900.0)):
        text = description(make_evidence(vocals={"f0_low_hz": low, "f0_high_hz": high}), "vocals").lower()
        assert not re.search(r"\b(fe)?males?\b|\b(wo)?m[ae]n\b|\bsopran|\btenor|\bgirl|\bboy", text)


def test_chords_are_told_in_words_and_what_is_no_chord_is_left_out() -> None:
    evidence = make_evidence(harmonic={"main_chords": "A:min N F#:maj7 Bb:maj/3 C:weird"})
    assert "playing mainly A minor, F# major seventh and Bb major, with" in caption(evidence, "harmonic")


def test_a_stem_of_which_nothing_was_measured_is_only_named() -> None:
    evidence = make_evidence(bass=type(make_evidence().of_stem("bass")).of_unusable("song", "too short"))
    captions = describe(evidence)
    assert captions.text("bass", "caption") is None
    assert captions.text("bass", "instruments") == "bass"


@pytest.mark.parametrize("part", ["mix", "drums", "bass", "vocals", "harmonic"])
def test_captions_have_about_thirty_words_and_descriptions_are_longer(part: Part) -> None:
    short, long = caption(make_evidence(), part), description(make_evidence(), part)
    assert 20 <= len(short.split()) <= 40
    assert len(long.split()) > len(short.split())
    assert 2 <= len(re.findall(r"\.(?= |$)", long)) <= 4


@pytest.mark.parametrize(
    ("frequency_hz", "name"),
    [
        (440.0, "A4"),
        (261.63, "C4"),
        (41.2, "E1"),
        (1046.5, "C6"),
        (0.0, None),
        (5e-324, None),
        (-1.0, None),
        (1e5, None),
    ],
)
def test_notes_are_named_in_scientific_pitch_notation(frequency_hz: float, name: str | None) -> None:
    assert wording.note_name(frequency_hz) == name


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"])
def test_a_note_keeps_its_pitch_however_a_key_spells_it(tonic: str, mode: str) -> None:
    """Scientific pitch notation: C4 is MIDI 60, and the octave is that of the letter, so that Cb4 is MIDI 59."""
    key = key_name(f"{tonic} {mode}")
    for midi in range(59, 73):
        name = wording.note_name(440.0 * 2.0 ** ((midi - 69) / 12), key)
        assert name is not None
        letter, sign, octave = name[0], name[1:-1], name[-1]
        semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter]
        assert semitones + sign.count("#") - sign.count("b") + 12 * (int(octave) + 1) == midi


def test_notes_and_chords_are_spelled_in_the_key() -> None:
    assert wording.note_name(466.16, "F major") == "Bb4"
    assert wording.note_name(466.16, "B major") == "A#4"
    assert wording.note_name(466.16) == "A#4"
    assert wording.note_name(246.94, "Eb minor") == "Cb4"
    assert wording.chord_names("F:maj A#:maj7 C:7", "F major") == ["F major", "Bb major seventh", "C seventh"]
    without_key = "D#:maj C#:7 A#:min G#:min F#:maj"
    expected = ["Eb major", "Db seventh", "Bb minor", "G# minor", "F# major"]
    assert wording.chord_names(without_key) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.lufs(-14.24), "-14.2 LUFS"),
        (wording.lufs(-0.01), "0.0 LUFS"),
        (wording.hertz(999.4), "999 Hz"),
        (wording.hertz(999.6), "1 kHz"),
        (wording.hertz(15_960.0), "16 kHz"),
        (wording.figure(120.96, 0), "121"),
        (wording.figure(100.0, 0), "100"),
        (wording.counted(0.04, "hit", "hits"), None),
        (wording.counted(1.04, "hit", "hits"), "1 hit"),
        (wording.seconds(0.456), "0.46 s"),
        (wording.seconds(1.26), "1.3 s"),
        (wording.listed(["a"]), "a"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_figures_are_rounded_sensibly(written: str | None, expected: str | None) -> None:
    assert written == expected


@pytest.mark.parametrize(
    ("scale", "value", "word"),
    [
        (wording.TEMPO, 75.9, "slow"),
        (wording.TEMPO, 120.1, "fast"),
        (wording.LOUDNESS, -23.5, "quiet"),
        (wording.LOUDNESS, -13.9, "loud"),
        (wording.BANDWIDTH, 3400.0, "telephone"),
        (wording.BANDWIDTH, 20_000.0, "full"),
        (wording.VIBRATO, 60.0, "pronounced"),
    ],
)
def test_words_follow_the_published_limits(scale: wording.Scale, value: float, word: str) -> None:
    assert scale.word(value) == word


def test_every_scale_names_a_source_and_covers_all_numbers() -> None:
    scales = [value for value in vars(wording).values() if isinstance(value, wording.Scale)]
    assert len(scales) > 10
    for scale in scales:
        limits = [limit for limit, _ in scale.steps]
        assert scale.source
        assert limits == sorted(limits)
        assert scale.word(-1e9)
        assert scale.word(1e9)


NUMBERS = st.none() | st.floats(-200.0, 25_000.0) | st.floats(allow_nan=False, allow_infinity=False)
LABELS = st.none() | st.text(max_size=30) | st.sampled_from(["C:maj G:maj7", "F# minor", "A:min/b3 N"])


@st.composite
def any_evidence(draw: st.DrawFn) -> Evidence:
    """Draw evidence with any values, sane or absurd, of any confidence."""
    base = make_evidence()
    values: dict[str, Any] = {}
    records: dict[str, Record] = {"raw_song": base.raw_song, "song": base.song, **dict(base.stem_features.items())}
    for name, record in records.items():
        values[name] = {}
        for spec, _ in record.measurements():
            kinds = {bool: st.none() | st.booleans(), str: LABELS, int: st.none() | st.integers(-5, 100_000)}
            value = draw(kinds.get(spec.type, NUMBERS))
            confidence = draw(st.none() | st.floats(0, 1))
            values[name][spec.name] = unknown() if value is None else measured(value, confidence)
    values["metadata"] = {"genre_tags": draw(st.none() | st.text(max_size=80))}
    return make_evidence(**values)


def known_numbers(evidence: Evidence) -> Iterator[float]:
    records: tuple[Record, ...] = (evidence.raw_song, evidence.song, *evidence.stem_features.values())
    for record in records:
        for _, measurement in record.measurements():
            if isinstance(measurement.value, int | float) and not isinstance(measurement.value, bool):
                yield float(measurement.value)


def is_rounding_of(figure: str, value: float) -> bool:
    if figure.endswith(" kHz"):
        return abs(float(figure.removesuffix(" kHz")) * 1000 - value) <= 50.0 + 1e-6
    decimals = len(figure.partition(".")[2])
    return abs(float(figure) - value) <= 0.5 * 0.1**decimals + 1e-9


@settings(max_examples=40, deadline=None)
@given(any_evidence())
def test_texts_are_sentences_in_which_every_number_is_a_measurement(evidence: Evidence) -> None:
    numbers = list(known_numbers(evidence))
    for each in describe(evidence).answers:
        text = each.text or "-"
        assert not re.search(r"\b(None|nan|inf)\b|  | ,|\(\)|[|\n]", text), text
        if each.text and each.question in ("caption", "description"):
            assert each.text.endswith(".")
            assert each.text[0].isupper()
        for figure in FIGURE.findall(text) if each.source == "measured" else ():
            assert any(is_rounding_of(figure, number) for number in numbers), (figure, each.text)
