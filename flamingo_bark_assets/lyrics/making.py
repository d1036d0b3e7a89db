"""The sung words of a song put together: given or transcribed, with times, language and section tags.

Which source goes before which, and what clips may carry, is decided here; each source and rule has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.structure import UNSUNG_SHARE
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.signal import Sound
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.lyrics.language import language_of
from flamingo_bark_assets.lyrics.matching import match_lines
from flamingo_bark_assets.lyrics.phrases import Span, sung_phrases, sung_share
from flamingo_bark_assets.lyrics.reading import GivenLyrics, Line, Word, is_timed, read_lyrics
from flamingo_bark_assets.lyrics.records import DroppedLyrics, LyricsLine, LyricsSection, LyricsWord, SongLyrics, Times
from flamingo_bark_assets.lyrics.section_tags import GIVEN, PROPOSED, SungLine, tag_sections
from flamingo_bark_assets.lyrics.sharing import share_out
from flamingo_bark_assets.lyrics.transcript import Kept, TranscribedSegment, Transcript, drop_unsung
from flamingo_bark_assets.lyrics.transcription import NotTranscribed, Transcriber
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.text import clean_text

MIN_CLIP_PROBABILITY = 0.5
"""Transcribed lines whose words are less probable on average are kept in the tables, and in no clip."""
_ONLY_TAGS = "the given words hold no line, only tags"
UNKNOWN_VOICE = "there is no usable vocals stem, so nobody knows where the voice sings"
_METHOD = "lyrics"


@dataclass(frozen=True, slots=True)
class _Found:
    """The lines of a song as its source gives them, and how their times are known."""

    lines: tuple[LyricsLine, ...] = ()
    words: tuple[LyricsWord, ...] = ()
    tags: tuple[Line, ...] = ()
    """The lines as they were read, whose tags are given; empty for transcribed lines."""
    times: Times = "none"
    times_reason: str | None = None
    source: str | None = None
    missing_reason: str | None = None


def find_lyrics(
    raw: RawSong,
    metadata: SongMetadata,
    stems: StemSet,
    song: SongFeatures,
    vocals: VocalFeatures,
    audio: Callable[[], Sound],
    transcriber: Transcriber,
) -> SongLyrics:
    """Put the sung words of a song together.

    Given words go before transcribed ones, and given times before those of a transcription, before estimates. Clips may
    carry a line where its times are given, where the transcription found it beyond doubt, or where each line is one
    measured phrase.

    Args:
        raw: the song file.
        metadata: holds the given words.
        stems: the stems against the mix.
        song: the mix, measured.
        vocals: the voice, measured.
        audio: gives the sound of the vocals.
        transcriber: is asked where no words are given, or no times.
    """
    duration_s = raw.duration_s.value
    unusable = raw.unusable or metadata.unusable or song.unusable
    if unusable is not None or duration_s is None:
        return SongLyrics.of_unusable(raw.song_id, unusable or "its length is not known", times="none")
    phrases = sung_phrases(stems, vocals)
    given = read_lyrics(metadata.lyrics, duration_s, phrases)
    transcript = _transcript(metadata, given, phrases, audio, transcriber, duration_s)
    kept = drop_unsung(transcript.segments, phrases or ()) if isinstance(transcript, Transcript) else None
    if metadata.lyrics and metadata.lyrics.strip():
        found = _given(given, metadata.lyrics_source or "given", phrases, kept)
    else:
        found = _transcribed(transcript, kept, phrases)
    sections = tag_sections(song.sections, phrases, _for_sections(found))
    stated = metadata.language
    model = transcript if isinstance(transcript, Transcript) else None
    return SongLyrics(
        song_id=raw.song_id,
        source=found.source,
        model_id=model.model_id if model else None,
        model_revision=model.revision if model else None,
        model_licence=model.licence if model else None,
        transcription_reason=transcript.reason if isinstance(transcript, NotTranscribed) else None,
        times=found.times,
        times_reason=_joined_reasons(given.left_out, found.times_reason) if found.lines else found.times_reason,
        missing_reason=found.missing_reason,
        language=language_of([line.text for line in found.lines], stated),
        line_count=Measurement.exact(len(found.lines), method=_METHOD),
        dropped_words=Measurement.exact(kept.dropped_words, method=_METHOD)
        if kept is not None
        else Measurement.unknown("nothing was transcribed", method=_METHOD),
        lyrics_lines=_with_tags(found, sections),
        lyrics_words=found.words,
        lyrics_dropped=_dropped_rows(kept),
        lyrics_sections=sections,
    )


def _transcript(
    metadata: SongMetadata, given: GivenLyrics, phrases: Sequence[Span] | None, audio: Callable[[], Sound],
    transcriber: Transcriber, duration_s: float,
) -> Transcript | NotTranscribed:  # fmt: skip
    """Transcribe where it gives something: no words are known, or no times of them."""
    if is_timed(given.lines):
        return NotTranscribed("the words are given with their times")
    if metadata.lyrics and metadata.lyrics.strip() and not given.lines:
        return NotTranscribed(given.left_out or _ONLY_TAGS)
    if phrases is None:
        return NotTranscribed(UNKNOWN_VOICE)
    try:
        return transcriber.transcribe(audio(), phrases, duration_s, metadata.language)
    except AudioFault as fault:
        return NotTranscribed(str(fault))


def _given(given: GivenLyrics, source: str, phrases: Sequence[Span] | None, kept: Kept | None) -> _Found:
    """Make rows of given lines, with the surest times that can be had."""
    if not given.lines:
        return _Found(source=source, missing_reason=given.left_out or _ONLY_TAGS)
    lines = tuple(_row(i, line, source, phrases) for i, line in enumerate(given.lines))
    found = _Found(lines, (), given.lines, source=source)
    if is_timed(given.lines):
        rows = tuple(replace(line, times="given", for_clips=not _is_unsung(line)) for line in lines)
        words = _given_words(given.lines, source, phrases)
        return replace(found, lines=rows, words=words, times="given", times_reason=_unsung_reason(rows))
    matched = match_lines([line.text for line in given.lines], kept.segments) if kept is not None else None
    if matched is not None:
        rows = tuple(
            line if match is None else _timed(
                line, Span(match.start_s, match.end_s), phrases, "transcribed", match.confidence,
                for_clips=match.is_clear and match.confidence >= MIN_CLIP_PROBABILITY,
            )
            for line, match in zip(lines, matched, strict=True)
        )  # fmt: skip
        return replace(found, lines=rows, times="transcribed", times_reason=_not_for_clips(rows))
    if phrases is None:
        return replace(found, times_reason=UNKNOWN_VOICE)
    if given.unwritten_repeats is not None:
        return replace(found, times_reason=f"more is sung than is written: {given.unwritten_repeats}")
    shared = share_out([line.text for line in given.lines], phrases)
    if shared.reason is not None:
        return replace(found, times_reason=shared.reason)
    rows = tuple(
        _timed(line, span, phrases, "estimated", shared.confidence, for_clips=shared.is_clear)
        for line, span in zip(lines, shared.spans, strict=True)
    )
    vague = (
        f"{len(rows)} lines and {len(phrases)} phrases do not clearly belong together one by one: no clip carries them"
    )
    return replace(found, lines=rows, times="estimated", times_reason=None if shared.is_clear else vague)


def _transcribed(transcript: Transcript | NotTranscribed, kept: Kept | None, phrases: Sequence[Span] | None) -> _Found:
    """Make rows of transcribed lines."""
    if isinstance(transcript, NotTranscribed):
        return _Found(missing_reason=f"the words of the song are not given, and not transcribed: {transcript.reason}")
    assert kept is not None, "of each transcript something is kept or dropped"
    lines: list[LyricsLine] = []
    words: list[LyricsWord] = []
    for segment in kept.segments:
        text = clean_text(segment.text)
        if not text:
            continue
        line = _row(len(lines), Line(text), transcript.model_id, phrases)
        span, sure = Span(*segment.times_of(segment.words)), segment.probability
        lines.append(_timed(line, span, phrases, "transcribed", sure, for_clips=sure >= MIN_CLIP_PROBABILITY))
        words += _transcribed_words(segment, line.line, len(words), transcript.model_id, phrases)
    if not lines:
        reason = f"{kept.dropped_words} words were transcribed, and all of them dropped"
        return _Found(missing_reason=reason)
    rows = tuple(lines)
    return _Found(rows, tuple(words), (), "transcribed", _not_for_clips(rows), transcript.model_id)


def _is_unsung(line: LyricsLine) -> bool:
    """Tell whether nobody was measured to sing at the time of a line: its words are sung elsewhere, or not at all."""
    return line.vocal_activity is not None and line.vocal_activity < UNSUNG_SHARE


def _unsung_reason(lines: Sequence[LyricsLine]) -> str | None:
    unsung = sum(map(_is_unsung, lines))
    told = f"at the given times of {unsung} of {len(lines)} lines nobody was measured to sing: no clip carries them"
    return told if unsung else None


def _joined_reasons(*reasons: str | None) -> str | None:
    return "; ".join(filter(None, reasons)) or None


def _not_for_clips(lines: Sequence[LyricsLine]) -> str | None:
    unsure = sum(not line.for_clips for line in lines)
    return f"{unsure} of {len(lines)} lines are not sure enough for clips" if unsure else None


def _row(number: int, line: Line, source: str, phrases: Sequence[Span] | None) -> LyricsLine:
    return LyricsLine(
        line=number, text=line.text, start_s=line.start_s, end_s=line.end_s, source=source, times="none",
        confidence=None, for_clips=False, vocal_activity=_activity(phrases, line.start_s, line.end_s), stanza=None,
        section_tag=None, section_source=None, section_confidence=None,
    )  # fmt: skip


def _timed(
    line: LyricsLine, span: Span, phrases: Sequence[Span] | None, times: Times, confidence: float, *, for_clips: bool
) -> LyricsLine:
    return replace(
        line, start_s=span.start_s, end_s=span.end_s, times=times, confidence=confidence, for_clips=for_clips,
        vocal_activity=_activity(phrases, span.start_s, span.end_s),
    )  # fmt: skip


def _activity(phrases: Sequence[Span] | None, start_s: float | None, end_s: float | None) -> float | None:
    return None if phrases is None or start_s is None or end_s is None else sung_share(phrases, start_s, end_s)


def _given_words(lines: Sequence[Line], source: str, phrases: Sequence[Span] | None) -> tuple[LyricsWord, ...]:
    numbered = [(i, word) for i, line in enumerate(lines) for word in line.words]
    return tuple(_word(number, i, word, source, phrases) for number, (i, word) in enumerate(numbered))


def _word(number: int, line: int, word: Word, source: str, phrases: Sequence[Span] | None) -> LyricsWord:
    return LyricsWord(
        word=number, line=line, text=word.text, start_s=word.start_s, end_s=word.end_s, source=source, times="given",
        confidence=None, no_speech_probability=None, vocal_activity=_activity(phrases, word.start_s, word.end_s),
    )  # fmt: skip


def _transcribed_words(
    segment: TranscribedSegment, line: int, first: int, source: str, phrases: Sequence[Span] | None
) -> list[LyricsWord]:
    named = [(word, text) for word in segment.words if (text := clean_text(word.text))]
    return [
        LyricsWord(
            word=number, line=line, text=text, start_s=word.start_s, end_s=word.end_s, source=source,
            times="none" if word.start_s is None else "transcribed", confidence=word.probability,
            no_speech_probability=segment.no_speech_probability,
            vocal_activity=_activity(phrases, word.start_s, word.end_s),
        )
        for number, (word, text) in enumerate(named, start=first)
    ]  # fmt: skip


def _dropped_rows(kept: Kept | None) -> tuple[DroppedLyrics, ...]:
    if kept is None:
        return ()
    return tuple(
        DroppedLyrics(
            number=number, text=clean_text(" ".join(word.text for word in group.words)), words=len(group.words),
            start_s=group.start_s, end_s=group.end_s, rule=group.rule, reason=group.reason,
        )
        for number, group in enumerate(kept.dropped)
    )  # fmt: skip


def _for_sections(found: _Found) -> list[SungLine]:
    """Return the lines with times at which somebody may sing, and the tags that are given with them."""
    tags = [line.tag for line in found.tags] or [None] * len(found.lines)
    return [
        SungLine(line.text, line.start_s, tag, 1.0 if line.confidence is None else line.confidence)
        for line, tag in zip(found.lines, tags, strict=True)
        if line.start_s is not None and not _is_unsung(line)
    ]


def _with_tags(found: _Found, sections: Sequence[LyricsSection]) -> tuple[LyricsLine, ...]:
    """Give each line the tag that it stands under; where none is given at all, that of the section it is sung in."""
    if any(line.tag is not None for line in found.tags):
        return tuple(
            replace(row, stanza=line.stanza, section_tag=line.tag, section_source=GIVEN if line.tag else None,
                    section_confidence=1.0 if line.tag else None)
            for row, line in zip(found.lines, found.tags, strict=True)
        )  # fmt: skip
    return tuple(_with_proposed_tag(line, sections) for line in found.lines)


def _with_proposed_tag(line: LyricsLine, sections: Sequence[LyricsSection]) -> LyricsLine:
    if line.start_s is None or line.end_s is None:
        return line
    middle_s = (line.start_s + line.end_s) / 2
    stanza = -1
    for before, section in zip([None, *sections], sections, strict=False):
        if before is None or before.tag is None or before.tag != section.tag:
            stanza += 1
        if section.start_s <= middle_s < section.end_s:
            return replace(line, stanza=stanza, section_tag=section.tag, section_confidence=section.confidence,
                           section_source=PROPOSED if section.tag else None)  # fmt: skip
    return line
