"""The sung words of a song: which source they come from, when they are sung, and what clips carry of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures, VocalPhrase
from flamingo_bark_assets.analysis.vocals.measure import analyse_vocals
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.lyrics.transcript import TranscribedSegment, TranscribedWord, Transcript
from flamingo_bark_assets.lyrics.transcription import NotTranscribed, Transcriber
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.settings import LyricsSettings
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests import voice_synthesis as voice
from tests.evidence import lyrics_of, make_evidence, row, unusable_song
from tests.tiny_whisper import save_tiny_whisper

SUNG = ((16.0, 18.0), (20.0, 22.2), (24.0, 26.0), (40.0, 42.0))
LINES = ("down by the salley gardens", "my love and I did meet there", "she passed the salley gardens",
         "with little snow white feet")  # fmt: skip
PLAIN = "\n".join(LINES)


class Written(Transcriber):
    """A transcriber whose transcript is written by hand."""

    def __init__(self, *segments: TranscribedSegment, reason: str | None = None) -> None:
        super().__init__(LyricsSettings(), InferenceSettings(), None)
        self._made = NotTranscribed(reason) if reason else Transcript(segments, "en", "x/whisper", "abc", "MIT")

    def transcribe(self, *_: Any, **__: Any) -> Transcript | NotTranscribed:
        return self._made


def segment(text: str, start_s: float, end_s: float, probability: float = 0.9) -> TranscribedSegment:
    words = text.split()
    step = (end_s - start_s) / len(words)
    made = tuple(
        TranscribedWord(word, start_s + i * step, start_s + (i + 1) * step, probability) for i, word in enumerate(words)
    )
    return TranscribedSegment(made, start_s, end_s, 0.05)


def phrases(spans: tuple[tuple[float, float], ...] = SUNG) -> dict[str, Any]:
    return {"vocal_phrases": tuple(row(VocalPhrase, phrase=i, start_s=a, end_s=b) for i, (a, b) in enumerate(spans))}


def found(lyrics: str | None, by: Transcriber | None = None, spans: Any = SUNG, **metadata: Any) -> SongLyrics:
    source = "song.toml" if lyrics else None
    evidence = make_evidence(vocals=phrases(spans), metadata={"lyrics": lyrics, "lyrics_source": source, **metadata})
    return lyrics_of(evidence, by)


def test_given_times_are_taken_as_they_are() -> None:
    lyrics = found("[00:16.00] <00:16.00> one <00:17.00> two\n[00:20.00] three")
    assert (lyrics.source, lyrics.times, lyrics.times_reason) == ("song.toml", "given", None)
    assert [(line.text, line.start_s, line.end_s, line.for_clips) for line in lyrics.lyrics_lines] == [
        ("one two", 16.0, 18.0, True), ("three", 20.0, 26.0, True),
    ]  # fmt: skip
    assert [(word.text, word.start_s, word.end_s, word.times) for word in lyrics.lyrics_words] == [
        ("one", 16.0, 17.0, "given"), ("two", 17.0, 18.0, "given"),
    ]  # fmt: skip
    assert lyrics.lyrics_words[0].vocal_activity == 1.0


def test_a_line_whose_given_time_is_unsung_is_for_no_clip_and_makes_no_verse() -> None:
    sections = ({"start_s": 0.0, "end_s": 15.0, "label": "A"}, {"start_s": 15.0, "end_s": 43.0, "label": "B"})
    timed = "[00:05.00] of another recording\n[00:10.00]\n[00:16.00] sung here"
    vocals, metadata = phrases(), {"lyrics": timed, "lyrics_source": "sidecar song.lrc"}
    song = {"sections": tuple(row(Section, section=i, **one) for i, one in enumerate(sections))}
    lyrics = lyrics_of(make_evidence(song=song, vocals=vocals, metadata=metadata))
    assert [(line.text, line.for_clips) for line in lyrics.lyrics_lines] == [
        ("of another recording", False), ("sung here", True),
    ]  # fmt: skip
    assert lyrics.times_reason == (
        "at the given times of 1 of 2 lines nobody was measured to sing: no clip carries them"
    )
    assert lyrics.lyrics_sections[0].tag == "Intro"


def test_given_lines_that_are_left_out_are_counted() -> None:
    lyrics = found("[00:16.00] sung\n[99:00.00] behind the end\nof no time")
    assert [line.text for line in lyrics.lyrics_lines] == ["sung"]
    assert lyrics.times_reason == (
        "of the given lines 1 left out, as their time is behind the end of the song, 1 left out, as only other lines "
        "have times"
    )
    behind = found("[99:00.00] behind the end")
    assert behind.missing_reason == "of the given lines 1 left out, as their time is behind the end of the song"


def test_a_given_tag_is_as_sure_as_the_times_of_its_lines() -> None:
    section = row(Section, section=0, start_s=15.0, end_s=43.0, label="A")
    for text, sure in ((f"[Verse]\n{PLAIN}", False), ("[Verse]\n[00:16.00] sung", True)):
        metadata = {"lyrics": text, "lyrics_source": "song.toml"}
        lyrics = lyrics_of(make_evidence(song={"sections": (section,)}, vocals=phrases(), metadata=metadata))
        (told,) = lyrics.lyrics_sections
        assert (told.tag, told.source, told.confidence == 1.0) == ("Verse", "given", sure)


def test_plain_lines_are_shared_out_and_marked_as_an_estimate() -> None:
    lyrics = found(PLAIN)
    assert (lyrics.times, lyrics.times_reason) == ("estimated", None)
    assert [(line.start_s, line.end_s) for line in lyrics.lyrics_lines] == list(SUNG)
    assert {line.times for line in lyrics.lyrics_lines} == {"estimated"}
    assert all(line.for_clips and (line.confidence or 1.0) <= 0.6 for line in lyrics.lyrics_lines)


def test_an_estimate_that_is_not_one_phrase_a_line_is_for_no_clip() -> None:
    lyrics = found("\n".join(LINES[:3]))
    assert lyrics.times == "estimated"
    assert not any(line.for_clips for line in lyrics.lyrics_lines)
    assert "no clip carries them" in (lyrics.times_reason or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(LINES * 40), "cannot be sung in 4 phrases"),
        (f"[Chorus]\n{PLAIN}\n[Verse]\nand more\n[Chorus]", "more is sung than is written"),
        (f"{PLAIN} (x2)", "more is sung than is written"),
    ],
)
def test_an_estimate_that_cannot_be_is_refused(text: str, reason: str) -> None:
    lyrics = found(text)
    assert lyrics.times == "none"
    assert reason in (lyrics.times_reason or "")
    assert {(line.start_s, line.for_clips) for line in lyrics.lyrics_lines} == {(None, False)}


def test_without_a_vocals_stem_plain_lines_have_no_times() -> None:
    lyrics = lyrics_of(make_evidence(kinds=("drums", "bass", "harmonic"), metadata={"lyrics": PLAIN}))
    assert (lyrics.times, lyrics.text) == ("none", PLAIN)
    assert "nobody knows where the voice sings" in (lyrics.times_reason or "")


def test_transcribed_words_are_marked_with_all_that_is_known_of_them() -> None:
    by = Written(segment(LINES[0], 16.0, 18.0), segment("Thanks for watching!", 30.0, 32.0),
                 segment(LINES[1], 20.0, 22.0, 0.3))  # fmt: skip
    lyrics = found(None, by)
    assert (lyrics.source, lyrics.model_id, lyrics.model_licence) == ("x/whisper", "x/whisper", "MIT")
    sure, unsure = lyrics.lyrics_lines
    assert (sure.text, sure.times, sure.for_clips) == (LINES[0], "transcribed", True)
    assert sure.confidence == pytest.approx(0.9)
    assert (unsure.text, unsure.for_clips) == (LINES[1], False)
    word = lyrics.lyrics_words[0]
    assert (word.text, word.times, word.start_s, word.confidence, word.no_speech_probability, word.vocal_activity) == (
        "down", "transcribed", 16.0, 0.9, 0.05, 1.0,
    )  # fmt: skip
    assert lyrics.dropped_words.value == 3
    (dropped,) = lyrics.lyrics_dropped
    assert (dropped.text, dropped.words, dropped.rule) == ("Thanks for watching!", 3, "caption")
    assert [line.text for line in lyrics.sure_lines] == [LINES[0]]


def test_given_lines_take_the_times_of_the_same_words_in_a_transcription() -> None:
    by = Written(segment("Down by the Salley Gardens,", 16.0, 18.0), segment("my love and I did meet her", 20.0, 22.0),
                 segment(LINES[2], 24.0, 26.0), segment(LINES[2], 40.0, 42.0))  # fmt: skip
    lyrics = found("\n".join(LINES[:3]), by)
    assert (lyrics.source, lyrics.times) == ("song.toml", "transcribed")
    one, two, three = lyrics.lyrics_lines
    assert (one.start_s, one.end_s, one.for_clips) == (16.0, 18.0, True)
    assert (two.start_s, two.for_clips, two.text) == (20.0, False, LINES[1])  # its last word was not found
    assert not three.for_clips  # it is sung twice and written once


def test_a_word_with_a_hyphen_is_found_however_the_model_parts_it() -> None:
    by = Written(segment("the well-known river", 16.0, 18.0), segment("a merry go round", 20.0, 22.0))
    lyrics = found("the well-known river\na merry-go-round", by)
    assert [(line.start_s, line.end_s, line.for_clips) for line in lyrics.lyrics_lines] == [
        (16.0, 18.0, True), (20.0, 22.0, True),
    ]  # fmt: skip


def test_a_transcription_of_other_words_gives_no_times() -> None:
    lyrics = found(PLAIN, Written(segment("completely different things are said here", 16.0, 18.0)))
    assert lyrics.times == "estimated"


def test_why_there_are_no_words_is_told() -> None:
    assert "no model is configured" in (found(None).missing_reason or "")
    assert "the disk is full" in (found(None, Written(reason="the disk is full")).missing_reason or "")
    assert "only tags" in (found("[Instrumental]").missing_reason or "")
    dropped = found(None, Written(segment("Thanks for watching", 30.0, 32.0)))
    assert dropped.missing_reason == "3 words were transcribed, and all of them dropped"


def test_the_language_is_told_or_stated() -> None:
    assert found(PLAIN).language.value == "en"
    assert found("la la la\nla la\nla la la\nla").language.value is None
    assert found("la la la", language="fr").language.value == "fr"


def test_tags_are_given_or_proposed_and_marked() -> None:
    given = found("[Verse]\n[00:16.00] one\n[Chorus]\n[00:20.00] two\n")
    assert [(line.section_tag, line.section_source) for line in given.lyrics_lines] == [
        ("Verse", "given"), ("Chorus", "given"),
    ]  # fmt: skip
    form = tuple(row(Section, section=i, start_s=a, end_s=b, label=c) for i, (a, b, c) in enumerate(
        [(0.0, 15.5, "A"), (15.5, 19.5, "B"), (19.5, 23.5, "C"), (23.5, 39.0, "B"), (39.0, 60.0, "C"),
         (60.0, 80.0, "D")]
    ))  # fmt: skip
    text = "[00:16.00] one\n[00:20.00] and home\n[00:24.00] three\n[00:40.00] and home"
    evidence = make_evidence(vocals=phrases(), song={"sections": form}, metadata={"lyrics": text})
    lyrics = lyrics_of(evidence)
    assert [(line.section_tag, line.section_source) for line in lyrics.lyrics_lines] == [
        ("Verse", "proposed"), ("Chorus", "proposed"), ("Verse", "proposed"), ("Chorus", "proposed"),
    ]  # fmt: skip
    assert [section.tag for section in lyrics.lyrics_sections] == [
        "Intro", "Verse", "Chorus", "Verse", "Chorus", "Outro",
    ]  # fmt: skip


def test_a_song_that_cannot_be_read_has_no_words_and_says_why() -> None:
    lyrics = lyrics_of(unusable_song(reason="it is broken"))
    assert (lyrics.unusable, lyrics.times, lyrics.language.reason) == ("it is broken", "none", "it is broken")


def test_what_is_found_is_stored_and_read_back(tmp_path: Path) -> None:
    lyrics = found(None, Written(segment(LINES[0], 16.0, 18.0), segment("[Music]", 30.0, 32.0)))
    store = FeatureStore(tmp_path)
    store.write(lyrics)
    assert store.read(SongLyrics, lyrics.song_id) == lyrics


@pytest.fixture(scope="module")
def sung() -> tuple[VocalFeatures, np.ndarray[Any, Any], list[Span]]:
    """Sung lines of known times: as many seconds as their syllables want, measured by the analysis of vocals."""
    pieces, truth, at = [np.zeros(voice.RATE_HZ)], [], 1.0
    for i, seconds in enumerate((1.8, 2.0, 1.7, 1.9)):
        notes = np.concatenate([voice.held(200.0 * 2.0 ** (step / 12.0), seconds / 4) for step in (0, 2, 4, i)])
        pieces += [voice.faded(voice.sing(notes, hnr_db=30.0).samples), np.zeros(voice.RATE_HZ)]
        truth.append(Span(at, at + seconds))
        at += seconds + 1.0
    samples = np.concatenate(pieces)
    share: Measurement[float] = Measurement.of(0.25, method="given")
    return analyse_vocals("song", voice.view_of(samples), energy_share=share), samples, truth


def test_lines_are_found_where_a_synthetic_voice_sings_them(
    sung: tuple[VocalFeatures, np.ndarray[Any, Any], list[Span]],
) -> None:
    vocals, samples, truth = sung
    length_s = samples.size / voice.RATE_HZ
    evidence = make_evidence(vocals=vocals, raw_song={"duration_s": length_s}, metadata={"lyrics": PLAIN})
    lines = lyrics_of(evidence).lyrics_lines
    assert all(line.for_clips for line in lines)
    for line, span in zip(lines, truth, strict=True):
        assert line.start_s == pytest.approx(span.start_s, abs=0.15)
        assert line.end_s == pytest.approx(span.end_s, abs=0.15)


def test_a_tiny_whisper_goes_all_the_way(
    sung: tuple[VocalFeatures, np.ndarray[Any, Any], list[Span]], tmp_path: Path
) -> None:
    """What a random model says is noise: it must be dropped or stand where somebody sings, and break nothing."""
    vocals, samples, truth = sung
    folder = save_tiny_whisper(tmp_path)
    evidence = make_evidence(vocals=vocals, raw_song={"duration_s": samples.size / voice.RATE_HZ})
    by = Transcriber(LyricsSettings(model=str(folder)), InferenceSettings(), None)
    from flamingo_bark_assets.lyrics.making import find_lyrics

    sound = Signal(samples.astype(np.float32)[np.newaxis], voice.RATE_HZ)
    lyrics = find_lyrics(evidence.raw_song, evidence.metadata, evidence.stems, evidence.song, vocals, lambda: sound, by)
    assert lyrics.model_id == str(folder)
    assert lyrics.transcription_reason is None
    assert (lyrics.dropped_words.value or 0) + len(lyrics.lyrics_words) > 0
    for word in lyrics.lyrics_words:
        assert word.start_s is not None and word.end_s is not None
        middle_s = (word.start_s + word.end_s) / 2
        assert any(span.start_s - 0.5 <= middle_s <= span.end_s + 0.5 for span in truth) or word.vocal_activity
