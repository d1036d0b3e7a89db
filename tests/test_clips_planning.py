"""Clips say what holds inside them: stems that are silent there are not named, lines and bars are their own."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.drums import DrumBar, DrumHit, DrumPattern
from flamingo_bark_assets.analysis.features.harmonic import HarmonicActivity, HarmonicChord
from flamingo_bark_assets.analysis.features.rhythm import Beat, TempoSegment
from flamingo_bark_assets.analysis.features.stem import BassActivity, DrumActivity, VocalActivity
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.tonality import Chord, KeySegment
from flamingo_bark_assets.analysis.features.vocals import VocalPhrase, VocalPitch
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.clips.levels import SourceLevels
from flamingo_bark_assets.clips.planning import REJECTIONS, plan_clips
from flamingo_bark_assets.clips.records import Clip, TrainingClips
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.prompts.levels import TrainingPrompts, build_prompts
from flamingo_bark_assets.prompts.library_scale import TOPICS, Edges, LibraryScale
from flamingo_bark_assets.settings import ClipSettings, FormWeights, PromptSettings, Settings, Thresholds, ViewSettings
from flamingo_bark_assets.text import non_space_length
from flamingo_bark_assets.training.suitability import Verdict, judge
from tests.evidence import lyrics_of, make_evidence, make_stem, measured, row, unknown, unusable_song

LENGTH_S = 80.0
BEAT_S = 0.5
TEN = ViewSettings(name="ten", min_s=8.0, max_s=10.0)
VOICE = ((20.3, 23.5), (24.3, 27.5), (28.3, 31.5))


def song(**overrides: Any) -> Evidence:
    """80 s at 120 BPM: drums throughout but for 40 to 60 s, voice from 20 to 32 s, E minor, from 60 s on G major."""
    beats = tuple(row(Beat, beat=i, time_s=BEAT_S * i, position=1 + i % 4) for i in range(160))
    hits = tuple(
        row(DrumHit, hit=i, time_s=BEAT_S * i, drum="kick" if i % 2 else "snare")
        for i in range(160)
        if not 40.0 <= BEAT_S * i < 60.0
    )
    phrases = tuple(row(VocalPhrase, phrase=i, start_s=a, end_s=b, confidence=0.9) for i, (a, b) in enumerate(VOICE))
    pitch = tuple(
        row(VocalPitch, frame=i, time_s=20.3 + i / 100, f0_hz=200.0 + i / 10, voiced=True) for i in range(1000)
    )
    segment = {"song": {
        "tempo_bpm": 120.0, "key": "E minor", "beats": beats, "beats_per_bar": 4, "metre": "4/4",
        "sections": tuple(
            row(Section, section=i, start_s=20.0 * i, end_s=20.0 * (i + 1), label="ABCD"[i]) for i in range(4)
        ),
        "key_segments": (
            row(KeySegment, segment=0, start_s=0.0, end_s=60.0, key="E minor", confidence=0.9),
            row(KeySegment, segment=1, start_s=60.0, end_s=80.0, key="G major", confidence=0.9),
        ),
        "chords": tuple(
            row(Chord, chord=i, start_s=2.0 * i, end_s=2.0 * i + 2, label=("E:min", "N", "C:maj", "C:maj")[i % 4])
            for i in range(40)
        ),
    }}  # fmt: skip
    values: dict[str, Any] = {
        "raw_song": {"duration_s": LENGTH_S, "declared_duration_s": LENGTH_S},
        **segment,
        "drums": {
            "drum_hits": hits,
            "drum_activity": (
                row(DrumActivity, segment=0, start_s=0.0, end_s=40.0),
                row(DrumActivity, segment=1, start_s=60.0, end_s=80.0),
            ),
        },
        "bass": {"bass_activity": (row(BassActivity, segment=0, start_s=0.0, end_s=80.0),)},
        "vocals": {
            "vocal_phrases": phrases,
            "vocal_f0": pitch,
            "vocal_activity": tuple(
                row(VocalActivity, segment=i, start_s=a, end_s=b) for i, (a, b) in enumerate(VOICE)
            ),
        },
        "harmonic": {
            "activity": (row(HarmonicActivity, segment=0, start_s=0.0, end_s=80.0),),
            "chords": (row(HarmonicChord, chord=0, start_s=0.0, end_s=80.0, label="A:min", confidence=0.9),),
        },
        **overrides,
    }
    return make_evidence(**values)


def levels(*, peak: float = 0.5, dc: float = 0.0, clipped: float = 0.0) -> SourceLevels:
    """A source that is as loud everywhere."""
    frames, samples = round(LENGTH_S * 100), 441.0
    return SourceLevels(
        sample_rate_hz=44100, n_samples=round(LENGTH_S * 44100), peak=np.full(frames, peak),
        square=np.full(frames, samples * (peak / 3) ** 2), sums=np.full((1, frames), samples * dc),
        clipped=np.full(frames, samples * clipped),
    )  # fmt: skip


PARAGRAPHS = PromptSettings(form_weights=FormWeights(tags=0, sentence=0, paragraph=1, description=0))
PARTS: tuple[Part, ...] = ("mix", "drums", "bass", "vocals", "harmonic")


def no_sound(part: Part) -> Any:
    raise AssertionError(part)


def plan(
    evidence: Evidence | None = None,
    *,
    lyrics: SongLyrics | None = None,
    captions: Captions | None = None,
    prompts: TrainingPrompts | None = None,
    verdict: Verdict | None = None,
    loud: dict[Part, SourceLevels] | None = None,
    settings: ClipSettings | None = None,
    told: PromptSettings = PARAGRAPHS,
    scale: LibraryScale | None = None,
) -> TrainingClips:
    """Plan the clips of a song, by default of 10 s from all sources, told in paragraphs."""
    evidence = evidence or song()
    captions = captions or MeasuredCaptioner().describe(evidence, no_sound)
    return plan_clips(
        evidence,
        lyrics or lyrics_of(evidence),
        captions,
        prompts or build_prompts(evidence, captions, told),
        verdict or judge(evidence, Thresholds()),
        {**dict.fromkeys(PARTS, levels()), **(loud or {})},
        settings or ClipSettings(views=(TEN,)),
        told,
        scale,
    )


def at(clips: TrainingClips, source: str, time_s: float) -> Clip:
    """The clip of a source at a time."""
    (found,) = (clip for clip in clips.clips if clip.source == source and clip.start_s <= time_s < clip.end_s)
    return found


def said(**texts: str) -> Captions:
    """What a model said: captions by part."""
    return Captions(
        song_id="song", captioner="model-x", is_fallback=False, model_id="x/y",
        answers=tuple(
            Answer(
                part=part, question="caption", text=text, source="model", captioner="model-x", is_fallback=False,
                licence="CC-BY-NC-4.0",
            )
            for part, text in texts.items()
        ),
    )  # fmt: skip


def test_the_sources_are_mix_instrumental_stems_pairs_and_triples() -> None:
    assert {clip.source for clip in plan().clips} == {
        "mix", "instrumental", "drums", "bass", "vocals", "harmonic", "drums+bass", "drums+vocals", "drums+harmonic",
        "bass+vocals", "bass+harmonic", "vocals+harmonic", "drums+bass+vocals", "drums+vocals+harmonic",
        "bass+vocals+harmonic",
    }  # fmt: skip
    assert at(plan(), "instrumental", 5.0).kinds == "drums+bass+harmonic"


def test_a_clip_has_the_tempo_and_metre_of_the_segment_in_which_it_lies() -> None:
    beats = tuple(row(Beat, beat=i, time_s=BEAT_S * i, position=1 + i % 4) for i in range(80)) + tuple(
        row(Beat, beat=80 + i, time_s=40.0 + 0.2 * i, position=1 + i % 7) for i in range(200)
    )
    segments = (
        row(TempoSegment, segment=0, start_s=0.0, end_s=40.0, tempo_bpm=120.0, metre="4/4", confidence=0.9),
        row(TempoSegment, segment=1, start_s=40.0, end_s=80.0, tempo_bpm=150.0, metre="7/8", confidence=0.9),
    )
    known = song().song
    changing = dataclasses.replace(song(), song=dataclasses.replace(known, beats=beats, tempo_segments=segments))
    early, late = (at(plan(changing), "mix", time_s) for time_s in (5.0, 65.0))
    assert (early.metre, early.beats_per_bar, late.metre, late.beats_per_bar) == ("4/4", 4, "7/8", 7)
    # Beats are eighths in 7/8, and the tempo is in quarters.
    assert [early.tempo_bpm, late.tempo_bpm] == pytest.approx([120.0, 150.0])


def test_a_clip_states_no_tempo_metre_or_key_that_no_prompt_would() -> None:
    told = dataclasses.replace(
        song().song, tempo_bpm=measured(120.0, 0.6), metre=measured("4/4", 0.7), key=measured("E minor", 0.5)
    )
    unsure = dataclasses.replace(song(), song=told)
    clip = at(plan(unsure), "mix", 5.0)
    assert (clip.tempo_bpm, clip.metre, clip.beats_per_bar, clip.key) == (None, None, None, None)


def test_a_view_has_the_sources_that_it_asks_for() -> None:
    view = TEN.model_copy(update={"sources": ("mix", "stems")})
    clips = plan(settings=ClipSettings(views=(view,)))
    assert {clip.source for clip in clips.clips} == {"mix", "drums", "bass", "vocals", "harmonic"}


def test_without_a_vocals_stem_nothing_is_called_instrumental() -> None:
    evidence = song(kinds=("drums", "bass", "harmonic"))
    assert "instrumental" not in {clip.source for clip in plan(evidence).clips}


def test_an_instrumental_leaves_no_stem_out_because_it_holds_something_else() -> None:
    evidence = song(drums={"drum_kit_probability": 0.01, "kick_present": unknown("no drum kit: held notes")})
    sources = {clip.source for clip in plan(evidence).clips}
    assert {"mix", "vocals", "bass+harmonic"} <= sources
    assert not {"drums", "instrumental"} & sources


def test_stems_that_do_not_explain_the_mix_give_no_instrumental() -> None:
    evidence = song(stems={"residual_db": -3.0})
    verdict = dataclasses.replace(judge(evidence, Thresholds()), suitable=True, reasons=None)
    clips = plan(evidence, verdict=verdict)
    assert "mix" in {clip.source for clip in clips.clips}
    assert "instrumental" not in {clip.source for clip in clips.clips}


def test_a_clip_knows_bars_section_chords_hits_and_pitch_inside() -> None:
    clips = plan()
    early, sung = at(clips, "mix", 5.0), at(clips, "mix", 25.0)
    assert (early.start_bar, early.bars) == (0, 5)
    assert (early.section, early.section_label, early.position) == (0, "A", 0.0)
    assert (early.metre, early.beats_per_bar) == ("4/4", 4)
    assert early.tempo_bpm == pytest.approx(120.0)
    assert early.chords == "E:min C:maj E:min"
    assert early.hits == round((early.end_s - early.start_s) / BEAT_S)
    assert (early.f0_low_hz, early.f0_high_hz) == (None, None)
    assert sung.f0_low_hz is not None
    assert sung.f0_high_hz is not None
    assert 200.0 < sung.f0_low_hz < sung.f0_high_hz < 300.0
    assert at(clips, "harmonic", 5.0).chords == "A:min"
    assert at(clips, "drums", 5.0).chords is None
    assert at(clips, "drums", 5.0).key is None
    assert at(clips, "bass", 5.0).hits is None


def test_an_instrument_that_is_silent_in_the_clip_is_not_named() -> None:
    clips = plan()
    for clip in clips.clips:
        quiet = clip.start_s >= 40.0 and clip.end_s <= 60.0
        if quiet:
            assert "drums" not in clip.sounding
            assert "rums" not in clip.text
            assert "kick" not in clip.text
    assert "drums" in at(clips, "mix", 5.0).text
    assert "vocals" not in at(clips, "mix", 5.0).text
    assert "vocals" in at(clips, "mix", 25.0).text


def test_the_key_is_that_inside() -> None:
    clips = plan()
    assert (at(clips, "mix", 5.0).key, at(clips, "mix", 70.0).key) == ("E minor", "G major")
    assert "E minor" in at(clips, "mix", 5.0).text
    assert "G major" in at(clips, "mix", 70.0).text
    whole = ClipSettings(views=(ViewSettings(name="full", min_s=10.0, max_s=240.0),))
    (full,) = (clip for clip in plan(settings=whole).clips if clip.source == "mix")
    assert full.key is None
    assert "minor" not in full.text


def test_a_sentence_of_a_model_that_does_not_hold_inside_is_dropped() -> None:
    told = "A gentle groove. Soaring vocals carry the melody. Hard drums drive it. It is in E minor."
    clips = plan(captions=said(mix=told))
    quiet, late, sung = (at(clips, "mix", time_s) for time_s in (45.0, 70.0, 25.0))
    assert "A gentle groove." in quiet.text
    assert "ocals" not in quiet.text
    assert "rums" not in quiet.text
    assert "E minor" not in late.text
    assert "Soaring vocals carry the melody." in sung.text
    assert "Hard drums drive it." in sung.text


def test_words_about_the_course_of_the_song_stay_with_the_whole_song() -> None:
    told = "A gentle groove. After the intro a drop follows."
    clips = plan(captions=said(mix=told), settings=ClipSettings(views=(TEN, ClipSettings().views[3])))
    assert "intro" not in at(plan(captions=said(mix=told)), "mix", 5.0).text
    (full,) = (clip for clip in clips.clips if clip.view == "full" and clip.source == "mix")
    assert "After the intro a drop follows." in full.text


def test_nothing_is_said_of_the_voice_where_there_is_none() -> None:
    told = "A gentle groove. A woman sings of love. There are no vocals in it. Loud at -9.1 LUFS."
    for clip in plan(captions=said(mix=told, drums=told, vocals=told)).clips:
        assert "LUFS" not in clip.text
        if not clip.holds_voice:
            assert "ocal" not in clip.text
            assert "sings" not in clip.text
            assert "ocal" not in clip.measured_text


def test_a_text_that_holds_words_of_a_model_without_a_licence_has_none() -> None:
    captions = said(mix="A gentle groove.", drums="A dry kit.", bass="A round bass.")
    mix, drums, bass = captions.answers
    mixed = dataclasses.replace(captions, answers=(mix, drums, dataclasses.replace(bass, licence=None)))
    clips = plan(captions=mixed)
    assert at(clips, "drums", 5.0).captioner_licence == "CC-BY-NC-4.0"
    assert at(clips, "bass", 5.0).captioner_licence is None
    assert at(clips, "drums+bass", 5.0).captioner_licence is None


def test_measured_texts_hold_no_word_of_a_model_and_name_nobody() -> None:
    clips = plan(captions=said(mix="A gentle groove."))
    mix, drums = at(clips, "mix", 5.0), at(clips, "drums", 5.0)
    assert "gentle" in mix.text
    assert (mix.captioner, mix.captioner_licence, mix.is_fallback) == ("model-x", "CC-BY-NC-4.0", False)
    assert "gentle" not in mix.measured_text
    assert (drums.captioner, drums.captioner_licence) == ("measured", None)
    assert drums.text == drums.measured_text


def test_texts_keep_to_their_budget_and_line() -> None:
    told = " ".join(f"The arrangement number {i} shimmers quietly." for i in range(15))
    for clip in plan(captions=said(mix=told, drums=told, bass=told)).clips:
        for text in (clip.text, clip.measured_text):
            assert 0 < non_space_length(text) <= PromptSettings().max_non_space_characters
            assert not set(text) & set("|[]♪\n")


def test_a_prompt_that_the_owner_wrote_is_used_as_far_as_it_holds() -> None:
    evidence = song()
    captions = MeasuredCaptioner().describe(evidence, no_sound)
    made = build_prompts(evidence, captions, PromptSettings())
    text = "Deep house for the night. Tight drums lead."
    by_hand = dataclasses.replace(
        made,
        prompts=tuple(
            dataclasses.replace(p, combined_prompt=text, captioner="human") if p.prompt == "full_track" else p
            for p in made.prompts
        ),
    )
    clips = plan(evidence, captions=captions, prompts=by_hand)
    assert at(clips, "mix", 5.0).text == text
    assert at(clips, "mix", 5.0).captioner == "human"
    assert at(clips, "mix", 45.0).text == "Deep house for the night."


def test_weights_and_prompts_are_those_of_the_level() -> None:
    clips = plan()
    found = {source: at(clips, source, 25.0) for source in ("mix", "vocals", "drums+bass", "instrumental")}
    assert {source: (clip.prompt, clip.training_weight) for source, clip in found.items()} == {
        "mix": ("full_track", 1.0), "vocals": ("stem:vocals", 0.7), "drums+bass": ("multi_instrument:drums+bass", 0.85),
        "instrumental": ("multi_instrument:drums+bass+harmonic", 0.85),
    }  # fmt: skip


LRC = "[00:20.30] first line\n[00:24.30] second line\n[00:28.30] third line\n[00:32.00]\n"


def test_lyrics_are_those_inside_at_the_time_of_the_clip() -> None:
    clips = plan(song(metadata={"lyrics": LRC}))
    clip = at(clips, "mix", 25.0)
    words = [line for line in ("first line", "second line", "third line") if line in (clip.lyrics or "")]
    assert words
    assert clip.lyrics_reason is None
    assert clip.timed_lyrics is not None
    stamp = next(line for line in clip.timed_lyrics.splitlines() if "second line" in line)
    assert float(stamp[4:9]) == pytest.approx(24.3 - clip.start_s, abs=0.006)
    assert at(clips, "vocals", 25.0).lyrics == clip.lyrics
    assert (at(clips, "drums", 25.0).lyrics, at(clips, "drums", 25.0).lyrics_reason) == (
        None,
        "there is no voice in it",
    )
    assert at(clips, "mix", 5.0).lyrics_reason == "nobody sings in it"


def test_plain_words_go_to_the_whole_song_only() -> None:
    settings = ClipSettings(views=(TEN, ClipSettings().views[3]))
    clips = plan(song(metadata={"lyrics": "[Verse]\none\ntwo"}), settings=settings)
    (full,) = (clip for clip in clips.clips if clip.view == "full" and clip.source == "mix")
    assert (full.lyrics, full.timed_lyrics, full.lyrics_reason) == ("one\ntwo", None, None)
    (part,) = (
        clip for clip in clips.clips if clip.view == "ten" and clip.source == "mix" and clip.start_s < 25 < clip.end_s
    )
    assert part.lyrics is None
    assert "nobody knows which of the words" in (part.lyrics_reason or "")


ESTIMATED = "down by the salley gardens\nmy love and I did go\nand there we met at last"


def test_lines_with_estimated_times_are_a_clips_only_where_each_is_one_phrase() -> None:
    clips = plan(song(metadata={"lyrics": ESTIMATED}))
    words = [line for clip in clips.clips if clip.source == "mix" for line in (clip.lyrics or "").splitlines()]
    assert words
    assert set(words) <= set(ESTIMATED.splitlines())
    vague = plan(song(metadata={"lyrics": "\n".join(ESTIMATED.splitlines()[:2])}))
    assert {clip.lyrics for clip in vague.clips} == {None}
    assert "no clip carries them" in (at(vague, "mix", 25.0).lyrics_reason or "")


def test_a_clip_carries_no_words_beside_a_line_that_is_not_sure() -> None:
    evidence = song(metadata={"lyrics": LRC})
    lyrics = lyrics_of(evidence)
    first, second, third = lyrics.lyrics_lines
    doubted = dataclasses.replace(
        lyrics, lyrics_lines=(first, dataclasses.replace(second, for_clips=False, start_s=None, end_s=None), third)
    )
    clips = plan(evidence, lyrics=doubted)
    assert {clip.lyrics for clip in clips.clips} == {None}
    assert "'second line'" in (at(clips, "mix", 21.0).lyrics_reason or "")


def test_a_clip_has_the_language_of_its_song_and_its_lines_under_given_tags() -> None:
    clips = plan(song(metadata={"lyrics": f"[Verse]\n{LRC}", "language": "en"}))
    clip = at(clips, "mix", 25.0)
    assert clip.lyrics_language == "en"
    assert clip.structured_lyrics == f"[Verse]\n{clip.lyrics}"
    drums = at(clips, "drums", 25.0)
    assert (drums.lyrics_language, drums.structured_lyrics) == (None, None)


def test_without_a_vocals_stem_lines_are_sung_when_their_given_times_say() -> None:
    starts = (20.1, 24.1, 28.1, 32.1)
    lrc = "".join(f"[00:{time_s}0] line at {time_s}\n" for time_s in starts) + "[00:36.10]\n"
    clips = plan(song(kinds=("drums", "bass", "harmonic"), metadata={"lyrics": lrc}))
    mixes = [clip for clip in clips.clips if clip.source == "mix"]
    cuts = [time_s for clip in mixes for time_s in (clip.start_s, clip.end_s)]
    assert not [time_s for time_s in cuts for start_s in starts if start_s < time_s < start_s + 3.7]
    assert "line at 24.1" in [line for clip in mixes for line in (clip.lyrics or "").splitlines()]


def test_without_a_vocals_stem_and_times_nobody_knows_where_the_voice_sings() -> None:
    without = song(kinds=("drums", "bass", "harmonic"))
    assert "nobody knows where the voice sings" in (at(plan(without), "mix", 25.0).lyrics_reason or "")


# What is left out


def rules(clips: TrainingClips, source: str) -> set[str]:
    return {clip.rule for clip in clips.rejected_clips if clip.source == source}


def test_stems_that_sound_too_little_are_left_out_with_value_and_limit() -> None:
    clips = plan()
    inactive = [c for c in clips.rejected_clips if c.source == "drums" and c.rule == "inactive"]
    assert inactive
    assert inactive[0].threshold == 0.5
    assert inactive[0].value is not None
    assert inactive[0].value < 0.5
    assert not [c for c in clips.clips if c.source == "drums" and c.start_s >= 40.0 and c.end_s <= 60.0]
    assert "inactive" in rules(clips, "drums+bass")


@pytest.mark.parametrize(
    ("drums", "rule"),
    [
        (levels(peak=0.0), "silent"),
        (levels(peak=0.0009), "silent"),
        (levels(dc=0.02), "dc"),
        (levels(clipped=0.01), "clipping"),
    ],
)
def test_sound_that_nobody_should_train_on_is_left_out(drums: SourceLevels, rule: str) -> None:
    clips = plan(loud={"drums": drums})
    assert rule in rules(clips, "drums")
    assert "drums" not in {clip.source for clip in clips.clips}
    assert rule in REJECTIONS


def test_a_low_peak_is_left_out() -> None:
    settings = ClipSettings(views=(TEN,), min_peak_dbfs=-3.0)
    assert rules(plan(settings=settings), "bass") == {"peak"}


def test_an_unfit_stem_is_not_used_and_the_table_says_why() -> None:
    evidence = song(stems={"stems": (
        make_stem("drums", lag_s=0.2), *(make_stem(kind) for kind in ("bass", "vocals", "harmonic")),
    )})  # fmt: skip
    clips = plan(evidence)
    assert not any("drums" in clip.kinds for clip in clips.clips)
    (told,) = (clip for clip in clips.rejected_clips if clip.rule == "unfit_stem")
    assert "behind the mix" in told.reason


def test_an_unfit_song_gives_no_clip_and_the_reason() -> None:
    evidence = song(raw_song={"duration_s": 2.0, "declared_duration_s": 2.0})
    clips = plan(evidence)
    assert (clips.clips, clips.cut_by) == ((), None)
    assert "the song lasts 2" in (clips.unusable or "")
    broken = unusable_song()
    captions = MeasuredCaptioner().describe(broken, no_sound)
    assert plan(broken, captions=captions, prompts=build_prompts(broken, captions, PromptSettings())).unusable


def test_every_clip_has_its_own_name_and_every_rule_a_meaning() -> None:
    clips = plan(settings=Settings().clips)
    names = [clip.clip for clip in clips.clips] + [clip.clip for clip in clips.rejected_clips]
    assert len(set(names)) == len(names)
    assert {clip.rule for clip in clips.rejected_clips} <= set(REJECTIONS)


def test_clips_of_one_song_are_told_in_different_forms_and_words() -> None:
    clips = [clip for clip in plan(told=PromptSettings()).clips if clip.source == "mix"]
    again = [clip for clip in plan(told=PromptSettings()).clips if clip.source == "mix"]
    assert clips == again
    assert len({clip.text for clip in clips}) == len(clips) > 4
    assert len({clip.form for clip in clips}) > 1


def test_only_what_is_played_inside_is_told_of_the_drums() -> None:
    """The song's pattern is four on the floor; in the bars of the clip the kick plays once a bar."""
    drums = {
        "drum_hits": tuple(row(DrumHit, hit=i, time_s=i * BEAT_S, drum="kick") for i in range(160)),
        "drum_activity": (row(DrumActivity, segment=0, start_s=0.0, end_s=80.0),),
        "drum_patterns": (row(DrumPattern, drum="kick", steps=16, pattern="x...x...x...x...", bar_share=0.9),),
        "drum_bars": tuple(
            row(
                DrumBar,
                bar=i,
                drum="kick",
                start_s=4 * i * BEAT_S,
                pattern="X..............." if i < 20 else "X...X...X...X...",
            )
            for i in range(40)
        ),
    }
    told = PromptSettings(form_weights=FormWeights(tags=0, sentence=0, paragraph=0, description=1))
    clips = plan(song(drums=drums), told=told)
    of_drums = {clip.start_s: clip.text for clip in clips.clips if clip.source == "drums"}
    early, late = (
        [text for start_s, text in of_drums.items() if low <= start_s < high] for low, high in ((0, 30), (42, 70))
    )
    four = re.compile("four|every beat|each beat|all beats", re.IGNORECASE)
    assert early
    assert late
    assert not [text for text in early if four.search(text)]
    assert [text for text in late if four.search(text)]


def test_clips_of_the_mix_are_compared_with_the_library_but_for_dynamics() -> None:
    lists = PromptSettings(form_weights=FormWeights(tags=0, sentence=0, paragraph=0, description=1))
    scale = dict.fromkeys(TOPICS, Edges(0.001, 0.002, 20))
    made = plan(told=lists, scale=scale).clips
    words = {clip.source: "" for clip in made}
    for clip in made:
        words[clip.source] += clip.text
    said = ("songs here", "this library")
    assert {source for source, text in words.items() if any(word in text for word in said)} == {"mix", "instrumental"}
    assert not any(word in words["mix"] for word in ("wider dynamics", "further than", "more than in"))
    assert not any(word in clip.text for clip in plan(told=lists).clips for word in ("most songs", "this library"))
